//! What moves a plan's answers most: each input and each uncertain constant at the ends of its range, one at a time.
//!
//! The arithmetic of an end is that of a sweep's point ([`crate::sweep`]), of a recovery and of a failback ([`crate::recovery`]). What was
//! measured is not moved, and what moves nothing is not shown.

use rayon::prelude::*;
use serde::Serialize;

use crate::constants::{rows, set, value};
use crate::fleet::Fleet;
use crate::options::Options;
use crate::ranges::ranges;
use crate::recommend::{PlanError, Work};
use crate::recovery::{failback, takes};
use crate::search::lasting_bandwidth_for;
use crate::service::Service;
use crate::sweep::{Copied, Input, Moved, copies, moved, outcome};

/// What is moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum What {
    /// An input.
    Input(Input),
    /// A constant, by its name ([`crate::constants`]).
    Constant(String),
}

impl What {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Input(input) => input.name(),
            Self::Constant(name) => name,
        }
    }
}

/// What comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The RPO of all steps.
    Rpo,
    /// The bandwidth that keeps the RPO wanted.
    Needed,
    /// The time of a recovery.
    Recovery,
    /// The time of the initial copy.
    InitialCopy,
    /// The outage that the caches hold.
    CacheHolds,
    /// The time of a failback to the machines that were left.
    Failback,
    /// The cost.
    Cost,
}

impl Outcome {
    /// All of them: what matters to the first that differs comes first.
    pub const ALL: [Self; 7] = [
        Self::Rpo,
        Self::Needed,
        Self::Recovery,
        Self::InitialCopy,
        Self::CacheHolds,
        Self::Failback,
        Self::Cost,
    ];
}

/// All that comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// The RPO of all steps, in milliseconds; none where the queue never ends.
    pub rpo_ms: Option<u64>,
    /// The bandwidth that keeps the RPO wanted always, without throttles and outages, in bits per second; none where none does.
    pub needed_bits_per_second: Option<u64>,
    /// From the start of the recovery plan to the last machine that answers, in seconds.
    pub recovery_seconds: u64,
    /// The initial copy of all machines, in seconds; none where it never ends.
    pub copy_seconds: Option<u64>,
    /// The shortest outage that fills a cache as far as the product lets it, in seconds; none where nothing is sent.
    pub cache_holds_seconds: Option<u64>,
    /// A failback to the machines that were left, in seconds; none where it never ends.
    pub failback_seconds: Option<u64>,
    /// What it costs a month, in millionths of the currency; none without prices.
    pub cost_micros_per_month: Option<u64>,
}

impl Outcomes {
    /// One of them.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> Option<u64> {
        match outcome {
            Outcome::Rpo => self.rpo_ms,
            Outcome::Needed => self.needed_bits_per_second,
            Outcome::Recovery => Some(self.recovery_seconds),
            Outcome::InitialCopy => self.copy_seconds,
            Outcome::CacheHolds => self.cache_holds_seconds,
            Outcome::Failback => self.failback_seconds,
            Outcome::Cost => self.cost_micros_per_month,
        }
    }
}

/// What an input or a constant moves, both ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// What is moved.
    pub input: What,
    /// Its lower value, in its unit.
    pub low: u64,
    /// Its higher value.
    pub high: u64,
    /// What comes out at the lower value.
    pub at_low: Outcomes,
    /// The same at the higher one.
    pub at_high: Outcomes,
}

/// What moves the answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tornado {
    /// What comes out with everything as it is.
    pub here: Outcomes,
    /// What moves any of it: what moves the RPO most comes first, of the others what moves the bandwidth most, and so on.
    pub bars: Vec<Bar>,
}

impl Tornado {
    /// By how much something moves an outcome, in the outcome's unit. Where it makes an end of what has none, or the other way round, by more
    /// than any number.
    #[must_use]
    pub fn spread(&self, bar: &Bar, outcome: Outcome) -> u64 {
        let all = [&bar.at_low, &self.here, &bar.at_high].map(|outcomes| outcomes.of(outcome));
        match all {
            [Some(low), Some(here), Some(high)] => low.max(here).max(high) - low.min(here).min(high),
            [None, None, None] => 0,
            _ => u64::MAX,
        }
    }

    /// What moves an outcome, the most first.
    #[must_use]
    pub fn sorted(&self, outcome: Outcome) -> Vec<&Bar> {
        let moves = |bar: &&Bar| self.spread(bar, outcome) > 0;
        let mut bars: Vec<&Bar> = self.bars.iter().filter(moves).collect();
        bars.sort_by_key(|bar| std::cmp::Reverse(self.spread(bar, outcome)));
        bars
    }
}

/// What is shared by the ends that move nothing of it.
struct Shared {
    bits: u64,
    fleet: Fleet,
    batches: Vec<Copied>,
}

/// What comes out of options, with an input moved or none.
fn outcomes(work: &Work<'_>, shared: &Shared, input: Option<(Input, u64)>) -> Result<Outcomes, PlanError> {
    let of = |other: Input| match (input, other) {
        (Some((input, value)), _) if input == other => Some(value),
        (_, Input::Bandwidth) => Some(shared.bits),
        _ => None,
    };
    let point = match input {
        Some((Input::ProcessServers, count)) => outcome(work, &Fleet::new(work, count, None), &shared.batches, &of),
        Some((Input::InitialBatches, count)) => outcome(work, &shared.fleet, &copies(work, count), &of),
        _ => outcome(work, &shared.fleet, &shared.batches, &of),
    }?;
    let Moved { arrivals, goal, .. } = moved(work, of);
    Ok(Outcomes {
        rpo_ms: point.rpo_always_ms,
        needed_bits_per_second: lasting_bandwidth_for(&arrivals, &Service::constant(0), goal),
        recovery_seconds: takes(work),
        copy_seconds: point.copy_seconds,
        cache_holds_seconds: point.cache_holds_seconds,
        failback_seconds: failback(work, &arrivals).original_seconds.map(|figure| figure.value),
        cost_micros_per_month: point.cost_micros_per_month,
    })
}

/// The same with a constant moved.
fn with_constant(work: &Work<'_>, shared: &Shared, name: &str, to: u64) -> Result<Outcomes, PlanError> {
    let mut options: Options = work.options.clone();
    set(&mut options, name, to);
    let moved = work.with(&options)?;
    if moved.chosen == work.chosen && options.settings() == work.options.settings() {
        return outcomes(&moved, shared, None);
    }
    outcomes(&moved, &Shared::new(&moved, shared.bits), None)
}

impl Shared {
    fn new(work: &Work<'_>, bits: u64) -> Self {
        Self {
            bits,
            fleet: Fleet::new(work, work.process_servers(), Some(work.sizing().size)),
            batches: copies(work, 1),
        }
    }
}

/// The value of an input where it is not moved.
fn here(work: &Work<'_>, shared: &Shared, input: Input) -> u64 {
    let options = work.options;
    match input {
        Input::Bandwidth => shared.bits,
        Input::Outage => options.weekly_outage_seconds,
        Input::Growth => u64::from(options.growth_per_mille),
        Input::Churn | Input::Compressed => 1_000,
        Input::Rpo => u64::from(options.rpo_seconds),
        Input::ProcessServers => shared.fleet.count(),
        Input::Cache => shared.fleet.size.cache_bytes,
        Input::ProcessServerLost => 0,
        Input::InitialBatches => 1,
        Input::Era => options.era.number(),
    }
}

/// What is moved, and between which values.
fn moves(work: &Work<'_>, shared: &Shared) -> Vec<(What, u64, u64)> {
    let options = work.options;
    let by_table = ranges().iter().filter_map(|range| {
        let input = Input::ALL.into_iter().find(|input| input.name() == range.name);
        let (what, here) = match input {
            Some(input) => (What::Input(input), here(work, shared, input)),
            None => (What::Constant(range.name.clone()), value(options, &range.name)?),
        };
        let (low, high) = range.around(here);
        Some((what, low, high))
    });
    let uncertain = rows().iter().filter_map(|row| {
        // What is beyond the value in use already is not moved back over it.
        let used = value(options, &row.name)?;
        let what = What::Constant(row.name.clone());
        Some((what, used.min(row.low?), used.max(row.high?)))
    });
    let all = by_table.chain(uncertain);
    all.filter(|(what, ..)| !options.has_measured(what.name())).collect()
}

/// What moves a plan's answers, around the links given, or around the rate `needed` for the RPO wanted, in bits per second.
///
/// # Errors
/// [`PlanError`] where the options make no plan with a constant moved.
pub(crate) fn tornado(work: &Work<'_>, needed: u64) -> Result<Tornado, PlanError> {
    let links = work.options.service.as_ref().and_then(|service| service.links.first());
    let shared = Shared::new(work, links.map_or(needed, |link| link.bits_per_second));
    let end = |what: &What, value: u64| match what {
        What::Input(input) => outcomes(work, &shared, Some((*input, value))),
        What::Constant(name) => with_constant(work, &shared, name, value),
    };
    let bars: Vec<Bar> = moves(work, &shared)
        .into_par_iter()
        .map(|(input, low, high)| {
            Ok(Bar {
                at_low: end(&input, low)?,
                at_high: end(&input, high)?,
                input,
                low,
                high,
            })
        })
        .collect::<Result<_, PlanError>>()?;
    let mut tornado = Tornado {
        here: outcomes(work, &shared, None)?,
        bars: Vec::new(),
    };
    let spreads = |bar: &Bar| Outcome::ALL.map(|outcome| tornado.spread(bar, outcome));
    let mut moving: Vec<([u64; 7], Bar)> = bars.into_iter().map(|bar| (spreads(&bar), bar)).collect();
    moving.retain(|(spreads, _)| spreads.iter().any(|spread| *spread > 0));
    moving.sort_by_key(|(spreads, _)| std::cmp::Reverse(*spreads));
    tornado.bars = moving.into_iter().map(|(_, bar)| bar).collect();
    Ok(tornado)
}
