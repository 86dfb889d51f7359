//! What holds whatever happens in whatever order.

use std::{collections::BTreeMap, time::Duration};

use ftp::{DataProtection, Direction};
use gateway_config::{Binding, ClientAddress};
use proptest::prelude::*;

use super::world::{CLIENT, Settings, World, handshaken};
use crate::ftps::{passive::contest::Event, tls::Handshake};

const SESSIONS: [&str; 6] = ["alice", "alice#2", "alice#3", "bob", "bob#2", "carol"];
const CONNECTIONS: [&str; 6] = ["c1", "c2", "c3", "c4", "c5", "c6"];
const PORTS: [u16; 3] = [30000, 30001, 30002];

#[derive(Clone, Debug)]
enum Step {
    Reserve(usize),
    Ask(usize, DataProtection, Direction),
    GiveUp(usize),
    Connect(usize, u16, u8),
    Happen(usize, u8),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let session = 0..SESSIONS.len();
    let connection = 0..CONNECTIONS.len();
    prop_oneof![
        session.clone().prop_map(Step::Reserve),
        (
            session.clone(),
            prop_oneof![Just(DataProtection::Clear), Just(DataProtection::Private)],
            prop_oneof![Just(Direction::Download), Just(Direction::Upload)],
        )
            .prop_map(|(session, protection, direction)| Step::Ask(session, protection, direction)),
        session.prop_map(Step::GiveUp),
        (
            connection.clone(),
            prop::sample::select(&PORTS[..]),
            0_u8..2
        )
            .prop_map(|(connection, port, host)| Step::Connect(connection, port, host)),
        (connection, 0_u8..6).prop_map(|(connection, what)| Step::Happen(connection, what)),
        (0_u64..3000).prop_map(Step::Pass),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let bindings = [
        Binding::TlsRequired,
        Binding::TlsPreferred,
        Binding::Address,
        Binding::None,
    ];
    let addresses = [ClientAddress::Real, ClientAddress::Hidden];
    (
        prop::sample::select(bindings.to_vec()),
        prop::sample::select(addresses.to_vec()),
    )
        .prop_map(|(binding, addresses)| Settings {
            binding,
            addresses,
            ports: PORTS
                .map(|port| (port, port))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            address: None,
            wait: Duration::from_secs(10),
            connect: Duration::from_secs(30),
        })
}

fn take(world: &mut World, step: &Step) {
    match *step {
        // A session has one port at a time; it gives the old one back before it asks for another.
        Step::Reserve(session) => {
            world.give_up(SESSIONS[session]);
            world.reserve(SESSIONS[session]);
        }
        Step::Ask(session, protection, direction) => {
            world.ask(SESSIONS[session], protection, direction);
        }
        Step::GiveUp(session) => world.give_up(SESSIONS[session]),
        Step::Connect(connection, port, host) => {
            let address = if host == 0 {
                CLIENT
            } else {
                [198, 51, 100, 66].into()
            };
            let origin = world.origin(address);
            world.connect(CONNECTIONS[connection], port, origin);
        }
        Step::Happen(connection, what) => {
            let name = CONNECTIONS[connection];
            match what {
                0 => world.happens_to(name, Event::Heard),
                1 => world.happens_to(name, Event::Ended),
                2 => world.happens_to(name, Event::Lost),
                3 => world.happens_to(name, handshaken(Handshake::Resumed)),
                4 => world.happens_to(name, handshaken(Handshake::Full)),
                _ => world.happens_to(name, |id| Event::HandshakeFailed(id, "rubbish".to_owned())),
            }
        }
        Step::Pass(milliseconds) => world.pass(Duration::from_millis(milliseconds)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// The world itself asserts that no port is ever reserved twice, and that no connection is taken before the
    /// transfer command.
    #[test]
    fn everybody_gets_an_end(settings in settings(), steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new(settings);

        for step in &steps {
            take(&mut world, step);
            world.pass(Duration::ZERO);
            prop_assert!(world.reserved() <= PORTS.len());
        }
        // Everybody who waits for a port may have to wait for somebody who waits for a data connection.
        world.pass(Duration::from_secs(10 + 30));

        prop_assert_eq!(world.reserved(), 0);
        prop_assert_eq!(world.waiting(), 0);
    }

    /// A stranger never proves anything: from another address, or with a full handshake over hidden addresses.
    #[test]
    fn strangers_are_never_served_where_proof_is_required(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new(Settings {
            binding: Binding::TlsRequired,
            addresses: ClientAddress::Hidden,
            ports: [(30000, 30000)].into(),
            address: None,
            wait: Duration::from_secs(10),
            connect: Duration::from_secs(30),
        });

        for step in steps.iter().filter(|step| !matches!(step, Step::Happen(_, 3))) {
            take(&mut world, step);
        }

        prop_assert!(world.said().iter().all(|sentence| !sentence.contains("is the data connection")));
    }
}
