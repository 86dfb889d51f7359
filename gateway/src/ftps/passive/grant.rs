//! The way of one session from the queue to its reservation. Whatever is dropped on the way gives back what it holds.
//!
//! [`PlaceInQueue`] → [`Grant`] (a port, and how to reach its owner) → [`Reservation`]; the [`PortHold`] goes to the
//! owner of the port, who keeps it for as long as the port is reserved.

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
    contest::Terms,
    owner::ReserveOrder,
    ports::Shared,
    reservation::Reservation,
    turns::{PortId, Ticket},
};

/// A place in the queue; given up when this is dropped.
pub(super) struct PlaceInQueue {
    shared: Arc<Shared>,
    ticket: Ticket,
    granted: oneshot::Receiver<Grant>,
}

impl PlaceInQueue {
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
    pub(super) async fn turn(mut self) -> Result<Grant, PassiveFailure> {
        let granted = &mut self.granted;
        granted.await.map_err(|_gone| PassiveFailure::NoneFree)
    }
}

impl Drop for PlaceInQueue {
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
    pub(super) orders: mpsc::Sender<ReserveOrder>,
    pub(super) hold: PortHold,
}

impl Grant {
    /// Returns when whoever connects from now on may be the client.
    pub(super) async fn reserve(self, claimant: &Claimant) -> Result<Reservation, PassiveFailure> {
        let Self {
            opened,
            connect,
            binding,
            orders,
            hold,
        } = self;
        let begun = Instant::now();
        let (ready, is_ready) = oneshot::channel();
        let (bind_order, ordered) = oneshot::channel();
        let order = ReserveOrder {
            terms: Terms {
                origin: claimant.origin,
                binding,
                deadline: connect,
            },
            begun,
            ready,
            bind_order: ordered,
            hold,
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
            bind_order,
        })
    }
}

/// The right to reserve a port; given back when this is dropped.
pub(super) struct PortHold {
    shared: Arc<Shared>,
    port: PortId,
}

impl PortHold {
    /// For who has the turn.
    pub(super) fn new(shared: &Arc<Shared>, port: PortId) -> Self {
        Self {
            shared: Arc::clone(shared),
            port,
        }
    }
}

impl fmt::Debug for PortHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PortHold").field(&self.port).finish()
    }
}

impl Drop for PortHold {
    fn drop(&mut self) {
        self.shared.give_back(self.port);
    }
}
