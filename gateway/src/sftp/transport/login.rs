//! Who is there: what the client claims and proves → an account, or a refusal that may be the last.
//!
//! russh hands every method to its handler, offered or not, so each door checks for itself whether it is open.
//! Failed passwords are held back and counted across connections by [`crate::users`]; here is only counted what one
//! connection may try.

use std::sync::Arc;

use gateway_config::AuthenticationMethod;
use russh::{
    MethodSet,
    keys::{Algorithm, PublicKey},
};

use super::algorithms;
use crate::{
    endpoint::Endpoint,
    peer::Peer,
    users::{Account, Channel, Password, Refused},
};

/// Failed proofs (passwords and signatures) that one connection may make; OpenSSH's `MaxAuthTries`.
const FAILURES_MAX: u32 = 6;

/// Keys that one connection may offer. Agents hold many, and asking costs little.
const OFFERS_MAX: u32 = 20;

/// What became of a claim or a proof.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Somebody is logged in.
    Accepted(Arc<Account>),
    /// The next try may do better.
    Refused,
    /// There is no next try: the client is told this and sent away.
    Last(&'static str),
}

/// The login of one connection.
#[derive(Debug)]
pub(super) struct Login {
    endpoint: Arc<Endpoint>,
    peer: Peer,
    failures: u32,
    offers: u32,
}

impl Login {
    pub(super) fn new(endpoint: Arc<Endpoint>, peer: Peer) -> Self {
        Self {
            endpoint,
            peer,
            failures: 0,
            offers: 0,
        }
    }

    /// What the client may go on with.
    pub(super) fn methods(&self) -> MethodSet {
        algorithms::methods(self.configured())
    }

    /// Whether this method is offered.
    pub(super) fn offers(&self, method: AuthenticationMethod) -> bool {
        self.configured().contains(&method)
    }

    /// A key without a proof: whether it is worth signing with. Lets nobody in. The error is what a client is told that
    /// has offered too many and is sent away.
    pub(super) fn offered_key(
        &mut self,
        user: &str,
        key: &PublicKey,
        algorithm: &Algorithm,
    ) -> Result<bool, &'static str> {
        self.offers += 1;
        if self.offers > OFFERS_MAX {
            return Err("Too many authentication failures");
        }
        let worth = self.offers(AuthenticationMethod::PublicKey)
            && algorithms::admits_signature(algorithm)
            && key
                .to_bytes()
                .is_ok_and(|bytes| self.endpoint.users.lists_key(user, &bytes, &self.peer));
        Ok(worth)
    }

    /// A key whose signature russh has verified.
    pub(super) fn proven_key(
        &mut self,
        user: &str,
        key: &PublicKey,
        algorithm: &Algorithm,
    ) -> Verdict {
        let method = AuthenticationMethod::PublicKey;
        let outcome = match key.to_bytes() {
            Ok(bytes) if self.offers(method) && algorithms::admits_signature(algorithm) => {
                self.endpoint.users.public_key(user, &bytes, &self.peer)
            }
            Ok(_) | Err(_) => Err(Refused::Credential),
        };
        self.judge(outcome)
    }

    /// A password, by either of the two methods that carry one.
    pub(super) async fn password(
        &mut self,
        method: AuthenticationMethod,
        user: &str,
        password: String,
    ) -> Verdict {
        let password = Password::new(password);
        let outcome = if self.offers(method) {
            let users = &self.endpoint.users;
            let channel = Channel::Protected;
            users.password(user, password, &self.peer, channel).await
        } else {
            Err(Refused::Credential)
        };
        self.judge(outcome)
    }

    /// A proof that can never be right, such as a certificate.
    pub(super) fn worthless(&mut self) -> Verdict {
        self.judge(Err(Refused::Credential))
    }

    fn judge(&mut self, outcome: Result<Account, Refused>) -> Verdict {
        let refused = match outcome {
            Ok(account) => return Verdict::Accepted(Arc::new(account)),
            Err(refused) => refused,
        };
        self.failures += 1;
        match refused {
            Refused::TooManySessions => Verdict::Last("Too many sessions"),
            Refused::Banned => Verdict::Last("Too many failed logins from this address"),
            Refused::Busy => Verdict::Last("Too many logins at once; please try later"),
            Refused::Credential if self.failures >= FAILURES_MAX => {
                Verdict::Last("Too many authentication failures")
            }
            Refused::Credential => Verdict::Refused,
        }
    }

    fn configured(&self) -> &[AuthenticationMethod] {
        &self
            .endpoint
            .configuration
            .endpoint
            .ssh
            .authentication_methods
    }
}
