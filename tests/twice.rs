//! `run --twice`: one run in two processes has one log, and says how much of it was compared; what is wrong with a scenario is said once.

use crate::common::{firedrill, folder};

#[test]
fn a_run_has_one_log_in_two_processes_on_both_networks() {
    for network in ["event", "turmoil"] {
        let output = firedrill(&[
            "run",
            "cli/benches/small_group.toml",
            "--seed",
            "3",
            "--network",
            network,
            "--twice",
        ]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("the same in two processes: "), "{said}");
        let records = said
            .split("processes: ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        assert!(records > Some(10_000), "{said}");
    }
}

#[test]
fn a_scenario_that_is_wrong_is_shown_once_and_no_folder_is_taken() {
    let folder = folder();
    let wrong = folder.path().join("wrong.toml");
    std::fs::write(&wrong, "[scenario]\nname = 7\n").expect("written");
    let output = firedrill(&["run", wrong.to_str().expect("UTF-8"), "--twice"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.matches("wrong value for `name`").count(), 1, "{said}");
    let output = firedrill(&["run", "scenarios/one-disk.toml", "--twice", "--out", "x"]);
    assert_eq!(output.status.code(), Some(2));
}
