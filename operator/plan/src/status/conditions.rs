//! Conditions: what holds, since when, and what to mend.

use std::fmt::Display;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// How many problems a message names; of the others it says how many there are.
const LISTED_MAX: usize = 3;
/// A condition's message is read in a terminal: what is longer than this is cut.
const MESSAGE_BYTES_MAX: usize = 900;
/// So that [`LISTED_MAX`] of them fit in a message.
const LISTED_BYTES_MAX: usize = 280;

/// What is true of one type of condition, without its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The type of the condition.
    pub kind: &'static str,
    /// Whether it holds.
    pub holds: Holds,
    /// Why, `CamelCase` and stable.
    pub reason: String,
    /// Why, in words, and what to do.
    pub message: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// It does.
    True,
    /// It does not.
    False,
}

impl Verdict {
    pub(super) fn yes(kind: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self::new(kind, Holds::True, reason, message.into())
    }

    pub(super) fn no(kind: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self::new(kind, Holds::False, reason, message.into())
    }

    fn new(kind: &'static str, holds: Holds, reason: &str, message: String) -> Self {
        Self {
            kind,
            holds,
            reason: reason.to_owned(),
            message: shortened(message, MESSAGE_BYTES_MAX),
        }
    }
}

/// What verdicts become conditions with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    /// The conditions until now.
    pub previous: &'a [Condition],
    /// The generation of the object that they speak of.
    pub generation: i64,
    /// The time of the turn.
    pub now: Timestamp,
}

/// Gives each verdict the time since when it holds, or does not: that of the previous condition unless this changed.
pub(super) fn conditions(
    verdicts: impl IntoIterator<Item = Verdict>,
    moment: Moment<'_>,
) -> Vec<Condition> {
    verdicts
        .into_iter()
        .map(|verdict| condition(verdict, moment))
        .collect()
}

fn condition(verdict: Verdict, moment: Moment<'_>) -> Condition {
    let Verdict {
        kind,
        holds,
        reason,
        message,
    } = verdict;
    let status = match holds {
        Holds::True => "True",
        Holds::False => "False",
    };
    let since = moment
        .previous
        .iter()
        .find(|previous| previous.type_ == kind && previous.status == status)
        .map_or_else(
            || whole_seconds(moment.now),
            |previous| previous.last_transition_time.clone(),
        );
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason,
        message,
        observed_generation: Some(moment.generation),
        last_transition_time: since,
    }
}

/// Kubernetes keeps no fractions of a second: with one, what is read back would differ from what was written.
pub(super) fn whole_seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

/// The first few of many things, and how many more there are.
pub(super) fn listed<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut items = items.into_iter();
    let named: Vec<String> = items
        .by_ref()
        .take(LISTED_MAX)
        .map(|item| shortened(item.to_string(), LISTED_BYTES_MAX))
        .collect();
    let named = named.join("; ");
    match items.count() {
        0 => named,
        more => format!("{named}; and {more} more"),
    }
}

/// The beginning of a text that is too long, ending between two characters.
fn shortened(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "2026-03-01T12:00:00.5Z";
    const LATER: &str = "2026-03-01T13:00:00Z";

    #[test]
    fn a_condition_keeps_its_time_as_long_as_its_status_stays() {
        let first = at(&[], NOON, Verdict::yes("Ready", "Serving", "3 of 3"));

        let again = at(&first, LATER, Verdict::yes("Ready", "Other", "2 of 3"));

        assert_eq!(again[0].last_transition_time, first[0].last_transition_time);
        assert_eq!(again[0].reason, "Other");
        assert_eq!(again[0].message, "2 of 3");
    }

    #[test]
    fn a_condition_that_turns_gets_the_time_of_the_turn() {
        let first = at(&[], NOON, Verdict::yes("Ready", "Serving", ""));

        let turned = at(&first, LATER, Verdict::no("Ready", "Serving", ""));

        assert_eq!(turned[0].last_transition_time.0.to_string(), LATER);
    }

    #[test]
    fn what_is_written_can_be_read_back_unchanged() {
        let written = at(&[], NOON, Verdict::yes("Ready", "Serving", ""));

        let read: Vec<Condition> =
            serde_json::from_slice(&serde_json::to_vec(&written).unwrap()).unwrap();

        assert_eq!(read, written);
    }

    #[test]
    fn a_message_names_a_few_and_counts_the_others() {
        assert_eq!(listed(["a", "b"]), "a; b");
        assert_eq!(listed(["a", "b", "c"]), "a; b; c");
        assert_eq!(listed(["a", "b", "c", "d", "e"]), "a; b; c; and 2 more");
    }

    #[test]
    fn a_message_is_never_long() {
        let long = "ä".repeat(1000);

        let list = listed([&long, &long, &long, &long]);
        let verdict = Verdict::no("Ready", "Reason", long);

        assert!(list.len() < 1000, "{}", list.len());
        assert!(list.ends_with("…; and 1 more"));
        assert!(verdict.message.len() < 1000);
    }

    fn at(previous: &[Condition], now: &str, verdict: Verdict) -> Vec<Condition> {
        let moment = Moment {
            previous,
            generation: 1,
            now: now.parse().unwrap(),
        };
        conditions([verdict], moment)
    }
}
