//! What once went wrong stays right: each scenario of `scenarios/regressions/`, with the seeds at which it failed.

mod common;

use std::collections::BTreeSet;

use common::{folder, pass};

/// Scenarios and seeds. `discards` has a test of its own, in which more is asked of it.
const REGRESSIONS: [(&str, &[u64]); 24] = [
    ("agg-rate", &[1]),
    ("batch-taken-up", &[1]),
    ("boundary-number", &[1, 2, 3, 4]),
    ("cache-too-small", &[1]),
    ("chaos-003", &[3]),
    ("chaos-005", &[5, 1, 2]),
    ("chaos-024", &[24]),
    ("chaos-032", &[32, 1, 2]),
    ("chaos-043", &[43]),
    ("chaos-162", &[162]),
    ("dead-process-server", &[1]),
    ("disable-and-enable", &[1]),
    ("discards", &[]),
    ("early-checksums", &[1]),
    ("flush-storm", &[1]),
    ("full-journal", &[1]),
    ("gateway-power", &[1, 2, 3]),
    ("idle-guest", &[1]),
    ("lost-pieces", &[1]),
    ("master-target-power", &[1, 2, 3]),
    ("notice-again", &[1]),
    ("site-power-cycle", &[1]),
    ("torn-batch", &[1, 2]),
    ("two-disks-power-cut", &[1, 2, 4, 5, 6]),
];

#[test]
fn what_once_failed_passes_and_every_point_is_judged() {
    let out = folder();
    for (name, seeds) in REGRESSIONS {
        for seed in seeds {
            let scenario = format!("scenarios/regressions/{name}.toml");
            let run_folder = out.path().join(format!("{name}-{seed}"));
            let run = pass(&scenario, &run_folder, &["--seed", &seed.to_string()]);
            let points = &run["recovery_points"];
            assert!(points["made"].as_u64().expect("a count") >= 3, "{name}: {points}");
            assert_eq!(points["made"], points["verified"], "{name}");
        }
    }
}

/// Those that ask how long something waits, or what a power cut leaves of the way home, are run on both networks.
#[test]
fn what_hangs_on_time_and_power_passes_on_the_other_network_too() {
    let out = folder();
    for name in [
        "chaos-005",
        "chaos-032",
        "dead-process-server",
        "flush-storm",
        "gateway-power",
        "idle-guest",
        "lost-pieces",
        "master-target-power",
    ] {
        let scenario = format!("scenarios/regressions/{name}.toml");
        pass(&scenario, &out.path().join(name), &["--network", "turmoil"]);
    }
}

#[test]
fn every_scenario_of_the_folder_is_run() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/regressions");
    let files = std::fs::read_dir(folder).expect("the folder can be read");
    let names: BTreeSet<String> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, REGRESSIONS.map(|(name, _)| name.to_owned()).into());
}
