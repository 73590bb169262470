//! An estate from an export of RVTools: an XLSX workbook with the sheets vInfo, vDisk and vPartition, in the columns' names of its versions
//! 3 and 4.
//!
//! Templates are left out, machines that are switched off stay; both are told. `MiB` and the older `MB` both mean 2^20 bytes, as in vSphere.
//! What is used of a disk is the sum of its partitions by vPartition: by `Disk Key`, where the version writes one; of a machine's only disk;
//! else spread over the machine's disks by size, which is told.

mod sheet;

use std::io::Cursor;

use calamine::{Data, Range, Reader, Xlsx};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{Boot, Disk, Estate, Vm};
use crate::os::is_known;
use crate::problem::{Problem, Problems, quoted};
use crate::text::{column_name, some_of};
use sheet::{Sheet, amount, cell_text};

const MIB: u64 = 1 << 20;
const INFO: &str = "vInfo";
const DISK: &str = "vDisk";
const PARTITION: &str = "vPartition";
const SHEETS: &str = "an RVTools export with the sheets vInfo and vDisk, and vPartition for what is used";

/// A column by its names: of the latest version first.
type Names = &'static [&'static str];
const VM: Names = &["VM", "VM Name", "vInfoVMName", "vDiskVMName", "vPartitionVMName"];
const HOST: Names = &["Host", "vInfoHost", "vDiskHost", "vPartitionHost"];
const ID: Names = &["VM ID", "VM UUID", "vInfoObjectID"];
const TEMPLATE: Names = &["Template", "vInfoTemplate"];
const POWER: Names = &["Powerstate", "vInfoPowerstate"];
const CPUS: Names = &["CPUs", "vInfoCPUs"];
const MEMORY: Names = &["Memory", "Memory MiB", "Memory MB", "vInfoMemory"];
const NICS: Names = &["NICs", "vInfoNICs"];
const FIRMWARE: Names = &["Firmware", "vInfoFirmware"];
const OS_TOOLS: Names = &["OS according to the VMware Tools", "vInfoOSTools"];
const OS_FILE: Names = &["OS according to the configuration file", "OS", "vInfoOS"];
const DISK_NAME: Names = &["Disk", "vDiskDisk"];
const DISK_KEY: Names = &["Disk Key"];
const CAPACITY: Names = &["Capacity MiB", "Capacity MB", "vDiskCapacityMiB"];
const CONSUMED: Names = &["Consumed MiB", "Consumed MB"];

type Table<K, V> = IndexMap<K, V, FxBuildHasher>;
/// Tells machines apart: name, host, and what the export knows them by; empty where a sheet does not say.
type Key = (String, String, String);

/// Whether rows of two sheets can be of one machine of their name. What the export knows it by decides, for a machine can move to another
/// host while sheet after sheet is read; tools that write such workbooks leave some of it empty.
fn agree(one: &Key, other: &Key) -> bool {
    let (_, host, id) = one;
    let (_, other_host, other_id) = other;
    match id.is_empty() || other_id.is_empty() {
        true => host.is_empty() || other_host.is_empty() || host == other_host,
        false => id == other_id,
    }
}

/// Whose row it is.
enum Owner {
    /// The machine in that place.
    Machine(usize),
    /// A template's: left out.
    Template,
    /// Nobody's, or it can be of several.
    Unknown,
}

/// Reads an export; what is wrong with it goes to `problems`. Rows that have an error are not in the estate.
#[must_use]
pub fn read(file: &str, bytes: &[u8], problems: &mut Problems) -> Estate {
    let mut workbook = match Xlsx::new(Cursor::new(bytes)) {
        Ok(workbook) => workbook,
        Err(error) => {
            let found = format!("the workbook cannot be read: {error}");
            problems.push(Problem::error(file, found).accepted(SHEETS));
            return Estate::default();
        }
    };
    let names = workbook.sheet_names();
    let mut sheet = |wanted: &'static str, problems: &mut Problems| {
        let name = names
            .iter()
            .find(|name| column_name(name) == column_name(wanted) || is_tab(name, wanted))?;
        match workbook.worksheet_range(name) {
            Ok(range) => Some(range),
            Err(error) => {
                let found = format!("the sheet cannot be read: {error}");
                problems.push(Problem::error(file, found).in_sheet(wanted));
                None
            }
        }
    };
    let before = problems.errors();
    let (info, disk, partition) = (sheet(INFO, problems), sheet(DISK, problems), sheet(PARTITION, problems));
    for (found, name) in [(&info, INFO), (&disk, DISK)] {
        if found.is_none() && problems.errors() == before {
            let found = format!(
                "there is no sheet {name:?}; there are {}",
                some_of(names.iter().map(String::as_str))
            );
            problems.push(Problem::error(file, found).accepted(SHEETS));
        }
    }
    let (Some(info), Some(disk)) = (info, disk) else {
        return Estate::default();
    };
    let mut reading = Reading {
        file,
        vms: Table::default(),
        names: Table::default(),
    };
    let taken = reading
        .info(&info, problems)
        .and_then(|()| reading.disks(&disk, problems));
    if taken.is_none() {
        return Estate::default();
    }
    match partition {
        Some(partition) => reading.partitions(&partition, problems),
        None => problems.push(Problem::warning(
            file,
            "there is no sheet \"vPartition\": what is used is not known",
        )),
    }
    reading.finish(problems)
}

/// The name that a sheet has where each was exported for itself.
fn is_tab(name: &str, wanted: &str) -> bool {
    name.strip_prefix("RVTools_tab")
        .is_some_and(|tab| tab.eq_ignore_ascii_case(wanted))
}

/// A machine, and the keys of its disks.
struct Found {
    vm: Vm,
    row: u64,
    keys: Vec<Option<String>>,
    /// Used bytes by key of a disk; where there is none, under nothing.
    used: Vec<(Option<String>, u64)>,
}

struct Reading<'a> {
    file: &'a str,
    vms: Table<Key, Found>,
    /// What vInfo has by name: machines with their places, and templates, which are left out.
    names: Table<String, Vec<(Key, Option<usize>)>>,
}

impl Reading<'_> {
    fn wrong(&self, sheet: &Sheet<'_>, row: u64, column: usize, cells: &[Data], accepted: &str) -> Problem {
        let cell = cell_text(cells, column);
        let found = if cell.is_empty() {
            "the cell is empty".to_owned()
        } else {
            format!("{} is no number", quoted(&cell))
        };
        let problem = Problem::error(self.file, found).in_sheet(sheet.name).at(row);
        problem
            .column(sheet.names.get(column).cloned().unwrap_or_default())
            .accepted(accepted)
    }

    /// Notes a row of vInfo; one that stands there twice is one.
    fn note(&mut self, key: &Key, machine: Option<usize>) {
        let of_name = self.names.entry(key.0.clone()).or_default();
        if of_name.iter().all(|(known, _)| known != key) {
            of_name.push((key.clone(), machine));
        }
    }

    fn owner(&self, key: &Key) -> Owner {
        let of_name = self.names.get(&key.0).map_or(&[][..], Vec::as_slice);
        let mut can = of_name.iter().filter(|(known, _)| agree(known, key));
        let exact = of_name.iter().find(|(known, _)| known == key);
        match (exact.or(can.next()), exact.is_none() && can.next().is_some()) {
            (Some((_, Some(place))), false) => Owner::Machine(*place),
            (Some((_, None)), false) => Owner::Template,
            _ => Owner::Unknown,
        }
    }

    fn info(&mut self, range: &Range<Data>, problems: &mut Problems) -> Option<()> {
        let sheet = Sheet::new(self.file, INFO, range, problems)?;
        let vm = sheet.demand(self.file, VM, problems)?;
        let (cpus, memory) = (
            sheet.demand(self.file, CPUS, problems),
            sheet.demand(self.file, MEMORY, problems),
        );
        let (cpus, memory) = (cpus?, memory?);
        let mut off = Vec::new();
        for (number, row) in sheet.rows(vm) {
            let key = sheet.key(row, vm);
            let of = |names: Names| sheet.find(names).map(|at| cell_text(row, at)).unwrap_or_default();
            if is_true(&of(TEMPLATE)) {
                self.note(&key, None);
                continue;
            }
            if of(POWER).to_lowercase().contains("off") {
                off.push(key.0.clone());
            }
            let cores = row
                .get(cpus)
                .and_then(|cell| amount(cell, 1))
                .and_then(|cores| u32::try_from(cores).ok());
            let memory_bytes = row.get(memory).and_then(|cell| amount(cell, MIB));
            let (Some(cores), Some(memory_bytes)) = (cores, memory_bytes) else {
                let (at, accepted) = if cores.is_none() {
                    (cpus, "a whole number")
                } else {
                    (memory, "MiB as a number")
                };
                problems.push(self.wrong(&sheet, number, at, row, accepted));
                continue;
            };
            // What runs in it knows better than what it was set up for.
            let os = [OS_TOOLS, OS_FILE]
                .into_iter()
                .map(of)
                .find(|os| !os.is_empty())
                .unwrap_or_default();
            let nics = sheet
                .find(NICS)
                .and_then(|at| row.get(at))
                .and_then(|cell| amount(cell, 1));
            let boot = if of(FIRMWARE).to_lowercase().contains("efi") {
                Boot::Efi
            } else {
                Boot::Bios
            };
            let host = Some(key.1.clone()).filter(|host| !host.is_empty());
            let vm = Vm {
                name: key.0.clone(),
                host,
                os,
                cores,
                memory_bytes,
                nics: nics.and_then(|nics| u32::try_from(nics).ok()).unwrap_or(1),
                boot,
                group: 1,
                disks: Vec::new(),
            };
            if let Some(first) = self.vms.get(&key) {
                let found = format!(
                    "{} on {} stands in row {} already",
                    quoted(&key.0),
                    quoted(&key.1),
                    first.row
                );
                problems.push(Problem::error(self.file, found).in_sheet(INFO).at(number).column(VM[0]));
                continue;
            }
            let found = Found {
                vm,
                row: number,
                keys: Vec::new(),
                used: Vec::new(),
            };
            self.note(&key, Some(self.vms.len()));
            self.vms.insert(key, found);
        }
        let told = |names: &[String]| some_of(names.iter().map(String::as_str));
        let templates = self.names.values().flatten().filter(|(_, machine)| machine.is_none());
        let names: Vec<String> = templates.map(|(key, _)| key.0.clone()).collect();
        if !names.is_empty() {
            let found = format!("{} templates are left out: {}", names.len(), told(&names));
            problems.push(Problem::warning(self.file, found).in_sheet(INFO));
        }
        if !off.is_empty() {
            let found = format!("{} machines are switched off, and taken: {}", off.len(), told(&off));
            problems.push(Problem::warning(self.file, found).in_sheet(INFO));
        }
        if self.vms.is_empty() {
            problems.push(Problem::error(self.file, "the sheet has no machine").in_sheet(INFO));
        }
        Some(())
    }

    fn disks(&mut self, range: &Range<Data>, problems: &mut Problems) -> Option<()> {
        let sheet = Sheet::new(self.file, DISK, range, problems)?;
        let vm = sheet.demand(self.file, VM, problems)?;
        let capacity = sheet.demand(self.file, CAPACITY, problems)?;
        let (name, disk_key) = (sheet.find(DISK_NAME), sheet.find(DISK_KEY));
        let mut strangers = Vec::new();
        for (number, row) in sheet.rows(vm) {
            let key = sheet.key(row, vm);
            let owner = match self.owner(&key) {
                Owner::Template => continue,
                Owner::Machine(place) => Some(place),
                Owner::Unknown => None,
            };
            let Some(size_bytes) = row.get(capacity).and_then(|cell| amount(cell, MIB)) else {
                problems.push(self.wrong(&sheet, number, capacity, row, "MiB as a number"));
                continue;
            };
            let Some((_, found)) = owner.and_then(|place| self.vms.get_index_mut(place)) else {
                strangers.push(key.0);
                continue;
            };
            let named = name.map(|at| cell_text(row, at)).filter(|name| !name.is_empty());
            let name = named.unwrap_or_else(|| format!("Hard disk {}", found.vm.disks.len() + 1));
            if found.vm.disks.iter().any(|disk| disk.name == name) {
                let what = format!("{} of {} stands there twice", quoted(&name), quoted(&key.0));
                problems.push(
                    Problem::error(self.file, what)
                        .in_sheet(DISK)
                        .at(number)
                        .column(DISK_NAME[0]),
                );
                continue;
            }
            found
                .keys
                .push(disk_key.map(|at| cell_text(row, at)).filter(|key| !key.is_empty()));
            found.vm.disks.push(Disk {
                name,
                size_bytes,
                used_bytes: None,
                compressed_per_mille: None,
                daily_change_bytes: None,
            });
        }
        if !strangers.is_empty() {
            let names = some_of(strangers.iter().map(String::as_str));
            let found = format!(
                "{} rows are of machines that vInfo does not have, or of one of several: {names}",
                strangers.len()
            );
            problems.push(Problem::warning(self.file, found).in_sheet(DISK));
        }
        Some(())
    }

    fn partitions(&mut self, range: &Range<Data>, problems: &mut Problems) {
        // A sheet without machines whose tools run is empty.
        if range.is_empty() {
            return;
        }
        let Some(sheet) = Sheet::new(self.file, PARTITION, range, problems) else {
            return;
        };
        let (Some(vm), Some(consumed)) = (sheet.find(VM), sheet.demand(self.file, CONSUMED, problems)) else {
            return;
        };
        let disk_key = sheet.find(DISK_KEY);
        for (number, row) in sheet.rows(vm) {
            let Owner::Machine(place) = self.owner(&sheet.key(row, vm)) else {
                continue;
            };
            let Some((_, found)) = self.vms.get_index_mut(place) else {
                continue;
            };
            match row.get(consumed).and_then(|cell| amount(cell, MIB)) {
                Some(bytes) => {
                    let key = disk_key.map(|at| cell_text(row, at)).filter(|key| !key.is_empty());
                    found.used.push((key, bytes));
                }
                None => problems.push(self.wrong(&sheet, number, consumed, row, "MiB as a number")),
            }
        }
    }

    fn finish(self, problems: &mut Problems) -> Estate {
        let mut spread = Vec::new();
        let mut bare = Vec::new();
        let mut vms: Vec<Vm> = Vec::with_capacity(self.vms.len());
        let mut names: Table<(String, Option<String>), ()> = Table::default();
        for (key, mut found) in self.vms {
            if found.vm.disks.is_empty() {
                bare.push(found.vm.name.clone());
                continue;
            }
            if found.use_partitions() {
                spread.push(found.vm.name.clone());
            }
            if !is_known(&found.vm.os) {
                let what = match found.vm.os.as_str() {
                    "" => format!("{} has no operating system", quoted(&found.vm.name)),
                    os => format!("{} is no operating system known here; the machine is taken", quoted(os)),
                };
                problems.push(Problem::warning(self.file, what).in_sheet(INFO).at(found.row));
            }
            // Machines of one name on one host, in different folders: the name alone would not tell them apart.
            let same = |vm: &Vm| (vm.name.clone(), vm.host.clone());
            if names.contains_key(&same(&found.vm)) {
                found.vm.name = format!("{} ({})", found.vm.name, key.2);
                let what = format!(
                    "there are machines of this name on one host; this one is called {}",
                    quoted(&found.vm.name)
                );
                problems.push(Problem::warning(self.file, what).in_sheet(INFO).at(found.row));
            }
            names.insert(same(&found.vm), ());
            vms.push(found.vm);
        }
        for (names, what) in [
            (bare, "machines have no disk in vDisk, and are left out"),
            (
                spread,
                "machines have partitions that name no disk: what they use is spread over their disks by size",
            ),
        ] {
            if !names.is_empty() {
                let found = format!("{} {what}: {}", names.len(), some_of(names.iter().map(String::as_str)));
                problems.push(Problem::warning(self.file, found));
            }
        }
        Estate { vms }
    }
}

impl Found {
    /// Sets what is used of each disk; true where it was spread by size.
    fn use_partitions(&mut self) -> bool {
        let total = self.vm.size_bytes();
        let mut spread = 0;
        for (key, bytes) in &self.used {
            let by_key = key
                .as_ref()
                .and_then(|key| self.keys.iter().position(|own| own.as_ref() == Some(key)));
            let only = (self.vm.disks.len() == 1).then_some(0);
            match by_key.or(only) {
                Some(at) => {
                    let disk = &mut self.vm.disks[at];
                    disk.used_bytes = Some(disk.used_bytes.unwrap_or(0).saturating_add(*bytes).min(disk.size_bytes));
                }
                None => spread += bytes,
            }
        }
        if spread == 0 || total == 0 {
            return false;
        }
        for disk in &mut self.vm.disks {
            let share = u128::from(spread) * u128::from(disk.size_bytes) / u128::from(total);
            let used = u64::try_from(share)
                .unwrap_or(u64::MAX)
                .saturating_add(disk.used_bytes.unwrap_or(0));
            disk.used_bytes = Some(used.min(disk.size_bytes));
        }
        true
    }
}

fn is_true(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "true" | "1" | "yes" | "wahr" | "vrai")
}

#[cfg(test)]
mod tests;
