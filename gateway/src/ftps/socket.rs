//! A client's connection below TLS, counted.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rustix::net::RecvFlags;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::traffic::Traffic;

/// Reads of what nobody wants. A client that still sends more asks for its reset.
const DISCARDS_MAX: u32 = 16;

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    wire: Arc<Traffic>,
}

impl Socket {
    /// A control or a data connection.
    pub(super) fn new(stream: TcpStream) -> Self {
        // Replies and the ends of files are written whole; held back, each would wait for the client's delayed ACK. Where
        // this fails the connection is over, as whoever reads it will see.
        let _is_over = stream.set_nodelay(true).is_err();
        Self {
            stream,
            wire: Arc::default(),
        }
    }

    /// What has moved.
    pub(super) fn wire(&self) -> &Arc<Traffic> {
        &self.wire
    }

    /// Throws away what has arrived already, without waiting.
    pub(super) fn discard(&self) {
        let mut unwanted = [0; 4096];
        for _ in 0..DISCARDS_MAX {
            // Not tokio's read: that asks only when it believes that something is there.
            match rustix::net::recv(&self.stream, &mut unwanted, RecvFlags::DONTWAIT) {
                Ok((_, count @ 1..)) => self.wire.note_received(count),
                Ok((_, 0)) | Err(_) => return,
            }
        }
    }
}

/// A data connection, in clear or inside TLS.
pub(crate) trait DataSocket: AsyncRead + AsyncWrite + Unpin + Send {
    /// What is below.
    fn socket(&self) -> &Socket;

    /// The same, to read what TLS is not to see any more.
    fn socket_mut(&mut self) -> &mut Socket;
}

impl DataSocket for Socket {
    fn socket(&self) -> &Socket {
        self
    }

    fn socket_mut(&mut self) -> &mut Socket {
        self
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let room = buf.remaining();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.wire.note_received(room - buf.remaining());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        this.wire.note_sent(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs))?;
        this.wire.note_sent(count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_is_said_does_not_wait_for_more() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();

        let socket = Socket::new(stream);

        assert!(socket.stream.nodelay().unwrap());
    }
}
