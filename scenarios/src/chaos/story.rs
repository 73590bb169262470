//! What happened in a failure, for the head of its file: when it broke, when the faults struck that are left, and what was said in between. The
//! failure is run once more for it; nothing is said that this run did not show.

use std::sync::atomic::AtomicBool;

use actors::facts::{Severity, StepOutcome};
use datapath::SimTime;
use sim::findings::{Figure, Finding, FindingClass, Identity};
use sim::metrics::{FaultResult, RpoStretch, RunResult, VmResult};
use sim::spec::{NetworkKind, RunOptions};

use super::draw::Drawn;
use super::sweep::Eyes;
use crate::build::{self, Plan};
use crate::drill;
use crate::keys::word_of;
use crate::laws::{lost_below, lost_bytes_below, rpo_below, rto_below};
use crate::named::with_names;
use crate::read::Options;
use crate::units::show_duration;

/// Lines of what happened in between, at the most.
const BETWEEN_MAX: usize = 12;

/// The story of a failure, a line each without an end; none where it is not found again.
#[must_use]
pub fn story(
    drawn: &Drawn,
    identity: &Identity,
    (options, network): (&Options, NetworkKind),
    stop: &AtomicBool,
) -> Option<Vec<String>> {
    let built = build::build(&drawn.scenario, options).ok()?;
    let scenario = &drawn.scenario;
    let run = RunOptions::in_memory(drawn.seed, network, scenario.content, scenario.compression_level);
    let drill = drill::run(built, &run, &mut Eyes { stop }).ok()?;
    let (result, plan) = (&drill.result, &drill.plan);
    let finding = result.findings.iter().find(|finding| finding.identity() == *identity)?;
    let mut lines = Vec::new();
    let broke = broke(finding, result);
    match &broke {
        Some((at, what)) => lines.push(format!("It broke at {at}: {what}.")),
        None => lines.push(format!("It was judged when the run had ended, at {}.", result.ended)),
    }
    let until = broke.map_or(result.ended, |(at, _)| at);
    for (declared, fault) in scenario.faults.iter().zip(&result.faults) {
        lines.push(words_of_fault(declared.word, fault));
    }
    let since = result
        .faults
        .iter()
        .filter_map(|fault| fault.struck_first.or(fault.began))
        .min();
    let mut between = between(plan, result, (since.unwrap_or(SimTime::ZERO), until));
    between.extend(last_points(result, finding, until));
    between.sort();
    between.dedup();
    if !between.is_empty() {
        lines.push("What led there:".to_owned());
    }
    // What is at the beginning and at the end says more than what is amid.
    let left_out = between.len().saturating_sub(BETWEEN_MAX);
    for (place, (at, what)) in between.iter().enumerate() {
        if left_out > 0 && place == BETWEEN_MAX / 2 {
            lines.push(format!("  ... {} more ...", left_out + 1));
        }
        let from_end = between.len() - place;
        if left_out == 0 || place < BETWEEN_MAX / 2 || from_end < BETWEEN_MAX / 2 {
            lines.push(format!("  {at}  {what}"));
        }
    }
    let machine = |machine: usize| plan.machines.get(machine).cloned();
    let named = lines
        .iter()
        .map(|line| with_names(line, |disk| plan.disk_name(disk), machine));
    Some(named.map(|line| line.replace('\n', " ")).collect())
}

fn words_of_fault(kind: &str, fault: &FaultResult) -> String {
    let name = format!("{} ({kind})", fault.name);
    let Some(began) = fault.began else {
        return format!("Fault {name} never began.");
    };
    let struck = match (fault.struck_first, fault.struck) {
        (Some(first), 1) => format!("struck once, at {first}"),
        (Some(first), times) => format!("struck first at {first}, {times} times in all"),
        (None, _) => "never struck".to_owned(),
    };
    let ended = fault
        .ended
        .map_or_else(String::new, |ended| format!(", and ended at {ended}"));
    format!("Fault {name} began at {began}, {struck}{ended}.")
}

/// When it was first so, where the run says it: the time of a law's finding, or when an expectation passed its bound.
fn broke(finding: &Finding, result: &RunResult) -> Option<(SimTime, String)> {
    let of = finding.vm().and_then(|id| result.vms.iter().find(|vm| vm.vm == id));
    let law = finding.law.as_str();
    let bound = match finding.evidence.get("bound") {
        Some(Figure::Nanoseconds(bound)) => Some(*bound),
        _ => None,
    };
    if let (Some(vm), Some(bound)) = (of, bound)
        && law == rpo_below::LAW.name
    {
        let at = passed(&vm.rpo_series, bound)?;
        return Some((at, format!("the RPO of {} passed {}", vm.name, show_duration(bound))));
    }
    if let (Some(vm), Some(bound)) = (of, bound)
        && law == rto_below::LAW.name
    {
        let started = vm.failovers.last()?.started;
        let at = SimTime(started.0.saturating_add(bound));
        return Some((
            at,
            format!(
                "{} did not answer {} after its failover began",
                vm.name,
                show_duration(bound)
            ),
        ));
    }
    if let Some(vm) = of.filter(|_| law == lost_below::LAW.name || law == lost_bytes_below::LAW.name) {
        let at = vm.failovers.iter().rev().find_map(|failover| failover.point_chosen)?;
        return Some((at, format!("the failover of {} chose its recovery point", vm.name)));
    }
    // What is judged by the whole run has the time of its end.
    let is_moment = finding.class == FindingClass::Invariant || finding.at < result.ended;
    is_moment.then(|| (finding.at, format!("{} did not hold any more", finding.law.as_str())))
}

/// When RPO first reached a bound, in nanoseconds: within a stretch it rises with time. Of one that was thinned, its end.
fn passed(series: &[RpoStretch], bound: u64) -> Option<SimTime> {
    let over = series
        .iter()
        .find(|stretch| stretch.high_ms.saturating_mul(1_000_000) >= bound)?;
    let rises = over.high_ms - over.low_ms;
    let is_whole = over.to.since(over.from).div_ceil(1_000_000).abs_diff(rises) <= 1;
    let before = (over.high_ms.saturating_mul(1_000_000) - bound).min(over.to.since(over.from));
    Some(if is_whole { SimTime(over.to.0 - before) } else { over.to })
}

/// What the product and the operator did and said in a stretch of time.
fn between(plan: &Plan, result: &RunResult, (since, until): (SimTime, SimTime)) -> Vec<(SimTime, String)> {
    let mut all: Vec<(SimTime, String)> = Vec::new();
    let name = |vm: &VmResult| vm.name.clone();
    for alert in &result.alerts {
        let of = alert.vm.and_then(|id| result.vms.iter().find(|vm| vm.vm == id));
        let of = of.map_or_else(String::new, |vm| format!(" of {}", vm.name));
        let how = match alert.severity {
            Severity::Warning => "warning",
            Severity::Critical => "critical alert",
        };
        let code = if alert.code.is_empty() {
            String::new()
        } else {
            format!(" {}", alert.code)
        };
        all.push((alert.at, format!("{how}{code}{of}: {}", alert.text)));
    }
    for vm in &result.vms {
        for (at, state) in &vm.states {
            all.push((*at, format!("{} is {}", name(vm), word_of(*state).unwrap_or_default())));
        }
    }
    for step in &result.steps {
        let Some(planned) = plan.steps.get(step.step as usize) else {
            continue;
        };
        let machine = planned.vm.and_then(|vm| plan.vms.get(vm.0 as usize));
        let machine = machine.map_or_else(String::new, |machine| format!(" of {machine}"));
        let what = format!("step {}{machine}", planned.name);
        all.push((step.started, format!("{what} begins")));
        if let Some(ended) = step.ended {
            let how = match &step.outcome {
                StepOutcome::Started => continue,
                StepOutcome::Done => "is done".to_owned(),
                StepOutcome::Refused(why) => format!("is refused: {why}"),
                StepOutcome::Failed(why) => format!("fails: {why}"),
            };
            all.push((ended, format!("{what} {how}")));
        }
    }
    all.retain(|(at, _)| (since..=until).contains(at));
    all
}

/// The newest recovery points that could be used by a time, and of when they are, of the machine that a finding is about, or of all.
fn last_points(result: &RunResult, finding: &Finding, until: SimTime) -> Vec<(SimTime, String)> {
    let of = |vm: &&VmResult| finding.vm().is_none_or(|id| id == vm.vm);
    let newest = |vm: &VmResult| {
        let usable = vm.points.iter().filter_map(|point| Some((point.processed?, point)));
        let (at, point) = usable
            .filter(|(at, _)| *at <= until)
            .max_by_key(|(at, point)| (*at, point.marked))?;
        // The RPO that the product reports goes by that clock.
        let clock = match point.marked.0.abs_diff(point.marked_source.0) {
            off if off < 1_000_000_000 => String::new(),
            _ => format!(" ({} by its own clock)", point.marked_source),
        };
        let what = format!(
            "the newest recovery point of {} by then can be used: it is of {}{clock}",
            vm.name, point.marked
        );
        Some((at, what))
    };
    result.vms.iter().filter(of).filter_map(newest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn stretch(from: u64, to: u64, low: u64, high: u64) -> RpoStretch {
        RpoStretch {
            from: SimTime(from * SECOND),
            to: SimTime(to * SECOND),
            low_ms: low * 1_000,
            high_ms: high * 1_000,
            true_high_ms: high * 1_000,
        }
    }

    #[test]
    fn a_bound_is_passed_within_the_first_stretch_that_reaches_it() {
        let series = [
            stretch(0, 100, 10, 110),
            stretch(100, 400, 20, 320),
            stretch(400, 900, 5, 505),
        ];
        assert_eq!(passed(&series, 300 * SECOND), Some(SimTime(380 * SECOND)));
        assert_eq!(passed(&series, 320 * SECOND), Some(SimTime(400 * SECOND)));
        assert_eq!(passed(&series, 600 * SECOND), None);
        // Several in one: by its end it was over the bound.
        let thinned = [stretch(0, 400, 10, 320)];
        assert_eq!(passed(&thinned, 300 * SECOND), Some(SimTime(400 * SECOND)));
    }
}
