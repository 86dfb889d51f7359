//! Who may log in. [`Users`] is the only way to an [`Account`].
//!
//! A stranger learns nothing from an answer or from its time: an unknown user, a user without a password, one who has
//! expired and one who comes from the wrong address cost a password check like any other, and are refused alike.

mod hash;
mod presence;
mod remembered;
mod verifier;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_config::{AuthenticationMethod, ClientAddress, Permission, User, UserName};
use zeroize::Zeroizing;

use self::{hash::PasswordHash, presence::Presence, verifier::Check};
pub use self::{presence::Stay, verifier::Verifier};
use crate::{
    limits::{Limits, SessionPlace},
    metrics::{Login, Metrics},
    peer::Peer,
};

/// Longer passwords are wrong; some schemes would take seconds for them.
const PASSWORD_BYTES_MAX: usize = 1024;

/// The users of one load of the configuration.
#[derive(Debug)]
pub struct Users {
    entries: BTreeMap<UserName, Arc<Entry>>,
    some_require_tls: bool,
    /// What a password is checked against where there is nothing to check it against; not empty.
    decoys: Decoys,
    shared: Shared,
}

/// What a password has travelled through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// TLS or SSH.
    Protected,
    /// Nothing: whoever was on the way has read it.
    Clear,
}

/// What outlives a reload of the users.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Where sessions are counted.
    pub limits: Arc<Limits>,
    /// Where passwords are checked.
    pub verifier: Arc<Verifier>,
    /// Where logins are counted.
    pub metrics: Metrics,
    presence: Presence,
}

impl Shared {
    /// For users of whom nobody is logged in yet.
    pub fn new(limits: Arc<Limits>, verifier: Arc<Verifier>, metrics: Metrics) -> Self {
        Self {
            limits,
            verifier,
            metrics,
            presence: Presence::default(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    user: User,
    password: Option<Arc<PasswordHash>>,
    /// In SSH wire format.
    keys: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Decoys {
    first: Arc<PasswordHash>,
    others: Vec<Arc<PasswordHash>>,
    key: RandomState,
}

impl Users {
    /// These users. A password hash or key that cannot be used opens nothing; a line in the log says so.
    pub fn new(users: &BTreeMap<UserName, User>, shared: Shared) -> Self {
        let entries: BTreeMap<_, _> = users
            .iter()
            .map(|(name, user)| (name.clone(), Arc::new(Entry::new(name, user))))
            .collect();
        let mut hashes = entries.values().filter_map(|entry| entry.password.clone());
        let decoys = Decoys {
            first: hashes
                .next()
                .unwrap_or_else(|| Arc::new(PasswordHash::decoy())),
            others: hashes.collect(),
            key: RandomState::new(),
        };
        Self {
            some_require_tls: users.values().any(|user| user.require_tls),
            entries,
            decoys,
            shared,
        }
    }

    /// Whether the password of this user must not travel in clear, to be asked before it does.
    ///
    /// Names that do not exist are answered as if they demanded TLS as soon as any user does: otherwise the answer
    /// would tell which names belong to those who do. It tells who exists and does not; whoever wants that secret, too,
    /// demands TLS of everybody, by the listener.
    pub fn requires_tls(&self, name: &str) -> bool {
        match self.entry(name) {
            Some((_, entry)) => entry.user.require_tls,
            None => self.some_require_tls,
        }
    }

    /// Ends the sessions of everybody who is logged in and is no user any more, or whose last day is over.
    pub fn dismiss_others(&self) {
        let may_stay = |name: &UserName| {
            let entry = self.entries.get(name);
            entry.is_some_and(|entry| !entry.has_expired())
        };
        for user in self.shared.presence.dismiss(may_stay) {
            tracing::info!(%user, "the account has ended, and so do its sessions");
        }
    }

    /// Checks a password off the async threads. The answer to a failure is held back, longer with every failure of
    /// this name.
    pub async fn password(
        &self,
        name: &str,
        password: Password,
        peer: &Peer,
        channel: Channel,
    ) -> Result<Account, Refused> {
        let result = self.check_password(name, password, peer, channel).await;
        self.report(AuthenticationMethod::Password, name, &result);
        if matches!(result, Err(Refused::Credential)) {
            let limits = &self.shared.limits;
            let delay = limits.failed(name, peer.address.ip(), peer.visibility);
            tokio::time::sleep(delay).await;
        }
        result
    }

    async fn check_password(
        &self,
        name: &str,
        password: Password,
        peer: &Peer,
        channel: Channel,
    ) -> Result<Account, Refused> {
        if self.is_banned(peer) {
            return Err(Refused::Banned);
        }
        let entry = self
            .entry(name)
            .filter(|(_, entry)| entry.admits(peer) && entry.admits_over(channel))
            .filter(|_| password.is_sane());
        let hash = entry.and_then(|(_, entry)| entry.password.clone());
        let check = match hash {
            Some(hash) => Check::Real(hash),
            None => Check::Decoy(self.decoys.pick(name)),
        };
        let mut guess = Guess {
            limits: &self.shared.limits,
            name,
            peer,
            stage: Stage::Waits,
        };
        let begin = || guess.stage = Stage::Unanswered;
        let verifier = &self.shared.verifier;
        let verified = verifier.verify(name, check, password, begin).await;
        guess.stage = Stage::Answered;
        // Guesses over many connections at once end with the ban, too, although they began before it.
        if self.is_banned(peer) {
            return Err(Refused::Banned);
        }
        match (verified, entry) {
            (Err(verifier::Busy), _) => Err(Refused::Busy),
            (Ok(true), Some((name, entry))) => self.enter(name, entry, peer),
            (Ok(_), _) => Err(Refused::Credential),
        }
    }

    /// Whether this key (SSH wire format) is listed for this user: the answer to a probe without signature.
    pub fn lists_key(&self, name: &str, key: &[u8], peer: &Peer) -> bool {
        !self.is_banned(peer) && self.key_owner(name, key, peer).is_some()
    }

    /// A key (SSH wire format) whose signature the transport has verified.
    pub fn public_key(&self, name: &str, key: &[u8], peer: &Peer) -> Result<Account, Refused> {
        let result = match self.key_owner(name, key, peer) {
            _ if self.is_banned(peer) => Err(Refused::Banned),
            Some((name, entry)) => self.enter(name, entry, peer),
            None => Err(Refused::Credential),
        };
        self.report(AuthenticationMethod::PublicKey, name, &result);
        result
    }

    fn key_owner(&self, name: &str, key: &[u8], peer: &Peer) -> Option<(&UserName, &Arc<Entry>)> {
        self.entry(name)
            .filter(|(_, entry)| entry.keys.iter().any(|listed| listed == key))
            .filter(|(_, entry)| entry.admits(peer))
    }

    fn entry(&self, name: &str) -> Option<(&UserName, &Arc<Entry>)> {
        self.entries.get_key_value(name)
    }

    fn is_banned(&self, peer: &Peer) -> bool {
        let limits = &self.shared.limits;
        limits.is_banned(peer.address.ip(), peer.visibility)
    }

    fn enter(&self, name: &UserName, entry: &Arc<Entry>, peer: &Peer) -> Result<Account, Refused> {
        let place = self
            .shared
            .limits
            .enter(name.as_str())
            .ok_or(Refused::TooManySessions)?;
        peer.leave_half_open();
        Ok(Account {
            name: name.clone(),
            entry: Arc::clone(entry),
            stay: self.shared.presence.enter(name),
            _place: place,
        })
    }

    /// Names that do not exist are not logged: some people type their password there.
    fn report(&self, method: AuthenticationMethod, name: &str, result: &Result<Account, Refused>) {
        let user = self.entry(name).map(|(name, _)| name.as_str());
        let outcome = match result {
            Ok(_) => Login::Accepted,
            Err(Refused::Credential) => Login::Refused,
            Err(Refused::TooManySessions) => Login::TooManySessions,
            Err(Refused::Banned) => Login::Banned,
            Err(Refused::Busy) => Login::Busy,
        };
        self.shared.metrics.login(method, outcome);
        tracing::info!(?method, ?outcome, user, "login");
    }
}

impl Entry {
    fn new(name: &UserName, user: &User) -> Self {
        let password = user.password_hash.as_deref().and_then(|text| {
            PasswordHash::parse(text)
                .inspect_err(|error| tracing::warn!(user = %name, %error, "password hash not used"))
                .ok()
        });
        let keys = user
            .authorized_keys
            .iter()
            .filter_map(|key| {
                STANDARD
                    .decode(&key.key)
                    .inspect_err(|error| {
                        tracing::warn!(user = %name, key = key.comment, %error, "key not used");
                    })
                    .ok()
            })
            .collect();
        Self {
            user: user.clone(),
            password: password.map(Arc::new),
            keys,
        }
    }

    /// Whether the user may log in now and from there.
    fn admits(&self, peer: &Peer) -> bool {
        !self.has_expired() && self.allows(peer)
    }

    /// Whether a password may open this account that came through there. Who asks [`Users::requires_tls`] first never
    /// brings one that may not; this is for those who forget.
    fn admits_over(&self, channel: Channel) -> bool {
        match channel {
            Channel::Protected => true,
            Channel::Clear => !self.user.require_tls,
        }
    }

    fn has_expired(&self) -> bool {
        // A clock before 1970 is no reason to let anybody in who has a last day.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|age| i64::try_from(age.as_secs()).ok())
            .unwrap_or(i64::MAX);
        self.user.valid_until.is_some_and(|end| now >= end)
    }

    fn allows(&self, peer: &Peer) -> bool {
        let address = peer.address.ip().to_canonical();
        match peer.visibility {
            _ if self.user.allowed_cidrs.is_empty() => true,
            ClientAddress::Hidden => false,
            ClientAddress::Real => self
                .user
                .allowed_cidrs
                .iter()
                .any(|network| network.contains(&address)),
        }
    }
}

impl Decoys {
    /// The hash of some user, always the same for one name: so the costs of names that do not exist are spread like
    /// the costs of those that do.
    fn pick(&self, name: &str) -> Arc<PasswordHash> {
        let hash = usize::try_from(self.key.hash_one(name) >> 33).unwrap_or(0);
        let index = hash % (self.others.len() + 1);
        Arc::clone(self.others.get(index).unwrap_or(&self.first))
    }
}

/// A password as somebody typed it. Debug shows nothing, and its memory is cleared.
pub struct Password(Zeroizing<String>);

impl Password {
    /// This password.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    fn is_sane(&self) -> bool {
        self.0.len() <= PASSWORD_BYTES_MAX
    }

    /// What is checked: nothing where it is too long.
    fn bytes(&self) -> &[u8] {
        if self.is_sane() {
            self.0.as_bytes()
        } else {
            &[]
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Somebody who is logged in; holds their place among the sessions until dropped.
#[derive(Debug)]
pub struct Account {
    name: UserName,
    entry: Arc<Entry>,
    stay: Stay,
    _place: SessionPlace,
}

impl Account {
    /// The name they logged in with.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// How long they may be logged in.
    pub fn stay(&self) -> &Stay {
        &self.stay
    }

    /// The folder they are shut in: absolute inside the volume.
    pub fn root(&self) -> &str {
        &self.entry.user.root
    }

    /// Whether nothing of theirs may travel in clear.
    pub fn requires_tls(&self) -> bool {
        self.entry.user.require_tls
    }

    /// What they may do.
    pub fn permissions(&self) -> &BTreeSet<Permission> {
        &self.entry.user.permissions
    }
}

/// A password on its way through the check. One whose client does not wait for the answer has failed: otherwise guesses
/// would be free for those who hang up.
struct Guess<'a> {
    limits: &'a Limits,
    name: &'a str,
    peer: &'a Peer,
    stage: Stage,
}

enum Stage {
    Waits,
    Unanswered,
    Answered,
}

impl Drop for Guess<'_> {
    fn drop(&mut self) {
        if let Stage::Unanswered = self.stage {
            let Peer {
                address,
                visibility,
                ..
            } = self.peer;
            // Nobody is there any more whom the delay would hold back.
            let _delay = self.limits.failed(self.name, address.ip(), *visibility);
        }
    }
}

/// Why a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such user, or the wrong credential, or not now, or not from there; which of them is nobody's business.
    #[error("wrong user name or credential")]
    Credential,
    /// The credential is right, but there are too many sessions of this user or in all.
    #[error("too many sessions")]
    TooManySessions,
    /// Too many logins from this address have failed.
    #[error("too many failed logins")]
    Banned,
    /// Too many passwords wait to be checked; the credential was not looked at.
    #[error("too many logins at once, try later")]
    Busy,
}

#[cfg(test)]
mod tests;
