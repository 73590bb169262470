//! What carries changes to Azure: links with their rates, throttled by the hour of the week, and their outages.
//!
//! Times are whole seconds of the window (0 is where its first step begins), rates are whole bits per second. A schedule by hour of the
//! week goes on for ever; outages end.

use serde::{Deserialize, Serialize};

/// Hours of a week.
pub const WEEK_HOURS: usize = 168;
const HOUR: u64 = 3_600;
const WEEK: u64 = 168 * HOUR;

/// What a link may carry in an hour of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourLimit {
    /// Thousandths of the link's rate.
    pub per_mille: u32,
    /// At the most so many bits per second, whatever the link's rate.
    pub bits_per_second: Option<u64>,
}

impl HourLimit {
    /// No limit.
    pub const OPEN: Self = Self {
        per_mille: 1_000,
        bits_per_second: None,
    };

    fn of(&self, rate: u64) -> u64 {
        let share = u128::from(rate) * u128::from(self.per_mille) / 1_000;
        let share = u64::try_from(share).unwrap_or(u64::MAX);
        self.bits_per_second.map_or(share, |most| share.min(most))
    }
}

/// A link to Azure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its rate in bits per second.
    pub bits_per_second: u64,
    /// Its limits by hour of the week, [`WEEK_HOURS`] of them from Monday 00:00 on; none where it is never throttled. Hours beyond the
    /// list are not limited.
    #[serde(default)]
    pub hours: Vec<HourLimit>,
}

impl Link {
    /// A link without a throttle.
    #[must_use]
    pub fn new(name: &str, bits_per_second: u64) -> Self {
        Self {
            name: name.to_owned(),
            bits_per_second,
            hours: Vec::new(),
        }
    }

    fn in_hour(&self, hour: usize) -> u64 {
        self.hours
            .get(hour)
            .unwrap_or(&HourLimit::OPEN)
            .of(self.bits_per_second)
    }
}

/// A time without a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Which link, by its place among the links; none where all of them are cut.
    #[serde(default)]
    pub link: Option<usize>,
    /// From this second of the window on.
    pub from: u64,
    /// Until this second, which has the link again.
    pub to: u64,
}

/// All links together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Service {
    /// The links; their rates add up.
    pub links: Vec<Link>,
    /// Limits of all links together by hour of the week, [`WEEK_HOURS`] of them from Monday 00:00 on; none where there is none.
    #[serde(default)]
    pub hours: Vec<HourLimit>,
    /// Their outages.
    #[serde(default)]
    pub outages: Vec<Outage>,
    /// The second of the week (Monday 00:00 is 0) at which the window begins: [`week_second`].
    #[serde(default)]
    pub week_second: u32,
}

/// The second of the week at which a window begins, in local time: Monday 00:00 is 0. A window without a date (0) begins on a Monday at
/// 00:00: our assumption.
#[must_use]
pub fn week_second(start_seconds: i64, utc_offset_minutes: i32) -> u32 {
    const THURSDAY: i64 = 3 * 86_400;
    if start_seconds == 0 {
        return 0;
    }
    let local = start_seconds
        .saturating_add(i64::from(utc_offset_minutes) * 60)
        .saturating_add(THURSDAY);
    u32::try_from(local.rem_euclid(604_800)).unwrap_or(0)
}

impl Service {
    /// One link of a rate in bits per second, never throttled, never cut.
    #[must_use]
    pub fn constant(bits_per_second: u64) -> Self {
        Self {
            links: vec![Link::new("link", bits_per_second)],
            ..Self::default()
        }
    }

    /// The same with another rate of its first link, which is what a search moves.
    #[must_use]
    pub fn with_rate(&self, bits_per_second: u64) -> Self {
        let mut service = self.clone();
        match service.links.first_mut() {
            Some(link) => link.bits_per_second = bits_per_second,
            None => service.links.push(Link::new("link", bits_per_second)),
        }
        service
    }

    /// The same with thousandths of every link.
    #[must_use]
    pub fn share(&self, per_mille: u32) -> Self {
        let mut service = self.clone();
        let part = HourLimit {
            per_mille,
            bits_per_second: None,
        };
        for link in &mut service.links {
            link.bits_per_second = part.of(link.bits_per_second);
        }
        let hours = service.links.iter_mut().flat_map(|link| &mut link.hours);
        for hour in hours.chain(&mut service.hours) {
            hour.bits_per_second = hour.bits_per_second.map(|most| part.of(most));
        }
        service
    }

    /// The rate of all links in an hour of the week, in bits per second, without outages.
    #[must_use]
    pub fn rate_in_hour(&self, hour: usize) -> u64 {
        let sum = self
            .links
            .iter()
            .fold(0, |sum: u64, link| sum.saturating_add(link.in_hour(hour)));
        self.together(hour, sum)
    }

    /// What all links may carry together in an hour of the week, of a rate.
    fn together(&self, hour: usize, rate: u64) -> u64 {
        self.hours.get(hour).unwrap_or(&HourLimit::OPEN).of(rate)
    }

    /// The rate of all links together, without throttles and outages, in bits per second.
    #[must_use]
    pub fn rate(&self) -> u64 {
        self.links
            .iter()
            .fold(0, |sum: u64, link| sum.saturating_add(link.bits_per_second))
    }

    fn rate_at(&self, second: u64) -> u64 {
        let hour = self.hour_at(second);
        let cut = |index: usize| {
            self.outages.iter().any(|outage| {
                outage.link.is_none_or(|link| link == index) && (outage.from..outage.to).contains(&second)
            })
        };
        let links = self.links.iter().enumerate().filter(|(index, _)| !cut(*index));
        let sum = links.fold(0, |sum: u64, (_, link)| sum.saturating_add(link.in_hour(hour)));
        self.together(hour, sum)
    }

    fn hour_at(&self, second: u64) -> usize {
        let of_week = (second % WEEK + u64::from(self.week_second)) % WEEK;
        usize::try_from(of_week / HOUR).unwrap_or(0)
    }

    /// The rates over time.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        let quiet = self.outages.iter().map(|outage| outage.to).max().unwrap_or(0);
        let mut starts: Vec<u64> = self
            .outages
            .iter()
            .flat_map(|outage| [outage.from, outage.to])
            .collect();
        let week: Vec<u64> = (0..WEEK_HOURS).map(|hour| self.rate_in_hour(hour)).collect();
        let scheduled = week.iter().any(|rate| *rate != week[0]);
        if scheduled {
            let first = HOUR - u64::from(self.week_second) % HOUR;
            starts.extend((0..).map(|hour| first + hour * HOUR).take_while(|start| *start < quiet));
        }
        starts.push(0);
        starts.retain(|start| *start < quiet || *start == 0);
        starts.sort_unstable();
        starts.dedup();
        let mut early: Vec<(u64, u64)> = Vec::new();
        for start in starts.into_iter().filter(|start| *start < quiet) {
            let rate = self.rate_at(start);
            if early.last().is_none_or(|(_, before)| *before != rate) {
                early.push((start, rate));
            }
        }
        Timeline {
            early,
            quiet,
            week,
            scheduled,
            week_second: u64::from(self.week_second),
        }
    }
}

/// Rates over time, piece by piece.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// (from, rate) until `quiet`.
    early: Vec<(u64, u64)>,
    /// From here on there are no outages.
    quiet: u64,
    week: Vec<u64>,
    scheduled: bool,
    week_second: u64,
}

/// A time of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// From this second on.
    pub from: u64,
    /// Until this second; [`u64::MAX`] where it never ends.
    pub to: u64,
    /// Bits per second.
    pub rate: u64,
}

impl Timeline {
    /// The piece that begins or goes on at a second. Its end may be followed by another of the same rate.
    #[must_use]
    pub fn piece(&self, from: u64) -> Piece {
        if from < self.quiet {
            let next = self.early.partition_point(|(start, _)| *start <= from);
            let to = self.early.get(next).map_or(self.quiet, |(start, _)| *start);
            let rate = self.early[next - 1].1;
            return Piece { from, to, rate };
        }
        if !self.scheduled {
            let rate = self.week[0];
            return Piece {
                from,
                to: u64::MAX,
                rate,
            };
        }
        let of_week = (from % WEEK + self.week_second) % WEEK;
        let hour = usize::try_from(of_week / HOUR).unwrap_or(0);
        let rate = self.week[hour];
        // As many hours as keep the rate; there is one that does not.
        let same = (1..WEEK_HOURS as u64)
            .find(|more| self.week[(hour + *more as usize) % WEEK_HOURS] != rate)
            .unwrap_or(1);
        let to = from + (HOUR - of_week % HOUR) + (same - 1) * HOUR;
        Piece { from, to, rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_the_rate_of_each_of_its_seconds() {
        let mut link = Link::new("mpls", 1_000);
        link.hours = vec![HourLimit::OPEN; WEEK_HOURS];
        for hour in 8..18 {
            link.hours[hour].per_mille = 250;
        }
        link.hours[30].bits_per_second = Some(7);
        let service = Service {
            links: vec![link, Link::new("vpn", 11)],
            hours: Vec::new(),
            outages: vec![
                Outage {
                    link: Some(0),
                    from: 3_000,
                    to: 40_000,
                },
                Outage {
                    link: None,
                    from: 39_000,
                    to: 41_234,
                },
            ],
            week_second: 5 * 3_600 + 77,
        };
        let timeline = service.timeline();
        let mut at = 0;
        while at < 3 * WEEK {
            let piece = timeline.piece(at);
            assert_eq!(piece.from, at);
            assert!(piece.to > at);
            for second in [at, at + 1, (at + piece.to) / 2, piece.to - 1] {
                if second < piece.to {
                    assert_eq!(piece.rate, service.rate_at(second), "second {second}");
                }
            }
            at = piece.to;
        }
        // Seconds before, within and after the outages, by hand.
        assert_eq!(timeline.piece(0).rate, 1_011);
        assert_eq!(
            timeline.piece(3_000),
            Piece {
                from: 3_000,
                to: 39_000,
                rate: 11
            }
        );
        assert_eq!(timeline.piece(39_500).rate, 0);
        // 41,234 s after Monday 05:01:17 it is 16:28:31: a quarter of the first link.
        assert_eq!(timeline.piece(41_234).rate, 261);
    }

    #[test]
    fn a_week_begins_on_monday() {
        assert_eq!(week_second(0, 60), 0);
        // Monday 2017-12-04 00:00 UTC.
        assert_eq!(week_second(1_512_345_600, 0), 0);
        assert_eq!(week_second(1_512_345_600 + 86_400, 60), 86_400 + 3_600);
        assert_eq!(week_second(1_512_345_600, -60), 604_800 - 3_600);
    }

    #[test]
    fn without_a_schedule_a_rate_goes_on_for_ever() {
        let piece = Service::constant(5).timeline().piece(9);
        assert_eq!(
            piece,
            Piece {
                from: 9,
                to: u64::MAX,
                rate: 5
            }
        );
        assert_eq!(Service::default().timeline().piece(0).rate, 0);
    }
}
