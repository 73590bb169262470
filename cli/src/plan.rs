//! `firedrill plan`: what an estate needs, and what would happen with what there is.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use planning::cost::{EXAMPLE, Prices};
use planning::demand::Compression;
use planning::options::Options;
use planning::problem::{Problems, Severity};
use planning::read::{Input, Inputs, read_inputs};
use planning::recommend::recommend;
use planning::service::{Link, Service};
use planning::sweep::sweep;

use crate::arguments::{Format, PlanArguments};
use crate::failure::{Failure, PASS};
use crate::interrupt::Interrupts;
use crate::output;

/// What stands for standard input.
const STDIN: &str = "-";
/// What stands for the prices that come with the product.
const EXAMPLE_PRICES: &str = "example";

/// Runs the command, and gives its exit code.
pub fn plan(arguments: &PlanArguments) -> Result<u8, Failure> {
    if arguments.template {
        return output::print(&planning::estate::template::template()).map(|()| PASS);
    }
    let _interrupts = Interrupts::hear()?;
    let options = options(arguments)?;
    let folder = arguments.out.clone().unwrap_or_else(|| folder_for(&arguments.inputs));
    let place = reports::plan::Place::take(&folder, arguments.force)?;
    let shown = Shown::new();
    let inputs = read(&arguments.inputs, &shown);
    let inputs = inputs.inspect_err(|_| place.give_back())?;
    shown.say("planning");
    let wrong = |error: planning::recommend::PlanError| {
        place.give_back();
        Failure::Input(error.to_string())
    };
    let (estate, profile) = (&inputs.estate, inputs.profile.as_ref());
    let plan = recommend(estate, profile, &options).map_err(wrong)?;
    let swept = match &arguments.what_if[..] {
        [] => None,
        axes => {
            shown.say("asking what if");
            Some(sweep(estate, profile, &options, axes).map_err(wrong)?)
        }
    };
    shown.say("writing");
    let report = reports::plan::Report {
        plan: &plan,
        sweep: swept.as_ref(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let files = reports::plan::write(&place, &report)?;
    shown.done();
    match arguments.format {
        Format::Json => output::print(&reports::plan::json(&report))?,
        Format::Human => output::print(&reports::plan::human(&report, &folder, &files))?,
    }
    Ok(PASS)
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
    Ok(Options {
        rpo_seconds: arguments.rpo,
        growth_per_mille: arguments.growth,
        percentile_per_mille: arguments.percentile,
        initial_copy_goal_seconds: arguments.initial_copy,
        service: Some(service(&arguments.bandwidth)).filter(|service| !service.links.is_empty()),
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
    })
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

/// Named after the first input.
fn folder_for(inputs: &[PathBuf]) -> PathBuf {
    let first = inputs.iter().find(|path| path.as_os_str() != STDIN);
    let name = first.and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "estate".to_owned());
    let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("estate");
    Path::new("runs").join(format!("{stem}-plan"))
}

/// Reads all inputs, and says what is odd in them.
fn read(paths: &[PathBuf], shown: &Shown) -> Result<Inputs, Failure> {
    if paths.iter().filter(|path| path.as_os_str() == STDIN).count() > 1 {
        return Err(Failure::Input("standard input can be read once".to_owned()));
    }
    let mut inputs = Vec::new();
    for path in paths {
        let (name, reader): (String, Box<dyn Read + Send>) = match path.as_os_str() == STDIN {
            true => ("standard input".to_owned(), Box::new(std::io::stdin())),
            false => {
                let file = File::open(path);
                let file = file.map_err(|error| Failure::Input(format!("{}: cannot be opened: {error}", path.display())))?;
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
    shown.pause();
    let inputs = read.map_err(|problems| Failure::Input(told(&problems, Severity::Error)))?;
    if inputs.warnings.warnings() > 0 {
        output::say(&told(&inputs.warnings, Severity::Warning));
    }
    Ok(inputs)
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

    /// Others may say something now.
    fn pause(&self) {
        if let Some(bar) = &self.bar {
            bar.suspend(output::clear_line);
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
