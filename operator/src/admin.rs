//! `/livez`, `/readyz` and `/metrics`, GET only.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::{Registry, TextEncoder};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};

/// Connections at the same time. One more waits.
const CONNECTIONS_MAX: usize = 64;
/// From the connection to the end of its headers, and for the whole of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the operator does its work, or stands by to do it. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on it does.
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// From now on it does not, until it begins again.
    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The running admin port; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Admin {
    task: JoinHandle<()>,
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What it tells.
#[derive(Clone, Debug)]
struct Subject {
    readiness: Readiness,
    registry: Registry,
}

impl Admin {
    /// Listens, and answers.
    pub(crate) async fn start(
        address: SocketAddr,
        readiness: Readiness,
        registry: Registry,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        tracing::info!(address = %listener.local_addr()?, "admin port");
        let subject = Subject {
            readiness,
            registry,
        };
        let task = tokio::spawn(listen(listener, subject));
        Ok(Self { task })
    }
}

async fn listen(listener: TcpListener, subject: Subject) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _peer)) = listener.accept().await else {
            // Out of file descriptors, perhaps: not a reason to end, nor to spin.
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let subject = subject.clone();
        tokio::spawn(async move {
            let _place = place;
            let answering = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .keep_alive(false)
                .serve_connection(
                    TokioIo::new(stream),
                    service_fn(move |request| {
                        let answer = answer(&request, &subject);
                        std::future::ready(Ok::<_, Infallible>(answer))
                    }),
                );
            // Who is too slow or breaks off gets no answer, and needs none.
            let _answered = tokio::time::timeout(PATIENCE, answering).await.is_ok();
        });
    }
}

fn answer(request: &Request<Incoming>, subject: &Subject) -> Response<Full<Bytes>> {
    respond(request.method(), request.uri().path(), subject)
}

fn respond(method: &Method, path: &str, subject: &Subject) -> Response<Full<Bytes>> {
    if method != Method::GET {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET"));
        return answer;
    }
    match path {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" if subject.readiness.is_ready() => text(StatusCode::OK, "ok\n"),
        "/readyz" => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the API server has not told everything yet\n",
        ),
        "/metrics" => metrics(&subject.registry),
        _ => text(StatusCode::NOT_FOUND, "try /livez, /readyz or /metrics\n"),
    }
}

fn metrics(registry: &Registry) -> Response<Full<Bytes>> {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(body) => {
            let mut answer = Response::new(Full::from(body));
            let kind = HeaderValue::from_static(prometheus::TEXT_FORMAT);
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            answer
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "metrics cannot be written\n",
            )
        }
    }
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &Method, path: &str, subject: &Subject, expected: u16) {
        let answer = respond(method, path, subject);
        assert_eq!(answer.status().as_u16(), expected, "{method} {path}");
    }

    #[test]
    fn it_lives_at_once_and_is_ready_when_everything_is_known() {
        let subject = Subject {
            readiness: Readiness::default(),
            registry: Registry::new(),
        };
        check(&Method::GET, "/livez", &subject, 200);
        check(&Method::GET, "/readyz", &subject, 503);

        subject.readiness.begin();
        check(&Method::GET, "/readyz", &subject, 200);

        subject.readiness.end();
        check(&Method::GET, "/readyz", &subject, 503);
    }

    #[test]
    fn nothing_but_get_is_answered() {
        let subject = Subject {
            readiness: Readiness::default(),
            registry: Registry::new(),
        };
        check(&Method::POST, "/livez", &subject, 405);
        check(&Method::HEAD, "/metrics", &subject, 405);
        check(&Method::GET, "/", &subject, 404);
        check(&Method::GET, "/metrics", &subject, 200);
    }
}
