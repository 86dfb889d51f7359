//! Passwords that were right a moment ago.
//!
//! Clients that open many connections would pay for an expensive check each time. Only keyed hashes are kept: of the
//! user, the hash the password was checked against and the password. A changed hash therefore never matches.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::{error::Unspecified, hmac, rand::SystemRandom};

use super::{Password, hash::PasswordHash};
use crate::limits::Table;

/// How long a password is remembered.
const LIFETIME: Duration = Duration::from_mins(5);
/// How many passwords are remembered.
const CAPACITY: usize = 4096;

#[derive(Debug)]
pub(super) struct Remembered {
    key: hmac::Key,
    tags: Mutex<Table<Tag, ()>>,
}

/// Stands for a user, a hash and a password. Looking one up need not take constant time: without the key nobody can
/// choose a tag, so its prefix tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tag([u8; 32]);

impl Remembered {
    pub(super) fn new() -> Result<Self, Unspecified> {
        Ok(Self {
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())?,
            tags: Mutex::new(Table::new(CAPACITY)),
        })
    }

    pub(super) fn tag(&self, user: &str, hash: &PasswordHash, password: &Password) -> Tag {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [user.as_bytes(), hash.as_bytes(), password.bytes()] {
            // Lengths keep "ab" + "c" and "a" + "bc" apart.
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut tag = [0; 32];
        for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        Tag(tag)
    }

    pub(super) fn knows(&self, tag: Tag) -> bool {
        let tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.read(&tag, LIFETIME).is_some()
    }

    pub(super) fn remember(&self, tag: Tag) {
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        let () = tags.write(tag, LIFETIME);
    }
}
