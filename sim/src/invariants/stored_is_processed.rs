//! **A recovery point that is stored is processed, or a newer one is.**
//!
//! Why it holds: the target processes what is complete, in order, and asks for nothing but time; what is incomplete is brought by those who
//! have it. A point that is stored counts for the RPO (facts §1.3), so one that nobody can ever use makes a figure look well that is not.
//! Reference: design §2. The bound is [`super::bound`]'s; the wait ends with the protection, or where a failover begins (that it ends is
//! [`super::operations_end`]'s).

use super::Law;
use super::bound::Waited;

/// The law.
pub const LAW: Law = Law {
    name: "stored-is-processed",
    statement: "a recovery point that is stored is processed, or a newer one, within what the bytes that wait take on their way",
};

/// Checks a point's wait. `processed` says whether that is over, `behind` how many stored points wait behind it, `reason` what is not met.
#[must_use]
pub fn check(point: u64, waited: &Waited, processed: bool, behind: u64, reason: &str) -> Vec<String> {
    if !waited.is_overdue() {
        return Vec::new();
    }
    if processed {
        return vec![format!(
            "point {point} was stored at {} and is processed at {} only ({})",
            waited.since,
            waited.until,
            waited.words()
        )];
    }
    let behind = match behind {
        0 => String::new(),
        more => format!(", nor are {more} stored after it"),
    };
    vec![format!(
        "point {point} was stored at {} and is not processed at {}{behind} ({}): {reason}",
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
    fn a_point_that_is_never_processed_is_found_with_the_reason() {
        let found = check(12, &waited(69), false, 3, "batch 97 before it has no tag");
        assert_eq!(found.len(), 1);
        assert!(found[0].ends_with(": batch 97 before it has no tag"), "{found:?}");
        assert!(found[0].contains("nor are 3"), "{found:?}");
        assert_eq!(check(12, &waited(69), true, 0, "").len(), 1);
    }

    #[test]
    fn one_that_waits_within_the_bound_passes() {
        assert!(check(12, &waited(4), false, 0, "").is_empty());
    }
}
