//! The one way to stop: refuse or serve new arrivals, let transfers end, then leave.
//!
//! ```text
//! Serving → Draining(Serve) → Draining(Refuse) → Over
//! ```
//!
//! A phase may be skipped and never comes back. [`Drain`] moves it, [`DrainState`] follows it.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// What happens to clients that arrive during a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// They are told that this gateway is stopping, and turned away.
    Refuse,
    /// They are served, and leave when they have finished and fallen silent: a balancer may still send some here.
    Serve,
}

/// How far the drain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No drain: everybody is welcome.
    Serving,
    /// Sessions finish their transfers, then leave.
    Draining(Arrivals),
    /// Sessions leave now, whatever they do.
    Over,
}

impl Phase {
    /// Whether clients that arrive are served.
    pub const fn serves_arrivals(self) -> bool {
        match self {
            Self::Serving | Self::Draining(Arrivals::Serve) => true,
            Self::Draining(Arrivals::Refuse) | Self::Over => false,
        }
    }
}

/// Whom a drain waits for; shows the transfers or, while there are none, the clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Transfers that run.
    pub transfers: usize,
    /// Clients that are connected, with a transfer or without.
    pub clients: usize,
}

impl Waiting {
    /// Whom both wait for.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            transfers: self.transfers + other.transfers,
            clients: self.clients + other.clients,
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, noun) = match *self {
            Self {
                transfers: 0,
                clients,
            } => (clients, "client"),
            Self { transfers, .. } => (transfers, "transfer"),
        };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} {noun}{plural}")
    }
}

/// Moves the phase. Clones move the same one.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    phase: watch::Sender<Phase>,
    deadline: watch::Sender<Option<Instant>>,
    transfers: watch::Sender<usize>,
    clients: watch::Sender<usize>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Serving),
            deadline: watch::Sender::new(None),
            transfers: watch::Sender::new(0),
            clients: watch::Sender::new(0),
        }
    }
}

impl Drain {
    /// What sessions follow.
    pub fn state(&self) -> DrainState {
        DrainState {
            shared: Arc::clone(&self.shared),
            phase: self.shared.phase.subscribe(),
        }
    }

    /// Starts the drain; it is [`Phase::Over`] after `deadline` at the latest. A drain that runs is only ever
    /// hastened: [`Arrivals::Refuse`] replaces [`Arrivals::Serve`], and the earlier deadline counts.
    pub fn start(&self, deadline: Duration, arrivals: Arrivals) {
        let wanted = Instant::now().checked_add(deadline);
        self.shared.deadline.send_if_modified(|current| {
            let sooner =
                wanted.is_some_and(|wanted| current.is_none_or(|current| wanted < current));
            if sooner {
                *current = wanted;
            }
            sooner
        });
        self.shared.phase.send_if_modified(|phase| {
            let next = match (*phase, arrivals) {
                (Phase::Serving, arrivals) => Phase::Draining(arrivals),
                (Phase::Draining(Arrivals::Serve), Arrivals::Refuse) => {
                    Phase::Draining(Arrivals::Refuse)
                }
                (unchanged @ (Phase::Draining(_) | Phase::Over), _) => unchanged,
            };
            let changes = *phase != next;
            *phase = next;
            changes
        });
    }

    /// Ends everything at once.
    pub fn end(&self) {
        self.shared
            .phase
            .send_if_modified(|phase| std::mem::replace(phase, Phase::Over) != Phase::Over);
    }

    /// Counts a client from its arrival until the guard is dropped.
    pub fn client(&self) -> ClientGuard {
        self.shared.clients.send_modify(|count| *count += 1);
        ClientGuard {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Whom a drain waits for.
    pub fn waiting_for(&self) -> Waiting {
        Waiting {
            transfers: *self.shared.transfers.borrow(),
            clients: *self.shared.clients.borrow(),
        }
    }

    /// Waits until a drain has begun and no client is left.
    pub async fn finished(&self) {
        let mut phase = self.shared.phase.subscribe();
        let mut clients = self.shared.clients.subscribe();
        // The senders live in `self`, so both waits end only when their condition holds.
        drop(phase.wait_for(|phase| *phase != Phase::Serving).await);
        drop(clients.wait_for(|count| *count == 0).await);
    }

    /// Waits for the deadline of a drain, then ends it. Never returns before; to be run beside the server.
    pub async fn keep_deadline(&self) {
        let mut deadline = self.shared.deadline.subscribe();
        loop {
            let current = *deadline.borrow_and_update();
            tokio::select! {
                () = until(current) => break,
                _changed = deadline.changed() => {}
            }
        }
        self.end();
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Follows the drain; cheap to clone. A session registers each running transfer and asks when to end.
#[derive(Clone, Debug)]
pub struct DrainState {
    shared: Arc<Shared>,
    phase: watch::Receiver<Phase>,
}

impl DrainState {
    /// How far the drain is now.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the phase is another one than when this clone, or before that its origin, last looked here; safe to
    /// drop.
    pub async fn changed(&mut self) -> Phase {
        // The sender lives in `self`, so this cannot fail.
        let _changed = self.phase.changed().await;
        *self.phase.borrow_and_update()
    }

    /// Waits until the drain serves nobody who arrives; safe to drop.
    pub async fn until_arrivals_are_refused(&self) {
        let mut drain = self.clone();
        let mut phase = drain.phase();
        while phase.serves_arrivals() {
            phase = drain.changed().await;
        }
    }

    /// While the guard lives the drain waits (until its deadline).
    pub fn transfer(&self) -> TransferGuard {
        self.shared.transfers.send_modify(|count| *count += 1);
        TransferGuard {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Transfers that run now.
    pub fn transfers(&self) -> usize {
        *self.shared.transfers.borrow()
    }
}

/// A transfer that runs.
#[derive(Debug)]
#[must_use = "the transfer ends when this is dropped"]
pub struct TransferGuard {
    shared: Arc<Shared>,
}

impl Drop for TransferGuard {
    fn drop(&mut self) {
        self.shared
            .transfers
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// A client that is connected.
#[derive(Debug)]
#[must_use = "the client is gone when this is dropped"]
pub struct ClientGuard {
    shared: Arc<Shared>,
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        self.shared
            .clients
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn a_drain_is_finished_when_the_last_client_has_left() {
        let drain = Drain::default();
        let client = drain.client();
        drain.start(HOUR, Arrivals::Refuse);

        let mut finished = still_waiting(&drain).await;

        drop(client);
        finished.as_mut().await;
        assert_eq!(drain.state().phase(), Phase::Draining(Arrivals::Refuse));
    }

    /// A `finished` that has been polled and is not ready.
    async fn still_waiting(drain: &Drain) -> std::pin::Pin<Box<dyn Future<Output = ()> + '_>> {
        let mut finished: std::pin::Pin<Box<dyn Future<Output = ()> + '_>> =
            Box::pin(drain.finished());
        let early = tokio::time::timeout(Duration::from_secs(1), finished.as_mut()).await;
        assert!(early.is_err(), "finished while a client was there");
        finished
    }

    #[tokio::test]
    async fn without_a_drain_nothing_is_finished() {
        let drain = Drain::default();

        let early = futures_util::FutureExt::now_or_never(drain.finished());

        assert!(early.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_deadline_it_is_over() {
        let drain = Drain::default();
        let mut state = drain.state();
        let started = Instant::now();

        drain.start(HOUR, Arrivals::Serve);
        drain.keep_deadline().await;

        assert_eq!(started.elapsed(), HOUR);
        assert_eq!(state.changed().await, Phase::Over);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_is_only_ever_hastened() {
        let drain = Drain::default();
        let started = Instant::now();

        drain.start(HOUR, Arrivals::Serve);
        drain.start(HOUR * 2, Arrivals::Refuse);
        assert_eq!(drain.state().phase(), Phase::Draining(Arrivals::Refuse));
        drain.start(HOUR, Arrivals::Serve);
        assert_eq!(drain.state().phase(), Phase::Draining(Arrivals::Refuse));

        drain.keep_deadline().await;
        assert_eq!(started.elapsed(), HOUR);
        drain.start(HOUR, Arrivals::Serve);
        assert_eq!(drain.state().phase(), Phase::Over);
    }

    #[tokio::test]
    async fn transfers_count_before_clients() {
        let drain = Drain::default();
        let _first = drain.client();
        let _second = drain.client();
        assert_eq!(drain.waiting_for().to_string(), "2 clients");

        let transfer = drain.state().transfer();
        assert_eq!(drain.waiting_for().to_string(), "1 transfer");

        drop(transfer);
        assert_eq!(drain.waiting_for().to_string(), "2 clients");
    }

    #[tokio::test]
    async fn a_follower_hears_of_every_change() {
        let drain = Drain::default();
        let mut state = drain.state();

        drain.start(HOUR, Arrivals::Refuse);
        assert_eq!(state.changed().await, Phase::Draining(Arrivals::Refuse));

        drain.end();
        assert_eq!(state.changed().await, Phase::Over);
    }
}
