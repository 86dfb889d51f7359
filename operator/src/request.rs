//! One request to the API server, with a deadline.

use std::time::Duration;

/// How long the API server may take for one answer. A lease outlasts its last renewal by more than this, so that what
/// was begun under it has ended before another operator begins.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// Why a request has no answer that helps.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// No answer in time.
    #[error("the API server did not answer {what} within {} s", DEADLINE.as_secs())]
    Deadline {
        /// What was asked.
        what: String,
    },
    /// An answer that says no, or none at all.
    #[error("{what} failed")]
    Refused {
        /// What was asked.
        what: String,
        /// What the API server said.
        source: Box<kube::Error>,
    },
}

impl RequestError {
    /// Whether somebody else changed the object meanwhile, or made it.
    pub(crate) fn is_conflict(&self) -> bool {
        self.status()
            .is_some_and(|status| status.is_conflict() || status.is_already_exists())
    }

    /// Whether there is no such object.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_not_found)
    }

    fn status(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Refused { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            Self::Deadline { .. } => None,
        }
    }
}

/// Waits for an answer, no longer than [`DEADLINE`].
pub(crate) async fn request<T>(
    what: String,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, RequestError> {
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(RequestError::Refused {
            what,
            source: Box::new(error),
        }),
        Err(_elapsed) => Err(RequestError::Deadline { what }),
    }
}
