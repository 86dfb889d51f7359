//! What is true of an endpoint, condition by condition.

use std::collections::BTreeSet;

use crds::{AddressStatus, CertificateStatus, ExposureType, SecureFtpEndpoint};
use k8s_openapi::{api::core::v1::PersistentVolumeClaim, jiff::Timestamp};

use super::{
    aspect::{Aspect, broken_users, problems_of},
    conditions::{Holds, Verdict, listed},
    progress::{are, progressing},
};
use crate::{
    Observed,
    data_connections::is_ftps,
    desired::ADMIN_PORT,
    names,
    plan::Facts,
    problem::name_of,
    roll::Transition,
    served::{NOT_SERVED, Reach},
};

/// How a claim is called that can be written to from one node only.
const ONE_NODE: &str = "ReadWriteOnce";

/// Everything that the verdicts on one endpoint depend on.
pub(super) struct Case<'a> {
    pub endpoint: &'a SecureFtpEndpoint,
    pub observed: &'a Observed,
    pub facts: &'a Facts<'a>,
    pub certificates: &'a [CertificateStatus],
    pub addresses: &'a [AddressStatus],
    pub now: Timestamp,
}

/// The reason of `Programmed` when gateways did not serve what was written before, and now load what is.
const NOT_SERVED_YET: &str = "ConfigurationPending";

/// One verdict a condition; those of kstatus only while they are true, as it wants them.
pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let parts = [
        accepted(case),
        resolved_references(case),
        certificate_ready(case),
        programmed(case),
    ];
    let progressing = progressing(case.facts.roll, case.facts.reached);
    let ready = ready(case, &parts);
    let kstatus = kstatus(&parts, &progressing);
    let mut verdicts = vec![ready];
    verdicts.extend(parts);
    verdicts.push(progressing);
    verdicts.extend(kstatus);
    verdicts
}

fn accepted(case: &Case<'_>) -> Verdict {
    found("Accepted", case, Aspect::Written).unwrap_or_else(|| {
        let unreadable = case.observed.unreadable_users;
        let message = match broken_users(case.facts.problems).saturating_add(unreadable) {
            0 => "what is written can be served".to_owned(),
            count => format!(
                "what is written can be served, but for {count} of the users: see `kubectl get secureftpusers`"
            ),
        };
        Verdict::yes("Accepted", "Accepted", message)
    })
}

fn resolved_references(case: &Case<'_>) -> Verdict {
    let kind = "ResolvedRefs";
    if let Some(verdict) = found(kind, case, Aspect::References) {
        return verdict;
    }
    let there = "everything that is named is there";
    let claim = case.observed.claim.as_ref();
    match claim.filter(|claim| is_of_one_node(claim)) {
        None => Verdict::yes(kind, "ResolvedRefs", there),
        Some(claim) => {
            let claim = name_of(&claim.metadata);
            let message = format!(
                "{there}; the claim {claim} is {ONE_NODE}, so all gateways run on one node"
            );
            Verdict::yes(kind, "ResolvedRefs", message)
        }
    }
}

/// Whether all pods that use the claim have to run on the node that it is mounted on.
fn is_of_one_node(claim: &PersistentVolumeClaim) -> bool {
    let spec = claim.spec.as_ref();
    let modes = spec.and_then(|spec| spec.access_modes.as_deref());
    let modes = modes.unwrap_or_default();
    modes.iter().any(|mode| mode == ONE_NODE) && modes.iter().all(|mode| mode != "ReadWriteMany")
}

fn certificate_ready(case: &Case<'_>) -> Verdict {
    let kind = "CertificateReady";
    if let Some(verdict) = found(kind, case, Aspect::Certificates) {
        return verdict;
    }
    let ended = case.certificates.iter().filter_map(|certificate| {
        let end = &certificate.not_after.as_ref()?.0;
        (*end <= case.now).then(|| {
            format!(
                "spec.listeners: the certificate of {} in the Secret {} ended at {end}: renew it",
                certificate.listener, certificate.secret
            )
        })
    });
    let ended = listed(ended);
    if !ended.is_empty() {
        return Verdict::no(kind, "CertificateExpired", ended);
    }
    let has_ftps = case.endpoint.spec.listeners.iter();
    if !has_ftps.into_iter().any(|one| is_ftps(one.protocol)) {
        return Verdict::yes(kind, "NotNeeded", "no listener speaks FTPS");
    }
    let ends = case.certificates.iter();
    let ends = ends.filter_map(|certificate| certificate.not_after.as_ref());
    let message = ends.map(|end| end.0).min().map_or_else(
        || "no certificate has a problem".to_owned(),
        |end| format!("the next to end does so at {end}"),
    );
    Verdict::yes(kind, "CertificateReady", message)
}

fn programmed(case: &Case<'_>) -> Verdict {
    let kind = "Programmed";
    if let Some(verdict) = found(kind, case, Aspect::Objects) {
        return verdict;
    }
    let exposure = case.endpoint.spec.exposure.kind;
    let pending = match exposure {
        _ if case.observed.service.is_none() => Some("the Service does not exist yet"),
        ExposureType::LoadBalancer if case.addresses.is_empty() => Some(
            "the Service has no address: a load balancer has to give it one; if the cluster has none, write spec.exposure.type: NodePort",
        ),
        ExposureType::ClusterIP if case.addresses.is_empty() => {
            Some("the Service has no address yet: nothing to mend unless this stays")
        }
        ExposureType::LoadBalancer | ExposureType::NodePort | ExposureType::ClusterIP => None,
    };
    if let Some(message) = pending {
        return Verdict::no(kind, "AddressPending", message);
    }
    if let Some(verdict) = not_served(kind, case) {
        return verdict;
    }
    let has_ftps = case.endpoint.spec.listeners.iter();
    if has_ftps.into_iter().any(|one| is_ftps(one.protocol)) && case.facts.pasv_address.is_none() {
        return Verdict::yes(
            kind,
            "PassiveAddressUnknown",
            "PASV answers 425 and EPSV works: for PASV write the IPv4 address that clients connect to in spec.dataConnections.passive.address",
        );
    }
    let mut message = reached_at(case);
    let silent = case.facts.reached.those(Reach::Silent);
    if !silent.is_empty() {
        message = format!("{message}; {}", do_not_answer(&silent));
    }
    Verdict::yes(kind, "Programmed", message)
}

/// What gateways do not serve that is written. Once that was found, it is over only when each of them says so.
fn not_served(kind: &'static str, case: &Case<'_>) -> Option<Verdict> {
    let those = |reach| case.facts.reached.those(reach);
    let refusing = those(Reach::Refusing);
    if let Some(first) = refusing.first() {
        let message = format!(
            "{} something else than what is written: see `kubectl logs {}`",
            are(&refusing, "serves", "serve"),
            names::pod(name_of(&case.endpoint.metadata), *first)
        );
        return Some(Verdict::no(kind, NOT_SERVED, message));
    }
    let before = case.endpoint.status.as_ref()?.condition(kind)?;
    if ![NOT_SERVED, NOT_SERVED_YET].contains(&&*before.reason) {
        return None;
    }
    let (silent, loading) = (those(Reach::Silent), those(Reach::Loading));
    if !silent.is_empty() {
        return Some(Verdict::no(kind, NOT_SERVED, do_not_answer(&silent)));
    }
    if !loading.is_empty() {
        let message = are(&loading, "has yet to load", "have yet to load");
        let message = format!("{message} what is written");
        return Some(Verdict::no(kind, NOT_SERVED_YET, message));
    }
    None
}

fn do_not_answer(silent: &BTreeSet<u16>) -> String {
    format!(
        "{} the operator what is served there: let it connect to port {ADMIN_PORT}, and see its log for what it finds instead",
        are(silent, "does not tell", "do not tell")
    )
}

fn reached_at(case: &Case<'_>) -> String {
    match case.addresses.first() {
        Some(address) => format!("clients connect to {}", address.value),
        None => "clients connect to any node".to_owned(),
    }
}

/// The verdict that the problems of an aspect make.
fn found(kind: &'static str, case: &Case<'_>, aspect: Aspect) -> Option<Verdict> {
    let problems = problems_of(case.facts.problems, aspect);
    let reason = problems.clone().next()?.mistake.reason();
    let lines = problems.map(|problem| format!("{}: {}", problem.field, problem.mistake));
    Some(Verdict::no(kind, reason, listed(lines)))
}

/// Sums up: a roll alone changes nothing, for enough gateways serve during it.
fn ready(case: &Case<'_>, parts: &[Verdict]) -> Verdict {
    let kind = "Ready";
    let wanted = case.endpoint.spec.replicas;
    if wanted == 0 {
        let message = "nobody can connect: write spec.replicas above 0";
        return Verdict::no(kind, "ScaledToZero", message);
    }
    if let Some(part) = parts.iter().find(|part| part.holds == Holds::False) {
        return Verdict::no(
            kind,
            &part.reason,
            format!("{}: {}", part.kind, part.message),
        );
    }
    let serving = case.facts.roll.serving.len();
    let needed = wanted.saturating_sub(1).max(1);
    let count = format!("{serving} of {wanted} gateways serve");
    let incomplete = &case.facts.roll.incomplete;
    if !incomplete.is_empty() {
        let message = format!(
            "{count}; {} to open all listeners",
            are(incomplete, "has yet", "have yet")
        );
        return Verdict::no(kind, "GatewaysNotServing", message);
    }
    if u32::try_from(serving).is_ok_and(|serving| serving >= needed) {
        return Verdict::yes(kind, "Serving", format!("{count}, {}", reached_at(case)));
    }
    let reason = match case.facts.roll.transition {
        Transition::Stuck { .. } | Transition::Refused { .. } => "RollStuck",
        Transition::Complete
        | Transition::Blocked(_)
        | Transition::Starting(_)
        | Transition::Rolling { .. } => "GatewaysNotServing",
    };
    let message = format!("{count}, and at least {needed} must: see Progressing");
    Verdict::no(kind, reason, message)
}

/// What Flux and others that know kstatus wait for, or give up on: `Stalled` needs somebody, `Reconciling` only time.
fn kstatus(parts: &[Verdict], progressing: &Verdict) -> Option<Verdict> {
    let broken = || parts.iter().filter(|part| part.holds == Holds::False);
    let is_stuck = progressing.reason == "RollStuck";
    let stalled = broken()
        .find(|part| !is_pending(&part.reason))
        .or_else(|| is_stuck.then_some(progressing));
    if let Some(cause) = stalled {
        return Some(Verdict::yes("Stalled", &cause.reason, &*cause.message));
    }
    let moves = (progressing.holds == Holds::True).then_some(progressing);
    let cause = broken().next().or(moves)?;
    Some(Verdict::yes("Reconciling", &cause.reason, &*cause.message))
}

/// Whether this ends without anybody's doing.
fn is_pending(reason: &str) -> bool {
    ["AddressPending", "CertificatePending", NOT_SERVED_YET].contains(&reason)
}
