//! `firedrill chaos` and `firedrill replay`: sweeps over seeds, and the failures that they leave.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use datapath::image::Watched;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reports::junit::Case;
use scenarios::Scenario;
use scenarios::chaos::draw::kinds;
use scenarios::chaos::shrink::{Shrunk, shrink};
use scenarios::chaos::sweep::{Progress, Sweep, SweepError, Swept, seeds_of};
use scenarios::chaos::{Drawn, Outcome, draw, run_one};
use scenarios::model::{NetworkWord, Replay};
use serde_json::json;
use sim::findings::{FindingClass, Identity};

use crate::arguments::{ChaosArguments, Format, MergeArguments, Network, ReplayArguments};
use crate::failure::{EXPECTATION, Failure, INPUT, INVARIANT, PASS};
use crate::interrupt::Interrupts;
use crate::run::coloured;
use crate::seeds::{Head, SCENARIO, Seeds};
use crate::{output, seeds};

/// Where sweeps go that were given no folder.
const RUNS: &str = "runs";
/// The figures of a sweep.
const SUMMARY: &str = "chaos.json";
const FAILURES: &str = "failures";
/// Failures that are made small; of more only the seed is told.
const SHRUNK_MAX: usize = 8;
/// A kind of fault that was drawn so often and never struck was no test.
const DRAWN_ENOUGH: u64 = 20;
/// So often the interrupts and the budget are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A failure that was made small and written.
struct Kept {
    identity: Identity,
    file: PathBuf,
    faults: usize,
    trials: u32,
}

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
    let folder = folder(arguments, &scenario)?;
    let text = scenarios::write(&scenario, &folder).map_err(|error| Failure::Input(error.to_string()))?;
    let head = Head {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: blake3::hash(text.as_bytes()).to_hex().to_string(),
        network: arguments.network.word().to_owned(),
        first: arguments.seeds.0,
        last: arguments.seeds.1,
        shard: arguments.shard,
    };
    let (record, known) = Seeds::open(&folder, &head)?;
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
        seeds: arguments.seeds.0..=arguments.seeds.1,
        shard: (arguments.shard.0 - 1, arguments.shard.1),
        jobs,
        network: arguments.network.kind(),
        stop_at_first: arguments.stop_at_first,
        known,
    };
    let began = Instant::now();
    let swept = with_progress(&sweep, arguments.budget, &interrupts, began, &record)?;
    // What was cut off goes on with the next call.
    interrupts.check()?;
    let took = began.elapsed();
    let kept = keep(arguments, &scenario, &options, &swept, &folder, &interrupts)?;
    let idle = idle(&scenario, &options, arguments, &swept)?;
    let minutes = took.as_secs_f64() / 60.0;
    let summary = summary(arguments, &swept, &kept, &idle, minutes);
    if !swept.stopped || arguments.stop_at_first {
        write_whole(&folder.join(SUMMARY), &format!("{summary:#}\n"))?;
    }
    let told = told(&scenario, arguments, &swept, &kept, &idle, minutes, &folder);
    if let Some(file) = &arguments.junit {
        let text = reports::junit::junit(&scenario.name, took.as_secs_f64(), &cases(&swept, &kept, &idle));
        write_whole(file, &text)?;
    }
    if let Some(file) = &arguments.markdown {
        add(file, &markdown(&scenario, &swept, &kept, &idle, minutes))?;
    }
    match arguments.format {
        Format::Json => output::print(&format!("{summary:#}\n"))?,
        Format::Human => output::print(&told)?,
    }
    Ok(code(&swept, &idle))
}

/// Runs a failure from its own file, and says whether it is found again.
pub fn replay(arguments: &ReplayArguments) -> Result<u8, Failure> {
    #[cfg(feature = "planted-bugs")]
    if let Some(name) = &arguments.plant {
        datapath::plants::plant(name).map_err(Failure::Input)?;
    }
    let shown = arguments.failure.display();
    let options = scenarios::Options::default();
    let scenario = scenarios::load(&arguments.failure, &options)?;
    let replay = scenario.replay.clone().ok_or_else(|| {
        Failure::Input(format!(
            "{shown} says nothing of what is to be found again: a failure that `firedrill chaos` left has a table [replay]"
        ))
    })?;
    let identity: Identity = replay
        .finding
        .parse()
        .map_err(|error| Failure::Input(format!("{shown}: {error}")))?;
    let drawn = Drawn {
        seed: replay.seed,
        scenario,
        otherwise: Vec::new(),
    };
    let network = arguments.network.map_or(replay.network.0, |network| network.kind());
    let outcome = run_one(&drawn, &options, network, &AtomicBool::new(false)).map_err(failed)?;
    let found = outcome.map(|outcome| outcome.found).unwrap_or_default();
    let others: Vec<String> = found
        .iter()
        .filter(|found| found.identity != identity)
        .map(|found| format!("beside it: {} at {}: {}\n", found.identity, found.at, found.text))
        .collect();
    let Some(found) = found.into_iter().find(|found| found.identity == identity) else {
        output::print(&format!("{identity} is not found any more\n{}", others.concat()))?;
        return Ok(if others.is_empty() { PASS } else { EXPECTATION });
    };
    output::print(&format!(
        "found again: {} {identity} at {}\n  {}\n{}",
        found.class.words(),
        found.at,
        found.text,
        others.concat()
    ))?;
    Ok(match found.class {
        FindingClass::Invariant => INVARIANT,
        FindingClass::Expectation => EXPECTATION,
        FindingClass::Untested => INPUT,
    })
}

/// Puts the parts of a sweep together: every part once, all of the same scenario, seeds, network and version. One seed in a hundred is run once
/// more, and must come to what its part says.
pub fn merge(arguments: &MergeArguments) -> Result<u8, Failure> {
    let mut parts = Vec::new();
    for folder in &arguments.parts {
        let (head, outcomes) = seeds::of(folder)?;
        parts.push((folder, head, outcomes));
    }
    let Some((first_folder, first, _)) = parts.first().cloned() else {
        return Err(Failure::Input("there is nothing to merge".to_owned()));
    };
    let whole = Head {
        shard: (1, 1),
        ..first.clone()
    };
    let mut missing: BTreeSet<u64> = (1..=first.shard.1).collect();
    let mut all = BTreeMap::new();
    for (folder, head, outcomes) in parts {
        let shown = folder.display();
        if (Head {
            shard: (1, 1),
            ..head.clone()
        }) != whole
            || head.shard.1 != first.shard.1
        {
            return Err(Failure::Input(format!(
                "{shown} is a part of another sweep than {} (scenario, seeds, network, version or number of parts)",
                first_folder.display()
            )));
        }
        if !missing.remove(&head.shard.0) {
            return Err(Failure::Input(format!("{shown}: part {} is there twice", head.shard.0)));
        }
        let (part, of) = head.shard;
        let wanted = seeds_of(head.first..=head.last, (part - 1, of)).count();
        if outcomes.len() != wanted {
            return Err(Failure::Input(format!(
                "{shown} is not complete: it has {} of {wanted} seeds; the same command goes on with it",
                outcomes.len()
            )));
        }
        all.extend(outcomes);
    }
    if !missing.is_empty() {
        let parts: Vec<String> = missing.iter().map(u64::to_string).collect();
        return Err(Failure::Input(format!(
            "parts are missing: {} of {}",
            parts.join(", "),
            first.shard.1
        )));
    }
    let options = scenarios::Options::default();
    let scenario = scenarios::load(&first_folder.join(SCENARIO), &options)?;
    let network = if first.network == "turmoil" {
        Network::Turmoil
    } else {
        Network::Event
    };
    for outcome in all.values().filter(|outcome| outcome.is_run_twice()) {
        let again = run_one(
            &draw(&scenario, outcome.seed),
            &options,
            network.kind(),
            &AtomicBool::new(false),
        );
        if again.map_err(failed)?.as_ref() != Some(outcome) {
            return Err(Failure::Machine(format!(
                "seed {} comes to something else here than in its part",
                outcome.seed
            )));
        }
    }
    let swept = Swept::of(&all);
    let figures = ChaosArguments {
        scenario: first_folder.join(SCENARIO),
        seeds: (first.first, first.last),
        network,
        ..ChaosArguments::plain()
    };
    let idle = idle(&scenario, &options, &figures, &swept)?;
    let summary = summary(&figures, &swept, &[], &idle, 0.0);
    match arguments.format {
        Format::Json => output::print(&format!("{summary:#}\n"))?,
        Format::Human => output::print(&told(&scenario, &figures, &swept, &[], &idle, 0.0, first_folder))?,
    }
    Ok(code(&swept, &idle))
}

fn code(swept: &Swept, idle: &[String]) -> u8 {
    let class = |class| swept.findings.values().any(|(of, ..)| *of == class);
    if class(FindingClass::Invariant) {
        INVARIANT
    } else if class(FindingClass::Expectation) {
        EXPECTATION
    } else if !idle.is_empty() || swept.seeds == 0 {
        // What was asked was not looked at.
        INPUT
    } else {
        PASS
    }
}

fn failed(error: SweepError) -> Failure {
    match error {
        SweepError::Scenario(error) => Failure::Scenario(error),
        SweepError::Machine(error) => Failure::Machine(error.to_string()),
        SweepError::NotTheSame(_) => Failure::Machine(error.to_string()),
    }
}

/// Runs the seeds, with a line that says how far it is.
fn with_progress(
    sweep: &Sweep<'_>,
    budget: Option<Duration>,
    interrupts: &Interrupts,
    began: Instant,
    record: &Seeds,
) -> Result<Swept, Failure> {
    let count = seeds_of(sweep.seeds.clone(), sweep.shard).count();
    let bar = ProgressBar::with_draw_target(Some(count as u64), ProgressDrawTarget::stderr());
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = if coloured() {
        "{bar:30.cyan} {pos}/{len} seeds  {msg}"
    } else {
        "{bar:30} {pos}/{len} seeds  {msg}"
    };
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let stop = AtomicBool::new(false);
    let over = AtomicBool::new(false);
    let before = sweep.known.len() as u64;
    let unwritten = Mutex::new(None);
    let told = |outcome: &Outcome, progress: Progress| {
        if let Err(error) = record.add(outcome) {
            stop.store(true, Ordering::Relaxed);
            unwritten
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error);
        }
        let minutes = (began.elapsed().as_secs_f64() / 60.0).max(1e-9);
        bar.set_position(progress.seeds);
        bar.set_message(format!(
            "{:.0} a minute, {} faults struck, {} seeds found something",
            (progress.seeds - before) as f64 / minutes,
            progress.struck,
            progress.found
        ));
    };
    let swept = std::thread::scope(|threads| {
        threads.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if interrupts.came() || budget.is_some_and(|budget| began.elapsed() >= budget) {
                    stop.store(true, Ordering::Relaxed);
                }
                std::thread::sleep(LOOK);
            }
        });
        let swept = sweep.run(&stop, &told);
        over.store(true, Ordering::Relaxed);
        swept
    });
    bar.finish_and_clear();
    if let Some(error) = unwritten.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    swept.map_err(failed)
}

/// Makes failures small and writes each into a file of its own.
fn keep(
    arguments: &ChaosArguments,
    scenario: &Scenario,
    options: &scenarios::Options,
    swept: &Swept,
    folder: &Path,
    interrupts: &Interrupts,
) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    let network = arguments.network.kind();
    let stop = AtomicBool::new(false);
    for (identity, (_, seeds, _)) in swept.findings.iter().take(SHRUNK_MAX) {
        let Some(seed) = seeds.first().filter(|_| !interrupts.came()) else {
            break;
        };
        let Some(shrunk) = shrink(scenario, &draw(scenario, *seed), identity, (options, network), &stop) else {
            continue;
        };
        let failures = folder.join(FAILURES);
        std::fs::create_dir_all(&failures).map_err(|error| cannot(&failures, &error))?;
        let file = failures.join(format!("{}.toml", identity.to_string().replace('/', "-")));
        let text = story(arguments, scenario, &shrunk, &file, network)?;
        write_whole(&file, &text)?;
        kept.push(Kept {
            identity: identity.clone(),
            file,
            faults: shrunk.drawn.scenario.faults.len(),
            trials: shrunk.trials,
        });
    }
    Ok(kept)
}

/// A failure as a file: the story in comments, and the scenario that fails.
fn story(
    arguments: &ChaosArguments,
    plain: &Scenario,
    shrunk: &Shrunk,
    file: &Path,
    network: sim::spec::NetworkKind,
) -> Result<String, Failure> {
    let Shrunk { drawn, found, trials } = shrunk;
    let was = draw(plain, drawn.seed);
    let mut small = drawn.scenario.clone();
    small.replay = Some(Replay {
        seed: drawn.seed,
        network: NetworkWord(network),
        finding: found.identity.to_string(),
    });
    for expect in &mut small.expects {
        expect.under_faults = true;
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let body = scenarios::write(&small, folder).map_err(|error| Failure::Machine(error.to_string()))?;
    let body = with_inputs(body, &small, folder)?;
    let own = plain.faults.len();
    let (before, left) = (was.scenario.faults.len() - own, small.faults.len().saturating_sub(own));
    let mut text = format!(
        "# What a sweep of {} found with seed {}: {} {}\n#   at {}: {}\n# It drew {before} faults, of which {left} are left after {trials} runs; what broke is inevitable with them.\n",
        arguments.scenario.display(),
        drawn.seed,
        found.class.words(),
        found.identity,
        found.at,
        found.text.replace('\n', " "),
    );
    for line in &drawn.otherwise {
        let _ = writeln!(text, "# Drawn beside them: {line}");
    }
    let _ = writeln!(text, "# Repeat it: firedrill replay {}\n", file.display());
    Ok(text + &body)
}

/// Copies the recordings and images that a scenario names into a folder, and names them there: a failure is handed over whole.
fn with_inputs(mut body: String, scenario: &Scenario, folder: &Path) -> Result<String, Failure> {
    for input in &scenario.inputs.0 {
        let (Some(path), Some(name)) = (input.to_str(), input.file_name().and_then(|name| name.to_str())) else {
            continue;
        };
        let [whole, own] = [path, name].map(|text| format!("= {}", scenarios::quoted(text)));
        if body.contains(&whole) {
            let copy = folder.join(name);
            std::fs::copy(input, &copy).map_err(|error| cannot(&copy, &error))?;
            body = body.replace(&whole, &own);
        }
    }
    Ok(body)
}

/// What a sweep was to look at, and did not.
fn idle(
    scenario: &Scenario,
    options: &scenarios::Options,
    arguments: &ChaosArguments,
    swept: &Swept,
) -> Result<Vec<String>, Failure> {
    let mut idle = Vec::new();
    if swept.stopped || arguments.shard.1 > 1 {
        // A part of a sweep says nothing of what the whole did not see.
        return Ok(idle);
    }
    for kind in kinds(scenario) {
        let (drawn, struck) = swept.faults.get(kind).copied().unwrap_or_default();
        let named = scenario.chaos.kinds.contains(&kind);
        if struck == 0 && (named || drawn >= DRAWN_ENOUGH) {
            idle.push(format!("{kind} was drawn {drawn} times and never struck"));
        }
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

fn summary(
    arguments: &ChaosArguments,
    swept: &Swept,
    kept: &[Kept],
    idle: &[String],
    minutes: f64,
) -> serde_json::Value {
    let findings: Vec<serde_json::Value> = swept
        .findings
        .iter()
        .map(|(identity, (class, seeds, text))| {
            let file = kept.iter().find(|kept| kept.identity == *identity);
            json!({
                "identity": identity.to_string(),
                "class": class.words(),
                "seeds": seeds,
                "first": seeds.first(),
                "text": text,
                "replay": file.map(|kept| format!("firedrill replay {}", kept.file.display())),
                "faults": file.map(|kept| kept.faults),
                "trials": file.map(|kept| kept.trials),
            })
        })
        .collect();
    let of_kind = |(declared, struck): &(u64, u64)| json!({ "declared": declared, "struck": struck });
    let kinds = swept.faults.iter().map(|(kind, of)| (kind.as_str(), of_kind(of)));
    let faults: BTreeMap<&str, serde_json::Value> = kinds.collect();
    json!({
        "scenario": arguments.scenario.display().to_string(),
        "network": arguments.network.word(),
        "first": arguments.seeds.0,
        "last": arguments.seeds.1,
        "shard": format!("{}/{}", arguments.shard.0, arguments.shard.1),
        "seeds": swept.seeds,
        "seeds_per_minute": (swept.seeds as f64 / minutes.max(1e-9)).round(),
        "stopped": swept.stopped,
        "twice": swept.twice,
        "points": swept.points,
        "entries": swept.entries,
        "findings": findings,
        "faults": faults,
        "laws": swept.laws,
        "goals": swept.goals,
        "not_looked_at": idle,
    })
}

/// A case for each law that looked, for each expectation that failed, and for what was not looked at.
fn cases(swept: &Swept, kept: &[Kept], idle: &[String]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (law, checked) in &swept.laws {
        if *checked > 0 && swept.findings.keys().all(|identity| identity.law().as_str() != law) {
            cases.push(Case {
                name: law.clone(),
                failure: None,
            });
        }
    }
    for (identity, (class, seeds, text)) in &swept.findings {
        let repeat = kept.iter().find(|kept| kept.identity == *identity);
        let repeat = repeat
            .map(|kept| format!("; firedrill replay {}", kept.file.display()))
            .unwrap_or_default();
        let first = seeds.first().copied().unwrap_or_default();
        cases.push(Case {
            name: identity.to_string(),
            failure: Some((
                format!("{}: seed {first}{repeat}", class.words()),
                format!("{text}\n{} seeds found it", seeds.len()),
            )),
        });
    }
    let not_looked = |line: &String| Case {
        name: "everything was looked at".to_owned(),
        failure: Some((line.clone(), line.clone())),
    };
    cases.extend(idle.iter().map(not_looked));
    cases
}

/// A summary for the page of a CI's job.
fn markdown(scenario: &Scenario, swept: &Swept, kept: &[Kept], idle: &[String], minutes: f64) -> String {
    let mut text = format!(
        "### {}: {} seeds, {}\n\n{} recovery points judged, {:.0} seeds a minute.\n",
        scenario.name,
        swept.seeds,
        match swept.findings.len() {
            0 => "nothing found".to_owned(),
            found => format!("{found} found"),
        },
        swept.points,
        swept.seeds as f64 / minutes.max(1e-9),
    );
    if !swept.findings.is_empty() {
        text.push_str("\n| found | class | seeds | repeat it |\n|---|---|---|---|\n");
    }
    for (identity, (class, seeds, _)) in &swept.findings {
        let repeat = kept.iter().find(|kept| kept.identity == *identity);
        let repeat = repeat
            .map(|kept| format!("`firedrill replay {}`", kept.file.display()))
            .unwrap_or_default();
        let first = seeds.first().copied().unwrap_or_default();
        let _ = writeln!(
            text,
            "| `{identity}` | {} | {} (first {first}) | {repeat} |",
            class.words(),
            seeds.len()
        );
    }
    text.push_str("\n| fault | drawn | struck |\n|---|---|---|\n");
    for (kind, (drawn, struck)) in &swept.faults {
        let _ = writeln!(text, "| {kind} | {drawn} | {struck} |");
    }
    if !swept.goals.is_empty() {
        text.push_str("\n| goal | met in seeds |\n|---|---|\n");
    }
    for (goal, met) in &swept.goals {
        let _ = writeln!(text, "| {goal} | {met} |");
    }
    for line in idle {
        let _ = writeln!(text, "\nNot looked at: {line}");
    }
    text
}

#[allow(clippy::too_many_arguments, reason = "all that a person is told")]
fn told(
    scenario: &Scenario,
    arguments: &ChaosArguments,
    swept: &Swept,
    kept: &[Kept],
    idle: &[String],
    minutes: f64,
    folder: &Path,
) -> String {
    let verdict = match (swept.findings.len(), idle.len()) {
        (0, 0) => "nothing found".to_owned(),
        (0, _) => "nothing found, and not all was looked at".to_owned(),
        (1, _) => "1 finding".to_owned(),
        (many, _) => format!("{many} findings"),
    };
    let mut text = format!(
        "{}: {} seeds: {verdict}\n  {:.0} seeds a minute, network {}; {} recovery points judged, {} seeds run twice with the same result{}\n",
        scenario.name,
        swept.seeds,
        swept.seeds as f64 / minutes.max(1e-9),
        arguments.network.word(),
        swept.points,
        swept.twice,
        if swept.stopped {
            "; stopped before the last seed"
        } else {
            ""
        },
    );
    text.push_str("\nFaults: drawn, struck\n");
    for (kind, (drawn, struck)) in &swept.faults {
        let _ = writeln!(text, "  {kind:<18}{drawn:>8}{struck:>8}");
    }
    if !swept.goals.is_empty() {
        text.push_str("\nGoals: in so many seeds\n");
        for (goal, met) in &swept.goals {
            let _ = writeln!(text, "  {met:>8}  {goal}");
        }
    }
    let looked = swept.laws.values().filter(|checked| **checked > 0).count();
    let checks: u64 = swept.laws.values().sum();
    let _ = writeln!(text, "\nLaws: {looked} of {} looked, {checks} times", swept.laws.len());
    if !idle.is_empty() {
        text.push_str("\nNot looked at\n");
        for line in idle {
            let _ = writeln!(text, "  {line}");
        }
    }
    if !swept.findings.is_empty() {
        text.push_str("\nFindings\n");
    }
    for (identity, (class, seeds, what)) in &swept.findings {
        let shown: Vec<String> = seeds.iter().take(8).map(u64::to_string).collect();
        let more = if seeds.len() > shown.len() { ", ..." } else { "" };
        let _ = writeln!(
            text,
            "  {} {identity}, {} seeds: {}{more}",
            class.words(),
            seeds.len(),
            shown.join(", ")
        );
        let _ = writeln!(text, "    {what}");
        if let Some(kept) = kept.iter().find(|kept| kept.identity == *identity) {
            let _ = writeln!(
                text,
                "    {} faults are left: firedrill replay {}",
                kept.faults,
                kept.file.display()
            );
        }
    }
    let _ = writeln!(text, "\nFolder  {}", folder.display());
    text
}

/// The folder of a sweep: the one that is named, or the next that is free.
fn folder(arguments: &ChaosArguments, scenario: &Scenario) -> Result<PathBuf, Failure> {
    let folder = match &arguments.out {
        Some(out) => {
            if out.join(SUMMARY).exists() && !arguments.force {
                return Err(Failure::Input(format!(
                    "{} holds a sweep already; --force replaces it",
                    out.display()
                )));
            }
            if arguments.force {
                seeds::forget(out)?;
                let _ = std::fs::remove_file(out.join(SUMMARY));
            }
            out.clone()
        }
        None => {
            let name = |number: u32| {
                let more = if number == 1 {
                    String::new()
                } else {
                    format!("-{number}")
                };
                Path::new(RUNS).join(format!("{}-chaos{more}", scenario.name))
            };
            let free = (1..u32::MAX).map(name).find(|path| !path.join(SUMMARY).exists());
            free.unwrap_or_else(|| name(1))
        }
    };
    std::fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
    Ok(folder)
}

/// Writes a file beside its place and puts it there whole.
fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = path.with_extension("part");
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| cannot(path, &error))
}

/// Puts a text behind what a file holds, as a CI's summary is written.
fn add(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| cannot(path, &error))
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Machine(format!("cannot write {}: {error}", path.display()))
}
