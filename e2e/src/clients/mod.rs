//! The clients that people have, each as it is typed.

pub mod ftp;
pub mod lftp;
pub mod openssh;
pub mod paramiko;
pub mod psftp;
pub mod rclone;
pub mod sshfs;
