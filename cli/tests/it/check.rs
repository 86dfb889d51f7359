//! `secureftp local PATH --check` and `secureftp password`: what is printed, and the exit code.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

/// Runs the real program in the folder with the golden files.
pub(crate) fn secureftp(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secureftp"));
    command
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"));
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn hash(input: &str, arguments: &[&str]) -> Output {
    let mut child = secureftp(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn good_manifests_end_with_0_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");

    let output = secureftp(&["local", "good/partners", "--check", "--state"])
        .arg(&state)
        .output()
        .unwrap();

    assert_eq!(
        text(&output.stdout),
        "good/partners: no mistakes (1 endpoint, 2 users)\n"
    );
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    assert!(!state.exists());
}

#[test]
fn mistakes_end_with_1_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");

    let output = secureftp(&["local", "mistakes/spelling", "--state"])
        .arg(&state)
        .output()
        .unwrap();

    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).ends_with("nothing was started or changed\n"));
    assert_eq!(output.status.code(), Some(1));
    assert!(!state.exists());
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for arguments in [
        &["local"][..],
        &["local", "x", "--bind", "here"],
        &["serve"],
        &["password", "--secret", "a\nb"],
        &[],
    ] {
        let output = secureftp(arguments).output().unwrap();

        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_path_that_is_not_there_is_a_mistake() {
    let output = secureftp(&["local", "nowhere", "--check"])
        .output()
        .unwrap();

    assert!(
        text(&output.stderr).starts_with("nowhere:1:1: this file cannot be read"),
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_password_from_standard_input_becomes_a_hash() {
    let output = hash("demonstration\n", &["password"]);

    let printed = text(&output.stdout);
    assert!(
        printed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{printed}"
    );
    assert!(cli::password::verifies(
        printed.trim_end(),
        b"demonstration"
    ));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_password_becomes_a_secret_that_local_takes() {
    let output = hash("demonstration\n", &["password", "--secret", "supplier"]);

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret.yaml"), &output.stdout).unwrap();
    let reading = cli::manifest::read(folder.path());
    let secrets = reading.manifests.secrets;
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0].identity.name, "supplier");
}

#[test]
fn an_empty_password_is_refused() {
    let output = hash("\n", &["password"]);

    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("the password is empty"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn json_and_lists_are_manifests_too() {
    let output = secureftp(&["local", "good/json", "--check"])
        .output()
        .unwrap();

    assert_eq!(text(&output.stderr), "");
    assert_eq!(
        text(&output.stdout),
        "good/json: no mistakes (1 endpoint, 1 user)\n"
    );
}

#[test]
fn what_is_null_counts_as_not_written() {
    let output = secureftp(&["local", "good/nulls", "--check"])
        .output()
        .unwrap();

    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_demonstration_has_no_mistakes() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/partners");

    let output = secureftp(&["local", "--check"])
        .arg(&examples)
        .output()
        .unwrap();

    // Its authority is cert-manager's; here there is another.
    assert_eq!(
        text(&output.stderr),
        "skipped: 1 object of kind Certificate\nskipped: 2 objects of kind Issuer\n"
    );
    assert_eq!(output.status.code(), Some(0));
}
