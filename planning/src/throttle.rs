//! Throttles by the hour of the week: what each process server may send to Azure then (facts §3.7).
//!
//! The product sets them on a process server, for hours of work and others, within a range that depends on the era: `data/throttles.csv`.
//! So with several process servers the estate has that many times the rate. Hours are whole and of local time; a throttle over midnight
//! (`22-6`) belongs to the days on which it begins. Where throttles overlap the smallest counts.

use std::str::FromStr;
use std::sync::LazyLock;

use scenarios::units;
use serde::{Deserialize, Serialize};

use crate::service::{HourLimit, WEEK_HOURS};
use crate::tables::{Era, own};

const DAY_HOURS: usize = 24;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// What is accepted.
const ACCEPTED: &str = "[DAYS ]FROM-TO=RATE, as 8-18=20Mbit/s, \"mon-fri 8-18=20Mbit/s\" or \"sat,sun 0-24=50Mbit/s\"; whole hours from 0 to 24, days mon to sun";

/// A throttle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

/// What the product takes as a throttle in an era.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Range {
    /// The era.
    pub era: Era,
    /// The least, in kbit/s.
    pub least_kbit_per_second: u64,
    /// The most, in Mbit/s.
    pub most_mbit_per_second: u64,
    /// Where it is from.
    pub source: String,
}

/// The ranges of all eras.
#[must_use]
pub fn ranges() -> &'static [Range] {
    static ROWS: LazyLock<Vec<Range>> = LazyLock::new(|| own("throttles.csv", include_str!("../data/throttles.csv")));
    &ROWS
}

impl Range {
    /// Least and most, in bits per second.
    #[must_use]
    pub fn bits(&self) -> (u64, u64) {
        (
            self.least_kbit_per_second * 1_000,
            self.most_mbit_per_second * 1_000_000,
        )
    }
}

/// The range of an era; none where the table has no row of it.
#[must_use]
pub fn range(era: Era) -> Option<&'static Range> {
    ranges().iter().find(|row| row.era == era)
}

impl Throttle {
    /// Its days in words: `every day`, or their names.
    #[must_use]
    pub fn day_names(&self) -> Vec<&'static str> {
        DAYS.into_iter()
            .zip(self.days)
            .filter(|(_, on)| *on)
            .map(|(name, _)| name)
            .collect()
    }

    /// Its days and hours in words: `mon, tue 8-18`, `8-18`.
    #[must_use]
    pub fn when(&self) -> String {
        let hours = format!("{}-{}", self.from_hour, self.to_hour);
        if self.days.iter().all(|on| *on) {
            return hours;
        }
        format!("{} {hours}", self.day_names().join(","))
    }

    /// The hours of the week in which it holds, from Monday 00:00 on.
    fn hours(&self) -> impl Iterator<Item = usize> {
        let (from, to) = (usize::from(self.from_hour), usize::from(self.to_hour));
        let long = if to > from { to - from } else { to + DAY_HOURS - from };
        let days = (0..7).filter(|day| self.days[*day]);
        days.flat_map(move |day| (0..long).map(move |hour| (day * DAY_HOURS + from + hour) % WEEK_HOURS))
    }
}

/// The limits of the week for so many process servers; empty without a throttle.
#[must_use]
pub fn week(throttles: &[Throttle], process_servers: u64) -> Vec<HourLimit> {
    if throttles.is_empty() {
        return Vec::new();
    }
    let mut week = vec![HourLimit::OPEN; WEEK_HOURS];
    for throttle in throttles {
        let most = throttle.bits_per_second.saturating_mul(process_servers.max(1));
        for hour in throttle.hours() {
            let limit = &mut week[hour].bits_per_second;
            *limit = Some(limit.map_or(most, |other| other.min(most)));
        }
    }
    week
}

impl FromStr for Throttle {
    type Err = String;

    /// Reads `[DAYS ]FROM-TO=RATE`. Whether the product takes the rate depends on the era, and is not looked at here.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: String| format!("{what}; accepted: {ACCEPTED}");
        let (when, rate) = text
            .split_once('=')
            .ok_or_else(|| wrong(format!("{text:?} has no rate")))?;
        let when = when.trim();
        let (named, hours) = when.rsplit_once(' ').unwrap_or(("", when));
        let days = days(named.trim()).map_err(wrong)?;
        let (from, to) = hours
            .split_once('-')
            .ok_or_else(|| wrong(format!("{hours:?} are no hours")))?;
        let hour = |text: &str, most: u8| {
            let digits = text.strip_suffix(":00").unwrap_or(text);
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let value = is_number.then(|| digits.parse::<u8>().ok()).flatten();
            value
                .filter(|value| *value <= most)
                .ok_or_else(|| wrong(format!("{text:?} is no hour from 0 to {most}")))
        };
        let (from_hour, to_hour) = (hour(from, 23)?, hour(to, 24)?);
        if from_hour == to_hour {
            return Err(wrong(format!("{hours:?} begins and ends at the same hour")));
        }
        // Up to midnight and from midnight on are one moment.
        let to_hour = if to_hour == 0 { 24 } else { to_hour };
        let rate = units::rate(rate).map_err(|error| format!("{}; {}", error.label, error.help))?;
        Ok(Self {
            days,
            from_hour,
            to_hour,
            bits_per_second: rate.bits_per_second(),
        })
    }
}

/// `mon-fri`, `sat,sun`, `fri-mon`; nothing for all of them.
fn days(text: &str) -> Result<[bool; 7], String> {
    if text.is_empty() {
        return Ok([true; 7]);
    }
    let day = |text: &str| {
        let text = text.trim().to_lowercase();
        let found = DAYS.iter().position(|name| *name == text);
        found.ok_or_else(|| format!("{text:?} is no day"))
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let long = (last + 7 - first) % 7;
        (0..=long).for_each(|more| days[(first + more) % 7] = true);
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Throttle {
        text.parse().unwrap()
    }

    #[test]
    fn a_throttle_is_read_with_its_days_and_hours() {
        let throttle = of("8-18=20Mbit/s");
        assert_eq!(throttle.days, [true; 7]);
        assert_eq!(
            (throttle.from_hour, throttle.to_hour, throttle.bits_per_second),
            (8, 18, 20_000_000)
        );
        assert_eq!(
            of("mon-fri 08:00-18:00 = 20 Mbit/s").days,
            [true, true, true, true, true, false, false]
        );
        assert_eq!(of("sat,sun 0-24=1Mbit/s").day_names(), ["sat", "sun"]);
        assert_eq!(of("Fri-Mon 22-6=1Mbit/s").day_names(), ["mon", "fri", "sat", "sun"]);
        assert_eq!(of("22-0=1Mbit/s").to_hour, 24);
        assert_eq!(of("mon,wed 8-18=1Mbit/s").when(), "mon,wed 8-18");
    }

    #[test]
    fn a_wrong_throttle_says_what_is_accepted() {
        for (text, words) in [
            ("8-18", "has no rate"),
            ("8=1Mbit/s", "no hours"),
            ("8-25=1Mbit/s", "\"25\" is no hour from 0 to 24"),
            ("24-8=1Mbit/s", "\"24\" is no hour from 0 to 23"),
            ("8:30-9=1Mbit/s", "\"8:30\" is no hour"),
            ("-1-9=1Mbit/s", "is no hour"),
            ("8-8=1Mbit/s", "same hour"),
            ("someday 8-9=1Mbit/s", "\"someday\" is no day"),
            ("8-18=20", "unit"),
            ("8-18=", "rate"),
        ] {
            let error = text.parse::<Throttle>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_week_has_each_throttle_in_its_hours_for_each_process_server() {
        let week = week(&[of("mon 22-6=3Mbit/s"), of("tue 5-8=2Mbit/s")], 2);
        let limits: Vec<(usize, u64)> = (0..)
            .zip(&week)
            .filter_map(|(hour, limit)| Some((hour, limit.bits_per_second? / 1_000_000)))
            .collect();
        let expected = [
            (22, 6),
            (23, 6),
            (24, 6),
            (25, 6),
            (26, 6),
            (27, 6),
            (28, 6),
            (29, 4),
            (30, 4),
            (31, 4),
        ];
        assert_eq!(limits, expected);
        // Over Sunday's midnight is Monday.
        let sunday = super::week(&[of("sun 23-1=1Mbit/s")], 1);
        let hours: Vec<usize> = (0..WEEK_HOURS)
            .filter(|hour| sunday[*hour].bits_per_second.is_some())
            .collect();
        assert_eq!(hours, [0, 167]);
        assert!(super::week(&[], 1).is_empty());
    }

    /// Facts §3.7: 512 Kbit/s to 102 Mbit/s, later to 1023 Mbit/s.
    #[test]
    fn every_era_has_the_range_of_the_facts() {
        for era in Era::ALL {
            let most = if era == Era::Late2019 {
                1_023_000_000
            } else {
                102_000_000
            };
            assert_eq!(range(era).unwrap().bits(), (512_000, most), "{}", era.name());
        }
    }
}
