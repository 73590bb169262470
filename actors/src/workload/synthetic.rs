//! Writes drawn at random: a rate that follows the hour and comes in bursts, sizes by weight, a hot part of the disk.
//!
//! The time between two writes is drawn evenly between half and one and a half of its mean: no exponential, so that no float enters.
//! The hot part is the disk's beginning.

use datapath::{EXTENT_BYTES, SECTOR_BYTES, SimTime};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Synthetic;
use super::stream::{Amount, Op};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;

impl Synthetic {
    /// The mean rate over days and bursts.
    pub(super) fn mean_bytes_per_second(&self) -> u64 {
        let hours = &self.hours_per_mille;
        let day: u64 = hours.iter().map(|factor| u64::from(*factor)).sum();
        let base = match hours.len() {
            0 => u128::from(self.bytes_per_second),
            hours => u128::from(self.bytes_per_second) * u128::from(day) / (hours as u128 * 1000),
        };
        let Some((between, lasts, factor)) = self.burst else {
            return base as u64;
        };
        // Of `between + lasts` seconds, `lasts` are a burst's.
        let (between, lasts) = (u128::from(between), u128::from(lasts));
        let weighted = between * 1000 + lasts * u128::from(factor);
        (base * weighted / ((between + lasts) * 1000).max(1)) as u64
    }
}

/// A synthetic stream at work.
#[derive(Debug)]
pub(super) struct Generator {
    spec: Synthetic,
    disk_bytes: u64,
    random: ChaCha8Rng,
    /// The time of the last write, or the end of the last interval.
    at: SimTime,
    /// The current or next burst.
    burst: Option<(SimTime, SimTime)>,
    weight: u64,
    mean_bytes: u64,
}

impl Generator {
    pub(super) fn new(mut spec: Synthetic, disk_bytes: u64, start: SimTime, random: ChaCha8Rng) -> Generator {
        spec.block_sizes.retain(|(bytes, weight)| *bytes > 0 && *weight > 0);
        if spec.block_sizes.is_empty() {
            spec.block_sizes.push((EXTENT_BYTES as u32, 1));
        }
        let weight: u64 = spec.block_sizes.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let sum: u64 = spec
            .block_sizes
            .iter()
            .map(|(bytes, weight)| u64::from(*bytes) * u64::from(*weight))
            .sum();
        let mut generator = Generator {
            spec,
            disk_bytes,
            random,
            at: start,
            burst: None,
            weight,
            mean_bytes: (sum / weight).max(1),
        };
        generator.draw_burst();
        generator
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random.next_u64() % below.max(1)
    }

    /// Evenly between half and one and a half of a mean.
    fn around(&mut self, mean: u64) -> u64 {
        mean / 2 + self.draw(mean + 1)
    }

    fn draw_burst(&mut self) {
        let Some((between, lasts, _)) = self.spec.burst else {
            return;
        };
        let from = self.burst.map_or(self.at, |(_, end)| end);
        let pause = self.around(u64::from(between) * SECOND).max(SECOND);
        let start = from.after(pause);
        self.burst = Some((start, start.after(u64::from(lasts) * SECOND)));
    }

    /// Bytes per second at a time, bursts apart.
    fn rate(&self, at: SimTime) -> u64 {
        let hours = &self.spec.hours_per_mille;
        if hours.is_empty() {
            return self.spec.bytes_per_second;
        }
        let second = u64::from(self.spec.start_of_day) + at.0 / SECOND;
        let factor = hours[(second / 3600) as usize % hours.len()];
        self.spec.bytes_per_second * u64::from(factor) / 1000
    }

    /// The factor per mille of a burst, if one is on.
    fn bursting(&mut self, at: SimTime) -> u64 {
        while self.burst.is_some_and(|(_, end)| end <= at) {
            self.draw_burst();
        }
        match (self.burst, self.spec.burst) {
            (Some((start, _)), Some((_, _, factor))) if start <= at => u64::from(factor),
            _ => 1000,
        }
    }

    pub(super) fn next_op(&mut self) -> Option<(SimTime, Op)> {
        if self.spec.bytes_per_second == 0 || self.disk_bytes < SECTOR_BYTES {
            return None;
        }
        // An hour without writes is skipped; after a day of them there is nothing to come.
        for _ in 0..25 {
            let factor = self.bursting(self.at);
            let rate = self.rate(self.at) * factor / 1000;
            if rate == 0 {
                let day = u64::from(self.spec.start_of_day) * SECOND + self.at.0;
                self.at = self.at.after(HOUR - day % HOUR);
                continue;
            }
            let mean = (u128::from(self.mean_bytes) * u128::from(SECOND) / u128::from(rate)) as u64;
            let pause = self.around(mean).max(1);
            self.at = self.at.after(pause);
            let op = self.write();
            return Some((self.at, op));
        }
        None
    }

    fn write(&mut self) -> Op {
        let mut pick = self.draw(self.weight);
        let mut bytes = EXTENT_BYTES;
        for (size, weight) in &self.spec.block_sizes {
            if pick < u64::from(*weight) {
                bytes = u64::from(*size);
                break;
            }
            pick -= u64::from(*weight);
        }
        let bytes = bytes.next_multiple_of(SECTOR_BYTES).min(self.disk_bytes);
        let hot = self.disk_bytes / 1000 * u64::from(self.spec.hot_part_per_mille.min(1000));
        let is_hot = self.draw(1000) < u64::from(self.spec.hot_per_mille) && hot >= bytes;
        let (from, to) = match is_hot {
            true => (0, hot),
            false if self.disk_bytes - hot >= bytes => (hot, self.disk_bytes),
            false => (0, self.disk_bytes),
        };
        let step = if bytes.is_multiple_of(EXTENT_BYTES) {
            EXTENT_BYTES
        } else {
            SECTOR_BYTES
        };
        let places = (to - from - bytes) / step + 1;
        let offset = from / step * step + self.draw(places) * step;
        Op::Write { offset, bytes }
    }

    pub(super) fn amount(&mut self, to: SimTime) -> Amount {
        let (from, length) = (self.at, to.since(self.at));
        self.at = to;
        // Time weighted by the bursts' factor, in thousandths of a nanosecond.
        let mut weighted = u128::from(length) * 1000;
        while let (Some((start, end)), Some((_, _, factor))) = (self.burst, self.spec.burst) {
            if start >= to {
                break;
            }
            let overlap = end.min(to).since(start.max(from));
            weighted += u128::from(overlap) * u128::from(factor);
            weighted -= u128::from(overlap) * 1000;
            if end > to {
                break;
            }
            self.draw_burst();
        }
        let mean = u128::from(self.rate(from)) * weighted / 1000 / u128::from(SECOND);
        let jitter = 900 + u128::from(self.draw(201));
        let bytes = (mean * jitter / 1000) as u64;
        let distinct = bytes / 1000 * u64::from(self.spec.distinct_per_mille.min(1000));
        Amount {
            writes: bytes.div_ceil(self.mean_bytes),
            bytes,
            distinct_bytes: distinct
                .clamp(bytes.min(EXTENT_BYTES), self.disk_bytes.max(EXTENT_BYTES))
                .min(bytes),
        }
    }
}
