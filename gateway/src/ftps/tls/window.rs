//! Bytes that are added behind and taken in front, without being moved for it.

use std::fmt;

/// A buffer that holds `bytes[start..end]`. Grows only when told to.
#[derive(Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Window {
    /// What it holds.
    pub(super) fn held(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The same, to be changed in place.
    pub(super) fn held_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Forgets the first `count` bytes.
    pub(super) fn take(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Where more can be written; see [`Self::put`].
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// Holds the first `count` bytes of the room from now on.
    pub(super) fn put(&mut self, count: usize) {
        self.end = self.bytes.len().min(self.end + count);
    }

    /// Adds these bytes, whatever room that takes.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        if let Some(room) = self.room().get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.put(bytes.len());
    }

    /// Makes room for `count` bytes: by moving what it holds if that is enough, by growing if it is not.
    pub(super) fn make_room(&mut self, count: usize) {
        if self.room().len() < count {
            self.move_to_front();
        }
        self.grow(self.end + count);
    }

    /// Can hold so much from now on.
    pub(super) fn grow(&mut self, size: usize) {
        if self.bytes.len() >= size {
            return;
        }
        // Fresh zeroes cost no memory until something is written there; what a vector grows by does.
        let mut larger = vec![0; size];
        let held = self.held();
        if let Some(front) = larger.get_mut(..held.len()) {
            front.copy_from_slice(held);
        }
        self.end -= self.start;
        self.start = 0;
        self.bytes = larger;
    }

    /// All of its room is behind what it holds from now on.
    pub(super) fn move_to_front(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it holds is somebody's file.
        f.debug_struct("Window").finish_non_exhaustive()
    }
}
