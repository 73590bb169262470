//! Figures of a fault made rounder, so that a person reads "37 min" where a seed drew 37 minutes and some nanoseconds.

use sim::faults::Off;

use crate::model::Happens;

const SECOND: u64 = 1_000_000_000;
/// To what times are rounded, the roundest first, in nanoseconds.
const TIMES: [u64; 6] = [
    60 * SECOND,
    10 * SECOND,
    SECOND,
    SECOND / 10,
    SECOND / 100,
    SECOND / 1_000,
];

/// The same fault with rounder figures, the roundest first; none where it has none that can be.
pub(super) fn rounder(what: &Happens) -> Vec<Happens> {
    let mut all: Vec<Happens> = Vec::new();
    // Figures that are no times have digits: one of them, then two, then three.
    for (digits, unit) in (1..).zip(TIMES) {
        let mut tried = what.clone();
        let time = |value: &mut u64| *value = nearest(*value, unit);
        match &mut tried {
            Happens::AnswersLate { by, .. } => time(by),
            Happens::LinkDegraded {
                bits_per_second,
                latency,
                loss_per_million,
                ..
            } => {
                latency.iter_mut().for_each(time);
                bits_per_second.iter_mut().for_each(|rate| *rate = short(*rate, digits));
                if let Some(loss) = loss_per_million {
                    *loss = u32::try_from(short(u64::from(*loss), digits)).unwrap_or(*loss);
                }
            }
            Happens::Clock { off, .. } => match off {
                Off::Jump(by) => {
                    let rounded = nearest(by.unsigned_abs(), unit);
                    *by = i64::try_from(rounded).unwrap_or(i64::MAX) * by.signum();
                }
                Off::Drift(by) => {
                    let rounded = short(u64::from(by.unsigned_abs()), digits);
                    *by = i32::try_from(rounded).unwrap_or(i32::MAX) * by.signum();
                }
            },
            _ => return all,
        }
        if tried != *what && !all.contains(&tried) {
            all.push(tried);
        }
    }
    all
}

/// The nearest multiple of a unit that is not nothing; what is shorter than half of it stays.
fn nearest(value: u64, unit: u64) -> u64 {
    match value.saturating_add(unit / 2) / unit {
        0 => value,
        times => times * unit,
    }
}

/// A number with so many digits that are not nought.
fn short(value: u64, digits: u32) -> u64 {
    let all = value.checked_ilog10().unwrap_or(0) + 1;
    nearest(value, 10_u64.pow(all.saturating_sub(digits)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Always, Host};

    #[test]
    fn figures_get_rounder_and_never_nothing() {
        let host = Host::Always(Always::Portal);
        let jump = |by: i64| Happens::Clock {
            host,
            off: Off::Jump(by),
        };
        let tried = rounder(&jump(-2_232_916_074_675));
        assert_eq!(tried[0], jump(-2_220_000_000_000));
        assert_eq!(tried[1], jump(-2_230_000_000_000));
        assert_eq!(tried.last(), Some(&jump(-2_232_916_000_000)));
        let late = |by: u64| Happens::AnswersLate { host, by };
        assert_eq!(rounder(&late(1_400_000)), [late(1_000_000)]);
        assert_eq!(rounder(&late(60 * SECOND)), []);
        let drift = |by: i32| Happens::Clock {
            host,
            off: Off::Drift(by),
        };
        assert_eq!(rounder(&drift(-4_567)), [drift(-5_000), drift(-4_600), drift(-4_570)]);
    }
}
