//! The operator as a program: arguments → signals → run.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use operator::{Arguments, ready, run};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The variable that chooses what is logged, as in `SECUREFTP_LOG=debug`.
const LOG_VARIABLE: &str = "SECUREFTP_LOG";

/// The operator of secureftp
#[derive(Debug, Parser)]
#[command(name = "secureftp-operator", version, max_term_width = 100)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run gateways for the secureftp endpoints of a cluster
    Run(Arguments),
    /// Ask a running operator whether it is ready; fails if it is not
    Ready {
        /// Its admin address, for example 198.51.100.7:9090
        address: SocketAddr,
        /// How long it may take to become ready, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        within: u64,
    },
}

fn main() -> anyhow::Result<()> {
    allocator::return_large();
    let command = Program::parse().command;
    let runtime = tokio::runtime::Runtime::new().context("the runtime does not start")?;
    runtime.block_on(obey(command))
}

async fn obey(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(arguments) => run_until_told(arguments).await,
        Command::Ready { address, within } => Ok(ready(address, Duration::from_secs(within))?),
    }
}

async fn run_until_told(arguments: Arguments) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_unset| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .init();
    let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
    run(arguments, async {
        tokio::select! {
            _stop = terminate.recv() => {}
            _stop = interrupt.recv() => {}
        }
    })
    .await?;
    Ok(())
}
