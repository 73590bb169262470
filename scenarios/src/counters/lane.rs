//! The counters of a disk as they come in, and what becomes of them.

use rayon::prelude::*;

use super::Reading;
use super::header::Form;
use super::parse::{Clock, Values};
use super::problem::{Problem, Problems};
use super::profile::{ABSENT, Profile, Series};
use super::roster::Roster;

/// A step without counters.
const NOTHING: Values = [ABSENT; 3];
/// Bytes of counters, all disks, from which on they may not be nearly all gaps.
const LARGE: u64 = 2 << 30;

/// Counters of a disk, from its first step to its last. All of a step stand together: a row is one place in memory.
#[derive(Debug, Default)]
pub(super) struct Lane {
    first: i32,
    cells: Vec<Values>,
    /// Rows for a step that had one already, and the step of the first such row.
    pub(super) duplicates: u64,
    pub(super) first_duplicate: Option<i32>,
}

impl Lane {
    /// Takes a row; the last one of a step counts.
    #[inline]
    pub(super) fn take(&mut self, index: i32, values: Values) {
        if self.cells.is_empty() {
            self.first = index;
        }
        let mut at = i64::from(index) - i64::from(self.first);
        if at < 0 {
            at += self.grow_front(at.unsigned_abs());
        }
        // What is not negative fits.
        let at = usize::try_from(at).unwrap_or(0);
        if at >= self.cells.len() {
            self.grow(at + 1);
        }
        let cell = &mut self.cells[at];
        if *cell != NOTHING {
            self.duplicates += 1;
            self.first_duplicate.get_or_insert(index);
        }
        *cell = values;
    }

    /// Makes room at the end, a quarter more than before where that is not enough: all disks grow at once, and double would be too much.
    fn grow(&mut self, length: usize) {
        if length > self.cells.capacity() {
            let more = (self.cells.len() / 4).max(64).max(length - self.cells.len());
            self.cells.reserve_exact(more);
        }
        self.cells.resize(length, NOTHING);
    }

    /// Makes room before the first step, more than is asked for where there is much already. Gives how much.
    fn grow_front(&mut self, wanted: u64) -> i64 {
        let room = i64::from(self.first) - i64::from(i32::MIN);
        let more = (self.cells.len() as u64 / 2).max(wanted).min(room.unsigned_abs());
        let more = i32::try_from(more).unwrap_or(i32::MAX);
        let cells = usize::try_from(more).unwrap_or(0);
        self.cells.splice(0..0, std::iter::repeat_n(NOTHING, cells));
        self.first -= more;
        i64::from(more)
    }

    /// The first step that has counters and the one after the last; none where there is none.
    pub(super) fn range(&self) -> Option<(i32, i32)> {
        let begin = self.cells.iter().position(|cell| *cell != NOTHING)?;
        let end = self.cells.iter().rposition(|cell| *cell != NOTHING)? + 1;
        let step = |at: usize| i32::try_from(at).ok().and_then(|at| self.first.checked_add(at));
        Some((step(begin)?, step(end)?))
    }

    /// Steps without counters between those, and the first of them.
    pub(super) fn gaps(&self) -> (u64, Option<i32>) {
        let Some((begin, end)) = self.range() else {
            return (0, None);
        };
        let steps = (begin..end).zip(self.cells.iter().skip((begin - self.first).unsigned_abs() as usize));
        let mut gaps = steps.filter(|(_, cell)| **cell == NOTHING).map(|(step, _)| step);
        let first = gaps.next();
        (u64::from(first.is_some()) + gaps.count() as u64, first)
    }

    /// The series from a step to another; lists that no file had are empty.
    fn series(self, (begin, end): (i32, i32), (reads, writes): (bool, bool)) -> Series {
        if self.range().is_none() {
            return Series::default();
        }
        let steps = usize::try_from(end - begin).unwrap_or(0);
        let mut series = Series::default();
        for (list, at, wanted) in [
            (&mut series.written, 0, true),
            (&mut series.write_iops, 1, writes),
            (&mut series.read_iops, 2, reads),
        ] {
            if !wanted {
                continue;
            }
            list.reserve_exact(steps);
            let before = i64::from(self.first) - i64::from(begin);
            let skipped = usize::try_from(-before).unwrap_or(0);
            list.resize(usize::try_from(before).unwrap_or(0), ABSENT);
            list.extend(
                self.cells
                    .iter()
                    .skip(skipped)
                    .map(|cell| cell[at])
                    .take(steps - list.len()),
            );
            list.resize(steps, ABSENT);
        }
        series
    }
}

/// The first step of all disks and the one after the last.
pub(super) fn bounds(lanes: &[Lane]) -> Option<(i32, i32)> {
    let ranges = lanes.par_iter().filter_map(Lane::range);
    ranges.reduce_with(|one, other| (one.0.min(other.0), one.1.max(other.1)))
}

/// The machines and their profile.
pub(super) fn finish(
    file: &str,
    form: Form,
    clock: Clock,
    reading: Reading<'_>,
    problems: &mut Problems,
) -> Option<(Roster, Profile)> {
    let Reading {
        resolver,
        mut lanes,
        has_iops,
        ..
    } = reading;
    let Some((mut begin, end)) = bounds(&lanes) else {
        if problems.errors() == 0 {
            problems.push(Problem::error(file, "no row is of a disk of the estate"));
        }
        return None;
    };
    if form == Form::Windows {
        // Windows count from a machine's start, whether the first ones are there or not.
        begin = begin.min(0);
    }
    let steps = usize::try_from(end - begin).unwrap_or(0);
    let filled: u64 = lanes.iter().map(|lane| lane.cells.len() as u64).sum();
    let cells = steps as u64 * lanes.len() as u64;
    if cells * 12 > LARGE && filled * 8 < cells {
        let days = steps as u64 * u64::from(clock.step_seconds) / 86_400;
        let found = format!("the times spread over {days} days, and nearly all of that is gaps");
        problems.push(Problem::error(file, found).accepted("the counters of one period"));
        return None;
    }
    let whole_lanes = lanes.split_off(resolver.disks());
    let series = |lane: Lane| lane.series((begin, end), has_iops);
    let mut lanes: Vec<Lane> = resolver
        .order()
        .into_iter()
        .map(|lane| std::mem::take(&mut lanes[lane]))
        .collect();
    let mut disks: Vec<Series> = lanes.par_iter_mut().map(|lane| series(std::mem::take(lane))).collect();
    let estate = resolver.roster();
    let mut firsts = Vec::with_capacity(estate.machines.len());
    let mut first = 0;
    for vm in &estate.machines {
        firsts.push(first);
        first += vm.disks.len();
    }
    for ((vm, _), lane) in resolver.whole().zip(whole_lanes) {
        let sizes: Vec<u64> = estate.machines[vm].disks.iter().map(|disk| disk.size_bytes).collect();
        let own = &mut disks[firsts[vm]..firsts[vm] + sizes.len()];
        if own.iter().all(|series| series.written.is_empty()) {
            spread(&series(lane), &sizes, own);
        }
    }
    let mut disks = disks.into_iter();
    let vms = estate
        .machines
        .iter()
        .map(|vm| disks.by_ref().take(vm.disks.len()).collect())
        .collect();
    let start = match form {
        Form::Windows => 0,
        Form::Times => clock.origin + i64::from(begin) * i64::from(clock.step_seconds),
    };
    let profile = Profile {
        start_seconds: start,
        step_seconds: clock.step_seconds,
        steps,
        vms,
    };
    Some((estate.clone(), profile))
}

/// Counters of a machine given to its disks by their sizes; evenly where none is known.
fn spread(whole: &Series, sizes: &[u64], disks: &mut [Series]) {
    let total: u128 = sizes.iter().map(|size| u128::from(*size)).sum();
    for (size, disk) in sizes.iter().zip(disks) {
        let (part, total) = if total == 0 {
            (1, sizes.len() as u128)
        } else {
            (u128::from(*size), total)
        };
        let share = |value: &u32| match *value {
            ABSENT => ABSENT,
            value => u32::try_from((u128::from(value) * part + total / 2) / total).unwrap_or(ABSENT - 1),
        };
        let list = |values: &[u32]| values.iter().map(share).collect();
        disk.written = list(&whole.written);
        disk.write_iops = list(&whole.write_iops);
        disk.read_iops = list(&whole.read_iops);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(lane: Lane, range: (i32, i32)) -> Vec<u32> {
        lane.series(range, (false, false)).written
    }

    #[test]
    fn steps_come_in_any_order() {
        let order = [5, 3, 4, -2, 9, 0];
        let mut lane = Lane::default();
        for index in order {
            lane.take(index, [index.unsigned_abs(), ABSENT, ABSENT]);
        }
        assert_eq!(lane.range(), Some((-2, 10)));
        assert_eq!(lane.gaps(), (6, Some(-1)));
        assert_eq!(lane.duplicates, 0);
        let a = ABSENT;
        assert_eq!(written(lane, (-4, 11)), [a, a, 2, a, 0, a, a, 3, 4, 5, a, a, a, 9, a]);
    }

    #[test]
    fn descending_steps_take_time_in_proportion() {
        let mut lane = Lane::default();
        for index in (0..200_000).rev() {
            lane.take(index, [1, 1, 1]);
        }
        assert_eq!((lane.range(), lane.gaps().0), (Some((0, 200_000)), 0));
        assert!(written(lane, (0, 200_000)).iter().all(|value| *value == 1));
    }

    #[test]
    fn the_last_row_of_a_step_counts() {
        let mut lane = Lane::default();
        lane.take(7, [1, 2, 3]);
        lane.take(7, [4, 5, 6]);
        assert_eq!((lane.duplicates, lane.first_duplicate), (1, Some(7)));
        assert_eq!(written(lane, (7, 8)), [4]);
    }

    #[test]
    fn counters_of_a_machine_are_spread_by_size() {
        let whole = Series {
            written: vec![100, ABSENT, 7],
            ..Series::default()
        };
        let mut disks = vec![Series::default(), Series::default()];
        spread(&whole, &[1 << 30, 3 << 30], &mut disks);
        assert_eq!(disks[0].written, [25, ABSENT, 2]);
        assert_eq!(disks[1].written, [75, ABSENT, 5]);
        spread(&whole, &[0, 0], &mut disks);
        assert_eq!(disks[0].written, [50, ABSENT, 4]);
    }
}
