//! **At a recovery point that machines share, nothing is there without what caused it.**
//!
//! Of each machine the oracle keeps what it has been told of the others: who hears a request or an answer knows what the one who sent it
//! knew, and of the sender's own writes those that were acknowledged to it by then. What a machine writes after that is taken to be caused
//! by all of it, which is more than really caused it. So a point that several machines share may hold of one of them only writes
//! whose causes on the others are in it too. The same goes for points that they fail back to together.
//!
//! Why it holds: each member holds acknowledgements from its mark until all have marked, so nobody was told of a write after a mark before
//! the last mark was made. Reference: Lamport, "Time, clocks, and the ordering of events".

use std::collections::BTreeMap;

use datapath::{VmId, WriteSeq};

use super::Law;

/// The law.
pub const LAW: Law = Law {
    name: "shared-points-are-causal",
    statement: "a recovery point that machines share holds no write without the writes on the others that caused it",
};

/// What a machine knew of others, in whole: the last write of each that it was told of.
pub type Known = BTreeMap<VmId, WriteSeq>;

/// Checks a point of several machines: of each the last write that it holds, and what the machine knew by then. Those that are no members are
/// not asked for.
#[must_use]
pub fn check(what: &str, members: &BTreeMap<VmId, (WriteSeq, Known)>) -> Vec<String> {
    let mut violations = Vec::new();
    for (vm, (seq, known)) in members {
        for (other, through) in known {
            let Some((held, _)) = members.get(other).filter(|_| other != vm) else {
                continue;
            };
            if through > held {
                violations.push(format!(
                    "{what} holds vm{} up to write {}, which was caused by write {} of vm{}, and holds that only up to write {}",
                    vm.0, seq.0, through.0, other.0, held.0
                ));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_without_its_cause_is_found() {
        let (web, db, other) = (VmId(0), VmId(1), VmId(7));
        let known = |of: &[(VmId, u64)]| of.iter().map(|(vm, seq)| (*vm, WriteSeq(*seq))).collect::<Known>();
        let point = |web_at: u64, db_knows: u64| {
            BTreeMap::from([
                (web, (WriteSeq(web_at), Known::new())),
                (db, (WriteSeq(4), known(&[(web, db_knows), (other, 99)]))),
            ])
        };
        assert!(check("point", &point(10, 10)).is_empty());
        assert!(check("point", &point(11, 10)).is_empty());
        assert_eq!(check("point", &point(9, 10)).len(), 1);
    }
}
