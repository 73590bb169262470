//! **A state of transition ends.**
//!
//! Enabling, initial replication, resynchronization, failover, reprotection and failback are ways, not places (facts §4.1). Why it holds:
//! each is a number of rounds and a number of bytes. A state whose operation failed is the operator's to leave: the operation can be
//! asked for again.

use actors::nouns::ItemState::{self, *};

use super::bound::Waited;

crate::law! {
    "transitions-end", "a machine leaves a state of transition within what its bytes take on their way, unless its operation failed";

    LeftLate { state: ItemState, waited: Waited } =>
        "the machine was {} from {} to {} ({waited})", state.name(), waited.since, waited.until;
    NotLeft { state: ItemState, waited: Waited, reason: String } =>
        "the machine is {} since {}, and at {} still ({waited}): {reason}", state.name(), waited.since, waited.until;
}

/// Whether a state is one of transition.
#[must_use]
pub fn is_transition(state: ItemState) -> bool {
    matches!(
        state,
        EnableInProgress
            | InitialReplication
            | Resynchronizing
            | FailoverInProgress
            | ReprotectInProgress
            | FailbackInProgress
    )
}

/// Checks a state of transition that was left, or that lasts at the end of the run.
#[must_use]
pub fn check(state: ItemState, waited: &Waited, left: bool, reason: &str) -> Vec<Broken> {
    if !waited.is_overdue() {
        return Vec::new();
    }
    let waited = *waited;
    vec![match left {
        true => Broken::LeftLate { state, waited },
        false => Broken::NotLeft {
            state,
            waited,
            reason: reason.to_owned(),
        },
    }]
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::waited;
    use super::*;
    use crate::findings::Violation;

    #[test]
    fn a_transition_without_end_is_found() {
        let found = check(Resynchronizing, &waited(60), false, "no copy of it began");
        assert!(found[0].text().contains("resynchronizing since"), "{found:?}");
        assert!(found[0].text().ends_with("no copy of it began"), "{found:?}");
        assert_eq!(check(Resynchronizing, &waited(60), true, "").len(), 1);
        assert!(check(Resynchronizing, &waited(5), false, "").is_empty());
    }

    #[test]
    fn a_place_is_no_transition() {
        assert!(is_transition(ReprotectInProgress) && is_transition(EnableInProgress));
        for place in [Unprotected, Protected, ProtectedReverse, FailoverCommitPending] {
            assert!(!is_transition(place), "{place:?}");
        }
    }
}
