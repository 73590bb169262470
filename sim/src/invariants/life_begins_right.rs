//! **A life begins with the disks that it should: those of the recovered point, those that the stop before left, or, after a cut of the power,
//! those with some of what was not flushed and all that was.**
//!
//! Why it holds: a disk keeps what was flushed; what was not may be lost or torn, extent by extent (an extent of 4 KiB is written whole or
//! not at all: our model of a sector). Its first write follows all that its disks hold. Reference: design §3, "The disk port".

use datapath::WriteSeq;

use super::Law;
use crate::oracle::compare::{Comparison, Expect, Held, compare_disk};
use crate::oracle::history::History;

/// The law.
pub const LAW: Law = Law {
    name: "life-begins-right",
    statement: "a life begins with the disks of its point, or with all that was flushed before the stop, and numbers its writes above",
};

/// Checks a disk at the start of a life.
#[must_use]
pub fn check_disk(disk: &str, history: &History, expect: Expect, held: &dyn Held) -> (Vec<String>, Comparison) {
    let comparison = compare_disk(history, expect, held);
    let what = match expect {
        Expect::At(seq) => format!("a life began with {disk}, which should be as after write {}", seq.0),
        Expect::Since(seq) => format!(
            "a life began after a cut with {disk}, of which all up to write {} was flushed",
            seq.0
        ),
    };
    (comparison.verdict(&what).into_iter().collect(), comparison)
}

/// Checks the number before a life's first write against the last that its disks may hold.
#[must_use]
pub fn check_sequence(before_first: WriteSeq, held: WriteSeq) -> Vec<String> {
    if before_first >= held {
        return Vec::new();
    }
    vec![format!(
        "a life numbers its writes from {} on, its disks may hold writes up to {}",
        before_first.0 + 1,
        held.0
    )]
}
