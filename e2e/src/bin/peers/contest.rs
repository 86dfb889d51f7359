//! What both servers have to do in every round.

use std::fs;

use anyhow::Result;

use crate::contestant::Contestant;

/// Entries of the folder that is listed.
pub(crate) const ENTRIES: u32 = 10_000;
/// Sessions that log in, list an empty folder and leave, in one round.
const LOGINS: u32 = 20;
/// Listings of the large folder in one session.
const LISTINGS: u32 = 5;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How often each server has its turn.
    pub(crate) rounds: u32,
    /// What goes down and up in one round, in GiB.
    pub(crate) gib: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self { rounds: 5, gib: 1 }
    }
}

/// What one round cost one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    download: f64,
    upload: f64,
    login: f64,
    entry: f64,
}

/// What all rounds cost one server, measure by measure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results {
    /// CPU seconds a GiB.
    pub(crate) download: Vec<f64>,
    /// CPU seconds a GiB.
    pub(crate) upload: Vec<f64>,
    /// CPU milliseconds a login with the listing of an empty folder.
    pub(crate) login: Vec<f64>,
    /// CPU microseconds an entry of a listing.
    pub(crate) entry: Vec<f64>,
}

impl Results {
    /// Adds a round.
    pub(crate) fn add(&mut self, round: Round) {
        let Round {
            download,
            upload,
            login,
            entry,
        } = round;
        self.download.push(download);
        self.upload.push(upload);
        self.login.push(login);
        self.entry.push(entry);
    }
}

/// One turn of one server.
pub(crate) fn run_round(contestant: &Contestant, plan: Plan) -> Result<Round> {
    let remote = contestant.remote();
    let gib = f64::from(plan.gib);
    let desk = contestant.desk();
    let download =
        contestant.cost_of(&format!("get {remote}/download {}\n", desk.display()))? / gib;
    fs::remove_file(desk)?;
    let source = contestant.source();
    let upload = contestant.cost_of(&format!("put {} {remote}/upload\n", source.display()))? / gib;
    fs::remove_file(contestant.uploaded())?;
    let mut logins = 0.0;
    for _ in 0..LOGINS {
        logins += contestant.cost_of(&format!("ls -1 {remote}/few\n"))?;
    }
    let listing = format!("ls -1 {remote}/many\n").repeat(usize::try_from(LISTINGS)?);
    let listings = contestant.cost_of(&listing)?;
    let login = logins / f64::from(LOGINS);
    Ok(Round {
        download,
        upload,
        login: login * 1e3,
        entry: (listings - login) * 1e6 / f64::from(LISTINGS * ENTRIES),
    })
}
