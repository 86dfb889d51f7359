//! Which requests may run beside which: the order that clients expect, without making everybody wait for everybody.

/// A piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its first byte.
    pub start: u64,
    /// How many bytes it has.
    pub length: u64,
}

impl Range {
    /// The whole file: what a write at the end of the file may touch.
    pub const WHOLE: Self = Self {
        start: 0,
        length: u64::MAX,
    };

    /// Whether both have a byte in common.
    pub const fn touches(self, other: Self) -> bool {
        self.start < other.start.saturating_add(other.length)
            && other.start < self.start.saturating_add(self.length)
    }
}

/// What a request does with the handle that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// READ.
    Read(Range),
    /// WRITE. Writes run beside each other: storage lets those that touch take effect in the order of the calls.
    Write(Range),
    /// FSTAT, `fstatvfs`: sees everything that was written before.
    Look,
    /// FSETSTAT, `fsync`, READDIR, CLOSE: alone on its handle.
    Alone,
}

impl Effect {
    /// Whether `later`, a request on the same handle, may start while `self` runs. The requests of one handle start in
    /// the order of their arrival, so nothing else has to be asked.
    pub const fn admits(self, later: Self) -> bool {
        match (self, later) {
            (Self::Alone, _)
            | (_, Self::Alone)
            | (Self::Write(_), Self::Look)
            | (Self::Look, Self::Write(_)) => false,
            (Self::Read(one), Self::Write(other)) | (Self::Write(one), Self::Read(other)) => {
                !one.touches(other)
            }
            (Self::Read(_) | Self::Look, Self::Read(_) | Self::Look)
            | (Self::Write(_), Self::Write(_)) => true,
        }
    }
}
