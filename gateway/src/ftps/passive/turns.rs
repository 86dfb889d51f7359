//! Who gets a port, and who waits: pure, without sockets or clocks.
//!
//! First come, first served. A user who holds a fair share of the ports (a quarter of them, at least one) and wants
//! more waits behind the others: behind those who wait already, and behind those who may still come, for whom the last
//! quarter of the ports stays free. So one user can use three quarters alone, but can lock nobody out.
//!
//! Of the free ports the one that has rested longest is given away first: who still connects to it late has long left.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A port, whatever its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PortId(pub(super) u64);

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(pub(super) u64);

/// The ports and the queue; `W` is whatever is needed to reach who waits.
#[derive(Debug)]
pub(super) struct Turns<W> {
    /// In the order in which they became free.
    free: VecDeque<PortId>,
    held: BTreeMap<PortId, String>,
    /// Those of the held ones that are not to be given away again.
    retired: BTreeSet<PortId>,
    queue: VecDeque<Waiting<W>>,
    last_ticket: u64,
}

#[derive(Debug)]
struct Waiting<W> {
    ticket: Ticket,
    user: String,
    waiter: W,
}

/// What becomes of a port that is given back or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays; who waits may have it.
    Kept,
    /// It is gone.
    Gone,
}

impl<W> Turns<W> {
    /// Without ports.
    pub(super) const fn new() -> Self {
        Self {
            free: VecDeque::new(),
            held: BTreeMap::new(),
            retired: BTreeSet::new(),
            queue: VecDeque::new(),
            last_ticket: 0,
        }
    }

    /// A new port.
    pub(super) fn add(&mut self, port: PortId) {
        self.free.push_back(port);
    }

    /// A retired port is wanted again.
    pub(super) fn revive(&mut self, port: PortId) {
        self.retired.remove(&port);
    }

    /// The port is not to be given away again. Who holds it keeps it.
    pub(super) fn retire(&mut self, port: PortId) -> Fate {
        if self.held.contains_key(&port) {
            self.retired.insert(port);
            return Fate::Kept;
        }
        self.free.retain(|free| *free != port);
        Fate::Gone
    }

    /// Takes a place in the queue; [`Turns::next`] says when it is its turn.
    pub(super) fn queue(&mut self, user: &str, waiter: W) -> Ticket {
        self.last_ticket = self.last_ticket.wrapping_add(1);
        let ticket = Ticket(self.last_ticket);
        self.queue.push_back(Waiting {
            ticket,
            user: user.to_owned(),
            waiter,
        });
        ticket
    }

    /// Gives a place in the queue up.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<W> {
        let index = self
            .queue
            .iter()
            .position(|waiting| waiting.ticket == ticket)?;
        Some(self.queue.remove(index)?.waiter)
    }

    /// Gives a free port to whose turn it is. To be called until it returns None after every other change.
    pub(super) fn next(&mut self) -> Option<(W, PortId)> {
        let index = self.whose_turn()?;
        let port = self.free.pop_front()?;
        let Waiting {
            ticket: _,
            user,
            waiter,
        } = self.queue.remove(index)?;
        self.held.insert(port, user);
        Some((waiter, port))
    }

    /// The holder is done with the port.
    pub(super) fn give_back(&mut self, port: PortId) -> Fate {
        if self.held.remove(&port).is_none() {
            return Fate::Kept;
        }
        if self.retired.remove(&port) {
            return Fate::Gone;
        }
        self.free.push_back(port);
        Fate::Kept
    }

    /// Ports that nobody holds.
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// Ports that somebody holds.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    fn whose_turn(&self) -> Option<usize> {
        if self.free.is_empty() {
            return None;
        }
        let mut held = BTreeMap::<&str, usize>::new();
        for holder in self.held.values() {
            *held.entry(holder).or_default() += 1;
        }
        let within_share = self.queue.iter().position(|waiting| {
            let held = held.get(waiting.user.as_str());
            held.copied().unwrap_or_default() < self.share()
        });
        let others_may_come = self.free.len() <= self.reserve();
        match within_share {
            None if others_may_come || self.queue.is_empty() => None,
            None => Some(0),
            found => found,
        }
    }

    /// Ports that a user may hold before having to wait behind the others.
    fn share(&self) -> usize {
        self.reserve().max(1)
    }

    /// Ports that are kept free for users within their share.
    fn reserve(&self) -> usize {
        (self.free.len() + self.held.len() - self.retired.len()) / 4
    }
}
