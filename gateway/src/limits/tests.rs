use super::*;

const BAN: Duration = Duration::from_mins(10);

fn limits() -> Arc<Limits> {
    Arc::new(Limits::new(&configuration()))
}

fn configuration() -> gateway_config::Limits {
    gateway_config::Limits {
        sessions: 3,
        sessions_per_user: 2,
        connections_per_address: 2,
        half_open: 100,
        login_seconds: 60,
        idle_seconds: 900,
        login_failures: 3,
        ban_seconds: BAN.as_secs(),
        memory_per_session_bytes: 1 << 23,
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn below_half_of_the_limit_nobody_is_dropped_and_at_it_everybody() {
    assert!(!is_dropped(0, 100, 0));
    assert!(!is_dropped(49, 100, 0));
    assert!(is_dropped(100, 100, u32::MAX));
    assert!(is_dropped(101, 100, u32::MAX));
    assert!(is_dropped(0, 0, u32::MAX));
}

#[test]
fn half_way_from_half_to_the_limit_every_second_one_is_dropped() {
    assert!(is_dropped(75, 100, u32::MAX / 2 - 1));
    assert!(!is_dropped(75, 100, u32::MAX / 2 + 1));
}

#[test]
fn a_place_is_free_again_when_its_guard_is_dropped() {
    let limits = limits();
    let (first, place) = limits
        .arrive(address("192.0.2.1"), ClientAddress::Real)
        .unwrap();
    let _second = limits
        .arrive(address("192.0.2.1"), ClientAddress::Real)
        .unwrap();
    assert_eq!(limits.half_open(), 2);

    let third = limits.arrive(address("192.0.2.1"), ClientAddress::Real);
    assert_eq!(third.unwrap_err(), TurnedAway::TooManyFromAddress);
    assert_eq!(limits.half_open(), 2);

    drop(first);
    assert_eq!(limits.half_open(), 1);
    drop(place);
    let again = limits.arrive(address("192.0.2.1"), ClientAddress::Real);
    assert!(again.is_ok());
}

#[test]
fn hidden_addresses_are_not_limited() {
    let limits = limits();

    let all: Vec<_> = (0..10)
        .map(|_| {
            limits
                .arrive(address("192.0.2.1"), ClientAddress::Hidden)
                .unwrap()
        })
        .collect();

    assert!(all.iter().all(|(_, place)| place.is_none()));
}

#[test]
fn an_ipv6_network_of_64_bits_is_one_address_and_a_mapped_ipv4_is_itself() {
    assert_eq!(
        site(address("2001:db8::1")),
        site(address("2001:db8::ffff:1"))
    );
    assert_ne!(
        site(address("2001:db8::1")),
        site(address("2001:db8:0:1::1"))
    );
    assert_eq!(site(address("::ffff:192.0.2.1")), address("192.0.2.1"));
}

#[test]
fn sessions_are_limited_by_user_and_in_all() {
    let limits = limits();
    let first = limits.enter("supplier");
    let second = limits.enter("supplier");
    assert!(first.is_some() && second.is_some());

    assert!(limits.enter("supplier").is_none());
    let other = limits.enter("customer");
    assert!(other.is_some());
    assert!(limits.enter("auditor").is_none());

    drop(first);
    assert!(limits.enter("auditor").is_some());
}

#[test]
fn changed_limits_put_nobody_out() {
    let limits = limits();
    let first = limits.enter("supplier");

    limits.change(&gateway_config::Limits {
        sessions: 1,
        ..configuration()
    });

    assert!(first.is_some());
    assert_eq!(limits.sessions(), 1);
    assert!(limits.enter("customer").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_address_is_banned_after_its_failures_and_for_its_time_only() {
    let limits = limits();
    let guesser = address("192.0.2.1");
    for _ in 0..2 {
        limits.failed("supplier", guesser, ClientAddress::Real);
        assert!(!limits.is_banned(guesser, ClientAddress::Real));
    }

    limits.failed("customer", guesser, ClientAddress::Real);

    assert!(limits.is_banned(guesser, ClientAddress::Real));
    assert!(!limits.is_banned(address("192.0.2.2"), ClientAddress::Real));
    let arrival = limits.arrive(guesser, ClientAddress::Real);
    assert_eq!(arrival.unwrap_err(), TurnedAway::Banned);
    tokio::time::advance(BAN).await;
    assert!(!limits.is_banned(guesser, ClientAddress::Real));
}

#[tokio::test(start_paused = true)]
async fn failures_that_lie_far_apart_ban_nobody() {
    let limits = limits();
    let clumsy = address("192.0.2.1");

    for _ in 0..10 {
        limits.failed("supplier", clumsy, ClientAddress::Real);
        assert!(!limits.is_banned(clumsy, ClientAddress::Real));
        tokio::time::advance(BAN / 2 + Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_time_for_bans_no_address_is_banned() {
    let limits = Arc::new(Limits::new(&gateway_config::Limits {
        login_failures: 1,
        ban_seconds: 0,
        ..configuration()
    }));
    let guesser = address("192.0.2.1");

    for _ in 0..10 {
        limits.failed("supplier", guesser, ClientAddress::Real);
        assert!(!limits.is_banned(guesser, ClientAddress::Real));
    }
}

#[tokio::test(start_paused = true)]
async fn a_guesser_is_banned_in_all_of_its_ipv6_network_and_under_both_names_of_its_ipv4_address() {
    for (guesser, same) in [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
    ] {
        let limits = limits();
        for _ in 0..3 {
            limits.failed("supplier", address(guesser), ClientAddress::Real);
        }

        assert!(limits.is_banned(address(same), ClientAddress::Real));
        assert!(limits.arrive(address(same), ClientAddress::Real).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_hidden_address_is_never_banned() {
    let limits = limits();

    for _ in 0..10 {
        limits.failed("supplier", address("192.0.2.1"), ClientAddress::Hidden);
    }

    assert!(!limits.is_banned(address("192.0.2.1"), ClientAddress::Hidden));
    assert!(!limits.is_banned(address("192.0.2.1"), ClientAddress::Real));
}

#[tokio::test(start_paused = true)]
async fn the_delay_of_a_name_grows_to_its_cap_and_is_forgotten() {
    let limits = limits();
    let fail = |user| limits.failed(user, address("192.0.2.1"), ClientAddress::Hidden);

    let delays: Vec<_> = (0..6).map(|_| fail("supplier").as_millis()).collect();

    assert_eq!(delays, [500, 1000, 2000, 4000, 4000, 4000]);
    assert_eq!(fail("customer").as_millis(), 500);
    tokio::time::advance(Duration::from_mins(5)).await;
    assert_eq!(fail("supplier").as_millis(), 500);
}
