//! What counters of a disk recorded, written again step by step: so many bytes in so many writes, at random places.
//!
//! The profile follows the clock, not a boot: whoever boots late, or elsewhere, goes on at the step that the time has come to. Bytes are
//! counted in whole extents, and what does not fill one is carried to the next step; so a step brings what was recorded, to an extent. Its
//! writes are as many as were recorded, each of whole extents and at least one; each has an even share of the step, and comes at a random
//! moment of it. In the aggregate grain nothing is drawn: a time brings its share of the step, and how much of the disk that covers
//! is its expectation ([`super::spread`]), batch by batch as the finer grains fold.

use datapath::{CHUNK_EXTENTS, EXTENT_BYTES, SimTime};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::spread::{Covered, Spread};
use super::stream::{Amount, Folded, Op};
use super::synthetic::place;
use super::{Counted, Profiled};

const SECOND: u64 = 1_000_000_000;
/// Hundredths of a write, by which its counter counts.
const HUNDREDTHS: u128 = 100;

/// Chunks that one request of a controller takes at the most.
const CHUNKS_A_WRITE: u64 = 64;

/// What a step brings: extents and writes.
type Brings = (u64, u64);

impl Profiled {
    /// Bytes of a step with the factor, and its writes in hundredths.
    fn amounts(&self, step: &Counted) -> (u128, u128) {
        let factor = u128::from(self.factor_per_mille) * u128::from(self.step);
        let grown = |per_second: u32| u128::from(per_second) * factor / (1_000 * u128::from(SECOND));
        (grown(step.bytes_per_second), grown(step.writes_per_second))
    }

    /// Bytes and writes of all steps.
    fn total(&self) -> (u128, u128) {
        let amounts = self.steps.iter().map(|step| self.amounts(step));
        let (bytes, hundredths) = amounts.fold((0, 0), |(bytes, writes), of| (bytes + of.0, writes + of.1));
        (bytes, hundredths / HUNDREDTHS)
    }

    /// Bytes per second, in the mean over the steps.
    pub(super) fn mean_bytes_per_second(&self) -> u64 {
        let length = u128::from(self.step) * self.steps.len() as u128;
        (self.total().0 * u128::from(SECOND) / length.max(1)) as u64
    }

    pub(super) fn mean_write_bytes(&self) -> u64 {
        let (bytes, writes) = self.total();
        let size = (bytes / writes.max(1)) as u64;
        size.next_multiple_of(EXTENT_BYTES).max(EXTENT_BYTES)
    }

    /// Chunks and extents of a disk of so many bytes that so many writes change, in the mean.
    pub(super) fn touched(&self, disk_bytes: u64, writes: u64) -> (u64, u64) {
        let size = u32::try_from(self.mean_write_bytes().min(disk_bytes)).unwrap_or(u32::MAX);
        let spread = self.spread(disk_bytes, &[(size, 1)]);
        (spread.touched_chunks(writes), spread.covered(writes).extents)
    }

    fn spread(&self, disk_bytes: u64, sizes: &[(u32, u32)]) -> Spread {
        let hot_bytes = disk_bytes / 1000 * u64::from(self.hot_part_per_mille.min(1000));
        Spread::new(sizes, disk_bytes, u64::from(self.hot_per_mille.min(1000)), hot_bytes)
    }
}

/// A profile at work.
#[derive(Debug)]
pub(super) struct Profiler {
    spec: Profiled,
    disk_bytes: u64,
    random: ChaCha8Rng,
    /// Everything before is written, or was before the boot.
    at: SimTime,
    /// The step that is at work, counted from the profile's begin through all its rounds; none yet.
    step: Option<u64>,
    /// What it brings.
    brings: Brings,
    /// Bytes of the steps so far that fill no extent.
    carried: u64,
    /// The next of its writes.
    next: u64,
    /// Whether any step brings anything.
    writes: bool,
    /// What so many extents in so many writes cover, as asked last.
    covered: (Brings, Covered),
}

impl Profiler {
    pub(super) fn new(spec: Profiled, disk_bytes: u64, start: SimTime, random: ChaCha8Rng) -> Profiler {
        let writes = spec.step > 0 && spec.total().0 > 0 && disk_bytes >= EXTENT_BYTES;
        Profiler {
            spec,
            disk_bytes,
            random,
            at: start,
            step: None,
            brings: (0, 0),
            carried: 0,
            next: 0,
            writes,
            covered: ((0, 0), Covered::default()),
        }
    }

    /// The counters of a step; none past the profile's end.
    fn counted(&self, step: u64) -> Option<&Counted> {
        let steps = self.spec.steps.len() as u64;
        let step = if self.spec.repeat { step % steps.max(1) } else { step };
        self.spec.steps.get(usize::try_from(step).ok()?)
    }

    fn begins(&self, step: u64) -> SimTime {
        SimTime(self.spec.begins.saturating_add(step.saturating_mul(self.spec.step)))
    }

    /// The step of a moment.
    fn step_of(&self, at: SimTime) -> u64 {
        at.0.saturating_sub(self.spec.begins) / self.spec.step
    }

    /// What a step brings after what was carried, and what is carried then.
    fn brought(&self, counted: &Counted, carried: u64) -> (Brings, u64) {
        let (bytes, hundredths) = self.spec.amounts(counted);
        let bytes = bytes + u128::from(carried);
        let extents = (bytes / u128::from(EXTENT_BYTES)) as u64;
        let carried = (bytes % u128::from(EXTENT_BYTES)) as u64;
        // One request takes no more than a controller does, and no more than the disk has.
        let most = CHUNKS_A_WRITE * CHUNK_EXTENTS;
        let most = most.min(self.disk_bytes / EXTENT_BYTES).max(1);
        let writes = ((hundredths + HUNDREDTHS / 2) / HUNDREDTHS) as u64;
        let writes = writes.clamp(extents.div_ceil(most), extents);
        ((extents, writes), carried)
    }

    /// Goes to a step; false where the profile has ended.
    fn go_to(&mut self, step: u64) -> bool {
        if self.step == Some(step) {
            return true;
        }
        let Some(counted) = self.counted(step).copied() else {
            return false;
        };
        (self.brings, self.carried) = self.brought(&counted, self.carried);
        (self.step, self.next) = (Some(step), 0);
        true
    }

    pub(super) fn next_op(&mut self) -> Option<(SimTime, Op)> {
        if !self.writes {
            return None;
        }
        let mut step = self.step.unwrap_or_else(|| self.step_of(self.at));
        loop {
            if !self.go_to(step) {
                return None;
            }
            let (extents, writes) = self.brings;
            if self.next == writes {
                step += 1;
                continue;
            }
            let number = self.next;
            self.next += 1;
            let within = self.random.next_u64() % self.spec.step;
            let share = u128::from(number) * u128::from(self.spec.step) + u128::from(within);
            let at = self.begins(step).after((share / u128::from(writes)) as u64);
            // What came before the boot is not written.
            if at < self.at {
                continue;
            }
            let upto = |number: u64| (u128::from(number) * u128::from(extents) / u128::from(writes)) as u64;
            let bytes = (upto(number + 1) - upto(number)) * EXTENT_BYTES;
            let hot = (self.spec.hot_per_mille, self.spec.hot_part_per_mille);
            let offset = place(&mut self.random, self.disk_bytes, hot, bytes);
            return Some((at, Op::Write { offset, bytes }));
        }
    }

    /// What a step has brought when so much of it is over.
    fn upto(brings: Brings, part: u64, step: u64) -> Brings {
        let share = |whole: u64| (u128::from(whole) * u128::from(part) / u128::from(step)) as u64;
        (share(brings.0), share(brings.1))
    }

    /// Goes to a moment in or at the end of the step of `at`; gives what the time until then brought.
    fn advance(&mut self, to: SimTime) -> Brings {
        let step = self.step_of(self.at);
        if self.at.0 < self.spec.begins || !self.go_to(step) {
            self.at = to;
            return (0, 0);
        }
        let begins = self.begins(step);
        let upto = |at: SimTime| Profiler::upto(self.brings, at.since(begins), self.spec.step);
        let (before, after) = (upto(self.at), upto(to));
        self.at = to;
        (after.0 - before.0, after.1 - before.1)
    }

    pub(super) fn amount(&mut self, to: SimTime, folded: Folded) -> Amount {
        let mut amount = Amount::default();
        if !self.writes {
            return amount;
        }
        // Where the share of distinct bytes is given, how they are spread over batches does not matter.
        let within = self.spec.distinct_per_mille.map_or(folded.within.max(1), |_| u64::MAX);
        while self.at < to {
            // What one batch of the finer grains would hold, or several of them where they fill before their time.
            let end = self.at.after(within).min(to);
            let mut brings = (0, 0);
            while self.at < end {
                let step_ends = match self.at.0 < self.spec.begins {
                    true => SimTime(self.spec.begins),
                    false => self.begins(self.step_of(self.at) + 1),
                };
                let more = self.advance(step_ends.min(end));
                brings = (brings.0 + more.0, brings.1 + more.1);
            }
            self.fold(&mut amount, brings, folded);
        }
        amount.distinct_bytes = amount.distinct_bytes.min(amount.bytes);
        amount
    }

    /// Adds what so many extents in so many writes come to.
    fn fold(&mut self, amount: &mut Amount, (extents, writes): Brings, folded: Folded) {
        if extents == 0 {
            return;
        }
        // Shares of writes and extents are rounded each for itself.
        let writes = writes.clamp(1, extents);
        let parts = (extents * EXTENT_BYTES).div_ceil(folded.bytes.max(1)).min(writes);
        let share = |whole: u64, part: u64| whole / parts + u64::from(part < whole % parts);
        for part in 0..parts {
            let (extents, writes) = (share(extents, part), share(writes, part));
            let covered = self.covers((extents, writes));
            amount.writes += writes;
            amount.bytes += extents * EXTENT_BYTES;
            amount.distinct_bytes += covered.extents * EXTENT_BYTES;
            amount.chunks += covered.chunks;
        }
    }

    fn covers(&mut self, brings: Brings) -> Covered {
        if self.covered.0 != brings {
            let (extents, writes) = brings;
            let bytes = |extents: u64| u32::try_from(extents * EXTENT_BYTES).unwrap_or(u32::MAX);
            let weight = |writes: u64| u32::try_from(writes).unwrap_or(u32::MAX);
            let larger = extents % writes;
            let sizes = [
                (bytes(extents / writes), weight(writes - larger)),
                (bytes(extents / writes + 1), weight(larger)),
            ];
            let sizes = if larger == 0 { &sizes[..1] } else { &sizes[..] };
            let spread = self.spec.spread(self.disk_bytes, sizes);
            let covered = match self.spec.distinct_per_mille {
                Some(per_mille) => spread.given(writes, u64::from(per_mille.min(1000))),
                None => spread.covered(writes),
            };
            self.covered = (brings, covered);
        }
        self.covered.1
    }

    pub(super) fn written_by(&self, bytes: u64, latest: SimTime) -> SimTime {
        if !self.writes {
            return latest;
        }
        let mut wanted = bytes.div_ceil(EXTENT_BYTES);
        let mut at = self.at.max(SimTime(self.spec.begins));
        let mut carried = self.carried;
        while at < latest {
            let step = self.step_of(at);
            let brings = match self.step == Some(step) {
                true => self.brings,
                false => {
                    let Some(counted) = self.counted(step) else {
                        return latest;
                    };
                    let (brings, rest) = self.brought(counted, carried);
                    carried = rest;
                    brings
                }
            };
            let begins = self.begins(step);
            let before = Profiler::upto(brings, at.since(begins), self.spec.step).0;
            if brings.0 - before >= wanted {
                let part = u128::from(before + wanted) * u128::from(self.spec.step);
                return begins.after(part.div_ceil(u128::from(brings.0)) as u64).min(latest);
            }
            wanted -= brings.0 - before;
            at = self.begins(step + 1);
        }
        latest
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    const MINUTE: u64 = 60 * SECOND;
    const FOLDED: Folded = Folded {
        within: 30 * SECOND,
        bytes: 64 << 20,
    };

    fn counted((bytes, writes): &(u32, u32)) -> Counted {
        Counted {
            bytes_per_second: *bytes,
            writes_per_second: *writes,
        }
    }

    fn spec(steps: &[(u32, u32)]) -> Profiled {
        Profiled {
            steps: Arc::new(steps.iter().map(counted).collect()),
            step: MINUTE,
            begins: 0,
            repeat: false,
            factor_per_mille: 1_000,
            hot_per_mille: 0,
            hot_part_per_mille: 1_000,
            distinct_per_mille: None,
        }
    }

    fn profiler(spec: Profiled, start: u64) -> Profiler {
        Profiler::new(spec, 1 << 34, SimTime(start), ChaCha8Rng::seed_from_u64(7))
    }

    /// Writes and their bytes by step.
    fn drawn(mut profiler: Profiler, steps: usize) -> Vec<(u64, u64)> {
        let mut by_step = vec![(0, 0); steps];
        let mut last = SimTime::ZERO;
        while let Some((at, op)) = profiler.next_op() {
            let Op::Write { offset, bytes } = op else {
                panic!("{op:?}")
            };
            assert!(at >= last && offset + bytes <= 1 << 34, "{at:?} after {last:?}");
            assert!(offset.is_multiple_of(EXTENT_BYTES) && bytes <= 4 << 20 && bytes > 0);
            last = at;
            let Some(step) = by_step.get_mut((at.0 / MINUTE) as usize) else {
                break;
            };
            *step = (step.0 + 1, step.1 + bytes);
        }
        by_step
    }

    #[test]
    fn each_step_brings_what_was_recorded_in_as_many_writes() {
        // 8 KiB in each of 10 writes a second; nothing; 1 MiB in one of them; a little.
        let steps = [(81_920, 1_000), (0, 0), (1 << 20, 100), (100, 10)];
        let by_step = drawn(profiler(spec(&steps), 0), 4);
        assert_eq!(by_step[0], (600, 81_920 * 60));
        assert_eq!(by_step[1], (0, 0));
        assert_eq!(by_step[2], (60, 60 << 20));
        // 6,000 bytes in six writes of a whole extent at least: one of them.
        assert_eq!(by_step[3], (1, 4_096));
    }

    #[test]
    fn a_factor_makes_more_writes_of_the_same_size() {
        let mut grown = spec(&[(81_920, 1_000)]);
        grown.factor_per_mille = 1_300;
        assert_eq!(drawn(profiler(grown, 0), 1), [(780, 780 * 8_192)]);
    }

    #[test]
    fn it_begins_at_its_time_ends_or_repeats_and_goes_by_the_clock() {
        let steps = [(4_096, 100), (8_192, 200)];
        let mut late = spec(&steps);
        late.begins = 2 * MINUTE;
        let minute = |writes: u64| (writes, writes * 4_096);
        assert_eq!(
            drawn(profiler(late.clone(), 0), 6),
            [minute(0), minute(0), minute(60), minute(120), minute(0), minute(0)]
        );
        late.repeat = true;
        assert_eq!(
            drawn(profiler(late.clone(), 0), 6),
            [minute(0), minute(0), minute(60), minute(120), minute(60), minute(120)]
        );
        // A boot in the middle of the second step's first round.
        let booted = drawn(profiler(late, 3 * MINUTE + MINUTE / 2), 5);
        assert_eq!((booted[2], booted[4]), (minute(0), minute(60)));
        assert!((45..=75).contains(&booted[3].0), "{booted:?}");
    }

    #[test]
    fn a_profile_of_nothing_never_writes() {
        let mut nothing = spec(&[(0, 0), (0, 5)]);
        nothing.repeat = true;
        let mut profiler = profiler(nothing, 0);
        assert_eq!(profiler.next_op(), None);
        assert_eq!(profiler.amount(SimTime(MINUTE), FOLDED), Amount::default());
        assert_eq!(profiler.written_by(1, SimTime(MINUTE)), SimTime(MINUTE));
    }

    #[test]
    fn a_day_is_told_in_no_more_work_than_its_batches() {
        let mut with = spec(&[(1_000_000, 10_000); 1_440]);
        with.distinct_per_mille = Some(600);
        let mut told = profiler(with, 0);
        let amount = told.amount(SimTime(1_440 * MINUTE), FOLDED);
        assert_eq!(amount.bytes, 86_400_000_000 / EXTENT_BYTES * EXTENT_BYTES);
        let share = amount.distinct_bytes as f64 / amount.bytes as f64;
        assert!((share - 0.6).abs() < 0.001, "{share}");
    }

    proptest! {
        /// However the time is cut, the modelled grain brings what the others write, step by step, and each extent at its time.
        #[test]
        fn amounts_are_the_writes_of_their_time(
            steps in proptest::collection::vec((0_u32..2_000_000, 0_u32..20_000), 1..12),
            cuts in proptest::collection::vec(1_u64..120, 1..40),
            begins in 0_u64..200,
            repeat: bool,
            factor in 1_u32..3_000,
        ) {
            let mut of = spec(&steps);
            of.begins = begins * SECOND;
            of.repeat = repeat;
            of.factor_per_mille = factor;
            let end = begins + 60 * steps.len() as u64;
            let mut told = profiler(of.clone(), 0);
            let (mut at, mut sum) = (0, Amount::default());
            for cut in cuts.iter().cycle() {
                if at >= end {
                    break;
                }
                at = (at + cut).min(end);
                let due = told.written_by(1 << 20, SimTime(at * SECOND));
                prop_assert!(due <= SimTime(at * SECOND));
                let amount = told.amount(SimTime(at * SECOND), FOLDED);
                prop_assert!(amount.distinct_bytes <= amount.bytes && amount.writes * EXTENT_BYTES <= amount.bytes);
                sum.bytes += amount.bytes;
                sum.writes += amount.writes;
                sum.distinct_bytes += amount.distinct_bytes;
            }
            let mut writes = profiler(of.clone(), 0);
            let (mut count, mut bytes) = (0, 0);
            while let Some((at, Op::Write { bytes: more, .. })) = writes.next_op() {
                if at >= SimTime(end * SECOND) {
                    break;
                }
                (count, bytes) = (count + 1, bytes + more);
            }
            prop_assert_eq!(sum.bytes, bytes);
            // Writes are rounded where a time is cut.
            prop_assert!(sum.writes.abs_diff(count) <= 4 * cuts.len() as u64 * end, "{} and {count}", sum.writes);
            let recorded: u64 = steps.iter().map(|(bytes, _)| u64::from(*bytes) * 60 * u64::from(factor) / 1_000).sum();
            prop_assert!(recorded - bytes < 4_096 + steps.len() as u64, "{bytes} of {recorded}");
        }

        #[test]
        fn so_many_bytes_are_written_by_then(
            steps in proptest::collection::vec((1_u32..2_000_000, 0_u32..20_000), 1..12),
            from in 0_u64..600,
            wanted in 1_u64..100_000_000,
        ) {
            let of = spec(&steps);
            let end = SimTime(600 * SECOND);
            let mut told = profiler(of, 0);
            told.amount(SimTime(from * SECOND), FOLDED);
            let due = told.written_by(wanted, end);
            let amount = told.amount(due, FOLDED);
            if due < end {
                prop_assert!(amount.bytes >= wanted, "{} of {wanted} by {due}", amount.bytes);
                prop_assert!(amount.bytes - wanted.next_multiple_of(EXTENT_BYTES) <= EXTENT_BYTES);
            }
        }
    }
}
