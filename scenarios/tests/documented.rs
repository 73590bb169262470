//! The documented faults do what the catalogue says of them: each is a scenario, and a case of its own, by its name.
//!
//! With what happens, all of it holds: what is to be seen is seen, and what puts it right does. Without it, none of what is to be seen is: an
//! assertion that a quiet day fulfils too asserts nothing.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use datapath::SimTime;
use libtest_mimic::{Arguments, Failed, Trial};
use scenarios::chaos::catalogue::{DOCUMENTED, Documented, documented};
use scenarios::drill::{self, Drill, Verdict};
use scenarios::expect::{as_expected, outcomes};
use scenarios::model::{Bound, Ending, Happens};
use scenarios::{Options, Scenario, build, load_text};
use sim::run::Observer;
use sim::spec::{NetworkKind, RunOptions};

struct Nobody;

impl Observer for Nobody {
    fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, _: &Fact, _: Option<Evidence>) {}
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let shown = DOCUMENTED.iter().filter(|row| row.shown.is_some());
    let rows = shown.map(|row| Trial::test(row.name, move || is_seen(row)));
    let late = Trial::test("who recovers too late is found", recovers_too_late);
    libtest_mimic::run(&arguments, rows.chain([late]).collect()).exit_code()
}

/// What puts a fault right is asserted by a bound that can be passed, and by points that can be missing.
fn recovers_too_late() -> Result<(), Failed> {
    let row = documented("process-server-down").ok_or("the row")?;
    let text = row.scenario().ok_or("no scenario")?;
    let found = |was: &str, is: &str| -> Result<BTreeSet<String>, Failed> {
        let drill = run(&read(row, &text.replace(was, is))?)?;
        let findings = drill.result.findings.iter();
        Ok(findings.map(|finding| finding.identity().to_string()).collect())
    };
    let these = |identities: &[&str]| identities.iter().map(|of| (*of).to_owned()).collect::<BTreeSet<_>>();
    let (bound, lasts) = ("caught_up_within = \"10 min\"", "lasts = \"22 min\"");
    let late = found(bound, "caught_up_within = \"1 s\"\npoints_at_least = 90")?;
    assert_eq!(
        late,
        these(&["points_at_least/vm/too-few", "caught_up_within/vm/over-bound"])
    );
    assert_eq!(found(lasts, "")?, these(&["caught_up_within/vm/not-waited-for"]));
    Ok(())
}

fn is_seen(row: &Documented) -> Result<(), Failed> {
    let with = run(&read(row, &row.scenario().ok_or("no scenario")?)?)?;
    if with.verdict != Verdict::Pass {
        return Err(format!("with what happens\n{}", told(&with)).into());
    }
    let without = run(&without(row)?)?;
    let seen = still_seen(&without);
    if seen.is_empty() {
        return Ok(());
    }
    Err(format!(
        "without what happens it is seen too: {}\n{}",
        seen.join(", "),
        told(&without)
    )
    .into())
}

fn read(row: &Documented, text: &str) -> Result<Scenario, Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{}.toml", row.name));
    load_text(text, &path, &Options::default()).map_err(|error| error.to_string().into())
}

fn run(scenario: &Scenario) -> Result<Drill, Failed> {
    let built = build(scenario, &Options::default()).map_err(|error| error.to_string())?;
    let options = RunOptions::in_memory(1, NetworkKind::Event, scenario.content, scenario.compression_level);
    Ok(drill::run(built, &options, &mut Nobody)?)
}

/// The same scenario in which it does not happen. What waits for a fault goes on: it has its beginning and its end, and changes nothing.
fn without(row: &Documented) -> Result<Scenario, Failed> {
    let text = row.scenario().ok_or("no scenario")?;
    let example = row.shown.ok_or("no example")?.example;
    if row.kind().is_some() {
        let mut scenario = read(row, &text)?;
        let fault = scenario.faults.first_mut().ok_or("no fault")?;
        fault.what = Happens::LinkDegraded {
            link: 0,
            bits_per_second: None,
            latency: None,
            loss_per_million: None,
        };
        fault.may_miss = true;
        return Ok(scenario);
    }
    let first = example.find("\n[[").ok_or("one table alone")?;
    read(row, &text.replace(&example[..first], ""))
}

/// What of the symptom a run without its cause shows.
fn still_seen(drill: &Drill) -> Vec<String> {
    let is_symptom = |bound: &Bound| match bound {
        Bound::Alert(_) | Bound::RpoAbove(_) | Bound::BacklogAbove(_) | Bound::NoPoints(_) | Bound::State(_) => true,
        Bound::RpoBelow(_)
        | Bound::RtoBelow(_)
        | Bound::FailoverWithin(_)
        | Bound::LostBelow(_)
        | Bound::LostBytesBelow(_)
        | Bound::PointsAtLeast(_)
        | Bound::Verified
        | Bound::CaughtUpWithin(_) => false,
    };
    let mut looked_at = 0;
    let mut seen = Vec::new();
    let expects = drill.plan.expects.iter().zip(outcomes(&drill.plan, &drill.result));
    for (_, outcome) in expects.filter(|(expect, _)| is_symptom(&expect.what)) {
        looked_at += 1;
        if outcome.broken < outcome.machines {
            seen.push(outcome.text);
        }
    }
    for (number, step) in (0_u32..).zip(&drill.plan.steps) {
        if step.expected.ending == Ending::Done {
            continue;
        }
        looked_at += 1;
        let outcome = drill.result.steps.iter().find(|of| of.step == number);
        if outcome.is_some_and(|of| as_expected(&step.expected, &of.outcome)) {
            seen.push(step.name.clone());
        }
    }
    if looked_at == 0 {
        seen.push("nothing is asserted".to_owned());
    }
    seen
}

fn told(drill: &Drill) -> String {
    let mut text = format!("{:?} at {}\n", drill.verdict, drill.ended.now);
    for finding in &drill.result.findings {
        let _ = writeln!(text, "found: {}", finding.text);
    }
    for fault in &drill.result.faults {
        let _ = writeln!(text, "fault {}: {:?} to {:?}", fault.name, fault.began, fault.ended);
    }
    for outcome in outcomes(&drill.plan, &drill.result) {
        let (broken, machines) = (outcome.broken, outcome.machines);
        let _ = writeln!(
            text,
            "{}: broken of {broken} of {machines}: {:?}",
            outcome.text, outcome.figure
        );
    }
    for step in &drill.result.steps {
        let planned = &drill.plan.steps[step.step as usize];
        let _ = writeln!(
            text,
            "step {}: {} to {:?}: {:?}",
            planned.name, step.started, step.ended, step.outcome
        );
    }
    for alert in &drill.result.alerts {
        let _ = writeln!(text, "alert {}: {:?} {} {}", alert.at, alert.vm, alert.code, alert.text);
    }
    for vm in &drill.result.vms {
        let _ = writeln!(text, "{}: {:?}", vm.name, vm.states);
    }
    text
}
