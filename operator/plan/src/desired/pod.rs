//! The pods of the gateways. They satisfy the Pod Security Standard `restricted` and know nothing of Kubernetes.

use std::{collections::BTreeMap, time::Duration};

use crds::SecureFtpEndpoint;
use k8s_openapi::{
    api::core::v1::{
        Affinity, Capabilities, Container, ContainerPort, ExecAction, HTTPGetAction, Lifecycle,
        LifecycleHandler, LocalObjectReference, PodAffinity, PodAffinityTerm, PodSecurityContext,
        PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecurityContext,
        Sysctl, TopologySpreadConstraint,
    },
    apimachinery::pkg::{
        api::resource::Quantity, apis::meta::v1::ObjectMeta, util::intstr::IntOrString,
    },
};

use super::{
    ports::{ADMIN_PORT, ADMIN_PORT_NAME, Ports, TCP, listener_port_name, passive_port_name},
    volumes::{CONFIGURATION_FOLDER, HostKeySource, volume_mounts, volumes},
};
use crate::{
    Settings, Share,
    names::{self, SLOT_LABEL, VERSION_LABEL},
    problem::name_of,
};

/// The user and the group that gateways run as.
const NOBODY: i64 = 65532;
/// What a pod has, beyond its drain, to end.
const END_SECONDS: u64 = 60;
/// What a gateway has to end that does not answer: it cannot drain, and nobody is served until it has ended.
const STUCK_SECONDS: i64 = 30;
const HOSTNAME: &str = "kubernetes.io/hostname";
const PROGRAM: &str = "/secureftp-gateway";

/// What the pods of one endpoint have in common.
#[derive(Clone, Debug)]
pub(crate) struct Gateways<'a> {
    pub(crate) endpoint: &'a SecureFtpEndpoint,
    pub(crate) settings: &'a Settings,
    /// The tag of the image.
    pub(crate) version: &'a str,
    /// Where the volume can be mounted.
    pub(crate) nodes: Nodes,
    /// Where the host keys are; none without SFTP.
    pub(crate) host_keys: Option<HostKeySource>,
}

/// On how many nodes at once a volume can be mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nodes {
    /// On as many as there are.
    Many,
    /// On one, where all gateways have to be.
    One,
}

/// The pod of a slot.
pub(super) fn pod_template(gateways: &Gateways<'_>, slot: u16) -> PodTemplateSpec {
    let template = &gateways.endpoint.spec.template;
    let mut annotations = template.annotations.clone();
    annotations.extend(
        [
            ("prometheus.io/scrape", "true"),
            ("prometheus.io/port", &*ADMIN_PORT.to_string()),
            ("prometheus.io/path", "/metrics"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let mut all_labels = template.labels.clone();
    all_labels.extend(labels(gateways, slot));
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            annotations: Some(annotations),
            labels: Some(all_labels),
            ..ObjectMeta::default()
        }),
        spec: Some(pod_spec(gateways, slot)),
    }
}

/// The labels of what belongs to one gateway.
pub(super) fn labels(gateways: &Gateways<'_>, slot: u16) -> BTreeMap<String, String> {
    let mut labels = names::labels(name_of(&gateways.endpoint.metadata));
    labels.insert(SLOT_LABEL.to_owned(), slot.to_string());
    labels.insert(VERSION_LABEL.to_owned(), gateways.version.to_owned());
    labels
}

fn pod_spec(gateways: &Gateways<'_>, slot: u16) -> PodSpec {
    let spec = &gateways.endpoint.spec;
    let template = &spec.template;
    let drain_seconds = Duration::from(spec.drain_timeout).as_secs();
    let grace_seconds = drain_seconds.saturating_add(END_SECONDS);
    let pull_secrets = gateways.settings.image_pull_secrets.iter();
    let pull_secrets: Vec<_> = pull_secrets
        .map(|name| LocalObjectReference { name: name.clone() })
        .collect();
    PodSpec {
        affinity: affinity(gateways),
        automount_service_account_token: Some(false),
        containers: vec![container(gateways, slot, drain_seconds)],
        enable_service_links: Some(false),
        image_pull_secrets: Some(pull_secrets).filter(|secrets| !secrets.is_empty()),
        node_selector: Some(template.node_selector.clone()).filter(|labels| !labels.is_empty()),
        priority_class_name: template.priority_class_name.clone(),
        security_context: Some(pod_security()),
        termination_grace_period_seconds: Some(grace_seconds.try_into().unwrap_or(i64::MAX)),
        tolerations: Some(template.tolerations.clone()).filter(|all| !all.is_empty()),
        topology_spread_constraints: spread(gateways),
        volumes: Some(volumes(gateways, slot)),
        ..PodSpec::default()
    }
}

fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        fs_group: Some(NOBODY),
        // A volume with a million files would be walked through at every start.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        run_as_group: Some(NOBODY),
        run_as_non_root: Some(true),
        run_as_user: Some(NOBODY),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        }),
        // Ports 21, 22 and 990 without a capability; a sysctl of the pod alone, one of those that are always allowed.
        sysctls: Some(vec![Sysctl {
            name: "net.ipv4.ip_unprivileged_port_start".to_owned(),
            value: "0".to_owned(),
        }]),
        ..PodSecurityContext::default()
    }
}

/// A volume of one node gathers all gateways there. The first of them may go anywhere: the scheduler lets a pod through
/// that nothing fits but itself.
fn affinity(gateways: &Gateways<'_>) -> Option<Affinity> {
    match gateways.nodes {
        Nodes::Many => None,
        Nodes::One => Some(Affinity {
            pod_affinity: Some(PodAffinity {
                required_during_scheduling_ignored_during_execution: Some(vec![PodAffinityTerm {
                    label_selector: Some(names::pods(name_of(&gateways.endpoint.metadata))),
                    topology_key: HOSTNAME.to_owned(),
                    ..PodAffinityTerm::default()
                }]),
                ..PodAffinity::default()
            }),
            ..Affinity::default()
        }),
    }
}

fn spread(gateways: &Gateways<'_>) -> Option<Vec<TopologySpreadConstraint>> {
    match gateways.nodes {
        Nodes::One => None,
        Nodes::Many => Some(vec![TopologySpreadConstraint {
            label_selector: Some(names::pods(name_of(&gateways.endpoint.metadata))),
            max_skew: 1,
            topology_key: HOSTNAME.to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            ..TopologySpreadConstraint::default()
        }]),
    }
}

fn container(gateways: &Gateways<'_>, slot: u16, drain_seconds: u64) -> Container {
    let Settings {
        gateway_image,
        image_pull_policy,
        ..
    } = gateways.settings;
    let template = &gateways.endpoint.spec.template;
    let admin = format!("0.0.0.0:{ADMIN_PORT}");
    Container {
        name: "gateway".to_owned(),
        image: Some(format!("{gateway_image}:{}", gateways.version)),
        image_pull_policy: Some(image_pull_policy.clone()),
        args: Some(
            ["serve", CONFIGURATION_FOLDER, "--admin", &admin]
                .map(str::to_owned)
                .into(),
        ),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                exec: Some(drain(drain_seconds)),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        // A gateway that is busy is not dead: a restart would cut off every transfer.
        liveness_probe: Some(Probe {
            termination_grace_period_seconds: Some(STUCK_SECONDS),
            ..probe("/livez", 10, 6)
        }),
        readiness_probe: Some(probe("/readyz", 5, 3)),
        ports: Some(container_ports(gateways.endpoint, slot)),
        resources: Some(template.resources.clone().unwrap_or_else(resources)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                add: None,
                drop: Some(vec!["ALL".to_owned()]),
            }),
            read_only_root_filesystem: Some(true),
            ..SecurityContext::default()
        }),
        // What it said last, if it cannot start.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(volume_mounts()),
        ..Container::default()
    }
}

/// The drain begins before the pod leaves the Service, and whoever is still sent here is served: kube-proxy lags, and all
/// gateways of an endpoint may be leaving.
fn drain(seconds: u64) -> ExecAction {
    let deadline = seconds.to_string();
    let command = [
        PROGRAM,
        "drain",
        "--arrivals",
        "serve",
        "--deadline",
        &deadline,
    ];
    ExecAction {
        command: Some(command.map(str::to_owned).into()),
    }
}

fn probe(path: &str, period_seconds: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(ADMIN_PORT_NAME.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

/// The listeners, the passive ports of this slot and no others, and the admin port.
fn container_ports(endpoint: &SecureFtpEndpoint, slot: u16) -> Vec<ContainerPort> {
    let ports = Ports::of(endpoint);
    let listeners = ports.listeners.iter();
    let listeners = listeners.map(|port| (listener_port_name(*port), *port));
    let passive = ports.passive(Share::Slot(slot)).into_iter();
    let passive = passive.map(|port| (passive_port_name(port), port));
    let admin = (ADMIN_PORT_NAME.to_owned(), ADMIN_PORT);
    listeners
        .chain(passive)
        .chain([admin])
        .map(|(name, port)| ContainerPort {
            container_port: port.into(),
            name: Some(name),
            protocol: Some(TCP.to_owned()),
            ..ContainerPort::default()
        })
        .collect()
}

/// What a gateway needs that has little to do. No limits: they would slow down or end transfers.
fn resources() -> ResourceRequirements {
    let requests = [("cpu", "100m"), ("memory", "64Mi")];
    ResourceRequirements {
        requests: Some(
            requests
                .map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())))
                .into(),
        ),
        ..ResourceRequirements::default()
    }
}
