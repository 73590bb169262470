//! **A copy that began ends, and one that ended is applied: a recovery point after it is processed.**
//!
//! Why it holds: a copy has as many bytes as its disk, and every piece is sent until it is stored; where the last is stored, the next
//! mark makes a point of it. Reference: facts §1.5 (initial replication, resynchronization), §4.3 (reprotection). A copy that is begun
//! anew takes the place of the one before.

use super::Law;
use super::bound::Waited;

/// The law.
pub const LAW: Law = Law {
    name: "copies-are-applied",
    statement: "a copy that began ends, and a recovery point after its end is processed, within what its bytes take on their way",
};

/// Checks a copy that is under way (`ended` false) or ended and not applied.
#[must_use]
pub fn check(disk: &str, waited: &Waited, ended: bool, reason: &str) -> Vec<String> {
    if !waited.is_overdue() {
        return Vec::new();
    }
    let (what, not) = if ended {
        ("ended", "no point after it is processed")
    } else {
        ("began", "it has not ended")
    };
    vec![format!(
        "the copy of {disk} {what} at {}, and at {} {not} ({}): {reason}",
        waited.since,
        waited.until,
        waited.words()
    )]
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::waited;
    use super::*;

    #[test]
    fn a_copy_that_stands_still_is_found() {
        for ended in [false, true] {
            assert_eq!(check("disk 0 of vm0", &waited(6), ended, "why").len(), 1);
            assert!(check("disk 0 of vm0", &waited(5), ended, "why").is_empty());
        }
    }
}
