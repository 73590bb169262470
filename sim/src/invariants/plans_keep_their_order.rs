//! **A recovery plan starts its machines group by group, does all that it names, and calls recovered only what answers.**
//!
//! Each machine that gets power in a run is looked at, each group that ends, each check that passed, and the end of the run.
//!
//! Why it holds: a machine's job waits between its disks and its start until its group's turn, and a group's turn comes once the machines
//! of the group before are up or have failed and its actions are over (facts §4.2: groups boot one after the other, the machines of one in
//! parallel; §4.1: errors do not stop the plan).

use datapath::VmId;

crate::law! {
    "plans-keep-their-order", "a recovery plan starts its groups in turn, does each of their actions, and what it calls recovered answers";

    BeforeItsTurn of vm { vm: VmId, group: u32 } =>
        "{vm} got power before it was the turn of its group {} of the recovery plan", group + 1;
    Overtook of vm { vm: VmId, other: VmId } =>
        "{vm} got power while {other} of an earlier group was neither up nor had failed";
    EndedWithout of vm { vm: VmId, group: u32 } =>
        "group {} of the recovery plan ended, and {vm} of it was neither up nor had failed", group + 1;
    DoesNotAnswer of vm { vm: VmId } =>
        "a check of {vm} passed, and no workload of it has answered since the run began";
    NotDone { group: u32, action: u32 } =>
        "the recovery plan ended, and action {} of its group {} was not done", action + 1, group + 1;
}

/// A machine of a run, as the facts tell of it.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// The machine.
    pub vm: VmId,
    /// The place of its group.
    pub group: u32,
    /// Its workload answered.
    pub up: bool,
    /// Its failover was refused or failed.
    pub failed: bool,
}

impl Member {
    fn is_over(&self) -> bool {
        self.up || self.failed
    }
}

/// Checks a machine that got power; `turn` is the group whose turn it is.
#[must_use]
pub fn check_start(vm: VmId, turn: Option<u32>, members: &[Member]) -> Vec<Broken> {
    let own = members.iter().find(|member| member.vm == vm && !member.failed);
    let Some(Member { group, .. }) = own.copied() else {
        return Vec::new();
    };
    if turn.is_none_or(|turn| turn < group) {
        return vec![Broken::BeforeItsTurn { vm, group }];
    }
    let mut earlier = members.iter().filter(|member| member.group < group);
    let waits = earlier.find(|member| !member.is_over());
    waits
        .map(|other| Broken::Overtook { vm, other: other.vm })
        .into_iter()
        .collect()
}

/// Checks a group that ended.
#[must_use]
pub fn check_group(group: u32, members: &[Member]) -> Vec<Broken> {
    let own = members
        .iter()
        .filter(|member| member.group == group && !member.is_over());
    own.map(|member| Broken::EndedWithout { vm: member.vm, group })
        .collect()
}

/// Checks a check that passed.
#[must_use]
pub fn check_answer(vm: VmId, members: &[Member]) -> Vec<Broken> {
    let answers = members.iter().any(|member| member.vm == vm && member.up);
    if answers {
        Vec::new()
    } else {
        vec![Broken::DoesNotAnswer { vm }]
    }
}

/// Checks a run that ended: which of its actions were to be done, and were.
#[must_use]
pub fn check_end(due: &[(u32, u32)], done: &[(u32, u32)]) -> Vec<Broken> {
    let missing = due.iter().filter(|action| !done.contains(action));
    missing
        .map(|&(group, action)| Broken::NotDone { group, action })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(vm: u32, group: u32, up: bool) -> Member {
        Member {
            vm: VmId(vm),
            group,
            up,
            failed: false,
        }
    }

    #[test]
    fn a_start_out_of_turn_is_found() {
        let members = [member(0, 0, false), member(1, 1, false)];
        assert!(check_start(VmId(0), Some(0), &members).is_empty());
        assert_eq!(check_start(VmId(0), None, &members).len(), 1);
        assert_eq!(check_start(VmId(1), Some(0), &members).len(), 1);
        assert_eq!(check_start(VmId(1), Some(1), &members).len(), 1, "the first is not up");
        let up = [member(0, 0, true), member(1, 1, false)];
        assert!(check_start(VmId(1), Some(1), &up).is_empty());
        assert!(check_start(VmId(7), None, &up).is_empty(), "no machine of the plan");
    }

    #[test]
    fn a_group_that_ends_early_is_found() {
        let members = [member(0, 0, false), member(1, 1, false)];
        assert_eq!(check_group(0, &members).len(), 1);
        let failed = [Member {
            failed: true,
            ..members[0]
        }];
        assert!(check_group(0, &failed).is_empty());
    }

    #[test]
    fn what_does_not_answer_and_what_was_not_done_is_found() {
        assert_eq!(check_answer(VmId(0), &[member(0, 0, false)]).len(), 1);
        assert!(check_answer(VmId(0), &[member(0, 0, true)]).is_empty());
        assert_eq!(check_end(&[(0, 0), (0, 1)], &[(0, 0)]).len(), 1);
    }
}
