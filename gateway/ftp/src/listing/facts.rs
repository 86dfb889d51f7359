//! Facts of `MLST` and `MLSD` (RFC 3659 §7.5), and the choice between them.

use alloc::{format, string::String, vec::Vec};
use core::fmt::{self, Write};

use super::{Entry, Kind};

/// Which facts a client wants (`OPTS MLST`); without a choice, all.
///
/// The fact `perm` is not offered: what a user may do is decided when he tries, and a hint that is wrong now and then
/// keeps clients from what they could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts(u8);

/// One fact.
#[derive(Clone, Copy)]
enum Fact {
    Kind,
    Size,
    Modified,
    Mode,
    Unique,
}

/// In the order in which they are written, which is the order of their bits.
const FACTS: [(Fact, &str); 5] = [
    (Fact::Kind, "type"),
    (Fact::Size, "size"),
    (Fact::Modified, "modify"),
    (Fact::Mode, "unix.mode"),
    (Fact::Unique, "unique"),
];

impl Default for Facts {
    fn default() -> Self {
        Self::ALL
    }
}

impl Facts {
    /// Every fact that this server knows.
    pub const ALL: Self = Self((1 << FACTS.len()) - 1);

    /// The facts named in `type;size;`, in any case. Others are passed over (RFC 3659 §7.9), so that none may be left.
    pub fn choose(names: &[u8]) -> Self {
        let named = |fact: &str| {
            names
                .split(|byte| *byte == b';')
                .any(|name| name.trim_ascii().eq_ignore_ascii_case(fact.as_bytes()))
        };
        Self(
            (0..)
                .zip(FACTS)
                .filter(|(_place, (_fact, name))| named(name))
                .fold(0, |chosen, (place, _fact)| chosen | 1 << place),
        )
    }

    /// What `FEAT` says after `MLST `: every fact, and a star after those that are chosen (RFC 3659 §7.8).
    pub fn feature(self) -> String {
        let mut line = String::new();
        for (place, (_fact, name)) in (0..).zip(FACTS) {
            line.push_str(name);
            line.push_str(if self.has(place) { "*;" } else { ";" });
        }
        line
    }

    /// Appends the chosen facts that `entry` has, each as `name=value;`, without the space and the name that follow
    /// them in a line. The size is that of a file's content: a folder has none.
    pub fn write(self, entry: &Entry, line: &mut Vec<u8>) {
        for (_place, (fact, name)) in (0..).zip(FACTS).filter(|(place, _fact)| self.has(*place)) {
            let value = match fact {
                Fact::Kind => match entry.kind {
                    Kind::File => "file".into(),
                    Kind::Folder => "dir".into(),
                    Kind::Link => "OS.unix=symlink".into(),
                    Kind::Other => "OS.unix=special".into(),
                },
                Fact::Size if entry.kind != Kind::File => continue,
                Fact::Size => format!("{}", entry.size),
                Fact::Modified => format!("{}", entry.modified),
                Fact::Mode => format!("{:04o}", entry.mode & 0o777),
                Fact::Unique => format!("{:x}", entry.unique),
            };
            line.extend_from_slice(format!("{name}={value};").as_bytes());
        }
    }

    const fn has(self, place: u8) -> bool {
        self.0 & 1 << place != 0
    }
}

/// The chosen names, `type;size;`: what the reply to `OPTS MLST` repeats after `MLST OPTS `.
impl fmt::Display for Facts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (_place, (_fact, name)) in (0..).zip(FACTS).filter(|(place, _fact)| self.has(*place)) {
            formatter.write_str(name)?;
            formatter.write_char(';')?;
        }
        Ok(())
    }
}
