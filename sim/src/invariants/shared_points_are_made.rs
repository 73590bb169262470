//! **A group whose members can all be reached shares recovery points.**
//!
//! While all members are protected and nothing stands in the way, each of the policy's intervals brings a point that they share. What stands in
//! the way is a machine or a link that is down, a fault that concerns one of them, or one that concerns everybody (a port that is blocked).
//!
//! Why it holds: the coordinator tries at each interval, and a member refuses only while it is busy.

use super::Law;
use super::bound::Waited;

/// The law.
pub const LAW: Law = Law {
    name: "shared-points-are-made",
    statement: "a replication group whose members are all protected shares a recovery point at the policy's intervals, unless something stands in the way",
};

/// Checks how long nothing was shared.
#[must_use]
pub fn check(name: &str, waited: &Waited) -> Vec<String> {
    if !waited.is_overdue() {
        return Vec::new();
    }
    let (since, until, words) = (waited.since, waited.until, waited.words());
    vec![format!(
        "the replication group {name} shared no recovery point from {since} to {until} ({words})"
    )]
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::waited;
    use super::*;

    #[test]
    fn a_group_that_shares_nothing_is_found() {
        assert!(check("shop", &waited(5)).is_empty());
        assert_eq!(check("shop", &waited(6)).len(), 1);
    }
}
