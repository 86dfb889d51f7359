use std::{net::SocketAddr, time::Duration};

use futures_util::FutureExt as _;
use gateway_config::AuthorizedKey;
use prometheus::Registry;
use tokio::time::Instant;

use super::*;

/// `open sesame`, cheap on purpose.
const HASH: &str = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy";
/// `open sesame` in another scheme.
const OTHER_HASH: &str = "$5$rounds=1000$saltstring$n3a2i8i4F9QJeBWCS0AMO5xyVBBf.4iFCPvoPCJ5wW9";
const KEY: &[u8] = b"a key in SSH wire format";

struct Fixture {
    users: Users,
    verifier: Arc<Verifier>,
    limits: Arc<Limits>,
}

/// One user, `supplier`, as `change` makes them.
fn fixture(change: impl FnOnce(&mut User)) -> Fixture {
    let mut user = User {
        root: "/supplier".into(),
        password_hash: Some(HASH.into()),
        authorized_keys: vec![AuthorizedKey {
            algorithm: "ssh-ed25519".into(),
            key: STANDARD.encode(KEY),
            comment: String::new(),
        }],
        permissions: BTreeSet::from([Permission::List]),
        allowed_cidrs: Vec::new(),
        require_tls: false,
        valid_until: None,
    };
    change(&mut user);
    let shared = shared(Verifier::new().unwrap());
    Fixture {
        verifier: Arc::clone(&shared.verifier),
        limits: Arc::clone(&shared.limits),
        users: Users::new(&supplier(user), shared),
    }
}

fn supplier(user: User) -> BTreeMap<UserName, User> {
    BTreeMap::from([(UserName::new("supplier"), user)])
}

fn shared(verifier: Verifier) -> Shared {
    let limits = Limits::new(&gateway_config::Limits {
        sessions: 10,
        sessions_per_user: 1,
        connections_per_address: 10,
        half_open: 10,
        login_seconds: 60,
        idle_seconds: 900,
        login_failures: 2,
        ban_seconds: 600,
        memory_per_session_bytes: 1 << 23,
    });
    let metrics = Metrics::register(&Registry::new(), "b2b/partners").unwrap();
    Shared::new(Arc::new(limits), Arc::new(verifier), metrics)
}

fn peer(visibility: ClientAddress) -> Peer {
    Peer::new(SocketAddr::from(([192, 0, 2, 1], 40_000)), visibility)
}

fn open_sesame() -> Password {
    Password::new("open sesame".into())
}

fn wrong() -> Password {
    Password::new("open barley".into())
}

#[tokio::test(start_paused = true)]
async fn the_right_password_opens_the_account() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Real);

    let account = fixture
        .users
        .password("supplier", open_sesame(), &peer, Channel::Protected)
        .await
        .unwrap();

    assert_eq!(account.name(), "supplier");
    assert_eq!(account.root(), "/supplier");
    assert!(account.permissions().contains(&Permission::List));
    assert_eq!(fixture.limits.sessions(), 1);
    drop(account);
    assert_eq!(fixture.limits.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_refused_and_its_answer_held_back() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Hidden);
    let before = Instant::now();

    let refused = fixture
        .users
        .password("supplier", wrong(), &peer, Channel::Protected)
        .await;

    assert_eq!(refused.unwrap_err(), Refused::Credential);
    assert!(before.elapsed() >= Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_log_in_costs_a_check_and_gets_the_same_answer() {
    let network = |user: &mut User| user.allowed_cidrs = vec!["198.51.100.0/24".parse().unwrap()];
    let cases: [(&str, &str, Fixture); 6] = [
        ("unknown", "nobody", fixture(|_| {})),
        (
            "no password",
            "supplier",
            fixture(|user| user.password_hash = None),
        ),
        (
            "unusable hash",
            "supplier",
            fixture(|user| user.password_hash = Some("$1$x$y".into())),
        ),
        (
            "expired",
            "supplier",
            fixture(|user| user.valid_until = Some(1)),
        ),
        ("from elsewhere", "supplier", fixture(network)),
        ("too long", "supplier", fixture(|_| {})),
    ];
    for (case, name, fixture) in cases {
        let password = if case == "too long" {
            Password::new("open sesame".repeat(100))
        } else {
            open_sesame()
        };

        let refused = fixture
            .users
            .password(
                name,
                password,
                &peer(ClientAddress::Real),
                Channel::Protected,
            )
            .await;

        assert_eq!(refused.unwrap_err(), Refused::Credential, "{case}");
        assert_eq!(fixture.verifier.checks(), 1, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_that_was_right_is_not_checked_again_for_a_while() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Hidden);
    let log_in = |password| {
        fixture
            .users
            .password("supplier", password, &peer, Channel::Protected)
    };

    log_in(open_sesame()).await.unwrap();
    log_in(open_sesame()).await.unwrap();
    assert_eq!(fixture.verifier.checks(), 1);

    assert!(log_in(wrong()).await.is_err());
    assert_eq!(fixture.verifier.checks(), 2);

    tokio::time::advance(Duration::from_mins(5)).await;
    log_in(open_sesame()).await.unwrap();
    assert_eq!(fixture.verifier.checks(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_changed_hash_is_checked_even_if_the_password_was_remembered() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Hidden);
    let before = fixture
        .users
        .password("supplier", open_sesame(), &peer, Channel::Protected)
        .await;
    drop(before.unwrap());

    let mut changed = fixture.users.entries["supplier"].user.clone();
    changed.password_hash = Some(OTHER_HASH.into());
    let reloaded = Users::new(&supplier(changed), fixture.users.shared.clone());

    reloaded
        .password("supplier", open_sesame(), &peer, Channel::Protected)
        .await
        .unwrap();
    assert_eq!(fixture.verifier.checks(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_remembered_password_opens_nothing_for_a_user_who_has_expired() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Hidden);
    let before = fixture
        .users
        .password("supplier", open_sesame(), &peer, Channel::Protected)
        .await;
    drop(before.unwrap());

    let mut expired = fixture.users.entries["supplier"].user.clone();
    expired.valid_until = Some(1);
    let reloaded = Users::new(&supplier(expired), fixture.users.shared.clone());

    assert!(
        reloaded
            .password("supplier", open_sesame(), &peer, Channel::Protected)
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_a_refusal_and_no_failure() {
    let mut fixture = fixture(|_| {});
    fixture.users.shared.verifier = Arc::new(Verifier::with_room(1, 0).unwrap());
    let peer = peer(ClientAddress::Real);

    for _ in 0..5 {
        let refused = fixture
            .users
            .password("supplier", open_sesame(), &peer, Channel::Protected)
            .await;
        assert_eq!(refused.unwrap_err(), Refused::Busy);
    }

    assert!(!fixture.limits.is_banned(peer.address.ip(), peer.visibility));
}

#[tokio::test(start_paused = true)]
async fn a_banned_address_is_refused_without_a_check() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Real);
    for _ in 0..2 {
        let refused = fixture
            .users
            .password("supplier", wrong(), &peer, Channel::Protected)
            .await;
        assert_eq!(refused.unwrap_err(), Refused::Credential);
    }

    let refused = fixture
        .users
        .password("supplier", open_sesame(), &peer, Channel::Protected)
        .await;

    assert_eq!(refused.unwrap_err(), Refused::Banned);
    assert!(!fixture.users.lists_key("supplier", KEY, &peer));
    assert_eq!(
        fixture
            .users
            .public_key("supplier", KEY, &peer)
            .unwrap_err(),
        Refused::Banned
    );
    assert_eq!(fixture.verifier.checks(), 2);
}

#[test]
fn a_guess_that_began_before_the_ban_is_refused_after_it() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Real);

    let refused = runtime.block_on(async {
        // The only thread for checks is taken until the ban is there.
        let (banned, waiting) = std::sync::mpsc::channel::<()>();
        let occupied = tokio::task::spawn_blocking(move || waiting.recv());
        let guess = fixture
            .users
            .password("supplier", open_sesame(), &peer, Channel::Protected);
        tokio::pin!(guess);
        assert!(futures_util::poll!(guess.as_mut()).is_pending());
        for _ in 0..2 {
            fixture
                .limits
                .failed("supplier", peer.address.ip(), peer.visibility);
        }
        drop(banned);
        assert!(occupied.await.is_ok());
        guess.await
    });

    assert_eq!(refused.unwrap_err(), Refused::Banned);
}

#[test]
fn only_listed_keys_open_the_account() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Hidden);

    assert!(fixture.users.lists_key("supplier", KEY, &peer));
    assert!(!fixture.users.lists_key("supplier", b"another key", &peer));
    assert!(!fixture.users.lists_key("nobody", KEY, &peer));

    let account = fixture.users.public_key("supplier", KEY, &peer).unwrap();
    assert_eq!(account.name(), "supplier");
    let refused = fixture.users.public_key("supplier", b"another key", &peer);
    assert_eq!(refused.unwrap_err(), Refused::Credential);
}

#[test]
fn keys_of_an_expired_user_are_not_even_listed() {
    let fixture = fixture(|user| user.valid_until = Some(1));

    assert!(
        !fixture
            .users
            .lists_key("supplier", KEY, &peer(ClientAddress::Hidden))
    );
}

#[test]
fn address_rules_hold_where_the_address_is_real_and_refuse_where_it_is_hidden() {
    let allowed = fixture(|user| user.allowed_cidrs = vec!["192.0.2.0/24".parse().unwrap()]);
    let elsewhere = fixture(|user| user.allowed_cidrs = vec!["198.51.100.0/24".parse().unwrap()]);

    assert!(
        allowed
            .users
            .lists_key("supplier", KEY, &peer(ClientAddress::Real))
    );
    assert!(
        !allowed
            .users
            .lists_key("supplier", KEY, &peer(ClientAddress::Hidden))
    );
    assert!(
        !elsewhere
            .users
            .lists_key("supplier", KEY, &peer(ClientAddress::Real))
    );
}

#[test]
fn an_ipv4_client_of_an_ipv6_socket_is_matched_as_ipv4() {
    let fixture = fixture(|user| user.allowed_cidrs = vec!["192.0.2.0/24".parse().unwrap()]);
    let mapped = Peer::new(
        "[::ffff:192.0.2.1]:40000".parse().unwrap(),
        ClientAddress::Real,
    );

    assert!(fixture.users.lists_key("supplier", KEY, &mapped));
}

#[test]
fn the_session_after_the_last_is_refused_and_says_so() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Hidden);
    let first = fixture.users.public_key("supplier", KEY, &peer);
    assert!(first.is_ok());

    let second = fixture.users.public_key("supplier", KEY, &peer);

    assert_eq!(second.unwrap_err(), Refused::TooManySessions);
}

#[test]
fn a_login_gives_up_the_place_among_the_half_open() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Hidden);
    let (place, _) = fixture
        .limits
        .arrive(peer.address.ip(), peer.visibility)
        .unwrap();
    let peer = Peer::with_place(peer.address, peer.visibility, Some(place));
    assert_eq!(fixture.limits.half_open(), 1);

    let _account = fixture.users.public_key("supplier", KEY, &peer).unwrap();

    assert_eq!(fixture.limits.half_open(), 0);
}

#[test]
fn a_password_is_shown_to_nobody() {
    assert_eq!(format!("{:?}", open_sesame()), "Password");
}

#[tokio::test(start_paused = true)]
async fn a_user_who_requires_tls_is_refused_over_a_clear_channel_like_a_wrong_password() {
    let fixture = fixture(|user| user.require_tls = true);
    let peer = peer(ClientAddress::Real);
    let log_in = |channel| {
        let users = &fixture.users;
        users.password("supplier", open_sesame(), &peer, channel)
    };

    let refused = log_in(Channel::Clear).await;

    assert_eq!(refused.unwrap_err(), Refused::Credential);
    assert_eq!(fixture.verifier.checks(), 1, "it costs a check");
    assert!(log_in(Channel::Protected).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_user_who_does_not_require_tls_logs_in_over_a_clear_channel() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Real);

    let users = &fixture.users;
    let account = users.password("supplier", open_sesame(), &peer, Channel::Clear);

    assert!(account.await.is_ok());
}

#[test]
fn names_that_do_not_exist_require_tls_as_soon_as_somebody_does() {
    let nobody_does = fixture(|_| {});
    assert!(!nobody_does.users.requires_tls("supplier"));
    assert!(!nobody_does.users.requires_tls("nobody"));

    let supplier_does = fixture(|user| user.require_tls = true);
    assert!(supplier_does.users.requires_tls("supplier"));
    assert!(supplier_does.users.requires_tls("nobody"));
}

#[tokio::test(start_paused = true)]
async fn a_guess_whose_client_does_not_wait_for_the_answer_has_failed() {
    let fixture = fixture(|_| {});
    let peer = peer(ClientAddress::Real);
    let guess = || {
        fixture
            .users
            .password("supplier", wrong(), &peer, Channel::Protected)
    };

    assert!(guess().now_or_never().is_none());
    assert!(guess().now_or_never().is_none());

    assert_eq!(guess().await.unwrap_err(), Refused::Banned);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_before_the_check_begins_has_not_guessed() {
    let shared = shared(Verifier::with_room(0, 10).unwrap());
    let entries = fixture(|_| {}).users.entries["supplier"].user.clone();
    let users = Users::new(&supplier(entries), shared.clone());
    let peer = peer(ClientAddress::Real);

    for _ in 0..3 {
        let guess = users.password("supplier", wrong(), &peer, Channel::Protected);
        assert!(guess.now_or_never().is_none());
    }

    assert!(!shared.limits.is_banned(peer.address.ip(), peer.visibility));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_no_user_any_more_or_has_expired_may_not_stay() {
    for change in [None, Some(1), Some(i64::MAX)] {
        let fixture = fixture(|_| {});
        let account = fixture
            .users
            .password(
                "supplier",
                open_sesame(),
                &peer(ClientAddress::Hidden),
                Channel::Protected,
            )
            .await
            .unwrap();
        let mut users = BTreeMap::new();
        if change.is_some() {
            let mut user = fixture.users.entries["supplier"].user.clone();
            user.valid_until = change;
            users = supplier(user);
        }

        let reloaded = Users::new(&users, fixture.users.shared.clone());
        reloaded.dismiss_others();

        assert_eq!(
            account.stay().is_over(),
            change != Some(i64::MAX),
            "{change:?}"
        );
    }
}
