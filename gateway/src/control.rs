//! The control socket: another process of this machine starts the drain and follows it.
//!
//! A Unix socket with mode 0600. One line asks, `drain SECONDS refuse` or `drain SECONDS serve`; lines answer:
//! `waiting N` whenever N changes, and `finished` when no client is left or the deadline has passed.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::timeout,
};

use crate::drain::{Arrivals, Drain};

/// Processes that follow the drain at the same time.
const FOLLOWERS_MAX: usize = 16;
/// Bytes of a request.
const REQUEST_MAX: u64 = 128;
/// How long a request may take to arrive.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// How long a gateway may take to answer at all: one that is stuck never does.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How often it is looked how many transfers are left.
const LOOK: Duration = Duration::from_millis(200);

/// The open control socket; it closes, and its file goes, when this is dropped.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    task: JoinHandle<()>,
}

/// Why there is no control socket, or why it does not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket cannot be made.
    #[error("the control socket {} cannot be made; does its folder exist, and is it writable?", path.display())]
    Bind {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another gateway answers there.
    #[error("another gateway uses the control socket {}; give this one another path", .0.display())]
    InUse(PathBuf),
    /// Something that is no socket is in the way.
    #[error("{} is in the way of the control socket and not a socket; remove it", .0.display())]
    InTheWay(PathBuf),
    /// Nobody answers.
    #[error("no gateway answers at the control socket {}; is it running, with this path?", path.display())]
    Connect {
        /// Where a gateway was expected.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The gateway takes the request and says nothing.
    #[error("the gateway does not answer: it is stuck")]
    Silent,
    /// The gateway left before it said that it was drained: it has ended.
    #[error("the gateway broke off")]
    BrokenOff(#[source] io::Error),
    /// The gateway does not understand.
    #[error("the gateway answered `{0}`")]
    Refused(String),
}

impl Control {
    /// Listens at `path`. The file of a gateway that is gone is replaced.
    pub fn start(path: &Path, drain: Drain) -> Result<Self, ControlError> {
        let failed = |source| ControlError::Bind {
            path: path.to_owned(),
            source,
        };
        make_room(path)?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let task = tokio::spawn(listen(listener, drain));
        Ok(Self {
            path: path.to_owned(),
            task,
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        // If it is gone already, all the better.
        let _removed = fs::remove_file(&self.path);
    }
}

/// Removes a socket that nobody listens to.
fn make_room(path: &Path) -> Result<(), ControlError> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        return Err(ControlError::InTheWay(path.to_owned()));
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(ControlError::InUse(path.to_owned()));
    }
    fs::remove_file(path).map_err(|source| ControlError::Bind {
        path: path.to_owned(),
        source,
    })
}

async fn listen(listener: UnixListener, drain: Drain) {
    let places = Arc::new(Semaphore::new(FOLLOWERS_MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, perhaps: not a reason to end, nor to spin.
            tokio::time::sleep(LOOK).await;
            continue;
        };
        // Those that are one too many are closed.
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            tokio::spawn(answer(stream, drain.clone(), place));
        }
    }
}

async fn answer(stream: UnixStream, drain: Drain, _place: OwnedSemaphorePermit) {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut request = BufReader::new(read.take(REQUEST_MAX));
    let arrived = timeout(REQUEST_TIME, request.read_line(&mut line)).await;
    let asked = arrived.is_ok_and(|read| read.is_ok()).then(|| parse(&line));
    let outcome = match asked.flatten() {
        Some((deadline, arrivals)) => {
            tracing::info!(
                ?deadline,
                ?arrivals,
                "drain asked for at the control socket"
            );
            drain.start(deadline, arrivals);
            follow(&drain, deadline, &mut write).await
        }
        None => write.write_all(b"not understood\n").await,
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "whoever asked for the drain has gone");
    }
}

fn parse(line: &str) -> Option<(Duration, Arrivals)> {
    let mut words = line.trim_end().split(' ');
    let (Some("drain"), Some(seconds), Some(arrivals), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    let arrivals = match arrivals {
        "refuse" => Arrivals::Refuse,
        "serve" => Arrivals::Serve,
        _ => return None,
    };
    Some((Duration::from_secs(seconds.parse().ok()?), arrivals))
}

async fn follow(
    drain: &Drain,
    deadline: Duration,
    write: &mut (impl tokio::io::AsyncWrite + Unpin),
) -> io::Result<()> {
    let finished = timeout(deadline, drain.finished());
    tokio::pin!(finished);
    let mut told = None;
    loop {
        let waiting = drain.waiting_for();
        if told != Some(waiting) {
            write
                .write_all(format!("waiting {waiting}\n").as_bytes())
                .await?;
            told = Some(waiting);
        }
        tokio::select! {
            _ended = &mut finished => return write.write_all(b"finished\n").await,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Asks the gateway at `path` to drain, tells `waiting` how many it waits for, and returns when it has finished.
pub async fn drain(
    path: &Path,
    deadline: Duration,
    arrivals: Arrivals,
    mut waiting: impl FnMut(&str),
) -> Result<(), ControlError> {
    let mut stream = UnixStream::connect(path)
        .await
        .map_err(|source| ControlError::Connect {
            path: path.to_owned(),
            source,
        })?;
    let arrivals = match arrivals {
        Arrivals::Refuse => "refuse",
        Arrivals::Serve => "serve",
    };
    let request = format!("drain {} {arrivals}\n", deadline.as_secs());
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(ControlError::BrokenOff)?;
    let mut lines = BufReader::new(stream).lines();
    let first = timeout(ANSWER_TIME, lines.next_line()).await;
    let mut line = first.or(Err(ControlError::Silent))?;
    loop {
        match line.map_err(ControlError::BrokenOff)?.as_deref() {
            // A gateway that is drained may end before its last word is read.
            Some("finished") | None => return Ok(()),
            Some(line) => match line.strip_prefix("waiting ") {
                Some(count) => waiting(count),
                None => return Err(ControlError::Refused(line.to_owned())),
            },
        }
        line = lines.next_line().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_gateway_that_is_stuck_holds_up_nobody_who_asks_it_to_drain() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let _never_accepts = UnixListener::bind(&path).unwrap();

        let hour = Duration::from_hours(1);
        let asked = timeout(hour, drain(&path, hour, Arrivals::Serve, |_| {})).await;

        assert!(matches!(asked, Ok(Err(ControlError::Silent))), "{asked:?}");
    }
}
