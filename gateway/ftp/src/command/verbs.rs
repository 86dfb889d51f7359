//! All verbs, and what each takes.

use super::{
    Command, arguments,
    verb::{
        Takes::{
            self, Anything, Bytes, Nothing, OptionsAndPath, OptionsOrPath, Path, PathOrNothing,
            Refused, Words,
        },
        Verb,
    },
};

/// In alphabetical order. The verbs with an X are the older names of RFC 775, which RFC 1123 §4.1.3.1 keeps alive.
static VERBS: [Verb; 61] = [
    verb("ABOR", "ABOR", Nothing(Command::Abort)),
    verb(
        "ACCT",
        "ACCT ACCOUNT",
        Refused(202, "No account is needed here"),
    ),
    missing("ADAT"),
    verb(
        "ALLO",
        "ALLO SIZE [R RECORD-SIZE]",
        Words(arguments::allocate),
    ),
    verb("APPE", "APPE PATH", Path(Command::Append)),
    verb("AUTH", "AUTH TLS", Words(arguments::auth)),
    verb("CCC", "CCC", Nothing(Command::ClearControl)),
    verb("CDUP", "CDUP", Nothing(Command::ChangeToParent)),
    missing("CONF"),
    verb("CWD", "CWD PATH", Path(Command::ChangeDirectory)),
    verb("DELE", "DELE PATH", Path(Command::Delete)),
    missing("ENC"),
    verb(
        "EPRT",
        "EPRT |FAMILY|ADDRESS|PORT|",
        Anything(Command::ExtendedPort),
    ),
    verb(
        "EPSV",
        "EPSV [1 or 2 or ALL]",
        Words(arguments::extended_passive),
    ),
    verb("FEAT", "FEAT", Nothing(Command::Features)),
    verb("HELP", "HELP [VERB]", Words(arguments::help)),
    missing("HOST"),
    missing("LANG"),
    verb("LIST", "LIST [PATH]", OptionsAndPath(Command::List)),
    missing("LPRT"),
    missing("LPSV"),
    verb("MDTM", "MDTM PATH", Path(Command::ModificationTime)),
    missing("MFCT"),
    missing("MFF"),
    verb(
        "MFMT",
        "MFMT YYYYMMDDHHMMSS PATH",
        Bytes(arguments::modify_time),
    ),
    missing("MIC"),
    verb("MKD", "MKD PATH", Path(Command::MakeDirectory)),
    verb("MLSD", "MLSD [PATH]", PathOrNothing(Command::ListFacts)),
    verb("MLST", "MLST [PATH]", PathOrNothing(Command::Facts)),
    verb("MODE", "MODE S", Words(arguments::mode)),
    verb("NLST", "NLST [PATH]", OptionsAndPath(Command::Names)),
    verb("NOOP", "NOOP", Nothing(Command::Nothing)),
    verb(
        "OPTS",
        "OPTS MLST [FACT;FACT;...] or OPTS UTF8 ON",
        Words(arguments::options),
    ),
    verb("PASS", "PASS PASSWORD", Bytes(arguments::password)),
    verb("PASV", "PASV", Nothing(Command::Passive)),
    verb("PBSZ", "PBSZ 0", Words(arguments::protection_buffer_size)),
    verb("PORT", "PORT A,B,C,D,HIGH,LOW", Anything(Command::Port)),
    verb("PROT", "PROT P or PROT C", Words(arguments::protection)),
    verb("PWD", "PWD", Nothing(Command::PrintDirectory)),
    verb("QUIT", "QUIT", Nothing(Command::Quit)),
    verb("REIN", "REIN", Nothing(Command::Reinitialize)),
    verb("REST", "REST OFFSET", Words(arguments::restart)),
    verb("RETR", "RETR PATH", Path(Command::Retrieve)),
    verb("RMD", "RMD PATH", Path(Command::RemoveDirectory)),
    verb("RNFR", "RNFR PATH", Path(Command::RenameFrom)),
    verb("RNTO", "RNTO PATH", Path(Command::RenameTo)),
    verb(
        "SITE",
        "SITE CHMOD MODE PATH or SITE UTIME YYYYMMDDHHMMSS PATH or SITE HELP",
        Bytes(arguments::site),
    ),
    verb("SIZE", "SIZE PATH", Path(Command::Size)),
    missing("SMNT"),
    verb("STAT", "STAT [PATH]", OptionsOrPath(Command::Status)),
    verb("STOR", "STOR PATH", Path(Command::Store)),
    verb("STOU", "STOU", Anything(Command::StoreUnique)),
    verb("STRU", "STRU F", Words(arguments::structure)),
    verb("SYST", "SYST", Nothing(Command::System)),
    verb(
        "TYPE",
        "TYPE A or TYPE I or TYPE L 8",
        Words(arguments::representation),
    ),
    verb("USER", "USER NAME", Bytes(arguments::user)),
    verb("XCUP", "XCUP", Nothing(Command::ChangeToParent)),
    verb("XCWD", "XCWD PATH", Path(Command::ChangeDirectory)),
    verb("XMKD", "XMKD PATH", Path(Command::MakeDirectory)),
    verb("XPWD", "XPWD", Nothing(Command::PrintDirectory)),
    verb("XRMD", "XRMD PATH", Path(Command::RemoveDirectory)),
];

/// The verb of this name, in any case.
pub(super) fn find(name: &[u8]) -> Option<&'static Verb> {
    VERBS
        .iter()
        .find(|verb| verb.name.as_bytes().eq_ignore_ascii_case(name))
}

/// The names of what is implemented, and of what is needless.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    VERBS
        .iter()
        .filter(|verb| verb.syntax().is_some())
        .map(|verb| verb.name)
}

const fn verb(name: &'static str, syntax: &'static str, takes: Takes) -> Verb {
    Verb {
        name,
        syntax,
        takes,
    }
}

/// A verb of an RFC that this server does not have.
const fn missing(name: &'static str) -> Verb {
    verb(name, name, Refused(502, "This command is not implemented"))
}
