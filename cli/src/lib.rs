//! `secureftp`, the program people type.
//!
//! ```text
//! local PATH   manifest (files → objects, or all mistakes at once) → local (compile, write, serve, watch)
//! password     a hash for a Secret
//! ```

pub mod arguments;
pub mod local;
pub mod manifest;
pub mod password;
