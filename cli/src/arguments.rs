//! What a person types.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::local::Ports;

/// Secure file transfer from manifests.
#[derive(Debug, Parser)]
#[command(name = "secureftp", version, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve manifests on this machine, as the operator would serve them on a cluster.
    Local(Local),
    /// Hash a password from the terminal or from standard input, for a Secret.
    Password {
        /// Print a Secret of this name with the hash, instead of the hash alone.
        #[arg(long, value_name = "NAME", value_parser = secret_name)]
        secret: Option<String>,
    },
}

/// What to serve, and how.
#[derive(Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of a command line are booleans; nobody else sees them"
)]
pub struct Local {
    /// A manifest, or a folder with manifests (.yaml, .yml, .json; also in folders inside).
    pub path: PathBuf,
    /// The folder that keeps files, keys and configuration between two starts.
    #[arg(long, value_name = "DIR", default_value = ".secureftp")]
    pub state: PathBuf,
    /// The address to listen at; 0.0.0.0 and :: are every address of this machine.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// The port of the metrics, on 127.0.0.1 whatever --bind says; 0 is any that is free, as the sheet says.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub metrics_port: u16,
    /// Listen at ports below 1024 as they are; without it they are served at the port plus 2000 (22 at 2022).
    #[arg(long)]
    real_ports: bool,
    /// Say what is wrong with the manifests and exit, without starting or writing anything.
    #[arg(long)]
    check: bool,
}

/// How far `local` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It serves until it is stopped.
    Serve,
    /// It says what is wrong and exits.
    Check,
}

impl Local {
    /// Which ports are bound.
    pub fn ports(&self) -> Ports {
        if self.real_ports {
            Ports::Real
        } else {
            Ports::Unprivileged
        }
    }

    /// How far to go.
    pub fn purpose(&self) -> Purpose {
        if self.check {
            Purpose::Check
        } else {
            Purpose::Serve
        }
    }
}

/// The name of a Secret (RFC 1123, section 2.1), which also makes it safe to print into YAML.
fn secret_name(name: &str) -> Result<String, &'static str> {
    let word = |word: &str| {
        word.bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !word.is_empty()
            && !word.starts_with('-')
            && !word.ends_with('-')
    };
    if name.len() <= 253 && name.split('.').all(word) {
        Ok(name.to_owned())
    } else {
        Err("write lower-case letters, digits, `-` and `.`, at most 253 in all")
    }
}
