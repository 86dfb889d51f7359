//! What the authors of an endpoint and of its users are told.
//!
//! A status speaks of what was observed. It is made anew in every turn, and equal to the one before as long as nothing
//! changed: only times of transitions, and the fingerprints of keys that are lost, are taken over.

mod addresses;
mod aspect;
mod certificates;
mod conditions;
mod endpoint;
mod fingerprints;
mod passive;
mod progress;
mod unreadable;
mod user;
mod verdicts;

#[cfg(test)]
mod tests;

pub(crate) use endpoint::endpoint_status;
pub use unreadable::unreadable_conditions;
pub use user::merged_user_status;
pub(crate) use user::user_statuses;
