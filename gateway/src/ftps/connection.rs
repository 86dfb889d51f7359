//! One client: does what its session asks for and reports back.
//!
//! A single task owns the control connection, the session, and whatever is done for it, so there is nothing to lock and
//! nothing to send.

use std::{collections::VecDeque, convert::Infallible, future::pending, io, time::Instant};

use ftp::{Encryption, Event, Line, Mode, Session, Settings};
use gateway_config::{Listener, Protocol};
use tokio::{net::TcpStream, time::sleep_until};
use tracing::{Instrument as _, Span};

use super::{
    control::{Control, Heard, Reads},
    due::{Clock, Due, Moment},
    family::family,
    span::ClientSpans,
    state::{Moved, State},
    tls::SessionTls,
};
use crate::{
    drain::DrainState,
    endpoint::{Endpoint, Served},
    peer::Peer,
    users::Stay,
};

/// Wrong passwords that one connection may offer; OpenSSH's `MaxAuthTries`.
const WRONG_PASSWORDS_MAX: u32 = 6;

/// Refused commands before the login that end a connection; clients try a few to see what there is.
const REFUSED_COMMANDS_MAX: u32 = 20;

/// What a client is told whose data connections cannot be opened at all.
const NO_PASSIVE: &str = "This endpoint has no passive ports";

/// What a client is told that wants data connections to itself, where nothing else was configured.
const NO_ACTIVE: &str = "This endpoint opens no connections to clients";

/// One client.
pub(super) struct Connection {
    pub(super) served: Served,
    pub(super) peer: Peer,
    pub(super) protocol: Protocol,
    /// The name of the listener that it came to.
    pub(super) listener: String,
    /// How the next handshake is made, and the data connections after it.
    pub(super) tls: SessionTls,
    pub(super) control: Control,
    /// What is said, and what is to be done.
    pub(super) session: Session,
    /// Who is there, and what is done for them.
    pub(super) state: State,
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) drain: DrainState,
    /// By the data connections of those who have logged out.
    pub(super) moved: Moved,
    pub(super) spans: ClientSpans,
    /// For what is logged while nobody is logged in.
    nobody: Span,
}

/// Whether the client may still say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Talks,
    /// It has closed its half of the connection, or the connection broke. What runs for it goes on: an upload may be complete already.
    HungUp,
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
    /// Names who was logged in at the end.
    pub(super) span: Span,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) reason: String,
}

impl Connection {
    /// A connection before its first byte.
    pub(super) fn new(
        stream: TcpStream,
        peer: Peer,
        served: Served,
        listener: &Listener,
        tls: SessionTls,
    ) -> Self {
        let spans = ClientSpans::new(peer.address);
        let endpoint = served.now();
        let control = Control::new(stream);
        control.traffic().count_for(&endpoint.metrics);
        Self {
            tls,
            listener: listener.name.clone(),
            protocol: listener.protocol,
            session: Session::new(settings(&endpoint, listener, &peer)),
            state: State::Stranger(None),
            client: Client::Talks,
            clock: Clock::new(&endpoint.configuration.endpoint.limits, Instant::now()),
            drain: endpoint.drain.clone(),
            moved: Moved::default(),
            nobody: spans.of_nobody(),
            spans,
            control,
            peer,
            served,
        }
    }

    /// Serves the client until it leaves or must leave.
    pub(super) async fn run(mut self) -> Summary {
        let Err(end) = self.converse().await;
        let reason = match &end {
            End::Closed if self.client == Client::HungUp => "the client hung up".to_owned(),
            End::Closed => "said goodbye".to_owned(),
            End::Cut(reason) => (*reason).to_owned(),
            End::Lost(error) => error.to_string(),
        };
        let span = self.span();
        // Their places are free, however long the goodbye takes.
        span.in_scope(|| self.forget_login());
        let traffic = self.control.traffic();
        let summary = Summary {
            span,
            received: self.moved.received + traffic.received(),
            sent: self.moved.sent + traffic.sent(),
            reason,
        };
        if let End::Closed = end {
            self.control.close().await;
        }
        summary
    }

    async fn converse(&mut self) -> Result<Infallible, End> {
        if self.protocol == Protocol::FtpsImplicit {
            let span = self.span();
            self.shake_hands().instrument(span).await?;
        }
        let mut events = VecDeque::from([Event::Connected]);
        loop {
            while let Some(event) = events.pop_front() {
                for action in self.session.handle(event) {
                    let span = self.span();
                    events.extend(self.perform(action).instrument(span).await?);
                }
            }
            let span = self.span();
            events.push_back(self.next_event().instrument(span).await?);
        }
    }

    /// Waits for whatever comes first.
    async fn next_event(&mut self) -> Result<Event, End> {
        loop {
            let until = match self.clock.due(&self.moment()) {
                Due::Later(until) => until,
                due => match self.obey(due).await? {
                    Some(event) => return Ok(event),
                    None => continue,
                },
            };
            let reads = match self.client {
                Client::Talks if self.session.wants_line() => Reads::Lines,
                Client::Talks | Client::HungUp => Reads::Nothing,
            };
            let stay = self.state.stay();
            // Every arm may be dropped half-way without losing anything.
            tokio::select! {
                // What has ended leads to replies, and to what waits behind it.
                event = self.state.next(), if self.control.has_room() => {
                    return Ok(self.report(event));
                }
                heard = self.control.turn(reads) => {
                    if let Some(event) = self.hear_or_go_on(heard)? {
                        return Ok(event);
                    }
                }
                _phase = self.drain.changed() => {}
                () = over(stay) => return Ok(Event::AccountEnded),
                () = sleep_until(until.into()) => {}
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment {
            now: Instant::now(),
            phase: self.drain.phase(),
            activity: self.state.activity(),
            last_byte: self.control.traffic().last_active(),
            deaf_at: self.control.deadline(),
        }
    }

    /// Does what is due; what the session is told of it, if anything.
    async fn obey(&mut self, due: Due) -> Result<Option<Event>, End> {
        Ok(match due {
            Due::Later(_) => None,
            Due::Cut(reason) => return Err(End::Cut(reason)),
            Due::Stopping => {
                self.clock.note_stopping();
                Some(Event::Stopping)
            }
            Due::LoginTimeout => Some(Event::LoginTimeout),
            Due::Standstill => {
                self.clock.restart_silence(Instant::now());
                let failure = match self.state.visit() {
                    Some(visit) => visit.stop_standstill().await,
                    None => None,
                };
                failure.map(|failure| Event::TransferEnded(Err(failure)))
            }
            Due::Idle => {
                self.clock.restart_silence(Instant::now());
                Some(Event::Idle)
            }
        })
    }

    /// What the session is told of something that has ended.
    fn report(&mut self, event: Event) -> Event {
        // That nobody connects is silence, too.
        if event != Event::DataPortExpired {
            self.clock.restart_silence(Instant::now());
        }
        event
    }

    /// A connection that breaks while something runs is one that was hung up: a program that exits with replies unread
    /// resets it, and its upload may be complete.
    fn hear_or_go_on(&mut self, heard: io::Result<Heard>) -> Result<Option<Event>, End> {
        let error = match heard {
            Ok(heard) => return self.hear(heard),
            Err(error) if !self.state.activity().is_under_way() => return Err(End::Lost(error)),
            Err(error) => error,
        };
        tracing::debug!(%error, "the control connection broke");
        self.control.give_up();
        match self.client {
            Client::Talks => self.hear(Heard::End),
            // The session knows already.
            Client::HungUp => Ok(None),
        }
    }

    fn hear(&mut self, heard: Heard) -> Result<Option<Event>, End> {
        match heard {
            Heard::Line(line) => {
                self.peer.mark_heard();
                Ok(Some(match line {
                    Line::Whole(line) => Event::Line(line),
                    Line::TooLong => Event::LineTooLong,
                }))
            }
            Heard::Room => Ok(None),
            Heard::End => {
                self.client = Client::HungUp;
                if !self.state.activity().is_under_way() {
                    return Err(End::Closed);
                }
                // What runs may be an upload that is complete. The session ends after it, as if the client had said so.
                Ok(Some(Event::Line(b"QUIT".to_vec())))
            }
        }
    }

    /// For what is logged now.
    fn span(&self) -> Span {
        self.state.span().unwrap_or(&self.nobody).clone()
    }

    /// Nobody is logged in any more, and nothing is done.
    pub(super) fn forget_login(&mut self) {
        self.moved += self.state.moved();
        self.state = State::Stranger(None);
    }
}

/// Waits until whoever is logged in may stay no longer.
async fn over(stay: Option<Stay>) {
    match stay {
        Some(mut stay) => stay.over().await,
        None => pending().await,
    }
}

/// What the configuration says, in the words of the FTP core.
fn settings(endpoint: &Endpoint, listener: &Listener, peer: &Peer) -> Settings {
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
        family: family(peer),
        wrong_passwords_max: WRONG_PASSWORDS_MAX,
        refused_commands_max: REFUSED_COMMANDS_MAX,
    }
}
