//! A plan on a terminal: the answer first, then what matters, in plain text without colours.

use std::fmt::Write;

use planning::plan::{Compatibility, Figure, Plan, WhatIf};
use planning::tornado::Outcome;
use planning::words::{rate, time};

use super::figures::{rpo, share, when};
use super::tables::Cell;
use super::tables::machines::found;
use super::tables::sweep::{kind, label};
use super::units::Kind;
use super::words::{account, plain, proof, rule};
use crate::summary::{WIDTH, wrapped};
use crate::words::{count, list};

/// Width of the names at the left.
const INDENT: usize = 16;
/// Machines that are named.
const MACHINES_SHOWN: usize = 10;
/// Findings of a proof that are shown.
const FINDINGS_SHOWN: usize = 5;
/// Points of a sweep that are shown.
const POINTS_SHOWN: usize = 12;

/// The text.
#[must_use]
pub fn human(plan: &Plan) -> String {
    let mut out = String::new();
    for line in wrapped(&plain(&plan.answer.text), WIDTH) {
        let _ = writeln!(out, "{line}");
    }
    out.push('\n');
    let often = share(plan.share_per_mille);
    for row in &plan.bandwidths {
        let name = format!("RPO {}", rpo(row.rpo_seconds));
        let text = format!(
            "{} always, {} in {often} of the time",
            bits(row.always),
            bits(row.share)
        );
        say(&mut out, &name, &text);
    }
    if let Some(all) = plan.bandwidth_of_all {
        let text = format!("{} always, with the machines that cannot be protected", rate(all.value));
        say(&mut out, &format!("RPO {}", rpo(plan.rpo_seconds)), &text);
    }
    for throttle in &plan.throttles {
        let text = format!(
            "{}: each process server sends at most {}, all of them {}",
            when(throttle),
            rate(throttle.each.value),
            rate(throttle.together.value)
        );
        say(&mut out, "Throttle", &text);
    }
    let shown = plan
        .given
        .as_ref()
        .map(|given| &given.what_if)
        .or(plan.what_if.as_ref());
    if let Some(what_if) = shown {
        let name = if plan.given.is_some() { "Given" } else { "What-if" };
        say(&mut out, name, &happens(plan, what_if));
        for catch_up in what_if.catch_up.iter().take(3) {
            let text = format!(
                "{} wait at its end; they are sent after {}",
                Kind::Bytes.human(catch_up.backlog_bytes),
                Kind::Milliseconds.human(catch_up.served_after_ms)
            );
            say(&mut out, "After an outage", &text);
        }
    }
    if let Some(text) = super::certainty::line(plan) {
        say(&mut out, "Band", &text);
    }
    for outcome in [Outcome::Rpo, Outcome::Recovery] {
        if let Some(text) = super::sensitivity::most(plan, outcome) {
            say(&mut out, "Sensitive to", &text);
        }
    }
    asked(plan, &mut out);
    proven(plan, &mut out);
    if let Some(found) = &plan.find {
        say(&mut out, "Found", &super::finding::answer(found));
    }
    say(&mut out, "Machines", &machines(plan));
    say(&mut out, "Servers", &servers(plan));
    say(&mut out, "Azure", &azure(plan));
    say(&mut out, "Initial copy", &initial(plan));
    say(&mut out, "Recovery", &recovery(plan));
    if let Some(cost) = &plan.cost {
        let example = if cost.example {
            ", an example and no price list"
        } else {
            ""
        };
        let missing = if cost.missing.is_empty() {
            String::new()
        } else {
            format!("; without a price, counted as nothing: {}", list(&cost.missing, 3))
        };
        let text = format!(
            "{} {} a month; prices: {}{example}{missing}",
            Kind::Money.human(cost.micros_per_month),
            cost.currency,
            cost.label
        );
        say(&mut out, "Cost", &text);
    }
    incompatible(plan, &mut out);
    if !plan.assumptions.is_empty() {
        out.push_str("\nAssumed\n");
    }
    for assumption in &plan.assumptions {
        hanging(&mut out, "  ", &assumption.text);
    }
    out
}

/// What the actors said of the plan.
fn proven(plan: &Plan, out: &mut String) {
    let Some(of) = &plan.proof else { return };
    say(out, if of.held { "Proof held" } else { "Proof not held" }, &proof(of));
    for finding in of.findings.iter().take(FINDINGS_SHOWN) {
        say(out, "", finding);
    }
}

/// The points of a sweep, as many as are read.
fn asked(plan: &Plan, out: &mut String) {
    let Some(sweep) = &plan.sweep else { return };
    for point in sweep.points.iter().take(POINTS_SHOWN) {
        let moved = sweep.axes.iter().zip(&point.at);
        let moved: Vec<String> = moved
            .map(|(axis, value)| format!("{} {}", label(axis.input), kind(axis.input).human(*value)))
            .collect();
        let worst = point
            .rpo_always_ms
            .map_or("without an end".to_owned(), |rpo| Kind::Milliseconds.human(rpo));
        let over = Kind::PerMille.human(point.steps_over_per_mille);
        let text = format!(
            "{}: RPO {worst} at its worst, {over} of the time over what is wanted",
            moved.join(", ")
        );
        say(out, "What if", &text);
    }
    if sweep.points.len() > POINTS_SHOWN {
        let more = sweep.points.len() - POINTS_SHOWN;
        say(
            out,
            "",
            &format!("and {more} more, on the page and in tables/what_if.csv"),
        );
    }
}

fn bits(figure: Option<Figure>) -> String {
    figure.map_or_else(|| "no bandwidth".to_owned(), |figure| rate(figure.value))
}

/// A name and what is said of it, in lines that hang beside it.
fn say(out: &mut String, name: &str, text: &str) {
    for (number, line) in wrapped(&plain(text), WIDTH - INDENT).iter().enumerate() {
        let name = if number == 0 { name } else { "" };
        let _ = writeln!(out, "{name:<INDENT$}{line}");
    }
}

fn hanging(out: &mut String, start: &str, text: &str) {
    for (number, line) in wrapped(&plain(text), WIDTH - start.len() - 2).iter().enumerate() {
        let start = if number == 0 {
            start.to_owned()
        } else {
            format!("{start}  ")
        };
        let _ = writeln!(out, "{start}{line}");
    }
}

fn happens(plan: &Plan, what_if: &WhatIf) -> String {
    let kept = |figure: Option<Figure>| figure.map_or_else(|| "without an end".to_owned(), |figure| time(figure.value));
    format!(
        "{}: RPO {} at its worst, {} in {} of the time; over {} {} a day; backlog up to {}",
        rate(what_if.bits_per_second.value),
        kept(what_if.rpo_always),
        kept(what_if.rpo_share),
        share(plan.share_per_mille),
        rpo(plan.rpo_seconds),
        times(what_if.violations_per_day.value),
        Kind::Bytes.human(what_if.backlog_bytes.value)
    )
}

/// A number in thousandths of times.
fn times(thousandths: u64) -> String {
    match thousandths {
        1_000 => "once".to_owned(),
        _ => format!("{} times", Kind::Thousandths.human(thousandths)),
    }
}

fn machines(plan: &Plan) -> String {
    let summary = &plan.summary;
    format!(
        "{} of {} can be protected, {} disks; they write {} on a typical day, {} on the busiest; with {} growth",
        count(summary.compatible.value),
        count(summary.machines.value),
        count(summary.disks.value),
        planning::words::size(summary.typical_day_bytes.value),
        planning::words::size(summary.busiest_day_bytes.value),
        share(plan.growth_per_mille)
    )
}

fn servers(plan: &Plan) -> String {
    let sizing = &plan.servers.sizing;
    let size = &sizing.size;
    let of = format!(
        "{} vCPUs, {}, cache disk of {}",
        size.vcpus,
        Kind::Bytes.human(size.memory_bytes),
        planning::words::size(size.cache_bytes)
    );
    if sizing.process_servers == 0 {
        return format!("1 configuration server that is the process server too: {of}");
    }
    format!(
        "{} of configuration, {} of processing beside (by changes {}, by machines {}), each of {of}",
        sizing.configuration_servers,
        sizing.process_servers,
        plan.servers.by_churn.value,
        plan.servers.by_machines.value
    )
}

fn azure(plan: &Plan) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for one in &plan.accounts {
        let word = account(one.kind);
        match kinds.iter_mut().find(|(kind, _)| *kind == word) {
            Some((_, number)) => *number += 1,
            None => kinds.push((word, 1)),
        }
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
    let accounts = if kinds.is_empty() {
        "none".to_owned()
    } else {
        kinds.join(", ")
    };
    let network = plan
        .network
        .as_ref()
        .map_or_else(String::new, |network| format!("; {}", network.name));
    format!(
        "storage accounts: {accounts}; {} vCPUs for a test failover of all{network}",
        count(plan.azure_cores.value)
    )
}

fn initial(plan: &Plan) -> String {
    let copy = &plan.initial_copy;
    let mut text = format!(
        "{} over {}",
        Kind::Bytes.human(copy.bytes.value),
        rate(copy.simulated.value)
    );
    match copy.at_once {
        Some(finish) => {
            let _ = write!(text, ": {} for all at once", Kind::Seconds.human(finish.done_seconds));
        }
        None => text.push_str(": never done for all at once"),
    }
    if let Some(last) = copy.batches.last() {
        let done = Kind::Seconds.human(last.done_seconds);
        let _ = write!(text, ", {done} in {} batches", copy.batches.len());
    }
    text
}

fn recovery(plan: &Plan) -> String {
    let recovery = &plan.recovery;
    let seconds = |seconds: u64| Kind::Seconds.human(seconds);
    let mut text = format!(
        "{} for all machines ({} to {})",
        seconds(recovery.seconds.value),
        seconds(recovery.least_seconds.value),
        seconds(recovery.most_seconds.value)
    );
    if let Some(step) = recovery.steps.iter().find(|step| step.longest) {
        let _ = write!(
            text,
            "; the longest is {}: {}",
            super::tables::time::step_name(step),
            seconds(step.seconds.value)
        );
    }
    let failback = &recovery.failback;
    let line = rate(failback.bits_per_second.value);
    match failback.original_seconds {
        Some(takes) => {
            let _ = write!(text, "; failback of what changed over {line}: {}", seconds(takes.value));
        }
        None => {
            let _ = write!(text, "; a failback over {line} is never done: changes fill it");
        }
    }
    text
}

fn incompatible(plan: &Plan, out: &mut String) {
    let no = plan
        .machines
        .iter()
        .filter(|machine| machine.compatibility == Compatibility::No);
    let no: Vec<_> = no.collect();
    if no.is_empty() {
        return;
    }
    out.push_str("\nCannot be protected\n");
    for machine in no.iter().take(MACHINES_SHOWN) {
        let Some(finding) = machine.findings.first() else {
            continue;
        };
        let figures = match found(finding) {
            (Cell::Figure(found, kind), Cell::Figure(limit, _)) => {
                format!(", {} of {} allowed", kind.human(found), kind.human(limit))
            }
            _ => String::new(),
        };
        let more = match machine.findings.len() - 1 {
            0 => String::new(),
            more => format!("; {more} more"),
        };
        let disk = finding
            .disk
            .as_ref()
            .map_or_else(String::new, |disk| format!(", disk {disk}"));
        let text = format!(
            "{}{disk}: {} ({}{figures}{more})",
            machine.name,
            finding.text,
            rule(finding.rule)
        );
        hanging(out, "  ", &text);
    }
    if no.len() > MACHINES_SHOWN {
        let more = count((no.len() - MACHINES_SHOWN) as u64);
        let _ = writeln!(
            out,
            "  and {more} more (in plan.html and tables/incompatible_machines.csv)"
        );
    }
}
