//! Step 3: make it so. Only this step, [`crate::refresh`] and [`crate::report`] write, and only this one decides nothing
//! but whether a write is needed.

use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::DynamicObject,
};
use plan::{
    Desired, NewHostKeys, Obsolete, Refusal,
    names::{ENDPOINT_LABEL, OPERATOR},
};
use serde_json::Value;

use crate::{
    certificates,
    form::{Wanted, covers},
    host_keys::{self, HostKeyError},
    leader::Lost,
    memory::{Ahead, Key, Memory},
    request::{RequestError, request},
    turn::{Tools, Turn},
};

/// Why something is not as wanted yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// Somebody else may lead now.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The API server said no, or nothing.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Host keys cannot be made.
    #[error("host keys are missing")]
    HostKeys(#[source] HostKeyError),
    /// The thread that makes host keys ended without an answer.
    #[error("host keys are missing: their thread ended")]
    Thread(#[source] tokio::task::JoinError),
    /// A wanted object cannot be written as JSON.
    #[error("a wanted object is no JSON")]
    Json(#[source] serde_json::Error),
}

/// What could not be done.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// The objects that are not as wanted yet.
    applying: Vec<(Key, ApplyError)>,
    /// What else went wrong.
    others: Vec<ApplyError>,
}

impl Failures {
    /// The objects that the API server does not accept.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        let refusal = |((kind, name), error): &(Key, ApplyError)| {
            let ApplyError::Request(error) = error else {
                return None;
            };
            Some(Refusal {
                kind: (*kind).to_owned(),
                name: name.clone(),
                message: error.refusal()?.to_owned(),
            })
        };
        self.applying.iter().filter_map(refusal).collect()
    }

    /// Whether the Secrets that pods read are as wanted.
    pub(crate) fn secrets_are_there(&self) -> bool {
        self.applying.iter().all(|((kind, _), _)| *kind != "Secret")
    }

    /// Notes what was done in vain.
    pub(crate) fn add(&mut self, done: Result<(), ApplyError>) {
        self.others.extend(done.err());
    }

    /// The first failure, if there is any.
    pub(crate) fn first(self) -> Result<(), ApplyError> {
        let applying = self.applying.into_iter().map(|(_, error)| error);
        applying.chain(self.others).next().map_or(Ok(()), Err)
    }
}

/// Makes the objects of an endpoint as wanted, in order. One that cannot be made stops only itself: what else is wanted
/// is still made.
pub(crate) async fn apply(
    turn: &Turn<'_>,
    desired: &Desired,
    obsolete: &[Obsolete],
    memory: &mut Memory,
) -> Failures {
    let mut failures = Failures::default();
    if let Some(new) = &desired.new_host_keys
        && let Err(error) = turn.create_host_keys(new, memory).await
    {
        let name = new.metadata.name.clone().unwrap_or_default();
        failures.applying.push((("Secret", name), error));
    }
    match wanted(desired) {
        Ok(all) => {
            for wanted in all {
                if let Err(error) = turn.apply_one(&wanted, memory).await {
                    failures.applying.push((wanted.key, error));
                }
            }
        }
        Err(error) => failures.add(Err(ApplyError::Json(error))),
    }
    for one in obsolete {
        failures.add(turn.delete(one, memory).await);
    }
    failures
}

/// All wanted objects, in the order in which they need each other. No `..`: an object that nobody applies must not compile.
fn wanted(desired: &Desired) -> serde_json::Result<Vec<Wanted>> {
    let Desired {
        new_host_keys: _,
        certificates,
        users,
        configurations,
        network_policy,
        disruption_budget,
        service,
        stateful_sets,
    } = desired;
    let secrets = users.iter().chain(configurations).map(Wanted::of);
    let shared = [
        network_policy.as_ref().map(Wanted::of),
        disruption_budget.as_ref().map(Wanted::of),
        service.as_ref().map(Wanted::of),
    ];
    certificates
        .iter()
        .map(Wanted::certificate)
        .chain(secrets)
        .chain(shared.into_iter().flatten())
        .chain(stateful_sets.iter().map(Wanted::of))
        .collect()
}

impl Tools {
    /// Counts a write that may be begun; an error if another operator may lead by now.
    pub(crate) fn may_write(&self, kind: &str, verb: &str) -> Result<(), Lost> {
        self.leadership.check()?;
        self.metrics.writes.with_label_values(&[kind, verb]).inc();
        Ok(())
    }
}

impl Turn<'_> {
    async fn apply_one(&self, wanted: &Wanted, memory: &mut Memory) -> Result<(), ApplyError> {
        let there = match memory.ahead(&wanted.key) {
            Ahead::Written(form) => Some(form.clone()),
            Ahead::Deleted => None,
            Ahead::No => self.stores.form(self.namespace(), &wanted.key),
        };
        match there {
            Some(form) if !self.may_apply(&form) => return Ok(()),
            Some(form) if wanted.was_applied_to(&form) => {
                let settled = wanted.settled(&form);
                if memory.is_settled(&wanted.key, &settled) || covers(&form, &wanted.form) {
                    memory.settle(wanted.key.clone(), settled);
                    return Ok(());
                }
            }
            None if self.found_as_others(&wanted.key).await? => {
                memory.taken.insert(wanted.key.clone());
                return Ok(());
            }
            Some(_) | None => {}
        }
        let (kind, name) = &wanted.key;
        self.tools.may_write(kind, "apply")?;
        let how = PatchParams::apply(OPERATOR).force();
        let patch = Patch::Apply(&wanted.form);
        let api = self.api_of(&wanted.resource);
        let asked = format!("to apply the {kind} {name}");
        let became = request(asked, api.patch(name, &how, &patch)).await?;
        tracing::info!(kind, name, "applied");
        let became = serde_json::to_value(became).map_err(ApplyError::Json)?;
        memory.settle(wanted.key.clone(), wanted.settled(&became));
        self.wrote(memory, &wanted.key, Some(became));
        Ok(())
    }

    /// Whether an object is this endpoint's, and not about to go: one that goes is made again when it has gone.
    fn may_apply(&self, form: &Value) -> bool {
        let metadata = form.get("metadata").cloned().unwrap_or_default();
        let metadata: ObjectMeta = serde_json::from_value(metadata).unwrap_or_default();
        self.owns(&metadata) && metadata.deletion_timestamp.is_none()
    }

    async fn create_host_keys(
        &self,
        new: &NewHostKeys,
        memory: &mut Memory,
    ) -> Result<(), ApplyError> {
        let key: Key = ("Secret", new.metadata.name.clone().unwrap_or_default());
        if let Some(there) = self.look_up(&key).await? {
            let labels = there.labels.unwrap_or_default();
            if labels.get(ENDPOINT_LABEL).map(String::as_str) != Some(self.name()) {
                memory.taken.insert(key);
            }
            return Ok(());
        }
        let (entries, comment) = (new.entries.clone(), self.name().to_owned());
        // RSA may take a second or more.
        let making = tokio::task::spawn_blocking(move || {
            let keys = entries.into_iter();
            keys.map(|file| Ok((file.to_owned(), host_keys::make(file, &comment)?)))
                .collect::<Result<_, HostKeyError>>()
        });
        let keys = making.await.map_err(ApplyError::Thread)?;
        let secret = Secret {
            metadata: new.metadata.clone(),
            data: Some(keys.map_err(ApplyError::HostKeys)?),
            ..Secret::default()
        };
        self.tools.may_write("Secret", "create")?;
        let parameters = PostParams {
            field_manager: Some(OPERATOR.to_owned()),
            ..PostParams::default()
        };
        let secrets = self.api::<Secret>();
        let asked = format!("to create the Secret {}", key.1);
        match request(asked, secrets.create(&parameters, &secret)).await {
            Ok(made) => {
                tracing::info!(name = key.1, "made host keys");
                let made = serde_json::to_value(made).map_err(ApplyError::Json)?;
                self.wrote(memory, &key, Some(made));
                Ok(())
            }
            // Somebody was quicker: their keys are kept, as any others would be.
            Err(error) if error.is_conflict() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn delete(&self, obsolete: &Obsolete, memory: &mut Memory) -> Result<(), ApplyError> {
        let key: Key = match obsolete {
            Obsolete::StatefulSet(name) => ("StatefulSet", name.clone()),
            Obsolete::Secret(name) => ("Secret", name.clone()),
            Obsolete::Certificate(name) => ("Certificate", name.clone()),
        };
        if memory.ahead(&key) == Ahead::Deleted {
            return Ok(());
        }
        let Some(there) = self.stores.metadata(self.namespace(), &key) else {
            return Ok(());
        };
        if !self.owns(&there) || there.deletion_timestamp.is_some() {
            return Ok(());
        }
        let (kind, name) = &key;
        self.tools.may_write(kind, "delete")?;
        // Only the object that was seen: one that was made meanwhile under its name is another.
        let how = DeleteParams::background().preconditions(Preconditions {
            uid: there.uid,
            resource_version: None,
        });
        let api = self.dynamic(kind);
        match request(
            format!("to delete the {kind} {name}"),
            api.delete(name, &how),
        )
        .await
        {
            Ok(_) => tracing::info!(kind, name, "deleted"),
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
        self.wrote(memory, &key, None);
        Ok(())
    }

    pub(crate) fn wrote(&self, memory: &mut Memory, key: &Key, after: Option<Value>) {
        let before = self.stores.metadata(self.namespace(), key);
        let before = before.and_then(|metadata| metadata.resource_version);
        memory.wrote(key.clone(), before, after);
    }

    /// The objects of a kind that the operator makes.
    pub(crate) fn dynamic(&self, kind: &str) -> Api<DynamicObject> {
        self.api_of(&resource(kind))
    }

    fn api_of(&self, resource: &kube::api::ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.tools.client.clone(), self.namespace(), resource)
    }
}

/// The kinds that the operator makes.
fn resource(kind: &str) -> kube::api::ApiResource {
    use k8s_openapi::api::{
        apps::v1::StatefulSet, core::v1::Service, networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    };
    use kube::api::ApiResource;
    match kind {
        "Certificate" => certificates::resource(),
        "NetworkPolicy" => ApiResource::erase::<NetworkPolicy>(&()),
        "PodDisruptionBudget" => ApiResource::erase::<PodDisruptionBudget>(&()),
        "Service" => ApiResource::erase::<Service>(&()),
        "StatefulSet" => ApiResource::erase::<StatefulSet>(&()),
        _ => ApiResource::erase::<Secret>(&()),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn failure(kind: &'static str, code: u16) -> (Key, ApplyError) {
        let status = Status::failure("so it is", "Reason").with_code(code);
        let error = RequestError::Refused {
            what: "to apply it".to_owned(),
            source: Box::new(kube::Error::Api(status.boxed())),
        };
        ((kind, "partners".to_owned()), error.into())
    }

    #[test]
    fn what_the_api_server_does_not_accept_is_told_and_what_passes_is_not() {
        let failures = Failures {
            applying: vec![failure("Secret", 503), failure("Service", 403)],
            others: Vec::new(),
        };

        let refusal = Refusal {
            kind: "Service".to_owned(),
            name: "partners".to_owned(),
            message: "so it is".to_owned(),
        };
        assert_eq!(failures.refusals(), [refusal]);
        assert!(failures.first().is_err());
        assert!(Failures::default().first().is_ok());
    }

    #[test]
    fn pods_look_for_secrets_that_are_there_whatever_else_is_not() {
        let failing = |kind| Failures {
            applying: vec![failure(kind, 503)],
            others: Vec::new(),
        };

        assert!(!failing("Secret").secrets_are_there());
        assert!(failing("StatefulSet").secrets_are_there());
    }
}
