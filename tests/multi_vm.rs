//! Replication groups: recovery points that machines share, on both networks; what happens where a member is slow, dies, or is not reached.

use crate::common::{folder, looked_at, pass};
use serde_json::Value;

const MEMBERS: [&str; 3] = ["web", "app", "db"];

fn group(result: &Value) -> (u64, u64, u64, u64) {
    let group = &result["replication_groups"][0];
    let figure = |name: &str| group[name].as_u64().expect("a figure of the group");
    (figure("tried"), figure("made"), figure("verified"), figure("failed"))
}

#[test]
fn a_group_goes_out_and_home_at_points_that_it_shares() {
    let out = folder();
    for network in ["event", "turmoil"] {
        let scenario = "scenarios/multi-vm/three-tier.toml";
        let result = pass(scenario, &out.path().join(network), &["--network", network]);
        let (_, made, verified, _) = group(&result);
        assert!(
            made >= 5 && made == verified,
            "{network}: {made} made, {verified} verified"
        );
        assert_eq!(result["group_points"]["made"], made);
        for law in [
            "shared-points-are-causal",
            "shared-points-are-made",
            "groups-talk-alone",
        ] {
            assert!(looked_at(&result, law) >= 3, "{network}: {law}");
        }
        for vm in MEMBERS {
            assert!(result["held_seconds"][vm].as_f64() > Some(0.0), "{network}: {vm}");
        }
        // Both failovers took disks of all members.
        assert_eq!(result["disks"].as_array().map(Vec::len), Some(6));
    }
}

#[test]
fn points_come_to_nothing_rather_than_wrong_where_a_member_is_slow() {
    let out = folder();
    let result = pass("scenarios/multi-vm/slow-member.toml", &out.path().join("run"), &[]);
    let (tried, made, verified, failed) = group(&result);
    assert!(made > 0 && made == verified, "{made} made, {verified} verified");
    assert!(failed > 0 && tried >= made + failed, "{tried} tried, {failed} failed");
    for vm in MEMBERS {
        let held = &result["held"][vm];
        assert!(held["writes"].as_u64() > Some(0), "{vm}: {held}");
        let longest = held["added_seconds"]["max"].as_f64().expect("a time");
        assert!(longest > 0.1 && longest <= 2.1, "{vm}: {held}");
    }
}

#[test]
fn a_group_shares_points_again_after_a_member_died_in_the_middle_of_a_mark() {
    let out = folder();
    let result = pass("scenarios/multi-vm/member-dies.toml", &out.path().join("run"), &[]);
    let (_, made, verified, failed) = group(&result);
    assert!(failed >= 3, "each of the three deaths costs a shared point: {failed}");
    assert!(made > 10 && made == verified, "{made} made, {verified} verified");
}

#[test]
fn a_group_that_cannot_talk_shares_nothing_marks_on_and_says_so() {
    let out = folder();
    let result = pass("scenarios/multi-vm/port-blocked.toml", &out.path().join("run"), &[]);
    let (_, made, verified, failed) = group(&result);
    assert!(
        failed >= 4 && made >= 4 && made == verified,
        "{made} made, {failed} failed"
    );
    assert!(result["faults"][0]["struck"].as_u64() > Some(0));
    let worst = result["alerts"]["worst"]["text"].as_str().expect("an alert");
    assert!(
        worst.contains("no recovery point of the replication group shop was shared"),
        "{worst}"
    );
    // Half an hour without shared points: each machine has its own ones all the same.
    let points = result["recovery_points"]["made"].as_u64().expect("points");
    assert!(points >= 3 * 12, "{points}");
}
