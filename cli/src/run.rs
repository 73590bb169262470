//! `firedrill run`: reads the scenario, takes a folder, runs, writes what came of it.
//!
//! The one place where the command line meets the scenarios. Nothing is created before the scenario was found good.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use datapath::Grain;
use datapath::image::{Source, Watched};
use reports::account::{Account, RpoThreshold, Verdict};
use reports::events::EventWriter;
use reports::names::{Names, StepName};
use reports::run_directory::{REPORT, RunDirectory};
use scenarios::build::Plan;
use scenarios::model::Replay;
use sim::run::Why;
use sim::spec::{RunOptions, VolumeStart, WorldSpec};

use crate::arguments::{Format, Network, RunArguments};
use crate::failure::{EXPECTATION, Failure, INPUT, INVARIANT, PASS};
use crate::interrupt::Interrupts;
use crate::observer::{Watcher, cannot_log};
use crate::reading::Reading;
use crate::{output, repeat, twice, vault_key};

/// Where runs go that were given no folder.
const RUNS: &str = "runs";
/// Bytes of disks and files in memory; the rest is in temporary files. With what the program needs beside it, a run of real disks of any
/// size stays below 1 GiB.
const MEMORY_BYTES: u64 = 768 << 20;
/// More workers than this have nothing to do.
const WORKERS_MAX: usize = 16;

/// Runs the command, and gives its exit code.
pub fn run(arguments: &RunArguments) -> Result<u8, Failure> {
    #[cfg(feature = "planted-bugs")]
    if let Some(name) = &arguments.plant {
        datapath::plants::plant(name).map_err(Failure::Input)?;
    }
    let interrupts = Interrupts::hear()?;
    if arguments.twice {
        return twice::twice(arguments, &interrupts);
    }
    let reading = Arc::new(Reading::new(&interrupts));
    let options = scenario_options(arguments, Watched::by(reading.clone()))?;
    let built = scenarios::load(&arguments.scenario, &options).and_then(|scenario| {
        Ok((
            scenarios::build::build(&scenario, &options)?,
            scenario.inputs.0,
            scenario.replay,
        ))
    });
    reading.end();
    // Reading that was stopped is no fault of what was read.
    interrupts.check()?;
    let (built, mut inputs, replay) = built?;
    let lot = Lot::of(arguments, replay.as_ref());
    if arguments.encoded_log {
        let spill = tempfile::tempdir().map_err(|error| Failure::Machine(format!("no temporary folder: {error}")))?;
        let options = run_options(arguments, lot, &built.plan, spill.path());
        return twice::log(built, &options, &interrupts);
    }
    if lot.is_of_file {
        output::say(&format!(
            "{} is a failure that a sweep found: it runs with seed {} on the network {}, as its [replay] says",
            arguments.scenario.display(),
            lot.seed,
            lot.network.word()
        ));
    }
    inputs.extend(arguments.vault_key.clone());
    let grain = built.plan.grain;
    let names = Names::of(&built.world, built.plan.disks.clone(), step_names(&built.plan));
    let images = images(&built.world);

    let directory = match &arguments.out {
        Some(out) => RunDirectory::named(out, arguments.force, &inputs)?,
        None => {
            let (runs, name) = (Path::new(RUNS), &built.plan.scenario);
            RunDirectory::numbered(runs, name, lot.seed, arguments.force, &inputs)?
        }
    };
    if let Some(aside) = directory.moved_aside() {
        output::say(&format!(
            "An earlier run did not end; its folder is now {}",
            aside.display()
        ));
    }
    if let Some(taken) = directory.passed_over() {
        output::say(&format!("{taken}: writing to {}", directory.path().display()));
    }
    if let Some(replaced) = directory.replaced() {
        eprintln!(
            "The run that this one replaces is in {} until this one is complete",
            replaced.display()
        );
    }
    let events = EventWriter::create(directory.path(), arguments.events.wanted(arguments.trace))
        .map_err(|error| cannot_log(&directory, &error))?;
    let mut watcher = Watcher::new(
        &names,
        &directory,
        events,
        grain,
        built.plan.output.clone(),
        interrupts.clone(),
    );
    let options = run_options(arguments, lot, &built.plan, directory.path());
    if grain == Grain::Extent {
        watcher.progress.versions(&images);
    }
    let drill = scenarios::drill::run(built, &options, &mut watcher);
    watcher.progress.end();
    let wall_ms = watcher.progress.wall_ms();
    interrupts.check()?;
    // What an image that changed led to is not its own reason.
    unchanged(&images)?;
    // What failed here ended the run, so it is the reason to give.
    let passed = drill
        .as_ref()
        .is_ok_and(|drill| Verdict::of(&drill.result) == Verdict::Pass);
    let seen = watcher.finish(!passed)?;
    let drill = drill.map_err(|error| Failure::Machine(error.to_string()))?;
    // A world that broke stopped by itself, and what broke it is a finding.
    if drill.ended.why == Why::Interrupted && drill.ended.broken.is_none() {
        return Err(interrupts.failure());
    }

    let mut account = Account {
        scenario: drill.plan.scenario.clone(),
        description: drill.plan.description.clone(),
        command: repeat::command(arguments, lot),
        seed: lot.seed,
        network: lot.network.kind(),
        expectations: scenarios::expect::outcomes(&drill.plan, &drill.result),
        rpo_threshold: RpoThreshold {
            policy: drill.plan.policy.clone(),
            ms: sim::metrics::milliseconds(drill.plan.rpo_threshold),
        },
        era: drill.plan.era,
        differs: drill.plan.differs.clone(),
        result: drill.result,
        digest: drill.ended.digest,
        entries: drill.ended.entries,
        events: seen.events,
        wall_ms,
        stored_bytes: seen.stored_bytes,
        time_up: drill.ended.why == Why::TimeUp,
        names: names.clone(),
        disk_files: seen.disk_files,
        directory: directory.path().to_owned(),
        tables: Vec::new(),
        events_file: seen.events_file,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    images_hold_what_was_judged(&account)?;
    write(&directory, &mut account)?;
    print(&account, arguments.format)?;
    Ok(match account.verdict() {
        Verdict::Pass => PASS,
        Verdict::ExpectationFailed => EXPECTATION,
        // What was asked cannot be answered by this scenario.
        Verdict::NothingTested => INPUT,
        Verdict::InvariantFailed => INVARIANT,
    })
}

/// What a run is drawn with: what the command line says, else what a failure that a sweep found is repeated with.
#[derive(Debug, Clone, Copy)]
pub struct Lot {
    /// The seed of all randomness.
    pub seed: u64,
    /// What carries the messages.
    pub network: Network,
    /// Some of it is said in the scenario file alone.
    is_of_file: bool,
}

impl Lot {
    /// That of a command, and of the scenario's `[replay]`.
    pub fn of(arguments: &RunArguments, replay: Option<&Replay>) -> Lot {
        Lot {
            seed: arguments.seed.or(replay.map(|replay| replay.seed)).unwrap_or(1),
            network: arguments
                .network
                .or(replay.map(|replay| Network::of(replay.network.0)))
                .unwrap_or(Network::Event),
            is_of_file: replay.is_some() && (arguments.seed.is_none() || arguments.network.is_none()),
        }
    }
}

/// Writes the tables and the page, and the record last.
fn write(directory: &RunDirectory, account: &mut Account) -> Result<(), Failure> {
    account.tables = reports::tables::write(directory, account)?;
    directory.write(REPORT, reports::html::html(account).as_bytes())?;
    let record = reports::json::record(account)
        .map_err(|error| Failure::Machine(format!("cannot write the record: {error}")))?;
    directory.complete(&record)?;
    Ok(())
}

fn print(account: &Account, format: Format) -> Result<(), Failure> {
    let text = match format {
        Format::Human => reports::summary::summary(account),
        Format::Json => format!("{:#}\n", reports::json::summary(account)),
    };
    output::print(&text)
}

fn scenario_options(arguments: &RunArguments, watch: Watched) -> Result<scenarios::Options, Failure> {
    let vault_key = match &arguments.vault_key {
        Some(path) => Some(vault_key::read(path)?),
        None if arguments.changes.disk.is_empty() => None,
        None => Some(vault_key::fresh()?),
    };
    Ok(arguments.changes.options(watch, vault_key))
}

fn run_options(arguments: &RunArguments, lot: Lot, plan: &Plan, spill: &Path) -> RunOptions {
    let grain = plan.grain;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // A job on modelled content takes less time than handing it to a thread.
    let workers = if cores == 1 || grain != Grain::Real { 0 } else { cores };
    RunOptions {
        workers: arguments.jobs.unwrap_or(workers).min(WORKERS_MAX),
        memory_bytes: MEMORY_BYTES,
        spill: Some(spill.to_owned()),
        trace: arguments.trace,
        ..RunOptions::in_memory(lot.seed, lot.network.kind(), grain, plan.compression_level)
    }
}

/// What the steps are called.
fn step_names(plan: &Plan) -> Vec<StepName> {
    let named = plan.steps.iter().map(|step| {
        let done = match step.object.is_empty() {
            true => step.action.to_owned(),
            false => format!("{} {}", step.action, step.object),
        };
        let text = match step.name == step.action {
            true => done,
            false => format!("{} ({done})", step.name),
        };
        StepName {
            text,
            step: step.step,
            vm: step.vm.and_then(|vm| plan.vms.get(vm.0 as usize)).cloned(),
            expected: step.expected.clone(),
        }
    });
    named.collect()
}

/// The images that the disks of a world begin with.
fn images(world: &WorldSpec) -> Vec<Arc<dyn Source>> {
    let starts = world.volumes.iter().map(|volume| &volume.start);
    let images = starts.filter_map(|start| match start {
        VolumeStart::Image(image) => Some(Arc::clone(image)),
        VolumeStart::Empty | VolumeStart::Generated { .. } => None,
    });
    images.collect()
}

/// What was made of an image that changed meanwhile is the content of no moment: it is not judged.
fn unchanged(images: &[Arc<dyn Source>]) -> Result<(), Failure> {
    let check = images.iter().try_for_each(|image| image.unchanged());
    check.map_err(|error| Failure::Machine(format!("{error}; the run has no result")))
}

/// An image that was written holds the disk that was judged.
fn images_hold_what_was_judged(account: &Account) -> Result<(), Failure> {
    for disk in &account.result.disks {
        if let (Some(file), Some(judged)) = (account.file_of(disk), &disk.blake3)
            && file.blake3 != *judged
        {
            let (shown, name) = (file.file.display(), account.names.disk(disk.disk));
            return Err(Failure::Machine(format!(
                "{shown} does not hold what was judged of {name}: the disk was read twice, and was not the same"
            )));
        }
    }
    Ok(())
}

/// Whether messages may have colours.
pub fn coloured() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !unwanted
}
