//! How a value that rises as time passes was distributed over that time, exactly where it matters and in bounded memory.
//!
//! A stretch in which the value rises from `low` to `high`, a nanosecond each nanosecond, spends one nanosecond at each value
//! between. So the time spent at values up to `x` is the sum over all stretches of max(0, x - low) - max(0, x - high): it follows
//! from how many ends lie below `x`, and from their sum. Both are kept by buckets of values, [`PER_OCTAVE`] to each power of two; at a
//! bucket's edges the distribution is exact, and inside of a bucket that holds no end too.

use std::collections::BTreeMap;

/// Buckets to a power of two: inside of one, a percentile is off by less than 1/256 of itself.
const PER_OCTAVE_BITS: u32 = 8;
/// The same as a number.
const PER_OCTAVE: u64 = 1 << PER_OCTAVE_BITS;

/// The ends in a bucket: lower ones count +1, upper ones -1.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    count: i64,
    sum: i128,
}

/// The distribution of a value over time. Values and times in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct OverTime {
    ends: BTreeMap<u64, Ends>,
    at_zero: u64,
    total: u64,
    max: u64,
}

impl OverTime {
    /// The value rose from `low` to `high` (not below it), in as much time as that.
    pub(crate) fn rise(&mut self, low: u64, high: u64) {
        self.max = self.max.max(high);
        if high <= low {
            return;
        }
        self.total += high - low;
        for (end, sign) in [(low, 1), (high, -1)] {
            let ends = self.ends.entry(bucket(end)).or_default();
            ends.count += sign;
            ends.sum += i128::from(sign) * i128::from(end);
        }
    }

    /// The value was zero for a time.
    pub(crate) fn zero(&mut self, time: u64) {
        self.at_zero += time;
        self.total += time;
    }

    /// All the time.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The greatest value, exact.
    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// The value that was not exceeded in `per_cent` of the time.
    pub(crate) fn percentile(&self, per_cent: u32) -> u64 {
        let wanted = (i128::from(self.total) * i128::from(per_cent) + 99) / 100 - i128::from(self.at_zero);
        if wanted <= 0 {
            return 0;
        }
        // Before the bucket at hand: time below `x` is x * count - sum.
        let (mut count, mut sum) = (0_i128, 0_i128);
        for (&number, ends) in &self.ends {
            let (from, to) = (i128::from(lowest(number)), i128::from(lowest(number + 1)));
            let at_from = from * count - sum;
            if at_from >= wanted {
                break;
            }
            count += i128::from(ends.count);
            sum += ends.sum;
            let at_to = to * count - sum;
            if at_to >= wanted {
                let part = ceiling((wanted - at_from) * (to - from), at_to - at_from);
                return self.within(from + part);
            }
        }
        if count == 0 {
            return self.max;
        }
        self.within(ceiling(wanted + sum, count))
    }

    fn within(&self, value: i128) -> u64 {
        u64::try_from(value).unwrap_or(self.max).min(self.max)
    }
}

fn ceiling(dividend: i128, divisor: i128) -> i128 {
    (dividend + divisor - 1) / divisor
}

/// The bucket of a value: values below `2 * PER_OCTAVE` have one each.
fn bucket(value: u64) -> u64 {
    let shift = (63 - value.max(1).leading_zeros()).saturating_sub(PER_OCTAVE_BITS);
    u64::from(shift) * PER_OCTAVE + (value >> shift)
}

/// The lowest value of a bucket.
fn lowest(bucket: u64) -> u64 {
    let shift = (bucket / PER_OCTAVE).saturating_sub(1);
    (bucket - shift * PER_OCTAVE) << shift
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_holds_the_values_from_its_lowest_to_the_next() {
        for value in (0..5000).chain([1 << 40, (1 << 40) - 1, 300_000_000_000, u64::MAX / 4]) {
            let number = bucket(value);
            assert!(
                (lowest(number)..lowest(number + 1)).contains(&value),
                "{value} in {number}"
            );
        }
    }

    #[test]
    fn a_sawtooth_spends_equal_time_at_each_of_its_values() {
        let mut sawtooth = OverTime::default();
        for _ in 0..12 {
            // 300 s long, from 10 s up to 310 s.
            sawtooth.rise(10_000_000_000, 310_000_000_000);
        }
        assert_eq!(sawtooth.total(), 3_600_000_000_000);
        assert_eq!(sawtooth.percentile(50), 160_000_000_000);
        // 99 % of 300 s is 297 s, in the bucket in which the teeth end: within 1/256.
        let p99 = sawtooth.percentile(99);
        assert!(p99.abs_diff(307_000_000_000) < 307_000_000_000 / 256, "{p99}");
        assert_eq!(sawtooth.max(), 310_000_000_000);
    }

    #[test]
    fn time_at_zero_counts() {
        let mut one = OverTime::default();
        one.zero(300);
        one.rise(0, 100);
        assert_eq!((one.percentile(50), one.percentile(75), one.percentile(76)), (0, 0, 4));
    }

    #[test]
    fn of_nothing_all_is_zero() {
        assert_eq!(OverTime::default().percentile(99), 0);
    }

    proptest! {
        #[test]
        fn a_percentile_is_that_of_every_single_nanosecond(
            stretches in prop::collection::vec((0_u64..3000, 0_u64..3000), 1..20),
            per_cent in 1_u32..=100,
        ) {
            let mut over = OverTime::default();
            let mut values = Vec::new();
            for (low, length) in stretches {
                over.rise(low, low + length);
                values.extend(low + 1..=low + length);
            }
            values.sort_unstable();
            let exact = match values.len() {
                0 => 0,
                n => values[(n * per_cent as usize).div_ceil(100) - 1],
            };
            let found = over.percentile(per_cent);
            prop_assert!(found.abs_diff(exact) <= 1 + exact / 256, "{found} for {exact}");
        }
    }
}
