//! Turning a client away before it has said anything: identification, disconnect, goodbye.
//!
//! A disconnect needs no key exchange (RFC 4253 §11.1), and clients show its text.

use tokio::io::{AsyncRead, AsyncWrite};

use super::algorithms::IDENTIFICATION;
use crate::farewell::{REFUSAL_TIME, bid_farewell};

/// `SSH_MSG_DISCONNECT` (RFC 4253 §11.1).
const DISCONNECT: u8 = 1;

/// `SSH_DISCONNECT_BY_APPLICATION`.
const BY_APPLICATION: u32 = 11;

/// Tells the client why it is not served, and closes.
pub async fn refuse(stream: impl AsyncRead + AsyncWrite + Unpin, reason: &str) {
    let mut bytes = format!("{IDENTIFICATION}\r\n").into_bytes();
    bytes.extend_from_slice(&disconnect(reason));
    bid_farewell(stream, &bytes, REFUSAL_TIME).await;
}

/// A disconnect as a packet without encryption (RFC 4253 §6): length, padding length, payload, padding.
pub(super) fn disconnect(reason: &str) -> Vec<u8> {
    let mut payload = vec![DISCONNECT];
    payload.extend_from_slice(&BY_APPLICATION.to_be_bytes());
    append_string(&mut payload, reason);
    append_string(&mut payload, "en");

    // Everything together is a multiple of 8, with at least four bytes of padding.
    let padding = 4 + (8 - (4 + 1 + payload.len() + 4) % 8) % 8;
    let mut packet = Vec::with_capacity(5 + payload.len() + padding);
    packet.extend_from_slice(&length(1 + payload.len() + padding));
    packet.push(u8::try_from(padding).unwrap_or(u8::MAX));
    packet.extend_from_slice(&payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

fn append_string(payload: &mut Vec<u8>, text: &str) {
    payload.extend_from_slice(&length(text.len()));
    payload.extend_from_slice(text.as_bytes());
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[test]
    fn a_disconnect_is_a_well_formed_packet_whatever_the_text() {
        for size in 0..64 {
            let packet = disconnect(&"x".repeat(size));

            let length = u32::from_be_bytes(packet[..4].try_into().unwrap()) as usize;
            let padding = usize::from(packet[4]);
            assert_eq!(packet.len(), 4 + length);
            assert_eq!(packet.len() % 8, 0);
            assert!((4..=11).contains(&padding), "{padding}");
            assert_eq!(packet[5], DISCONNECT);
        }
    }

    #[tokio::test]
    async fn the_client_hears_the_reason_before_the_connection_ends() {
        let (ours, mut theirs) = tokio::io::duplex(1024);

        let refusal = refuse(ours, "closed today");
        let listening = async {
            let mut heard = Vec::new();
            theirs.read_to_end(&mut heard).await.unwrap();
            drop(theirs);
            heard
        };
        let ((), heard) = tokio::join!(refusal, listening);

        let text = String::from_utf8_lossy(&heard);
        assert!(text.starts_with("SSH-2.0-secureftp\r\n"), "{text}");
        assert!(text.contains("closed today"), "{text}");
    }
}
