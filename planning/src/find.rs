//! The smallest bandwidth, or the largest growth, outage or compressed size, that keeps a goal: bracketed by arithmetic over the queue,
//! finished by simulation.
//!
//! The arithmetic says where to begin. From there the estate's drill runs through the actors at one value after another ([`rehearsal`]),
//! several at a time, until the goal is kept at a value and missed 2 % beyond it: both are simulated. Then it runs at some more values on
//! both sides; where one of them is not as it should be, the answer says that more is not always better here, and which values it was.

pub mod goal;
pub mod rehearsal;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::goal::{Goal, Quantity};
pub use self::rehearsal::{FindError, Rehearsals};
use crate::options::Options;
use crate::plan::Plan;
use crate::recommend::Work;
use crate::search::achievable;
use crate::sweep::{Input, moved};

/// Inputs that can be searched for.
pub const INPUTS: [Input; 4] = [Input::Bandwidth, Input::Growth, Input::Outage, Input::Compressed];
/// How far beyond the answer the goal is missed, in per cent.
const BEYOND: u64 = 2;
/// Values on both sides of an answer at which it is looked at again, in per cent of it.
const AGAIN: [u64; 6] = [50, 75, 90, 110, 125, 200];
/// A search ends after so many runs: it halves far more often than any range asks.
const RUNS_MAX: usize = 200;

/// Why a value was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// The arithmetic says so.
    Reckoned,
    /// To have one that keeps the goal and one that misses it.
    Bracket,
    /// Between two such.
    Between,
    /// 2 % beyond the answer.
    Beyond,
    /// To see whether more is always better.
    Again,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Measured {
    /// The figure of the machine that was worst, in milliseconds; none where one was never protected.
    pub ms: Option<u64>,
    /// The invariant that it broke, in words.
    pub broken: Option<String>,
}

/// A value that was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The value, in the input's unit.
    pub value: u64,
    /// What was measured, of the machine that was worst, in milliseconds; none where one was never protected.
    pub measured_ms: Option<u64>,
    /// Whether the goal was kept.
    pub holds: bool,
    /// Whether the run broke an invariant of the simulation, which is its own fault: such a run is none that keeps a goal.
    pub broken: bool,
    /// Why it was looked at.
    pub because: Because,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What was searched for.
    pub input: Input,
    /// The goal.
    pub goal: Goal,
    /// Whether it is the smallest value, else the largest.
    pub smallest: bool,
    /// The value; none where none of those that were run keeps the goal, or all of them do.
    pub value: Option<u64>,
    /// 2 % beyond it: the goal is missed there.
    pub fails_at: Option<u64>,
    /// What the arithmetic says; none where it has no answer.
    pub reckoned: Option<u64>,
    /// Of the other values that were looked at again, those that are not as the answer says.
    pub not_monotone: Vec<u64>,
    /// Simulated seconds over which each run was measured.
    pub simulated_seconds: u64,
    /// All that was run, by value.
    pub tried: Vec<Tried>,
}

impl Found {
    /// What was measured at a value.
    #[must_use]
    pub fn at(&self, value: u64) -> Option<&Tried> {
        self.tried.iter().find(|tried| tried.value == value)
    }
}

/// Values of an input between which an answer may lie.
struct Range {
    least: u64,
    most: u64,
    smallest: bool,
}

fn range(input: Input) -> Range {
    match input {
        // A link of 1 kbit/s is the least that a drill has; 1 Tbit/s is more than any.
        Input::Bandwidth => Range {
            least: 1_000,
            most: 1_000_000_000_000,
            smallest: true,
        },
        Input::Outage => Range {
            least: 0,
            most: rehearsal::OUTAGE_MAX_SECONDS,
            smallest: false,
        },
        // What compresses to a hundredth is the most that a scenario takes.
        Input::Compressed => Range {
            least: 10,
            most: 1_000,
            smallest: false,
        },
        _ => Range {
            least: 0,
            most: 10_000,
            smallest: false,
        },
    }
}

impl Range {
    /// The value 2 % beyond another, towards what is harder to keep; none at the end of the range.
    fn beyond(&self, value: u64) -> Option<u64> {
        if self.smallest {
            let less = (u128::from(value) * u128::from(100 - BEYOND) / 100) as u64;
            (value > self.least).then(|| less.min(value - 1).max(self.least))
        } else {
            let more = (u128::from(value) * u128::from(100 + BEYOND)).div_ceil(100) as u64;
            (value < self.most).then(|| more.max(value + 1).min(self.most))
        }
    }

    /// Whether a value is easier to keep than another.
    fn easier(&self, one: u64, other: u64) -> bool {
        if self.smallest { one > other } else { one < other }
    }

    /// So many per cent of a value, within the range.
    fn part(&self, value: u64, per_cent: u64) -> u64 {
        let part = u64::try_from(u128::from(value) * u128::from(per_cent) / 100).unwrap_or(u64::MAX);
        part.clamp(self.least, self.most)
    }
}

/// Runs values, and gives what came of each.
type Run<'a> = dyn Fn(&[u64]) -> Result<Vec<Measured>, FindError> + 'a;

/// Runs values and keeps what came of them.
struct Search<'a> {
    range: Range,
    run: &'a Run<'a>,
    under_ms: u64,
    tried: BTreeMap<u64, Tried>,
}

impl Search<'_> {
    fn look(&mut self, values: &[u64], because: Because) -> Result<(), FindError> {
        let mut new: Vec<u64> = values
            .iter()
            .copied()
            .filter(|value| !self.tried.contains_key(value))
            .collect();
        new.sort_unstable();
        new.dedup();
        if self.tried.len() + new.len() > RUNS_MAX {
            return Err(FindError::Endless(RUNS_MAX));
        }
        for (
            value,
            Measured {
                ms: measured_ms,
                broken,
            },
        ) in new.iter().zip((self.run)(&new)?)
        {
            let holds = measured_ms.is_some_and(|measured| measured < self.under_ms);
            // One that would keep the goal is not passed over: the answer would stand on it.
            if let Some(text) = broken.as_ref().filter(|_| holds) {
                return Err(FindError::Invariant(text.clone()));
            }
            let tried = Tried {
                value: *value,
                measured_ms,
                holds,
                broken: broken.is_some(),
                because,
            };
            self.tried.insert(*value, tried);
        }
        Ok(())
    }

    fn holds(&self, value: u64) -> bool {
        self.tried.get(&value).is_some_and(|tried| tried.holds)
    }

    /// The hardest value that holds with one beyond it that fails, and the easiest of those that fail beyond it.
    fn bracket(&self) -> (Option<u64>, Option<u64>) {
        let mut holds: Option<u64> = None;
        for tried in self.tried.values().filter(|tried| tried.holds) {
            if holds.is_none_or(|held| self.range.easier(held, tried.value)) {
                holds = Some(tried.value);
            }
        }
        let mut fails: Option<u64> = None;
        for tried in self.tried.values().filter(|tried| !tried.holds) {
            let beyond = holds.is_none_or(|held| self.range.easier(held, tried.value));
            if beyond && fails.is_none_or(|failed| self.range.easier(tried.value, failed)) {
                fails = Some(tried.value);
            }
        }
        (holds, fails)
    }

    /// Goes from a start until a value holds and one beyond it fails; none where the range ends before.
    fn enclose(&mut self, start: u64, at_once: usize) -> Result<Option<(u64, u64)>, FindError> {
        let start = start.clamp(self.range.least, self.range.most);
        self.look(&[start], Because::Reckoned)?;
        let (mut down, mut up) = (start, start);
        // A step of an eighth at first, then twice as wide again and again.
        let mut step = (start / 8).max(1);
        loop {
            let (holds, fails) = self.bracket();
            if let (Some(holds), Some(fails)) = (holds, fails) {
                return Ok(Some((holds, fails)));
            }
            // What holds is to become harder, what fails easier.
            let downwards = holds.is_some() == self.range.smallest;
            let mut values = Vec::new();
            for _ in 0..at_once.max(1) {
                let at = if downwards { &mut down } else { &mut up };
                *at = if downwards {
                    at.saturating_sub(step.min(*at / 2 + 1))
                } else {
                    at.saturating_add(step)
                };
                *at = (*at).clamp(self.range.least, self.range.most);
                values.push(*at);
                step = step.saturating_mul(2);
            }
            if values.iter().all(|value| self.tried.contains_key(value)) {
                return Ok(None);
            }
            self.look(&values, Because::Bracket)?;
        }
    }

    /// Narrows a bracket until the goal is kept at a value and missed 2 % beyond it.
    fn narrow(&mut self, at_once: usize) -> Result<Option<(u64, u64)>, FindError> {
        loop {
            let (Some(holds), Some(fails)) = self.bracket() else {
                return Ok(None);
            };
            let Some(beyond) = self.range.beyond(holds) else {
                return Ok(None);
            };
            // What fails lies no further away than that: run the value itself.
            if fails == beyond || self.range.easier(fails, beyond) {
                self.look(&[beyond], Because::Beyond)?;
                if !self.holds(beyond) {
                    return Ok(Some((holds, beyond)));
                }
                continue;
            }
            let parts = at_once.max(1) as u128 + 1;
            let (low, high) = (holds.min(fails), holds.max(fails));
            let between = (1..parts).map(|part| low + (u128::from(high - low) * part / parts) as u64);
            let between: Vec<u64> = between.filter(|value| *value != low && *value != high).collect();
            self.look(&between, Because::Between)?;
        }
    }
}

/// Searches for the value of an input that keeps a goal. `plan` is the plan of these options; the runs go over `at_once` threads.
///
/// # Errors
/// [`FindError`] where the input cannot be searched for, a drill of the estate cannot be made or does not run, or it was stopped.
pub fn find(
    rehearsals: &Rehearsals<'_>,
    options: &Options,
    plan: &Plan,
    input: Input,
    goal: Goal,
    at_once: usize,
) -> Result<Found, FindError> {
    if !INPUTS.contains(&input) {
        return Err(FindError::Input(input.name()));
    }
    let reckoned = reckon(rehearsals, options, input, goal)?;
    let seconds = rehearsals.seconds(options, input);
    let run = |values: &[u64]| rehearsals.run(options, plan, input, values, goal.quantity);
    search(range(input), reckoned, &run, goal, at_once).map(|answer| Found {
        input,
        goal,
        simulated_seconds: seconds,
        ..answer
    })
}

fn search(range: Range, reckoned: Option<u64>, run: &Run<'_>, goal: Goal, at_once: usize) -> Result<Found, FindError> {
    let smallest = range.smallest;
    let middle = if smallest {
        range.least.saturating_mul(1_000)
    } else {
        range.most / 2
    };
    let start = reckoned.unwrap_or(middle);
    let mut search = Search {
        range,
        run,
        under_ms: goal.under_ms,
        tried: BTreeMap::new(),
    };
    let enclosed = search.enclose(start, at_once)?;
    let answer = if enclosed.is_some() {
        search.narrow(at_once)?
    } else {
        None
    };
    let mut not_monotone = Vec::new();
    if let Some((value, fails_at)) = answer {
        let again: Vec<u64> = AGAIN.map(|per_cent| search.range.part(value, per_cent)).to_vec();
        search.look(&again, Because::Again)?;
        let wrong = search.tried.values().filter(|tried| {
            let easier = tried.value == value || search.range.easier(tried.value, value);
            let harder = tried.value == fails_at || search.range.easier(fails_at, tried.value);
            (easier && !tried.holds) || (harder && tried.holds)
        });
        not_monotone = wrong.map(|tried| tried.value).collect();
    }
    Ok(Found {
        input: Input::Bandwidth,
        goal,
        smallest,
        value: answer.map(|(value, _)| value),
        fails_at: answer.map(|(_, fails)| fails),
        reckoned,
        not_monotone,
        simulated_seconds: 0,
        tried: search.tried.into_values().collect(),
    })
}

/// The value by the queue alone: the interval between points comes on top of its delays.
fn reckon(rehearsals: &Rehearsals<'_>, options: &Options, input: Input, goal: Goal) -> Result<Option<u64>, FindError> {
    let range = range(input);
    let wanted = goal.under_ms.saturating_sub(rehearsal::interval_ms()).max(1);
    let base = Work::new(rehearsals.estate, rehearsals.profile, options)?;
    let holds = |value: u64| -> Result<bool, FindError> {
        // To what everything compresses is in the sums over machines; the other inputs are not.
        let moved = if input == Input::Compressed {
            let mut options = options.clone();
            let options = rehearsal::with(&mut options, input, value);
            moved(&Work::new(rehearsals.estate, rehearsals.profile, options)?, |_| None)
        } else {
            moved(&base, |other| (other == input).then_some(value))
        };
        let outcome = crate::queue::run(&moved.arrivals, &moved.service);
        Ok(achievable(&outcome, goal.quantity.per_mille()) < wanted)
    };
    let (mut keeps, mut misses) = if range.smallest {
        (range.most, range.least)
    } else {
        (range.least, range.most)
    };
    if !holds(keeps)? {
        return Ok(None);
    }
    if holds(misses)? {
        return Ok(Some(misses));
    }
    // To a thousandth: the simulation does the rest.
    while keeps.abs_diff(misses) > (keeps / 1_000).max(1) {
        let middle = keeps.min(misses) + keeps.abs_diff(misses) / 2;
        if holds(middle)? {
            keeps = middle;
        } else {
            misses = middle;
        }
    }
    Ok(Some(keeps))
}

#[cfg(test)]
mod tests;
