//! The gateway: SFTP and FTPS in front of one storage.

pub mod storage;
