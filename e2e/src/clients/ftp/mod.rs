//! Clients of FTP and FTPS as Debian 12 packages them, each as it is typed.
//!
//! What does not work by a client's own fault is told in `docs/clients.md`.

pub mod clear;
pub mod curl;
pub mod ftplib;
pub mod lftp;
pub mod ncftp;
pub mod rclone;
pub mod s_client;
pub mod tnftp;
pub mod wget;
