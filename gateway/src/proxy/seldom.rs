//! What strangers can cause as often as they like is said only now and then.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const PERIOD: Duration = Duration::from_mins(1);

/// Admits one a minute.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    last: Mutex<Option<Instant>>,
}

impl Seldom {
    /// Whether it is time again.
    pub(super) fn admits(&self) -> bool {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|last| now.duration_since(last) >= PERIOD);
        if is_time {
            *last = Some(now);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_a_minute_is_admitted() {
        let seldom = Seldom::default();
        assert!(seldom.admits());
        assert!(!seldom.admits());

        tokio::time::advance(PERIOD).await;

        assert!(seldom.admits());
        assert!(!seldom.admits());
    }
}
