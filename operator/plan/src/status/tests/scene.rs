//! An endpoint in a cluster where everything is well, to be changed by each test.

use std::{collections::BTreeMap, net::Ipv4Addr};

use crds::{SecureFtpEndpoint, SecureFtpEndpointStatus, SecureFtpUser};
use k8s_openapi::{
    api::core::v1::Service,
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use serde::de::DeserializeOwned;

use crate::{
    Certificate, Kind, Mistake, Object, Observed, PasswordHashes, Problem, Secrets, Settings,
    Situation, Sources, Told,
    plan::Facts,
    roll::{Roll, Transition},
    served::{Reach, Reached},
    status::endpoint_status,
};

const ENDPOINT: &str = "
apiVersion: secureftp.dev/v1alpha1
kind: SecureFtpEndpoint
metadata: { name: partners, namespace: b2b, generation: 7 }
spec:
  replicas: 3
  listeners:
  - { name: sftp, protocol: SFTP, port: 22 }
  - { name: ftps, protocol: FTPSExplicit, port: 21, tls: { secretRef: { name: partners-tls } } }
  dataConnections: { passive: { ports: { start: 30000, end: 30047 }, perReplica: 16 } }
  storage: { persistentVolumeClaim: { claimName: partners-data } }
  users: { selector: { matchLabels: { endpoint: partners } } }
";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: { name: partners, namespace: b2b }
spec: { clusterIP: 10.0.0.7, clusterIPs: [10.0.0.7] }
status: { loadBalancer: { ingress: [{ ip: 203.0.113.7 }] } }
";

pub(super) struct Scene {
    pub(super) endpoint: SecureFtpEndpoint,
    pub(super) users: Vec<SecureFtpUser>,
    pub(super) observed: Observed,
    pub(super) problems: Vec<Problem>,
    pub(super) roll: Roll,
    pub(super) reached: Reached,
    pub(super) pasv_address: Option<Ipv4Addr>,
    pub(super) told: Told,
    pub(super) certificates: BTreeMap<String, Certificate>,
    pub(super) host_keys: BTreeMap<String, Vec<u8>>,
    pub(super) now: Timestamp,
}

impl Scene {
    pub(super) fn well() -> Self {
        let issued = Certificate {
            chain: include_bytes!("../../../tests/fixtures/issued.crt").to_vec(),
            key: Vec::new(),
        };
        let host_key = include_bytes!("../../../tests/fixtures/ssh_host_ed25519_key");
        Self {
            endpoint: parse(ENDPOINT),
            users: Vec::new(),
            observed: Observed {
                service: Some(parse(SERVICE)),
                ..Observed::default()
            },
            problems: Vec::new(),
            roll: Roll {
                apply: Vec::new(),
                transition: Transition::Complete,
                serving: [0, 1, 2].into(),
                incomplete: [].into(),
                leaving: [].into(),
            },
            reached: Reached([0, 1, 2].map(|slot| (slot, Reach::Programmed)).into()),
            pasv_address: Some(Ipv4Addr::new(203, 0, 113, 7)),
            told: Told::AsBound,
            certificates: [("ftps".to_owned(), issued)].into(),
            host_keys: [("ssh_host_ed25519_key".to_owned(), host_key.to_vec())].into(),
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
        }
    }

    pub(super) fn status(&self) -> SecureFtpEndpointStatus {
        self.with_situation(|sources, situation| {
            let facts = Facts {
                problems: &self.problems,
                roll: &self.roll,
                reached: &self.reached,
                version: "1.4.0",
                pasv_address: self.pasv_address,
                told: &self.told,
                certificates: &self.certificates,
                host_keys: &self.host_keys,
            };
            endpoint_status(sources, situation, &facts)
        })
    }

    pub(super) fn with_situation<T>(
        &self,
        tell: impl FnOnce(Sources<'_>, Situation<'_>) -> T,
    ) -> T {
        let sources = Sources {
            endpoint: &self.endpoint,
            users: &self.users,
            secrets: &Secrets::default(),
        };
        let settings = Settings {
            gateway_image: "example.com/gateway".to_owned(),
            gateway_version: None,
            operator_version: "1.4.0".to_owned(),
            image_pull_policy: "IfNotPresent".to_owned(),
            image_pull_secrets: Vec::new(),
        };
        let situation = Situation {
            observed: &self.observed,
            settings: &settings,
            hashes: &PasswordHashes::new(),
            now: self.now,
        };
        tell(sources, situation)
    }

    /// What the condition of this type said in the status of before: that it does not hold, for this reason.
    pub(super) fn told_before(&mut self, kind: &str, reason: &str) {
        let condition = Condition {
            type_: kind.to_owned(),
            status: "False".to_owned(),
            reason: reason.to_owned(),
            message: String::new(),
            last_transition_time: Time(self.now),
            observed_generation: None,
        };
        let status = self.endpoint.status.get_or_insert_default();
        status.conditions.push(condition);
    }

    pub(super) fn problem(&mut self, field: &str, mistake: Mistake) {
        self.problems.push(Problem {
            object: object(Kind::Endpoint, "partners"),
            field: field.to_owned(),
            mistake,
        });
    }

    pub(super) fn problem_of(&mut self, user: &str, field: &str, mistake: Mistake) {
        self.problems.push(Problem {
            object: object(Kind::User, user),
            field: field.to_owned(),
            mistake,
        });
    }

    pub(super) fn service(&mut self) -> &mut Service {
        self.observed.service.as_mut().unwrap()
    }
}

pub(super) fn parse<T: DeserializeOwned>(yaml: &str) -> T {
    serde_norway::from_str(yaml).unwrap()
}

pub(super) fn condition<'a>(conditions: &'a [Condition], kind: &str) -> &'a Condition {
    conditions.iter().find(|one| one.type_ == kind).unwrap()
}

fn object(kind: Kind, name: &str) -> Object {
    Object {
        kind,
        namespace: "b2b".to_owned(),
        name: name.to_owned(),
    }
}
