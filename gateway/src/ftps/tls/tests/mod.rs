mod certificates;
mod endings;
mod fixture;
mod handshakes;
mod resumption;
