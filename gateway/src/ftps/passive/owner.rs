//! The task that owns one passive port: nobody else touches its socket.

use std::sync::Arc;

use ftp::DataFailure;
use tokio::{
    select,
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tracing::{Instrument as _, Span};

use super::{
    candidate::Wanted,
    connections::Connections,
    contest::{Action, Bond, Contest, Event, Terms},
    counts::Counts,
    door::Door,
    grant::PortHold,
    introduction::Introduction,
    reservation::{BindOrder, DataStream, Handshaker},
};

/// The owner of one port.
pub(super) struct Owner {
    pub(super) door: Door,
    /// At most one at a time: who sends one holds the port.
    pub(super) orders: mpsc::Receiver<ReserveOrder>,
    pub(super) introduction: Introduction,
    pub(super) counts: Arc<Counts>,
}

/// What a session sends to reserve the port.
pub(super) struct ReserveOrder {
    pub(super) terms: Terms,
    pub(super) begun: Instant,
    /// Told when whoever connects from now on may be the client.
    pub(super) ready: oneshot::Sender<()>,
    /// Closed when the session gives the port up.
    pub(super) bind_order: oneshot::Receiver<BindOrder>,
    /// Dropped when the port is free again.
    pub(super) hold: PortHold,
    /// The session's, for what is logged.
    pub(super) span: Span,
}

impl Owner {
    /// Owns the port until nobody can reserve it any more.
    pub(super) async fn run(mut self) {
        while let Some(order) = self.next_order().await {
            let span = order.span.clone();
            self.hold(order).instrument(span).await;
        }
    }

    /// Whoever connects meanwhile is a probe.
    async fn next_order(&mut self) -> Option<ReserveOrder> {
        loop {
            select! {
                biased;
                order = self.orders.recv() => return order,
                _probe = self.door.accept() => self.counts.add_probes(1),
            }
        }
    }

    /// Holds the port for one session until its data connection is bound, or is not wanted any more.
    async fn hold(&mut self, order: ReserveOrder) {
        let ReserveOrder {
            terms,
            begun,
            ready,
            bind_order,
            hold,
            span: _,
        } = order;
        self.counts.add_probes(self.door.sweep());
        if ready.send(()).is_err() {
            return;
        }
        let mut holder = Holder::BeforeTransfer(bind_order);
        let outcome = self.contest(terms, begun, &mut holder).await;
        // The port is free before the session hears of it, so that it may at once reserve another.
        drop(hold);
        if let (Some(outcome), Holder::AwaitingData { answer, .. }) = (outcome, holder) {
            // If nobody waits for it any more, the connection is closed.
            let _unheard = answer.send(outcome);
        }
    }

    /// None: the session has given the port up.
    async fn contest(
        &mut self,
        terms: Terms,
        begun: Instant,
        holder: &mut Holder,
    ) -> Option<Result<DataStream, DataFailure>> {
        let mut contest = Contest::new(terms);
        let mut connections = Connections::new(self.introduction.clone());
        loop {
            let event = select! {
                biased;
                wanted = holder.next() => Event::Asked(wanted?),
                event = connections.next() => event,
                (stream, address) = self.door.accept() => {
                    if connections.have_room() {
                        connections.introduce(stream, address);
                    } else {
                        self.counts.add_refused();
                    }
                    // A flood of connections does not stop the clock.
                    Event::Tick
                }
                () = sleep_until(begun + contest.wake()) => Event::Tick,
            };
            let now = begun.elapsed();
            contest.expect(now, connections.introducing());
            let actions = contest.handle(now, event);
            for action in actions {
                if let Some(outcome) = self.perform(action, &mut connections, holder) {
                    return Some(outcome);
                }
            }
        }
    }

    /// Does one thing; returns the outcome if the contest is over.
    fn perform(
        &self,
        action: Action,
        connections: &mut Connections,
        holder: &Holder,
    ) -> Option<Result<DataStream, DataFailure>> {
        match action {
            Action::Close(id) => {
                connections.close(id);
                self.counts.add_refused();
                None
            }
            Action::Handshake(id) => {
                connections.handshake(id, holder.handshaker()?);
                None
            }
            Action::Take(id, bond) => {
                if bond == Bond::Unproven {
                    self.counts.add_unbound();
                    tracing::info!("a data connection was bound without proof");
                }
                Some(connections.take(id).ok_or(DataFailure::TimedOut))
            }
            Action::GiveUp(failure) => Some(Err(failure)),
        }
    }
}

/// The session that holds a reservation.
enum Holder {
    /// The transfer command has not come.
    BeforeTransfer(oneshot::Receiver<BindOrder>),
    /// It has.
    AwaitingData {
        handshaker: Option<Arc<Handshaker>>,
        answer: oneshot::Sender<Result<DataStream, DataFailure>>,
    },
}

impl Holder {
    /// What it asks for; None when it gives the port up. Safe to drop.
    async fn next(&mut self) -> Option<Wanted> {
        match self {
            Self::BeforeTransfer(ordered) => {
                let BindOrder {
                    wanted,
                    handshaker,
                    answer,
                } = ordered.await.ok()?;
                *self = Self::AwaitingData { handshaker, answer };
                Some(wanted)
            }
            Self::AwaitingData { answer, .. } => {
                answer.closed().await;
                None
            }
        }
    }

    fn handshaker(&self) -> Option<&Handshaker> {
        match self {
            Self::BeforeTransfer(_) => None,
            Self::AwaitingData { handshaker, .. } => handshaker.as_deref(),
        }
    }
}
