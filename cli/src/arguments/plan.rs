//! What `firedrill plan` accepts.

use std::path::PathBuf;

use actors::nouns::Throttle;
use clap::{Args, ValueEnum};
use planning::find::{Goal, INPUTS};
use planning::options::{Network, StorageChoice};
use planning::proof::Part;
use planning::sweep::{Axis, Input};
use planning::tables::Era;
use planning::traces::Trace;
use scenarios::units;

use super::Format;

/// What the help of a plan ends in.
const PLAN_HELP: &str = "\
Examples:
  firedrill plan --template > estate.csv
          an estate to begin with: three machines, and what each column means
  firedrill plan estate.csv
          which bandwidth an RPO of 15 min needs, which servers, which storage; into runs/estate-plan
  firedrill plan estate.csv counters.csv.gz --bandwidth 100Mbit/s --rpo 30min
          the same by what the disks did minute by minute: is 100 Mbit/s enough, and what if not
  firedrill plan estate.csv --bandwidth 100Mbit/s --what-if outage=0h,1h,4h --what-if growth=0..60%/15
          what other figures would do: one input makes a curve, two a table
  firedrill plan estate.csv --outage 1h --find bandwidth --goal 'max RPO under 90 min'
          the smallest bandwidth that keeps the goal through a cut of an hour: 2 % less does not, both by simulation
  firedrill plan estate.csv --scenario estate.toml && firedrill run estate.toml
          the estate as a drill, through the same actors as every other
  firedrill plan estate.csv counters.csv.gz --bandwidth 100Mbit/s --outage 4h --prove
          the busiest day, with the link cut for four hours, through the actors, beside the arithmetic
  firedrill plan --template | firedrill plan - --bandwidth 50Mbit/s
          reads the estate from standard input

Each figure of the plan says on hover from which input and by which formula it came, and after which source.
A plan is arithmetic: a queue of what is written, in steps of the counters, served by the links (docs/planning.md).

Exit codes: 0 a plan was made, also where the bandwidth is not enough (plan.json says so: answer.enough);
1 the proof did not hold: something was found, or nothing was judged; 2 the input is wrong (file, row, column, what is accepted); 3 the machine failed; 130 interrupted.";

/// `firedrill plan`.
#[derive(Debug, Args)]
#[command(after_long_help = PLAN_HELP)]
pub struct PlanArguments {
    /// Estates (CSV or an RVTools workbook) and counters (CSV), in any order, told by their content; - for standard input. CSV may be
    /// compressed by gzip or zstd. Or one scenario (.toml)
    #[arg(value_name = "ESTATE", required_unless_present_any = ["template", "schema"])]
    pub inputs: Vec<PathBuf>,
    /// A block trace in place of a disk's counters, as VM.DISK=msr:FILE: msr, fio or blkparse, and a device after it where the file has
    /// several, as fio[/dev/sda]:FILE
    #[arg(long, value_name = "VM.DISK=FORMAT:FILE")]
    pub trace: Vec<Trace>,
    /// Print an estate to begin with, which explains its columns and plans as it is
    #[arg(long, exclusive = true)]
    pub template: bool,
    /// Print the JSON Schema of plan.json
    #[arg(long, exclusive = true)]
    pub schema: bool,
    /// The RPO wanted
    #[arg(long, value_name = "TIME", default_value = "15min", value_parser = seconds)]
    pub rpo: u32,
    /// What is written more than was recorded [default: 30%, of a scenario 0%]
    #[arg(long, value_name = "SHARE", value_parser = per_mille)]
    pub growth: Option<u32>,
    /// The percentile of peaks that rules are held against
    #[arg(long, value_name = "SHARE", default_value = "95%", value_parser = per_mille)]
    pub percentile: u32,
    /// The bandwidth to Azure; several are several links
    #[arg(long, value_name = "RATE", value_parser = bits)]
    pub bandwidth: Vec<u64>,
    /// In these hours each process server sends at most so much, as "mon-fri 8-18=20Mbit/s"; days are optional; may be given several times
    #[arg(long, value_name = "[DAYS ]FROM-TO=RATE", requires = "bandwidth", value_parser = throttle)]
    pub throttle: Vec<Throttle>,
    /// How far the clock of throttles is ahead of UTC, in which the counters are, as 1h or -5h30min
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = offset, allow_hyphen_values = true)]
    pub utc_offset: i32,
    /// All links are cut for so long in each week, when most is written
    #[arg(long, value_name = "TIME", value_parser = long_seconds)]
    pub outage: Option<u64>,
    /// What the VPN or the ExpressRoute of a failback carries [default: 100 Mbit/s, the Basic gateway]
    #[arg(long, value_name = "RATE", value_parser = bits)]
    pub vpn: Option<u64>,
    /// The initial copy is to be done in this time
    #[arg(long, value_name = "TIME", default_value = "72h", value_parser = long_seconds)]
    pub initial_copy: u64,
    /// To what share of its size everything compresses [default: what the estate says of each disk, else nothing is taken off]
    #[arg(long, value_name = "SHARE", value_parser = per_mille)]
    pub compressed: Option<u32>,
    /// Whose limits count
    #[arg(long, value_enum, default_value_t = EraWord::December2017)]
    pub era: EraWord,
    /// Replicate to managed disks rather than to storage accounts
    #[arg(long)]
    pub managed_disks: bool,
    /// Which storage
    #[arg(long, value_enum, default_value_t = StorageWord::Suggested)]
    pub storage: StorageWord,
    /// A machine that counts whatever the rules say, by its name or host/name
    #[arg(long, value_name = "VM")]
    pub include: Vec<String>,
    /// Machines that a configuration server manages: sources say 200, 550 and 650
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub configuration_server_limit: u32,
    /// What carries the changes, as far as it costs something
    #[arg(long, value_enum, default_value_t = NetworkWord::ExpressRoute)]
    pub network: NetworkWord,
    /// Prices of yours (TOML); `firedrill plan --prices example` shows the cost by round figures of ours
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// Run the recommended estate through the actors, with every recovery point judged, and set its figures beside the arithmetic: the
    /// busiest day, or the whole profile
    #[arg(long, value_name = "PART", value_enum, num_args = 0..=1, default_missing_value = "busiest-day")]
    pub prove: Option<PartWord>,
    /// What you measured instead of the model's constants: CSV with the columns constant,value,source (docs/planning.md)
    #[arg(long, value_name = "FILE")]
    pub calibrate: Option<PathBuf>,
    /// Other values of an input: NAME=A,B,C or NAME=FROM..TO/STEP; given twice, a table. Names: bandwidth, outage, growth, churn, compressed,
    /// rpo, process-servers, cache, process-server-lost, initial-batches, era
    #[arg(long, value_name = "NAME=VALUES", value_parser = axis)]
    pub what_if: Vec<Axis>,
    /// Make only the Kth of N parts of --what-if, into DIR/part-K-of-N.json of --out; `index/N` takes K from the place in a Slurm array or a
    /// Kubernetes Indexed Job
    #[arg(long, value_name = "K/N", value_parser = super::shard, requires = "what_if", conflicts_with_all = ["parts", "find", "prove", "scenario"])]
    pub shard: Option<(u64, u64)>,
    /// Take the points of --what-if from these parts: all of them, each once
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "what_if")]
    pub parts: Vec<PathBuf>,
    /// The smallest bandwidth, or the largest growth, outage or compressed, that keeps the goal: by drills of the estate through the actors,
    /// on all cores
    #[arg(long, value_name = "NAME", requires = "goal", value_parser = findable)]
    pub find: Option<Input>,
    /// The goal: the RPO as a run measures it, of the machine that is worst, as "p99 RPO under 15 min"; p50, p99 or max
    #[arg(long, value_name = "GOAL", requires = "find")]
    pub goal: Option<Goal>,
    /// Write the estate as a scenario too, with the recommended servers and link, into a file that is not there yet, and the counters of its
    /// busiest day beside it (OUT.csv): `firedrill run` takes it
    #[arg(long, value_name = "OUT.toml")]
    pub scenario: Option<PathBuf>,
    /// The folder for the plan [default: runs/NAME-plan]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace a plan that is there
    #[arg(long)]
    pub force: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// What the help of a profile ends in.
const PROFILE_HELP: &str = "\
Examples:
  firedrill profile disk.vmdk
          how much of a disk is used, and what that compresses to
  firedrill profile sql01.data=/images/data.vmdk sql01.log=/images/log.vmdk --estate estate.csv
          the same, written into the estate's columns `used` and `compressed`
  firedrill profile images --estate estate.csv
          all images of a folder, named VM.DISK.EXTENSION

Exit codes: 0 all was measured; 2 the input is wrong; 3 the machine failed; 130 interrupted.";

/// `firedrill profile`.
#[derive(Debug, Args)]
#[command(after_long_help = PROFILE_HELP)]
pub struct ProfileArguments {
    /// Disk images (raw, qcow2, VMDK, VHD), or folders of them; they are only read
    #[arg(value_name = "[VM.DISK=]IMAGE", required = true)]
    pub images: Vec<String>,
    /// An estate (CSV) to write what is measured into
    #[arg(long, value_name = "ESTATE.csv")]
    pub estate: Option<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// Eras of the planner's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EraWord {
    /// Before August 2017
    #[value(name = "2017-06")]
    June2017,
    /// August 2017
    #[value(name = "2017-08")]
    August2017,
    /// December 2017
    #[value(name = "2017-12")]
    December2017,
    /// 2019 and later
    #[value(name = "2019")]
    Late2019,
}

impl EraWord {
    /// As the rules call it.
    pub fn era(self) -> Era {
        match self {
            EraWord::June2017 => Era::June2017,
            EraWord::August2017 => Era::August2017,
            EraWord::December2017 => Era::December2017,
            EraWord::Late2019 => Era::Late2019,
        }
    }
}

/// Storage of Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StorageWord {
    /// Standard where it suffices, else premium
    Suggested,
    /// Standard for all
    Standard,
    /// Premium for all
    Premium,
}

impl StorageWord {
    /// As a plan calls it.
    pub fn choice(self) -> StorageChoice {
        match self {
            StorageWord::Suggested => StorageChoice::Suggested,
            StorageWord::Standard => StorageChoice::Standard,
            StorageWord::Premium => StorageChoice::Premium,
        }
    }
}

/// What a proof runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PartWord {
    /// The day on which most is written
    BusiestDay,
    /// All of it
    Profile,
}

impl PartWord {
    /// As a proof calls it.
    pub fn part(self) -> Part {
        match self {
            PartWord::BusiestDay => Part::BusiestDay,
            PartWord::Profile => Part::Profile,
        }
    }
}

/// What carries the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NetworkWord {
    /// An ExpressRoute circuit
    ExpressRoute,
    /// The internet, with a VPN gateway for drills and failback
    Vpn,
    /// The internet alone
    Internet,
}

impl NetworkWord {
    /// As a plan calls it.
    pub fn network(self) -> Network {
        match self {
            NetworkWord::ExpressRoute => Network::ExpressRoute,
            NetworkWord::Vpn => Network::Vpn,
            NetworkWord::Internet => Network::Internet,
        }
    }
}

/// A time in seconds. On a command line `15m` is minutes.
fn long_seconds(text: &str) -> Result<u64, String> {
    let minutes = text
        .strip_suffix('m')
        .filter(|number| number.ends_with(|c: char| c.is_ascii_digit()));
    let text = minutes.map_or_else(|| text.to_owned(), |number| format!("{number}min"));
    let nanoseconds = match text.as_str() {
        "0" => 0,
        text => units::duration(text).map_err(said)?,
    };
    match nanoseconds % 1_000_000_000 {
        0 => Ok(nanoseconds / 1_000_000_000),
        _ => Err("whole seconds are expected".to_owned()),
    }
}

/// Hours and a rate, as a scenario has them.
fn throttle(text: &str) -> Result<Throttle, String> {
    units::throttle(text).map_err(|wrong| format!("{}; {}", wrong.label, wrong.help))
}

/// Minutes that a clock is ahead of UTC; no clock on earth is more than 14 h ahead, or 12 h behind.
fn offset(text: &str) -> Result<i32, String> {
    let (behind, time) = match text.trim().strip_prefix('-') {
        Some(time) => (true, time),
        None => (false, text.trim().trim_start_matches('+')),
    };
    let seconds = long_seconds(time)?;
    let most = if behind { 12 } else { 14 };
    match i32::try_from(seconds / 60) {
        Ok(minutes) if seconds % 60 == 0 && minutes <= most * 60 => Ok(if behind { -minutes } else { minutes }),
        _ => Err("whole minutes from -12h to 14h are expected".to_owned()),
    }
}

fn seconds(text: &str) -> Result<u32, String> {
    match long_seconds(text)? {
        0 => Err("at least a second is expected".to_owned()),
        seconds => u32::try_from(seconds).map_err(|_| "less than 136 years are expected".to_owned()),
    }
}

fn bits(text: &str) -> Result<u64, String> {
    let rate = units::rate(text).map_err(said)?.bits_per_second();
    match rate {
        0 => Err("a rate above 0 is expected".to_owned()),
        rate => Ok(rate),
    }
}

/// A share in thousandths, which may be more than everything.
fn per_mille(text: &str) -> Result<u32, String> {
    let wrong = || "a share is expected, as 30% or 12.5%".to_owned();
    let number = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim();
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(tenths) || tenths.len() > 1 {
        return Err(wrong());
    }
    let whole: u32 = whole.parse().map_err(|_| wrong())?;
    let tenths: u32 = tenths.parse().map_err(|_| wrong())?;
    let all = whole.checked_mul(10).and_then(|all| all.checked_add(tenths));
    all.filter(|all| *all <= 10_000)
        .ok_or_else(|| "up to 1000% are expected".to_owned())
}

/// `NAME=A,B,C` or `NAME=FROM..TO/STEP`. A unit that stands only after the last number holds for all.
fn axis(text: &str) -> Result<Axis, String> {
    let names = || {
        let names: Vec<&str> = Input::ALL.iter().map(|input| input.name()).collect();
        names.join(", ")
    };
    let (name, values) = text
        .split_once('=')
        .ok_or_else(|| format!("NAME=VALUES is expected; names: {}", names()))?;
    let input = Input::ALL
        .into_iter()
        .find(|input| input.name() == name.trim())
        .ok_or_else(|| format!("`{}` is nothing that can be moved; names: {}", name.trim(), names()))?;
    let value = |text: &str| -> Result<u64, String> {
        match input {
            Input::Bandwidth => bits(text),
            Input::Outage | Input::Rpo | Input::ProcessServerLost => long_seconds(text),
            Input::Growth | Input::Churn | Input::Compressed => per_mille(text).map(u64::from),
            Input::ProcessServers => number(text, PROCESS_SERVERS_MAX),
            Input::InitialBatches => number(text, BATCHES_MAX),
            Input::Cache => match units::size(text).map_err(said)? {
                0 => Err("a size above 0 is expected".to_owned()),
                bytes => Ok(bytes),
            },
            Input::Era => era(text),
        }
    };
    let values = match values.split_once("..") {
        Some(_) if input == Input::Era => return Err("eras are listed: era=2017-12,2019".to_owned()),
        Some((from, rest)) => {
            // A rate has a stroke of its own: the step stands after the last one.
            let (to, step) = rest
                .rsplit_once('/')
                .filter(|(_, step)| step.trim().starts_with(|c: char| c.is_ascii_digit()))
                .ok_or_else(|| "FROM..TO/STEP is expected, as 20..200Mbit/s/10".to_owned())?;
            let unit: String = to.chars().skip_while(|c| c.is_ascii_digit() || *c == '.').collect();
            let whole = |text: &str| match text.trim().ends_with(|c: char| c.is_ascii_digit()) {
                true => value(&format!("{}{unit}", text.trim())),
                false => value(text),
            };
            let (from, to, step) = (whole(from)?, whole(to)?, whole(step)?);
            if step == 0 || to < from {
                return Err("FROM..TO/STEP goes up, by a step above 0".to_owned());
            }
            if (to - from) / step >= MOST_VALUES {
                return Err(format!("these are more than {MOST_VALUES} values"));
            }
            (0..=(to - from) / step).map(|at| from + at * step).collect()
        }
        None => {
            let parts: Vec<&str> = values.split(',').map(str::trim).collect();
            let last = parts.last().copied().unwrap_or_default();
            let unit: String = last.chars().skip_while(|c| c.is_ascii_digit() || *c == '.').collect();
            let each =
                parts.iter().map(
                    |part| match input != Input::Era && part.ends_with(|c: char| c.is_ascii_digit()) {
                        true => value(&format!("{part}{unit}")),
                        false => value(part),
                    },
                );
            each.collect::<Result<Vec<u64>, String>>()?
        }
    };
    Ok(Axis { input, values })
}

fn findable(text: &str) -> Result<Input, String> {
    let found = INPUTS.into_iter().find(|input| input.name() == text.trim());
    found.ok_or_else(|| {
        let names: Vec<&str> = INPUTS.into_iter().map(Input::name).collect();
        format!(
            "`{}` cannot be searched for; accepted: {}",
            text.trim(),
            names.join(", ")
        )
    })
}

/// Process servers that are asked for at the most: each keeps sums of its own.
const PROCESS_SERVERS_MAX: u64 = 200;
/// Batches that are asked for at the most: each goes through the queue.
const BATCHES_MAX: u64 = 1_000;

fn number(text: &str, most: u64) -> Result<u64, String> {
    let number = text.trim().parse::<u64>().ok();
    number
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| format!("`{}`: a whole number from 1 to {most} is expected", text.trim()))
}

fn era(text: &str) -> Result<u64, String> {
    let era = Era::ALL.into_iter().find(|era| era.name() == text.trim());
    era.map(Era::number).ok_or_else(|| {
        let names: Vec<&str> = Era::ALL.into_iter().map(Era::name).collect();
        format!("`{}` is no era; accepted: {}", text.trim(), names.join(", "))
    })
}

/// An axis has no more values: a table of two has 250,000 points then.
const MOST_VALUES: u64 = 500;

fn said(wrong: units::WrongUnit) -> String {
    format!("{}; {}", wrong.label, wrong.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Input, Vec<u64>) {
        let axis = axis(text).unwrap();
        (axis.input, axis.values)
    }

    #[test]
    fn an_axis_is_a_list_or_a_range_and_one_unit_serves_all() {
        let mbit = 1_000_000;
        assert_eq!(
            of("bandwidth=20..50Mbit/s/10"),
            (Input::Bandwidth, vec![20 * mbit, 30 * mbit, 40 * mbit, 50 * mbit])
        );
        assert_eq!(of("outage=0,1h,4h"), (Input::Outage, vec![0, 3_600, 4 * 3_600]));
        assert_eq!(of("growth=0..60%/15"), (Input::Growth, vec![0, 150, 300, 450, 600]));
        assert_eq!(of("churn=50,150%"), (Input::Churn, vec![500, 1_500]));
        assert_eq!(of("rpo=15m,1h"), (Input::Rpo, vec![900, 3_600]));
        assert_eq!(of("process-servers=1..4/1"), (Input::ProcessServers, vec![1, 2, 3, 4]));
        assert_eq!(of("initial-batches=1,5"), (Input::InitialBatches, vec![1, 5]));
        assert_eq!(
            of("process-server-lost=0,2h"),
            (Input::ProcessServerLost, vec![0, 7_200])
        );
        assert_eq!(of("era=2017-12,2019"), (Input::Era, vec![201_712, 2_019]));
        let gb = 1_000_000_000;
        assert_eq!(of("cache=300,600GB"), (Input::Cache, vec![300 * gb, 600 * gb]));
    }

    #[test]
    fn a_wrong_axis_says_what_is_accepted() {
        for (text, words) in [
            ("bandwidth", "NAME=VALUES"),
            ("bandwith=1Mbit/s", "names: bandwidth"),
            ("bandwidth=20..50Mbit/s", "FROM..TO/STEP"),
            ("bandwidth=50..20Mbit/s/10", "goes up"),
            ("bandwidth=20..50Mbit/s/0", "above 0"),
            ("growth=1..1000%/0.1", "more than 500"),
            ("growth=", "30%"),
            ("outage=1", "unit"),
            ("process-servers=0", "from 1 to 200"),
            ("process-servers=1.5", "from 1 to 200"),
            ("initial-batches=2000", "from 1 to 1000"),
            ("cache=600", "unit"),
            ("era=2018", "2017-06, 2017-08, 2017-12, 2019"),
            ("era=2017-06..2019/1", "are listed"),
        ] {
            let error = axis(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn times_and_shares_of_a_command_line_are_read() {
        assert_eq!(seconds("15m"), Ok(900));
        assert_eq!(seconds("15 min"), Ok(900));
        assert_eq!(long_seconds("1h 30min"), Ok(5_400));
        assert!(seconds("0").is_err());
        assert!(seconds("1ms").is_err());
        assert_eq!(
            (offset("1h"), offset("-5h 30min"), offset("0")),
            (Ok(60), Ok(-330), Ok(0))
        );
        assert!(offset("15h").is_err() && offset("-13h").is_err() && offset("30s").is_err());
        assert_eq!(per_mille("12.5%"), Ok(125));
        for wrong in ["12", "%", "1.25%", "-3%", "1001%", "30 per cent"] {
            assert!(per_mille(wrong).is_err(), "{wrong}");
        }
    }
}
