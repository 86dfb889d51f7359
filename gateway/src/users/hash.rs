//! Password hashes: which are understood, and how much one check may cost.

use std::fmt;

use argon2::{Argon2, Params};
use password_hash::{PasswordVerifier as _, phc};
use sha_crypt::ShaCrypt;
use yescrypt::Yescrypt;

/// argon2: memory of one check, in KiB.
const ARGON2_MEMORY_MAX: u32 = 256 * 1024;
/// argon2: memory times passes, in KiB.
const ARGON2_WORK_MAX: u64 = 1024 * 1024;
/// argon2: lanes.
const ARGON2_LANES_MAX: u32 = 16;
/// bcrypt: binary logarithm of the rounds.
const BCRYPT_COST_MAX: u32 = 14;
/// `$5$` and `$6$`.
const SHA_CRYPT_ROUNDS_MAX: u32 = 1_000_000;
/// yescrypt: memory of one check, in bytes.
const YESCRYPT_MEMORY_MAX: u64 = 64 * 1024 * 1024;
/// yescrypt: lanes.
const YESCRYPT_LANES_MAX: u32 = 4;

/// What nobody's password is checked against when no user has a password: argon2id with 19 MiB and two passes, as
/// `secureftp password` makes them.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2VjdXJlZnRwIGRlY295$\
                     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A hash that can be checked. Debug shows the scheme only.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PasswordHash {
    scheme: Scheme,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Argon2,
    Bcrypt,
    ShaCrypt,
    Yescrypt,
}

/// Why a hash is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("the scheme is none of argon2, bcrypt, $5$, $6$ and yescrypt")]
    Scheme,
    #[error("the hash is damaged")]
    Damaged,
    #[error("one check would cost too much memory or time")]
    Cost,
}

impl PasswordHash {
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        let scheme = match text.split('$').nth(1) {
            Some("argon2id" | "argon2i" | "argon2d") => Scheme::Argon2,
            Some("2a" | "2b" | "2y") => Scheme::Bcrypt,
            Some("5" | "6") => Scheme::ShaCrypt,
            Some("y") => Scheme::Yescrypt,
            _ => return Err(Unusable::Scheme),
        };
        match scheme {
            Scheme::Argon2 => check_argon2(text),
            Scheme::Bcrypt => check_bcrypt(text),
            Scheme::ShaCrypt => check_sha_crypt(text),
            Scheme::Yescrypt => check_yescrypt(text),
        }?;
        Ok(Self {
            scheme,
            text: text.to_owned(),
        })
    }

    pub(super) fn decoy() -> Self {
        Self {
            scheme: Scheme::Argon2,
            text: DECOY.to_owned(),
        }
    }

    /// The hash as it was written.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Whether this is the password; takes its time. Every scheme compares in constant time.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let text = self.text.as_str();
        match self.scheme {
            Scheme::Argon2 => Argon2::default().verify_password(password, text).is_ok(),
            Scheme::Bcrypt => bcrypt::verify(password, text).unwrap_or(false),
            Scheme::ShaCrypt => ShaCrypt::default().verify_password(password, text).is_ok(),
            Scheme::Yescrypt => Yescrypt::default().verify_password(password, text).is_ok(),
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

fn check_argon2(text: &str) -> Result<(), Unusable> {
    let hash = phc::PasswordHash::new(text).map_err(damaged)?;
    let params = Params::try_from(&hash).map_err(damaged)?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(Unusable::Damaged);
    }
    let work = u64::from(params.m_cost()).saturating_mul(params.t_cost().into());
    if params.m_cost() > ARGON2_MEMORY_MAX
        || params.p_cost() > ARGON2_LANES_MAX
        || work > ARGON2_WORK_MAX
    {
        return Err(Unusable::Cost);
    }
    Ok(())
}

fn check_bcrypt(text: &str) -> Result<(), Unusable> {
    let parts: bcrypt::HashParts = text.parse().map_err(damaged)?;
    match parts.get_cost() {
        0..4 => Err(Unusable::Damaged),
        4..=BCRYPT_COST_MAX => Ok(()),
        _ => Err(Unusable::Cost),
    }
}

/// `$6$salt$hash` or `$6$rounds=5000$salt$hash`.
fn check_sha_crypt(text: &str) -> Result<(), Unusable> {
    let mut fields = text.split('$').skip(1);
    let length = match fields.next() {
        Some("5") => 43,
        _ => 86,
    };
    let mut salt = fields.next().ok_or(Unusable::Damaged)?;
    if let Some(rounds) = salt.strip_prefix("rounds=") {
        let rounds: u32 = rounds.parse().map_err(damaged)?;
        if rounds > SHA_CRYPT_ROUNDS_MAX {
            return Err(Unusable::Cost);
        }
        if rounds < sha_crypt::Params::ROUNDS_MIN {
            return Err(Unusable::Damaged);
        }
        salt = fields.next().ok_or(Unusable::Damaged)?;
    }
    match (salt.is_empty(), fields.next(), fields.next()) {
        (false, Some(hash), None) if is_crypt_base64(hash, length) => Ok(()),
        _ => Err(Unusable::Damaged),
    }
}

/// `$y$params$salt$hash`.
fn check_yescrypt(text: &str) -> Result<(), Unusable> {
    let mut fields = text.split('$').skip(2);
    let written = fields.next().ok_or(Unusable::Damaged)?;
    let params: yescrypt::Params = written.parse().map_err(damaged)?;
    let memory = params
        .n()
        .saturating_mul(params.r().into())
        .saturating_mul(128);
    if memory > YESCRYPT_MEMORY_MAX || params.p() > YESCRYPT_LANES_MAX {
        return Err(Unusable::Cost);
    }
    // The text may ask for more passes, which the crate does not show. What libxcrypt writes never does, and is
    // recognised by being written alike.
    let plain = yescrypt::Params::new(
        yescrypt::Mode::default(),
        params.n(),
        params.r(),
        params.p(),
    )
    .map_err(damaged)?;
    if plain != params {
        return Err(Unusable::Cost);
    }
    match (fields.next(), fields.next(), fields.next()) {
        // A shorter hash would be compared with as few bytes, an empty one with none.
        (Some(salt), Some(hash), None) if !salt.is_empty() && is_crypt_base64(hash, 43) => Ok(()),
        _ => Err(Unusable::Damaged),
    }
}

fn is_crypt_base64(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/')
}

/// What exactly is wrong with a hash is nothing for a log.
fn damaged<E>(_source: E) -> Unusable {
    Unusable::Damaged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `open sesame` in every scheme, made by libargon2 and by libxcrypt.
    const GOOD: [&str; 8] = [
        "$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$GRx2uy10fwFWBL/qqyxtyfOIq5axx3gGjfp7K4gzruE",
        "$argon2i$v=19$m=256,t=1,p=2$c2FsdHNhbHRzYWx0c2FsdA$lwR0+zc90sool/tq7Ec9rkfxY5G3VkXc2flvkY3UinE",
        "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW",
        "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy",
        "$5$rounds=1000$saltstring$n3a2i8i4F9QJeBWCS0AMO5xyVBBf.4iFCPvoPCJ5wW9",
        "$6$saltstring$b4SOQO.YI.BXjgbKQa.97c9EQud0NW8Txr5rCRGsAucjEsL95TW5MDF/7KcC3bcG5NoxZbmB6Lh82fxg8soAZ0",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$6JlLzEdKMvGk83Zgd3owplAejssJr2SFlJFlOc7i54A",
        "$y$j75$saltsalt$4r23Ja.bWt2eh8ftPtYPeuGW9RLxoj8WxeDLVNbfhH4",
    ];

    #[test]
    fn the_decoy_is_a_hash_like_any_other() {
        assert_eq!(PasswordHash::parse(DECOY), Ok(PasswordHash::decoy()));
        assert!(!PasswordHash::decoy().matches(b""));
    }

    #[test]
    fn every_scheme_knows_its_password_and_no_other() {
        for text in GOOD {
            let hash = PasswordHash::parse(text).unwrap();

            assert!(hash.matches(b"open sesame"), "{text}");
            assert!(!hash.matches(b"open sesam"), "{text}");
            assert!(!hash.matches(b""), "{text}");
        }
    }

    #[test]
    fn what_costs_too_much_is_not_checked() {
        for text in [
            "$argon2id$v=19$m=1048576,t=1,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=65536,t=1000,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$2b$15$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW",
            "$5$rounds=1000001$saltstring$n3a2i8i4F9QJeBWCS0AMO5xyVBBf.4iFCPvoPCJ5wW9",
            "$y$jFT$F5Jx5fExrKuPp53xLKQ..1$6JlLzEdKMvGk83Zgd3owplAejssJr2SFlJFlOc7i54A",
        ] {
            assert_eq!(PasswordHash::parse(text), Err(Unusable::Cost), "{text}");
        }
    }

    #[test]
    fn a_cut_hash_is_damaged_instead_of_easy_to_match() {
        for text in [
            "$y$j75$saltsalt$",
            "$y$j75$saltsalt$4r23",
            "$5$rounds=1000$saltstring$",
            "$6$saltstring",
            "$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0",
            "$2b$05$abcdefghijklmnopqrstuu",
        ] {
            assert_eq!(PasswordHash::parse(text), Err(Unusable::Damaged), "{text}");
        }
    }

    #[test]
    fn other_schemes_and_clear_passwords_are_no_hashes() {
        for text in ["open sesame", "", "$1$saltsalt$x", "$2x$05$abc"] {
            assert_eq!(PasswordHash::parse(text), Err(Unusable::Scheme), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_check_panic(text in r"\$(argon2id|2b|5|6|y|x)\$[ -~]{0,80}") {
            let _parsed = PasswordHash::parse(&text);
        }
    }
}
