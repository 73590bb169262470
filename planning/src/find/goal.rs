//! A goal in words: `p99 RPO under 15 min`.

use std::fmt;
use std::str::FromStr;

use scenarios::units;
use serde::Serialize;

use crate::words::time;

const ACCEPTED: &str = "accepted: p50, p99 or max, then RPO under, then a time: \"p99 RPO under 15 min\"";

/// Of the RPO over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// In half of the time it is no longer.
    P50,
    /// In 99 % of the time it is no longer.
    P99,
    /// The longest.
    Max,
}

impl Quantity {
    /// Thousandths of the time.
    #[must_use]
    pub fn per_mille(self) -> u32 {
        match self {
            Self::P50 => 500,
            Self::P99 => 990,
            Self::Max => 1_000,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Max => "max",
        }
    }
}

/// What is to hold: of every machine the RPO, as a run measures it (with the time between points), is less than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Goal {
    /// Which RPO.
    pub quantity: Quantity,
    /// It is less than so many milliseconds.
    pub under_ms: u64,
}

impl fmt::Display for Goal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} RPO under {}", self.quantity.name(), time(self.under_ms))
    }
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{what}; {ACCEPTED}");
        let mut words = text.split_whitespace();
        let quantity = match words.next().map(str::to_lowercase).as_deref() {
            Some("p50" | "median") => Quantity::P50,
            Some("p99") => Quantity::P99,
            Some("max" | "worst") => Quantity::Max,
            Some(other) => return Err(wrong(&format!("`{other}` is no figure of a goal"))),
            None => return Err(wrong("the goal is empty")),
        };
        let is_next = |word: Option<&str>, expected: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(expected));
        if !is_next(words.next(), "rpo") || !is_next(words.next(), "under") {
            return Err(wrong(&format!("`{text}` is no goal")));
        }
        let rest: Vec<&str> = words.collect();
        let nanoseconds =
            units::duration(&rest.join(" ")).map_err(|error| wrong(&format!("{}; {}", error.label, error.help)))?;
        match nanoseconds / 1_000_000 {
            0 => Err(wrong("at least a millisecond is expected")),
            under_ms => Ok(Self { quantity, under_ms }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_read_and_said() {
        let goal: Goal = "p99 RPO under 15 min".parse().unwrap();
        assert_eq!((goal.quantity, goal.under_ms), (Quantity::P99, 900_000));
        assert_eq!(goal.to_string(), "p99 RPO under 15 min");
        let goal: Goal = "MAX rpo Under 1 h 30min".parse().unwrap();
        assert_eq!((goal.quantity, goal.under_ms), (Quantity::Max, 5_400_000));
    }

    #[test]
    fn a_wrong_goal_says_what_is_accepted() {
        for (text, words) in [
            ("", "is empty"),
            ("p95 RPO under 1 h", "`p95` is no figure"),
            ("p99 under 1 h", "is no goal"),
            ("p99 RPO below 1 h", "is no goal"),
            ("p99 RPO under 15", "unit"),
            ("p99 RPO under", "duration"),
            ("p99 RPO under 1 us", "at least a millisecond"),
        ] {
            let error = text.parse::<Goal>().unwrap_err();
            assert!(
                error.contains(words) && error.contains("p50, p99 or max"),
                "{text}: {error}"
            );
        }
    }
}
