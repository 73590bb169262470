//! **A protected machine changes its state along the table, and in no other way.**
//!
//! Why it holds: the service refuses operations that the state does not allow. Reference: facts §4.1 (the table is a synthesis of the documented
//! operations). A failed enable or reprotect falls back to where it came from; replication can be disabled wherever it is set up; a
//! failover that was begun stopped replication and cannot go back.

use actors::nouns::ItemState::{self, *};

crate::law! {
    "states-follow-table", "a protected machine's states follow each other as the table of states and operations allows";

    NotInTheTable { from: ItemState, to: ItemState } =>
        "the machine went from {from:?} to {to:?}, which the table of states does not have";
}

/// Whether `to` may follow `from`.
#[must_use]
pub fn allowed(from: ItemState, to: ItemState) -> bool {
    match from {
        Unprotected => matches!(to, EnableInProgress),
        EnableInProgress => matches!(to, InitialReplication | Unprotected | OnPremisesUnprotected),
        InitialReplication => matches!(to, Protected | Resynchronizing | Unprotected | OnPremisesUnprotected),
        Protected => matches!(to, Resynchronizing | FailoverInProgress | Unprotected),
        Resynchronizing => matches!(to, Protected | FailoverInProgress | Unprotected),
        FailoverInProgress => matches!(to, FailoverCommitPending | Unprotected),
        FailoverCommitPending => matches!(to, FailoverInProgress | FailoverCommitted | Unprotected),
        FailoverCommitted => matches!(to, ReprotectInProgress | Unprotected),
        ReprotectInProgress => matches!(to, ProtectedReverse | FailoverCommitted | Unprotected),
        ProtectedReverse => matches!(to, FailbackInProgress | ReprotectInProgress | Unprotected),
        FailbackInProgress => matches!(to, FailbackCommitPending | Unprotected),
        FailbackCommitPending => matches!(to, FailbackInProgress | OnPremisesUnprotected | Unprotected),
        OnPremisesUnprotected => matches!(to, EnableInProgress | InitialReplication | Unprotected),
    }
}

/// Checks a change of state; a machine begins unprotected.
#[must_use]
pub fn check(from: Option<ItemState>, to: ItemState) -> Vec<Broken> {
    let from = from.unwrap_or(Unprotected);
    if allowed(from, to) || (from, to) == (Unprotected, Unprotected) {
        return Vec::new();
    }
    vec![Broken::NotInTheTable { from, to }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_journey_is_allowed() {
        let journey = [
            EnableInProgress,
            InitialReplication,
            Protected,
            Resynchronizing,
            Protected,
            FailoverInProgress,
            FailoverCommitPending,
            FailoverCommitted,
            ReprotectInProgress,
            ProtectedReverse,
            FailbackInProgress,
            FailbackCommitPending,
            OnPremisesUnprotected,
            EnableInProgress,
            InitialReplication,
            Protected,
        ];
        let mut from = None;
        for to in journey {
            assert_eq!(check(from, to), Vec::<Broken>::new());
            from = Some(to);
        }
    }

    #[test]
    fn a_leap_is_found() {
        for (from, to) in [
            (None, Protected),
            (Some(InitialReplication), FailoverInProgress),
            (Some(Protected), FailoverCommitted),
            (Some(FailoverInProgress), Protected),
            (Some(FailoverCommitted), FailbackInProgress),
            (Some(Protected), ReprotectInProgress),
            (Some(Protected), Protected),
        ] {
            assert_eq!(check(from, to).len(), 1, "{from:?} to {to:?}");
        }
    }
}
