//! SFTP on standard input and output, without SSH: `sftp -D "sftp_stdio FOLDER"` is a client of it.
//!
//! For measuring the engine alone, and for trying real clients on it. Standard input and output are two pipes or one
//! socket.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream as BlockingStream,
    },
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use gateway::{
    drain::Drain,
    sftp::{Engine, EngineLimits, serve_streams},
    storage::{Files, Volume},
};
use gateway_config::{Durability, Permission, Storage, Uploads};
use tokio::net::{
    UnixStream,
    unix::pipe::{Receiver, Sender},
};

const LIMITS: EngineLimits = EngineLimits {
    memory: 8 * 1024 * 1024,
    handles: 256,
};

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let folder = std::env::args_os()
        .nth(1)
        .context("usage: sftp_stdio FOLDER")?;
    let engine = Engine::new(
        files(folder.into()).await?,
        LIMITS,
        Drain::default().state(),
    );
    if let (Ok(read), Ok(write)) = (
        Receiver::from_owned_fd(duplicate(&io::stdin())?),
        Sender::from_owned_fd(duplicate(&io::stdout())?),
    ) {
        serve_streams(read, write, engine).await?;
    } else {
        let socket = BlockingStream::from(duplicate(&io::stdin())?);
        socket.set_nonblocking(true)?;
        let (read, write) = UnixStream::from_std(socket)?.into_split();
        serve_streams(read, write, engine).await?;
    }
    Ok(())
}

fn duplicate(stream: &impl AsFd) -> Result<OwnedFd> {
    let duplicate = stream.as_fd().try_clone_to_owned();
    duplicate.context("failed to duplicate a standard stream")
}

/// Everything in the folder, with every permission.
async fn files(folder: PathBuf) -> Result<Files> {
    let volume = Volume::open(&Storage {
        volume: folder,
        uploads: Uploads::Direct,
        durability: Durability::Written,
        stuck_seconds: 10,
        stuck_threads_max: 16,
    })?;
    let files = volume.files("local", "/", &Permission::ALL.into()).await?;
    Ok(files)
}
