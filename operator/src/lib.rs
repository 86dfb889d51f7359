//! The operator: reads endpoints, runs gateways. It has the credentials of the cluster and never reads a stranger's byte.
//!
//! ```text
//! watch (what happens) → wake (whom it concerns) → one turn of that endpoint:
//! observe (reads the cluster) → hash → plan (pure, a crate of its own) → apply (writes the cluster) → refresh (has
//! kubelets look) → report (tells)
//! ```
//!
//! A turn starts from nothing but what the cluster says, so one that broke off is simply taken again.

mod settings;

mod admin;
mod causes;
mod leader;
mod metrics;
mod ready;
mod run;

mod certificates;
mod retry;
mod stores;
mod wake;
mod watch;

mod turn;

mod addresses;
mod apply;
mod form;
mod gateways;
mod hash;
mod host_keys;
mod memory;
mod observe;
mod questions;
mod reconcile;
mod references;
mod refresh;
mod report;
mod request;

pub use ready::{NotReady, ready};
pub use run::{RunError, run};
pub use settings::Arguments;
