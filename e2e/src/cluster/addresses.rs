//! The addresses of a cluster. All are set aside for documentation and measurements (RFC 5737, RFC 2544), and none is
//! seen outside of the cluster's own network namespaces.

use std::net::Ipv4Addr;

/// Whom the cluster serves.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// Where the API server and its controllers live.
pub const CONTROL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);

/// Where the nodes, the client and the API server are neighbours.
pub const NEIGHBOURS_LENGTH: u8 = 24;

/// The pods of all nodes.
pub const PODS: &str = "198.18.0.0/16";

/// The addresses of Services inside of the cluster.
pub const SERVICES: &str = "198.19.0.0/16";

/// The API server's address inside of the cluster: the first of [`SERVICES`].
pub const API_SERVICE: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 1);

/// The addresses of Services of type `LoadBalancer`.
pub const LOAD_BALANCERS: &str = "203.0.113.0/24";

/// A node's address.
pub const fn node(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, 10 + number)
}

/// The pods of a node.
pub fn pods_of(node: u8) -> String {
    format!("198.18.{node}.0/24")
}

/// The port of the API server.
pub const API_PORT: u16 = 6443;
