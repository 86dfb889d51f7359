//! Who is who in the cluster: two authorities, and a certificate for every part that speaks.

use std::{fs, net::IpAddr, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use super::{
    addresses::{API_PORT, API_SERVICE, CONTROL, node as node_address},
    folder::Folder,
    settings::Nodes,
};

/// Who may do everything.
pub(super) const ADMINISTRATOR: &str = "admin";

/// Somebody with a certificate.
struct Subject {
    /// The name of its files.
    part: String,
    /// What the API server calls it.
    user: String,
    /// What the API server thinks it belongs to.
    group: Option<&'static str>,
    names: Vec<SanType>,
}

/// An authority and what it is known by.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Writes every key and certificate, and a kubeconfig for everybody who logs in to the API server.
pub(super) fn issue_all(folder: &Folder, nodes: Nodes) -> Result<()> {
    let keys = folder.keys();
    fs::create_dir_all(&keys)?;
    let authority = Authority::make(&keys, "ca")?;
    for subject in [api_server()?, administrator()]
        .into_iter()
        .chain(components())
        .chain(nodes.numbers().map(node))
    {
        let login = authority.issue(&keys, &subject)?;
        fs::write(
            folder.kubeconfig(&subject.part),
            kubeconfig(&login, &authority.certificate)?,
        )?;
    }
    // What the API server shows to the API servers behind it is signed by nobody else.
    let front = Authority::make(&keys, "front-ca")?;
    front.issue(&keys, &known_as("front-proxy", "front-proxy-client"))?;
    // With this pair it signs what service accounts log in with.
    let accounts = KeyPair::generate()?;
    fs::write(keys.join("accounts.pub"), accounts.public_key_pem())?;
    write_secret(&keys.join("accounts.key"), &accounts.serialize_pem())
}

/// A certificate and its key, in PEM.
struct Login {
    certificate: String,
    key: String,
}

impl Authority {
    fn make(keys: &Path, name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        fs::write(keys.join(format!("{name}.crt")), &certificate)?;
        write_secret(&keys.join(format!("{name}.key")), &key.serialize_pem())?;
        Ok(Self {
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    fn issue(&self, keys: &Path, subject: &Subject) -> Result<Login> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        if let Some(group) = subject.group {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group);
        }
        params
            .distinguished_name
            .push(DnType::CommonName, &subject.user);
        params.subject_alt_names.clone_from(&subject.names);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let login = Login {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        };
        let part = &subject.part;
        fs::write(keys.join(format!("{part}.crt")), &login.certificate)?;
        write_secret(&keys.join(format!("{part}.key")), &login.key)?;
        Ok(login)
    }
}

fn api_server() -> Result<Subject> {
    let mut names = vec![
        SanType::IpAddress(IpAddr::V4(CONTROL)),
        SanType::IpAddress(IpAddr::V4(API_SERVICE)),
    ];
    for name in ["kubernetes", "kubernetes.default", "kubernetes.default.svc"] {
        names.push(SanType::DnsName(name.try_into()?));
    }
    Ok(Subject {
        names,
        ..known_as("api-server", "kube-apiserver")
    })
}

fn administrator() -> Subject {
    Subject {
        group: Some("system:masters"),
        ..known_as(ADMINISTRATOR, "admin")
    }
}

fn components() -> [Subject; 3] {
    [
        known_as("controller-manager", "system:kube-controller-manager"),
        known_as("scheduler", "system:kube-scheduler"),
        known_as("proxy", "system:kube-proxy"),
    ]
}

fn node(number: u8) -> Subject {
    Subject {
        group: Some("system:nodes"),
        names: vec![SanType::IpAddress(IpAddr::V4(node_address(number)))],
        ..known_as(
            &format!("kubelet{number}"),
            &format!("system:node:node{number}"),
        )
    }
}

fn known_as(part: &str, user: &str) -> Subject {
    Subject {
        part: part.to_owned(),
        user: user.to_owned(),
        group: None,
        names: Vec::new(),
    }
}

/// JSON, which is YAML too. Everything is in the file, so that it may be copied elsewhere.
fn kubeconfig(login: &Login, authority: &str) -> Result<String> {
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "cluster", "cluster": {
            "server": format!("https://{CONTROL}:{API_PORT}"),
            "certificate-authority-data": STANDARD.encode(authority),
        }}],
        "users": [{ "name": "me", "user": {
            "client-certificate-data": STANDARD.encode(&login.certificate),
            "client-key-data": STANDARD.encode(&login.key),
        }}],
        "contexts": [{ "name": "cluster", "context": { "cluster": "cluster", "user": "me" }}],
        "current-context": "cluster",
    });
    Ok(serde_json::to_string_pretty(&config)?)
}

fn write_secret(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;

    let mut file = fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
