//! The parts of a plan that run the queue: bandwidths, what would happen with one, the initial copy.

use std::collections::BTreeSet;

use crate::gates::Unit;
use crate::initial::{Batch, Finish, batch_machines, simulate};
use crate::plan::{Bandwidth, CopyRow, Figure, Given, Hour, InitialCopy, WhatIf};
use crate::queue::{Arrivals, Outcome, catch_up, run};
use crate::recommend::{Work, figure};
use crate::search::{Goal, lasting, lasting_bandwidth_for};
use crate::service::Service;
use crate::sweep::kept;

/// The curve's bandwidths, in tenths of what copies all machines within the goal.
const CURVE: u64 = 10;
/// As many batches go through the queue at the most.
const BATCHES: u64 = 64;

fn rate(bits: u64, origin: &'static str) -> Figure {
    figure(bits, Unit::BitsPerSecond, origin)
}

fn goal(rpo_seconds: u32, steps_per_mille: u32) -> Goal {
    Goal {
        rpo_ms: u64::from(rpo_seconds) * 1_000,
        steps_per_mille,
    }
}

/// The bandwidths of the RPO wanted and of those shown beside it.
pub(crate) fn bandwidths(work: &Work<'_>) -> Vec<Bandwidth> {
    let options = work.options;
    let shown: BTreeSet<u32> = options
        .shown_rpo_seconds
        .iter()
        .copied()
        .filter(|rpo| *rpo != options.rpo_seconds)
        .collect();
    let constant = Service::constant(0);
    let row = |rpo_seconds: u32| {
        let found = |share: u32| lasting_bandwidth_for(&work.arrivals, &constant, goal(rpo_seconds, share));
        Bandwidth {
            rpo_seconds,
            always: found(1_000).map(|bits| rate(bits, "bandwidth-always")),
            share: found(options.share_per_mille).map(|bits| rate(bits, "bandwidth-share")),
        }
    };
    std::iter::once(options.rpo_seconds).chain(shown).map(row).collect()
}

/// What the RPO wanted needs with all machines, whatever the rules say.
pub(crate) fn bandwidth_of_all(work: &Work<'_>) -> Option<Figure> {
    let all = vec![true; work.estate.vms.len()];
    let arrivals = work.sum(&all).arrivals(work.options.growth_per_mille);
    let found = lasting_bandwidth_for(&arrivals, &Service::constant(0), goal(work.options.rpo_seconds, 1_000));
    found.map(|bits| rate(bits, "bandwidth-of-all"))
}

fn hours(arrivals: &Arrivals, outcome: &Outcome) -> Vec<Hour> {
    let step = u64::from(arrivals.step_seconds.max(1));
    let steps = usize::try_from((3_600 / step).max(1)).unwrap_or(1);
    let hour = |(bytes, (backlog, delays)): (&[u64], (&[u64], &[u64]))| Hour {
        arriving: bytes.iter().sum::<u64>().saturating_mul(8) / (bytes.len() as u64 * step),
        backlog_bytes: backlog.iter().copied().max().unwrap_or(0),
        delay_ms: delays.iter().copied().max().unwrap_or(0),
    };
    let queue = outcome.backlog_bytes.chunks(steps).zip(outcome.delays_ms.chunks(steps));
    arrivals.bytes.chunks(steps).zip(queue).map(hour).collect()
}

fn what_if(work: &Work<'_>, service: &Service, origin: &'static str) -> WhatIf {
    let arrivals = &work.arrivals;
    let outcome = run(arrivals, service);
    let rpo_ms = u64::from(work.options.rpo_seconds) * 1_000;
    let violations = outcome.episodes(rpo_ms).len() as u64;
    let kept = |share: u32, origin| {
        let rpo = kept(&outcome, share);
        rpo.map(|rpo| figure(rpo, Unit::Milliseconds, origin))
    };
    WhatIf {
        bits_per_second: rate(service.rate(), origin),
        rpo_always: kept(1_000, "rpo-always"),
        rpo_share: kept(work.options.share_per_mille, "rpo-share"),
        rpo_half: kept(500, "rpo-half"),
        violations: figure(violations, Unit::Count, "violations"),
        violations_per_day: figure(
            arrivals.per_day_per_mille(violations),
            Unit::Thousandths,
            "violations-per-day",
        ),
        steps_over: figure(outcome.steps_over_per_mille(rpo_ms), Unit::PerMille, "steps-over"),
        days: outcome.days(arrivals, rpo_ms),
        backlog_bytes: figure(outcome.most_backlog_bytes(), Unit::Bytes, "backlog"),
        catch_up: service
            .outages
            .iter()
            .filter_map(|outage| catch_up(arrivals, service, outage.to))
            .collect(),
        hours: hours(arrivals, &outcome),
    }
}

/// What would happen with the bandwidth given.
pub(crate) fn given(work: &Work<'_>, service: &Service) -> Given {
    let what_if = what_if(work, service, "bandwidth-given");
    let lasts = lasting(&work.arrivals, service);
    let holds = |share: u32| lasts && goal(work.options.rpo_seconds, share).holds(&work.arrivals, service);
    let enough_always = holds(1_000);
    let missing = if enough_always {
        Some(0)
    } else {
        let found = lasting_bandwidth_for(&work.arrivals, service, goal(work.options.rpo_seconds, 1_000));
        let has = service.links.first().map_or(0, |link| link.bits_per_second);
        found.map(|bits| bits.saturating_sub(has))
    };
    Given {
        enough_always,
        enough_share: holds(work.options.share_per_mille),
        missing: missing.map(|bits| rate(bits, "bandwidth-missing")),
        what_if,
    }
}

/// What would happen with the bandwidth that keeps the RPO wanted in the lower share of the steps.
pub(crate) fn lower_share(work: &Work<'_>, bandwidths: &[Bandwidth]) -> Option<WhatIf> {
    let bits = bandwidths.first()?.share?.value;
    Some(what_if(work, &Service::constant(bits), "bandwidth-share"))
}

/// The initial copy: batches by bandwidth, and the copy through the queue at the bandwidth given or needed.
pub(crate) fn initial_copy(work: &Work<'_>, service: Option<&Service>, needed: u64) -> InitialCopy {
    let options = work.options;
    let copies: Vec<(usize, u64)> = work.copies().collect();
    let machines = copies.len() as u64;
    let bytes = copies.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    let machine_bytes = bytes.div_ceil(machines.max(1));
    let seconds = options.initial_copy_goal_seconds.max(1);
    let row = |bits: u64| {
        let batch = batch_machines(seconds, bits, needed, machine_bytes).min(machines);
        let batches = (batch > 0).then(|| machines.div_ceil(batch));
        CopyRow {
            bits_per_second: bits,
            machines: batch,
            batches,
            seconds: batches.map(|batches| batches.saturating_mul(seconds)),
        }
    };
    // What copies all machines at once within the goal, by the same formula.
    let all = (u128::from(machine_bytes) * u128::from(machines) * 8).div_ceil(u128::from(seconds));
    let all = u64::try_from(all).unwrap_or(u64::MAX / 2);
    let given = service.map(Service::rate);
    let mut rates: BTreeSet<u64> = (1..=CURVE)
        .map(|tenth| needed.saturating_add((u128::from(all) * u128::from(tenth)).div_ceil(u128::from(CURVE)) as u64))
        .collect();
    rates.extend(given);
    let simulated = given.unwrap_or(needed);
    let through = service.cloned().unwrap_or_else(|| Service::constant(needed));
    let sizes = |count: usize| -> Vec<Batch> {
        copies
            .chunks(count.max(1))
            .map(|chunk| {
                let mut chosen = vec![false; work.estate.vms.len()];
                chunk.iter().for_each(|(place, _)| chosen[*place] = true);
                Batch {
                    bytes: chunk.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes)),
                    changes: work.sum(&chosen).arrivals(options.growth_per_mille).bytes,
                }
            })
            .collect()
    };
    let copy = |batches: &[Batch]| -> Option<Vec<Finish>> {
        simulate(&work.arrivals, &through, options.initial_copy_share_per_mille, batches)
    };
    let at_once = Batch {
        bytes,
        changes: work.arrivals.bytes.clone(),
    };
    let at_once = copy(&[at_once]).and_then(|done| done.first().copied());
    let formula = row(simulated);
    let batches = match formula.batches {
        Some(2..=BATCHES) => copy(&sizes(usize::try_from(formula.machines).unwrap_or(usize::MAX))),
        _ => None,
    };
    InitialCopy {
        bytes: figure(bytes, Unit::Bytes, "copy-bytes"),
        machine_bytes: figure(machine_bytes, Unit::Bytes, "copy-machine"),
        steady: rate(needed, "copy-steady"),
        curve: rates.into_iter().map(row).collect(),
        simulated: rate(simulated, "copy-rate"),
        at_once,
        batches: batches.unwrap_or_default(),
    }
}
