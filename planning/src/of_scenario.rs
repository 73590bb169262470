//! An estate out of a scenario: its machines, and a week of minutes of what they write.
//!
//! A synthetic stream writes its mean by the hours of its day; bursts are in the mean. A recording is laid from the first minute on, again
//! and again where it repeats, and so are counters. Processors and memory are not known to a scenario: they are 0.

use actors::spec::Os;
use actors::workload::{Profiled, Recorded, Request, StreamKind, Synthetic};
use scenarios::Scenario;
use scenarios::model::{Disk as Own, Start, Stream, Vm as Machine};

use crate::estate::{Boot, Disk, Estate, Vm};
use crate::profile::{Profile, Series};

const STEP_SECONDS: u32 = 60;
/// Minutes of a week.
const STEPS: usize = 7 * 24 * 60;
const SECTOR: u64 = 512;
const NANOSECONDS: u128 = 1_000_000_000;

/// The estate of a scenario, with its profile.
#[must_use]
pub fn of_scenario(scenario: &Scenario) -> (Estate, Profile) {
    let (mut estate, mut profile) = (
        Estate::default(),
        Profile {
            start_seconds: 0,
            step_seconds: STEP_SECONDS,
            steps: STEPS,
            vms: Vec::new(),
        },
    );
    for vm in &scenario.vms {
        let streams = |at: usize| {
            let streams = vm.workload.streams.iter();
            streams.filter(move |stream| usize::from(stream.disk) == at)
        };
        let disks = vm.disks.iter().enumerate();
        let series = disks.clone().map(|(at, _)| series(streams(at)));
        profile.vms.push(series.collect());
        let disks = disks.map(|(at, own)| disk(own, streams(at).next()));
        estate.vms.push(machine(vm, disks.collect()));
    }
    (estate, profile)
}

fn machine(vm: &Machine, disks: Vec<Disk>) -> Vm {
    Vm {
        name: vm.name.clone(),
        host: None,
        // As much as a scenario says; which version it is makes no difference to it.
        os: match vm.os {
            Os::Windows => "Windows Server 2016",
            Os::Linux => "CentOS 7",
        }
        .to_owned(),
        cores: 0,
        memory_bytes: 0,
        nics: 1,
        boot: Boot::Bios,
        group: 1,
        disks,
    }
}

fn disk(own: &Own, stream: Option<&Stream>) -> Disk {
    let compressibility = stream.map_or_else(|| own.compressibility(), |stream| stream.compressibility);
    Disk {
        name: own.name.clone(),
        size_bytes: own.bytes,
        used_bytes: match &own.start {
            Start::Generated { used, .. } => Some(*used),
            Start::Image(_) => None,
        },
        compressed_per_mille: Some(100_000 / compressibility.hundredths().max(1)),
        daily_change_bytes: None,
    }
}

/// What all streams of a disk write, minute by minute.
fn series<'a>(streams: impl Iterator<Item = &'a Stream>) -> Series {
    let (mut bytes, mut writes) = (vec![0_u64; STEPS], vec![0_u64; STEPS]);
    for stream in streams {
        match &stream.kind {
            StreamKind::Synthetic(synthetic) => {
                let mean = stream.kind.mean_bytes_per_second();
                add_synthetic(&mut bytes, &mut writes, synthetic, mean);
            }
            StreamKind::Recorded(recorded) => add_recorded(&mut bytes, &mut writes, recorded),
            StreamKind::Profiled(profiled) => add_profiled(&mut bytes, &mut writes, profiled),
        }
    }
    let step = u64::from(STEP_SECONDS);
    Series {
        written: per_second(bytes, 1, step),
        write_iops: per_second(writes, 100, step),
        read_iops: Vec::new(),
    }
}

/// Sums of steps of so many seconds as rates a second, times a factor, rounded; none is [`crate::profile::ABSENT`].
pub(crate) fn per_second(sums: Vec<u64>, factor: u64, step_seconds: u64) -> Vec<u32> {
    let step = step_seconds.max(1);
    let rate = |sum: u64| {
        let rate = sum.saturating_mul(factor).saturating_add(step / 2) / step;
        u32::try_from(rate).unwrap_or(u32::MAX).min(u32::MAX - 1)
    };
    sums.into_iter().map(rate).collect()
}

fn add_synthetic(bytes: &mut [u64], writes: &mut [u64], of: &Synthetic, mean: u64) {
    let hours: u64 = of.hours_per_mille.iter().map(|hour| u64::from(*hour)).sum();
    let (mut sizes, mut weights) = (0_u64, 0_u64);
    for (size, weight) in &of.block_sizes {
        sizes += u64::from(*size) * u64::from(*weight);
        weights += u64::from(*weight);
    }
    let size = (sizes / weights.max(1)).max(SECTOR);
    for (minute, (bytes, writes)) in bytes.iter_mut().zip(writes).enumerate() {
        let hour = (u64::from(of.start_of_day) + minute as u64 * u64::from(STEP_SECONDS)) / 3_600 % 24;
        let factor = usize::try_from(hour).ok().and_then(|hour| of.hours_per_mille.get(hour));
        // The mean is that of the whole day.
        let rate = match factor {
            Some(factor) if hours > 0 => u128::from(mean) * u128::from(*factor) * 24 / u128::from(hours),
            _ => u128::from(mean),
        };
        let written = u64::try_from(rate * u128::from(STEP_SECONDS)).unwrap_or(u64::MAX);
        *bytes = bytes.saturating_add(written);
        *writes = writes.saturating_add(written.div_ceil(size));
    }
}

fn add_recorded(bytes: &mut [u64], writes: &mut [u64], of: &Recorded) {
    let step = u128::from(STEP_SECONDS) * NANOSECONDS;
    let moment = |at: u64| u128::from(at) * 1_000 / u128::from(of.speed_per_mille.max(1));
    let last = of.requests.last().map_or(0, |request| moment(at(request)));
    if of.repeat && last < step {
        // Again and again within a minute: every minute has its mean.
        let count = of
            .requests
            .iter()
            .filter(|request| matches!(request, Request::Write { .. }))
            .count() as u128;
        let sectors = of.requests.iter().map(|request| match request {
            Request::Write { sectors, .. } => u128::from(*sectors),
            Request::Flush { .. } | Request::Discard { .. } => 0,
        });
        let written = sectors.sum::<u128>() * u128::from(SECTOR);
        let times = |sum: u128| u64::try_from(sum * step / last.max(1)).unwrap_or(u64::MAX);
        bytes
            .iter_mut()
            .for_each(|bytes| *bytes = bytes.saturating_add(times(written)));
        writes
            .iter_mut()
            .for_each(|writes| *writes = writes.saturating_add(times(count)));
        return;
    }
    let mut begins = 0_u128;
    while begins < step * STEPS as u128 {
        for request in of.requests.iter() {
            let Request::Write { at, sectors, .. } = request else {
                continue;
            };
            let minute = usize::try_from((begins + moment(*at)) / step).unwrap_or(usize::MAX);
            if let (Some(bytes), Some(writes)) = (bytes.get_mut(minute), writes.get_mut(minute)) {
                *bytes = bytes.saturating_add(u64::from(*sectors) * SECTOR);
                *writes += 1;
            }
        }
        if !of.repeat {
            break;
        }
        begins += last;
    }
}

fn add_profiled(bytes: &mut [u64], writes: &mut [u64], of: &Profiled) {
    let minute = u128::from(STEP_SECONDS) * NANOSECONDS;
    let steps = of.steps.len() as u128;
    let (begins, step) = (u128::from(of.begins), u128::from(of.step.max(1)));
    for (at, (bytes, writes)) in bytes.iter_mut().zip(writes).enumerate() {
        let (from, end) = (at as u128 * minute, (at as u128 + 1) * minute);
        let mut moment = from.max(begins);
        let (mut written, mut count) = (0, 0);
        while moment < end {
            let number = (moment - begins) / step;
            let number = if of.repeat { number % steps.max(1) } else { number };
            let until = (begins + ((moment - begins) / step + 1) * step).min(end);
            let Some(counted) = usize::try_from(number).ok().and_then(|number| of.steps.get(number)) else {
                break;
            };
            written += u128::from(counted.bytes_per_second) * (until - moment);
            count += u128::from(counted.writes_per_second) * (until - moment);
            moment = until;
        }
        let grown = |sum: u128, unit: u128| sum * u128::from(of.factor_per_mille) / (1_000 * NANOSECONDS * unit);
        *bytes = bytes.saturating_add(u64::try_from(grown(written, 1)).unwrap_or(u64::MAX));
        *writes = writes.saturating_add(u64::try_from(grown(count, 100)).unwrap_or(u64::MAX));
    }
}

/// When a request was made.
fn at(request: &Request) -> u64 {
    match request {
        Request::Write { at, .. } | Request::Flush { at } | Request::Discard { at, .. } => *at,
    }
}
