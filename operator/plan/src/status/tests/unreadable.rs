//! An object that this version cannot read does not go on to look well.

use super::scene::Scene;
use crate::unreadable_conditions;

const LATER: &str = "2026-03-01T13:00:00Z";

#[test]
fn what_was_well_is_not_any_more_and_its_gateways_are_as_they_were() {
    let well = Scene::well().status().conditions;

    let told = unreadable_conditions(&well, 8, "unknown variant `S3`", LATER.parse().unwrap());

    let said: Vec<String> = told
        .iter()
        .map(|one| format!("{}={}/{}", one.type_, one.status, one.reason))
        .collect();
    assert_eq!(
        said,
        [
            "Ready=False/Unreadable",
            "Accepted=False/Unreadable",
            "Stalled=True/Unreadable",
            "ResolvedRefs=True/ResolvedRefs",
            "CertificateReady=True/CertificateReady",
            "Programmed=True/Programmed",
            "Progressing=False/Complete",
        ]
    );
    assert_eq!(
        told[0].message,
        "this version of the operator cannot read the object: unknown variant `S3`: mend the field, or install the version that knows it"
    );
}

#[test]
fn it_is_said_once() {
    let well = Scene::well().status().conditions;
    let first = unreadable_conditions(&well, 8, "unknown", Scene::well().now);

    let again = unreadable_conditions(&first, 8, "unknown", LATER.parse().unwrap());

    assert_eq!(again, first);
}
