//! One byte of any stored segment, changed between replication and failover, is found, named and refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{events, folder, pass, refused, root, run};
use serde_json::Value;

const SCENARIO: &str = "scenarios/tampered-segment.toml";

fn tamper(disk: &str, segment: usize, byte: u64) -> Vec<String> {
    let sets = [
        format!("fault.tamper.disk={disk}"),
        format!("fault.tamper.segment={segment}"),
        format!("fault.tamper.byte={byte}"),
        "step.failover.reason=batch-".to_owned(),
    ];
    sets.into_iter().flat_map(|set| ["--set".to_owned(), set]).collect()
}

#[test]
fn a_changed_byte_of_any_stored_segment_is_found_named_and_refused() {
    let out = folder();
    let mut found = 0;
    for (index, disk) in ["os", "data"].into_iter().enumerate() {
        let mut names = BTreeSet::new();
        for segment in 0.. {
            let mut length = 0;
            let mut name = None;
            for place in ["first", "middle", "last"] {
                let byte = match place {
                    "first" => 0,
                    "middle" => length / 2,
                    _ => length - 1,
                };
                let run_folder = out.path().join(format!("{disk}-{segment}-{place}"));
                let sets = tamper(disk, segment, byte);
                let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
                let (code, result, stderr) = run(SCENARIO, &run_folder, &sets);
                let events = events(&run_folder);
                if code == 1 && refused(&events).is_empty() {
                    // There is no segment of that number: the fault's finding says so, and nothing else went wrong.
                    let findings = result["findings"].to_string();
                    assert!(findings.contains("segments of that disk are stored"), "{findings}");
                    break;
                }
                assert_eq!(code, 0, "{disk} {segment} {place}: {stderr}{}", result["findings"]);
                let refused = refused(&events);
                assert_eq!(refused.len(), 1, "{refused:?}");
                let of_it = refused.into_iter().next().expect("one");
                assert!(of_it.starts_with(&format!("vm0/disk{index}/batch-")), "{of_it}");
                assert!(name.as_ref().is_none_or(|name| *name == of_it), "{name:?} {of_it}");
                length = stored(&events)[&of_it];
                name = Some(of_it);
                assert_eq!(
                    result["disks"],
                    Value::Array(Vec::new()),
                    "nothing of it reached a disk"
                );
                assert!(events.iter().all(|event| event["fact"] != "recovered"));
                assert!(
                    events
                        .iter()
                        .all(|event| event["fact"] != "life-started" || event["place"] != "azure")
                );
            }
            let Some(name) = name else { break };
            assert!(names.insert(name.clone()), "{name} twice");
            found += 1;
        }
        assert!(names.len() >= 3, "{disk}: {names:?}");
    }
    assert!(found >= 6, "{found}");
}

/// The lengths of all segments of changes that were stored, by name.
fn stored(events: &[Value]) -> BTreeMap<String, u64> {
    let stored = events
        .iter()
        .filter(|event| event["fact"] == "segments-stored" && event["kind"]["Changes"].is_object());
    stored
        .flat_map(|event| {
            let batch = event["kind"]["Changes"]["batch"].as_u64().expect("a number");
            let segments = event["segments"].as_array().expect("segments");
            segments.iter().map(move |segment| {
                let index = usize::from(segment["disk"] == "app.data");
                let name = format!("vm0/disk{index}/batch-{batch:08}");
                (name, segment["stored_bytes"].as_u64().expect("bytes"))
            })
        })
        .collect()
}

#[test]
fn the_scenario_passes_on_both_networks_and_fails_where_the_failover_was_to_succeed() {
    let out = folder();
    for network in ["event", "turmoil"] {
        pass(SCENARIO, &out.path().join(network), &["--network", network]);
    }
    let text = std::fs::read_to_string(root().join(SCENARIO)).expect("the scenario");
    let trusting: String = text
        .lines()
        .filter(|line| !line.starts_with("expect = ") && !line.starts_with("reason = "))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert!(trusting.len() < text.len());
    let file = out.path().join("tampered-segment.toml");
    std::fs::write(&file, trusting).expect("written");
    let (code, result, _) = run(file.to_str().expect("UTF-8"), &out.path().join("trusting"), &[]);
    assert_eq!((code, &result["verdict"]), (1, &Value::from("fail")));
    let findings = result["findings"].to_string();
    assert!(findings.contains("vm0/disk1/batch-00000002 refused"), "{findings}");
}

#[test]
fn what_steps_do_to_a_link_or_a_segment_the_world_does_as_a_fault() {
    let out = folder();
    let text = std::fs::read_to_string(root().join(SCENARIO)).expect("the scenario");
    let (before, _) = text.split_once("[[fault]]").expect("what follows");
    let steps = r#"
        [[step]]
        name = "line-out"
        do = "cut-link"
        link = "internet"
        after = { vm = "app", points_processed = 4 }
        wait = "30 s"
        [[step]]
        do = "restore-link"
        link = "internet"
        wait = "20 s"
        [[step]]
        do = "power-off"
        site = "office"
        wait = "1 min"
        [[step]]
        name = "attack"
        do = "tamper-segment"
        vm = "app"
        disk = "data"
        byte = 200
        wait = "1 min"
        [[step]]
        do = "failover"
        vm = "app"
        expect = "failed"
        reason = "vm0/disk1/batch-"
    "#;
    let file = out.path().join("steps.toml");
    std::fs::write(&file, format!("{before}{steps}")).expect("written");
    let file = file.to_str().expect("UTF-8");
    for network in ["event", "turmoil"] {
        let result = pass(file, &out.path().join(network), &["--network", network]);
        let faults = result["faults"].as_array().expect("faults").iter();
        let struck = faults.map(|fault| (fault["name"].clone(), fault["struck"].as_u64() > Some(0)));
        let struck: Vec<_> = struck.collect();
        assert_eq!(struck, [("line-out".into(), true), ("attack".into(), true)]);
    }
}
