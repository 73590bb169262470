//! What failovers were asked for, and what there was when they began.

use std::collections::{BTreeMap, BTreeSet};

use actors::facts::{Fact, FailoverPhase, StepOutcome};
use actors::nouns::{FailoverKind, Operation, PointChoice};
use actors::spec::{Action, ComponentSpec};
use datapath::replica::Consistency;
use datapath::{SimTime, VmId, WriteSeq};

use super::protection::Protection;
use super::{Oracle, VmTrack};
use crate::faults::FaultKind;
use crate::invariants::latest_is_newest::{self, Asked};
use crate::invariants::refused_was_tampered;
use crate::spec::WorldSpec;

/// What the operator's steps mean for the oracle.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Failovers, by the number of their step: of one machine, or of a recovery plan's.
    pub(super) failovers: BTreeMap<u32, Vec<(VmId, FailoverKind, PointChoice)>>,
    /// By fault: how the names of segments begin of which one is changed.
    rots: BTreeMap<u32, String>,
    /// Faults by which a process server can lose what it acknowledged: its disk lies, a write is lost or goes astray, or what is on it rots.
    losing: BTreeSet<u32>,
    /// One of them struck.
    pub(super) cache_loses: bool,
    /// How the names of segments begin that were attacked.
    attacked: Vec<String>,
    /// The choice of the step that began last, by machine and kind.
    asked: BTreeMap<(VmId, FailoverKind), PointChoice>,
    /// What a failover that is under way may take.
    may_take: BTreeMap<(VmId, FailoverKind), Asked>,
}

impl Plan {
    /// As the operator's steps say.
    pub fn new(spec: &WorldSpec) -> Plan {
        let mut plan = Plan::default();
        for (number, fault) in (0..).zip(&spec.faults) {
            match &fault.kind {
                FaultKind::DiskRot { file, .. } if file.prefix.starts_with("segments/") => {
                    plan.rots.insert(number, file.part.trim_start_matches('/').to_owned());
                }
                FaultKind::DiskRot { .. }
                | FaultKind::FlushLies { .. }
                | FaultKind::WriteLost { .. }
                | FaultKind::WriteMisdirected { .. } => {
                    plan.losing.insert(number);
                }
                _ => {}
            }
        }
        let components = spec.machines.iter().flat_map(|machine| &machine.components);
        let steps = components.filter_map(|component| match component {
            ComponentSpec::Operator(operator) => Some(&operator.steps),
            _ => None,
        });
        for (number, step) in (0..).zip(steps.flatten()) {
            let Action::Ask(operation) = &step.action else { continue };
            let failovers = failovers_of(operation, spec);
            if !failovers.is_empty() {
                plan.failovers.insert(number, failovers);
            }
        }
        plan
    }
}

impl Plan {
    /// Whether what is stored can be lost: something of it was to rot, or a disk lied or rots.
    pub(super) fn storage_loses(&self) -> bool {
        self.cache_loses || !self.attacked.is_empty()
    }
}

/// The failovers that an operation orders.
pub(super) fn failovers_of(operation: &Operation, spec: &WorldSpec) -> Vec<(VmId, FailoverKind, PointChoice)> {
    match operation {
        Operation::TestFailover { vm, point } => vec![(*vm, FailoverKind::Test, *point)],
        Operation::Failover { vm, point, .. } => vec![(*vm, FailoverKind::Unplanned, *point)],
        Operation::Failback { vm, point, .. } => vec![(*vm, FailoverKind::Failback, *point)],
        Operation::RunRecoveryPlan { plan, test, point, .. } => {
            let kind = if *test {
                FailoverKind::Test
            } else {
                FailoverKind::Unplanned
            };
            let members = spec.recovery_plans.get(*plan as usize).into_iter();
            let members = members.flat_map(|plan| plan.members());
            members.map(|(_, vm)| (vm, kind, *point)).collect()
        }
        _ => Vec::new(),
    }
}

/// What a failover may take of a protection as it stands.
fn may_take(of: &Protection, kind: FailoverKind, choice: PointChoice) -> Option<Asked> {
    let newest = |is: &dyn Fn(&super::protection::Point) -> bool| {
        let points = of.points.values().filter(|point| !point.pruned && is(point));
        points.map(|point| point.mark.seq).max()
    };
    match choice {
        // Which one it is follows from all members: looked at where the group is.
        PointChoice::LatestMultiVm | PointChoice::LatestMultiVmAppConsistent => None,
        PointChoice::Custom(number) => Some(Asked::Point(number)),
        PointChoice::LatestProcessed => newest(&|point| point.processed).map(Asked::AtLeast),
        PointChoice::LatestAppConsistent => {
            newest(&|point| point.processed && point.mark.consistency == Consistency::App).map(Asked::AtLeast)
        }
        PointChoice::Latest => {
            let marked = newest(&|point| point.stored);
            let copies = of.copies.iter().any(|copy| !copy.applied);
            let boundary = of.boundary.as_ref().map(|boundary| boundary.last);
            let boundary = boundary.filter(|_| kind == FailoverKind::Unplanned && !copies && marked.is_some());
            boundary.max(marked).map(Asked::AtLeast)
        }
    }
}

impl Oracle {
    /// A step began, or a failover did.
    pub(super) fn plan_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::Step {
                step,
                outcome: StepOutcome::Started,
            } => {
                for (vm, kind, choice) in self.plan.failovers.get(step).into_iter().flatten() {
                    self.plan.asked.insert((*vm, *kind), *choice);
                }
            }
            Fact::FaultStruck { fault } => self.plan.cache_loses |= self.plan.losing.contains(fault),
            Fact::FaultBegan { fault } => self.plan.attacked.extend(self.plan.rots.get(fault).cloned()),
            Fact::Failover {
                vm,
                kind,
                phase: FailoverPhase::Started,
            } => {
                let choice = self.plan.asked.get(&(*vm, *kind)).copied();
                let newest = self.vms.get(vm).and_then(VmTrack::newest_protection);
                let asked = choice.zip(newest).and_then(|(choice, of)| may_take(of, *kind, choice));
                match asked {
                    Some(asked) => self.plan.may_take.insert((*vm, *kind), asked),
                    None => self.plan.may_take.remove(&(*vm, *kind)),
                };
            }
            _ => {}
        }
    }

    /// A failover took a point.
    pub(super) fn judge_taken(&mut self, at: SimTime, vm: VmId, kind: FailoverKind, point: u64, seq: WriteSeq) {
        if let Some(asked) = self.plan.may_take.remove(&(vm, kind)) {
            let violations = latest_is_newest::check(kind, asked, point, seq);
            self.ledger.check(at, vm, violations);
        }
    }

    /// A stored segment was refused.
    pub(super) fn refused(&mut self, at: SimTime, name: &str, why: &str) {
        let tampered = self.plan.attacked.iter().any(|part| name.starts_with(part));
        let vm = name.strip_prefix("vm").and_then(|rest| rest.split('/').next());
        let vm = vm.and_then(|number| number.parse().ok()).map(VmId);
        let violations = refused_was_tampered::check(name, why, tampered);
        self.ledger.check(at, vm, violations);
    }
}

impl VmTrack {
    fn newest_protection(&self) -> Option<&Protection> {
        self.protections.values().next_back()
    }
}
