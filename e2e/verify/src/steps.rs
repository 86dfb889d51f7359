//! What `cargo verify` does, in order.

use std::{env, num::NonZero, process::Command, thread};

use crate::{
    cluster,
    command::{Failure, Workshop},
    deny,
    figures::{self, Figures},
    fuzz, needs,
};

/// One rule that must hold.
pub(crate) struct Step {
    /// What one types to run it alone.
    pub(crate) name: &'static str,
    /// What holds when it passes.
    pub(crate) rule: &'static str,
    /// Checks it; answers notes to print below its line.
    pub(crate) run: fn(&Workshop) -> Result<Vec<String>, Failure>,
}

/// Every step; a failed one does not keep the next from running.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "needs",
        rule: "this machine has what the steps need",
        run: needs::check_all,
    },
    Step {
        name: "format",
        rule: "the code is formatted",
        run: format,
    },
    Step {
        name: "clippy",
        rule: "the lints are silent",
        run: clippy,
    },
    Step {
        name: "deny",
        rule: "dependencies respect boundaries and licences",
        run: deny::check,
    },
    Step {
        name: "docs",
        rule: "the documentation builds without a warning",
        run: docs,
    },
    Step {
        name: "tests",
        rule: "every crate does what its tests specify",
        run: tests,
    },
    Step {
        name: "fuzz",
        rule: "no input breaks the rules of the FTP control connection",
        run: fuzz::run,
    },
    Step {
        name: "build",
        rule: "the programs build as they are released",
        run: build,
    },
    Step {
        name: "stories",
        rule: "real clients get what the stories tell",
        run: stories,
    },
    Step {
        name: "cluster",
        rule: "a real cluster runs what endpoints ask for",
        run: cluster::run,
    },
];

/// The toolchain must be there for any step, the clients only for the stories.
const TOOLCHAIN: Step = Step {
    name: "needs",
    rule: "this machine has the toolchain",
    run: needs::check_toolchain,
};

/// The steps with these names, in the order of [`STEPS`]; all of them when there is no name.
/// What they need is checked first, and the stories tell nothing of use about a program built before the last change.
pub(crate) fn choose(names: &[String]) -> Result<Vec<&'static Step>, &String> {
    let is_known = |name: &&String| STEPS.iter().any(|step| step.name == **name);
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        return Err(unknown);
    }
    let named = |name: &str| names.iter().any(|one| one == name);
    let wanted = |step: &&Step| {
        names.is_empty()
            || named(step.name)
            || (named("stories") && ["needs", "build"].contains(&step.name))
    };
    let mut chosen: Vec<&Step> = STEPS.iter().filter(wanted).collect();
    if chosen.first().is_none_or(|first| first.name != "needs") {
        chosen.insert(0, &TOOLCHAIN);
    }
    Ok(chosen)
}

fn format(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    silently(
        workshop,
        "format",
        &mut workshop.cargo(&["fmt", "--all", "--check"]),
    )
}

fn clippy(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    let arguments = [
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    silently(workshop, "clippy", &mut workshop.cargo(&arguments))?;
    // No part of `--all-targets`: plain `cargo test` leaves it out.
    let arguments = [
        "clippy",
        "--locked",
        "--package",
        "e2e",
        "--test",
        "cluster",
        "--",
        "-D",
        "warnings",
    ];
    silently(workshop, "clippy-cluster", &mut workshop.cargo(&arguments))
}

fn docs(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    let mut command = workshop.cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
    silently(workshop, "docs", command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn tests(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    let arguments = [
        "test",
        "--locked",
        "--workspace",
        "--exclude",
        "e2e",
        "--no-fail-fast",
    ];
    silently(workshop, "tests", &mut workshop.cargo(&arguments))
}

/// Static, as in the images: by the same words as `e2e::cluster::images` builds them, so that the cluster finds them built.
fn build(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    let target = workshop.target();
    let mut command = workshop.cargo(&["build", "--locked", "--release"]);
    command
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .args([
            "--package",
            "operator",
            "--package",
            "gateway",
            "--package",
            "cli",
        ])
        .args(["--target", &platform(), "--target-dir"])
        .arg(target);
    silently(workshop, "build", &mut command)
}

fn platform() -> String {
    format!("{}-unknown-linux-gnu", env::consts::ARCH)
}

fn stories(workshop: &Workshop) -> Result<Vec<String>, Failure> {
    let figures = Figures::begin(workshop)?;
    let programs = workshop.target().join(platform()).join("release");
    let mut command = workshop.cargo(&["test", "--locked", "--package", "e2e", "--no-fail-fast"]);
    // Many a story waits: for a client that was told to be slow, or for a gateway that gives up on somebody.
    let at_once = 2 * thread::available_parallelism().map_or(1, NonZero::get);
    command
        .args(["--", "--test-threads", &at_once.to_string()])
        .env("SECUREFTP", programs.join("secureftp"))
        .env(figures::VARIABLE, figures.file());
    workshop.run("stories", &mut command)?;
    figures.read()
}

fn silently(
    workshop: &Workshop,
    name: &str,
    command: &mut Command,
) -> Result<Vec<String>, Failure> {
    workshop.run(name, command).map(|()| Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(named: &[&str], expected: &[&str]) {
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        let chosen: Vec<&str> = choose(&named)
            .unwrap()
            .iter()
            .map(|step| step.name)
            .collect();
        assert_eq!(chosen, expected);
    }

    #[test]
    fn without_a_name_every_step_runs() {
        let all: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        check(&[], &all);
    }

    #[test]
    fn named_steps_run_in_the_fixed_order_after_the_needs() {
        check(&["clippy", "format"], &["needs", "format", "clippy"]);
    }

    #[test]
    fn stories_are_told_of_fresh_programs() {
        check(&["stories"], &["needs", "build", "stories"]);
    }

    #[test]
    fn an_unknown_step_is_named() {
        let names = vec!["format".to_owned(), "tset".to_owned()];
        assert_eq!(choose(&names).err(), Some(&names[1]));
    }
}
