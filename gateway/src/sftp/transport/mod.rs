//! SSH by russh: everything between the TCP connection and the engine. Nothing outside this folder names russh.
//!
//! ```text
//! serve ── one client from its first byte to its last: deadlines, drain, kill switch
//!   socket ──── the connection: large reads, few writes that never wait
//!     wire ──── what everybody may know about it, and its kill switch
//!   handler ─── what russh asks: login, channels, requests; SFTP is all there is
//!     login ──── who is there
//!     channels → channel ─── bytes → engine → answers, within the client's window
//!   refusal ─── clients that are turned away at the door
//! host_keys → algorithms ─── how clients know us, and what is spoken: all that russh is told (`Ssh`)
//! ```
//!
//! russh's loop runs in a task of its own, and so does each channel's pump. The task of [`serve`] watches over them: it
//! tells a client to leave, or cuts it off.

mod algorithms;
mod channel;
mod channels;
mod handler;
mod host_keys;
mod login;
mod refusal;
mod serve;
mod socket;
mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use host_keys::{HostKeyError, Ssh};
pub use refusal::refuse;
pub use serve::serve;

/// A panic while the lock was held ended that client; what is inside is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
