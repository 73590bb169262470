//! **A life begins with the disks that it should: those of the recovered point, those that the stop before left, or, after a cut of the power,
//! those with some of what was not flushed and all that was.**
//!
//! Why it holds: a disk keeps what was flushed; what was not may be lost or torn, extent by extent (an extent of 4 KiB is written whole or
//! not at all: our model of a sector). Its first write follows all that its disks hold. Reference: design §3, "The disk port".

use actors::nouns::Life;
use datapath::{DiskId, WriteSeq};

use crate::oracle::compare::{Comparison, Differs, Expect, Held, compare_disk};
use crate::oracle::history::History;

crate::law! {
    "life-begins-right", "a life begins with the disks of its point, or with all that was flushed before the stop, and numbers its writes above";

    NotAsRecovered of disk { disk: DiskId, write: WriteSeq, found: Differs } =>
        "a life began with {disk}, which should be as after write {write}: {found}";
    FlushedLost of disk { disk: DiskId, flushed: WriteSeq, found: Differs } =>
        "a life began after a cut with {disk}, of which all up to write {flushed} was flushed: {found}";
    NumbersAgain { first: WriteSeq, held: WriteSeq } =>
        "a life numbers its writes from {first} on, its disks may hold writes up to {held}";
    ParentNotSeen { life: Life, parent: Option<Life> } => "{life:?} begins from {parent:?}, a life that was not seen";
    DiskNotShown of disk { life: Life, disk: DiskId } => "{life:?} began, but {disk} was not shown";
}

/// Checks a disk at the start of a life.
#[must_use]
pub fn check_disk(disk: DiskId, history: &History, expect: Expect, held: &dyn Held) -> (Vec<Broken>, Comparison) {
    let comparison = compare_disk(history, expect, held);
    let broken = comparison.differs().map(|found| match expect {
        Expect::At(write) => Broken::NotAsRecovered { disk, write, found },
        Expect::Since(flushed) => Broken::FlushedLost { disk, flushed, found },
    });
    (broken.into_iter().collect(), comparison)
}

/// Checks the number before a life's first write against the last that its disks may hold.
#[must_use]
pub fn check_sequence(before_first: WriteSeq, held: WriteSeq) -> Vec<Broken> {
    if before_first >= held {
        return Vec::new();
    }
    vec![Broken::NumbersAgain {
        first: before_first.next(),
        held,
    }]
}
