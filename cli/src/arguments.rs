//! The command line: what it accepts, in the words of its help.

mod plan;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use datapath::Grain;
use datapath::image::Watched;
use reports::events::Wanted;
use sim::spec::NetworkKind;

pub use self::plan::{PlanArguments, ProfileArguments};

/// Rehearse a disaster recovery before the disaster.
///
/// Exit codes: 0 all held; 1 an expectation failed; 2 the input is wrong, or what the scenario is about was not looked at; 3 the machine failed; 4 an invariant failed; 130 interrupted (Ctrl-C, SIGTERM).
#[derive(Debug, Parser)]
#[command(name = "firedrill", version, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What firedrill does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario: replication, disaster, recovery, and a verdict
    Run(RunArguments),
    /// Run a scenario under schedules of faults that seeds draw, and hand over what fails
    Chaos(ChaosArguments),
    /// Run a failure that a sweep left, from its own file
    Replay(ReplayArguments),
    /// Put the parts of a sweep together
    Merge(MergeArguments),
    /// Plan capacity: what an estate needs, and what would happen with what there is
    Plan(Box<PlanArguments>),
    /// Measure what disks compress to, and how much of them is unused
    Profile(ProfileArguments),
    /// Read a scenario and say what is wrong with it, without running it
    Check(CheckArguments),
    /// List what can happen to an estate, or say all about one fault
    Faults {
        /// A kind of fault, or a documented one by its name
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// Print the whole scenario that shows a documented one, to be run
        #[arg(long, requires = "name")]
        scenario: bool,
    },
    /// Print the JSON Schema of the scenario file, for editors
    #[command(after_long_help = SCHEMA_HELP)]
    Schema,
    /// List the bugs that can be planted with `run --plant`
    #[cfg(feature = "planted-bugs")]
    Plants,
}

/// What the help of a run ends in.
const RUN_HELP: &str = "\
Examples:
  firedrill run scenarios/journey.toml
          two virtual machines and a physical server, from unprotected into Azure and home again
  firedrill run scenarios/one-disk.toml --disk vm1.os=my-disk.vmdk --out runs/mine
          a disk of yours there and back; the recovered one is runs/mine/disks/vm1-os.vhd
  firedrill run my.toml --set link.internet.rate=\"20 Mbit/s\" --set policy.retention=\"48 h\"
          what if: any key of the file, by its path;
          in lists of tables by name (vm.web.boot) or number (step.3.wait)
  firedrill run my.toml --content extent --seed 2 --format json
          the same plan at another grain, with another seed, for a program to read
  firedrill run my.toml --twice
          the same run in two processes: their event logs are compared record by record

Which grain:
  real       bytes: to see disks come back whole, and to carry images of your own;
             some minutes for a few GB of writes
  extent     the same protocol on versions of 4 KiB extents: nearly the same times and sizes,
             in a fraction of the time
  aggregate  sizes of changes alone: for fleets, and for days

What a run leaves in its folder: report.html for a browser, record.json for a program,
events.jsonl, and disks/ where [output] asks for them.

What is read is bounded: 4 MiB of scenario, 512 MiB of a recording (unpacked, where it is
gzip or zstd), 10,000 machines with 40,000 disks.
scenarios/README.md explains every key of a scenario.

Exit codes: 0 all held; 1 an expectation failed; 2 the input is wrong, or nothing was tested;
3 the machine failed; 4 an invariant failed, which is our fault; 130 interrupted.";

/// What the help of a sweep ends in.
const CHAOS_HELP: &str = "\
Examples:
  firedrill chaos my.toml --seeds 1..1000
          a thousand schedules; what fails is made small and left in runs/NAME-chaos/failures
  firedrill chaos my.toml --seeds 1..100000 --budget 10m --stop-at-first
          ten minutes of them, or until something is found
  firedrill chaos my.toml --seeds 1..10000 --shard 3/8 --out shard-3
          the third of eight parts of a sweep
  firedrill replay runs/my-chaos/failures/LAW-KIND-SHAPE.toml
          the same failure again

Each seed draws faults beside those of the scenario, and some rates and constants; [chaos] says
which. Of what the scenario expects, a sweep judges what says under_faults = true; what our
protocol promises it judges always. The same seed draws the same, and no result depends on
how many run at a time.

Exit codes: 0 nothing found; 1 an expectation failed; 2 the input is wrong, or faults or a kind of them
never struck, or a law never looked; 3 the machine failed; 4 an invariant failed; 130 interrupted.";

/// What the help of a check ends in.
const CHECK_HELP: &str = "\
Examples:
  firedrill check my.toml
          everything that is wrong with it, each on its line
  firedrill check my.toml --set link.internet.rate=\"20 Mbit/s\" --write slow.toml
          the scenario as it is read, in the order of the reference, without what is the default:
          a file of its own, that reads back as the same scenario

Exit codes: 0 it can be run; 2 it cannot; 3 the machine failed.";

/// What the help of the schema ends in.
const SCHEMA_HELP: &str = "\
How to use it in an editor:
  firedrill schema > scenario.schema.json
  and as the first line of a scenario beside it
    #:schema ./scenario.schema.json
  Taplo, and Even Better TOML in Visual Studio Code, then complete keys and words, show what
  each means, and underline what is wrong while you write. Any validator of JSON Schema
  (draft 2020-12) takes it too.

What depends on several values (names, sizes of images, times) firedrill check says.";

/// What the command line has otherwise than the scenario file.
#[derive(Debug, Args)]
pub struct Changes {
    /// How exactly disks are modelled [default: what the scenario says]
    #[arg(long, value_enum)]
    pub content: Option<Content>,
    /// Replicate an image of yours (raw, qcow2, VMDK, VHD) in place of a disk of the scenario; it is only read. With raw: before its name
    /// it is taken for raw whatever it looks like
    #[arg(long, value_name = "VM.DISK=IMAGE", value_parser = pair)]
    pub disk: Vec<(String, String)>,
    /// Change a key of the scenario, e.g. policy.rpo_threshold="30 min"
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
}

impl Changes {
    /// With what a scenario is read.
    pub fn options(&self, watch: Watched, vault_key: Option<[u8; 32]>) -> scenarios::Options {
        let disks = self.disk.iter();
        scenarios::Options {
            set: self.set.clone(),
            disks: disks
                .map(|(disk, image)| (disk.clone(), PathBuf::from(image)))
                .collect(),
            watch,
            grain: self.content.map(|content| content.grain()),
            vault_key,
        }
    }
}

/// `firedrill check`.
#[derive(Debug, Args)]
#[command(after_long_help = CHECK_HELP)]
pub struct CheckArguments {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    pub scenario: PathBuf,
    /// What the command line has otherwise.
    #[command(flatten)]
    pub changes: Changes,
    /// Write the scenario as it was read into a file that is not there yet
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
}

/// `firedrill run`.
#[derive(Debug, Args)]
#[command(after_long_help = RUN_HELP)]
pub struct RunArguments {
    /// The scenario file: what there is, what happens, what has to hold
    #[arg(value_name = "SCENARIO.toml")]
    pub scenario: PathBuf,
    /// The seed of all randomness: the same seed gives the same run [default: what `[replay]` of the scenario says, else 1]
    #[arg(long, value_name = "N", value_parser = seed)]
    pub seed: Option<u64>,
    /// What carries the messages [default: what `[replay]` of the scenario says, else event]
    #[arg(long, value_enum)]
    pub network: Option<Network>,
    /// What the command line has otherwise.
    #[command(flatten)]
    pub changes: Changes,
    /// The vault's key: 32 bytes, or 64 hexadecimal digits [default: random with --disk, else a public test key]
    #[arg(long, value_name = "FILE")]
    pub vault_key: Option<PathBuf>,
    /// Replace a completed run, or write into a folder that holds other files
    #[arg(long)]
    pub force: bool,
    /// Whether to write the event log
    #[arg(long, value_enum, default_value_t = Events::Auto)]
    pub events: Events,
    /// Write every frame into the event log too, and the log however large it is
    #[arg(long)]
    pub trace: bool,
    /// Run it in two processes and compare their event logs, record by record, to the first difference; no folder is written
    #[arg(long, conflicts_with_all = ["out", "force", "format", "events"])]
    pub twice: bool,
    /// The run directory [default: runs/NAME-seedN]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print at the end
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Write the event log's own encoding to the output, and nothing else
    #[arg(long, hide = true)]
    pub encoded_log: bool,
    /// Plant a bug, to see the prover speak (`firedrill plants` lists them)
    #[cfg(feature = "planted-bugs")]
    #[arg(long, value_name = "NAME")]
    pub plant: Option<String>,
    /// Threads for compression and encryption; no result depends on it
    #[arg(long, hide = true, value_name = "N")]
    pub jobs: Option<usize>,
}

/// `firedrill chaos`.
#[derive(Debug, Args)]
#[command(after_long_help = CHAOS_HELP)]
pub struct ChaosArguments {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    pub scenario: PathBuf,
    /// The seeds, both ends included
    #[arg(long, default_value = "1..100", value_name = "A..B", value_parser = seeds)]
    pub seeds: (u64, u64),
    /// Seeds at a time [default: as many as there are cores]
    #[arg(long, value_name = "J", value_parser = jobs)]
    pub jobs: Option<usize>,
    /// The Kth of N parts of the seeds; `index/N` takes K from the place in a Slurm array or a Kubernetes Indexed Job
    #[arg(long, default_value = "1/1", value_name = "K/N", value_parser = shard)]
    pub shard: (u64, u64),
    /// No seed is begun any more after so long, as 30s, 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = budget)]
    pub budget: Option<std::time::Duration>,
    /// End with the first seed that finds something
    #[arg(long)]
    pub stop_at_first: bool,
    /// Findings that are made small, each a file in the folder's failures; of more only the seeds are told
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub shrink: usize,
    /// What carries the messages
    #[arg(long, value_enum, default_value_t = Network::Event)]
    pub network: Network,
    /// What the command line has otherwise.
    #[command(flatten)]
    pub changes: Changes,
    /// The folder for figures and failures [default: runs/NAME-chaos]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// A list of seeds that earned their place, run before the others; what this sweep adds is written back
    #[arg(long, value_name = "FILE")]
    pub corpus: Option<PathBuf>,
    /// Replace a sweep
    #[arg(long)]
    pub force: bool,
    /// Write JUnit's XML for a CI: a case for each law and expectation
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Put a summary in Markdown behind what a file holds
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// What to print at the end
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Plant a bug, to see the prover speak (`firedrill plants` lists them)
    #[cfg(feature = "planted-bugs")]
    #[arg(long, value_name = "NAME")]
    pub plant: Option<String>,
}

impl ChaosArguments {
    /// Nothing but defaults.
    pub fn plain() -> ChaosArguments {
        ChaosArguments {
            scenario: PathBuf::new(),
            seeds: (1, 1),
            jobs: None,
            shard: (1, 1),
            budget: None,
            stop_at_first: false,
            shrink: 0,
            network: Network::Event,
            changes: Changes {
                content: None,
                disk: Vec::new(),
                set: Vec::new(),
            },
            out: None,
            corpus: None,
            force: false,
            junit: None,
            markdown: None,
            format: Format::Human,
            #[cfg(feature = "planted-bugs")]
            plant: None,
        }
    }
}

/// `firedrill merge`.
#[derive(Debug, Args)]
pub struct MergeArguments {
    /// The folders of all parts, in any order
    #[arg(value_name = "DIR", required = true)]
    pub parts: Vec<PathBuf>,
    /// Write JUnit's XML for a CI: a case for each law and expectation
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Put a summary in Markdown behind what a file holds
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// `firedrill replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// Files that a sweep has left, or folders of them
    #[arg(value_name = "FAILURE.toml", required = true)]
    pub failures: Vec<PathBuf>,
    /// What carries the messages [default: what the file says]
    #[arg(long, value_enum)]
    pub network: Option<Network>,
    /// Plant a bug (`firedrill plants` lists them)
    #[cfg(feature = "planted-bugs")]
    #[arg(long, value_name = "NAME")]
    pub plant: Option<String>,
}

/// The networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Network {
    /// One queue of events (fast)
    Event,
    /// Simulated TCP, packet by packet (a second, independent network)
    Turmoil,
}

impl Network {
    /// As the simulation calls it.
    pub fn kind(self) -> NetworkKind {
        match self {
            Network::Event => NetworkKind::Event,
            Network::Turmoil => NetworkKind::Turmoil,
        }
    }

    /// That of a kind.
    pub fn of(kind: NetworkKind) -> Network {
        match kind {
            NetworkKind::Event => Network::Event,
            NetworkKind::Turmoil => Network::Turmoil,
        }
    }

    /// As the command line does.
    pub fn word(self) -> &'static str {
        match self {
            Network::Event => "event",
            Network::Turmoil => "turmoil",
        }
    }
}

/// The grains of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Content {
    /// Every byte, to be written out and compared
    Real,
    /// Versions of 4 KiB extents: much faster, without bytes
    Extent,
    /// Sizes of changes only: for fleets
    Aggregate,
}

impl Content {
    /// As the simulation calls it.
    pub fn grain(self) -> Grain {
        match self {
            Content::Real => Grain::Real,
            Content::Extent => Grain::Extent,
            Content::Aggregate => Grain::Aggregate,
        }
    }

    /// As the command line does.
    pub fn word(self) -> &'static str {
        match self {
            Content::Real => "real",
            Content::Extent => "extent",
            Content::Aggregate => "aggregate",
        }
    }
}

/// When the event log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Events {
    /// However large it is
    Always,
    /// All of it where it is small; of a large one the first and the last events, if something does not hold
    Auto,
    /// Not at all
    Never,
}

impl Events {
    /// As the reports call it. Who asks for frames asks for the log.
    pub fn wanted(self, trace: bool) -> Wanted {
        match self {
            Events::Never => Wanted::Never,
            Events::Auto if !trace => Wanted::WhereFound,
            Events::Auto | Events::Always => Wanted::Always,
        }
    }

    /// As the command line does.
    pub fn word(self) -> &'static str {
        match self {
            Events::Always => "always",
            Events::Auto => "auto",
            Events::Never => "never",
        }
    }
}

/// Forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A summary
    Human,
    /// One object
    Json,
}

/// A seed.
fn seed(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("a whole number from 0 to {} is expected", u64::MAX))
}

/// How many at a time.
fn jobs(text: &str) -> Result<usize, String> {
    let jobs = text.parse().ok().filter(|jobs| *jobs > 0);
    jobs.ok_or_else(|| "a whole number from 1 is expected".to_owned())
}

/// `A..B`, both ends included.
fn seeds(text: &str) -> Result<(u64, u64), String> {
    let ends = text.split_once("..").map(|(first, last)| (seed(first), seed(last)));
    match ends {
        Some((Ok(first), Ok(last))) if first <= last => Ok((first, last)),
        Some((Ok(_), Ok(_))) => Err("the first seed comes after the last".to_owned()),
        _ => Err("two whole numbers with `..` between them are expected, as 1..1000".to_owned()),
    }
}

/// Where a part is told which it is: counted from the first of a Slurm array, or from 0.
const INDEXES: [(&str, Option<&str>); 2] = [
    ("SLURM_ARRAY_TASK_ID", Some("SLURM_ARRAY_TASK_MIN")),
    ("JOB_COMPLETION_INDEX", None),
];

/// `K/N`, or `index/N`.
pub(crate) fn shard(text: &str) -> Result<(u64, u64), String> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let index = || {
        let place = |(name, first): &(&str, Option<&str>)| {
            Some(number(name)? - first.and_then(number).unwrap_or(0).min(number(name)?))
        };
        INDEXES.iter().find_map(place)
    };
    let wrong = || "a part and how many there are is expected, as 1/8, or index/8 within an array of jobs".to_owned();
    let (part, of) = text.split_once('/').ok_or_else(wrong)?;
    let of: u64 = of.parse().map_err(|_| wrong())?;
    // Of an array that is not the whole plan no place says which part it is.
    let count = number("SLURM_ARRAY_TASK_COUNT").filter(|_| part == "index");
    if let Some(count) = count.filter(|count| *count != of) {
        return Err(format!(
            "this array has {count} tasks, and the sweep {of} parts: say which part this is"
        ));
    }
    let part = match part {
        "index" => {
            let names = INDEXES.map(|(name, _)| name).join(" or ");
            index().ok_or_else(|| format!("no array of jobs says which part this is: {names} is not set"))? + 1
        }
        part => part.parse().map_err(|_| wrong())?,
    };
    if !(1..=of).contains(&part) {
        return Err(format!("there is no part {part} of {of}; {}", wrong()));
    }
    Ok((part, of))
}

/// A length of real time: seconds, minutes or hours.
fn budget(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || "a length of time is expected, as 30s, 10m or 2h".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.trim().parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(seconds).ok_or_else(wrong)?;
    Ok(std::time::Duration::from_secs(seconds))
}

/// `LEFT=RIGHT`, both of them something.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((left, right)) if !left.trim().is_empty() && !right.is_empty() => {
            Ok((left.trim().to_owned(), right.to_owned()))
        }
        _ => Err("two parts with `=` between them are expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_of_a_run_teaches_and_names_the_limits_that_are() {
        use scenarios::input::{DISKS_MAX, MACHINES_MAX, RECORDING_BYTES_MAX, SCENARIO_BYTES_MAX};
        let mut command = Arguments::command();
        let run = command.find_subcommand_mut("run").expect("run");
        let help = run.render_long_help().to_string();
        let thousands = |count: usize| format!("{},{:03}", count / 1_000, count % 1_000);
        for said in [
            "Examples:".to_owned(),
            "--disk vm1.os=my-disk.vmdk".to_owned(),
            "--content extent".to_owned(),
            format!("{} MiB of scenario", SCENARIO_BYTES_MAX >> 20),
            format!("{} MiB of a recording", RECORDING_BYTES_MAX >> 20),
            format!("{} machines", thousands(MACHINES_MAX)),
            format!("{} disks", thousands(DISKS_MAX)),
        ] {
            assert!(help.contains(&said), "no `{said}` in\n{help}");
        }
    }

    #[test]
    fn a_seed_is_a_whole_number() {
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        for wrong in ["abc", "-1", "1.5", "18446744073709551616", ""] {
            assert!(seed(wrong).unwrap_err().contains("a whole number"), "{wrong}");
        }
    }

    #[test]
    fn a_value_may_hold_the_sign_that_separates() {
        assert_eq!(pair("a.b=c=d"), Ok(("a.b".into(), "c=d".into())));
        assert!(pair("a").is_err() && pair("=b").is_err() && pair("a=").is_err());
    }
}
