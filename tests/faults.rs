//! Faults as values: each kind strikes in a run of the whole product, which answers; one that strikes nothing makes the run fail.

mod common;

use common::{folder, pass, run};
use serde_json::Value;

const SCENARIO: &str = "scenarios/faults.toml";

#[test]
fn each_kind_of_fault_strikes_and_the_product_answers_on_both_networks() {
    for network in ["event", "turmoil"] {
        let points = all_strike(SCENARIO, network, 9);
        assert_eq!(points["made"], points["verified"]);
    }
}

#[test]
fn disks_fail_in_every_way_and_the_product_answers() {
    // A point that a cache lost is made and never judged.
    let points = all_strike("scenarios/faults-of-disks.toml", "event", 16);
    assert!(points["verified"].as_u64() > Some(100), "{points}");
}

#[test]
fn time_goes_wrong_and_the_product_answers() {
    let points = all_strike("scenarios/faults-of-time.toml", "event", 17);
    assert_eq!(points["made"], points["verified"]);
}

/// Runs a scenario, which passes and whose faults all strike; how many points were made and verified.
fn all_strike(scenario: &str, network: &str, number: usize) -> Value {
    let out = folder();
    let result = pass(scenario, &out.path().join("run"), &["--network", network]);
    let faults = result["faults"].as_array().expect("faults");
    assert_eq!(faults.len(), number);
    for fault in faults {
        assert!(fault["struck"].as_u64() > Some(0), "{fault}");
        assert!(
            fault["struck_first"].is_string() && fault["ended"].is_string(),
            "{fault}"
        );
    }
    result["recovery_points"].clone()
}

#[test]
fn a_fault_that_never_strikes_makes_the_run_fail_by_its_name() {
    let out = folder();
    for seed in ["1", "2"] {
        let sets = [
            "--set",
            "fault.firewall.port=20004",
            "--content",
            "extent",
            "--seed",
            seed,
        ];
        let (code, result, stderr) = run(SCENARIO, &out.path().join(seed), &sets);
        assert_eq!(code, 1, "{stderr}{result}");
        let finding = &result["findings"][0];
        assert_eq!(finding["class"], "expectation");
        assert_eq!(finding["identity"], "faults-strike/fault/never-struck");
        assert_eq!(finding["component"]["name"], "firewall");
        assert!(finding["text"].to_string().contains("`firewall`"), "{finding}");
    }
}
