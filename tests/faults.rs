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

#[test]
fn a_fault_waits_for_steps_and_steps_wait_for_its_beginning_and_its_end() {
    const MILLI: u64 = 1_000_000;
    let out = folder();
    let run_folder = out.path().join("run");
    let result = pass("scenarios/chaos-by-hand/chaos-004.toml", &run_folder, &["--seed", "4"]);
    let record = std::fs::read(run_folder.join("record.json")).expect("the record");
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    let steps = record["steps"].as_array().expect("steps").iter();
    let steps: Vec<&str> = steps.map(|name| name.as_str().expect("a name")).collect();
    let faults = result["faults"].as_array().expect("faults").iter();
    let lost = faults.map(|fault| &fault["name"]).position(|name| name == "site-lost");
    let lost = lost.expect("the fault");
    let text = std::fs::read_to_string(run_folder.join("events.jsonl")).expect("events");
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event a line"))
        .collect();
    let at = |is: &dyn Fn(&Value) -> bool| -> Vec<u64> {
        let of = events.iter().filter(|event| is(&event["fact"]));
        of.map(|event| event["t_ns"].as_u64().expect("a time")).collect()
    };
    let fault = |what: &str| at(&|fact| fact["fact"] == what && fact["fault"] == lost);
    let step = |name: &str, outcome: &str| {
        at(&|fact| {
            let number = fact["step"].as_u64().and_then(|number| usize::try_from(number).ok());
            let called = number.and_then(|number| steps.get(number));
            fact["fact"] == "step"
                && fact["outcome"] == outcome
                && called.is_some_and(|called| called.starts_with(name))
        })
    };
    let (began, ended) = (fault("fault-began"), fault("fault-ended"));
    let ([began], [ended]) = (&began[..], &ended[..]) else {
        panic!("{began:?} {ended:?}")
    };
    assert_eq!(step("clean-up", "done"), [began - 1_070 * MILLI]);
    assert_eq!(step("failover ", "started"), [began + 88 * MILLI; 2]);
    let committed = step("commit ", "done");
    assert_eq!(committed.iter().max(), Some(&(ended - 30_000 * MILLI)), "{committed:?}");
    assert_eq!(step("gateway", "started"), [*ended]);
    let struck = at(&|fact| fact["fact"] == "power" && fact["on"] == false);
    assert!(struck.iter().filter(|at| *at == began).count() >= 4, "{struck:?}");
}

#[test]
fn a_machine_that_has_not_caught_up_in_time_is_found() {
    let out = folder();
    let scenario = "scenarios/chaos/resynchronizing.toml";
    let short = ["--set", "expect.0.caught_up_within=\"1 s\""];
    let (code, json, stderr) = run(scenario, &out.path().join("late"), &short);
    assert_eq!(code, 1, "{stderr}");
    let findings = json["findings"].as_array().cloned().unwrap_or_default();
    let late = findings
        .iter()
        .filter(|finding| finding["identity"] == "caught_up_within/vm/over-bound");
    assert!(late.count() > 0, "{findings:?}");
    pass(scenario, &out.path().join("in-time"), &[]);
}
