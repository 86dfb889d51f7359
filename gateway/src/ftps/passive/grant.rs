//! The way of one session from the queue to its reservation. Whatever is dropped on the way gives back what it holds.
//!
//! [`Turn`] (a place in the queue) → [`Grant`] (a port, and how to reach its owner) → [`Reservation`]; the [`Place`] goes
//! to the owner of the port, who keeps it for as long as the port is reserved.

use std::{fmt, sync::Arc, time::Duration};

use ftp::{Opened, PassiveFailure};
use gateway_config::Binding;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tracing::Span;

use super::{
    Claimant,
    binding::Origin,
    contest::Claim,
    owner::Order,
    ports::Shared,
    reservation::Reservation,
    turns::{PortId, Ticket},
};

/// A place in the queue; given up when this is dropped.
pub(super) struct Turn {
    shared: Arc<Shared>,
    ticket: Ticket,
    granted: oneshot::Receiver<Grant>,
}

impl Turn {
    /// The last place.
    pub(super) fn take(shared: &Arc<Shared>, user: &str) -> Self {
        let (ticket, granted) = shared.queue(user);
        Self {
            shared: Arc::clone(shared),
            ticket,
            granted,
        }
    }

    /// Returns when the turn has come.
    pub(super) async fn comes(mut self) -> Result<Grant, PassiveFailure> {
        let granted = &mut self.granted;
        granted.await.map_err(|_gone| PassiveFailure::NoneFree)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.shared.leave(self.ticket);
    }
}

/// A port whose turn it is to serve somebody.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) opened: Opened,
    pub(super) connect: Duration,
    pub(super) binding: Binding,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) place: Place,
}

impl Grant {
    /// Returns when whoever connects from now on may be the client.
    pub(super) async fn reserve(self, claimant: &Claimant) -> Result<Reservation, PassiveFailure> {
        let Self {
            opened,
            connect,
            binding,
            orders,
            place,
        } = self;
        let begun = Instant::now();
        let (ready, is_ready) = oneshot::channel();
        let (sender, demand) = oneshot::channel();
        let order = Order {
            claim: Claim {
                origin: Origin {
                    address: claimant.address.ip(),
                    visibility: claimant.visibility,
                },
                binding,
                deadline: connect,
            },
            begun,
            ready,
            demand,
            place,
            span: Span::current(),
        };
        // The owner is only gone when the runtime ends.
        orders
            .send(order)
            .await
            .map_err(|_gone| PassiveFailure::NoneFree)?;
        is_ready.await.map_err(|_gone| PassiveFailure::NoneFree)?;
        Ok(Reservation {
            opened,
            deadline: begun + connect,
            demand: sender,
        })
    }
}

/// The right to reserve a port; given back when this is dropped.
pub(super) struct Place {
    shared: Arc<Shared>,
    port: PortId,
}

impl Place {
    /// For who has the turn.
    pub(super) fn new(shared: &Arc<Shared>, port: PortId) -> Self {
        Self {
            shared: Arc::clone(shared),
            port,
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.port).finish()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.give_back(self.port);
    }
}
