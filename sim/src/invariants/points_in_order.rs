//! **A recovery point is processed once, after its tag is stored, in order; removed once; and only what is processed and not removed can be
//! recovered. No batch is made of others over a point that is kept.**
//!
//! Why it holds: the service applies batches in order and whole, and merges them only between two kept points. Reference: facts §1.3 (the point is usable after it was processed),
//! design §2 (points, four times).

use datapath::WriteSeq;
use datapath::replica::Mark;

crate::law! {
    "points-in-order", "points are processed in order after their tags, removed once, recovered only in between, and not merged over";

    ProcessedUnmarked { point: u64 } => "point {point} was processed, which no agent marked";
    ProcessedOtherwise { processed: Mark, marked: Mark } =>
        "point {} was processed as {processed:?}, it was marked as {marked:?}", processed.point;
    ProcessedUnstored { point: u64 } => "point {point} was processed before its tag was stored";
    ProcessedTwice { point: u64 } => "point {point} was processed twice";
    ProcessedAfterRemoval { point: u64 } => "point {point} was processed after it was removed";
    ProcessedOutOfTurn { point: u64, write: WriteSeq, newest: u64, newest_write: WriteSeq } =>
        "point {point} (write {write}) was processed after point {newest} (write {newest_write})";
    RemovedUnmarked { point: u64 } => "point {point} was removed, which no agent marked";
    RemovedTwice { point: u64 } => "point {point} was removed twice";
    MergedOver { first: WriteSeq, last: WriteSeq, point: u64, write: WriteSeq } =>
        "batches with the writes {first} to {last} became one over point {point} at write {write}";
    RecoveredUnmarked { point: u64 } => "point {point} was recovered, which no agent marked";
    RecoveredElsewhere { point: u64, write: WriteSeq, marked: WriteSeq } =>
        "point {point} was recovered at write {write}, it was marked at write {marked}";
    RecoveredUnprocessed { point: u64 } => "point {point} was recovered before it was processed";
    RecoveredAfterRemoval { point: u64 } => "point {point} was recovered after it was removed";
    RecoveredOtherDisks { point: u64, disks: String, has: String } =>
        "point {point} was recovered with disks {disks}, the machine has {has}";
}

/// What is known of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its mark.
    pub mark: Mark,
    /// Its tag is stored.
    pub stored: bool,
    /// It was processed.
    pub processed: bool,
    /// It was removed.
    pub pruned: bool,
}

/// Checks that a point may be processed now; `newest` is the newest that was processed before.
#[must_use]
pub fn check_processed(mark: &Mark, known: Option<&Known>, newest: Option<&Mark>) -> Vec<Broken> {
    let point = mark.point;
    let mut violations = Vec::new();
    match known {
        None => violations.push(Broken::ProcessedUnmarked { point }),
        Some(known) if known.mark != *mark => violations.push(Broken::ProcessedOtherwise {
            processed: *mark,
            marked: known.mark,
        }),
        Some(known) if !known.stored => violations.push(Broken::ProcessedUnstored { point }),
        Some(known) if known.processed => violations.push(Broken::ProcessedTwice { point }),
        Some(known) if known.pruned => violations.push(Broken::ProcessedAfterRemoval { point }),
        Some(_) => {}
    }
    if let Some(newest) = newest
        && (newest.point >= mark.point || newest.seq > mark.seq)
        && known.is_none_or(|known| !known.processed)
    {
        violations.push(Broken::ProcessedOutOfTurn {
            point,
            write: mark.seq,
            newest: newest.point,
            newest_write: newest.seq,
        });
    }
    violations
}

/// Checks that a point may be removed.
#[must_use]
pub fn check_pruned(point: u64, known: Option<&Known>) -> Vec<Broken> {
    match known {
        None => vec![Broken::RemovedUnmarked { point }],
        Some(known) if known.pruned => vec![Broken::RemovedTwice { point }],
        Some(_) => Vec::new(),
    }
}

/// Checks that batches with the writes from `first` to `last` may become one.
#[must_use]
pub fn check_merged(first: WriteSeq, last: WriteSeq, points: impl Iterator<Item = Known>) -> Vec<Broken> {
    let inside = points.filter(|known| {
        let kept = known.processed && !known.pruned;
        kept && known.mark.seq >= first && known.mark.seq < last
    });
    let broken = |known: Known| Broken::MergedOver {
        first,
        last,
        point: known.mark.point,
        write: known.mark.seq,
    };
    inside.map(broken).collect()
}

/// Checks that a point may be recovered, and is what the failover says that it is.
#[must_use]
pub fn check_recovered(point: u64, seq: WriteSeq, known: Option<&Known>) -> Vec<Broken> {
    match known {
        None => vec![Broken::RecoveredUnmarked { point }],
        Some(known) if known.mark.seq != seq => vec![Broken::RecoveredElsewhere {
            point,
            write: seq,
            marked: known.mark.seq,
        }],
        Some(known) if !known.processed => vec![Broken::RecoveredUnprocessed { point }],
        Some(known) if known.pruned => vec![Broken::RecoveredAfterRemoval { point }],
        Some(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use datapath::SimTime;
    use datapath::replica::Consistency;

    use super::*;

    fn mark(point: u64) -> Mark {
        Mark {
            point,
            seq: WriteSeq(point * 10),
            consistency: Consistency::Crash,
            marked: SimTime(point),
            marked_source: SimTime(point),
            life: 0,
            shared: None,
        }
    }

    fn known(point: u64) -> Known {
        Known {
            mark: mark(point),
            stored: true,
            processed: false,
            pruned: false,
        }
    }

    #[test]
    fn a_point_that_goes_its_way_passes() {
        assert!(check_processed(&mark(2), Some(&known(2)), Some(&mark(1))).is_empty());
        let usable = Known {
            processed: true,
            ..known(2)
        };
        assert!(check_recovered(2, WriteSeq(20), Some(&usable)).is_empty());
        assert!(check_pruned(2, Some(&usable)).is_empty());
        let gone = Known { pruned: true, ..usable };
        assert!(check_merged(WriteSeq(11), WriteSeq(20), [usable].into_iter()).is_empty());
        assert!(check_merged(WriteSeq(21), WriteSeq(30), [usable].into_iter()).is_empty());
        assert!(check_merged(WriteSeq(11), WriteSeq(30), [gone, known(2)].into_iter()).is_empty());
    }

    #[test]
    fn each_step_out_of_turn_is_found() {
        let usable = Known {
            processed: true,
            ..known(2)
        };
        let gone = Known { pruned: true, ..usable };
        let early = Known {
            stored: false,
            ..known(2)
        };
        let other = Known {
            mark: Mark {
                seq: WriteSeq(21),
                ..mark(2)
            },
            ..known(2)
        };
        for before in [
            None,
            Some(&early),
            Some(&usable),
            Some(&other),
            Some(&Known {
                pruned: true,
                ..known(2)
            }),
        ] {
            assert_eq!(check_processed(&mark(2), before, Some(&mark(1))).len(), 1, "{before:?}");
        }
        assert_eq!(check_processed(&mark(2), Some(&known(2)), Some(&mark(3))).len(), 1);
        assert_eq!(check_merged(WriteSeq(11), WriteSeq(30), [usable].into_iter()).len(), 1);
        for before in [None, Some(&gone)] {
            assert_eq!(check_pruned(2, before).len(), 1);
        }
        for before in [None, Some(&known(2)), Some(&gone)] {
            assert_eq!(check_recovered(2, WriteSeq(20), before).len(), 1);
        }
        assert_eq!(check_recovered(2, WriteSeq(19), Some(&usable)).len(), 1);
    }
}
