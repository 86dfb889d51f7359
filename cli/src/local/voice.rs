//! What a running `local` says. A terminal that went away is no reason to stop serving.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Standard output and standard error.
pub struct Voice<'a> {
    out: &'a mut dyn Write,
    errors: &'a mut dyn Write,
}

impl<'a> Voice<'a> {
    /// Speaks there.
    pub fn new(out: &'a mut dyn Write, errors: &'a mut dyn Write) -> Self {
        Self { out, errors }
    }

    /// Tells what happened, on a line.
    pub(super) fn say(&mut self, text: impl Display) {
        let _heard = line(self.out, &text);
    }

    /// Tells what went wrong, on a line; nothing if there is nothing to tell.
    pub(super) fn complain(&mut self, text: &str) {
        if !text.is_empty() {
            let _heard = line(self.errors, &text);
        }
    }
}

fn line(stream: &mut dyn Write, text: &impl Display) -> io::Result<()> {
    writeln!(stream, "{text}")?;
    stream.flush()
}
