//! `firedrill plan`: what an estate needs, and what would happen with what there is.

mod proving;
mod sharing;

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use planning::calibration::{self, Measured, model_table};
use planning::cost::{EXAMPLE, Prices};
use planning::demand::Compression;
use planning::drill::{Drill, drill};
use planning::estate::Estate;
use planning::find::{FindError, Found, Goal, Rehearsals, find};
use planning::of_scenario::of_scenario;
use planning::options::Options;
use planning::plan::Plan;
use planning::problem::{Problems, Severity};
use planning::profile::Profile;
use planning::proof::prepare;
use planning::read::{Input, read_inputs};
use planning::recommend::{PlanError, recommend};
use planning::service::{Link, Service};
use planning::sweep::sweep;
use planning::traces::Trace;
use reports::plan::ReportError;

use crate::arguments::{Format, PlanArguments};
use crate::check::{writable, write_new};
use crate::failure::{EXPECTATION, Failure, PASS};
use crate::interrupt::Interrupts;
use crate::output;

/// What stands for standard input.
const STDIN: &str = "-";
/// What stands for the prices that come with the product.
const EXAMPLE_PRICES: &str = "example";

/// Runs the command, and gives its exit code.
pub fn plan(arguments: &PlanArguments) -> Result<u8, Failure> {
    if arguments.template {
        return output::print(&planning::estate::template()).map(|()| PASS);
    }
    if arguments.schema {
        return output::print(&format!("{:#}\n", reports::plan::schema())).map(|()| PASS);
    }
    let interrupts = Interrupts::hear()?;
    let mut options = options(arguments)?;
    let shown = Shown::new();
    let mut inputs = read(&arguments.inputs, &shown)?;
    take_traces(&mut inputs, &arguments.trace, &shown)?;
    interrupts.check()?;
    let grows = options.has_measured("growth");
    if inputs.grown && arguments.growth.is_none() && !grows {
        options.growth_per_mille = 0;
    }
    let wrong = |error: PlanError| Failure::Input(error.to_string());
    let (estate, profile) = (&inputs.estate, inputs.profile.as_ref());
    if let Some(shard) = arguments.shard {
        shown.say("asking what if");
        let made = sharing::make(arguments, &inputs, &options, shard);
        shown.done();
        return made;
    }
    shown.say("planning");
    let mut plan = recommend(estate, profile, &options).map_err(wrong)?;
    if !arguments.what_if.is_empty() {
        shown.say("asking what if");
        plan.sweep = Some(match arguments.parts.as_slice() {
            [] => sweep(estate, profile, &options, &arguments.what_if).map_err(wrong)?,
            parts => sharing::put_together(arguments, &inputs, &options, parts)?,
        });
    }
    if let (Some(input), Some(goal)) = (arguments.find, arguments.goal) {
        plan.find = Some(found(&inputs, &options, &plan, (input, goal), &shown, &interrupts)?);
    }
    interrupts.check()?;
    if let Some(file) = &arguments.scenario {
        writable(file)?;
    }
    let folder = arguments.out.clone().unwrap_or_else(|| folder_for(&arguments.inputs));
    let files: Vec<PathBuf> = arguments
        .inputs
        .iter()
        .filter(|path| !is_stdin(path))
        .chain(arguments.trace.iter().map(|trace| &trace.file))
        .cloned()
        .collect();
    let directory = reports::plan::folder(&folder, arguments.force, &files)?;
    if let Some(file) = &arguments.scenario {
        shown.say("writing the scenario");
        let counters = file.with_extension("csv");
        let own = counters.file_name().map(|name| name.to_string_lossy().into_owned());
        let own = own.unwrap_or_default();
        let mut drill = drill(&name_of(&arguments.inputs), &own, estate, profile, &options, &plan).map_err(wrong)?;
        drill.scenario.push_str(&model_table(&options));
        write_drill(file, &counters, &drill)?;
    }
    if let Some(part) = arguments.prove {
        shown.say("making the world of the proof");
        let prepared = prepare(
            &name_of(&arguments.inputs),
            estate,
            profile,
            &options,
            &plan,
            part.part(),
        );
        plan.proof = Some(proving::prove(&prepared.map_err(wrong)?, &shown, &interrupts)?);
    }
    shown.say("writing");
    let written = reports::plan::write(&directory, &plan);
    let written = written.map_err(|error| match error {
        ReportError::Directory(error) => Failure::Directory(error),
        other => Failure::Machine(other.to_string()),
    })?;
    shown.done();
    if arguments.format == Format::Json {
        let json = reports::plan::json(&plan).map_err(|error| Failure::Machine(error.to_string()))?;
        output::print(&String::from_utf8_lossy(&json))?;
        return Ok(code(&plan));
    }
    let mut said = reports::plan::human(&plan);
    let page = written.iter().find(|file| file.ends_with(reports::plan::PAGE));
    if let Some(page) = page {
        said.push_str(&format!(
            "\nFiles   {} (open it in a browser), and beside it the spreadsheet, plan.json and tables/*.csv\n",
            page.display()
        ));
    }
    if let Some(file) = &arguments.scenario {
        said.push_str(&format!("Drill   firedrill run {}\n", file.display()));
    }
    output::print(&said)?;
    Ok(code(&plan))
}

/// The exit code of a plan: only a proof can fail.
fn code(plan: &Plan) -> u8 {
    match &plan.proof {
        Some(proof) if !proof.held => EXPECTATION,
        _ => PASS,
    }
}

/// Writes a drill with its counters: both, or none.
fn write_drill(file: &Path, counters: &Path, drill: &Drill) -> Result<(), Failure> {
    let Some(text) = &drill.counters else {
        return write_new(file, &drill.scenario);
    };
    write_new(counters, text)?;
    let written = write_new(file, &drill.scenario);
    if written.is_err() {
        let _ = std::fs::remove_file(counters);
    }
    written
}

/// Searches by drills, on all cores.
fn found(
    inputs: &Brought,
    options: &Options,
    plan: &Plan,
    (input, goal): (planning::sweep::Input, Goal),
    shown: &Shown,
    interrupts: &Interrupts,
) -> Result<Found, Failure> {
    shown.say("searching by drills");
    let done = AtomicU64::new(0);
    let rehearsals = Rehearsals {
        estate: &inputs.estate,
        profile: inputs.profile.as_ref(),
        stop: &|| interrupts.came(),
        told: &|value, measured| {
            let number = done.fetch_add(1, Ordering::Relaxed) + 1;
            shown.tell(reports::plan::tried(input, goal, number, value, measured));
        },
    };
    let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let found = find(&rehearsals, options, plan, input, goal, at_once);
    found.map_err(|error| match error {
        FindError::Stopped => interrupts.failure(),
        FindError::Machine(_) | FindError::Invariant(_) => Failure::Machine(error.to_string()),
        FindError::Scenario(error) => Failure::Scenario(error),
        FindError::Plan(_) | FindError::Input(_) | FindError::Endless(_) => Failure::Input(error.to_string()),
    })
}

/// All options, by the arguments.
fn options(arguments: &PlanArguments) -> Result<Options, Failure> {
    let service = |rates: &[u64]| Service {
        links: rates
            .iter()
            .enumerate()
            .map(|(at, rate)| Link::new(&format!("link {}", at + 1), *rate))
            .collect(),
        ..Service::default()
    };
    let prices = arguments.prices.as_deref().map(prices).transpose()?;
    let defaults = Options::default();
    let measured = arguments.calibrate.as_deref().map(measured).transpose()?;
    let mut options = Options {
        rpo_seconds: arguments.rpo,
        percentile_per_mille: arguments.percentile,
        initial_copy_goal_seconds: arguments.initial_copy,
        service: Some(service(&arguments.bandwidth)).filter(|service| !service.links.is_empty()),
        throttles: arguments.throttle.clone(),
        utc_offset_minutes: arguments.utc_offset,
        weekly_outage_seconds: arguments.outage.unwrap_or(0),
        compression: match arguments.compressed {
            Some(per_mille) => Compression::Fixed { per_mille },
            None => defaults.compression,
        },
        era: arguments.era.era(),
        managed_disks: arguments.managed_disks,
        storage: arguments.storage.choice(),
        include: arguments.include.clone(),
        configuration_server_limit: arguments.configuration_server_limit,
        network: arguments.network.network(),
        prices,
        ..defaults
    };
    calibration::apply(&mut options, measured.as_deref().unwrap_or_default());
    // What the command line says goes before what was measured.
    if let Some(vpn) = arguments.vpn {
        options.vpn_bits_per_second = vpn;
    }
    if let Some(growth) = arguments.growth {
        options.growth_per_mille = growth;
    }
    Ok(options)
}

/// What was measured.
fn measured(path: &Path) -> Result<Vec<Measured>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Input(format!(
            "--calibrate {shown}: cannot be read: {error}; accepted: CSV with the columns constant,value,source (docs/planning.md)"
        ))
    })?;
    calibration::read(&shown.to_string(), &text).map_err(|problems| Failure::Input(told(&problems, Severity::Error)))
}

fn prices(path: &Path) -> Result<Prices, Failure> {
    let wrong = |error: String| Failure::Input(format!("--prices {}: {error}", path.display()));
    let text = match path.as_os_str() == EXAMPLE_PRICES {
        true => EXAMPLE.to_owned(),
        false => std::fs::read_to_string(path).map_err(|error| {
            wrong(format!(
                "cannot be read: {error}; accepted: a price file as planning/data/prices-example.toml, or `{EXAMPLE_PRICES}`"
            ))
        })?,
    };
    Prices::read(&text).map_err(|error| wrong(error.to_string()))
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// The name of the first input, up to its first point.
fn name_of(inputs: &[PathBuf]) -> String {
    let first = inputs.iter().find(|path| !is_stdin(path));
    let name = first
        .and_then(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let stem = name.split('.').next().filter(|stem| !stem.is_empty());
    stem.unwrap_or("estate").to_owned()
}

fn folder_for(inputs: &[PathBuf]) -> PathBuf {
    Path::new("runs").join(format!("{}-plan", name_of(inputs)))
}

/// What was read.
struct Brought {
    estate: Estate,
    profile: Option<Profile>,
    /// What is written has grown already: a scenario says what is, not what was.
    grown: bool,
}

/// Reads all inputs, and says what is odd in them.
fn read(paths: &[PathBuf], shown: &Shown) -> Result<Brought, Failure> {
    if let [path] = paths
        && path.extension().is_some_and(|extension| extension == "toml")
    {
        let scenario = scenarios::load(path, &scenarios::Options::default())?;
        let (estate, profile) = of_scenario(&scenario);
        return Ok(Brought {
            estate,
            profile: Some(profile),
            grown: true,
        });
    }
    if let Some(path) = paths
        .iter()
        .find(|path| path.extension().is_some_and(|of| of == "toml"))
    {
        return Err(Failure::Input(format!(
            "{}: a scenario is planned by itself, without other files",
            path.display()
        )));
    }
    if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
        return Err(Failure::Input("standard input can be read once".to_owned()));
    }
    let mut inputs = Vec::new();
    for path in paths {
        let (name, reader): (String, Box<dyn Read + Send>) = match is_stdin(path) {
            true => ("standard input".to_owned(), Box::new(std::io::stdin())),
            false => {
                let file = File::open(path);
                let file =
                    file.map_err(|error| Failure::Input(format!("{}: cannot be opened: {error}", path.display())))?;
                if file.metadata().is_ok_and(|of| of.is_dir()) {
                    return Err(Failure::Input(format!("{}: is a folder", path.display())));
                }
                (path.display().to_string(), Box::new(file))
            }
        };
        let reader = Box::new(shown.counted(reader));
        inputs.push(Input { name, reader });
    }
    let read = read_inputs(inputs);
    let inputs = read.map_err(|problems| {
        shown.done();
        Failure::Input(told(&problems, Severity::Error))
    })?;
    if inputs.warnings.warnings() > 0 {
        shown.above(&told(&inputs.warnings, Severity::Warning));
    }
    Ok(Brought {
        estate: inputs.estate,
        profile: inputs.profile,
        grown: false,
    })
}

/// Takes block traces in place of counters.
fn take_traces(inputs: &mut Brought, traces: &[Trace], shown: &Shown) -> Result<(), Failure> {
    if traces.is_empty() {
        return Ok(());
    }
    let taken = planning::traces::take(&inputs.estate, inputs.profile.take(), traces);
    let (profile, warnings) = taken.map_err(|problems| {
        shown.done();
        Failure::Input(told(&problems, Severity::Error))
    })?;
    if warnings.warnings() > 0 {
        shown.above(&told(&warnings, Severity::Warning));
    }
    inputs.profile = Some(profile);
    Ok(())
}

/// Problems, a line each; warnings only where there are no errors to read first.
fn told(problems: &Problems, severity: Severity) -> String {
    let of = problems.kept().iter().filter(|problem| problem.severity == severity);
    let mut lines: Vec<String> = of.map(ToString::to_string).collect();
    let all = match severity {
        Severity::Error => problems.errors(),
        Severity::Warning => problems.warnings(),
    };
    let more = all.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

/// A line on a terminal: what it is at, and how much was read.
struct Shown {
    bar: Option<ProgressBar>,
    bytes: Arc<AtomicU64>,
}

impl Shown {
    fn new() -> Shown {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bytes} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(std::time::Duration::from_millis(100));
            bar.set_message("reading");
            bar
        });
        Shown {
            bar,
            bytes: Arc::default(),
        }
    }

    fn say(&self, what: &'static str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what);
        }
    }

    /// From now on it shows how much of so many nanoseconds was simulated.
    fn simulates(&self, all: u64) {
        if let Some(bar) = &self.bar {
            if let Ok(style) = ProgressStyle::with_template("proving {wide_bar} {percent} % ({elapsed}, {eta} to go)") {
                bar.set_style(style);
            }
            bar.set_length(all);
            bar.set_position(0);
        }
    }

    fn simulated(&self, now: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(now);
        }
    }

    /// The same in words that are not known before.
    fn tell(&self, what: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(what);
        }
    }

    /// Says something above the line.
    fn above(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::say(text)),
            None => output::say(text),
        }
    }

    fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn counted(&self, reader: Box<dyn Read + Send>) -> Counted {
        Counted {
            reader,
            bar: self.bar.clone(),
            bytes: Arc::clone(&self.bytes),
        }
    }
}

/// A reader that tells how much was read of it.
struct Counted {
    reader: Box<dyn Read + Send>,
    bar: Option<ProgressBar>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(into)?;
        let all = self.bytes.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
        if let Some(bar) = &self.bar {
            bar.set_position(all);
        }
        Ok(read)
    }
}
