//! Bytes into lines.
//!
//! The control connection speaks Telnet (RFC 959 §3.1, RFC 854): a line ends with CR LF, and IAC (0xFF) begins commands
//! that are no part of it. Clients send them before `ABOR` (RFC 959 §4, "Synch"). No byte is looked at more than twice,
//! once when it comes and once when its line is taken, however few or many come at a time.

use alloc::vec::Vec;
use core::{fmt, mem};

/// The longest line in bytes, without its ending and Telnet's commands: the longest path (Linux `PATH_MAX`) and what
/// stands around it, at most the three times of `SITE UTIME`.
const LONGEST: usize = 4096 + 64;

// Telnet's commands (RFC 854). Those from SE to the byte before SB have nothing after them.
const SE: u8 = 240;
const SB: u8 = 250;
const WILL: u8 = 251;
const DONT: u8 = 254;
const IAC: u8 = 255;

/// What a client sent. `Debug` does not show it, because a line may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Line {
    /// A whole line, without its ending and without Telnet commands (RFC 854).
    Whole(Vec<u8>),
    /// A line longer than allowed; it was thrown away.
    TooLong,
}

/// Collects bytes until they make a line.
///
/// It holds no more than the lines that are not taken and, of one that is not complete, what a line may have. Who takes
/// all lines before reading more has memory for one read and one line.
#[derive(Default)]
pub struct Lines {
    telnet: Telnet,
    /// Lines that are not taken, each with a line feed behind it. Of one that is too long the first byte beyond the limit
    /// is kept as the sign of it.
    bytes: Vec<u8>,
    /// Where the first of them begins.
    start: usize,
    /// How many are complete.
    complete: usize,
    /// How many bytes are kept of the one that is not.
    unfinished: usize,
}

/// What the bytes before have made of the next one.
#[derive(Clone, Copy, Default)]
enum Telnet {
    #[default]
    Text,
    CarriageReturn,
    Command,
    /// After WILL, WONT, DO and DONT.
    Option,
    /// From SB to IAC SE.
    Subnegotiation,
    SubnegotiationCommand,
}

impl Lines {
    /// Adds what was read from the client.
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.telnet = self.decode(self.telnet, *byte);
        }
    }

    /// Takes the next line once it is complete.
    pub fn pop(&mut self) -> Option<Line> {
        self.complete = self.complete.checked_sub(1)?;
        let line = self
            .bytes
            .get(self.start..)?
            .split(|byte| *byte == b'\n')
            .next()?;
        self.start += line.len() + 1;
        let line = if line.len() > LONGEST {
            Line::TooLong
        } else {
            Line::Whole(line.to_vec())
        };
        self.forget_taken();
        Some(line)
    }

    /// Throws away everything that has not been taken (RFC 4217: nothing sent in clear is obeyed after `AUTH`).
    pub fn clear(&mut self) {
        drop(mem::take(self));
    }

    /// A line feed ends the line whatever came before it, so that no Telnet command left open swallows what follows;
    /// those of FTP clients hold none. A CR before it is part of the ending; another is data, with or without the NUL
    /// that Telnet wants behind it (RFC 2640 §3.1).
    fn decode(&mut self, telnet: Telnet, byte: u8) -> Telnet {
        match (telnet, byte) {
            (Telnet::Command, b'\n') => {
                self.add(IAC);
                self.end()
            }
            (_, b'\n') => self.end(),
            (Telnet::Text, b'\r') => Telnet::CarriageReturn,
            (Telnet::Text, IAC) => Telnet::Command,
            (Telnet::Text, data) => self.add(data),
            (Telnet::CarriageReturn, 0) => self.add(b'\r'),
            (Telnet::CarriageReturn, next) => {
                let telnet = self.add(b'\r');
                self.decode(telnet, next)
            }
            (Telnet::Command, IAC) => self.add(IAC),
            (Telnet::Command, WILL..=DONT) => Telnet::Option,
            (Telnet::Command, SB) => Telnet::Subnegotiation,
            (Telnet::Command, SE..SB)
            | (Telnet::Option, _)
            | (Telnet::SubnegotiationCommand, SE) => Telnet::Text,
            // Not a command: many clients send a name with this byte as it is.
            (Telnet::Command, next) => {
                let telnet = self.add(IAC);
                self.decode(telnet, next)
            }
            (Telnet::Subnegotiation, IAC) => Telnet::SubnegotiationCommand,
            (Telnet::Subnegotiation | Telnet::SubnegotiationCommand, _) => Telnet::Subnegotiation,
        }
    }

    /// Keeps a byte of the line, up to one beyond the limit.
    ///
    /// No verb begins with a byte as high as Telnet's commands. What looks like one at the start of a line is left of a
    /// Synch whose other byte came as urgent data, which TCP may take out of the stream.
    fn add(&mut self, byte: u8) -> Telnet {
        let left_of_synch = self.unfinished == 0 && byte >= SE;
        if !left_of_synch && self.unfinished <= LONGEST {
            self.bytes.push(byte);
            self.unfinished += 1;
        }
        Telnet::Text
    }

    fn end(&mut self) -> Telnet {
        self.bytes.push(b'\n');
        self.complete += 1;
        self.unfinished = 0;
        Telnet::Text
    }

    /// Moves what is left to the front once it is the smaller part: each byte pays for the move of one other.
    fn forget_taken(&mut self) {
        if self.start >= self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.bytes.shrink_to(LONGEST);
            self.start = 0;
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(line) => write!(formatter, "Whole({} bytes)", line.len()),
            Self::TooLong => formatter.write_str("TooLong"),
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Lines")
            .field("complete", &self.complete)
            .field("unfinished", &self.unfinished)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::{
        format,
        string::{String, ToString},
        vec,
        vec::Vec,
    };

    use proptest::prelude::*;

    use super::{LONGEST, Line, Lines};

    fn all(lines: &mut Lines) -> Vec<String> {
        core::iter::from_fn(|| lines.pop())
            .map(|line| match line {
                Line::Whole(line) => line.escape_ascii().to_string(),
                Line::TooLong => "too long".into(),
            })
            .collect()
    }

    /// What comes at once means the same as what comes byte by byte.
    #[track_caller]
    fn check(bytes: &[u8], expected: &[&str]) {
        let mut at_once = Lines::default();
        at_once.push(bytes);
        assert_eq!(all(&mut at_once), expected);

        let mut dripping = Lines::default();
        let mut lines = Vec::new();
        for byte in bytes {
            dripping.push(&[*byte]);
            lines.extend(all(&mut dripping));
        }
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_ends_with_cr_lf_or_lf() {
        check(b"USER alice\r\nPASS x\nQU", &["USER alice", "PASS x"]);
        check(b"\r\n\n", &["", ""]);
    }

    #[test]
    fn another_cr_is_data_with_or_without_its_nul() {
        check(b"DELE Icon\r\0\r\n", &[r"DELE Icon\r"]);
        check(b"DELE a\rb\r\n", &[r"DELE a\rb"]);
        check(b"DELE a\r\r\n", &[r"DELE a\r"]);
    }

    #[test]
    fn a_nul_elsewhere_is_left_to_the_parser() {
        check(b"DELE a\0b\r\n", &[r"DELE a\x00b"]);
    }

    #[test]
    fn telnet_commands_are_dropped() {
        check(b"\xff\xfb\x06\xff\xfd\x03NO\xff\xf1OP\r\n", &["NOOP"]);
        check(b"NO\xff\xfa\x18\0xterm\xff\xffp\xff\xf0OP\r\n", &["NOOP"]);
    }

    #[test]
    fn a_doubled_iac_is_a_byte_of_a_name() {
        check(b"DELE \xff\xff.txt\r\n", &[r"DELE \xff.txt"]);
    }

    #[test]
    fn a_single_iac_before_no_command_is_a_byte_of_a_name() {
        check(b"DELE \xff.txt\r\n", &[r"DELE \xff.txt"]);
        check(b"DELE \xff\r\n", &[r"DELE \xff"]);
        check(b"DELE \xff\n", &[r"DELE \xff"]);
    }

    #[test]
    fn synch_before_abor_is_dropped_also_without_its_urgent_byte() {
        check(b"\xff\xf4\xff\xf2ABOR\r\n", &["ABOR"]);
        check(b"\xff\xf4\xf2ABOR\r\n", &["ABOR"]);
        check(b"\xff\xf4\xffABOR\r\n", &["ABOR"]);
    }

    #[test]
    fn an_open_telnet_command_ends_with_the_line() {
        check(b"NOOP\xff\xfb\r\nQUIT\r\n", &["NOOP", "QUIT"]);
        check(b"NOOP\xff\xfa\r\nQUIT\r\n", &["NOOP", "QUIT"]);
    }

    #[test]
    fn a_line_may_have_all_bytes_of_the_limit() {
        let longest = "x".repeat(LONGEST);
        check(format!("{longest}\r\n").as_bytes(), &[&longest]);
    }

    #[test]
    fn a_line_too_long_is_reported_once_at_its_end() {
        let longer = "x".repeat(LONGEST + 1);
        check(
            format!("NOOP\r\n{longer}\r\nQUIT\r\n{longer}{longer}\n").as_bytes(),
            &["NOOP", "too long", "QUIT", "too long"],
        );
    }

    #[test]
    fn an_endless_line_takes_no_more_memory() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            lines.push(&[b'x'; 1024]);
        }

        assert!(lines.bytes.len() <= LONGEST + 1);
        assert_eq!(lines.pop(), None);
    }

    #[test]
    fn memory_for_many_lines_is_given_back() {
        let mut lines = Lines::default();
        lines.push(&vec![b'\n'; 1 << 20]);

        assert_eq!(all(&mut lines).len(), 1 << 20);
        assert!(lines.bytes.capacity() <= LONGEST);
    }

    #[test]
    fn clear_forgets_lines_and_beginnings() {
        let mut lines = Lines::default();
        lines.push(b"USER mallory\r\nPASS \xff\xfa");

        lines.clear();

        lines.push(b"USER alice\r\n");
        assert_eq!(all(&mut lines), ["USER alice"]);
    }

    #[test]
    fn debug_shows_no_line() {
        let mut lines = Lines::default();
        lines.push(b"PASS open sesame\r\nPASS x");

        assert_eq!(
            format!("{lines:?}"),
            "Lines { complete: 1, unfinished: 6, .. }"
        );
        assert_eq!(format!("{:?}", lines.pop()), "Some(Whole(16 bytes))");
    }

    /// As a client must send it: IAC doubled, NUL behind CR.
    fn encode(line: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for byte in line {
            bytes.push(*byte);
            match *byte {
                0xff => bytes.push(0xff),
                b'\r' => bytes.push(0),
                _ => {}
            }
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    proptest! {
        #[test]
        fn any_name_arrives_however_it_is_cut(
            names in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
            cut in 1..50_usize,
        ) {
            let sent: Vec<Vec<u8>> = names
                .into_iter()
                .map(|mut name| {
                    name.retain(|byte| *byte != b'\n');
                    [b"STOR ".as_slice(), &name].concat()
                })
                .collect();
            let bytes: Vec<u8> = sent.iter().flat_map(|line| encode(line)).collect();

            let mut lines = Lines::default();
            let mut taken = Vec::new();
            for part in bytes.chunks(cut) {
                lines.push(part);
                while let Some(line) = lines.pop() {
                    taken.push(line);
                }
            }

            let sent: Vec<Line> = sent.into_iter().map(Line::Whole).collect();
            prop_assert_eq!(taken, sent);
        }

        #[test]
        fn each_line_feed_ends_one_line_whatever_comes(bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), 240..=255_u8],
            0..300,
        )) {
            let mut lines = Lines::default();
            lines.push(&bytes);

            let ends = bytes.split(|byte| *byte == b'\n').count() - 1;
            prop_assert_eq!(all(&mut lines).len(), ends);
            prop_assert!(lines.bytes.len() <= bytes.len());
        }
    }
}
