//! Why a step never began: the first condition that was not met when the run ended, who was in which state, and whose fault that is.
//!
//! A machine that a law of liveness names is stuck, and that is the protocol's fault; where no law speaks, the plan asks for what does not
//! come. Workloads and registrations are not in a run's result: where only those are left, they are named.

use actors::nouns::{MachineId, Trigger};
use datapath::{SimTime, VmId};
use sim::findings::{Finding, FindingClass, Law};
use sim::invariants::{
    acknowledged_is_kept, copies_are_applied, cut_is_stored, operations_end, stored_is_processed, transitions_end,
};
use sim::metrics::{RunResult, VmResult};

use crate::build::Plan;

/// Laws whose findings say that a machine is stuck.
const LIVENESS: [Law; 6] = [
    acknowledged_is_kept::LAW,
    copies_are_applied::LAW,
    cut_is_stored::LAW,
    operations_end::LAW,
    stored_is_processed::LAW,
    transitions_end::LAW,
];

/// A condition that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unmet {
    text: String,
    /// The machine that it is about.
    vm: Option<VmId>,
    /// Whether it is known to be unmet, or only may be.
    known: bool,
}

/// Says why a step never began.
#[must_use]
pub fn why(plan: &Plan, result: &RunResult, step: u32) -> String {
    let mut all = Vec::new();
    for trigger in plan.waits.get(step as usize).into_iter().flatten() {
        unmet(plan, result, *trigger, &mut all);
    }
    let known = all.iter().filter(|one| one.known).count();
    let Some(first) = all.iter().find(|one| one.known).or(all.first()) else {
        return "the run ended while it waited".to_owned();
    };
    let more = match known.saturating_sub(1) {
        0 => String::new(),
        more => format!("; {more} more of its conditions are not met"),
    };
    let fault = match first.vm {
        None => String::new(),
        Some(vm) => match stuck(&result.findings, vm) {
            Some(law) => format!("; {} is stuck: see {law}", name(plan, vm)),
            None => format!(
                "; no law of liveness is broken for {}, so the plan waits for what does not come",
                name(plan, vm)
            ),
        },
    };
    format!("{}{more}{fault}", first.text)
}

/// The law that says that a machine is stuck.
fn stuck(findings: &[Finding], vm: VmId) -> Option<&str> {
    let of = |finding: &&Finding| {
        finding.class == FindingClass::Invariant
            && finding.vm() == Some(vm)
            && LIVENESS.iter().any(|law| finding.law == *law)
    };
    findings.iter().find(of).map(|finding| finding.law.as_str())
}

fn name(plan: &Plan, vm: VmId) -> &str {
    plan.vms.get(vm.0 as usize).map_or("?", String::as_str)
}

/// Collects what is not met of a trigger.
fn unmet(plan: &Plan, result: &RunResult, number: u32, all: &mut Vec<Unmet>) {
    let Some(trigger) = plan.triggers.get(number as usize) else {
        return;
    };
    match trigger {
        Trigger::All(parts) => parts.iter().for_each(|part| unmet(plan, result, *part, all)),
        Trigger::Since(anchor, trigger) => {
            let before = all.len();
            unmet(plan, result, *anchor, all);
            if all.len() == before {
                let since = held_at(plan, result, *anchor);
                all.extend(simple(plan, result, trigger, since));
            }
        }
        trigger => all.extend(simple(plan, result, trigger, SimTime::ZERO)),
    }
}

/// When a trigger of steps, faults and times held, as far as that is known.
fn held_at(plan: &Plan, result: &RunResult, number: u32) -> SimTime {
    match plan.triggers.get(number as usize) {
        Some(Trigger::At(at)) => *at,
        Some(Trigger::Step(step)) => {
            let of = result.steps.iter().find(|result| result.step == *step);
            of.and_then(|result| result.ended).unwrap_or_default()
        }
        Some(Trigger::FaultBegan(fault)) => {
            let of = result.faults.get(*fault as usize);
            of.and_then(|result| result.began).unwrap_or_default()
        }
        Some(Trigger::FaultEnded(fault)) => {
            let of = result.faults.get(*fault as usize);
            of.and_then(|result| result.ended).unwrap_or_default()
        }
        Some(Trigger::All(parts)) => {
            let times = parts.iter().map(|part| held_at(plan, result, *part));
            times.max().unwrap_or_default()
        }
        _ => SimTime::ZERO,
    }
}

/// What is not met of a trigger that names no other; what held counts from `since` on.
fn simple(plan: &Plan, result: &RunResult, trigger: &Trigger, since: SimTime) -> Option<Unmet> {
    let found = |vm: &VmId| result.vms.iter().find(|result| result.vm == *vm);
    let (known, vm, text) = match trigger {
        Trigger::At(at) if result.ended >= *at => return None,
        Trigger::At(at) => (
            true,
            None,
            format!("it waits for {at}, and the run ended at {}", result.ended),
        ),
        Trigger::Step(step) => {
            let of = result.steps.iter().find(|result| result.step == *step);
            let planned = plan.steps.get(*step as usize)?;
            let what = match of.map(|of| of.ended) {
                Some(Some(_)) => return None,
                Some(None) => "has not ended",
                None => "never began",
            };
            let of = planned
                .vm
                .map_or_else(String::new, |vm| format!(" of {}", name(plan, vm)));
            let text = format!(
                "it waits for {}{of} (line {}), which {what}",
                planned.name, planned.line
            );
            (true, None, text)
        }
        Trigger::State(vm, state) => {
            let states = &found(vm)?.states;
            let from = states.partition_point(|(at, _)| *at <= since).saturating_sub(1);
            if states[from.min(states.len())..]
                .iter()
                .any(|(_, reached)| reached == state)
            {
                return None;
            }
            let wanted = state.name();
            let text = format!(
                "it waits for {} to be {wanted}, {}",
                name(plan, *vm),
                is_now(found(vm)?)
            );
            (true, Some(*vm), text)
        }
        Trigger::PointsStored(vm, count) | Trigger::PointsProcessed(vm, count) => {
            let of = found(vm)?;
            let processed = matches!(trigger, Trigger::PointsProcessed(..));
            let newest = of.points.last().map(|point| point.protection);
            let points = of.points.iter().filter(|point| Some(point.protection) == newest);
            let there = points
                .filter(|point| {
                    if processed {
                        point.processed.is_some()
                    } else {
                        point.stored.is_some()
                    }
                })
                .count() as u64;
            if there >= *count {
                return None;
            }
            let what = if processed { "processed" } else { "stored" };
            let text = format!(
                "it waits for {count} {what} points of {}; {there} are, {}",
                name(plan, *vm),
                is_now(of)
            );
            (true, Some(*vm), text)
        }
        Trigger::WorkloadUp(vm, place) => {
            let text = format!(
                "it may wait for the workload of {} to answer ({place:?}), {}",
                name(plan, *vm),
                is_now(found(vm)?)
            );
            (false, Some(*vm), text)
        }
        Trigger::FaultBegan(fault) | Trigger::FaultEnded(fault) => {
            let of = result.faults.get(*fault as usize)?;
            let ends = matches!(trigger, Trigger::FaultEnded(_));
            // Where the run was over first, it was not the fault that ended.
            let what = match (of.began, of.ended) {
                (None, _) => "never began",
                (Some(_), Some(ended)) if ended < result.ended => return None,
                (Some(_), _) if ends => "has not ended",
                (Some(_), _) => return None,
            };
            (
                true,
                None,
                format!("it waits for the fault `{}`, which {what}", of.name),
            )
        }
        Trigger::Registered(machine, component) => (false, None, registers(plan, *machine, *component)),
        Trigger::Since(..) | Trigger::All(_) => return None,
    };
    Some(Unmet { text, vm, known })
}

fn registers(plan: &Plan, machine: MachineId, component: actors::nouns::Component) -> String {
    let machine = plan.machines.get(machine.0 as usize).map_or("?", String::as_str);
    format!("it may wait for {component:?} on {machine} to register")
}

/// The state that a machine is in.
fn is_now(vm: &VmResult) -> String {
    match vm.states.last() {
        Some((at, state)) => format!("which is {} since {at}", state.name()),
        None => "which was never protected".to_owned(),
    }
}
