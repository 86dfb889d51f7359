//! How many clients there may be, and how those are slowed who guess.
//!
//! Nothing here decides by an address that is [`ClientAddress::Hidden`], and nobody is ever banned by user name:
//! strangers could lock people out.

mod failures;
mod table;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gateway_config::ClientAddress;

use self::failures::Failures;
pub(crate) use self::table::Table;

/// The counters of one endpoint. They live on when the configuration is reloaded.
#[derive(Debug)]
pub struct Limits {
    counts: Mutex<Counts>,
    failures: Failures,
}

#[derive(Debug)]
struct Counts {
    configuration: gateway_config::Limits,
    half_open: u32,
    sessions: u32,
    by_address: HashMap<IpAddr, u32>,
    by_user: HashMap<String, u32>,
}

/// Why a connection is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnedAway {
    /// Too many connections are not logged in.
    #[error("too many connections are logging in, try later")]
    TooManyHalfOpen,
    /// Too many connections come from this address.
    #[error("too many connections from your address")]
    TooManyFromAddress,
    /// Too many logins from this address failed.
    #[error("too many failed logins from your address, try later")]
    Banned,
}

impl Limits {
    /// Nobody is there yet.
    pub fn new(configuration: &gateway_config::Limits) -> Self {
        Self {
            counts: Mutex::new(Counts {
                configuration: configuration.clone(),
                half_open: 0,
                sessions: 0,
                by_address: HashMap::new(),
                by_user: HashMap::new(),
            }),
            failures: Failures::new(configuration),
        }
    }

    /// From now on these numbers count. Nobody who is in is put out.
    pub fn change(&self, configuration: &gateway_config::Limits) {
        self.counts().configuration = configuration.clone();
        self.failures.change(configuration);
    }

    /// A connection arrives. Both places are taken, or none.
    pub fn arrive(
        self: &Arc<Self>,
        address: IpAddr,
        visibility: ClientAddress,
    ) -> Result<(HalfOpen, Option<AddressPlace>), TurnedAway> {
        let place = self.identified(address, visibility)?;
        let half_open = self.arrive_unidentified()?;
        Ok((half_open, place))
    }

    /// A connection arrives that has yet to say where it comes from; then follows [`Limits::identified`].
    pub fn arrive_unidentified(self: &Arc<Self>) -> Result<HalfOpen, TurnedAway> {
        let mut counts = self.counts();
        if is_dropped(counts.half_open, counts.configuration.half_open, chance()) {
            return Err(TurnedAway::TooManyHalfOpen);
        }
        counts.half_open = counts.half_open.saturating_add(1);
        drop(counts);
        Ok(HalfOpen {
            limits: Arc::clone(self),
        })
    }

    /// It is known where a connection comes from.
    pub fn identified(
        self: &Arc<Self>,
        address: IpAddr,
        visibility: ClientAddress,
    ) -> Result<Option<AddressPlace>, TurnedAway> {
        let Some(address) = known(address, visibility) else {
            return Ok(None);
        };
        if self.failures.is_banned(address) {
            return Err(TurnedAway::Banned);
        }
        let mut counts = self.counts();
        let allowed = counts.configuration.connections_per_address;
        let here = counts.by_address.get(&address).copied().unwrap_or(0);
        if here >= allowed {
            return Err(TurnedAway::TooManyFromAddress);
        }
        counts.by_address.insert(address, here.saturating_add(1));
        drop(counts);
        Ok(Some(AddressPlace {
            limits: Arc::clone(self),
            address,
        }))
    }

    /// A user has proved who they are; `None` when there are too many sessions, theirs or in all.
    pub fn enter(self: &Arc<Self>, user: &str) -> Option<SessionPlace> {
        let mut counts = self.counts();
        let theirs = counts.by_user.get(user).copied().unwrap_or(0);
        if counts.sessions >= counts.configuration.sessions
            || theirs >= counts.configuration.sessions_per_user
        {
            return None;
        }
        counts.sessions = counts.sessions.saturating_add(1);
        counts
            .by_user
            .insert(user.to_owned(), theirs.saturating_add(1));
        drop(counts);
        Some(SessionPlace {
            limits: Arc::clone(self),
            user: user.to_owned(),
        })
    }

    /// A login with a password failed. Returns how long its answer should be held back.
    pub fn failed(&self, user: &str, address: IpAddr, visibility: ClientAddress) -> Duration {
        if let Some(address) = known(address, visibility) {
            self.failures.count_address(address);
        }
        self.failures.count_user(user)
    }

    /// Whether logins from this address are refused for now.
    pub fn is_banned(&self, address: IpAddr, visibility: ClientAddress) -> bool {
        known(address, visibility).is_some_and(|address| self.failures.is_banned(address))
    }

    /// Connections that are not logged in.
    pub fn half_open(&self) -> usize {
        usize::try_from(self.counts().half_open).unwrap_or(usize::MAX)
    }

    /// Sessions that are logged in.
    pub fn sessions(&self) -> usize {
        usize::try_from(self.counts().sessions).unwrap_or(usize::MAX)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address as far as something may be decided by it.
fn known(address: IpAddr, visibility: ClientAddress) -> Option<IpAddr> {
    match visibility {
        ClientAddress::Real => Some(site(address)),
        ClientAddress::Hidden => None,
    }
}

/// What counts as one address: with IPv6 the whole /64, since its owner may use any address in it.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Random early drop: never below half of the limit, from there on more and more often, always at the limit.
fn is_dropped(count: u32, limit: u32, chance: u32) -> bool {
    let start = limit / 2;
    let Some(above) = count.checked_sub(start) else {
        return false;
    };
    if count >= limit {
        return true;
    }
    let odds = (u64::from(above) << 32) / u64::from(limit - start);
    u64::from(chance) < odds
}

/// Any number, all equally likely.
fn chance() -> u32 {
    let mut bytes = [0; 4];
    // Where the system gives no randomness, 0 drops from half of the limit on.
    let _filled = aws_lc_rs::rand::fill(&mut bytes);
    u32::from_ne_bytes(bytes)
}

/// A place among the connections that are not logged in.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct HalfOpen {
    limits: Arc<Limits>,
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        let mut counts = self.limits.counts();
        counts.half_open = counts.half_open.saturating_sub(1);
    }
}

/// A place among the connections of one address.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct AddressPlace {
    limits: Arc<Limits>,
    address: IpAddr,
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        release(&mut self.limits.counts().by_address, &self.address);
    }
}

/// A place among the sessions, all and the user's.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct SessionPlace {
    limits: Arc<Limits>,
    user: String,
}

impl Drop for SessionPlace {
    fn drop(&mut self) {
        let mut counts = self.limits.counts();
        counts.sessions = counts.sessions.saturating_sub(1);
        release(&mut counts.by_user, &self.user);
    }
}

/// One less; what nobody holds is forgotten.
fn release<K: std::hash::Hash + Eq>(places: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = places.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            places.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
