//! **The two times of a mark differ by what the source machine's clock is off, and by nothing else.**
//!
//! Why it holds: both are read at once, one from simulated time, one from the machine's clock. Then reported RPO and true RPO differ by
//! that, as the product's documentation warns. A clock is off by its skew, and by faults of it; where one began, ended or went on between
//! the mark and the news of it, by anything from the least to the most that it was off meanwhile. Reference: facts §1.3 (RPO definition), design §2 (points).

use std::ops::RangeInclusive;

use datapath::SimTime;
use datapath::replica::Mark;

crate::law! {
    "clocks-agree", "a mark's time by the source's clock is its simulated time plus what the clock is off";

    ClockDiffers { point: u64, marked: SimTime, by_clock: SimTime, off_least: i64, off_most: i64 } =>
        "point {point} was marked at {} ns simulated time and {} ns by its machine's clock, which is off by {off_least} to {off_most} ns",
        marked.0, by_clock.0;
}

/// Checks a mark made on a machine whose clock is off by `off` nanoseconds. A clock cannot stand before the start of the run.
#[must_use]
pub fn check(mark: &Mark, off: &RangeInclusive<i64>) -> Vec<Broken> {
    let expected = |off: &i64| mark.marked.0.saturating_add_signed(*off);
    if (expected(off.start())..=expected(off.end())).contains(&mark.marked_source.0) {
        return Vec::new();
    }
    vec![Broken::ClockDiffers {
        point: mark.point,
        marked: mark.marked,
        by_clock: mark.marked_source,
        off_least: *off.start(),
        off_most: *off.end(),
    }]
}

#[cfg(test)]
mod tests {
    use datapath::WriteSeq;
    use datapath::replica::Consistency;

    use super::*;

    #[test]
    fn a_wrong_source_time_is_found() {
        let mark = |source| Mark {
            point: 1,
            seq: WriteSeq(1),
            consistency: Consistency::App,
            marked: SimTime(50),
            marked_source: SimTime(source),
            life: 0,
            shared: None,
        };
        assert!(check(&mark(50), &(0..=0)).is_empty());
        assert!(check(&mark(57), &(7..=7)).is_empty());
        assert!(check(&mark(53), &(-2..=7)).is_empty());
        assert!(check(&mark(0), &(-60..=-60)).is_empty());
        assert_eq!(check(&mark(50), &(7..=7)).len(), 1);
        assert_eq!(check(&mark(58), &(7..=7)).len(), 1);
        assert_eq!(check(&mark(58), &(0..=7)).len(), 1);
    }
}
