//! One folder a feature or a mistake: what people write, and what becomes of it (`UPDATE=1` rewrites).

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::manifests::Manifests;

#[test]
fn every_case_compiles_to_what_it_says() {
    let folders = folders();
    assert!(folders.len() > 10, "the cases are gone");

    for folder in folders {
        check(&folder);
    }
}

#[test]
fn the_same_manifests_give_the_same_bytes() {
    for folder in folders() {
        let manifests = Manifests::read(&folder.join("manifests.yaml"));

        let [first, second] =
            [(); 2].map(|()| gateway_config::render(&manifests.compile().configuration).unwrap());

        assert_eq!(first, second, "{}", folder.display());
    }
}

#[test]
fn the_order_of_the_manifests_does_not_matter() {
    for folder in folders() {
        let mut manifests = Manifests::read(&folder.join("manifests.yaml"));
        let first = manifests.compile();

        manifests.users.reverse();

        assert_eq!(first, manifests.compile(), "{}", folder.display());
    }
}

fn check(folder: &Path) {
    let compiled = Manifests::read(&folder.join("manifests.yaml")).compile();

    let problems: String = compiled
        .problems
        .iter()
        .map(|problem| format!("{}: {problem}", problem.mistake.reason()) + "\n")
        .collect();
    let host_keys: String = compiled
        .host_keys
        .keys()
        .map(|name| name.clone() + "\n")
        .collect();
    let certificates: String = compiled
        .certificates
        .keys()
        .map(|name| name.clone() + "\n")
        .collect();
    compare(
        &folder.join("endpoint.json"),
        &(serde_json::to_string_pretty(&compiled.configuration.endpoint).unwrap() + "\n"),
    );
    compare(
        &folder.join("users.json"),
        &(serde_json::to_string_pretty(&compiled.configuration.users).unwrap() + "\n"),
    );
    compare(&folder.join("problems.txt"), &problems);
    compare(&folder.join("host-keys.txt"), &host_keys);
    compare(&folder.join("certificates.txt"), &certificates);
}

/// A file that is absent is empty.
fn compare(path: &Path, made: &str) {
    if env::var_os("UPDATE").is_some() {
        if made.is_empty() {
            let _absent_already = fs::remove_file(path);
        } else {
            fs::write(path, made).unwrap();
        }
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(made, expected, "{}", path.display());
}

fn folders() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut folders: Vec<_> = fs::read_dir(golden)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders
}
