//! **No recovery point is marked before the copies of all disks have ended, nor below the highest position of a copy.**
//!
//! Why it holds: a piece of a copy read at position p holds writes up to p. Below the highest p the target's disks are a mixture of
//! moments, and no prefix of the sequence. Reference: design §2, "One copy protocol": the first point is allowed at the highest p.

use datapath::replica::Mark;
use datapath::{DiskId, WriteSeq};

crate::law! {
    "no-point-during-copy", "a recovery point is marked only after the copies of all disks ended, at or above their highest position";

    NotCopied of disk { point: u64, disk: DiskId } =>
        "point {point} was marked while {disk} has not been copied in this protection";
    StillCopied of disk { point: u64, disk: DiskId } => "point {point} was marked while {disk} is still being copied";
    BelowCopy of disk { point: u64, disk: DiskId, highest: WriteSeq, write: WriteSeq } =>
        "point {point} was marked while {disk} was copied up to position {highest}, above the point's write {write}";
}

/// The newest copy of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The disk.
    pub disk: DiskId,
    /// Its highest position, once it has ended.
    pub highest: Option<WriteSeq>,
}

/// Checks a mark against the newest copies of the machine's disks; one that is missing from `copies` was never copied.
#[must_use]
pub fn check(mark: &Mark, disks: &[DiskId], copies: &[Copied]) -> Vec<Broken> {
    let (point, write) = (mark.point, mark.seq);
    let broken = |disk: &DiskId| {
        let copy = copies.iter().find(|copy| copy.disk == *disk);
        let disk = *disk;
        match copy.map(|copy| copy.highest) {
            None => Some(Broken::NotCopied { point, disk }),
            Some(None) => Some(Broken::StillCopied { point, disk }),
            Some(Some(highest)) if highest > mark.seq => Some(Broken::BelowCopy {
                point,
                disk,
                highest,
                write,
            }),
            Some(Some(_)) => None,
        }
    };
    disks.iter().filter_map(broken).collect()
}

#[cfg(test)]
mod tests {
    use datapath::replica::Consistency;
    use datapath::{SimTime, VmId};

    use super::*;

    const MARK: Mark = Mark {
        point: 1,
        seq: WriteSeq(40),
        consistency: Consistency::Crash,
        marked: SimTime(9),
        marked_source: SimTime(9),
        life: 0,
        shared: None,
    };

    #[test]
    fn a_point_before_the_copies_end_is_found() {
        let disk = |index| DiskId { vm: VmId(2), index };
        let disks = [disk(0), disk(1)];
        let copied = |index, highest: Option<u64>| Copied {
            disk: disk(index),
            highest: highest.map(WriteSeq),
        };
        assert!(check(&MARK, &disks, &[copied(0, Some(40)), copied(1, Some(3))]).is_empty());
        assert_eq!(
            check(&MARK, &disks, &[copied(0, Some(41)), copied(1, Some(3))]).len(),
            1
        );
        assert_eq!(check(&MARK, &disks, &[copied(0, Some(40)), copied(1, None)]).len(), 1);
        assert_eq!(check(&MARK, &disks, &[copied(0, Some(40))]).len(), 1);
    }
}
