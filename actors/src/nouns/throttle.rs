//! What a process server may send to Azure, by the hour of the week (facts §3.7).

use datapath::SimTime;
use serde::{Deserialize, Serialize};

const HOUR: u64 = 3_600_000_000_000;
const DAY_HOURS: usize = 24;
const WEEK_HOURS: usize = 7 * DAY_HOURS;
const SECOND: u128 = 1_000_000_000;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A throttle. One over midnight belongs to the days on which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// The days on which it begins, Monday first.
    pub days: [bool; 7],
    /// The hour at which it begins, 0 to 23.
    pub from_hour: u8,
    /// The hour at which it ends, 1 to 24; below `from_hour` it is that of the next day.
    pub to_hour: u8,
    /// What a process server may send, in bits per second.
    pub bits_per_second: u64,
}

impl Throttle {
    /// Names of days as a throttle is written with them, Monday first.
    pub const DAYS: [&str; 7] = DAYS;

    /// The names of its days.
    #[must_use]
    pub fn day_names(&self) -> Vec<&'static str> {
        let days = DAYS.into_iter().zip(self.days);
        days.filter(|(_, on)| *on).map(|(name, _)| name).collect()
    }

    /// Its days and hours in words: `mon,tue 8-18`, or `8-18` for every day.
    #[must_use]
    pub fn when(&self) -> String {
        let hours = format!("{}-{}", self.from_hour, self.to_hour);
        if self.days.iter().all(|on| *on) {
            return hours;
        }
        format!("{} {hours}", self.day_names().join(","))
    }

    /// The hours of the week in which it holds, from Monday 00:00 on.
    pub fn hours(&self) -> impl Iterator<Item = usize> {
        let (from, to) = (usize::from(self.from_hour), usize::from(self.to_hour));
        let long = if to > from { to - from } else { to + DAY_HOURS - from };
        let days = (0..7).filter(|day| self.days[*day]);
        days.flat_map(move |day| (0..long).map(move |hour| (day * DAY_HOURS + from + hour) % WEEK_HOURS))
    }
}

impl Throttle {
    /// What throttles allow by the hour of the week, from Monday 00:00 on, in bits per second: where some overlap the smallest. Empty without one.
    #[must_use]
    pub fn week(throttles: &[Throttle]) -> Vec<Option<u64>> {
        if throttles.is_empty() {
            return Vec::new();
        }
        let mut week = vec![None; WEEK_HOURS];
        for throttle in throttles {
            for hour in throttle.hours() {
                let limit: &mut Option<u64> = &mut week[hour];
                *limit = Some(limit.map_or(throttle.bits_per_second, |other| other.min(throttle.bits_per_second)));
            }
        }
        week
    }
}

/// All throttles of a process server, as its clock goes. Where some overlap the smallest counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Bits per second by the hour of the week; empty where there is no throttle at all.
    week: Vec<Option<u64>>,
    /// Nanoseconds from a Monday's 00:00 to where clocks begin.
    begins: u64,
}

impl Schedule {
    /// Throttles, where clocks begin so many seconds after a Monday's 00:00.
    #[must_use]
    pub fn new(throttles: &[Throttle], week_second: u64) -> Schedule {
        Schedule {
            week: Throttle::week(throttles),
            begins: week_second * 1_000_000_000,
        }
    }

    /// The least that it ever allows, in bits per second; none where it is never throttled.
    #[must_use]
    pub fn least(&self) -> Option<u64> {
        self.week.iter().flatten().copied().min()
    }

    /// What it allows in the hour that a clock shows, in bits per second, and the nanoseconds that are left of that hour.
    fn at(&self, clock: SimTime) -> (Option<u64>, u64) {
        let of_week = u128::from(self.begins) + u128::from(clock.0);
        let hour = (of_week / u128::from(HOUR) % WEEK_HOURS as u128) as usize;
        let left = HOUR - (of_week % u128::from(HOUR)) as u64;
        (self.week.get(hour).copied().flatten(), left)
    }

    /// How many bytes may leave in so many nanoseconds from what a clock shows; [`u64::MAX`] where an hour without a throttle is among them.
    #[must_use]
    pub fn allows(&self, clock: SimTime, nanoseconds: u64) -> u64 {
        let (mut bits, mut clock, mut rest) = (0_u128, clock, nanoseconds);
        loop {
            let (Some(rate), left) = self.at(clock) else {
                return u64::MAX;
            };
            let here = rest.min(left);
            bits += u128::from(rate) * u128::from(here);
            rest -= here;
            if rest == 0 {
                return u64::try_from(bits / SECOND / 8).unwrap_or(u64::MAX);
            }
            clock = clock.after(here);
        }
    }

    /// How many nanoseconds so many bytes take to leave from what a clock shows, rounded up.
    #[must_use]
    pub fn takes(&self, clock: SimTime, bytes: u64) -> u64 {
        let (mut left_bits, mut clock, mut time) = (u128::from(bytes) * 8 * SECOND, clock, 0_u64);
        loop {
            let (Some(rate), left) = self.at(clock) else {
                return time;
            };
            let here = u128::from(rate) * u128::from(left);
            if left_bits <= here {
                return time + u64::try_from(left_bits.div_ceil(u128::from(rate.max(1)))).unwrap_or(u64::MAX);
            }
            left_bits -= here;
            time = time.saturating_add(left);
            clock = clock.after(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEGABIT: u64 = 1_000_000;

    fn throttle(days: [bool; 7], from_hour: u8, to_hour: u8, megabits: u64) -> Throttle {
        Throttle {
            days,
            from_hour,
            to_hour,
            bits_per_second: megabits * MEGABIT,
        }
    }

    #[test]
    fn the_smallest_of_an_hour_counts_and_other_hours_are_free() {
        let schedule = Schedule::new(
            &[throttle([true; 7], 8, 18, 8), throttle([true; 7], 12, 13, 4)],
            11 * 3_600,
        );
        assert_eq!(schedule.least(), Some(4 * MEGABIT));
        // From 11:00: an hour at 1 MB/s, one at 0.5.
        assert_eq!(schedule.allows(SimTime(0), HOUR), 3_600_000_000);
        assert_eq!(schedule.allows(SimTime(0), 2 * HOUR), 5_400_000_000);
        assert_eq!(schedule.allows(SimTime(0), 8 * HOUR), u64::MAX);
        assert_eq!(schedule.takes(SimTime(0), 3_600_000_000), HOUR);
        assert_eq!(schedule.takes(SimTime(0), 5_400_000_000), 2 * HOUR);
        assert_eq!(schedule.takes(SimTime(0), 1), 1_000);
        // What is left at 18:00 leaves at once.
        assert_eq!(schedule.takes(SimTime(6 * HOUR), u64::MAX), HOUR);
        assert_eq!(schedule.takes(SimTime(7 * HOUR), u64::MAX), 0);
    }

    #[test]
    fn a_week_begins_again_and_a_throttle_over_midnight_belongs_to_its_first_day() {
        let sunday = [false, false, false, false, false, false, true];
        let schedule = Schedule::new(&[throttle(sunday, 23, 1, 8)], 0);
        assert_eq!(
            schedule.takes(SimTime(0), 1_000_000),
            1_000_000_000,
            "it is Monday 00:00"
        );
        assert_eq!(schedule.takes(SimTime(HOUR), 1_000_000), 0);
        assert_eq!(schedule.takes(SimTime(167 * HOUR), 1_000_000), 1_000_000_000);
        assert_eq!(schedule.takes(SimTime(168 * HOUR), 1_000_000), 1_000_000_000);
    }

    #[test]
    fn what_is_allowed_and_what_it_takes_agree() {
        let schedule = Schedule::new(&[throttle([true; 7], 8, 18, 3), throttle([true; 7], 18, 8, 7)], 0);
        for (clock, bytes) in [
            (0, 12),
            (5 * HOUR, 12_345_678_901),
            (HOUR / 3, 999_999_999),
            (17 * HOUR + 1, 77),
        ] {
            let takes = schedule.takes(SimTime(clock), bytes);
            assert!(schedule.allows(SimTime(clock), takes) >= bytes);
            assert!(
                schedule.allows(SimTime(clock), takes - 2_000) < bytes,
                "{clock} {bytes}"
            );
        }
    }

    #[test]
    fn nothing_is_held_without_a_throttle() {
        let schedule = Schedule::default();
        assert_eq!((schedule.least(), schedule.takes(SimTime(7), u64::MAX)), (None, 0));
        assert_eq!(schedule.allows(SimTime(7), 1), u64::MAX);
    }
}
