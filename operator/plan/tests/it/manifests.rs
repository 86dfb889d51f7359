//! Manifests read from a file, as a cluster would have them.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use crds::{SecureFtpEndpoint, SecureFtpUser};
use gateway_config::ClientAddress;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use plan::{
    Certificate, Compiled, PassivePlacement, PasswordHashes, Placement, Secrets, Share, Sources,
    Told,
};
use serde::Deserialize as _;
use serde_norway::Value;

pub(crate) struct Manifests {
    pub(crate) endpoint: SecureFtpEndpoint,
    pub(crate) users: Vec<SecureFtpUser>,
    pub(crate) secrets: Secrets,
    pub(crate) claims: Vec<PersistentVolumeClaim>,
}

impl Manifests {
    pub(crate) fn read(path: &Path) -> Self {
        Self::parse(&fs::read_to_string(path).unwrap())
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut endpoints = Vec::new();
        let mut users = Vec::new();
        let mut secrets = Secrets::default();
        let mut claims = Vec::new();
        for document in serde_norway::Deserializer::from_str(text) {
            let object = Value::deserialize(document).unwrap();
            match object["kind"].as_str().unwrap() {
                "SecureFtpEndpoint" => endpoints.push(serde_norway::from_value(object).unwrap()),
                "SecureFtpUser" => users.push(serde_norway::from_value(object).unwrap()),
                "Secret" => secrets.add(serde_norway::from_value::<Secret>(object).unwrap()),
                "PersistentVolumeClaim" => claims.push(serde_norway::from_value(object).unwrap()),
                other => panic!("{other} is not read here"),
            }
        }
        Self {
            endpoint: endpoints.pop().unwrap(),
            users,
            secrets,
            claims,
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
    pub(crate) fn hashes(&self) -> PasswordHashes {
        plan::plaintext_passwords(self.sources())
            .into_iter()
            .map(|(entry, plaintext)| {
                let plaintext = str::from_utf8(plaintext.as_bytes()).unwrap();
                let hash = format!("hash of {plaintext}");
                (entry, hash)
            })
            .collect()
    }

    /// What the annotations `test/…` of the endpoint say, for whoever reads the case.
    pub(crate) fn placement(&self) -> Placement {
        let annotations = self.endpoint.metadata.annotations.as_ref();
        let said = |name: &str| annotations.and_then(|all| all.get(&format!("test/{name}")));
        let told = |pair: &str| {
            let (port, told) = pair.split_once('=').unwrap();
            (port.parse().unwrap(), told.parse().unwrap())
        };
        let issued_to = said("issued").map_or("", |listeners| listeners.as_str());
        Placement {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: BTreeMap::from([(22, 2022)]),
            admin: None,
            passive: PassivePlacement {
                share: said("slot").map_or(Share::Whole, |slot| Share::Slot(slot.parse().unwrap())),
                told: said("told").map_or(Told::AsBound, |pairs| {
                    Told::Otherwise(pairs.split(' ').map(told).collect())
                }),
                told_before: BTreeMap::new(),
                address: said("pasv").map(|address| address.parse().unwrap()),
            },
            certificates: issued_to
                .split(' ')
                .map(|listener| (listener.to_owned(), Ok(issued())))
                .collect(),
            volume: "/volumes/partners-data".into(),
            client_address: match said("client-address") {
                Some(_hidden) => ClientAddress::Hidden,
                None => ClientAddress::Real,
            },
        }
    }
}

pub(crate) fn issued() -> Certificate {
    Certificate {
        chain: include_bytes!("../fixtures/issued.crt").to_vec(),
        key: include_bytes!("../fixtures/issued.key").to_vec(),
    }
}
