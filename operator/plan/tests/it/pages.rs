//! The pages of `docs/` that are generated here (`UPDATE=1` rewrites them).

use std::{env, fs, path::Path};

pub(crate) fn check(name: &str, page: &str) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let path = docs.join(name);
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/{name} is stale: UPDATE=1 cargo test -p plan"
    );
}
