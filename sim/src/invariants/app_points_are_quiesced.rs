//! **An app-consistent point is one for which the guest flushed: it ends at the write up to which the guest's flush for it went, and holds
//! everything that had been flushed when it was marked.**
//!
//! Why it holds: the agent asks the guest to flush its buffers (VSS, or scripts on Linux), and marks at the write that the flush covers,
//! not at the one that happens to be the last. Reference: facts §1.3 and §2.2 (app-consistent snapshots).

use datapath::replica::{Consistency, Mark};
use datapath::{SimTime, WriteSeq};

crate::law! {
    "app-points-are-quiesced", "an app-consistent point ends where the guest's flush for it went, and holds all that was flushed at its mark";

    NotFlushedFor { point: u64, write: WriteSeq } =>
        "point {point} is app-consistent and ends at write {write}, up to which the guest did not flush for it";
    FlushedBeyond { point: u64, write: WriteSeq, flushed: WriteSeq } =>
        "point {point} is app-consistent and ends at write {write}; at its mark all up to write {flushed} was flushed";
}

/// Checks a mark that was cut; `flushes` are the newest flushes of the guest: when they were complete, and up to which write.
#[must_use]
pub fn check(mark: &Mark, flushes: &[(SimTime, WriteSeq)]) -> Vec<Broken> {
    if mark.consistency != Consistency::App {
        return Vec::new();
    }
    let (point, write) = (mark.point, mark.seq);
    let mut violations = Vec::new();
    if !flushes.iter().any(|(at, seq)| *at >= mark.marked && *seq == mark.seq) {
        violations.push(Broken::NotFlushedFor { point, write });
    }
    let before = flushes.iter().filter(|(at, _)| *at <= mark.marked);
    if let Some(flushed) = before.map(|(_, seq)| *seq).max().filter(|seq| *seq > mark.seq) {
        violations.push(Broken::FlushedBeyond { point, write, flushed });
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_that_nobody_flushed_for_is_found() {
        let mark = |consistency, seq| Mark {
            point: 2,
            seq: WriteSeq(seq),
            consistency,
            marked: SimTime(50),
            marked_source: SimTime(50),
            life: 0,
            shared: None,
        };
        let flushes = [(SimTime(40), WriteSeq(7)), (SimTime(60), WriteSeq(9))];
        assert!(check(&mark(Consistency::App, 9), &flushes).is_empty());
        assert!(check(&mark(Consistency::Crash, 8), &flushes).is_empty());
        assert_eq!(check(&mark(Consistency::App, 8), &flushes).len(), 1);
        // The flush was before the mark: it was not for it.
        assert_eq!(check(&mark(Consistency::App, 7), &flushes).len(), 1);
        assert_eq!(check(&mark(Consistency::App, 6), &flushes).len(), 2);
        assert_eq!(check(&mark(Consistency::App, 9), &[]).len(), 1);
    }
}
