//! **A database comes back from a recovered disk: with all that it had committed before the point, and nothing that had not begun; after an
//! app-consistent point it has nothing to do again.**
//!
//! Why it holds: a recovery point is a prefix of what its machine wrote, on all its disks together, so the log is there at least as far as the
//! pages are. For an app-consistent one the database was asked to make a checkpoint first. The same holds when a machine boots from the
//! disks that it had: what was flushed is still there. Read from the recovered bytes, with the oracle's own reader. Reference: facts §1.3 and
//! §2.2 (crash- and app-consistent snapshots).

use std::collections::BTreeMap;

use super::Law;

/// The law.
pub const LAW: Law = Law {
    name: "databases-come-back",
    statement: "a database recovers to the state after a whole number of transactions, all committed ones among them, and has nothing to redo after an app-consistent point",
};

/// What was read of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// All transactions up to this one are there, once the log's are done again.
    pub through: u64,
    /// How many of them only the log has.
    pub redone: u64,
    /// Balances of accounts that are not zero, after that.
    pub balances: BTreeMap<u32, i64>,
    /// What cannot be read.
    pub damaged: Vec<String>,
}

/// What is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Transactions committed before.
    pub committed: u64,
    /// Transactions begun before.
    pub begun: u64,
    /// Balances of accounts that are not zero, after the transactions that were read.
    pub balances: BTreeMap<u32, i64>,
    /// It had made a checkpoint for this.
    pub quiesced: bool,
}

/// Checks what was read of the database `name`.
#[must_use]
pub fn check(name: &str, read: &Reading, known: &Known) -> Vec<String> {
    let mut violations = Vec::new();
    let mut note = |text: String| violations.push(format!("{name}: {text}"));
    for damaged in &read.damaged {
        note(format!("{damaged} cannot be read"));
    }
    if read.through < known.committed {
        note(format!(
            "transactions up to {} came back, and those up to {} were committed",
            read.through, known.committed
        ));
    }
    if read.through > known.begun {
        note(format!(
            "transactions up to {} came back, and none after {} had begun",
            read.through, known.begun
        ));
    } else if read.balances != known.balances {
        let both = read.balances.keys().chain(known.balances.keys());
        let account = both
            .filter(|account| read.balances.get(account) != known.balances.get(account))
            .min()
            .copied()
            .unwrap_or_default();
        let of = |balances: &BTreeMap<u32, i64>| balances.get(&account).copied().unwrap_or_default();
        note(format!(
            "account {account} has {} after transaction {}, it should have {}",
            of(&read.balances),
            read.through,
            of(&known.balances)
        ));
    }
    if known.quiesced && read.redone > 0 {
        note(format!(
            "{} transactions have to be done again after an app-consistent point",
            read.redone
        ));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_as_it_was_is_found() {
        let balances = BTreeMap::from([(1, -5), (2, 5)]);
        let read = Reading {
            through: 7,
            redone: 2,
            balances: balances.clone(),
            damaged: Vec::new(),
        };
        let known = Known {
            committed: 6,
            begun: 8,
            balances,
            quiesced: false,
        };
        assert!(check("orders", &read, &known).is_empty());
        let wrong = [
            Known {
                committed: 8,
                ..known.clone()
            },
            Known {
                begun: 6,
                ..known.clone()
            },
            Known {
                quiesced: true,
                ..known.clone()
            },
            Known {
                balances: BTreeMap::from([(1, -5), (3, 5)]),
                ..known.clone()
            },
        ];
        for wrong in wrong {
            assert_eq!(check("orders", &read, &wrong).len(), 1, "{wrong:?}");
        }
        let damaged = Reading {
            damaged: vec!["page 3".to_owned()],
            ..read
        };
        assert_eq!(check("orders", &damaged, &known).len(), 1);
    }
}
