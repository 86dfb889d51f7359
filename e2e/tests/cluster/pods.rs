//! Pods run, on nodes that are apart from each other.

use anyhow::Result;
use e2e::{
    cluster::stage::{Ability, Stage},
    program::run,
};

use crate::place::Place;

#[test]
fn pods_on_two_nodes_reach_each_other() -> Result<()> {
    let story = "pods on two nodes reach each other";
    let Some(stage) = Stage::open(story, &[Ability::Images, Ability::Nodes])? else {
        return Ok(());
    };
    let place = Place::make(stage, "reach")?;
    place.start_pod_on("node1", "one")?;
    place.start_pod_on("node2", "two")?;

    let there = place.connect_from("one", &place.address_of("two")?, "8080")?;
    let back = place.connect_from("two", &place.address_of("one")?, "8080")?;

    assert_eq!([there, back], ["two", "one"]);
    assert!(place.address_of("one")?.starts_with("198.18.1."));
    assert!(place.address_of("two")?.starts_with("198.18.2."));
    Ok(())
}

#[test]
fn a_pod_is_heard_and_looked_into() -> Result<()> {
    let story = "a pod is heard and looked into";
    let Some(stage) = Stage::open(story, &[Ability::Images])? else {
        return Ok(());
    };
    let place = Place::make(stage, "heard")?;
    place.start_pod("one")?;

    let said = place.ask(&["logs", "one"])?;
    let seen = place.ask(&["exec", "one", "--", "busybox", "hostname"])?;

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
    let place = Place::make(stage, "past")?;
    place.start_pod_on("node1", "one")?;
    let address = place.address_of("one")?;

    let mut connect = stage.outside("busybox");
    let answer = run(connect.args(["nc", "-w", "2", &address, "8080"]))?;

    assert!(!answer.status.success(), "{}", answer.said());
    Ok(())
}
