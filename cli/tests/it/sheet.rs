//! The connection sheet, word for word. `UPDATE=1` writes it anew.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use cli::local::sheet::{
    Credential, Endpoint, Ftps, Listener, Protocol, Sheet, Start, Trust, User,
};
use gateway_config::{
    Active, ActiveMode, AuthenticationMethod, Binding, DataConnections, Encryption, Passive,
    PassivePort, Permission, ProxyMode, ProxyProtocol,
};

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
            listeners: vec![
                listener("sftp", 2022, 22, Protocol::Sftp),
                listener("ftps", 2021, 21, ftps(Start::Explicit, authority())),
                listener("implicit", 2990, 990, ftps(Start::Implicit, secret())),
            ],
            fingerprints: vec![
                "SHA256:4/Wk3YFQJ3bzEKTXxUnDgk8JJ0rYKmkLWVfZ4vKSVwE (ED25519)".to_owned(),
            ],
            methods: vec![
                AuthenticationMethod::PublicKey,
                AuthenticationMethod::Password,
            ],
            data_connections: Some(data_connections()),
            proxy_protocol: ProxyProtocol::default(),
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

fn listener(name: &str, bound: u16, port: u16, protocol: Protocol) -> Listener {
    Listener {
        name: name.to_owned(),
        address: ([127, 0, 0, 1], bound).into(),
        port,
        protocol,
    }
}

fn ftps(start: Start, trust: Trust) -> Protocol {
    Protocol::Ftps(Ftps {
        start,
        encryption: Encryption::Required,
        fingerprint: ["AB"; 32].join(":"),
        trust,
    })
}

fn authority() -> Trust {
    Trust::Authority(".secureftp/ca/ca.crt".to_owned())
}

fn secret() -> Trust {
    Trust::Secret {
        secret: "partners-tls".to_owned(),
        pin: "Vjs8r4z+80wjNcr1YKepWQboSIRi63WsWXhIMN+eWys=".to_owned(),
    }
}

fn data_connections() -> DataConnections {
    DataConnections {
        binding: Binding::TlsPreferred,
        passive: Passive {
            listen: [127, 0, 0, 1].into(),
            ports: (30000..=30047)
                .map(|port| PassivePort {
                    bound: port,
                    advertised: port,
                })
                .collect(),
            address: Some([127, 0, 0, 1].into()),
            wait_seconds: 10,
            connect_seconds: 30,
        },
        active: Active {
            mode: ActiveMode::Deny,
            message: "use passive".to_owned(),
        },
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

#[test]
fn what_a_listener_does_not_take_is_not_offered() {
    let mut sheet = sheet();
    sheet.endpoints[0].methods = vec![AuthenticationMethod::PublicKey];

    let printed = sheet.to_string();

    assert!(!printed.contains("PubkeyAuthentication=no"), "{printed}");
    assert!(printed.contains("curl "), "{printed}");

    sheet.endpoints[0].listeners.remove(0);

    let printed = sheet.to_string();

    assert!(!printed.contains("host key"), "{printed}");
    assert!(!printed.contains("with the key"), "{printed}");
}

#[test]
fn what_makes_a_transfer_fail_is_said_before_it_does() {
    let mut sheet = sheet();
    let endpoint = &mut sheet.endpoints[0];
    endpoint.data_connections.as_mut().unwrap().passive.address = None;
    endpoint.proxy_protocol = ProxyProtocol {
        mode: ProxyMode::Required,
        trusted_cidrs: vec!["10.0.0.0/8".parse().unwrap()],
    };

    let printed = sheet.to_string();

    assert!(printed.contains("only EPSV works: write"), "{printed}");
    assert!(
        printed.contains("must come through one at 10.0.0.0/8"),
        "{printed}"
    );
}
