//! Answers that wait for room in the client's window.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use sftp::{Answer, DATA_HEADER, data_header};

/// Whether a packet may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Whole packets only. A packet that is longer than the room waits.
    Never,
    /// The last packet may be cut; its rest comes first the next time.
    Allowed,
}

/// Encoded answers, in the order in which they will leave.
#[derive(Debug, Default)]
pub(super) struct Answers {
    waiting: VecDeque<Piece>,
    length: usize,
}

/// A DATA packet stays in two parts, so that what was read is copied once: into what is sent.
#[derive(Debug)]
enum Piece {
    /// Whole packets, the first of them perhaps cut.
    Packets { bytes: Vec<u8>, taken: usize },
    /// What is left of a DATA packet's header, before its data.
    Header {
        bytes: [u8; DATA_HEADER],
        taken: usize,
        data: Bytes,
    },
    /// What is left of a DATA packet whose header is gone.
    Data(Bytes),
}

impl Answers {
    /// Bytes that have not been taken.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    pub(super) fn push(&mut self, id: u32, answer: &Answer<'_>) {
        // What has left is freed with its piece. A piece that grew at its end while it leaves at its front would hold
        // everything that was ever answered.
        let grows = self.waiting.back().is_some_and(Piece::grows);
        if !grows {
            self.waiting.push_back(Piece::Packets {
                bytes: Vec::new(),
                taken: 0,
            });
        }
        if let Some(Piece::Packets { bytes, .. }) = self.waiting.back_mut() {
            let before = bytes.len();
            answer.encode(id, bytes);
            self.length += bytes.len() - before;
        }
    }

    pub(super) fn push_data(&mut self, id: u32, data: Bytes) {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        self.length += DATA_HEADER + data.len();
        self.waiting.push_back(Piece::Header {
            bytes: data_header(id, length),
            taken: 0,
            data,
        });
    }

    /// Moves at most `room` bytes to the end of `out`, and says how many.
    pub(super) fn take(&mut self, room: usize, cut: Cut, out: &mut BytesMut) -> usize {
        let start = out.len();
        while let Some(piece) = self.waiting.pop_front() {
            let room = room - (out.len() - start);
            if let Some(rest) = piece.take(room, cut, out) {
                self.waiting.push_front(rest);
                break;
            }
        }
        let taken = out.len() - start;
        self.length -= taken;
        taken
    }
}

impl Piece {
    /// Whether more packets belong to it.
    const fn grows(&self) -> bool {
        matches!(self, Self::Packets { taken: 0, .. })
    }

    /// Moves at most `room` bytes to `out`; what is left comes back.
    fn take(self, room: usize, cut: Cut, out: &mut BytesMut) -> Option<Self> {
        match self {
            Self::Packets { bytes, taken } => {
                let rest = bytes.get(taken..).unwrap_or_default();
                let fits = match cut {
                    Cut::Never => whole_packets(rest, room),
                    Cut::Allowed => room.min(rest.len()),
                };
                out.extend_from_slice(rest.get(..fits).unwrap_or_default());
                let taken = taken + fits;
                (taken < bytes.len()).then_some(Self::Packets { bytes, taken })
            }
            Self::Header { bytes, taken, data } => {
                let rest = bytes.get(taken..).unwrap_or_default();
                if cut == Cut::Never && rest.len() + data.len() > room {
                    return Some(Self::Header { bytes, taken, data });
                }
                let fits = room.min(rest.len());
                out.extend_from_slice(rest.get(..fits).unwrap_or_default());
                if fits < rest.len() {
                    let taken = taken + fits;
                    return Some(Self::Header { bytes, taken, data });
                }
                Self::Data(data).take(room - fits, Cut::Allowed, out)
            }
            Self::Data(mut data) => {
                let fits = room.min(data.len());
                out.extend_from_slice(data.get(..fits).unwrap_or_default());
                data.advance(fits);
                (!data.is_empty()).then_some(Self::Data(data))
            }
        }
    }
}

#[cfg(test)]
impl Piece {
    /// Bytes that it keeps in memory.
    fn held(&self) -> usize {
        match self {
            Self::Packets { bytes, .. } => bytes.len(),
            Self::Header { data, .. } | Self::Data(data) => data.len(),
        }
    }
}

/// How many bytes the whole packets at the front have that fit into `room`.
fn whole_packets(packets: &[u8], room: usize) -> usize {
    let mut end = 0;
    while let Some((length, _rest)) = packets.get(end..).and_then(<[u8]>::split_first_chunk) {
        let next =
            end + 4 + usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX - 4 - end);
        if next > room {
            break;
        }
        end = next;
    }
    end
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{Answers, Cut, Piece};
    use crate::sftp::engine::status;

    #[test]
    fn what_was_taken_is_given_back_even_if_something_always_waits() {
        let mut answers = Answers::default();
        let mut out = BytesMut::new();
        answers.push(0, &status::DONE);
        let length = answers.length();

        for id in 0..10_000 {
            answers.push(id, &status::DONE);
            out.clear();
            answers.take(length, Cut::Allowed, &mut out);
        }

        assert_eq!(answers.length(), length);
        let held: usize = answers.waiting.iter().map(Piece::held).sum();
        assert!(held < 10 * length, "{held} bytes are held");
    }
}
