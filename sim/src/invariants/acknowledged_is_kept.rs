//! **What a hop acknowledged reaches the next one, or the protection ends.**
//!
//! Why it holds: the agent forgets a change only when the process server has it on its disk, and the process server only when the target has it.
//! So a batch that the process server acknowledged gets its tag. Reference: design §2, "Acknowledgement, not arrival".
//!
//! "Eventually" is [`super::bound`]'s: only the machines and links between this machine's process server and its target excuse a wait, and
//! only while they are down.

use super::bound::Waited;

crate::law! {
    "acknowledged-is-kept", "a batch that the process server acknowledged was cut, and gets its tag unless the protection ends";

    NeverCut { batch: u64, newest_cut: u64 } =>
        "the process server acknowledged batch {batch}; the newest that was cut is {newest_cut}";
    NoTag { batch: u64, waited: Waited, behind: u64, reason: String } =>
        "batch {batch} was acknowledged at {} and has no tag at {}; {behind} acknowledged batches wait behind it ({waited}): \
         {reason}", waited.since, waited.until;
    LateTag { batch: u64, waited: Waited } =>
        "batch {batch} was acknowledged at {} and got its tag at {} only ({waited})", waited.since, waited.until;
}

/// Checks an acknowledgement of a batch.
#[must_use]
pub fn check_cached(batch: u64, newest_cut: u64) -> Vec<Broken> {
    if batch == 0 || batch > newest_cut {
        return vec![Broken::NeverCut { batch, newest_cut }];
    }
    Vec::new()
}

/// Checks the wait of an acknowledged batch for its tag. `behind` says how many wait behind it where it has none yet, and what is not met.
#[must_use]
pub fn check_tag(batch: u64, waited: &Waited, behind: Option<(u64, &str)>) -> Vec<Broken> {
    if !waited.is_overdue() {
        return Vec::new();
    }
    let waited = *waited;
    vec![match behind {
        Some((behind, reason)) => Broken::NoTag {
            batch,
            waited,
            behind,
            reason: reason.to_owned(),
        },
        None => Broken::LateTag { batch, waited },
    }]
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::waited;
    use super::*;
    use crate::findings::Violation;

    #[test]
    fn a_batch_that_is_never_tagged_is_found() {
        let found = check_tag(7, &waited(6), Some((2, "batch 7 has no segment of disk 0")));
        assert!(found[0].text().ends_with("no segment of disk 0"), "{found:?}");
        assert_eq!(check_tag(7, &waited(6), None).len(), 1);
        assert_eq!(check_cached(4, 3).len(), 1);
        assert_eq!(check_cached(0, 3).len(), 1);
    }

    #[test]
    fn a_wait_that_is_short_passes() {
        assert!(check_tag(7, &waited(5), Some((2, ""))).is_empty());
        assert!(check_cached(3, 3).is_empty());
    }
}
