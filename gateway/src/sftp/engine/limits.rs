//! What one conversation may use, and what ends it.

/// What one conversation may use at most.
#[derive(Clone, Copy, Debug)]
pub struct EngineLimits {
    /// Bytes for requests that wait, requests that run, answers that have not been taken, and the packet that is
    /// arriving.
    pub memory: usize,
    /// Open files and folders.
    pub handles: usize,
}

impl EngineLimits {
    /// READs under way for one handle, in bytes: enough to keep a network volume busy, and little enough that a handle
    /// that hangs leaves the others their share.
    pub(super) const RUNNING_PER_HANDLE: usize = 512 * 1024;
    /// How many requests on paths run side by side; more of them wait.
    pub(super) const RUNNING_PATHS: usize = 32;
    /// What one handle may read before the next one has its turn, in bytes.
    pub(super) const TURN: usize = 256 * 1024;

    /// READs are started only below this, so that they never are what breaks the limit.
    pub(super) const fn reads(&self) -> usize {
        self.memory / 2
    }

    /// From here on, WRITEs under way ask for a pause.
    pub(super) const fn writes(&self) -> usize {
        self.memory / 4
    }
}

/// The conversation cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Where the next packet starts is unknown after that.
    #[error(
        "the client announced a packet of {length} bytes, the limit is {} bytes",
        sftp::PACKET_MAX
    )]
    PacketTooLong {
        /// The announced length in bytes.
        length: u32,
    },
    /// It has no id, so no answer would reach its request.
    #[error("the client sent a packet that is too short to be answered")]
    Unanswerable,
    /// INIT is the first packet, and only the first.
    #[error("the client did not start with INIT, or sent it twice")]
    Greeting,
    /// The client sends requests and does not take the answers.
    #[error(
        "the client's requests and the answers it did not take need more than {limit} bytes, the limit of a session"
    )]
    Memory {
        /// [`EngineLimits::memory`].
        limit: usize,
    },
}
