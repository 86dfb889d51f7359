//! An operator that has nothing to do does nothing, and never asks for what it may not have.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek},
    time::{Duration, Instant},
};

use anyhow::Result;
use e2e::{
    cluster::{Cluster, stage::Ability},
    figures,
    wait::until,
};
use serde_json::Value;

use crate::{
    endpoint::Endpoint,
    installation::{self, NAMESPACE, RELEASE},
};

/// How long it must have written nothing.
const REST: Duration = Duration::from_mins(1);

/// What changes something.
const WRITES: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];

#[test]
fn at_rest_the_operator_writes_nothing_and_is_never_denied_anything() -> Result<()> {
    let story = "at rest the operator writes nothing and is never denied anything";
    let Some(stage) = installation::open(story, &[Ability::AuditLog])? else {
        return Ok(());
    };
    let endpoint = Endpoint::serve(stage, "rest", 2)?;
    let mut requests = Requests::of_the_operator(stage.ours()?)?;

    let (mut known, mut since) = (0, Instant::now());
    until("an operator at rest", || {
        let writes = requests.read()?.writes_in(endpoint.namespace.name());
        if writes != known {
            (known, since) = (writes, Instant::now());
        }
        Ok((since.elapsed() > REST).then_some(()))
    })?;

    assert!(known > 0);
    figures::tell(
        "writes of the operator until an endpoint rests",
        &known.to_string(),
    )?;
    let denied = requests.denied();
    assert!(denied.is_empty(), "{denied:#?}");
    Ok(())
}

/// What the operator's account has asked of the API server, from the first request on.
pub(crate) struct Requests {
    account: String,
    log: BufReader<File>,
    all: Vec<Value>,
}

impl Requests {
    pub(crate) fn of_the_operator(cluster: &Cluster) -> Result<Self> {
        Ok(Self {
            account: format!("system:serviceaccount:{NAMESPACE}:{RELEASE}"),
            log: BufReader::new(File::open(cluster.audit_log())?),
            all: Vec::new(),
        })
    }

    /// Reads what was written down since the last time.
    pub(crate) fn read(&mut self) -> Result<&Self> {
        loop {
            let start = self.log.stream_position()?;
            let mut line = String::new();
            self.log.read_line(&mut line)?;
            if !line.ends_with('\n') {
                // The end, or a line that is being written.
                self.log.seek(std::io::SeekFrom::Start(start))?;
                return Ok(self);
            }
            if line.contains(&self.account) {
                let request: Value = serde_json::from_str(&line)?;
                if request["user"]["username"] == *self.account {
                    self.all.push(request);
                }
            }
        }
    }

    /// How many of them changed something in a namespace.
    fn writes_in(&self, namespace: &str) -> usize {
        let there = self.all.iter();
        let there = there.filter(|request| request["objectRef"]["namespace"] == namespace);
        there
            .filter(|request| WRITES.iter().any(|verb| request["verb"] == *verb))
            .count()
    }

    /// Those that it had no right to. A namespace that goes takes nothing new, whoever asks: that is no lack of a right.
    pub(crate) fn denied(&self) -> Vec<Value> {
        let all = self.all.iter();
        all.filter(|request| request["annotations"]["authorization.k8s.io/decision"] != "allow")
            .cloned()
            .collect()
    }
}
