//! The PROXY header, version 2 (`HAProxy`, `doc/proxy-protocol.txt` §2.2): bytes to a value, and nothing else.
//!
//! Parsed here and not by a crate: they want the whole header in one buffer, so its length had to be read here anyway,
//! and that is half of it; and they refuse a `LOCAL` header whose family they should ignore.

use std::net::{IpAddr, SocketAddr};

/// What every header begins with. No client of ours does: SSH begins with `SSH-`, TLS with 0x16, FTP with a letter.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// What a header of version 1 begins with.
pub(super) const VERSION_1: &[u8] = b"PROXY ";

/// Bytes before the body.
pub(super) const HEAD: usize = 16;

/// The longest body. Addresses need 36 bytes (216 for those of Unix sockets); the rest is there for extensions (TLVs)
/// such as names, identifiers and padding.
const BODY_MAX: usize = 4096 - HEAD;

/// The fixed part of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    command: Command,
    family: Family,
    /// Bytes that follow and belong to the header.
    pub(super) body: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Local,
    Proxy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Tcp4,
    Tcp6,
    /// Unknown, datagrams or Unix sockets: no address of a client of ours.
    Other,
}

/// Whom a header speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The balancer itself, usually to see whether somebody serves.
    Balancer,
    /// A client whose address the balancer does not know.
    Unknown,
    /// The client at this address.
    Client(SocketAddr),
}

/// Why bytes are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// They begin as one and go on differently.
    #[error("the signature is wrong")]
    Signature,
    /// The version is not 2.
    #[error("version {0} is not 2")]
    Version(u8),
    /// The command is neither LOCAL nor PROXY.
    #[error("there is no command {0}")]
    Command(u8),
    /// The address family or the transport is not one of the specification's.
    #[error("there is no address family and transport {0:#04x}")]
    Family(u8),
    /// It has more extensions than anybody needs.
    #[error("{0} bytes after the head are more than {BODY_MAX}")]
    TooLong(usize),
    /// It is too short for the addresses that it announces.
    #[error("{0} bytes after the head are too few for its addresses")]
    TooShort(usize),
}

impl Head {
    /// Says how much follows, or that this is no header.
    pub(super) fn parse(bytes: [u8; HEAD]) -> Result<Self, Malformed> {
        let [signature @ .., version_and_command, family, high, low] = bytes;
        if signature != SIGNATURE {
            return Err(Malformed::Signature);
        }
        let command = match (version_and_command >> 4, version_and_command & 0xf) {
            (2, 0) => Command::Local,
            (2, 1) => Command::Proxy,
            (2, command) => return Err(Malformed::Command(command)),
            (version, _) => return Err(Malformed::Version(version)),
        };
        let family = match (command, family) {
            (_, 0x11) => Family::Tcp4,
            (_, 0x21) => Family::Tcp6,
            // Unspecified; UDP over IPv4 and IPv6; Unix streams and datagrams. Of LOCAL the family is ignored.
            (_, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) | (Command::Local, _) => Family::Other,
            (Command::Proxy, family) => return Err(Malformed::Family(family)),
        };
        let body = usize::from(u16::from_be_bytes([high, low]));
        if body > BODY_MAX {
            return Err(Malformed::TooLong(body));
        }
        Ok(Self {
            command,
            family,
            body,
        })
    }

    /// Whom the header speaks of; `body` is what followed.
    pub(super) fn source(self, body: &[u8]) -> Result<Source, Malformed> {
        let client = match (self.command, self.family) {
            (Command::Local, _) => return Ok(Source::Balancer),
            (Command::Proxy, Family::Other) => return Ok(Source::Unknown),
            (Command::Proxy, Family::Tcp4) => source_of::<4>(body),
            (Command::Proxy, Family::Tcp6) => source_of::<16>(body),
        };
        client
            .map(Source::Client)
            .ok_or(Malformed::TooShort(body.len()))
    }
}

/// The first of two addresses of this size, and of the two ports behind them.
fn source_of<const SIZE: usize>(body: &[u8]) -> Option<SocketAddr>
where
    [u8; SIZE]: Into<IpAddr>,
{
    let (address, rest) = body.split_first_chunk::<SIZE>()?;
    let (_destination, rest) = rest.split_first_chunk::<SIZE>()?;
    let (port, rest) = rest.split_first_chunk()?;
    let (_destination_port, _extensions) = rest.split_first_chunk::<2>()?;
    // One form for each address, so that equal clients compare equal.
    let address = (*address).into().to_canonical();
    Some(SocketAddr::new(address, u16::from_be_bytes(*port)))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// The whole header at the beginning of these bytes.
    fn parse(bytes: &[u8]) -> Result<Source, Malformed> {
        let (head, rest) = bytes.split_first_chunk().expect("a whole head");
        let head = Head::parse(*head)?;
        head.source(rest.get(..head.body).expect("a whole body"))
    }

    fn header(version_and_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [
            &SIGNATURE[..],
            &[version_and_command, family],
            &length,
            body,
        ]
        .concat()
    }

    #[test]
    fn a_client_over_ipv4_is_found() {
        // From 192.0.2.1:56324 to 198.51.100.2:22, as HAProxy writes it.
        let bytes =
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\0\x16";

        let client = "192.0.2.1:56324".parse().unwrap();
        assert_eq!(parse(bytes), Ok(Source::Client(client)));
    }

    #[test]
    fn a_client_over_ipv6_is_found() {
        let source = "2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap();
        let body = [&source.octets()[..], &[0; 16], &[0x9c, 0x40, 0, 22]].concat();

        let client = "[2001:db8::7]:40000".parse().unwrap();
        assert_eq!(
            parse(&header(0x21, 0x21, &body)),
            Ok(Source::Client(client))
        );
    }

    #[test]
    fn an_ipv4_client_in_an_ipv6_header_is_an_ipv4_client() {
        let source = "::ffff:192.0.2.1".parse::<std::net::Ipv6Addr>().unwrap();
        let body = [&source.octets()[..], &[0; 16], &[0x9c, 0x40, 0, 22]].concat();

        let client = "192.0.2.1:40000".parse().unwrap();
        assert_eq!(
            parse(&header(0x21, 0x21, &body)),
            Ok(Source::Client(client))
        );
    }

    #[test]
    fn what_is_no_tcp_client_is_unknown() {
        for family in [0x00, 0x12, 0x22, 0x31, 0x32] {
            assert_eq!(
                parse(&header(0x21, family, &[0; 216])),
                Ok(Source::Unknown),
                "{family:#04x}"
            );
        }
    }

    #[test]
    fn of_a_balancers_own_connection_nothing_else_matters() {
        for (family, body) in [(0x00, &[][..]), (0x11, &[]), (0x11, &[7; 12]), (0xff, &[7])] {
            assert_eq!(parse(&header(0x20, family, body)), Ok(Source::Balancer));
        }
    }

    #[test]
    fn what_the_specification_does_not_know_is_malformed() {
        let mut typo = header(0x21, 0x11, &[0; 12]);
        typo[10] = b't';
        for (bytes, why) in [
            (typo, Malformed::Signature),
            (header(0x11, 0x11, &[0; 12]), Malformed::Version(1)),
            (header(0x22, 0x11, &[0; 12]), Malformed::Command(2)),
            (header(0x21, 0x13, &[0; 12]), Malformed::Family(0x13)),
            (header(0x21, 0x41, &[0; 12]), Malformed::Family(0x41)),
            (header(0x21, 0x11, &[0; 11]), Malformed::TooShort(11)),
            (header(0x21, 0x21, &[0; 35]), Malformed::TooShort(35)),
            (header(0x21, 0x11, &[0; 4081]), Malformed::TooLong(4081)),
        ] {
            assert_eq!(parse(&bytes), Err(why));
        }
    }

    proptest! {
        #[test]
        fn any_client_is_found_whatever_the_extensions(
            address: [u8; 16],
            other: [u8; 16],
            ports: [u8; 4],
            extensions in vec(any::<u8>(), 0..4000),
        ) {
            let body = [&address[..], &other, &ports, &extensions].concat();

            let client = SocketAddr::new(
                IpAddr::from(address).to_canonical(),
                u16::from_be_bytes([ports[0], ports[1]]),
            );
            prop_assert_eq!(parse(&header(0x21, 0x21, &body)), Ok(Source::Client(client)));
        }

        #[test]
        fn no_bytes_make_it_panic(head: [u8; 4], body in vec(any::<u8>(), 0..64)) {
            let [version_and_command, family, high, low] = head;
            let mut bytes = [0; HEAD];
            bytes[..12].copy_from_slice(&SIGNATURE);
            bytes[12..].copy_from_slice(&[version_and_command, family, high, low]);
            if let Ok(head) = Head::parse(bytes) {
                prop_assert!(head.body <= BODY_MAX);
                let _source = head.source(&body);
            }
        }
    }
}
