//! What if an input were another: the same arithmetic, with some inputs moved.

pub mod parts;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bill::{bill, circuit};
use crate::demand::{Compression, Totals};
use crate::estate::Estate;
use crate::fleet::Fleet;
use crate::initial::{Batch, simulate};
use crate::options::Options;
use crate::outages::in_window;
use crate::profile::Profile;
use crate::queue::{Arrivals, NEVER, Outcome, catch_up};
use crate::recommend::{PlanError, Work, drill_sizes};
use crate::search::{Goal, achievable, lasting_bandwidth_for};
use crate::service::Service;
use crate::tables::Era;

/// What can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// The rate of the first link, in bits per second.
    Bandwidth,
    /// How long all links are cut in each week, in seconds.
    Outage,
    /// What is written more than was recorded, in thousandths.
    Growth,
    /// What is written of what was recorded, in thousandths: 1000 is as much.
    Churn,
    /// To what everything compresses, in thousandths.
    Compressed,
    /// The RPO wanted, in seconds.
    Rpo,
    /// Process servers, each with its share of the estate; where they are moved, each passes on no more than the vendor's table says.
    ProcessServers,
    /// The cache disk of each process server, in bytes.
    Cache,
    /// How long it takes until the machines of a process server that is lost are moved to another, in seconds after the loss is seen; 0: none
    /// is lost.
    ProcessServerLost,
    /// In how many batches the machines are copied at first.
    InitialBatches,
    /// Whose limits count, as [`Era::number`].
    Era,
}

impl Input {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Bandwidth,
        Self::Outage,
        Self::Growth,
        Self::Churn,
        Self::Compressed,
        Self::Rpo,
        Self::ProcessServers,
        Self::Cache,
        Self::ProcessServerLost,
        Self::InitialBatches,
        Self::Era,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bandwidth => "bandwidth",
            Self::Outage => "outage",
            Self::Growth => "growth",
            Self::Churn => "churn",
            Self::Compressed => "compressed",
            Self::Rpo => "rpo",
            Self::ProcessServers => "process-servers",
            Self::Cache => "cache",
            Self::ProcessServerLost => "process-server-lost",
            Self::InitialBatches => "initial-batches",
            Self::Era => "era",
        }
    }
}

/// An input and the values that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Axis {
    /// The input.
    pub input: Input,
    /// Its values, in the input's unit.
    pub values: Vec<u64>,
}

/// What comes out at a point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The values of the axes, in their order.
    pub at: Vec<u64>,
    /// Machines that can be protected.
    pub machines: u64,
    /// The rate that the links have together, in bits per second; where none is given, what the RPO needs without an outage.
    pub bits_per_second: u64,
    /// The RPO that half of the steps keep, in milliseconds; none where the queue never ends.
    pub rpo_half_ms: Option<u64>,
    /// That of 99 % of the steps.
    pub rpo_99_ms: Option<u64>,
    /// That of all steps.
    pub rpo_always_ms: Option<u64>,
    /// Times over the RPO wanted, per day, in thousandths, rounded up.
    pub violations_per_day_per_mille: u64,
    /// Steps over the RPO wanted, in thousandths of all, rounded up.
    pub steps_over_per_mille: u64,
    /// The largest backlog in bytes, wherever it waits.
    pub backlog_bytes: u64,
    /// The longest time from the end of an outage until all that had waited is served, in milliseconds; none without an outage, or where
    /// that is never.
    pub catch_up_ms: Option<u64>,
    /// Seconds of the initial copy of all machines, at once or in the batches asked; none where it never ends.
    pub copy_seconds: Option<u64>,
    /// The largest backlog of changes during the initial copy, in bytes; none where that never ends.
    pub copy_backlog_bytes: Option<u64>,
    /// The bandwidth that would keep the RPO wanted, always and with these outages, process servers aside; none where no bandwidth does.
    pub needed_bits_per_second: Option<u64>,
    /// Process servers: those asked, else those of the vendor's tables.
    pub process_servers: u64,
    /// Those of them that carry more machines or changes than the largest row of the vendor's table.
    pub process_servers_over: u64,
    /// The shortest outage that fills a cache as far as the product lets it, in seconds; none where nothing is sent.
    pub cache_holds_seconds: Option<u64>,
    /// The most that waits at the sources since no cache has room for it, in bytes.
    pub at_sources_bytes: u64,
    /// What is copied again since it lay in the cache of a process server that was lost, in bytes.
    pub copied_again_bytes: u64,
    /// What it costs a month, in millionths of the currency; none without prices.
    pub cost_micros_per_month: Option<u64>,
}

/// Points over one axis or more: the last axis moves fastest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sweep {
    /// The axes.
    pub axes: Vec<Axis>,
    /// The points.
    pub points: Vec<Point>,
}

/// Values of the axes at a place.
struct Place<'a> {
    axes: &'a [Axis],
    at: Vec<u64>,
}

impl Place<'_> {
    /// The value of an input, where it is moved.
    fn of(&self, input: Input) -> Option<u64> {
        let at = self.axes.iter().rposition(|axis| axis.input == input)?;
        self.at.get(at).copied()
    }

    /// What decides which machines count and what they send: to what everything compresses, and the era.
    fn estate(&self) -> (Option<u64>, Option<u64>) {
        (self.of(Input::Compressed), self.of(Input::Era))
    }
}

/// What a batch of machines copies, in bytes, and what they change.
pub(crate) type Copied = (u64, Totals);

/// Works with the sums over machines that some places share.
struct Shared<'a> {
    estate: (Option<u64>, Option<u64>),
    work: Work<'a>,
    /// By the number of process servers that is asked.
    fleets: Vec<(Option<u64>, Fleet)>,
    /// By the number of batches that is asked: bytes and changes of each of them.
    batches: Vec<(Option<u64>, Vec<Copied>)>,
}

impl<'a> Shared<'a> {
    fn new(estate: (Option<u64>, Option<u64>), work: Work<'a>, places: &[Place<'_>]) -> Self {
        let asked = |input: Input| {
            let own = places.iter().filter(|place| place.estate() == estate);
            let mut values: Vec<Option<u64>> = own.map(|place| place.of(input)).collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        let fleet = |count: Option<u64>| match count {
            Some(count) => Fleet::new(&work, count, None),
            None => Fleet::new(&work, work.process_servers(), Some(work.sizing().size)),
        };
        let fleets = asked(Input::ProcessServers)
            .into_iter()
            .map(|count| (count, fleet(count)))
            .collect();
        let batches = asked(Input::InitialBatches)
            .into_iter()
            .map(|count| (count, copies(&work, count.unwrap_or(1))))
            .collect();
        Self {
            estate,
            work,
            fleets,
            batches,
        }
    }
}

/// The machines that count in so many batches, as even as can be, in their order: what is copied, and what they change.
pub(crate) fn copies(work: &Work<'_>, count: u64) -> Vec<Copied> {
    let copies: Vec<(usize, u64)> = work.copies().collect();
    let each = copies
        .len()
        .div_ceil(usize::try_from(count.max(1)).unwrap_or(usize::MAX));
    let batch = |machines: &[(usize, u64)]| {
        let mut chosen = vec![false; work.estate.vms.len()];
        machines.iter().for_each(|(place, _)| chosen[*place] = true);
        let bytes = machines
            .iter()
            .fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        (bytes, work.sum(&chosen))
    };
    copies.chunks(each.max(1)).map(batch).collect()
}

/// Makes the plan's arithmetic at each point, with the links given, or with one that keeps the RPO wanted without an outage.
///
/// # Errors
/// [`PlanError`] where estate, profile and options make no plan, also with an input moved.
pub fn sweep(estate: &Estate, profile: Option<&Profile>, options: &Options, axes: &[Axis]) -> Result<Sweep, PlanError> {
    let points = points(estate, profile, options, axes, &|_| true)?;
    Ok(Sweep {
        axes: axes.to_vec(),
        points: points.into_iter().map(|(_, point)| point).collect(),
    })
}

/// The points at the places that are asked, each with its place.
fn points(
    estate: &Estate,
    profile: Option<&Profile>,
    options: &Options,
    axes: &[Axis],
    asked: &dyn Fn(usize) -> bool,
) -> Result<Vec<(usize, Point)>, PlanError> {
    let places: Vec<Vec<u64>> = axes.iter().fold(vec![Vec::new()], |places, axis| {
        let further = |place: Vec<u64>| {
            axis.values.iter().map(move |value| {
                let mut place = place.clone();
                place.push(*value);
                place
            })
        };
        places.into_iter().flat_map(further).collect()
    });
    let asked = places.into_iter().enumerate().filter(|(number, _)| asked(*number));
    let (numbers, places): (Vec<usize>, Vec<Place<'_>>) =
        asked.map(|(number, at)| (number, Place { axes, at })).unzip();
    // What everything compresses to and who counts is in the sums over machines: each value has sums of its own.
    let mut estates: Vec<(Option<u64>, Option<u64>)> = places.iter().map(Place::estate).collect();
    estates.sort_unstable();
    estates.dedup();
    let with = |(compressed, era): &(Option<u64>, Option<u64>)| {
        let mut options = options.clone();
        if let Some(per_mille) = compressed.and_then(|value| u32::try_from(value).ok()) {
            options.compression = Compression::Fixed { per_mille };
        }
        if let Some(era) = era.and_then(Era::numbered) {
            options.era = era;
        }
        options
    };
    let all: Vec<Options> = estates.iter().map(with).collect();
    let shared: Vec<Shared<'_>> = estates
        .iter()
        .zip(&all)
        .map(|(of, options)| Ok(Shared::new(*of, Work::new(estate, profile, options)?, &places)))
        .collect::<Result<_, PlanError>>()?;
    let point = |place: &Place<'_>| {
        let own = shared.iter().find(|shared| shared.estate == place.estate())?;
        let servers = place.of(Input::ProcessServers);
        let (_, fleet) = own.fleets.iter().find(|(count, _)| *count == servers)?;
        let batches = place.of(Input::InitialBatches);
        let (_, batches) = own.batches.iter().find(|(count, _)| *count == batches)?;
        let made = outcome(&own.work, fleet, batches, &|input| place.of(input));
        Some(made.map(|point| Point {
            at: place.at.clone(),
            ..point
        }))
    };
    let made: Vec<Point> = places.par_iter().filter_map(point).collect::<Result<_, PlanError>>()?;
    Ok(numbers.into_iter().zip(made).collect())
}

/// The queue with some inputs moved.
pub(crate) struct Moved {
    /// What arrives.
    pub arrivals: Arrivals,
    /// What serves it.
    pub service: Service,
    /// What is wanted.
    pub goal: Goal,
    /// What is written of what was recorded, in millionths.
    pub factor: u128,
}

pub(crate) fn moved(work: &Work<'_>, of: impl Fn(Input) -> Option<u64>) -> Moved {
    let options = work.options;
    let growth = of(Input::Growth).unwrap_or(u64::from(options.growth_per_mille));
    let churn = of(Input::Churn).unwrap_or(1_000);
    // Both are factors of what is written, in millionths together.
    let factor = (1_000 + u128::from(growth)) * u128::from(churn);
    let arrivals = work.totals.scaled(factor);
    let goal = Goal {
        rpo_ms: of(Input::Rpo)
            .unwrap_or(u64::from(options.rpo_seconds))
            .saturating_mul(1_000),
        steps_per_mille: 1_000,
    };
    let service = match (&options.service, of(Input::Bandwidth)) {
        (Some(service), Some(bits)) => service.with_rate(bits),
        (Some(service), None) => service.clone(),
        (None, Some(bits)) => Service::constant(bits),
        (None, None) => {
            let needed = lasting_bandwidth_for(&arrivals, &Service::constant(0), goal);
            Service::constant(needed.unwrap_or(0))
        }
    };
    let outage = of(Input::Outage).unwrap_or(options.weekly_outage_seconds);
    let servers = of(Input::ProcessServers).unwrap_or_else(|| work.process_servers());
    let service = in_window(work, service, &arrivals, outage, servers);
    Moved {
        arrivals,
        service,
        goal,
        factor,
    }
}

/// The RPO that so many thousandths of the steps keep, in milliseconds; none where the queue never ends.
pub(crate) fn kept(outcome: &Outcome, per_mille: u32) -> Option<u64> {
    Some(achievable(outcome, per_mille)).filter(|rpo| *rpo != NEVER)
}

/// What comes out with some inputs moved, on these process servers and with these batches of the initial copy.
///
/// # Errors
/// [`PlanError`] where the bill cannot be made.
pub(crate) fn outcome(
    work: &Work<'_>,
    fleet: &Fleet,
    batches: &[Copied],
    of: &dyn Fn(Input) -> Option<u64>,
) -> Result<Point, PlanError> {
    let options = work.options;
    let moved = moved(work, of);
    let Moved {
        arrivals,
        service,
        goal,
        factor,
    } = &moved;
    let lost = of(Input::ProcessServerLost).filter(|seconds| *seconds > 0);
    let through = fleet.run(*factor, service, of(Input::ProcessServers).is_some(), lost);
    let out = &through.outcome;
    let usable = fleet.usable(of(Input::Cache));
    let violations = out.episodes(goal.rpo_ms).len() as u64;
    let catch_up = service
        .outages
        .iter()
        .filter_map(|outage| catch_up(&through.sent, service, outage.to))
        .map(|after| after.served_after_ms)
        .max();
    let batches: Vec<Batch> = batches
        .iter()
        .map(|(bytes, changes)| Batch {
            bytes: *bytes,
            changes: changes.scaled(*factor).bytes,
        })
        .collect();
    let copied = simulate(arrivals, service, options.initial_copy_share_per_mille, &batches);
    let cost = options.prices.as_ref().map(|prices| {
        let network = circuit(options, service.rate());
        bill(work, &drill_sizes(work), network.as_ref(), prices, *factor).map(|cost| cost.micros_per_month)
    });
    Ok(Point {
        at: Vec::new(),
        machines: work.counted().count() as u64,
        bits_per_second: service.rate(),
        rpo_half_ms: kept(out, 500),
        rpo_99_ms: kept(out, 990),
        rpo_always_ms: kept(out, 1_000),
        violations_per_day_per_mille: arrivals.per_day_per_mille(violations),
        steps_over_per_mille: out.steps_over_per_mille(goal.rpo_ms),
        backlog_bytes: out.most_backlog_bytes(),
        catch_up_ms: catch_up.filter(|after| *after != NEVER),
        copy_seconds: copied
            .as_ref()
            .and_then(|done| done.last().map(|finish| finish.done_seconds)),
        copy_backlog_bytes: copied
            .as_ref()
            .and_then(|done| done.iter().map(|finish| finish.backlog_bytes).max()),
        needed_bits_per_second: lasting_bandwidth_for(arrivals, service, *goal),
        process_servers: fleet.count(),
        process_servers_over: fleet.over(*factor),
        cache_holds_seconds: fleet.holds_seconds(usable, *factor),
        at_sources_bytes: fleet.at_sources(through.queued_bytes, usable),
        copied_again_bytes: through.again_bytes,
        cost_micros_per_month: cost.transpose()?,
    })
}

#[cfg(test)]
mod tests;
