//! SSH: what clients meet before, around and instead of SFTP.

mod fixture;
mod login;
mod policy;
mod refusals;
mod transfers;
mod window;
