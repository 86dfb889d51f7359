//! What the compiler and cargo-deny cannot say about this repository.

// `cfg(test)` tells clippy that these are tests, where a wrong expectation may panic.
#[cfg(test)]
mod layers;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod source;
