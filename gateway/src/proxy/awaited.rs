//! A connection that begins with a header, or may begin with one.

use std::{net::SocketAddr, time::Duration};

use gateway_config::ClientAddress;
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    Caller, NoOrigin, Origin,
    header::{HEAD, Head, SIGNATURE, Source, VERSION_1},
};

/// How long a header may take, from the connection on. Balancers send it at once; the specification asks for 3 seconds at least, so that a lost
/// packet can be sent again.
pub(crate) const HEADER_TIME: Duration = Duration::from_secs(5);

/// How long a connection that needs no header may be silent until it counts as one without. FTP clients, and some SSH
/// clients, say nothing before they are greeted, so this delays their greeting: long enough for one packet sent again
/// (200 ms in a cluster), short enough not to be noticed.
const SILENCE: Duration = Duration::from_millis(500);

/// A connection whose origin may be said by a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Awaited {
    pub(super) address: SocketAddr,
    pub(super) demand: Demand,
    /// How long the login may take, of which the header is a part.
    pub(super) login_time: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    Optional,
    Required,
}

/// How a connection begins.
enum Beginning {
    Silence,
    Header,
    HeaderOfVersion1,
    Other,
}

impl Awaited {
    /// Reads the header if there is one. What comes after it, or instead of an optional one, is left to be read.
    pub(crate) async fn identify(self, stream: &mut TcpStream) -> Result<Caller, NoOrigin> {
        let hidden = Origin::hidden(self.address);
        let now = Instant::now();
        let header_ends = now + HEADER_TIME.min(self.login_time);
        let silence_ends = match self.demand {
            Demand::Optional => header_ends.min(now + SILENCE),
            Demand::Required => header_ends,
        };
        let beginning = match timeout_at(silence_ends, beginning(stream)).await {
            Ok(beginning) => beginning?,
            Err(_elapsed) => Beginning::Silence,
        };
        match (beginning, self.demand) {
            (Beginning::Header, _) => {}
            (Beginning::HeaderOfVersion1, _) => return Err(NoOrigin::Version1),
            (Beginning::Silence | Beginning::Other, Demand::Required) => {
                return Err(NoOrigin::Missing);
            }
            (Beginning::Silence | Beginning::Other, Demand::Optional) => {
                return Ok(Caller::Client(hidden));
            }
        }
        let source = timeout_at(header_ends, read_header(stream))
            .await
            .map_err(|_elapsed| NoOrigin::TooSlow)??;
        Ok(match source {
            Source::Balancer => Caller::Balancer(hidden),
            Source::Unknown => match self.demand {
                Demand::Optional => Caller::Client(hidden),
                // Whoever is served has a known address: that is what is required.
                Demand::Required => return Err(NoOrigin::Missing),
            },
            Source::Client(address) => Caller::Client(Origin {
                address,
                visibility: ClientAddress::Real,
            }),
        })
    }
}

/// Looks at the first bytes and takes none. One byte is enough to recognise a header, since nothing else begins so.
async fn beginning(stream: &TcpStream) -> Result<Beginning, NoOrigin> {
    let mut bytes = [0; VERSION_1.len()];
    // A connection that is reset before its first byte was a probe as well.
    let count = stream.peek(&mut bytes).await.unwrap_or(0);
    let seen = bytes.get(..count).unwrap_or_default();
    match seen.first() {
        None => Err(NoOrigin::Closed),
        first if first == SIGNATURE.first() => Ok(Beginning::Header),
        Some(_) if seen == VERSION_1 => Ok(Beginning::HeaderOfVersion1),
        Some(_) => Ok(Beginning::Other),
    }
}

async fn read_header(stream: &mut TcpStream) -> Result<Source, NoOrigin> {
    let mut head = [0; HEAD];
    let read = stream.read_exact(&mut head).await;
    read.map_err(NoOrigin::Broken)?;
    let head = Head::parse(head).map_err(NoOrigin::Malformed)?;
    let mut body = vec![0; head.body];
    let read = stream.read_exact(&mut body).await;
    read.map_err(NoOrigin::Broken)?;
    head.source(&body).map_err(NoOrigin::Malformed)
}
