//! The generated manifests.

use std::{env, fs, path::Path};

#[test]
fn the_manifests_match_the_types() {
    let [endpoints, users] = crds::all();

    check("secureftpendpoints.yaml", &endpoints);
    check("secureftpusers.yaml", &users);
}

#[test]
fn a_null_is_never_accepted() {
    for definition in crds::all() {
        let definition = serde_norway::to_string(&definition).unwrap();

        assert!(!definition.contains("nullable"), "{definition}");
    }
}

fn check(file: &str, definition: &impl serde::Serialize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let generated = serde_norway::to_string(definition).unwrap();
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        committed, generated,
        "{file} is stale: UPDATE=1 cargo test -p crds"
    );
}
