//! Bugs that are planted are found, and by a law: not by a step that never began, nor by an expectation that failed. Without the bug no
//! law of the same run is broken.
//!
//! Needs the feature `planted-bugs`: `cargo nextest run --workspace --features firedrill-cli/planted-bugs --test planted`.

mod common;

use std::collections::BTreeSet;

use common::{firedrill, folder, run};

/// A bug, a run in which it strikes, and the laws that may find it.
struct Planted {
    name: &'static str,
    scenario: &'static str,
    arguments: &'static [&'static str],
    laws: &'static [&'static str],
}

const fn planted(
    name: &'static str,
    scenario: &'static str,
    arguments: &'static [&'static str],
    laws: &'static [&'static str],
) -> Planted {
    Planted {
        name,
        scenario,
        arguments,
        laws,
    }
}

const PLANTED: [Planted; 27] = [
    planted("ack-before-durable", "journey", &[], &["acknowledged-is-durable"]),
    planted("grant-before-fence", "journey", &[], &["fenced-before-granted"]),
    planted(
        "process-server-hangs",
        "journey",
        &[],
        &["cut-is-stored", "acknowledged-is-kept"],
    ),
    planted(
        "torn-record-accepted",
        "chaos-by-hand/chaos-012",
        &["--seed", "12"],
        &["copies-are-applied"],
    ),
    planted("raw-flag-wrong", "journey", &[], &["stored-is-written"]),
    planted("older-point-taken", "journey", &[], &["latest-is-newest"]),
    planted("loss-too-small", "journey", &[], &["figures-agree"]),
    planted("rpo-too-small", "journey", &[], &["figures-agree"]),
    planted("link-too-fast", "journey", &[], &["links-take-their-time"]),
    planted("link-without-latency", "journey", &[], &["links-take-their-time"]),
    planted("link-without-slow-start", "journey", &[], &["links-start-slowly"]),
    planted("link-open-while-cut", "rough-day", &[], &["cut-links-carry-nothing"]),
    planted("link-panics", "journey", &[], &["the-world-holds"]),
    planted(
        "retention-halved",
        "old-points",
        &["--content", "extent", "--set", "policy.retention=\"6 h\""],
        &["points-are-kept"],
    ),
    planted("nonce-constant", "journey", &[], &["storage-holds-ciphertext"]),
    planted("nothing-encrypted", "journey", &[], &["storage-holds-ciphertext"]),
    planted("associated-data-unbound", "journey", &[], &["storage-holds-ciphertext"]),
    planted("no-quiesce", "journey", &[], &["app-points-are-quiesced"]),
    planted(
        "piece-overwrites-newer",
        "regressions/chaos-162",
        &["--seed", "162"],
        &["point-is-prefix"],
    ),
    planted(
        "release-before-all-marked",
        "multi-vm/slow-member",
        &[],
        &["shared-points-are-causal"],
    ),
    planted(
        "shared-without-asking",
        "multi-vm/slow-member",
        &[],
        &["shared-points-are-causal"],
    ),
    planted(
        "forgets-to-hold",
        "multi-vm/slow-member",
        &[],
        &["shared-points-are-causal"],
    ),
    planted("key-in-file", "journey", &[], &["secrets-stay-in-place"]),
    planted("key-in-frame", "journey", &[], &["secrets-stay-in-place"]),
    planted("plaintext-stored", "journey", &[], &["secrets-stay-in-place"]),
    planted("segment-dropped-early", "journey", &[], &["points-can-be-restored"]),
    planted("buffers-not-written", "databases", &[], &["databases-come-back"]),
];

#[test]
fn each_planted_bug_is_found_by_the_law_that_is_to_find_it() {
    let out = folder();
    let (mut wrong, mut calm) = (Vec::new(), BTreeSet::new());
    for planted in &PLANTED {
        let scenario = format!("scenarios/{}.toml", planted.scenario);
        if calm.insert((planted.scenario, planted.arguments)) {
            let (code, _, _) = run(
                &scenario,
                &out.path().join(folder_name(planted, "calm")),
                planted.arguments,
            );
            if code > 1 {
                wrong.push(format!("{}: a law is broken in {scenario} without it", planted.name));
            }
        }
        let mut arguments = planted.arguments.to_vec();
        arguments.extend(["--plant", planted.name]);
        let (code, json, stderr) = run(&scenario, &out.path().join(folder_name(planted, "bug")), &arguments);
        let findings = json["findings"].as_array().cloned().unwrap_or_default();
        let laws: BTreeSet<String> = findings
            .iter()
            .filter(|finding| finding["class"] == "invariant")
            .filter_map(|finding| finding["law"].as_str().map(str::to_owned))
            .collect();
        if code != 4 || !planted.laws.iter().any(|law| laws.contains(*law)) {
            wrong.push(format!(
                "{}: exit code {code}, found by {laws:?} {stderr}",
                planted.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_bug_has_the_same_identities_with_another_seed_and_another_bug_has_others() {
    let out = folder();
    let found = |bug: &str, seed: &str| -> (BTreeSet<String>, String) {
        let arguments = ["--seed", seed, "--plant", bug];
        let run = run(
            "scenarios/journey.toml",
            &out.path().join(format!("{bug}-{seed}")),
            &arguments,
        );
        let findings = run.1["findings"].as_array().cloned().unwrap_or_default();
        let identity = |finding: &serde_json::Value| finding["identity"].as_str().map(str::to_owned);
        (
            findings.iter().filter_map(identity).collect(),
            run.1["findings"].to_string(),
        )
    };
    let (durable, text) = found("ack-before-durable", "1");
    let (again, other_text) = found("ack-before-durable", "2");
    assert_eq!(
        durable,
        BTreeSet::from(["acknowledged-is-durable/vm/not-durable".to_owned()])
    );
    assert_eq!(durable, again);
    assert_ne!(text, other_text, "other numbers and times");
    let (fenced, _) = found("grant-before-fence", "1");
    assert!(!fenced.is_empty() && fenced.is_disjoint(&durable), "{fenced:?}");
}

fn folder_name(planted: &Planted, what: &str) -> String {
    format!("{}-{what}", planted.name)
}

#[test]
fn what_is_drawn_from_outside_is_found_by_two_processes() {
    let arguments = ["run", "scenarios/rough-day.toml", "--content", "extent", "--twice"];
    let planted = firedrill(&[&arguments[..], &["--plant", "unseeded-draw"]].concat());
    let said = String::from_utf8_lossy(&planted.stdout).into_owned();
    assert_eq!(planted.status.code(), Some(4), "{said}");
    for shown in [
        "NOT the same: the logs differ after ",
        "before it, in both",
        "process 1",
        "process 2",
    ] {
        assert!(said.contains(shown), "no `{shown}` in {said}");
    }
    assert_eq!(
        firedrill(&arguments).status.code(),
        Some(0),
        "without it they are the same"
    );
}

#[test]
fn every_bug_that_can_be_planted_stands_in_the_table_with_what_found_it() {
    let output = firedrill(&["plants"]);
    let listed = String::from_utf8(output.stdout).expect("UTF-8");
    let listed: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let table = std::fs::read_to_string(common::root().join("docs/plants.md")).expect("the table");
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows: Vec<(&str, &str)> = rows.collect();
    assert_eq!(listed, rows.iter().map(|(name, _)| *name).collect::<Vec<&str>>());
    assert!(listed.len() >= 40);
    for (name, row) in rows {
        assert!(
            row.starts_with('`') && !row.contains("does not replay"),
            "{name}: {row}"
        );
    }
}

#[test]
fn a_bug_that_nobody_knows_is_refused() {
    let output = firedrill(&["run", "scenarios/one-disk.toml", "--plant", "no-such-bug"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("there is no bug `no-such-bug` to plant; there are "),
        "{stderr}"
    );
}
