//! The conditions of an endpoint, each situation once: what differs from an endpoint that is well, and what tools that
//! know kstatus make of it.

use crds::{ExposureType, SecureFtpEndpointStatus};

use super::scene::{Scene, condition, parse};
use crate::{
    CertificateMistake, Mistake, Refusal,
    roll::Transition,
    served::{Reach, Reached},
    status::aspect,
};

const WELL: [&str; 6] = [
    "Ready=True/Serving",
    "Accepted=True/Accepted",
    "ResolvedRefs=True/ResolvedRefs",
    "CertificateReady=True/CertificateReady",
    "Programmed=True/Programmed",
    "Progressing=False/Complete",
];

type Situation = (&'static str, fn(&mut Scene), &'static str, Kstatus);

/// What kstatus says of any object (cli-utils, `checkGenericProperties` and the `Ready` condition).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kstatus {
    Current,
    InProgress,
    Failed,
}
use Kstatus::{Current, Failed, InProgress};

const WRITTEN: [Situation; 6] = [
    ("everything is well", |_| {}, "", Current),
    (
        "a mistake in what is written",
        |scene| {
            scene.problem(
                "spec.dataConnections.passive.ports",
                Mistake::PassivePortsTooFew,
            );
        },
        "Ready=False/PassivePortsInvalid Accepted=False/PassivePortsInvalid Stalled=True/PassivePortsInvalid",
        Failed,
    ),
    (
        "a claim that only one gateway can have",
        |scene| {
            let claim = "partners-data".to_owned();
            scene.problem("spec.replicas", Mistake::ClaimForOnePod { claim });
        },
        "Ready=False/ClaimForOnePod Accepted=False/ClaimForOnePod Stalled=True/ClaimForOnePod",
        Failed,
    ),
    (
        "more users than find room",
        |scene| scene.problem("spec.users.selector", Mistake::UsersLeftOut { count: 9 }),
        "Ready=False/TooManyUsers Accepted=False/TooManyUsers Stalled=True/TooManyUsers",
        Failed,
    ),
    (
        "a mistake of a user",
        |scene| scene.problem_of("supplier", "spec.authentication", Mistake::NoWayIn),
        "",
        Current,
    ),
    (
        "no gateway is wanted",
        |scene| {
            scene.endpoint.spec.replicas = 0;
            scene.roll.serving.clear();
        },
        "Ready=False/ScaledToZero",
        InProgress,
    ),
];

const NAMED: [Situation; 10] = [
    (
        "host keys that are lost",
        |scene| {
            let mistake = Mistake::HostKeysMissing {
                secret: "partners-host-keys".to_owned(),
                fingerprint: "SHA256:x".to_owned(),
            };
            scene.problem("spec.ssh.hostKeys", mistake);
        },
        "Ready=False/HostKeysMissing ResolvedRefs=False/HostKeysMissing Stalled=True/HostKeysMissing",
        Failed,
    ),
    (
        "a claim that is not there",
        |scene| {
            let claim = "partners-data".to_owned();
            let field = "spec.storage.persistentVolumeClaim.claimName";
            scene.problem(field, Mistake::ClaimMissing { claim });
            scene.roll.serving.clear();
            scene.roll.transition = Transition::Blocked(vec![0, 1, 2]);
        },
        "Ready=False/ClaimMissing ResolvedRefs=False/ClaimMissing Progressing=False/Blocked Stalled=True/ClaimMissing",
        Failed,
    ),
    (
        "an issuer without cert-manager",
        |scene| {
            scene.problem(
                "spec.listeners[1].tls.issuerRef",
                Mistake::CertManagerMissing,
            );
        },
        "Ready=False/CertManagerMissing ResolvedRefs=False/CertManagerMissing CertificateReady=False/CertManagerMissing Stalled=True/CertManagerMissing",
        Failed,
    ),
    (
        "an issuer that says why it waits",
        |scene| {
            let message = "the issuer le was not found".to_owned();
            scene.problem(
                "spec.listeners[1].tls.issuerRef",
                Mistake::CertificateNotIssued { message },
            );
        },
        "Ready=False/CertificatePending CertificateReady=False/CertificatePending Reconciling=True/CertificatePending",
        InProgress,
    ),
    (
        "host keys that are not there",
        |scene| scene.problem("spec.ssh.hostKeys.secretRef", missing("keys")),
        "Ready=False/SecretMissing ResolvedRefs=False/SecretMissing Stalled=True/SecretMissing",
        Failed,
    ),
    (
        "a certificate that is not there",
        |scene| {
            scene.problem("spec.listeners[1].tls.secretRef", missing("partners-tls"));
            scene.certificates.clear();
        },
        "Ready=False/SecretMissing ResolvedRefs=False/SecretMissing CertificateReady=False/SecretMissing Stalled=True/SecretMissing",
        Failed,
    ),
    (
        "a certificate that cannot be served",
        |scene| {
            let mistake = Mistake::Certificate {
                secret: "partners-tls".to_owned(),
                mistake: CertificateMistake::OtherKey,
            };
            scene.problem("spec.listeners[1].tls.secretRef", mistake);
        },
        "Ready=False/CertificateInvalid CertificateReady=False/CertificateInvalid Stalled=True/CertificateInvalid",
        Failed,
    ),
    (
        "a certificate on its way",
        |scene| {
            scene.problem(
                "spec.listeners[1].tls.issuerRef",
                Mistake::CertificatePending,
            );
        },
        "Ready=False/CertificatePending CertificateReady=False/CertificatePending Reconciling=True/CertificatePending",
        InProgress,
    ),
    (
        "a certificate that has ended",
        |scene| scene.now = "2126-10-31T01:52:48Z".parse().unwrap(),
        "Ready=False/CertificateExpired CertificateReady=False/CertificateExpired Stalled=True/CertificateExpired",
        Failed,
    ),
    (
        "no FTPS",
        |scene| {
            scene.endpoint.spec.listeners.truncate(1);
            scene.certificates.clear();
            scene.pasv_address = None;
        },
        "CertificateReady=True/NotNeeded",
        Current,
    ),
];

const OBJECTS: [Situation; 9] = [
    (
        "an object of somebody else",
        |scene| {
            let mistake = Mistake::NameTaken {
                kind: "Service",
                name: "partners".to_owned(),
            };
            scene.problem("metadata.name", mistake);
        },
        "Ready=False/NameTaken Programmed=False/NameTaken Stalled=True/NameTaken",
        Failed,
    ),
    (
        "an object that the API server does not accept",
        |scene| scene.problem("spec", Mistake::NotApplied(refusal("Service"))),
        "Ready=False/NotApplied Programmed=False/NotApplied Stalled=True/NotApplied",
        Failed,
    ),
    (
        "no Service",
        |scene| scene.observed.service = None,
        "Ready=False/AddressPending Programmed=False/AddressPending Reconciling=True/AddressPending",
        InProgress,
    ),
    (
        "no address of the balancer",
        |scene| scene.service().status = None,
        "Ready=False/AddressPending Programmed=False/AddressPending Reconciling=True/AddressPending",
        InProgress,
    ),
    (
        "a balancer with a name that does not resolve",
        |scene| {
            *scene.service() =
                parse("status: { loadBalancer: { ingress: [{ hostname: lb.example.com }] } }");
            scene.pasv_address = None;
        },
        "Programmed=True/PassiveAddressUnknown",
        Current,
    ),
    (
        "nodes whose address nobody wrote",
        |scene| {
            scene.endpoint.spec.exposure.kind = ExposureType::NodePort;
            scene.pasv_address = None;
        },
        "Programmed=True/PassiveAddressUnknown",
        Current,
    ),
    (
        "nodes without ports",
        |scene| {
            scene.endpoint.spec.exposure.kind = ExposureType::NodePort;
            scene.problem("spec.exposure.type", Mistake::PortsPending);
        },
        "Ready=False/AddressPending Programmed=False/AddressPending Reconciling=True/AddressPending",
        InProgress,
    ),
    (
        "inside the cluster",
        |scene| scene.endpoint.spec.exposure.kind = ExposureType::ClusterIP,
        "",
        Current,
    ),
    (
        "inside the cluster, without an address",
        |scene| {
            scene.endpoint.spec.exposure.kind = ExposureType::ClusterIP;
            *scene.service() = parse("spec: {}");
        },
        "Ready=False/AddressPending Programmed=False/AddressPending Reconciling=True/AddressPending",
        InProgress,
    ),
];

const GATEWAYS: [Situation; 16] = [
    (
        "first gateways start",
        |scene| starting(scene, &[], &[0, 1, 2]),
        "Ready=False/GatewaysNotServing Progressing=True/Creating Reconciling=True/Creating",
        InProgress,
    ),
    (
        "one of three is away",
        |scene| starting(scene, &[0, 2], &[1]),
        "Progressing=True/Creating Reconciling=True/Creating",
        InProgress,
    ),
    (
        "two of three are away",
        |scene| starting(scene, &[0], &[1, 2]),
        "Ready=False/GatewaysNotServing Progressing=True/Creating Reconciling=True/Creating",
        InProgress,
    ),
    (
        "the only one is away",
        |scene| {
            scene.endpoint.spec.replicas = 1;
            starting(scene, &[], &[0]);
        },
        "Ready=False/GatewaysNotServing Progressing=True/Creating Reconciling=True/Creating",
        InProgress,
    ),
    (
        "a new version goes round",
        |scene| {
            scene.roll.serving = [1, 2].into();
            scene.roll.transition = Transition::Rolling {
                slot: 0,
                waiting: vec![1, 2],
            };
        },
        "Progressing=True/Rolling Reconciling=True/Rolling",
        InProgress,
    ),
    (
        "a new version does not start",
        |scene| {
            scene.roll.serving = [1, 2].into();
            scene.roll.transition = stuck();
        },
        "Progressing=False/RollStuck Stalled=True/RollStuck",
        Failed,
    ),
    (
        "a template that the API server does not accept",
        |scene| {
            scene.roll.transition = Transition::Refused {
                slot: 0,
                refusal: refusal("StatefulSet"),
            };
        },
        "Progressing=False/RollStuck Stalled=True/RollStuck",
        Failed,
    ),
    (
        "the first version does not start",
        |scene| {
            scene.roll.serving.clear();
            scene.roll.transition = stuck();
        },
        "Ready=False/RollStuck Progressing=False/RollStuck Stalled=True/RollStuck",
        Failed,
    ),
    (
        "fewer gateways are wanted",
        |scene| {
            scene.endpoint.spec.replicas = 1;
            scene.roll.serving = [0].into();
            scene.roll.leaving = [1, 2].into();
        },
        "Progressing=True/ScalingDown Reconciling=True/ScalingDown",
        InProgress,
    ),
    (
        "a gateway has not opened all its listeners yet",
        |scene| {
            scene.roll.serving = [0, 2].into();
            scene.roll.incomplete = [1].into();
            scene.roll.transition = Transition::Starting(vec![1]);
        },
        "Ready=False/GatewaysNotServing Progressing=True/Creating Reconciling=True/Creating",
        InProgress,
    ),
    (
        "a user was changed a moment ago",
        |scene| {
            scene.reached.0.insert(1, Reach::Loading);
            scene.reached.0.insert(2, Reach::Loading);
        },
        "Progressing=True/Reloading Reconciling=True/Reloading",
        InProgress,
    ),
    (
        "a gateway refuses its configuration",
        |scene| {
            scene.reached.0.insert(2, Reach::Refusing);
        },
        "Ready=False/ConfigurationNotServed Programmed=False/ConfigurationNotServed Stalled=True/ConfigurationNotServed",
        Failed,
    ),
    (
        "a gateway that refused its configuration is given another",
        |scene| {
            scene.told_before("Programmed", "ConfigurationNotServed");
            scene.reached.0.insert(2, Reach::Loading);
        },
        "Ready=False/ConfigurationPending Programmed=False/ConfigurationPending Progressing=True/Reloading Reconciling=True/ConfigurationPending",
        InProgress,
    ),
    (
        "a gateway that refused its configuration does not answer any more",
        |scene| {
            scene.told_before("Programmed", "ConfigurationPending");
            scene.reached.0.insert(2, Reach::Silent);
        },
        "Ready=False/ConfigurationNotServed Programmed=False/ConfigurationNotServed Stalled=True/ConfigurationNotServed",
        Failed,
    ),
    (
        "a gateway that refused its configuration serves the next one",
        |scene| scene.told_before("Programmed", "ConfigurationNotServed"),
        "",
        Current,
    ),
    (
        "the operator does not reach the gateways",
        |scene| {
            scene.reached = Reached([0, 1, 2].map(|slot| (slot, Reach::Silent)).into());
        },
        "",
        Current,
    ),
];

#[test]
fn every_situation_has_its_conditions() {
    for (situation, change, differences, kstatus) in WRITTEN
        .iter()
        .chain(&NAMED)
        .chain(&OBJECTS)
        .chain(&GATEWAYS)
    {
        let mut scene = Scene::well();
        change(&mut scene);

        let status = scene.status();

        assert_eq!(different(&status), *differences, "{situation}");
        assert_eq!(known_to_kstatus(&status, 7), *kstatus, "{situation}");
    }
}

#[test]
fn every_condition_speaks_of_the_generation_that_was_planned() {
    let status = Scene::well().status();

    assert_eq!(status.observed_generation, 7);
    assert!(
        status
            .conditions
            .iter()
            .all(|condition| condition.observed_generation == Some(7))
    );
    assert_eq!(known_to_kstatus(&status, 8), InProgress);
}

#[test]
fn a_gateway_that_waits_for_a_claim_is_no_progress() {
    let mut scene = Scene::well();
    scene.roll.serving.clear();
    scene.roll.transition = Transition::Blocked(vec![0, 1, 2]);

    let status = scene.status();

    let progressing = condition(&status.conditions, "Progressing");
    assert_eq!(progressing.reason, "Blocked");
    assert_eq!(
        progressing.message,
        "gateways 0, 1, 2 wait until the other conditions are mended"
    );
}

#[test]
fn the_messages_name_the_field_and_the_mend() {
    let mut scene = Scene::well();
    scene.problem("spec.ssh.hostKeys.secretRef", missing("keys"));
    scene.roll.transition = stuck();

    let conditions = scene.status().conditions;

    let mend = "spec.ssh.hostKeys.secretRef: the Secret keys does not exist in this namespace: create it or name another";
    assert_eq!(condition(&conditions, "ResolvedRefs").message, mend);
    assert_eq!(
        condition(&conditions, "Ready").message,
        format!("ResolvedRefs: {mend}")
    );
    assert_eq!(
        condition(&conditions, "Progressing").message,
        "gateway 0 does not start, and the others are left as they are: Back-off pulling image: mend what it says, or write what was there before"
    );
}

#[test]
fn the_users_with_problems_are_counted() {
    let mut scene = Scene::well();
    scene.problem_of("supplier", "spec.root", Mistake::Root("x".to_owned()));
    scene.problem_of("supplier", "spec.authentication", Mistake::NoWayIn);
    scene.problem_of("customer", "spec.authentication", Mistake::NoWayIn);

    let conditions = scene.status().conditions;

    assert_eq!(
        condition(&conditions, "Accepted").message,
        "what is written can be served, but for 2 of the users: see `kubectl get secureftpusers`"
    );
}

#[test]
fn a_claim_that_pins_all_gateways_to_a_node_is_named() {
    let mut scene = Scene::well();
    scene.observed.claim = Some(parse(
        "{ metadata: { name: partners-data }, spec: { accessModes: [ReadWriteOnce] } }",
    ));

    let pinned = scene.status().conditions;
    scene.observed.claim = Some(parse(
        "{ metadata: { name: partners-data }, spec: { accessModes: [ReadWriteOnce, ReadWriteMany] } }",
    ));
    let free = scene.status().conditions;

    assert_eq!(
        condition(&pinned, "ResolvedRefs").message,
        "everything that is named is there; the claim partners-data is ReadWriteOnce, so all gateways run on one node"
    );
    assert_eq!(
        condition(&free, "ResolvedRefs").message,
        "everything that is named is there"
    );
}

#[test]
fn a_turn_without_change_gives_the_same_status() {
    let mut scene = Scene::well();
    scene.problem("spec.ssh.hostKeys.secretRef", missing("keys"));
    let first = scene.status();
    scene.endpoint.status = Some(first.clone());
    scene.now = "2026-03-01T13:00:00Z".parse().unwrap();

    let second = scene.status();

    assert_eq!(second, first);
}

#[test]
fn only_what_turned_has_a_new_time() {
    let mut scene = Scene::well();
    scene.endpoint.status = Some(scene.status());
    scene.now = "2026-03-01T13:00:00Z".parse().unwrap();
    scene.problem("spec.ssh.hostKeys.secretRef", missing("keys"));

    let turned: Vec<String> = scene
        .status()
        .conditions
        .into_iter()
        .filter(|condition| condition.last_transition_time.0 == scene.now)
        .map(|condition| condition.type_)
        .collect();

    assert_eq!(turned, ["Ready", "ResolvedRefs", "Stalled"]);
}

#[test]
fn a_missing_certificate_is_missed_twice_and_said_once_in_the_sum() {
    let mut scene = Scene::well();
    scene.problem("spec.listeners[1].tls.secretRef", missing("partners-tls"));

    let twice = [aspect::Aspect::References, aspect::Aspect::Certificates]
        .map(|aspect| aspect::problems_of(&scene.problems, aspect).count());

    assert_eq!(twice, [1, 1]);
    let ready = scene.status().conditions;
    let ready = &condition(&ready, "Ready").message;
    assert_eq!(ready.matches("partners-tls").count(), 1);
}

fn different(status: &SecureFtpEndpointStatus) -> String {
    let said = status
        .conditions
        .iter()
        .map(|one| format!("{}={}/{}", one.type_, one.status, one.reason));
    let differences: Vec<String> = said.filter(|one| !WELL.contains(&one.as_str())).collect();
    differences.join(" ")
}

fn known_to_kstatus(status: &SecureFtpEndpointStatus, generation: i64) -> Kstatus {
    if status.observed_generation != generation {
        return InProgress;
    }
    for condition in &status.conditions {
        match (condition.type_.as_str(), condition.status.as_str()) {
            ("Reconciling", "True") => return InProgress,
            ("Stalled", "True") => return Failed,
            _ => {}
        }
    }
    match condition(&status.conditions, "Ready").status.as_str() {
        "True" => Current,
        _ => InProgress,
    }
}

fn starting(scene: &mut Scene, serving: &[u16], others: &[u16]) {
    scene.roll.serving = serving.iter().copied().collect();
    scene.roll.transition = Transition::Starting(others.to_vec());
}

fn stuck() -> Transition {
    Transition::Stuck {
        slot: 0,
        why: "Back-off pulling image".to_owned(),
    }
}

fn refusal(kind: &str) -> Refusal {
    Refusal {
        kind: kind.to_owned(),
        name: "partners".to_owned(),
        message: "exceeded quota".to_owned(),
    }
}

fn missing(secret: &str) -> Mistake {
    Mistake::SecretMissing {
        secret: secret.to_owned(),
    }
}
