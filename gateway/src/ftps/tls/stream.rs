//! How the bytes of a TLS connection are moved fast, and how they end.
//!
//! A [`TlsDataSocket`](super::TlsDataSocket) is read and written directly (`AsyncRead`, `AsyncWrite`). To move much with
//! little CPU:
//!
//! - write from buffers of 64 to 256 KiB with `write_all`: up to 256 KiB are encrypted at once and leave in one system
//!   call. `flush` only at the end;
//! - read into buffers of that size with [`receive`]: one call takes every record that has arrived. It is safe to drop;
//! - never write to the connection of an upload before its end has been read: a client that has closed answers with a
//!   reset, and throws away what it had still to send.
//!
//! A download ends with `flush`, under the clock that watches its progress, and [`finish`]. An upload ends with
//! [`Received::End`], and then [`finish`], whose failure no longer matters.

use std::{io, time::Duration};

use bytes::BufMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use tokio_rustls::server::TlsStream;

use crate::ftps::socket::{DataSocket, Socket};

/// A control connection inside TLS.
pub(crate) type TlsSocket = TlsStream<Socket>;

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// So many bytes, at least one.
    Bytes(usize),
    /// The client has said that this was all (`close_notify`).
    End,
    /// The connection has ended without a word: what has come may be cut short by anybody on the way. An upload is
    /// broken then; on the control connection and after a download many clients just end like this.
    Cut,
}

/// Reads into `buffer`, which must have room. A reset is an error, unless the client has ended properly before it. Safe to
/// drop: nothing that was read is lost. Without TLS every end is a proper one.
pub(crate) async fn receive(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut impl BufMut,
) -> io::Result<Received> {
    match stream.read_buf(buffer).await {
        Ok(0) => Ok(Received::End),
        Ok(count) => Ok(Received::Bytes(count)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Received::Cut),
        Err(error) => Err(error),
    }
}

/// Sends `close_notify`, then FIN. Whoever does not take what was sent before within `patience` is given up on with
/// [`io::ErrorKind::TimedOut`]. Afterwards the stream can be dropped: the kernel delivers what is on its way.
pub(crate) async fn finish(stream: &mut impl DataSocket, patience: Duration) -> io::Result<()> {
    timeout(patience, stream.shutdown()).await??;
    // A socket that is closed with something unread is reset, and what is still on its way to the client is lost.
    stream.socket().discard();
    Ok(())
}
