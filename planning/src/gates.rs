//! Which machines can be protected, and on which storage: the rules of facts §3.4, §3.5 and §3.8, each with its figure, its era and its
//! source (`planning/data/gates.csv`, `churn.csv`).
//!
//! Peaks are percentiles with growth; means have growth too. A disk whose write size is unknown is taken for the table's smallest (8 KB),
//! and the machine says so. A machine is on premium storage as a whole as soon as one of its disks needs it.

use serde::Serialize;

use crate::churn::{Target, disk_row};
use crate::demand::{DiskDemand, Known, VmDemand};
use crate::estate::{Boot, Disk, Vm};
use crate::options::{Options, StorageChoice};
use crate::os::{Support, is_windows, support};
use crate::tables::{DiskTier, Era, Gate, gate};

const GIB: u64 = 1 << 30;
const SMALLEST_WRITES: u64 = 8 << 10;
const SMALL_PREMIUM_GIB: u64 = 256;

/// Units of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Bytes per day.
    BytesPerDay,
    /// Bits per second.
    BitsPerSecond,
    /// Reads or writes per second, in hundredths.
    IopsHundredths,
    /// A number of things.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Thousandths of a whole: a share.
    PerMille,
    /// A number of things in thousandths.
    Thousandths,
    /// Millionths of the currency, per month.
    MicroCurrencyPerMonth,
}

/// A rule that a machine breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// The disk that breaks it; none where it is the machine.
    pub disk: Option<String>,
    /// What was found.
    pub found: u64,
    /// What is allowed at the most.
    pub limit: u64,
    /// The unit of both.
    pub unit: Unit,
    /// The era whose rule it is.
    pub era: Era,
    /// Where the rule is from.
    pub source: String,
    /// The rule in words.
    pub text: String,
}

/// What to mind about a machine that can be protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub text: String,
}

/// Standard or premium storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// Standard.
    Standard,
    /// Premium.
    Premium,
}

/// Where a disk goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskTarget {
    /// The premium disk's size; none on standard storage, or where none is large or fast enough.
    pub tier: Option<String>,
    /// Whether its load needs a larger one than its size does.
    pub raised: bool,
}

/// What the rules say of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Rules that it breaks.
    pub findings: Vec<Finding>,
    /// What to mind.
    pub notes: Vec<Note>,
    /// Its storage.
    pub storage: Storage,
    /// Its disks, in order.
    pub disks: Vec<DiskTarget>,
}

impl Verdict {
    /// Whether a disk's load needs a larger disk than its size does: the report's `Yes*` (facts §5.3).
    #[must_use]
    pub fn starred(&self) -> bool {
        self.disks.iter().any(|disk| disk.raised)
    }
}

/// A limit in the unit of figures.
#[must_use]
pub fn limit(gate: &Gate) -> (u64, Unit) {
    match gate.unit.as_str() {
        "GiB" => (gate.limit * GIB, Unit::Bytes),
        "MB/s" => (gate.limit * 1_000_000, Unit::BytesPerSecond),
        "GB/day" => (gate.limit * 1_000_000_000, Unit::BytesPerDay),
        "IOPS" => (gate.limit * 100, Unit::IopsHundredths),
        _ => (gate.limit, Unit::Count),
    }
}

struct Judge<'a> {
    options: &'a Options,
    findings: Vec<Finding>,
    notes: Vec<Note>,
}

impl Judge<'_> {
    /// A rule of the table: more than its limit is too much.
    fn at_most(&mut self, rule: &'static str, row: &str, disk: Option<&Disk>, found: u64, text: &str) {
        let Some(gate) = gate(row, self.options.era) else {
            return;
        };
        let (limit, unit) = limit(gate);
        if found > limit {
            self.refuse(rule, disk, (found, limit, unit), &gate.source, text);
        }
    }

    fn refuse(
        &mut self,
        rule: &'static str,
        disk: Option<&Disk>,
        (found, limit, unit): (u64, u64, Unit),
        source: &str,
        text: &str,
    ) {
        self.findings.push(Finding {
            rule,
            disk: disk.map(|disk| disk.name.clone()),
            found,
            limit,
            unit,
            era: self.options.era,
            source: source.to_owned(),
            text: text.to_owned(),
        });
    }

    fn note(&mut self, name: &'static str, text: String) {
        self.notes.push(Note { name, text });
    }

    fn sizes(&mut self, vm: &Vm) {
        let data = if self.options.managed_disks {
            "managed-data-disk-size"
        } else {
            "data-disk-size"
        };
        for (index, disk) in vm.disks.iter().enumerate() {
            match index {
                0 => self.at_most(
                    "os-disk-size",
                    "os-disk-size",
                    Some(disk),
                    disk.size_bytes,
                    "disk of the operating system too large",
                ),
                _ => self.at_most(
                    "data-disk-size",
                    data,
                    Some(disk),
                    disk.size_bytes,
                    "data disk too large",
                ),
            }
        }
        let disks = vm.disks.len().saturating_sub(1) as u64;
        self.at_most("data-disks", "data-disks", None, disks, "too many data disks");
        if vm.disks.is_empty() {
            self.note("no-disk", "no disk is given".to_owned());
        }
    }

    fn reads_and_writes(&mut self, vm: &Vm, demand: &VmDemand) {
        for (disk, load) in vm.disks.iter().zip(&demand.disks) {
            if let Some(peak) = load.peak_iops {
                let peak = self.options.grown(peak);
                self.at_most(
                    "disk-iops",
                    "disk-iops",
                    Some(disk),
                    peak,
                    "too many reads and writes per second of a disk",
                );
            }
            if let Some(writes) = load.peak_write_iops {
                let kept = u128::from(1_000 - self.options.overlap_per_mille.min(1_000));
                let effective = (u128::from(self.options.grown(writes)) * kept).div_ceil(1_000);
                let effective = u64::try_from(effective).unwrap_or(u64::MAX);
                self.at_most(
                    "disk-write-iops",
                    "disk-write-iops",
                    Some(disk),
                    effective,
                    "too many effective writes per second of a disk",
                );
            }
        }
        if let Some(peak) = demand.peak_iops {
            self.at_most(
                "machine-iops",
                "machine-iops",
                None,
                self.options.grown(peak),
                "too many reads and writes per second",
            );
        }
    }

    fn churn(&mut self, demand: &VmDemand) {
        let options = self.options;
        let (mean, peak) = (options.grown(demand.mean_written), options.grown(demand.peak_written));
        let daily = options.grown(demand.busiest_day_bytes);
        self.at_most(
            "machine-mean-churn",
            "machine-mean-churn",
            None,
            mean,
            "changes too much in the mean",
        );
        self.at_most(
            "machine-peak-churn",
            "machine-peak-churn",
            None,
            peak,
            "changes too much at its peak",
        );
        self.at_most(
            "machine-daily-churn",
            "machine-daily-churn",
            None,
            daily,
            "changes more in a day than a process server carries",
        );
    }

    fn guest(&mut self, vm: &Vm) {
        let era = self.options.era;
        if vm.boot == Boot::Efi {
            let refused = era < Era::December2017;
            if refused || !is_windows(&vm.os) {
                let text = if refused {
                    "boots from EFI"
                } else {
                    "boots from EFI, which only Windows may"
                };
                self.refuse("efi", None, (1, 0, Unit::Count), "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12), site-recovery-support-matrix-to-azure.md (2018-02) (facts §3.5, §3.8)", text);
            } else {
                let text = "boots from EFI: Windows 2012 or later, agent 9.13 or later, no more than 4 partitions; it can not fail back";
                self.note("efi", text.to_owned());
            }
        }
        let os = &vm.os;
        match support(os, era) {
            Support::Supported(row) if row.note.is_empty() => {}
            Support::Supported(row) => self.note("os", format!("{os}: {}", row.note)),
            Support::Unsupported(row) => {
                self.refuse(
                    "os-unsupported",
                    None,
                    (1, 0, Unit::Count),
                    &row.source,
                    &format!("operating system not supported: {os}"),
                );
            }
            Support::ThirtyTwoBits => {
                let text = format!("operating system of 32 bits: {os}");
                self.refuse(
                    "os-32-bit",
                    None,
                    (32, 64, Unit::Count),
                    "site-recovery-support-matrix-to-azure.md (2018-02), vmware-physical-azure-support-matrix.md (2019-10): 64 bits only",
                    &text,
                );
            }
            Support::Unknown => {
                let text =
                    format!("operating system not known: {os}; include the machine by name if it may be protected");
                self.refuse(
                    "os-unknown",
                    None,
                    (1, 0, Unit::Count),
                    "site-recovery-vmware-deployment-planner-analyze-report.md (2017-12) (facts §3.5); no row of site-recovery-support-matrix-to-azure.md (2018-02), vmware-physical-azure-support-matrix.md (2019-10)",
                    &text,
                );
            }
            Support::VersionUnknown(_) => self.note(
                "os-version",
                format!("{os}: its version is not given and was not checked"),
            ),
            Support::Missing => self.note(
                "os-missing",
                "no operating system is given: it was not checked".to_owned(),
            ),
        }
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let name = &vm.name;
        let length = gate("name-length", era).map_or(u64::MAX, |gate| gate.limit);
        if name.is_empty()
            || name.chars().count() as u64 > length
            || !name.chars().all(plain)
            || name.starts_with('-')
            || name.ends_with('-')
        {
            let text = format!(
                "`{name}` is no name of an Azure machine (1 to {length} letters, digits and hyphens): give it another at failover"
            );
            self.note("name", text);
        }
    }

    fn disk_churn(&mut self, disk: &Disk, load: &DiskDemand, target: Target) {
        let churn = self.options.grown(load.mean_written);
        let writes = load.write_bytes.unwrap_or(SMALLEST_WRITES);
        if let Some(row) = disk_row(self.options.era, target, writes) {
            let most = row.disk_bytes_per_second;
            if churn > most {
                let size = load
                    .write_bytes
                    .map_or("of unknown size, taken for 8 KB".to_owned(), |bytes| {
                        format!("of {bytes} bytes in the mean")
                    });
                let text = format!("a disk changes too much for its storage, with writes {size}");
                self.refuse(
                    "disk-churn",
                    Some(disk),
                    (churn, most, Unit::BytesPerSecond),
                    &row.source,
                    &text,
                );
            }
        }
    }
}

fn premium_target(tier: &DiskTier) -> Target {
    if tier.gib <= SMALL_PREMIUM_GIB {
        Target::SmallPremium
    } else {
        Target::LargePremium
    }
}

fn fits_standard(options: &Options, load: &DiskDemand) -> bool {
    let writes = load.write_bytes.unwrap_or(SMALLEST_WRITES);
    let churn = disk_row(options.era, Target::Standard, writes).map_or(u64::MAX, |row| row.disk_bytes_per_second);
    let iops = gate("standard-disk-iops", options.era).map_or(u64::MAX, |gate| limit(gate).0);
    options.grown(load.mean_written) <= churn && load.peak_iops.is_none_or(|peak| options.grown(peak) <= iops)
}

/// The smallest premium disk that has the size, and the smallest that carries the load as well.
fn tiers<'a>(options: &'a Options, disk: &Disk, load: &DiskDemand) -> (Option<&'a DiskTier>, Option<&'a DiskTier>) {
    let there = |tier: &&DiskTier| tier.suggested && (options.managed_disks || !tier.managed_only);
    let large = |tier: &&DiskTier| tier.gib * GIB >= disk.size_bytes;
    let mut large = options.tables.disks.iter().filter(there).filter(large);
    let by_size = large.clone().next();
    let churn = options.grown(load.mean_written);
    let writes = load.write_bytes.unwrap_or(SMALLEST_WRITES);
    let by_load = large.find(|tier| {
        let most = disk_row(options.era, premium_target(tier), writes).map_or(0, |row| row.disk_bytes_per_second);
        churn <= most && load.peak_iops.is_none_or(|peak| options.grown(peak) <= tier.iops * 100)
    });
    (by_size, by_load)
}

/// What the rules say of a machine with this demand.
#[must_use]
pub fn judge(vm: &Vm, demand: &VmDemand, options: &Options) -> Verdict {
    let mut judge = Judge {
        options,
        findings: Vec::new(),
        notes: Vec::new(),
    };
    judge.sizes(vm);
    judge.reads_and_writes(vm, demand);
    judge.churn(demand);
    judge.guest(vm);
    let storage = match options.storage {
        StorageChoice::Standard => Storage::Standard,
        StorageChoice::Premium => Storage::Premium,
        StorageChoice::Suggested if demand.disks.iter().all(|load| fits_standard(options, load)) => Storage::Standard,
        StorageChoice::Suggested => Storage::Premium,
    };
    let mut disks = Vec::with_capacity(vm.disks.len());
    for (disk, load) in vm.disks.iter().zip(&demand.disks) {
        if storage == Storage::Standard {
            judge.disk_churn(disk, load, Target::Standard);
            disks.push(DiskTarget {
                tier: None,
                raised: false,
            });
            continue;
        }
        let (by_size, by_load) = tiers(options, disk, load);
        if by_load.is_none() {
            judge.disk_churn(disk, load, Target::LargePremium);
        }
        let tier = by_load.or(by_size);
        let raised = by_load.zip(by_size).is_some_and(|(load, size)| load.name != size.name);
        disks.push(DiskTarget {
            tier: tier.map(|tier| tier.name.clone()),
            raised,
        });
    }
    if storage == Storage::Premium && !options.managed_disks {
        let text = "too large for a premium account together with the disks of a test failover";
        judge.at_most(
            "premium-size",
            "premium-size",
            None,
            vm.size_bytes().saturating_mul(2),
            text,
        );
        judge.at_most(
            "snapshot-size",
            "snapshot-size",
            None,
            snapshot_bytes(demand, options),
            "its snapshots are too large for a premium account",
        );
    }
    unknowns(&mut judge, demand);
    Verdict {
        findings: judge.findings,
        notes: judge.notes,
        storage,
        disks,
    }
}

/// What the snapshots of a machine take: its mean changes for as long as points are kept (our reading).
#[must_use]
pub fn snapshot_bytes(demand: &VmDemand, options: &Options) -> u64 {
    let bytes = u128::from(options.grown(demand.mean_written)) * 3_600 * u128::from(options.retention_hours);
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn unknowns(judge: &mut Judge<'_>, demand: &VmDemand) {
    let count = |test: fn(&DiskDemand) -> bool| demand.disks.iter().filter(|disk| test(disk)).count();
    let nothing = count(|disk| disk.known == Known::Nothing);
    if nothing > 0 {
        judge.note(
            "data-not-found",
            format!("nothing is known of what {nothing} of its disks change: they count as if they changed nothing"),
        );
    }
    let daily = count(|disk| disk.known == Known::DailyChange);
    if daily > 0 {
        judge.note(
            "daily-change",
            format!("{daily} of its disks have no counters, only a daily change: its peaks are not known"),
        );
    }
    let sizes = count(|disk| disk.known != Known::Nothing && disk.write_bytes.is_none() && disk.mean_written > 0);
    if sizes > 0 {
        judge.note(
            "write-size",
            format!("the size of writes of {sizes} of its disks is not known and taken for 8 KB, the table's smallest"),
        );
    }
    if demand.gaps() > 0 {
        judge.note(
            "gaps",
            format!(
                "{} steps have no counter and were taken for the mean of their disk",
                demand.gaps()
            ),
        );
    }
}
