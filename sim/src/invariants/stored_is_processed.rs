//! **A recovery point that is stored is processed, or a newer one is.**
//!
//! Why it holds: the target processes what is complete, in order, and asks for nothing but time; what is incomplete is brought by those who
//! have it. A point that is stored counts for the RPO (facts §1.3), so one that nobody can ever use makes a figure look well that is not.
//! Reference: design §2. The bound is [`super::bound`]'s; the wait ends with the protection, or where a failover begins (that it ends is
//! [`super::operations_end`]'s).

use super::bound::Waited;

crate::law! {
    "stored-is-processed", "a recovery point that is stored is processed, or a newer one, within what the bytes that wait take on their way";

    NotProcessed { point: u64, waited: Waited, behind: u64, reason: String } =>
        "point {point} was stored at {} and is not processed at {}{} ({waited}): {reason}", waited.since, waited.until, behind_it(*behind);
    ProcessedLate { point: u64, waited: Waited } =>
        "point {point} was stored at {} and is processed at {} only ({waited})", waited.since, waited.until;
}

/// Checks a point's wait. `processed` says whether that is over, `behind` how many stored points wait behind it, `reason` what is not met.
#[must_use]
pub fn check(point: u64, waited: &Waited, processed: bool, behind: u64, reason: &str) -> Vec<Broken> {
    if !waited.is_overdue() {
        return Vec::new();
    }
    let waited = *waited;
    vec![match processed {
        true => Broken::ProcessedLate { point, waited },
        false => Broken::NotProcessed {
            point,
            waited,
            behind,
            reason: reason.to_owned(),
        },
    }]
}

fn behind_it(behind: u64) -> String {
    match behind {
        0 => String::new(),
        more => format!(", nor are {more} stored after it"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::waited;
    use super::*;
    use crate::findings::Violation;

    #[test]
    fn a_point_that_is_never_processed_is_found_with_the_reason() {
        let found = check(12, &waited(69), false, 3, "batch 97 before it has no tag");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].text().ends_with(": batch 97 before it has no tag"),
            "{found:?}"
        );
        assert!(found[0].text().contains("nor are 3"), "{found:?}");
        assert_eq!(check(12, &waited(69), true, 0, "").len(), 1);
    }

    #[test]
    fn one_that_waits_within_the_bound_passes() {
        assert!(check(12, &waited(4), false, 0, "").is_empty());
    }
}
