//! A whole gateway: folder, listeners, limits, PROXY headers, passive ports, reload, drain, admin port, program.

mod admin;
mod balanced_ftps;
mod fixture;
mod older_ftps;
mod passive;
mod program;
mod proxy;
mod reload;
mod server;
mod tls;
