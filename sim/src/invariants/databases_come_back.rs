//! **A database comes back from a recovered disk: with all that it had committed before the point, and nothing that had not begun; after an
//! app-consistent point it has nothing to do again.**
//!
//! Why it holds: a recovery point is a prefix of what its machine wrote, on all its disks together, so the log is there at least as far as the
//! pages are. For an app-consistent one the database was asked to make a checkpoint first. The same holds when a machine boots from the
//! disks that it had: what was flushed is still there. Read from the recovered bytes, with the oracle's own reader. Reference: facts §1.3 and
//! §2.2 (crash- and app-consistent snapshots).

use std::collections::BTreeMap;

crate::law! {
    "databases-come-back", "a database recovers to the state after a whole number of transactions, all committed ones among them, and has nothing to redo after an app-consistent point";

    Unreadable { database: String, damaged: String } => "{database}: {damaged} cannot be read";
    CommittedLost { database: String, through: u64, committed: u64 } =>
        "{database}: transactions up to {through} came back, and those up to {committed} were committed";
    NotBegun { database: String, through: u64, begun: u64 } =>
        "{database}: transactions up to {through} came back, and none after {begun} had begun";
    WrongBalance { database: String, account: u32, has: i64, through: u64, should: i64 } =>
        "{database}: account {account} has {has} after transaction {through}, it should have {should}";
    RedoneAfterQuiesce { database: String, redone: u64 } =>
        "{database}: {redone} transactions have to be done again after an app-consistent point";
    BeganElsewhere { database: String, through: u64, read: u64 } =>
        "{database}: it began with transaction {through}, and {read} is the last on the disks that it was given";
    BeganOutside { database: String, through: u64, committed: u64, begun: u64, redone: u64 } =>
        "{database}: it began with transaction {through} on disks on which those up to {committed} had been committed and none after \
         {begun} had begun ({redone} were done again)";
}

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
pub fn check(name: &str, read: &Reading, known: &Known) -> Vec<Broken> {
    let database = || name.to_owned();
    let through = read.through;
    let mut violations = Vec::new();
    for damaged in &read.damaged {
        violations.push(Broken::Unreadable {
            database: database(),
            damaged: damaged.clone(),
        });
    }
    if through < known.committed {
        violations.push(Broken::CommittedLost {
            database: database(),
            through,
            committed: known.committed,
        });
    }
    if through > known.begun {
        violations.push(Broken::NotBegun {
            database: database(),
            through,
            begun: known.begun,
        });
    } else if read.balances != known.balances {
        let both = read.balances.keys().chain(known.balances.keys());
        let account = both
            .filter(|account| read.balances.get(account) != known.balances.get(account))
            .min()
            .copied()
            .unwrap_or_default();
        let of = |balances: &BTreeMap<u32, i64>| balances.get(&account).copied().unwrap_or_default();
        violations.push(Broken::WrongBalance {
            database: database(),
            account,
            has: of(&read.balances),
            through,
            should: of(&known.balances),
        });
    }
    if known.quiesced && read.redone > 0 {
        violations.push(Broken::RedoneAfterQuiesce {
            database: database(),
            redone: read.redone,
        });
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
