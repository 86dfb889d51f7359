//! An endpoint of a story's own, with one user, and how clients get there.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use e2e::{
    cluster::stage::Stage,
    door::{Door, Start},
    place::{Place, make_key},
    setup::PASSWORD,
    wait::until,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{installation::wait_for, namespace::Namespace};

/// What every story calls its endpoint.
pub(crate) const NAME: &str = "files";

/// What every story calls its user, whose folder is `/alice`.
pub(crate) const USER: &str = "alice";

/// The Secret with the certificate of the story.
const CERTIFICATE: &str = "files-certificate";

/// The ports of the listeners.
const SFTP: u16 = 22;
const EXPLICIT: u16 = 21;
const IMPLICIT: u16 = 990;

/// The first passive port, and how many a gateway has.
const PASSIVE: u16 = 30000;
const PER_REPLICA: u16 = 16;

/// An endpoint that serves; it goes, with its namespace, when this value goes.
#[derive(Debug)]
pub(crate) struct Endpoint<'a> {
    pub(crate) namespace: Namespace<'a>,
    pub(crate) stage: &'a Stage,
    pub(crate) address: IpAddr,
    home: TempDir,
    authority: PathBuf,
}

impl<'a> Endpoint<'a> {
    /// Applies an endpoint with so many gateways in the namespace `name`, and waits until it is ready and each gateway serves.
    pub(crate) fn serve(stage: &'a Stage, name: &str, replicas: u16) -> Result<Self> {
        Self::serve_in(stage, Namespace::make_restricted(stage, name)?, replicas)
    }

    /// As [`Endpoint::serve`], in a namespace that is there.
    pub(crate) fn serve_in(
        stage: &'a Stage,
        namespace: Namespace<'a>,
        replicas: u16,
    ) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let public_key = make_key(&home.path().join("key"))?;
        for manifest in [
            claim(),
            endpoint(replicas, &json!({ "type": "LoadBalancer" })),
        ] {
            namespace.apply(&manifest)?;
        }
        add_user(&namespace, USER, &public_key)?;
        let address = address_of(&namespace)?;
        let authority = certify(&namespace, address, home.path())?;
        let endpoint = Self {
            namespace,
            stage,
            address,
            home,
            authority,
        };
        // An endpoint is ready when all gateways but one serve, for that is so during a roll.
        let all = format!("jsonpath={{.status.programmedReplicas}}={replicas}");
        for what in ["condition=Ready", &all] {
            wait_for(stage, &endpoint.namespace, NAME, what)?;
        }
        stage.from_outside(|| endpoint.place().wait_for_host_key(|| Ok(())))?;
        Ok(endpoint)
    }

    /// Where SFTP clients log in.
    pub(crate) fn place(&self) -> Place {
        Place {
            address: SocketAddr::new(self.address, SFTP),
            user: USER.to_owned(),
            key: self.home.path().join("key"),
            home: self.home.path().to_path_buf(),
        }
    }

    /// Where FTPS clients log in.
    pub(crate) fn door(&self, start: Start) -> Door {
        let port = match start {
            Start::Never | Start::Explicit => EXPLICIT,
            Start::Implicit => IMPLICIT,
        };
        let address = SocketAddr::new(self.address, port);
        Door::new(address, start, self.authority.clone(), &self.place())
    }

    /// A folder for what the story's clients bring and get.
    pub(crate) fn desk(&self) -> &Path {
        self.home.path()
    }

    /// How many logins each gateway has let in so far, by the name of its pod.
    pub(crate) fn logins(&self) -> Result<BTreeMap<String, u64>> {
        let logins = |pod: String| {
            let metrics = self.namespace.metrics(&pod)?;
            let accepted = metrics.lines().filter(|line| {
                line.starts_with("secureftp_logins_total") && line.contains(r#"outcome="accepted""#)
            });
            let count = accepted
                .map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<u64>()?))
                .sum::<Result<u64>>()?;
            Ok((pod, count))
        };
        let pods = gateways(&self.namespace, NAME)?.into_iter();
        pods.map(logins).collect()
    }
}

/// The pods of an endpoint.
fn gateways(namespace: &Namespace<'_>, endpoint: &str) -> Result<Vec<String>> {
    let pods = namespace.ask(&[
        "get",
        "pods",
        "--selector",
        &format!("secureftp.dev/endpoint={endpoint}"),
        "--output",
        "jsonpath={.items[*].metadata.name}",
    ])?;
    Ok(pods.split_whitespace().map(str::to_owned).collect())
}

/// A volume that every node reaches.
pub(crate) fn claim() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": { "name": NAME },
        "spec": { "accessModes": ["ReadWriteMany"], "resources": { "requests": { "storage": "1Gi" } } },
    })
}

/// An endpoint with all three protocols, behind what `exposure` says.
pub(crate) fn endpoint(replicas: u16, exposure: &Value) -> Value {
    let tls = json!({ "secretRef": { "name": CERTIFICATE } });
    let end = PASSIVE + PER_REPLICA * replicas.max(2) - 1;
    json!({
        "apiVersion": "secureftp.dev/v1alpha1",
        "kind": "SecureFtpEndpoint",
        "metadata": { "name": NAME },
        "spec": {
            "replicas": replicas,
            "listeners": [
                { "name": "sftp", "protocol": "SFTP", "port": SFTP },
                { "name": "explicit", "protocol": "FTPSExplicit", "port": EXPLICIT, "tls": tls },
                { "name": "implicit", "protocol": "FTPSImplicit", "port": IMPLICIT, "tls": tls },
            ],
            "dataConnections": { "passive": {
                "ports": { "start": PASSIVE, "end": end },
                "perReplica": PER_REPLICA,
                "waitSeconds": 60,
            } },
            "exposure": exposure,
            "storage": { "persistentVolumeClaim": { "claimName": NAME } },
            "users": { "selector": { "matchLabels": { "endpoint": NAME } } },
            // One user and, behind a Service, one address have all sessions of a story.
            "limits": {
                "sessionsPerReplica": 2000,
                "sessionsPerUserPerReplica": 1000,
                "sessionsPerAddressPerReplica": 1000,
            },
            "drainTimeout": "10s",
        },
    })
}

/// A user of the story's endpoint, with a key and [`PASSWORD`].
pub(crate) fn add_user(namespace: &Namespace<'_>, name: &str, public_key: &str) -> Result<()> {
    namespace.apply(&json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name },
        "stringData": { "password": PASSWORD },
    }))?;
    namespace.apply(&json!({
        "apiVersion": "secureftp.dev/v1alpha1",
        "kind": "SecureFtpUser",
        "metadata": { "name": name, "labels": { "endpoint": NAME } },
        "spec": { "authentication": {
            "passwordSecretRef": { "name": name },
            "authorizedKeys": { "inline": [public_key] },
        } },
    }))
}

/// The address at which the endpoint's status says that clients connect.
pub(crate) fn address_of(namespace: &Namespace<'_>) -> Result<IpAddr> {
    until("the address of an endpoint", || {
        let path = "jsonpath={.status.addresses[0].value}";
        let address = namespace.ask(&["get", "secureftpendpoint", NAME, "--output", path])?;
        if address.is_empty() {
            return Ok(None);
        }
        let address = address.parse();
        address
            .map(Some)
            .context("clients of this story connect to an address, not to a name")
    })
}

/// Puts a certificate for `address` where the endpoint looks for it; answers the file with its authority.
pub(crate) fn certify(namespace: &Namespace<'_>, address: IpAddr, home: &Path) -> Result<PathBuf> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name = DistinguishedName::new();
    authority.distinguished_name.push(DnType::CommonName, NAME);
    let root = authority.self_signed(&authority_key)?.pem();
    let key = KeyPair::generate()?;
    let mut certificate = CertificateParams::default();
    certificate.subject_alt_names = vec![SanType::IpAddress(address)];
    let issuer = Issuer::new(authority, authority_key);
    let chain = certificate.signed_by(&key, &issuer)?.pem();
    namespace.apply(&json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": CERTIFICATE },
        "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": STANDARD.encode(chain),
            "tls.key": STANDARD.encode(key.serialize_pem()),
        },
    }))?;
    let file = home.join("authority.pem");
    fs::write(&file, root)?;
    Ok(file)
}
