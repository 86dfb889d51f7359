//! `secureftp`: arguments → command → exit code.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use clap::Parser as _;
use cli::{
    arguments::{Arguments, Command},
    local::{self, Ending, Voice},
    password::{self, Form},
};
use tracing_subscriber::EnvFilter;

/// The variable that chooses what is logged, as in `SECUREFTP_LOG=info`.
const LOG_VARIABLE: &str = "SECUREFTP_LOG";

/// As shells have it: 128 and the number of the signal.
const SIGNAL_BASE: i32 = 128;

fn main() -> ExitCode {
    allocator::return_large();
    let arguments = Arguments::parse();
    log();
    match run(arguments) {
        Ok(Ending::Good) => ExitCode::SUCCESS,
        Ok(Ending::Mistakes) => ExitCode::FAILURE,
        Ok(Ending::Signal(number)) => {
            ExitCode::from(u8::try_from(SIGNAL_BASE + number).unwrap_or(u8::MAX))
        }
        Err(error) => {
            // When standard error is gone too, there is nobody to tell.
            let _told = writeln!(io::stderr().lock(), "secureftp: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<Ending> {
    let mut out = io::stdout();
    let mut errors = io::stderr();
    match arguments.command {
        Command::Local(local) => Ok(local::run(&local, &mut Voice::new(&mut out, &mut errors))?),
        Command::Password { secret } => {
            let form = secret.map_or(Form::Hash, Form::Secret);
            password::run(&form, &mut out)?;
            Ok(Ending::Good)
        }
    }
}

fn log() {
    // The debug messages of russh contain keys; nothing of it is ever logged below a warning.
    let filter =
        EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_unset| EnvFilter::new("warn"));
    let filter = match "russh=warn".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_never) => EnvFilter::new("warn"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
}
