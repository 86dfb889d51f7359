//! The engine over a pair of streams: for tests, and for programs that speak SFTP on standard input and output.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Cut, Engine, ProtocolError};

/// How much is read at once, and how much may wait to be written, in bytes.
const BUFFER: usize = 256 * 1024;

/// Serves one client until its stream ends, its answers cannot be written any more, or it breaks the protocol. What was
/// asked before the end of `read` is answered.
pub async fn serve_streams(
    mut read: impl AsyncRead + Unpin + Send,
    mut write: impl AsyncWrite + Unpin + Send,
    mut engine: Engine,
) -> Result<(), ProtocolError> {
    let progress = engine.progress();
    let mut input = vec![0; BUFFER];
    let mut output = BytesMut::new();
    let mut ended = false;
    let outcome = loop {
        engine.take_answers(
            BUFFER.saturating_sub(output.len()),
            Cut::Allowed,
            &mut output,
        );
        if ended && output.is_empty() && engine.is_idle() {
            break Ok(());
        }
        tokio::select! {
            count = read.read(&mut input), if !ended && !engine.wants_pause() => match count {
                // A stream that breaks has ended.
                Ok(0) | Err(_) => ended = true,
                Ok(count) => {
                    if let Err(error) = engine.receive(input.get(..count).unwrap_or_default()) {
                        break Err(error);
                    }
                }
            },
            count = write.write(&output), if !output.is_empty() => match count {
                Ok(0) | Err(_) => break Ok(()),
                Ok(count) => output.advance(count),
            },
            () = progress.notified() => (),
        }
    };
    engine.end().await;
    outcome
}
