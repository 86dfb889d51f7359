//! Certificates that would end while `local` serves.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use super::{Error, compile, materials::Materials, service::Service};

/// How often certificates are looked at: they are replaced a month before their end.
const INTERVAL: Duration = Duration::from_hours(24);

/// Tells once a day that it is time to look. By the clock on the wall, which goes on while a laptop sleeps.
#[derive(Debug)]
pub(super) struct Calendar {
    looked: SystemTime,
}

impl Calendar {
    /// Everything is fresh now.
    pub(super) const fn new(now: SystemTime) -> Self {
        Self { looked: now }
    }

    /// Whether it is time to look; the next time is a day later.
    pub(super) fn is_due(&mut self, now: SystemTime) -> bool {
        let passed = now.duration_since(self.looked);
        // A clock that was put back does not put off the next look.
        let is_due = passed.map_or(true, |passed| passed >= INTERVAL);
        if is_due {
            self.looked = now;
        }
        is_due
    }
}

/// The service with a fresh certificate wherever its own ends soon; None if it may go on as it is.
pub(super) fn renewed(
    service: &Service,
    address: IpAddr,
    materials: &Materials<'_>,
) -> Result<Option<Service>, Error> {
    let mut renewed = service.clone();
    for (listener, kept) in compile::certificates(&service.endpoint, address, materials)? {
        if let Some(served) = renewed.certificates.get_mut(&listener) {
            *served = kept;
        }
    }
    Ok((renewed.certificates != service.certificates).then_some(renewed))
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, path::Path};

    use super::*;
    use crate::{
        local::{Ports, state::State},
        manifest,
    };

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn it_is_time_to_look_once_a_day() {
        let start = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let mut calendar = Calendar::new(start);
        let hours = [1, 23, 24, 25, 47, 48, 200, 201];

        let due = hours.map(|hour| calendar.is_due(start + Duration::from_hours(hour)));

        assert_eq!(due, [false, false, true, false, false, true, true, false]);
    }

    #[test]
    fn a_clock_that_is_put_back_does_not_put_off_the_look() {
        let start = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let mut calendar = Calendar::new(start);

        assert!(calendar.is_due(start - 100 * DAY));
        assert!(!calendar.is_due(start - 100 * DAY));
    }

    #[test]
    fn a_certificate_is_renewed_a_month_before_its_end_and_then_served_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state")).unwrap();
        let address = Ipv4Addr::LOCALHOST.into();
        let start = SystemTime::now();
        let materials = |days: u32| Materials::of(&state, start + days * DAY).unwrap();
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/good/ftps");
        let mut reading = manifest::read(&golden);
        let place = (address, Ports::Unprivileged);
        let services = compile::compile(&mut reading, place, &mut materials(0)).unwrap();
        let service = &services[0];
        let renewed = |service, days| renewed(service, address, &materials(days)).unwrap();

        assert!(renewed(service, 59).is_none());
        let after = renewed(service, 61).unwrap();
        assert!(renewed(&after, 62).is_none());

        let differs = |listener| service.certificates[listener] != after.certificates[listener];
        assert!(differs("ftps"));
        assert!(!differs("implicit"), "a Secret's is not ours to renew");
        let kept = state.path("certificates/default/partners/ftps/tls.crt");
        let kept = std::fs::read(kept).unwrap();
        assert_eq!(kept, after.certificates["ftps"].chain);
    }
}
