//! Faults as values: each kind strikes in a run of the whole product, which answers; one that strikes nothing makes the run fail.

use crate::common;

use common::{events, folder, pass, run};
use serde_json::Value;

const SCENARIO: &str = "scenarios/faults.toml";

#[test]
fn each_kind_of_fault_strikes_and_the_product_answers_on_both_networks() {
    for network in ["event", "turmoil"] {
        let points = all_strike(SCENARIO, network, 12);
        assert_eq!(points["made"], points["verified"]);
    }
}

#[test]
fn disks_fail_in_every_way_and_the_product_answers() {
    // A point that a cache lost is made and never judged.
    let points = all_strike("scenarios/faults-of-disks.toml", "event", 23);
    assert!(points["verified"].as_u64() > Some(100), "{points}");
}

#[test]
fn time_goes_wrong_and_the_product_answers() {
    let points = all_strike("scenarios/faults-of-time.toml", "event", 18);
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
fn a_copy_whose_pieces_are_lost_is_followed_by_another_that_ends() {
    let out = folder();
    // Points that the cache lost are made and never judged; the seed is the one that it was found with.
    let scenario = "scenarios/regressions/point-of-a-broken-copy.toml";
    let result = pass(scenario, &out.path().join("run"), &["--seed", "61"]);
    assert!(
        result["recovery_points"]["verified"].as_u64() > Some(40),
        "{}",
        result["recovery_points"]
    );
}

/// A scenario of this estate, with another plan after its machines are protected.
fn with_plan(estate: &str, plan: &str, out: &std::path::Path) -> String {
    let text = std::fs::read_to_string(common::root().join(estate)).expect("the scenario");
    let (head, _) = text.split_once("# What happens, each").expect("where the plan begins");
    let path = out.join("plan.toml");
    std::fs::write(&path, format!("{head}{plan}")).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_quota_that_stays_used_up_fails_what_is_ordered_by_its_code_and_it_can_be_ordered_again() {
    let out = folder();
    let plan = r#"
[[fault]]
name = "quota"
kind = "boots-refused"
machine = "azure-compute"
code = "28031 the quota of cores is used up"
after = "protected"
wait = "20 min"
lasts = "60 min"

[[step]]
name = "too early"
do = "failover"
vm = "web"
after = "protected"
wait = "30 min"
expect = "failed"
reason = "28031"

[[step]]
name = "rehearsal"
do = "test-failover"
vm = "db"
after = "protected"
wait = "30 min"
expect = "failed"
reason = "28031"

[[step]]
do = "cleanup-test-failover"
vm = "db"
after = "rehearsal"

[[step]]
do = "failover"
vm = "all"
after = { fault = "quota" }

[[step]]
do = "commit"
vm = "all"

[[expect]]
verified = true
"#;
    let scenario = with_plan(SCENARIO, plan, out.path());
    let result = pass(&scenario, &out.path().join("run"), &[]);
    assert!(
        result["faults"][0]["struck"].as_u64() > Some(20),
        "{}",
        result["faults"]
    );
    let told = events(&out.path().join("run"));
    let alerts = told.iter().filter(|fact| {
        let text = fact["text"].as_str().unwrap_or_default();
        fact["fact"] == "alert" && text.contains("28031")
    });
    assert_eq!(alerts.count(), 2, "one for each machine");
}

#[test]
fn a_host_without_memory_keeps_a_machine_from_coming_home_until_it_has_some() {
    let out = folder();
    let journey = std::fs::read_to_string(common::root().join("scenarios/journey.toml")).expect("the journey");
    let assets = common::root().join("scenarios/assets");
    let journey = journey.replace("\"assets/", &format!("\"{}/", assets.display()));
    let fault = r#"
[[fault]]
name = "no memory"
kind = "boots-refused"
machine = "vcenter"
code = "8038 the host has no memory left"
after = { vm = "all", state = "protected-reverse" }
lasts = "10 min"
"#;
    let path = out.path().join("journey.toml");
    std::fs::write(&path, journey + fault).expect("a file");
    let result = pass(path.to_str().expect("UTF-8"), &out.path().join("run"), &[]);
    let faults = result["faults"].as_array().expect("faults");
    let refused = faults.iter().find(|fault| fault["name"] == "no memory");
    assert!(refused.expect("the fault")["struck"].as_u64() > Some(6), "{faults:?}");
    let told = events(&out.path().join("run"));
    let text = |fact: &Value| fact["text"].as_str().unwrap_or_default().to_owned();
    let alerts = told.iter().filter(|fact| fact["fact"] == "alert");
    assert!(alerts.filter(|fact| text(fact).contains("8038")).count() > 2);
}

#[test]
fn a_storage_account_that_stays_busy_is_told_of() {
    let out = folder();
    let plan = r#"
[[fault]]
name = "busy"
kind = "requests-refused"
after = "protected"
wait = "20 min"
lasts = "20 min"

[[fault]]
name = "half busy"
kind = "requests-refused"
every = 2
after = "protected"
wait = "60 min"
lasts = "20 min"

[[step]]
do = "failover"
vm = "all"
shutdown = true
after = "protected"
wait = "90 min"

[[expect]]
verified = true

[[expect]]
lost_below = "1 s"
"#;
    let scenario = with_plan(SCENARIO, plan, out.path());
    pass(&scenario, &out.path().join("run"), &[]);
    let told = events(&out.path().join("run"));
    let alerts = told.iter().filter(|fact| {
        let text = fact["text"].as_str().unwrap_or_default();
        fact["fact"] == "alert" && text.contains("is busy and refuses")
    });
    // Of each process server one, and none where each second request is done.
    assert_eq!(alerts.count(), 2);
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
