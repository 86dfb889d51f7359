//! SFTP without SSH.

mod client;
mod limits;
mod order;
mod properties;
mod requests;
