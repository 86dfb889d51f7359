//! What a change of each field does to gateways that serve: the table behind `docs/changes.md`. A test holds it against
//! what is really planned.

use Effect::{Certificate, Fixed, Live, Network, Roll, Scale};

/// What a change of a field does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Every gateway takes it up while it runs.
    Live,
    /// The Service and what else surrounds the gateways change, and no gateway.
    Network,
    /// cert-manager is asked for another certificate, which gateways take up while they run.
    Certificate,
    /// Every gateway gets a new pod, one after the other.
    Roll,
    /// Gateways are added, or leave when their transfers have ended.
    Scale,
    /// The API server refuses it.
    Fixed,
}

impl Effect {
    /// All of them, in the order in which they are explained.
    pub const ALL: [Self; 6] = [Live, Network, Certificate, Roll, Scale, Fixed];
}

/// A field, as a path in its manifest where `[]` stands for any entry of a list, and what a change of it does. In brackets
/// stands of which entries that is true.
pub type Change = (&'static str, &'static [Effect]);

/// The fields of a `SecureFtpEndpoint`.
pub const ENDPOINT: &[Change] = &[
    ("spec.dataConnections.active.message", &[Live]),
    ("spec.dataConnections.active.mode", &[]),
    ("spec.dataConnections.binding", &[Live]),
    ("spec.dataConnections.passive.address", &[Live]),
    ("spec.dataConnections.passive.connectSeconds", &[Live]),
    ("spec.dataConnections.passive.perReplica", &[Fixed]),
    ("spec.dataConnections.passive.ports.end", &[Network]),
    ("spec.dataConnections.passive.ports.start", &[Fixed]),
    ("spec.dataConnections.passive.waitSeconds", &[Live]),
    ("spec.drainTimeout", &[Roll]),
    ("spec.exposure.annotations", &[Network]),
    ("spec.exposure.externalTrafficPolicy", &[Live, Network]),
    ("spec.exposure.loadBalancerClass", &[Network]),
    ("spec.exposure.proxyProtocol.mode", &[Live]),
    ("spec.exposure.proxyProtocol.trustedCIDRs", &[Live]),
    ("spec.exposure.type", &[Live, Network]),
    ("spec.limits.banSeconds", &[Live]),
    ("spec.limits.halfOpenPerReplica", &[Live]),
    ("spec.limits.idleSeconds", &[Live]),
    ("spec.limits.loginFailures", &[Live]),
    ("spec.limits.loginSeconds", &[Live]),
    ("spec.limits.memoryPerSessionBytes", &[Live]),
    ("spec.limits.sessionsPerAddressPerReplica", &[Live]),
    ("spec.limits.sessionsPerReplica", &[Live]),
    ("spec.limits.sessionsPerUserPerReplica", &[Live]),
    ("spec.listeners[].encryption", &[Live]),
    ("spec.listeners[].name (FTPS)", &[Certificate, Roll]),
    ("spec.listeners[].name (SFTP)", &[Live]),
    ("spec.listeners[].port", &[Network, Roll]),
    ("spec.listeners[].protocol", &[Live]),
    ("spec.listeners[].tls.dnsNames", &[Certificate]),
    ("spec.listeners[].tls.issuerRef.group", &[Certificate]),
    ("spec.listeners[].tls.issuerRef.kind", &[Certificate]),
    ("spec.listeners[].tls.issuerRef.name", &[Certificate]),
    ("spec.listeners[].tls.minVersion", &[Live]),
    ("spec.listeners[].tls.secretRef.name", &[Roll]),
    ("spec.replicas", &[Scale]),
    ("spec.ssh.authenticationMethods", &[Live]),
    ("spec.ssh.hostKeys.secretRef.name", &[Roll]),
    ("spec.ssh.policy", &[Live]),
    ("spec.storage.durability", &[Live]),
    ("spec.storage.persistentVolumeClaim.claimName", &[Roll]),
    ("spec.storage.stuckSeconds", &[Live]),
    ("spec.storage.stuckThreadsMax", &[Live]),
    ("spec.storage.uploads", &[Live]),
    ("spec.template.annotations", &[Roll]),
    ("spec.template.labels", &[Roll]),
    ("spec.template.nodeSelector", &[Roll]),
    ("spec.template.priorityClassName", &[Roll]),
    ("spec.template.resources.limits", &[Roll]),
    ("spec.template.resources.requests", &[Roll]),
    ("spec.template.tolerations", &[Roll]),
    ("spec.users.selector.matchLabels", &[Live]),
    ("spec.version", &[Roll]),
];

/// The fields of a `SecureFtpUser`.
pub const USER: &[Change] = &[
    ("spec.allowedCIDRs", &[Live]),
    ("spec.authentication.authorizedKeys.inline", &[Live]),
    ("spec.authentication.authorizedKeys.secretRef.key", &[Live]),
    ("spec.authentication.authorizedKeys.secretRef.name", &[Live]),
    ("spec.authentication.authorizedKeys.secretRef.optional", &[]),
    ("spec.authentication.passwordSecretRef.key", &[Live]),
    ("spec.authentication.passwordSecretRef.name", &[Live]),
    ("spec.disabled", &[Live]),
    ("spec.permissions", &[Live]),
    ("spec.requireTls", &[Live]),
    ("spec.root", &[Live]),
    ("spec.username", &[Live]),
    ("spec.validUntil", &[Live]),
];

/// The page for people, in Markdown.
pub fn page() -> String {
    let effects =
        Effect::ALL.map(|effect| format!("| {} | {} |\n", effect.name(), effect.meaning()));
    let fields = |kind: &str, table: &[Change]| {
        let rows: String = table.iter().map(row).collect();
        format!("\n## {kind}\n\n| field | what a change does |\n|---|---|\n{rows}")
    };
    [
        INTRODUCTION.to_owned(),
        effects.concat(),
        fields("SecureFtpEndpoint", ENDPOINT),
        fields("SecureFtpUser", USER),
    ]
    .concat()
}

fn row((field, effects): &Change) -> String {
    let names: Vec<&str> = effects.iter().map(|effect| effect.name()).collect();
    let names = match &*names {
        [] => "nothing, while clients are served".to_owned(),
        names => names.join(", "),
    };
    format!("| `{field}` | {names} |\n")
}

const INTRODUCTION: &str = "\
# What a change does

Nothing here is edited by hand: the table is in `operator/plan/src/changes.rs`, and a test changes every field to see that
it is true. `UPDATE=1 cargo test -p plan` writes this page.

Secrets that a manifest names count as part of it: a new password, new keys, a renewed certificate and new host keys are
taken up live. Sessions that are there go on as they are, except those of users who were removed, who are disabled or whose
`validUntil` is over: they end within seconds, whatever they do.

| a change is | and that means |
|---|---|
";

impl Effect {
    fn name(self) -> &'static str {
        match self {
            Live => "live",
            Network => "around",
            Certificate => "certificate",
            Roll => "roll",
            Scale => "scale",
            Fixed => "fixed",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Live => {
                "every gateway takes it up while it runs, for the next login, connection or transfer; `status.programmedReplicas` counts those that have"
            }
            Network => {
                "the Service, the NetworkPolicy or the PodDisruptionBudget changes, and no gateway"
            }
            Certificate => {
                "cert-manager is asked for another certificate, which gateways take up while they run"
            }
            Roll => {
                "every gateway gets a new pod, one after the other, the next only when the last serves; transfers may go on for `drainTimeout`"
            }
            Scale => "gateways are added, or leave when their transfers have ended",
            Fixed => "the API server refuses it: make another endpoint",
        }
    }
}
