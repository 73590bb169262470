//! Databases with a write-ahead log: what comes back of them from recovery points of both kinds, on both networks.

use crate::common::{folder, looked_at, pass};
use serde_json::Value;

const SCENARIO: &str = "scenarios/databases.toml";

/// Consistency, transactions done again, transactions lost, of each recovery.
fn recoveries(result: &Value) -> Vec<(String, u64, u64)> {
    let all = result["databases"][0]["recoveries"].as_array().expect("recoveries");
    let figure = |of: &Value, name: &str| of[name].as_u64().expect("a figure");
    let one = |of: &Value| {
        let consistency = of["consistency"].as_str().expect("a word").to_owned();
        (consistency, figure(of, "redone"), figure(of, "lost"))
    };
    all.iter().map(one).collect()
}

#[test]
fn a_database_needs_its_log_after_a_crash_and_not_after_an_app_consistent_point() {
    let out = folder();
    for network in ["event", "turmoil"] {
        let result = pass(SCENARIO, &out.path().join(network), &["--network", network]);
        let recoveries = recoveries(&result);
        assert_eq!(recoveries.len(), 3, "{network}: {recoveries:?}");
        let crashed = |of: &&(String, u64, u64)| of.0 == "crash";
        assert!(
            recoveries.iter().filter(crashed).all(|(_, redone, _)| *redone > 0),
            "{network}: {recoveries:?}"
        );
        let quiesced: Vec<_> = recoveries.iter().filter(|of| of.0 == "app").collect();
        assert_eq!(quiesced.len(), 1, "{network}: {recoveries:?}");
        assert_eq!(quiesced[0].1, 0, "{network}: {recoveries:?}");
        // Each recovery, and each time that the database was opened: twice at home, and in Azure three times.
        assert_eq!(looked_at(&result, "databases-come-back"), 8, "{network}");
    }
}

#[test]
fn a_quiesce_that_fails_leaves_a_crash_consistent_point_and_an_alert() {
    let out = folder();
    let result = pass(SCENARIO, &out.path().join("run"), &[]);
    let faults = result["faults"].as_array().expect("faults");
    let broken = faults
        .iter()
        .find(|fault| fault["name"] == "broken writer")
        .expect("it");
    let struck = broken["struck"].as_u64().expect("a count");
    assert!(struck > 0, "{broken}");
    // An alert for each, and one for the power cut.
    assert_eq!(
        result["alerts"]["raised"].as_u64(),
        Some(struck + 1),
        "{}",
        result["alerts"]
    );
}

#[test]
fn with_modelled_content_it_writes_as_much_and_says_nothing_of_what_came_back() {
    let out = folder();
    let figures = |content: &str| {
        let result = pass(SCENARIO, &out.path().join(content), &["--content", content]);
        let database = result["databases"][0].clone();
        (database["transactions"].as_u64(), recoveries(&result).len())
    };
    let (real, three) = figures("real");
    let (extent, none) = figures("extent");
    assert_eq!((three, none), (3, 0));
    assert_eq!(real, extent);
}
