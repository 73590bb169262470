//! What a process server says of itself, beside what the world shows of its machine; and what it stores, beside its throttle.

use std::sync::Arc;

use actors::facts::Severity;
use actors::nouns::{Schedule, Throttle};
use actors::ports::Evidence;

use super::*;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;

/// Looks, one every five minutes: what is said to be free of a cache of a million bytes, what is, the level and whether it throttles.
fn looks(of: &[(u32, u64, Option<Severity>, bool)]) -> Vec<String> {
    let story = Story::protected(Grain::Extent, 1);
    let mut oracle = Oracle::new(&story.spec, story.grain, story::SEED);
    for (number, (said, free, level, throttled)) in (1..).zip(of) {
        let fact = Fact::ProcessServerHealth {
            machine: story::PROCESS_SERVER,
            cache_free: *said,
            processors: 0,
            uploads_in: Some(0),
            level: *level,
            throttled: *throttled,
        };
        let shown = Evidence::Machine {
            used: 1_000_000 - free,
            capacity: 1_000_000,
            worked: 0,
            cores: 4,
        };
        oracle.fact(SimTime(number * 5 * MINUTE), &fact, Some(shown));
    }
    found(oracle)
}

fn found(oracle: Oracle) -> Vec<String> {
    let findings = oracle.finish(SimTime(300 * MINUTE)).findings;
    let identities = findings.iter().map(|finding| finding.identity().to_string());
    let mut ours: Vec<String> = identities
        .filter(|identity| identity.starts_with("process-servers") || identity.starts_with("throttles"))
        .collect();
    ours.dedup();
    ours
}

#[test]
fn what_a_process_server_says_is_held_against_its_machine() {
    const LAW: &str = "process-servers-say-how-they-are/machine";
    let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
    assert!(looks(&[(500_000, 500_000, None, false), (190_000, 190_000, None, true)]).is_empty());
    assert_eq!(
        looks(&[(500_000, 400_000, None, false)]),
        [format!("{LAW}/cache-otherwise")]
    );
    assert_eq!(
        looks(&[(190_000, 190_000, None, false)]),
        [format!("{LAW}/throttles-otherwise")]
    );
    assert_eq!(
        looks(&[(500_000, 500_000, warning, false)]),
        [format!("{LAW}/told-without-cause")]
    );
    // Told at the fourth look; it may take two looks more, for it may have begun anew.
    let short = (270_000, 270_000, None, false);
    let told = (270_000, 270_000, warning, false);
    assert!(looks(&[short, short, short, told, told, told, told, told]).is_empty());
    assert!(looks(&[short; 6]).is_empty());
    assert_eq!(looks(&[short; 7]), [format!("{LAW}/not-told")]);
    let worse = (210_000, 210_000, warning, false);
    let bad = (210_000, 210_000, critical, false);
    assert_eq!(
        looks(&[told, told, worse, worse, worse, worse, worse, worse, worse]),
        [format!("{LAW}/not-told")]
    );
    assert!(looks(&[told, told, worse, worse, worse, bad, bad, bad, bad]).is_empty());
}

#[test]
fn what_is_stored_faster_than_a_throttle_allows_is_found() {
    let of = |bytes: u64, seconds: u64| {
        let mut story = Story::protected(Grain::Extent, 1);
        let throttle = Throttle {
            days: [true; 7],
            from_hour: 0,
            to_hour: 24,
            bits_per_second: 8_000_000,
        };
        for component in &mut story.spec.machines[story::PROCESS_SERVER.0 as usize].components {
            if let ComponentSpec::ProcessServer(server) = component {
                server.throttles = Arc::new(Schedule::new(&[throttle], 0));
            }
        }
        let mut oracle = Oracle::new(&story.spec, story.grain, story::SEED);
        let disk = story::DISKS[0].0;
        let granted = Fact::EpochGranted {
            disk,
            epoch: 9,
            sealer: story::PROCESS_SERVER,
        };
        oracle.fact(SimTime(0), &granted, None);
        for number in 1..=100 {
            oracle.uploaded(SimTime(number * seconds * SECOND), disk, 9, bytes);
        }
        found(oracle)
    };
    // A megabyte a second, and the window that can arrive together: 32 MiB and two segments.
    assert!(of(1_000_000, 1).is_empty());
    assert!(of(1_300_000, 1).is_empty(), "the window explains it");
    assert_eq!(of(1_500_000, 1), ["throttles-hold/machine/too-fast"]);
    assert!(of(1_500_000, 2).is_empty());
}
