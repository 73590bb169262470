//! **The two times of a mark differ by the source machine's skew, and by nothing else.**
//!
//! Why it holds: both are read at once, one from simulated time, one from the machine's clock. Then reported RPO and true RPO differ by
//! the skew, as the product's documentation warns. Reference: facts §1.3 (RPO definition), design §2 (points).

use datapath::replica::Mark;

use super::Law;

/// The law.
pub const LAW: Law = Law {
    name: "clocks-agree",
    statement: "a mark's time by the source's clock is its simulated time plus the clock's skew",
};

/// Checks a mark made on a machine whose clock is off by `skew` nanoseconds. A clock cannot stand before the start of the run.
#[must_use]
pub fn check(mark: &Mark, skew: i64) -> Vec<String> {
    let expected = mark.marked.0.saturating_add_signed(skew);
    if mark.marked_source.0 == expected {
        return Vec::new();
    }
    vec![format!(
        "point {} was marked at {} ns simulated time and {} ns by its machine's clock, which is off by {skew} ns",
        mark.point, mark.marked.0, mark.marked_source.0
    )]
}

#[cfg(test)]
mod tests {
    use datapath::replica::Consistency;
    use datapath::{SimTime, WriteSeq};

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
        assert!(check(&mark(50), 0).is_empty());
        assert!(check(&mark(57), 7).is_empty());
        assert!(check(&mark(0), -60).is_empty());
        assert_eq!(check(&mark(50), 7).len(), 1);
        assert_eq!(check(&mark(58), 7).len(), 1);
    }
}
