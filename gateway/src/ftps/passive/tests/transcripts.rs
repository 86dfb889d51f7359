//! Every paragraph of a file in `transcripts` is one story; the sentences that can stand in one are in [`Story`].
//!
//! A line that begins with `>` is what the gateway does; the others are what sessions, connections and time do.

use std::{
    fmt::{Debug, Write as _},
    fs,
    net::IpAddr,
    path::Path,
    str::FromStr,
    time::Duration,
};

use ftp::{DataProtection, Direction};
use gateway_config::{Binding, ClientAddress};

use super::world::{CLIENT, Settings, World, handshaken};
use crate::{
    ftps::{passive::contest::Event, tls::Handshake},
    proxy::Origin,
};

#[test]
fn every_transcript_is_reproduced() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ftps/passive/transcripts");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no transcripts found");
    for file in files {
        check(&file);
    }
}

/// Replays what others do in a transcript and compares the whole story.
fn check(file: &Path) {
    let expected = fs::read_to_string(file).unwrap();
    let actual = replay(&expected);
    if std::env::var_os("UPDATE").is_some() {
        return fs::write(file, &actual).unwrap();
    }
    assert_eq!(
        actual,
        expected,
        "{} (UPDATE=1 rewrites it)",
        file.display()
    );
}

fn replay(transcript: &str) -> String {
    let mut story = Story::default();
    let mut told = String::new();
    for line in transcript.lines().filter(|line| !line.starts_with('>')) {
        writeln!(told, "{line}").unwrap();
        if line.is_empty() {
            story = Story::default();
        } else if !line.starts_with('#') {
            story.read(line);
            for sentence in story.world.iter_mut().flat_map(World::said) {
                writeln!(told, "> {sentence}").unwrap();
            }
        }
    }
    told
}

/// One paragraph of a transcript.
struct Story {
    settings: Settings,
    world: Option<World>,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            settings: Settings {
                binding: Binding::TlsRequired,
                addresses: ClientAddress::Real,
                ports: [(30000, 30000)].into(),
                address: Some([203, 0, 113, 9].into()),
                wait: Duration::from_secs(10),
                connect: Duration::from_secs(30),
            },
            world: None,
        }
    }
}

impl Story {
    fn read(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match *words.as_slice() {
            ["given", ref what @ ..] => self.given(what),
            [milliseconds, "ms", "pass"] => self.pass(Duration::from_millis(parsed(milliseconds))),
            [seconds, "s", "pass"] => self.pass(Duration::from_secs(parsed(seconds))),
            [session, "PASV" | "EPSV"] => self.world().reserve(session),
            [session, "ABOR" | "QUIT"] => self.world().give_up(session),
            [session, "RETR", protection] => self.ask(session, protection, Direction::Download),
            [session, "STOR", protection] => self.ask(session, protection, Direction::Upload),
            [name, "knocks", "at", port] => self.world().knock(name, parsed(port)),
            [name, "goes", "away"] => self.world().go_away(name),
            [name, "connects", "to", port] => self.connect(name, port, Some(CLIENT)),
            [name, "connects", "to", port, "from", "somewhere"] => self.connect(name, port, None),
            [name, "connects", "to", port, "from", address] => {
                self.connect(name, port, Some(parsed(address)));
            }
            [name, ref what @ ..] => self.happen(name, what),
            [] => unreachable!("a line has words"),
        }
    }

    fn given(&mut self, what: &[&str]) {
        let settings = &mut self.settings;
        match *what {
            ["ports", first, "to", last] => {
                let ports = parsed(first)..=parsed(last);
                settings.ports = ports.map(|port| (port, port)).collect();
            }
            ["port", bound, "advertised", "as", advertised] => {
                settings.ports = [(parsed(bound), parsed(advertised))].into();
            }
            ["binding", "TLSRequired"] => settings.binding = Binding::TlsRequired,
            ["binding", "TLSPreferred"] => settings.binding = Binding::TlsPreferred,
            ["binding", "Address"] => settings.binding = Binding::Address,
            ["binding", "None"] => settings.binding = Binding::None,
            ["hidden", "addresses"] => settings.addresses = ClientAddress::Hidden,
            ["no", "address"] => settings.address = None,
            _ => unreachable!("no such sentence: given {what:?}"),
        }
    }

    fn ask(&mut self, session: &str, protection: &str, direction: Direction) {
        let protection = match protection {
            "TLS" => DataProtection::Private,
            "clear" => DataProtection::Clear,
            _ => unreachable!("no such protection: {protection}"),
        };
        self.world().ask(session, protection, direction);
    }

    /// Without an address: it is hidden.
    fn connect(&mut self, name: &str, port: &str, address: Option<IpAddr>) {
        let hidden = Origin {
            address: (CLIENT, 40000).into(),
            visibility: ClientAddress::Hidden,
        };
        let world = self.world();
        let origin = address.map_or(hidden, |address| world.origin(address));
        world.connect(name, parsed(port), origin);
    }

    fn happen(&mut self, name: &str, what: &[&str]) {
        let world = self.world();
        match *what {
            ["speaks"] => world.happens_to(name, Event::Heard),
            ["leaves"] => world.happens_to(name, Event::Ended),
            ["breaks"] => world.happens_to(name, Event::Lost),
            ["resumed"] => world.happens_to(name, handshaken(Handshake::Resumed)),
            ["shook", "hands", "in", "full"] => {
                world.happens_to(name, handshaken(Handshake::Full));
            }
            ["failed", ref why @ ..] => {
                world.happens_to(name, |id| Event::HandshakeFailed(id, why.join(" ")));
            }
            _ => unreachable!("no such sentence: {name} {what:?}"),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.world().pass(time);
    }

    fn world(&mut self) -> &mut World {
        self.world
            .get_or_insert_with(|| World::new(self.settings.clone()))
    }
}

fn parsed<T: FromStr<Err: Debug>>(word: &str) -> T {
    word.parse().unwrap()
}
