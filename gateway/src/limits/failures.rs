//! Failed logins: a ban for an address, a delay for a user name.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::table::Table;

/// How many addresses and how many names are remembered.
const REMEMBERED: usize = 16_384;
/// What the first failure costs; each further one costs twice as much.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// What a failure costs at most.
const LONGEST_DELAY: Duration = Duration::from_secs(4);
/// A name without failures for so long starts anew.
const NAME_LIFETIME: Duration = Duration::from_mins(5);

#[derive(Debug)]
pub(super) struct Failures {
    addresses: Mutex<Addresses>,
    /// By a keyed hash of the name, so that long names take no more memory than short ones.
    names: Mutex<Table<u64, u32>>,
    key: RandomState,
}

#[derive(Debug)]
struct Addresses {
    /// Failures that ban, at least 1.
    tolerated: u32,
    ban: Duration,
    table: Table<IpAddr, Address>,
}

#[derive(Debug, Default)]
enum Address {
    #[default]
    Innocent,
    Suspect {
        failures: u32,
        since: Instant,
    },
    Banned {
        since: Instant,
    },
}

impl Addresses {
    /// Counts a failure; gives how long the ban lasts if this one has begun it.
    fn count(&mut self, address: IpAddr) -> Option<Duration> {
        let known = self.table.write(address, self.ban);
        let (failures, since) = match *known {
            Address::Suspect { failures, since } if since.elapsed() < self.ban => {
                (failures.saturating_add(1), since)
            }
            // A ban ends when it was said to, however often it is tested.
            Address::Banned { since } if since.elapsed() < self.ban => return None,
            Address::Innocent | Address::Suspect { .. } | Address::Banned { .. } => {
                (1, Instant::now())
            }
        };
        if failures < self.tolerated {
            *known = Address::Suspect { failures, since };
            return None;
        }
        *known = Address::Banned {
            since: Instant::now(),
        };
        (!self.ban.is_zero()).then_some(self.ban)
    }
}

impl Failures {
    pub(super) fn new(configuration: &gateway_config::Limits) -> Self {
        Self {
            addresses: Mutex::new(Addresses {
                tolerated: configuration.login_failures.max(1),
                ban: Duration::from_secs(configuration.ban_seconds),
                table: Table::new(REMEMBERED),
            }),
            names: Mutex::new(Table::new(REMEMBERED)),
            key: RandomState::new(),
        }
    }

    pub(super) fn change(&self, configuration: &gateway_config::Limits) {
        let mut addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        addresses.tolerated = configuration.login_failures.max(1);
        addresses.ban = Duration::from_secs(configuration.ban_seconds);
    }

    pub(super) fn is_banned(&self, address: IpAddr) -> bool {
        let addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = addresses.table.read(&address, addresses.ban);
        matches!(known, Some(Address::Banned { since }) if since.elapsed() < addresses.ban)
    }

    pub(super) fn count_address(&self, address: IpAddr) {
        let banned = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .count(address);
        // Some clients hide the refusal: curl takes a 421 for a timeout. Here its reason can be found.
        if let Some(ban) = banned {
            let seconds = ban.as_secs();
            tracing::warn!(%address, seconds, "too many failed logins, the address is banned");
        }
    }

    /// Counts, and says how long the answer is held back.
    pub(super) fn count_user(&self, name: &str) -> Duration {
        let key = self.key.hash_one(name);
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = names.write(key, NAME_LIFETIME);
        *failures = failures.saturating_add(1);
        let doublings = failures.saturating_sub(1).min(16);
        drop(names);
        FIRST_DELAY
            .saturating_mul(1 << doublings)
            .min(LONGEST_DELAY)
    }
}
