//! A client's connection below TLS: counted, and read in large pieces.
//!
//! rustls asks for 4 KiB at a time, which would be a quarter of a million system calls a GiB. A data connection that
//! brings much is therefore read ahead; a control connection never is, so nothing of it waits here.

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

use super::tls::TlsSocket;
use crate::traffic::Traffic;

/// Bytes that one system call reads at most.
const READ: usize = 256 * 1024;

/// Reads of what nobody wants. A client that still sends more asks for its reset.
const DISCARDS_MAX: u32 = 16;

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    wire: Arc<Traffic>,
    ahead: ReadsAhead,
    /// What was read and not taken: `bytes[taken..filled]`.
    bytes: Box<[u8]>,
    taken: usize,
    filled: usize,
}

/// Whether more is read than was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadsAhead {
    /// It never is.
    Never,
    /// Once a read has found as much as it asked for.
    WhenMuchComes,
    /// It is.
    Now,
}

impl Socket {
    /// A control connection.
    pub(super) fn control(stream: TcpStream) -> Self {
        Self::new(stream, ReadsAhead::Never)
    }

    /// A data connection.
    pub(super) fn data(stream: TcpStream) -> Self {
        Self::new(stream, ReadsAhead::WhenMuchComes)
    }

    fn new(stream: TcpStream, ahead: ReadsAhead) -> Self {
        Self {
            stream,
            wire: Arc::default(),
            ahead,
            bytes: Box::default(),
            taken: 0,
            filled: 0,
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

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..self.filled).unwrap_or_default()
    }

    fn poll_read_directly(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.wire.note_received(room - buf.remaining());
        if buf.remaining() == 0 && self.ahead == ReadsAhead::WhenMuchComes {
            self.ahead = ReadsAhead::Now;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            self.bytes = vec![0; READ].into_boxed_slice();
        }
        let mut buffer = ReadBuf::new(&mut self.bytes);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.taken = 0;
        self.filled = buffer.filled().len();
        self.wire.note_received(self.filled);
        Poll::Ready(Ok(()))
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

impl DataSocket for TlsSocket {
    fn socket(&self) -> &Socket {
        self.get_ref().0
    }

    fn socket_mut(&mut self) -> &mut Socket {
        self.get_mut().0
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.rest().is_empty() {
            if this.ahead != ReadsAhead::Now || buf.remaining() >= READ {
                return this.poll_read_directly(cx, buf);
            }
            ready!(this.poll_fill(cx))?;
        }
        let count = this.rest().len().min(buf.remaining());
        buf.put_slice(this.rest().get(..count).unwrap_or_default());
        this.taken += count;
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
