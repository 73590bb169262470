//! **An operation that was ordered ends: done, refused or failed.**
//!
//! Why it holds: a job is a list of stages, and whatever one waits for it has a patience for (facts §1.7: up to 15 min for a component to
//! register, 30 min for a refresh). What is to be processed first is [`super::stored_is_processed`]'s. An operation does not stand
//! still while something that it needs is dark: its patience runs. So all time counts, and each outage allows one such patience more.

use super::bound::Waited;

crate::law! {
    "operations-end", "an operation that was ordered is done, refused or failed within the patience of its stages";

    NotEnded { operation: String, waited: Waited, reason: String } =>
        "{operation} was ordered at {} and has not ended at {} ({waited}): {reason}", waited.since, waited.until;
    EndedLate { operation: String, waited: Waited } =>
        "{operation} was ordered at {} and ended at {} only ({waited})", waited.since, waited.until;
}

/// Checks an operation, ended or not.
#[must_use]
pub fn check(operation: &str, waited: &Waited, ended: bool, reason: &str) -> Vec<Broken> {
    let allowed = waited
        .allowed()
        .saturating_add(waited.outages.saturating_mul(waited.bounds.operation));
    if waited.lived <= allowed {
        return Vec::new();
    }
    let (operation, waited) = (operation.to_owned(), *waited);
    vec![match ended {
        true => Broken::EndedLate { operation, waited },
        false => Broken::NotEnded {
            operation,
            waited,
            reason: reason.to_owned(),
        },
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
