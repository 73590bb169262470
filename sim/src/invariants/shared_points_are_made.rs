//! **A group whose members can all be reached shares recovery points.**
//!
//! While all members are protected and nothing stands in the way, each of the policy's intervals brings a point that they share. What stands in
//! the way is a machine or a link that is down, a fault that concerns one of them, or one that concerns everybody (a port that is blocked).
//!
//! Why it holds: the coordinator tries at each interval, and a member refuses only while it is busy.

use super::bound::Waited;

crate::law! {
    "shared-points-are-made", "a replication group whose members are all protected shares a recovery point at the policy's intervals, unless something stands in the way";

    NothingShared { group: String, waited: Waited } =>
        "the replication group {group} shared no recovery point from {} to {} ({waited})", waited.since, waited.until;
}

/// Checks how long nothing was shared.
#[must_use]
pub fn check(name: &str, waited: &Waited) -> Vec<Broken> {
    if !waited.is_overdue() {
        return Vec::new();
    }
    vec![Broken::NothingShared {
        group: name.to_owned(),
        waited: *waited,
    }]
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
