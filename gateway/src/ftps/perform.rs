//! Does what the session asks for, one function an action. What takes time is begun here and reported later.

use std::{io, sync::Arc};

use ftp::{
    Action, DataFailure, DataProtection, Event, Failure, FileTask, PassiveFailure, Reply, Transfer,
    TransferFailure, UserCheck,
};
use tokio::time::timeout_at;

use super::{
    connection::{Connection, End, Kind, Outcome, Security},
    due::STOPPING,
    login::{Claim, log_in},
    passive::Claimant,
    progress::Progress,
};
use crate::users::{Channel, Password};

impl Connection {
    /// Does one thing. The error is the end of the connection.
    pub(super) async fn perform(&mut self, action: Action) -> Result<(), End> {
        match action {
            Action::Send(reply) => self.send(&reply)?,
            Action::StartTls => self.start_tls().await?,
            Action::CheckUser(user) => self.check_user(&user),
            Action::CheckPassword { user, password } => self.check_password(user, password),
            Action::Logout => self.log_out()?,
            Action::OpenDataPort => self.open_data_port(),
            Action::CloseDataPort => self.close_data_port(),
            Action::File(task) => self.begin_file_task(task),
            Action::Prepare(transfer) => self.prepare(transfer),
            Action::Start(protection) => self.start(protection),
            Action::ReportProgress => self.report_progress(),
            Action::Abort => self.abort(),
            Action::Close => return Err(End::Closed),
        }
        Ok(())
    }

    fn send(&mut self, reply: &Reply) -> Result<(), End> {
        self.control.say(reply).map_err(End::Lost)
    }

    async fn start_tls(&mut self) -> Result<(), End> {
        self.control.forget();
        // What an earlier handshake of this connection has begun is not resumed after another `AUTH`.
        self.tls = self.listener_tls.session();
        self.shake_hands().await?;
        self.answer = Some(Event::TlsStarted);
        Ok(())
    }

    /// Goes on inside TLS. With implicit FTPS a handshake that was begun tells a client from a probe.
    pub(super) async fn shake_hands(&mut self) -> Result<(), End> {
        let deadline = self.clock.handshake_deadline();
        let handshake = timeout_at(deadline.into(), self.control.start_tls(&self.tls));
        let shaken = tokio::select! {
            shaken = handshake => Some(shaken),
            () = self.drain.until_arrivals_are_refused() => None,
        };
        if self.control.wire().received() > 0 {
            self.peer.mark_heard();
        }
        match shaken {
            None => Err(End::Cut(STOPPING)),
            Some(Err(_elapsed)) => Err(End::Cut("no TLS handshake within the login time")),
            Some(Ok(Err(error))) => Err(End::Lost(io::Error::new(
                error.kind(),
                format!("TLS handshake failed: {error}"),
            ))),
            Some(Ok(Ok(()))) => {
                self.security = Security::Tls;
                Ok(())
            }
        }
    }

    fn check_user(&mut self, user: &str) {
        let check = if self.endpoint.users.requires_tls(user) {
            UserCheck::TlsRequired
        } else {
            UserCheck::Password
        };
        self.answer = Some(Event::UserChecked(check));
    }

    fn check_password(&mut self, user: String, password: String) {
        let claim = Claim {
            user,
            password: Password::new(password),
            channel: match self.security {
                Security::Clear => Channel::Clear,
                Security::Tls => Channel::Protected,
            },
        };
        let (endpoint, peer) = (Arc::clone(&self.endpoint), self.peer.clone());
        self.begin(Kind::Task, async move {
            Outcome::LoggedIn(log_in(endpoint, peer, claim).await.map(Box::new))
        });
    }

    /// Whoever has logged out is one of those who are not logged in, again, and needs a place among them.
    fn log_out(&mut self) -> Result<(), End> {
        self.abort();
        self.data_port = None;
        if self.login.take().is_some() {
            let place = self.endpoint.limits.arrive_unidentified();
            let place = place.map_err(|_full| End::Cut("too many connections are logging in"))?;
            self.peer.enter_half_open(place);
            self.clock.start_login();
        }
        Ok(())
    }

    fn open_data_port(&mut self) {
        self.data_port = None;
        let (Some(ports), Some(login)) = (self.endpoint.passive.clone(), &self.login) else {
            self.answer = Some(Event::DataPortOpened(Err(PassiveFailure::NoneFree)));
            return;
        };
        let claimant = Claimant {
            user: login.account.name().to_owned(),
            address: self.peer.address,
            visibility: self.peer.visibility,
        };
        self.begin(Kind::DataPort, async move {
            Outcome::DataPort(ports.reserve(claimant).await)
        });
    }

    fn close_data_port(&mut self) {
        self.data_port = None;
        if let Some(running) = &self.running
            && matches!(running.kind, Kind::DataPort)
        {
            self.stop();
        }
    }

    fn begin_file_task(&mut self, task: FileTask) {
        let Some(login) = &self.login else {
            self.answer = Some(Event::FileDone(Err(Failure::Denied)));
            return;
        };
        let place = login.place.clone();
        self.begin(Kind::Task, async move {
            Outcome::File(place.perform(task).await)
        });
    }

    fn prepare(&mut self, transfer: Transfer) {
        let Some(login) = &self.login else {
            self.answer = Some(Event::Prepared(Err(Failure::Denied)));
            return;
        };
        let place = login.place.clone();
        self.begin(Kind::Task, async move {
            let prepared = place.prepare(transfer).await;
            Outcome::Prepared(prepared.map(|(prepared, ready)| (prepared, Box::new(ready))))
        });
    }

    fn start(&mut self, protection: DataProtection) {
        let (Some(ready), Some(reservation)) = (self.ready.take(), self.data_port.take()) else {
            let failure = TransferFailure::Data(DataFailure::TimedOut);
            self.answer = Some(Event::TransferEnded(Err(failure)));
            return;
        };
        let tls = match protection {
            DataProtection::Clear => None,
            DataProtection::Private => Some(self.tls.clone()),
        };
        let progress = Arc::<Progress>::default();
        let known = Arc::clone(&progress);
        let (drain, metrics) = (self.drain.clone(), self.endpoint.metrics.clone());
        self.begin(Kind::Transfer(known), async move {
            let bound = reservation.bind(tls, ready.direction).await;
            Outcome::Transferred(match bound {
                Ok(stream) => ready.run(stream, progress, (drain, metrics)).await,
                Err(failure) => Err(TransferFailure::Data(failure)),
            })
        });
    }

    fn report_progress(&mut self) {
        let moved = match &self.running {
            Some(running) => match &running.kind {
                Kind::Transfer(progress) => progress.moved(),
                Kind::Task | Kind::DataPort => 0,
            },
            None => 0,
        };
        self.answer = Some(Event::Progress(moved));
    }

    /// Drops what runs, and what waits for its beginning.
    pub(super) fn abort(&mut self) {
        self.stop();
        self.ready = None;
    }
}
