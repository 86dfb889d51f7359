//! Stories about the cluster itself: it must be real before anything that is told on it is worth hearing.

// `cfg(test)` tells clippy that these are tests, where a wrong expectation may panic.
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod namespace;
#[cfg(test)]
mod pods;
#[cfg(test)]
mod records;
#[cfg(test)]
mod services;
