//! Who is at the other end of one connection.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use gateway_config::ClientAddress;

use crate::limits::HalfOpen;

/// One connection: where it comes from, and its place among those that are not logged in. Clones are of the same
/// connection. A successful login by [`crate::users::Users`] gives the place up; so does the end of the connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The other end of the connection.
    pub address: SocketAddr,
    /// Whether that is the client.
    pub visibility: ClientAddress,
    connection: Arc<Connection>,
}

#[derive(Debug)]
struct Connection {
    half_open: Mutex<Option<HalfOpen>>,
    heard: AtomicBool,
}

impl Peer {
    /// A connection without a place among the half-open ones.
    pub fn new(address: SocketAddr, visibility: ClientAddress) -> Self {
        Self::with_place(address, visibility, None)
    }

    pub(crate) fn with_place(
        address: SocketAddr,
        visibility: ClientAddress,
        half_open: Option<HalfOpen>,
    ) -> Self {
        Self {
            address,
            visibility,
            connection: Arc::new(Connection {
                half_open: Mutex::new(half_open),
                heard: AtomicBool::new(false),
            }),
        }
    }

    /// To be called when the client has said that it speaks the protocol. A connection that ends without it was a probe,
    /// and no failure.
    pub fn mark_heard(&self) {
        self.connection.heard.store(true, Ordering::Relaxed);
    }

    /// Whether the client has said that it speaks the protocol.
    pub fn was_heard(&self) -> bool {
        self.connection.heard.load(Ordering::Relaxed)
    }

    /// Takes a place among the half-open connections: a login is over, and the connection goes on.
    pub(crate) fn enter_half_open(&self, place: HalfOpen) {
        let before = self
            .connection
            .half_open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(place);
        drop(before);
    }

    /// Gives up the place among the half-open connections.
    pub(crate) fn leave_half_open(&self) {
        let place = self
            .connection
            .half_open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(place);
    }
}
