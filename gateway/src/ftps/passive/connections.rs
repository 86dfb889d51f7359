//! The sockets of the candidates for one reserved port.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use super::{
    admission::CANDIDATES_MAX,
    candidate::CandidateId,
    contest::Event,
    introduction::{Introduced, Introduction},
    reservation::{DataStream, Handshaker},
};
use crate::{
    farewell::throw_away,
    ftps::{
        socket::{DataSocket, Socket},
        tls::Handshake,
    },
    proxy::HEADER_TIME,
};

/// Connections of which it is not yet known where they come from.
const INTRODUCTIONS_MAX: usize = 16;
/// How long a connection may take to say where it comes from: longer than a header may, so that whoever reads headers
/// counts those that took too long before they are dropped here.
const INTRODUCTION_TIME: Duration = HEADER_TIME.saturating_add(Duration::from_secs(1));
/// What a connection may still send after it was refused, in bytes.
const LEAVING_BYTES_MAX: u64 = 1 << 20;

/// Everything that has connected since the port was reserved. Dropping it closes all.
pub(super) struct Connections {
    introduction: Introduction,
    last_id: u64,
    /// In the order of their arrival.
    all: Vec<(CandidateId, Connection)>,
}

enum Connection {
    Introducing(BoxFuture<'static, Option<Introduced>>),
    /// Nothing has come, which is why it is watched.
    Silent(TcpStream),
    /// Its first byte or its end is there.
    Heard(TcpStream),
    Handshaking(BoxFuture<'static, io::Result<(DataStream, Handshake)>>),
    Handshaken(DataStream),
    /// It is told that it is not wanted.
    Leaving(BoxFuture<'static, ()>),
    Gone,
}

impl Connections {
    /// There are none yet.
    pub(super) const fn new(introduction: Introduction) -> Self {
        Self {
            introduction,
            last_id: 0,
            all: Vec::new(),
        }
    }

    /// Whether there is room for one more connection of which it is not known where it comes from.
    pub(super) fn have_room(&self) -> bool {
        self.introducing() < INTRODUCTIONS_MAX
    }

    /// A connection was accepted. It becomes a candidate when it is known where it comes from.
    pub(super) fn introduce(&mut self, stream: TcpStream, address: SocketAddr) {
        self.last_id = self.last_id.wrapping_add(1);
        let introducing = timeout(INTRODUCTION_TIME, self.introduction.begin(stream, address));
        self.all.push((
            CandidateId(self.last_id),
            Connection::Introducing(Box::pin(async move { introducing.await.ok().flatten() })),
        ));
    }

    /// Connections of which it is not yet known where they come from.
    pub(super) fn introducing(&self) -> usize {
        self.all
            .iter()
            .filter(|(_, connection)| matches!(connection, Connection::Introducing(_)))
            .count()
    }

    /// What happens next. Safe to drop.
    pub(super) async fn next(&mut self) -> Event {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        for (id, connection) in &mut self.all {
            if let Poll::Ready(Some(event)) = connection.poll_next(*id, context) {
                return Poll::Ready(event);
            }
        }
        self.forget_gone();
        Poll::Pending
    }

    fn forget_gone(&mut self) {
        self.all
            .retain(|(_, connection)| !matches!(connection, Connection::Gone));
    }

    /// Closes a connection. After a handshake that is done politely, and for as long as the contest lasts: a client whose
    /// data connection just breaks reports that, and not the reason that it reads on its control connection.
    pub(super) fn close(&mut self, id: CandidateId) {
        self.replace(id, |connection| match connection {
            Connection::Handshaken(stream) => Connection::Leaving(Box::pin(take_leave(stream))),
            _ => Connection::Gone,
        });
        let mut leaving = 0;
        // The latest ones are kept.
        for (_, connection) in self.all.iter_mut().rev() {
            if matches!(connection, Connection::Leaving(_)) {
                leaving += 1;
                if leaving > CANDIDATES_MAX {
                    *connection = Connection::Gone;
                }
            }
        }
        self.forget_gone();
    }

    /// Begins a TLS handshake.
    pub(super) fn handshake(&mut self, id: CandidateId, handshaker: &Handshaker) {
        self.replace(id, |connection| match connection {
            Connection::Silent(stream) | Connection::Heard(stream) => {
                Connection::Handshaking(handshaker(stream))
            }
            other => other,
        });
    }

    /// Takes the data connection and closes the others.
    pub(super) fn take(&mut self, id: CandidateId) -> Option<DataStream> {
        let (_, taken) = self.all.drain(..).find(|(other, _)| *other == id)?;
        match taken {
            Connection::Silent(stream) | Connection::Heard(stream) => {
                Some(DataStream::Clear(Socket::new(stream)))
            }
            Connection::Handshaken(stream) => Some(stream),
            Connection::Introducing(_)
            | Connection::Handshaking(_)
            | Connection::Leaving(_)
            | Connection::Gone => None,
        }
    }

    fn replace(&mut self, id: CandidateId, next: impl FnOnce(Connection) -> Connection) {
        if let Some((_, connection)) = self.all.iter_mut().find(|(other, _)| *other == id) {
            *connection = next(std::mem::replace(connection, Connection::Gone));
        }
    }
}

impl Connection {
    /// None: it is gone, and nobody needs to know.
    fn poll_next(&mut self, id: CandidateId, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let (next, event) = match std::mem::replace(self, Self::Gone) {
            Self::Introducing(mut introducing) => match introducing.as_mut().poll(context) {
                Poll::Ready(Some(Introduced { stream, origin })) => {
                    (Self::Silent(stream), Some(Event::Arrived(id, origin)))
                }
                // One less that may come, which may decide between the others.
                Poll::Ready(None) => (Self::Gone, Some(Event::Tick)),
                Poll::Pending => (Self::Introducing(introducing), None),
            },
            Self::Silent(stream) => match poll_first_byte(&stream, context) {
                Poll::Ready(Ok(0)) => (Self::Heard(stream), Some(Event::Ended(id))),
                Poll::Ready(Ok(_)) => (Self::Heard(stream), Some(Event::Heard(id))),
                Poll::Ready(Err(_)) => (Self::Gone, Some(Event::Lost(id))),
                Poll::Pending => (Self::Silent(stream), None),
            },
            Self::Handshaking(mut handshake) => match Pin::new(&mut handshake).poll(context) {
                Poll::Ready(Ok((stream, handshake))) => (
                    Self::Handshaken(stream),
                    Some(Event::Handshaken(id, handshake)),
                ),
                Poll::Ready(Err(error)) => (
                    Self::Gone,
                    Some(Event::HandshakeFailed(id, error.to_string())),
                ),
                Poll::Pending => (Self::Handshaking(handshake), None),
            },
            Self::Leaving(mut leaving) => match leaving.as_mut().poll(context) {
                Poll::Ready(()) => return Poll::Ready(None),
                Poll::Pending => (Self::Leaving(leaving), None),
            },
            still @ (Self::Heard(_) | Self::Handshaken(_) | Self::Gone) => (still, None),
        };
        *self = next;
        event.map_or(Poll::Pending, |event| Poll::Ready(Some(event)))
    }
}

/// Says that nothing will come, and lets the other side say the same, whatever else it says.
async fn take_leave(stream: DataStream) {
    match stream {
        DataStream::Clear(mut stream) => leave(&mut stream).await,
        DataStream::Tls(mut stream) => leave(&mut *stream).await,
    }
}

async fn leave(stream: &mut impl DataSocket) {
    let leaving = async {
        stream.shutdown().await?;
        // Nobody needs to know what it means.
        throw_away(stream.socket_mut(), LEAVING_BYTES_MAX).await
    };
    // Nobody cares whether it ends well.
    let _left = leaving.await.is_ok();
}

fn poll_first_byte(stream: &TcpStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut byte = [0];
    stream.poll_peek(context, &mut ReadBuf::new(&mut byte))
}
