//! What somebody who waits for a cluster reads: a line a step, with the time it took.

use std::{
    io::{self, Write},
    time::Instant,
};

/// Where the lines go.
#[derive(Clone, Copy, Debug)]
pub enum Journal {
    /// To standard error: standard output is for what was asked for.
    Told,
    /// Nowhere, for example in a test.
    Silent,
}

/// A step that goes on.
#[derive(Debug)]
pub struct Step {
    journal: Journal,
    name: String,
    start: Instant,
}

impl Journal {
    /// Begins a step. Nothing is printed before its end: steps of others may end meanwhile.
    pub fn begin(self, name: &str) -> Step {
        Step {
            journal: self,
            name: name.to_owned(),
            start: Instant::now(),
        }
    }

    /// Tells `text`, a line or more.
    pub fn tell(self, text: &str) {
        match self {
            // Nobody who listens is no reason to stop.
            Self::Told => writeln!(io::stderr(), "{text}").unwrap_or_default(),
            Self::Silent => {}
        }
    }
}

impl Step {
    /// Ends it well.
    pub fn end(self) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.journal
            .tell(&format!("{seconds:>7.1} s  {}", self.name));
    }
}
