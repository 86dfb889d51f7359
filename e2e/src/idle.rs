//! Many sessions that do nothing, held by one process.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, ensure};
use russh::{
    client::{self, Handle},
    keys::{PrivateKey, PrivateKeyWithHashAlg, load_secret_key},
};
use tokio::{runtime::Runtime, task::JoinSet};

use crate::place::Place;

/// How many log in at a time: fewer than a server lets wait.
const AT_A_TIME: usize = 16;

/// Sessions that are logged in, each with the SFTP subsystem open; they end with this value.
pub struct Idle {
    // Before the runtime: a session that is dropped tells its task to stop.
    sessions: Vec<Session>,
    runtime: Runtime,
}

struct Session {
    handle: Handle<AnyHost>,
    channel: russh::Channel<client::Msg>,
}

/// The stories' own server on the loopback: its key is checked by the clients that are tested.
#[derive(Debug)]
struct AnyHost;

impl client::Handler for AnyHost {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

impl Idle {
    /// Opens `count` sessions at `place`.
    pub fn open(place: &Place, count: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let key = Arc::new(load_secret_key(Path::new(&place.key), None)?);
        let sessions = runtime.block_on(open_all(place, &key, count))?;
        Ok(Self { sessions, runtime })
    }

    /// How many of them the server has not ended.
    pub fn alive(&self) -> usize {
        self.sessions
            .iter()
            .filter(|session| !session.handle.is_closed())
            .count()
    }

    /// Ends them in order.
    pub fn close(self) -> Result<()> {
        let Self { sessions, runtime } = self;
        for Session { handle, channel } in sessions {
            runtime.block_on(async {
                channel.close().await?;
                handle
                    .disconnect(russh::Disconnect::ByApplication, "", "")
                    .await
            })?;
        }
        Ok(())
    }
}

async fn open_all(place: &Place, key: &Arc<PrivateKey>, count: usize) -> Result<Vec<Session>> {
    let mut sessions = Vec::with_capacity(count);
    let mut opening = JoinSet::new();
    for started in 0..count {
        if started >= AT_A_TIME {
            sessions.push(
                opening
                    .join_next()
                    .await
                    .context("a session is being opened")???,
            );
        }
        opening.spawn(open(place.clone(), Arc::clone(key)));
    }
    while let Some(session) = opening.join_next().await {
        sessions.push(session??);
    }
    Ok(sessions)
}

async fn open(place: Place, key: Arc<PrivateKey>) -> Result<Session> {
    let config = Arc::new(client::Config::default());
    let mut handle = client::connect(config, place.address, AnyHost).await?;
    let proof = PrivateKeyWithHashAlg::new(key, None);
    let answer = handle.authenticate_publickey(&place.user, proof).await?;
    ensure!(answer.success(), "the key was refused: {answer:?}");
    let mut channel = handle.channel_open_session().await?;
    channel.request_subsystem(true, "sftp").await?;
    // INIT of version 3; its answer shows that the session is really there.
    channel.data(&[0, 0, 0, 5, 1, 0, 0, 0, 3][..]).await?;
    while let Some(message) = channel.wait().await {
        if matches!(message, russh::ChannelMsg::Data { .. }) {
            return Ok(Session { handle, channel });
        }
    }
    anyhow::bail!("the server closed the channel")
}
