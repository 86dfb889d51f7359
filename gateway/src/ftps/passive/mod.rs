//! The passive ports of one gateway: bound once, shared by all sessions.
//!
//! ```text
//! ports.rs (PassivePorts), grant.rs (the way to a reservation)
//!                          → turns.rs (pure: who gets a port, and who waits)
//! owner.rs (one task a port; door.rs its socket, connections.rs the candidates, introduction.rs where they come from)
//!                          → contest.rs (pure: which of them is the data connection)
//!                              → binding.rs (the table), admission.rs (who is a candidate when too many come)
//!                              → hopes.rs (when the session hears that there is none)
//! reservation.rs           what a session holds
//! ```
//!
//! A port is reserved from `PASV` or `EPSV` until a data connection is bound, and free again while the transfer runs.
//! Sessions never touch a socket that listens. `transcripts/*.txt` tell what happens, as conversations.

mod admission;
mod binding;
mod candidate;
mod connections;
mod contest;
mod counts;
mod door;
mod grant;
mod hopes;
mod introduction;
mod owner;
mod ports;
mod reservation;
mod turns;

pub use self::{
    counts::PassiveUse,
    introduction::Introduction,
    ports::{PassiveBindError, PassivePorts},
};
pub(crate) use self::{
    introduction::Introduced,
    reservation::{DataStream, Reservation},
};

use crate::proxy::Origin;

/// Who wants a port.
#[derive(Clone, Debug)]
pub(crate) struct Claimant {
    /// The user, for fairness.
    pub(crate) user: String,
    /// Where the control connection comes from.
    pub(crate) origin: Origin,
}

#[cfg(test)]
mod tests;
