//! Stories: each tells what a person does with a real client, and what then holds.

// `cfg(test)` tells clippy that these are tests, where a wrong expectation may panic.
#[cfg(test)]
mod crowds;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod ftps;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod names;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod sheet;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod transfers;
#[cfg(test)]
mod volume;
