//! A process server under pressure: a cache that fills, processors that are busy, uploads that do not get on, a throttle, threads.

use std::collections::BTreeMap;

use super::*;
use crate::facts::Severity;
use crate::nouns::{Schedule, Throttle};

const MINUTE: u64 = 60;
const CACHE: u64 = 8 << 20;

/// What the process server said at its last look.
struct Said {
    cache_free: u32,
    processors: u32,
    uploads_in: Option<u64>,
    level: Option<Severity>,
    throttled: bool,
}

impl Estate {
    fn said(&self) -> Said {
        let facts = self.bench.facts().into_iter().rev();
        let mut looks = facts.filter_map(|(_, fact)| match fact {
            Fact::ProcessServerHealth {
                cache_free,
                processors,
                uploads_in,
                level,
                throttled,
                ..
            } => Some(Said {
                cache_free,
                processors,
                uploads_in,
                level,
                throttled,
            }),
            _ => None,
        });
        looks.next().expect("it has looked at itself")
    }

    /// Levels that the service was told, in turn.
    fn told(&self) -> Vec<Option<Severity>> {
        let hub = self.hub.borrow();
        let told = hub.notices.iter().filter_map(|notice| match notice {
            Notice::ProcessServerHealth { level, .. } => Some(*level),
            _ => None,
        });
        told.collect()
    }

    /// Fills the cache with what is none of its own, until so many percent are free.
    fn leave_free(&self, percent: u64) {
        let files = self.bench.files(PROCESS_SERVER);
        self.bench.bound_files(PROCESS_SERVER, CACHE);
        files.remove("other");
        let free = CACHE - files.usage().0;
        let fill = free - CACHE * percent / 100;
        files.append("other", Blob::real(vec![0; fill as usize])).unwrap();
    }

    fn batches_stored(&self) -> usize {
        self.stored.borrow().tags.len()
    }

    fn stored_bytes(&self) -> u64 {
        self.stored.borrow().segments.iter().map(|(_, blob)| blob.size).sum()
    }
}

#[test]
fn below_a_fifth_of_the_cache_no_batch_is_begun_and_above_it_all_come() {
    let estate = estate(Grain::Real, writes(1500, SECOND), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(10 * MINUTE);
    // What is on its way at that moment goes on, and the next one waits.
    estate.leave_free(15);
    estate.bench.run_seconds(MINUTE);
    let before = estate.batches_stored();
    estate.bench.run_seconds(9 * MINUTE);
    assert_eq!(estate.batches_stored(), before);
    assert!(estate.said().throttled);
    assert_eq!(estate.bench.alerts("replication of all its machines is throttled"), 1);
    // At a fifth and more it is welcomed.
    estate.leave_free(25);
    estate.bench.run_seconds(20 * MINUTE);
    assert!(estate.batches_stored() > before + 10);
    assert!(!estate.said().throttled);
    assert_eq!(estate.resynchronizations(), 0);
    estate.assert_same_as_source();
}

#[test]
fn a_cache_that_is_short_for_a_quarter_of_an_hour_is_told_of_at_its_level() {
    let estate = estate(Grain::Real, writes(10, SECOND), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(10 * MINUTE);
    assert_eq!((estate.said().level, estate.told()), (None, vec![None]));
    estate.leave_free(28);
    estate.bench.run_seconds(16 * MINUTE);
    assert_eq!(estate.said().level, None, "it has not lasted yet");
    estate.bench.run_seconds(5 * MINUTE);
    assert_eq!(estate.said().level, Some(Severity::Warning));
    assert!((275_000..=280_000).contains(&estate.said().cache_free));
    assert_eq!(estate.bench.alerts("% of the cache of the process server is free"), 1);
    estate.leave_free(24);
    estate.bench.run_seconds(21 * MINUTE);
    assert_eq!(estate.said().level, Some(Severity::Critical));
    estate.leave_free(50);
    estate.bench.run_seconds(6 * MINUTE);
    assert_eq!(estate.said().level, None);
    let (warning, critical) = (Some(Severity::Warning), Some(Severity::Critical));
    assert_eq!(estate.told(), [None, warning, critical, None]);
    assert_eq!(estate.bench.alerts("% of the cache of the process server is free"), 2);
}

#[test]
fn processors_that_are_busy_for_a_quarter_of_an_hour_are_told_of() {
    let estate = estate(Grain::Real, writes(10, SECOND), 1 << 30);
    estate.protect();
    for (percent, level) in [
        (79, None),
        (81, Some(Severity::Warning)),
        (96, Some(Severity::Critical)),
    ] {
        for _ in 0..25 {
            estate.bench.work(PROCESS_SERVER, MINUTE * SECOND / 100 * percent);
            estate.bench.run_seconds(MINUTE);
        }
        assert_eq!(estate.said().level, level, "{percent} %");
        assert!(
            estate.said().processors.abs_diff(percent as u32 * 10_000) < 20_000,
            "{percent} %"
        );
    }
    assert_eq!(estate.bench.alerts("processors are at work"), 2);
}

#[test]
fn uploads_that_do_not_get_on_are_told_of_at_the_next_look_but_one() {
    let estate = estate(Grain::Real, writes(3000, SECOND), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(10 * MINUTE);
    assert_eq!(estate.said().uploads_in, Some(0));
    estate.bench.cut(STORAGE.0);
    // One look finds what waits, and by the next nothing of it is gone.
    estate.bench.run_seconds(11 * MINUTE);
    assert_eq!(
        (estate.said().uploads_in, estate.said().level),
        (None, Some(Severity::Critical))
    );
    assert_eq!(estate.bench.alerts("is uploaded"), 1);
    estate.start_account();
    estate.bench.run_seconds(15 * MINUTE);
    assert_eq!((estate.said().uploads_in, estate.said().level), (Some(0), None));
    assert_eq!(estate.told().last(), Some(&None));
}

#[test]
fn a_throttle_lets_out_what_its_hour_allows() {
    let estate = estate(Grain::Real, writes(1200, SECOND), 1 << 30);
    // For an hour from the start on: 2 kB/s, of which the copy alone takes minutes.
    let throttle = Throttle {
        days: [true; 7],
        from_hour: 0,
        to_hour: 1,
        bits_per_second: 16_000,
    };
    estate.bench.cut(PROCESS_SERVER.0);
    estate.start_process_server_with(Arc::new(Schedule::new(&[throttle], 0)), 4 << 20);
    estate.protect();
    let mut at_limit = 0;
    let began = estate.bench.now().0 / SECOND;
    for minute in 0..55 {
        let now = estate.bench.now().0 / SECOND;
        let (stored, allowed) = (estate.stored_bytes(), 2_000 * (now - began + 5));
        assert!(stored <= allowed, "minute {minute}: {stored} of {allowed}");
        at_limit += usize::from(stored > allowed * 8 / 10);
        estate.bench.run_seconds(MINUTE);
    }
    assert!(at_limit > 20, "{at_limit}");
    // From one o'clock on there is none.
    estate.bench.run_seconds(30 * MINUTE);
    assert_eq!(estate.stored.borrow().copy_ends, 1);
    estate.assert_same_as_source();
}

#[test]
fn a_machine_uploads_as_much_at_a_time_as_it_has_threads_for() {
    let estate = estate(Grain::Real, writes(4000, SECOND), 1 << 30);
    estate.bench.cut(PROCESS_SERVER.0);
    estate.start_process_server_with(Arc::default(), 64 << 20);
    estate.protect();
    estate.bench.run_seconds(10 * MINUTE);
    estate.bench.cut(STORAGE.0);
    estate.bench.run_seconds(50 * MINUTE);
    // A long way, over which all that has waited would fit at once.
    estate.bench.latency.set(2 * SECOND);
    estate.start_account();
    estate.bench.run_seconds(10 * MINUTE);
    let (mut under_way, mut most) = (BTreeMap::new(), 0);
    for (_, from, body, bytes) in estate.bench.frames() {
        match body {
            Body::SegmentsToTarget(segments::ToTarget::PutSegments { segments, .. }) => {
                under_way.insert(segments[0].header.kind, bytes);
                most = most.max(under_way.values().sum());
            }
            Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut { batch, .. })
                if from == estate.account =>
            {
                under_way.remove(&SegmentKind::Changes { batch });
            }
            Body::SegmentsToProcessServer(segments::ToProcessServer::SegmentsPut { kind, .. }) => {
                under_way.remove(&kind);
            }
            _ => {}
        }
    }
    // Four threads of a mebibyte each; what begins below that ends above it.
    assert!((4 << 20..(4 << 20) + (512 << 10)).contains(&most), "{most}");
    estate.bench.run_seconds(30 * MINUTE);
    estate.assert_same_as_source();
}
