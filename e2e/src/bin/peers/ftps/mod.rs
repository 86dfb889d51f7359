//! FTPS beside Debian's pure-ftpd, `ProFTPD` and vsftpd, with curl.

mod certificate;
mod contestant;
mod packages;
mod servers;
mod table;

use std::io::{self, Write};

use anyhow::{Result, ensure};

use crate::contest::Plan;
use contestant::{Contestant, Round};
use packages::Packages;

/// The cipher suite of every connection, control and data, by TLS 1.3.
const CIPHER: &str = "TLS_AES_128_GCM_SHA256";

/// Runs the contest; answers its table.
pub(crate) fn run(plan: Plan) -> Result<String> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "the FTPS contest needs root: Debian's servers do not start for others"
    );
    let packages = Packages::unpack()?;
    // Ours comes last, as in the other contest.
    let contestants = [
        Contestant::new(&packages, contestant::Name::PureFtpd)?,
        Contestant::new(&packages, contestant::Name::ProFtpd)?,
        Contestant::new(&packages, contestant::Name::Vsftpd)?,
        Contestant::new(&packages, contestant::Name::Secureftp)?,
    ];
    for contestant in &contestants {
        contestant.prepare(plan)?;
    }
    let mut results: [Vec<Round>; 4] = Default::default();
    for round in 1..=plan.rounds {
        for (contestant, results) in contestants.iter().zip(&mut results) {
            results.push(contestant.run_round(plan)?);
        }
        writeln!(io::stderr(), "FTPS, round {round} of {}", plan.rounds)?;
    }
    Ok(table::render(plan, &contestants, &results))
}
