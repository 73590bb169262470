//! **A batch that was cut gets its tag at the target, or one after it does.**
//!
//! Why it holds: what is in the journal is sent until the process server has it, and what that has is sent until the target has it. A batch
//! that is given up (cut anew, or overtaken after a resynchronization) is replaced by a later one. Reference: design §2. The second half
//! of the way, from the process server's acknowledgement on, has a law of its own: [`super::acknowledged_is_kept`].

use super::bound::Waited;

crate::law! {
    "cut-is-stored", "a batch that was cut gets its tag, or a later one, within what the bytes before it take on their way";

    NoTag { batch: u64, waited: Waited, reason: String } =>
        "batch {batch} was cut at {} and has no tag at {} ({waited}): {reason}", waited.since, waited.until;
    LateTag { batch: u64, waited: Waited } =>
        "batch {batch} was cut at {} and got its tag at {} only ({waited})", waited.since, waited.until;
}

/// Checks a batch's wait for its tag; `reason` says how far it is where it has none.
#[must_use]
pub fn check(batch: u64, waited: &Waited, reason: Option<&str>) -> Vec<Broken> {
    if !waited.is_overdue() {
        return Vec::new();
    }
    let waited = *waited;
    vec![match reason {
        Some(reason) => Broken::NoTag {
            batch,
            waited,
            reason: reason.to_owned(),
        },
        None => Broken::LateTag { batch, waited },
    }]
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::waited;
    use super::*;

    #[test]
    fn a_batch_that_arrives_nowhere_is_found() {
        assert_eq!(check(7, &waited(6), Some("no process server has it")).len(), 1);
        assert_eq!(check(7, &waited(6), None).len(), 1);
        assert!(check(7, &waited(5), Some("no process server has it")).is_empty());
    }
}
