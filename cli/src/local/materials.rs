//! What no manifest says and somebody has to make: keys, certificates, hashes and folders.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use plan::{Certificate, Plaintext, SecretKey};

use super::{
    certificates::{self, Authority, Names},
    keys,
    state::{self, State},
};
use crate::password;

/// Where they come from.
#[derive(Debug)]
pub(super) enum Materials<'a> {
    /// From nowhere: a check writes nothing.
    Imagined,
    /// From STATE, where what is missing is made and kept.
    Kept {
        /// STATE.
        state: &'a State,
        /// The time, by which certificates are fresh or not.
        now: SystemTime,
        /// Hashes by `NAMESPACE/SECRET/KEY`.
        hashes: BTreeMap<String, String>,
    },
}

impl<'a> Materials<'a> {
    /// What STATE has at this time.
    pub(super) fn of(state: &'a State, now: SystemTime) -> Result<Self, super::Error> {
        let path = hashes_path(state);
        let hashes = match state::read(&path)? {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_slice(&text)
                .map_err(|source| super::Error::Hashes { path, source })?,
        };
        Ok(Self::Kept { state, now, hashes })
    }

    pub(super) fn volume(&self, claim: &str) -> Result<PathBuf, state::Error> {
        match self {
            Self::Imagined => Ok(Path::new("volumes").join(claim)),
            Self::Kept { state, .. } => state.volume(claim),
        }
    }

    /// The host key of an endpoint that names no Secret.
    pub(super) fn host_key(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Vec<u8>>, keys::Error> {
        let Self::Kept { state, .. } = self else {
            return Ok(None);
        };
        let path = state
            .path("host-keys")
            .join(namespace)
            .join(name)
            .join("ed25519");
        keys::keep(&path, &format!("{namespace}/{name}"))?;
        Ok(state::read(&path)?)
    }

    /// The certificate of a listener that names an issuer.
    pub(super) fn certificate(
        &self,
        (namespace, name): (&str, &str),
        listener: &str,
        names: &Names,
    ) -> Result<Certificate, certificates::Error> {
        let Self::Kept { state, now, .. } = self else {
            return Authority::imagine()?.issue(names, SystemTime::now());
        };
        let authority = Authority::keep(&state.path("ca"))?;
        let folder = state.path("certificates").join(namespace).join(name);
        authority.keep_certificate(&folder.join(listener), names, *now)
    }

    /// The file of a user's private key, and the public key as a line.
    pub(super) fn user_key(&self, username: &str) -> Result<(PathBuf, String), keys::Error> {
        let Self::Kept { state, .. } = self else {
            let key = keys::make(username)?;
            return Ok((PathBuf::from(username), keys::line(key.public_key())?));
        };
        // `x.pub` must not be the name of both the public key of `x` and the private key of `x.pub`.
        let file = if username.to_ascii_lowercase().ends_with(".pub") {
            format!("{username}.key")
        } else {
            username.to_owned()
        };
        let path = state.path("keys").join(&file);
        let key = keys::keep(&path, username)?;
        let line = keys::line(key.public_key())?;
        state::write(
            &state.path("keys").join(format!("{file}.pub")),
            format!("{line}\n").as_bytes(),
        )?;
        Ok((path, line))
    }

    /// The hash of a password that stands in a Secret as it is: the one that is kept while it still fits.
    pub(super) fn password_hash(
        &mut self,
        entry: &SecretKey,
        plaintext: &Plaintext,
    ) -> Result<String, super::Error> {
        let Self::Kept { state, hashes, .. } = self else {
            return Ok("$argon2id$".to_owned());
        };
        let SecretKey {
            namespace,
            secret,
            key,
        } = entry;
        let name = format!("{namespace}/{secret}/{key}");
        if let Some(hash) = hashes.get(&name)
            && password::verifies(hash, plaintext.as_bytes())
        {
            return Ok(hash.clone());
        }
        let hash = password::hash(plaintext.as_bytes())?;
        hashes.insert(name, hash.clone());
        let text = serde_json::to_vec_pretty(hashes).map_err(super::Error::Render)?;
        state::write(&hashes_path(state), &text)?;
        Ok(hash)
    }
}

fn hashes_path(state: &State) -> PathBuf {
    state.path("passwords.json")
}
