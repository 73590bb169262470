//! `firedrill chaos` and `firedrill replay`: sweeps over seeds, and the failures that they leave.

mod corpus;
mod inputs;
pub(crate) mod keeping;
mod merging;
mod places;
mod replaying;
mod telling;
mod watching;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use datapath::image::Watched;
use scenarios::Scenario;
use scenarios::chaos::draw::kinds;
use scenarios::chaos::list::SeedList;
use scenarios::chaos::sweep::{Sweep, SweepError, Swept};
use scenarios::chaos::{draw, run_one};

pub use self::merging::merge;
pub use self::replaying::replay;

use self::corpus::Corpus;
use self::inputs::Inputs;
use self::keeping::{FAILURES, keep, unrepeated, write_whole};
use self::places::{Files, Place, is_same, is_within};
use self::telling::Told;
use self::watching::watched;
use crate::arguments::{ChaosArguments, Format};
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::seeds::{Head, SCENARIO, Seeds};
use crate::{output, seeds};

/// The figures of a sweep.
const SUMMARY: &str = "chaos.json";
/// What stopped a sweep before its last seed: the time that it was given.
const BUDGET: &str = "budget";
/// The first seed that found something.
const FIRST_FINDING: &str = "first-finding";
/// A kind of fault that was drawn so often and never struck was no test. The rarest that can strike do so once in 30 draws or so (a machine
/// that is being quiesced just then, a disk on which something is not flushed): by so many draws all but one in 800 sweeps have seen it.
const DRAWN_ENOUGH: u64 = 200;
/// After so many times it is said that a kind never struck.
const DRAWN_SOME: u64 = 20;

/// Runs the command, and gives its exit code.
pub fn chaos(arguments: &ChaosArguments) -> Result<u8, Failure> {
    #[cfg(feature = "planted-bugs")]
    if let Some(name) = &arguments.plant {
        datapath::plants::plant(name).map_err(Failure::Input)?;
    }
    if let Some((disk, image)) = arguments.changes.disk.first() {
        return Err(Failure::Input(format!(
            "--disk {disk}={image}: a sweep takes no disk of yours, for what it finds could not be handed over"
        )));
    }
    let interrupts = Interrupts::hear()?;
    let options = arguments.changes.options(Watched::default(), None);
    let scenario = scenarios::load(&arguments.scenario, &options)?;
    let corpus = arguments.corpus.as_deref().map(Corpus::read).transpose()?;
    let place = Place::take(arguments.out.as_deref(), &scenario.name, arguments.force)?;
    let folder = place.folder.clone();
    // Of the parts of a sweep none knows what the others met: they only read the list.
    let (learns, reads) = match arguments.shard.1 {
        1 => (&arguments.corpus, None),
        _ => (&None, arguments.corpus.clone()),
    };
    let files = Files {
        read: scenario.inputs.0.iter().cloned().chain(reads).collect(),
        folders: vec![&folder],
        written: written(&[
            ("--corpus", learns),
            ("--junit", &arguments.junit),
            ("--markdown", &arguments.markdown),
        ]),
    };
    files.check().inspect_err(|_| place.give_back())?;
    let inputs = Inputs::of(&scenario, &folder)?;
    let text = scenarios::write(&inputs.named(&scenario), &folder);
    let text = text.map_err(|error| Failure::Input(error.to_string()))?;
    stays(&scenario, &folder, &text)?;
    let today = today();
    let accepted = accepted_on(&scenario, &today);
    let range = arguments.seeds.0..=arguments.seeds.1;
    let head = Head {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        binary: seeds::binary()?,
        kept: corpus.iter().flat_map(Corpus::seeds).collect(),
        scenario: blake3::hash(&[text.as_bytes(), inputs.digest()?.as_bytes()].concat())
            .to_hex()
            .to_string(),
        network: arguments.network.word().to_owned(),
        first: arguments.seeds.0,
        last: arguments.seeds.1,
        shard: arguments.shard,
    };
    let (record, known) = Seeds::open(&folder, head, arguments.force)?;
    // What is there is of what was run until now.
    let _ = std::fs::remove_file(folder.join(SUMMARY));
    inputs.copy(&scenario)?;
    write_whole(&folder.join(SCENARIO), &text)?;
    if !known.is_empty() {
        output::say(&format!(
            "{} goes on: {} seeds were run before",
            folder.display(),
            known.len()
        ));
    }
    let jobs = arguments
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let sweep = Sweep {
        scenario: &scenario,
        options: &options,
        seeds: SeedList::new(record.kept(), &range, (arguments.shard.0 - 1, arguments.shard.1)),
        jobs,
        network: arguments.network.kind(),
        stop_at_first: arguments.stop_at_first,
        accepted: &accepted,
        known,
    };
    let began = Instant::now();
    let count = sweep.seeds.count();
    let how = if arguments.force { " without --force" } else { "" };
    let keeps = |seeds: u64| {
        format!(
            "{seeds} of {count} seeds are kept in {}; the same command{how} goes on from there",
            folder.display()
        )
    };
    let failed = |error| match error {
        SweepError::NotTheSame(seed) => {
            unrepeated(arguments, &scenario, &folder, seed).unwrap_or_else(|failure| failure)
        }
        error => failed(error),
    };
    let swept = watched(&sweep, arguments.budget, &interrupts, &record, &keeps, failed)?;
    interrupts.check()?;
    let took = began.elapsed();
    let kept = keep(
        arguments,
        &scenario,
        &options,
        &swept,
        &folder,
        (&accepted, &interrupts),
    )?;
    let idle = idle(&scenario, &options, arguments, &swept, &accepted)?;
    let warnings = warnings(&scenario, arguments, &swept);
    let ran = swept.seeds.saturating_sub(sweep.known.len() as u64);
    let rate = ran as f64 * 60.0 / took.as_secs_f64();
    let told = Told {
        scenario: &scenario,
        arguments,
        swept: &swept,
        kept: &kept,
        idle: &idle,
        warnings: &warnings,
        rate: (ran > 0).then_some(rate),
        count,
        kept_seeds: record.kept(),
        accepted: &accepted,
    };
    let summary = told.summary();
    write_whole(&folder.join(SUMMARY), &format!("{summary:#}\n"))?;
    if let Some(corpus) = corpus.as_ref().filter(|_| learns.is_some()) {
        corpus.learn(&swept)?;
    }
    told.write(arguments.junit.as_deref(), arguments.markdown.as_deref(), took)?;
    match arguments.format {
        Format::Json => output::print(&format!("{summary:#}\n"))?,
        Format::Human => output::print(&told.human(&folder))?,
    }
    Ok(told.code())
}

/// The files that options name.
fn written<'a>(options: &[(&'static str, &'a Option<PathBuf>)]) -> Vec<(&'static str, &'a Path)> {
    let named = options.iter();
    named
        .filter_map(|(option, path)| Some((*option, path.as_deref()?)))
        .collect()
}

/// Looks whether a scenario that lies in the folder of its own sweep stays as it is.
fn stays(scenario: &Scenario, folder: &Path, text: &str) -> Result<(), Failure> {
    let path = &scenario.path.0;
    let is_copy = is_same(path, &folder.join(SCENARIO));
    let changes = is_copy && std::fs::read_to_string(path).is_ok_and(|there| there != text);
    if changes || is_within(path, &folder.join(FAILURES)) {
        return Err(Failure::Input(format!(
            "{} lies in {} where the sweep writes, and would be replaced; give another folder with --out",
            path.display(),
            folder.display()
        )));
    }
    Ok(())
}

fn failed(error: SweepError) -> Failure {
    match error {
        SweepError::Scenario(error) => Failure::Scenario(error),
        SweepError::Machine(error) => Failure::Machine(error.to_string()),
        SweepError::NotTheSame(_) => Failure::Broken(error.to_string()),
    }
}

/// The date, in the form in which dates can be compared as text.
fn today() -> String {
    jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
        .to_string()
}

/// The identities of what a scenario accepts on a day.
fn accepted_on(scenario: &Scenario, today: &str) -> BTreeSet<String> {
    let accepted = scenario.accepted.iter();
    let still = accepted.filter(|accepted| accepted.until.as_str() >= today);
    still.map(|accepted| accepted.finding.clone()).collect()
}

/// What a sweep was to look at, and did not.
fn idle(
    scenario: &Scenario,
    options: &scenarios::Options,
    arguments: &ChaosArguments,
    swept: &Swept,
    accepted: &BTreeSet<String>,
) -> Result<Vec<String>, Failure> {
    let mut idle = Vec::new();
    let mut open = swept
        .findings
        .keys()
        .filter(|identity| !accepted.contains(&identity.to_string()));
    let found = arguments.stop_at_first && open.next().is_some();
    if arguments.shard.1 > 1 || found {
        // A part of a sweep says nothing of what the whole did not see, nor does one that ended with what it looked for.
        return Ok(idle);
    }
    for kind in kinds(scenario) {
        let (drawn, struck) = swept.faults.get(kind).copied().unwrap_or_default();
        let named = scenario.chaos.kinds.contains(&kind);
        if struck == 0 && (named || drawn >= DRAWN_ENOUGH) {
            idle.push(format!("{kind} was drawn {drawn} times and never struck"));
        }
    }
    let (drawn, struck) = of_all(swept);
    if drawn > 0 && struck == 0 {
        idle.push(format!("{drawn} faults were drawn, and none of them struck"));
    }
    for goal in &scenario.goals {
        if swept.goals.get(&goal.name).is_none_or(|met| *met == 0) {
            idle.push(format!("goal \"{}\" was never met (line {})", goal.name, goal.line.0));
        }
    }
    // What is looked at without faults is to be looked at under them.
    let mut plain = draw(scenario, arguments.seeds.0);
    plain.scenario = scenario.clone();
    let calm = run_one(&plain, options, arguments.network.kind(), &AtomicBool::new(false)).map_err(failed)?;
    for (law, checked) in calm.map(|outcome| outcome.laws).unwrap_or_default() {
        if checked > 0 && swept.laws.get(&law).is_none_or(|seen| *seen == 0) {
            idle.push(format!("{law} looked at nothing"));
        }
    }
    Ok(idle)
}

/// Faults of all kinds: how many, and how many of them struck.
fn of_all(swept: &Swept) -> (u64, u64) {
    let each = swept.faults.values();
    each.fold((0, 0), |(all, of), (drawn, struck)| (all + drawn, of + struck))
}

/// What makes a sweep see less than it seems to, and what to do about it. Of a part nothing is said: the whole may have seen more.
fn warnings(scenario: &Scenario, arguments: &ChaosArguments, swept: &Swept) -> Vec<String> {
    let mut warnings = Vec::new();
    if arguments.shard.1 > 1 {
        return warnings;
    }
    let (drawn, _) = of_all(swept);
    let late: u64 = swept.late.values().sum();
    if let Some((first, last)) = swept.ended.filter(|_| late * 2 > drawn) {
        let mostly = swept.late.iter().filter(|(kind, late)| {
            let (drawn, _) = swept.faults.get(*kind).copied().unwrap_or_default();
            **late * 2 > drawn
        });
        let mostly: Vec<&str> = mostly.map(|(kind, _)| kind.as_str()).collect();
        warnings.push(format!(
            "{late} of {drawn} faults never began, for their run had ended before (runs ended between {first} and {last}); set `to` in [chaos] to a \
             time before that: {}",
            mostly.join(", ")
        ));
    }
    for (kind, (drawn, struck)) in &swept.faults {
        let is_idle = *drawn >= DRAWN_ENOUGH || scenario.chaos.kinds.iter().any(|named| named == kind);
        if *struck == 0 && *drawn >= DRAWN_SOME && !is_idle {
            warnings.push(format!(
                "{kind} was drawn {drawn} times and never struck; after {DRAWN_ENOUGH} times this is no pass"
            ));
        }
    }
    warnings
}

/// Whether a folder holds a sweep that is at its end: one that its budget has stopped goes on.
fn is_complete(folder: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(folder.join(SUMMARY)) else {
        return false;
    };
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    summary["stopped_by"] != BUDGET
}
