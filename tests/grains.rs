//! The grains of content are one model: on the same disks and writes, sizes and times agree within 2 %.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::{events, folder, pass};
use serde_json::Value;

const SCENARIO: &str = "scenarios/grains.toml";

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Two figures are within 2 % of each other, or no further apart than `floor`.
fn within(what: &str, real: f64, modelled: f64, floor: f64) {
    let apart = (real - modelled).abs();
    assert!(
        apart <= (0.02 * real.max(modelled)).max(floor),
        "{what}: {real} real, {modelled} modelled"
    );
}

#[test]
fn steady_bursty_recorded_and_counted_writes_come_to_the_same_sizes_and_times_in_every_grain() {
    let out = folder();
    for vm in ["steady", "bursty", "recorded", "counted"] {
        // Each alone, so that one machine's excess cannot make up for another's want.
        let only: Vec<String> = ["install", "enable", "planned"]
            .map(|step| format!("step.{step}.vm=\"{vm}\""))
            .into();
        let run = |grain: &str| {
            let mut arguments = vec!["--content", grain, "--set", "expect=[]"];
            for set in &only {
                arguments.extend(["--set", set]);
            }
            pass(SCENARIO, &out.path().join(format!("{vm}-{grain}")), &arguments)
        };
        let real = run("real");
        for grain in ["extent", "aggregate"] {
            let modelled = run(grain);
            let what = |figure: &str| format!("{figure} of {vm}, {grain}");
            let made = |run: &Value| run["recovery_points"]["made"].clone();
            assert_eq!(made(&real), made(&modelled), "{}", what("points"));
            within(
                &what("bytes stored"),
                number(&real["stored_bytes"]),
                number(&modelled["stored_bytes"]),
                0.0,
            );
            within(
                &what("RTO"),
                number(&real["rto_seconds"][vm]),
                number(&modelled["rto_seconds"][vm]),
                0.1,
            );
            for figure in ["p50", "p99", "max"] {
                let rpo = |run: &Value| number(&run["rpo_seconds"][vm][figure]);
                within(&what("RPO"), rpo(&real), rpo(&modelled), 0.1);
            }
        }
    }
}

/// What each copy by checksums sent, by disk and protection.
fn sent_by_checksums(out: &Path) -> BTreeMap<(String, u64), u64> {
    let mut sent = BTreeMap::new();
    for fact in events(out) {
        let copy = || (fact["disk"].to_string(), fact["protection"].as_u64().expect("a number"));
        match fact["fact"].as_str() {
            Some("copy-started") if fact["by_checksum"] == true => {
                sent.insert(copy(), 0);
            }
            Some("copy-progress") => {
                if let Some(sent) = sent.get_mut(&copy()) {
                    *sent = fact["sent_bytes"].as_u64().expect("bytes");
                }
            }
            _ => {}
        }
    }
    sent
}

#[test]
fn no_copy_by_checksums_is_free_where_sizes_stand_for_content() {
    let out = folder();
    let run = |grain: &str| {
        let folder = out.path().join(grain);
        let arguments = ["--content", grain, "--set", "expect=[]"];
        pass("scenarios/journey.toml", &folder, &arguments);
        sent_by_checksums(&folder)
    };
    let (extent, aggregate) = (run("extent"), run("aggregate"));
    assert!(extent.len() > 6, "{extent:?}");
    for (copy, sent) in &extent {
        assert_eq!(*sent > 0, aggregate[copy] > 0, "{copy:?}: {extent:?} {aggregate:?}");
    }
    // Which places were written is drawn, and a small disk has few of them.
    let (extent, aggregate) = (extent.values().sum::<u64>(), aggregate.values().sum::<u64>());
    assert!(
        extent.abs_diff(aggregate) * 100 <= extent * 20,
        "{extent} and {aggregate} bytes"
    );
}

#[test]
fn a_resynchronization_costs_the_same_where_sizes_stand_for_content() {
    let out = folder();
    let run = |grain: &str| {
        let folder = out.path().join(grain);
        let scenario = "scenarios/regressions/full-journal.toml";
        let run = pass(scenario, &folder, &["--content", grain]);
        let sent: u64 = sent_by_checksums(&folder).into_values().sum();
        assert!(sent > 1 << 30, "{grain}: {sent} bytes were sent");
        (number(&run["stored_bytes"]), sent as f64)
    };
    let (extent, aggregate) = (run("extent"), run("aggregate"));
    within("bytes stored", extent.0, aggregate.0, 0.0);
    within("bytes sent", extent.1, aggregate.1, 0.0);
}
