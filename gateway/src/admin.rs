//! The admin port: `/livez`, `/readyz`, `/metrics` and `/served`, GET only.
//!
//! It has a thread and a runtime of its own, so that it answers however busy the others are.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use gateway_config::{SERVED_PATH, Served};
use prometheus::{Registry, TextEncoder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{AbortHandle, JoinHandle},
    time::timeout,
};

/// Requests at the same time. One more cuts off the oldest: whoever holds connections in silence keeps no probe out.
const CONNECTIONS_MAX: usize = 64;
/// Bytes of a request, its headers included.
const REQUEST_MAX: usize = 8 * 1024;
/// From the first byte of a request to the last of its answer.
const EXCHANGE_TIME: Duration = Duration::from_secs(2);
/// How often the heart beats.
const BEAT: Duration = Duration::from_secs(1);
/// Without a beat for so long, the runtime is stuck.
const BEATS_MISSED: Duration = Duration::from_secs(10);

/// Beats while the tokio runtime that it was started in runs its tasks. Clones are of the same heart.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    started: Instant,
    last_beat_millis: Arc<AtomicU64>,
    task: Arc<AbortOnDrop>,
}

#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Heartbeat {
    /// Starts to beat in the current runtime, until the last clone is dropped.
    pub fn start() -> Self {
        let started = Instant::now();
        let last_beat_millis = Arc::new(AtomicU64::new(0));
        let beaten = Arc::clone(&last_beat_millis);
        let task = tokio::spawn(async move {
            loop {
                beaten.store(millis(started.elapsed()), Ordering::Relaxed);
                tokio::time::sleep(BEAT).await;
            }
        });
        Self {
            started,
            last_beat_millis,
            task: Arc::new(AbortOnDrop(task)),
        }
    }

    /// Whether it has beaten lately.
    pub fn is_alive(&self) -> bool {
        let last = self.last_beat_millis.load(Ordering::Relaxed);
        let silent = millis(self.started.elapsed()).saturating_sub(last);
        silent < millis(BEATS_MISSED) && !self.task.0.is_finished()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What the admin port tells.
pub struct Subject {
    /// For `/livez`.
    pub heartbeat: Heartbeat,
    /// For `/readyz`: whether clients may be sent here.
    pub is_ready: Box<dyn Fn() -> bool + Send + Sync>,
    /// For `/metrics`.
    pub registry: Registry,
    /// For `/served`: which configuration and which certificates clients get; None where not just one endpoint is served.
    pub served: Box<dyn Fn() -> Option<Served> + Send + Sync>,
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

/// The running admin port; it ends when dropped.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    _ends: oneshot::Sender<()>,
}

/// Why there is no admin port.
#[derive(Debug, thiserror::Error)]
#[error("the admin port cannot listen on {address}; is it taken, or is there no such address?")]
pub struct AdminError {
    /// Where it should listen.
    pub address: SocketAddr,
    /// Why it does not.
    pub source: io::Error,
}

impl Admin {
    /// Listens, and answers from a thread of its own.
    pub fn start(address: SocketAddr, subject: Subject) -> Result<Self, AdminError> {
        let failed = |source| AdminError { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        // After what often fails: the caller may be async, where a runtime must not be dropped.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let (ends, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = listen(listener, Arc::new(subject), EXCHANGE_TIME) => {}
                        _dropped = ended => {}
                    }
                });
            })
            .map_err(failed)?;
        Ok(Self {
            address: bound,
            _ends: ends,
        })
    }

    /// Where it really listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn listen(listener: std::net::TcpListener, subject: Arc<Subject>, patience: Duration) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the admin port does not work");
            return;
        }
    };
    let mut latest: VecDeque<AbortHandle> = VecDeque::with_capacity(CONNECTIONS_MAX);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, perhaps: not a reason to end, nor to spin.
            tokio::time::sleep(BEAT).await;
            continue;
        };
        if latest.len() >= CONNECTIONS_MAX
            && let Some(oldest) = latest.pop_front()
        {
            oldest.abort();
        }
        let subject = Arc::clone(&subject);
        let conversation = tokio::spawn(async move {
            // Who is too slow or breaks off gets no answer, and needs none.
            let _answered = timeout(patience, converse(stream, &subject)).await;
        });
        latest.push_back(conversation.abort_handle());
    }
}

/// One request, one answer, and the end of the connection.
async fn converse(mut stream: TcpStream, subject: &Subject) -> io::Result<()> {
    let mut request = Vec::with_capacity(1024);
    let complete = loop {
        if request.windows(4).any(|window| window == b"\r\n\r\n") {
            break true;
        }
        let room = REQUEST_MAX.saturating_sub(request.len());
        if room == 0
            || (&mut stream)
                .take(room as u64)
                .read_buf(&mut request)
                .await?
                == 0
        {
            break false;
        }
    };
    let answer = if complete {
        answer(&request, subject)
    } else {
        Answer::text("400 Bad Request", "not a request\n")
    };
    stream.write_all(answer.to_http().as_bytes()).await?;
    stream.shutdown().await
}

struct Answer {
    status: &'static str,
    kind: &'static str,
    body: String,
}

impl Answer {
    fn text(status: &'static str, body: &str) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            body: body.to_owned(),
        }
    }

    fn to_http(&self) -> String {
        let Self { status, kind, body } = self;
        let allow = if status.starts_with("405") {
            "Allow: GET\r\n"
        } else {
            ""
        };
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}Connection: close\r\n\r\n{body}"
        )
    }
}

fn answer(request: &[u8], subject: &Subject) -> Answer {
    let line = request
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Answer::text("400 Bad Request", "not a request\n");
    };
    let path = target
        .split(|byte| *byte == b'?')
        .next()
        .unwrap_or_default();
    if method != b"GET" {
        return Answer::text("405 Method Not Allowed", "GET only\n");
    }
    match path {
        b"/livez" | b"/readyz" if !subject.heartbeat.is_alive() => {
            unavailable("the runtime is stuck\n")
        }
        b"/readyz" if !(subject.is_ready)() => unavailable("clients are not served\n"),
        b"/livez" | b"/readyz" => Answer::text("200 OK", "ok\n"),
        b"/metrics" => metrics(&subject.registry),
        path if path == SERVED_PATH.as_bytes() => served((subject.served)()),
        _ => Answer::text(
            "404 Not Found",
            "try /livez, /readyz, /metrics or /served\n",
        ),
    }
}

fn unavailable(why: &str) -> Answer {
    Answer::text("503 Service Unavailable", why)
}

fn metrics(registry: &Registry) -> Answer {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(body) => Answer {
            status: "200 OK",
            kind: prometheus::TEXT_FORMAT,
            body,
        },
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            Answer::text("500 Internal Server Error", "metrics cannot be written\n")
        }
    }
}

fn served(served: Option<Served>) -> Answer {
    let Some(served) = served else {
        return unavailable("not just one endpoint is served\n");
    };
    match serde_json::to_string(&served) {
        Ok(body) => Answer {
            status: "200 OK",
            kind: "application/json",
            body,
        },
        Err(error) => {
            tracing::error!(%error, "what is served cannot be written");
            Answer::text(
                "500 Internal Server Error",
                "what is served cannot be written\n",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(heartbeat: Heartbeat) -> Subject {
        Subject {
            heartbeat,
            is_ready: Box::new(|| true),
            registry: Registry::new(),
            served: Box::new(|| None),
        }
    }

    #[tokio::test]
    async fn a_heart_that_has_not_beaten_for_long_is_neither_alive_nor_ready() {
        let mut heartbeat = Heartbeat::start();
        assert!(heartbeat.is_alive());

        heartbeat.started = Instant::now().checked_sub(BEATS_MISSED).unwrap();

        let subject = subject(heartbeat);
        for request in [
            &b"GET /livez HTTP/1.1\r\n\r\n"[..],
            b"GET /readyz HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(answer(request, &subject).status, "503 Service Unavailable");
        }
    }

    #[tokio::test]
    async fn however_long_silent_clients_stay_others_are_answered() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let subject = Arc::new(subject(Heartbeat::start()));
        let hour = Duration::from_hours(1);
        let listening = tokio::spawn(listen(listener, subject, hour));
        let mut silent = Vec::new();
        for _ in 0..2 * CONNECTIONS_MAX {
            silent.push(TcpStream::connect(address).await.unwrap());
        }

        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /livez HTTP/1.1\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        let reading = stream.read_to_string(&mut answer);
        timeout(Duration::from_mins(1), reading)
            .await
            .unwrap()
            .unwrap();

        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        listening.abort();
    }
}
