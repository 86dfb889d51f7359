//! The client's connection as russh sees it: few large reads, few large writes that never wait.
//!
//! russh reads a packet in two small pieces and writes after every packet. Here a read fetches up to [`READ`] bytes at
//! once, and small writes wait while packets that have already arrived are handled, so that one system call carries the
//! answers to all of them. That halves the CPU of an upload.
//!
//! # Why nothing here can lock up
//!
//! russh's loop either reads or writes. If it waited for the client to take bytes, nobody would read, and a client that
//! itself waits for us to read would wait for ever. So writing never waits: what the kernel does not take is kept, and
//! goes on when the loop reads again, which it then always does. What is kept is bounded at its source: while the
//! connection [is congested](Wire::is_congested), the channels produce nothing more. Beyond [`KEPT`] bytes, which only a
//! client reaches that asks for thousands of small answers and takes none, writing waits after all.
//!
//! Reading pauses for one reason: storage does not keep up with the client's WRITEs. It goes on without the client's help.
//!
//! # Goodbye in the clear
//!
//! During a key exchange russh takes no message to send, so a client that stalls in its first one would never be told why
//! it must leave. [`Wire::dismiss`] tells it from here, without encryption, as long as that cannot be wrong: russh has
//! written nothing but its identification and its KEXINIT. What it writes next ends with NEWKEYS.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{algorithms::IDENTIFICATION, channels::Channels, refusal::disconnect, wire::Wire};
use crate::farewell::UNHEARD_BYTES_MAX;

/// What every client says first (RFC 4253 §4.2).
const GREETING: &[u8] = b"SSH-";

/// What somebody reads who speaks something else.
const NO_SSH: &[u8] = b"Invalid SSH identification string.\r\n";

/// `SSH_MSG_KEXINIT` (RFC 4253 §12).
const KEXINIT: u8 = 20;

/// Bytes that one system call reads at most, once a client has shown that it sends much.
const READ: usize = 256 * 1024;

/// Bytes that one system call reads before that.
const READ_FIRST: usize = 8 * 1024;

/// Bytes that may wait while requests that have arrived are handled.
const COALESCED: usize = 32 * 1024;

/// Bytes that the kernel did not take, from which on russh must wait.
const KEPT: usize = 4 * 1024 * 1024;

/// A connection with its buffers. One task reads and writes it.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    wire: Arc<Wire>,
    channels: Arc<Channels>,
    input: Input,
    /// How much of [`GREETING`] has come.
    greeted: usize,
    speech: Speech,
    /// What waits to be written; `written` bytes of it are already with the kernel.
    output: Vec<u8>,
    written: usize,
}

/// What has been said to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    /// Nothing but our identification and our KEXINIT.
    Opening,
    /// More: whatever follows may have to be encrypted.
    Open,
    /// A goodbye in the clear.
    Goodbye,
}

/// What has been read and not been handled.
#[derive(Debug, Default)]
struct Input {
    bytes: Box<[u8]>,
    taken: usize,
    filled: usize,
}

impl Input {
    /// Makes the buffer as large as the client deserves. To be called when nothing is left in it.
    fn make_room(&mut self) {
        let wanted = match self.bytes.len() {
            0 => READ_FIRST,
            READ_FIRST if self.filled == READ_FIRST => READ,
            enough => enough,
        };
        if wanted != self.bytes.len() {
            self.bytes = vec![0; wanted].into_boxed_slice();
        }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..self.filled).unwrap_or_default()
    }

    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.rest().len().min(buf.remaining());
        buf.put_slice(self.rest().get(..count).unwrap_or_default());
        self.taken += count;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(stream: S, wire: Arc<Wire>, channels: Arc<Channels>) -> Self {
        Self {
            stream,
            wire,
            channels,
            input: Input::default(),
            greeted: 0,
            speech: Speech::Opening,
            output: Vec::new(),
            written: 0,
        }
    }

    /// Writes what waits.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.output.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let outcome = self.poll_write_kept(cx);
        if outcome.is_ready() {
            self.output.clear();
            self.written = 0;
        }
        self.tell_kept();
        outcome
    }

    fn poll_write_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self
            .output
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            self.written += ready!(poll_write(&mut self.stream, &self.wire, cx, rest))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what waits and then these bytes, and keeps what the kernel does not take.
    fn write_or_keep(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        if let Poll::Ready(outcome) = self.poll_drain(cx) {
            outcome?;
            while !rest.is_empty() {
                let Poll::Ready(outcome) = poll_write(&mut self.stream, &self.wire, cx, rest)
                else {
                    break;
                };
                rest = rest.get(outcome?..).unwrap_or_default();
            }
        }
        self.output.extend_from_slice(rest);
        self.tell_kept();
        Ok(())
    }

    /// Lets the channels know how much waits.
    fn tell_kept(&self) {
        if self.wire.note_kept(self.output.len() - self.written) {
            self.channels.wake();
        }
    }

    /// Ends the connection of a client whose first bytes are not SSH's, with a word to whoever typed them.
    fn hear_greeting(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let expected = GREETING.get(self.greeted..).unwrap_or_default();
        let heard = self.input.rest();
        let heard = heard.get(..expected.len()).unwrap_or(heard);
        if !expected.starts_with(heard) {
            // Who does not take it now does not wait for it either.
            let _taken = Pin::new(&mut self.stream).poll_write(cx, NO_SSH).is_ready();
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the client does not speak SSH",
            ));
        }
        self.greeted += heard.len();
        Ok(())
    }

    /// Says goodbye to a client that must leave, if it can be said here.
    fn say_goodbye(&mut self) {
        if let (Speech::Opening, Some(reason)) = (self.speech, self.wire.dismissal()) {
            self.output.extend_from_slice(&disconnect(reason));
            self.speech = Speech::Goodbye;
        }
    }

    /// Ready when the client has heard the goodbye. What it still sends is read and thrown away, because closing would
    /// become a reset otherwise.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.input.make_room();
        while self.wire.traffic().received() < UNHEARD_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut self.input.bytes);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                break;
            }
            self.wire.traffic().note_received(buffer.filled().len());
        }
        Poll::Ready(Ok(()))
    }

    /// Reads as much as there is, up to the buffer's size.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.make_room();
        let mut buffer = ReadBuf::new(&mut self.input.bytes);
        let outcome = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
        let count = buffer.filled().len();
        if outcome.is_pending() && self.wire.take_quiet() {
            self.input = Input::default();
            self.output.shrink_to_fit();
        }
        ready!(outcome)?;
        self.wire.traffic().note_received(count);
        self.input.taken = 0;
        self.input.filled = count;
        self.hear_greeting(cx)?;
        Poll::Ready(Ok(()))
    }
}

/// Whether this is our identification or a KEXINIT, and nothing more. russh writes each of them in one piece.
fn is_opening(bytes: &[u8]) -> bool {
    let is_identification = bytes.strip_suffix(b"\r\n") == Some(IDENTIFICATION.as_bytes());
    let is_key_exchange = match bytes {
        // A packet without encryption (RFC 4253 §6): length, padding length, kind.
        [a, b, c, d, _padding, KEXINIT, ..] => {
            usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])) == Ok(bytes.len() - 4)
        }
        _ => false,
    };
    is_identification || is_key_exchange
}

/// Writes what the kernel takes now, at least one byte.
fn poll_write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    wire: &Wire,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    let count = ready!(Pin::new(stream).poll_write(cx, bytes))?;
    if count == 0 {
        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
    }
    wire.traffic().note_sent(count);
    Poll::Ready(Ok(count))
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.input.rest().is_empty() {
            this.wire.check(cx)?;
            this.say_goodbye();
            if this.speech == Speech::Goodbye {
                // russh takes it for the end of what the client says.
                return this.poll_leave(cx);
            }
            // Going on to read while this waits is right: the client may be waiting for that.
            if let Poll::Ready(outcome) = this.poll_drain(cx) {
                outcome?;
            }
            ready!(this.channels.poll_intake(cx));
            ready!(this.poll_fill(cx))?;
        }
        this.input.give(buf);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.wire.check(cx)?;
        match this.speech {
            Speech::Opening if is_opening(buf) => {}
            Speech::Opening | Speech::Open => this.speech = Speech::Open,
            Speech::Goodbye => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
        if this.output.len() - this.written >= KEPT {
            ready!(this.poll_drain(cx))?;
        }
        if !this.input.rest().is_empty() && this.output.len() + buf.len() <= COALESCED {
            this.output.extend_from_slice(buf);
        } else {
            this.write_or_keep(cx, buf)?;
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wire.check(cx)?;
        if this.input.rest().is_empty()
            && let Poll::Ready(outcome) = this.poll_drain(cx)
        {
            outcome?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wire.check(cx)?;
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::metrics::Metrics;

    const MIB: usize = 1024 * 1024;

    fn socket<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Socket<S> {
        let metrics = Metrics::register(&prometheus::Registry::new(), "test/socket").unwrap();
        let mut socket = Socket::new(stream, Arc::new(Wire::new(&metrics)), Arc::default());
        socket.greeted = GREETING.len();
        socket
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_still_heard() {
        let (ours, theirs) = tokio::io::duplex(1024);
        let mut socket = socket(ours);
        let (mut hears, mut says) = tokio::io::split(theirs);
        let answers: Vec<u8> = (0..MIB).map(|n| n.to_le_bytes()[1]).collect();

        socket.write_all(&answers).await.unwrap();
        assert!(socket.wire.is_congested());
        let talks = async {
            says.write_all(&vec![7; 100_000]).await.unwrap();
            let mut heard = vec![0; MIB];
            hears.read_exact(&mut heard).await.unwrap();
            // The gateway's loop always reads: that is what goes on with the writing.
            says.write_all(b"!").await.unwrap();
            heard
        };
        let mut said = vec![0; 100_001];
        let (heard, read) = tokio::join!(talks, socket.read_exact(&mut said));

        read.unwrap();
        assert!(heard == answers);
        assert!(!socket.wire.is_congested());
    }

    #[tokio::test]
    async fn what_is_kept_for_a_client_is_bounded() {
        let (ours, _theirs) = tokio::io::duplex(1024);
        let mut socket = socket(ours);

        let bytes = vec![0; 64 * 1024];
        let mut written = 0;
        let endless = async {
            loop {
                written += socket.write(&bytes).await.unwrap();
            }
        };
        tokio::select! {
            biased;
            () = endless => {}
            () = std::future::ready(()) => {}
        }

        assert!(written <= KEPT + 2 * bytes.len(), "{written}");
    }

    #[tokio::test]
    async fn a_cut_ends_a_read_that_waits() {
        let (ours, _theirs) = tokio::io::duplex(1024);
        let mut socket = socket(ours);
        let wire = Arc::clone(&socket.wire);

        let (read, ()) = tokio::join!(socket.read_u8(), async { wire.cut() });

        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
