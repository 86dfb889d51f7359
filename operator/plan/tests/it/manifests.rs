//! Manifests read from a file, as a cluster would have them.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use crds::{SecureFtpEndpoint, SecureFtpUser};
use gateway_config::ClientAddress;
use k8s_openapi::api::core::v1::Secret;
use plan::{Compiled, PasswordHashes, Placement, Secrets, Sources};
use serde::Deserialize as _;
use serde_norway::Value;

pub(crate) struct Manifests {
    pub(crate) endpoint: SecureFtpEndpoint,
    pub(crate) users: Vec<SecureFtpUser>,
    pub(crate) secrets: Secrets,
}

impl Manifests {
    pub(crate) fn read(path: &Path) -> Self {
        Self::parse(&fs::read_to_string(path).unwrap())
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut endpoints = Vec::new();
        let mut users = Vec::new();
        let mut secrets = Secrets::default();
        for document in serde_norway::Deserializer::from_str(text) {
            let object = Value::deserialize(document).unwrap();
            match object["kind"].as_str().unwrap() {
                "SecureFtpEndpoint" => endpoints.push(serde_norway::from_value(object).unwrap()),
                "SecureFtpUser" => users.push(serde_norway::from_value(object).unwrap()),
                "Secret" => secrets.add(serde_norway::from_value::<Secret>(object).unwrap()),
                "PersistentVolumeClaim" => {}
                other => panic!("{other} is not read here"),
            }
        }
        Self {
            endpoint: endpoints.pop().unwrap(),
            users,
            secrets,
        }
    }

    pub(crate) fn sources(&self) -> Sources<'_> {
        Sources {
            endpoint: &self.endpoint,
            users: &self.users,
            secrets: &self.secrets,
        }
    }

    /// Compiled with every password hashed.
    pub(crate) fn compile(&self) -> Compiled {
        plan::compile(self.sources(), &self.hashes(), &self.placement())
    }

    /// Not real hashes: they say what they were made of.
    fn hashes(&self) -> PasswordHashes {
        plan::plaintext_passwords(self.sources())
            .into_iter()
            .map(|(entry, plaintext)| {
                let plaintext = str::from_utf8(plaintext.as_bytes()).unwrap();
                let hash = format!("hash of {plaintext}");
                (entry, hash)
            })
            .collect()
    }

    pub(crate) fn placement(&self) -> Placement {
        let annotations = self.endpoint.metadata.annotations.as_ref();
        let hidden = annotations.is_some_and(|all| all.contains_key("test/client-address"));
        Placement {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: BTreeMap::from([(22, 2022)]),
            volume: "/volumes/partners-data".into(),
            client_address: if hidden {
                ClientAddress::Hidden
            } else {
                ClientAddress::Real
            },
        }
    }
}
