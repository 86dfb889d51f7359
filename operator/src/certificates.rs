//! cert-manager's Certificates, which may exist, not exist, or begin to exist while the operator runs.

use std::time::Duration;

use futures_util::StreamExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Client,
    api::{ApiResource, GroupVersionKind},
    core::DynamicObject,
    runtime::{WatchStreamExt as _, reflector::store::Writer, watcher},
};
use plan::CertManager;
use tokio::sync::watch;

use crate::{
    causes::causes,
    request::{NOT_FOUND, request},
    wake::owner,
    watch::{Queue, Scope, labelled_objects},
};

/// Between two looks for the kinds: at first, and at last.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_secs(15), Duration::from_mins(5)];

/// `certificates.cert-manager.io/v1`.
pub(crate) fn resource() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("cert-manager.io", "v1", "Certificate"),
        "certificates",
    )
}

/// What cert-manager says of a Certificate.
pub(crate) fn conditions(certificate: &DynamicObject) -> Vec<Condition> {
    let conditions = certificate.data.pointer("/status/conditions");
    let conditions = conditions.and_then(serde_json::Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .filter_map(|condition| serde_json::from_value(condition.clone()).ok())
        .collect()
}

/// Follows the Certificates of a scope for ever: looks for their kind, watches it while it is there.
pub(crate) async fn follow(
    client: Client,
    scope: Scope,
    mut writer: Writer<DynamicObject>,
    (state, queue): (watch::Sender<Option<CertManager>>, Queue),
) {
    let [mut wait, longest] = LOOK_AGAIN;
    loop {
        let asked = request(
            "to look for cert-manager".to_owned(),
            client.list_api_group_resources("cert-manager.io/v1"),
        );
        match asked.await {
            Ok(kinds) if kinds.resources.iter().any(|one| one.name == "certificates") => {
                [wait, _] = LOOK_AGAIN;
                watch_while_there(&client, &scope, &mut writer, (&state, &queue)).await;
            }
            Ok(_) => tell(&state, &queue, CertManager::Missing).await,
            Err(error) if error.is_not_found() => tell(&state, &queue, CertManager::Missing).await,
            Err(error) => {
                tracing::warn!(
                    error = causes(&error),
                    "whether cert-manager is there is not known"
                );
                presume(&state, &queue).await;
            }
        }
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2).min(longest);
    }
}

/// Returns when the kind has gone.
async fn watch_while_there(
    client: &Client,
    scope: &Scope,
    writer: &mut Writer<DynamicObject>,
    (state, queue): (&watch::Sender<Option<CertManager>>, &Queue),
) {
    let api = scope.dynamic(client, &resource());
    let mut events = watcher(api, labelled_objects()).default_backoff().boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                writer.apply_watcher_event(&event);
                match &event {
                    watcher::Event::Apply(one) | watcher::Event::Delete(one) => {
                        queue.wake(owner(&one.metadata)).await;
                    }
                    watcher::Event::InitDone => tell(state, queue, CertManager::Installed).await,
                    watcher::Event::Init | watcher::Event::InitApply(_) => {}
                }
            }
            Err(error) if is_gone(&error) => return,
            Err(error) => {
                tracing::warn!(error = causes(&error), "Certificates cannot be watched");
                presume(state, queue).await;
            }
        }
    }
}

/// Whether the API server does not know the kind any more.
fn is_gone(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code == NOT_FOUND,
        _ => false,
    }
}

/// Who gets no answer goes on as if cert-manager were not there, unless it was: all endpoints wait for the first answer.
async fn presume(state: &watch::Sender<Option<CertManager>>, queue: &Queue) {
    let is_known = state.borrow().is_some();
    if !is_known {
        tell(state, queue, CertManager::Missing).await;
    }
}

async fn tell(state: &watch::Sender<Option<CertManager>>, queue: &Queue, now: CertManager) {
    if state.send_replace(Some(now)) != Some(now) {
        tracing::info!(cert_manager = ?now, "looked for cert-manager");
        queue.wake_all().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write as _},
        net::TcpListener,
        thread,
    };

    use kube::{Config, runtime::reflector};
    use serde_json::json;

    use super::*;

    /// An API server that knows the kind, and lets nobody list it.
    fn forbidding() -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut lines = BufRead::lines(&mut stream).map(Result::unwrap);
                let asked = lines.next().unwrap();
                lines.find(String::is_empty).unwrap();
                let known = json!({
                    "kind": "APIResourceList", "groupVersion": "cert-manager.io/v1",
                    "resources": [{
                        "name": "certificates", "singularName": "certificate", "namespaced": true,
                        "kind": "Certificate", "verbs": ["list", "watch"],
                    }],
                });
                let (code, body) = if asked.contains("/v1 ") {
                    ("200 OK", known)
                } else {
                    ("403 Forbidden", json!({"kind": "Status", "code": 403}))
                };
                let body = body.to_string();
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {code}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        Client::try_from(Config::new(format!("http://{address}").parse().unwrap())).unwrap()
    }

    #[tokio::test]
    async fn whoever_may_not_list_certificates_serves_what_needs_none() {
        let (state, mut cert_manager) = watch::channel(None);
        let (queue, _woken) = Queue::new(reflector::store().0);
        let following = follow(
            forbidding(),
            Scope::Cluster,
            Writer::new(resource()),
            (state, queue),
        );

        let answered = cert_manager.wait_for(Option::is_some);
        let answered = tokio::time::timeout(Duration::from_secs(30), answered);
        let answer = tokio::select! {
            () = following => panic!("it ended"),
            answered = answered => *answered.unwrap().unwrap(),
        };

        assert_eq!(answer, Some(CertManager::Missing));
    }

    #[test]
    fn the_conditions_of_a_certificate_are_read() {
        let mut certificate = DynamicObject::new("partners-ftps", &resource());
        assert!(conditions(&certificate).is_empty());

        certificate.data = json!({"status": {"conditions": [
            {"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": "Issuing",
             "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1},
            {"type": 7},
        ]}});

        let conditions = conditions(&certificate);
        assert_eq!(conditions.len(), 1);
        assert_eq!(conditions[0].reason, "DoesNotExist");
    }
}
