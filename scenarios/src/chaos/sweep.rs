//! Seeds side by side: each is drawn, run and judged alone, in a world of its own on a thread of its own; then all are added up in the order
//! of the seeds, so that nothing depends on how many ran at a time.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use datapath::SimTime;
use sim::findings::{FindingClass, Identity};
use sim::run::{Observer, RunError};
use sim::spec::{NetworkKind, RunOptions};

use super::draw::{Drawn, draw};
use crate::build;
use crate::diagnose::ScenarioError;
use crate::drill;
use crate::model::Scenario;
use crate::read::Options;

/// Of a hundred seeds one is run twice, and has to come to the same.
const TWICE_EVERY: u64 = 100;
/// What the disks and files of one world may take in memory.
const MEMORY_BYTES: u64 = 512 << 20;

/// What is to be run.
pub struct Sweep<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// With what it was read.
    pub options: &'a Options,
    /// The seeds, both ends included.
    pub seeds: RangeInclusive<u64>,
    /// Of every so many seeds this one only, counted from 0; of one: all.
    pub shard: (u64, u64),
    /// Seeds at a time.
    pub jobs: usize,
    /// What carries the messages.
    pub network: NetworkKind,
    /// No seed is begun any more after the first that found something.
    pub stop_at_first: bool,
}

/// Something that a seed found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it has in common with others.
    pub identity: Identity,
    /// Whether we are wrong, or the plan.
    pub class: FindingClass,
    /// When.
    pub at: SimTime,
    /// In words.
    pub text: String,
}

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What it found, each identity once.
    pub found: Vec<Found>,
    /// Faults by kind: how many, and how many of them struck.
    pub faults: BTreeMap<&'static str, (u64, u64)>,
    /// How often each law was looked at.
    pub laws: BTreeMap<String, u64>,
    /// Recovery points that were judged.
    pub points: u64,
    /// Entries of the queue.
    pub entries: u64,
    /// Of the event log.
    pub digest: [u8; 32],
}

/// What came of all seeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many seeds were run.
    pub seeds: u64,
    /// What was found, by identity: class, the seeds that found it, and what the first of them said.
    pub findings: BTreeMap<Identity, (FindingClass, Vec<u64>, String)>,
    /// Faults by kind: how many, and how many of them struck.
    pub faults: BTreeMap<&'static str, (u64, u64)>,
    /// How often each law was looked at.
    pub laws: BTreeMap<String, u64>,
    /// Recovery points that were judged.
    pub points: u64,
    /// Entries of the queue.
    pub entries: u64,
    /// Seeds that were run a second time, with the same result.
    pub twice: u64,
    /// It was stopped before all seeds were run.
    pub stopped: bool,
}

impl Swept {
    /// Adds a seed's outcome.
    pub fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        for found in &outcome.found {
            let first = || (found.class, Vec::new(), found.text.clone());
            let (_, seeds, _) = self.findings.entry(found.identity.clone()).or_insert_with(first);
            seeds.push(outcome.seed);
        }
        for (kind, (declared, struck)) in &outcome.faults {
            let of = self.faults.entry(kind).or_default();
            *of = (of.0 + declared, of.1 + struck);
        }
        for (law, checked) in &outcome.laws {
            *self.laws.entry(law.clone()).or_default() += checked;
        }
        self.points += outcome.points;
        self.entries += outcome.entries;
    }
}

/// How far a sweep is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Seeds that were run.
    pub seeds: u64,
    /// Faults that struck.
    pub struck: u64,
    /// Seeds that found something.
    pub found: u64,
}

/// Why a seed could not be run.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// What was drawn makes no world: a mistake of ours.
    #[error("{0}")]
    Scenario(#[from] ScenarioError),
    /// The machine below failed.
    #[error("{0}")]
    Machine(#[from] RunError),
    /// A run that was repeated came to something else: a mistake of ours.
    #[error("seed {0} came to another result when it was run again")]
    NotTheSame(u64),
}

struct Eyes<'a> {
    stop: &'a AtomicBool,
}

impl Observer for Eyes<'_> {
    fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, _: &Fact, _: Option<Evidence>) {}

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Runs what was drawn and judges it; none where `stop` was set meanwhile.
///
/// # Errors
/// [`SweepError`], where the seed says nothing.
pub fn run_one(
    drawn: &Drawn,
    options: &Options,
    network: NetworkKind,
    stop: &AtomicBool,
) -> Result<Option<Outcome>, SweepError> {
    let built = build::build(&drawn.scenario, options)?;
    let words: Vec<&'static str> = drawn.scenario.faults.iter().map(|fault| fault.word).collect();
    let run = RunOptions {
        seed: drawn.seed,
        network,
        grain: drawn.scenario.content,
        compression_level: drawn.scenario.compression_level,
        workers: 0,
        memory_bytes: MEMORY_BYTES,
        spill: None,
        trace: false,
        tick: 10_000_000,
    };
    let drill = drill::run(built, &run, &mut Eyes { stop })?;
    if drill.verdict == drill::Verdict::Interrupted {
        return Ok(None);
    }
    let mut outcome = Outcome {
        seed: drawn.seed,
        found: Vec::new(),
        faults: BTreeMap::new(),
        laws: BTreeMap::new(),
        points: drill.result.recovery_points.verified,
        entries: drill.ended.entries,
        digest: drill.ended.digest,
    };
    for finding in &drill.result.findings {
        // That a machine made no point in one seed says nothing; that none did in all of them, the sweep says.
        if finding.class == FindingClass::Untested {
            continue;
        }
        let identity = finding.identity();
        if outcome.found.iter().all(|found| found.identity != identity) {
            outcome.found.push(Found {
                identity,
                class: finding.class,
                at: finding.at,
                text: finding.text.clone(),
            });
        }
    }
    for (word, fault) in words.iter().zip(&drill.result.faults) {
        let of = outcome.faults.entry(word).or_default();
        *of = (of.0 + 1, of.1 + u64::from(fault.struck > 0));
    }
    for check in &drill.result.checks {
        outcome.laws.insert(check.invariant.clone(), check.checked);
    }
    Ok(Some(outcome))
}

impl Sweep<'_> {
    /// Runs all seeds. `told` hears how far it is, from any thread; `stop` ends it, with what there is by then.
    ///
    /// # Errors
    /// The first seed that could not be run.
    pub fn run(&self, stop: &AtomicBool, told: &(dyn Fn(Progress) + Sync)) -> Result<Swept, SweepError> {
        let (shard, of) = (self.shard.0, self.shard.1.max(1));
        let mine = |seed: &u64| (seed - self.seeds.start()) % of == shard;
        let seeds: Vec<u64> = self.seeds.clone().filter(mine).collect();
        let next = AtomicU64::new(0);
        let enough = AtomicBool::new(false);
        let done: Mutex<(BTreeMap<u64, Outcome>, Progress, u64, Option<SweepError>)> = Mutex::default();
        std::thread::scope(|threads| {
            for _ in 0..self.jobs.clamp(1, seeds.len().max(1)) {
                threads.spawn(|| {
                    while !stop.load(Ordering::Relaxed) && !enough.load(Ordering::Relaxed) {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some(seed) = seeds.get(place as usize).copied() else {
                            break;
                        };
                        let result = self.seed(seed, stop);
                        let Ok(mut done) = done.lock() else { break };
                        match result {
                            Ok(None) => break,
                            Ok(Some((outcome, twice))) => {
                                done.1.seeds += 1;
                                done.1.struck += outcome.faults.values().map(|(_, struck)| struck).sum::<u64>();
                                done.1.found += u64::from(!outcome.found.is_empty());
                                done.2 += u64::from(twice);
                                if self.stop_at_first && !outcome.found.is_empty() {
                                    enough.store(true, Ordering::Relaxed);
                                }
                                done.0.insert(seed, outcome);
                                told(done.1);
                            }
                            Err(error) => {
                                done.3.get_or_insert(error);
                                enough.store(true, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        let (outcomes, _, twice, error) = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(error) = error {
            return Err(error);
        }
        let mut swept = Swept {
            twice,
            stopped: outcomes.len() < seeds.len(),
            ..Swept::default()
        };
        outcomes.values().for_each(|outcome| swept.add(outcome));
        Ok(swept)
    }

    fn seed(&self, seed: u64, stop: &AtomicBool) -> Result<Option<(Outcome, bool)>, SweepError> {
        let drawn = draw(self.scenario, seed);
        let Some(outcome) = run_one(&drawn, self.options, self.network, stop)? else {
            return Ok(None);
        };
        let twice = seed.is_multiple_of(TWICE_EVERY);
        if twice {
            let again = run_one(&draw(self.scenario, seed), self.options, self.network, stop)?;
            match again {
                None => return Ok(None),
                Some(again) if again != outcome => return Err(SweepError::NotTheSame(seed)),
                Some(_) => {}
            }
        }
        Ok(Some((outcome, twice)))
    }
}
