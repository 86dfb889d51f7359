//! A whole gateway: folder, listeners, limits, reload, drain, admin port, program.

mod admin;
mod fixture;
mod program;
mod reload;
mod server;
