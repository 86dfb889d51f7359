//! Which condition of an endpoint a mistake belongs to.

use std::collections::BTreeSet;

use crate::{Kind, Mistake, Problem};

/// What about an endpoint may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aspect {
    /// What is written.
    Written,
    /// What it names.
    References,
    /// The certificates of its listeners.
    Certificates,
    /// The objects of the cluster that serve it.
    Objects,
}

/// The problems of the endpoint itself that are of this aspect. A broken user is told in the user's status.
pub(super) fn problems_of(
    problems: &[Problem],
    aspect: Aspect,
) -> impl Iterator<Item = &Problem> + Clone {
    problems
        .iter()
        .filter(|problem| problem.object.kind == Kind::Endpoint)
        .filter(move |problem| {
            aspect_of(&problem.mistake) == aspect
                || (aspect == Aspect::Certificates && is_of_a_certificate(problem))
        })
}

/// How many users have problems.
pub(super) fn broken_users(problems: &[Problem]) -> usize {
    let users: BTreeSet<&str> = problems
        .iter()
        .map(|problem| &problem.object)
        .filter(|object| object.kind == Kind::User)
        .map(|object| object.name.as_str())
        .collect();
    users.len()
}

/// A Secret that is missing is a reference, and also the reason why a listener has no certificate.
fn is_of_a_certificate(problem: &Problem) -> bool {
    problem.field.starts_with("spec.listeners[") && problem.field.contains("].tls.")
}

fn aspect_of(mistake: &Mistake) -> Aspect {
    match mistake {
        Mistake::InlineKey(_)
        | Mistake::NoWayIn
        | Mistake::MethodNotOffered { .. }
        | Mistake::Duplicate { .. }
        | Mistake::Username(_)
        | Mistake::Root(_)
        | Mistake::Network(_)
        | Mistake::AddressHidden { .. }
        | Mistake::PortTaken { .. }
        | Mistake::TlsMissing
        | Mistake::CertificateSource
        | Mistake::ClaimForOnePod { .. }
        | Mistake::NoRoom { .. }
        | Mistake::UsersLeftOut { .. }
        | Mistake::PassivePortsMissing
        | Mistake::PassivePortsTooFew
        | Mistake::PassivePortTaken { .. }
        | Mistake::PassiveAddress(_) => Aspect::Written,
        Mistake::SecretMissing { .. }
        | Mistake::SecretKeyMissing { .. }
        | Mistake::Password { .. }
        | Mistake::PasswordNotHashed { .. }
        | Mistake::SecretLine { .. }
        | Mistake::HostKey { .. }
        | Mistake::NoHostKey { .. }
        | Mistake::HostKeysMissing { .. }
        | Mistake::HostKeyKinds { .. }
        | Mistake::CertManagerMissing
        | Mistake::ClaimMissing { .. } => Aspect::References,
        Mistake::CertificatePending
        | Mistake::CertificateNotIssued { .. }
        | Mistake::Certificate { .. }
        | Mistake::CertificateName { .. } => Aspect::Certificates,
        Mistake::PortsPending | Mistake::NameTaken { .. } | Mistake::NotApplied(_) => {
            Aspect::Objects
        }
    }
}
