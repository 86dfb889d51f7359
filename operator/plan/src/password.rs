//! What the value of a password Secret is: a hash, or the password itself.
//!
//! A hash is verified at every login, so its cost is bounded here: whoever may write a Secret must not be able to
//! occupy the gateway. The bounds are well above what the tools choose by default.

use std::fmt;

use base64::{Engine as _, alphabet, engine::general_purpose};
use password_hash::phc::PasswordHash;
use zeroize::Zeroizing;

/// argon2: memory, in KiB.
const ARGON2_MEMORY_MAX: u32 = 65_536;
/// argon2: passes over the memory.
const ARGON2_PASSES_MAX: u32 = 10;
/// argon2: memory, in KiB, times passes.
const ARGON2_WORK_MAX: u32 = 262_144;
/// argon2: lanes.
const ARGON2_LANES_MAX: u32 = 8;
/// bcrypt: the logarithm of the rounds.
const BCRYPT_COST_MAX: u32 = 13;
/// `$5$` and `$6$`: rounds.
const SHA_CRYPT_ROUNDS_MAX: u32 = 500_000;
/// yescrypt: memory, in bytes (128 · N · r).
const YESCRYPT_MEMORY_MAX: u64 = 64 * 1024 * 1024;
/// yescrypt: the largest r that is one character; a larger one begins with one of the characters above.
const YESCRYPT_BLOCKS_MAX: u32 = 48;
/// Plaintext: nobody types more.
const PLAINTEXT_BYTES_MAX: usize = 1024;

/// What follows `$name$` or `{NAME}` in the shortest hash; a password with such a beginning is seldom as long.
const HASH_BYTES_MIN: usize = 20;

/// bcrypt's base64: most significant bits first, the unused ones zero.
const BCRYPT_BASE64: general_purpose::GeneralPurpose =
    general_purpose::GeneralPurpose::new(&alphabet::BCRYPT, general_purpose::NO_PAD);
const CRYPT_ALPHABET: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What the value of a password Secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordValue {
    /// A hash of bounded cost, used as it is.
    Hash(String),
    /// A password that has to be hashed before it goes anywhere.
    Plaintext(Plaintext),
}

/// A password as its owner types it. Debug shows nothing, and it is erased when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext(Zeroizing<String>);

impl Plaintext {
    /// The password, to be hashed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext")
    }
}

/// Why a value cannot be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordMistake {
    /// There is nothing in it.
    #[error("is empty: write a password or a hash")]
    Empty,
    /// It is not UTF-8, which SSH demands (RFC 4252 §8).
    #[error("is not UTF-8: write a password that can be typed, or a hash")]
    NotText,
    /// It is longer than anybody types.
    #[error("is longer than {PLAINTEXT_BYTES_MAX} bytes: write a shorter one")]
    TooLong,
    /// It looks like a hash but is none.
    #[error(
        "starts like a hash ({0}) but is damaged: copy it again, or make one with `secureftp password`"
    )]
    Damaged(&'static str),
    /// It is a hash of a kind that is not accepted.
    #[error("is a hash ({0}) that is not accepted: make one with `secureftp password`")]
    Unsupported(&'static str),
    /// There is more than the hash, for example the name before it in a line of `htpasswd`.
    #[error("has something before or behind a hash: write the hash alone")]
    NotAlone,
    /// Every login would cost too much.
    #[error("is a hash that is too expensive to check at every login: {0}")]
    TooExpensive(&'static str),
}

/// Tells what a value is. One line ending at its end is dropped, for many write Secrets with `echo`.
pub fn password_value(value: &[u8]) -> Result<PasswordValue, PasswordMistake> {
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    let text = str::from_utf8(value).ok().ok_or(PasswordMistake::NotText)?;
    if text.is_empty() {
        return Err(PasswordMistake::Empty);
    }
    if text.len() > PLAINTEXT_BYTES_MAX {
        return Err(PasswordMistake::TooLong);
    }
    if check_hash(text)? {
        return Ok(PasswordValue::Hash(text.to_owned()));
    }
    // Taken for a plaintext, the text of a hash would itself be the password.
    if contains_hash(text) {
        return Err(PasswordMistake::NotAlone);
    }
    Ok(PasswordValue::Plaintext(Plaintext(Zeroizing::new(
        text.to_owned(),
    ))))
}

fn contains_hash(text: &str) -> bool {
    text.split(|character: char| character.is_whitespace() || ":\"'`{}".contains(character))
        .any(|part| !matches!(check_hash(part), Ok(false)))
}

/// Whether this is a hash; an error if it is one that cannot be used.
fn check_hash(text: &str) -> Result<bool, PasswordMistake> {
    let in_braces = text.strip_prefix('{').and_then(|text| text.split_once('}'));
    if in_braces.is_some_and(|(kind, rest)| !rest.starts_with('$') && looks_like_hash(kind, rest)) {
        return Err(PasswordMistake::Unsupported("LDAP's"));
    }
    let Some((kind, rest)) = text.strip_prefix('$').and_then(|text| text.split_once('$')) else {
        return Ok(false);
    };
    match kind {
        "argon2id" | "argon2i" | "argon2d" => check_argon2(text)?,
        "2a" | "2b" | "2y" => check_bcrypt(rest)?,
        "5" => check_sha_crypt(rest, "$5$", 43)?,
        "6" => check_sha_crypt(rest, "$6$", 86)?,
        "y" => check_yescrypt(rest)?,
        "1" => return Err(PasswordMistake::Unsupported("MD5 crypt")),
        "apr1" => return Err(PasswordMistake::Unsupported("Apache's MD5")),
        "7" | "scrypt" => return Err(PasswordMistake::Unsupported("scrypt")),
        "gy" => return Err(PasswordMistake::Unsupported("gost-yescrypt")),
        "pbkdf2-sha256" | "pbkdf2-sha512" => return Err(PasswordMistake::Unsupported("PBKDF2")),
        _ if looks_like_hash(kind, rest) => {
            return Err(PasswordMistake::Unsupported("of a kind unknown here"));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn looks_like_hash(kind: &str, rest: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_,=./+$".contains(&byte);
    !kind.is_empty()
        && rest.len() >= HASH_BYTES_MIN
        && kind.bytes().chain(rest.bytes()).all(is_plain)
}

fn check_argon2(text: &str) -> Result<(), PasswordMistake> {
    let damaged = PasswordMistake::Damaged("argon2");
    let hash = PasswordHash::new(text).ok().ok_or(damaged)?;
    let parameter = |name: &str| hash.params.get_decimal(name).ok_or(damaged);
    let (memory, passes, lanes) = (parameter("m")?, parameter("t")?, parameter("p")?);
    // Without a version it would be 16 to some and 19 to others; further parameters are in no hash that tools make.
    let whole = hash.salt.is_some() && hash.hash.is_some() && hash.params.iter().count() == 3;
    if !whole || !matches!(hash.version, Some(16 | 19)) {
        return Err(damaged);
    }
    if passes == 0 || lanes == 0 || memory < lanes.saturating_mul(8) {
        return Err(damaged);
    }
    let affordable = memory <= ARGON2_MEMORY_MAX
        && passes <= ARGON2_PASSES_MAX
        && lanes <= ARGON2_LANES_MAX
        && memory.saturating_mul(passes) <= ARGON2_WORK_MAX;
    if !affordable {
        return Err(PasswordMistake::TooExpensive(
            "use argon2 with at most m=65536, t=10, p=8 and m times t at most 262144, for example m=19456,t=2,p=1",
        ));
    }
    Ok(())
}

fn check_bcrypt(rest: &str) -> Result<(), PasswordMistake> {
    let damaged = PasswordMistake::Damaged("bcrypt");
    let (cost, hash) = rest.split_once('$').ok_or(damaged)?;
    let (salt, hash) = hash.split_at_checked(22).ok_or(damaged)?;
    let sound = [(salt, 16), (hash, 23)].into_iter().all(|(text, bytes)| {
        let decoded = BCRYPT_BASE64.decode(text);
        decoded.is_ok_and(|decoded| decoded.len() == bytes)
    });
    if cost.len() != 2 || !sound {
        return Err(damaged);
    }
    let cost = number(cost).ok_or(damaged)?;
    if !(4..=31).contains(&cost) {
        return Err(damaged);
    }
    if cost > BCRYPT_COST_MAX {
        return Err(PasswordMistake::TooExpensive(
            "use bcrypt with a cost of at most 13",
        ));
    }
    Ok(())
}

fn check_sha_crypt(
    rest: &str,
    name: &'static str,
    hash_length: usize,
) -> Result<(), PasswordMistake> {
    let damaged = PasswordMistake::Damaged(name);
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or(damaged)?;
            (number(rounds).ok_or(damaged)?, rest)
        }
        None => (5000, rest),
    };
    let (salt, hash) = rest.split_once('$').ok_or(damaged)?;
    let sound = !salt.is_empty()
        && salt.len() <= 16
        && hash.len() == hash_length
        && is_crypt_text(salt)
        && is_crypt_base64(hash);
    if !sound || rounds < 1000 {
        return Err(damaged);
    }
    if rounds > SHA_CRYPT_ROUNDS_MAX {
        return Err(PasswordMistake::TooExpensive("use at most rounds=500000"));
    }
    Ok(())
}

/// `$y$` parameters `$` salt `$` hash. The parameters are three characters unless somebody tuned them by hand: the
/// flavour `j`, then N and r, each as one character of crypt's alphabet (N as its logarithm), counted from 1.
fn check_yescrypt(rest: &str) -> Result<(), PasswordMistake> {
    let damaged = PasswordMistake::Damaged("yescrypt");
    let mut fields = rest.split('$');
    let (Some(parameters), Some(salt), Some(hash), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(damaged);
    };
    let sound = !salt.is_empty()
        && salt.len() <= 86
        && hash.len() == 43
        && is_crypt_text(parameters)
        && [salt, hash].into_iter().all(is_crypt_base64);
    if !sound {
        return Err(damaged);
    }
    let &[b'j', logarithm, blocks] = parameters.as_bytes() else {
        return Err(PasswordMistake::Unsupported(
            "yescrypt with parameters of its own",
        ));
    };
    let logarithm = crypt_digit(logarithm).ok_or(damaged)?.saturating_add(1);
    let blocks = crypt_digit(blocks).ok_or(damaged)?.saturating_add(1);
    if blocks > YESCRYPT_BLOCKS_MAX {
        return Err(damaged);
    }
    let memory = (128 * u64::from(blocks)).checked_shl(logarithm);
    if logarithm > 31 || memory.is_none_or(|memory| memory > YESCRYPT_MEMORY_MAX) {
        return Err(PasswordMistake::TooExpensive(
            "use yescrypt with at most 64 MiB, for example $y$j9T$",
        ));
    }
    Ok(())
}

fn is_crypt_text(text: &str) -> bool {
    text.bytes().all(|byte| CRYPT_ALPHABET.contains(&byte))
}

/// Whether this is base64 of whole bytes as crypt writes it: least significant bits first, the unused ones zero.
fn is_crypt_base64(text: &str) -> bool {
    let last = text.bytes().last().and_then(crypt_digit);
    let unused_are_zero = match text.len() % 4 {
        0 => true,
        2 => last < Some(1 << 2),
        3 => last < Some(1 << 4),
        _ => false,
    };
    is_crypt_text(text) && unused_are_zero
}

fn crypt_digit(byte: u8) -> Option<u32> {
    let position = CRYPT_ALPHABET.iter().position(|digit| *digit == byte)?;
    u32::try_from(position).ok()
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}
