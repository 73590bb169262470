//! Sweeps over seeds: the same whatever runs at a time, nothing found where nothing is wrong, and what is found is small and fails again.

use crate::common;

use std::path::{Path, PathBuf};

use common::{firedrill, folder};
use serde_json::Value;

const SCENARIO: &str = "scenarios/chaos/three-tier.toml";

/// Sweeps; the exit code and the JSON object.
fn sweep(scenario: &str, out: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut all = vec![
        "chaos",
        scenario,
        "--format",
        "json",
        "--out",
        out.to_str().expect("UTF-8"),
    ];
    all.extend_from_slice(arguments);
    let output = firedrill(&all);
    let code = output.status.code().unwrap_or(-1);
    let json = serde_json::from_slice(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (code, json.unwrap_or_else(|_| panic!("exit code {code}: {said}")))
}

/// Without what depends on the machine.
fn timeless(mut of: Value) -> Value {
    of["seeds_per_minute"] = Value::Null;
    of
}

#[test]
fn schedules_of_every_kind_end_clean_whatever_runs_at_a_time() {
    let out = folder();
    let (code, one) = sweep(SCENARIO, &out.path().join("one"), &["--seeds", "1..40", "--jobs", "1"]);
    assert_eq!(code, 0, "{one:#}");
    let (code, three) = sweep(
        SCENARIO,
        &out.path().join("three"),
        &["--seeds", "1..40", "--jobs", "3"],
    );
    assert_eq!(code, 0);
    assert_eq!(timeless(one.clone()), timeless(three));
    assert_eq!(one["seeds"], 40);
    assert!(one["points"].as_u64() > Some(400), "{one:#}");
    assert!(one["faults"].as_object().expect("kinds").len() >= 16, "{one:#}");
    let struck = |kind: &str| one["faults"][kind]["struck"].as_u64().unwrap_or_default();
    assert!(struck("power-loss") > 5 && struck("process-crash") > 5, "{one:#}");
    for law in ["point-is-prefix", "shared-points-are-causal", "stored-is-processed"] {
        assert!(one["laws"][law].as_u64() > Some(40), "{law}: {one:#}");
    }
}

#[test]
fn parts_of_a_sweep_come_to_the_whole() {
    let out = folder();
    let (_, whole) = sweep(SCENARIO, &out.path().join("whole"), &["--seeds", "7..18"]);
    let parts: Vec<Value> = ["1/3", "2/3", "3/3"]
        .into_iter()
        .map(|part| {
            let folder = out.path().join(part.replace('/', "-"));
            sweep(SCENARIO, &folder, &["--seeds", "7..18", "--shard", part]).1
        })
        .collect();
    for figure in ["seeds", "points", "entries"] {
        let sum: u64 = parts.iter().map(|part| part[figure].as_u64().expect("a count")).sum();
        assert_eq!(Some(sum), whole[figure].as_u64(), "{figure}");
    }
    let folders: Vec<String> = ["3-3", "1-3", "2-3"]
        .into_iter()
        .map(|part| out.path().join(part).to_str().expect("UTF-8").to_owned())
        .collect();
    let merge = |parts: &[&String]| {
        let mut all = vec!["merge", "--format", "json"];
        all.extend(parts.iter().map(|part| part.as_str()));
        firedrill(&all)
    };
    let merged = merge(&[&folders[0], &folders[1], &folders[2]]);
    let merged: Value = serde_json::from_slice(&merged.stdout).expect("an object");
    for figure in [
        "seeds", "points", "entries", "faults", "laws", "findings", "first", "last",
    ] {
        assert_eq!(merged[figure], whole[figure], "{figure}");
    }
    let (junit, markdown) = (out.path().join("junit.xml"), out.path().join("summary.md"));
    let [junit, markdown] = [&junit, &markdown].map(|path| path.to_str().expect("UTF-8"));
    let all = [
        "merge",
        &folders[0],
        &folders[1],
        &folders[2],
        "--junit",
        junit,
        "--markdown",
        markdown,
    ];
    let told = firedrill(&all);
    assert_ne!(told.status.code(), Some(3), "{}", String::from_utf8_lossy(&told.stderr));
    let cases = std::fs::read_to_string(junit).expect("cases");
    assert!(cases.contains("name=\"point-is-prefix\"/>"), "{cases}");
    let summary = std::fs::read_to_string(markdown).expect("a summary");
    assert!(summary.starts_with("### three-tier: 12 seeds, "), "{summary}");
    let own = format!("{}/seeds.jsonl", folders[0]);
    let refused = firedrill(&["merge", &folders[0], &folders[1], &folders[2], "--junit", &own]);
    assert_eq!(refused.status.code(), Some(2), "a part's record is no place for cases");
    // Every part, and every part once.
    for (parts, said) in [
        (&[&folders[0], &folders[1]][..], "parts are missing: 2 of 3"),
        (&[&folders[0], &folders[1], &folders[1]][..], "part 1 is there twice"),
    ] {
        let refused = merge(parts);
        assert_eq!(refused.status.code(), Some(2));
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn a_sweep_that_was_killed_goes_on_to_the_same_result() {
    let out = folder();
    let seeds = ["--seeds", "101..130"];
    let (_, whole) = sweep(SCENARIO, &out.path().join("whole"), &seeds);
    let cut = out.path().join("cut");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(["chaos", SCENARIO, "--out", cut.to_str().expect("UTF-8")])
        .args(seeds)
        .current_dir(common::root())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let written = || {
        std::fs::read_to_string(cut.join("seeds.jsonl"))
            .unwrap_or_default()
            .lines()
            .count()
    };
    // The first line is the head.
    while written() < 4 && child.try_wait().expect("it can be asked").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    let before = written();
    assert!((4..31).contains(&before), "{before} lines");
    assert!(!cut.join("chaos.json").exists(), "it was cut off");
    // And its last line is torn.
    let lines = std::fs::read_to_string(cut.join("seeds.jsonl")).expect("lines");
    std::fs::write(cut.join("seeds.jsonl"), &lines[..lines.len() - 9]).expect("a file");
    let (code, again) = sweep(SCENARIO, &cut, &seeds);
    assert_eq!(code, 0);
    assert_eq!(timeless(again), timeless(whole));
    // Another sweep does not go on with it.
    std::fs::remove_file(cut.join("chaos.json")).expect("it is complete");
    let other = firedrill(&[
        "chaos",
        SCENARIO,
        "--seeds",
        "1..2",
        "--out",
        cut.to_str().expect("UTF-8"),
    ]);
    assert_eq!(other.status.code(), Some(2));
}

#[test]
fn a_ci_gets_its_cases_and_its_summary() {
    let out = folder();
    let file = too_much_asked(out.path());
    let (junit, markdown) = (out.path().join("junit.xml"), out.path().join("summary.md"));
    let (code, _) = sweep(
        file.to_str().expect("UTF-8"),
        &out.path().join("sweep"),
        &[
            "--seeds",
            "1..12",
            "--set",
            "chaos.kinds=\"power-loss\"",
            "--stop-at-first",
            "--junit",
            junit.to_str().expect("UTF-8"),
            "--markdown",
            markdown.to_str().expect("UTF-8"),
        ],
    );
    assert_eq!(code, 1);
    let junit = std::fs::read_to_string(junit).expect("cases");
    assert!(junit.contains("failures=\"1\""), "{junit}");
    // The expectation fails in a case of its own name, laws that held pass, those that had nothing to look at are skipped.
    assert!(junit.contains("name=\"rpo_below\">\n      <failure"), "{junit}");
    assert!(junit.contains("name=\"step\"/>"), "{junit}");
    assert!(junit.contains("<skipped message=\"it looked at nothing\"/>"), "{junit}");
    assert!(
        junit.contains("<testcase classname=\"three-tier\" name=\"point-is-prefix\"/>"),
        "{junit}"
    );
    assert!(junit.contains("firedrill replay "), "{junit}");
    let markdown = std::fs::read_to_string(markdown).expect("a summary");
    assert!(markdown.starts_with("### three-tier: "), "{markdown}");
    assert!(
        markdown.contains("| `rpo_below/vm/over-bound` | expectation | "),
        "{markdown}"
    );
    assert!(markdown.contains("over the bound of 5 min 30 s"), "{markdown}");
    assert!(markdown.contains("<details>"), "{markdown}");
}

#[test]
fn the_catalogue_lists_all_and_says_more_of_each() {
    let list = firedrill(&["faults"]);
    let text = String::from_utf8_lossy(&list.stdout).into_owned();
    for name in [
        "power-loss",
        "process-server-down",
        "code 806",
        "quota-exceeded",
        "(F42)",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    for (name, said) in [
        ("disk-error", "operation"),
        ("process-server-down", "a critical alert 806"),
        ("F22", "resynchronization"),
        ("certificate-expired", "Not here yet"),
    ] {
        let about = firedrill(&["faults", name]);
        assert_eq!(about.status.code(), Some(0), "{name}");
        let text = String::from_utf8_lossy(&about.stdout).into_owned();
        assert!(text.contains(said), "{name}: {text}");
    }
    let whole = firedrill(&["faults", "process-server-down", "--scenario"]);
    assert_eq!(whole.status.code(), Some(0));
    let later = firedrill(&["faults", "certificate-expired", "--scenario"]);
    assert_eq!(later.status.code(), Some(2));
    let out = folder();
    let file = out.path().join("process-server-down.toml");
    std::fs::write(&file, whole.stdout).expect("written");
    let checked = firedrill(&["check", file.to_str().expect("UTF-8")]);
    assert_eq!(
        checked.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let unknown = firedrill(&["faults", "fire"]);
    assert_eq!(unknown.status.code(), Some(2));
}

/// The three tiers with an expectation that faults break, in a folder.
fn too_much_asked(folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(common::root().join(SCENARIO)).expect("the scenario");
    let file = folder.join("asked.toml");
    let more = "\n[[expect]]\nrpo_below = \"330 s\"\nunder_faults = true\n";
    std::fs::write(&file, without_goals(&text) + more).expect("a file");
    file
}

/// A scenario whose sweeps need not meet anything.
fn without_goals(text: &str) -> String {
    let tables = text.split("\n\n").filter(|table| !table.starts_with("[[goal]]"));
    tables.collect::<Vec<&str>>().join("\n\n")
}

#[test]
fn what_is_known_is_accepted_up_to_its_day_and_no_longer() {
    let out = folder();
    let file = too_much_asked(out.path());
    let text = std::fs::read_to_string(&file).expect("the scenario");
    for (until, wanted) in [("9999-12-31", 0), ("2000-01-01", 1)] {
        let accepted = format!(
            "{text}\n[[accepted]]\nfinding = \"rpo_below/vm/over-bound\"\nuntil = \"{until}\"\nwhy = \"known\"\n"
        );
        std::fs::write(&file, accepted).expect("a file");
        let folder = out.path().join(until);
        let cases = out.path().join("cases.xml");
        let kinds = ["--seeds", "1..12", "--set", "chaos.kinds=\"power-loss\"", "--junit"];
        let kinds = [&kinds[..], &[cases.to_str().expect("UTF-8")]].concat();
        let (code, found) = sweep(file.to_str().expect("UTF-8"), &folder, &kinds);
        assert_eq!(code, wanted, "{found:#}");
        let cases = std::fs::read_to_string(cases).expect("cases");
        let known = "<skipped message=\"rpo_below/vm/over-bound is accepted until 9999-12-31: known";
        assert_eq!(cases.contains(known), wanted == 0, "{cases}");
        let finding = &found["findings"][0];
        assert_eq!(finding["identity"], "rpo_below/vm/over-bound");
        assert_eq!(finding["accepted_until"].as_str(), (wanted == 0).then_some(until));
    }
    // What is accepted ends no sweep, so what that sweep did not see is said.
    let goal = "\n[[goal]]\nname = \"a failback\"\nevent = \"failback\"\n";
    let accepted = "\n[[accepted]]\nfinding = \"rpo_below/vm/over-bound\"\nuntil = \"9999-12-31\"\nwhy = \"known\"\n";
    std::fs::write(&file, format!("{text}{goal}{accepted}")).expect("a file");
    let first = [
        "--seeds",
        "1..12",
        "--set",
        "chaos.kinds=\"power-loss\"",
        "--stop-at-first",
    ];
    let (code, found) = sweep(file.to_str().expect("UTF-8"), &out.path().join("first"), &first);
    assert_eq!(code, 2, "{found:#}");
    assert_eq!(
        (&found["stopped"], &found["seeds"]),
        (&Value::Bool(false), &Value::from(12))
    );
    let why = found["not_looked_at"][0].as_str().expect("a reason");
    assert!(why.starts_with("goal \"a failback\" was never met"), "{why}");
}

#[test]
fn a_goal_that_was_never_met_is_no_pass_and_seeds_that_met_one_run_first() {
    let out = folder();
    let text = std::fs::read_to_string(common::root().join(SCENARIO)).expect("the scenario");
    let file = out.path().join("goals.toml");
    let goals = "\n[[goal]]\nname = \"a failback\"\nevent = \"failback\"\n\n[[goal]]\nname = \"a failover\"\nevent = \"failover\"\n";
    std::fs::write(&file, without_goals(&text) + goals).expect("a file");
    let list = out.path().join("goals.seeds");
    let sweep = |folder: &str, seeds: &str| {
        let arguments = ["--seeds", seeds, "--corpus", list.to_str().expect("UTF-8")];
        sweep(file.to_str().expect("UTF-8"), &out.path().join(folder), &arguments)
    };
    let (code, met) = sweep("first", "5..6");
    assert_eq!(code, 2, "{met:#}");
    assert_eq!(met["goals"], serde_json::json!({ "a failback": 0, "a failover": 2 }));
    let why: Vec<&str> = met["not_looked_at"]
        .as_array()
        .expect("reasons")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        why.iter()
            .any(|why| why.starts_with("goal \"a failback\" was never met")),
        "{why:?}"
    );
    assert_eq!(std::fs::read_to_string(&list).expect("a list"), "5  # met a failover\n");
    let (_, again) = sweep("second", "8..8");
    assert_eq!(again["seeds"], 2, "{again:#}");
    assert_eq!(again["kept_seeds"], serde_json::json!([5]));
    assert_eq!(std::fs::read_to_string(&list).expect("a list"), "5  # met a failover\n");
}

#[test]
fn what_fails_is_made_small_and_fails_again_in_another_process() {
    let out = folder();
    let file = too_much_asked(out.path());
    let (code, found) = sweep(
        file.to_str().expect("UTF-8"),
        &out.path().join("sweep"),
        &[
            "--seeds",
            "1..40",
            "--set",
            "chaos.kinds=\"power-loss\"",
            "--set",
            "chaos.constants=false",
        ],
    );
    assert_eq!(code, 1, "{found:#}");
    let finding = &found["findings"][0];
    assert_eq!(finding["identity"], "rpo_below/vm/over-bound", "{found:#}");
    assert_eq!(finding["class"], "expectation");
    assert_eq!(finding["faults"], 1, "one fault is enough: {finding:#}");
    let replay = finding["replay"].as_str().expect("a command");
    let failure = replay.strip_prefix("firedrill replay ").expect("how to repeat it");
    let text = std::fs::read_to_string(failure).expect("the failure");
    assert!(text.starts_with("# What a sweep of "), "{text}");
    assert_eq!(text.matches("[[fault]]").count(), 1);
    let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    let told = |what: &str| head.iter().any(|line| line.contains(what));
    assert!(told("1 is left"), "{head:#?}");
    assert!(told("# It broke at 00:") && told("passed 5 min 30 s"), "{head:#?}");
    assert!(told("# Fault drawn-") && told("struck"), "{head:#?}");
    assert!(told("the newest recovery point of "), "{head:#?}");
    assert!(head.len() < 24, "{head:#?}");
    for _ in 0..2 {
        let again = firedrill(&["replay", failure]);
        let said = String::from_utf8_lossy(&again.stdout).into_owned();
        assert_eq!(again.status.code(), Some(1), "{said}");
        assert!(
            said.starts_with("found again: expectation rpo_below/vm/over-bound"),
            "{said}"
        );
        assert!(said.contains(&format!("firedrill run {failure} --out ")), "{said}");
    }
    // Run by itself, it is run with its own seed.
    let looked = out.path().join("looked");
    let look = [
        "run",
        failure,
        "--format",
        "json",
        "--out",
        looked.to_str().expect("UTF-8"),
    ];
    let look = firedrill(&look);
    let shown: Value = serde_json::from_slice(&look.stdout).expect("an object");
    let first = &finding["first"];
    assert_eq!((look.status.code(), &shown["seed"]), (Some(1), first), "{shown:#}");
    let said = String::from_utf8_lossy(&look.stderr).into_owned();
    assert!(said.contains(&format!("runs with seed {first} ")), "{said}");
    let other = out.path().join("other");
    let look = [
        "run",
        failure,
        "--seed",
        "7",
        "--network",
        "event",
        "--format",
        "json",
        "--out",
    ];
    let look = firedrill(&[&look[..], &[other.to_str().expect("UTF-8")]].concat());
    let shown: Value = serde_json::from_slice(&look.stdout).expect("an object");
    assert_eq!(shown["seed"], 7, "the command line goes before the file");
    // What fails again can be read, checked and written like any other scenario.
    let checked = firedrill(&["check", failure]);
    assert_eq!(checked.status.code(), Some(0));
    // Where what it breaks is allowed, it is not found any more.
    let held = out.path().join("held.toml");
    std::fs::write(
        &held,
        text.replace("rpo_below = \"5 min 30 s\"", "rpo_below = \"30 min\""),
    )
    .expect("a file");
    let again = firedrill(&["replay", held.to_str().expect("UTF-8")]);
    assert_eq!(
        again.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&again.stdout)
    );
}

#[test]
fn a_failure_is_handed_over_with_the_recordings_that_it_needs() {
    let out = folder();
    let (code, found) = sweep(
        "scenarios/chaos/any-point.toml",
        &out.path().join("sweep"),
        &["--seeds", "1..1", "--set", "expect.0.points_at_least=46"],
    );
    assert_eq!(code, 1, "{found:#}");
    let moved = out.path().join("moved");
    std::fs::rename(out.path().join("sweep"), &moved).expect("it moves");
    let swept = std::fs::read_to_string(moved.join("scenario.toml")).expect("what was swept");
    assert!(
        swept.contains("file = \"trims.fio\"") && moved.join("trims.fio").exists(),
        "{swept}"
    );
    let checked = firedrill(&["check", moved.join("scenario.toml").to_str().expect("UTF-8")]);
    assert_eq!(checked.status.code(), Some(0), "it can be run from anywhere");
    let elsewhere = moved.join("failures");
    let again = firedrill(&["replay", elsewhere.to_str().expect("UTF-8")]);
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert_eq!(again.status.code(), Some(1), "{said}");
    assert!(said.contains("found again: expectation points_at_least/"), "{said}");
    let left = std::fs::read_dir(&elsewhere).expect("a folder").filter_map(Result::ok);
    let left = left
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "toml"));
    let left = std::fs::read_to_string(left.expect("a failure")).expect("a text");
    assert!(left.contains("file = \"trims.fio\""), "no path of where it was: {left}");
    // A sweep's folder stands for its failures, and one that cannot be read does not hide the others.
    std::fs::write(elsewhere.join("a-bad-one.toml"), "[scenario]\n").expect("a file");
    let all = firedrill(&["replay", moved.to_str().expect("UTF-8")]);
    let said = String::from_utf8_lossy(&all.stdout).into_owned();
    assert_eq!(all.status.code(), Some(2), "{said}");
    assert!(said.contains("found again: expectation points_at_least/"), "{said}");
    let empty = firedrill(&["replay", out.path().to_str().expect("UTF-8")]);
    assert_eq!(empty.status.code(), Some(2), "a folder without failures is no pass");
}

#[test]
fn recordings_of_one_name_are_handed_over_each_as_it_is() {
    let out = folder();
    let chaos = common::root().join("scenarios/chaos");
    let text = std::fs::read_to_string(chaos.join("any-point.toml")).expect("the scenario");
    let other = "[[vm.workload]]\ndisk = \"data\"\nkind = \"recorded\"\nfile = \"beside/trims.fio\"\nformat = \"fio\"\nrepeat = true\n\n";
    let text = text.replace("[[vm]]\nname = \"db\"", &format!("{other}[[vm]]\nname = \"db\""));
    let (mine, swept) = (out.path().join("mine.toml"), out.path().join("swept"));
    let beside = out.path().join("beside");
    std::fs::create_dir(&beside).expect("a folder");
    std::fs::write(&mine, text).expect("a file");
    let recording = std::fs::read(chaos.join("trims.fio")).expect("a recording");
    let half = recording
        .iter()
        .take(recording.len() / 2)
        .rposition(|byte| *byte == b'\n');
    let half = &recording[..=half.expect("lines")];
    std::fs::write(out.path().join("trims.fio"), &recording).expect("a file");
    std::fs::write(beside.join("trims.fio"), half).expect("a file");
    let asked = ["--seeds", "1..1", "--set", "expect.0.points_at_least=46"];
    let (code, found) = sweep(mine.to_str().expect("UTF-8"), &swept, &asked);
    assert_eq!(code, 1, "{found:#}");
    let copies = ["trims.fio", "2-trims.fio"].map(|name| std::fs::read(swept.join(name)).expect("a copy"));
    assert!(copies.contains(&half.to_vec()) && copies.contains(&recording));
    let text = std::fs::read_to_string(swept.join("scenario.toml")).expect("what was swept");
    assert!(
        text.contains("\"2-trims.fio\"") && text.contains("\"trims.fio\""),
        "{text}"
    );
    for finding in found["findings"].as_array().expect("findings") {
        let replay = finding["replay"].as_str().expect("a command");
        let again = firedrill(&["replay", replay.strip_prefix("firedrill replay ").expect("a file")]);
        assert_eq!(
            again.status.code(),
            Some(1),
            "{}",
            String::from_utf8_lossy(&again.stdout)
        );
    }
    // A sweep that is refused leaves no file of its own.
    std::fs::remove_file(swept.join("chaos.json")).expect("it is complete");
    std::fs::remove_file(swept.join("2-trims.fio")).expect("it is there");
    let folder = swept.to_str().expect("UTF-8");
    let other = firedrill(&[
        "chaos",
        mine.to_str().expect("UTF-8"),
        "--seeds",
        "1..2",
        "--out",
        folder,
    ]);
    assert_eq!(other.status.code(), Some(2));
    assert!(!swept.join("2-trims.fio").exists());
}

#[test]
fn a_kind_that_never_strikes_is_no_pass() {
    let out = folder();
    let (code, idle) = sweep(
        SCENARIO,
        &out.path().join("idle"),
        &[
            "--seeds",
            "1..3",
            "--set",
            "chaos.kinds=\"quiesce-fails\"",
            "--set",
            "policy.app_consistent_every=\"0 s\"",
        ],
    );
    assert_eq!(code, 2, "{idle:#}");
    let why = idle["not_looked_at"][0].as_str().expect("a reason");
    assert!(why.starts_with("quiesce-fails was drawn"), "{why}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let out = folder();
    let failure = common::root().join("scenarios/one-disk.toml");
    let failure = failure.to_str().expect("UTF-8");
    for (arguments, said) in [
        (vec!["chaos", SCENARIO, "--seeds", "5..1"], "after the last"),
        (vec!["chaos", SCENARIO, "--seeds", "5"], "two whole numbers"),
        (vec!["chaos", SCENARIO, "--shard", "3/2"], "as 1/8"),
        (vec!["chaos", SCENARIO, "--budget", "10"], "10m"),
        (vec!["chaos", SCENARIO, "--set", "chaos.kinds=\"fire\""], "fire"),
        (
            vec!["chaos", "scenarios/one-disk.toml", "--disk", "vm1.os=x.raw"],
            "x.raw",
        ),
        (vec!["replay", failure], "[replay]"),
        (vec!["chaos", SCENARIO, "--jobs", "0"], "a whole number from 1"),
        (
            vec!["chaos", SCENARIO, "--set", "chaos.from=\"1000 h\""],
            "no fault can begin before the run ends",
        ),
        (vec!["faults", "power-los"], "did you mean `power-loss`?"),
        (
            vec!["check", SCENARIO, "--set", "step.99.wait=\"1 s\""],
            "a number from 0 to",
        ),
    ] {
        let output = common::firedrill(&[&arguments[..], &[][..]].concat());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
    drop(out);
}

#[test]
fn nothing_of_the_users_is_overwritten() {
    let out = folder();
    let own = out.path().join("own");
    std::fs::create_dir(&own).expect("a folder");
    let scenario = own.join("scenario.toml");
    let text = std::fs::read_to_string(common::root().join(SCENARIO)).expect("the scenario");
    let text = format!("# Mine, with comments.\n{}", without_goals(&text));
    std::fs::write(&scenario, &text).expect("a file");
    let swept = out.path().join("swept");
    let at = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (scenario, swept) = (at(&scenario), at(&swept));
    let beside = at(&own.join("beside.xml"));
    let again = at(&own.join("../own/beside.xml"));
    let missing = at(&out.path().join("nowhere/x.xml"));
    let below_a_file = format!("{scenario}/sweep");
    for (arguments, said) in [
        (vec!["--out", &at(&own)], "is not empty and holds no sweep"),
        (vec!["--out", &at(&own), "--force"], "is not empty and holds no sweep"),
        (vec!["--out", &scenario], "is not a folder"),
        (vec!["--out", &below_a_file], "is not a folder"),
        (vec!["--out", &swept, "--junit", &scenario], "--junit"),
        (
            vec!["--out", &swept, "--markdown", &scenario],
            "that is what this sweep reads",
        ),
        (
            vec!["--out", &swept, "--junit", &beside, "--markdown", &again],
            "that is what --junit writes",
        ),
        (
            vec!["--out", &swept, "--corpus", &beside, "--junit", &beside],
            "that is what --corpus writes",
        ),
        (
            vec!["--out", &swept, "--junit", &format!("{swept}/seeds.jsonl")],
            "that is the sweep's own",
        ),
        (vec!["--out", &swept, "--junit", &missing], "--junit"),
        (vec!["--out", &swept, "--markdown", &missing], "cannot be written"),
        (vec!["--out", &swept, "--corpus", &missing], "cannot be written"),
        (vec!["--out", &swept, "--markdown", &at(&own)], "that is no file"),
    ] {
        let all = [&["chaos", &scenario, "--seeds", "1..3"], &arguments[..]].concat();
        let refused = firedrill(&all);
        let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
        assert_eq!(std::fs::read_to_string(&scenario).expect("it is there"), text);
        let there = std::fs::read_dir(&own).expect("a folder").count();
        assert_eq!(there, 1, "nothing was written beside it: {arguments:?}");
        assert!(!Path::new(&swept).exists(), "nothing was begun: {arguments:?}");
    }
    // In the folder of its own sweep, what was swept can be swept again, and what was changed since stays.
    let sweep_of = |scenario: &str, more: &[&str]| {
        let all = [&["chaos", scenario, "--seeds", "1..1", "--out", &swept][..], more].concat();
        firedrill(&all).status.code()
    };
    let first = sweep_of(&scenario, &[]);
    let copy = at(&Path::new(&swept).join("scenario.toml"));
    assert_eq!(sweep_of(&copy, &["--force"]), first);
    let changed = format!("# Changed.\n{}", std::fs::read_to_string(&copy).expect("a copy"));
    std::fs::write(&copy, &changed).expect("a file");
    assert_eq!(sweep_of(&copy, &["--force"]), Some(2));
    assert_eq!(std::fs::read_to_string(&copy).expect("a copy"), changed);
}

#[test]
fn a_range_of_any_length_begins_at_once() {
    let out = folder();
    for seeds in ["1..10000000", "0..18446744073709551615"] {
        let began = std::time::Instant::now();
        let folder = out.path().join(seeds);
        let arguments = [
            "--seeds",
            seeds,
            "--set",
            "chaos.kinds=\"power-loss\"",
            "--budget",
            "2s",
        ];
        let (_, swept) = sweep(SCENARIO, &folder, &arguments);
        assert_eq!(swept["stopped"], true);
        assert!(swept["seeds"].as_u64() > Some(0), "{swept:#}");
        assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    }
}

#[test]
fn a_sweep_whose_faults_never_strike_is_no_pass() {
    let out = folder();
    // The run ends long before any fault begins.
    let late = [
        "--seeds",
        "1..3",
        "--set",
        "chaos.from=\"119 min\"",
        "--set",
        "chaos.to=\"2 h\"",
        "--set",
        "scenario.duration=\"2 h\"",
        // Boots are refused whenever the plan boots.
        "--set",
        "chaos.kinds=[\"link-cut\", \"disk-slow\"]",
    ];
    let text = std::fs::read_to_string(common::root().join(SCENARIO)).expect("the scenario");
    let file = out.path().join("late.toml");
    std::fs::write(&file, without_goals(&text)).expect("a file");
    let (code, swept) = sweep(file.to_str().expect("UTF-8"), &out.path().join("sweep"), &late);
    assert_eq!(code, 2, "{swept:#}");
    let why = swept["not_looked_at"].to_string();
    assert!(why.contains("and none of them struck"), "{why}");
    let warnings = swept["warnings"].to_string();
    assert!(
        warnings.contains("never began, for their run had ended before"),
        "{warnings}"
    );
    assert!(warnings.contains("set `to` in [chaos]"), "{warnings}");
}

#[test]
fn a_sweep_that_its_budget_stopped_goes_on_and_is_not_taken_for_whole() {
    let out = folder();
    let place = out.path().join("sweep");
    let (_, first) = sweep(SCENARIO, &place, &["--seeds", "1..400", "--budget", "1s"]);
    assert_eq!(
        (&first["stopped"], &first["stopped_by"]),
        (&Value::from(true), &Value::from("budget"))
    );
    let ran = first["seeds"].as_u64().expect("a count");
    // A slow machine may have ended none.
    assert!(ran < 400, "{ran}");
    let written = std::fs::read_to_string(place.join("chaos.json")).expect("figures");
    assert_eq!(
        serde_json::from_str::<Value>(&written).expect("an object")["seeds"],
        ran
    );
    let merged = firedrill(&["merge", place.to_str().expect("UTF-8")]);
    let said = String::from_utf8_lossy(&merged.stderr).into_owned();
    assert_eq!(merged.status.code(), Some(2), "{said}");
    assert!(said.contains("is not complete"), "{said}");
    let (_, second) = sweep(SCENARIO, &place, &["--seeds", "1..400", "--budget", "10s"]);
    assert!(second["seeds"].as_u64() > Some(ran), "it went on: {second:#}");
}

#[test]
#[cfg(unix)]
fn an_interrupted_sweep_says_what_is_kept() {
    let out = folder();
    let place = out.path().join("sweep");
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args([
            "chaos",
            SCENARIO,
            "--seeds",
            "1..1000",
            "--out",
            place.to_str().expect("UTF-8"),
        ])
        .current_dir(common::root())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = || {
        std::fs::read_to_string(place.join("seeds.jsonl"))
            .unwrap_or_default()
            .lines()
            .count()
    };
    while lines() < 3 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    common::tool("kill", &["-INT", &child.id().to_string()]);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    let kept = format!("{} of 1000 seeds are kept in {}", lines() - 1, place.display());
    assert!(
        said.contains(&kept) && said.contains("the same command goes on"),
        "{said}"
    );
}

#[test]
fn a_plan_that_fails_without_faults_is_said_to() {
    let out = folder();
    let text = std::fs::read_to_string(common::root().join(SCENARIO)).expect("the scenario");
    let file = out.path().join("wrong.toml");
    let more = "\n[[expect]]\nrpo_below = \"1 s\"\nunder_faults = true\n";
    std::fs::write(&file, without_goals(&text) + more).expect("a file");
    let place = out.path().join("sweep");
    let [file, at] = [&file, &place].map(|path| path.to_str().expect("UTF-8"));
    let swept = firedrill(&["chaos", file, "--seeds", "1..2", "--out", at]);
    let said = String::from_utf8_lossy(&swept.stdout).into_owned();
    assert_eq!(swept.status.code(), Some(1), "{said}");
    assert!(said.contains("no fault is left, the plan fails by itself"), "{said}");
    assert!(
        said.contains("Expectations: ") && said.contains("rpo_below (line "),
        "{said}"
    );
    let failure = place.join("failures/rpo_below-vm-over-bound.toml");
    let text = std::fs::read_to_string(failure).expect("the failure");
    assert!(text.contains("no fault is left: the plan fails by itself"), "{text}");
    assert!(text.contains("# It broke at "), "{text}");
}
