//! Manifests → one [`Service`] an endpoint, with what `local` makes where a cluster's owner would: keys and hashes.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use crds::{Protocol, SecureFtpEndpoint, SecureFtpUser};
use gateway_config::ClientAddress;
use plan::{
    Certificate, PassivePlacement, PasswordHashes, Placement, SecretKey, Secrets, Share, Sources,
    Told,
};

use super::{Ports, certificates::Names, keys, materials::Materials, problems, service::Service};
use crate::manifest::{self, Manifests, Object, Reading};

/// Compiles every endpoint. What people have to mend is reported to the reading; the result counts only if nothing is.
pub(super) fn compile(
    reading: &mut Reading,
    (address, ports): (IpAddr, Ports),
    materials: &mut Materials<'_>,
) -> Result<Vec<Service>, super::Error> {
    let manifests = &reading.manifests;
    let users: Vec<SecureFtpUser> = manifests
        .users
        .iter()
        .map(|user| user.value.clone())
        .collect();
    let secrets: Secrets = manifests
        .secrets
        .iter()
        .map(|secret| secret.value.clone())
        .collect();
    let mut mistakes = problems::shared_claims(manifests);
    mistakes.extend(problems::shared_ports(manifests, ports));
    let mut services = Vec::new();
    for endpoint in &manifests.endpoints {
        let mut secrets = secrets.clone();
        let sources = Sources {
            endpoint: &endpoint.value,
            users: &users,
            secrets: &secrets,
        };
        let (set, made_keys) = make_keys(manifests, endpoint, sources, materials)?;
        let hashes = hash_passwords(sources, materials)?;
        for (entry, line) in set {
            secrets.set(entry, line);
        }
        let sources = Sources {
            endpoint: &endpoint.value,
            users: &users,
            secrets: &secrets,
        };
        let placement = placement(endpoint, address, ports, materials)?;
        let compiled = plan::compile(sources, &hashes, &placement);
        mistakes.extend(
            compiled
                .problems
                .iter()
                .filter_map(|problem| problems::placed(manifests, problem)),
        );
        let mut host_keys = compiled.host_keys;
        if speaks_sftp(&endpoint.value)
            && endpoint.value.spec.ssh.host_keys.is_none()
            && let Some(pem) =
                materials.host_key(&endpoint.identity.namespace, &endpoint.identity.name)?
        {
            host_keys.insert("ed25519".to_owned(), pem);
        }
        services.push(Service {
            configuration: compiled.configuration,
            host_keys,
            certificates: compiled.certificates,
            users: served(manifests, endpoint),
            made_keys,
            endpoint: endpoint.clone(),
        });
    }
    reading.report(mistakes);
    Ok(services)
}

fn speaks_sftp(endpoint: &SecureFtpEndpoint) -> bool {
    let mut listeners = endpoint.spec.listeners.iter();
    listeners.any(|listener| listener.protocol == Protocol::Sftp)
}

fn served(
    manifests: &Manifests,
    endpoint: &Object<SecureFtpEndpoint>,
) -> BTreeMap<String, Object<SecureFtpUser>> {
    manifests
        .users
        .iter()
        .filter(|user| plan::selects(&endpoint.value, &user.value))
        .map(|user| (manifest::login_name(user).to_owned(), user.clone()))
        .collect()
}

type MadeKeys = (Vec<(SecretKey, Vec<u8>)>, BTreeMap<String, PathBuf>);

/// A key pair for every optional Secret that is absent; its public half is what the Secret would hold.
fn make_keys(
    manifests: &Manifests,
    endpoint: &Object<SecureFtpEndpoint>,
    sources: Sources<'_>,
    materials: &mut Materials<'_>,
) -> Result<MadeKeys, keys::Error> {
    let absent = plan::absent_optional_secrets(sources);
    let mut set = BTreeMap::new();
    let mut made = BTreeMap::new();
    for (name, user) in served(manifests, endpoint) {
        let keys = user.value.spec.authentication.authorized_keys.as_ref();
        let Some(reference) = keys.and_then(|keys| keys.secret_ref.as_ref()) else {
            continue;
        };
        let entry = SecretKey {
            namespace: user.identity.namespace.clone(),
            secret: reference.name.clone(),
            key: reference.key.clone(),
        };
        if !absent.contains(&entry) {
            continue;
        }
        // Users who name one Secret share what is in it.
        let (path, line) = match set.get(&entry) {
            Some(known) => Clone::clone(known),
            None => materials.user_key(&name)?,
        };
        made.insert(name, path.clone());
        set.insert(entry, (path, line));
    }
    let set = set
        .into_iter()
        .map(|(entry, (_, line))| (entry, line.into_bytes()))
        .collect();
    Ok((set, made))
}

fn hash_passwords(
    sources: Sources<'_>,
    materials: &mut Materials<'_>,
) -> Result<PasswordHashes, super::Error> {
    plan::plaintext_passwords(sources)
        .into_iter()
        .map(|(entry, plaintext)| {
            let hash = materials.password_hash(&entry, &plaintext)?;
            Ok((entry, hash))
        })
        .collect()
}

fn placement(
    endpoint: &Object<SecureFtpEndpoint>,
    address: IpAddr,
    ports: Ports,
    materials: &Materials<'_>,
) -> Result<Placement, super::Error> {
    let spec = &endpoint.value.spec;
    Ok(Placement {
        address,
        ports: ports.bound_by(&endpoint.value),
        // It has a port and an address of its own.
        admin: None,
        passive: PassivePlacement {
            // This machine is the only gateway, whatever `replicas` says.
            share: Share::Whole,
            told: Told::AsBound,
            told_before: BTreeMap::new(),
            // Clients of one address find that one here, not the one that the manifest promises elsewhere.
            address: match address {
                IpAddr::V4(address) if !address.is_unspecified() => Some(address),
                IpAddr::V4(_) | IpAddr::V6(_) => None,
            },
        },
        certificates: certificates(endpoint, address, materials)?
            .into_iter()
            .map(|(listener, certificate)| (listener, Ok(certificate)))
            .collect(),
        volume: materials.volume(&spec.storage.persistent_volume_claim.claim_name)?,
        // Nobody stands between the clients and this machine.
        client_address: ClientAddress::Real,
    })
}

/// A certificate for every listener that names an issuer, whoever that is.
pub(super) fn certificates(
    endpoint: &Object<SecureFtpEndpoint>,
    address: IpAddr,
    materials: &Materials<'_>,
) -> Result<BTreeMap<String, Certificate>, super::Error> {
    let spec = &endpoint.value.spec;
    let identity = (&*endpoint.identity.namespace, &*endpoint.identity.name);
    let passive = spec.data_connections.as_ref().map(|data| &data.passive);
    let mut here = Names::from(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    if address.is_unspecified() {
        // The address that clients from elsewhere come to, if anything says it.
        let told = passive.and_then(|passive| passive.address.clone());
        here.extend(told.filter(|address| address.parse::<IpAddr>().is_ok()));
    } else {
        here.insert(address.to_string());
    }
    let mut certificates = BTreeMap::new();
    for listener in &spec.listeners {
        if let Some(tls) = &listener.tls
            && tls.issuer_ref.is_some()
            && tls.secret_ref.is_none()
        {
            let names = tls.dns_names.iter().chain(&here).cloned().collect();
            let certificate = materials.certificate(identity, &listener.name, &names)?;
            certificates.insert(listener.name.clone(), certificate);
        }
    }
    Ok(certificates)
}
