//! The passive ports of one gateway, and who gets one.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ftp::{Opened, PassiveFailure};
use gateway_config::{Binding, DataConnections, PassivePort};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    Claimant,
    counts::{Counts, PassiveUse},
    door::Door,
    grant::{Grant, PlaceInQueue, PortHold},
    introduction::Introduction,
    owner::{Owner, ReserveOrder},
    reservation::Reservation,
    turns::{Fate, PortId, Ticket, Turns},
};

/// The ports. Cheap to clone; the tasks that own them end with the last clone and the last reservation.
#[derive(Clone, Debug)]
pub struct PassivePorts {
    shared: Arc<Shared>,
}

/// Why a port cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("passive port {port} cannot be bound")]
pub struct PassiveBindError {
    /// The port.
    pub port: u16,
    /// Why.
    pub source: io::Error,
}

/// What all clones share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    introduction: Introduction,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct State {
    turns: Turns<oneshot::Sender<Grant>>,
    ports: BTreeMap<PortId, Port>,
    last_port: u64,
    settings: Settings,
}

/// What counts for whoever is given a port from now on.
#[derive(Clone, Copy, Debug)]
struct Settings {
    address: Option<Ipv4Addr>,
    wait: Duration,
    connect: Duration,
    binding: Binding,
}

impl Settings {
    const fn of(connections: &DataConnections) -> Self {
        let passive = &connections.passive;
        Self {
            address: passive.address,
            wait: Duration::from_secs(passive.wait_seconds),
            connect: Duration::from_secs(passive.connect_seconds),
            binding: connections.binding,
        }
    }
}

#[derive(Debug)]
struct Port {
    listen: IpAddr,
    configured: PassivePort,
    bound: u16,
    orders: mpsc::Sender<ReserveOrder>,
}

impl PassivePorts {
    /// Binds the ports. A bound port of 0 lets the system choose one, and an advertised port of 0 is the one that is
    /// bound. Must be called in a tokio runtime.
    pub fn bind(
        connections: &DataConnections,
        introduction: Introduction,
    ) -> Result<Self, PassiveBindError> {
        let ports = Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    turns: Turns::new(),
                    ports: BTreeMap::new(),
                    last_port: 0,
                    settings: Settings::of(connections),
                }),
                introduction,
                counts: Arc::default(),
            }),
        };
        ports.change(connections)?;
        Ok(ports)
    }

    /// From now on these ports and settings count, for older sessions, too: where connections come from is judged by the
    /// rules of the moment, and so must be what that proves. Ports that stay are not touched. One that goes is closed when its
    /// reservation is over. All or nothing. Must be called in a tokio runtime.
    pub fn change(&self, connections: &DataConnections) -> Result<(), PassiveBindError> {
        let passive = &connections.passive;
        let mut state = self.shared.state();
        let mut unclaimed: Vec<PortId> = state.ports.keys().copied().collect();
        let mut kept = Vec::new();
        let mut opened = Vec::new();
        for wanted in &passive.ports {
            let found = unclaimed.iter().position(|id| {
                state.ports.get(id).is_some_and(|port| {
                    port.listen == passive.listen && port.configured.bound == wanted.bound
                })
            });
            match found {
                Some(index) => kept.push((unclaimed.swap_remove(index), *wanted)),
                None => opened.push((open(passive.listen, *wanted)?, *wanted)),
            }
        }
        for id in unclaimed {
            if state.turns.retire(id) == Fate::Gone {
                state.ports.remove(&id);
            }
        }
        for (id, configured) in kept {
            state.turns.revive(id);
            if let Some(port) = state.ports.get_mut(&id) {
                port.configured = configured;
            }
        }
        for ((door, bound), configured) in opened {
            let port = Port {
                listen: passive.listen,
                configured,
                bound,
                orders: self.shared.give_owner(door),
            };
            state.add(port);
        }
        state.settings = Settings::of(connections);
        drop(state);
        self.shared.hand_out();
        Ok(())
    }

    /// Reserves a port; waits its turn when none is free. Dropping the future gives up.
    pub(crate) async fn reserve(&self, claimant: Claimant) -> Result<Reservation, PassiveFailure> {
        let wait = self.shared.state().settings.wait;
        let place = PlaceInQueue::take(&self.shared, &claimant.user);
        let grant = timeout(wait, place.turn())
            .await
            .map_err(|_elapsed| PassiveFailure::NoneFree)??;
        grant.reserve(&claimant).await
    }

    /// How the ports are used.
    pub fn observe(&self) -> PassiveUse {
        let state = self.shared.state();
        PassiveUse {
            free: state.turns.free(),
            reserved: state.turns.held(),
            waiting: state.turns.waiting(),
            ..self.shared.counts.so_far()
        }
    }
}

fn open(listen: IpAddr, wanted: PassivePort) -> Result<(Door, u16), PassiveBindError> {
    let open = || {
        let door = Door::open(listen, wanted.bound)?;
        let bound = door.port()?;
        Ok((door, bound))
    };
    open().map_err(|source| PassiveBindError {
        port: wanted.bound,
        source,
    })
}

impl Shared {
    fn give_owner(&self, door: Door) -> mpsc::Sender<ReserveOrder> {
        let (sender, orders) = mpsc::channel(1);
        let owner = Owner {
            door,
            orders,
            introduction: self.introduction.clone(),
            counts: Arc::clone(&self.counts),
        };
        tokio::spawn(owner.run());
        sender
    }

    /// Takes a place in the queue. What it is worth comes through the receiver, perhaps at once.
    pub(super) fn queue(self: &Arc<Self>, user: &str) -> (Ticket, oneshot::Receiver<Grant>) {
        let (waiter, granted) = oneshot::channel();
        let ticket = self.state().turns.queue(user, waiter);
        self.hand_out();
        (ticket, granted)
    }

    /// Gives a place in the queue up.
    pub(super) fn leave(&self, ticket: Ticket) {
        let waiter = self.state().turns.leave(ticket);
        drop(waiter);
    }

    /// A port is free again.
    pub(super) fn give_back(self: &Arc<Self>, id: PortId) {
        let mut state = self.state();
        if state.turns.give_back(id) == Fate::Gone {
            state.ports.remove(&id);
        }
        drop(state);
        self.hand_out();
    }

    /// Gives the free ports to those whose turn it is.
    fn hand_out(self: &Arc<Self>) {
        while let Some((waiter, grant)) = self.next_grant() {
            // Who has just given up returns the port, by dropping it.
            drop(waiter.send(grant));
        }
    }

    fn next_grant(self: &Arc<Self>) -> Option<(oneshot::Sender<Grant>, Grant)> {
        let mut state = self.state();
        let (waiter, id) = state.turns.next()?;
        let settings = state.settings;
        let port = state.ports.get(&id)?;
        let grant = Grant {
            opened: Opened {
                address: settings.address,
                port: port.advertised(),
            },
            connect: settings.connect,
            binding: settings.binding,
            orders: port.orders.clone(),
            hold: PortHold::new(self, id),
        };
        drop(state);
        Some((waiter, grant))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, port: Port) {
        self.last_port = self.last_port.wrapping_add(1);
        let id = PortId(self.last_port);
        self.ports.insert(id, port);
        self.turns.add(id);
    }
}

impl Port {
    const fn advertised(&self) -> u16 {
        match self.configured.advertised {
            0 => self.bound,
            advertised => advertised,
        }
    }
}
