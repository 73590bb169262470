//! **A recovery point is processed once, after its tag is stored, in order; removed once; and only what is processed and not removed can be
//! recovered. No batch is made of others over a point that is kept.**
//!
//! Why it holds: the service applies batches in order and whole, and merges them only between two kept points. Reference: facts §1.3 (the point is usable after it was processed),
//! design §2 (points, four times).

use datapath::WriteSeq;
use datapath::replica::Mark;

use super::Law;

/// The law.
pub const LAW: Law = Law {
    name: "points-in-order",
    statement: "points are processed in order after their tags, removed once, recovered only in between, and not merged over",
};

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
pub fn check_processed(mark: &Mark, known: Option<&Known>, newest: Option<&Mark>) -> Vec<String> {
    let mut violations = Vec::new();
    match known {
        None => violations.push(format!("point {} was processed, which no agent marked", mark.point)),
        Some(known) if known.mark != *mark => violations.push(format!(
            "point {} was processed as {mark:?}, it was marked as {:?}",
            mark.point, known.mark
        )),
        Some(known) if !known.stored => {
            violations.push(format!("point {} was processed before its tag was stored", mark.point));
        }
        Some(known) if known.processed => violations.push(format!("point {} was processed twice", mark.point)),
        Some(known) if known.pruned => {
            violations.push(format!("point {} was processed after it was removed", mark.point))
        }
        Some(_) => {}
    }
    if let Some(newest) = newest
        && (newest.point >= mark.point || newest.seq > mark.seq)
        && known.is_none_or(|known| !known.processed)
    {
        violations.push(format!(
            "point {} (write {}) was processed after point {} (write {})",
            mark.point, mark.seq.0, newest.point, newest.seq.0
        ));
    }
    violations
}

/// Checks that a point may be removed.
#[must_use]
pub fn check_pruned(point: u64, known: Option<&Known>) -> Vec<String> {
    match known {
        None => vec![format!("point {point} was removed, which no agent marked")],
        Some(known) if known.pruned => vec![format!("point {point} was removed twice")],
        Some(_) => Vec::new(),
    }
}

/// Checks that batches with the writes from `first` to `last` may become one.
#[must_use]
pub fn check_merged(first: WriteSeq, last: WriteSeq, points: impl Iterator<Item = Known>) -> Vec<String> {
    let inside = points.filter(|known| {
        let kept = known.processed && !known.pruned;
        kept && known.mark.seq >= first && known.mark.seq < last
    });
    let text = |known: Known| {
        let Mark { point, seq, .. } = known.mark;
        format!(
            "batches with the writes {} to {} became one over point {point} at write {}",
            first.0, last.0, seq.0
        )
    };
    inside.map(text).collect()
}

/// Checks that a point may be recovered, and is what the failover says that it is.
#[must_use]
pub fn check_recovered(point: u64, seq: WriteSeq, known: Option<&Known>) -> Vec<String> {
    match known {
        None => vec![format!("point {point} was recovered, which no agent marked")],
        Some(known) if known.mark.seq != seq => vec![format!(
            "point {point} was recovered at write {}, it was marked at write {}",
            seq.0, known.mark.seq.0
        )],
        Some(known) if !known.processed => vec![format!("point {point} was recovered before it was processed")],
        Some(known) if known.pruned => vec![format!("point {point} was recovered after it was removed")],
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
