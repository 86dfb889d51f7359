//! TLS of one data connection, without I/O: what has come goes in, what is to be sent comes out.
//!
//! ```text
//! socket → incoming → (decrypted in place) → the caller's buffer
//! socket ← outgoing ← (encrypted)          ← the caller's bytes
//! ```
//!
//! rustls' buffered connection asks for 4 KiB at a time and moves every byte four times on its way to a file. Here it
//! works in a buffer of ours, which is filled by large reads. What rustls calls *transmitted* is only queued in
//! `outgoing`: it leaves in its order, and before anything that was encrypted later.

use std::{fmt, sync::Arc};

use rustls::{
    Error, HandshakeKind, ServerConfig,
    server::{ServerConnectionData, UnbufferedServerConnection},
    unbuffered::{
        ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
    },
};
use tokio::io::ReadBuf;

use super::window::Window;

/// The records of one connection.
pub(super) struct Records {
    connection: UnbufferedServerConnection,
    client: Client,
    /// What has come and is not decrypted. The caller fills it.
    pub(super) incoming: Window,
    /// What is decrypted and did not fit: of one record, or what came during a download with the handshake.
    plain: Window,
    /// What is encrypted and not sent. The caller empties it.
    pub(super) outgoing: Window,
}

/// What is to be expected of the client.
#[derive(Debug)]
enum Client {
    Speaks,
    /// It has said that it has sent everything.
    Ended,
    /// What it sent was no TLS, or none that is spoken here.
    Failed(Error),
}

/// How far a handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shaking {
    /// The client has to go on.
    Blocked,
    /// It is over.
    Done,
}

/// What there is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something was read.
    Bytes,
    /// Nothing, before more has come.
    Nothing,
    /// Nothing ever again: the client has said so.
    End,
}

/// What to do once rustls would wait for more.
#[derive(Clone, Copy)]
enum Order<'a> {
    Wait,
    Encrypt(&'a [u8]),
    Close,
}

/// What a step has come to.
enum Step {
    /// There may be more to do.
    GoesOn,
    /// A record was decrypted.
    Received,
    /// More must come.
    Blocked,
    /// The client has ended.
    Ended,
    /// The order was followed.
    Done,
}

impl Records {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self {
            connection: UnbufferedServerConnection::new(config)?,
            client: Client::Speaks,
            incoming: Window::default(),
            plain: Window::default(),
            outgoing: Window::default(),
        })
    }

    /// Goes on with the handshake. After an error `outgoing` holds the alert that says why.
    pub(super) fn shake_hands(&mut self) -> Result<Shaking, Error> {
        while let Step::GoesOn = self.step(Order::Wait, &mut ReadBuf::new(&mut []))? {}
        if self.is_handshaking() {
            Ok(Shaking::Blocked)
        } else {
            Ok(Shaking::Done)
        }
    }

    /// Whether the handshake is not over.
    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// How the handshake went.
    pub(super) fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.connection.handshake_kind()
    }

    /// Decrypts into `buffer`, which must have room, for as long as it has. An error comes after everything that was
    /// right, and again with every later call.
    pub(super) fn read(&mut self, buffer: &mut ReadBuf<'_>) -> Result<Heard, Error> {
        let room = buffer.remaining();
        let count = self.plain.held().len().min(room);
        buffer.put_slice(self.plain.held().get(..count).unwrap_or_default());
        self.plain.take(count);
        let mut end = Ok(Heard::Nothing);
        while buffer.remaining() > 0 {
            match self.step(Order::Wait, buffer) {
                Ok(Step::GoesOn | Step::Received) => {}
                Ok(Step::Blocked | Step::Done) => break,
                Ok(Step::Ended) => {
                    end = Ok(Heard::End);
                    break;
                }
                Err(error) => {
                    end = Err(error);
                    break;
                }
            }
        }
        if buffer.remaining() < room {
            return Ok(Heard::Bytes);
        }
        end
    }

    /// Encrypts all of `bytes` into `outgoing`.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.follow(Order::Encrypt(bytes))
    }

    /// Adds `close_notify` to `outgoing`. A client that has failed is told so by an alert instead.
    pub(super) fn close(&mut self) {
        let _alerted = self.follow(Order::Close).is_err();
    }

    fn follow(&mut self, order: Order<'_>) -> Result<(), Error> {
        loop {
            match self.step(order, &mut ReadBuf::new(&mut []))? {
                Step::Done => return Ok(()),
                // Nobody reads while something is written: what has come until now is all that will be kept.
                Step::GoesOn | Step::Received | Step::Ended => {}
                Step::Blocked => return Err(Error::HandshakeNotComplete),
            }
        }
    }

    fn step(&mut self, order: Order<'_>, buffer: &mut ReadBuf<'_>) -> Result<Step, Error> {
        match (&self.client, order) {
            (Client::Failed(error), _) => return Err(error.clone()),
            (Client::Ended, Order::Wait) => return Ok(Step::Ended),
            (Client::Ended | Client::Speaks, _) => {}
        }
        let incoming = self.incoming.held_mut();
        let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(incoming);
        let step = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
                match traffic.next_record() {
                    Some(Ok(record)) => {
                        discard += record.discard;
                        deliver(record.payload, buffer, &mut self.plain);
                    }
                    Some(Err(error)) => break Err(error),
                    None => break Ok(Step::Received),
                }
            },
            Ok(ConnectionState::EncodeTlsData(mut message)) => {
                encode(&mut message, &mut self.outgoing).map(|()| Step::GoesOn)
            }
            Ok(ConnectionState::TransmitTlsData(transmit)) => {
                transmit.done();
                Ok(Step::GoesOn)
            }
            Ok(ConnectionState::PeerClosed) => {
                self.client = Client::Ended;
                Ok(Step::Ended)
            }
            Ok(ConnectionState::WriteTraffic(traffic)) => obey(order, traffic, &mut self.outgoing),
            Ok(ConnectionState::BlockedHandshake) => Ok(Step::Blocked),
            Ok(state) => Err(Error::General(format!("{state:?} was not expected"))),
            Err(error) => Err(error),
        };
        self.incoming.take(discard);
        step.inspect_err(|error| self.fail(error))
    }

    /// Remembers why nothing more will be read, and queues the alert that tells the client.
    fn fail(&mut self, error: &Error) {
        self.client = Client::Failed(error.clone());
        // As long as it has something to say rustls does not look at what has come, which it must not do again.
        while self.connection.wants_write() {
            let incoming = self.incoming.held_mut();
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(incoming);
            let Ok(ConnectionState::EncodeTlsData(mut message)) = state else {
                return;
            };
            let encoded = encode(&mut message, &mut self.outgoing);
            self.incoming.take(discard);
            if encoded.is_err() {
                return;
            }
        }
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

fn deliver(payload: &[u8], buffer: &mut ReadBuf<'_>, plain: &mut Window) {
    let (fitting, rest) = payload.split_at(payload.len().min(buffer.remaining()));
    buffer.put_slice(fitting);
    plain.append(rest);
}

fn obey(
    order: Order<'_>,
    mut traffic: WriteTraffic<'_, ServerConnectionData>,
    outgoing: &mut Window,
) -> Result<Step, Error> {
    loop {
        let written = match order {
            Order::Wait => return Ok(Step::Blocked),
            Order::Encrypt(bytes) => traffic.encrypt(bytes, outgoing.room()),
            Order::Close => traffic.queue_close_notify(outgoing.room()),
        };
        match written {
            Ok(count) => {
                outgoing.put(count);
                return Ok(Step::Done);
            }
            Err(EncryptError::InsufficientSize(room)) => outgoing.make_room(room.required_size),
            Err(EncryptError::EncryptExhausted) => return Err(Error::EncryptError),
        }
    }
}

fn encode(
    message: &mut EncodeTlsData<'_, ServerConnectionData>,
    outgoing: &mut Window,
) -> Result<(), Error> {
    loop {
        match message.encode(outgoing.room()) {
            Ok(count) => {
                outgoing.put(count);
                return Ok(());
            }
            Err(EncodeError::InsufficientSize(room)) => outgoing.make_room(room.required_size),
            Err(error @ EncodeError::AlreadyEncoded) => {
                return Err(Error::General(error.to_string()));
            }
        }
    }
}
