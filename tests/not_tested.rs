//! A run that looked at nothing is no pass, and a step that never began says why.

use crate::common::{folder, root, run};

const SCENARIO: &str = "scenarios/one-disk.toml";

#[test]
fn a_machine_without_a_verified_point_is_not_tested() {
    let out = folder();
    let text = std::fs::read_to_string(root().join(SCENARIO)).expect("the scenario");
    let (before, _) = text.split_once("[[step]]\nname = \"failover\"").expect("a failover");
    let file = out.path().join("one-disk.toml");
    std::fs::write(&file, before).expect("written");
    let sets = ["--set", "scenario.settle=\"0 s\"", "--content", "extent"];
    let (code, result, stderr) = run(file.to_str().expect("UTF-8"), &out.path().join("run"), &sets);
    assert_eq!(code, 2, "{stderr}{result}");
    assert_eq!(result["verdict"], "not-tested");
    let finding = &result["findings"][0];
    assert_eq!(finding["class"], "untested");
    assert_eq!(finding["vm"], "vm1", "{finding}");
}

#[test]
fn a_step_that_never_began_says_what_it_waits_for_and_whose_fault_that_is() {
    let out = folder();
    let sets = [
        "--set",
        "step.failover.after.points_processed=16",
        "--set",
        "scenario.duration=\"1 h\"",
        "--content",
        "extent",
    ];
    let (code, result, stderr) = run(SCENARIO, &out.path().join("run"), &sets);
    assert_eq!(code, 1, "{stderr}{result}");
    let said = result["findings"].to_string();
    for words in [
        "failover of vm1",
        "it waits for 16 processed points of vm1",
        "which is protected since",
        "no law of liveness is broken for vm1",
        "it waits for failover of vm1",
        "which never began",
    ] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
}
