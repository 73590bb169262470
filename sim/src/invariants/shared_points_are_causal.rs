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
use std::fmt;

use datapath::{VmId, WriteSeq};

use crate::findings::{Evidence, Evident};

crate::law! {
    "shared-points-are-causal", "a recovery point that machines share holds no write without the writes on the others that caused it";

    EffectWithoutCause { holds: Held, vm: VmId, write: WriteSeq, cause_vm: VmId, cause: WriteSeq, held: WriteSeq } =>
        "{holds} holds {vm} up to write {write}, which was caused by write {cause} of {cause_vm}, and holds that only up to write {held}";
    PointNotShared of vm { group: String, vm: VmId, point: u64 } =>
        "a point that all members of {group} share was asked for, and {vm} took point {point}, which is none";
    OlderPointTaken of vm { group: String, vm: VmId } =>
        "the newest point that all members of {group} share was asked for, and {vm} took an older one";
}

/// What holds writes of several machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// A shared point of a group, by its number.
    Point(u32, String),
    /// What a group failed over to.
    FailedOver(String),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Point(number, group) => write!(f, "shared point {number} of the replication group {group}"),
            Held::FailedOver(group) => write!(f, "what the replication group {group} failed over to"),
        }
    }
}

impl Evident for Held {
    fn put(&self, name: &str, evidence: &mut Evidence) {
        let (Held::Point(_, group) | Held::FailedOver(group)) = self;
        group.put(&format!("{name}.group"), evidence);
        if let Held::Point(number, _) = self {
            number.put(&format!("{name}.point"), evidence);
        }
    }
}

/// What a machine knew of others, in whole: the last write of each that it was told of.
pub type Known = BTreeMap<VmId, WriteSeq>;

/// Checks a point of several machines: of each the last write that it holds, and what the machine knew by then. Those that are no members are
/// not asked for.
#[must_use]
pub fn check(holds: &Held, members: &BTreeMap<VmId, (WriteSeq, Known)>) -> Vec<Broken> {
    let mut violations = Vec::new();
    for (vm, (seq, known)) in members {
        for (other, through) in known {
            let Some((held, _)) = members.get(other).filter(|_| other != vm) else {
                continue;
            };
            if through > held {
                violations.push(Broken::EffectWithoutCause {
                    holds: holds.clone(),
                    vm: *vm,
                    write: *seq,
                    cause_vm: *other,
                    cause: *through,
                    held: *held,
                });
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
        let point_of = || Held::Point(1, "shop".to_owned());
        let (web, db, other) = (VmId(0), VmId(1), VmId(7));
        let known = |of: &[(VmId, u64)]| of.iter().map(|(vm, seq)| (*vm, WriteSeq(*seq))).collect::<Known>();
        let point = |web_at: u64, db_knows: u64| {
            BTreeMap::from([
                (web, (WriteSeq(web_at), Known::new())),
                (db, (WriteSeq(4), known(&[(web, db_knows), (other, 99)]))),
            ])
        };
        assert!(check(&point_of(), &point(10, 10)).is_empty());
        assert!(check(&point_of(), &point(11, 10)).is_empty());
        assert_eq!(check(&point_of(), &point(9, 10)).len(), 1);
    }
}
