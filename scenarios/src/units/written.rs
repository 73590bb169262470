//! Values as a person writes them in a file, exact: what is written reads back as the same value.

use super::{Rate, rate};

const DURATIONS: [(u64, &str); 7] = [
    (86_400_000_000_000, "d"),
    (HOUR, "h"),
    (MINUTE, "min"),
    (SECOND, "s"),
    (1_000_000, "ms"),
    (1_000, "us"),
    (1, "ns"),
];
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Units that a duration is written in alone, and up to how many of each: 90 min, 72 h.
const ALONE: [(u64, &str, u64); 7] = [
    (HOUR, "h", 96),
    (24 * HOUR, "d", u64::MAX),
    (MINUTE, "min", 120),
    (SECOND, "s", 120),
    (1_000_000, "ms", 10_000),
    (1_000, "us", 10_000),
    (1, "ns", 10_000),
];

/// A duration: `90 s`, `72 h`, `2 h 30 min`.
#[must_use]
pub fn write_duration(nanoseconds: u64) -> String {
    if nanoseconds == 0 {
        return "0 s".to_owned();
    }
    let fits = |(unit, _, most): &&(u64, &str, u64)| nanoseconds.is_multiple_of(*unit) && nanoseconds / unit <= *most;
    if let Some((unit, name, _)) = ALONE.iter().find(fits) {
        return format!("{} {name}", nanoseconds / unit);
    }
    let mut rest = nanoseconds;
    let mut parts = Vec::new();
    for (unit, name) in DURATIONS {
        if rest >= unit {
            parts.push(format!("{} {name}", rest / unit));
            rest %= unit;
        }
    }
    parts.join(" ")
}

/// A size: `64 MiB`, `600 GB`; of the units that divide it, the one of which there are fewest.
#[must_use]
pub fn write_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 9] = [
        (1 << 40, "TiB"),
        (1_000_000_000_000, "TB"),
        (1 << 30, "GiB"),
        (1_000_000_000, "GB"),
        (1 << 20, "MiB"),
        (1_000_000, "MB"),
        (1 << 10, "KiB"),
        (1_000, "kB"),
        (1, "B"),
    ];
    let whole = |(unit, _): &&(u64, &str)| bytes.is_multiple_of(*unit) && bytes >= *unit;
    match UNITS.iter().find(whole) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} B"),
    }
}

/// A number of a unit with up to three decimals; the largest unit that gives one.
fn decimal(value: u64, units: &[(u64, &str)]) -> Option<String> {
    units.iter().find_map(|(unit, name)| {
        let thousandths = u128::from(value) * 1_000;
        let unit = u128::from(*unit);
        if u128::from(value) < unit || !thousandths.is_multiple_of(unit) {
            return None;
        }
        Some(format!("{} {name}", parts(thousandths / unit, 1_000)))
    })
}

/// A number that is kept in so many parts of one, a power of ten.
fn parts(value: u128, of: u128) -> String {
    let rest = value % of;
    if rest == 0 {
        return (value / of).to_string();
    }
    let digits = (of.ilog10()) as usize;
    let fraction = format!("{rest:0digits$}");
    format!("{}.{}", value / of, fraction.trim_end_matches('0'))
}

/// A rate of a link: `20 Mbit/s`.
#[must_use]
pub fn write_bits_per_second(bits: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1_000, "kbit/s")];
    decimal(bits, &UNITS).unwrap_or_else(|| format!("{bits} bit/s"))
}

/// A rate of a disk: `200 MB/s`, or by the day where that is what it was: `25 GB/day`.
#[must_use]
pub fn write_bytes_per_second(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB/s"), (1_000_000, "MB/s"), (1_000, "kB/s")];
    const DAYS: [(u128, u128, &str); 2] = [(1_000_000_000, 10, "GB/day"), (1_000_000, 1, "MB/day")];
    if let Some(text) = decimal(bytes, &UNITS).filter(|_| bytes.is_multiple_of(10)) {
        return text;
    }
    let by_day = DAYS.iter().find_map(|(unit, of, name)| {
        let count = (u128::from(bytes) * 86_400 * of).div_ceil(*unit);
        let text = format!("{} {name}", parts(count, *of));
        let same = rate(&text).map(Rate::bytes_per_second) == Ok(bytes);
        (count >= *of && count < 100_000 && same).then_some(text)
    });
    by_day.unwrap_or_else(|| format!("{bytes} B/s"))
}

/// A share in parts per million: `80 %`.
#[must_use]
pub fn write_share(per_million: u32) -> String {
    format!("{} %", parts(u128::from(per_million), 10_000))
}

/// A factor in parts per thousand: `0.25`.
#[must_use]
pub fn write_factor(per_mille: u32) -> String {
    parts(u128::from(per_mille), 1_000)
}

/// A ratio in hundredths: `2.5:1`.
#[must_use]
pub fn write_ratio(hundredths: u32) -> String {
    format!("{}:1", parts(u128::from(hundredths), 100))
}

/// A time of day in seconds after midnight: `08:00`.
#[must_use]
pub fn write_time_of_day(seconds: u32) -> String {
    format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::super::{duration, factor, share, size};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_written_as_a_person_writes_them() {
        for (nanoseconds, text) in [
            (0, "0 s"),
            (SECOND / 2, "500 ms"),
            (100 * SECOND, "100 s"),
            (60 * SECOND, "1 min"),
            (5_400 * SECOND, "90 min"),
            (3_600 * SECOND, "1 h"),
            (9_000 * SECOND, "2 h 30 min"),
            (86_400 * SECOND, "24 h"),
            (259_200 * SECOND, "72 h"),
            (7 * 86_400 * SECOND, "7 d"),
            (65 * SECOND + 1, "1 min 5 s 1 ns"),
        ] {
            assert_eq!(write_duration(nanoseconds), text);
        }
        for (bytes, text) in [
            (0, "0 B"),
            (512, "512 B"),
            (8_192, "8 KiB"),
            (64 << 20, "64 MiB"),
            (1 << 30, "1 GiB"),
            (600_000_000_000, "600 GB"),
            (1_000_000_000_000, "1 TB"),
        ] {
            assert_eq!(write_size(bytes), text);
        }
        assert_eq!(write_bits_per_second(20_000_000), "20 Mbit/s");
        assert_eq!(write_bits_per_second(1_544_000), "1.544 Mbit/s");
        assert_eq!(write_bits_per_second(1_001), "1.001 kbit/s");
        assert_eq!(write_bytes_per_second(200_000_000), "200 MB/s");
        assert_eq!(write_bytes_per_second(289_351), "25 GB/day");
        assert_eq!(write_bytes_per_second(40_000), "40 kB/s");
        assert_eq!(write_share(800_000), "80 %");
        assert_eq!(write_share(5_000), "0.5 %");
        assert_eq!(write_factor(250), "0.25");
        assert_eq!(write_ratio(250), "2.5:1");
        assert_eq!(write_time_of_day(8 * 3600), "08:00");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in prop_oneof![any::<u64>(), 0_u64..100_000, (0_u64..100_000).prop_map(|n| n * 1_000_000_000)]) {
            prop_assert_eq!(duration(&write_duration(value)), Ok(value));
            prop_assert_eq!(size(&write_size(value)), Ok(value));
            prop_assert_eq!(rate(&write_bits_per_second(value)).map(Rate::bits_per_second), Ok(value));
            let bytes = value / 8;
            prop_assert_eq!(rate(&write_bytes_per_second(bytes)).map(Rate::bytes_per_second), Ok(bytes));
        }

        #[test]
        fn small_ones_too(value: u32) {
            prop_assert_eq!(factor(&write_factor(value)), Ok(value));
            let share_value = value % 1_000_001;
            prop_assert_eq!(share(&write_share(share_value)), Ok(share_value));
        }
    }
}
