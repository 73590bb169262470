//! What the scenario expects, held against the result of a run: each that does not hold becomes a finding that names its margin.

use actors::facts::{FailoverKind, StepOutcome};
use datapath::{Grain, SimTime, VmId};
use sim::metrics::{Finding, FindingClass, RunResult, StepResult, VmResult};

use crate::build::{Plan, PlannedStep};
use crate::model::{Bound, Ending, Expect, Expected};
use crate::units::{measured_beside, show_duration, show_size};
use crate::unmet;

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
            text: words(expect.what),
            line: expect.line.0,
            machines: expect.vms.len() as u64,
            broken: (expect.vms.len() - holds) as u64,
            figure: figure(plan, expect.what, &vms, result, holds == expect.vms.len()),
        }
    };
    plan.expects.iter().map(outcome).collect()
}

fn words(bound: Bound) -> String {
    match bound {
        Bound::RpoBelow(bound) => format!("RPO stays below {}", show_duration(bound)),
        Bound::RtoBelow(bound) => format!("RTO below {}", show_duration(bound)),
        Bound::FailoverWithin(bound) => format!("failover completes within {}", show_duration(bound)),
        Bound::LostBelow(bound) => format!("less than {} lost", show_duration(bound)),
        Bound::LostBytesBelow(bound) => format!("less than {} lost", show_size(bound)),
        Bound::PointsAtLeast(bound) => format!("at least {bound} recovery points verified"),
        Bound::Verified => "every recovered disk verified".to_owned(),
    }
}

/// The figure that came closest to the bound, or passed it most.
fn figure(plan: &Plan, bound: Bound, vms: &[&VmResult], result: &RunResult, held: bool) -> Option<String> {
    let upto = if held { "at most" } else { "reached" };
    let longest = |bound: u64, figure: &dyn Fn(&VmResult) -> Option<u64>| {
        let longest = vms.iter().filter_map(|vm| figure(vm)).max()?;
        Some(match longest {
            0 => "0 s".to_owned(),
            _ => format!("{upto} {}", measured_beside(longest, bound)),
        })
    };
    match bound {
        Bound::RpoBelow(bound) => longest(bound, &|vm| Some(vm.rpo?.max_ms)),
        Bound::RtoBelow(bound) => longest(bound, &VmResult::rto_ms),
        Bound::FailoverWithin(bound) => longest(bound, &|vm| failover_times(plan, vm.vm, result).into_iter().max()),
        Bound::LostBelow(bound) => longest(bound, &|vm| Some(vm.lost()?.ms)),
        Bound::LostBytesBelow(bound) => {
            let most = vms.iter().filter_map(|vm| Some(vm.lost()?.bytes)).max()?;
            Some(format!("{upto} {}", size_beside(most, bound)))
        }
        Bound::PointsAtLeast(_) => {
            let verified = |vm: &&VmResult| vm.points.iter().filter(|point| point.verified).count();
            let fewest = vms.iter().map(verified).min()?;
            Some(format!("{} {fewest}", if held { "at least" } else { "only" }))
        }
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
    }
}

/// A size; with its bytes, where it would read like the bound.
fn size_beside(bytes: u64, bound: u64) -> String {
    let shown = show_size(bytes);
    if bytes != bound && shown == show_size(bound) {
        return format!("{bytes} bytes");
    }
    shown
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
                let broken = match result.vms.iter().find(|vm| vm.vm == id) {
                    Some(vm) => broken(plan, expect, vm, result)?,
                    None => Broken::Untested("nothing is known of it"),
                };
                let (class, text) = match broken {
                    Broken::Bound(text) => (FindingClass::Expectation, text),
                    Broken::Untested(why) => (FindingClass::Untested, why.to_owned()),
                };
                let text = format!("{}: {text}", plan.vms[*index]);
                Some(Finding {
                    class,
                    ..finding(expect, result.ended, Some(id), text)
                })
            })
            .collect();
        if failed.len() > NAMED_MAX {
            let more = failed.len() - NAMED_MAX;
            // Bounds that are broken come first: they decide the verdict.
            failed.sort_by_key(|finding| finding.class);
            let class = failed[0].class;
            failed.truncate(NAMED_MAX);
            failed.push(Finding {
                class,
                ..finding(expect, result.ended, None, format!("and {more} more machines"))
            });
        }
        findings.extend(failed);
    }
    findings
}

fn finding(expect: &Expect, at: SimTime, vm: Option<VmId>, text: String) -> Finding {
    Finding {
        class: FindingClass::Expectation,
        name: expect.what.key().to_owned(),
        text: format!("{text} (expected in line {})", expect.line.0),
        at,
        vm,
    }
}

fn step_finding(
    plan: &Plan,
    (number, step): (u32, &PlannedStep),
    of_step: Option<&StepResult>,
    run: &RunResult,
) -> Option<Finding> {
    let what = match of_step.map(|result| &result.outcome) {
        None => unmet::why(plan, run, number),
        Some(StepOutcome::Started) => "began and did not end".to_owned(),
        Some(outcome) => unexpected(&step.expected, outcome)?,
    };
    let of = step
        .vm
        .and_then(|vm| plan.vms.get(vm.0 as usize))
        .map(|vm| format!(" of {vm}"))
        .unwrap_or_default();
    Some(Finding {
        class: FindingClass::Expectation,
        name: "step".to_owned(),
        text: format!("{}{of} (line {}) {what}", step.name, step.line),
        at: of_step.and_then(|result| result.ended).unwrap_or(run.ended),
        vm: step.vm,
    })
}

/// Whether a step ended as it was to.
#[must_use]
pub fn as_expected(expected: &Expected, outcome: &StepOutcome) -> bool {
    unexpected(expected, outcome).is_none()
}

/// How an ended step differs from what was expected; none where it does not.
fn unexpected(expected: &Expected, outcome: &StepOutcome) -> Option<String> {
    let (ending, told) = match outcome {
        StepOutcome::Refused(why) => (Ending::Refused, format!("was refused: {why}")),
        StepOutcome::Failed(why) => (Ending::Failed, format!("failed: {why}")),
        StepOutcome::Done | StepOutcome::Started => (Ending::Done, "was done".to_owned()),
    };
    let because = expected.reason.as_deref().unwrap_or_default();
    if ending == expected.ending && told.contains(because) {
        return None;
    }
    let because = expected
        .reason
        .as_ref()
        .map_or_else(String::new, |why| format!(" because of \"{why}\""));
    Some(match expected.ending {
        Ending::Done => told,
        Ending::Refused => format!("was to be refused{because}, and {told}"),
        Ending::Failed => format!("was to fail{because}, and {told}"),
    })
}

/// Why an expectation does not hold.
enum Broken {
    /// The bound is passed: by how much.
    Bound(String),
    /// There was nothing to look at.
    Untested(&'static str),
}

/// What is wrong, with the margin; none where the bound holds.
fn broken(plan: &Plan, expect: &Expect, vm: &VmResult, result: &RunResult) -> Option<Broken> {
    match expect.what {
        Bound::RpoBelow(bound) => match vm.rpo {
            None => Some(Broken::Untested("was never protected, so it has no RPO")),
            Some(rpo) => longer("RPO", rpo.max_ms, bound).map(Broken::Bound),
        },
        Bound::RtoBelow(bound) => match vm.rto_ms() {
            None => Some(Broken::Untested("no failover of it reached a workload that answers")),
            Some(rto) => longer("RTO", rto, bound).map(Broken::Bound),
        },
        Bound::FailoverWithin(bound) => {
            let times = failover_times(plan, vm.vm, result);
            match times.iter().max() {
                None => Some(Broken::Untested("no failover of it was completed")),
                Some(longest) => longer("the failover", *longest, bound).map(Broken::Bound),
            }
        }
        Bound::LostBelow(bound) => match vm.lost() {
            None => Some(Broken::Untested("no failover of it says what was lost")),
            Some(lost) => longer("loss", lost.ms, bound).map(Broken::Bound),
        },
        Bound::LostBytesBelow(bound) => match vm.lost() {
            None => Some(Broken::Untested("no failover of it says what was lost")),
            Some(lost) if lost.bytes < bound => None,
            Some(lost) => Some(Broken::Bound(format!(
                "{} lost, {} more than the bound of {}",
                size_beside(lost.bytes, bound),
                show_size(lost.bytes - bound),
                show_size(bound)
            ))),
        },
        Bound::PointsAtLeast(bound) => {
            let verified = vm.points.iter().filter(|point| point.verified).count() as u64;
            (verified < bound).then(|| {
                Broken::Bound(format!(
                    "{verified} recovery points made and verified, {} too few",
                    bound - verified
                ))
            })
        }
        Bound::Verified => {
            let of: Vec<_> = result.disks.iter().filter(|disk| disk.vm == vm.vm).collect();
            let wrong: Vec<String> = of
                .iter()
                .filter(|disk| !disk.verified)
                .map(|disk| plan.disk_name(disk.disk))
                .collect();
            if of.is_empty() {
                Some(Broken::Untested(
                    "no disk of it was recovered, so none could be verified",
                ))
            } else if wrong.is_empty() {
                None
            } else {
                Some(Broken::Bound(format!("recovered and not right: {}", wrong.join(", "))))
            }
        }
    }
}

fn longer(what: &str, milliseconds: u64, bound: u64) -> Option<String> {
    let took = milliseconds.saturating_mul(1_000_000);
    (took >= bound).then(|| {
        format!(
            "{what} {}, {} over the bound of {}",
            measured_beside(milliseconds, bound),
            show_duration(took - bound),
            show_duration(bound)
        )
    })
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
    idle.map(|fault| Finding {
        class: FindingClass::Expectation,
        name: "faults-strike".to_owned(),
        text: match fault.began {
            None => format!("fault `{}` never began", fault.name),
            Some(began) => {
                let why = fault.missed.as_ref().map_or_else(String::new, |why| format!(": {why}"));
                format!(
                    "fault `{}` began at {began} and never changed anything{why}",
                    fault.name
                )
            }
        },
        at: result.ended,
        vm: None,
    })
    .collect()
}

/// What the scenario is about and nobody looked at, machine by machine: a machine whose replication was enabled has a recovery point that
/// was judged, a failover of any kind that was done has disks that were. A run that protected nobody has proven nothing, whatever was
/// refused in it as it was to be.
#[must_use]
pub fn untested(plan: &Plan, result: &RunResult) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut push = |vm: Option<VmId>, text: String| {
        findings.push(Finding {
            class: FindingClass::Untested,
            name: "something-checked".to_owned(),
            text,
            at: result.ended,
            vm,
        });
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
        let name = plan.vms.get(vm.0 as usize).map_or("?", String::as_str);
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
                    false => push(
                        Some(vm),
                        format!("{name}: no recovery point of it was made and verified"),
                    ),
                }
                continue;
            }
            "test-failover" => FailoverKind::Test,
            "failover" => FailoverKind::Unplanned,
            "failback" => FailoverKind::Failback,
            _ => continue,
        };
        if !result.disks.iter().any(|disk| disk.vm == vm && disk.kind == kind) {
            push(Some(vm), format!("{name}: no disk of its {} was compared", step.action));
        }
    }
    if looked_at == 0 {
        push(None, "no machine was protected".to_owned());
    }
    findings.truncate(NAMED_MAX);
    findings
}
