//! **An operation that was ordered ends: done, refused or failed.**
//!
//! Why it holds: a job is a list of stages, and whatever one waits for it has a patience for (facts §1.7: up to 15 min for a component to
//! register, 30 min for a refresh). What is to be processed first is [`super::stored_is_processed`]'s. An operation does not stand
//! still while something that it needs is dark: its patience runs. So all time counts, and each outage allows one such patience more.

use super::Law;
use super::bound::Waited;

/// The law.
pub const LAW: Law = Law {
    name: "operations-end",
    statement: "an operation that was ordered is done, refused or failed within the patience of its stages",
};

/// Checks an operation, ended or not.
#[must_use]
pub fn check(operation: &str, waited: &Waited, ended: bool, reason: &str) -> Vec<String> {
    let allowed = waited
        .allowed()
        .saturating_add(waited.outages.saturating_mul(waited.bounds.operation));
    if waited.lived <= allowed {
        return Vec::new();
    }
    let (since, until, words) = (waited.since, waited.until, waited.words());
    vec![if ended {
        format!("{operation} was ordered at {since} and ended at {until} only ({words})")
    } else {
        format!("{operation} was ordered at {since} and has not ended at {until} ({words}): {reason}")
    }]
}

#[cfg(test)]
mod tests {
    use super::super::bound::tests::waited;
    use super::*;

    #[test]
    fn an_operation_without_end_is_found() {
        assert_eq!(check("failover", &waited(6), false, "why").len(), 1);
        assert_eq!(check("failover", &waited(6), true, "why").len(), 1);
        assert!(check("failover", &waited(5), false, "why").is_empty());
        let dark = Waited {
            outages: 1,
            ..waited(44)
        };
        assert!(
            check("failover", &dark, false, "why").is_empty(),
            "patience for what is dark"
        );
        let long = Waited {
            outages: 1,
            ..waited(46)
        };
        assert_eq!(check("failover", &long, false, "why").len(), 1);
    }
}
