//! Stories told with the real programs and real clients.
//!
//! ```text
//! setup (manifests) → gateway (secureftp local) ← clients at a place: OpenSSH, lftp, rclone, psftp, paramiko, sshfs
//!                                               ← clients at a door (FTP, FTPS): curl, lftp, wget, rclone, ftplib, …
//! ```
//!
//! A story starts its own gateway at a loopback address of its own, lets clients do what people do with them, and
//! looks at what is on the volume. Nothing here links the product: it starts programs. Whatever a story starts or
//! mounts is a value that ends with it, also when it fails.

pub mod clients;
pub mod cluster;
pub mod disk;
pub mod door;
pub mod figures;
pub mod files;
pub mod gateway;
pub mod idle;
pub mod loopback;
pub mod memory;
pub mod openssh;
pub mod place;
pub mod program;
pub mod raw;
pub mod relay;
pub mod setup;
pub mod skip;
pub mod wait;
