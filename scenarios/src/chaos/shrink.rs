//! A failure made small: the schedule that a seed drew, with what it does not need taken away, so that a person can read it.
//!
//! What is tried is kept where the run still finds the same identity; what it finds beside it is nobody's business here. In turn: faults go
//! one by one, what was drawn beside them goes, faults get shorter and their times and figures rounder; then, where a law of ours is broken, the time after the
//! failure goes, steps, machines, disks and what writes to them. Each trial is a run, and there are so many at the most.

use std::cell::Cell;
use std::sync::atomic::AtomicBool;

use sim::findings::{FindingClass, Identity};
use sim::spec::NetworkKind;

use super::draw::Drawn;
use super::rounding;
use super::smaller;
use super::sweep::{Found, run_one};
use crate::model::{Condition, Scenario};
use crate::read::Options;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;

/// Runs that a failure is worth.
pub const TRIALS: u32 = 300;

/// A failure that was made small.
pub struct Shrunk {
    /// What is left of the schedule.
    pub drawn: Drawn,
    /// What it finds.
    pub found: Found,
    /// Runs that it took.
    pub trials: u32,
}

struct Shrinker<'a> {
    identity: &'a Identity,
    options: &'a Options,
    network: NetworkKind,
    stop: &'a AtomicBool,
    trials: u32,
}

/// Makes the failure of a seed small. `plain` is the scenario that was drawn from. None where it is not found again.
#[must_use]
pub fn shrink(
    plain: &Scenario,
    drawn: &Drawn,
    identity: &Identity,
    (options, network): (&Options, NetworkKind),
    stop: &AtomicBool,
) -> Option<Shrunk> {
    let mut shrinker = Shrinker {
        identity,
        options,
        network,
        stop,
        trials: 0,
    };
    let mut smallest = drawn.clone();
    let mut found = shrinker.fails(&smallest)?;
    let failed_at = Cell::new(found.at.0);
    let is_ours = found.class == FindingClass::Invariant;
    let mut keep = |shrinker: &mut Shrinker<'_>, tried: Drawn, smallest: &mut Drawn| {
        let again = shrinker.fails(&tried);
        let kept = again.is_some();
        if let Some(again) = again {
            failed_at.set(again.at.0);
            found = again;
            *smallest = tried;
        }
        kept
    };
    // Faults that are not needed: the last first, for what came later is less often the cause.
    let mut changed = true;
    while changed {
        changed = false;
        for place in (0..smallest.scenario.faults.len()).rev() {
            let mut tried = smallest.clone();
            tried.scenario.faults.remove(place);
            changed |= keep(&mut shrinker, tried, &mut smallest);
        }
    }
    if !smallest.otherwise.is_empty() {
        let mut tried = smallest.clone();
        tried.scenario.links.clone_from(&plain.links);
        tried.scenario.model.clone_from(&plain.model);
        tried.scenario.steps.clone_from(&plain.steps);
        tried.otherwise.clear();
        keep(&mut shrinker, tried, &mut smallest);
    }
    for place in 0..smallest.scenario.faults.len() {
        // Shorter by half, as long as that does.
        while let Some(lasts) = smallest.scenario.faults[place]
            .lasts
            .filter(|lasts| *lasts > MILLISECOND)
        {
            let mut tried = smallest.clone();
            tried.scenario.faults[place].lasts = Some((lasts / 2).max(MILLISECOND));
            if !keep(&mut shrinker, tried, &mut smallest) {
                break;
            }
        }
        for unit in [60 * SECOND, 10 * SECOND, SECOND, 100 * MILLISECOND, 10 * MILLISECOND] {
            let round = |value: u64| (value + unit / 2) / unit * unit;
            let mut tried = smallest.clone();
            let fault = &mut tried.scenario.faults[place];
            for condition in &mut fault.begin {
                if let Condition::At(at) = condition {
                    *at = round(*at);
                }
            }
            if keep(&mut shrinker, tried, &mut smallest) {
                break;
            }
        }
        for what in rounding::rounder(&smallest.scenario.faults[place].what) {
            let mut tried = smallest.clone();
            tried.scenario.faults[place].what = what;
            if keep(&mut shrinker, tried, &mut smallest) {
                break;
            }
        }
        for unit in [60 * SECOND, 10 * SECOND, SECOND, 100 * MILLISECOND, 10 * MILLISECOND] {
            let Some(lasts) = smallest.scenario.faults[place].lasts.filter(|lasts| *lasts >= unit) else {
                continue;
            };
            let mut tried = smallest.clone();
            tried.scenario.faults[place].lasts = Some(lasts / unit * unit);
            if keep(&mut shrinker, tried, &mut smallest) {
                break;
            }
        }
    }
    // Then what is not needed of the scenario, unless it is the plan that failed: without a step of it, it is another plan. What is kept changes
    // the places of the others, so they are counted anew.
    let mut place = 0;
    while is_ours && let Some(part) = smaller::parts(&smallest.scenario, failed_at.get()).get(place).copied() {
        let kept = smaller::without(&smallest.scenario, part, options).is_some_and(|scenario| {
            let tried = Drawn {
                scenario,
                ..smallest.clone()
            };
            keep(&mut shrinker, tried, &mut smallest)
        });
        place += usize::from(!kept);
    }
    Some(Shrunk {
        drawn: smallest,
        found,
        trials: shrinker.trials,
    })
}

impl Shrinker<'_> {
    /// What a schedule finds, where that is what is looked for.
    fn fails(&mut self, drawn: &Drawn) -> Option<Found> {
        if self.trials >= TRIALS {
            return None;
        }
        self.trials += 1;
        // What makes no world any more is no smaller failure.
        let outcome = run_one(drawn, self.options, self.network, self.stop).ok()??;
        outcome.found.into_iter().find(|found| found.identity == *self.identity)
    }
}
