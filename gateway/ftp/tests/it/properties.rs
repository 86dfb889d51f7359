//! What holds whatever happens.

use ftp::{
    Action, DataFailure, DataPolicy, Done, Encryption, Entered, Event, Failure, LoginFailure, Mode,
    Opened, PassiveFailure, Prepared, Session, Settings, TransferFailure, UserCheck,
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    script,
    watcher::{Mood, Watcher, entry},
};

/// What may happen in a world that answers what it is asked, and nothing else.
#[derive(Clone, Debug)]
enum Step {
    Line(Vec<u8>),
    LineTooLong,
    Answer(Mood),
    Happening(Event),
}

const LINES: &[&str] = &[
    "ABOR",
    "ALLO 5",
    "APPE a",
    "AUTH TLS",
    "AUTH SSL",
    "CCC",
    "CDUP",
    "CWD a",
    "DELE a",
    "EPRT |1|192.0.2.7|2561|",
    "EPSV",
    "EPSV 1",
    "EPSV 3",
    "EPSV ALL",
    "FEAT",
    "HELP",
    "HELP USER",
    "LIST",
    "MDTM a",
    "MFMT 20260102030405 a",
    "MKD a",
    "MLSD",
    "MLST a",
    "MODE B",
    "MODE S",
    "NLST",
    "NOOP",
    "OPTS MLST type;",
    "OPTS UTF8 ON",
    "PASS secret",
    "PASV",
    "PBSZ 0",
    "PORT 192,0,2,7,10,1",
    "PROT C",
    "PROT P",
    "PROT S",
    "PWD",
    "QUIT",
    "REIN",
    "REST 100",
    "RETR a",
    "RMD a",
    "RNFR a",
    "RNTO b",
    "SITE CHMOD 640 a",
    "SITE HELP",
    "SIZE a",
    "STAT",
    "STAT a",
    "STOR a",
    "STOU",
    "STRU F",
    "SYST",
    "TYPE A",
    "TYPE I",
    "USER alice",
    "USER carol",
    "XYZZY",
];

/// The lines that lead deep into a session, more often than chance would send them.
const DEEP: &[&str] = &[
    "ABOR",
    "AUTH TLS",
    "EPSV",
    "LIST",
    "NOOP",
    "PASS secret",
    "PASV",
    "PROT P",
    "RETR a",
    "STAT",
    "STOR a",
    "USER alice",
    "USER carol",
];

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(LINES).prop_map(|line| line.as_bytes().to_vec()),
        4 => select(DEEP).prop_map(|line| line.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..40),
        1 => (select(LINES), vec(any::<u8>(), 0..10))
            .prop_map(|(line, more)| [line.as_bytes(), &more].concat()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => line().prop_map(Step::Line),
        8 => Just(Step::Answer(Mood::Kind)),
        2 => Just(Step::Answer(Mood::Unkind)),
        1 => Just(Step::LineTooLong),
        1 => select(vec![Event::DataPortExpired, Event::LoginTimeout]).prop_map(Step::Happening),
    ]
}

/// Any event at any time, also such as no gateway reports.
fn event() -> impl Strategy<Value = Event> {
    let failure = select(vec![
        Failure::NotFound,
        Failure::NoSpace,
        Failure::Unavailable,
    ]);
    let name = vec(any::<u8>(), 0..9);
    prop_oneof![
        8 => line().prop_map(Event::Line),
        1 => Just(Event::Connected),
        1 => Just(Event::LineTooLong),
        2 => Just(Event::TlsStarted),
        1 => select(vec![UserCheck::Password, UserCheck::TlsRequired]).prop_map(Event::UserChecked),
        2 => (name.clone(), select(vec![DataPolicy::AsListener, DataPolicy::Private]))
            .prop_map(|(directory, data)| Event::PasswordChecked(Ok(Entered { directory, data }))),
        1 => select(vec![LoginFailure::Credential, LoginFailure::Busy])
            .prop_map(|failure| Event::PasswordChecked(Err(failure))),
        2 => (any::<Option<[u8; 4]>>(), any::<u16>()).prop_map(|(address, port)| {
            let address = address.map(Into::into);
            Event::DataPortOpened(Ok(Opened { address, port }))
        }),
        1 => Just(Event::DataPortOpened(Err(PassiveFailure::NoneFree))),
        1 => Just(Event::DataPortExpired),
        1 => name.clone().prop_map(|path| Event::FileDone(Ok(Done::Path(path)))),
        1 => name.clone().prop_map(|path| Event::FileDone(Ok(Done::Entry(path, entry())))),
        1 => name.clone().prop_map(|text| Event::FileDone(Ok(Done::Listing(text)))),
        1 => failure.clone().prop_map(|failure| Event::FileDone(Err(failure))),
        2 => Just(Event::Prepared(Ok(Prepared::Open))),
        1 => any::<u64>().prop_map(|size| Event::Prepared(Ok(Prepared::Sized(size)))),
        1 => name.prop_map(|name| Event::Prepared(Ok(Prepared::Named(name)))),
        1 => failure.clone().prop_map(|failure| Event::Prepared(Err(failure))),
        1 => any::<u64>().prop_map(|bytes| Event::TransferEnded(Ok(bytes))),
        1 => failure.prop_map(|failure| {
            Event::TransferEnded(Err(TransferFailure::Storage(failure)))
        }),
        1 => any::<String>().prop_map(|reason| {
            Event::TransferEnded(Err(TransferFailure::Data(DataFailure::Handshake(reason))))
        }),
        1 => any::<u64>().prop_map(Event::Progress),
        1 => select(vec![
            Event::Idle,
            Event::LoginTimeout,
            Event::Stopping,
            Event::AccountEnded,
        ]),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let encryption = select(vec![
        Encryption::Required,
        Encryption::ControlRequired,
        Encryption::Optional,
    ]);
    let passive = prop_oneof![9 => Just(Mode::Allow), 1 => Just(Mode::Deny("Not here".into()))];
    (encryption, any::<bool>(), passive).prop_map(|(encryption, implicit, passive)| Settings {
        encryption,
        implicit,
        passive,
        ..script::usual()
    })
}

/// What has been said before the property looks: nothing, or what leads to where most can happen.
fn beginning() -> impl Strategy<Value = &'static [&'static str]> {
    const FRESH: &[&str] = &[];
    const LOGGED_IN: &[&str] = &[
        "AUTH TLS",
        "PBSZ 0",
        "PROT P",
        "USER alice",
        "PASS secret",
        "EPSV",
    ];
    const IN_CLEAR: &[&str] = &["USER alice", "PASS secret", "EPSV"];
    select(vec![FRESH, LOGGED_IN, IN_CLEAR])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        // A sequence that fails becomes a transcript, which says more than a seed.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_line_gets_exactly_one_final_reply(
        settings in settings(),
        beginning in beginning(),
        steps in vec(step(), 0..60),
        at_last in prop::option::of(select(vec![Event::Idle, Event::Stopping])),
    ) {
        let mut watcher = Watcher::new(settings);
        watcher.connect();
        for line in beginning {
            watcher.line(line.as_bytes());
            watcher.answer(Mood::Kind);
        }

        for step in steps {
            match step {
                Step::Line(line) => watcher.line(&line),
                Step::LineTooLong => watcher.line_too_long(),
                Step::Answer(mood) => drop(watcher.answer(mood)),
                Step::Happening(event) => watcher.handle(event),
            }
        }
        if let Some(event) = at_last {
            watcher.handle(event);
        }

        watcher.finish();
    }

    #[test]
    fn nothing_forbidden_is_done_whatever_happens(
        settings in settings(),
        events in vec(event(), 0..80),
    ) {
        let mut watcher = Watcher::unsuspecting(settings);

        for event in events {
            watcher.handle(event);
        }
    }
}

#[test]
fn a_password_is_in_no_debug_output() {
    let mut session = Session::new(script::usual());
    for event in [
        Event::Connected,
        Event::Line(b"AUTH TLS".to_vec()),
        Event::TlsStarted,
        Event::Line(b"USER alice".to_vec()),
        Event::Line(b"PASS waits".to_vec()),
    ] {
        drop(session.handle(event));
    }
    drop(session.handle(Event::Line(b"PASS secret".to_vec())));
    let event = Event::Line(b"PASS secret".to_vec());
    let action = Action::CheckPassword {
        user: "alice".into(),
        password: "secret".into(),
    };

    let shown = format!("{event:?} {action:?} {session:?}");

    assert!(
        !shown.contains("secret") && !shown.contains("waits"),
        "{shown}"
    );
}
