//! Asks a running operator whether it is ready: what `helm test` runs, in an image that has nothing else.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// How long one question may take.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long it waits before it asks again.
const PAUSE: Duration = Duration::from_millis(500);
/// What is read of an answer; its first line says enough.
const ANSWER_BYTES: usize = 12;

/// Why an operator is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// Nobody answers there.
    #[error("nobody answers at {address}")]
    Silent {
        /// Where was asked.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// It says that it is not.
    #[error("{address} answers {answer:?} to GET /readyz; its log says why")]
    Refused {
        /// Where was asked.
        address: SocketAddr,
        /// The beginning of the answer.
        answer: String,
    },
}

/// Asks at this admin address until the operator is ready, for so long at most.
pub fn ready(address: SocketAddr, within: Duration) -> Result<(), NotReady> {
    let begun = Instant::now();
    loop {
        match ask(address) {
            Ok(()) => return Ok(()),
            Err(error) if begun.elapsed() >= within => return Err(error),
            Err(_not_yet) => thread::sleep(PAUSE),
        }
    }
}

fn ask(address: SocketAddr) -> Result<(), NotReady> {
    let answer = question(address).map_err(|source| NotReady::Silent { address, source })?;
    if answer == "HTTP/1.0 200" || answer == "HTTP/1.1 200" {
        return Ok(());
    }
    Err(NotReady::Refused { address, answer })
}

fn question(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME)?;
    stream.set_read_timeout(Some(ANSWER_TIME))?;
    // In one piece: whoever answers the first of several and closes would reset the connection.
    let request = format!("GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; ANSWER_BYTES];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Gives these answers, one a connection.
    fn operator(answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut question = [0; 1024];
                let _count = stream.read(&mut question).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn an_operator_that_becomes_ready_is_ready() {
        let address = operator(&[
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
        ]);

        assert!(ready(address, Duration::from_mins(1)).is_ok());
    }

    #[test]
    fn one_that_does_not_is_named_with_its_answer() {
        let address = operator(&["HTTP/1.1 503 Service Unavailable\r\n\r\n"]);

        let error = ready(address, Duration::ZERO).unwrap_err();

        assert!(error.to_string().contains("HTTP/1.1 503"), "{error}");
    }

    #[test]
    fn nobody_is_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);

        let error = ready(address, Duration::ZERO).unwrap_err();

        assert!(matches!(error, NotReady::Silent { .. }), "{error}");
    }
}
