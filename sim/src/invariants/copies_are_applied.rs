//! **A copy that began ends, and one that ended is applied: a recovery point after it is processed.**
//!
//! Why it holds: a copy has as many bytes as its disk, and every piece is sent until it is stored; where the last is stored, the next
//! mark makes a point of it. Reference: facts §1.5 (initial replication, resynchronization), §4.3 (reprotection). A copy that is begun
//! anew takes the place of the one before.

use datapath::DiskId;

use super::bound::Waited;

crate::law! {
    "copies-are-applied", "a copy that began ends, and a recovery point after its end is processed, within what its bytes take on their way";

    NotEnded of disk { disk: DiskId, waited: Waited, reason: String } =>
        "the copy of {disk} began at {}, and at {} it has not ended ({waited}): {reason}", waited.since, waited.until;
    NotApplied of disk { disk: DiskId, waited: Waited, reason: String } =>
        "the copy of {disk} ended at {}, and at {} no point after it is processed ({waited}): {reason}", waited.since, waited.until;
}

/// Checks a copy that is under way (`ended` false) or ended and not applied.
#[must_use]
pub fn check(disk: DiskId, waited: &Waited, ended: bool, reason: &str) -> Vec<Broken> {
    if !waited.is_overdue() {
        return Vec::new();
    }
    let (waited, reason) = (*waited, reason.to_owned());
    vec![match ended {
        true => Broken::NotApplied { disk, waited, reason },
        false => Broken::NotEnded { disk, waited, reason },
    }]
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::waited;
    use datapath::VmId;

    use super::*;

    const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };

    #[test]
    fn a_copy_that_stands_still_is_found() {
        for ended in [false, true] {
            assert_eq!(check(DISK, &waited(6), ended, "why").len(), 1);
            assert!(check(DISK, &waited(5), ended, "why").is_empty());
        }
    }
}
