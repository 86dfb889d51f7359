//! The chart: both Helms take it, and render what is written down here; the API server takes what they render.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use e2e::{
    cluster::{
        journal::Journal,
        needs,
        programs::{HELM, HELM_3, Recipe},
        stage::{Ability, Stage},
    },
    program::{run, run_with},
    skip::skip,
};
use serde_json::Value;

use crate::{
    installation::{self, chart},
    namespace::Namespace,
};

/// The oldest Kubernetes that the chart is for; Helm itself would think of an older one.
const OLDEST: [&str; 2] = ["--kube-version", "1.31.0"];

/// A folder a case: `values.yaml`, and what Helm makes of it.
fn cases() -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/chart");
    let mut cases = fs::read_dir(&folder)?
        .map(|case| Ok(case?.path()))
        .collect::<Result<Vec<_>>>()?;
    cases.sort();
    Ok(cases)
}

/// Both Helms; none where they cannot be built.
fn helms(story: &str) -> Result<Vec<(&'static str, PathBuf)>> {
    let missing: Vec<String> = needs::missing();
    if missing.iter().any(|need| need.starts_with("Go")) {
        skip(story, &format!("needs {}", missing.join(", ")))?;
        return Ok(Vec::new());
    }
    let helm = |recipe: &Recipe| -> Result<PathBuf> {
        Ok(recipe.find_or_build(Journal::Told)?.path("helm"))
    };
    Ok(vec![("Helm 4", helm(&HELM)?), ("Helm 3", helm(&HELM_3)?)])
}

fn render(helm: &Path, case: &Path) -> Result<String> {
    let mut template = Command::new(helm);
    template
        .args(["template", "files", "--namespace", "secureftp-system"])
        .args(OLDEST)
        .args(["--api-versions", "monitoring.coreos.com/v1", "--values"])
        .arg(case.join("values.yaml"))
        .arg(chart());
    Ok(String::from_utf8(run(&mut template)?.success()?.stdout)?)
}

/// Without the definitions of the resources, whose own tests compare them with the code, and without empty lines, of which
/// one Helm writes more than the other.
fn essence(rendered: &str) -> String {
    rendered
        .split_inclusive("---\n")
        .filter(|document| !document.contains("kind: CustomResourceDefinition"))
        .flat_map(str::lines)
        .filter(|line| !line.is_empty())
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[test]
fn both_helms_render_what_is_written_down() -> Result<()> {
    for (name, helm) in helms("both Helms render what is written down")? {
        for case in cases()? {
            let golden = case.join("rendered.yaml");
            let rendered = essence(&render(&helm, &case)?);
            if env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&golden, &rendered)?;
            }
            let expected = fs::read_to_string(&golden).unwrap_or_default();
            let difference = first_difference(&rendered, &expected);
            assert!(
                difference.is_none(),
                "{name}, {}: {difference:?}; UPDATE_GOLDEN=1 writes it anew",
                golden.display()
            );
        }
    }
    Ok(())
}

/// The first line that differs, as it is and as it was.
fn first_difference<'a>(now: &'a str, before: &'a str) -> Option<(&'a str, &'a str)> {
    let mut lines = now
        .lines()
        .chain(["the end"])
        .zip(before.lines().chain(["the end"]));
    lines.find(|(now, before)| now != before)
}

#[test]
fn both_helms_find_nothing_to_complain_of() -> Result<()> {
    for (name, helm) in helms("both Helms find nothing to complain of")? {
        for case in cases()? {
            let mut lint = Command::new(&helm);
            lint.args(["lint", "--strict"])
                .args(OLDEST)
                .arg("--values")
                .arg(case.join("values.yaml"))
                .arg(chart());
            let said = run(&mut lint)?.success().context(name)?.said();
            assert!(said.contains("0 chart(s) failed"), "{said}");
        }
    }
    Ok(())
}

#[test]
fn values_that_mean_nothing_are_refused_by_their_name() -> Result<()> {
    for (name, helm) in helms("values that mean nothing are refused by their name")? {
        for (value, told) in [
            ("operator.replica=2", "replica"),
            ("operator.concurrency=0", "concurrency"),
            ("operator.image.digest=sha256:1", "digest"),
            ("gateway.image.tag=1", "tag"),
            ("crds.keep=perhaps", "keep"),
            ("gateway.version=1.", "version"),
            ("serviceAccount.create=false", "serviceAccount"),
            (
                "operator.podLabels.app\\.kubernetes\\.io/name=x",
                "app.kubernetes.io",
            ),
        ] {
            let mut template = Command::new(&helm);
            template
                .args(["template", "files", "--set", value])
                .args(OLDEST)
                .arg(chart());
            let said = run(&mut template)?.failure().context(name)?;
            assert!(said.contains(told), "{name}, {value}: {said}");
        }
    }
    Ok(())
}

#[test]
fn every_value_is_explained() -> Result<()> {
    let schema: Value = serde_json::from_slice(&fs::read(chart().join("values.schema.json"))?)?;
    let values = fs::read_to_string(chart().join("values.yaml"))?;
    let written = written_values(&values);

    let known = leaves(&schema, String::new());

    assert_eq!(written.keys().cloned().collect::<BTreeSet<_>>(), known);
    let unexplained: Vec<_> = written
        .iter()
        .filter(|(_, explained)| !**explained)
        .collect();
    assert!(unexplained.is_empty(), "no comment above {unexplained:?}");
    Ok(())
}

/// The paths of the values in `values.yaml` that hold no other values, and whether a comment stands above each, or above
/// the one before it in the same block. The file is simple: two spaces a level, a key a line.
fn written_values(yaml: &str) -> std::collections::BTreeMap<String, bool> {
    let mut found = std::collections::BTreeMap::new();
    let mut path: Vec<String> = Vec::new();
    let mut is_explained = false;
    for line in yaml.lines() {
        let text = line.trim_start();
        if text.is_empty() {
            is_explained = false;
        } else if text.starts_with('#') {
            is_explained = true;
        } else if let Some((key, value)) = text.split_once(':') {
            path.truncate((line.len() - text.len()) / 2);
            path.push(key.to_owned());
            if !value.trim().is_empty() {
                found.insert(path.join("."), is_explained);
            }
        }
    }
    // `resources` is a value as a whole: what is in it are Kubernetes' own words.
    let inside = "operator.resources.";
    let has_inside = found.keys().any(|path| path.starts_with(inside));
    found.retain(|path, _| !path.starts_with(inside));
    if has_inside {
        found.insert("operator.resources".to_owned(), true);
    }
    found
}

/// The paths of the values that the schema knows and that hold no other values of the chart's.
fn leaves(schema: &Value, path: String) -> BTreeSet<String> {
    let Some(properties) = schema["properties"].as_object() else {
        return BTreeSet::from([path]);
    };
    properties
        .iter()
        // Helm's own.
        .filter(|(name, _)| *name != "global")
        .flat_map(|(name, inner)| {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            leaves(inner, path)
        })
        .collect()
}

#[test]
fn the_api_server_takes_what_is_rendered() -> Result<()> {
    let story = "the API server takes what is rendered";
    let Some(stage) = installation::open(story, &[Ability::PodMonitors])? else {
        return Ok(());
    };
    dry_run(stage)
}

/// Every case, as the API server would make it: a field that no kind has is an error.
fn dry_run(stage: &Stage) -> Result<()> {
    let helm = HELM.find_or_build(Journal::Silent)?.path("helm");
    let _operator = Namespace::make(stage, "secureftp-system")?;
    let _watched = ["b2b", "b2c"]
        .map(|name| Namespace::make(stage, name))
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    for case in cases()? {
        let mut apply = stage.kubectl();
        apply.args([
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
        ]);
        apply.args(["--force-conflicts", "--filename", "-"]);
        let rendered = render(&helm, &case)?;
        run_with(&mut apply, rendered.as_bytes())?
            .success()
            .with_context(|| case.display().to_string())?;
    }
    Ok(())
}
