//! What the author of an object is told that this version of the operator cannot read.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};

use super::conditions::{Moment, Verdict, conditions};

const REASON: &str = "Unreadable";

/// The conditions of an object that cannot be read: those that sum up say why. The others stay as they were, for so does
/// what they speak of.
pub fn unreadable_conditions(
    previous: &[Condition],
    generation: i64,
    error: &str,
    now: Timestamp,
) -> Vec<Condition> {
    let moment = Moment {
        previous,
        generation,
        now,
    };
    let message = format!(
        "this version of the operator cannot read the object: {error}: mend the field, or install the version that knows it"
    );
    let verdicts = [
        Verdict::no("Ready", REASON, &*message),
        Verdict::no("Accepted", REASON, &*message),
        Verdict::yes("Stalled", REASON, message),
    ];
    let said = verdicts.each_ref().map(|verdict| verdict.kind);
    let others = previous.iter().filter(|condition| {
        let kind = condition.type_.as_str();
        kind != "Reconciling" && !said.contains(&kind)
    });
    let others: Vec<Condition> = others.cloned().collect();
    conditions(verdicts, moment)
        .into_iter()
        .chain(others)
        .collect()
}
