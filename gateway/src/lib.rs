//! The gateway: SFTP and FTPS in front of one storage.
//!
//! ```text
//! reload (the folder) → server (what is served) → endpoint (what every client gets)
//! server (listeners, proxy, limits) → sftp (transport, which asks users → engine) → storage (permitted → lane → local)
//!                                   → ftps (connection, which asks users → prepare, transfer) → storage
//! ```
//!
//! It talks to strangers and knows nothing of Kubernetes: all it is told is a folder of files (`gateway-config`).

mod accept;
pub mod admin;
pub mod control;
pub mod drain;
pub mod endpoint;
mod farewell;
pub mod ftps;
pub mod limits;
pub mod logging;
pub mod metrics;
pub mod peer;
mod proxy;
pub mod reload;
pub mod server;
pub mod sftp;
pub mod storage;
mod traffic;
pub mod users;
