//! The certificates of the FTPS listeners: `tls/LISTENER/{tls.crt,tls.key}`.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use gateway_config::{Listener, TLS_FOLDER};
use zeroize::Zeroizing;

use super::{LoadError, read};
use crate::ftps::{Certificate, ServerTls};

/// TLS of every listener that has some, by the listener's name.
pub(super) fn load(
    folder: &Path,
    listeners: &[Listener],
) -> Result<BTreeMap<String, Arc<ServerTls>>, LoadError> {
    let mut loaded = BTreeMap::new();
    for listener in listeners {
        let Some(settings) = &listener.tls else {
            continue;
        };
        let files = folder.join(TLS_FOLDER).join(&listener.name);
        let certificate = Certificate {
            chain: read(&files.join("tls.crt"))?,
            key: Zeroizing::new(read(&files.join("tls.key"))?),
        };
        let tls = ServerTls::new(settings, &certificate).map_err(|source| LoadError::Tls {
            listener: listener.name.clone(),
            source: Box::new(source),
        })?;
        loaded.insert(listener.name.clone(), Arc::new(tls));
    }
    Ok(loaded)
}
