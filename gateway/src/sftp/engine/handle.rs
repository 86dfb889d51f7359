//! An open file or folder, and the requests that wait for it.

use std::collections::VecDeque;

use sftp::{Effect, Range, Reads};

use super::{
    action::{Action, ENTRIES_COST, REQUEST_COST, Target, Turn, promised},
    limits::EngineLimits,
    transfer::Transfer,
    write_answers::WriteAnswers,
};

/// An open file or folder.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) target: Target,
    pub(super) transfer: Transfer,
    /// Of the WRITEs that are not answered.
    pub(super) write_answers: WriteAnswers,
    /// Waits in the engine's round of handles.
    pub(super) queued: bool,
    waiting: VecDeque<Waiting>,
    running: Vec<(u64, Effect)>,
    /// Bytes that running READs will bring.
    running_bytes: usize,
}

/// Where WRITEs of a handle go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WritesAt {
    /// Where the client says.
    Offset,
    /// To the end, wherever the client says (APPEND).
    End,
}

/// What waits for its turn on a handle.
#[derive(Debug)]
pub(super) enum Waiting {
    /// READs, for room in the client's window too.
    Reads(Reads),
    /// Anything else.
    Request(HandleRequest),
}

/// A request on a handle that is no READ.
#[derive(Debug)]
pub(super) struct HandleRequest {
    pub(super) id: u32,
    pub(super) arrival: u64,
    pub(super) action: Action,
}

impl Waiting {
    /// Memory that it holds, in bytes.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Reads(_) => REQUEST_COST,
            Self::Request(request) => REQUEST_COST + request.action.payload(),
        }
    }

    /// Whether it starts only when the client has room for the answer.
    fn needs_room(&self) -> bool {
        match self {
            Self::Reads(_) => true,
            Self::Request(request) => matches!(request.action, Action::NextEntries),
        }
    }
}

/// What the client has room for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Room {
    /// Nothing that needs room: a request has arrived, or a call has ended.
    Nothing,
    /// Answers of so many bytes; a longer one may begin.
    Bytes(usize),
    /// Answers that fit into so many bytes as a whole.
    Whole(usize),
}

impl Room {
    /// Whether an answer of `length` may be begun when `before` bytes go before it.
    const fn admits(self, before: usize, length: usize) -> bool {
        match self {
            Self::Nothing => false,
            Self::Bytes(room) => before < room,
            Self::Whole(room) => before + length <= room,
        }
    }

    #[must_use]
    pub(super) const fn less(self, taken: usize) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Bytes(room) => Self::Bytes(room.saturating_sub(taken)),
            Self::Whole(room) => Self::Whole(room.saturating_sub(taken)),
        }
    }
}

impl Handle {
    pub(super) fn new(target: Target, transfer: Transfer) -> Self {
        Self {
            target,
            transfer,
            write_answers: WriteAnswers::default(),
            queued: false,
            waiting: VecDeque::new(),
            running: Vec::new(),
            running_bytes: 0,
        }
    }

    /// Adds a request to the end of the queue, and says what memory that took.
    pub(super) fn push(&mut self, waiting: Waiting) -> usize {
        if let Waiting::Reads(reads) = &waiting
            && let Some(Waiting::Reads(last)) = self.waiting.back_mut()
            && last.extend(reads.first())
        {
            return 0;
        }
        let cost = waiting.cost();
        self.waiting.push_back(waiting);
        cost
    }

    /// CLOSE has arrived: nothing more may.
    pub(super) fn is_closing(&self) -> bool {
        matches!(
            self.waiting.back(),
            Some(Waiting::Request(HandleRequest {
                action: Action::Close,
                ..
            }))
        )
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes the request whose turn it is, with the memory that this gives back.
    pub(super) fn next(&mut self, room: Room) -> Option<(Turn, usize)> {
        let front = self.waiting.front()?;
        let effect = self.effect(front);
        let admitted = self
            .running
            .iter()
            .all(|(_, earlier)| earlier.admits(effect));
        if !admitted || front.needs_room() && !self.has_room(front, room) {
            return None;
        }
        match self.waiting.pop_front()? {
            Waiting::Reads(reads) => {
                let read = reads.first();
                let freed = match reads.rest() {
                    Some(rest) => {
                        self.waiting.push_front(Waiting::Reads(rest));
                        0
                    }
                    None => REQUEST_COST,
                };
                let turn = Turn {
                    id: read.id,
                    arrival: 0,
                    effect,
                    action: None,
                };
                Some((turn, freed))
            }
            Waiting::Request(request) => {
                let freed = REQUEST_COST + request.action.payload();
                let turn = Turn {
                    id: request.id,
                    arrival: request.arrival,
                    effect,
                    action: Some(request.action),
                };
                Some((turn, freed))
            }
        }
    }

    fn has_room(&self, waiting: &Waiting, room: Room) -> bool {
        let length = match waiting {
            Waiting::Reads(reads) => answer_length(reads.first().length),
            Waiting::Request(_) => ENTRIES_COST,
        };
        room.admits(self.running_bytes, length)
            && self.running_bytes < EngineLimits::RUNNING_PER_HANDLE
    }

    fn effect(&self, waiting: &Waiting) -> Effect {
        match waiting {
            Waiting::Reads(reads) => {
                let read = reads.first();
                Effect::Read(Range {
                    start: read.offset,
                    length: read.length.min(sftp::TRANSFER_MAX).into(),
                })
            }
            Waiting::Request(request) => match &request.action {
                Action::Write { .. } if self.transfer.writes() == Some(WritesAt::End) => {
                    Effect::Write(Range::WHOLE)
                }
                Action::Write { offset, bytes } => Effect::Write(Range {
                    start: *offset,
                    length: bytes.len() as u64,
                }),
                Action::Stat | Action::Space => Effect::Look,
                Action::SetStat(_) | Action::Sync | Action::NextEntries | Action::Close => {
                    Effect::Alone
                }
            },
        }
    }

    /// A call goes on in the task of this number.
    pub(super) fn started(&mut self, number: u64, effect: Effect) {
        self.running_bytes += promised(effect);
        self.running.push((number, effect));
    }

    /// The task of this number has ended.
    pub(super) fn ended(&mut self, number: u64) {
        if let Some(index) = self.running.iter().position(|(other, _)| *other == number) {
            let (_number, effect) = self.running.swap_remove(index);
            self.running_bytes -= promised(effect);
        }
    }

    /// Bytes of waiting WRITEs that will be written even if the client takes no more answers.
    pub(super) fn writable_bytes(&self) -> usize {
        let certain = self
            .waiting
            .iter()
            .take_while(|waiting| !waiting.needs_room());
        certain.map(Waiting::cost).sum()
    }
}

/// The longest answer to a READ of `length`.
fn answer_length(length: u32) -> usize {
    sftp::DATA_HEADER + usize::try_from(length.min(sftp::TRANSFER_MAX)).unwrap_or(usize::MAX / 2)
}
