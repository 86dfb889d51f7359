//! The last words to a client, said so that they arrive.
//!
//! Closing a connection on which something of the client is unread resets it, and the reset may reach the client before
//! the words do. So the words are followed by the end of what is sent, and then the client is given time to end as well.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, sink},
    time::timeout,
};

/// How long a client that is turned away may take to hear why.
pub(crate) const REFUSAL_TIME: Duration = Duration::from_secs(5);

/// How long a client that leaves, or must leave, may take to hear the last word and hang up.
pub(crate) const GOODBYE_TIME: Duration = Duration::from_secs(3);

/// Bytes of the client that are read, and thrown away, after the last word.
pub(crate) const UNHEARD_BYTES_MAX: u64 = 64 * 1024;

/// Says these words and closes, within this time. Whether the client has heard them or not: they have been said.
pub(crate) async fn bid_farewell(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    words: &[u8],
    time: Duration,
) {
    let farewell = async {
        stream.write_all(words).await?;
        stream.shutdown().await?;
        throw_away(&mut stream, UNHEARD_BYTES_MAX).await
    };
    let _ended = timeout(time, farewell).await.is_ok();
}

/// Reads until the other side ends, or until it has sent so much.
pub(crate) async fn throw_away(
    stream: &mut (impl AsyncRead + Unpin),
    bytes_max: u64,
) -> std::io::Result<()> {
    copy(&mut stream.take(bytes_max), &mut sink())
        .await
        .map(|_bytes| ())
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Longer than anything here takes, even on a busy machine.
    const PATIENCE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_client_that_has_said_what_nobody_reads_hears_the_words_and_no_reset() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(&[7; 10_000]).await.unwrap();

        let farewell = tokio::spawn(bid_farewell(stream, b"goodbye", PATIENCE));

        let mut heard = Vec::new();
        client.write_all(&[7; 10_000]).await.unwrap();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"goodbye");
        drop(client);
        timeout(PATIENCE, farewell).await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_is_left_when_the_time_is_over() {
        let (ours, _theirs) = tokio::io::duplex(1024);

        bid_farewell(ours, b"goodbye", REFUSAL_TIME).await;
    }

    #[tokio::test]
    async fn a_client_that_talks_on_is_left_after_a_while() {
        let (ours, mut theirs) = tokio::io::duplex(1024);

        let talking = async { while theirs.write_all(&[7; 1024]).await.is_ok() {} };
        let farewell = bid_farewell(ours, b"goodbye", PATIENCE);

        timeout(PATIENCE / 2, async { tokio::join!(farewell, talking) })
            .await
            .unwrap();
    }
}
