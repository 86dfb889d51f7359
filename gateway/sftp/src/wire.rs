//! Integers and strings as SSH writes them (RFC 4251 section 5): big endian, strings with a 32-bit length before them.

use alloc::vec::Vec;

/// The packet ends before its last field does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Truncated;

/// Takes fields from the front of a packet.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Everything that has not been taken.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Truncated> {
        let ([byte], rest) = self.rest.split_first_chunk().ok_or(Truncated)?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(crate) fn number(&mut self) -> Result<u32, Truncated> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Truncated)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    pub(crate) fn long(&mut self) -> Result<u64, Truncated> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Truncated)?;
        self.rest = rest;
        Ok(u64::from_be_bytes(*bytes))
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], Truncated> {
        let length = usize::try_from(self.number()?).map_err(|_too_large| Truncated)?;
        let (string, rest) = self.rest.split_at_checked(length).ok_or(Truncated)?;
        self.rest = rest;
        Ok(string)
    }
}

/// Appends fields to a packet.
pub(crate) trait Append {
    fn number(&mut self, value: u32);
    fn long(&mut self, value: u64);
    fn string(&mut self, value: &[u8]);
}

impl Append for Vec<u8> {
    fn number(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn long(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn string(&mut self, value: &[u8]) {
        self.number(length_of(value));
        self.extend_from_slice(value);
    }
}

/// The length of a string as it goes before it. Nothing of 4 GiB is ever encoded.
fn length_of(value: &[u8]) -> u32 {
    u32::try_from(value.len()).unwrap_or(u32::MAX)
}

/// Appends what `body` appends, with its length before it.
pub(crate) fn packet(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.number(0);
    let body_start = out.len();
    body(out);
    let length = length_of(out.get(body_start..).unwrap_or_default());
    if let Some(space) = out.get_mut(start..body_start) {
        space.copy_from_slice(&length.to_be_bytes());
    }
}
