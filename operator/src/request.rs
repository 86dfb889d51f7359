//! One request to the API server, with a deadline.

use std::time::Duration;

/// How long the API server may take for one answer. A lease outlasts its last renewal by more than this, so that what
/// was begun under it has ended before another operator begins.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// What the API server answers where there is nothing.
pub(crate) const NOT_FOUND: u16 = 404;

const CONFLICT: u16 = 409;

/// Answers that ask for something else than another object: a login, the kind, time, a look at who was quicker, patience.
const NOT_OF_THE_OBJECT: [u16; 5] = [401, NOT_FOUND, 408, CONFLICT, 429];

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
        self.code() == Some(CONFLICT)
    }

    /// Whether there is no such object, or no such kind.
    pub(crate) fn is_not_found(&self) -> bool {
        self.code() == Some(NOT_FOUND)
    }

    /// Why the API server does not accept what it was given, in its own words; none if it may another time.
    pub(crate) fn refusal(&self) -> Option<&str> {
        let code = self.code()?;
        let is_final = (400..500).contains(&code) && !NOT_OF_THE_OBJECT.contains(&code);
        match self {
            Self::Refused { source, .. } if is_final => match source.as_ref() {
                kube::Error::Api(status) => Some(&status.message),
                _ => None,
            },
            Self::Refused { .. } | Self::Deadline { .. } => None,
        }
    }

    /// The HTTP status of the answer. Its reason tells less: of a kind that is not there the API server says nothing but
    /// "404 page not found", and `kube::core::Status::is_not_found` does not take that for an answer.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status.code),
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

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(status: Status) -> RequestError {
        RequestError::Refused {
            what: "to look".to_owned(),
            source: Box::new(kube::Error::Api(status.boxed())),
        }
    }

    #[test]
    fn a_kind_that_is_not_there_is_not_found() {
        // As kube makes it of what the API server says about a path it does not know.
        let plain = Status::failure("404 page not found", "Failed to parse error data");

        assert!(refused(plain.with_code(404)).is_not_found());
    }

    #[test]
    fn what_is_invalid_or_over_a_quota_is_refused_and_what_may_pass_is_not() {
        let answer = |code| refused(Status::failure("so it is", "Reason").with_code(code));

        for code in [400, 403, 413, 422] {
            assert_eq!(answer(code).refusal(), Some("so it is"), "{code}");
        }
        for code in [404, 409, 429, 500, 503] {
            assert_eq!(answer(code).refusal(), None, "{code}");
        }
    }

    #[test]
    fn who_was_overtaken_has_a_conflict() {
        for reason in ["Conflict", "AlreadyExists"] {
            let status = Status::failure("somebody else was here", reason).with_code(409);

            assert!(refused(status).is_conflict());
        }
    }
}
