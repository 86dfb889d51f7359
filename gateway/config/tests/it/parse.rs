//! What is no configuration, and why.

use std::error::Error as _;

use gateway_config::{Digest, ENDPOINT_FILE, Error, Files, UserName, VERSION, parse};

#[test]
fn a_sound_folder_is_a_configuration() {
    let configuration = parse(&sound()).unwrap();

    assert_eq!(configuration.endpoint.name, "partners");
    assert!(configuration.users.contains_key("supplier"));
}

#[test]
fn files_that_nobody_names_are_ignored() {
    let mut files = sound();
    files.insert("users/99.json".to_owned(), b"garbage".to_vec());
    files.insert("host-keys/ssh_host_ed25519_key".to_owned(), Vec::new());

    assert_eq!(parse(&files).unwrap(), parse(&sound()).unwrap());
}

#[test]
fn a_file_that_is_missing_is_named() {
    for path in [ENDPOINT_FILE, "users/00.json"] {
        let mut files = sound();
        files.remove(path);

        assert_eq!(mistake(&files), format!("{path} is missing"));
    }
}

#[test]
fn a_users_file_of_another_moment_is_refused() {
    let mut files = sound();
    files.insert("users/00.json".to_owned(), br#"{"users": {}}"#.to_vec());

    assert_eq!(
        mistake(&files),
        "users/00.json does not have the digest that endpoint.json names; it may be on its way"
    );
}

#[test]
fn another_version_is_refused_whatever_else_it_says() {
    let endpoint = br#"{"version": 2, "fieldOfTheFuture": true}"#;
    let files = Files::from([(ENDPOINT_FILE.to_owned(), endpoint.to_vec())]);

    assert_eq!(
        mistake(&files),
        format!("endpoint.json has version 2, this gateway serves version {VERSION}")
    );
}

#[test]
fn an_unknown_field_is_refused_at_every_depth() {
    for known in [
        "\"version\"",
        "\"policy\"",
        "\"sessions\"",
        "\"uploads\"",
        "\"protocol\"",
        "\"encryption\"",
        "\"mode\": \"Required\"",
        "\"binding\"",
        "\"listen\"",
        "\"bound\"",
        "\"message\"",
    ] {
        let endpoint = ENDPOINT.replacen(known, &format!("\"surprise\": 1, {known}"), 1);

        assert_eq!(
            mistake(&folder(&endpoint, &[USERS])),
            "endpoint.json cannot be read: unknown field `surprise`",
            "before {known}"
        );
    }
    for known in ["\"users\"", "\"root\"", "\"algorithm\""] {
        let users = USERS.replacen(known, &format!("\"surprise\": 1, {known}"), 1);

        assert_eq!(
            mistake(&folder(ENDPOINT, &[&users])),
            "users/00.json cannot be read: unknown field `surprise`",
            "before {known}"
        );
    }
}

#[test]
fn a_user_in_two_files_is_refused() {
    assert_eq!(
        mistake(&folder(ENDPOINT, &[USERS, USERS])),
        "the user supplier is in two files"
    );
}

#[test]
fn users_of_all_files_may_log_in() {
    let others = USERS.replace("supplier", "customer");

    let configuration = parse(&folder(ENDPOINT, &[USERS, &others])).unwrap();

    let names: Vec<_> = configuration.users.keys().map(UserName::as_str).collect();
    assert_eq!(names, ["customer", "supplier"]);
}

#[test]
fn a_password_hash_is_never_shown() {
    let shown = format!("{:?}", parse(&sound()).unwrap());

    assert!(!shown.contains("$argon2id$"), "{shown}");
}

#[test]
fn a_digest_is_sha_256_in_hexadecimal() {
    // The first example of FIPS 180-2.
    assert_eq!(
        Digest::of(b"abc").to_string(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

/// The error with the first words of its cause.
fn mistake(files: &Files) -> String {
    let error = parse(files).unwrap_err();
    match (&error, error.source()) {
        (Error::Json { .. }, Some(cause)) => {
            let cause = cause.to_string();
            let short = cause.split(',').next().unwrap_or_default();
            format!("{error}: {short}")
        }
        _ => error.to_string(),
    }
}

fn sound() -> Files {
    folder(ENDPOINT, &[USERS])
}

fn folder(endpoint: &str, users: &[&str]) -> Files {
    let mut files = Files::new();
    let mut digests = Vec::new();
    for (number, users) in users.iter().enumerate() {
        let name = format!("{number:02}.json");
        digests.push(format!("\"{name}\": \"{}\"", Digest::of(users.as_bytes())));
        files.insert(format!("users/{name}"), users.as_bytes().to_vec());
    }
    let endpoint = endpoint.replace("DIGESTS", &digests.join(", "));
    files.insert(ENDPOINT_FILE.to_owned(), endpoint.into_bytes());
    files
}

const ENDPOINT: &str = r#"{
  "version": 1,
  "namespace": "default",
  "name": "partners",
  "generation": 1,
  "listeners": [
    { "protocol": "SFTP", "name": "sftp", "address": "127.0.0.1:2022" },
    {
      "name": "ftps",
      "protocol": "FTPSExplicit",
      "address": "127.0.0.1:2021",
      "tls": { "encryption": "Required", "minVersion": "1.2" }
    }
  ],
  "clientAddress": "Real",
  "proxyProtocol": { "mode": "Required", "trustedCidrs": ["10.0.0.0/8"] },
  "dataConnections": {
    "binding": "TLSPreferred",
    "passive": {
      "listen": "127.0.0.1",
      "ports": [{ "bound": 30000, "advertised": 31742 }],
      "waitSeconds": 10,
      "connectSeconds": 30
    },
    "active": { "message": "use passive", "mode": "Deny" }
  },
  "ssh": { "policy": "Modern", "authenticationMethods": ["publickey", "password"] },
  "limits": {
    "sessions": 2000,
    "sessionsPerUser": 20,
    "connectionsPerAddress": 50,
    "halfOpen": 100,
    "loginSeconds": 60,
    "idleSeconds": 900,
    "loginFailures": 5,
    "banSeconds": 600,
    "memoryPerSessionBytes": 8388608
  },
  "storage": {
    "volume": "/volumes/partners-data",
    "uploads": "Direct",
    "durability": "Written",
    "stuckSeconds": 10,
    "stuckThreadsMax": 256
  },
  "drainSeconds": 1800,
  "users": { DIGESTS }
}"#;

const USERS: &str = r#"{
  "users": {
    "supplier": {
      "root": "/supplier",
      "passwordHash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA",
      "authorizedKeys": [{ "algorithm": "ssh-ed25519", "key": "AAAA", "comment": "laptop" }],
      "permissions": ["List", "Read"]
    }
  }
}"#;
