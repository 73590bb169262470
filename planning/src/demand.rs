//! What an estate sends and what its machines ask of storage, from its counters.
//!
//! **Gaps.** A step without a counter ([`ABSENT`]) counts as a gap and is taken for the mean of the disk's other steps: that moves no mean
//! and makes no peak, and it is not taken for silence. A disk without any counter takes its `daily_change_bytes` over the day by
//! [`DailyShape`]; without that either nothing is known of it, and it is counted apart.
//!
//! **Peaks** are percentiles by nearest rank over the steps, at the level of a machine of the sum over its disks in each step, not the sum
//! of its disks' percentiles (facts §5.1).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::estate::{Disk, Estate};
use crate::profile::{ABSENT, Profile, Series};
use crate::queue::Arrivals;

const DAY_SECONDS: u64 = 86_400;
/// Machines that one task takes.
const CHUNK: usize = 16;

/// What the changes of a disk compress to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// What was measured on the disk, in thousandths; where nothing was, this.
    Measured {
        /// Thousandths of their size, where a disk was not measured.
        otherwise_per_mille: u32,
    },
    /// The same for all disks, whatever was measured.
    Fixed {
        /// Thousandths of their size.
        per_mille: u32,
    },
}

impl Compression {
    /// Thousandths of its size to which a disk compresses.
    #[must_use]
    pub fn of(&self, disk: &Disk) -> u32 {
        match self {
            Self::Measured { otherwise_per_mille } => disk.compressed_per_mille.unwrap_or(*otherwise_per_mille),
            Self::Fixed { per_mille } => *per_mille,
        }
    }
}

/// How a daily change spreads over the day, where that is all that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DailyShape {
    /// Evenly.
    #[default]
    Constant,
    /// By our office day: [`OFFICE_HOURS`].
    OfficeHours,
}

/// An office day by hour from midnight (UTC): thousandths of the mean rate. An assumption of ours, not a measurement: three quarters of the
/// changes from 8 to 18, an hour of batch work at night.
pub const OFFICE_HOURS: [u32; 24] = [
    300, 300, 1_800, 300, 300, 300, 400, 800, 1_800, 1_800, 1_800, 1_800, 1_800, 1_800, 1_800, 1_800, 1_800, 1_800,
    500, 300, 200, 200, 200, 100,
];

/// How a demand is made of an estate and its profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The percentile of peaks, in thousandths.
    pub percentile_per_mille: u32,
    /// What changes compress to.
    pub compression: Compression,
    /// How daily changes spread.
    pub shape: DailyShape,
    /// What the headers of packets add to what goes over a link, in millionths.
    pub framing_per_million: u32,
    /// What is sent of what is written, in thousandths, before compression.
    pub sent_per_mille: u32,
}

/// The steps of a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When the first one begins, in seconds since 1970 (UTC), 0 where that is not known.
    pub start_seconds: i64,
    /// Seconds of a step.
    pub step_seconds: u32,
    /// Steps.
    pub steps: usize,
}

impl Window {
    /// The window of a profile; without one, or without its steps, a week of minutes.
    #[must_use]
    pub fn of(profile: Option<&Profile>) -> Self {
        match profile {
            Some(profile) if profile.steps > 0 && profile.step_seconds > 0 => Self {
                start_seconds: profile.start_seconds,
                step_seconds: profile.step_seconds,
                steps: profile.steps,
            },
            _ => Self {
                start_seconds: 0,
                step_seconds: 60,
                steps: 7 * 1_440,
            },
        }
    }

    fn seconds(&self) -> u64 {
        self.steps as u64 * u64::from(self.step_seconds)
    }
}

/// What is known of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// Its counters.
    Counters,
    /// What it changes in a day.
    DailyChange,
    /// Nothing.
    Nothing,
}

/// A disk's demand, without growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskDemand {
    /// What it is made of.
    pub known: Known,
    /// Written bytes per second in the mean, rounded up.
    pub mean_written: u64,
    /// The mean size of its writes in bytes, where both counters are known.
    pub write_bytes: Option<u64>,
    /// Peak of reads and writes per second, in hundredths.
    pub peak_iops: Option<u64>,
    /// Peak of writes per second, in hundredths.
    pub peak_write_iops: Option<u64>,
    /// Steps without a counter of written bytes.
    pub gaps: usize,
    /// What its changes compress to, in thousandths.
    pub compressed_per_mille: u32,
}

/// A machine's demand, without growth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmDemand {
    /// Its disks, in order.
    pub disks: Vec<DiskDemand>,
    /// Written bytes per second in the mean, over all disks.
    pub mean_written: u64,
    /// Peak of written bytes per second, over all disks.
    pub peak_written: u64,
    /// Peak of reads and writes per second over all disks, in hundredths, where any disk has such counters.
    pub peak_iops: Option<u64>,
    /// Peak of writes per second over all disks, in hundredths, where any disk has such counters.
    pub peak_write_iops: Option<u64>,
    /// Written bytes of its busiest day (of its mean day where the window is shorter).
    pub busiest_day_bytes: u64,
}

impl VmDemand {
    /// Whether anything is known of any of its disks.
    #[must_use]
    pub fn known(&self) -> bool {
        self.disks.iter().any(|disk| disk.known != Known::Nothing)
    }

    /// Steps without a counter, over all disks that have counters.
    #[must_use]
    pub fn gaps(&self) -> usize {
        self.disks.iter().map(|disk| disk.gaps).sum()
    }
}

/// The value at the nearest rank: the smallest that is not below so many thousandths of the values. 0 without values. Sorts in part.
#[must_use]
pub fn nearest_rank(values: &mut [u64], per_mille: u32) -> u64 {
    if values.is_empty() {
        return 0;
    }
    let rank = (values.len() as u128 * u128::from(per_mille.min(1_000))).div_ceil(1_000);
    let index = usize::try_from(rank).unwrap_or(values.len()).clamp(1, values.len()) - 1;
    *values.select_nth_unstable(index).1
}

/// The mean of a counter's steps, rounded up, and how many of the window's steps it lacks; none where it has no value at all.
fn mean(values: &[u32], steps: usize) -> Option<(u64, usize)> {
    let (mut sum, mut count) = (0_u64, 0_u64);
    for value in values {
        let there = u64::from(*value != ABSENT);
        sum += u64::from(*value) * there;
        count += there;
    }
    (count > 0).then(|| (sum.div_ceil(count), steps - count as usize))
}

/// Adds a counter to a sum over disks, its gaps taken for its mean.
fn add(sum: &mut [u64], values: &[u32], mean: u64, factor: u64) {
    for (sum, value) in sum.iter_mut().zip(values) {
        let value = if *value == ABSENT { mean } else { u64::from(*value) };
        *sum += value * factor;
    }
    let rest = values.len().min(sum.len());
    sum[rest..].iter_mut().for_each(|sum| *sum += mean * factor);
}

/// Bytes per second of a daily change at a step.
fn shaped(daily: u64, window: &Window, shape: DailyShape, step: usize) -> u64 {
    let second = (window.start_seconds.rem_euclid(DAY_SECONDS as i64) as u64
        + step as u64 * u64::from(window.step_seconds))
        % DAY_SECONDS;
    let per_mille = match shape {
        DailyShape::OfficeHours if window.step_seconds <= 3_600 => OFFICE_HOURS[(second / 3_600) as usize],
        _ => 1_000,
    };
    let rate = (u128::from(daily) * u128::from(per_mille)).div_ceil(u128::from(DAY_SECONDS) * 1_000);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

fn series(profile: Option<&Profile>, vm: usize, disk: usize) -> Option<&Series> {
    profile?.vms.get(vm)?.get(disk)
}

fn add_disk(
    sum: &mut [u64],
    window: &Window,
    settings: &Settings,
    disk: &Disk,
    demand: &DiskDemand,
    of: Option<&Series>,
    factor: u64,
) {
    match (demand.known, of) {
        (Known::Counters, Some(series)) => add(sum, &series.written, demand.mean_written, factor),
        (Known::DailyChange, _) => {
            let daily = disk.daily_change_bytes.unwrap_or(0);
            for (step, sum) in sum.iter_mut().enumerate() {
                *sum += shaped(daily, window, settings.shape, step) * factor;
            }
        }
        _ => {}
    }
}

/// Bytes per second of a disk in each step of the window, without growth, its gaps taken for its mean.
pub(crate) fn rates(
    window: &Window,
    settings: &Settings,
    disk: &Disk,
    demand: &DiskDemand,
    of: Option<&Series>,
) -> Vec<u64> {
    let mut rates = vec![0; window.steps];
    add_disk(&mut rates, window, settings, disk, demand, of, 1);
    rates
}

fn disk_demand(
    window: &Window,
    settings: &Settings,
    disk: &Disk,
    of: Option<&Series>,
    scratch: &mut Vec<u64>,
) -> DiskDemand {
    let compressed_per_mille = settings.compression.of(disk);
    let written = of.and_then(|series| mean(&series.written, window.steps));
    let (known, mean_written, gaps) = match (written, disk.daily_change_bytes) {
        (Some((mean, gaps)), _) => (Known::Counters, mean, gaps),
        (None, Some(daily)) => (Known::DailyChange, daily.div_ceil(DAY_SECONDS), 0),
        (None, None) => (Known::Nothing, 0, 0),
    };
    let mut peak = |counters: &[&[u32]]| {
        scratch.clear();
        scratch.resize(window.steps, 0);
        let mut any = false;
        for values in counters {
            if let Some((mean, _)) = mean(values, window.steps) {
                any = true;
                add(scratch, values, mean, 1);
            }
        }
        any.then(|| nearest_rank(scratch, settings.percentile_per_mille))
    };
    let (peak_iops, peak_write_iops) = of.map_or((None, None), |series| {
        (
            peak(&[&series.write_iops, &series.read_iops]),
            peak(&[&series.write_iops]),
        )
    });
    let write_bytes = of.and_then(|series| {
        let both = series
            .written
            .iter()
            .zip(&series.write_iops)
            .filter(|(bytes, writes)| **bytes != ABSENT && **writes != ABSENT);
        let (bytes, hundredths) = both.fold((0_u128, 0_u128), |(bytes, count), (more, writes)| {
            (bytes + u128::from(*more), count + u128::from(*writes))
        });
        (hundredths > 0).then(|| u64::try_from(bytes * 100 / hundredths).unwrap_or(u64::MAX))
    });
    DiskDemand {
        known,
        mean_written,
        write_bytes,
        peak_iops,
        peak_write_iops,
        gaps,
        compressed_per_mille,
    }
}

/// The busiest day of bytes per second by step: the most of any of the window's days of 24 h, or the mean day where there is no whole one.
#[must_use]
pub fn busiest_day(rates: &[u64], window: &Window) -> u64 {
    let step = u64::from(window.step_seconds.max(1));
    let a_day = usize::try_from(DAY_SECONDS / step).unwrap_or(1).max(1);
    let total = |rates: &[u64]| rates.iter().map(|rate| u128::from(*rate)).sum::<u128>() * u128::from(step);
    let whole = rates.chunks_exact(a_day).map(total).max();
    let day = whole.unwrap_or_else(|| total(rates) * u128::from(DAY_SECONDS) / u128::from(window.seconds().max(1)));
    u64::try_from(day).unwrap_or(u64::MAX)
}

/// The steps of the busiest day of bytes per second by step: of the window's whole days of 24 h the one with the most, the first of equals; all
/// steps where there is no whole one.
#[must_use]
pub fn busiest_part(rates: &[u64], window: &Window) -> std::ops::Range<usize> {
    let step = u64::from(window.step_seconds.max(1));
    let a_day = usize::try_from(DAY_SECONDS / step).unwrap_or(1).max(1);
    let days = rates.chunks_exact(a_day).enumerate();
    let total = |rates: &[u64]| rates.iter().map(|rate| u128::from(*rate)).sum::<u128>();
    let busiest = days.max_by_key(|(day, rates)| (total(rates), std::cmp::Reverse(*day)));
    busiest.map_or(0..rates.len(), |(day, _)| day * a_day..(day + 1) * a_day)
}

/// What each machine asks for, in the order of the estate. The same whatever the number of threads.
#[must_use]
pub fn demands(estate: &Estate, profile: Option<&Profile>, settings: &Settings) -> Vec<VmDemand> {
    let window = Window::of(profile);
    let of_vm = |scratch: &mut Vec<u64>, (index, vm): (usize, &crate::estate::Vm)| {
        let one = |disk: usize| series(profile, index, disk);
        let disks: Vec<DiskDemand> = vm
            .disks
            .iter()
            .enumerate()
            .map(|(at, disk)| disk_demand(&window, settings, disk, one(at), scratch))
            .collect();
        scratch.clear();
        scratch.resize(window.steps, 0);
        for (at, (disk, demand)) in vm.disks.iter().zip(&disks).enumerate() {
            add_disk(scratch, &window, settings, disk, demand, one(at), 1);
        }
        let busiest_day_bytes = busiest_day(scratch, &window);
        let peak_written = nearest_rank(scratch, settings.percentile_per_mille);
        let mut peak = |reads: bool| {
            scratch.clear();
            scratch.resize(window.steps, 0);
            let mut any = false;
            for series in (0..vm.disks.len()).filter_map(one) {
                let counters = [Some(&series.write_iops), reads.then_some(&series.read_iops)];
                for values in counters.into_iter().flatten() {
                    if let Some((mean, _)) = mean(values, window.steps) {
                        any = true;
                        add(scratch, values, mean, 1);
                    }
                }
            }
            any.then(|| nearest_rank(scratch, settings.percentile_per_mille))
        };
        VmDemand {
            mean_written: disks.iter().map(|disk| disk.mean_written).sum(),
            peak_written,
            peak_iops: peak(true),
            peak_write_iops: peak(false),
            busiest_day_bytes,
            disks,
        }
    };
    estate.vms.par_iter().enumerate().map_init(Vec::new, of_vm).collect()
}

/// Sums over machines, step by step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Written bytes per second.
    pub written: Vec<u64>,
    /// The same times the thousandths to which each disk compresses.
    sent_per_mille: Vec<u64>,
    framing_per_million: u32,
    of_written_per_mille: u32,
    window: Window,
}

/// The sum over the machines that are chosen. The same whatever the number of threads: sums of integers.
#[must_use]
pub fn totals(
    estate: &Estate,
    profile: Option<&Profile>,
    demands: &[VmDemand],
    settings: &Settings,
    chosen: &[bool],
) -> Totals {
    let window = Window::of(profile);
    let empty = || (vec![0_u64; window.steps], vec![0_u64; window.steps]);
    let machines: Vec<usize> = (0..estate.vms.len())
        .filter(|vm| chosen.get(*vm) == Some(&true))
        .collect();
    let (written, sent_per_mille) = machines
        .par_chunks(CHUNK)
        .fold(empty, |(mut written, mut sent), chunk| {
            for vm in chunk {
                let disks = estate.vms[*vm].disks.iter().zip(&demands[*vm].disks);
                for (at, (disk, demand)) in disks.enumerate() {
                    let of = series(profile, *vm, at);
                    let factor = u64::from(demand.compressed_per_mille);
                    match (demand.known, of) {
                        // Both sums in one pass over the counters: they are what fills the memory's bandwidth.
                        (Known::Counters, Some(series)) if series.written.len() == window.steps => {
                            let mean = demand.mean_written;
                            for ((value, written), sent) in series.written.iter().zip(&mut written).zip(&mut sent) {
                                let value = if *value == ABSENT { mean } else { u64::from(*value) };
                                *written += value;
                                *sent += value * factor;
                            }
                        }
                        _ => {
                            add_disk(&mut written, &window, settings, disk, demand, of, 1);
                            add_disk(&mut sent, &window, settings, disk, demand, of, factor);
                        }
                    }
                }
            }
            (written, sent)
        })
        .reduce(empty, |(mut written, mut sent), (more_written, more_sent)| {
            written
                .iter_mut()
                .zip(more_written)
                .for_each(|(sum, more)| *sum += more);
            sent.iter_mut().zip(more_sent).for_each(|(sum, more)| *sum += more);
            (written, sent)
        });
    Totals {
        written,
        sent_per_mille,
        framing_per_million: settings.framing_per_million,
        of_written_per_mille: settings.sent_per_mille,
        window,
    }
}

/// So many bytes times a factor in millionths, rounded up.
#[must_use]
pub(crate) fn scaled(bytes: u64, factor: u128) -> u64 {
    u64::try_from((u128::from(bytes) * factor).div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl Totals {
    /// The same sums, sent with other settings of headers and of what is sent of what is written.
    #[must_use]
    pub fn sent_by(mut self, settings: &Settings) -> Self {
        self.framing_per_million = settings.framing_per_million;
        self.of_written_per_mille = settings.sent_per_mille;
        self
    }

    /// What goes over the link in each step, with growth in thousandths and the headers of packets.
    #[must_use]
    pub fn arrivals(&self, growth_per_mille: u32) -> Arrivals {
        let framing = 1_000_000 + u128::from(self.framing_per_million);
        let sent = framing * u128::from(self.of_written_per_mille);
        let factor = u128::from(self.window.step_seconds) * (1_000 + u128::from(growth_per_mille)) * sent;
        let bytes = self.sent_per_mille.iter().map(|sent| {
            u64::try_from((u128::from(*sent) * factor).div_ceil(1_000_000_000_000_000)).unwrap_or(u64::MAX)
        });
        Arrivals {
            start_seconds: self.window.start_seconds,
            step_seconds: self.window.step_seconds,
            bytes: bytes.collect(),
        }
    }

    /// The same without growth, times a factor in millionths.
    #[must_use]
    pub(crate) fn scaled(&self, factor: u128) -> Arrivals {
        let mut arrivals = self.arrivals(0);
        for bytes in &mut arrivals.bytes {
            *bytes = scaled(*bytes, factor);
        }
        arrivals
    }

    /// Written bytes of the busiest day, without growth.
    #[must_use]
    pub fn busiest_day_bytes(&self) -> u64 {
        busiest_day(&self.written, &self.window)
    }

    /// Written bytes of the mean day, without growth.
    #[must_use]
    pub fn mean_day_bytes(&self) -> u64 {
        let total: u128 = self.written.iter().map(|rate| u128::from(*rate)).sum();
        u64::try_from(total * u128::from(DAY_SECONDS) / (self.written.len() as u128).max(1)).unwrap_or(u64::MAX)
    }
}
