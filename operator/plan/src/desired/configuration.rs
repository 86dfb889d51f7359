//! The configuration of one gateway.

use std::collections::BTreeMap;

use crds::SecureFtpEndpoint;
use gateway_config::{Digest, ENDPOINT_FILE, Endpoint, render_endpoint};
use k8s_openapi::{ByteString, api::core::v1::Secret};

use crate::{
    names::{self, SLOT_LABEL},
    problem::name_of,
};

/// The Secret of a slot, with `endpoint.json`; none if it cannot be rendered, which leaves the gateway what it has.
pub(crate) fn configuration(
    endpoint: &SecureFtpEndpoint,
    slot: u16,
    gateway: &Endpoint,
    users: &BTreeMap<String, Digest>,
) -> Option<Secret> {
    let file = render_endpoint(gateway, users.clone()).ok()?;
    let mut metadata = names::owned(endpoint, names::slot(name_of(&endpoint.metadata), slot));
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(SLOT_LABEL.to_owned(), slot.to_string());
    Some(Secret {
        metadata,
        data: Some([(ENDPOINT_FILE.to_owned(), ByteString(file))].into()),
        ..Secret::default()
    })
}
