//! Between which values each input and each constant is moved to see what it matters, by our judgement: `planning/data/ranges.csv`, and for
//! an uncertain constant the least and the most that it may be (`planning/data/constants.csv`).

use std::sync::LazyLock;

use serde::Deserialize;

use crate::tables::own;

/// A thing times so many of these is as it is here.
const WHOLE: u64 = 1_000;

/// How a range is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    /// In thousandths of the value here.
    Times,
    /// Values themselves, in the unit of what is moved.
    Value,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Range {
    /// The name of an input or of a constant.
    pub name: String,
    how: How,
    low: u64,
    high: u64,
    /// The higher value where the value here is 0, so that no share of it is more.
    nothing: Option<u64>,
    /// Whose judgement it is.
    source: String,
}

impl Range {
    /// The lower and the higher value around the one that is here. A share is rounded up: half of one server is one.
    pub fn around(&self, here: u64) -> (u64, u64) {
        match (self.how, here, self.nothing) {
            (How::Times, 0, Some(most)) => (0, most),
            (How::Times, ..) => (times(here, self.low), times(here, self.high)),
            (How::Value, ..) => (here.min(self.low), here.max(self.high)),
        }
    }
}

fn times(value: u64, per_mille: u64) -> u64 {
    let share = (u128::from(value) * u128::from(per_mille)).div_ceil(u128::from(WHOLE));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// The table.
pub(crate) fn ranges() -> &'static [Range] {
    static RANGES: LazyLock<Vec<Range>> = LazyLock::new(|| own("ranges.csv", include_str!("../data/ranges.csv")));
    &RANGES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::rows;
    use crate::sweep::Input;

    /// Era is a choice and no guess, what everything compresses to is a constant, and a measured upload rate is the bandwidth.
    #[test]
    fn every_input_and_constant_has_one_range() {
        let named = |name: &str| ranges().iter().filter(|range| range.name == name).count();
        for input in Input::ALL {
            let moved = !matches!(input, Input::Era | Input::Compressed);
            assert_eq!(named(input.name()), usize::from(moved), "{}", input.name());
        }
        for row in rows() {
            let own = usize::from(row.low.is_some());
            let moved = usize::from(row.name != "upload-rate");
            assert_eq!(named(&row.name) + own, moved, "{}", row.name);
        }
        for range in ranges() {
            let input = Input::ALL.iter().any(|input| input.name() == range.name);
            assert!(
                input || rows().iter().any(|row| row.name == range.name),
                "{}",
                range.name
            );
            assert!(range.low < range.high && range.source.starts_with("our judgement"));
        }
    }

    #[test]
    fn a_range_lies_around_what_is_here() {
        let of = |name: &str, here: u64| {
            let range = ranges().iter().find(|range| range.name == name);
            range.map(|range| range.around(here))
        };
        assert_eq!(of("bandwidth", 10_000_001), Some((8_000_001, 12_000_002)));
        assert_eq!(of("growth", 300), Some((0, 600)));
        assert_eq!(of("growth", 0), Some((0, 300)));
        assert_eq!(of("process-servers", 1), Some((1, 2)));
        assert_eq!(of("process-servers", 3), Some((2, 6)));
        assert_eq!(
            of("outage", 14_400),
            Some((0, 14_400)),
            "what is there already is not taken back"
        );
        assert_eq!(of("outage", 0), Some((0, 3_600)));
    }
}
