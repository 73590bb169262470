//! A plan: everything that the vendor's report says (facts §5.3), and for each figure where it is from.
//!
//! A [`Figure`] is a whole number with its unit and the key of its origin; [`Plan::origins`] says by that key from which input, by which
//! formula and after which source it was made. Figures in the columns of tables share the origin of their column ([`Plan::columns`]).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::band::Band;
use crate::constants::Constant;
use crate::cost::Cost;
use crate::find::Found;
use crate::gates::{DiskTarget, Finding, Note, Storage, Unit};
use crate::initial::Finish;
use crate::placement::Account;
use crate::proof::Proof;
use crate::queue::{CatchUp, Day};
use crate::recovery::Recovery;
use crate::sizing::Sizing;
use crate::sweep::Sweep;
use crate::tables::Era;
use crate::tornado::Tornado;

/// A figure of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Its value.
    pub value: u64,
    /// Its unit.
    pub unit: Unit,
    /// Where it is from: a key of [`Plan::origins`].
    pub origin: &'static str,
}

/// Where a figure is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// What went in.
    pub input: &'static str,
    /// What was done with it.
    pub formula: &'static str,
    /// After which source.
    pub source: &'static str,
}

/// The answer in a line, and its figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Whether the bandwidth given is enough for the RPO, always; none where no bandwidth is given, or of no machine is known what it writes.
    pub enough: Option<bool>,
    /// The line.
    pub text: String,
}

/// What the plan takes for granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub text: String,
}

/// What process servers may send in some hours of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Throttled {
    /// The days on which it begins: `mon` to `sun`.
    pub days: Vec<&'static str>,
    /// The hour at which it begins, in local time.
    pub from_hour: u8,
    /// The hour at which it ends; below `from_hour` it is that of the next day.
    pub to_hour: u8,
    /// What each process server may send then.
    pub each: Figure,
    /// What all of them may.
    pub together: Figure,
}

/// The estate as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// When the profile begins, in seconds since 1970 (UTC); none where that is not known or there is no profile.
    pub start_seconds: Option<i64>,
    /// Its seconds; 0 without a profile.
    pub profiled_seconds: Figure,
    /// Machines.
    pub machines: Figure,
    /// Machines that can be protected.
    pub compatible: Figure,
    /// Machines that cannot.
    pub incompatible: Figure,
    /// Machines of whose changes nothing is known; they are among those above.
    pub data_not_found: Figure,
    /// Disks of the machines that can be protected.
    pub disks: Figure,
    /// Their mean number in a machine, in thousandths.
    pub disks_per_machine: Figure,
    /// Their mean size.
    pub disk_bytes: Figure,
    /// Written bytes of a mean day, without growth.
    pub typical_day_bytes: Figure,
    /// Written bytes of the busiest day, without growth.
    pub busiest_day_bytes: Figure,
    /// Written bytes of a mean day of machines that cannot be protected: they are in no other figure.
    pub left_out_day_bytes: Figure,
    /// Steps of disks without a counter.
    pub gaps: Figure,
}

/// The bandwidth that an RPO needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bandwidth {
    /// The RPO in seconds.
    pub rpo_seconds: u32,
    /// So that it is kept always.
    pub always: Option<Figure>,
    /// So that it is kept in [`Plan::share_per_mille`] of the steps.
    pub share: Option<Figure>,
}

/// What would happen with a bandwidth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhatIf {
    /// The rate of all links together, without throttles and outages.
    pub bits_per_second: Figure,
    /// The RPO that is kept always; none where the queue never ends.
    pub rpo_always: Option<Figure>,
    /// The RPO that is kept in [`Plan::share_per_mille`] of the steps.
    pub rpo_share: Option<Figure>,
    /// Half of the steps keep this one.
    pub rpo_half: Option<Figure>,
    /// Times over the RPO wanted.
    pub violations: Figure,
    /// These per day, in thousandths.
    pub violations_per_day: Figure,
    /// Steps over the RPO, in thousandths of all.
    pub steps_over: Figure,
    /// Day by day.
    pub days: Vec<Day>,
    /// The largest backlog.
    pub backlog_bytes: Figure,
    /// After each outage.
    pub catch_up: Vec<CatchUp>,
    /// For a chart: hour by hour.
    pub hours: Vec<Hour>,
}

/// An hour of a window, for a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Hour {
    /// Bits per second that arrive in the mean.
    pub arriving: u64,
    /// The largest backlog at the end of a step, in bytes.
    pub backlog_bytes: u64,
    /// The largest delay, in milliseconds.
    pub delay_ms: u64,
}

/// A bandwidth that is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Given {
    /// Whether the RPO is kept always.
    pub enough_always: bool,
    /// Whether it is kept in [`Plan::share_per_mille`] of the steps.
    pub enough_share: bool,
    /// What the first link lacks, with all throttles, outages and other links as they are; 0 where it is enough, none where no rate of it
    /// would be.
    pub missing: Option<Figure>,
    /// What would happen.
    pub what_if: WhatIf,
}

/// How many machines a batch of the initial copy has, for a bandwidth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CopyRow {
    /// The bandwidth.
    pub bits_per_second: u64,
    /// Machines of a batch, so that it is done within the goal.
    pub machines: u64,
    /// Batches; none where a batch has no machine.
    pub batches: Option<u64>,
    /// Seconds for all batches, each with the time of the goal.
    pub seconds: Option<u64>,
}

/// The initial copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitialCopy {
    /// What is copied, as it goes over the link.
    pub bytes: Figure,
    /// The mean of a machine.
    pub machine_bytes: Figure,
    /// The bandwidth that the changes need meanwhile.
    pub steady: Figure,
    /// Batch by bandwidth.
    pub curve: Vec<CopyRow>,
    /// The bandwidth of what follows: the one given, or that of the RPO.
    pub simulated: Figure,
    /// All machines at once, through the queue; none where that never ends.
    pub at_once: Option<Finish>,
    /// The batches of the curve's formula at that bandwidth, through the queue; empty where there is one, none, or more than 64.
    pub batches: Vec<Finish>,
}

/// Servers on premises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Servers {
    /// What the tables say.
    pub sizing: Sizing,
    /// Machines as the tables count them, with 3 disks each.
    pub machines: Figure,
    /// Changed bytes of the busiest day with growth.
    pub daily_bytes: Figure,
    /// Process servers that the changes alone need.
    pub by_churn: Figure,
    /// Process servers that the machines alone need.
    pub by_machines: Figure,
    /// Machines that a configuration server manages.
    pub limit: Figure,
    /// Which source says so.
    pub limit_source: String,
}

/// A circuit or gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Circuit {
    /// Its name.
    pub name: String,
    /// Its rate.
    pub bits_per_second: Figure,
    /// Where its row is from.
    pub source: String,
}

/// How a machine fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Compatibility {
    /// It can be protected.
    Yes,
    /// It can, with a larger disk than its size needs.
    #[serde(rename = "Yes*")]
    YesWithLargerDisk,
    /// It breaks rules, but counts since the planner says so.
    Included,
    /// It cannot.
    No,
}

/// A machine in a plan; the units of its columns are in [`Plan::columns`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: Option<String>,
    /// How it fits.
    pub compatibility: Compatibility,
    /// Rules that it breaks.
    pub findings: Vec<Finding>,
    /// What to mind.
    pub notes: Vec<Note>,
    /// Its storage.
    pub storage: Storage,
    /// Its account with prefix, where it is placed.
    pub account: Option<String>,
    /// Where its disks go.
    pub disks: Vec<DiskTarget>,
    /// The size of its disks.
    pub size_bytes: u64,
    /// Peak of reads and writes with growth, where known.
    pub peak_iops: Option<u64>,
    /// Peak of writes with growth, where known.
    pub peak_write_iops: Option<u64>,
    /// Peak of changes with growth; none where nothing is known.
    pub peak_churn: Option<u64>,
    /// Mean of changes with growth; none where nothing is known.
    pub mean_churn: Option<u64>,
    /// The size of its Azure machine; none where no size of the table is large enough.
    pub azure_size: Option<String>,
    /// Processors.
    pub cores: u32,
    /// Memory.
    pub memory_bytes: u64,
    /// Network adapters.
    pub nics: u32,
    /// `BIOS` or `EFI`.
    pub boot: &'static str,
    /// Its operating system.
    pub os: String,
}

/// What an estate needs and what would happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The answer.
    pub answer: Answer,
    /// What is taken for granted.
    pub assumptions: Vec<Assumption>,
    /// The constants that shape it, each with its source.
    pub constants: Vec<Constant>,
    /// How far uncertain constants move its answers; none where nothing that matters is uncertain.
    pub band: Option<Band>,
    /// Whose limits count.
    pub era: Era,
    /// The RPO wanted, in seconds.
    pub rpo_seconds: u32,
    /// Growth, in thousandths.
    pub growth_per_mille: u32,
    /// Percentile of peaks, in thousandths.
    pub percentile_per_mille: u32,
    /// The lower share of the steps, in thousandths.
    pub share_per_mille: u32,
    /// The estate.
    pub summary: Summary,
    /// Bandwidths for the RPO wanted (first) and for those shown beside it.
    pub bandwidths: Vec<Bandwidth>,
    /// What the RPO wanted would need, always, with the machines that cannot be protected; none where all can.
    pub bandwidth_of_all: Option<Figure>,
    /// Throttles by the hour of the week.
    pub throttles: Vec<Throttled>,
    /// The bandwidth given.
    pub given: Option<Given>,
    /// What would happen with the bandwidth of the lower share.
    pub what_if: Option<WhatIf>,
    /// What moves its answers most, around the bandwidth given or needed.
    pub tornado: Tornado,
    /// What if inputs were others, where that was asked.
    pub sweep: Option<Sweep>,
    /// The plan held against the actors, where that was asked.
    pub proof: Option<Proof>,
    /// The value that keeps a goal, where that was asked.
    pub find: Option<Found>,
    /// The initial copy.
    pub initial_copy: InitialCopy,
    /// How long a recovery takes, and a failback.
    pub recovery: Recovery,
    /// Servers on premises.
    pub servers: Servers,
    /// Processors of all drill machines in Azure.
    pub azure_cores: Figure,
    /// Storage accounts with their machines.
    pub accounts: Vec<Account>,
    /// The network that is paid for; none where none of the table is large enough, or nothing is paid for.
    pub network: Option<Circuit>,
    /// Machines, in the order of the estate.
    pub machines: Vec<Machine>,
    /// What it costs; none without a price file.
    pub cost: Option<Cost>,
    /// The unit and origin of each column of tables.
    pub columns: BTreeMap<&'static str, (Unit, &'static str)>,
    /// Where figures are from.
    pub origins: BTreeMap<&'static str, Origin>,
}
