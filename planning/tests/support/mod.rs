//! Estates and profiles for tests.
#![allow(dead_code, reason = "each test file uses some of it")]

use planning::demand::{VmDemand, demands};
use planning::estate::{Boot, Disk, Estate, Vm};
use planning::gates::{Verdict, judge};
use planning::options::Options;
use planning::plan::Plan;
use planning::profile::{Profile, Series};
use planning::recommend::recommend;

pub const GIB: u64 = 1 << 30;
pub const MB: u64 = 1_000_000;

pub fn disk(name: &str, gib: u64) -> Disk {
    Disk {
        name: name.to_owned(),
        size_bytes: gib * GIB,
        used_bytes: None,
        compressed_per_mille: None,
        daily_change_bytes: None,
    }
}

/// A machine with an operating system's disk of 127 GiB and data disks of these sizes.
pub fn vm(name: &str, data_gib: &[u64]) -> Vm {
    let data = data_gib
        .iter()
        .enumerate()
        .map(|(index, gib)| disk(&format!("data{index}"), *gib));
    Vm {
        name: name.to_owned(),
        host: None,
        os: "Microsoft Windows Server 2016 (64-bit)".to_owned(),
        cores: 2,
        memory_bytes: 8 * GIB,
        nics: 1,
        boot: Boot::Bios,
        group: 1,
        disks: std::iter::once(disk("os", 127)).chain(data).collect(),
    }
}

/// Counters that stay the same: bytes per second, the size of its writes (or a little more, by rounding), reads per second.
pub fn steady(steps: usize, written: u64, write_bytes: u64, reads: u64) -> Series {
    let writes = written * 100 / write_bytes.max(1);
    Series {
        written: vec![u32::try_from(written).unwrap_or(u32::MAX); steps],
        write_iops: vec![u32::try_from(writes).unwrap_or(u32::MAX); steps],
        read_iops: vec![u32::try_from(reads * 100).unwrap_or(u32::MAX); steps],
    }
}

pub fn profile(steps: usize, vms: Vec<Vec<Series>>) -> Profile {
    Profile {
        start_seconds: 1_512_345_600,
        step_seconds: 60,
        steps,
        vms,
    }
}

/// What the rules say of one machine with these counters.
pub fn verdict(vm: &Vm, series: Vec<Series>, options: &Options) -> (Verdict, VmDemand) {
    let estate = Estate { vms: vec![vm.clone()] };
    let profile = profile(series[0].written.len(), vec![series]);
    let demand = demands(&estate, Some(&profile), &options.settings()).remove(0);
    (judge(vm, &demand, options), demand)
}

/// No growth.
pub fn flat() -> Options {
    Options {
        growth_per_mille: 0,
        framing_per_million: 0,
        ..Options::default()
    }
}

pub fn rules(verdict: &Verdict) -> Vec<&'static str> {
    verdict.findings.iter().map(|finding| finding.rule).collect()
}

/// A plan of machines with these counters.
pub fn plan(vms: Vec<Vm>, series: Vec<Vec<Series>>, options: &Options) -> Plan {
    let steps = series
        .iter()
        .flatten()
        .map(|series| series.written.len())
        .max()
        .unwrap_or(0);
    recommend(&Estate { vms }, Some(&profile(steps, series)), options).unwrap_or_else(|error| panic!("{error}"))
}

/// Disks that change next to nothing.
pub fn idle(disks: usize) -> Vec<Series> {
    (0..disks).map(|_| steady(10, 1_000, 8_192, 1)).collect()
}
