//! Stories on a real cluster, and stories about the cluster itself: it must be real before anything that is told on it
//! is worth hearing.

// `cfg(test)` tells clippy that these are tests, where a wrong expectation may panic.
#[cfg(test)]
mod address;
#[cfg(test)]
mod another;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod chart;
#[cfg(test)]
mod endpoint;
#[cfg(test)]
mod example;
#[cfg(test)]
mod installation;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod monitoring;
#[cfg(test)]
mod namespace;
#[cfg(test)]
mod pods;
#[cfg(test)]
mod records;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod services;
