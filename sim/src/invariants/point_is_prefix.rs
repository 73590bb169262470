//! **A recovery point is a prefix of the machine's write sequence: each disk holds, at the point, what the guest had written up to its
//! mark, and nothing else.**
//!
//! Why it holds: batches are applied whole and in order, folding stays inside a batch, and copies carry positions. Reference: design §2,
//! "one order of writes per VM".
//!
//! Judged at every processed point, against what the target reads back: the extents that it says changed since the point before must hold
//! the expected content, and every extent that the guest wrote to in between must be among them. For the first point after a copy the
//! target may show whole disks; then every extent is judged. Together with the judgement of the point before, that is the whole disk.

use datapath::Run;
use datapath::replica::Mark;

use super::Law;
use crate::oracle::compare::{Comparison, Expect, Held, compare_disk, compare_runs};
use crate::oracle::history::History;
use crate::oracle::ranges::Ranges;

/// The law.
pub const LAW: Law = Law {
    name: "point-is-prefix",
    statement: "at each recovery point every disk holds what the guest had written up to the mark, and nothing else",
};

/// Checks what the target shows of a disk for a point: changed runs.
#[must_use]
pub fn check_runs(disk: &str, history: &History, mark: &Mark, runs: &[Run], changed: &Ranges) -> (Vec<String>, u64) {
    let comparison = compare_runs(history, Expect::At(mark.seq), runs);
    let mut violations = words(disk, mark, &comparison);
    let shown = runs.iter().map(|run| (run.start.0, run.end().0)).collect();
    let missing = changed.minus(&Ranges::from_unordered(shown));
    if let Some((from, to)) = missing.as_slice().first() {
        violations.push(format!(
            "point {} (write {}), {disk}: the guest wrote to {} extents since the point before that the target does not show as changed; \
             the first are {from} to {to}",
            mark.point,
            mark.seq.0,
            missing.extents()
        ));
    }
    (violations, comparison.extents)
}

/// Checks a whole disk as the target holds it at a point.
#[must_use]
pub fn check_disk(disk: &str, history: &History, mark: &Mark, held: &dyn Held) -> (Vec<String>, u64) {
    let comparison = compare_disk(history, Expect::At(mark.seq), held);
    (words(disk, mark, &comparison), comparison.extents)
}

fn words(disk: &str, mark: &Mark, comparison: &Comparison) -> Vec<String> {
    let what = format!("point {} (write {}), {disk}", mark.point, mark.seq.0);
    comparison.verdict(&what).into_iter().collect()
}
