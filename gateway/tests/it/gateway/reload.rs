use std::{fs, os::unix::fs::symlink};

use gateway::{drain::Arrivals, server::Server};
use gateway_config::{Digest, ENDPOINT_FILE};
use prometheus::Registry;

use super::fixture::{Folder, HOUR, Visitor, eventually, listener, text};

const APPLIED: &str =
    "secureftp_configuration_reloads_total{endpoint=\"b2b/partners\",outcome=\"applied\"} 1";
const REFUSED: &str =
    "secureftp_configuration_reloads_total{endpoint=\"b2b/partners\",outcome=\"refused\"} 1";

const REFUSED_NOW: &str = "secureftp_configuration_refused{endpoint=\"b2b/partners\"} 1";

fn digest(folder: &Folder) -> Digest {
    Digest::of(&fs::read(folder.path().join(ENDPOINT_FILE)).unwrap())
}

#[tokio::test]
async fn a_changed_configuration_is_served() {
    let mut folder = Folder::new();
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();
    assert_eq!(server.serves(), digest(&folder));

    folder.change(|endpoint| endpoint.limits.sessions = 5);

    let wanted = digest(&folder);
    eventually("the new one is served", || server.serves() == wanted).await;
    assert!(text(&registry).contains(APPLIED));
}

#[tokio::test]
async fn a_configuration_that_is_only_written_differently_is_served_by_its_new_digest() {
    let folder = Folder::new();
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();

    let text = fs::read_to_string(folder.path().join(ENDPOINT_FILE)).unwrap();
    folder.write(ENDPOINT_FILE, format!("{text}\n").as_bytes());

    let wanted = digest(&folder);
    eventually("the new one is served", || server.serves() == wanted).await;
}

#[tokio::test]
async fn listeners_come_and_go_and_those_that_stay_keep_their_sockets() {
    let mut folder = Folder::new();
    folder.change(|endpoint| endpoint.listeners.push(listener("second")));
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    let before = server.addresses();

    folder.change(|endpoint| {
        endpoint.listeners[0] = listener("third");
        endpoint.listeners[0].address.set_ip([127, 0, 0, 2].into());
    });

    eventually("the new one listens", || {
        server.addresses().iter().any(|(name, _)| name == "third")
    })
    .await;
    let after = server.addresses();
    assert_eq!(after.len(), 2);
    assert_eq!(after[1], before[1]);
    Visitor::arrive(after[0].1).await.greeting().await;
    let gone = before[0].1;
    eventually("the old one is closed", || {
        std::net::TcpStream::connect(gone).is_err()
    })
    .await;
}

/// What cannot be served is refused, the old configuration goes on, and a mend is picked up.
async fn check_refused(spoil: impl FnOnce(&mut Folder)) {
    let mut folder = Folder::new();
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();
    let served = server.serves();
    let good = folder.configuration.clone();

    spoil(&mut folder);

    eventually("the change is refused", || {
        text(&registry).contains(REFUSED)
    })
    .await;
    eventually("it is shown", || text(&registry).contains(REFUSED_NOW)).await;
    assert_eq!(server.serves(), served);
    let (_, address) = server.addresses().remove(0);
    Visitor::arrive(address).await.greeting().await;

    folder.configuration = good;
    folder.change(|endpoint| endpoint.limits.sessions = 5);
    let wanted = digest(&folder);
    eventually("the mended one is served", || server.serves() == wanted).await;
    eventually("no longer shown", || !text(&registry).contains(REFUSED_NOW)).await;
}

#[tokio::test]
async fn broken_json_changes_nothing() {
    check_refused(|folder| folder.write(ENDPOINT_FILE, b"{")).await;
}

#[tokio::test]
async fn an_unknown_field_changes_nothing() {
    check_refused(|folder| {
        let text = fs::read_to_string(folder.path().join(ENDPOINT_FILE)).unwrap();
        folder.write(
            ENDPOINT_FILE,
            text.replacen('{', "{\"news\": 1,", 1).as_bytes(),
        );
    })
    .await;
}

#[tokio::test]
async fn users_of_another_moment_change_nothing() {
    check_refused(|folder| folder.write("users/00.json", br#"{"users": {}}"#)).await;
}

#[tokio::test]
async fn the_configuration_of_another_endpoint_changes_nothing() {
    check_refused(|folder| folder.change(|endpoint| endpoint.name = "customers".to_owned())).await;
}

#[tokio::test]
async fn a_listener_that_cannot_listen_changes_nothing() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    check_refused(|folder| {
        folder.change(|endpoint| {
            endpoint.listeners.push(listener("second"));
            endpoint.listeners[1].address = address;
        });
    })
    .await;
}

#[tokio::test]
async fn what_was_refused_is_served_when_its_obstacle_is_gone() {
    let mut folder = Folder::new();
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();
    let volume = folder.beside("mounted-later");
    folder.change(|endpoint| endpoint.storage.volume.clone_from(&volume));
    eventually("the change is refused", || {
        text(&registry).contains(REFUSED)
    })
    .await;

    fs::create_dir(&volume).unwrap();

    let wanted = digest(&folder);
    eventually("it is served", || server.serves() == wanted).await;
    assert!(text(&registry).contains(REFUSED), "counted again");
}

#[tokio::test]
async fn a_volume_that_is_not_there_changes_nothing() {
    check_refused(|folder| {
        folder.change(|endpoint| endpoint.storage.volume = "/nonexistent/volume".into());
    })
    .await;
}

#[tokio::test]
async fn a_host_key_that_is_none_changes_nothing() {
    let mut folder = Folder::new();
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();

    folder.write("host-keys/ed25519", b"not a key");
    folder.change(|endpoint| endpoint.limits.sessions = 5);

    eventually("the change is refused", || {
        text(&registry).contains(REFUSED)
    })
    .await;
    assert_ne!(server.serves(), digest(&folder));
}

#[tokio::test]
async fn a_swap_of_kubelets_symlink_is_picked_up() {
    let mut folder = Folder::new();
    let mounted = folder.beside("mounted");
    let copy = |folder: &Folder, version: &str| {
        let target = mounted.join(version);
        fs::create_dir_all(target.join("users")).unwrap();
        fs::create_dir_all(target.join("host-keys")).unwrap();
        for name in [ENDPOINT_FILE, "users/00.json", "host-keys/ed25519"] {
            fs::copy(folder.path().join(name), target.join(name)).unwrap();
        }
    };
    copy(&folder, "..1");
    symlink("..1", mounted.join("..data")).unwrap();
    for name in [ENDPOINT_FILE, "users", "host-keys"] {
        symlink(format!("..data/{name}"), mounted.join(name)).unwrap();
    }
    let server = Server::start(&mounted, &Registry::new()).await.unwrap();

    folder.change(|endpoint| endpoint.limits.sessions = 5);
    copy(&folder, "..2");
    symlink("..2", mounted.join("..new")).unwrap();
    fs::rename(mounted.join("..new"), mounted.join("..data")).unwrap();

    let wanted = digest(&folder);
    eventually("the new one is served", || server.serves() == wanted).await;
}

#[tokio::test]
async fn a_reload_opens_no_listener_that_was_closed() {
    let mut folder = Folder::new();
    let server = Server::start(&folder.path(), &Registry::new())
        .await
        .unwrap();
    server.drain(HOUR, Arrivals::Refuse);
    server.stop_listening();

    folder.change(|endpoint| endpoint.listeners.push(listener("second")));

    let wanted = digest(&folder);
    eventually("the new one is served", || server.serves() == wanted).await;
    assert_eq!(server.addresses(), []);
}
