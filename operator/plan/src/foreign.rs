//! Objects of other owners that have the name of one that is wanted. They are never taken over.

use crds::SecureFtpEndpoint;
use k8s_openapi::{Metadata, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use crate::{Mistake, Observed, Problem, problem::name_of};

/// The names that belong to others.
#[derive(Clone, Copy)]
pub(crate) struct Foreign<'a> {
    endpoint: &'a SecureFtpEndpoint,
    /// As `Kind name`.
    names: &'a [String],
}

impl<'a> Foreign<'a> {
    pub(crate) fn of(endpoint: &'a SecureFtpEndpoint, observed: &'a Observed) -> Self {
        Self {
            endpoint,
            names: &observed.foreign,
        }
    }

    /// Whether the name is free or the endpoint's own. If not, that is a problem.
    pub(crate) fn leaves(
        self,
        kind: &'static str,
        metadata: &ObjectMeta,
        problems: &mut Vec<Problem>,
    ) -> bool {
        let name = name_of(metadata);
        let is_taken = self.names.contains(&format!("{kind} {name}"));
        if is_taken {
            let mistake = Mistake::NameTaken {
                kind,
                name: name.to_owned(),
            };
            problems.push(Problem::of_endpoint(
                self.endpoint,
                "metadata.name",
                mistake,
            ));
        }
        !is_taken
    }

    /// The object, unless its name belongs to somebody else.
    pub(crate) fn admit<K: Metadata<Ty = ObjectMeta>>(
        self,
        object: K,
        problems: &mut Vec<Problem>,
    ) -> Option<K> {
        self.leaves(K::KIND, object.metadata(), problems)
            .then_some(object)
    }
}
