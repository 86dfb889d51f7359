//! The control connection: bytes into lines, replies into bytes, in clear or inside TLS.
//!
//! While replies wait for the client to take them nothing is read from it, so a client that does not read is held up by
//! itself; and what waits is bounded.

use std::{
    future::poll_fn,
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use ftp::{Line, Lines, Reply};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    socket::Socket,
    tls::{SessionTls, TlsSocket},
};
use crate::{
    farewell::{GOODBYE_TIME, bid_farewell},
    traffic::Traffic,
    users::Channel,
};

/// Bytes of replies that may wait for the client.
const OUTPUT_MAX: usize = 512 * 1024;

/// Bytes of replies that wait while still more is done for the client. What is left until [`OUTPUT_MAX`] holds the longest
/// listing that `STAT` shows, each byte doubled for Telnet, and short replies to all the commands that wait behind it.
const OUTPUT_ROOM: usize = OUTPUT_MAX / 4;

/// How long a client may take nothing of what it is sent.
const DEAF_TIME: Duration = Duration::from_secs(30);

/// Bytes that one read takes.
const READ_BYTES: usize = 4096;

/// The control connection of one client.
#[derive(Debug)]
pub(super) struct Control {
    stream: Stream,
    traffic: Arc<Traffic>,
    lines: Lines,
    /// What waits for the client; `written` bytes of it are already on their way.
    output: Vec<u8>,
    written: usize,
    /// When the client last took something; only of meaning while something waits.
    taken: Instant,
}

#[derive(Debug)]
enum Stream {
    Clear(Socket),
    Tls(Box<TlsSocket>),
    /// It broke, or a handshake has failed or was given up.
    Gone,
}

/// What the client has done.
#[derive(Debug)]
pub(super) enum Heard {
    /// It has sent this.
    Line(Line),
    /// It has taken so much that there is room again.
    Room,
    /// It will send nothing more.
    End,
}

impl Control {
    /// In clear.
    pub(super) fn new(stream: TcpStream) -> Self {
        let socket = Socket::new(stream);
        Self {
            traffic: Arc::clone(socket.wire()),
            stream: Stream::Clear(socket),
            lines: Lines::default(),
            output: Vec::new(),
            written: 0,
            taken: Instant::now(),
        }
    }

    /// What has moved.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// What the client's words have travelled through.
    pub(super) const fn channel(&self) -> Channel {
        match self.stream {
            Stream::Tls(_) => Channel::Protected,
            // Of what is gone nothing is known any more.
            Stream::Clear(_) | Stream::Gone => Channel::Clear,
        }
    }

    /// The connection broke: nothing more is heard from it, and what is said to it is forgotten.
    pub(super) fn give_up(&mut self) {
        self.stream = Stream::Gone;
        self.output = Vec::new();
        self.written = 0;
    }

    /// Adds a reply to what waits for the client, if there still is one. Fails when that would be too much.
    pub(super) fn say(&mut self, reply: &Reply) -> io::Result<()> {
        if let Stream::Gone = self.stream {
            return Ok(());
        }
        if self.output.is_empty() {
            self.taken = Instant::now();
        }
        let bytes = reply.to_bytes();
        if self.output.len() - self.written + bytes.len() > OUTPUT_MAX {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.output.extend_from_slice(&bytes);
        Ok(())
    }

    /// Whether more may be said. If not, [`Self::turn`] tells when.
    pub(super) const fn has_room(&self) -> bool {
        self.output.len() - self.written <= OUTPUT_ROOM
    }

    /// When a client that goes on not to read has to be cut; None while nothing waits for it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.output.is_empty()).then(|| self.taken + DEAF_TIME)
    }

    /// Throws away everything that the client has sent in clear. To be called before it hears that TLS begins: what it
    /// sends after that is TLS (RFC 4217 §4).
    pub(super) fn forget(&mut self) {
        self.lines.clear();
        if let Stream::Clear(socket) = &self.stream {
            socket.discard();
        }
    }

    /// Sends what waits, and goes on over TLS. The caller sets the deadline; after an error there is no connection any
    /// more.
    pub(super) async fn start_tls(&mut self, tls: &SessionTls) -> io::Result<()> {
        poll_fn(|cx| self.poll_send(cx)).await?;
        match mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Clear(socket) => {
                self.stream = Stream::Tls(Box::new(tls.accept_control(socket).await?));
                Ok(())
            }
            Stream::Tls(_) | Stream::Gone => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Sends what waits and, when that is done and `reads`, waits for what the client says; safe to drop.
    pub(super) async fn turn(&mut self, reads: Reads) -> io::Result<Heard> {
        poll_fn(|cx| self.poll_turn(cx, reads)).await
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>, reads: Reads) -> Poll<io::Result<Heard>> {
        let was_full = !self.has_room();
        let sent = self.poll_send(cx)?;
        if was_full && self.has_room() {
            return Poll::Ready(Ok(Heard::Room));
        }
        ready!(sent);
        match reads {
            Reads::Nothing => Poll::Pending,
            Reads::Lines => self.poll_line(cx),
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.output.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while let Some(rest) = self.output.get(self.written..)
            && !rest.is_empty()
        {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
            self.taken = Instant::now();
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.output = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Heard>> {
        loop {
            if let Some(line) = self.lines.pop() {
                return Poll::Ready(Ok(Heard::Line(line)));
            }
            let mut bytes = [0; READ_BYTES];
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) => {}
                // Many clients hang up without a word of TLS; on the control connection that truncates nothing.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(Heard::End));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(Heard::End));
            }
            self.lines.push(buffer.filled());
        }
    }

    /// Sends what waits, says goodbye and hangs up.
    pub(super) async fn close(self) {
        let unsent = self.output.get(self.written..).unwrap_or_default();
        bid_farewell(self.stream, unsent, GOODBYE_TIME).await;
    }
}

/// What is wanted of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// What it says.
    Lines,
    /// Nothing, for now.
    Nothing,
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}
