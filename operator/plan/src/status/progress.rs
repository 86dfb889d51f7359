//! How far the gateways are.

use std::collections::BTreeSet;

use super::conditions::Verdict;
use crate::{
    roll::{Roll, Transition},
    served::{Reach, Reached},
};

/// Whether gateways are being started, replaced or stopped, or load what is new.
pub(super) fn progressing(roll: &Roll, reached: &Reached) -> Verdict {
    let kind = "Progressing";
    let loading = reached.those(Reach::Loading);
    match &roll.transition {
        Transition::Stuck { slot, why } => Verdict::no(
            kind,
            "RollStuck",
            format!(
                "gateway {slot} does not start, and the others are left as they are: {why}: mend what it says, or write what was there before"
            ),
        ),
        Transition::Refused { slot, refusal } => Verdict::no(
            kind,
            "RollStuck",
            format!(
                "gateway {slot} is not as it is written, and the others are left as they are: {refusal}: mend what it says, or write what was there before"
            ),
        ),
        Transition::Blocked(slots) => Verdict::no(
            kind,
            "Blocked",
            format!(
                "{} until the other conditions are mended",
                are(slots, "waits", "wait")
            ),
        ),
        Transition::Rolling { slot, waiting } if waiting.is_empty() => Verdict::yes(
            kind,
            "Rolling",
            format!("gateway {slot} is replaced, the last"),
        ),
        Transition::Rolling { slot, waiting } => Verdict::yes(
            kind,
            "Rolling",
            format!(
                "gateway {slot} is replaced, then {}",
                are(waiting, "follows", "follow")
            ),
        ),
        Transition::Starting(slots) => {
            Verdict::yes(kind, "Creating", are(slots, "starts", "start"))
        }
        Transition::Complete if !roll.leaving.is_empty() => Verdict::yes(
            kind,
            "ScalingDown",
            are(
                &roll.leaving,
                "lets its last transfers end, then stops",
                "let their last transfers end, then stop",
            ),
        ),
        Transition::Complete if !loading.is_empty() => Verdict::yes(
            kind,
            "Reloading",
            are(&loading, "loads what is new", "load what is new"),
        ),
        Transition::Complete => {
            Verdict::no(kind, "Complete", "every gateway runs as it is written")
        }
    }
}

/// `gateway 1 starts`, `gateways 1, 2 start`.
pub(super) fn are<'a>(slots: impl IntoIterator<Item = &'a u16>, one: &str, many: &str) -> String {
    let slots: BTreeSet<u16> = slots.into_iter().copied().collect();
    let (noun, verb) = match slots.len() {
        1 => ("gateway", one),
        _ => ("gateways", many),
    };
    let named: Vec<String> = slots.iter().map(u16::to_string).collect();
    format!("{noun} {} {verb}", named.join(", "))
}
