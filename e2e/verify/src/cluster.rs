//! The stories about the real cluster: those that need one, and those about the cluster itself.

use std::time::Duration;

use crate::{
    command::{Failure, Workshop},
    figures::{self, Figures},
};

/// The first run builds Kubernetes, which takes a quarter of an hour on two idle cores; later ones need minutes.
const PATIENCE: Duration = Duration::from_hours(1);

/// Where there can be no cluster, for example without Go or root, every story is skipped by its name.
pub(crate) fn run(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    let figures = Figures::begin(workshop)?;
    let arguments = [
        "test",
        "--locked",
        "--package",
        "e2e",
        "--test",
        "cluster",
        "--no-fail-fast",
    ];
    let mut command = workshop.cargo(&arguments);
    command.env(figures::VARIABLE, figures.file());
    let told = workshop.run_within(PATIENCE, "cluster", &mut command);
    // The clusters have ended with the stories, or with the time; what they left on the disk goes here.
    for name in ["stories", "lifecycle", "nftables"] {
        let arguments = [
            "run",
            "--locked",
            "--quiet",
            "--package",
            "e2e",
            "--bin",
            "cluster",
            "--",
            "--name",
            name,
            "down",
        ];
        workshop.run("cluster-down", &mut workshop.cargo(&arguments))?;
    }
    told?;
    figures.read()
}
