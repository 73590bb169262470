//! A plan held against the actors: the part of a profile that matters runs through them, and each machine's figures stand beside those of the
//! arithmetic.
//!
//! **What runs.** The machines that count, with the servers that the tables ask for and one link of the bandwidth given or needed, in the
//! aggregate grain: `scenario` makes the world, whose streams write step by step what the arithmetic counts. Disks begin empty, so that the
//! initial copy takes nothing of the link; the profile begins once all are protected. Two constants of the model are not the default: batches
//! are so small that what waits for a mark takes the link no longer than `scenario::BATCHES_SECONDS` (the finer grains cut after 30 s, the
//! aggregate one by size alone); and the oracle's grace is longer by the queue's longest busy time, for its bounds know what a machine has to
//! send, and not what others send over the same link.
//!
//! **What is compared.** The queue says of a recovery point when all that was written before its mark has been served: then it can be used.
//! The actors say when it was processed. From either follow the RPO over time and the time to catch up, by the same marks, so the interval
//! between two points is in both and taken off neither. Backlogs and bytes sent are compared as bytes.
//!
//! **What agrees.** Figures within [`APART_PER_MILLE`]; times also within [`APART_MS`], backlogs within what is written between two points.
//! Of others the proof says what sets them apart ([`Why`]).

mod arithmetic;
mod points;
pub(crate) mod scenario;

use std::collections::BTreeMap;

use actors::facts::Fact;
use datapath::segment::SegmentKind;
use datapath::{SimTime, VmId};
use scenarios::Scenario;
use scenarios::drill::{Drill, Verdict};
use serde::Serialize;
use sim::metrics::VmResult;

use crate::demand::{Window, busiest_part};
use crate::estate::Estate;
use crate::options::Options;
use crate::outages::weekly_outages;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::queue::{Arrivals, NEVER};
use crate::recommend::{PlanError, Work};
use crate::service::{Outage, Service};
use arithmetic::{Curve, Written};
use points::{Point, Sawtooth};

/// Figures that are no further apart agree, in thousandths of the larger.
pub const APART_PER_MILLE: u64 = 50;
/// Times that are no further apart agree, in milliseconds.
pub const APART_MS: u64 = 30_000;
/// Findings that are named; the others are counted.
const FINDINGS_SHOWN: usize = 20;
const MILLISECOND: u64 = 1_000_000;

/// The part of the profile that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The day on which most is written.
    BusiestDay,
    /// All of it.
    Profile,
}

impl Part {
    /// Both.
    pub const ALL: [Self; 2] = [Self::BusiestDay, Self::Profile];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BusiestDay => "busiest-day",
            Self::Profile => "profile",
        }
    }
}

/// Why a figure of the arithmetic and one of the actors are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A block that is written twice within a batch is sent once; the arithmetic sends every byte.
    Folding,
    /// Content takes more or less room in segments than the share to which its disk compresses.
    Compression,
    /// Machines share the link evenly; the arithmetic's queue serves what came first.
    Sharing,
    /// Points are made, sent and processed one after the other, each at its time; the arithmetic serves bytes as they come.
    Quantisation,
    /// What the actors did not send, or not in time, within the time that was run.
    Unsent,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Folding,
        Self::Compression,
        Self::Sharing,
        Self::Quantisation,
        Self::Unsent,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Folding => "folding",
            Self::Compression => "compression",
            Self::Sharing => "sharing",
            Self::Quantisation => "quantisation",
            Self::Unsent => "unsent",
        }
    }

    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Folding => "a block that is written twice within a batch is sent once",
            Self::Compression => "content takes another share in segments than its disk compresses to",
            Self::Sharing => "machines share the link evenly, the queue serves what came first",
            Self::Quantisation => "points are sent and processed one after the other, the queue serves byte by byte",
            Self::Unsent => "it was not sent within the time that was run",
        }
    }
}

/// A figure of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// By arithmetic; none where it has no end.
    pub arithmetic: Option<u64>,
    /// By the actors; none where it had no end.
    pub simulated: Option<u64>,
    /// Why they are apart; none where they agree.
    pub why: Option<Why>,
}

/// A machine's figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The machine's name in the estate.
    pub name: String,
    /// The RPO that is kept in half of the time, in milliseconds.
    pub rpo_p50_ms: Pair,
    /// That in 99 % of it.
    pub rpo_p99_ms: Pair,
    /// That always.
    pub rpo_max_ms: Pair,
    /// What waits at the most, in bytes of disk.
    pub backlog_bytes: Pair,
    /// From the end of the last outage until its newest point is as young as without one, in milliseconds; none without an outage.
    pub catch_up_ms: Option<Pair>,
    /// Bytes that go to Azure, without the headers of packets.
    pub sent_bytes: Pair,
}

impl Row {
    /// Its figures, each with its name.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, Pair)> {
        let mut pairs = vec![
            ("rpo_p50", self.rpo_p50_ms),
            ("rpo_p99", self.rpo_p99_ms),
            ("rpo_max", self.rpo_max_ms),
            ("backlog", self.backlog_bytes),
            ("sent", self.sent_bytes),
        ];
        pairs.extend(self.catch_up_ms.map(|pair| ("catch_up", pair)));
        pairs
    }
}

/// A time without the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// From so many seconds after the part's begin.
    pub from_seconds: u64,
    /// Until so many.
    pub to_seconds: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Whether every law of the oracle held and every machine's points were judged.
    pub held: bool,
    /// Which part of the profile ran.
    pub part: Part,
    /// When it begins, in seconds since 1970; none where that is not known.
    pub start_seconds: Option<i64>,
    /// How long it is.
    pub seconds: u64,
    /// The rate of the link.
    pub bits_per_second: u64,
    /// The times without it.
    pub cuts: Vec<Cut>,
    /// Recovery points that were made.
    pub points: u64,
    /// Those of them that were judged and found right.
    pub points_verified: u64,
    /// What does not hold, in words.
    pub findings: Vec<String>,
    /// Machines, in the order of the estate: those that count.
    pub machines: Vec<Row>,
}

impl Proof {
    /// Figures that were compared, and those of them that agree.
    #[must_use]
    pub fn agreeing(&self) -> (usize, usize) {
        let pairs = self.machines.iter().flat_map(Row::pairs);
        pairs.fold((0, 0), |(all, agree), (_, pair)| {
            (all + 1, agree + usize::from(pair.why.is_none()))
        })
    }
}

/// A proof that is prepared: its scenario is to be run.
pub struct Prepared {
    /// The scenario, to be run in the aggregate grain.
    pub scenario: Scenario,
    part: Part,
    start_seconds: Option<i64>,
    seconds: u64,
    bits_per_second: u64,
    outages: Vec<Outage>,
    /// When the part begins in the run, in milliseconds.
    begins_ms: u64,
    /// And when the comparison ends, after it.
    ends_ms: u64,
    /// Between two points, in milliseconds.
    interval_ms: u64,
    curve: Curve,
    machines: Vec<(String, Written)>,
}

/// Prepares the proof of a plan.
///
/// # Errors
/// [`PlanError`] where estate, profile and options make no plan, or the plan no world.
pub fn prepare(
    name: &str,
    estate: &Estate,
    profile: Option<&Profile>,
    options: &Options,
    plan: &Plan,
    part: Part,
) -> Result<Prepared, PlanError> {
    let work = Work::new(estate, profile, options)?;
    let window = Window::of(profile);
    let steps = match part {
        Part::BusiestDay => busiest_part(&work.totals.written, &window),
        Part::Profile => 0..window.steps,
    };
    let step = u64::from(window.step_seconds);
    let before = i64::try_from(steps.start as u64 * step).unwrap_or(0);
    let mut arrivals = Arrivals {
        start_seconds: window.start_seconds + before,
        step_seconds: window.step_seconds,
        bytes: work.arrivals.bytes.get(steps.clone()).unwrap_or_default().to_vec(),
    };
    let bits_per_second = scenario::rate(plan);
    let mut service = Service::constant(bits_per_second);
    service.outages = weekly_outages(&arrivals, options.weekly_outage_seconds);
    if options.weekly_outage_seconds > 0 && service.outages.is_empty() {
        return Err(PlanError::OutageTooLong {
            outage: options.weekly_outage_seconds,
            part: arrivals.seconds(),
        });
    }
    let seconds = arrivals.seconds();
    let tail = arithmetic::tail(&mut arrivals, &service);
    let counted = scenario::streams(&work, &window, &steps);
    let machines = work.counted().zip(&counted).map(|((_, vm, demand, _), disks)| {
        let written = disks
            .iter()
            .zip(&demand.disks)
            .map(|(steps, disk)| (steps.as_slice(), disk.compressed_per_mille));
        (vm.name.clone(), Written::of(written, step, options.growth_per_mille))
    });
    let machines = machines.collect();
    let curve = Curve::new(&arrivals, &service);
    let world = scenario::World {
        name,
        bits_per_second,
        busy_ms: curve.busy(),
        work: &work,
        plan,
        begins: scenario::begins(&work),
        seconds: seconds + tail,
        outages: &service.outages,
        step,
    };
    let begins_ms = world.begins * 1_000;
    let scenario = world.scenario(counted)?;
    Ok(Prepared {
        interval_ms: scenario.policy.crash_consistent_every / MILLISECOND,
        scenario,
        part,
        start_seconds: Some(arrivals.start_seconds).filter(|_| window.start_seconds != 0),
        seconds,
        bits_per_second,
        begins_ms,
        ends_ms: begins_ms + (seconds + tail) * 1_000,
        curve,
        outages: service.outages,
        machines,
    })
}

/// What was seen of a run that its result does not have.
#[derive(Debug, Default)]
pub struct Seen {
    /// By machine: what is stored of its changes; what it wrote, and of that each block once within a batch.
    machines: BTreeMap<u32, [u64; 3]>,
    /// Nothing before counts.
    from: SimTime,
}

impl Seen {
    /// Nothing yet, of a proof.
    #[must_use]
    pub fn of(prepared: &Prepared) -> Self {
        Self {
            machines: BTreeMap::new(),
            from: SimTime(prepared.begins_ms * MILLISECOND),
        }
    }

    /// Hears a fact of the run.
    pub fn fact(&mut self, at: SimTime, fact: &Fact) {
        if at < self.from {
            return;
        }
        match fact {
            Fact::SegmentsStored { kind, segments, .. } if !matches!(kind, SegmentKind::Merged { .. }) => {
                for segment in segments {
                    self.machines.entry(segment.disk.vm.0).or_default()[0] += segment.stored_bytes;
                }
            }
            Fact::WroteSummaries { vm, summaries, .. } => {
                let machine = self.machines.entry(vm.0).or_default();
                for summary in summaries {
                    machine[1] += summary.bytes;
                    machine[2] += summary.distinct_bytes;
                }
            }
            _ => {}
        }
    }
}

impl Prepared {
    /// Sets the arithmetic beside what was run.
    #[must_use]
    pub fn judge(&self, drill: &Drill, seen: &Seen) -> Proof {
        let result = &drill.result;
        let row = |(number, (name, written)): (u32, &(String, Written))| {
            let vm = result.vms.iter().find(|vm| vm.vm == VmId(number))?;
            let [stored, wrote, distinct] = seen.machines.get(&number).copied().unwrap_or_default();
            let folded = distinct.saturating_mul(1_000) < wrote.saturating_mul(1_000 - APART_PER_MILLE / 2);
            Some(self.row(name, written, vm, stored, folded))
        };
        let machines = (0..).zip(&self.machines).filter_map(row).collect();
        let mut findings: Vec<String> = result
            .findings
            .iter()
            .take(FINDINGS_SHOWN)
            .map(|finding| format!("{}: {}", finding.class.words(), finding.text))
            .collect();
        let more = result.findings.len().saturating_sub(findings.len()) as u64 + result.findings_dropped;
        if more > 0 {
            findings.push(format!("and {more} more"));
        }
        Proof {
            held: drill.verdict == Verdict::Pass && result.recovery_points.verified > 0,
            part: self.part,
            start_seconds: self.start_seconds,
            seconds: self.seconds,
            bits_per_second: self.bits_per_second,
            cuts: self
                .outages
                .iter()
                .map(|outage| Cut {
                    from_seconds: outage.from,
                    to_seconds: outage.to,
                })
                .collect(),
            points: result.recovery_points.made,
            points_verified: result.recovery_points.verified,
            findings,
            machines,
        }
    }

    fn row(&self, name: &str, written: &Written, vm: &VmResult, stored: u64, folded: bool) -> Row {
        let since = |at: SimTime| (at.0 / MILLISECOND).saturating_sub(self.begins_ms);
        let of = |usable: &dyn Fn(u64, Option<SimTime>) -> Option<u64>| -> Sawtooth {
            let points = vm.points.iter().filter_map(|point| {
                // Before the profile begins nothing waits: what was marked then is usable at its begin.
                let marked = since(point.marked);
                Some(Point {
                    marked,
                    usable: usable(marked, point.processed)?,
                })
            });
            Sawtooth::new(points.collect(), self.ends_ms - self.begins_ms)
        };
        let reckoned = of(&|marked, _| self.curve.served_by(marked));
        let simulated = of(&|_, processed| processed.map(since));
        let queued = self.curve.longest() > APART_MS;
        let alone = self.machines.len() < 2;
        // Of what a queue serves, a hundredth more takes several hundredths longer.
        let sent = written.sent();
        let larger = stored.abs_diff(sent) > sent / 100;
        let late = match (folded, queued, alone) {
            (true, ..) => Why::Folding,
            (_, true, false) => Why::Sharing,
            (_, true, true) if larger => Why::Compression,
            _ => Why::Quantisation,
        };
        let time = |arithmetic: Option<u64>, simulated: Option<u64>| pair(arithmetic, simulated, APART_MS, late);
        let rpo = |per_mille: u32| time(reckoned.percentile(per_mille), simulated.percentile(per_mille));
        let between = written.most_within(self.interval_ms);
        let waits = |sample: &&sim::metrics::BacklogSample| sample.at.0 / MILLISECOND >= self.begins_ms;
        let waited = vm.backlog.iter().filter(waits);
        let waited = waited
            .map(|sample| sample.source_bytes + sample.process_server_bytes)
            .max();
        let raw = self.curve.backlog_of(written);
        let last = self.outages.iter().map(|outage| outage.to * 1_000).max();
        let young = self.interval_ms + APART_MS;
        let after = |sawtooth: &Sawtooth, end: u64| sawtooth.young_again(end, young);
        Row {
            name: name.to_owned(),
            rpo_p50_ms: rpo(500),
            rpo_p99_ms: rpo(990),
            rpo_max_ms: rpo(1_000),
            backlog_bytes: pair(Some(raw), Some(waited.unwrap_or(0)), between, late),
            catch_up_ms: last.map(|end| time(after(&reckoned, end), after(&simulated, end))),
            sent_bytes: pair(
                Some(sent),
                Some(stored),
                0,
                match (folded, stored.saturating_mul(2) < sent) {
                    (true, _) => Why::Folding,
                    (false, true) => Why::Unsent,
                    (false, false) => Why::Compression,
                },
            ),
        }
    }
}

/// A figure of both; they agree within the share or the floor.
fn pair(arithmetic: Option<u64>, simulated: Option<u64>, floor: u64, why: Why) -> Pair {
    let agree = match (arithmetic.unwrap_or(NEVER), simulated.unwrap_or(NEVER)) {
        (NEVER, NEVER) => true,
        (NEVER, _) | (_, NEVER) => false,
        (one, other) => {
            let apart = one.abs_diff(other);
            apart <= floor || u128::from(apart) * 1_000 <= u128::from(one.max(other)) * u128::from(APART_PER_MILLE)
        }
    };
    let why = match (arithmetic, simulated) {
        (Some(_), None) => Why::Unsent,
        _ => why,
    };
    Pair {
        arithmetic,
        simulated,
        why: (!agree).then_some(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_agree_within_a_share_or_a_floor() {
        let why = |one, other, floor| pair(one, other, floor, Why::Sharing).why;
        assert_eq!(why(Some(1_000), Some(1_050), 0), None);
        assert_eq!(why(Some(1_000), Some(1_060), 0), Some(Why::Sharing));
        assert_eq!(why(Some(1_000), Some(1_060), 60), None);
        assert_eq!(why(None, None, 0), None);
        assert_eq!(why(Some(1), None, 60), Some(Why::Unsent));
        assert_eq!(why(None, Some(1), 60), Some(Why::Sharing));
    }
}
