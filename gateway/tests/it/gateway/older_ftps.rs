//! FTPS connections that are older than the configuration.

use std::sync::Arc;

use gateway::server::Server;
use gateway_config::{Encryption, User};
use prometheus::Registry;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::{
    io::{AsyncReadExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{self, ClientConfig, RootCertStore},
};

use super::{
    balanced_ftps::Control,
    fixture::{Folder, PATIENCE, eventually, text},
    passive::{DATA, folder, free_ports},
    tls::renew,
};

/// A folder whose clients may do without TLS, and the password `correct horse`.
fn unprotected() -> Folder {
    unprotected_with(0)
}

/// The same with this passive port.
fn unprotected_with(port: u16) -> Folder {
    let mut folder = folder(&[port]);
    folder.give_password();
    std::fs::create_dir(folder.beside("volume/supplier")).unwrap();
    folder.change(|endpoint| {
        endpoint.listeners[1].tls.as_mut().unwrap().encryption = Encryption::Optional;
    });
    folder
}

async fn arrive(server: &Server) -> Control {
    let stream = TcpStream::connect(server.addresses()[1].1).await.unwrap();
    let mut control = Control(BufReader::new(stream));
    control.expect("220").await;
    control
}

async fn logged_in(server: &Server) -> Control {
    let mut control = arrive(server).await;
    control.ask("USER supplier", "331").await;
    control.ask("PASS correct horse", "230").await;
    control
}

/// From now on the user is like this.
async fn change_user(folder: &mut Folder, server: &Server, change: impl Fn(&mut User)) {
    let served = server.serves();
    folder.configuration.users.values_mut().for_each(change);
    folder.render();
    eventually("it is served", || server.serves() != served).await;
}

#[tokio::test]
async fn who_logs_in_again_must_use_tls_when_that_is_demanded_by_now() {
    let mut folder = unprotected();
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let mut control = logged_in(&server).await;

    change_user(&mut folder, &server, |user| user.require_tls = true).await;

    control.ask("REIN", "220").await;
    control.ask("USER supplier", "530").await;
}

#[tokio::test]
async fn a_password_that_came_in_clear_opens_nothing_when_tls_is_demanded_by_now() {
    let mut folder = unprotected();
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let mut control = arrive(&server).await;
    control.ask("USER supplier", "331").await;

    change_user(&mut folder, &server, |user| user.require_tls = true).await;

    control.ask("PASS correct horse", "530").await;
}

#[tokio::test]
async fn a_password_that_was_taken_away_opens_nothing_on_an_older_connection() {
    let mut folder = unprotected();
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let mut control = arrive(&server).await;
    control.ask("USER supplier", "331").await;

    change_user(&mut folder, &server, |user| user.password_hash = None).await;

    control.ask("PASS correct horse", "530").await;
}

#[tokio::test]
async fn an_older_connection_that_begins_tls_sees_the_new_certificate() {
    let folder = unprotected();
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();
    let mut control = arrive(&server).await;

    let certificate = renew(&folder, "ftps");
    let applied =
        "secureftp_configuration_reloads_total{endpoint=\"b2b/partners\",outcome=\"applied\"} 1\n";
    eventually("it is served", || text(&registry).contains(applied)).await;

    control.ask("AUTH TLS", "234").await;
    let name = ServerName::try_from("localhost").unwrap();
    let handshake = trusting_only(certificate).connect(name, control.0.into_inner());
    timeout(PATIENCE, handshake).await.unwrap().unwrap();
}

#[tokio::test]
async fn whoever_is_no_user_any_more_hears_so_and_leaves() {
    let mut folder = unprotected();
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let mut control = logged_in(&server).await;

    folder.configuration.users.clear();
    folder.render();

    let told = control.expect("421").await;
    assert!(told.contains("account has ended"), "{told}");
}

#[tokio::test]
async fn whoever_is_past_the_last_day_leaves_too_and_so_does_a_transfer() {
    let [port] = free_ports();
    let mut folder = unprotected_with(port);
    let file = folder.beside("volume/supplier/large");
    std::fs::File::create(file)
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let mut control = logged_in(&server).await;
    control.ask("TYPE I", "200").await;
    control.ask("EPSV", "229").await;
    let mut data = TcpStream::connect((DATA, port)).await.unwrap();
    control.ask("RETR large", "150").await;

    change_user(&mut folder, &server, |user| user.valid_until = Some(1)).await;

    control.expect("426").await;
    control.expect("421").await;
    // It ends long before the file does.
    let mut received = Vec::new();
    let reading = timeout(PATIENCE, data.read_to_end(&mut received)).await;
    let _reset = reading.unwrap();
    assert!(received.len() < 1 << 30, "{}", received.len());
}

fn trusting_only(certificate: CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
