//! **A recovery point is a prefix of the machine's write sequence: each disk holds, at the point, what the guest had written up to its
//! mark, and nothing else.**
//!
//! Why it holds: batches are applied whole and in order, folding stays inside a batch, and copies carry positions. Reference: design §2,
//! "one order of writes per VM".
//!
//! Judged at every processed point, against what the target reads back: the extents that it says changed since the point before must hold
//! the expected content, and every extent that the guest wrote to in between must be among them. For the first point after a copy the
//! target may show whole disks; then every extent is judged. Together with the judgement of the point before, that is the whole disk.

use datapath::replica::Mark;
use datapath::{DiskId, Run, WriteSeq};

use crate::oracle::compare::{Comparison, Differs, Expect, Held, compare_disk, compare_runs};
use crate::oracle::history::History;
use crate::oracle::ranges::Ranges;

crate::law! {
    "point-is-prefix", "at each recovery point every disk holds what the guest had written up to the mark, and nothing else";

    OtherContent of disk { point: u64, write: WriteSeq, disk: DiskId, found: Differs } =>
        "point {point} (write {write}), {disk}: {found}";
    ChangeNotShown of disk { point: u64, write: WriteSeq, disk: DiskId, extents: u64, from: u64, to: u64 } =>
        "point {point} (write {write}), {disk}: the guest wrote to {extents} extents since the point before that the target does not show as \
         changed; the first are {from} to {to}";
    DiskNotShown of disk { point: u64, disk: DiskId } => "point {point}: {disk} was not shown";
}

/// Checks what the target shows of a disk for a point: changed runs.
#[must_use]
pub fn check_runs(disk: DiskId, history: &History, mark: &Mark, runs: &[Run], changed: &Ranges) -> Vec<Broken> {
    let comparison = compare_runs(history, Expect::At(mark.seq), runs);
    let mut violations = other_content(disk, mark, &comparison);
    let shown = runs.iter().map(|run| (run.start.0, run.end().0)).collect();
    let missing = changed.minus(&Ranges::from_unordered(shown));
    if let Some((from, to)) = missing.as_slice().first() {
        violations.push(Broken::ChangeNotShown {
            point: mark.point,
            write: mark.seq,
            disk,
            extents: missing.extents(),
            from: *from,
            to: *to,
        });
    }
    violations
}

/// Checks a whole disk as the target holds it at a point.
#[must_use]
pub fn check_disk(disk: DiskId, history: &History, mark: &Mark, held: &dyn Held) -> Vec<Broken> {
    other_content(disk, mark, &compare_disk(history, Expect::At(mark.seq), held))
}

fn other_content(disk: DiskId, mark: &Mark, comparison: &Comparison) -> Vec<Broken> {
    let broken = |found| Broken::OtherContent {
        point: mark.point,
        write: mark.seq,
        disk,
        found,
    };
    comparison.differs().map(broken).into_iter().collect()
}
