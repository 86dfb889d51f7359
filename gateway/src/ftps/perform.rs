//! Does what the session asks for, one function an action. What takes time is begun here and reported later.

use std::{io, time::Instant};

use ftp::{
    Action, DataFailure, DataProtection, Event, Failure, FileTask, PassiveFailure, Transfer,
    TransferFailure, UserCheck,
};
use tokio::time::timeout_at;

use super::{
    connection::{Connection, End},
    due::STOPPING,
    login::{Credential, log_in},
    passive::Claimant,
    state::{State, Visit},
};
use crate::{proxy::Origin, users::Password};

impl Connection {
    /// Does one thing; what the session is told at once. The error is the end of the connection.
    pub(super) async fn perform(&mut self, action: Action) -> Result<Option<Event>, End> {
        match action {
            Action::Send(reply) => self.control.say(&reply).map_err(End::Lost)?,
            Action::StartTls => return self.start_tls().await.map(Some),
            Action::CheckUser(user) => return Ok(Some(self.check_user(&user))),
            Action::CheckPassword { user, password } => self.check_password(user, password),
            Action::Logout => self.log_out()?,
            Action::OpenDataPort => return Ok(self.open_data_port()),
            Action::CloseDataPort => self.close_data_port(),
            Action::File(task) => return Ok(self.begin_file_task(task)),
            Action::Prepare(transfer) => return Ok(self.prepare(transfer)),
            Action::Start(protection) => return Ok(self.start(protection)),
            Action::ReportProgress => return Ok(Some(self.report_progress())),
            Action::Abort => self.abort().await,
            Action::Close => return Err(End::Closed),
        }
        Ok(None)
    }

    async fn start_tls(&mut self) -> Result<Event, End> {
        self.control.forget();
        let tls = self
            .served
            .now()
            .tls
            .get(&self.listener)
            .map(|tls| tls.session());
        // What an earlier handshake of this connection has begun is not resumed after another `AUTH`.
        self.tls = tls.ok_or(End::Cut(
            "its listener is gone, and with it the certificate",
        ))?;
        self.shake_hands().await?;
        Ok(Event::TlsStarted)
    }

    /// Goes on inside TLS. With implicit FTPS a handshake that was begun tells a client from a probe.
    pub(super) async fn shake_hands(&mut self) -> Result<(), End> {
        let deadline = self.clock.login_deadline();
        let handshake = timeout_at(deadline.into(), self.control.start_tls(&self.tls));
        let shaken = tokio::select! {
            shaken = handshake => Some(shaken),
            () = self.drain.until_arrivals_are_refused() => None,
        };
        if self.control.traffic().received() > 0 {
            self.peer.mark_heard();
        }
        match shaken {
            None => Err(End::Cut(STOPPING)),
            Some(Err(_elapsed)) => Err(End::Cut("no TLS handshake within the login time")),
            Some(Ok(Err(error))) => Err(End::Lost(io::Error::new(
                error.kind(),
                format!("TLS handshake failed: {error}"),
            ))),
            Some(Ok(Ok(()))) => Ok(()),
        }
    }

    fn check_user(&self, user: &str) -> Event {
        Event::UserChecked(if self.served.now().users.requires_tls(user) {
            UserCheck::TlsRequired
        } else {
            UserCheck::Password
        })
    }

    fn check_password(&mut self, user: String, password: String) {
        let credential = Credential {
            user,
            password: Password::new(password),
            channel: self.control.channel(),
        };
        let login = log_in(self.served.now(), self.peer.clone(), credential);
        let spans = self.spans.clone();
        self.forget_login();
        self.state = State::Stranger(Some(Box::pin(async move {
            let login = login.await?;
            Ok(Box::new(Visit::new(login, &spans)))
        })));
    }

    /// Whoever has logged out is one of those who are not logged in, again, and needs a place among them.
    fn log_out(&mut self) -> Result<(), End> {
        let was_logged_in = self.state.visit().is_some();
        self.forget_login();
        if was_logged_in {
            let place = self.served.now().limits.arrive_unidentified();
            let place = place.map_err(|_full| End::Cut("too many connections are logging in"))?;
            self.peer.enter_half_open(place);
            self.clock.restart_login(Instant::now());
        }
        Ok(())
    }

    fn open_data_port(&mut self) -> Option<Event> {
        let (Some(ports), Some(visit)) = (self.served.now().passive.clone(), self.state.visit())
        else {
            return Some(Event::DataPortOpened(Err(PassiveFailure::NoneFree)));
        };
        let claimant = Claimant {
            user: visit.user().to_owned(),
            origin: Origin {
                address: self.peer.address,
                visibility: self.peer.visibility,
            },
        };
        visit.open_port(ports, claimant);
        None
    }

    fn close_data_port(&mut self) {
        if let Some(visit) = self.state.visit() {
            visit.close_port();
        }
    }

    fn begin_file_task(&mut self, task: FileTask) -> Option<Event> {
        let Some(visit) = self.state.visit() else {
            return Some(Event::FileDone(Err(Failure::Denied)));
        };
        visit.perform(task);
        None
    }

    fn prepare(&mut self, transfer: Transfer) -> Option<Event> {
        let Some(visit) = self.state.visit() else {
            return Some(Event::Prepared(Err(Failure::Denied)));
        };
        visit.prepare(transfer);
        None
    }

    fn start(&mut self, protection: DataProtection) -> Option<Event> {
        let tls = match protection {
            DataProtection::Clear => None,
            DataProtection::Private => Some(self.tls.clone()),
        };
        let (drain, metrics) = (self.drain.clone(), self.served.now().metrics.clone());
        let started = match self.state.visit() {
            Some(visit) => visit.start(tls, drain, metrics),
            None => Err(TransferFailure::Data(DataFailure::TimedOut)),
        };
        started
            .err()
            .map(|failure| Event::TransferEnded(Err(failure)))
    }

    fn report_progress(&mut self) -> Event {
        let visit = self.state.visit();
        Event::Progress(visit.map_or(0, |visit| visit.progress()))
    }

    async fn abort(&mut self) {
        self.state.stop().await;
        self.clock.restart_silence(Instant::now());
    }
}
