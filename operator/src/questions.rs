//! Asks gateways what they serve, at their admin ports.

use std::{error::Error, net::SocketAddr, sync::Arc};

use gateway_config::{SERVED_PATH, Served};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{StatusCode, Uri, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    sync::Semaphore,
    time::{Duration, timeout},
};

use crate::causes::causes;

/// What a gateway may take for its answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// More is no answer of a gateway.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Questions at the same time.
const QUESTIONS_MAX: usize = 64;

/// Asks gateways. Clones ask together: never more than a number of gateways at the same time.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    client: Client<HttpConnector, Empty<Bytes>>,
    places: Arc<Semaphore>,
}

/// Why it is not known what a gateway serves.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("there is no such address")]
    Address(#[source] hyper::http::uri::InvalidUri),
    #[error("no answer within {} s", ANSWER_TIME.as_secs())]
    TooLate,
    #[error("no HTTP server answers")]
    Client(#[source] hyper_util::client::legacy::Error),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("it breaks off, or answers more than {ANSWER_BYTES_MAX} bytes")]
    Body(#[source] Box<dyn Error + Send + Sync>),
    #[error("its answer is not what a gateway says")]
    Json(#[source] serde_json::Error),
}

impl Questions {
    pub(crate) fn new() -> Self {
        let mut client = Client::builder(TokioExecutor::new());
        Self {
            client: client.pool_max_idle_per_host(0).build_http(),
            places: Arc::new(Semaphore::new(QUESTIONS_MAX)),
        }
    }

    /// What the gateway at this address serves; none if that cannot be found out.
    pub(crate) async fn ask(&self, address: SocketAddr) -> Option<Served> {
        // It is never closed.
        let _place = self.places.acquire().await.ok();
        let answer = timeout(ANSWER_TIME, self.ask_patiently(address)).await;
        match answer.unwrap_or(Err(NoAnswer::TooLate)) {
            Ok(served) => {
                tracing::debug!(%address, configuration = %served.configuration, "a gateway serves this");
                Some(served)
            }
            Err(error) => {
                let error = causes(&error);
                tracing::info!(%address, error, "a gateway does not say what it serves");
                None
            }
        }
    }

    async fn ask_patiently(&self, address: SocketAddr) -> Result<Served, NoAnswer> {
        let uri = format!("http://{address}{SERVED_PATH}");
        let uri: Uri = uri.parse().map_err(NoAnswer::Address)?;
        let response = self.client.get(uri).await.map_err(NoAnswer::Client)?;
        if response.status() != StatusCode::OK {
            return Err(NoAnswer::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(NoAnswer::Body)?;
        serde_json::from_slice(&body.to_bytes()).map_err(NoAnswer::Json)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        task::JoinHandle,
    };

    use super::*;

    /// What a gateway says.
    pub(crate) fn answer(said: &Value) -> String {
        let body = said.to_string();
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")
    }

    /// An HTTP server that gives this answer to one request; it ends with the request.
    pub(crate) async fn server(answer: String) -> (SocketAddr, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1024];
            let count = stream.read(&mut request).await.unwrap();
            request.truncate(count);
            // Who has read enough closes.
            let _sent = stream.write_all(answer.as_bytes()).await.is_ok();
            let _closed = stream.read(&mut [0; 1]).await.is_ok();
            String::from_utf8(request).unwrap()
        });
        (address, serving)
    }

    fn said() -> Value {
        json!({
            "configuration": "9a5ab7076e1af85872616866613ef772f2f4bf17fbcdf97b96bbd417a388bb21",
            "listeners": {"sftp": {}},
            "more": 1,
        })
    }

    #[tokio::test]
    async fn a_gateway_says_what_it_serves() {
        let (address, serving) = server(answer(&said())).await;

        let served = Questions::new().ask(address).await.unwrap();

        let request = serving.await.unwrap();
        assert!(request.starts_with("GET /served HTTP/1.1\r\n"), "{request}");
        assert_eq!(served.configuration.to_string(), said()["configuration"]);
        assert!(served.listeners.contains_key("sftp"));
    }

    #[tokio::test]
    async fn whoever_does_not_answer_as_a_gateway_has_said_nothing() {
        let mut long = said();
        long["more"] = " ".repeat(ANSWER_BYTES_MAX).into();
        let mut endless = answer(&said());
        endless.truncate(endless.len() - 1);
        for answer in [
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            answer(&json!([])),
            answer(&long),
            endless,
            String::new(),
        ] {
            let (address, _serving) = server(answer.clone()).await;
            assert_eq!(Questions::new().ask(address).await, None, "{answer:.100}");
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nobody = listener.local_addr().unwrap();
        drop(listener);

        assert_eq!(Questions::new().ask(nobody).await, None);
    }
}
