//! What a gateway answers when it is asked what it serves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// The path of the admin port where [`Served`] is told, as JSON.
pub const SERVED_PATH: &str = "/served";

/// What a gateway serves at this moment. Of a newer gateway's answer the parts that are not known here are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The digest of `endpoint.json`, and through it of the users files.
    pub configuration: Digest,
    /// The listeners, by their names.
    pub listeners: BTreeMap<String, ServedListener>,
}

/// What a listener shows its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedListener {
    /// The SHA-256 of the certificate that new handshakes get, in DER; none where no TLS is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Digest>,
}
