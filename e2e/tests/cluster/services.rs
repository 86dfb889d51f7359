//! Services bring who asks to the pods.

use std::collections::BTreeSet;

use anyhow::Result;
use e2e::{
    cluster::stage::{Ability, Stage},
    program::run,
    wait::until,
};
use serde_json::json;

use crate::namespace::Namespace;

/// Enough connections that both pods of a Service are met, but for one run in a million.
const TRIES: usize = 20;

/// Puts a pod on each node behind one address outside of the cluster, and answers that address and the one inside.
pub(crate) fn serve(namespace: &Namespace<'_>) -> Result<(String, String)> {
    namespace.start_pod_on("node1", "one")?;
    namespace.start_pod_on("node2", "two")?;
    namespace.apply(&json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "answers" },
        "spec": {
            "type": "LoadBalancer",
            "allocateLoadBalancerNodePorts": false,
            "selector": { "app": "answers" },
            "ports": [{ "port": 80, "targetPort": 8080 }],
        },
    }))?;
    let outside = until("the address of a load balancer", || {
        let path = "jsonpath={.status.loadBalancer.ingress[0].ip}";
        let address = namespace.ask(&["get", "service", "answers", "--output", path])?;
        Ok(Some(address).filter(|address| !address.is_empty()))
    })?;
    let path = "jsonpath={.spec.clusterIP}";
    let inside = namespace.ask(&["get", "service", "answers", "--output", path])?;
    Ok((outside, inside))
}

/// Whom users meet who connect from outside, once the Service is there.
pub(crate) fn meet(
    mut netcat: impl FnMut() -> std::process::Command,
    address: &str,
) -> Result<BTreeSet<String>> {
    let mut connect = || -> Result<Option<String>> {
        let ended = run(netcat().args(["nc", "-w", "2", address, "80"]))?;
        let met = String::from_utf8(ended.stdout)?.trim().to_owned();
        Ok(Some(met).filter(|met| !met.is_empty()))
    };
    until("the first answer of a Service", &mut connect)?;
    let mut met = BTreeSet::new();
    for _ in 0..TRIES {
        met.extend(connect()?);
    }
    Ok(met)
}

#[test]
fn a_load_balancer_brings_users_to_pods_on_every_node() -> Result<()> {
    let story = "a load balancer brings users to pods on every node";
    let needed = [Ability::Images, Ability::LoadBalancers, Ability::Nodes];
    let Some(stage) = Stage::open(story, &needed)? else {
        return Ok(());
    };
    let namespace = Namespace::make(stage, "balanced")?;

    let (outside, inside) = serve(&namespace)?;

    assert!(outside.starts_with("203.0.113."), "{outside}");
    let met = meet(|| stage.outside("busybox"), &outside)?;
    assert_eq!(met, BTreeSet::from(["one".to_owned(), "two".to_owned()]));
    let from_a_pod = namespace.connect_from("one", &inside, "80")?;
    assert!(["one", "two"].contains(&&*from_a_pod), "{from_a_pod}");
    Ok(())
}

#[test]
fn pods_reach_the_api_server_by_its_service() -> Result<()> {
    let story = "pods reach the API server by its service";
    let Some(stage) = Stage::open(story, &[Ability::Images])? else {
        return Ok(());
    };
    let namespace = Namespace::make(stage, "asks")?;
    namespace.start_pod("one")?;

    let script = "busybox nc -w 10 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT </dev/null && busybox echo open";
    let said = namespace.ask(&["exec", "one", "--", "busybox", "sh", "-c", script])?;

    assert!(said.ends_with("open"), "{said}");
    Ok(())
}
