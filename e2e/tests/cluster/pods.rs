//! Pods run, on nodes that are apart from each other.

use anyhow::Result;
use e2e::{
    cluster::stage::{Ability, Stage},
    program::run,
};

use crate::namespace::Namespace;

#[test]
fn pods_on_two_nodes_reach_each_other() -> Result<()> {
    let story = "pods on two nodes reach each other";
    let Some(stage) = Stage::open(story, &[Ability::Images, Ability::Nodes])? else {
        return Ok(());
    };
    let namespace = Namespace::make(stage, "reach")?;
    namespace.start_pod_on("node1", "one")?;
    namespace.start_pod_on("node2", "two")?;

    let there = namespace.connect_from("one", &namespace.address_of("two")?, "8080")?;
    let back = namespace.connect_from("two", &namespace.address_of("one")?, "8080")?;

    assert_eq!([there, back], ["two", "one"]);
    assert!(namespace.address_of("one")?.starts_with("198.18.1."));
    assert!(namespace.address_of("two")?.starts_with("198.18.2."));
    Ok(())
}

#[test]
fn a_pod_is_heard_and_looked_into() -> Result<()> {
    let story = "a pod is heard and looked into";
    let Some(stage) = Stage::open(story, &[Ability::Images])? else {
        return Ok(());
    };
    let namespace = Namespace::make(stage, "heard")?;
    namespace.start_pod("one")?;

    let said = namespace.ask(&["logs", "one"])?;
    let seen = namespace.ask(&["exec", "one", "--", "busybox", "hostname"])?;

    assert_eq!(said, "one serves");
    assert_eq!(seen, "one");
    Ok(())
}

#[test]
fn users_do_not_reach_pods_past_services() -> Result<()> {
    let story = "users do not reach pods past services";
    let Some(stage) = Stage::open(story, &[Ability::Images, Ability::Nodes])? else {
        return Ok(());
    };
    let namespace = Namespace::make(stage, "past")?;
    namespace.start_pod_on("node1", "one")?;
    let address = namespace.address_of("one")?;

    let mut connect = stage.outside("busybox");
    let answer = run(connect.args(["nc", "-w", "2", &address, "8080"]))?;

    assert!(!answer.status.success(), "{}", answer.said());
    Ok(())
}
