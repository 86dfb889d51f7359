//! A map that a stranger cannot grow.

use std::{collections::HashMap, hash::Hash, time::Duration};

use tokio::time::Instant;

/// At most `capacity` entries, each forgotten `lifetime` after it was last written.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    entries: HashMap<K, Entry<V>>,
    capacity: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    written: Instant,
}

impl<K: Hash + Eq + Copy, V: Default> Table<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            capacity,
        }
    }

    /// What is known of this key.
    pub(crate) fn read(&self, key: &K, lifetime: Duration) -> Option<&V> {
        self.entries
            .get(key)
            .filter(|entry| entry.written.elapsed() < lifetime)
            .map(|entry| &entry.value)
    }

    /// What is known of this key, or the default; it counts as written now. When the table is full the forgotten
    /// entries make room, and if there are none, the oldest one does.
    pub(crate) fn write(&mut self, key: K, lifetime: Duration) -> &mut V {
        let now = Instant::now();
        if !self.entries.contains_key(&key) && self.entries.len() >= self.capacity {
            self.make_room(now, lifetime);
        }
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            value: V::default(),
            written: now,
        });
        if now.duration_since(entry.written) >= lifetime {
            entry.value = V::default();
        }
        entry.written = now;
        &mut entry.value
    }

    fn make_room(&mut self, now: Instant, lifetime: Duration) {
        self.entries
            .retain(|_, entry| now.duration_since(entry.written) < lifetime);
        if self.entries.len() < self.capacity {
            return;
        }
        let oldest = self
            .entries
            .iter()
            .min_by_key(|(_, entry)| entry.written)
            .map(|(key, _)| *key);
        if let Some(key) = oldest {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn a_full_table_forgets_its_oldest_entry() {
        let mut table = Table::new(2);
        for key in 1..=3 {
            *table.write(key, MINUTE) = key;
            tokio::time::advance(Duration::from_secs(1)).await;
        }

        assert_eq!(table.entries.len(), 2);
        assert_eq!(table.read(&1, MINUTE), None);
        assert_eq!(table.read(&3, MINUTE), Some(&3));
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_forgotten_after_its_lifetime() {
        let mut table = Table::new(2);
        *table.write(1, MINUTE) = 1;

        tokio::time::advance(MINUTE).await;

        assert_eq!(table.read(&1, MINUTE), None);
        assert_eq!(*table.write(1, MINUTE), 0);
    }
}
