//! A gateway that serves explicit and implicit FTPS, for one test.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use gateway::{
    drain::{Arrivals, Drain, Phase},
    endpoint::{Endpoint, Served},
    ftps::{self, Certificate, Introduction, PassivePorts, ServerTls},
    peer::Peer,
};
use gateway_config::{
    Active, ActiveMode, Binding, ClientAddress, Configuration, DataConnections, Encryption,
    Listener, Passive, PassivePort, Protocol, Tls, TlsVersion,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::fixture::{self, ed25519};
pub(super) use crate::fixture::{PASSWORD, PATIENCE, eventually};

pub(super) struct Gateway {
    pub(super) explicit: SocketAddr,
    pub(super) implicit: SocketAddr,
    pub(super) drain: Drain,
    pub(super) metrics: prometheus::Registry,
    folder: TempDir,
    /// The peers of the connections that are over.
    ended: Arc<Mutex<Vec<Peer>>>,
    listeners: Vec<JoinHandle<()>>,
}

/// What a test wants to be different.
pub(super) type Change = fn(&mut Configuration);

pub(super) fn unchanged(_configuration: &mut Configuration) {}

fn listener(name: &str, protocol: Protocol) -> Listener {
    Listener {
        name: name.to_owned(),
        protocol,
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Some(Tls {
            encryption: Encryption::Required,
            min_version: TlsVersion::V1_2,
        }),
    }
}

fn data_connections() -> DataConnections {
    // The system chooses the ports.
    let port = PassivePort {
        bound: 0,
        advertised: 0,
    };
    DataConnections {
        binding: Binding::TlsPreferred,
        passive: Passive {
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: vec![port; 4],
            address: Some(Ipv4Addr::LOCALHOST),
            wait_seconds: 10,
            connect_seconds: 20,
        },
        active: Active {
            mode: ActiveMode::Deny,
            message: "use EPSV".to_owned(),
        },
    }
}

/// A certificate for `localhost`, and who has signed it.
fn certificate() -> (Certificate, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority
        .distinguished_name
        .push(DnType::CommonName, "authority of a test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let signed = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let certificate = Certificate {
        chain: signed.pem().into_bytes(),
        key: key.serialize_pem().into_bytes().into(),
    };
    (certificate, authority.pem())
}

impl Gateway {
    pub(super) async fn start(change: Change) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("volume")).unwrap();
        Self::start_in(folder, change).await
    }

    /// On a disk of one mebibyte; None: mounting one takes a privilege.
    pub(super) async fn start_on_small_disk() -> Option<(Self, Mount)> {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let volume = folder.path().join("volume");
        std::fs::create_dir(&volume).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "none"])
            .arg(&volume)
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            return None;
        }
        let mount = Mount(volume);
        Some((Self::start_in(folder, unchanged).await, mount))
    }

    async fn start_in(folder: TempDir, change: Change) -> Self {
        let volume = folder.path().join("volume");
        let (certificate, authority) = certificate();
        std::fs::write(folder.path().join("ca.pem"), authority).unwrap();
        let mut configuration = fixture::configuration("ftps", &volume);
        configuration.endpoint.listeners = vec![
            listener("explicit", Protocol::FtpsExplicit),
            listener("implicit", Protocol::FtpsImplicit),
        ];
        configuration.endpoint.data_connections = Some(data_connections());
        change(&mut configuration);
        let drain = Drain::default();
        let registry = prometheus::Registry::new();
        let endpoint = endpoint(configuration, &certificate, &drain, &registry);
        let served = Served::new(endpoint);
        let ended = Arc::default();
        let mut addresses = Vec::new();
        let mut listeners = Vec::new();
        for listener in &served.now().configuration.endpoint.listeners {
            let socket = TcpListener::bind(listener.address).await.unwrap();
            addresses.push(socket.local_addr().unwrap());
            let serving = serve(socket, listener.clone(), served.clone(), Arc::clone(&ended));
            listeners.push(tokio::spawn(serving));
        }
        Self {
            explicit: addresses[0],
            implicit: addresses[1],
            drain,
            metrics: registry,
            folder,
            ended,
            listeners,
        }
    }

    pub(super) fn volume(&self) -> PathBuf {
        self.folder.path().join("volume")
    }

    /// Where the certificate of the authority is, PEM.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A path for what a client keeps.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.volume().join(name), content).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.volume().join(name)).unwrap()
    }

    /// Waits for the end of the first connection; whether it has said anything.
    pub(super) async fn first_was_heard(&self) -> bool {
        eventually("a connection has ended", || {
            !self.ended.lock().unwrap().is_empty()
        })
        .await;
        self.ended.lock().unwrap()[0].was_heard()
    }

    /// The value of the series whose line begins so.
    pub(super) fn metric(&self, series: &str) -> u64 {
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&self.metrics.gather())
            .unwrap();
        let line = text.lines().find(|line| line.starts_with(series));
        let value = line.unwrap_or_else(|| panic!("no {series}"));
        value.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

/// Something mounted, until it is dropped.
pub(super) struct Mount(PathBuf);

impl Mount {
    /// From now on nothing can be changed there.
    pub(super) fn make_read_only(&self) {
        let mounted = std::process::Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.0)
            .status();
        assert!(mounted.unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let mut unmounting = std::process::Command::new("umount");
        drop(unmounting.arg("-l").arg(&self.0).status());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

async fn serve(
    socket: TcpListener,
    listener: Listener,
    served: Served,
    ended: Arc<Mutex<Vec<Peer>>>,
) {
    loop {
        let (stream, from) = socket.accept().await.unwrap();
        if served.now().drain.phase() == Phase::Draining(Arrivals::Refuse) {
            tokio::spawn(async move {
                ftps::refuse(stream, "This gateway is stopping", listener.protocol).await;
            });
            continue;
        }
        let peer = Peer::new(from, ClientAddress::Real);
        let (served, listener) = (served.clone(), listener.clone());
        let ended = Arc::clone(&ended);
        tokio::spawn(async move {
            ftps::serve(stream, peer.clone(), served, &listener).await;
            ended.lock().unwrap().push(peer);
        });
    }
}

fn endpoint(
    configuration: Configuration,
    certificate: &Certificate,
    drain: &Drain,
    registry: &prometheus::Registry,
) -> Endpoint {
    let tls = configuration.endpoint.listeners.iter().map(|listener| {
        let tls = ServerTls::new(listener.tls.as_ref().unwrap(), certificate).unwrap();
        (listener.name.clone(), Arc::new(tls))
    });
    let tls = tls.collect();
    let data = configuration.endpoint.data_connections.as_ref().unwrap();
    let passive = PassivePorts::bind(data, Introduction::direct(ClientAddress::Real));
    Endpoint {
        tls,
        passive: Some(passive.unwrap()),
        ..fixture::endpoint(configuration, &ed25519(), drain, registry)
    }
}
