//! When a turn that failed is tried again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// After the first failure.
const FIRST: Duration = Duration::from_secs(1);
/// After many.
const LAST: Duration = Duration::from_mins(5);

/// How often each endpoint has failed in a row.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    failures: Mutex<HashMap<String, u32>>,
}

impl Retries {
    /// Counts a failure of an endpoint; how long it should wait, given a number from 0 to 1.
    pub(crate) fn failed(&self, endpoint: &str, random: f64) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(endpoint.to_owned()).or_default();
        *count = count.saturating_add(1);
        let count = *count;
        drop(failures);
        delay(count, random)
    }

    /// The endpoint is well again, or gone.
    pub(crate) fn forget(&self, endpoint: &str) {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(endpoint);
    }

    /// How many endpoints wait for another try.
    pub(crate) fn waiting(&self) -> usize {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

/// Twice as long after each failure, of which the last half is random: endpoints that failed together for one reason do
/// not come back together.
fn delay(failures: u32, random: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = FIRST.saturating_mul(1 << doublings).min(LAST);
    whole.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0).max(FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_wait_up_to_five_minutes() {
        let longest = |failures| delay(failures, 1.0).as_secs();

        assert_eq!([1, 2, 3, 4].map(longest), [1, 2, 4, 8]);
        assert_eq!([9, 10, 1000, u32::MAX].map(longest), [256, 300, 300, 300]);
    }

    #[test]
    fn the_wait_is_at_least_half_of_it_and_never_below_a_second() {
        assert_eq!(delay(1, 0.0), FIRST);
        assert_eq!(delay(5, 0.0), Duration::from_secs(8));
        assert_eq!(delay(5, 0.5), Duration::from_secs(12));
    }

    #[test]
    fn one_endpoint_does_not_wait_for_the_failures_of_another() {
        let retries = Retries::default();
        for _ in 0..5 {
            retries.failed("b2b/broken", 1.0);
        }

        assert_eq!(retries.failed("b2b/other", 1.0), FIRST);
        assert_eq!(retries.waiting(), 2);
    }

    #[test]
    fn success_begins_again() {
        let retries = Retries::default();
        retries.failed("b2b/partners", 1.0);
        retries.failed("b2b/partners", 1.0);

        retries.forget("b2b/partners");

        assert_eq!(retries.waiting(), 0);
        assert_eq!(retries.failed("b2b/partners", 1.0), FIRST);
    }
}
