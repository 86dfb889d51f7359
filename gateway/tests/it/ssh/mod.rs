//! SSH: what clients meet before, around and instead of SFTP.

mod endings;
mod fixture;
mod login;
mod policy;
mod refusals;
mod relay;
mod stalls;
mod transfers;
mod window;
