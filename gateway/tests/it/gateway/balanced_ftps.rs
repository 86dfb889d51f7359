//! FTPS through a balancer: control and data connections both begin with a PROXY header.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
};

use gateway::server::Server;
use gateway_config::{Encryption, ProxyMode};
use prometheus::Registry;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::{
    fixture::{PATIENCE, eventually, text},
    passive::{DATA, folder, free_ports},
    proxy::{ALICE, BOB, header_of, local_header, trusting},
};

/// A connection through the balancer.
async fn connect(address: SocketAddr, header: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(header).await.unwrap();
    stream
}

/// Everything that comes until the end.
async fn hear(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let _end = timeout(PATIENCE, stream.read_to_end(&mut heard))
        .await
        .unwrap();
    String::from_utf8(heard).unwrap()
}

/// The control connection.
pub(super) struct Control(pub(super) BufReader<TcpStream>);

impl Control {
    /// Reads replies up to one with this code.
    pub(super) async fn expect(&mut self, code: &str) -> String {
        let reading = async {
            loop {
                let mut line = Vec::new();
                while !line.ends_with(b"\r\n") {
                    line.push(self.0.read_u8().await.unwrap());
                }
                let line = String::from_utf8(line).unwrap();
                if line.starts_with(&format!("{code} ")) {
                    return line;
                }
                assert!(line.starts_with(code.chars().next().unwrap()), "{line}");
            }
        };
        timeout(PATIENCE, reading).await.unwrap()
    }

    pub(super) async fn ask(&mut self, command: &str, code: &str) -> String {
        let line = format!("{command}\r\n");
        self.0.get_mut().write_all(line.as_bytes()).await.unwrap();
        self.expect(code).await
    }
}

#[tokio::test]
async fn a_data_connection_belongs_to_the_client_whose_address_its_header_tells() {
    let [port] = free_ports();
    let mut folder = folder(&[port]);
    folder.give_password();
    let home = folder.beside("volume/supplier");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("orders.csv"), "1").unwrap();
    folder.change(|endpoint| {
        endpoint.proxy_protocol = trusting(ProxyMode::Required, Ipv4Addr::LOCALHOST);
        endpoint.listeners[1].tls.as_mut().unwrap().encryption = Encryption::Optional;
    });
    let registry = Registry::new();
    let server = Server::start(&folder.path(), &registry).await.unwrap();
    let stream = connect(server.addresses()[1].1, &header_of(ALICE)).await;
    let mut control = Control(BufReader::new(stream));
    control.expect("220").await;
    control.ask("USER supplier", "331").await;
    control.ask("PASS correct horse", "230").await;

    let opened = control.ask("EPSV", "229").await;
    assert!(opened.contains(&format!("|||{port}|")), "{opened}");
    let door = SocketAddr::from((DATA, port));
    let mut probe = connect(door, &local_header()).await;
    let mut bob = connect(door, &header_of(BOB)).await;
    let mut stranger = connect(door, b"").await;
    let mut alice = connect(door, &header_of(ALICE)).await;
    control.ask("MLSD", "150").await;

    let listing = hear(&mut alice).await;
    assert!(listing.contains("orders.csv"), "{listing}");
    control.expect("226").await;
    for other in [&mut probe, &mut bob, &mut stranger] {
        assert_eq!(hear(other).await, "");
    }
    let counted = "outcome=\"balancer_probe\"} 1\n";
    eventually(counted, || text(&registry).contains(counted)).await;
}
