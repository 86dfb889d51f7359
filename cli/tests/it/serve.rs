//! `secureftp local PATH`: the real program serves, keeps its state, follows edits and stops.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::mpsc::channel,
    thread,
    time::Instant,
};

use rustix::process::Signal;

use crate::place::{PATIENCE, Place, Running, free_port};

#[test]
fn it_serves_what_the_sheet_says_and_stops_when_told() {
    let place = Place::new();

    let mut running = place.start();
    let port = place.port;
    assert!(
        running
            .sheet_line("SFTP ")
            .contains(&format!("127.0.0.1 port {port}"))
    );
    assert!(place.banner().unwrap().starts_with("SSH-2.0-"));

    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(0));
    assert_eq!(place.banner(), None);
}

#[test]
fn the_sheet_never_shows_a_password() {
    let place = Place::new();

    let running = place.start();

    assert!(!running.sheet.join("\n").contains("demonstration"));
    let users = place
        .folder()
        .join("state/endpoints/default/partners/users/00.json");
    assert!(!fs::read_to_string(users).unwrap().contains("demonstration"));
}

#[test]
fn the_metrics_are_at_the_port_that_was_asked_for() {
    let place = Place::new();
    let port = free_port();

    let mut command = place.command();
    command.args(["--metrics-port", &port.to_string()]);
    let running = Running::of(command);

    let line = running.sheet_line("Metrics ");
    assert_eq!(line, format!("Metrics  http://127.0.0.1:{port}/metrics"));
    let mut admin = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    admin
        .write_all(b"GET /livez HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    admin.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_second_start_keeps_keys_and_hashes() {
    let place = Place::new();
    let read = |file: &str| fs::read_to_string(place.folder().join("state").join(file)).unwrap();

    let first = place.start();
    let fingerprint = first.sheet_line("host key");
    let kept = [
        read("passwords.json"),
        read("keys/supplier"),
        read("known_hosts"),
    ];
    drop(first);
    let second = place.start();

    assert_eq!(second.sheet_line("host key"), fingerprint);
    assert_eq!(
        [
            read("passwords.json"),
            read("keys/supplier"),
            read("known_hosts")
        ],
        kept
    );
}

#[test]
fn everything_in_the_state_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::with("ftps");

    let _running = crate::ftps::start(&place);

    let mut folders = vec![place.folder().join("state")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            let path = entry.path();
            if path.is_dir() {
                assert_eq!(mode, 0o700, "{}", path.display());
                folders.push(path);
            } else {
                assert_eq!(mode, 0o600, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_second_one_on_the_same_state_is_refused() {
    let place = Place::new();
    let _first = place.start();

    let second = place.command().output().unwrap();

    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        said.contains("another `secureftp local` uses state"),
        "{said}"
    );
    assert_eq!(second.status.code(), Some(1));
}

#[test]
fn an_edit_is_served_without_a_restart() {
    let place = Place::new();
    let running = place.start();

    place.edit("more.yaml", |_| {
        let users = fs::read_to_string(place.folder().join("partners/users.yaml")).unwrap();
        let customer = users.rsplit("---\n").next().unwrap();
        customer
            .replace("name: customer\n  labels", "name: auditor\n  labels")
            .replace("root: /customer", "root: /audit")
    });

    let lines = running.lines_until("default/partners:");
    assert_eq!(lines, ["default/partners: user auditor added (applied)"]);
}

#[test]
fn a_moved_listener_gets_its_part_of_the_sheet_anew() {
    let mut place = Place::new();
    let running = place.start();
    let part = |lines: &[String]| -> Vec<String> {
        let from = lines.iter().position(|line| line.starts_with("SFTP "));
        let part = lines[from.unwrap()..].iter();
        part.take_while(|line| !line.starts_with("Metrics"))
            .cloned()
            .collect()
    };
    let before = part(&running.sheet);
    let (old, new) = (place.port, free_port());

    place.edit("partners.yaml", |text| {
        text.replace(&format!("port: {old}\n"), &format!("port: {new}\n"))
    });
    place.port = new;

    running.lines_until("listens now at");
    let mut shown = running.lines_until("SFTP ");
    while shown.len() <= before.len() {
        shown.extend(running.lines_until(""));
    }
    let moved: Vec<String> = before
        .iter()
        .map(|line| line.replace(&old.to_string(), &new.to_string()))
        .collect();
    assert_eq!(part(&shown), moved);
    let known = fs::read_to_string(place.folder().join("state/known_hosts")).unwrap();
    assert!(known.contains(&format!("]:{new} ")), "{known}");
    assert!(place.banner().unwrap().starts_with("SSH-2.0-"));
}

#[test]
fn a_broken_edit_changes_nothing_and_says_why() {
    let place = Place::new();
    let running = place.start();
    place.edit("users.yaml", |text| {
        text.replace("permissions: [List, Read]", "permissions: [Lost]")
    });

    let mut said = running.errors.recv_timeout(PATIENCE).unwrap();
    said.push_str(&running.errors.recv_timeout(PATIENCE).unwrap());
    assert!(said.contains("users.yaml"), "{said}");
    assert!(said.contains("did you mean `List`?"), "{said}");
    assert!(place.banner().unwrap().starts_with("SSH-2.0-"));

    // Nothing came of the broken edit: only the good one is told.
    place.edit("users.yaml", |text| {
        text.replace("permissions: [Lost]", "permissions: [List]")
    });
    let lines = running.lines_until("default/partners:");
    let [mended, applied] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert!(mended.ends_with(": no mistakes any more"), "{mended}");
    assert_eq!(applied, "default/partners: user customer changed (applied)");
}

#[test]
fn endpoints_come_and_go_with_their_manifests() {
    let place = Place::new();
    let running = place.start();
    let port = free_port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));

    place.edit("second.yaml", |_| {
        let text = fs::read_to_string(place.folder().join("partners/partners.yaml")).unwrap();
        let endpoint = text.rsplit("---\n").next().unwrap();
        endpoint
            .replace("name: partners\nspec", "name: second\nspec")
            .replace(&place.port.to_string(), &port.to_string())
    });
    assert_eq!(
        running.lines_until("second"),
        [format!("default/second: served now at {address}")]
    );
    assert!(TcpStream::connect(address).is_ok());
    let part = format!("SFTP  default/second  listener sftp  127.0.0.1 port {port}");
    running.lines_until(&part);

    fs::remove_file(place.folder().join("partners/second.yaml")).unwrap();
    running.lines_until("default/second: gone");
}

#[test]
fn a_state_whose_files_would_be_read_as_manifests_is_refused() {
    let place = Place::new();

    let output = Command::new(env!("CARGO_BIN_EXE_secureftp"))
        .args(["local", "partners", "--state", "partners/state"])
        .current_dir(place.folder())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("uploaded files would be read as manifests"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_choose_instead() {
    let place = Place::new();
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, place.port)).unwrap();

    let output = place.command().output().unwrap();

    let said = String::from_utf8(output.stderr).unwrap();
    let manifest = place.folder().join("partners/partners.yaml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let port = format!("port: {}", place.port);
    let line = manifest.lines().position(|line| line.contains(&port));
    let expected = format!(
        "secureftp: the endpoint default/partners cannot be served: another program listens at 127.0.0.1:{}; stop it, \
         or choose another address with --bind, or another port in partners/partners.yaml:{}:",
        place.port,
        line.unwrap() + 1
    );
    assert!(said.starts_with(&expected), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_port_of_the_metrics_that_is_taken_is_named() {
    let place = Place::new();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();

    let mut command = place.command();
    command.args(["--metrics-port", &address.port().to_string()]);
    let output = command.output().unwrap();

    let said = String::from_utf8(output.stderr).unwrap();
    let expected = format!(
        "secureftp: the metrics cannot be served: another program listens at {address}; stop it, or choose another \
         port with --metrics-port\n"
    );
    assert_eq!(said, expected);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_terminal_that_went_away_stops_nothing() {
    let place = Place::new();
    let mut running = place.start();
    (running.out, running.errors) = (channel().1, channel().1);

    place.edit("users.yaml", |text| {
        text.replace("permissions: [List, Read]", "permissions: [List]")
    });

    let users = place
        .folder()
        .join("state/endpoints/default/partners/users/00.json");
    let last_permission = "\"Read\"\n      ]";
    let until = Instant::now() + PATIENCE;
    while fs::read_to_string(&users)
        .unwrap()
        .contains(last_permission)
    {
        assert!(Instant::now() < until, "the edit is not written");
        thread::yield_now();
    }
    assert!(place.banner().unwrap().starts_with("SSH-2.0-"));
    running.signal(Signal::INT);
    assert_eq!(running.ended().code(), Some(0));
}

#[test]
fn an_endpoint_with_another_name_takes_the_port_over() {
    let place = Place::new();
    let running = place.start();
    let _idle = TcpStream::connect((Ipv4Addr::LOCALHOST, place.port)).unwrap();

    place.edit("partners.yaml", |text| {
        text.replace("name: partners\n", "name: renamed\n")
    });

    let lines = running.lines_until("default/renamed:");
    assert!(lines[0].starts_with("default/partners: gone"), "{lines:?}");
    assert_eq!(
        lines[1],
        format!("default/renamed: served now at 127.0.0.1:{}", place.port)
    );
    assert!(place.banner().unwrap().starts_with("SSH-2.0-"));
    assert_eq!(running.errors.try_iter().next(), None);
}

#[test]
fn a_port_moves_from_one_endpoint_to_another() {
    let place = Place::new();
    let (first, second) = (free_port(), free_port());
    let other = |port: u16| {
        let text = fs::read_to_string(place.folder().join("partners/partners.yaml")).unwrap();
        let endpoint = text.rsplit("---\n").next().unwrap();
        let endpoint = endpoint.replace("name: partners\n", "name: another\n");
        endpoint.replace(
            &format!("port: {}\n", place.port),
            &format!("port: {port}\n"),
        )
    };
    place.edit("other.yaml", |_| other(first));
    let running = place.start();

    // Both files in one look: the folder that is read is swapped whole.
    let partners = place.folder().join("partners");
    let next = place.folder().join("next");
    let text = other(place.port);
    fs::create_dir(&next).unwrap();
    for entry in fs::read_dir(&partners).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), next.join(entry.file_name())).unwrap();
    }
    fs::write(next.join("other.yaml"), text).unwrap();
    let moved = fs::read_to_string(next.join("partners.yaml")).unwrap();
    let moved = moved.replace(
        &format!("port: {}\n", place.port),
        &format!("port: {second}\n"),
    );
    fs::write(next.join("partners.yaml"), moved).unwrap();
    fs::rename(&partners, place.folder().join("old")).unwrap();
    fs::rename(&next, &partners).unwrap();

    let lines = running.lines_until("default/partners: listens");
    assert_eq!(
        lines,
        [
            format!(
                "default/another: listens now at 127.0.0.1:{} (applied)",
                place.port
            ),
            format!("default/partners: listens now at 127.0.0.1:{second} (applied)"),
        ]
    );
}

/// Somebody who has said who it is: it gets a word of goodbye, and time to hear it.
fn patient_client(place: &Place) -> TcpStream {
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, place.port)).unwrap();
    let mut heard = BufReader::new(client.try_clone().unwrap());
    heard.read_line(&mut String::new()).unwrap();
    client.write_all(b"SSH-2.0-patient\r\n").unwrap();
    heard.fill_buf().unwrap();
    client
}

#[test]
fn a_second_signal_ends_at_once_and_says_what_it_cut_off() {
    let place = Place::new();
    let mut running = place.start();
    let _client = patient_client(&place);
    running.signal(Signal::INT);
    running.lines_until("Stopping");

    running.signal(Signal::INT);

    let lines = running.lines_until("Stopped");
    assert_eq!(lines, ["Stopped at once; no transfer was running"]);
    assert_eq!(running.ended().code(), Some(130));
}

#[test]
fn a_drain_says_for_whom_it_waits() {
    let place = Place::new();
    let mut running = place.start();
    let client = patient_client(&place);

    running.signal(Signal::TERM);

    let lines = running.lines_until("Stop");
    assert_eq!(lines, ["Stopping: waiting for 1 client"]);
    drop(client);
    assert_eq!(running.ended().code(), Some(0));
}

#[test]
fn what_was_generated_and_is_damaged_is_generated_again() {
    let place = Place::new();
    drop(place.start());
    for file in ["endpoint.json", "host-keys/ed25519"] {
        let path = place.folder().join("state/endpoints/default/partners");
        fs::write(path.join(file), b"\xff").unwrap();
    }

    let _running = place.start();

    assert!(place.banner().unwrap().starts_with("SSH-2.0-"));
}
