//! Edits are picked up while it runs; a broken one changes nothing.

use std::fs;

use anyhow::Result;
use e2e::{
    clients::openssh::run_sftp,
    gateway::Gateway,
    idle::Idle,
    setup::{Setup, User},
    wait::until,
};

#[test]
fn a_new_user_may_log_in_without_a_restart() -> Result<()> {
    let mut gateway = Gateway::start(Setup::default())?;
    let carol = gateway.place().as_user("carol");
    run_sftp(&carol, "ls\n")?.failure()?;
    let there_before = Idle::open(gateway.place(), 1)?;

    gateway.edit(Setup {
        users: vec![User::new("alice"), User::new("carol")],
        ..Setup::default()
    })?;

    until("carol's login", || {
        Ok(run_sftp(&carol, "ls\n")?.success().ok())
    })?;
    assert_eq!(there_before.alive(), 1, "others are left alone");
    Ok(())
}

#[test]
fn a_removed_user_leaves_and_may_not_log_in_again() -> Result<()> {
    let users = vec![User::new("alice"), User::new("carol")];
    let mut gateway = Gateway::start(Setup {
        users,
        ..Setup::default()
    })?;
    let carol = gateway.place().as_user("carol");
    let (hers, his) = (Idle::open(&carol, 1)?, Idle::open(gateway.place(), 1)?);

    gateway.edit(Setup::default())?;

    until("the end of carol's session", || {
        Ok((hers.alive() == 0).then_some(()))
    })?;
    assert_eq!(his.alive(), 1, "others are left alone");
    until("carol's refusal", || {
        Ok(run_sftp(&carol, "ls\n")?.failure().ok())
    })?;
    run_sftp(gateway.place(), "ls\n")?.success()?;
    assert!(
        gateway.volume().join("carol").exists(),
        "what she stored stays"
    );
    Ok(())
}

#[test]
fn taken_permissions_are_gone_at_the_next_login() -> Result<()> {
    let mut gateway = Gateway::start(Setup::default())?;
    let local = gateway.desk()?.join("local");
    fs::write(&local, "contents")?;
    let put = format!("put {} file\n", local.display());
    run_sftp(gateway.place(), &put)?.success()?;

    let reader = User {
        name: "alice",
        permissions: Some("List, Read"),
        require_tls: false,
    };
    gateway.edit(Setup {
        users: vec![reader],
        ..Setup::default()
    })?;

    until("a refused upload", || {
        Ok(run_sftp(gateway.place(), &put)?.failure().ok())
    })?;
    run_sftp(gateway.place(), "ls\n")?.success()?;
    Ok(())
}

#[test]
fn a_broken_edit_changes_nothing_and_says_why() -> Result<()> {
    let gateway = Gateway::start(Setup::default())?;
    let good = fs::read_to_string(gateway.manifests().join("story.yaml"))?;

    gateway.write_manifests(&good.replace("uploads: Direct", "uploads: Sometimes"))?;

    gateway.wait_until_it_says("Sometimes")?;
    gateway.wait_until_it_says("spec.storage.uploads")?;
    run_sftp(gateway.place(), "ls\n")?.success()?;

    gateway.write_manifests(&good.replace("kind: SecureFtpUser", "kind: [SecureFtpUser"))?;

    gateway.wait_until_it_says("story.yaml:")?;
    run_sftp(gateway.place(), "ls\n")?.success()?;
    Ok(())
}
