//! **As long as a recovery point is shown, each disk can be put together as it was at the point from nothing but what lies at the target: its
//! stored segments, and what is written down of the replica.**
//!
//! [`super::point_is_prefix`] judges what the target shows of a point when it is processed, and [`super::recovered_is_point`] what it makes of
//! one when it is taken: both are what a process had in its memory, and say nothing of a point that lies there and waits. A segment that is
//! dropped before the base that has it folded in is on a disk is missed by neither, until somebody needs the point after the process was gone.
//!
//! Why it holds: a checkpoint is written with each point that is told, and before segments are dropped that the one before still needs; pruning
//! folds up to the oldest kept point and no further. Reference: design §2, "Replica".
//!
//! Judged for the oldest and the newest point that is shown, and the one that a failover took: after one pruning in eight, when a
//! failover has taken one, and for one of the machines at the end of the run. The oracle lists the files of the storage account (on the way back: the master target's), leaves
//! out what no flush has made durable, opens each segment with its own reader, and puts them in the order of their positions over the base
//! and the layers that are written down. Where an extent is not right so, it is lost if none of those volumes has it either: a piece of a copy that is
//! folded in, and not dropped yet, is older than what was written over it. Not judged where a fault of the run lets what is stored rot or a disk
//! lie: what they take is gone. In the aggregate grain there is nothing to put together.

use datapath::volume::Volume;
use datapath::{DiskId, Extent, WriteSeq};

use crate::oracle::compare::{Differs, Expect, compare_disk};
use crate::oracle::history::History;
use crate::oracle::print::Print;

crate::law! {
    "points-can-be-restored", "as long as a recovery point is shown, what lies at the target is enough to put its disks together";

    ContentLost of disk { disk: DiskId, point: u64, write: WriteSeq, segments: usize, found: Differs } =>
        "{disk} cannot be put together as of point {point} (write {write}) from {segments} stored segments and what is written down of the \
         replica: {found}";
    NothingWrittenDown of disk { disk: DiskId, point: u64 } => "point {point} is shown, and nothing is written down of the replica of {disk}";
}

/// Extents that are named.
const NAMED: usize = 3;

/// A disk as it was put together.
pub struct Restored {
    /// The disk.
    pub disk: Volume,
    /// What else can have what it lacks: the volumes that it was put together from, and pieces of copies, each on an empty disk.
    pub holders: Vec<Volume>,
    /// How many segments there were.
    pub segments: usize,
}

/// Checks a disk of a point (its number, and its last write) as it was put together; none where there was nothing to begin with.
#[must_use]
pub fn check(
    disk: DiskId,
    history: &History,
    (point, write): (u64, WriteSeq),
    restored: Option<&Restored>,
) -> Vec<Broken> {
    let Some(restored) = restored else {
        return vec![Broken::NothingWrittenDown { disk, point }];
    };
    let Some(mut found) = compare_disk(history, Expect::At(write), &restored.disk).differs() else {
        return Vec::new();
    };
    if restored.disk.bytes() == history.bytes {
        let lost = lost(history, write, restored);
        if lost.is_empty() {
            return Vec::new();
        }
        let named: Vec<String> = lost.iter().take(NAMED).map(|extent| extent.to_string()).collect();
        found.wrong = lost.len() as u64;
        found.described = format!("nothing holds what they held; the first are {}", named.join(", "));
    }
    let segments = restored.segments;
    vec![Broken::ContentLost {
        disk,
        point,
        write,
        segments,
        found,
    }]
}

/// Extents of which nothing that lies there holds what they held.
fn lost(history: &History, write: WriteSeq, restored: &Restored) -> Vec<u64> {
    let holds = |volume: &Volume, extent: u64, should: Print| {
        let runs = volume.read(Extent(extent), 1).unwrap_or_default();
        runs.first()
            .is_some_and(|run| history.print_in(&run.content, 0) == should)
    };
    let extents = 0..history.extents();
    let is_lost = |extent: &u64| {
        let Some(should) = history.print_at(*extent, write) else {
            return false;
        };
        let mut all = std::iter::once(&restored.disk).chain(&restored.holders);
        !all.any(|holder| holds(holder, *extent, should))
    };
    extents.filter(is_lost).collect()
}

#[cfg(test)]
mod tests {
    use datapath::volume::{Budget, PageStore};
    use datapath::{Class, Content, EXTENT_BYTES, Grain, Run, VmId};

    use super::*;
    use crate::findings::Violation;
    use crate::oracle::root::Root;

    const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };

    fn run(extent: u64, version: u64) -> Run {
        let content = Content::Version {
            version: WriteSeq(version),
            class: Class(0),
        };
        Run {
            start: Extent(extent),
            extents: 1,
            content,
        }
    }

    fn disk(runs: &[(u64, u64)]) -> Volume {
        let store = PageStore::sharing(&Budget::new(1 << 20), None);
        let mut volume = Volume::new(&store, Grain::Extent, 8 * EXTENT_BYTES);
        for (extent, version) in runs {
            volume.write(&run(*extent, *version)).expect("in memory");
        }
        volume
    }

    fn restored(runs: &[(u64, u64)], holders: &[&[(u64, u64)]]) -> Restored {
        Restored {
            disk: disk(runs),
            holders: holders.iter().map(|runs| disk(runs)).collect(),
            segments: 1,
        }
    }

    #[test]
    fn what_nothing_holds_is_lost_and_what_something_holds_is_not() {
        let mut history = History::new(Root::new(None, Grain::Extent), Grain::Extent, 8 * EXTENT_BYTES);
        for (seq, extent) in [(1, 2), (2, 3), (3, 2), (4, 5)] {
            history.write(WriteSeq(seq), &run(extent, seq));
        }
        let at = |write: u64, restored: &Restored| check(DISK, &history, (7, WriteSeq(write)), Some(restored));
        assert!(at(3, &restored(&[(2, 3), (3, 2)], &[])).is_empty());
        // What came after the point has no business in it.
        assert_eq!(at(3, &restored(&[(2, 3), (3, 2), (5, 4)], &[])).len(), 1);
        let found = at(3, &restored(&[(2, 1), (3, 2)], &[]));
        assert!(found[0].text().ends_with("the first are 2"), "{}", found[0].text());
        // Something newer lies over it, and what it was is still there.
        assert!(at(3, &restored(&[(2, 1), (3, 2)], &[&[(5, 4)], &[(2, 3)]])).is_empty());
        assert_eq!(
            check(DISK, &history, (7, WriteSeq(3)), None)[0].shape(),
            "nothing-written-down"
        );
    }
}
