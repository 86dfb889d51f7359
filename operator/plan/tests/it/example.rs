//! The example that everybody starts with.

use std::path::Path;

use plan::SecretKey;

use crate::manifests::Manifests;

#[test]
fn the_example_compiles_without_problems() {
    let manifests = partners();

    let compiled = manifests.compile();

    assert_eq!(compiled.problems, []);
    let users: Vec<_> = compiled
        .configuration
        .users
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(users, ["customer", "supplier"]);
}

#[test]
fn the_example_speaks_all_three_protocols() {
    use gateway_config::Protocol::{FtpsExplicit, FtpsImplicit, Sftp};

    let endpoint = partners().compile().configuration.endpoint;

    let protocols: Vec<_> = endpoint
        .listeners
        .iter()
        .map(|listener| listener.protocol)
        .collect();
    assert_eq!(protocols, [Sftp, FtpsExplicit, FtpsImplicit]);
    assert_eq!(endpoint.data_connections.unwrap().passive.ports.len(), 48);
}

#[test]
fn the_customer_of_the_example_may_only_look_and_read() {
    use gateway_config::Permission::{List, Read};

    let compiled = partners().compile();

    let customer = &compiled.configuration.users["customer"];
    assert_eq!(customer.permissions, [List, Read].into());
    assert_eq!(customer.root, "/customer");
}

#[test]
fn keys_made_for_the_absent_secret_let_the_supplier_in() {
    let mut manifests = partners();
    let absent = plan::absent_optional_secrets(manifests.sources());
    let entry = SecretKey {
        namespace: "default".to_owned(),
        secret: "supplier-ssh".to_owned(),
        key: "authorized_keys".to_owned(),
    };
    assert_eq!(absent, [entry.clone()].into());

    let key =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f made";
    manifests.secrets.set(entry, key.as_bytes().to_vec());

    let compiled = manifests.compile();
    assert_eq!(compiled.problems, []);
    let supplier = &compiled.configuration.users["supplier"];
    assert_eq!(supplier.authorized_keys[0].comment, "made");
    assert!(plan::absent_optional_secrets(manifests.sources()).is_empty());
}

/// The example, with its certificates issued.
fn partners() -> Manifests {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut manifests = Manifests::read(&repository.join("examples/partners/partners.yaml"));
    let issued = ("test/issued".to_owned(), "ftps ftps-implicit".to_owned());
    manifests.endpoint.metadata.annotations = Some([issued].into());
    manifests
}
