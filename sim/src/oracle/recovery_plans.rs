//! Runs of recovery plans: what their machines have reached, held against the order of the plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::facts::{Fact, FailoverPhase, PlanPhase};
use actors::nouns::FailoverKind;
use actors::spec::{PlanActionKind, RecoveryPlanSpec};
use datapath::{SimTime, VmId};

use super::Oracle;
use crate::invariants::plans_keep_their_order::{self, Member};
use crate::spec::WorldSpec;

/// A run that has not ended.
struct Run {
    members: Vec<Member>,
    /// The group whose turn it is.
    turn: Option<u32>,
    /// Actions that are over, by group and place.
    done: Vec<(u32, u32)>,
}

/// All plans, and their runs.
pub(super) struct RecoveryPlans {
    plans: Vec<Arc<RecoveryPlanSpec>>,
    runs: BTreeMap<(u32, FailoverKind), Run>,
}

impl RecoveryPlans {
    pub(super) fn new(spec: &WorldSpec) -> RecoveryPlans {
        RecoveryPlans {
            plans: spec.recovery_plans.clone(),
            runs: BTreeMap::new(),
        }
    }

    fn begin(&mut self, plan: u32, kind: FailoverKind) {
        let Some(spec) = self.plans.get(plan as usize) else {
            return;
        };
        let member = |(group, vm)| Member {
            vm,
            group,
            up: false,
            failed: false,
        };
        // One that the service began twice, being cut in between, is one run.
        self.runs.entry((plan, kind)).or_insert_with(|| Run {
            members: spec.members().map(member).collect(),
            turn: None,
            done: Vec::new(),
        });
    }

    /// Actions that a run does, by group and place.
    fn due(&self, plan: u32, kind: FailoverKind) -> Vec<(u32, u32)> {
        let groups = self
            .plans
            .get(plan as usize)
            .into_iter()
            .flat_map(|plan| (0..).zip(&plan.groups));
        let actions = groups.flat_map(|(group, of)| (0..).zip(of.actions()).map(move |(place, of)| (group, place, of)));
        let due = actions.filter(|(_, _, of)| match kind {
            FailoverKind::Test => of.in_test,
            FailoverKind::Unplanned | FailoverKind::Failback => of.in_failover,
        });
        due.map(|(group, place, _)| (group, place)).collect()
    }

    /// The machine that an action checks, if it is a check.
    fn checked(&self, plan: u32, group: u32, action: u32) -> Option<VmId> {
        let group = self.plans.get(plan as usize)?.groups.get(group as usize)?;
        match group.actions().nth(action as usize)?.what {
            PlanActionKind::Check { vm, .. } => Some(vm),
            PlanActionKind::Script { .. } | PlanActionKind::Manual { .. } => None,
        }
    }
}

impl Oracle {
    pub(super) fn recovery_plan_fact(&mut self, at: SimTime, fact: &Fact) {
        match fact {
            Fact::RecoveryPlan { plan, kind, phase } => self.plan_reached(at, *plan, *kind, phase),
            Fact::Failover { vm, kind, phase } => self.member_reached(at, *vm, *kind, *phase),
            _ => {}
        }
    }

    fn plan_reached(&mut self, at: SimTime, plan: u32, kind: FailoverKind, phase: &PlanPhase) {
        let plans = &mut self.recovery_plans;
        if *phase == PlanPhase::Began {
            return plans.begin(plan, kind);
        }
        let checked = match phase {
            PlanPhase::ActionEnded(group, action, None) => plans.checked(plan, *group, *action),
            _ => None,
        };
        let due = plans.due(plan, kind);
        let Some(run) = plans.runs.get_mut(&(plan, kind)) else {
            return;
        };
        let violations = match phase {
            PlanPhase::MemberFailed(vm, _) => {
                let own = run.members.iter_mut().filter(|member| member.vm == *vm);
                own.for_each(|member| member.failed = true);
                return;
            }
            PlanPhase::GroupBegan(group) => {
                run.turn = Some(*group);
                return;
            }
            PlanPhase::ActionEnded(group, action, _) => {
                run.done.push((*group, *action));
                match checked {
                    Some(vm) => plans_keep_their_order::check_answer(vm, &run.members),
                    None => return,
                }
            }
            PlanPhase::GroupEnded(group) => plans_keep_their_order::check_group(*group, &run.members),
            PlanPhase::Ended => plans_keep_their_order::check_end(&due, &run.done),
            PlanPhase::Began | PlanPhase::Prepared | PlanPhase::ActionBegan(..) => return,
        };
        if *phase == PlanPhase::Ended {
            plans.runs.remove(&(plan, kind));
        }
        self.ledger.check(at, None, violations);
    }

    fn member_reached(&mut self, at: SimTime, vm: VmId, kind: FailoverKind, phase: FailoverPhase) {
        let runs = self.recovery_plans.runs.iter_mut();
        for (_, run) in runs.filter(|((_, of), _)| *of == kind) {
            if phase == FailoverPhase::PoweredOn {
                let violations = plans_keep_their_order::check_start(vm, run.turn, &run.members);
                self.ledger.check(at, vm, violations);
            }
            if phase == FailoverPhase::WorkloadUp {
                let own = run.members.iter_mut().filter(|member| member.vm == vm);
                own.for_each(|member| member.up = true);
            }
        }
    }
}
