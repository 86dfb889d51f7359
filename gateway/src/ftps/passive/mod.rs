//! The passive ports of one gateway: bound once, shared by all sessions.
//!
//! ```text
//! ports.rs (PassivePorts), grant.rs (the way to a reservation)
//!                          → turns.rs (pure: who gets a port, and who waits)
//! owner.rs (one task a port; door.rs its socket, connections.rs the candidates, arrival.rs where they come from)
//!                          → contest.rs (pure: which of them is the data connection)
//!                              → binding.rs (the table), admission.rs (who is a candidate when too many come)
//! reservation.rs           what a session holds
//! ```
//!
//! A port is reserved from `PASV` or `EPSV` until a data connection is bound, and free again while the transfer runs.
//! Sessions never touch a socket that listens. `transcripts/*.txt` tell what happens, as conversations.

mod admission;
mod arrival;
mod binding;
mod candidate;
mod connections;
mod contest;
mod counts;
mod door;
mod grant;
mod owner;
mod ports;
mod reservation;
mod turns;

use std::net::SocketAddr;

use gateway_config::ClientAddress;

pub(crate) use self::reservation::{DataStream, Reservation};
pub use self::{
    arrival::{Arrival, Introduction},
    counts::PassiveUse,
    ports::{PassiveBindError, PassivePorts},
};

/// Who wants a port.
#[derive(Clone, Debug)]
pub(crate) struct Claimant {
    /// The user, for fairness.
    pub(crate) user: String,
    /// Where the control connection comes from.
    pub(crate) address: SocketAddr,
    /// Whether that is the client.
    pub(crate) visibility: ClientAddress,
}

#[cfg(test)]
mod tests;
