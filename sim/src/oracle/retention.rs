//! How long points are kept: judged by the policies of the plan, when points are removed and when they are not.

use std::collections::BTreeMap;

use actors::nouns::{ComponentKind, ItemState, MachineId, Operation};
use actors::spec::{Action, ComponentSpec};
use datapath::{SimTime, VmId};

use super::protection::Point;
use super::{Oracle, VmTrack};
use crate::invariants::points_are_kept;
use crate::spec::WorldSpec;

/// The retention of each machine's policy, as the plan has it.
#[derive(Debug, Default)]
pub(super) struct Retentions {
    out: BTreeMap<VmId, u64>,
    planned: bool,
    /// Of the failback policy, which cannot be edited (facts §2.1).
    failback: u64,
    /// The machines that keep points, and prune them by their clocks: on the way out, and on the way back.
    keepers: [Vec<MachineId>; 2],
}

impl Retentions {
    /// As the operator's steps say.
    pub fn new(spec: &WorldSpec) -> Retentions {
        let components = spec.machines.iter().flat_map(|machine| &machine.components);
        let steps = components.filter_map(|component| match component {
            ComponentSpec::Operator(operator) => Some(&operator.steps),
            _ => None,
        });
        let operations: Vec<&Operation> = steps
            .flatten()
            .filter_map(|step| match &step.action {
                Action::Ask(operation) => Some(operation),
                _ => None,
            })
            .collect();
        let named = |name: &String| {
            operations.iter().find_map(|operation| match operation {
                Operation::CreatePolicy(policy) if policy.name == *name => Some(policy.retention),
                _ => None,
            })
        };
        let mut out: BTreeMap<VmId, u64> = BTreeMap::new();
        for operation in &operations {
            if let Operation::EnableReplication { vm, policy, .. } = operation
                && let Some(retention) = named(policy)
            {
                // Where there are several, no point goes before the shortest of them.
                let kept = out.entry(*vm).or_insert(retention);
                *kept = retention.min(*kept);
            }
        }
        let planned = !operations.is_empty();
        let with = |kind| {
            let machines = (0..).map(MachineId).zip(&spec.machines);
            let has_it = machines.filter(|(_, machine)| machine.components.iter().any(|of| of.kind() == kind));
            has_it.map(|(machine, _)| machine).collect()
        };
        Retentions {
            out,
            planned,
            failback: spec.model.failback_policy.retention,
            keepers: [with(ComponentKind::Service), with(ComponentKind::MasterTarget)],
        }
    }

    /// How long points of a machine's protection are kept.
    pub fn of(&self, vm: VmId, reverse: bool) -> Option<u64> {
        match reverse {
            true => self.planned.then_some(self.failback),
            false => self.out.get(&vm).copied(),
        }
    }
}

impl Oracle {
    /// What the clock of whoever keeps a protection's points showed at a time: the earliest and the latest.
    fn keepers_clock(&self, reverse: bool, at: SimTime) -> (SimTime, SimTime) {
        let keepers = self.retentions.keepers[usize::from(reverse)].iter();
        let offs = keepers.map(|machine| self.clocks.off(*machine, at, at));
        let (least, most) = offs.fold((i64::MAX, i64::MIN), |(least, most), off| {
            (least.min(*off.start()), most.max(*off.end()))
        });
        let shown = |off: i64| SimTime(at.0.saturating_add_signed(off));
        if least > most {
            (at, at)
        } else {
            (shown(least), shown(most))
        }
    }
}

impl VmTrack {
    /// Whether points are needed: the machine is replicated, or its failover is not committed.
    pub(super) fn is_in_force(&self) -> bool {
        !matches!(
            self.state,
            None | Some(
                ItemState::Unprotected
                    | ItemState::FailoverCommitted
                    | ItemState::OnPremisesUnprotected
                    | ItemState::EnableInProgress
            )
        )
    }
}

impl Oracle {
    /// A point is removed.
    pub(super) fn judge_pruned(&mut self, at: SimTime, vm: VmId, protection: u32, point: u64, why: &str) {
        let Some((track, of)) = self.protection(vm, protection) else {
            return;
        };
        let (Some(retention), Some(known)) = (of.retention, of.points.get(&point)) else {
            return;
        };
        // Of the others, the next to each side: where one of the same hours stays, one of these does.
        let stays = |(_, other): &(&u64, &Point)| other.processed && !other.pruned;
        let older = of.standing_before(point).rev().find(stays);
        let newer = of.points.range(point + 1..).find(stays);
        let others: Vec<SimTime> = older
            .into_iter()
            .chain(newer)
            .map(|(_, other)| other.mark.marked_source)
            .collect();
        let pruned = points_are_kept::Pruned {
            point,
            marked: known.mark.marked_source,
            why,
            retention,
            newer: newer.is_some(),
            commit: matches!(
                track.state,
                Some(ItemState::FailoverCommitPending | ItemState::FailbackCommitPending)
            ),
            tested: of.tested == Some(point),
            others: &others,
        };
        let violations =
            points_are_kept::check_pruned(&pruned, &self.model.retention, self.keepers_clock(of.reverse, at));
        self.ledger.check(at, vm, violations);
    }

    /// A point is processed, and points are pruned after it: those that the pruning before should have removed must be gone. The newest of
    /// then, `before`, stayed whatever its age: where the line is overrun, points are past their retention when they come.
    pub(super) fn judge_kept(&mut self, at: SimTime, vm: VmId, protection: u32, before: Option<u64>) {
        let Some((_, of)) = self.protection_mut(vm, protection) else {
            return;
        };
        let reverse = of.reverse;
        let (Some(retention), Some(pruned_at)) = (of.retention, of.pruned_at.replace(at)) else {
            return;
        };
        let (pruned_at, _) = self.keepers_clock(reverse, pruned_at);
        let Some((_, of)) = self.protection(vm, protection) else {
            return;
        };
        let newest = of.newest_processed.map(|mark| mark.point);
        // Marks are in order of time, unless a clock jumped: those within their retention need not be looked at.
        let old = |point: &&Point| pruned_at.since(point.mark.marked_source) > retention;
        let standing = of.standing().map(|(_, point)| point);
        let stays = standing.take_while(old).filter(|point| {
            let pinned = of.pinned.contains(&point.mark.seq);
            let point_of = Some(point.mark.point);
            point.processed && !point.pruned && !pinned && point_of != newest && point_of != before
        });
        let violations: Vec<points_are_kept::Broken> = stays
            .flat_map(|point| {
                points_are_kept::check_kept(point.mark.point, point.mark.marked_source, retention, pruned_at)
            })
            .collect();
        self.ledger.check(at, vm, violations);
    }
}
