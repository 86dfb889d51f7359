//! The connection sheet, word for word. `UPDATE=1` writes it anew.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use cli::local::sheet::{Credential, Endpoint, Listener, Sheet, User};
use gateway_config::Permission;

fn sheet() -> Sheet {
    let everything = BTreeSet::from(Permission::ALL);
    let password = |secret: &str| Credential::Password {
        secret: secret.to_owned(),
        key: "password".to_owned(),
    };
    Sheet {
        path: "examples/partners".to_owned(),
        state: ".secureftp".to_owned(),
        endpoints: vec![Endpoint {
            name: "default/partners".to_owned(),
            listeners: vec![Listener {
                name: "sftp".to_owned(),
                address: ([127, 0, 0, 1], 2022).into(),
                port: 22,
            }],
            fingerprints: vec![
                "SHA256:4/Wk3YFQJ3bzEKTXxUnDgk8JJ0rYKmkLWVfZ4vKSVwE (ED25519)".to_owned(),
            ],
            volume: ".secureftp/volumes/partners-data".to_owned(),
            known_hosts: ".secureftp/known_hosts".to_owned(),
            users: vec![
                User {
                    name: "customer".to_owned(),
                    root: "/customer".to_owned(),
                    permissions: BTreeSet::from([Permission::List, Permission::Read]),
                    credentials: vec![password("customer")],
                },
                User {
                    name: "supplier".to_owned(),
                    root: "/supplier".to_owned(),
                    permissions: everything,
                    credentials: vec![
                        Credential::MadeKey(".secureftp/keys/supplier".to_owned()),
                        password("supplier"),
                    ],
                },
            ],
            drain: Duration::from_mins(30),
        }],
        metrics: ([127, 0, 0, 1], 40123).into(),
    }
}

#[test]
fn the_sheet_tells_everything_that_a_first_transfer_needs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sheet.txt");
    let printed = sheet().to_string();

    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &printed).unwrap();
    }

    assert_eq!(printed, fs::read_to_string(&path).unwrap_or_default());
}
