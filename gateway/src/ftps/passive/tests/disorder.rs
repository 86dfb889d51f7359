//! Sessions and clients with real sockets, in any order: nothing is left behind.

use std::collections::BTreeSet;

use ftp::{DataFailure, Direction, PassiveFailure};
use futures_util::{future::BoxFuture, poll};
use proptest::prelude::*;
use std::task::Poll;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, runtime::Builder, task::yield_now};

use super::sockets::{bind, claimant, connect, one_byte_handshake, passive, until};
use crate::ftps::passive::{DataStream, PassivePorts, Reservation};

const PORTS: usize = 2;
const SESSIONS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Reserve(usize),
    Connect(usize),
    Speak(u8),
    Hang,
    Bind(usize, Direction),
    Drop(usize),
    Yield,
}

fn step() -> impl Strategy<Value = Step> {
    let session = 0..SESSIONS;
    prop_oneof![
        session.clone().prop_map(Step::Reserve),
        session.clone().prop_map(Step::Connect),
        prop::sample::select(&b"rfx"[..]).prop_map(Step::Speak),
        Just(Step::Hang),
        (
            session.clone(),
            prop_oneof![Just(Direction::Download), Just(Direction::Upload)]
        )
            .prop_map(|(session, direction)| Step::Bind(session, direction)),
        session.prop_map(Step::Drop),
        Just(Step::Yield),
    ]
}

enum Session {
    Idle,
    Waiting(BoxFuture<'static, Result<Reservation, PassiveFailure>>),
    Reserved(Reservation),
    Binding(BoxFuture<'static, Result<DataStream, DataFailure>>),
    Transferring(DataStream),
}

impl Session {
    async fn look(&mut self) {
        let next = match self {
            Self::Waiting(waiting) => match poll!(waiting) {
                Poll::Ready(reserved) => reserved.map_or(Self::Idle, Self::Reserved),
                Poll::Pending => return,
            },
            Self::Binding(binding) => match poll!(binding) {
                Poll::Ready(bound) => bound.map_or(Self::Idle, Self::Transferring),
                Poll::Pending => return,
            },
            Self::Idle | Self::Reserved(_) | Self::Transferring(_) => return,
        };
        *self = next;
    }
}

struct World {
    ports: PassivePorts,
    sessions: [Session; SESSIONS],
    /// Every port that was ever advertised.
    known: BTreeSet<u16>,
    clients: Vec<TcpStream>,
}

impl World {
    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Reserve(session) => {
                let ports = self.ports.clone();
                let claimant = claimant(if session == 0 { "alice" } else { "bob" });
                self.sessions[session] =
                    Session::Waiting(Box::pin(async move { ports.reserve(claimant).await }));
            }
            Step::Connect(which) => {
                if let Some(port) = self.known.iter().nth(which % PORTS) {
                    self.clients.push(connect(*port).await);
                }
            }
            Step::Speak(byte) => {
                if let Some(client) = self.clients.last_mut() {
                    // It may be closed already.
                    let _written = client.write_all(&[byte]).await;
                }
            }
            Step::Hang => drop(self.clients.pop()),
            Step::Bind(session, direction) => self.bind(session, direction),
            Step::Drop(session) => self.sessions[session] = Session::Idle,
            Step::Yield => yield_now().await,
        }
        for session in &mut self.sessions {
            session.look().await;
        }
        let reserved: Vec<_> = self
            .sessions
            .iter()
            .filter_map(|session| match session {
                Session::Reserved(reservation) => Some(reservation.advertised().port),
                _ => None,
            })
            .collect();
        let distinct: BTreeSet<_> = reserved.iter().copied().collect();
        assert_eq!(distinct.len(), reserved.len(), "a port is reserved twice");
        self.known.extend(distinct);
    }

    fn bind(&mut self, session: usize, direction: Direction) {
        let session = &mut self.sessions[session];
        *session = match std::mem::replace(session, Session::Idle) {
            Session::Reserved(reservation) => Session::Binding(Box::pin(
                reservation.bind_by(Some(one_byte_handshake()), direction),
            )),
            other => other,
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_port_stays_reserved(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World {
                ports: bind(&passive(PORTS)),
                sessions: [const { Session::Idle }; SESSIONS],
                known: BTreeSet::new(),
                clients: Vec::new(),
            };

            for step in &steps {
                world.take(step).await;
            }
            // Transfers need no port any more.
            for session in &mut world.sessions {
                match session {
                    Session::Transferring(data) => assert!(matches!(data, DataStream::Clear(_))),
                    _ => *session = Session::Idle,
                }
            }

            until(&world.ports, |usage| (usage.free, usage.reserved, usage.waiting) == (PORTS, 0, 0)).await;
        });
    }
}
