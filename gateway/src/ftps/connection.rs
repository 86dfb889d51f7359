//! One client: does what its session asks for and reports back.
//!
//! A single task owns the control connection, the session, and whatever runs for it, so there is nothing to lock and
//! nothing to send. What runs is one future, and dropping it is the way to stop it.

use std::{future::pending, io, sync::Arc};

use ftp::{
    DataPolicy, Done, Encryption, Entered, Event, Failure, Line, LoginFailure, Mode,
    PassiveFailure, Prepared, Session, Settings, TransferFailure,
};
use futures_util::future::BoxFuture;
use gateway_config::{Listener, Protocol};
use tokio::{net::TcpStream, time::sleep_until};
use tracing::Span;

use super::{
    control::{Control, Heard, Reads},
    due::Clock,
    files::FileOutcome,
    login::LoggedIn,
    passive::Reservation,
    prepare::Ready,
    progress::Progress,
    tls::{ServerTls, SessionTls},
};
use crate::{drain::DrainState, endpoint::Endpoint, peer::Peer, storage::StoragePath};

/// Wrong passwords that one connection may offer; OpenSSH's `MaxAuthTries`.
const WRONG_PASSWORDS_MAX: u32 = 6;

/// Refused commands before the login that end a connection; clients try a few to see what there is.
const REFUSED_COMMANDS_MAX: u32 = 20;

/// What a client is told whose data connections cannot be opened at all.
const NO_PASSIVE: &str = "This endpoint has no passive ports";

/// What a client is told that wants data connections to itself, where nothing else was configured.
const NO_ACTIVE: &str = "This endpoint opens no connections to clients";

/// One client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) peer: Peer,
    pub(super) protocol: Protocol,
    /// How the next handshake is made, and the data connections after it.
    pub(super) tls: SessionTls,
    pub(super) listener_tls: Arc<ServerTls>,
    pub(super) control: Control,
    pub(super) security: Security,
    pub(super) session: Session,
    pub(super) login: Option<LoggedIn>,
    pub(super) data_port: Option<Reservation>,
    pub(super) ready: Option<Ready>,
    pub(super) running: Option<Running>,
    /// What the session is told next.
    pub(super) answer: Option<Event>,
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) drain: DrainState,
    pub(super) moved: Moved,
}

/// Whether the control connection is inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    Clear,
    Tls,
}

/// Whether the client may still say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Talks,
    /// It has closed its half of the connection, or the connection broke. What runs for it goes on: an upload may be complete already.
    HungUp,
}

/// Bytes of the data connections that are over, as on the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    received: u64,
    sent: u64,
}

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The session wants it to; what has been said is still to be sent.
    Closed,
    /// Without a word.
    Cut(&'static str),
    /// The connection broke, or its handshake did not come about.
    Lost(io::Error),
}

/// What is said of a connection that has ended.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) reason: String,
}

/// What runs for the session.
pub(super) struct Running {
    pub(super) kind: Kind,
    pub(super) future: BoxFuture<'static, Outcome>,
}

/// What kind of thing runs.
#[derive(Debug)]
pub(super) enum Kind {
    /// A check or something with a file.
    Task,
    /// The wait for a data port.
    DataPort,
    /// A transfer.
    Transfer(Arc<Progress>),
}

/// How something that ran has ended.
#[derive(Debug)]
pub(super) enum Outcome {
    LoggedIn(Result<Box<LoggedIn>, LoginFailure>),
    DataPort(Result<Reservation, PassiveFailure>),
    File(FileOutcome),
    Prepared(Result<(Prepared, Box<Ready>), Failure>),
    Transferred(Result<u64, TransferFailure>),
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// A connection before its first byte.
    pub(super) fn new(
        stream: TcpStream,
        peer: Peer,
        endpoint: Arc<Endpoint>,
        (listener, tls): (&Listener, &Arc<ServerTls>),
    ) -> Self {
        let control = Control::new(stream);
        control.wire().count_for(&endpoint.metrics);
        Self {
            tls: tls.session(),
            listener_tls: Arc::clone(tls),
            protocol: listener.protocol,
            security: Security::Clear,
            session: Session::new(settings(&endpoint, listener)),
            login: None,
            data_port: None,
            ready: None,
            running: None,
            answer: None,
            client: Client::Talks,
            clock: Clock::new(&endpoint.configuration.endpoint.limits),
            drain: endpoint.drain.clone(),
            moved: Moved::default(),
            control,
            peer,
            endpoint,
        }
    }

    /// Serves the client until it leaves or must leave.
    pub(super) async fn run(mut self) -> Summary {
        let end = match self.converse().await {
            Ok(end) | Err(end) => end,
        };
        let reason = match &end {
            End::Closed if self.client == Client::HungUp => "the client hung up".to_owned(),
            End::Closed => "said goodbye".to_owned(),
            End::Cut(reason) => (*reason).to_owned(),
            End::Lost(error) => error.to_string(),
        };
        self.abort();
        // Their places are free, however long the goodbye takes.
        self.login = None;
        self.data_port = None;
        let wire = self.control.wire();
        let summary = Summary {
            received: self.moved.received + wire.received(),
            sent: self.moved.sent + wire.sent(),
            reason,
        };
        if let End::Closed = end {
            self.control.close().await;
        }
        summary
    }

    async fn converse(&mut self) -> Result<End, End> {
        if self.protocol == Protocol::FtpsImplicit {
            self.shake_hands().await?;
        }
        let mut event = Event::Connected;
        loop {
            for action in self.session.handle(event) {
                self.perform(action).await?;
            }
            event = self.next_event().await?;
        }
    }

    /// Waits for whatever comes first.
    async fn next_event(&mut self) -> Result<Event, End> {
        loop {
            if let Some(answer) = self.answer.take() {
                return Ok(answer);
            }
            if let Some(event) = self.due()? {
                return Ok(event);
            }
            let reads = match self.client {
                Client::Talks if self.session.wants_line() => Reads::Lines,
                Client::Talks | Client::HungUp => Reads::Nothing,
            };
            let until = self.next_look();
            // Every arm may be dropped half-way without losing anything.
            tokio::select! {
                outcome = finish(&mut self.running) => {
                    self.stop();
                    return Ok(self.conclude(outcome));
                }
                heard = self.control.turn(reads) => {
                    if let Some(event) = self.hear_or_go_on(heard)? {
                        return Ok(event);
                    }
                }
                () = expire(&mut self.data_port) => {
                    self.data_port = None;
                    return Ok(Event::DataPortExpired);
                }
                _phase = self.drain.changed() => {}
                () = sleep_until(until.into()) => {}
            }
        }
    }

    /// A connection that breaks while something runs is one that was hung up: a program that exits with replies unread
    /// resets it, and its upload may be complete.
    fn hear_or_go_on(&mut self, heard: io::Result<Heard>) -> Result<Option<Event>, End> {
        let error = match heard {
            Ok(heard) => return self.hear(heard).map(Some),
            Err(error) if self.running.is_none() => return Err(End::Lost(error)),
            Err(error) => error,
        };
        tracing::debug!(%error, "the control connection broke");
        self.control.give_up();
        match self.client {
            Client::Talks => self.hear(Heard::End).map(Some),
            // The session knows already.
            Client::HungUp => Ok(None),
        }
    }

    fn hear(&mut self, heard: Heard) -> Result<Event, End> {
        match heard {
            Heard::Line(line) => {
                self.peer.mark_heard();
                Ok(match line {
                    Line::Whole(line) => Event::Line(line),
                    Line::TooLong => Event::LineTooLong,
                })
            }
            Heard::End => {
                self.client = Client::HungUp;
                if self.running.is_none() {
                    return Err(End::Closed);
                }
                // What runs may be an upload that is complete. The session ends after it, as if the client had said so.
                Ok(Event::Line(b"QUIT".to_vec()))
            }
        }
    }

    /// What the session is told of what has run.
    fn conclude(&mut self, outcome: Outcome) -> Event {
        match outcome {
            Outcome::LoggedIn(Ok(login)) => {
                Span::current().record("user", login.account.name());
                let entered = Entered {
                    directory: login.place.folder.to_client(),
                    data: if login.account.requires_tls() {
                        DataPolicy::Private
                    } else {
                        DataPolicy::AsListener
                    },
                };
                self.clock.stop_login();
                self.login = Some(*login);
                Event::PasswordChecked(Ok(entered))
            }
            Outcome::LoggedIn(Err(failure)) => Event::PasswordChecked(Err(failure)),
            Outcome::DataPort(Ok(reservation)) => {
                let opened = reservation.advertised();
                self.data_port = Some(reservation);
                Event::DataPortOpened(Ok(opened))
            }
            Outcome::DataPort(Err(failure)) => Event::DataPortOpened(Err(failure)),
            Outcome::File(FileOutcome::Told(told)) => Event::FileDone(told),
            Outcome::File(FileOutcome::Entered(folder)) => {
                Event::FileDone(Ok(Done::Path(self.enter(folder))))
            }
            Outcome::Prepared(Ok((prepared, ready))) => {
                self.ready = Some(*ready);
                Event::Prepared(Ok(prepared))
            }
            Outcome::Prepared(Err(failure)) => Event::Prepared(Err(failure)),
            Outcome::Transferred(result) => Event::TransferEnded(result),
        }
    }

    fn enter(&mut self, folder: StoragePath) -> Vec<u8> {
        let path = folder.to_client();
        if let Some(login) = &mut self.login {
            login.place.folder = folder;
        }
        path
    }

    /// Drops what runs.
    pub(super) fn stop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        self.clock.note_end();
        if let Kind::Transfer(progress) = &running.kind {
            let (received, sent) = progress.on_the_wire();
            self.moved.received += received;
            self.moved.sent += sent;
        }
    }

    /// Begins something; there is never more than one.
    pub(super) fn begin(
        &mut self,
        kind: Kind,
        future: impl Future<Output = Outcome> + Send + 'static,
    ) {
        self.stop();
        self.running = Some(Running {
            kind,
            future: Box::pin(future),
        });
    }
}

async fn finish(running: &mut Option<Running>) -> Outcome {
    match running {
        Some(running) => running.future.as_mut().await,
        None => pending().await,
    }
}

async fn expire(data_port: &mut Option<Reservation>) {
    match data_port {
        Some(reservation) => reservation.expired().await,
        None => pending().await,
    }
}

/// What the configuration says, in the words of the FTP core.
fn settings(endpoint: &Endpoint, listener: &Listener) -> Settings {
    let encryption = listener.tls.as_ref().map(|tls| tls.encryption);
    let data = endpoint.configuration.endpoint.data_connections.as_ref();
    Settings {
        encryption: match encryption {
            Some(gateway_config::Encryption::Required) | None => Encryption::Required,
            Some(gateway_config::Encryption::ControlRequired) => Encryption::ControlRequired,
            Some(gateway_config::Encryption::Optional) => Encryption::Optional,
        },
        implicit: listener.protocol == Protocol::FtpsImplicit,
        active_refusal: data
            .map(|data| data.active.message.clone())
            .filter(|message| !message.is_empty())
            .unwrap_or_else(|| NO_ACTIVE.to_owned()),
        passive: match endpoint.passive {
            Some(_) => Mode::Allow,
            None => Mode::Deny(NO_PASSIVE.to_owned()),
        },
        wrong_passwords_max: WRONG_PASSWORDS_MAX,
        refused_commands_max: REFUSED_COMMANDS_MAX,
    }
}
