//! What runs of recovery plans took, step by step.

use std::sync::Arc;

use actors::facts::PlanPhase;
use actors::nouns::FailoverKind;
use actors::spec::{PlanActionKind, RecoveryPlanSpec};
use datapath::{SimTime, VmId};
use serde::{Deserialize, Serialize};

use super::result::milliseconds;

/// A run of a recovery plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRunResult {
    /// The plan's name.
    pub plan: String,
    /// A test failover, or an unplanned one.
    pub kind: FailoverKind,
    /// When it was asked for.
    pub began: SimTime,
    /// When the disks of all machines were ready, as far as they came to be.
    pub prepared: Option<SimTime>,
    /// Its groups.
    pub groups: Vec<PlanGroupResult>,
    /// Machines whose failover was refused or failed, and why.
    pub failed: Vec<(VmId, String)>,
    /// When it was over.
    pub ended: Option<SimTime>,
}

impl PlanRunResult {
    /// How long it took; none where it was not over.
    #[must_use]
    pub fn took_ms(&self) -> Option<u64> {
        Some(milliseconds(self.ended?.since(self.began)))
    }
}

/// A group of a recovery plan, in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanGroupResult {
    /// Its machines.
    pub vms: Vec<VmId>,
    /// When its turn came.
    pub began: Option<SimTime>,
    /// When it was over.
    pub ended: Option<SimTime>,
    /// Its actions that were done: those before its machines' start, then those after.
    pub actions: Vec<PlanActionResult>,
}

/// An action of a recovery plan, in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanActionResult {
    /// Its name.
    pub name: String,
    /// What it is: `script`, `manual action` or `check`.
    pub what: String,
    /// Whether it comes before the start of the group's machines.
    pub before: bool,
    /// When it began.
    pub began: SimTime,
    /// When it ended.
    pub ended: Option<SimTime>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// What an action is, in a word or two.
fn word(what: &PlanActionKind) -> &'static str {
    match what {
        PlanActionKind::Script { .. } => "script",
        PlanActionKind::Manual { .. } => "manual action",
        PlanActionKind::Check { .. } => "check",
    }
}

/// Collects the runs.
pub(super) struct PlanRuns {
    plans: Vec<Arc<RecoveryPlanSpec>>,
    /// All runs, each with the number of its plan.
    runs: Vec<(u32, PlanRunResult)>,
}

impl PlanRuns {
    pub(super) fn new(plans: &[Arc<RecoveryPlanSpec>]) -> PlanRuns {
        PlanRuns {
            plans: plans.to_vec(),
            runs: Vec::new(),
        }
    }

    pub(super) fn fact(&mut self, at: SimTime, plan: u32, kind: FailoverKind, phase: &PlanPhase) {
        let Some(spec) = self.plans.get(plan as usize) else {
            return;
        };
        let runs = self.runs.iter_mut().rev();
        let mut open = runs.filter(|(of, run)| (*of, run.kind) == (plan, kind) && run.ended.is_none());
        let open = open.next().map(|(_, run)| run);
        let Some(run) = open else {
            if *phase == PlanPhase::Began {
                let group = |of: &actors::spec::PlanGroupSpec| PlanGroupResult {
                    vms: of.members.clone(),
                    began: None,
                    ended: None,
                    actions: Vec::new(),
                };
                let run = PlanRunResult {
                    plan: spec.name.clone(),
                    kind,
                    began: at,
                    prepared: None,
                    groups: spec.groups.iter().map(group).collect(),
                    failed: Vec::new(),
                    ended: None,
                };
                self.runs.push((plan, run));
            }
            return;
        };
        let group = |run: &mut PlanRunResult, group: u32, change: &dyn Fn(&mut PlanGroupResult)| {
            run.groups.get_mut(group as usize).into_iter().for_each(change);
        };
        match phase {
            PlanPhase::Began => {}
            PlanPhase::MemberFailed(vm, why) => run.failed.push((*vm, why.clone())),
            PlanPhase::Prepared => {
                run.prepared.get_or_insert(at);
            }
            PlanPhase::GroupBegan(number) => group(run, *number, &|of| {
                of.began.get_or_insert(at);
            }),
            PlanPhase::GroupEnded(number) => group(run, *number, &|of| {
                of.ended.get_or_insert(at);
            }),
            PlanPhase::ActionBegan(number, place) => {
                let of = spec.groups.get(*number as usize);
                let Some(action) = of.and_then(|of| of.actions().nth(*place as usize)) else {
                    return;
                };
                let before = of.is_some_and(|of| (*place as usize) < of.before.len());
                group(run, *number, &|of| {
                    of.actions.push(PlanActionResult {
                        name: action.name.clone(),
                        what: word(&action.what).to_owned(),
                        before,
                        began: at,
                        ended: None,
                        failed: None,
                    });
                });
            }
            PlanPhase::ActionEnded(number, _, failed) => group(run, *number, &|of| {
                if let Some(action) = of.actions.last_mut() {
                    action.ended.get_or_insert(at);
                    action.failed.clone_from(failed);
                }
            }),
            PlanPhase::Ended => run.ended = Some(at),
        }
    }

    pub(super) fn finish(self) -> Vec<PlanRunResult> {
        self.runs.into_iter().map(|(_, run)| run).collect()
    }
}
