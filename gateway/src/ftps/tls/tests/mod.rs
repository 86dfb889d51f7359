mod certificates;
mod endings;
mod fixture;
mod handshakes;
mod records;
mod resumption;
mod window;
