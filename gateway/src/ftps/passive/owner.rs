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
    arrival::Introduction,
    candidate::Wanted,
    connections::Connections,
    contest::{Action, Bond, Claim, Contest, Event},
    counts::Counts,
    door::Door,
    grant::Place,
    reservation::{DataStream, Demand, Handshaker},
};

/// The owner of one port.
pub(super) struct Owner {
    pub(super) door: Door,
    /// At most one at a time: who sends one holds the port's place.
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) introduction: Introduction,
    pub(super) counts: Arc<Counts>,
}

/// A reservation.
pub(super) struct Order {
    pub(super) claim: Claim,
    pub(super) begun: Instant,
    /// Told when whoever connects from now on may be the client.
    pub(super) ready: oneshot::Sender<()>,
    /// Closed when the session gives the port up.
    pub(super) demand: oneshot::Receiver<Demand>,
    /// Dropped when the port is free again.
    pub(super) place: Place,
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
    async fn next_order(&mut self) -> Option<Order> {
        loop {
            select! {
                biased;
                order = self.orders.recv() => return order,
                _probe = self.door.accept() => self.counts.add_probes(1),
            }
        }
    }

    /// Holds the port for one session until its data connection is bound, or is not wanted any more.
    async fn hold(&mut self, order: Order) {
        let Order {
            claim,
            begun,
            ready,
            demand,
            place,
            span: _,
        } = order;
        self.counts.add_probes(self.door.sweep());
        if ready.send(()).is_err() {
            return;
        }
        let mut session = Session::Idle(demand);
        let outcome = self.contest(claim, begun, &mut session).await;
        // The port is free before the session hears of it, so that it may at once reserve another.
        drop(place);
        if let (Some(outcome), Session::Waiting { answer, .. }) = (outcome, session) {
            // If nobody waits for it any more, the connection is closed.
            let _unheard = answer.send(outcome);
        }
    }

    /// None: the session has given the port up.
    async fn contest(
        &mut self,
        claim: Claim,
        begun: Instant,
        session: &mut Session,
    ) -> Option<Result<DataStream, DataFailure>> {
        let mut contest = Contest::new(claim);
        let mut connections = Connections::new(self.introduction.clone());
        loop {
            let event = select! {
                biased;
                wanted = session.next() => Event::Asked(wanted?),
                event = connections.next() => event,
                (stream, address) = self.door.accept() => {
                    connections.introduce(stream, address);
                    // A flood of connections does not stop the clock.
                    Event::Tick
                }
                () = sleep_until(begun + contest.wake()) => Event::Tick,
            };
            let now = begun.elapsed();
            contest.expect(now, connections.introducing());
            let actions = contest.handle(now, event);
            for action in actions {
                if let Some(outcome) = self.perform(action, &mut connections, session) {
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
        session: &Session,
    ) -> Option<Result<DataStream, DataFailure>> {
        match action {
            Action::Close(id) => {
                connections.close(id);
                self.counts.add_refused();
                None
            }
            Action::Handshake(id) => {
                connections.handshake(id, session.handshaker()?);
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
enum Session {
    /// Before the transfer command.
    Idle(oneshot::Receiver<Demand>),
    Waiting {
        handshaker: Option<Arc<Handshaker>>,
        answer: oneshot::Sender<Result<DataStream, DataFailure>>,
    },
}

impl Session {
    /// What it asks for; None when it gives the port up. Safe to drop.
    async fn next(&mut self) -> Option<Wanted> {
        match self {
            Self::Idle(demand) => {
                let Demand {
                    wanted,
                    handshaker,
                    answer,
                } = demand.await.ok()?;
                *self = Self::Waiting { handshaker, answer };
                Some(wanted)
            }
            Self::Waiting { answer, .. } => {
                answer.closed().await;
                None
            }
        }
    }

    fn handshaker(&self) -> Option<&Handshaker> {
        match self {
            Self::Idle(_) => None,
            Self::Waiting { handshaker, .. } => handshaker.as_deref(),
        }
    }
}
