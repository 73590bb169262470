//! **No recovery point is marked before the copies of all disks have ended, nor below the highest position of a copy.**
//!
//! Why it holds: a piece of a copy read at position p holds writes up to p. Below the highest p the target's disks are a mixture of
//! moments, and no prefix of the sequence. Reference: design §2, "One copy protocol": the first point is allowed at the highest p.

use datapath::replica::Mark;
use datapath::{DiskId, WriteSeq};

use super::Law;

/// The law.
pub const LAW: Law = Law {
    name: "no-point-during-copy",
    statement: "a recovery point is marked only after the copies of all disks ended, at or above their highest position",
};

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
pub fn check(mark: &Mark, disks: &[DiskId], copies: &[Copied]) -> Vec<String> {
    disks
        .iter()
        .filter_map(|disk| {
            let copy = copies.iter().find(|copy| copy.disk == *disk);
            let why = match copy.map(|copy| copy.highest) {
                None => "has not been copied in this protection".to_owned(),
                Some(None) => "is still being copied".to_owned(),
                Some(Some(highest)) if highest > mark.seq => {
                    format!(
                        "was copied up to position {}, above the point's write {}",
                        highest.0, mark.seq.0
                    )
                }
                Some(Some(_)) => return None,
            };
            Some(format!(
                "point {} was marked while disk {} of vm{} {why}",
                mark.point, disk.index, disk.vm.0
            ))
        })
        .collect()
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
