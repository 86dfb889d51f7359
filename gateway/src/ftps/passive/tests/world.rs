//! The pure halves together ([`Turns`] and [`Contest`]), in a world without sockets where time passes on demand.

use std::{collections::BTreeMap, mem, net::IpAddr, time::Duration};

use ftp::{DataFailure, DataProtection, Direction};
use gateway_config::{Binding, ClientAddress};

use crate::{
    ftps::{
        passive::{
            candidate::{CandidateId, Wanted},
            contest::{Action, Bond, Contest, Event, Terms},
            turns::{PortId, Ticket, Turns},
        },
        tls::Handshake,
    },
    proxy::Origin,
};

/// What the configuration says.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) binding: Binding,
    pub(super) addresses: ClientAddress,
    /// Advertised by bound.
    pub(super) ports: BTreeMap<u16, u16>,
    pub(super) address: Option<IpAddr>,
    pub(super) wait: Duration,
    pub(super) connect: Duration,
}

/// Everything that `server` would do to sessions and sockets is said in sentences.
#[derive(Debug)]
pub(super) struct World {
    settings: Settings,
    /// Sessions wait by their names.
    turns: Turns<String>,
    waiting: BTreeMap<String, (Ticket, Duration)>,
    reserved: BTreeMap<u16, Round>,
    now: Duration,
    connections: Vec<(String, u16)>,
    /// Those of which nobody knows yet where they come from.
    knocking: Vec<(String, u16)>,
    said: Vec<String>,
}

#[derive(Debug)]
struct Round {
    session: String,
    begun: Duration,
    contest: Contest,
    is_asked: bool,
}

/// Where clients and their control connections are.
pub(super) const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        let mut turns = Turns::new();
        for port in settings.ports.keys() {
            turns.add(PortId(u64::from(*port)));
        }
        Self {
            settings,
            turns,
            waiting: BTreeMap::new(),
            reserved: BTreeMap::new(),
            now: Duration::ZERO,
            connections: Vec::new(),
            knocking: Vec::new(),
            said: Vec::new(),
        }
    }

    /// What was said since the last call.
    pub(super) fn said(&mut self) -> Vec<String> {
        mem::take(&mut self.said)
    }

    pub(super) fn reserved(&self) -> usize {
        assert_eq!(self.turns.held(), self.reserved.len());
        self.reserved.len()
    }

    pub(super) fn waiting(&self) -> usize {
        assert_eq!(self.turns.waiting(), self.waiting.len());
        self.waiting.len()
    }

    /// `PASV` or `EPSV`. The user of the session `alice#2` is `alice`.
    pub(super) fn reserve(&mut self, session: &str) {
        let user = session.split('#').next().unwrap_or(session);
        let ticket = self.turns.queue(user, session.to_owned());
        let until = self.now + self.settings.wait;
        let before = self.waiting.insert(session.to_owned(), (ticket, until));
        assert!(before.is_none(), "{session} waits twice");
        self.hand_out();
        if self.waiting.contains_key(session) {
            self.said.push(format!("{session} waits"));
        }
    }

    /// The transfer command.
    pub(super) fn ask(&mut self, session: &str, protection: DataProtection, direction: Direction) {
        let wanted = Wanted {
            protection,
            direction,
        };
        match self.port_of(session) {
            Some(port) => {
                if let Some(round) = self.reserved.get_mut(&port) {
                    round.is_asked = true;
                }
                self.happens(port, Event::Asked(wanted));
            }
            None => self.said.push(format!("{session} has no port")),
        }
    }

    /// `ABOR`, `QUIT`, another `PASV`: whatever makes a session drop what it has.
    pub(super) fn give_up(&mut self, session: &str) {
        if let Some((ticket, _)) = self.waiting.remove(session) {
            self.turns.leave(ticket);
            self.said.push(format!("{session} does not wait any more"));
        }
        if let Some(port) = self.port_of(session) {
            self.free(port);
        }
    }

    /// A connection whose introduction takes its time.
    pub(super) fn knock(&mut self, name: &str, port: u16) {
        self.knocking.push((name.to_owned(), port));
        self.happens(port, Event::Tick);
    }

    /// Its introduction ends in nothing.
    pub(super) fn go_away(&mut self, name: &str) {
        let found = self.knocking.iter().position(|(other, _)| other == name);
        if let Some(index) = found {
            let (_, port) = self.knocking.remove(index);
            self.happens(port, Event::Tick);
        }
    }

    /// A connection of which it is known where it comes from; it may have knocked before.
    pub(super) fn connect(&mut self, name: &str, port: u16, origin: Origin) {
        self.knocking.retain(|(other, _)| other != name);
        if !self.reserved.contains_key(&port) {
            return self.said.push(format!("{name} is closed: a probe"));
        }
        self.connections.push((name.to_owned(), port));
        let id = CandidateId(self.connections.len() as u64 - 1);
        self.happens(port, Event::Arrived(id, origin));
    }

    pub(super) fn origin(&self, address: IpAddr) -> Origin {
        Origin {
            address: (address, 40000).into(),
            visibility: self.settings.addresses,
        }
    }

    /// Something happens to the last connection of this name.
    pub(super) fn happens_to(&mut self, name: &str, event: impl FnOnce(CandidateId) -> Event) {
        let found = self
            .connections
            .iter()
            .enumerate()
            .rev()
            .find(|(_, (other, _))| other == name);
        if let Some((index, (_, port))) = found {
            let port = *port;
            let event = event(CandidateId(index as u64));
            if self.reserved.contains_key(&port) {
                self.happens(port, event);
            }
        }
    }

    /// Time passes, and everything that is due happens when it is due.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.due().filter(|due| *due <= end) {
            self.now = due;
            let (waiting, late): (BTreeMap<_, _>, _) = mem::take(&mut self.waiting)
                .into_iter()
                .partition(|(_, (_, until))| *until > due);
            self.waiting = waiting;
            for (session, (ticket, _)) in late {
                self.turns.leave(ticket);
                self.said
                    .push(format!("{session} hears that no port is free"));
            }
            let ports: Vec<_> = self.reserved.keys().copied().collect();
            for port in ports {
                self.happens(port, Event::Tick);
            }
        }
        self.now = end;
    }

    fn due(&self) -> Option<Duration> {
        let wakes = self
            .reserved
            .values()
            .map(|round| round.begun + round.contest.wake());
        let waits = self.waiting.values().map(|(_, until)| *until);
        wakes.chain(waits).min()
    }

    fn hand_out(&mut self) {
        while let Some((session, PortId(port))) = self.turns.next() {
            self.waiting.remove(&session);
            let port = u16::try_from(port).unwrap();
            let address = self.settings.address.map_or_else(
                || "an unknown address".to_owned(),
                |address| address.to_string(),
            );
            let advertised = self.settings.ports[&port];
            let contest = Contest::new(Terms {
                origin: self.origin(CLIENT),
                binding: self.settings.binding,
                deadline: self.settings.connect,
            });
            self.said
                .push(format!("{session} is told {address}, port {advertised}"));
            let round = Round {
                session,
                begun: self.now,
                contest,
                is_asked: false,
            };
            assert!(
                self.reserved.insert(port, round).is_none(),
                "two reservations of {port}"
            );
        }
    }

    fn happens(&mut self, port: u16, event: Event) {
        let Some(round) = self.reserved.get_mut(&port) else {
            return;
        };
        let session = round.session.clone();
        let is_asked = round.is_asked;
        let now = self.now.saturating_sub(round.begun);
        let knocking = self.knocking.iter().filter(|(_, other)| *other == port);
        round.contest.expect(now, knocking.count());
        let actions = round.contest.handle(now, event);
        for action in actions {
            match action {
                Action::Close(id) => self.say(id, "is closed"),
                Action::Handshake(id) => self.say(id, "begins TLS"),
                Action::Take(id, bond) => {
                    assert!(is_asked, "data would move before the transfer command");
                    let proof = match bond {
                        Bond::Proven => "",
                        Bond::Unproven => ", without proof",
                    };
                    self.say(id, &format!("is the data connection of {session}{proof}"));
                    return self.free(port);
                }
                Action::GiveUp(failure) => {
                    if is_asked {
                        self.said
                            .push(format!("{session} hears: {}", describe(failure)));
                    } else {
                        self.said
                            .push(format!("{session} has waited too long to use its port"));
                    }
                    return self.free(port);
                }
            }
        }
    }

    fn free(&mut self, port: u16) {
        self.reserved.remove(&port);
        self.knocking.retain(|(_, other)| *other != port);
        self.turns.give_back(PortId(u64::from(port)));
        self.said.push(format!("{port} is free"));
        self.hand_out();
    }

    fn say(&mut self, CandidateId(index): CandidateId, what: &str) {
        let (name, _) = &self.connections[usize::try_from(index).unwrap()];
        self.said.push(format!("{name} {what}"));
    }

    fn port_of(&self, session: &str) -> Option<u16> {
        self.reserved
            .iter()
            .find(|(_, round)| round.session == session)
            .map(|(port, _)| *port)
    }
}

/// [`Event::Handshaken`] of a connection.
pub(super) fn handshaken(handshake: Handshake) -> impl FnOnce(CandidateId) -> Event {
    move |id| Event::Handshaken(id, handshake)
}

fn describe(failure: DataFailure) -> String {
    match failure {
        DataFailure::TimedOut => "nobody connected in time".to_owned(),
        DataFailure::Handshake(why) => format!("TLS failed: {why}"),
        DataFailure::Unbound(why) => why,
    }
}
