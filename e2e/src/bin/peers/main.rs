//! `cargo peers [sftp|ftps] [--rounds N] [--gib N]`: what this gateway costs beside Debian's servers: OpenSSH for SFTP,
//! pure-ftpd, `ProFTPD` and vsftpd for FTPS.
//!
//! This gateway is built first, as it is released, so that the code is measured as it is now.
//!
//! All serve files in memory to the same client with the same cipher, in turns: A B, A B, … What counts is the CPU
//! time of the server with all its processes; wall time on a busy machine says little. A program, not a test:
//! it prints a table and asserts nothing.

mod account;
mod contest;
mod contestant;
mod ftps;
mod subject;
mod table;

use std::{
    env,
    io::{self, Write},
};

use anyhow::{Context, Result, bail, ensure};

use contest::Plan;
use contestant::Contestant;

/// Which contests are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contests {
    Both,
    Sftp,
    Ftps,
}

fn main() -> Result<()> {
    let (contests, plan) = read(env::args().skip(1))?;
    subject::make_ready()?;
    let mut out = io::stdout().lock();
    if contests != Contests::Ftps {
        write!(out, "{}", sftp(plan)?)?;
    }
    if contests != Contests::Sftp {
        write!(out, "{}", ftps::run(plan)?)?;
    }
    Ok(())
}

/// Runs the contest of SFTP; answers its table.
fn sftp(plan: Plan) -> Result<String> {
    let contestants = [Contestant::openssh()?, Contestant::secureftp()?];
    for contestant in &contestants {
        contestant.prepare(plan)?;
    }
    let [openssh, secureftp] = &contestants;
    // First: later a server would take what the rounds have left it, and the sessions would look cheaper than they are.
    let idle = [openssh.idle_memory()?, secureftp.idle_memory()?];
    let mut results = contestants.each_ref().map(|_| contest::Results::default());
    for round in 1..=plan.rounds {
        for (contestant, results) in contestants.iter().zip(&mut results) {
            results.add(contest::run_round(contestant, plan)?);
        }
        writeln!(io::stderr(), "round {round} of {}", plan.rounds)?;
    }
    Ok(table::render(plan, &contestants, &results, idle))
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<(Contests, Plan)> {
    let mut plan = Plan::default();
    let mut contests = Contests::Both;
    while let Some(name) = arguments.next() {
        let mut number = || -> Result<u32> {
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a number"))?;
            let number = value
                .parse()
                .with_context(|| format!("{name} {value} is no number"))?;
            ensure!(number > 0, "{name} must be above 0");
            Ok(number)
        };
        match name.as_str() {
            "sftp" => contests = Contests::Sftp,
            "ftps" => contests = Contests::Ftps,
            "--rounds" => plan.rounds = number()?,
            "--gib" => plan.gib = number()?,
            _ => bail!("{name}: only sftp, ftps, --rounds N and --gib N are known"),
        }
    }
    Ok((contests, plan))
}
