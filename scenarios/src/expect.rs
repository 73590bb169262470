//! What the scenario expects, held against the result of a run: each that does not hold becomes a finding that names its margin.

mod caught_up;
mod seen;

use actors::facts::StepOutcome;
use actors::nouns::FailoverKind;
use datapath::{Grain, SimTime, VmId};
use sim::findings::{Bytes, Component, Finding, FindingClass, Nanoseconds, Violation};
use sim::metrics::{FaultResult, RunResult, StepResult, VmResult};

use crate::build::{Plan, PlannedStep};
use crate::keys::word_of;
use crate::laws::step::Planned;
use crate::laws::{
    alert, backlog_above, caught_up_within, failover_within, faults_strike, lost_below, lost_bytes_below, no_points,
    points_at_least, rpo_above, rpo_below, rto_below, size_beside, something_checked, state, step, verified,
};
use crate::model::{Bound, Ending, Expect, Expected, PointsOf};
use crate::units::{measured_beside, show_duration, show_size};
use crate::unmet;
use caught_up::{CaughtUp, caught_up};

/// Machines named one by one for each expectation; the rest are counted.
const NAMED_MAX: usize = 20;

/// What became of one `[[expect]]`, so that a report can say what held and by how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was expected.
    pub text: String,
    /// Its line in the scenario file, from 1.
    pub line: u32,
    /// Of how many machines.
    pub machines: u64,
    /// Of how many of them it does not hold.
    pub broken: u64,
    /// What was reached: the figure that came closest to the bound, or passed it most, where there is one.
    pub figure: Option<String>,
}

/// What became of every `[[expect]]`, in their order.
#[must_use]
pub fn outcomes(plan: &Plan, result: &RunResult) -> Vec<Outcome> {
    let outcome = |expect: &Expect| {
        let vms: Vec<&VmResult> = expect
            .vms
            .iter()
            .filter_map(|index| result.vms.iter().find(|vm| vm.vm.0 as usize == *index))
            .collect();
        let holds = vms
            .iter()
            .filter(|vm| broken(plan, expect, vm, result).is_none())
            .count();
        Outcome {
            text: words(expect),
            line: expect.line.0,
            machines: expect.vms.len() as u64,
            broken: (expect.vms.len() - holds) as u64,
            figure: figure(plan, expect, &vms, result, holds == expect.vms.len()),
        }
    };
    plan.expects.iter().map(outcome).collect()
}

/// What is expected, in words.
#[must_use]
pub fn words(expect: &Expect) -> String {
    let what = match &expect.what {
        Bound::RpoBelow(bound) => format!("RPO stays below {}", show_duration(*bound)),
        Bound::RtoBelow(bound) => format!("RTO below {}", show_duration(*bound)),
        Bound::FailoverWithin(bound) => format!("failover completes within {}", show_duration(*bound)),
        Bound::LostBelow(bound) => format!("less than {} lost", show_duration(*bound)),
        Bound::LostBytesBelow(bound) => format!("less than {} lost", show_size(*bound)),
        Bound::PointsAtLeast(bound) => format!("at least {bound} recovery points verified"),
        Bound::CaughtUpWithin(bound) => format!("caught up within {} after", show_duration(*bound)),
        Bound::Verified => "every recovered disk verified".to_owned(),
        Bound::Alert(alert) => format!("alert `{alert}` comes"),
        Bound::RpoAbove(bound) => format!("RPO passes {}", show_duration(*bound)),
        Bound::BacklogAbove(bound) => format!("more than {} waits", show_size(*bound)),
        Bound::NoPoints(PointsOf::Any) => "no recovery points".to_owned(),
        Bound::NoPoints(of) => format!("no {} recovery points", word_of(*of).unwrap_or_default()),
        Bound::State(state) => format!("{} at some time", word_of(*state).unwrap_or_default()),
    };
    match (&expect.during, &expect.what) {
        (None, Bound::CaughtUpWithin(_)) => format!("{what} the last fault"),
        (None, _) => what,
        (Some(fault), Bound::CaughtUpWithin(_)) => format!("{what} `{fault}`"),
        (Some(fault), _) => match expect.between {
            None => format!("{what} while `{fault}` lasts"),
            Some((from, to)) => {
                let (from, to) = (show_duration(from), show_duration(to));
                format!("{what} between {from} and {to} of `{fault}`")
            }
        },
    }
}

/// The figure that came closest to the bound, or passed it most.
fn figure(plan: &Plan, expect: &Expect, vms: &[&VmResult], result: &RunResult, held: bool) -> Option<String> {
    let during = seen::Stretch::of(expect, result)?;
    let upto = if held { "at most" } else { "reached" };
    let longest = |bound: u64, figure: &dyn Fn(&VmResult) -> Option<u64>| {
        let longest = vms.iter().filter_map(|vm| figure(vm)).max()?;
        Some(match longest {
            0 => "0 s".to_owned(),
            _ => format!("{upto} {}", measured_beside(longest, bound)),
        })
    };
    match expect.what {
        Bound::RpoBelow(bound) => longest(bound, &|vm| during.rpo_max_ms(vm)),
        Bound::RtoBelow(bound) => longest(bound, &VmResult::rto_ms),
        Bound::FailoverWithin(bound) => longest(bound, &|vm| failover_times(plan, vm.vm, result).into_iter().max()),
        Bound::LostBelow(bound) => longest(bound, &|vm| Some(vm.lost()?.ms)),
        Bound::LostBytesBelow(bound) => {
            let most = vms.iter().filter_map(|vm| Some(vm.lost()?.bytes)).max()?;
            Some(format!("{upto} {}", size_beside(most, bound)))
        }
        Bound::PointsAtLeast(_) => {
            let verified = |vm: &&VmResult| during.points_verified(vm);
            let fewest = vms.iter().map(verified).min()?;
            Some(format!("{} {fewest}", if held { "at least" } else { "only" }))
        }
        Bound::CaughtUpWithin(bound) => longest(bound, &|vm| {
            let all = caught_up(vm, result, expect.during.as_deref()).into_iter();
            let judged = all.filter(|of| of.at.is_some() || of.took() >= bound);
            judged.map(|of| sim::metrics::milliseconds(of.took())).max()
        }),
        Bound::Verified => {
            let of = result.disks.iter().filter(|disk| vms.iter().any(|vm| vm.vm == disk.vm));
            let (all, good) = of.fold((0, 0), |(all, good), disk| (all + 1, good + u64::from(disk.verified)));
            let how = match result.content {
                Grain::Real => "",
                Grain::Extent => ", by version",
                Grain::Aggregate => ", by sequence and size",
            };
            Some(format!("{good} of {all} disks{how}"))
        }
        Bound::RpoAbove(bound) => {
            let least = vms.iter().filter_map(|vm| during.rpo_max_ms(vm)).min()?;
            Some(format!("reached {}", measured_beside(least, bound)))
        }
        Bound::BacklogAbove(bound) => {
            let least = vms.iter().map(|vm| during.backlog_max(vm)).min()?;
            Some(format!("reached {}", size_beside(least, bound)))
        }
        Bound::Alert(_) | Bound::NoPoints(_) | Bound::State(_) => None,
    }
}

/// All findings of class `expectation`: steps that ended otherwise than they were to, then `[[expect]]`.
#[must_use]
pub fn findings(plan: &Plan, result: &RunResult) -> Vec<Finding> {
    let mut findings: Vec<Finding> = (0_u32..)
        .zip(&plan.steps)
        .filter_map(|(number, step)| {
            let of = result.steps.iter().find(|result| result.step == number);
            step_finding(plan, (number, step), of, result)
        })
        .collect();
    for expect in &plan.expects {
        let mut failed: Vec<Finding> = expect
            .vms
            .iter()
            .filter_map(|index| {
                let id = VmId(u32::try_from(*index).unwrap_or(u32::MAX));
                match result.vms.iter().find(|vm| vm.vm == id) {
                    Some(vm) => broken(plan, expect, vm, result),
                    None => Some(not_known(expect, result.ended, id, plan.vms[*index].clone())),
                }
            })
            .collect();
        if failed.len() > NAMED_MAX {
            let more = failed.len() - NAMED_MAX;
            // Bounds that are broken come first: they decide the verdict.
            failed.sort_by_key(|finding| finding.class);
            let class = failed[0].class;
            failed.truncate(NAMED_MAX);
            failed.push(more_machines(expect, class, result.ended, more));
        }
        findings.extend(failed);
    }
    findings
}

/// A finding in a shape that the laws of all bounds have.
macro_rules! of_each_bound {
    ($expect:ident, $class:expr, $at:expr, $component:expr, $shape:ident $figures:tt) => {
        match $expect.what {
            Bound::RpoBelow(_) => Finding::new($class, $at, $component, &rpo_below::Broken::$shape $figures),
            Bound::RtoBelow(_) => Finding::new($class, $at, $component, &rto_below::Broken::$shape $figures),
            Bound::FailoverWithin(_) => Finding::new($class, $at, $component, &failover_within::Broken::$shape $figures),
            Bound::LostBelow(_) => Finding::new($class, $at, $component, &lost_below::Broken::$shape $figures),
            Bound::LostBytesBelow(_) => Finding::new($class, $at, $component, &lost_bytes_below::Broken::$shape $figures),
            Bound::PointsAtLeast(_) => Finding::new($class, $at, $component, &points_at_least::Broken::$shape $figures),
            Bound::CaughtUpWithin(_) => Finding::new($class, $at, $component, &caught_up_within::Broken::$shape $figures),
            Bound::Verified => Finding::new($class, $at, $component, &verified::Broken::$shape $figures),
            Bound::Alert(_) => Finding::new($class, $at, $component, &alert::Broken::$shape $figures),
            Bound::RpoAbove(_) => Finding::new($class, $at, $component, &rpo_above::Broken::$shape $figures),
            Bound::BacklogAbove(_) => Finding::new($class, $at, $component, &backlog_above::Broken::$shape $figures),
            Bound::NoPoints(_) => Finding::new($class, $at, $component, &no_points::Broken::$shape $figures),
            Bound::State(_) => Finding::new($class, $at, $component, &state::Broken::$shape $figures),
        }
    };
}

fn not_known(expect: &Expect, at: SimTime, vm: VmId, machine: String) -> Finding {
    let line = expect.line.0;
    of_each_bound!(expect, FindingClass::Untested, at, vm, NotKnown { machine, line })
}

fn fault_never_began(expect: &Expect, at: SimTime, vm: VmId, machine: String) -> Finding {
    let (line, fault) = (expect.line.0, expect.during.clone().unwrap_or_default());
    of_each_bound!(
        expect,
        FindingClass::Untested,
        at,
        vm,
        FaultNeverBegan { machine, fault, line }
    )
}

fn more_machines(expect: &Expect, class: FindingClass, at: SimTime, more: usize) -> Finding {
    let line = expect.line.0;
    of_each_bound!(expect, class, at, None, MoreMachines { more, line })
}

fn step_finding(
    plan: &Plan,
    (number, step): (u32, &PlannedStep),
    of_step: Option<&StepResult>,
    run: &RunResult,
) -> Option<Finding> {
    let name = step.vm.and_then(|vm| plan.vms.get(vm.0 as usize));
    let planned = Planned {
        name: step.name.clone(),
        action: step.action,
        machine: name.cloned(),
        line: step.line,
    };
    let broken = match of_step.map(|result| &result.outcome) {
        None => step::Broken::NeverBegan {
            step: planned,
            why: unmet::why(plan, run, number),
        },
        Some(StepOutcome::Started) => step::Broken::NotEnded { step: planned },
        Some(outcome) => unexpected(planned, &step.expected, outcome)?,
    };
    let at = of_step.and_then(|result| result.ended).unwrap_or(run.ended);
    let component = Component::Step(number, step.vm);
    Some(Finding::new(FindingClass::Expectation, at, component, &broken))
}

/// Whether a step ended as it was to.
#[must_use]
pub fn as_expected(expected: &Expected, outcome: &StepOutcome) -> bool {
    let (ending, told) = ending(outcome);
    let because = expected.reason.as_deref().unwrap_or_default();
    expected.ending == Ending::Any || (ending == expected.ending && told.contains(because))
}

/// How a step ended, and why.
fn ending(outcome: &StepOutcome) -> (Ending, &str) {
    match outcome {
        StepOutcome::Refused(why) => (Ending::Refused, why),
        StepOutcome::Failed(why) => (Ending::Failed, why),
        StepOutcome::Done | StepOutcome::Started => (Ending::Done, ""),
    }
}

/// How an ended step differs from what was expected; none where it does not.
fn unexpected(step: Planned, expected: &Expected, outcome: &StepOutcome) -> Option<step::Broken> {
    use step::Broken;
    if as_expected(expected, outcome) {
        return None;
    }
    let because = expected.reason.clone();
    let (ended, why) = ending(outcome);
    let reason = why.to_owned();
    Some(match (expected.ending, ended) {
        (Ending::Done, Ending::Failed) => Broken::Failed { step, reason },
        (Ending::Done, _) => Broken::Refused { step, reason },
        (Ending::Refused, Ending::Done) => Broken::DoneNotRefused { step, because },
        (Ending::Refused, Ending::Failed) => Broken::FailedNotRefused { step, because, reason },
        (Ending::Refused, _) => Broken::RefusedOtherwise { step, because, reason },
        (Ending::Failed, Ending::Done) => Broken::DoneNotFailed { step, because },
        (Ending::Failed, Ending::Refused) => Broken::RefusedNotFailed { step, because, reason },
        (Ending::Failed, _) => Broken::FailedOtherwise { step, because, reason },
        (Ending::Any, _) => return None,
    })
}

/// What does not hold of a machine, with the margin, or was not looked at; none where the bound holds.
fn broken(plan: &Plan, expect: &Expect, vm: &VmResult, result: &RunResult) -> Option<Finding> {
    let machine = plan.vms.get(vm.vm.0 as usize).cloned().unwrap_or_default();
    let (at, line) = (result.ended, expect.line.0);
    let Some(during) = seen::Stretch::of(expect, result) else {
        return Some(fault_never_began(expect, at, vm.vm, machine));
    };
    let fault = expect.during.clone();
    match &expect.what {
        Bound::RpoBelow(bound) => within(vm, at, during.rpo_max_ms(vm), *bound, |passed| match passed {
            None => rpo_below::Broken::NeverProtected { machine, fault, line },
            Some((reached, bound)) => rpo_below::Broken::OverBound {
                machine,
                reached,
                bound,
                fault,
                line,
            },
        }),
        Bound::RtoBelow(bound) => within(vm, at, vm.rto_ms(), *bound, |passed| match passed {
            None => rto_below::Broken::NeverAnswered { machine, line },
            Some((reached, bound)) => rto_below::Broken::OverBound {
                machine,
                reached,
                bound,
                line,
            },
        }),
        Bound::FailoverWithin(bound) => within(
            vm,
            at,
            failover_times(plan, vm.vm, result).into_iter().max(),
            *bound,
            |passed| match passed {
                None => failover_within::Broken::NeverCompleted { machine, line },
                Some((reached, bound)) => failover_within::Broken::OverBound {
                    machine,
                    reached,
                    bound,
                    line,
                },
            },
        ),
        Bound::LostBelow(bound) => within(vm, at, vm.lost().map(|lost| lost.ms), *bound, |passed| match passed {
            None => lost_below::Broken::NoLossKnown { machine, line },
            Some((reached, bound)) => lost_below::Broken::OverBound {
                machine,
                reached,
                bound,
                line,
            },
        }),
        Bound::LostBytesBelow(bound) => match vm.lost() {
            None => untested_of(vm, at, &lost_bytes_below::Broken::NoLossKnown { machine, line }),
            Some(lost) if lost.bytes < *bound => None,
            Some(lost) => {
                let broken = lost_bytes_below::Broken::OverBound {
                    machine,
                    lost: Bytes(lost.bytes),
                    bound: Bytes(*bound),
                    line,
                };
                broken_of(vm, at, &broken)
            }
        },
        Bound::PointsAtLeast(bound) => {
            let verified = during.points_verified(vm) as u64;
            if verified >= *bound {
                return None;
            }
            let broken = points_at_least::Broken::TooFew {
                machine,
                verified,
                bound: *bound,
                fault,
                line,
            };
            broken_of(vm, at, &broken)
        }
        Bound::CaughtUpWithin(bound) => judge_catching_up(
            vm,
            &caught_up(vm, result, expect.during.as_deref()),
            (machine, *bound, line),
            at,
        ),
        Bound::Verified => {
            let of: Vec<_> = result.disks.iter().filter(|disk| disk.vm == vm.vm).collect();
            let wrong: Vec<String> = of
                .iter()
                .filter(|disk| !disk.verified)
                .map(|disk| plan.disk_name(disk.disk))
                .collect();
            if of.is_empty() {
                untested_of(vm, at, &verified::Broken::NothingRecovered { machine, line })
            } else if wrong.is_empty() {
                None
            } else {
                let disks = wrong.join(", ");
                broken_of(vm, at, &verified::Broken::NotRight { machine, disks, line })
            }
        }
        Bound::Alert(_) | Bound::RpoAbove(_) | Bound::BacklogAbove(_) | Bound::NoPoints(_) | Bound::State(_) => {
            during.unseen(expect, vm, result, machine)
        }
    }
}

/// What is wrong with how long a machine took to catch up: the stretch in which it took longest, where that passed the bound. One that
/// ended within the bound says nothing where no point came.
fn judge_catching_up(
    vm: &VmResult,
    stretches: &[CaughtUp],
    (machine, bound, line): (String, u64, u32),
    at: SimTime,
) -> Option<Finding> {
    let judged = |of: &&CaughtUp| of.at.is_some() || of.took() >= bound;
    let Some(longest) = stretches.iter().filter(judged).max_by_key(|of| of.took()) else {
        return untested_of(vm, at, &caught_up_within::Broken::NotWaitedFor { machine, line });
    };
    let (since, took, bound) = (longest.since, Nanoseconds(longest.took()), Nanoseconds(bound));
    if took < bound {
        return None;
    }
    let broken = match longest.at {
        Some(_) => caught_up_within::Broken::OverBound {
            machine,
            since,
            reached: took,
            bound,
            line,
        },
        None => caught_up_within::Broken::NotCaughtUp {
            machine,
            since,
            waited: took,
            bound,
            line,
        },
    };
    broken_of(vm, longest.at.unwrap_or(longest.until), &broken)
}

fn broken_of(vm: &VmResult, at: SimTime, broken: &impl Violation) -> Option<Finding> {
    Some(Finding::new(FindingClass::Expectation, at, vm.vm, broken))
}

fn untested_of(vm: &VmResult, at: SimTime, broken: &impl Violation) -> Option<Finding> {
    Some(Finding::new(FindingClass::Untested, at, vm.vm, broken))
}

/// What is wrong with a time that is to be within a bound: it passed it (what was reached, and the bound), or nothing is known of it.
fn within<B: Violation>(
    vm: &VmResult,
    at: SimTime,
    milliseconds: Option<u64>,
    bound: u64,
    broken: impl FnOnce(Option<(Nanoseconds, Nanoseconds)>) -> B,
) -> Option<Finding> {
    let Some(milliseconds) = milliseconds else {
        return untested_of(vm, at, &broken(None));
    };
    let took = milliseconds.saturating_mul(1_000_000);
    if took < bound {
        return None;
    }
    broken_of(vm, at, &broken(Some((Nanoseconds(took), Nanoseconds(bound)))))
}

/// How long the unplanned failovers of a machine took, from the operator's start to the job's end, in milliseconds.
fn failover_times(plan: &Plan, vm: VmId, result: &RunResult) -> Vec<u64> {
    result
        .steps
        .iter()
        .filter(|step| {
            plan.steps.get(step.step as usize).is_some_and(|planned| {
                planned.action == "failover" && planned.vm == Some(vm) && planned.expected.ending == Ending::Done
            }) && step.outcome == StepOutcome::Done
        })
        .filter_map(|step| Some(sim::metrics::milliseconds(step.ended?.since(step.started))))
        .collect()
}

/// Faults that the scenario declares, that changed nothing and of which it does not say that they may: whoever declared them wanted to see what they do.
#[must_use]
pub fn unstruck(result: &RunResult) -> Vec<Finding> {
    let idle = result
        .faults
        .iter()
        .filter(|fault| fault.struck == 0 && !fault.may_miss);
    let finding = |of: &FaultResult| {
        let fault = of.name.clone();
        let broken = match (of.began, of.missed.clone()) {
            (None, _) => faults_strike::Broken::NeverBegan { fault },
            (Some(began), None) => faults_strike::Broken::NeverStruck { fault, began },
            (Some(began), Some(reason)) => faults_strike::Broken::CouldNotStrike { fault, began, reason },
        };
        let component = Component::Fault(of.name.clone());
        Finding::new(FindingClass::Expectation, result.ended, component, &broken)
    };
    idle.map(finding).collect()
}

/// What the scenario is about and nobody looked at, machine by machine: a machine whose replication was enabled has a recovery point that
/// was judged, a failover of any kind that was done has disks that were. A run that protected nobody has proven nothing, whatever was
/// refused in it as it was to be.
#[must_use]
pub fn untested(plan: &Plan, result: &RunResult) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut push = |vm: Option<VmId>, broken: something_checked::Broken| {
        findings.push(Finding::new(FindingClass::Untested, result.ended, vm, &broken));
    };
    let mut looked_at = 0;
    for (number, step) in (0_u32..).zip(&plan.steps) {
        let outcome = result.steps.iter().find(|of| of.step == number).map(|of| &of.outcome);
        let Some(outcome) = outcome.filter(|outcome| as_expected(&step.expected, outcome)) else {
            continue;
        };
        let (Some(vm), StepOutcome::Done) = (step.vm, outcome) else {
            continue;
        };
        let machine = plan.vms.get(vm.0 as usize).cloned().unwrap_or_default();
        let kind = match step.action {
            "enable-replication" => {
                let of = result.vms.iter().find(|of| of.vm == vm);
                let verified = |of: &VmResult| {
                    of.points
                        .iter()
                        .any(|point| point.verified && point.processed.is_some())
                };
                match of.is_some_and(verified) {
                    true => looked_at += 1,
                    false => push(Some(vm), something_checked::Broken::NoPointVerified { machine }),
                }
                continue;
            }
            "test-failover" => FailoverKind::Test,
            "failover" => FailoverKind::Unplanned,
            "failback" => FailoverKind::Failback,
            _ => continue,
        };
        if !result.disks.iter().any(|disk| disk.vm == vm && disk.kind == kind) {
            let action = step.action;
            push(Some(vm), something_checked::Broken::NoDiskCompared { machine, action });
        }
    }
    if looked_at == 0 {
        push(None, something_checked::Broken::NothingProtected {});
    }
    findings.truncate(NAMED_MAX);
    findings
}
