//! What every crate of the repository keeps.

use crate::source::{Source, sources};

/// The manifests of the workspace. What is a workspace of its own, as the fuzzer with its own flags, cannot inherit.
fn manifests() -> impl Iterator<Item = Source> {
    let is_root = |manifest: &Source| manifest.path.trim_start_matches("./") == "Cargo.toml";
    sources(".", "Cargo.toml")
        .into_iter()
        .filter(move |manifest| is_root(manifest) || !manifest.text.contains("\n[workspace]\n"))
}

#[test]
fn versions_stand_in_the_root_manifest_only() {
    for manifest in manifests() {
        if manifest.path == "Cargo.toml" || manifest.path == "./Cargo.toml" {
            continue;
        }
        let mut in_dependencies = false;
        for line in manifest.text.lines().filter(|line| !line.trim().is_empty()) {
            if line.starts_with('[') {
                in_dependencies = line.contains("dependencies");
            } else if in_dependencies && !line.starts_with('#') {
                assert!(
                    line.contains("workspace = true"),
                    "{}: {line}",
                    manifest.path
                );
            }
        }
    }
}

#[test]
fn every_crate_obeys_the_lints_of_the_workspace() {
    for manifest in manifests() {
        if manifest.text.contains("[package]") {
            assert!(
                manifest.text.contains("[lints]\nworkspace = true"),
                "{}",
                manifest.path
            );
        }
    }
}

#[test]
fn nothing_is_left_for_later_and_no_lint_is_waved_off() {
    // Written in pieces: this file is looked at too.
    let forbidden = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("#[all", "ow("),
        concat!("#![all", "ow("),
    ];
    for source in sources(".", ".rs") {
        for word in forbidden {
            let line = source.text.lines().position(|line| line.contains(word));
            assert_eq!(line, None, "{}: {word} (counted from line 0)", source.path);
        }
    }
}
