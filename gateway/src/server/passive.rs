//! The passive ports of one gateway: bound when it starts, changed with its listeners, unbound at its end.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use gateway_config::{Active, ActiveMode, Binding, DataConnections, Endpoint, Passive};
use tokio::net::TcpStream;

use super::StartError;
use crate::{
    ftps::{Introduced, Introduction, PassiveBindError, PassivePorts},
    metrics::{DataConnection, Metrics},
    proxy::{Caller, NoOrigin, Origins},
};

/// They live as long as the gateway, so that their counters do; an endpoint without FTPS has none bound.
#[derive(Debug)]
pub(super) struct DataPorts {
    ports: PassivePorts,
}

impl DataPorts {
    /// No port is bound yet. Must be called in a tokio runtime.
    pub(super) fn new(origins: Arc<Origins>, metrics: Metrics) -> Result<Self, StartError> {
        let reception = Arc::new(Reception { origins, metrics });
        let introduction = Introduction::new(move |stream, address| {
            let reception = Arc::clone(&reception);
            async move { reception.introduce(stream, address).await }
        });
        let ports = PassivePorts::bind(&none(), introduction).map_err(failed)?;
        Ok(Self { ports })
    }

    /// Binds what is new, keeps what stays, closes the others as soon as nobody waits there. All or nothing. Must be
    /// called in a tokio runtime.
    pub(super) fn listen(&self, endpoint: &Endpoint) -> Result<(), StartError> {
        let wanted = endpoint.data_connections.as_ref();
        let changed = match wanted {
            Some(connections) => self.ports.change(connections),
            None => self.ports.change(&none()),
        };
        changed.map_err(failed)
    }

    /// What the clients of this endpoint get.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Option<PassivePorts> {
        let wanted = endpoint.data_connections.as_ref();
        wanted.map(|_connections| self.ports.clone())
    }

    /// Closes every port as soon as nobody waits there.
    pub(super) fn close(&self) {
        // Nothing is bound, so nothing can fail.
        let _closed = self.ports.change(&none());
    }

    pub(super) fn ports(&self) -> &PassivePorts {
        &self.ports
    }
}

/// Who stands at the passive ports.
struct Reception {
    origins: Arc<Origins>,
    metrics: Metrics,
}

impl Reception {
    /// Finds out where a data connection comes from; None: it is closed, and was counted.
    async fn introduce(&self, mut stream: TcpStream, address: SocketAddr) -> Option<Introduced> {
        let outcome = match self.origins.identify(&mut stream, address).await {
            Ok(Caller::Client(origin)) => {
                return Some(Introduced { stream, origin });
            }
            Ok(Caller::Balancer(_)) => DataConnection::BalancerProbe,
            Err(why) => {
                self.origins.complain(address, &why);
                outcome_of(&why)
            }
        };
        self.metrics.data_connection(outcome);
        None
    }
}

fn outcome_of(why: &NoOrigin) -> DataConnection {
    match why {
        NoOrigin::Closed => DataConnection::Probe,
        NoOrigin::Untrusted | NoOrigin::Missing => DataConnection::NoProxyHeader,
        NoOrigin::Version1 | NoOrigin::Malformed(_) | NoOrigin::TooSlow | NoOrigin::Broken(_) => {
            DataConnection::BadProxyHeader
        }
    }
}

fn none() -> DataConnections {
    DataConnections {
        binding: Binding::TlsRequired,
        passive: Passive {
            listen: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            ports: Vec::new(),
            address: None,
            wait_seconds: 0,
            connect_seconds: 0,
        },
        active: Active {
            mode: ActiveMode::Deny,
            message: String::new(),
        },
    }
}

fn failed(error: PassiveBindError) -> StartError {
    let PassiveBindError { port, source } = error;
    StartError::PassivePort { port, source }
}

/// What to do when a passive port cannot be bound.
pub(super) fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there, or this gateway itself elsewhere; stop the program, or leave the port out \
             of the passive ports; what this gateway has itself moves in two changes, first away and then here, or \
             with a restart"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need root or CAP_NET_BIND_SERVICE; choose higher passive ports"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address to listen on; use one that it has, or 0.0.0.0 or :: for all"
        }
        _ => "the system refuses",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gateway_config::{
        AuthenticationMethod, ClientAddress, Durability, Limits, ProxyMode, ProxyProtocol, Ssh,
        SshPolicy, Storage, Uploads,
    };
    use prometheus::Registry;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    const CLIENT: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\0\x16";
    const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

    fn endpoint(trusted: &str) -> Endpoint {
        Endpoint {
            version: gateway_config::VERSION,
            namespace: "b2b".to_owned(),
            name: "partners".to_owned(),
            generation: 1,
            listeners: Vec::new(),
            client_address: ClientAddress::Real,
            proxy_protocol: ProxyProtocol {
                mode: ProxyMode::Required,
                trusted_cidrs: vec![trusted.parse().unwrap()],
            },
            data_connections: None,
            ssh: Ssh {
                policy: SshPolicy::Modern,
                authentication_methods: vec![AuthenticationMethod::Password],
            },
            limits: Limits {
                sessions: 1,
                sessions_per_user: 1,
                connections_per_address: 1,
                half_open: 1,
                login_seconds: 1,
                idle_seconds: 1,
                login_failures: 1,
                ban_seconds: 1,
                memory_per_session_bytes: 1,
            },
            storage: Storage {
                volume: "/".into(),
                uploads: Uploads::Direct,
                durability: Durability::Written,
                stuck_seconds: 1,
                stuck_threads_max: 1,
            },
            drain_seconds: 1,
            users: BTreeMap::new(),
        }
    }

    /// What becomes of a data connection from this machine that begins so, and how it is counted.
    async fn introduce(trusted: &str, bytes: &[u8]) -> (Option<Introduced>, String) {
        let registry = Registry::new();
        let reception = Reception {
            origins: Arc::new(Origins::new(&endpoint(trusted))),
            metrics: Metrics::register(&registry, "b2b/partners").unwrap(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();

        let introduced = reception.introduce(stream, address).await;

        let text = prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        let counted = text
            .lines()
            .filter(|line| line.starts_with("secureftp_passive_connections_total"))
            .filter(|line| line.ends_with(" 1"))
            .collect();
        (introduced, counted)
    }

    #[tokio::test]
    async fn a_data_connection_comes_from_where_its_header_says() {
        let (introduced, counted) = introduce("127.0.0.1/32", &[CLIENT, b"file"].concat()).await;

        let mut introduced = introduced.unwrap();
        let origin = introduced.origin;
        assert_eq!(origin.address, "192.0.2.1:56324".parse().unwrap());
        assert_eq!(origin.visibility, ClientAddress::Real);
        let mut rest = String::new();
        introduced.stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "file");
        assert_eq!(counted, "");
    }

    #[tokio::test]
    async fn a_data_connection_that_is_nobodys_is_closed_and_counted() {
        let here = "127.0.0.1/32";
        let elsewhere = "192.0.2.0/24";
        for (trusted, bytes, outcome) in [
            (here, LOCAL, "balancer_probe"),
            (here, b"", "probe"),
            (here, b"file", "no_proxy_header"),
            (elsewhere, CLIENT, "no_proxy_header"),
            (here, b"PROXY UNKNOWN\r\n", "bad_proxy_header"),
            (here, &CLIENT[..20], "bad_proxy_header"),
        ] {
            let (introduced, counted) = introduce(trusted, bytes).await;

            assert!(introduced.is_none(), "{outcome}");
            assert!(
                counted.contains(&format!("outcome=\"{outcome}\"")),
                "{counted}"
            );
        }
    }
}
