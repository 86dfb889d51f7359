//! One channel that speaks SFTP: the client's bytes → engine → answers → russh.
//!
//! # Why one road, and russh's own account of the window
//!
//! A client grants a *window*: the bytes it is ready to take (RFC 4254 §5.2). While any channel of a connection has
//! been given more than fits, russh delivers no message of *any* of its channels, a disconnect included. So no byte is
//! handed to russh that the window does not admit.
//!
//! russh tells its handler neither the first window nor the size of a grant. But its [`ChannelWriteHalf`] keeps exactly
//! that account: it begins with the first window, grows with each grant, and is charged before bytes are queued. All
//! answers take this one road, so the account is true, packets stay in order, and a packet may be cut anywhere, which
//! is what lets a client with a window of 32 KiB read with requests of 256 KiB.
//!
//! russh guards the account with an asynchronous lock, which its loop takes too. So the pump is a task of its own: a
//! future inside russh's task could be given the lock and then never be asked again, because the loop waits for the lock.
//!
//! # What is bounded by what
//!
//! - Answers that wait for the window: one batch of [`BATCH`] bytes; beyond that the engine does not even execute READs.
//! - Answers that russh has queued: the session's queue of messages, each of at most [`PIECE`] bytes.
//! - Answers that the client's TCP does not take: none are taken from the engine while the [`Wire`] is congested.
//! - WRITEs that storage has not taken: russh grants the client its window anew when bytes *arrive*, so the socket stops
//!   reading while the engine asks for it ([`Engine::poll_intake`]).
//! - READs that wait: [`EngineLimits::memory`]. Reading never pauses for them: clients that send all their
//!   requests before they read an answer (paramiko's prefetch) would wait for ever.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use russh::{
    ChannelWriteHalf, Error,
    server::{Handle, Msg},
};
use tokio::{sync::Notify, time::timeout};
use tracing::{Instrument as _, Span, warn};

use super::{lock, wire::Wire};
use crate::{
    drain::DrainState,
    endpoint::Endpoint,
    sftp::engine::{Cut, Engine, EngineLimits, ProtocolError},
    storage::{self, Files},
    users::Account,
};

/// Bytes of answers that are taken from the engine at once.
const BATCH: usize = 256 * 1024;

/// Bytes that are handed to russh at once, however large the packets are that the client takes: the queue counts messages.
const PIECE: usize = 32 * 1024;

/// Bytes that may arrive before the client has heard that SFTP is spoken. None should; INIT alone has nine.
const EARLY: usize = 32 * 1024;

/// How long a client may take to hear why its channel ends.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Open handles of one channel.
const HANDLES: usize = 128;

/// The part of a channel that both the handler and the pump use.
#[derive(Debug)]
pub(super) struct Channel {
    state: Mutex<State>,
    /// Something may have changed: bytes arrived, or the end of them, or the socket takes more.
    wake: Notify,
    /// The channel is closed, or must be.
    stopped: Notify,
}

#[derive(Debug)]
struct State {
    speaker: Speaker,
    input: Input,
    /// Why the channel ends, if the client has to be told.
    failure: Option<String>,
}

#[derive(Debug)]
enum Speaker {
    /// Storage is being asked for the user's files; what arrives meanwhile waits.
    Starting(Vec<u8>),
    Serving(Box<Engine>),
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// More may come.
    Open,
    /// The client has said that no more comes.
    Ended,
}

/// What a pump finds when it looks.
enum Turn {
    Answers(Bytes),
    /// Nothing to say now.
    Wait,
    /// Nothing to say ever again.
    Finished,
}

/// Why a channel takes no more bytes.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReceiveError {
    /// What came is not SFTP.
    #[error("the client does not speak SFTP")]
    Protocol(#[source] ProtocolError),
    /// It came before the subsystem was confirmed.
    #[error("the client sent more than {EARLY} bytes before the subsystem was confirmed")]
    TooEarly,
}

/// What a pump needs to know about its channel.
pub(super) struct Subsystem {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) account: Arc<Account>,
    pub(super) half: ChannelWriteHalf<Msg>,
    pub(super) handle: Handle,
    pub(super) wire: Arc<Wire>,
    /// Bytes of memory for this channel.
    pub(super) memory: usize,
    pub(super) span: Span,
}

impl Channel {
    /// A channel and its pump, which confirms the subsystem once the user's files are there.
    pub(super) fn start(
        subsystem: Subsystem,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let channel = Arc::new(Self {
            state: Mutex::new(State {
                speaker: Speaker::Starting(Vec::new()),
                input: Input::Open,
                failure: None,
            }),
            wake: Notify::new(),
            stopped: Notify::new(),
        });
        let span = subsystem.span.clone();
        let pump = Arc::clone(&channel).run(subsystem).instrument(span);
        (channel, pump)
    }

    /// Takes what the client sent.
    pub(super) fn receive(&self, bytes: &[u8]) -> Result<(), ReceiveError> {
        let mut state = lock(&self.state);
        match &mut state.speaker {
            Speaker::Starting(early) if early.len() + bytes.len() > EARLY => {
                Err(ReceiveError::TooEarly)
            }
            Speaker::Starting(early) => {
                early.extend_from_slice(bytes);
                Ok(())
            }
            Speaker::Serving(engine) => {
                let received = engine.receive(bytes).map_err(ReceiveError::Protocol);
                drop(state);
                self.wake.notify_one();
                received
            }
            Speaker::Ended => Ok(()),
        }
    }

    /// The client sends no more; what it asked for is still answered.
    pub(super) fn end_input(&self) {
        lock(&self.state).input = Input::Ended;
        self.wake.notify_one();
    }

    /// Ends the channel now, and tells the client why.
    pub(super) fn fail(&self, error: &ReceiveError) {
        self.note_failure(error);
        self.stop();
    }

    fn note_failure(&self, error: &ReceiveError) {
        let source = std::error::Error::source(error).map(|source| format!(": {source}"));
        let reason = format!("SFTP ended: {error}{}\r\n", source.unwrap_or_default());
        lock(&self.state).failure = Some(reason);
    }

    /// Ends the channel now: nobody is there to hear an answer.
    pub(super) fn stop(&self) {
        self.stopped.notify_one();
    }

    /// The socket takes more.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// See [`Engine::poll_intake`].
    pub(super) fn poll_intake(&self, cx: &Context<'_>) -> Poll<()> {
        match &mut lock(&self.state).speaker {
            Speaker::Serving(engine) => engine.poll_intake(cx),
            Speaker::Starting(_) | Speaker::Ended => Poll::Ready(()),
        }
    }

    /// No transfer runs, and every request has its answer.
    pub(super) fn is_at_rest(&self) -> bool {
        match &lock(&self.state).speaker {
            Speaker::Serving(engine) => engine.is_idle() && !engine.has_transfers(),
            Speaker::Starting(_) => false,
            Speaker::Ended => true,
        }
    }

    async fn run(self: Arc<Self>, subsystem: Subsystem) {
        let _lifeline = Lifeline(Arc::clone(&subsystem.wire));
        tokio::select! {
            () = self.serve(&subsystem) => {}
            () = self.stopped.notified() => {}
        }
        let speaker = std::mem::replace(&mut lock(&self.state).speaker, Speaker::Ended);
        if let Speaker::Serving(engine) = speaker {
            engine.end().await;
        }
        // The client's close, if it came first, has ended the channel already: then these go nowhere.
        let half = &subsystem.half;
        let failure = lock(&self.state).failure.take();
        let status = u32::from(failure.is_some());
        if let Some(reason) = failure {
            // Clients show what stderr says. One that takes nothing any more is not waited for.
            let said = half.extended_data_bytes(1, reason.into_bytes());
            let _said_or_late = timeout(LAST_WORDS, said).await;
        }
        if half.exit_status(status).await.is_ok() && half.eof().await.is_ok() {
            let _gone_with_the_session = half.close().await.is_err();
        }
    }

    /// Answers until there is nothing left to answer.
    async fn serve(&self, subsystem: &Subsystem) {
        let files = match subsystem.files().await {
            Ok(files) => files,
            Err(error) => return subsystem.refuse(&error).await,
        };
        let begun = self.begin(files, subsystem);
        // Confirmed even if it fails at once: clients show an explanation only of what has begun.
        let id = subsystem.half.id();
        if subsystem.handle.channel_success(id).await.is_err() {
            return;
        }
        let progress = match begun {
            Ok(progress) => progress,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "SFTP ended");
                return self.note_failure(&error);
            }
        };
        let mut answers = BytesMut::new();
        loop {
            let turn = if subsystem.wire.is_congested() {
                Turn::Wait
            } else {
                lock(&self.state).turn(&mut answers)
            };
            match turn {
                Turn::Answers(bytes) => {
                    if subsystem.send(bytes).await.is_err() {
                        return;
                    }
                }
                Turn::Wait => tokio::select! {
                    () = self.wake.notified() => {}
                    () = progress.notified() => {}
                },
                Turn::Finished => return,
            }
        }
    }

    /// Puts the engine in place and gives it what came early.
    fn begin(&self, files: Files, subsystem: &Subsystem) -> Result<Arc<Notify>, ReceiveError> {
        let limits = EngineLimits {
            memory: subsystem.memory,
            handles: HANDLES,
        };
        let drain: DrainState = subsystem.endpoint.drain.clone();
        let mut engine =
            Engine::new(files, limits, drain).counted_in(subsystem.endpoint.metrics.clone());
        let progress = engine.progress();
        let mut state = lock(&self.state);
        if let Speaker::Starting(early) = &state.speaker {
            engine.receive(early).map_err(ReceiveError::Protocol)?;
        }
        state.speaker = Speaker::Serving(Box::new(engine));
        drop(state);
        Ok(progress)
    }
}

impl State {
    /// What there is to say now.
    fn turn(&mut self, answers: &mut BytesMut) -> Turn {
        let Speaker::Serving(engine) = &mut self.speaker else {
            return Turn::Finished;
        };
        engine.take_answers(BATCH, Cut::Allowed, answers);
        if !answers.is_empty() {
            return Turn::Answers(answers.split().freeze());
        }
        if self.input == Input::Ended && engine.is_idle() {
            return Turn::Finished;
        }
        // A buffer that has nothing to carry is given back: the session may be silent for hours.
        *answers = BytesMut::new();
        Turn::Wait
    }
}

impl Subsystem {
    async fn files(&self) -> storage::Result<Files> {
        let account = &self.account;
        self.endpoint
            .volume
            .files(account.name(), account.root(), account.permissions())
            .await
    }

    /// Hands answers to russh, as far as the window admits and as long as that takes.
    async fn send(&self, mut answers: Bytes) -> Result<(), Error> {
        while !answers.is_empty() {
            let piece = answers.split_to(PIECE.min(answers.len()));
            self.half.data_bytes(piece).await?;
        }
        Ok(())
    }

    /// The user's files are not there: clients show what stderr says.
    async fn refuse(&self, error: &storage::Error) {
        warn!(
            error = error as &dyn std::error::Error,
            "the user's files cannot be opened"
        );
        let id = self.half.id();
        if self.handle.channel_failure(id).await.is_ok() {
            let _gone_with_the_session = self
                .half
                .extended_data_bytes(1, &b"The files of this user cannot be opened now.\r\n"[..])
                .await
                .is_err();
        }
    }
}

/// Cuts the connection if its pump dies: a client must not wait for answers that nobody will send.
struct Lifeline(Arc<Wire>);

impl Drop for Lifeline {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.cut();
        }
    }
}
