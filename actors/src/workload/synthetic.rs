//! Writes drawn at random: a rate that follows the hour and comes in bursts, sizes by weight, a hot part of the disk.
//!
//! The time between two writes is drawn evenly between half and one and a half of its mean: no exponential, so that no float enters.
//! The hot part is the disk's beginning. In the aggregate grain nothing but bursts is drawn: how many writes a time brings is its mean, and
//! how much of the disk they cover is their expectation ([`super::spread`]), batch by batch as the finer grains fold.

use datapath::{EXTENT_BYTES, SECTOR_BYTES, SimTime};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Synthetic;
use super::spread::{Covered, Spread};
use super::stream::{Amount, Folded, Op};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;

impl Synthetic {
    pub(super) fn mean_write_bytes(&self) -> u64 {
        let weight: u64 = self.block_sizes.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let weighted = |(bytes, weight): &(u32, u32)| u64::from(*bytes) * u64::from(*weight);
        self.block_sizes.iter().map(weighted).sum::<u64>() / weight.max(1)
    }

    /// Bytes per second of so many requests, each of which follows its acknowledgement after `think` on a disk that takes `latency`.
    #[must_use]
    pub fn closed_rate(block_sizes: &[(u32, u32)], outstanding: u32, think: u64, latency: u64) -> u64 {
        let weight: u128 = block_sizes.iter().map(|(_, weight)| u128::from(*weight)).sum();
        let bytes = block_sizes
            .iter()
            .map(|(bytes, weight)| u128::from(*bytes) * u128::from(*weight));
        let one = u128::from(think.saturating_add(latency).max(1)) * weight.max(1);
        let second = u128::from(outstanding) * u128::from(SECOND);
        u64::try_from(bytes.sum::<u128>() * second / one).unwrap_or(u64::MAX)
    }

    /// Where it writes on a disk of so many bytes.
    fn spread(&self, disk_bytes: u64) -> Spread {
        let hot_bytes = disk_bytes / 1000 * u64::from(self.hot_part_per_mille.min(1000));
        Spread::new(
            &self.block_sizes,
            disk_bytes,
            u64::from(self.hot_per_mille.min(1000)),
            hot_bytes,
        )
    }

    /// Chunks and extents of a disk of so many bytes that so many writes change, in the mean.
    pub(super) fn touched(&self, disk_bytes: u64, writes: u64) -> (u64, u64) {
        let spread = self.spread(disk_bytes);
        (spread.touched_chunks(writes), spread.covered(writes).extents)
    }

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

/// Where the draws for bursts stand beside those for writes.
const BURSTS: u64 = 1 << 32;

/// Evenly between half and one and a half of a mean.
fn around(random: &mut ChaCha8Rng, mean: u64) -> u64 {
    mean / 2 + random.next_u64() % (mean + 1)
}

/// Draws where a write of so many bytes begins on a disk; of a thousand so many go to the hot part, which is so many thousandths of the disk.
pub(super) fn place(random: &mut ChaCha8Rng, disk_bytes: u64, (hot_per_mille, part): (u32, u32), bytes: u64) -> u64 {
    let hot = disk_bytes / 1000 * u64::from(part.min(1000));
    let is_hot = random.next_u64() % 1000 < u64::from(hot_per_mille) && hot >= bytes;
    let (from, to) = match is_hot {
        true => (0, hot),
        false if disk_bytes - hot >= bytes => (hot, disk_bytes),
        false => (0, disk_bytes),
    };
    let step = if bytes.is_multiple_of(EXTENT_BYTES) {
        EXTENT_BYTES
    } else {
        SECTOR_BYTES
    };
    let places = (to - from - bytes) / step + 1;
    from / step * step + random.next_u64() % places * step
}

/// A synthetic stream at work.
#[derive(Debug)]
pub(super) struct Generator {
    spec: Synthetic,
    disk_bytes: u64,
    /// Apart, as the next: of what a fleet asks its streams for they take most of the room, and are hardly used.
    random: Box<ChaCha8Rng>,
    /// The time of the last write, or the end of the last interval.
    at: SimTime,
    /// The current or next burst.
    burst: Option<(SimTime, SimTime)>,
    /// Bursts have draws of their own: they come at the same times in every grain.
    bursts: Box<ChaCha8Rng>,
    weight: u64,
    /// Bytes of `weight` writes.
    bytes_sum: u64,
    mean_bytes: u64,
    spread: Spread,
    /// Aggregate grain: what is written and not yet counted as a write, in bytes times nanoseconds a second.
    owed: u128,
    /// What so many writes cover, as asked last.
    covered: (u64, Covered),
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
        let mut bursts = random.clone();
        bursts.set_stream(random.get_stream() + BURSTS);
        let mut generator = Generator {
            spread: spec.spread(disk_bytes),
            spec,
            disk_bytes,
            random: Box::new(random),
            at: start,
            burst: None,
            bursts: Box::new(bursts),
            weight,
            bytes_sum: sum,
            mean_bytes: (sum / weight).max(1),
            owed: 0,
            covered: (0, Covered::default()),
        };
        generator.draw_burst();
        generator
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random.next_u64() % below.max(1)
    }

    fn draw_burst(&mut self) {
        let Some((between, lasts, _)) = self.spec.burst else {
            return;
        };
        let from = self.burst.map_or(self.at, |(_, end)| end);
        let pause = around(&mut self.bursts, u64::from(between) * SECOND).max(SECOND);
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
            let pause = around(&mut self.random, mean).max(1);
            self.at = self.at.after(pause);
            let op = self.write();
            return Some((self.at, op));
        }
        None
    }

    pub(super) fn thinks(&self) -> bool {
        self.spec.think.is_some()
    }

    pub(super) fn thinking(&mut self) -> u64 {
        around(&mut self.random, self.spec.think.unwrap_or(0))
    }

    pub(super) fn delayed(&mut self, by: u64) {
        self.at = self.at.after(by);
    }

    pub(super) fn write(&mut self) -> Op {
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
        let hot = (self.spec.hot_per_mille, self.spec.hot_part_per_mille);
        let offset = place(&mut self.random, self.disk_bytes, hot, bytes);
        Op::Write { offset, bytes }
    }

    /// The rate from a time on, and until when it stays so; none past the bursts that are drawn.
    fn steady(&self, at: SimTime) -> Option<(u64, SimTime)> {
        let day = u64::from(self.spec.start_of_day) * SECOND + at.0;
        let hour_ends = at.after(HOUR - day % HOUR);
        let (factor, until) = match (self.burst, self.spec.burst) {
            (Some((_, end)), _) if end <= at => return None,
            (Some((start, end)), Some((_, _, factor))) if start <= at => (u64::from(factor), end),
            (Some((start, _)), _) => (1000, start),
            _ => (1000, hour_ends),
        };
        Some((self.rate(at) * factor / 1000, until.min(hour_ends)))
    }

    pub(super) fn amount(&mut self, to: SimTime, folded: Folded) -> Amount {
        let mut amount = Amount::default();
        let most = (u128::from(folded.bytes) * 1000 / u128::from(self.spread.bytes(1000).max(1))).max(1) as u64;
        // Where the share of distinct bytes is given, how they are spread over batches does not matter.
        let within = self.spec.distinct_per_mille.map_or(folded.within.max(1), |_| u64::MAX);
        while self.at < to {
            // What one batch of the finer grains would hold, or several of them where they fill before their time.
            let end = self.at.after(within).min(to);
            while self.at < end {
                self.bursting(self.at);
                let Some((rate, until)) = self.steady(self.at) else {
                    break;
                };
                let until = until.min(end);
                self.owed += u128::from(rate) * u128::from(until.since(self.at));
                self.at = until;
            }
            self.at = end;
            let one = u128::from(self.bytes_sum) * u128::from(SECOND);
            let writes = (self.owed * u128::from(self.weight) / one) as u64;
            self.owed -= (u128::from(writes) * one)
                .div_ceil(u128::from(self.weight))
                .min(self.owed);
            let parts = writes.div_ceil(most);
            for part in 0..parts {
                let writes = writes / parts + u64::from(part < writes % parts);
                let covered = self.covered(writes);
                amount.writes += writes;
                amount.bytes += self.spread.bytes(writes);
                amount.distinct_bytes += covered.extents * EXTENT_BYTES;
                amount.chunks += covered.chunks;
            }
        }
        amount.distinct_bytes = amount.distinct_bytes.min(amount.bytes);
        amount
    }

    fn covered(&mut self, writes: u64) -> Covered {
        if let Some(per_mille) = self.spec.distinct_per_mille {
            return self.spread.given(writes, u64::from(per_mille.min(1000)));
        }
        if self.covered.0 != writes {
            self.covered = (writes, self.spread.covered(writes));
        }
        self.covered.1
    }

    pub(super) fn written_by(&self, bytes: u64, latest: SimTime) -> SimTime {
        let covered = u128::from(self.spread.bytes(1000).max(1));
        let plain = u128::from(bytes) * u128::from(self.bytes_sum) * 1000 / (u128::from(self.weight) * covered);
        let mut wanted = (plain * u128::from(SECOND)).saturating_sub(self.owed);
        let mut at = self.at;
        while at < latest {
            let Some((rate, until)) = self.steady(at) else {
                return at;
            };
            let until = until.min(latest);
            let brings = u128::from(rate) * u128::from(until.since(at));
            if brings >= wanted {
                return at.after(wanted.div_ceil(u128::from(rate.max(1))) as u64).min(latest);
            }
            wanted -= brings;
            at = until;
        }
        latest
    }
}
