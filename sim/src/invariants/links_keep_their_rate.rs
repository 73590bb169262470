//! **No link carries more than its rate allows, in any interval.**
//!
//! Why it holds: a link puts one bit after the other. The figures are taken from the event log alone and the sum is made anew here. Whole bytes
//! are counted, so a byte that was under way at the start may count in an interval; no more is allowed. Intervals of one direction do not
//! overlap. Reference: design §3, "Links are actors".

use datapath::SimTime;

use crate::findings::Bytes;

crate::law! {
    "links-keep-their-rate", "in no interval does a link carry more than its rate times the interval's length";

    IntervalsOverlap { link: String, from: SimTime, to: SimTime, before: SimTime } =>
        "link {link}: the interval from {} to {} ns follows one that ended at {} ns", from.0, to.0, before.0;
    TooMuch { link: String, bytes: Bytes, from: SimTime, to: SimTime, over: Bytes, bits_per_second: u64 } =>
        "link {link} carried {bytes} bytes from {from} to {to} ({} ns), {over} bytes more than {bits_per_second} bit/s allow",
        to.since(*from);
}

/// What a link carried in an interval, in one direction.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// The link's name.
    pub name: &'a str,
    /// Its rate.
    pub bits_per_second: u64,
    /// End of the interval before.
    pub before: SimTime,
    /// Start.
    pub from: SimTime,
    /// End.
    pub to: SimTime,
    /// Bytes.
    pub bytes: u64,
}

/// Checks an interval.
#[must_use]
pub fn check(used: &Use<'_>) -> Vec<Broken> {
    let mut violations = Vec::new();
    let Use {
        name, from, to, bytes, ..
    } = *used;
    if to < from || from < used.before {
        violations.push(Broken::IntervalsOverlap {
            link: name.to_owned(),
            from,
            to,
            before: used.before,
        });
    }
    let carried = u128::from(bytes) * 8 * 1_000_000_000;
    let allowed = u128::from(used.bits_per_second) * u128::from(to.since(from)) + 8 * 1_000_000_000;
    if carried > allowed {
        let over = (carried - allowed).div_ceil(8_000_000_000);
        violations.push(Broken::TooMuch {
            link: name.to_owned(),
            bytes: Bytes(bytes),
            from,
            to,
            over: Bytes(u64::try_from(over).unwrap_or(u64::MAX)),
            bits_per_second: used.bits_per_second,
        });
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Use<'static> = Use {
        name: "internet",
        bits_per_second: 8_000_000,
        before: SimTime(0),
        from: SimTime(0),
        to: SimTime(1_000_000_000),
        bytes: 1_000_000,
    };

    #[test]
    fn a_full_link_passes() {
        assert_eq!(check(&FULL), Vec::<Broken>::new());
    }

    #[test]
    fn a_byte_too_many_is_found() {
        let under_way = Use {
            bytes: 1_000_001,
            ..FULL
        };
        assert!(check(&under_way).is_empty());
        assert_eq!(
            check(&Use {
                bytes: 1_000_002,
                ..FULL
            })
            .len(),
            1
        );
        let to = SimTime(999_998_999);
        assert_eq!(check(&Use { to, ..FULL }).len(), 1);
    }

    #[test]
    fn intervals_that_overlap_are_found() {
        assert_eq!(
            check(&Use {
                before: SimTime(1),
                ..FULL
            })
            .len(),
            1
        );
        assert_eq!(
            check(&Use {
                from: SimTime(2),
                to: SimTime(1),
                bytes: 0,
                ..FULL
            })
            .len(),
            1
        );
    }
}
