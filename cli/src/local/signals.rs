//! SIGINT and SIGTERM: the first one asks to stop, the second one insists.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes the signals from now on.
    pub(super) fn take() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The number of the next signal; safe to drop.
    pub(super) async fn next(&mut self) -> i32 {
        tokio::select! {
            _received = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _received = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
        }
    }
}
