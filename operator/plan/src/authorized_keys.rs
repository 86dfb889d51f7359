//! Public keys as OpenSSH's file `authorized_keys` writes them: `algorithm base64 comment`, without options.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_config::AuthorizedKey;

const ED25519_BYTES: usize = 32;
/// RSA: what the gateway's library verifies, and what old clients still have.
const RSA_EXPONENT_BITS_MAX: usize = 33;
const RSA_BITS_MIN: usize = 2048;
const RSA_BITS_MAX: usize = 8192;

const ALGORITHMS: &[&str] = &[
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
];

/// OpenSSH's PROTOCOL.u2f: the algorithms of security keys begin so.
const SECURITY_KEY: &str = "sk-";

/// Why a line is no public key that is accepted. It never repeats the line, which may come from a Secret: whoever reads
/// the mistake need not be allowed to read that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyMistake {
    /// The text is not UTF-8.
    #[error("not UTF-8: write the line in ASCII")]
    NotText,
    /// There is more than one line; the others would be lost as a comment.
    #[error("there is more than one line: write each key as an entry of its own")]
    SeveralLines,
    /// There is something before the algorithm.
    #[error(
        "options before the key are not supported: start the line with the algorithm, and restrict addresses with the user's allowedCIDRs"
    )]
    Options,
    /// A private key, which nobody else should have.
    #[error(
        "this belongs to a private key: use the line of the file that ends in .pub, and replace the private key, for it is no secret any more"
    )]
    PrivateKey,
    /// Another format (RFC 4716, PEM).
    #[error("this is a key in another format: convert it with `ssh-keygen -i -f FILE`")]
    OtherFormat,
    /// An algorithm that is not accepted, or none.
    #[error(
        "this starts with no algorithm that is accepted: use ssh-ed25519, ecdsa-sha2-nistp256, -nistp384, -nistp521 or ssh-rsa"
    )]
    Algorithm,
    /// The key lies in a security key (FIDO). Its signature says whether somebody touched it; the gateway's library
    /// verifies the signature but does not show that, so a stolen session could sign unnoticed.
    #[error(
        "this key lies in a security key, whose touch the gateway cannot verify: use a key in a file, for example of ssh-ed25519"
    )]
    SecurityKey,
    /// The algorithm stands alone.
    #[error("there is no key after the algorithm: copy the whole line of the .pub file")]
    KeyMissing,
    /// The key is not base64.
    #[error("the key is not base64: copy the whole line of the .pub file again")]
    NotBase64,
    /// The key itself names another algorithm than the line.
    #[error(
        "the line says {outer} but the key is {inner}: copy the whole line of the .pub file again"
    )]
    AlgorithmMismatch {
        /// What the line says.
        outer: &'static str,
        /// What the key says.
        inner: &'static str,
    },
    /// The key is cut off or has something behind it.
    #[error("the key is damaged: copy the whole line of the .pub file again")]
    Damaged,
    /// An RSA key of the wrong size.
    #[error(
        "the RSA key has {0} bits: use one of {RSA_BITS_MIN} to {RSA_BITS_MAX} bits, or ssh-ed25519"
    )]
    RsaBits(usize),
}

/// Parses one line; None for a comment or an empty line.
pub fn parse_authorized_key(line: &str) -> Result<Option<AuthorizedKey>, KeyMistake> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (first, rest) = split_word(line);
    let algorithm = accepted(first.as_bytes()).ok_or_else(|| unaccepted(line, first))?;
    if line.contains(['\n', '\r']) {
        return Err(KeyMistake::SeveralLines);
    }
    let (key, comment) = split_word(rest);
    if key.is_empty() {
        return Err(KeyMistake::KeyMissing);
    }
    let blob = STANDARD.decode(key).ok().ok_or(KeyMistake::NotBase64)?;
    check_blob(algorithm, &blob)?;
    Ok(Some(AuthorizedKey {
        algorithm: algorithm.to_owned(),
        key: key.to_owned(),
        comment: comment.to_owned(),
    }))
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn accepted(algorithm: &[u8]) -> Option<&'static str> {
    ALGORITHMS
        .iter()
        .copied()
        .find(|accepted| accepted.as_bytes() == algorithm)
}

/// Says which of the usual mistakes this line is.
fn unaccepted(line: &str, first: &str) -> KeyMistake {
    if line.contains("PRIVATE KEY-----") {
        return KeyMistake::PrivateKey;
    }
    if line.starts_with("----") {
        return KeyMistake::OtherFormat;
    }
    if first.starts_with(SECURITY_KEY) {
        return KeyMistake::SecurityKey;
    }
    let option = first.contains(['=', ',', '"'])
        || first.starts_with("no-")
        || matches!(first, "restrict" | "cert-authority" | "pty");
    if option
        || line
            .split_whitespace()
            .skip(1)
            .any(|word| accepted(word.as_bytes()).is_some())
    {
        return KeyMistake::Options;
    }
    KeyMistake::Algorithm
}

/// Checks the key in SSH wire format (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4).
fn check_blob(algorithm: &'static str, blob: &[u8]) -> Result<(), KeyMistake> {
    let mut fields = Fields(blob);
    let inner = accepted(fields.next()?).ok_or(KeyMistake::Damaged)?;
    if inner != algorithm {
        return Err(KeyMistake::AlgorithmMismatch {
            outer: algorithm,
            inner,
        });
    }
    match algorithm {
        "ssh-ed25519" => {
            fields.next_of(ED25519_BYTES)?;
        }
        "ecdsa-sha2-nistp256" => fields.ecdsa(b"nistp256", 32)?,
        "ecdsa-sha2-nistp384" => fields.ecdsa(b"nistp384", 48)?,
        "ecdsa-sha2-nistp521" => fields.ecdsa(b"nistp521", 66)?,
        _ => fields.rsa()?,
    }
    fields.end()
}

/// The fields of a key: four bytes of length, then the bytes.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<&'a [u8], KeyMistake> {
        let (length, rest) = self.0.split_first_chunk().ok_or(KeyMistake::Damaged)?;
        let length = usize::try_from(u32::from_be_bytes(*length))
            .ok()
            .ok_or(KeyMistake::Damaged)?;
        let (field, rest) = rest.split_at_checked(length).ok_or(KeyMistake::Damaged)?;
        self.0 = rest;
        Ok(field)
    }

    /// The next field, which has this length.
    fn next_of(&mut self, length: usize) -> Result<&'a [u8], KeyMistake> {
        let field = self.next()?;
        if field.len() != length {
            return Err(KeyMistake::Damaged);
        }
        Ok(field)
    }

    fn end(&self) -> Result<(), KeyMistake> {
        if !self.0.is_empty() {
            return Err(KeyMistake::Damaged);
        }
        Ok(())
    }

    fn ecdsa(&mut self, curve: &[u8], coordinate: usize) -> Result<(), KeyMistake> {
        let named = self.next()?;
        let point = self.next_of(1 + 2 * coordinate)?;
        // An uncompressed point: 4, then both coordinates (SEC 1 §2.3.3).
        if named != curve || !point.starts_with(&[4]) {
            return Err(KeyMistake::Damaged);
        }
        Ok(())
    }

    fn rsa(&mut self) -> Result<(), KeyMistake> {
        let exponent = self.next_positive()?;
        if bits(exponent) > RSA_EXPONENT_BITS_MAX {
            return Err(KeyMistake::Damaged);
        }
        match bits(self.next_positive()?) {
            RSA_BITS_MIN..=RSA_BITS_MAX => Ok(()),
            bits => Err(KeyMistake::RsaBits(bits)),
        }
    }

    /// The next field, a positive number written as short as possible (RFC 4251 §5). Clients write it so, and the key
    /// that they offer is compared byte by byte.
    fn next_positive(&mut self) -> Result<&'a [u8], KeyMistake> {
        match self.next()? {
            [] | [0] | [0, 0..=0x7f, ..] | [0x80..=0xff, ..] => Err(KeyMistake::Damaged),
            number => Ok(number),
        }
    }
}

/// How many bits a big-endian number has, without its leading zeros.
fn bits(number: &[u8]) -> usize {
    let mut significant = number.iter().skip_while(|byte| **byte == 0);
    significant.next().map_or(0, |first| {
        let unused = first.leading_zeros() as usize;
        (1 + significant.count()) * 8 - unused
    })
}
