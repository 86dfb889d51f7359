use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use proptest::prelude::*;

use super::Command;
use crate::{Facts, Reply, Timestamp};

/// A command is shown as a client would best write it, a refusal by its code.
fn said(line: &[u8]) -> String {
    match Command::parse(line) {
        Ok(command) => format!("{command:?}"),
        Err(reply) => reply.code().to_string(),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (line, expected) in cases {
        assert_eq!(&said(line.as_bytes()), expected, "{line:?}");
    }
}

#[track_caller]
fn text(line: &[u8]) -> String {
    let reply: Reply = Command::parse(line).unwrap_err();
    String::from_utf8(reply.to_bytes()).unwrap()
}

#[test]
fn verbs_are_read_in_any_case() {
    check(&[
        ("noop", "NOOP"),
        ("Stor Report.CSV", "STOR Report.CSV"),
        ("auth tls", "AUTH TLS"),
        ("site chmod 640 a", "SITE CHMOD 640 a"),
    ]);
}

#[test]
fn a_path_is_everything_behind_one_space() {
    check(&[
        ("RETR a b", "RETR a b"),
        ("RETR  a ", "RETR  a "),
        ("RETR  ", "RETR  "),
        ("MKD -x", "MKD -x"),
        ("CWD \\", r"CWD \\"),
        ("MLSD -a", "MLSD -a"),
        ("RETR a\rb", r"RETR a\rb"),
    ]);
    assert_eq!(said(b"RETR caf\xe9"), r"RETR caf\xe9");
}

#[test]
fn a_path_that_is_missing_is_501() {
    for verb in [
        "APPE", "CWD", "DELE", "MDTM", "MKD", "RETR", "RMD", "RNFR", "RNTO", "SIZE", "STOR",
    ] {
        check(&[(verb, "501"), (&format!("{verb} "), "501")]);
    }
}

#[test]
fn no_path_is_the_current_folder_where_that_makes_sense() {
    check(&[
        ("LIST", "LIST"),
        ("NLST ", "NLST"),
        ("MLSD", "MLSD"),
        ("MLST", "MLST"),
        ("STAT", "STAT"),
    ]);
}

#[test]
fn a_line_with_nul_or_a_line_end_inside_is_501() {
    check(&[
        ("DELE a\0b", "501"),
        ("DELE a\nb", "501"),
        ("USER a\0", "501"),
        ("LIST \0", "501"),
    ]);
}

#[test]
fn options_of_ls_change_nothing() {
    check(&[
        ("LIST -a", "LIST"),
        ("LIST -la", "LIST"),
        ("LIST -l -a", "LIST"),
        ("LIST -la /a b", "LIST /a b"),
        ("NLST -1 a", "NLST a"),
        ("STAT -l a", "STAT a"),
        ("LIST -a  a", "LIST  a"),
    ]);
}

#[test]
fn stat_with_options_alone_lists_the_current_folder() {
    check(&[("STAT -la", "STAT ."), ("STAT -l -a ", "STAT .")]);
}

#[test]
fn a_name_that_begins_with_a_dash_can_be_listed() {
    check(&[
        ("LIST ./-x", "LIST ./-x"),
        ("LIST -- -x", "LIST -- -x"),
        ("LIST -l -- -x", "LIST -- -x"),
        ("LIST -", "LIST -- -"),
        ("LIST -x.csv", "LIST -- -x.csv"),
    ]);
}

#[test]
fn the_names_of_rfc_775_are_understood() {
    check(&[
        ("XPWD", "PWD"),
        ("XCUP", "CDUP"),
        ("XCWD a", "CWD a"),
        ("XMKD a", "MKD a"),
        ("XRMD a", "RMD a"),
    ]);
}

#[test]
fn a_verb_without_argument_takes_none_but_spaces() {
    for verb in [
        "ABOR", "CCC", "CDUP", "FEAT", "NOOP", "PASV", "PWD", "QUIT", "REIN", "SYST",
    ] {
        check(&[
            (verb, verb),
            (&format!("{verb}  "), verb),
            (&format!("{verb} x"), "501"),
        ]);
    }
}

#[test]
fn a_name_proposed_with_stou_is_no_mistake() {
    check(&[("STOU", "STOU"), ("STOU report.csv", "STOU")]);
}

#[test]
fn users_and_passwords_are_text_as_it_is() {
    check(&[
        ("USER alice", "USER alice"),
        ("USER", "501"),
        ("USER ", "501"),
    ]);
    assert_eq!(said(b"USER caf\xe9"), "501");
    assert_eq!(said(b"PASS caf\xe9"), "501");
    assert!(Command::parse(b"PASS  open sesame ") == Ok(Command::Password(" open sesame ".into())));
    assert!(Command::parse(b"PASS") == Ok(Command::Password(String::new())));
}

#[test]
fn debug_shows_no_password() {
    check(&[("PASS open sesame", "PASS")]);
}

#[test]
fn tls_is_asked_for_by_its_names() {
    check(&[
        ("AUTH TLS", "AUTH TLS"),
        ("AUTH TLS-C", "AUTH TLS"),
        ("AUTH SSL", "AUTH SSL"),
        ("AUTH TLS-P ", "AUTH SSL"),
        ("AUTH KERBEROS_V4", "504"),
        ("AUTH", "501"),
        ("PBSZ 0", "PBSZ 0"),
        ("PBSZ 4294967295", "PBSZ 0"),
        ("PBSZ 4294967296", "501"),
        ("PBSZ -1", "501"),
        ("PBSZ", "501"),
        ("PROT P", "PROT P"),
        ("PROT c", "PROT C"),
        ("PROT S", "536"),
        ("PROT E", "536"),
        ("PROT X", "504"),
        ("PROT", "501"),
    ]);
}

#[test]
fn data_ports_are_parsed_as_far_as_policy_needs() {
    check(&[
        ("PORT 10,0,0,1,4,1", "PORT"),
        ("PORT", "PORT"),
        ("EPRT |1|10.0.0.1|1025|", "EPRT"),
        ("EPRT x", "EPRT"),
        ("EPSV", "EPSV"),
        ("EPSV 2", "EPSV 2"),
        ("EPSV 7", "EPSV 7"),
        ("EPSV all", "EPSV ALL"),
        ("EPSV x", "501"),
        ("EPSV +1", "501"),
        ("PASV 1", "501"),
    ]);
}

#[test]
fn types_modes_and_structures_that_are_not_here_are_504() {
    check(&[
        ("TYPE A", "TYPE A"),
        ("TYPE a n", "TYPE A"),
        ("TYPE A T", "504"),
        ("TYPE I", "TYPE I"),
        ("TYPE L 8", "TYPE I"),
        ("TYPE L 36", "504"),
        ("TYPE L", "501"),
        ("TYPE E", "504"),
        ("TYPE X", "501"),
        ("TYPE", "501"),
        ("MODE S", "MODE S"),
        ("MODE B", "504"),
        ("MODE Z", "504"),
        ("MODE", "501"),
        ("STRU F", "STRU F"),
        ("STRU R", "504"),
        ("STRU X", "501"),
    ]);
}

#[test]
fn numbers_are_digits_alone() {
    check(&[
        ("REST 0", "REST 0"),
        ("REST 18446744073709551615", "REST 18446744073709551615"),
        ("REST 18446744073709551616", "501"),
        ("REST -1", "501"),
        ("REST +1", "501"),
        ("REST 1 2", "501"),
        ("REST", "501"),
        ("ALLO 1024", "ALLO 0"),
        ("ALLO 1024 R 80", "ALLO 0"),
        ("ALLO 1024 R", "501"),
        ("ALLO 1024 80", "501"),
        ("ALLO", "501"),
    ]);
}

#[test]
fn a_time_is_set_in_three_ways() {
    check(&[
        ("MFMT 20240229120000 a b", "MFMT 20240229120000 a b"),
        ("MFMT 20240229120000.123 a", "MFMT 20240229120000 a"),
        ("MFMT 20230229120000 a", "501"),
        ("MFMT 20240229120000 ", "501"),
        ("MFMT 20240229120000", "501"),
        ("SITE UTIME 20240229120000 a b", "MFMT 20240229120000 a b"),
        ("SITE UTIME 202402291200 a", "MFMT 20240229120000 a"),
        (
            "SITE UTIME a b 20240101000000 20240229120000 20240101000000 UTC",
            "MFMT 20240229120000 a b",
        ),
        ("SITE UTIME 20240229120000", "501"),
        ("SITE UTIME a 20240101000000 UTC", "501"),
        (
            "SITE UTIME a yesterday 20240229120000 20240101000000 UTC",
            "501",
        ),
    ]);
}

#[test]
fn mdtm_sets_no_time() {
    check(&[("MDTM 20240229120000 a", "MDTM 20240229120000 a")]);
}

#[test]
fn modes_are_octal_and_have_nine_bits() {
    check(&[
        ("SITE CHMOD 640 a b", "SITE CHMOD 640 a b"),
        ("SITE CHMOD 0777 a", "SITE CHMOD 777 a"),
        ("SITE CHMOD 7 a", "SITE CHMOD 007 a"),
        ("SITE CHMOD 4755 a", "504"),
        ("SITE CHMOD 888 a", "501"),
        ("SITE CHMOD +7 a", "501"),
        ("SITE CHMOD 00640 a", "501"),
        ("SITE CHMOD 640", "501"),
        ("SITE HELP", "SITE HELP"),
        ("SITE EXEC ls", "504"),
        ("SITE", "501"),
    ]);
}

#[test]
fn options_are_those_of_mlst_and_utf8() {
    check(&[
        ("OPTS MLST size;type;", "OPTS MLST type;size;"),
        ("OPTS mlst Type;Perm;", "OPTS MLST type;"),
        ("OPTS MLST", "OPTS MLST "),
        ("OPTS UTF8 ON", "OPTS UTF8 ON"),
        ("OPTS UTF8", "OPTS UTF8 ON"),
        ("OPTS utf-8 on", "OPTS UTF8 ON"),
        ("OPTS UTF8 OFF", "501"),
        ("OPTS HASH SHA-256", "501"),
        ("OPTS", "501"),
    ]);
}

#[test]
fn what_rfcs_have_and_this_server_does_not_is_502() {
    for verb in [
        "ADAT", "CONF", "ENC", "HOST", "LANG", "LPRT", "LPSV", "MFCT", "MFF", "MIC", "SMNT",
    ] {
        check(&[(verb, "502"), (&format!("{verb} x"), "502")]);
    }
    check(&[("ACCT x", "202")]);
}

#[test]
fn what_is_no_command_is_500_and_repeated_only_if_it_looks_like_one() {
    assert!(text(b"STRO a").contains("STRO"));
    for line in [
        b"".as_slice(),
        b" NOOP",
        b"Cookie: secret",
        b"AAAAAAAAAAAAAAAAA",
        b"\x1b[2J",
        b"caf\xe9",
        b"\x16\x03\x01\x02",
    ] {
        assert_eq!(said(line), "500");
        assert!(text(line).contains("This is no command"));
    }
}

#[test]
fn an_unknown_verb_is_repeated_without_its_argument() {
    let text = text(b"PSAS open sesame");

    assert!(text.contains("PSAS"));
    assert!(!text.contains("sesame"));
}

#[test]
fn a_501_names_the_right_syntax() {
    assert!(text(b"RNFR").contains("RNFR PATH"));
    assert!(text(b"SITE CHMOD").contains("SITE CHMOD MODE PATH"));
}

#[test]
fn help_is_asked_for_by_verb() {
    check(&[
        ("HELP", "HELP"),
        ("HELP stor", "HELP stor"),
        ("HELP SITE CHMOD ", "HELP SITE CHMOD"),
    ]);

    assert_eq!(Command::syntax("stor"), Some("STOR PATH"));
    assert_eq!(Command::syntax("acct"), Some("ACCT ACCOUNT"));
    assert_eq!(Command::syntax("SMNT"), None);
    assert!(Command::verbs().any(|verb| verb == "STOR"));
    assert!(Command::verbs().all(|verb| Command::syntax(verb).is_some()));
    assert!(Command::verbs().is_sorted());
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(
        any::<u8>().prop_filter("no path has it", |byte| !matches!(byte, 0 | b'\n')),
        1..40,
    )
}

fn command() -> impl Strategy<Value = Command> {
    let of_path = prop::sample::select(
        [
            Command::Append as fn(Vec<u8>) -> Command,
            Command::ChangeDirectory,
            Command::Delete,
            Command::ModificationTime,
            Command::MakeDirectory,
            Command::Retrieve,
            Command::RemoveDirectory,
            Command::RenameFrom,
            Command::RenameTo,
            Command::Size,
            Command::Store,
        ]
        .as_slice(),
    );
    let of_path_or_nothing = prop::sample::select(
        [
            Command::List as fn(Option<Vec<u8>>) -> Command,
            Command::Names,
            Command::Status,
            Command::ListFacts,
            Command::Facts,
        ]
        .as_slice(),
    );
    prop_oneof![
        (of_path, path()).prop_map(|(make, path)| make(path)),
        (of_path_or_nothing, prop::option::of(path())).prop_map(|(make, path)| make(path)),
        (0..253_402_300_800_i64, path())
            .prop_map(|(time, path)| Command::ModifyTime(Timestamp(time), path)),
        (0..=0o777_u32, path()).prop_map(|(mode, path)| Command::ChangeMode(mode, path)),
        prop::option::of(any::<u32>()).prop_map(Command::ExtendedPassive),
        any::<u64>().prop_map(Command::Restart),
        "[^\0\n]{1,20}".prop_map(Command::User),
        prop::sample::subsequence(
            ["type;", "size;", "modify;", "unix.mode;", "unique;"].as_slice(),
            0..=5
        )
        .prop_map(|names| Command::ChooseFacts(Facts::choose(names.concat().as_bytes()))),
    ]
}

proptest! {
    #[test]
    fn what_is_shown_means_the_same_command(command in command()) {
        let line = [
            command.verb().as_bytes(),
            command.argument().map_or_else(Vec::new, |argument| [b" ", argument.as_slice()].concat()).as_slice(),
        ]
        .concat();

        prop_assert!(Command::parse(&line) == Ok(command));
    }

    #[test]
    fn no_line_breaks_the_parser(line in prop::collection::vec(any::<u8>(), 0..80)) {
        said(&line);
    }

    #[test]
    fn no_argument_breaks_the_parser(
        verb in prop::sample::select(Command::verbs().collect::<Vec<_>>()),
        argument in "[ -~\r\n\0é]{0,30}|(CHMOD|UTIME|MLST|UTF8) [0-9 -~]{0,40}( UTC)?",
    ) {
        said(format!("{verb} {argument}").as_bytes());
    }

    #[test]
    fn a_refusal_is_one_line_of_text(line in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Err(reply) = Command::parse(&line) {
            let bytes = reply.to_bytes();
            let text = bytes.strip_suffix(b"\r\n").unwrap_or(&bytes);
            prop_assert!(text.iter().all(|byte| matches!(byte, b' '..=b'~')));
        }
    }
}
