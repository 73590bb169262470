//! **A state of transition ends.**
//!
//! Enabling, initial replication, resynchronization, failover, reprotection and failback are ways, not places (facts §4.1). Why it holds:
//! each is a number of rounds and a number of bytes. A state whose operation failed is the operator's to leave: the operation can be
//! asked for again.

use actors::facts::ItemState::{self, *};

use super::Law;
use super::bound::Waited;

/// The law.
pub const LAW: Law = Law {
    name: "transitions-end",
    statement: "a machine leaves a state of transition within what its bytes take on their way, unless its operation failed",
};

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

/// A state's name as the scenario file has it.
#[must_use]
pub fn name(state: ItemState) -> &'static str {
    match state {
        Unprotected => "unprotected",
        EnableInProgress => "enable-in-progress",
        InitialReplication => "initial-replication",
        Protected => "protected",
        Resynchronizing => "resynchronizing",
        FailoverInProgress => "failover-in-progress",
        FailoverCommitPending => "failover-commit-pending",
        FailoverCommitted => "failover-committed",
        ReprotectInProgress => "reprotect-in-progress",
        ProtectedReverse => "protected-reverse",
        FailbackInProgress => "failback-in-progress",
        FailbackCommitPending => "failback-commit-pending",
        OnPremisesUnprotected => "on-premises-unprotected",
    }
}

/// Checks a state of transition that was left, or that lasts at the end of the run.
#[must_use]
pub fn check(state: ItemState, waited: &Waited, left: bool, reason: &str) -> Vec<String> {
    if !waited.is_overdue() {
        return Vec::new();
    }
    let (state, words) = (name(state), waited.words());
    vec![if left {
        format!(
            "the machine was {state} from {} to {} ({words})",
            waited.since, waited.until
        )
    } else {
        format!(
            "the machine is {state} since {}, and at {} still ({words}): {reason}",
            waited.since, waited.until
        )
    }]
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::waited;
    use super::*;

    #[test]
    fn a_transition_without_end_is_found() {
        let found = check(Resynchronizing, &waited(60), false, "no copy of it began");
        assert!(found[0].contains("resynchronizing since"), "{found:?}");
        assert!(found[0].ends_with("no copy of it began"), "{found:?}");
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
