//! Batches between two kept recovery points become one: old points stay what they were, space is saved, no nonce occurs twice, and what
//! was merged is guarded as what it was made of.

use std::collections::BTreeSet;

use crate::common::{events, folder, pass, refused, root, run};
use serde_json::Value;

const SCENARIO: &str = "scenarios/old-points.toml";

fn number(fact: &Value, key: &str) -> u64 {
    fact[key].as_u64().unwrap_or_else(|| panic!("{key} of {fact}"))
}

#[test]
fn batches_become_one_out_and_home_and_every_point_is_what_it_was() {
    let out = folder();
    for content in ["real", "extent"] {
        let folder = out.path().join(content);
        let result = pass(SCENARIO, &folder, &["--content", content]);
        let points = &result["recovery_points"];
        assert!(number(points, "made") >= 180, "{points}");
        assert_eq!(points["made"], points["verified"]);
        // Three test failovers, the failover and the failback, two disks each.
        assert_eq!(result["disks"].as_array().expect("disks").len(), 10);

        let events = events(&folder);
        let of = |name: &'static str| events.iter().filter(move |fact| fact["fact"] == name);
        // The way out (protection 1) and the way home (protection 2).
        for protection in [1, 2] {
            let mut reached = 0;
            let merges = of("batches-merged").filter(|fact| fact["protection"] == protection);
            let merges: Vec<&Value> = merges.collect();
            assert!(merges.len() >= 2, "{merges:?}");
            for merge in merges {
                let (from, to) = (number(merge, "from"), number(merge, "to"));
                assert!(reached < from && from < to, "{merge}");
                reached = to;
                // Four writes of five go to a fifth of a disk: an hour's batches have much in common.
                let (before, after) = (number(merge, "bytes_before"), number(merge, "stored_bytes"));
                assert!(after * 2 < before, "{merge}");
            }
        }
        // The keys of merged segments are others than those of batches, and each has its own epochs and counters.
        let granted: BTreeSet<(String, u64)> = of("merging-epoch-granted")
            .map(|fact| (fact["disk"].to_string(), number(fact, "epoch")))
            .collect();
        assert_eq!(granted.len(), of("merging-epoch-granted").count());
        let mut seen = BTreeSet::new();
        for fact in of("segments-stored") {
            let merged = fact["kind"]["Merged"].is_object();
            for segment in fact["segments"].as_array().expect("segments") {
                let (epoch, counter) = (number(segment, "epoch"), number(segment, "first_counter"));
                let disk = segment["disk"].to_string();
                assert!(!merged || granted.contains(&(disk.clone(), epoch)), "{fact}");
                assert!(seen.insert((disk, merged, epoch, counter)), "{fact}");
            }
        }
        let both = [false, true].map(|kind| seen.iter().filter(|(_, merged, ..)| *merged == kind).count());
        assert!(
            both.iter().all(|segments| *segments > 10),
            "of batches and of merges: {both:?}"
        );
    }
}

#[test]
fn a_changed_byte_of_a_merged_segment_is_found_named_and_refused() {
    let out = folder();
    let text = std::fs::read_to_string(root().join(SCENARIO)).expect("the scenario");
    let (before, _) = text.split_once("# The guest loses its power").expect("what follows");
    let tampered = |points: u64, segment: usize, byte: u64, named: &str| {
        let steps = format!(
            "[[fault]]\nname = \"tamper\"\nkind = \"segment-tampered\"\nvm = \"app\"\ndisk = \"data\"\nsegment = {segment}\nbyte = {byte}\n\
             after = [\"enable\", {{ vm = \"app\", points_processed = {points} }}]\n\n[[step]]\ndo = \"test-failover\"\nvm = \"app\"\npoint = 25\n\
             after = [{{ fault = \"tamper\" }}, {{ vm = \"app\", points_processed = 75 }}]\nexpect = \"failed\"\nreason = \"{named}\"\n"
        );
        let file = out.path().join("tampered.toml");
        std::fs::write(&file, format!("{before}{steps}")).expect("written");
        let folder = out.path().join(format!("{segment}-{byte}"));
        let (code, result, stderr) = run(file.to_str().expect("UTF-8"), &folder, &[]);
        (code, result["findings"].to_string() + &stderr, events(&folder))
    };
    // Where there is no segment of that number, the fault's finding says how many there are: merged ones are last by name.
    let (code, said, _) = tampered(75, 1_000_000, 0, "merged-");
    assert_eq!(code, 1, "{said}");
    let (stored, _) = said.split_once(" segments of that disk are stored").expect("how many");
    let stored = stored.rsplit(|c: char| !c.is_ascii_digit()).next();
    let stored: usize = stored.and_then(|n| n.parse().ok()).expect("a number");
    for byte in [0, 90, 5_000] {
        let (code, said, events) = tampered(75, stored - 2, byte, "vm0/disk1/merged-");
        assert_eq!(code, 0, "{said}");
        let names = refused(&events);
        assert_eq!(names.len(), 1, "{names:?}");
        assert!(
            names.iter().all(|name| name.starts_with("vm0/disk1/merged-")),
            "{names:?}"
        );
        assert!(
            events.iter().all(|fact| fact["fact"] != "recovered"),
            "nothing of it reached a disk"
        );
    }
}
