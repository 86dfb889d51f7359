//! Only `local` touches the disk.

use std::{fs, path::Path};

#[test]
fn nothing_but_local_touches_the_disk() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source.join("storage"), &mut files);
    collect(&source.join("sftp"), &mut files);

    let disk = ["std::fs", "rustix::fs", "tokio::fs", "fs::File"];
    let touching: Vec<_> = files
        .iter()
        .filter(|(_, text)| disk.iter().any(|name| text.contains(name)))
        .map(|(name, _)| name)
        .collect();

    assert!(files.len() > 8, "the sources were found");
    assert!(touching.is_empty(), "{touching:?}");
}

/// The sources below a folder, without `local` and tests.
fn collect(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("storage/local") || path.ends_with("tests") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path.display().to_string(), text));
        }
    }
}
