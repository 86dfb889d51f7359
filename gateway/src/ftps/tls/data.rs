//! A data connection inside TLS: [`Records`] between a socket and the caller.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::records::{Heard, Records, Shaking};
use crate::ftps::socket::{DataSocket, Socket};

/// What is encrypted at most before it must be sent, and read at most before it is decrypted.
const DATA_BUFFER_BYTES: usize = 256 * 1024;

/// What is read at a time until a read has found as much as it asked for.
const FIRST_READ_BYTES: usize = 4096;

/// What a handshake may keep waiting: the largest message that rustls joins.
const HANDSHAKE_BYTES_MAX: usize = 0xffff;

/// A data connection inside TLS. Reading and writing are safe to drop.
pub(crate) struct TlsDataSocket {
    socket: Socket,
    records: Records,
    /// Whether more is read than a small file has.
    reads: Reads,
    farewell: Farewell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    Little,
    /// A read has found as much as it asked for.
    Much,
}

/// Whether `close_notify` was encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    ToSay,
    Said,
}

impl TlsDataSocket {
    /// The handshake; dropping the future closes the connection.
    pub(super) async fn accept(config: Arc<ServerConfig>, socket: Socket) -> io::Result<Self> {
        let mut stream = Self {
            socket,
            records: Records::new(config).map_err(invalid)?,
            reads: Reads::Little,
            farewell: Farewell::ToSay,
        };
        poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    /// How the handshake went.
    pub(super) fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.records.handshake_kind()
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let shaking = self
                .records
                .shake_hands()
                .map_err(|error| self.give_up(cx, error))?;
            ready!(self.poll_send(cx))?;
            if shaking == Shaking::Done {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_fill(cx))?;
        }
    }

    /// Sends the alert as far as that works at once: whoever broke the connection is not waited for.
    fn give_up(&mut self, cx: &mut Context<'_>, error: rustls::Error) -> io::Error {
        let _sent = self.poll_send(cx).is_ready();
        invalid(error)
    }

    /// Reads once; an end is an error, since only the client's own word for it is a proper one.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let size = match self.reads {
            Reads::Little => FIRST_READ_BYTES,
            Reads::Much if self.records.is_handshaking() => HANDSHAKE_BYTES_MAX,
            Reads::Much => DATA_BUFFER_BYTES,
        };
        let incoming = &mut self.records.incoming;
        incoming.grow(size);
        if incoming.room().len() < size / 2 {
            incoming.move_to_front();
        }
        let mut room = ReadBuf::new(incoming.room());
        if room.capacity() == 0 {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the client's TLS messages are too long",
            )));
        }
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut room))?;
        if room.remaining() == 0 {
            self.reads = Reads::Much;
        }
        let count = room.filled().len();
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        incoming.put(count);
        Poll::Ready(Ok(()))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outgoing = &mut self.records.outgoing;
        while !outgoing.held().is_empty() {
            let count = ready!(Pin::new(&mut self.socket).poll_write(cx, outgoing.held()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            outgoing.take(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for TlsDataSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsDataSocket").finish_non_exhaustive()
    }
}

impl DataSocket for TlsDataSocket {
    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn socket_mut(&mut self) -> &mut Socket {
        &mut self.socket
    }
}

impl AsyncRead for TlsDataSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            match this.records.read(buf) {
                Ok(Heard::Bytes | Heard::End) => return Poll::Ready(Ok(())),
                Ok(Heard::Nothing) => ready!(this.poll_fill(cx))?,
                Err(error) => return Poll::Ready(Err(this.give_up(cx, error))),
            }
        }
    }
}

impl AsyncWrite for TlsDataSocket {
    /// What does not leave at once leaves with the next call, or with `flush`.
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        let (now, _later) = buf.split_at(buf.len().min(DATA_BUFFER_BYTES));
        this.records.write(now).map_err(invalid)?;
        match this.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(now.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.farewell == Farewell::ToSay {
            this.farewell = Farewell::Said;
            this.records.close();
        }
        ready!(this.poll_send(cx))?;
        match ready!(Pin::new(&mut this.socket).poll_shutdown(cx)) {
            // Whoever has hung up already needs no FIN.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            ended => Poll::Ready(ended),
        }
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
