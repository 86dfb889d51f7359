//! The handles of one conversation.

use super::handle::Handle;

/// Which handle: a place and how often it had been used before. On the wire both, big endian; a handle that was closed
/// is therefore never mistaken for the one that has its place now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    slot: u32,
    generation: u32,
}

impl Key {
    pub(super) fn to_wire(self) -> [u8; 8] {
        (u64::from(self.slot) << 32 | u64::from(self.generation)).to_be_bytes()
    }

    fn from_wire(handle: &[u8]) -> Option<Self> {
        let (slot, rest) = handle.split_first_chunk()?;
        Some(Self {
            slot: u32::from_be_bytes(*slot),
            generation: u32::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

/// The handles of one conversation.
#[derive(Debug, Default)]
pub(super) struct Handles {
    slots: Vec<Slot>,
    free: Vec<u32>,
    open: usize,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    handle: Option<Handle>,
}

impl Handles {
    /// How many are open.
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    pub(super) fn insert(&mut self, handle: Handle) -> Key {
        self.open += 1;
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.slots.get_mut(slot as usize)
        {
            place.handle = Some(handle);
            let generation = place.generation;
            return Key { slot, generation };
        }
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot {
            generation: 0,
            handle: Some(handle),
        });
        Key {
            slot,
            generation: 0,
        }
    }

    /// The handle that a client names, unless it is being closed.
    pub(super) fn find(&mut self, wire: &[u8]) -> Option<(Key, &mut Handle)> {
        let key = Key::from_wire(wire)?;
        let handle = self.handle(key).filter(|handle| !handle.is_closing())?;
        Some((key, handle))
    }

    pub(super) fn handle(&mut self, key: Key) -> Option<&mut Handle> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        let current = slot.generation == key.generation;
        slot.handle.as_mut().filter(|_| current)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Handle> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let handle = slot.handle.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.slot);
        self.open -= 1;
        Some(handle)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Handle> {
        self.slots.iter().filter_map(|slot| slot.handle.as_ref())
    }

    pub(super) fn into_handles(self) -> impl Iterator<Item = Handle> {
        self.slots.into_iter().filter_map(|slot| slot.handle)
    }
}
