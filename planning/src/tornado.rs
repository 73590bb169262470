//! What moves the RPO most.

use rayon::prelude::*;
use serde::Serialize;

use crate::queue::run;
use crate::recommend::Work;
use crate::sweep::{Input, kept, moved};

/// What an input moves the RPO by, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// The input.
    pub input: Input,
    /// Its lower value, in the input's unit.
    pub low: u64,
    /// Its higher value.
    pub high: u64,
    /// The RPO of all steps at the lower value, in milliseconds; none where the queue never ends.
    pub rpo_low_ms: Option<u64>,
    /// That at the higher one.
    pub rpo_high_ms: Option<u64>,
}

/// A fifth more or less of bandwidth and of what is written, no growth or twice as much, no outage or an hour in each week: what matters
/// most comes first. Around the links given, or around the rate that the RPO wanted needs.
#[must_use]
pub(crate) fn tornado(work: &Work<'_>, needed: u64) -> Vec<Bar> {
    let options = work.options;
    let bits = options.service.as_ref().and_then(|service| service.links.first());
    let bits = bits.map_or(needed, |link| link.bits_per_second);
    let growth = u64::from(options.growth_per_mille);
    let moves = [
        (Input::Bandwidth, bits * 4 / 5, bits.saturating_mul(6) / 5),
        (Input::Churn, 800, 1_200),
        (Input::Growth, 0, if growth == 0 { 300 } else { 2 * growth }),
        (Input::Outage, 0, 3_600),
    ];
    let rpo = |input: Input, value: u64| {
        let of = |other: Input| match other {
            _ if other == input => Some(value),
            Input::Bandwidth => Some(bits),
            _ => None,
        };
        let moved = moved(work, of);
        kept(&run(&moved.arrivals, &moved.service), 1_000)
    };
    let mut bars: Vec<Bar> = moves
        .into_par_iter()
        .map(|(input, low, high)| Bar {
            input,
            low,
            high,
            rpo_low_ms: rpo(input, low),
            rpo_high_ms: rpo(input, high),
        })
        .collect();
    // Where the queue never ends the input moves it by more than any time.
    let spread = |bar: &Bar| match (bar.rpo_low_ms, bar.rpo_high_ms) {
        (Some(low), Some(high)) => low.abs_diff(high),
        _ => u64::MAX,
    };
    bars.sort_by_key(|bar| std::cmp::Reverse(spread(bar)));
    bars
}
