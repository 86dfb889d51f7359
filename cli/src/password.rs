//! Passwords and their hashes (argon2id, as a PHC string), and the command `secureftp password`.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write};

use argon2::{Argon2, PasswordHasher as _};
use password_hash::{PasswordVerifier as _, phc::PasswordHash};
use zeroize::Zeroizing;

/// The longest password taken, in bytes.
const BYTES_MAX: u64 = 1024;

/// Hashes a password with argon2id (19 MiB, 2 passes, 1 lane) and a salt of its own.
pub fn hash(password: &[u8]) -> Result<String, Error> {
    Argon2::default()
        .hash_password(password)
        .map(|hash| hash.to_string())
        .map_err(Error::Hash)
}

/// Whether this hash, made by [`hash`], is of this password.
pub fn verifies(hash: &str, password: &[u8]) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

/// What `secureftp password` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The hash on a line.
    Hash,
    /// A Secret of this name with the hash, ready for `kubectl apply`.
    Secret(String),
}

/// Reads a password from the terminal, twice, or a line from standard input, and prints its hash.
pub fn run(form: &Form, out: &mut dyn Write) -> Result<(), Error> {
    let password = if io::stdin().is_terminal() {
        ask()?
    } else {
        first_line(&mut io::stdin().lock())?
    };
    let hash = hash(password.as_bytes())?;
    match form {
        Form::Hash => writeln!(out, "{hash}"),
        Form::Secret(name) => writeln!(
            out,
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  password: '{hash}'"
        ),
    }
    .map_err(Error::Write)
}

fn ask() -> Result<Zeroizing<String>, Error> {
    let first = Zeroizing::new(rpassword::prompt_password("Password: ").map_err(Error::Read)?);
    if first.is_empty() {
        return Err(Error::Empty);
    }
    let second = Zeroizing::new(rpassword::prompt_password("Again: ").map_err(Error::Read)?);
    if *first == *second {
        Ok(first)
    } else {
        Err(Error::Different)
    }
}

fn first_line(input: &mut dyn BufRead) -> Result<Zeroizing<String>, Error> {
    let mut line = Zeroizing::new(String::new());
    input
        .take(BYTES_MAX + 2)
        .read_line(&mut line)
        .map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Error::NotText,
            _ => Error::Read(error),
        })?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Error::Empty);
    }
    if password.len() as u64 > BYTES_MAX {
        return Err(Error::Long);
    }
    Ok(Zeroizing::new(password.to_owned()))
}

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was typed.
    #[error("the password is empty: type one, or send one line to standard input")]
    Empty,
    /// It is longer than anybody types.
    #[error("the password has more than {BYTES_MAX} bytes: choose a shorter one")]
    Long,
    /// SSH sends passwords as UTF-8 (RFC 4252, section 8).
    #[error("the password is not UTF-8: type other characters, or convert it")]
    NotText,
    /// The second time was not as the first.
    #[error("the two passwords differ: try again")]
    Different,
    /// The terminal or standard input failed.
    #[error("the password cannot be read")]
    Read(#[source] io::Error),
    /// Standard output failed.
    #[error("the hash cannot be written")]
    Write(#[source] io::Error),
    /// The hash function failed, for want of memory or randomness.
    #[error("the password cannot be hashed: {0}")]
    Hash(password_hash::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_verifies_its_password_and_no_other() {
        let hash = hash(b"demonstration").unwrap();

        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(verifies(&hash, b"demonstration"));
        assert!(!verifies(&hash, b"Demonstration"));
        assert!(!verifies("demonstration", b"demonstration"));
    }

    #[test]
    fn one_line_is_a_password_without_its_end() {
        for (input, password) in [
            ("a b\n", "a b"),
            ("x\r\nsecond\n", "x"),
            ("no end", "no end"),
        ] {
            assert_eq!(*first_line(&mut input.as_bytes()).unwrap(), password);
        }
    }

    #[test]
    fn an_empty_or_endless_password_is_refused() {
        assert!(matches!(
            first_line(&mut "\n".as_bytes()),
            Err(Error::Empty)
        ));
        assert!(matches!(first_line(&mut "".as_bytes()), Err(Error::Empty)));
        assert!(matches!(
            first_line(&mut &b"p\xff\n"[..]),
            Err(Error::NotText)
        ));
        let endless = "x".repeat(5000);
        assert!(matches!(
            first_line(&mut endless.as_bytes()),
            Err(Error::Long)
        ));
    }
}
