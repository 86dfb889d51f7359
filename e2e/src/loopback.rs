//! Addresses that no other story uses.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    process,
    sync::atomic::{AtomicU8, Ordering},
};

use anyhow::Result;

/// How many addresses this process has taken.
static TAKEN: AtomicU8 = AtomicU8::new(0);

/// An address of 127.0.0.0/8 for this process and this call alone, with a port that the kernel found free there.
/// Since nobody else uses the address, the port stays free until the program that is told of it listens.
pub fn unused() -> Result<SocketAddr> {
    let [.., high, low] = process::id().to_be_bytes();
    let own = TAKEN.fetch_add(1, Ordering::Relaxed);
    // 127.0.x.y is where other programs of the machine listen.
    let address = IpAddr::V4(Ipv4Addr::new(127, high | 0x80, low, own.wrapping_add(1)));
    let listener = TcpListener::bind((address, 0))?;
    Ok(listener.local_addr()?)
}
