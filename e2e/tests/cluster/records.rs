//! The API server writes down who asked it for what.

use std::fs;

use anyhow::Result;
use e2e::{
    cluster::stage::{Ability, Stage},
    wait::until,
};
use serde_json::{Value, json};

use crate::namespace::Namespace;

#[test]
fn every_request_is_written_down_and_no_secret_is() -> Result<()> {
    let story = "every request is written down and no secret is";
    let Some(stage) = Stage::open(story, &[Ability::AuditLog])? else {
        return Ok(());
    };
    let namespace = Namespace::make(stage, "records")?;
    // In base64 "told to nobody" is dG9sZCB0byBub2JvZHk=.
    namespace.apply(&json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "whispered" },
        "stringData": { "word": "told to nobody" },
    }))?;
    namespace.apply(&json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "shouted" },
        "data": { "word": "told to everybody" },
    }))?;

    let log = until("both requests in the audit log", || {
        let log = fs::read_to_string(stage.ours()?.audit_log())?;
        let has_both = log.contains("whispered") && log.contains("shouted");
        Ok(has_both.then_some(log))
    })?;

    assert!(log.contains("told to everybody"));
    assert!(!log.contains("told to nobody") && !log.contains("dG9sZCB0byBub2JvZHk="));
    let of_secret: Vec<Value> = log
        .lines()
        .filter(|line| line.contains("whispered"))
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert!(
        of_secret
            .iter()
            .all(|event| event["user"]["username"] == "admin" && event["level"] == "Metadata")
    );
    Ok(())
}
