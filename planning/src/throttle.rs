//! Throttles by the hour of the week: what each process server may send to Azure then (facts §3.7).
//!
//! The product sets them on a process server, for hours of work and others, within a range that depends on the era: `data/throttles.csv`.
//! So with several process servers the estate has that many times the rate. Hours are whole and of local time; a throttle over midnight
//! (`22-6`) belongs to the days on which it begins. Where throttles overlap the smallest counts.

use std::sync::LazyLock;

use actors::nouns::Throttle;
use serde::Deserialize;

use crate::service::HourLimit;
use crate::tables::{Era, own};

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

/// A throttle of a clock that is so many minutes ahead of UTC, by the hours of UTC: one, or two where a day's 24 hours are on two days then;
/// none where its hours are no whole ones of UTC.
#[must_use]
pub fn in_utc(throttle: &Throttle, utc_offset_minutes: i32) -> Option<Vec<Throttle>> {
    if utc_offset_minutes % 60 != 0 {
        return None;
    }
    let begins = i32::from(throttle.from_hour) - utc_offset_minutes / 60;
    let ends = i32::from(throttle.to_hour) - utc_offset_minutes / 60;
    let part = |days_later: i32, from: i32, to: i32| {
        let mut days = [false; 7];
        for (day, on) in (0_i32..).zip(throttle.days) {
            days[(day + days_later).rem_euclid(7) as usize] = on;
        }
        let hour = |hour: i32| u8::try_from(hour.rem_euclid(24)).unwrap_or(0);
        Throttle {
            days,
            from_hour: hour(from),
            to_hour: if hour(to) == 0 { 24 } else { hour(to) },
            bits_per_second: throttle.bits_per_second,
        }
    };
    let day = begins.div_euclid(24);
    Some(match begins.rem_euclid(24) {
        // A whole day that is one of UTC no more.
        1.. if ends - begins == 24 => vec![part(day, begins, 24), part(day + 1, 0, ends)],
        _ => vec![part(day, begins, ends)],
    })
}

/// The limits of the week for so many process servers; empty without a throttle.
#[must_use]
pub fn week(throttles: &[Throttle], process_servers: u64) -> Vec<HourLimit> {
    let limit = |each: Option<u64>| HourLimit {
        bits_per_second: each.map(|each| each.saturating_mul(process_servers.max(1))),
        ..HourLimit::OPEN
    };
    Throttle::week(throttles).into_iter().map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::WEEK_HOURS;

    fn of(text: &str) -> Throttle {
        scenarios::units::throttle(text).unwrap()
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

    #[test]
    fn hours_of_a_clock_that_is_ahead_are_earlier_ones_of_utc() {
        let in_utc = |text: &str, minutes: i32| {
            let parts = super::in_utc(&of(text), minutes)?;
            Some(parts.iter().map(Throttle::when).collect::<Vec<_>>())
        };
        assert_eq!(in_utc("mon 0-9=1Mbit/s", 120).unwrap(), ["sun 22-7"]);
        assert_eq!(in_utc("sun 20-24=1Mbit/s", -300).unwrap(), ["mon 1-5"]);
        assert_eq!(in_utc("mon 0-24=1Mbit/s", 60).unwrap(), ["sun 23-24", "mon 0-23"]);
        assert_eq!(in_utc("8-18=1Mbit/s", 0).unwrap(), ["8-18"]);
        assert_eq!(in_utc("0-24=1Mbit/s", 0).unwrap(), ["0-24"]);
        assert_eq!(in_utc("22-6=1Mbit/s", 1440).unwrap(), ["22-6"]);
        assert_eq!(in_utc("8-18=1Mbit/s", 330), None);
        let shifted = super::in_utc(&of("0-24=1Mbit/s"), 60).unwrap();
        assert_eq!(week(&shifted, 1), week(&[of("0-24=1Mbit/s")], 1));
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
        // The actors' model has the same.
        for (era, of) in [
            (Era::Late2019, actors::model::Era::Classic2019),
            (Era::December2017, actors::model::Era::Classic2017),
        ] {
            let limits = of.model().limits;
            assert_eq!(
                range(era).unwrap().bits(),
                (limits.throttle_least, limits.throttle_most)
            );
        }
    }
}
