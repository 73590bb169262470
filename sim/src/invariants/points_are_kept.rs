//! **A processed recovery point is there for its whole retention, on the policy's grid, and so is what it is made of; past its retention
//! it goes.**
//!
//! The grid (facts §2.3; documented for a later generation): of the newest 2 hours every point; beyond them one an hour where points are
//! kept up to a day, one in two hours where longer, and one in four hours of those older than 7 days. The newest point stays whatever its
//! age: where no new one can be made, the old one is kept. A point's age is what its keeper's clock says, less what the clock of its source
//! said when it was marked: the product has nothing else to go by. A commit lets all go. A stored batch may be removed only where the oldest kept
//! point includes it, where a merge that is stored holds it, or where a resynchronization took it in. Removals are seen by the world at
//! the disk of whoever stores them. The rules are written here anew; nothing is taken from the code that prunes.

use actors::model::Retention;
use datapath::SimTime;

use crate::findings::Nanoseconds;

crate::law! {
    "points-are-kept", "a point stays for its retention, but for those that the documented grid lets go, with all that it is made of";

    RemovedWithoutCommit { point: u64, age: Nanoseconds } =>
        "point {point} was removed {} s after its mark for a commit, but nothing is being committed", seconds(*age);
    NewestRemoved { point: u64, age: Nanoseconds } =>
        "point {point} was removed {} s after its mark though no newer one is processed", seconds(*age);
    RemovedInRetention { point: u64, age: Nanoseconds, retention: Nanoseconds } =>
        "point {point} was removed {} s after its mark past its retention, which is {} s", seconds(*age), seconds(*retention);
    RemovedWhereAllStay { point: u64, age: Nanoseconds } =>
        "point {point} was removed {} s after its mark for the grid, which keeps all of the newest 2 hours", seconds(*age);
    LastOfItsHours { point: u64, age: Nanoseconds, apart: Nanoseconds } =>
        "point {point} was removed {} s after its mark for the grid, but no other point of the same {} hours stays",
        seconds(*age), apart.0 / HOUR;
    UnknownReason { point: u64, age: Nanoseconds, reason: String } =>
        "point {point} was removed {} s after its mark for no reason that is known ({reason})", seconds(*age);
    RemovedWhileTested { point: u64, age: Nanoseconds } =>
        "point {point} was removed {} s after its mark while a test failover runs from it", seconds(*age);
    KeptTooLong { point: u64, age: Nanoseconds, retention: Nanoseconds } =>
        "point {point} stays, though it was {} s old when points were last pruned; its retention is {} s",
        seconds(*age), seconds(*retention);
    NeededRemoved { file: String, oldest: u64, newest: u64 } =>
        "{file} was removed from storage; kept points end at batches {oldest} to {newest} and need it";
}

const HOUR: u64 = 3_600_000_000_000;

/// A point that was removed, and what is known.
#[derive(Debug, Clone)]
pub struct Pruned<'a> {
    /// Its number.
    pub point: u64,
    /// When it was marked, by its source's clock.
    pub marked: SimTime,
    /// Why it was removed, as the log has it.
    pub why: &'a str,
    /// The policy's retention.
    pub retention: u64,
    /// Whether a newer point is processed.
    pub newer: bool,
    /// Whether a failover is being committed.
    pub commit: bool,
    /// Whether a test failover runs from it.
    pub tested: bool,
    /// When the points that stay were marked, likewise.
    pub others: &'a [SimTime],
}

/// How far apart points of an age stay; none where all do.
fn apart(age: u64, retention: u64, grid: &Retention) -> Option<u64> {
    if age <= grid.all {
        return None;
    }
    Some(match (retention <= grid.day, age <= grid.week) {
        (true, _) => grid.day_interval,
        (false, true) => grid.week_interval,
        (false, false) => grid.longer_interval,
    })
}

/// Checks a removal, at a time of the keeper's clock (the earliest and the latest that it can have shown).
#[must_use]
pub fn check_pruned(pruned: &Pruned<'_>, grid: &Retention, now: (SimTime, SimTime)) -> Vec<Broken> {
    let Pruned { point, marked, .. } = *pruned;
    let old = now.1.since(marked);
    let (age, retention) = (Nanoseconds(old), Nanoseconds(pruned.retention));
    let broken = match pruned.why {
        "commit" if pruned.commit => return Vec::new(),
        "commit" => Broken::RemovedWithoutCommit { point, age },
        _ if pruned.tested => Broken::RemovedWhileTested { point, age },
        _ if !pruned.newer => Broken::NewestRemoved { point, age },
        "retention" if old > pruned.retention => return Vec::new(),
        "retention" => Broken::RemovedInRetention { point, age, retention },
        "grid" => match apart(old, pruned.retention, grid) {
            None => Broken::RemovedWhereAllStay { point, age },
            Some(apart) if pruned.others.iter().any(|other| other.0 / apart == marked.0 / apart) => return Vec::new(),
            Some(apart) => Broken::LastOfItsHours {
                point,
                age,
                apart: Nanoseconds(apart),
            },
        },
        other => Broken::UnknownReason {
            point,
            age,
            reason: other.to_owned(),
        },
    };
    vec![broken]
}

fn seconds(duration: Nanoseconds) -> u64 {
    duration.0 / 1_000_000_000
}

/// Checks a point that stays although the last pruning, at `pruned_at` by the keeper's clock, should have removed it.
#[must_use]
pub fn check_kept(point: u64, marked: SimTime, retention: u64, pruned_at: SimTime) -> Vec<Broken> {
    let age = pruned_at.since(marked);
    if age <= retention {
        return Vec::new();
    }
    vec![Broken::KeptTooLong {
        point,
        age: Nanoseconds(age),
        retention: Nanoseconds(retention),
    }]
}

/// Checks a stored segment that was removed: `oldest` and `newest` are the batches of the oldest and the newest kept point, `elsewhere`
/// whether what it held lies somewhere else.
#[must_use]
pub fn check_removed(file: &str, (from, to): (u64, u64), kept: Option<(u64, u64)>, elsewhere: bool) -> Vec<Broken> {
    match kept {
        Some((oldest, newest)) if to > oldest && from <= newest && !elsewhere => vec![Broken::NeededRemoved {
            file: file.to_owned(),
            oldest,
            newest,
        }],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> SimTime {
        SimTime(minutes * 60_000_000_000)
    }

    fn now(minutes: u64) -> (SimTime, SimTime) {
        (at(minutes), at(minutes))
    }

    fn pruned<'a>(why: &'a str, marked: u64, retention_hours: u64, others: &'a [SimTime]) -> Pruned<'a> {
        Pruned {
            point: 1,
            marked: at(marked),
            why,
            retention: retention_hours * HOUR,
            newer: true,
            commit: false,
            tested: false,
            others,
        }
    }

    #[test]
    fn what_retention_and_grid_let_go_passes() {
        assert!(
            check_pruned(
                &pruned("retention", 0, 24, &[]),
                &Retention::default(),
                now(24 * 60 + 1)
            )
            .is_empty()
        );
        assert!(check_pruned(&pruned("grid", 5, 24, &[at(59)]), &Retention::default(), now(126)).is_empty());
        assert!(check_pruned(&pruned("grid", 5, 72, &[at(119)]), &Retention::default(), now(260)).is_empty());
        let commit = Pruned {
            commit: true,
            tested: false,
            newer: false,
            ..pruned("commit", 5, 24, &[])
        };
        assert!(check_pruned(&commit, &Retention::default(), now(6)).is_empty());
        assert!(check_kept(1, at(0), HOUR, at(60)).is_empty());
        assert!(check_removed("f", (3, 3), Some((3, 9)), false).is_empty());
        assert!(check_removed("f", (4, 4), Some((3, 9)), true).is_empty());
        assert!(check_removed("f", (4, 4), None, false).is_empty());
        assert!(check_removed("f", (10, 10), Some((3, 9)), false).is_empty());
    }

    #[test]
    fn each_way_to_let_a_point_go_too_early_is_found() {
        let others = [at(59), at(61), at(121), at(119)];
        let broken = [
            // Retention halved.
            (pruned("retention", 0, 24, &[]), 12 * 60 + 1),
            (pruned("grid", 5, 24, &others[..1]), 120),
            // Of an hour nothing stays.
            (pruned("grid", 5, 24, &others[1..2]), 200),
            (pruned("grid", 5, 72, &others[2..3]), 300),
            // Of a day's grid each hour keeps one; two hours are not enough.
            (pruned("grid", 5, 24, &others[3..]), 300),
            (pruned("commit", 5, 24, &[]), 300),
            (pruned("whim", 5, 24, &[]), 300),
            (
                Pruned {
                    newer: false,
                    ..pruned("retention", 0, 24, &[])
                },
                24 * 60 + 1,
            ),
        ];
        for (pruned, now) in broken {
            assert_eq!(
                check_pruned(&pruned, &Retention::default(), (at(now), at(now))).len(),
                1,
                "{pruned:?}"
            );
        }
        assert_eq!(check_kept(1, at(0), HOUR, at(61)).len(), 1);
        assert_eq!(check_removed("f", (4, 4), Some((3, 9)), false).len(), 1);
    }
}
