//! `firedrill check` and `firedrill schema`: what is wrong is said, what is right can be written, and nothing is run.

use crate::common::{firedrill, folder};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn a_right_scenario_is_counted() {
    let done = firedrill(&["check", "scenarios/journey.toml"]);
    assert_eq!(done.status.code(), Some(0));
    let said = text(&done.stdout);
    assert!(
        said.contains("nothing is wrong") && said.contains("3 machines"),
        "{said}"
    );
}

#[test]
fn a_wrong_scenario_is_shown_and_nothing_is_written() {
    let out = folder();
    let file = out.path().join("written.toml");
    let done = firedrill(&[
        "check",
        "scenarios/journey.toml",
        "--set",
        "policy.retention=100 h",
        "--write",
        file.to_str().expect("UTF-8"),
    ]);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("^^^^^"), "{}", text(&done.stderr));
    assert!(!file.exists());
}

#[test]
fn what_is_written_can_be_checked_and_is_written_once() {
    let out = folder();
    let file = out.path().join("written.toml");
    let file = file.to_str().expect("UTF-8");
    let write = [
        "check",
        "scenarios/grains.toml",
        "--set",
        "policy.retention=48 h",
        "--write",
        file,
    ];
    assert_eq!(firedrill(&write).status.code(), Some(0));
    let written = std::fs::read_to_string(file).expect("the file");
    assert!(written.contains("retention = \"48 h\""), "{written}");
    assert_eq!(firedrill(&["check", file]).status.code(), Some(0));
    let again = firedrill(&write);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("there already"), "{}", text(&again.stderr));
    assert_eq!(std::fs::read_to_string(file).expect("the file"), written);
    let nowhere = out.path().join("no/such/folder.toml");
    let nowhere = [
        "check",
        "scenarios/grains.toml",
        "--write",
        nowhere.to_str().expect("UTF-8"),
    ];
    assert_eq!(firedrill(&nowhere).status.code(), Some(2));
}

#[test]
fn the_schema_is_printed_whole() {
    let done = firedrill(&["schema"]);
    assert_eq!(done.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert!(schema["$defs"]["step"].is_object());
}
