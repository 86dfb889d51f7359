//! Plaintext passwords become argon2id hashes, with the parameters of `secureftp password`: argon2's defaults (19 MiB,
//! 2 passes, 1 lane) and a salt of its own.
//!
//! A hash costs its memory for some ten milliseconds, so there are few at a time, on threads that may block.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher as _};
use futures_util::future::try_join_all;
use plan::{Plaintext, SecretKey};
use tokio::sync::{AcquireError, Semaphore};

/// At the same time, whatever the machine has.
const AT_ONCE_MAX: usize = 4;

/// Hashes passwords, a few at a time.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    places: Arc<Semaphore>,
}

/// Why a password has no hash.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// The hash function failed, for want of memory or randomness.
    #[error("argon2: {0}")]
    Hash(argon2::password_hash::Error),
    /// The operator is ending.
    #[error("the operator is ending")]
    Ending(#[source] AcquireError),
    /// The thread ended without an answer.
    #[error("the thread ended without an answer")]
    Thread(#[source] tokio::task::JoinError),
}

impl Hasher {
    /// As many at a time as there are processors, up to four.
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            places: Arc::new(Semaphore::new(processors.min(AT_ONCE_MAX))),
        }
    }

    /// Hashes all of them. Each password is erased when its hash is made.
    pub(crate) async fn hash(
        &self,
        passwords: impl IntoIterator<Item = (SecretKey, Plaintext)>,
    ) -> Result<Vec<(SecretKey, String)>, HashError> {
        let hashing = passwords.into_iter().map(|(entry, password)| async {
            let place = Arc::clone(&self.places).acquire_owned().await;
            let place = place.map_err(HashError::Ending)?;
            let hash = tokio::task::spawn_blocking(move || {
                let _place = place;
                Argon2::default()
                    .hash_password(password.as_bytes())
                    .map(|hash| hash.to_string())
            });
            let hash = hash.await.map_err(HashError::Thread)?;
            Ok((entry, hash.map_err(HashError::Hash)?))
        });
        try_join_all(hashing).await
    }
}

#[cfg(test)]
mod tests {
    use plan::{PasswordValue, password_value};

    use super::*;

    fn entry(key: &str) -> SecretKey {
        SecretKey {
            namespace: "b2b".to_owned(),
            secret: "alice".to_owned(),
            key: key.to_owned(),
        }
    }

    fn plaintext(text: &str) -> Plaintext {
        let Ok(PasswordValue::Plaintext(plaintext)) = password_value(text.as_bytes()) else {
            unreachable!("a plaintext");
        };
        plaintext
    }

    #[tokio::test]
    async fn every_password_gets_a_hash_that_the_plan_takes_for_one() {
        let passwords = (0..10).map(|number| (entry(&number.to_string()), plaintext("the same")));

        let hashes = Hasher::new().hash(passwords).await.unwrap();

        assert_eq!(hashes.len(), 10);
        for (_, hash) in &hashes {
            assert!(
                hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
                "{hash}"
            );
            let value = password_value(hash.as_bytes()).unwrap();
            assert_eq!(value, PasswordValue::Hash(hash.clone()));
        }
        let mut different: Vec<_> = hashes.iter().map(|(_, hash)| hash).collect();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), 10, "each has a salt of its own");
    }
}
