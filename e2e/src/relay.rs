//! A relay between a client and a server that can stop to carry what the server says: a client that never reads.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use anyhow::Result;

use crate::loopback;

/// Carries one connection.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    gate: Arc<Gate>,
}

/// Whether what the server says is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ears {
    Open,
    Closed,
    /// The story is over.
    Gone,
}

#[derive(Debug)]
struct Gate {
    ears: Mutex<Ears>,
    changed: Condvar,
}

impl Relay {
    /// Listens for one client of `server`.
    pub fn to(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(loopback::unused()?)?;
        let address = listener.local_addr()?;
        let gate = Arc::new(Gate {
            ears: Mutex::new(Ears::Open),
            changed: Condvar::new(),
        });
        let ours = Arc::clone(&gate);
        thread::spawn(move || carry(&listener, server, &ours));
        Ok(Self { address, gate })
    }

    /// Where the client goes.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing that the server says is taken from its socket; what the client says goes on.
    pub fn stop_listening(&self) {
        self.gate.set(Ears::Closed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.gate.set(Ears::Gone);
    }
}

impl Gate {
    fn set(&self, ears: Ears) {
        *self.ears.lock().unwrap_or_else(PoisonError::into_inner) = ears;
        self.changed.notify_all();
    }

    /// Waits while the ears are closed.
    fn pass(&self) -> Ears {
        let ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        let ears = self
            .changed
            .wait_while(ears, |ears| *ears == Ears::Closed)
            .unwrap_or_else(PoisonError::into_inner);
        let now = *ears;
        drop(ears);
        now
    }
}

fn carry(listener: &TcpListener, server: SocketAddr, gate: &Gate) -> Option<()> {
    let (client, _) = listener.accept().ok()?;
    let server = TcpStream::connect(server).ok()?;
    let (mut from_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        std::io::copy(&mut from_client, &mut to_server).ok();
        to_server.shutdown(Shutdown::Write).ok();
    });
    let (mut from_server, mut to_client) = (server, client);
    let mut buffer = vec![0; 64 * 1024];
    while gate.pass() == Ears::Open {
        let read = from_server
            .read(&mut buffer)
            .ok()
            .filter(|read| *read > 0)?;
        to_client.write_all(buffer.get(..read)?).ok()?;
    }
    Some(())
}
