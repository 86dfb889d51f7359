//! What clients are told about where their files go.

use anyhow::Result;
use e2e::{
    clients::ftp::ftplib::run_ftplib,
    cluster::stage::Ability,
    door::{Door, Passive, Start},
    place::{Place, make_key},
    wait::until,
};
use serde_json::json;

use crate::{
    endpoint::{self, Endpoint, NAME, USER},
    installation,
    namespace::Namespace,
};

#[test]
fn pasv_tells_the_address_of_the_load_balancer() -> Result<()> {
    let story = "PASV tells the address of the load balancer";
    let Some(stage) = installation::open(story, &[])? else {
        return Ok(());
    };
    let endpoint = Endpoint::serve(stage, "told", 1)?;
    let script = "host, port = ftplib.parse227(Resuming().sendcmd('PASV'))\nassert host == HOST, (host, port)";

    for start in [Start::Explicit, Start::Implicit] {
        let door = endpoint.door(start);
        stage.from_outside(|| run_ftplib(&door, script, &[])?.success())?;
    }
    Ok(())
}

#[test]
fn without_an_address_pasv_says_why_and_epsv_works() -> Result<()> {
    let story = "without an address PASV says why and EPSV works";
    let Some(stage) = installation::open(story, &[Ability::Nodes])? else {
        return Ok(());
    };
    let namespace = Namespace::make_restricted(stage, "untold")?;
    let home = tempfile::tempdir()?;
    let public_key = make_key(&home.path().join("key"))?;
    // Nobody here serves this class.
    let exposure = json!({ "type": "LoadBalancer", "loadBalancerClass": "example.com/nobody" });
    namespace.apply(&endpoint::claim())?;
    namespace.apply(&endpoint::endpoint(1, &exposure))?;
    endpoint::add_user(&namespace, USER, &public_key)?;
    installation::wait_for(stage, &namespace, NAME, "condition=Programmed=False")?;

    until("a status that says what to do", || {
        let path = r#"jsonpath={.status.conditions[?(@.type=="Programmed")]}"#;
        let said = namespace.ask(&["get", "secureftpendpoint", NAME, "--output", path])?;
        let is_pending = said.contains(r#""reason":"AddressPending""#);
        let helps = said.contains("a load balancer has to give it one");
        Ok((is_pending && helps).then_some(()))
    })?;

    let address = until("the address inside", || {
        let path = "jsonpath={.spec.clusterIP}";
        let address = namespace.ask(&["get", "service", NAME, "--output", path])?;
        Ok(Some(address).filter(|address| !address.is_empty()))
    })?;
    let authority = endpoint::certify(&namespace, address.parse()?, home.path())?;
    installation::wait_for(stage, &namespace, NAME, "condition=CertificateReady")?;
    let programmed = "jsonpath={.status.programmedReplicas}=1";
    installation::wait_for(stage, &namespace, NAME, programmed)?;
    let place = Place {
        address: format!("{address}:22").parse()?,
        user: USER.to_owned(),
        key: home.path().join("key"),
        home: home.path().to_path_buf(),
    };
    let door = Door::new(
        format!("{address}:21").parse()?,
        Start::Explicit,
        authority,
        &place,
    );
    let script = r#"
refused(lambda: Resuming().sendcmd("PASV"), "425", "EPSV")
client = Resuming()
client.write("name", b"content")
assert client.read("name") == b"content"
"#;
    stage.ours()?.from_node(1, || {
        place.wait_for_host_key(|| Ok(()))?;
        run_ftplib(&door.asking(Passive::Epsv), script, &[])?.success()
    })?;
    Ok(())
}
