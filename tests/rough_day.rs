//! Whatever makes a sealer begin anew or send again: no nonce occurs twice, and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{events, folder, looked_at, pass};

const ROUGH_DAY: &str = "scenarios/rough-day.toml";

#[test]
fn no_nonce_of_a_key_occurs_twice_over_restarts_retries_moves_and_a_resynchronization() {
    let out = folder();
    // With seed 3 writes that the guest had not flushed are lost with its power.
    for (network, seed) in [("event", "1"), ("event", "3"), ("turmoil", "1"), ("turmoil", "2")] {
        let run_folder = out.path().join(format!("{network}-{seed}"));
        let run = pass(ROUGH_DAY, &run_folder, &["--network", network, "--seed", seed]);
        let points = &run["recovery_points"];
        assert!(points["made"].as_u64().expect("a count") >= 24, "{points}");
        assert_eq!(points["made"], points["verified"]);
        let nonces = looked_at(&run, "nonces-never-repeat");
        assert!(nonces > 100, "{nonces} checks");

        // The same again from the log, without the oracle: by disk, who sealed with which epoch, and each segment's first counter.
        let mut sealers: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
        let mut seen: BTreeSet<(String, u64, u64)> = BTreeSet::new();
        let (mut segments, mut copies) = (0, BTreeSet::new());
        for fact in events(&run_folder) {
            let disk = fact["disk"].as_str().unwrap_or_default().to_owned();
            match fact["fact"].as_str() {
                Some("epoch-granted") => {
                    let epoch = fact["epoch"].as_u64().expect("an epoch");
                    let grants = sealers.entry(disk).or_default();
                    assert!(grants.last().is_none_or(|(before, _)| *before < epoch), "{fact}");
                    grants.push((epoch, fact["sealer"].as_str().expect("a sealer").to_owned()));
                }
                Some("segments-stored") => {
                    for segment in fact["segments"].as_array().expect("segments") {
                        segments += 1;
                        let disk = segment["disk"].as_str().expect("a disk").to_owned();
                        copies.extend(fact["kind"]["Copy"]["copy"].as_u64().filter(|_| disk == "db.os"));
                        let epoch = segment["epoch"].as_u64().expect("an epoch");
                        let counter = segment["first_counter"].as_u64().expect("a counter");
                        assert!(seen.insert((disk, epoch, counter)), "{fact}");
                    }
                }
                _ => {}
            }
        }
        assert!(segments > 100, "{segments}");
        assert_eq!(copies, BTreeSet::from([1, 2]), "db was copied and resynchronized");
        let of = |disk: &str| -> Vec<&str> { sealers[disk].iter().map(|(_, sealer)| sealer.as_str()).collect() };
        assert_eq!(
            of("web.data"),
            ["ps1", "ps1", "ps2", "ps1"],
            "a power cut, a move, a move back"
        );
        assert_eq!(of("db.os"), ["ps1", "ps1", "ps1"], "two power cuts");
    }
}
