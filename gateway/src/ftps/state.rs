//! Who is there, and what is done for them. Dropping what is done is the way to stop it; a call on a file that has begun
//! goes on all the same.

use std::{
    future::pending,
    mem,
    ops::AddAssign,
    sync::Arc,
    time::{Duration, Instant},
};

use ftp::{
    DataFailure, DataPolicy, Done, Entered, Event, Failure, FileTask, LoginFailure, PassiveFailure,
    Prepared, Transfer, TransferFailure,
};
use futures_util::future::BoxFuture;
use tokio::time::timeout;
use tracing::Span;

use super::{
    files::FileOutcome,
    login::LoggedIn,
    passive::{Claimant, PassivePorts, Reservation},
    prepare::Ready,
    progress::Progress,
    span::ClientSpans,
    tls::SessionTls,
};
use crate::{drain::DrainState, metrics::Metrics, users::Stay};

/// Who is there.
pub(super) enum State {
    /// Nobody is logged in. Perhaps a password is being checked.
    Stranger(Option<Check>),
    /// Somebody is.
    LoggedIn(Box<Visit>),
}

type Check = BoxFuture<'static, Result<Box<Visit>, LoginFailure>>;

/// Somebody who is logged in, and what is done for them.
pub(super) struct Visit {
    login: LoggedIn,
    port: Port,
    work: Work,
    /// By the data connections that are over.
    moved: Moved,
    /// For what is logged of it.
    span: Span,
}

/// The data port of the next transfer.
enum Port {
    Absent,
    /// One is awaited.
    Opening(BoxFuture<'static, Result<Reservation, PassiveFailure>>),
    Reserved(Reservation),
}

/// What is done with files; never more than one thing at a time.
enum Work {
    Nothing,
    /// Something with a file or folder, or a transfer is being prepared.
    Task(BoxFuture<'static, Outcome>),
    /// A transfer can begin.
    Prepared(Box<Ready>),
    /// A transfer runs.
    Transfer(Arc<Progress>, BoxFuture<'static, Outcome>),
}

/// How work has ended.
enum Outcome {
    File(FileOutcome),
    Prepared(Result<(Prepared, Box<Ready>), Failure>),
    Transferred(Result<u64, TransferFailure>),
}

/// What is done, as far as time matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Nobody is logged in.
    Arriving,
    /// Nobody is; a password is being checked.
    Checking,
    /// Somebody is, and nothing is done.
    Resting,
    /// Something is done that has a deadline of its own.
    Busy,
    /// A transfer runs; its last byte moved at this time. None: there is no data connection yet.
    Transferring(Option<Instant>),
}

/// Bytes of data connections, as on the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl AddAssign for Moved {
    fn add_assign(&mut self, more: Self) {
        self.received += more.received;
        self.sent += more.sent;
    }
}

impl Activity {
    /// Whether the client waits for something to end.
    pub(super) const fn is_under_way(self) -> bool {
        match self {
            Self::Checking | Self::Busy | Self::Transferring(_) => true,
            Self::Arriving | Self::Resting => false,
        }
    }
}

impl State {
    /// Whoever is logged in.
    pub(super) fn visit(&mut self) -> Option<&mut Visit> {
        match self {
            Self::LoggedIn(visit) => Some(visit),
            Self::Stranger(_) => None,
        }
    }

    /// Waits until something that is done has ended; what the session is told of it. Safe to drop.
    pub(super) async fn next(&mut self) -> Event {
        match self {
            Self::Stranger(None) => pending().await,
            Self::Stranger(Some(check)) => match check.await {
                Ok(visit) => {
                    let entered = visit.login.entered();
                    *self = Self::LoggedIn(visit);
                    Event::PasswordChecked(Ok(entered))
                }
                Err(failure) => {
                    *self = Self::Stranger(None);
                    Event::PasswordChecked(Err(failure))
                }
            },
            Self::LoggedIn(visit) => visit.next().await,
        }
    }

    /// How long whoever is logged in may stay.
    pub(super) fn stay(&self) -> Option<Stay> {
        match self {
            Self::Stranger(_) => None,
            Self::LoggedIn(visit) => Some(visit.login.account.stay().clone()),
        }
    }

    /// For what is logged of whoever is logged in.
    pub(super) fn span(&self) -> Option<&Span> {
        match self {
            Self::Stranger(_) => None,
            Self::LoggedIn(visit) => Some(&visit.span),
        }
    }

    /// What is done.
    pub(super) fn activity(&self) -> Activity {
        match self {
            Self::Stranger(None) => Activity::Arriving,
            Self::Stranger(Some(_)) => Activity::Checking,
            Self::LoggedIn(visit) => visit.activity(),
        }
    }

    /// What the data connections of whoever is logged in have moved.
    pub(super) fn moved(&self) -> Moved {
        match self {
            Self::Stranger(_) => Moved::default(),
            Self::LoggedIn(visit) => {
                let mut moved = visit.moved;
                moved += visit.work.moved();
                moved
            }
        }
    }

    /// Stops what is done.
    pub(super) async fn stop(&mut self) {
        match self {
            Self::Stranger(check) => *check = None,
            Self::LoggedIn(visit) => visit.stop().await,
        }
    }
}

impl LoggedIn {
    fn entered(&self) -> Entered {
        Entered {
            directory: self.place.folder.to_client(),
            data: if self.account.requires_tls() {
                DataPolicy::Private
            } else {
                DataPolicy::AsListener
            },
        }
    }
}

impl Visit {
    /// Begins when somebody has logged in.
    pub(super) fn new(login: LoggedIn, spans: &ClientSpans) -> Self {
        Self {
            span: spans.of(login.account.name()),
            login,
            port: Port::Absent,
            work: Work::Nothing,
            moved: Moved::default(),
        }
    }

    /// Whose visit it is.
    pub(super) fn user(&self) -> &str {
        self.login.account.name()
    }

    /// Waits for a data port. One that was reserved before is given back.
    pub(super) fn open_port(&mut self, ports: PassivePorts, claimant: Claimant) {
        self.port = Port::Absent;
        self.port = Port::Opening(Box::pin(async move { ports.reserve(claimant).await }));
    }

    /// Gives the data port back, or waits no longer for one.
    pub(super) fn close_port(&mut self) {
        self.port = Port::Absent;
    }

    /// Does something with a file or folder.
    pub(super) fn perform(&mut self, task: FileTask) {
        let place = self.login.place.clone();
        self.begin(Work::Task(Box::pin(async move {
            Outcome::File(place.perform(task).await)
        })));
    }

    /// Opens what a transfer needs.
    pub(super) fn prepare(&mut self, transfer: Transfer) {
        let place = self.login.place.clone();
        self.begin(Work::Task(Box::pin(async move {
            let prepared = place.prepare(transfer).await;
            Outcome::Prepared(prepared.map(|(prepared, ready)| (prepared, Box::new(ready))))
        })));
    }

    /// Runs the transfer that was prepared over a connection to the reserved port. Fails if one of the two is missing.
    pub(super) fn start(
        &mut self,
        tls: Option<SessionTls>,
        drain: DrainState,
        metrics: Metrics,
    ) -> Result<(), TransferFailure> {
        let port = mem::replace(&mut self.port, Port::Absent);
        let work = mem::replace(&mut self.work, Work::Nothing);
        let (Port::Reserved(reservation), Work::Prepared(ready)) = (port, work) else {
            return Err(TransferFailure::Data(DataFailure::TimedOut));
        };
        let progress = Arc::<Progress>::default();
        let known = Arc::clone(&progress);
        let transfer = async move {
            let bound = reservation.bind(tls, ready.direction).await;
            Outcome::Transferred(match bound {
                Ok(stream) => ready.run(stream, progress, &drain, &metrics).await,
                Err(failure) => Err(TransferFailure::Data(failure)),
            })
        };
        self.begin(Work::Transfer(known, Box::pin(transfer)));
        Ok(())
    }

    /// Bytes of the file that the running transfer has moved.
    pub(super) fn progress(&self) -> u64 {
        match &self.work {
            Work::Transfer(progress, _) => progress.moved(),
            Work::Nothing | Work::Task(_) | Work::Prepared(_) => 0,
        }
    }

    /// Stops a transfer that stands still, if one runs; why it does.
    pub(super) async fn stop_standstill(&mut self) -> Option<TransferFailure> {
        let Work::Transfer(progress, _) = &self.work else {
            return None;
        };
        let failure = progress.standstill();
        self.stop_work().await;
        Some(failure)
    }

    /// Stops what is done, and what waits for its beginning.
    async fn stop(&mut self) {
        if let Port::Opening(_) = self.port {
            self.port = Port::Absent;
        }
        self.stop_work().await;
    }

    async fn stop_work(&mut self) {
        let patience = self.login.place.patience;
        self.begin(Work::Nothing).stop(patience).await;
    }

    /// Returns the work before; it is stopped when it is dropped.
    fn begin(&mut self, work: Work) -> Work {
        self.moved += self.work.moved();
        mem::replace(&mut self.work, work)
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            event = self.port.next() => event,
            outcome = self.work.next() => self.conclude(outcome),
        }
    }

    fn conclude(&mut self, outcome: Outcome) -> Event {
        self.begin(Work::Nothing);
        match outcome {
            Outcome::File(FileOutcome::Told(told)) => Event::FileDone(told),
            Outcome::File(FileOutcome::Entered(folder)) => {
                let path = folder.to_client();
                self.login.place.folder = folder;
                Event::FileDone(Ok(Done::Path(path)))
            }
            Outcome::Prepared(Ok((prepared, ready))) => {
                self.work = Work::Prepared(ready);
                Event::Prepared(Ok(prepared))
            }
            Outcome::Prepared(Err(failure)) => Event::Prepared(Err(failure)),
            Outcome::Transferred(result) => Event::TransferEnded(result),
        }
    }

    fn activity(&self) -> Activity {
        match (&self.work, &self.port) {
            (Work::Transfer(progress, _), _) => Activity::Transferring(progress.last_active()),
            (Work::Task(_), _) | (_, Port::Opening(_)) => Activity::Busy,
            (Work::Nothing | Work::Prepared(_), Port::Absent | Port::Reserved(_)) => {
                Activity::Resting
            }
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // A transfer that is broken off is logged.
        let span = self.span.clone();
        span.in_scope(|| self.work = Work::Nothing);
    }
}

impl Port {
    async fn next(&mut self) -> Event {
        match self {
            Self::Absent => pending().await,
            Self::Opening(opening) => match opening.await {
                Ok(reservation) => {
                    let opened = reservation.advertised();
                    *self = Self::Reserved(reservation);
                    Event::DataPortOpened(Ok(opened))
                }
                Err(failure) => {
                    *self = Self::Absent;
                    Event::DataPortOpened(Err(failure))
                }
            },
            Self::Reserved(reservation) => {
                reservation.expired().await;
                *self = Self::Absent;
                Event::DataPortExpired
            }
        }
    }
}

impl Work {
    async fn next(&mut self) -> Outcome {
        match self {
            Self::Task(running) | Self::Transfer(_, running) => running.await,
            Self::Nothing | Self::Prepared(_) => pending().await,
        }
    }

    /// Drops it. An upload is over when its file is closed: what is written already must not come into the file after the
    /// client was told so, and perhaps has begun another one. A write that hangs is waited for as long as `patience`.
    async fn stop(self, patience: Duration) {
        let Self::Transfer(progress, running) = self else {
            return;
        };
        drop(running);
        if let Some(closing) = progress.closing() {
            let _hangs = timeout(patience, closing.wait()).await.is_err();
        }
    }

    /// What its data connection has moved.
    fn moved(&self) -> Moved {
        match self {
            Self::Transfer(progress, _) => {
                let (received, sent) = progress.on_the_wire();
                Moved { received, sent }
            }
            Self::Nothing | Self::Task(_) | Self::Prepared(_) => Moved::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::storage::{Create, Open, StoragePath, Truncate, Write, doors::Doors};

    /// An upload whose write hangs.
    async fn hang(doors: &Doors) -> Work {
        let path = StoragePath::resolve(&StoragePath::root(), b"file").unwrap();
        let how = Open {
            read: false,
            write: Some(Write {
                create: Create::IfMissing,
                truncate: Truncate::Later,
                append: false,
            }),
            mode: None,
        };
        let file = doors.files.open(&path, how).await.unwrap();
        doors.close("file");
        let progress = Arc::<Progress>::default();
        progress.goes_into(&file);
        let transfer = async move {
            let written = file.write_together(0, vec![Bytes::from_static(b"x")]);
            assert!(written.await.is_ok());
            pending().await
        };
        let mut upload = Work::Transfer(progress, Box::pin(transfer));
        assert!(upload.next().now_or_never().is_none());
        doors.until_hanging();
        upload
    }

    #[tokio::test]
    async fn an_upload_that_is_stopped_is_over_when_nothing_is_written_any_more() {
        let doors = Doors::new().await;
        let upload = hang(&doors).await;

        let mut stopping = Box::pin(upload.stop(Duration::from_hours(1)));
        assert!((&mut stopping).now_or_never().is_none());
        doors.open("file");
        stopping.await;

        let calls = doors.calls();
        assert!(calls.ends_with(&["write 0+1 file".into(), "close file".into()]));
    }

    #[tokio::test]
    async fn a_write_that_hangs_does_not_hold_whoever_stops_an_upload() {
        let doors = Doors::new().await;
        let upload = hang(&doors).await;

        let stopping = upload.stop(Duration::from_millis(1));
        let stopped = timeout(Duration::from_mins(1), stopping).await;

        assert!(stopped.is_ok());
        doors.open("file");
    }
}
