//! The whole journey: from unprotected through a disaster into Azure, and home again.

use crate::common::{folder, pass};
use serde_json::Value;

const JOURNEY: &str = "scenarios/journey.toml";

#[test]
fn the_journey_passes_and_says_what_it_checked() {
    let out = folder();
    let run = pass(JOURNEY, &out.path().join("run"), &["--seed", "3"]);
    assert_eq!(run["network"], "event");
    assert_eq!(run["content"], "real");
    let points = &run["recovery_points"];
    assert!(points["made"].as_u64().expect("a count") > 20, "{points}");
    assert_eq!(points["made"], points["verified"], "every recovery point is judged");
    let disks = run["disks"].as_array().expect("disks");
    assert!(!disks.is_empty());
    for disk in disks {
        assert_eq!(disk["verified"], true, "{disk}");
    }
    for figures in ["rpo_seconds", "rto_seconds", "lost"] {
        assert_eq!(
            run[figures].as_object().expect(figures).len(),
            3,
            "{figures} of three machines"
        );
    }
    assert!(run["simulated_seconds"].as_f64().expect("seconds") <= 7200.0);
    for file in [
        "record.json",
        "events.jsonl",
        "points.csv",
        "rpo.csv",
        "backlog.csv",
        "report.html",
    ] {
        assert!(out.path().join("run").join(file).exists(), "{file}");
    }
}

#[test]
fn both_networks_come_to_the_same_verdict() {
    let out = folder();
    let event = pass(JOURNEY, &out.path().join("event"), &["--network", "event"]);
    let turmoil = pass(JOURNEY, &out.path().join("turmoil"), &["--network", "turmoil"]);
    assert_ne!(event["digest"], turmoil["digest"], "they are two models of time");
    for run in [&event, &turmoil] {
        assert_eq!(run["recovery_points"]["made"], run["recovery_points"]["verified"]);
    }
    let names = |run: &serde_json::Value| -> Vec<String> {
        let disks = run["disks"].as_array().expect("disks").iter();
        let mut names: Vec<String> = disks.map(|d| format!("{}/{}", d["vm"], d["disk"])).collect();
        names.sort();
        names
    };
    assert_eq!(names(&event), names(&turmoil));
}

#[test]
fn a_modelled_run_has_the_same_points_and_sizes_and_times_within_two_per_cent() {
    let out = folder();
    let real = pass(JOURNEY, &out.path().join("real"), &[]);
    let extent = pass(JOURNEY, &out.path().join("extent"), &["--content", "extent"]);
    assert_eq!(real["recovery_points"]["made"], extent["recovery_points"]["made"]);
    let within = |what: &str, a: f64, b: f64, floor: f64| {
        assert!(
            (a - b).abs() <= (0.02 * a.max(b)).max(floor),
            "{what}: {a} real, {b} modelled"
        );
    };
    within(
        "simulated seconds",
        real["simulated_seconds"].as_f64().expect("seconds"),
        extent["simulated_seconds"].as_f64().expect("seconds"),
        0.0,
    );
    within(
        "stored bytes",
        real["stored_bytes"].as_f64().expect("bytes"),
        extent["stored_bytes"].as_f64().expect("bytes"),
        0.0,
    );
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    for (vm, seconds) in real["rto_seconds"].as_object().expect("RTO") {
        within(
            &format!("RTO of {vm}"),
            number(seconds),
            number(&extent["rto_seconds"][vm]),
            0.1,
        );
        for spread in ["p50", "p99", "max"] {
            let rpo = |run: &Value| number(&run["rpo_seconds"][vm][spread]);
            within(&format!("RPO {spread} of {vm}"), rpo(&real), rpo(&extent), 0.1);
        }
        for (figure, floor) in [("seconds", 0.1), ("writes", 0.0), ("bytes", 0.0)] {
            let lost = |run: &Value| number(&run["lost"][vm][figure]);
            within(&format!("lost {figure} of {vm}"), lost(&real), lost(&extent), floor);
        }
    }
    let stories = |name: &str| stories(&out.path().join(name));
    let (real, extent) = (stories("real"), stories("extent"));
    assert_eq!(real.len(), 3);
    for (real, extent) in real.iter().zip(&extent) {
        assert!(real.points.len() > 3 && real.states.len() > 3, "{real:?}");
        assert_eq!(real, extent);
    }
}

/// What happened to a machine, without the times.
#[derive(Debug, PartialEq)]
struct Story {
    name: String,
    /// Its recovery points: protection, number, consistency.
    points: Vec<(u64, u64, String)>,
    /// Its states, in order.
    states: Vec<String>,
}

/// The stories of a run's machines.
fn stories(run: &std::path::Path) -> Vec<Story> {
    let text = std::fs::read_to_string(run.join("record.json")).expect("record");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    let points = std::fs::read_to_string(run.join("points.csv")).expect("points");
    let points: Vec<Vec<&str>> = points.lines().map(|line| line.split(',').collect()).collect();
    let (columns, points) = points.split_first().expect("columns");
    let column = |name: &str| columns.iter().position(|column| *column == name).expect(name);
    let [of, protection, number, consistency] = ["vm", "protection", "point", "consistency"].map(column);
    let vms = record["result"]["vms"].as_array().expect("machines").iter();
    vms.map(|vm| {
        let points = points.iter().filter(|point| vm["name"] == point[of]).map(|point| {
            let figure = |column: usize| point[column].parse().expect("a number");
            (figure(protection), figure(number), point[consistency].to_owned())
        });
        let states = vm["states"].as_array().expect("states").iter();
        Story {
            name: vm["name"].as_str().expect("a name").to_owned(),
            points: points.collect(),
            states: states
                .map(|state| state[1].as_str().expect("a state").to_owned())
                .collect(),
        }
    })
    .collect()
}

#[test]
fn a_seed_names_one_run_and_another_seed_another() {
    let out = folder();
    let first = pass(JOURNEY, &out.path().join("1"), &["--seed", "11"]);
    let second = pass(JOURNEY, &out.path().join("2"), &["--seed", "11"]);
    let other = pass(JOURNEY, &out.path().join("3"), &["--seed", "12"]);
    assert_eq!(first["digest"], second["digest"]);
    assert_ne!(first["digest"], other["digest"]);
    let events = |n: &str| std::fs::read(out.path().join(n).join("events.jsonl")).expect("events");
    assert!(events("1") == events("2"), "the event logs agree byte for byte");
}
