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

#[test]
fn a_definition_fits_the_annotation_of_client_side_apply() {
    const ANNOTATION_BYTES_MAX: usize = 256 * 1024;

    for definition in crds::all() {
        let bytes = serde_json::to_vec(&definition).unwrap().len();

        assert!(bytes < ANNOTATION_BYTES_MAX, "{bytes}");
    }
}

/// The manifests are here for people, and in the chart, which cannot reach out of its folder.
fn check(file: &str, definition: &impl serde::Serialize) {
    let generated = serde_norway::to_string(definition).unwrap();
    for folder in ["", "../charts/secureftp/crds-files"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(folder)
            .join(file);
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &generated).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            committed,
            generated,
            "{} is stale: UPDATE=1 cargo test -p crds",
            path.display()
        );
    }
}
