//! Over which network protocol a client comes.

use std::net::IpAddr;

use ftp::Family;
use gateway_config::ClientAddress;

use crate::peer::Peer;

/// How the client itself has come here: a header tells it of who came through a load balancer, and a socket of IPv6
/// takes connections of IPv4, too.
pub(super) fn family(peer: &Peer) -> Family {
    match (peer.visibility, peer.address.ip().to_canonical()) {
        (ClientAddress::Hidden, _) => Family::Unknown,
        (ClientAddress::Real, IpAddr::V4(_)) => Family::V4,
        (ClientAddress::Real, IpAddr::V6(_)) => Family::V6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_of_the_client_itself_decides_its_family() {
        let check = |address: &str, visibility, expected| {
            let peer = Peer::new(address.parse().unwrap(), visibility);
            assert_eq!(family(&peer), expected, "{address}");
        };

        check("192.0.2.7:1024", ClientAddress::Real, Family::V4);
        check("[::ffff:192.0.2.7]:1024", ClientAddress::Real, Family::V4);
        check("[2001:db8::7]:1024", ClientAddress::Real, Family::V6);
        check("10.0.0.1:1024", ClientAddress::Hidden, Family::Unknown);
    }
}
