//! Who is there, and where their files are.

use std::{sync::Arc, time::Duration};

use ftp::LoginFailure;

use super::files::Place;
use crate::{
    endpoint::Endpoint,
    peer::Peer,
    storage::StoragePath,
    users::{Account, Channel, Password, Refused},
};

/// Somebody who is logged in. They hold their place among the sessions until this is dropped.
#[derive(Debug)]
pub(super) struct LoggedIn {
    pub(super) account: Account,
    pub(super) place: Place,
}

/// A name and a password, and the way they came.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) user: String,
    pub(super) password: Password,
    pub(super) channel: Channel,
}

/// Checks a password and opens the user's folder; both have deadlines of their own.
pub(super) async fn log_in(
    endpoint: Arc<Endpoint>,
    peer: Peer,
    credential: Credential,
) -> Result<LoggedIn, LoginFailure> {
    let Credential {
        user,
        password,
        channel,
    } = credential;
    let account = endpoint
        .users
        .password(&user, password, &peer, channel)
        .await
        .map_err(|refused| match refused {
            Refused::Credential => LoginFailure::Credential,
            Refused::TooManySessions => LoginFailure::TooManySessions,
            Refused::Banned => LoginFailure::Banned,
            Refused::Busy => LoginFailure::Busy,
        })?;
    let files = endpoint
        .volume
        .files(account.name(), account.root(), account.permissions())
        .await
        .map_err(|error| {
            tracing::warn!(user = account.name(), %error, "the user's folder cannot be opened");
            LoginFailure::Storage
        })?;
    let configured = &endpoint.configuration.endpoint;
    let memory = configured.limits.memory_per_session_bytes;
    Ok(LoggedIn {
        account,
        place: Place {
            files,
            folder: StoragePath::root(),
            patience: Duration::from_secs(configured.storage.stuck_seconds),
            memory_bytes_max: usize::try_from(memory).unwrap_or(usize::MAX),
        },
    })
}
