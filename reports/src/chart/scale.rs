//! Scales: from a domain (time, bytes, seconds, per cent) to the pixels of a chart, with ticks at round values.

use crate::words;

/// What an axis measures; decides where ticks are round and how they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Simulated time since the start, in milliseconds.
    Clock,
    /// A duration in milliseconds.
    Duration,
    /// Bytes.
    Bytes,
    /// Bits per second.
    BitsPerSecond,
    /// A number of things.
    Count,
    /// A share in thousandths, shown in per cent.
    PerMille,
}

impl Unit {
    /// A value in words.
    #[must_use]
    pub fn words(self, value: u64) -> String {
        match self {
            Unit::Clock => clock(value),
            Unit::Duration => words::duration(value),
            Unit::Bytes => words::bytes(value),
            Unit::BitsPerSecond => words::rate(value),
            Unit::Count => words::count(value),
            Unit::PerMille => format!("{}.{} %", value / 10, value % 10),
        }
    }

    /// A tick's label: shorter than [`Unit::words`] where the value is round.
    #[must_use]
    pub fn tick(self, value: u64) -> String {
        match self {
            Unit::Duration if value == 0 => "0".to_owned(),
            Unit::Duration if value >= 3_600_000 && value.is_multiple_of(3_600_000) => {
                format!("{} h", value / 3_600_000)
            }
            Unit::Duration if value >= 60_000 && value.is_multiple_of(60_000) => format!("{} min", value / 60_000),
            Unit::Duration if value.is_multiple_of(1000) => format!("{} s", value / 1000),
            Unit::Bytes | Unit::BitsPerSecond if value == 0 => "0".to_owned(),
            Unit::PerMille => format!("{} %", value / 10),
            Unit::Bytes => words::bytes(value).replace(".00", "").replace(".0 ", " "),
            _ => self.words(value),
        }
    }

    /// Distances between ticks that read well, in ascending order.
    fn steps(self) -> Vec<u64> {
        const SECOND: u64 = 1000;
        const MINUTE: u64 = 60 * SECOND;
        const HOUR: u64 = 60 * MINUTE;
        match self {
            Unit::Clock | Unit::Duration => {
                let mut steps: Vec<u64> = [1, 2, 5, 10, 20, 50, 100, 200, 500].into();
                steps.extend([1, 2, 5, 10, 15, 30].map(|n| n * SECOND));
                steps.extend([1, 2, 5, 10, 15, 30].map(|n| n * MINUTE));
                steps.extend([1, 2, 3, 4, 6, 12, 24, 48, 120, 240].map(|n| n * HOUR));
                steps.extend((1..16).map(|n| (240 * HOUR) << n));
                steps
            }
            Unit::Bytes => (0..62).map(|n| 1_u64 << n).collect(),
            Unit::PerMille => (1..17)
                .flat_map(|power| [1, 2, 5].map(|n| n * 10_u64.pow(power)))
                .collect(),
            Unit::BitsPerSecond | Unit::Count => (0..18)
                .flat_map(|power| [1, 2, 5].map(|n| n * 10_u64.pow(power)))
                .collect(),
        }
    }
}

/// Simulated time as `hh:mm`, with seconds where they matter.
fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if s == 0 && milliseconds.is_multiple_of(1000) {
        format!("{h:02}:{m:02}")
    } else {
        format!("{h:02}:{m:02}:{s:02}")
    }
}

/// A linear scale from values to pixels.
#[derive(Debug, Clone)]
pub struct Scale {
    /// The least value.
    pub from: u64,
    /// The greatest.
    pub to: u64,
    /// Where the least value lies.
    pub start: f64,
    /// Where the greatest lies.
    pub end: f64,
    /// What is measured.
    pub unit: Unit,
    /// Values with a tick.
    pub ticks: Vec<u64>,
}

impl Scale {
    /// A scale over exactly `from..to`, with at most `ticks_max` ticks.
    #[must_use]
    pub fn exact(unit: Unit, from: u64, to: u64, start: f64, end: f64, ticks_max: u64) -> Scale {
        let to = to.max(from + 1);
        let step = step(unit, to - from, ticks_max);
        let first = from.div_ceil(step) * step;
        Scale {
            from,
            to,
            start,
            end,
            unit,
            ticks: (0..).map(|n| first + n * step).take_while(|&tick| tick <= to).collect(),
        }
    }

    /// A scale from zero to the tick at or above `to`.
    #[must_use]
    pub fn from_zero(unit: Unit, to: u64, start: f64, end: f64, ticks_max: u64) -> Scale {
        let step = step(unit, to.max(1), ticks_max);
        Scale::exact(unit, 0, to.max(1).div_ceil(step) * step, start, end, ticks_max + 1)
    }

    /// Where a value lies.
    #[must_use]
    pub fn at(&self, value: u64) -> f64 {
        let value = value.clamp(self.from, self.to);
        let part = (value - self.from) as f64 / (self.to - self.from) as f64;
        self.start + part * (self.end - self.start)
    }
}

fn step(unit: Unit, span: u64, ticks_max: u64) -> u64 {
    let steps = unit.steps();
    steps
        .iter()
        .copied()
        .find(|step| span / step <= ticks_max)
        .unwrap_or_else(|| span.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let scale = Scale::from_zero(Unit::Duration, 17 * 60_000, 0.0, 100.0, 5);
        assert_eq!(scale.to, 20 * 60_000);
        let labels: Vec<_> = scale.ticks.iter().map(|&t| scale.unit.tick(t)).collect();
        assert_eq!(labels, ["0", "5 min", "10 min", "15 min", "20 min"]);
    }

    #[test]
    fn a_scale_of_nothing_still_has_a_length() {
        let scale = Scale::from_zero(Unit::Bytes, 0, 0.0, 10.0, 4);
        assert!(scale.at(0) < scale.at(1));
    }

    #[test]
    fn any_span_has_ticks_within_the_bound() {
        for unit in [Unit::Clock, Unit::Bytes, Unit::Count, Unit::BitsPerSecond] {
            for power in 0..50 {
                let scale = Scale::exact(unit, 0, 1 << power, 0.0, 1.0, 6);
                assert!(
                    (1..=8).contains(&scale.ticks.len()),
                    "{unit:?} {power} {:?}",
                    scale.ticks
                );
            }
        }
    }
}
