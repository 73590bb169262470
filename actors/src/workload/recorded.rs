//! A recording replayed: its times scaled, its offsets wrapped into the disk. It begins anew at every boot.
//!
//! In the aggregate grain its writes are counted, batch by batch as the finer grains fold them; its discards, which take a row each in a
//! segment, are not.

use datapath::{CHUNK_EXTENTS, EXTENT_BYTES, SECTOR_BYTES, SimTime};

use super::stream::{Amount, Folded, Op};
use super::{Recorded, Request};

/// A recording at work.
#[derive(Debug)]
pub(super) struct Replay {
    spec: Recorded,
    disk_bytes: u64,
    /// When the current round began.
    start: SimTime,
    next: usize,
    /// Aggregate grain: everything before is counted.
    counted: SimTime,
}

impl Recorded {
    pub(super) fn mean_write_bytes(&self) -> u64 {
        let writes = self.writes().count() as u64;
        self.writes().map(|(_, sectors)| sectors * SECTOR_BYTES).sum::<u64>() / writes.max(1)
    }

    /// First sector and sectors of each write.
    fn writes(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.requests.iter().filter_map(|request| match request {
            Request::Write { sector, sectors, .. } => Some((*sector, u64::from(*sectors))),
            Request::Flush { .. } | Request::Discard { .. } => None,
        })
    }

    /// Chunks and extents of the disk that its first so many writes change.
    pub(super) fn touched(&self, writes: u64) -> (u64, u64) {
        let extent = EXTENT_BYTES / SECTOR_BYTES;
        (
            self.touched_in(writes, CHUNK_EXTENTS * extent),
            self.touched_in(writes, extent),
        )
    }

    /// The same, in units of so many sectors.
    fn touched_in(&self, writes: u64, unit: u64) -> u64 {
        let writes = self.writes().take(usize::try_from(writes).unwrap_or(usize::MAX));
        let mut touched: Vec<(u64, u64)> = writes.map(|(at, len)| (at / unit, (at + len).div_ceil(unit))).collect();
        touched.sort_unstable();
        let (mut end, mut units) = (0, 0);
        for (from, to) in touched {
            units += to.saturating_sub(from.max(end));
            end = end.max(to);
        }
        units
    }

    /// Bytes written per second over the length of the recording, at the speed at which it is replayed.
    pub(super) fn mean_bytes_per_second(&self) -> u64 {
        let bytes: u128 = self
            .requests
            .iter()
            .map(|request| match request {
                Request::Write { sectors, .. } => u128::from(*sectors) * u128::from(SECTOR_BYTES),
                Request::Flush { .. } | Request::Discard { .. } => 0,
            })
            .sum();
        let length = match (self.requests.first(), self.requests.last()) {
            (Some(first), Some(last)) => u128::from(last.at() - first.at()),
            _ => 0,
        };
        // A recording shorter than a second counts as one of a second.
        let length = (length * 1000 / u128::from(self.speed_per_mille.max(1))).max(1_000_000_000);
        (bytes * 1_000_000_000 / length) as u64
    }
}

impl Request {
    /// Nanoseconds since the first request.
    #[must_use]
    pub fn at(&self) -> u64 {
        match self {
            Request::Write { at, .. } | Request::Flush { at } | Request::Discard { at, .. } => *at,
        }
    }
}

impl Replay {
    pub(super) fn new(spec: Recorded, disk_bytes: u64, start: SimTime) -> Replay {
        Replay {
            spec,
            disk_bytes,
            start,
            next: 0,
            counted: start,
        }
    }

    pub(super) fn begin(&mut self, now: SimTime) {
        (self.start, self.counted, self.next) = (now, now, 0);
    }

    fn scaled(&self, at: u64) -> u64 {
        (u128::from(at) * 1000 / u128::from(self.spec.speed_per_mille.max(1))) as u64
    }

    /// When the next request is due, beginning anew where the recording repeats.
    fn due(&mut self) -> Option<SimTime> {
        if self.disk_bytes < SECTOR_BYTES {
            return None;
        }
        let (first, last) = (self.spec.requests.first()?.at(), self.spec.requests.last()?.at());
        if self.next >= self.spec.requests.len() {
            if !self.spec.repeat {
                return None;
            }
            // A second between two rounds: a recording of one request must not stop the clock.
            self.start = self.start.after(self.scaled(last - first) + 1_000_000_000);
            self.next = 0;
        }
        let at = self.spec.requests[self.next].at();
        Some(self.start.after(self.scaled(at.saturating_sub(first))))
    }

    /// A range of sectors as bytes of this disk.
    fn wrap(&self, sector: u64, sectors: u64) -> (u64, u64) {
        let disk_sectors = self.disk_bytes / SECTOR_BYTES;
        let sectors = sectors.clamp(1, disk_sectors);
        let sector = (sector % disk_sectors).min(disk_sectors - sectors);
        (sector * SECTOR_BYTES, sectors * SECTOR_BYTES)
    }

    pub(super) fn next_op(&mut self) -> Option<(SimTime, Op)> {
        let at = self.due()?;
        let request = self.spec.requests[self.next];
        self.next += 1;
        let op = match request {
            Request::Write { sector, sectors, .. } => {
                let (offset, bytes) = self.wrap(sector, u64::from(sectors));
                Op::Write { offset, bytes }
            }
            Request::Discard { sector, sectors, .. } => {
                let (offset, bytes) = self.wrap(sector, u64::from(sectors));
                Op::Discard { offset, bytes }
            }
            Request::Flush { .. } => Op::Flush,
        };
        Some((at, op))
    }

    pub(super) fn amount(&mut self, to: SimTime, folded: Folded) -> Amount {
        let mut amount = Amount::default();
        let mut extents: Vec<(u64, u64)> = Vec::new();
        let mut bytes = 0;
        while self.counted < to {
            // What one batch of the finer grains would hold, or several of them where they fill before their time.
            let end = self.counted.after(folded.within.max(1)).min(to);
            while self.due().is_some_and(|due| due <= end) {
                let Some((_, op)) = self.next_op() else { break };
                if let Op::Write { offset, bytes: written } = op {
                    let (first, last) = (offset / EXTENT_BYTES, (offset + written).div_ceil(EXTENT_BYTES));
                    amount.writes += 1;
                    bytes += (last - first) * EXTENT_BYTES;
                    extents.push((first, last));
                }
                if bytes >= folded.bytes {
                    amount.bytes += std::mem::take(&mut bytes);
                    amount.fold(&mut extents);
                }
            }
            amount.bytes += std::mem::take(&mut bytes);
            amount.fold(&mut extents);
            self.counted = end;
        }
        amount
    }

    pub(super) fn written_by(&self, bytes: u64, latest: SimTime) -> SimTime {
        let Some(first) = self.spec.requests.first() else {
            return latest;
        };
        let mut left = bytes;
        for request in self.spec.requests.iter().skip(self.next) {
            let at = self.start.after(self.scaled(request.at().saturating_sub(first.at())));
            if at >= latest {
                return latest;
            }
            if let Request::Write { sectors, .. } = request {
                // A write that begins anywhere may touch an extent more than it fills.
                let covers = (u64::from(*sectors) * SECTOR_BYTES).next_multiple_of(EXTENT_BYTES);
                left = left.saturating_sub(covers);
            }
            if left == 0 {
                return at;
            }
        }
        latest
    }
}

impl Amount {
    /// Adds what is left of stretches of extents when each extent counts once, and empties them.
    fn fold(&mut self, extents: &mut Vec<(u64, u64)>) {
        extents.sort_unstable();
        let mut stretch: Option<(u64, u64)> = None;
        for (from, to) in extents
            .drain(..)
            .map(Some)
            .chain([None])
            .map(|next| next.unwrap_or((u64::MAX, u64::MAX)))
        {
            match &mut stretch {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => {
                    let extents = stretch.map_or(0, |(from, end)| end - from);
                    self.distinct_bytes += extents * EXTENT_BYTES;
                    self.chunks += extents.div_ceil(CHUNK_EXTENTS);
                    stretch = Some((from, to));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn replay(requests: Vec<Request>, speed_per_mille: u32, repeat: bool) -> Replay {
        let spec = Recorded {
            requests: Arc::new(requests),
            speed_per_mille,
            repeat,
        };
        Replay::new(spec, 1 << 20, SimTime(1000))
    }

    #[test]
    fn a_recording_keeps_its_times_and_stays_on_the_disk() {
        let write = |at, sector| Request::Write {
            at,
            sector,
            sectors: 16,
        };
        let mut replay = replay(
            vec![write(500, 0), write(2500, 2047), write(4500, 9_999_999)],
            2000,
            false,
        );
        let mut seen = Vec::new();
        while let Some((at, Op::Write { offset, bytes })) = replay.next_op() {
            assert!(offset + bytes <= 1 << 20);
            seen.push(at.0);
        }
        assert_eq!(seen, [1000, 2000, 3000]);
    }

    #[test]
    fn a_recording_that_repeats_goes_on_and_time_passes() {
        let mut replay = replay(
            vec![Request::Write {
                at: 0,
                sector: 0,
                sectors: 1,
            }],
            1000,
            true,
        );
        let (first, _) = replay.next_op().unwrap();
        let (second, _) = replay.next_op().unwrap();
        assert!(second > first);
    }

    #[test]
    fn an_interval_counts_a_block_written_twice_once() {
        let write = |at| Request::Write {
            at,
            sector: 8,
            sectors: 8,
        };
        let folded = Folded {
            within: 2000,
            bytes: 1 << 20,
        };
        let mut replay = replay(
            vec![write(0), write(1), write(1999), write(2500), write(5000)],
            1000,
            false,
        );
        let amount = replay.amount(SimTime(4000), folded);
        assert_eq!((amount.writes, amount.bytes, amount.distinct_bytes), (4, 16_384, 8192));
        assert_eq!(amount.chunks, 2);
    }

    #[test]
    fn a_stretch_longer_than_a_chunk_takes_several() {
        let mut amount = Amount::default();
        amount.fold(&mut vec![(32, 33), (0, 10), (10, 17), (5, 7)]);
        assert_eq!((amount.distinct_bytes, amount.chunks), (18 * 4096, 3));
    }
}
