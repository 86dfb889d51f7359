//! FTP and FTPS, with the clients that people have.

mod bindings;
mod clients;
mod crowds;
mod endings;
mod names;
mod refusals;
mod transfers;
