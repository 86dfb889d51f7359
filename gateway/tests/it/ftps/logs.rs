//! Whom the log names.

use std::{
    io,
    sync::{Arc, Mutex},
};

use gateway_config::Encryption;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{
    client::Client,
    fixture::{Gateway, eventually},
};

/// What is logged on this thread, a line an event.
struct Log {
    text: Text,
    _until_dropped: DefaultGuard,
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> Self {
        let text = Text::default();
        let writer = text.clone();
        let lines = tracing_subscriber::fmt().json();
        Self {
            text,
            _until_dropped: lines.with_writer(move || writer.clone()).set_default(),
        }
    }

    /// The line about the end of a session, once it is there.
    async fn end_of_session(&self) -> String {
        let mut found = None;
        eventually("the session has ended", || {
            let text = self.text.0.lock().unwrap().clone();
            let text = String::from_utf8(text).unwrap();
            let line = text.lines().find(|line| line.contains("session ended"));
            found = line.map(str::to_owned);
            found.is_some()
        })
        .await;
        found.unwrap()
    }
}

async fn clear_text() -> Gateway {
    Gateway::start(|configuration| {
        for listener in &mut configuration.endpoint.listeners {
            listener.tls.as_mut().unwrap().encryption = Encryption::Optional;
        }
    })
    .await
}

#[tokio::test]
async fn who_is_logged_in_is_named() {
    let log = Log::start();
    let gateway = clear_text().await;
    let client = Client::unprotected(&gateway).await;

    drop(client);

    let line = log.end_of_session().await;
    assert!(line.contains("\"user\":\"alice\""), "{line}");
}

#[tokio::test]
async fn who_has_logged_out_is_named_no_more() {
    let log = Log::start();
    let gateway = clear_text().await;
    let mut client = Client::unprotected(&gateway).await;

    client.check("REIN", 220).await;
    drop(client);

    let line = log.end_of_session().await;
    assert!(!line.contains("alice"), "{line}");
    assert!(line.contains("\"peer\":\"127.0.0.1:"), "{line}");
}
