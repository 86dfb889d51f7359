//! What the server says on the control connection: one code per case.
//!
//! | code | when | from |
//! |---|---|---|
//! | 150 | the transfer begins; after `STOU` the text is `FILE: NAME` | RFC 959 §4.2, RFC 1123 §4.1.2.9 |
//! | 200 | done; nothing to tell | RFC 959 |
//! | 202 | `ALLO`, `ACCT`: not needed | RFC 959 |
//! | 211, 213, 214, 215 | `FEAT` and `STAT`; a fact or the status of a file; `HELP`; `SYST` | RFC 959, 2389, 3659 |
//! | 220 | greeting, and `REIN` | RFC 959 |
//! | 221 | `QUIT` | RFC 959 |
//! | 226 | the transfer has ended well; `ABOR` is obeyed, whether or not something ran | RFC 959 §4.1.3 |
//! | 227, 229 | the data port after `PASV` and `EPSV` | RFC 959, 2428 |
//! | 230, 331 | logged in; the password, please | RFC 959 |
//! | 234 | TLS begins | RFC 2228 |
//! | 250, 257 | done with a file or folder; and this is its path | RFC 959, 3659 |
//! | 350 | `REST` and `RNFR` wait for the command that they are for | RFC 959 |
//! | 421 | the server closes: silence, a slow login, a stop, too many refused commands, no room, no folder | RFC 959 |
//! | 425 | there is no data connection: no port asked for, none free, nobody came, its time is over, aborted | RFC 959 |
//! | 426 | the data connection broke, stood still or was cut short; the transfer was aborted | RFC 959 |
//! | 450, 451 | somebody else writes the file; storage failed or does not answer, work on a file was aborted | RFC 959 |
//! | 500, 501, 502, 503, 504 | unknown or too long; wrong argument, also `MLSD` of a file; not implemented; not now; not with this argument | RFC 959, 3659 §7.2.1 |
//! | 521 | clear data where policy wants TLS; nothing was opened | RFC 4217 §10.2 |
//! | 522 | the data connection's handshake failed or it is not this session's; `EPSV` of another family than the client's way here | RFC 4217 §10.2, RFC 2428 §3 |
//! | 530 | not logged in; wrong password; no password in clear | RFC 959 |
//! | 534 | policy forbids it and always will: `PROT C`, `CCC`, data connections of a kind or of any | RFC 2228 |
//! | 536 | `PROT S` and `PROT E` | RFC 2228 |
//! | 550, 552, 553 | that file cannot be had; the disk or quota is full, or the file too large; no name for a file | RFC 959 |
//! | 554 | `REST` named a place beyond the end | RFC 1123 §4.1.3.4 |
//!
//! A wrong password is always 530, also the last one before the connection is closed, against RFC 2577 §5: many
//! programs take 421 for a passing trouble and try the same password again.

use alloc::{format, string::String, vec, vec::Vec};
use core::fmt;

/// A reply: a three-digit code (RFC 959 §4.2) and text for people, of one line or several.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    lines: Vec<Vec<u8>>,
}

impl Reply {
    /// A reply of one line.
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self::with_path(code, text.into().into_bytes())
    }

    /// A reply of one line that names something: paths need not be UTF-8.
    pub fn with_path(code: u16, text: Vec<u8>) -> Self {
        Self {
            code,
            lines: vec![text],
        }
    }

    /// A reply of several lines; what stands between the first and the last is indented, as RFC 2389 §3.2 and
    /// RFC 3659 §7.2 demand and so that no line begins with a code.
    pub fn with_lines(
        code: u16,
        first: &str,
        between: impl IntoIterator<Item = Vec<u8>>,
        last: &str,
    ) -> Self {
        let mut lines = vec![Vec::from(first)];
        lines.extend(between);
        lines.push(Vec::from(last));
        Self { code, lines }
    }

    /// Its code.
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// Whether the command that it answers has failed.
    pub const fn is_refusal(&self) -> bool {
        self.code >= 400
    }

    /// What goes over the wire, CR LF included; several lines never split between code and code (RFC 959 §4.2).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let last = self.lines.len().saturating_sub(1);
        for (number, line) in self.lines.iter().enumerate() {
            match number {
                _ if number == last => bytes.extend(format!("{} ", self.code).into_bytes()),
                0 => bytes.extend(format!("{}-", self.code).into_bytes()),
                _ => bytes.push(b' '),
            }
            write_text(line, &mut bytes);
            bytes.extend(b"\r\n");
        }
        bytes
    }
}

/// As it goes over the wire.
impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.to_bytes().escape_ascii())
    }
}

/// Names may hold anything: what would end the line (or, in C, a string) becomes `?`, and 255 is doubled because it
/// begins a Telnet command (RFC 854).
fn write_text(text: &[u8], bytes: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'\r' | b'\n' | 0 => bytes.push(b'?'),
            0xFF => bytes.extend([0xFF, 0xFF]),
            _ => bytes.push(byte),
        }
    }
}

/// A path as 257 tells it: in quotes, its own quotes doubled (RFC 959, appendix II).
pub(crate) fn quoted(path: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for &byte in path {
        quoted.push(byte);
        if byte == b'"' {
            quoted.push(byte);
        }
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::{Reply, quoted};

    #[test]
    fn the_lines_between_the_codes_are_indented() {
        let reply = Reply::with_lines(211, "Features:", vec![b"226 done".to_vec()], "End");

        assert_eq!(
            reply.to_bytes(),
            b"211-Features:\r\n 226 done\r\n211 End\r\n"
        );
    }

    #[test]
    fn a_name_cannot_end_its_line() {
        let reply = Reply::with_path(250, b"evil\r\n230 Logged in\0".to_vec());

        assert_eq!(reply.to_bytes(), b"250 evil??230 Logged in?\r\n");
    }

    #[test]
    fn a_name_cannot_begin_a_telnet_command() {
        let reply = Reply::with_path(250, vec![b'n', 0xFF]);

        assert_eq!(reply.to_bytes(), b"250 n\xFF\xFF\r\n");
    }

    #[test]
    fn quotes_in_a_path_are_doubled() {
        assert_eq!(quoted(b"/a\"b"), b"\"/a\"\"b\"");
    }
}
