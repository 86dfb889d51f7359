//! A [`Service`] → the folder that its gateway reads, and what clients know it by.

use std::{net::SocketAddr, path::PathBuf};

use gateway_config::{Digest, ENDPOINT_FILE, HOST_KEYS_FOLDER, TLS_FOLDER};
use plan::Certificate;
use ssh_key::{PrivateKey, PublicKey};

use super::{
    keys,
    service::Service,
    sheet,
    state::{self, State},
};

/// Writes the folder, keys, certificates and users first. Gives the folder and the digest of `endpoint.json`, by which the
/// gateway says that it serves this.
pub(super) fn write(state: &State, service: &Service) -> Result<(PathBuf, Digest), super::Error> {
    let identity = &service.endpoint.identity;
    let folder = state.endpoint(&identity.namespace, &identity.name);
    let mut files = gateway_config::render(&service.configuration).map_err(super::Error::Render)?;
    let endpoint = files.remove(ENDPOINT_FILE).unwrap_or_default();
    let host_keys = folder.join(HOST_KEYS_FOLDER);
    for (name, pem) in &service.host_keys {
        update(&host_keys.join(name), pem)?;
    }
    let tls = folder.join(TLS_FOLDER);
    for (listener, Certificate { chain, key }) in &service.certificates {
        update(&tls.join(listener).join("tls.key"), key)?;
        update(&tls.join(listener).join("tls.crt"), chain)?;
    }
    for (name, content) in &files {
        update(&folder.join(name), content)?;
    }
    // A gateway serves a set only when every digest matches, so the file with the digests comes last.
    update(&folder.join(ENDPOINT_FILE), &endpoint)?;
    let names: Vec<&str> = service.host_keys.keys().map(String::as_str).collect();
    state::keep_only(&host_keys, &names)?;
    let listeners: Vec<&str> = service.certificates.keys().map(String::as_str).collect();
    state::keep_only_folders(&tls, &listeners)?;
    Ok((folder, Digest::of(&endpoint)))
}

/// A file that stays as it is wakes nobody.
fn update(path: &std::path::Path, content: &[u8]) -> Result<(), state::Error> {
    match state::read(path)? {
        Some(known) if known == content => Ok(()),
        _ => state::write(path, content),
    }
}

/// The public halves of the host keys.
pub(super) fn public_host_keys(service: &Service) -> Result<Vec<PublicKey>, keys::Error> {
    service
        .host_keys
        .iter()
        .map(|(name, pem)| {
            PrivateKey::from_openssh(pem)
                .map(|key| key.public_key().clone())
                .map_err(|reason| keys::Error::Kept {
                    path: name.clone(),
                    reason,
                })
        })
        .collect()
}

/// Writes the file by which clients know the host keys, so that they need not ask.
pub(super) fn write_known_hosts(
    state: &State,
    served: &[(Vec<SocketAddr>, Vec<PublicKey>)],
) -> Result<(), keys::Error> {
    let mut text = String::new();
    for (addresses, keys) in served {
        for address in addresses {
            let host = sheet::reachable(address.ip());
            let host = match address.port() {
                22 => host.to_string(),
                port => format!("[{host}]:{port}"),
            };
            for key in keys {
                let line = keys::line(key)?;
                // Without the comment, which is for authorized_keys.
                let words: Vec<&str> = line.split(' ').take(2).collect();
                text.extend([host.as_str(), " ", &words.join(" "), "\n"]);
            }
        }
    }
    state::write(&state.known_hosts(), text.as_bytes())?;
    Ok(())
}
