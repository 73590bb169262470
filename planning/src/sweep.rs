//! What if an input were another: the same queue, with one or two inputs moved.

use rayon::prelude::*;
use serde::Serialize;

use crate::demand::Compression;
use crate::estate::Estate;
use crate::initial::{Batch, simulate};
use crate::options::Options;
use crate::profile::Profile;
use crate::queue::{Arrivals, NEVER, Outcome, catch_up, run};
use crate::recommend::{PlanError, Work};
use crate::search::{Goal, achievable, lasting_bandwidth_for};
use crate::service::{Outage, Service, week_second};

const WEEK_SECONDS: u64 = 604_800;

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
}

impl Input {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Bandwidth,
        Self::Outage,
        Self::Growth,
        Self::Churn,
        Self::Compressed,
        Self::Rpo,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// The values of the axes, in their order.
    pub at: Vec<u64>,
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
    /// The largest backlog in bytes.
    pub backlog_bytes: u64,
    /// The longest time from the end of an outage until all that had waited is served, in milliseconds; none without an outage, or where
    /// that is never.
    pub catch_up_ms: Option<u64>,
    /// Seconds of the initial copy of all machines at once; none where it never ends.
    pub copy_seconds: Option<u64>,
    /// The bandwidth that would keep the RPO wanted, always and with these outages; none where no bandwidth does.
    pub needed_bits_per_second: Option<u64>,
}

/// Points over one axis or more: the last axis moves fastest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sweep {
    /// The axes.
    pub axes: Vec<Axis>,
    /// The points.
    pub points: Vec<Point>,
}

/// An outage of so many seconds in each week, where it costs most: where most arrives while it lasts. A week without room for it has none.
/// Weeks are counted from the begin of the window.
#[must_use]
pub fn weekly_outages(arrivals: &Arrivals, seconds: u64) -> Vec<Outage> {
    let step = u64::from(arrivals.step_seconds.max(1));
    let long = usize::try_from(seconds.div_ceil(step)).unwrap_or(usize::MAX);
    if long == 0 {
        return Vec::new();
    }
    let week = usize::try_from(WEEK_SECONDS.div_ceil(step))
        .unwrap_or(usize::MAX)
        .max(1);
    let mut outages = Vec::new();
    for (number, bytes) in arrivals.bytes.chunks(week).enumerate() {
        let Some(first) = bytes.get(..long) else { continue };
        let mut sum: u128 = first.iter().map(|bytes| u128::from(*bytes)).sum();
        let (mut most, mut at) = (sum, 0);
        for (from, (gone, come)) in bytes.iter().zip(&bytes[long..]).enumerate() {
            sum = sum + u128::from(*come) - u128::from(*gone);
            if sum > most {
                (most, at) = (sum, from + 1);
            }
        }
        let from = (number * week + at) as u64 * step;
        outages.push(Outage {
            link: None,
            from,
            to: from + seconds,
        });
    }
    outages
}

/// Runs the queue at each point, with the links given, or with one that keeps the RPO wanted without an outage.
///
/// # Errors
/// [`PlanError`] where estate, profile and options make no plan.
pub fn sweep(estate: &Estate, profile: Option<&Profile>, options: &Options, axes: &[Axis]) -> Result<Sweep, PlanError> {
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
    let of = |place: &[u64], input: Input| {
        let at = axes.iter().rposition(|axis| axis.input == input)?;
        place.get(at).copied()
    };
    // What everything compresses to is in the sums over machines: each value has sums of its own.
    let compressed = |place: &[u64]| of(place, Input::Compressed).and_then(|value| u32::try_from(value).ok());
    let mut factors: Vec<Option<u32>> = places.iter().map(|place| compressed(place)).collect();
    factors.sort_unstable();
    factors.dedup();
    let with = |factor: &Option<u32>| {
        let mut options = options.clone();
        if let Some(per_mille) = *factor {
            options.compression = Compression::Fixed { per_mille };
        }
        options
    };
    let all: Vec<Options> = factors.iter().map(with).collect();
    let works: Vec<Work<'_>> = all
        .iter()
        .map(|options| Work::new(estate, profile, options))
        .collect::<Result<_, _>>()?;
    let point = |at: &Vec<u64>| {
        let factor = compressed(at);
        let work = factors.iter().zip(&works).find(|(of, _)| **of == factor);
        work.map(|(_, work)| outcome(work, &moved(work, |input| of(at, input)), at.clone()))
    };
    Ok(Sweep {
        axes: axes.to_vec(),
        points: places.par_iter().filter_map(point).collect(),
    })
}

/// What an input moves the RPO by, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// The input.
    pub input: Input,
    /// Its lower value, in the input's unit.
    pub low: u64,
    /// Its higher value.
    pub high: u64,
    /// The RPO of all steps at the lower value, in milliseconds; none where the queue never ends.
    pub rpo_low_ms: Option<u64>,
    /// That at the higher one.
    pub rpo_high_ms: Option<u64>,
}

/// A fifth more or less of bandwidth and of what is written, no growth or twice as much, no outage or an hour in each week: what matters
/// most comes first. Around the links given, or around the rate that the RPO wanted needs.
#[must_use]
pub(crate) fn tornado(work: &Work<'_>, needed: u64) -> Vec<Bar> {
    let options = work.options;
    let bits = options.service.as_ref().and_then(|service| service.links.first());
    let bits = bits.map_or(needed, |link| link.bits_per_second);
    let growth = u64::from(options.growth_per_mille);
    let moves = [
        (Input::Bandwidth, bits * 4 / 5, bits.saturating_mul(6) / 5),
        (Input::Churn, 800, 1_200),
        (Input::Growth, 0, if growth == 0 { 300 } else { 2 * growth }),
        (Input::Outage, 0, 3_600),
    ];
    let rpo = |input: Input, value: u64| {
        let of = |other: Input| match other {
            _ if other == input => Some(value),
            Input::Bandwidth => Some(bits),
            _ => None,
        };
        let moved = moved(work, of);
        kept(&run(&moved.arrivals, &moved.service), 1_000)
    };
    let mut bars: Vec<Bar> = moves
        .into_par_iter()
        .map(|(input, low, high)| Bar {
            input,
            low,
            high,
            rpo_low_ms: rpo(input, low),
            rpo_high_ms: rpo(input, high),
        })
        .collect();
    // Where the queue never ends the input moves it by more than any time.
    let spread = |bar: &Bar| match (bar.rpo_low_ms, bar.rpo_high_ms) {
        (Some(low), Some(high)) => low.abs_diff(high),
        _ => u64::MAX,
    };
    bars.sort_by_key(|bar| std::cmp::Reverse(spread(bar)));
    bars
}

/// The queue with some inputs moved.
struct Moved {
    arrivals: Arrivals,
    service: Service,
    goal: Goal,
}

fn moved(work: &Work<'_>, of: impl Fn(Input) -> Option<u64>) -> Moved {
    let options = work.options;
    let growth = of(Input::Growth).unwrap_or(u64::from(options.growth_per_mille));
    let churn = of(Input::Churn).unwrap_or(1_000);
    // Both are factors of what is written, in millionths together.
    let factor = (1_000 + u128::from(growth)) * u128::from(churn);
    let base = work.totals.arrivals(0);
    let bytes = base.bytes.iter().map(|bytes| {
        let moved = (u128::from(*bytes) * factor).div_ceil(1_000_000);
        u64::try_from(moved).unwrap_or(u64::MAX)
    });
    let arrivals = Arrivals {
        bytes: bytes.collect(),
        ..base
    };
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
    let service = in_window(service, &arrivals, options, outage);
    Moved {
        arrivals,
        service,
        goal,
    }
}

/// Links as they are in a window: it begins at its second of the week, and all of them are cut for so many seconds in each week.
#[must_use]
pub(crate) fn in_window(mut service: Service, arrivals: &Arrivals, options: &Options, outage_seconds: u64) -> Service {
    service.week_second = week_second(arrivals.start_seconds, options.utc_offset_minutes);
    service.outages.extend(weekly_outages(arrivals, outage_seconds));
    service
}

/// The RPO that so many thousandths of the steps keep, in milliseconds; none where the queue never ends.
fn kept(outcome: &Outcome, per_mille: u32) -> Option<u64> {
    Some(achievable(outcome, per_mille)).filter(|rpo| *rpo != NEVER)
}

fn outcome(work: &Work<'_>, moved: &Moved, at: Vec<u64>) -> Point {
    let Moved {
        arrivals,
        service,
        goal,
    } = moved;
    let out = run(arrivals, service);
    let violations = out.episodes(goal.rpo_ms).len() as u64;
    let catch_up = service
        .outages
        .iter()
        .filter_map(|outage| catch_up(arrivals, service, outage.to))
        .map(|after| after.served_after_ms)
        .max();
    let bytes = work.copies().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(bytes));
    let batch = Batch {
        bytes,
        changes: arrivals.bytes.clone(),
    };
    let copied = simulate(arrivals, service, work.options.initial_copy_share_per_mille, &[batch]);
    Point {
        at,
        bits_per_second: service.rate(),
        rpo_half_ms: kept(&out, 500),
        rpo_99_ms: kept(&out, 990),
        rpo_always_ms: kept(&out, 1_000),
        violations_per_day_per_mille: arrivals.per_day_per_mille(violations),
        steps_over_per_mille: out.steps_over_per_mille(goal.rpo_ms),
        backlog_bytes: out.most_backlog_bytes(),
        catch_up_ms: catch_up.filter(|after| *after != NEVER),
        copy_seconds: copied.and_then(|done| done.first().map(|finish| finish.done_seconds)),
        needed_bits_per_second: lasting_bandwidth_for(arrivals, service, *goal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{Disk, Vm};
    use crate::profile::Series;

    /// A machine of one disk, which writes so many bytes per second in each minute.
    fn estate(written: Vec<u32>) -> (Estate, Profile) {
        let disk = Disk {
            name: "os".to_owned(),
            size_bytes: 100 << 30,
            used_bytes: Some(10 << 30),
            compressed_per_mille: None,
            daily_change_bytes: None,
        };
        let vm = Vm {
            name: "vm".to_owned(),
            host: None,
            os: "Windows Server 2016".to_owned(),
            cores: 2,
            memory_bytes: 4 << 30,
            nics: 1,
            boot: crate::estate::Boot::Bios,
            disks: vec![disk],
        };
        let profile = Profile {
            start_seconds: 0,
            step_seconds: 60,
            steps: written.len(),
            vms: vec![vec![Series {
                written,
                ..Series::default()
            }]],
        };
        (Estate { vms: vec![vm] }, profile)
    }

    /// Two weeks: 100 kB/s, and in the hour from 10 to 11 of each Tuesday ten times as much.
    fn two_weeks() -> (Estate, Profile) {
        let minute = |minute: u32| match (minute / 1_440 % 7, minute / 60 % 24) {
            (1, 10) => 1_000_000,
            _ => 100_000,
        };
        estate((0..2 * 7 * 1_440).map(minute).collect())
    }

    fn options() -> Options {
        Options {
            growth_per_mille: 0,
            framing_per_million: 0,
            ..Options::default()
        }
    }

    fn axis(input: Input, values: &[u64]) -> Axis {
        Axis {
            input,
            values: values.to_vec(),
        }
    }

    #[test]
    fn an_outage_is_where_most_is_written_in_each_week() {
        let (estate, profile) = two_weeks();
        let options = options();
        let work = Work::new(&estate, Some(&profile), &options).unwrap();
        let found = weekly_outages(&work.arrivals, 3_600);
        let tuesday = 86_400 + 10 * 3_600;
        let expected = [tuesday, tuesday + WEEK_SECONDS].map(|from| Outage {
            link: None,
            from,
            to: from + 3_600,
        });
        assert_eq!(found, expected);
        assert_eq!(weekly_outages(&work.arrivals, 0), []);
        assert_eq!(
            weekly_outages(&work.arrivals, 8 * 86_400),
            [],
            "no week has room for it"
        );
    }

    /// By hand: 100 kB/s arrive all night. A link of 1.6 Mbit/s serves 200 kB/s. Cut for 4 hours from Tuesday 07:00 on (the last hour has
    /// ten times as much): 3 h x 100 kB/s + 1 h x 1 MB/s = 4.68 GB wait. That the link then serves at 200 kB/s: 23,400 s.
    #[test]
    fn a_cut_costs_what_is_reckoned_by_hand() {
        let (estate, profile) = two_weeks();
        let options = options();
        let axes = [
            axis(Input::Bandwidth, &[1_600_000]),
            axis(Input::Outage, &[0, 4 * 3_600]),
        ];
        let found = sweep(&estate, Some(&profile), &options, &axes).unwrap();
        assert_eq!(found.points.len(), 2);
        let [without, with] = &found.points[..] else {
            unreachable!("two")
        };
        assert_eq!(without.catch_up_ms, None);
        assert_eq!(with.backlog_bytes, 4_680_000_000);
        assert_eq!(with.catch_up_ms, Some(23_400_000));
        // The first byte that waited did so for 4 hours; the last one of the cut, for all that was before it.
        assert_eq!(with.rpo_always_ms, Some(23_400_000));
        assert!(without.rpo_always_ms < with.rpo_always_ms);
    }

    #[test]
    fn what_it_needs_holds_there_and_not_one_per_cent_below() {
        let (estate, profile) = two_weeks();
        let options = options();
        let axes = [axis(Input::Outage, &[0, 600])];
        for point in sweep(&estate, Some(&profile), &options, &axes).unwrap().points {
            let needed = point.needed_bits_per_second.unwrap();
            for (bits, holds) in [(needed, true), (needed * 99 / 100, false)] {
                let at = [axis(Input::Bandwidth, &[bits]), axis(Input::Outage, &[point.at[0]])];
                let there = sweep(&estate, Some(&profile), &options, &at).unwrap();
                let rpo = there.points[0].rpo_always_ms.unwrap_or(u64::MAX);
                assert_eq!(rpo <= 900_000, holds, "{bits} bit/s of {needed}: {rpo} ms");
            }
        }
    }

    #[test]
    fn growth_and_churn_are_factors_of_what_is_written() {
        let (estate, profile) = two_weeks();
        let options = options();
        let at =
            |axes: &[Axis]| sweep(&estate, Some(&profile), &options, axes).unwrap().points[0].needed_bits_per_second;
        let doubled = at(&[axis(Input::Growth, &[1_000])]);
        assert_eq!(at(&[axis(Input::Churn, &[2_000])]), doubled);
        assert_eq!(
            at(&[axis(Input::Growth, &[1_000]), axis(Input::Compressed, &[500])]),
            at(&[])
        );
        assert!(doubled > at(&[]));
    }

    #[test]
    fn what_matters_most_comes_first() {
        let (estate, profile) = two_weeks();
        let options = options();
        let work = Work::new(&estate, Some(&profile), &options).unwrap();
        let needed = lasting_bandwidth_for(
            &work.arrivals,
            &Service::constant(0),
            Goal {
                rpo_ms: 900_000,
                steps_per_mille: 1_000,
            },
        );
        let bars = tornado(&work, needed.unwrap());
        let of = |input: Input| *bars.iter().find(|bar| bar.input == input).unwrap();
        // At what it needs the RPO is kept to the second; a fifth less and it is not, a fifth more and it is by far.
        let bandwidth = of(Input::Bandwidth);
        assert!(
            bandwidth.rpo_low_ms.unwrap() > 900_000 && bandwidth.rpo_high_ms.unwrap() < 900_000,
            "{bandwidth:?}"
        );
        assert_eq!(
            of(Input::Outage).rpo_low_ms,
            of(Input::Growth).rpo_low_ms,
            "both are as it is"
        );
        let spread = |bar: &Bar| bar.rpo_low_ms.unwrap().abs_diff(bar.rpo_high_ms.unwrap());
        assert!(
            bars.iter().map(spread).is_sorted_by(|first, next| first >= next),
            "{bars:?}"
        );
    }

    #[test]
    fn a_table_of_two_inputs_has_every_pair_once_the_last_moves_fastest() {
        let (estate, profile) = estate(vec![1_000; 60]);
        let axes = [
            axis(Input::Rpo, &[60, 900]),
            axis(Input::Bandwidth, &[1_000_000, 2_000_000, 3_000_000]),
        ];
        let found = sweep(&estate, Some(&profile), &options(), &axes).unwrap();
        let places: Vec<[u64; 2]> = found.points.iter().map(|point| [point.at[0], point.at[1]]).collect();
        let bits = [1_000_000, 2_000_000, 3_000_000];
        let expected: Vec<[u64; 2]> = [60, 900].iter().flat_map(|rpo| bits.map(|bits| [*rpo, bits])).collect();
        assert_eq!(places, expected);
    }
}
