//! **What there was to judge was judged.**
//!
//! Why it holds: the world shows the evidence with each fact that the oracle has to judge. A run in which nothing was judged is no proof.

use actors::nouns::FailoverKind;
use datapath::SimTime;

crate::law! {
    "something-was-judged", "each processed recovery point and each recovered disk was judged, and each failover that was done had its disks compared";

    PointsNotJudged { missed: u64, all: u64 } => "{missed} of {all} processed recovery points were not judged";
    DisksNotJudged { missed: u64, all: u64 } => "{missed} of {all} recovered disks were not judged";
    SegmentsNotJudged { missed: u64, all: u64 } => "{missed} of {all} stored segments were not judged";
    FailoverNotCompared { kind: FailoverKind, ordered: SimTime } =>
        "the {} that was ordered at {ordered} is done, and its disks were not all compared with what they have to be", kind.words();
}

/// What there was, and how much of it was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Recovery points that were processed.
    pub points: (u64, u64),
    /// Disks that were recovered.
    pub disks: (u64, u64),
    /// Segments that were stored.
    pub segments: (u64, u64),
}

/// Checks the sums at the end of a run.
#[must_use]
pub fn check(judged: &Judged) -> Vec<Broken> {
    let missed = |(all, judged): (u64, u64)| Some(all.saturating_sub(judged)).filter(|missed| *missed > 0);
    let points = missed(judged.points).map(|missed| Broken::PointsNotJudged {
        missed,
        all: judged.points.0,
    });
    let disks = missed(judged.disks).map(|missed| Broken::DisksNotJudged {
        missed,
        all: judged.disks.0,
    });
    let segments = missed(judged.segments).map(|missed| Broken::SegmentsNotJudged {
        missed,
        all: judged.segments.0,
    });
    [points, disks, segments].into_iter().flatten().collect()
}

/// Checks a failover that was ordered at a time and is done; `compared`: when all its disks were.
#[must_use]
pub fn check_failover(kind: FailoverKind, ordered: SimTime, compared: Option<SimTime>) -> Vec<Broken> {
    match compared {
        Some(when) if when >= ordered => Vec::new(),
        _ => vec![Broken::FailoverNotCompared { kind, ordered }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_judged_is_found() {
        let judged = Judged {
            points: (4, 4),
            disks: (2, 2),
            segments: (9, 9),
        };
        assert!(check(&judged).is_empty());
        for wrong in [
            Judged {
                points: (4, 3),
                ..judged
            },
            Judged {
                disks: (2, 0),
                ..judged
            },
            Judged {
                segments: (9, 8),
                ..judged
            },
        ] {
            assert_eq!(check(&wrong).len(), 1, "{wrong:?}");
        }
        let of = |compared| check_failover(FailoverKind::Test, SimTime(5), compared).len();
        assert_eq!((of(Some(SimTime(5))), of(Some(SimTime(4))), of(None)), (0, 1, 1));
    }
}
