//! A recording replayed: its times scaled, its offsets wrapped into the disk.

use datapath::{EXTENT_BYTES, SECTOR_BYTES, SimTime};

use super::stream::{Amount, Op};
use super::{Recorded, Request};

/// A recording at work.
#[derive(Debug)]
pub(super) struct Replay {
    spec: Recorded,
    disk_bytes: u64,
    /// When the current round began.
    start: SimTime,
    next: usize,
}

impl Recorded {
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
        }
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

    pub(super) fn amount(&mut self, to: SimTime) -> Amount {
        let mut amount = Amount::default();
        let mut extents: Vec<(u64, u64)> = Vec::new();
        while self.due().is_some_and(|due| due <= to) {
            let Some((_, op)) = self.next_op() else { break };
            if let Op::Write { offset, bytes } = op {
                amount.writes += 1;
                amount.bytes += bytes;
                extents.push((offset / EXTENT_BYTES, (offset + bytes).div_ceil(EXTENT_BYTES)));
            }
        }
        extents.sort_unstable();
        let mut end = 0;
        for (from, to) in extents {
            let from = from.max(end);
            amount.distinct_bytes += to.saturating_sub(from) * EXTENT_BYTES;
            end = end.max(to);
        }
        // What is written travels in whole extents.
        amount.bytes = amount.bytes.max(amount.distinct_bytes);
        amount
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
        let mut replay = replay(vec![write(0), write(1), write(5000)], 1000, false);
        let amount = replay.amount(SimTime(3000));
        assert_eq!((amount.writes, amount.bytes, amount.distinct_bytes), (2, 8192, 4096));
    }
}
