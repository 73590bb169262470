//! Seeds side by side: each is drawn, run and judged alone, in a world of its own on a thread of its own; then all are added up in the order
//! of the seeds, so that nothing depends on how many ran at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actors::facts::Fact;
use actors::nouns::ActorId;
use actors::ports::Evidence;
use datapath::SimTime;
use serde::{Deserialize, Serialize};
use sim::findings::{FindingClass, Identity};
use sim::run::{Observer, RunError};
use sim::spec::{NetworkKind, RunOptions};

use super::draw::{Drawn, draw};
use super::list::SeedList;
use crate::build;
use crate::diagnose::ScenarioError;
use crate::drill;
use crate::model::{Condition, Fault, Scenario};
use crate::read::Options;

/// Of a hundred seeds one is run twice, and has to come to the same.
const TWICE_EVERY: u64 = 100;

/// What is to be run.
pub struct Sweep<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// With what it was read.
    pub options: &'a Options,
    /// The seeds, in the order in which they are run.
    pub seeds: SeedList,
    /// Seeds at a time.
    pub jobs: usize,
    /// What carries the messages.
    pub network: NetworkKind,
    /// No seed is begun any more after the first that found something.
    pub stop_at_first: bool,
    /// Identities of findings by which none is stopped.
    pub accepted: &'a BTreeSet<String>,
    /// Seeds whose outcome is known from before.
    pub known: BTreeMap<u64, Outcome>,
}

/// Something that a seed found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What it found, each identity once.
    pub found: Vec<Found>,
    /// Faults by kind: how many, and how many of them struck.
    pub faults: BTreeMap<String, (u64, u64)>,
    /// Of these those that never began, for the run had ended before their time.
    #[serde(default)]
    pub late: BTreeMap<String, u64>,
    /// When the run ended.
    #[serde(default)]
    pub ended: SimTime,
    /// How often each goal was met.
    #[serde(default)]
    pub goals: BTreeMap<String, u64>,
    /// How often each law was looked at.
    pub laws: BTreeMap<String, u64>,
    /// Recovery points that were judged.
    pub points: u64,
    /// Entries of the queue.
    pub entries: u64,
    /// Of the event log.
    pub digest: [u8; 32],
}

impl Outcome {
    /// Whether it is one of those that are run twice.
    #[must_use]
    pub fn is_run_twice(&self) -> bool {
        self.seed.is_multiple_of(TWICE_EVERY)
    }
}

/// What came of all seeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many seeds were run.
    pub seeds: u64,
    /// What was found, by identity: class, the seeds that found it, and what the first of them said.
    pub findings: BTreeMap<Identity, (FindingClass, Vec<u64>, String)>,
    /// Faults by kind: how many, and how many of them struck.
    pub faults: BTreeMap<String, (u64, u64)>,
    /// Of these those that never began, for the run had ended before their time.
    pub late: BTreeMap<String, u64>,
    /// When the first and when the last of the runs ended, in simulated time.
    pub ended: Option<(SimTime, SimTime)>,
    /// Goals: in how many seeds each was met.
    pub goals: BTreeMap<String, u64>,
    /// Goals that were met, and the first seed that did.
    pub first_met: BTreeMap<String, u64>,
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
            let of = self.faults.entry(kind.clone()).or_default();
            *of = (of.0 + declared, of.1 + struck);
        }
        for (kind, late) in &outcome.late {
            *self.late.entry(kind.clone()).or_default() += late;
        }
        let (first, last) = self.ended.unwrap_or((outcome.ended, outcome.ended));
        self.ended = Some((first.min(outcome.ended), last.max(outcome.ended)));
        for (goal, met) in &outcome.goals {
            if *met > 0 {
                self.first_met.entry(goal.clone()).or_insert(outcome.seed);
            }
            *self.goals.entry(goal.clone()).or_default() += u64::from(*met > 0);
        }
        for (law, checked) in &outcome.laws {
            *self.laws.entry(law.clone()).or_default() += checked;
        }
        self.points += outcome.points;
        self.entries += outcome.entries;
        self.twice += u64::from(outcome.is_run_twice());
    }

    /// What came of seeds together, in the order in which they were to be run.
    #[must_use]
    pub fn of(seeds: &SeedList, outcomes: &BTreeMap<u64, Outcome>) -> Swept {
        let mut swept = Swept::default();
        let in_order = in_order(seeds, outcomes);
        in_order.into_iter().for_each(|(_, outcome)| swept.add(outcome));
        swept
    }
}

/// The outcomes of seeds, each with its place, in the order in which they were to be run.
fn in_order<'a>(seeds: &SeedList, outcomes: &'a BTreeMap<u64, Outcome>) -> Vec<(u64, &'a Outcome)> {
    let placed = outcomes.iter();
    let mut placed: Vec<(u64, &Outcome)> = placed
        .filter_map(|(seed, outcome)| Some((seeds.place(*seed)?, outcome)))
        .collect();
    placed.sort_unstable_by_key(|(place, _)| *place);
    placed
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

/// Looks at nothing, and ends a run that is not wanted any more.
pub(super) struct Eyes<'a> {
    pub(super) stop: &'a AtomicBool,
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
    let is_timed = |fault: &Fault| fault.begin.iter().any(|begin| matches!(begin, Condition::At(_)));
    let faults = drawn.scenario.faults.iter();
    let faults: Vec<(&'static str, bool)> = faults.map(|fault| (fault.word, is_timed(fault))).collect();
    let run = RunOptions::in_memory(
        drawn.seed,
        network,
        drawn.scenario.content,
        drawn.scenario.compression_level,
    );
    let drill = drill::run(built, &run, &mut Eyes { stop })?;
    if drill.verdict == drill::Verdict::Interrupted {
        return Ok(None);
    }
    let mut outcome = Outcome {
        seed: drawn.seed,
        found: Vec::new(),
        faults: BTreeMap::new(),
        late: BTreeMap::new(),
        ended: drill.ended.now,
        goals: BTreeMap::new(),
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
    for ((word, timed), fault) in faults.iter().zip(&drill.result.faults) {
        let of = outcome.faults.entry((*word).to_owned()).or_default();
        *of = (of.0 + 1, of.1 + u64::from(fault.struck > 0));
        if *timed && fault.began.is_none() {
            *outcome.late.entry((*word).to_owned()).or_default() += 1;
        }
    }
    for goal in &drill.result.goals {
        outcome.goals.insert(goal.name.clone(), goal.met);
    }
    for check in &drill.result.checks {
        outcome.laws.insert(check.invariant.clone(), check.checked);
    }
    Ok(Some(outcome))
}

/// What threads share of a sweep.
#[derive(Default)]
struct Shared {
    outcomes: BTreeMap<u64, Outcome>,
    progress: Progress,
    error: Option<SweepError>,
}

impl Sweep<'_> {
    /// Runs all seeds that are not known. `told` hears of each as it ends, from any thread, and how far the sweep is; `stop` ends it, with what
    /// there is by then.
    ///
    /// # Errors
    /// The first seed that could not be run.
    pub fn run(&self, stop: &AtomicBool, told: &(dyn Fn(&Outcome, Progress) + Sync)) -> Result<Swept, SweepError> {
        let seeds = &self.seeds;
        let next = AtomicU64::new(0);
        let enough = AtomicBool::new(false);
        let shared = Mutex::new(Shared::default());
        let known = self.known.iter().filter(|(seed, _)| seeds.place(**seed).is_some());
        if let Ok(mut shared) = shared.lock() {
            for (seed, outcome) in known {
                shared.progress.count(outcome);
                shared.outcomes.insert(*seed, outcome.clone());
            }
        }
        let count = usize::try_from(seeds.count()).unwrap_or(usize::MAX);
        std::thread::scope(|threads| {
            for _ in 0..self.jobs.clamp(1, count.max(1)) {
                threads.spawn(|| {
                    while !stop.load(Ordering::Relaxed) && !enough.load(Ordering::Relaxed) {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some(seed) = seeds.get(place) else { break };
                        if self.known.contains_key(&seed) {
                            continue;
                        }
                        let result = self.seed(seed, stop);
                        let Ok(mut shared) = shared.lock() else { break };
                        match result {
                            Ok(None) => break,
                            Ok(Some(outcome)) => {
                                shared.progress.count(&outcome);
                                let found = self.finds(&outcome);
                                enough.fetch_or(self.stop_at_first && found, Ordering::Relaxed);
                                told(&outcome, shared.progress);
                                shared.outcomes.insert(seed, outcome);
                            }
                            Err(error) => {
                                shared.error.get_or_insert(error);
                                enough.store(true, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        let Shared {
            mut outcomes, error, ..
        } = shared.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(error) = error {
            return Err(error);
        }
        let first = in_order(seeds, &outcomes)
            .into_iter()
            .find_map(|(place, outcome)| self.finds(outcome).then_some(place));
        if let Some(first) = first.filter(|_| self.stop_at_first) {
            // What others ran meanwhile depends on how many they were.
            outcomes.retain(|seed, _| seeds.place(*seed).is_some_and(|place| place <= first));
        }
        let mut swept = Swept::of(seeds, &outcomes);
        swept.stopped = (outcomes.len() as u64) < seeds.count();
        Ok(swept)
    }

    /// Whether a seed has found something that is not accepted.
    fn finds(&self, outcome: &Outcome) -> bool {
        let mut found = outcome.found.iter();
        found.any(|found| !self.accepted.contains(&found.identity.to_string()))
    }

    fn seed(&self, seed: u64, stop: &AtomicBool) -> Result<Option<Outcome>, SweepError> {
        let run = || run_one(&draw(self.scenario, seed), self.options, self.network, stop);
        let Some(outcome) = run()? else { return Ok(None) };
        if outcome.is_run_twice() {
            match run()? {
                None => return Ok(None),
                Some(again) if again != outcome => return Err(SweepError::NotTheSame(seed)),
                Some(_) => {}
            }
        }
        Ok(Some(outcome))
    }
}

impl Progress {
    fn count(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.struck += outcome.faults.values().map(|(_, struck)| struck).sum::<u64>();
        self.found += u64::from(!outcome.found.is_empty());
    }
}
