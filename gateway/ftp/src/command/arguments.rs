//! Arguments that are not just a path.

use alloc::borrow::ToOwned;
use core::str::{self, FromStr};

use super::{Command, verb::Refusal};
use crate::{Timestamp, listing::Facts};

type Parsed = Result<Command, Refusal>;

/// What is before and after the first space; nothing is after it where there is none.
pub(super) fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b' ');
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
}

/// `ALLO SIZE`, `ALLO SIZE R RECORD-SIZE` (RFC 959 §4.1.3).
pub(super) fn allocate(argument: &[u8]) -> Parsed {
    let (size, record) = split(argument);
    let fits = match split(record) {
        (b"", b"") => true,
        (b"r" | b"R", record_size) => number::<u64>(record_size).is_some(),
        _ => false,
    };
    match number::<u64>(size) {
        Some(_) if fits => Ok(Command::Allocate),
        _ => Err(Refusal::Syntax),
    }
}

/// `AUTH TLS` and its relatives (RFC 4217 §4; the older names are in drafts of it).
pub(super) fn auth(argument: &[u8]) -> Parsed {
    match argument.to_ascii_uppercase().as_slice() {
        b"" => Err(Refusal::Syntax),
        b"TLS" | b"TLS-C" => Ok(Command::AuthTls),
        b"SSL" | b"TLS-P" => Ok(Command::AuthSsl),
        _ => Err(Refusal::Because(504, "The only mechanism is AUTH TLS")),
    }
}

/// `EPSV`, `EPSV 1`, `EPSV ALL` (RFC 2428 §3, §4). Whether that is the client's family is a matter of the session: 522.
pub(super) fn extended_passive(argument: &[u8]) -> Parsed {
    if argument.is_empty() {
        return Ok(Command::ExtendedPassive(None));
    }
    if argument.eq_ignore_ascii_case(b"ALL") {
        return Ok(Command::ExtendedPassiveAll);
    }
    number(argument)
        .map(|family| Command::ExtendedPassive(Some(family)))
        .ok_or(Refusal::Syntax)
}

/// `HELP`, `HELP STOR`.
pub(super) fn help(argument: &[u8]) -> Parsed {
    let verb = str::from_utf8(argument).map_err(|_not_text| Refusal::Syntax)?;
    Ok(Command::Help((!verb.is_empty()).then(|| verb.to_owned())))
}

/// `MODE S`; B and C are in RFC 959 §3.4, Z came later.
pub(super) fn mode(argument: &[u8]) -> Parsed {
    match argument.to_ascii_uppercase().as_slice() {
        b"S" => Ok(Command::StreamMode),
        b"B" | b"C" | b"Z" => Err(Refusal::Because(504, "The only mode is S, a stream")),
        _ => Err(Refusal::Syntax),
    }
}

/// `MFMT YYYYMMDDHHMMSS PATH` (draft-somers-ftp-mfxx §3.1).
pub(super) fn modify_time(argument: &[u8]) -> Parsed {
    let (time, path) = split(argument);
    match Timestamp::parse(time) {
        Some(time) if !path.is_empty() => Ok(Command::ModifyTime(time, path.to_vec())),
        _ => Err(Refusal::Syntax),
    }
}

/// `OPTS MLST type;size;` (RFC 3659 §7.9), `OPTS UTF8 ON` as clients send it without an RFC. RFC 2389 §4 knows 501 alone
/// for whatever else.
pub(super) fn options(argument: &[u8]) -> Parsed {
    let (verb, option) = split(argument);
    match verb.to_ascii_uppercase().as_slice() {
        b"MLST" => Ok(Command::ChooseFacts(Facts::choose(option))),
        b"UTF8" | b"UTF-8" => match option.to_ascii_uppercase().as_slice() {
            b"" | b"ON" => Ok(Command::Utf8),
            b"OFF" => Err(Refusal::Because(
                501,
                "Names are sent as they are; UTF8 stays on",
            )),
            _ => Err(Refusal::Syntax),
        },
        _ => Err(Refusal::Syntax),
    }
}

/// `PASS`. Without an argument the password is empty: clients send that too, and it is for the login to refuse.
pub(super) fn password(argument: &[u8]) -> Parsed {
    text(argument, "Passwords are UTF-8").map(|text| Command::Password(text.to_owned()))
}

/// `PBSZ` (RFC 2228 §3): 501 for what does not fit into 32 bits.
pub(super) fn protection_buffer_size(argument: &[u8]) -> Parsed {
    match number::<u32>(argument) {
        Some(_) => Ok(Command::ProtectionBufferSize),
        None => Err(Refusal::Syntax),
    }
}

/// `PROT` (RFC 2228 §3, RFC 4217 §9).
pub(super) fn protection(argument: &[u8]) -> Parsed {
    match argument.to_ascii_uppercase().as_slice() {
        b"" => Err(Refusal::Syntax),
        b"C" => Ok(Command::ProtectClear),
        b"P" => Ok(Command::ProtectPrivate),
        b"S" | b"E" => Err(Refusal::Because(
            536,
            "TLS protects all or nothing: PROT P or PROT C",
        )),
        _ => Err(Refusal::Because(504, "There are PROT P and PROT C")),
    }
}

/// `TYPE` (RFC 959 §3.1.1).
pub(super) fn representation(argument: &[u8]) -> Parsed {
    let argument = argument.to_ascii_uppercase();
    match split(&argument) {
        (b"A", b"" | b"N") => Ok(Command::Ascii),
        (b"I", b"") | (b"L", b"8") => Ok(Command::Image),
        (b"A", b"T" | b"C") => Err(Refusal::Because(504, "The only format is N, non-print")),
        (b"E", b"" | b"N" | b"T" | b"C") => Err(Refusal::Because(504, "EBCDIC is not implemented")),
        (b"L", size) if number::<u8>(size).is_some() => {
            Err(Refusal::Because(504, "Bytes have 8 bits: TYPE L 8"))
        }
        _ => Err(Refusal::Syntax),
    }
}

/// `REST` in stream mode (RFC 3659 §5.3).
pub(super) fn restart(argument: &[u8]) -> Parsed {
    number(argument)
        .map(Command::Restart)
        .ok_or(Refusal::Syntax)
}

/// `SITE` and its own verbs, which no RFC defines; they are written as other servers took them before.
pub(super) fn site(argument: &[u8]) -> Parsed {
    let (verb, rest) = split(argument);
    match verb.to_ascii_uppercase().as_slice() {
        b"" => Err(Refusal::Syntax),
        b"CHMOD" => change_mode(rest),
        b"HELP" => Ok(Command::SiteHelp),
        b"UTIME" => touch(rest).ok_or(Refusal::Syntax),
        _ => Err(Refusal::Because(504, "SITE HELP names what SITE can do")),
    }
}

/// `SITE CHMOD 640 PATH`. Set-uid, set-gid and sticky bits have no meaning for a user of this server.
fn change_mode(argument: &[u8]) -> Parsed {
    let (mode, path) = split(argument);
    let octal = (1..=4).contains(&mode.len())
        && mode.iter().all(|digit| (b'0'..=b'7').contains(digit))
        && !path.is_empty();
    let mode = str::from_utf8(mode)
        .ok()
        .filter(|_mode| octal)
        .and_then(|mode| u32::from_str_radix(mode, 8).ok());
    match mode {
        Some(mode @ ..=0o777) => Ok(Command::ChangeMode(mode, path.to_vec())),
        Some(_) => Err(Refusal::Because(504, "Modes end at 777")),
        None => Err(Refusal::Syntax),
    }
}

/// `SITE UTIME TIME PATH`, with or without seconds, and `SITE UTIME PATH ACCESSED MODIFIED CREATED UTC`, of which one
/// time can be set.
fn touch(argument: &[u8]) -> Option<Command> {
    touch_by_five_words(argument).or_else(|| {
        let (time, path) = split(argument);
        let mut digits = time.to_vec();
        if digits.len() == "YYYYMMDDHHMM".len() {
            digits.extend_from_slice(b"00");
        }
        let time = Timestamp::parse(&digits)?;
        (!path.is_empty()).then(|| Command::ModifyTime(time, path.to_vec()))
    })
}

fn touch_by_five_words(argument: &[u8]) -> Option<Command> {
    let times = argument.strip_suffix(b" UTC")?;
    let mut words = times.rsplitn(4, |byte| *byte == b' ');
    let created = Timestamp::parse(words.next()?);
    let modified = Timestamp::parse(words.next()?)?;
    let accessed = Timestamp::parse(words.next()?);
    let path = words.next().filter(|path| !path.is_empty())?;
    created.and(accessed)?;
    Some(Command::ModifyTime(modified, path.to_vec()))
}

/// `STRU F`; records and pages are of systems that have them (RFC 959 §3.1.2).
pub(super) fn structure(argument: &[u8]) -> Parsed {
    match argument.to_ascii_uppercase().as_slice() {
        b"F" => Ok(Command::FileStructure),
        b"R" | b"P" => Err(Refusal::Because(504, "The only structure is F, a file")),
        _ => Err(Refusal::Syntax),
    }
}

/// `USER`. Users are named in UTF-8, so that no other name can be anybody's; to say so beats a wrong password.
pub(super) fn user(argument: &[u8]) -> Parsed {
    match text(argument, "Names of users are UTF-8")? {
        "" => Err(Refusal::Syntax),
        name => Ok(Command::User(name.to_owned())),
    }
}

/// What follows options as of `ls`: `-la /path`. An option is a dash and letters or digits; anything else that begins
/// with a dash is a path. A file `-x` is `./-x`, or `-- -x`.
pub(super) fn without_options(mut argument: &[u8]) -> &[u8] {
    loop {
        match split(argument) {
            (b"--", path) => return path,
            ([b'-', letters @ ..], rest)
                if !letters.is_empty() && letters.iter().all(u8::is_ascii_alphanumeric) =>
            {
                argument = rest;
            }
            _ => return argument,
        }
    }
}

fn text<'a>(argument: &'a [u8], demand: &'static str) -> Result<&'a str, Refusal> {
    str::from_utf8(argument).map_err(|_not_text| Refusal::Because(501, demand))
}

/// Digits alone: `from_str` would take a sign too.
fn number<N: FromStr>(digits: &[u8]) -> Option<N> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}
