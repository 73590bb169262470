//! **On port 20004 members of a replication group talk to each other, and nobody else does.**
//!
//! The world shows who connects to whom on that port.
//!
//! Why it holds: a member connects only to members of its group, where they run with it. Reference: facts §1.2, row 5.

use std::collections::BTreeSet;

use actors::nouns::MachineId;

crate::law! {
    "groups-talk-alone", "only members of one replication group connect to each other on port 20004";

    Stranger of from { from: MachineId, to: MachineId } =>
        "{from} connects to {to} on port 20004, and no replication group has both";
}

/// Checks a connection; `groups` are the machines of each.
#[must_use]
pub fn check(from: MachineId, to: MachineId, groups: &[BTreeSet<MachineId>]) -> Vec<Broken> {
    let inside = |group: &BTreeSet<MachineId>| from != to && group.contains(&from) && group.contains(&to);
    match groups.iter().any(inside) {
        true => Vec::new(),
        false => vec![Broken::Stranger { from, to }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_found() {
        let groups = [
            BTreeSet::from([MachineId(1), MachineId(2)]),
            BTreeSet::from([MachineId(3)]),
        ];
        assert!(check(MachineId(1), MachineId(2), &groups).is_empty());
        assert_eq!(check(MachineId(1), MachineId(3), &groups).len(), 1);
        assert_eq!(check(MachineId(1), MachineId(1), &groups).len(), 1);
    }
}
