//! What russh asks about one client, and what it is told: who may log in, and that SFTP is all there is.
//!
//! Whatever else a client asks for is refused at once and with an answer, because many clients wait for one. Channels
//! of other types (`direct-tcpip`, `x11`, …) and global requests (`tcpip-forward`, …) are refused by russh's defaults.

use std::{borrow::Cow, sync::Arc};

use gateway_config::AuthenticationMethod;
use russh::{
    Channel as RusshChannel, ChannelId, ChannelOpenFailure, Error, Pty,
    keys::Certificate,
    server::{
        Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey,
    },
};
use tokio::sync::watch;
use tracing::{Instrument as _, Span, warn};

use super::{
    channel::{Channel, Subsystem},
    channels::{CHANNELS_MAX, Channels},
    login::{Login, Verdict},
    wire::Wire,
};
use crate::{
    endpoint::Endpoint,
    users::{Account, Stay},
};

/// What somebody reads who asks for a shell or a command, `scp -O` included.
const SFTP_ONLY: &str = "This service speaks SFTP only. Use sftp, or scp without -O.\r\n";

/// How far a client is, as the task that watches over it needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody is logged in.
    Arriving,
    /// Somebody is.
    LoggedIn,
    /// The client must leave, and is told why.
    Dismissed(&'static str),
}

/// One client, as russh's loop sees it.
pub(super) struct Client {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) login: Login,
    pub(super) channels: Arc<Channels>,
    pub(super) wire: Arc<Wire>,
    pub(super) stage: watch::Sender<Stage>,
    pub(super) span: Span,
    pub(super) account: Option<Arc<Account>>,
}

impl Client {
    fn answer(&mut self, verdict: Verdict) -> Auth {
        match verdict {
            Verdict::Accepted(account) => {
                self.account = Some(account);
                Auth::Accept
            }
            Verdict::Refused => self.reject(),
            Verdict::Last(reason) => {
                self.stage.send_replace(Stage::Dismissed(reason));
                self.reject()
            }
        }
    }

    /// Without the list of methods, russh would take the refused one off it: one try only.
    fn reject(&self) -> Auth {
        Auth::Reject {
            proceed_with_methods: Some(self.login.methods()),
            partial_success: false,
        }
    }

    /// Half of a session's memory is its first channel's; the others share the rest. Nearly every client opens one.
    fn memory_of_next_channel(&self) -> usize {
        let limits = &self.endpoint.configuration.endpoint.limits;
        let memory = usize::try_from(limits.memory_per_session_bytes).unwrap_or(usize::MAX);
        match self.channels.serving() {
            0 => memory / 2,
            _ => memory / 2 / (CHANNELS_MAX - 1),
        }
    }

    /// Answers a request for a shell or a command as OpenSSH's `ForceCommand internal-sftp` does: the request succeeds,
    /// the "program" explains itself and fails. After a plain failure clients would show nothing of the explanation.
    async fn explain(&self, id: ChannelId, session: &mut Session) -> Result<(), Error> {
        let Some(half) = self.channels.take_silent(id) else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        // What the window does not admit would keep russh from delivering anything else.
        if half.writable_packet_size().await >= SFTP_ONLY.len() {
            session.extended_data(id, 1, SFTP_ONLY.as_bytes())?;
        }
        session.exit_status_request(id, 1)?;
        session.eof(id)?;
        session.close(id)
    }
}

/// Tells whoever is logged in to leave when their stay is over.
async fn dismiss(mut stay: Stay, stage: watch::Sender<Stage>) {
    tokio::select! {
        () = stay.over() => {
            stage.send_replace(Stage::Dismissed("This account has ended"));
        }
        () = stage.closed() => {}
    }
}

impl Handler for Client {
    type Error = Error;

    async fn auth_none(&mut self, _user: &str) -> Result<Auth, Error> {
        Ok(self.reject())
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Error> {
        let offered = self
            .login
            .offered_key(user, offer.public_key, offer.algorithm);
        Ok(match offered {
            Ok(true) => Auth::Accept,
            Ok(false) => self.reject(),
            Err(reason) => self.answer(Verdict::Last(reason)),
        })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Error> {
        let span = self.span.clone();
        let verdict = span.in_scope(|| self.login.proven_key(user, key.public_key, key.algorithm));
        Ok(self.answer(verdict))
    }

    async fn auth_openssh_certificate(
        &mut self,
        _user: &str,
        _certificate: &Certificate,
    ) -> Result<Auth, Error> {
        // Nobody is named whose certificates would count, whatever key is inside.
        let verdict = self.login.worthless();
        Ok(self.answer(verdict))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Error> {
        let verdict = self
            .login
            .password(AuthenticationMethod::Password, user, password.to_owned())
            .instrument(self.span.clone())
            .await;
        Ok(self.answer(verdict))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Error> {
        let method = AuthenticationMethod::KeyboardInteractive;
        if !self.login.offers(method) {
            return Ok(self.reject());
        }
        let Some(mut answers) = response else {
            return Ok(Auth::Partial {
                name: Cow::Borrowed(""),
                instructions: Cow::Borrowed(""),
                prompts: Cow::Borrowed(&[(Cow::Borrowed("Password: "), false)]),
            });
        };
        let password = answers
            .next()
            .and_then(|answer| String::from_utf8(answer.to_vec()).ok());
        let verdict = match password {
            Some(password) => {
                self.login
                    .password(method, user, password)
                    .instrument(self.span.clone())
                    .await
            }
            None => self.login.worthless(),
        };
        Ok(self.answer(verdict))
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), Error> {
        self.stage.send_replace(Stage::LoggedIn);
        if let Some(account) = &self.account {
            self.span.record("user", account.name());
            tokio::spawn(dismiss(account.stay().clone(), self.stage.clone()));
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: RusshChannel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Error> {
        // The reading half is dropped: bytes are handled where they arrive, in `data`.
        let (_, half) = channel.split();
        if self.channels.open(half) {
            reply.accept().await;
        } else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
        }
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        let (Some(account), "sftp") = (&self.account, name) else {
            return session.channel_failure(id);
        };
        let memory = self.memory_of_next_channel();
        // A second request on the same channel finds nobody silent.
        let Some(half) = self.channels.take_silent(id) else {
            return session.channel_failure(id);
        };
        let (channel, pump) = Channel::start(Subsystem {
            endpoint: Arc::clone(&self.endpoint),
            account: Arc::clone(account),
            half,
            handle: session.handle(),
            wire: Arc::clone(&self.wire),
            memory,
            span: self.span.clone(),
        });
        self.channels.start(id, channel, pump);
        Ok(())
    }

    async fn data(
        &mut self,
        id: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), Error> {
        let Some(channel) = self.channels.sftp(id) else {
            return Ok(());
        };
        let _entered = self.span.enter();
        if let Err(error) = channel.receive(data) {
            warn!(error = &error as &dyn std::error::Error, "SFTP ended");
            channel.fail(&error);
            self.channels.close(id);
        }
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Error> {
        match self.channels.sftp(id) {
            Some(channel) => {
                channel.end_input();
                Ok(())
            }
            None if self.channels.take_silent(id).is_some() => session.close(id),
            // It ends already: closing it here would overtake what its client is still to be told.
            None => Ok(()),
        }
    }

    async fn channel_close(&mut self, id: ChannelId, _session: &mut Session) -> Result<(), Error> {
        self.channels.close(id);
        Ok(())
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Error> {
        self.explain(id, session).await
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Error> {
        self.explain(id, session).await
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _terminal: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(id)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(id)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(id)
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(id)
    }

    async fn signal(
        &mut self,
        id: ChannelId,
        _signal: russh::Sig,
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(id)
    }
}
