//! One operator at a time: a Lease that is renewed, and writes only while it surely holds.
//!
//! A Lease fences nothing off, so time has to: it lasts 15 s, is renewed every 2 s, and 5 s before it would end without
//! a renewal no write is begun any more, for an answer may take that long. Another operator waits until it has itself
//! seen the Lease unchanged for its whole length, so nobody's clock is compared with anybody else's.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    admin::Readiness,
    causes::causes,
    request::{DEADLINE, RequestError, request},
};

/// How long a Lease holds after its last renewal.
const LENGTH: Duration = Duration::from_secs(15);
/// The same in the unit of a Lease, seconds.
const LENGTH_SECONDS: i32 = 15;
/// Between two renewals, or two looks at somebody else's Lease.
const PAUSE: Duration = Duration::from_secs(2);

/// Whether this operator may write.
#[derive(Clone, Debug)]
pub(crate) struct Leadership {
    until: watch::Receiver<Instant>,
}

/// Somebody else may be writing now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Lease of this operator was not renewed in time: another one may lead now")]
pub struct Lost;

impl Leadership {
    /// Whether a write may be begun.
    pub(crate) fn check(&self) -> Result<(), Lost> {
        if Instant::now() < *self.until.borrow() {
            Ok(())
        } else {
            Err(Lost)
        }
    }

    /// Returns when a write may not be begun any more.
    pub(crate) async fn lost(mut self) -> Lost {
        loop {
            let until = *self.until.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(until) => {
                    if Instant::now() >= *self.until.borrow() {
                        return Lost;
                    }
                }
                changed = self.until.changed() => if changed.is_err() {
                    tokio::time::sleep_until(until).await;
                    return Lost;
                },
            }
        }
    }
}

/// The Lease that this operator holds, renewed until it is released.
#[derive(Debug)]
pub(crate) struct Held {
    /// What others ask before they write.
    pub(crate) leadership: Leadership,
    renewing: JoinHandle<()>,
    release: oneshot::Sender<()>,
}

impl Held {
    /// Gives the Lease to whoever waits, so that nobody has to wait for its end.
    pub(crate) async fn release(self) {
        // A receiver that has gone means a task that has ended: waiting for it says so too.
        let _asked = self.release.send(());
        if let Err(error) = self.renewing.await {
            tracing::warn!(error = causes(&error), "the lease was not released");
        }
    }
}

/// Somebody who wants a Lease.
#[derive(Debug)]
pub(crate) struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    /// The Lease as it was last seen, and since when it has been so.
    seen: Option<(LeaseSpec, Instant)>,
    /// What the API server answered to the last renewal: the next one needs no look before it.
    renewed: Option<Lease>,
    /// Ready when the Lease was seen once: who stands by has nothing else to know.
    readiness: Readiness,
}

impl Candidate {
    /// For the Lease in this namespace and of this name; `identity` is what nobody else is called.
    pub(crate) fn new(
        client: Client,
        (namespace, name): (&str, &str),
        identity: &str,
        readiness: Readiness,
    ) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            seen: None,
            renewed: None,
            readiness,
        }
    }

    /// Waits until the Lease is free, takes it, and renews it from then on.
    pub(crate) async fn win(mut self) -> Held {
        let asked = loop {
            let asked = Instant::now();
            match self.try_once().await {
                Ok(Try::Mine) => break asked,
                Ok(Try::Others) => self.readiness.begin(),
                Err(error) => {
                    tracing::warn!(error = causes(&error), "the lease cannot be taken yet");
                }
            }
            tokio::time::sleep(PAUSE).await;
        };
        tracing::info!(identity = self.identity, "leading");
        let (until, receiver) = watch::channel(asked + LENGTH - DEADLINE);
        let (release, released) = oneshot::channel();
        Held {
            leadership: Leadership { until: receiver },
            renewing: tokio::spawn(self.renew(until, released)),
            release,
        }
    }

    async fn renew(mut self, until: watch::Sender<Instant>, mut released: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                _asked_or_dropped = &mut released => break,
                () = tokio::time::sleep(PAUSE) => {}
            }
            let asked = Instant::now();
            match self.try_once().await {
                Ok(Try::Mine) => {
                    until.send_replace(asked + LENGTH - DEADLINE);
                }
                Ok(Try::Others) => {
                    until.send_replace(asked);
                    return;
                }
                Err(error) => tracing::warn!(error = causes(&error), "the lease was not renewed"),
            }
        }
        until.send_replace(Instant::now());
        if let Err(error) = self.give_up().await {
            tracing::warn!(
                error = causes(&error),
                "the lease was not released: it ends by itself"
            );
        }
    }

    async fn try_once(&mut self) -> Result<Try, RequestError> {
        let current = match self.renewed.take() {
            Some(lease) => Some(lease),
            None => request(self.asked("read"), self.leases.get_opt(&self.name)).await?,
        };
        let Some(current) = current else {
            return self.write_new().await;
        };
        let spec = current.spec.clone().unwrap_or_default();
        let unchanged_for = self.seen_for(&spec);
        if !may_take(&spec, &self.identity, unchanged_for) {
            return Ok(Try::Others);
        }
        let lease = Lease {
            metadata: current.metadata,
            spec: Some(taken(&spec, &self.identity, Timestamp::now())),
        };
        // A conflict says that somebody else was quicker: the next look tells who.
        let parameters = PostParams::default();
        let written = self.leases.replace(&self.name, &parameters, &lease);
        self.renewed = Some(request(self.asked("write"), written).await?);
        Ok(Try::Mine)
    }

    async fn write_new(&mut self) -> Result<Try, RequestError> {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(taken(
                &LeaseSpec::default(),
                &self.identity,
                Timestamp::now(),
            )),
        };
        let parameters = PostParams::default();
        let written = self.leases.create(&parameters, &lease);
        self.renewed = Some(request(self.asked("create"), written).await?);
        Ok(Try::Mine)
    }

    async fn give_up(&mut self) -> Result<(), RequestError> {
        let Some(mut lease) = self.renewed.take() else {
            return Ok(());
        };
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        let parameters = PostParams::default();
        let written = self.leases.replace(&self.name, &parameters, &lease);
        request(self.asked("release"), written).await?;
        Ok(())
    }

    /// How long the Lease has looked as it does.
    fn seen_for(&mut self, spec: &LeaseSpec) -> Duration {
        match &self.seen {
            Some((before, since)) if before == spec => since.elapsed(),
            _ => {
                self.seen = Some((spec.clone(), Instant::now()));
                Duration::ZERO
            }
        }
    }

    fn asked(&self, verb: &str) -> String {
        format!("to {verb} the Lease {}", self.name)
    }
}

enum Try {
    Mine,
    Others,
}

/// Whether a Lease that has been seen unchanged for so long may be taken.
fn may_take(lease: &LeaseSpec, identity: &str, unchanged_for: Duration) -> bool {
    match lease.holder_identity.as_deref() {
        None | Some("") => true,
        Some(holder) if holder == identity => true,
        Some(_) => {
            let seconds = lease.lease_duration_seconds.unwrap_or(LENGTH_SECONDS);
            unchanged_for >= Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
        }
    }
}

/// The Lease in the hands of `identity`.
fn taken(before: &LeaseSpec, identity: &str, now: Timestamp) -> LeaseSpec {
    let holder = before.holder_identity.as_deref();
    let is_renewal = holder == Some(identity);
    let acquired = before.acquire_time.clone().filter(|_| is_renewal);
    let transitions = before.lease_transitions.unwrap_or_default();
    LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        acquire_time: acquired.or(Some(MicroTime(now))),
        renew_time: Some(MicroTime(now)),
        lease_duration_seconds: Some(LENGTH_SECONDS),
        lease_transitions: Some(if is_renewal {
            transitions
        } else {
            transitions.saturating_add(1)
        }),
        ..before.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(identity: &str) -> LeaseSpec {
        taken(&LeaseSpec::default(), identity, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_lease_of_another_is_taken_when_it_was_seen_unchanged_for_its_length() {
        let lease = held_by("other");

        assert!(!may_take(&lease, "me", Duration::ZERO));
        assert!(!may_take(&lease, "me", Duration::from_millis(14_999)));
        assert!(may_take(&lease, "me", LENGTH));
    }

    #[test]
    fn ones_own_lease_and_one_of_nobody_are_taken_at_once() {
        assert!(may_take(&held_by("me"), "me", Duration::ZERO));
        assert!(may_take(&held_by(""), "me", Duration::ZERO));
        assert!(may_take(&LeaseSpec::default(), "me", Duration::ZERO));
    }

    #[test]
    fn a_renewal_changes_only_its_time() {
        let before = held_by("me");
        let later = Timestamp::UNIX_EPOCH + Duration::from_secs(2);

        let after = taken(&before, "me", later);

        assert_eq!(
            after,
            LeaseSpec {
                renew_time: Some(MicroTime(later)),
                ..before
            }
        );
    }

    #[test]
    fn a_lease_that_changes_hands_counts_it() {
        let after = taken(&held_by("other"), "me", Timestamp::UNIX_EPOCH);

        assert_eq!(after.lease_transitions, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_written_from_five_seconds_before_the_end_on() {
        let (renewal, until) = watch::channel(Instant::now() + LENGTH - DEADLINE);
        let leadership = Leadership { until };

        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert_eq!(leadership.check(), Ok(()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(leadership.check(), Err(Lost));

        renewal.send_replace(Instant::now() + LENGTH - DEADLINE);
        assert_eq!(leadership.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_loss_outlives_renewals() {
        let (renewal, until) = watch::channel(Instant::now() + LENGTH - DEADLINE);
        let started = Instant::now();
        let lost = tokio::spawn(Leadership { until }.lost());

        tokio::time::sleep(Duration::from_secs(9)).await;
        renewal.send_replace(Instant::now() + LENGTH - DEADLINE);

        assert_eq!(lost.await.unwrap(), Lost);
        assert_eq!(started.elapsed(), Duration::from_secs(19));
    }
}
