//! What a data connection proves.

use std::sync::Arc;

use ftp::Direction::{Download, Upload};
use rustls::{server::StoresServerSessions as _, version::TLS13};
use tokio::io::AsyncReadExt as _;

use super::{
    super::{
        Handshake, ServerTls, finish,
        store::{ControlStore, DataStore, SessionStore},
    },
    fixture::{Fixture, PATIENCE, VERSIONS, certificate, in_time, settings},
};

#[tokio::test]
async fn data_connections_resume_the_session_of_their_control_connection() {
    for version in VERSIONS {
        for direction in [Download, Upload] {
            let fixture = Fixture::new();
            let client = fixture.client(version);
            let session = fixture.tls.session();
            let _control = client.control(&session).await.unwrap();

            let handshake = client.handshake(&session, direction).await;

            assert_eq!(handshake, Handshake::Resumed, "{version:?} {direction:?}");
        }
    }
}

#[tokio::test]
async fn downloads_resume_one_after_another_for_as_long_as_the_session_lives() {
    for version in VERSIONS {
        let fixture = Fixture::new();
        let client = fixture.client(version);
        let session = fixture.tls.session();
        let _control = client.control(&session).await.unwrap();

        for turn in 0..20 {
            let handshake = client.handshake(&session, Download).await;
            assert_eq!(handshake, Handshake::Resumed, "{version:?} {turn}");
        }
    }
}

#[tokio::test]
async fn nothing_is_resumed_in_another_session_of_the_same_listener() {
    for version in VERSIONS {
        let fixture = Fixture::new();
        let client = fixture.client(version);
        let (one, other) = (fixture.tls.session(), fixture.tls.session());
        let _control = client.control(&one).await.unwrap();

        let handshake = client.handshake(&other, Download).await;

        assert_eq!(handshake, Handshake::Full, "{version:?}");
    }
}

#[tokio::test]
async fn whoever_came_without_the_session_cannot_come_back_with_it() {
    for version in VERSIONS {
        let fixture = Fixture::new();
        let session = fixture.tls.session();
        let _control = fixture.client(version).control(&session).await.unwrap();
        let stranger = fixture.client(version);

        for turn in 0..2 {
            let handshake = stranger.handshake(&session, Download).await;
            assert_eq!(handshake, Handshake::Full, "{version:?} {turn}");
        }
    }
}

#[tokio::test]
async fn an_upload_brings_no_ticket() {
    let fixture = Fixture::new();
    let client = fixture.client(&TLS13);
    let session = fixture.tls.session();
    let _control = client.control(&session).await.unwrap();

    let mut first = client.data(&session, Upload).await.unwrap();
    finish(&mut first.server.0, PATIENCE).await.unwrap();
    let mut nothing = Vec::new();
    in_time(first.client.read_to_end(&mut nothing))
        .await
        .unwrap();

    // This client uses a ticket once, and the control connection brought one.
    assert_eq!(first.server.1, Handshake::Resumed);
    assert_eq!(client.handshake(&session, Upload).await, Handshake::Full);
}

#[tokio::test]
async fn a_renewed_certificate_leaves_running_sessions_alone() {
    for version in VERSIONS {
        let old = Fixture::new();
        let client = old.client(version);
        let session = old.tls.session();
        let _control = client.control(&session).await.unwrap();

        let new = Fixture::new();
        let renewed = new.tls.session();

        // Who trusts only the old certificate shows which one is served.
        let trusting = old.client(version);
        assert!(trusting.control(&renewed).await.is_err(), "{version:?}");
        assert!(new.client(version).control(&renewed).await.is_ok());
        let handshake = client.handshake(&session, Download).await;
        assert_eq!(handshake, Handshake::Resumed, "{version:?}");
        let full = old.client(version).data(&session, Download).await;
        assert_eq!(full.unwrap().server.1, Handshake::Full, "{version:?}");
    }
}

#[test]
fn a_session_may_be_resumed_again_and_the_first_is_never_forgotten() {
    let session = Arc::new(SessionStore::default());
    let control = ControlStore(Arc::clone(&session));
    control.put(b"control".to_vec(), b"secrets".to_vec());

    for turn in 0..100_u8 {
        let data = DataStore::new(Arc::clone(&session));
        data.put(vec![turn], vec![turn]);
        assert_eq!(data.take(&[turn]), None, "not yet approved");
        data.approve();
        assert_eq!(data.take(&[turn]), Some(vec![turn]));
        assert_eq!(data.take(&[turn]), Some(vec![turn]));
    }

    assert_eq!(control.take(b"control"), Some(b"secrets".to_vec()));
    assert_eq!(control.take(&[0]), None, "old ones make room");
}

#[test]
fn files_that_are_the_same_make_the_same_tls() {
    let (one, other) = (certificate(|_| {}), certificate(|_| {}));
    let tls = |certificate| {
        let settings = settings(gateway_config::TlsVersion::V1_2);
        ServerTls::new(&settings, certificate).unwrap()
    };

    assert_eq!(tls(&one), tls(&one));
    assert_ne!(tls(&one), tls(&other));
}
