//! Bytes into packets.

use alloc::vec::Vec;

/// The longest packet that is taken, in bytes without its length field: the 256 KiB that OpenSSH takes, and the header of
/// a WRITE of 256 KiB, which `sftp -B 262144` sends.
pub const PACKET_MAX: u32 = 262_144 + 1024;

/// One whole packet without its length field.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// It arrived whole, and lies where it arrived.
    Whole(&'a [u8]),
    /// It arrived in pieces that were put together.
    Gathered(Vec<u8>),
}

/// Puts packets together from pieces of any size.
#[derive(Debug, Default)]
pub struct Packets {
    state: State,
}

#[derive(Debug)]
enum State {
    /// The length field, as far as it has arrived.
    Length { bytes: [u8; 4], arrived: usize },
    /// A packet of `length` bytes, as far as it has arrived.
    Body { bytes: Vec<u8>, length: usize },
}

impl Default for State {
    fn default() -> Self {
        Self::Length {
            bytes: [0; 4],
            arrived: 0,
        }
    }
}

/// A packet announced more than [`PACKET_MAX`] bytes; where the next one starts is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// The announced length in bytes.
    pub length: u32,
}

impl Packets {
    /// Takes the next packet from the front of `input`. `None`: `input` is used up, and what it held of a packet is kept.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Packet<'a>>, TooLong> {
        if let State::Length { bytes, arrived } = &mut self.state {
            for (space, byte) in bytes.iter_mut().skip(*arrived).zip(*input) {
                *space = *byte;
            }
            let taken = input.len().min(bytes.len() - *arrived);
            *input = input.get(taken..).unwrap_or_default();
            *arrived += taken;
            if *arrived < bytes.len() {
                return Ok(None);
            }
            let length = length_of(*bytes)?;
            if let Some((packet, rest)) = input.split_at_checked(length) {
                *input = rest;
                self.state = State::default();
                return Ok(Some(Packet::Whole(packet)));
            }
            self.state = State::Body {
                bytes: Vec::with_capacity(length),
                length,
            };
        }
        Ok(self.gather(input).map(Packet::Gathered))
    }

    /// How many bytes of an unfinished packet are reserved.
    pub const fn reserved(&self) -> usize {
        match &self.state {
            State::Length { .. } => 0,
            State::Body { length, .. } => *length,
        }
    }

    fn gather(&mut self, input: &mut &[u8]) -> Option<Vec<u8>> {
        let State::Body { bytes, length } = &mut self.state else {
            return None;
        };
        let missing = *length - bytes.len();
        let (piece, rest) = input.split_at_checked(missing).unwrap_or((*input, &[]));
        bytes.extend_from_slice(piece);
        *input = rest;
        if bytes.len() < *length {
            return None;
        }
        let packet = core::mem::take(bytes);
        self.state = State::default();
        Some(packet)
    }
}

fn length_of(bytes: [u8; 4]) -> Result<usize, TooLong> {
    let length = u32::from_be_bytes(bytes);
    match usize::try_from(length) {
        Ok(bytes) if length <= PACKET_MAX => Ok(bytes),
        _ => Err(TooLong { length }),
    }
}
