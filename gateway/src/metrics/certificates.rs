//! The series of the certificates that are served.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use prometheus::{IntGaugeVec, Opts, core::Collector};

#[derive(Debug)]
pub(super) struct CertificateSeries {
    ends: IntGaugeVec,
    /// The listeners that have a series: what is not served any more must not go on warning.
    listeners: Mutex<BTreeSet<String>>,
}

impl CertificateSeries {
    pub(super) fn new(options: impl Fn(&str, &str) -> Opts) -> Result<Self, prometheus::Error> {
        Ok(Self {
            ends: IntGaugeVec::new(
                options(
                    "certificate_expiry_timestamp_seconds",
                    "When the certificate of a listener ends, in seconds since 1970.",
                ),
                &["listener"],
            )?,
            listeners: Mutex::default(),
        })
    }

    /// Sets the end of every listener's certificate; listeners that are not among these lose their series.
    pub(super) fn observe<'a>(&self, ends: impl Iterator<Item = (&'a str, u64)>) {
        let mut gone = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut listeners = BTreeSet::new();
        for (listener, end) in ends {
            let end = i64::try_from(end).unwrap_or(i64::MAX);
            self.ends.with_label_values(&[listener]).set(end);
            gone.remove(listener);
            listeners.insert(listener.to_owned());
        }
        for listener in std::mem::replace(&mut *gone, listeners) {
            // If it is gone already, all the better.
            let _removed = self.ends.remove_label_values(&[&listener]);
        }
    }

    pub(super) fn collector(&self) -> Box<dyn Collector> {
        Box::new(self.ends.clone())
    }
}
