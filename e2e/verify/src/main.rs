//! `cargo verify [STEP…]`: everything that must hold before a change lands.
//!
//! A line a step with its time, and last `N passed, N failed`; the exit code is 1 when a step failed. It is
//! written with the standard library alone, so that it speaks at once even where nothing is built yet. It
//! decides nothing about the product: it runs the programs that do, and shows what they said when they failed.

mod cluster;
mod command;
mod deny;
mod figures;
mod fuzz;
mod needs;
mod steps;

use std::{
    env,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::Instant,
};

use command::Workshop;
use steps::{STEPS, Step};

fn main() -> ExitCode {
    let names: Vec<String> = env::args().skip(1).collect();
    let chosen = match steps::choose(&names) {
        Ok(chosen) => chosen,
        Err(unknown) => {
            say(&format!("there is no step {unknown}; the steps are:\n"));
            for step in STEPS {
                say(&format!("  {:<10}{}\n", step.name, step.rule));
            }
            return ExitCode::from(2);
        }
    };
    let workshop = match Workshop::open() {
        Ok(workshop) => workshop,
        Err(failure) => {
            say(&format!("{failure}\n"));
            return ExitCode::FAILURE;
        }
    };

    let failed = chosen
        .iter()
        .filter(|step| !passes(step, &workshop))
        .count();
    let passed = chosen.len() - failed;
    say(&format!("{passed} passed, {failed} failed\n"));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs one step and prints its line: the name before it starts, the verdict when it ended.
fn passes(step: &Step, workshop: &Workshop) -> bool {
    say(&format!("{:<10}", step.name));
    let start = Instant::now();
    let verdict = (step.run)(workshop);
    let seconds = start.elapsed().as_secs_f64();
    match verdict {
        Ok(notes) => {
            say(&format!("ok      {seconds:>7.1} s\n"));
            for note in notes {
                say(&format!("            {note}\n"));
            }
            true
        }
        Err(failure) => {
            say(&format!("FAILED  {seconds:>7.1} s\n{failure}\n"));
            false
        }
    }
}

/// Prints at once, also where the output is a pipe. A closed pipe is no reason to stop verifying.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    drop(printed);
}

/// A path as one prints it: relative to the workspace where that is possible.
fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}
