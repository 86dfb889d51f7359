//! One client from its first byte to its last.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use russh::{
    Disconnect, Error,
    server::{Handle, RunningSession, run_stream},
};
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{interval, sleep_until, timeout, timeout_at},
};
use tracing::{Instrument as _, Span, error_span, field, info};

use super::{
    channels::Channels,
    handler::{Client, Stage},
    login::Login,
    socket::Socket,
    wire::{QUIET, Wire},
};
use crate::{
    drain::{Arrivals, DrainState, Phase},
    endpoint::Endpoint,
    farewell::GOODBYE_TIME,
    peer::Peer,
};

/// How often a draining session is asked whether it has finished.
const DRAIN_LOOK: Duration = Duration::from_millis(100);

const STOPPING: &str = "This gateway is stopping; please connect again";

/// Serves one client from its first byte to its last: SSH identification, key exchange, login, SFTP. Returns when the
/// connection is closed.
pub async fn serve(stream: TcpStream, peer: Peer, endpoint: Arc<Endpoint>) {
    // At the highest level: a warning must name the client, however little is logged.
    let span = error_span!(
        "client",
        protocol = "sftp",
        peer = %peer.address,
        user = field::Empty
    );
    let told = span.clone();
    async move {
        if let Err(error) = stream.set_nodelay(true) {
            info!(%error, "left before anything was said");
            return;
        }
        Watch::new(endpoint).run(stream, peer, told).await;
    }
    .instrument(span)
    .await;
}

/// Watches over russh's loop.
struct Watch {
    endpoint: Arc<Endpoint>,
    wire: Arc<Wire>,
    channels: Arc<Channels>,
    drain: DrainState,
}

/// Why a session ends.
enum End {
    /// By itself: the client left, or made a mistake that russh has found.
    Itself(Result<(), Error>),
    /// It is told to leave.
    Told(Disconnect, &'static str),
    /// The time is over: nothing is told, nothing is waited for.
    Cut(&'static str),
}

impl Watch {
    fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            wire: Arc::new(Wire::new(&endpoint.metrics)),
            channels: Arc::new(Channels::default()),
            drain: endpoint.drain.clone(),
            endpoint,
        }
    }

    async fn run(mut self, stream: TcpStream, peer: Peer, span: Span) {
        let started = Instant::now();
        let (stage, mut stages) = watch::channel(Stage::Arriving);
        let client = Client {
            login: Login::new(Arc::clone(&self.endpoint), peer.clone()),
            endpoint: Arc::clone(&self.endpoint),
            channels: Arc::clone(&self.channels),
            wire: Arc::clone(&self.wire),
            stage,
            span,
            account: None,
        };
        let reason = match self.session(stream, &peer, client, &mut stages).await {
            Ok(()) => "the client left".to_owned(),
            Err(reason) => reason,
        };
        self.channels.finish().await;
        info!(
            received = self.wire.traffic().received(),
            sent = self.wire.traffic().sent(),
            seconds = started.elapsed().as_secs(),
            reason,
            "session ended"
        );
    }

    /// Runs the session; the error is why it ended if not by the client's wish.
    async fn session(
        &mut self,
        stream: TcpStream,
        peer: &Peer,
        client: Client,
        stages: &mut watch::Receiver<Stage>,
    ) -> Result<(), String> {
        let limits = &self.endpoint.configuration.endpoint.limits;
        let login_deadline =
            tokio::time::Instant::now() + Duration::from_secs(limits.login_seconds);
        let socket = Socket::new(stream, Arc::clone(&self.wire), Arc::clone(&self.channels));
        // Between its arrival and this the last listener for SFTP may have gone.
        let ssh = self.endpoint.ssh.as_ref();
        let ssh = ssh.ok_or_else(|| "SFTP is not served any more".to_owned())?;
        let config = Arc::clone(&ssh.config);
        let identified = timeout_at(login_deadline, run_stream(config, socket, client));
        let mut session = tokio::select! {
            identified = identified => identified
                .map_err(|_elapsed| "no SSH identification within the login time".to_owned())?
                .map_err(|error| error.to_string())?,
            () = self.drain.until_arrivals_are_refused() => return Err(STOPPING.to_owned()),
        };
        peer.mark_heard();

        let mut end = self.log_in(&mut session, stages, login_deadline).await;
        if end.is_none() {
            end = Some(self.attend(&mut session, stages).await);
        }
        match end {
            Some(End::Itself(Ok(()))) | None => Ok(()),
            Some(End::Itself(Err(error))) => Err(error.to_string()),
            Some(End::Told(code, reason)) => {
                self.dismiss(session, code, reason).await;
                Err(reason.to_owned())
            }
            Some(End::Cut(reason)) => {
                self.cut(session).await;
                Err(reason.to_owned())
            }
        }
    }

    /// Waits until somebody is logged in; `Some` when it does not come to that.
    async fn log_in(
        &mut self,
        session: &mut RunningSession<Client>,
        stages: &mut watch::Receiver<Stage>,
        deadline: tokio::time::Instant,
    ) -> Option<End> {
        loop {
            match *stages.borrow_and_update() {
                Stage::Arriving => {}
                Stage::LoggedIn => return None,
                Stage::Dismissed(reason) => {
                    return Some(End::Told(Disconnect::NoMoreAuthMethodsAvailable, reason));
                }
            }
            tokio::select! {
                ended = &mut *session => return Some(End::Itself(ended)),
                () = sleep_until(deadline) => {
                    return Some(End::Told(Disconnect::ByApplication, "The login took too long"));
                }
                phase = self.drain.changed() => match phase {
                    Phase::Serving | Phase::Draining(Arrivals::Serve) => {}
                    Phase::Draining(Arrivals::Refuse) => {
                        return Some(End::Told(Disconnect::ByApplication, STOPPING));
                    }
                    Phase::Over => return Some(End::Cut(STOPPING)),
                },
                // The sender lives in the session; when that is gone, the first arm is ready.
                Ok(()) = stages.changed() => {}
            }
        }
    }

    /// Stays with a session that is logged in until it should end.
    async fn attend(
        &mut self,
        session: &mut RunningSession<Client>,
        stages: &mut watch::Receiver<Stage>,
    ) -> End {
        let idle_seconds = self.endpoint.configuration.endpoint.limits.idle_seconds;
        let mut patience = Patience::new(Duration::from_secs(idle_seconds));
        let mut look = interval(DRAIN_LOOK);
        loop {
            if let Stage::Dismissed(reason) = *stages.borrow_and_update() {
                return End::Told(Disconnect::ByApplication, reason);
            }
            let phase = self.drain.phase();
            let leaves = match phase {
                Phase::Serving => false,
                // Who still arrives has not asked for anything yet; who has been served falls silent.
                Phase::Draining(Arrivals::Serve) => {
                    self.wire.is_quiet() && self.channels.are_at_rest()
                }
                Phase::Draining(Arrivals::Refuse) => self.channels.are_at_rest(),
                Phase::Over => return End::Cut(STOPPING),
            };
            if leaves {
                return End::Told(Disconnect::ByApplication, STOPPING);
            }
            tokio::select! {
                ended = &mut *session => return End::Itself(ended),
                () = sleep_until(patience.until.into()) => {
                    if patience.is_lost(&self.wire) {
                        return End::Told(
                            Disconnect::ByApplication,
                            "The session was idle for too long",
                        );
                    }
                }
                _phase = self.drain.changed() => {}
                _now = look.tick(), if phase != Phase::Serving => {}
                Ok(()) = stages.changed() => {}
            }
        }
    }

    /// Tells the client to leave, and sees to it.
    async fn dismiss(
        &self,
        session: RunningSession<Client>,
        code: Disconnect,
        reason: &'static str,
    ) {
        let handle: Handle = session.handle();
        // russh takes no message during a key exchange: in the first one, the socket says it.
        self.wire.dismiss(reason);
        let farewell = async {
            // A loop that is busy or gone takes no message; what follows ends it all the same.
            let _taken = handle
                .disconnect(code, reason.to_owned(), "en".to_owned())
                .await
                .is_ok();
            session.await
        };
        if timeout(GOODBYE_TIME, farewell).await.is_err() {
            self.wire.cut();
        }
    }

    /// Ends a session now, even if the client has stalled.
    async fn cut(&self, session: RunningSession<Client>) {
        self.wire.cut();
        // The cut ends the loop as soon as it is not in the middle of a password check.
        let _ended = timeout(GOODBYE_TIME, session).await.is_ok();
    }
}

/// How long a silent client is borne.
struct Patience {
    idle: Duration,
    until: Instant,
    settled: Option<Instant>,
}

impl Patience {
    fn new(idle: Duration) -> Self {
        Self {
            idle,
            until: Instant::now() + QUIET.min(idle),
            settled: None,
        }
    }

    /// To be called at `until`: whether the client has been silent for too long. Sets the next time to ask.
    fn is_lost(&mut self, wire: &Wire) -> bool {
        let active = wire.traffic().last_active();
        let now = Instant::now();
        if active + self.idle <= now {
            return true;
        }
        self.until = (active + QUIET.min(self.idle)).max(now + Duration::from_millis(10));
        if active + QUIET <= now {
            if self.settled != Some(active) {
                self.settled = Some(active);
                wire.settle();
            }
            self.until = active + self.idle;
        }
        false
    }
}
