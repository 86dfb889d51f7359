//! `secureftp local`: manifests → checked → compiled → written below STATE → served by the gateway, in one process.

mod certificates;
mod changes;
mod compile;
mod keys;
mod materials;
mod problems;
mod renewal;
mod serve;
mod service;
pub mod sheet;
mod signals;
mod state;
mod voice;
mod watch;
mod write;

use std::{collections::BTreeMap, io, net::SocketAddr, path::PathBuf, time::SystemTime};

use crds::SecureFtpEndpoint;

use crate::{
    arguments::{Local, Purpose},
    manifest::{self, Reading, Severity},
    password,
};
pub use voice::Voice;

use materials::Materials;
use state::State;

/// Which ports are bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// As the manifests say.
    Real,
    /// Those below 1024, which only root may bind, at the port plus 2000.
    Unprivileged,
}

impl Ports {
    /// The port to bind for this port of a manifest.
    pub fn bound(self, port: u16) -> u16 {
        match self {
            Self::Unprivileged if port < 1024 => port + 2000,
            Self::Unprivileged | Self::Real => port,
        }
    }

    /// The port to bind for every port of this endpoint, of a listener or passive.
    fn bound_by(self, endpoint: &SecureFtpEndpoint) -> BTreeMap<u16, u16> {
        let spec = &endpoint.spec;
        let listeners = spec.listeners.iter().map(|listener| listener.port);
        let passive = spec.data_connections.as_ref();
        let passive = passive.map(|data| data.passive.ports.start..=data.passive.ports.end);
        listeners
            .chain(passive.into_iter().flatten())
            .map(|port| (port, self.bound(port)))
            .collect()
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Good,
    /// The manifests have mistakes, which have been shown.
    Mistakes,
    /// The second signal of this number ended it at once.
    Signal(i32),
}

/// Checks the manifests, and serves them until a signal comes.
pub fn run(arguments: &Local, voice: &mut Voice<'_>) -> Result<Ending, Error> {
    let place = (arguments.bind, arguments.ports());
    let mut reading = manifest::read(&arguments.path);
    // Everything that can be wrong is found before anything is written.
    compile::compile(&mut reading, place, &mut Materials::Imagined)?;
    voice.complain(&told(&reading));
    if reading.is_broken() {
        return Ok(Ending::Mistakes);
    }
    if arguments.purpose() == Purpose::Check {
        let manifests = &reading.manifests;
        voice.say(format_args!(
            "{}: no mistakes ({}, {})",
            arguments.path.display(),
            counted(manifests.endpoints.len(), "endpoint"),
            counted(manifests.users.len(), "user"),
        ));
        return Ok(Ending::Good);
    }
    let state = State::open(&arguments.state)?;
    if arguments.path.is_dir() && state.is_read_with(&arguments.path)? {
        return Err(Error::StateInside {
            path: arguments.path.clone(),
            state: arguments.state.clone(),
        });
    }
    let mut materials = Materials::of(&state, SystemTime::now())?;
    let services = compile::compile(&mut reading, place, &mut materials)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Error::Runtime)?;
    let ending = runtime.block_on(serve::serve(arguments, &state, services, voice));
    // A call that hangs on the volume must not keep the process.
    runtime.shutdown_background();
    ending
}

/// All mistakes, then what was skipped.
fn told(reading: &Reading) -> String {
    let mistakes = reading.mistakes.iter().map(ToString::to_string);
    let skipped = reading.manifests.skipped.iter();
    let skipped = skipped
        .map(|(kind, count)| format!("skipped: {} of kind {kind}", counted(*count, "object")));
    let errors = reading
        .mistakes
        .iter()
        .filter(|mistake| mistake.severity == Severity::Error)
        .count();
    let end = (errors > 0).then(|| {
        format!(
            "{}; nothing was started or changed",
            counted(errors, "mistake")
        )
    });
    let lines: Vec<String> = mistakes.chain(skipped).chain(end).collect();
    lines.join("\n")
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Why `local` cannot go on; nothing that a manifest could mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// STATE failed.
    #[error(transparent)]
    State(#[from] state::Error),
    /// Whoever uploads a manifest would be obeyed.
    #[error(
        "the state {} lies among the manifests of {}, so uploaded files would be read as manifests: name a folder outside with --state",
        state.display(),
        path.display()
    )]
    StateInside {
        /// The manifests.
        path: PathBuf,
        /// The state.
        state: PathBuf,
    },
    /// A key failed.
    #[error(transparent)]
    Key(#[from] keys::Error),
    /// A certificate failed.
    #[error(transparent)]
    Certificate(#[from] certificates::Error),
    /// A password could not be hashed.
    #[error(transparent)]
    Password(#[from] password::Error),
    /// The kept hashes are damaged.
    #[error("{} is damaged; remove it and the passwords are hashed again", path.display())]
    Hashes {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The configuration could not be written as JSON.
    #[error("the configuration cannot be written")]
    Render(#[source] serde_json::Error),
    /// No threads, or no signals.
    #[error("the runtime cannot be started")]
    Runtime(#[source] io::Error),
    /// The admin port failed.
    #[error(transparent)]
    Admin(gateway::admin::AdminError),
    /// Another program has the port.
    #[error(
        "{what} cannot be served: another program listens at {address}; stop it, or choose {mend}"
    )]
    Taken {
        /// What should be there.
        what: String,
        /// Where.
        address: SocketAddr,
        /// What else could be chosen, and by what.
        mend: String,
    },
    /// An endpoint failed.
    #[error("the endpoint {endpoint} cannot be served")]
    Start {
        /// `NAMESPACE/NAME`.
        endpoint: String,
        /// Why not.
        source: Box<gateway::server::StartError>,
    },
}
