//! Who is logged in, so that whoever may not be any more can be told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use gateway_config::UserName;
use tokio::sync::watch;

/// Those who are logged in, by name. Clones know the same, and outlive every load of the users.
#[derive(Clone, Debug, Default)]
pub(super) struct Presence(Arc<Mutex<BTreeMap<UserName, watch::Sender<()>>>>);

impl Presence {
    /// Somebody of this name has logged in.
    pub(super) fn enter(&self, name: &UserName) -> Stay {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Stay(present.entry(name.clone()).or_default().subscribe())
    }

    /// Ends the stay of everybody whose name may not stay; who they were.
    pub(super) fn dismiss(&self, may_stay: impl Fn(&UserName) -> bool) -> Vec<UserName> {
        let mut dismissed = Vec::new();
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        present.retain(|name, sender| {
            let is_there = sender.receiver_count() > 0;
            let stays = is_there && may_stay(name);
            if is_there && !stays {
                dismissed.push(name.clone());
            }
            stays
        });
        dismissed
    }
}

/// How long somebody may be logged in. Clones are of the same login.
#[derive(Clone, Debug)]
pub struct Stay(watch::Receiver<()>);

impl Stay {
    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.0.has_changed().is_err()
    }

    /// Waits until it is over; safe to drop.
    pub async fn over(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn name(text: &str) -> UserName {
        UserName::new(text)
    }

    #[test]
    fn whoever_may_not_stay_is_told_and_nobody_else() {
        let presence = Presence::default();
        let (mut alice, mut other_alice) = (
            presence.enter(&name("alice")),
            presence.enter(&name("alice")),
        );
        let mut bob = presence.enter(&name("bob"));

        let dismissed = presence.dismiss(|name| name.as_str() == "bob");

        assert_eq!(dismissed, [name("alice")]);
        for stay in [&mut alice, &mut other_alice] {
            assert!(stay.is_over());
            assert!(stay.over().now_or_never().is_some());
        }
        assert!(!bob.is_over());
        assert!(bob.over().now_or_never().is_none());
        assert!(presence.dismiss(|_| true).is_empty());
    }

    #[test]
    fn whoever_comes_back_stays() {
        let presence = Presence::default();
        let _before = presence.enter(&name("alice"));
        presence.dismiss(|_| false);

        let after = presence.enter(&name("alice"));

        assert!(presence.dismiss(|_| true).is_empty());
        assert!(!after.is_over());
    }

    #[test]
    fn whoever_has_left_is_forgotten() {
        let presence = Presence::default();
        drop(presence.enter(&name("alice")));

        assert!(presence.dismiss(|_| false).is_empty());
        assert!(presence.0.lock().unwrap().is_empty());
    }
}
