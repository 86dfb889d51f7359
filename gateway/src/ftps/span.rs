//! Whom a line of the log is about: a connection, and whoever is logged in on it at that moment.

use std::net::SocketAddr;

use tracing::{Span, error_span, field};

/// Makes the spans of one connection.
#[derive(Clone, Debug)]
pub(super) struct ClientSpans {
    peer: SocketAddr,
    /// What the connection is a part of.
    around: Span,
}

impl ClientSpans {
    /// Inside the current span.
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            around: Span::current(),
        }
    }

    /// Nobody is logged in.
    pub(super) fn of_nobody(&self) -> Span {
        // At the highest level: a warning must name the client, however little is logged.
        error_span!(
            parent: &self.around,
            "client",
            protocol = "ftps",
            peer = %self.peer,
            user = field::Empty
        )
    }

    /// This user is.
    pub(super) fn of(&self, user: &str) -> Span {
        let span = self.of_nobody();
        span.record("user", user);
        span
    }
}
