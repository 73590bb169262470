//! What a guest discards comes back as zeros, in whatever form the discard was recorded.

use std::collections::BTreeMap;

use crate::common::{events, folder, pass};
use serde_json::Value;

const DISCARDS: &str = "scenarios/regressions/discards.toml";

#[test]
fn recorded_discards_are_replicated_and_recovered_in_each_format_grain_and_network() {
    let out = folder();
    for (network, content) in [("event", "real"), ("event", "extent"), ("turmoil", "real")] {
        let run_folder = out.path().join(format!("{network}-{content}"));
        let run = pass(DISCARDS, &run_folder, &["--network", network, "--content", content]);
        assert_eq!((&run["network"], &run["content"]), (&network.into(), &content.into()));
        let points = &run["recovery_points"];
        assert!(points["made"].as_u64().expect("a count") >= 3, "{points}");
        assert_eq!(points["made"], points["verified"]);
        let disks = run["disks"].as_array().expect("disks");
        assert_eq!(disks.len(), 3, "{disks:?}");
        assert!(disks.iter().all(|disk| disk["verified"] == true), "{disks:?}");

        // A run in which nobody discards would pass as well: in the real grain a discard is a write without a hash.
        if content != "real" {
            continue;
        }
        let (mut protected, mut discards) = (false, BTreeMap::<String, (u32, u32)>::new());
        for fact in events(&run_folder) {
            protected |= fact["fact"] == "state" && fact["state"] == "protected";
            if fact["fact"] == "wrote" && discarded(&fact["hash"]) {
                let (before, after) = discards.entry(fact["disk"].to_string()).or_default();
                *(if protected { after } else { before }) += 1;
            }
        }
        assert_eq!(discards.len(), 3, "{discards:?}");
        for (disk, (before, after)) in discards {
            assert!(
                before > 3 && after > 3,
                "{disk}: {before} before it was protected, {after} after"
            );
        }
    }
}

/// Whether the hash of a write is that of a discard: none.
fn discarded(hash: &Value) -> bool {
    match hash {
        Value::String(text) => !text.is_empty() && text.bytes().all(|digit| digit == b'0'),
        Value::Array(bytes) => !bytes.is_empty() && bytes.iter().all(|byte| byte == 0),
        other => panic!("{other} is no hash"),
    }
}
