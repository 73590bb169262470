//! Values with units: durations, sizes, rates, shares. Exact: no floating point, no unit that can be read in two ways.

mod pattern;
mod throttle;
mod written;

pub use pattern::{duration_pattern, rate_pattern, ratio_pattern, share_pattern, size_pattern};
pub use throttle::{throttle, throttle_pattern, write_throttle};
pub use written::{
    write_bits_per_second, write_bytes_per_second, write_duration, write_factor, write_ratio, write_share, write_size,
    write_time_of_day,
};

/// Why a text is not a value of its kind: what is wrong with it, and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongUnit {
    /// What is wrong.
    pub label: String,
    /// What is accepted.
    pub help: String,
}

/// Bytes per second and bits per second, kept as bits per day so that "25 GB/day" stays exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    bits_per_day: u128,
}

impl Rate {
    /// Whole bits per second.
    #[must_use]
    pub fn bits_per_second(self) -> u64 {
        u64::try_from(self.bits_per_day / DAY_SECONDS).unwrap_or(u64::MAX)
    }

    /// Whole bytes per second.
    #[must_use]
    pub fn bytes_per_second(self) -> u64 {
        self.bits_per_second() / 8
    }
}

const DAY_SECONDS: u128 = 86_400;

const DURATIONS: &str =
    "a duration is written like \"90 s\", \"5 min\", \"1 h 30 min\"; units: ns, us, ms, s, min, h, d";
const SIZES: &str = "a size is written like \"64 MiB\" or \"1 TB\"; units: B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024)";
const RATES: &str = "a rate is written like \"100 Mbit/s\" (bits), \"25 MB/s\" or \"12 GB/day\" (bytes); units: bit/s, kbit/s, Mbit/s, Gbit/s, B/s, kB/s, MB/s, GB/s, KiB/s, MiB/s, GiB/s, and the byte units with /day";
const SHARES: &str = "a share is written like \"80 %\" or \"0.5 %\"";

/// A duration in nanoseconds.
///
/// # Errors
/// What is wrong and what is accepted.
pub fn duration(text: &str) -> Result<u64, WrongUnit> {
    let wrong = |label: String| WrongUnit {
        label,
        help: DURATIONS.to_owned(),
    };
    let mut total: u128 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong("a duration is missing here".to_owned()));
    }
    while !rest.is_empty() {
        let (number, after) = split_number(rest).map_err(&wrong)?;
        let after = after.trim_start();
        let unit_end = after
            .find(|c: char| c.is_whitespace() || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let factor: u128 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" | "second" | "seconds" => 1_000_000_000,
            "min" | "minute" | "minutes" => 60_000_000_000,
            "h" | "hour" | "hours" => 3_600_000_000_000,
            "d" | "day" | "days" => 86_400_000_000_000,
            "" => return Err(wrong("a number without a unit of time".to_owned())),
            "m" => return Err(wrong("`m` could be minutes, months or metres; write `min`".to_owned())),
            other if size_unit(other).is_some() => return Err(wrong(format!("`{other}` is a size, not a time"))),
            other if other.contains('/') => return Err(wrong(format!("`{other}` is a rate, not a time"))),
            other => return Err(wrong(format!("`{other}` is no unit of time"))),
        };
        let part = number.times(factor).map_err(&wrong)?;
        total = total.saturating_add(part);
        rest = after.trim_start();
    }
    u64::try_from(total).map_err(|_| wrong("more than 584 years".to_owned()))
}

/// A size in bytes.
///
/// # Errors
/// What is wrong and what is accepted.
pub fn size(text: &str) -> Result<u64, WrongUnit> {
    let wrong = |label: String| WrongUnit {
        label,
        help: SIZES.to_owned(),
    };
    let (number, unit) = split_number(text.trim()).map_err(&wrong)?;
    let unit = unit.trim();
    let factor = match size_unit(unit) {
        Some(factor) => factor,
        None if unit.is_empty() => return Err(wrong("a number without a unit of size".to_owned())),
        None if unit.contains("bit") || unit.ends_with('b') => {
            return Err(wrong(format!("`{unit}` counts bits; a size counts bytes")));
        }
        None if unit.contains('/') => return Err(wrong(format!("`{unit}` is a rate, not a size"))),
        None if matches!(unit, "K" | "k" | "M" | "G" | "T") => {
            return Err(wrong(format!(
                "`{unit}` could be a power of 1000 or of 1024; write `{unit}B` or `{}iB`",
                unit.to_uppercase()
            )));
        }
        None if time_unit(unit) => return Err(wrong(format!("`{unit}` is a time, not a size"))),
        None => return Err(wrong(format!("`{unit}` is no unit of size"))),
    };
    let bytes = number
        .times(factor)
        .map_err(|label| wrong(label.replace("a whole number", "a whole number of bytes")))?;
    u64::try_from(bytes).map_err(|_| wrong("more than 16 EiB".to_owned()))
}

/// A rate.
///
/// # Errors
/// What is wrong and what is accepted.
pub fn rate(text: &str) -> Result<Rate, WrongUnit> {
    let wrong = |label: String| WrongUnit {
        label,
        help: RATES.to_owned(),
    };
    let (number, unit) = split_number(text.trim()).map_err(&wrong)?;
    let unit = unit.trim();
    if unit.is_empty() {
        return Err(wrong("a number without a unit of rate".to_owned()));
    }
    if let Some(stem) = unit.strip_suffix("ps") {
        let prefix = stem.trim_end_matches(['b', 'B']);
        if matches!(prefix, "" | "k" | "K" | "M" | "G" | "T") && stem.len() == prefix.len() + 1 {
            return Err(wrong(format!(
                "`{unit}` is read as bits by some and as bytes by others; write `{prefix}bit/s` or `{prefix}B/s`"
            )));
        }
    }
    let Some((stem, per)) = unit.split_once('/') else {
        return Err(wrong(if size_unit(unit).is_some() {
            format!("`{unit}` is a size; a rate says per what: `{unit}/s`")
        } else if time_unit(unit) {
            format!("`{unit}` is a time, not a rate")
        } else {
            format!("`{unit}` is no unit of rate")
        }));
    };
    let per_day: u128 = match per.trim() {
        "s" => DAY_SECONDS,
        "day" | "d" => 1,
        other => return Err(wrong(format!("per `{other}` is not accepted; `/s` or `/day`"))),
    };
    let stem = stem.trim();
    let bits: u128 = match stem {
        "bit" => 1,
        "kbit" => 1_000,
        "Mbit" => 1_000_000,
        "Gbit" => 1_000_000_000,
        "Tbit" => 1_000_000_000_000,
        _ => match size_unit(stem) {
            Some(bytes) => bytes * 8,
            None if stem.ends_with('b') => {
                let prefix = stem.trim_end_matches('b');
                return Err(wrong(format!(
                    "`{unit}`: a small b is read as bits by some and as bytes by others; write `{prefix}bit/{per}` or `{prefix}B/{per}`"
                )));
            }
            None => return Err(wrong(format!("`{stem}` is no unit of data"))),
        },
    };
    let bits_per_day = number.times_rounded(bits.saturating_mul(per_day));
    if bits_per_day / DAY_SECONDS > u128::from(u64::MAX) {
        return Err(wrong("more than any link can carry".to_owned()));
    }
    Ok(Rate { bits_per_day })
}

/// A share in parts per million.
///
/// # Errors
/// What is wrong and what is accepted.
pub fn share(text: &str) -> Result<u32, WrongUnit> {
    let wrong = |label: String| WrongUnit {
        label,
        help: SHARES.to_owned(),
    };
    let (number, unit) = split_number(text.trim()).map_err(&wrong)?;
    match unit.trim() {
        "%" => {}
        "" => return Err(wrong("a number without `%`".to_owned())),
        other => return Err(wrong(format!("`{other}` is no unit of a share"))),
    }
    let parts = number.times(10_000).map_err(&wrong)?;
    match u32::try_from(parts) {
        Ok(parts) if parts <= 1_000_000 => Ok(parts),
        _ => Err(wrong("more than 100 %".to_owned())),
    }
}

/// A factor in parts per thousand, from the text of a number.
///
/// # Errors
/// What is wrong and what is accepted.
pub fn factor(text: &str) -> Result<u32, WrongUnit> {
    let wrong = |label: String| WrongUnit {
        label,
        help: "a factor is a number such as 4 or 0.25, with at most three decimals".to_owned(),
    };
    let (number, rest) = split_number(text.trim()).map_err(&wrong)?;
    if !rest.trim().is_empty() {
        return Err(wrong(format!("`{}` after a factor", rest.trim())));
    }
    let parts = number.times(1_000).map_err(&wrong)?;
    u32::try_from(parts).map_err(|_| wrong("too large".to_owned()))
}

fn size_unit(unit: &str) -> Option<u128> {
    Some(match unit {
        "B" | "byte" | "bytes" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    })
}

fn time_unit(unit: &str) -> bool {
    matches!(
        unit,
        "ns" | "us" | "µs" | "ms" | "s" | "min" | "h" | "d" | "m" | "hours" | "minutes" | "seconds" | "days"
    )
}

/// A decimal number, exact.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    digits: u128,
    decimals: u32,
}

impl Decimal {
    fn times(self, factor: u128) -> Result<u128, String> {
        let product = self.digits.checked_mul(factor).ok_or("too large")?;
        let divisor = 10_u128.pow(self.decimals);
        if product % divisor != 0 {
            return Err("not a whole number of the smallest unit".to_owned());
        }
        Ok(product / divisor)
    }

    fn times_rounded(self, factor: u128) -> u128 {
        self.digits.saturating_mul(factor) / 10_u128.pow(self.decimals)
    }
}

/// The number at the start of a text, and what follows it.
fn split_number(text: &str) -> Result<(Decimal, &str), String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let plain = number.replace('_', "");
    if plain.is_empty() || plain == "." {
        return Err(if text.starts_with('-') {
            "a negative value".to_owned()
        } else if text.is_empty() {
            "a value is missing here".to_owned()
        } else {
            "no number at the start".to_owned()
        });
    }
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    if fraction.contains('.') {
        return Err("two decimal points in one number".to_owned());
    }
    if whole.len() + fraction.len() > 24 || fraction.len() > 12 {
        return Err("too many digits".to_owned());
    }
    let digits = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| "no number".to_owned())?;
    Ok((
        Decimal {
            digits,
            decimals: fraction.len() as u32,
        },
        rest,
    ))
}

/// A duration as a person writes it.
#[must_use]
pub fn show_duration(nanoseconds: u64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "min"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
    ];
    let mut rest = nanoseconds;
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        if rest >= unit && parts.len() < 2 {
            parts.push(format!("{} {name}", rest / unit));
            rest %= unit;
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() {
        format!("{nanoseconds} ns")
    } else {
        parts.join(" ")
    }
}

/// A measured duration as a person says it, from milliseconds: `43.5 s`, `12 min 03 s`, `2 h 05 min`.
#[must_use]
pub fn measured(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 if milliseconds == 0 => "0 s".to_owned(),
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// The same beside a bound, in nanoseconds. Where it would read like the bound, or is less than a second from it, it is exact to the
/// millisecond: which side of the bound it is on must be seen.
#[must_use]
pub fn measured_beside(milliseconds: u64, bound: u64) -> String {
    let bound_ms = bound / 1_000_000;
    let plain = measured(milliseconds);
    if milliseconds.abs_diff(bound_ms) >= 1000 && plain != measured(bound_ms) {
        return plain;
    }
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}.{rest:03} s"),
        (0, _) => format!("{minutes} min {:02}.{rest:03} s", seconds % 60),
        _ => format!("{hours} h {minutes:02} min {:02}.{rest:03} s", seconds % 60),
    }
}

/// A size as a person writes it: IEC units, one decimal where needed.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            return if bytes.is_multiple_of(unit) {
                format!("{} {name}", bytes / unit)
            } else {
                let tenths = u128::from(bytes) * 10 / u128::from(unit);
                format!("{}.{} {name}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_exact() {
        assert_eq!(duration("5 min"), Ok(300_000_000_000));
        assert_eq!(duration("1 h 30 min"), Ok(5_400_000_000_000));
        assert_eq!(duration("1.5h"), Ok(5_400_000_000_000));
        assert_eq!(duration("0 s"), Ok(0));
        assert_eq!(size("64 MiB"), Ok(64 << 20));
        assert_eq!(size("1 TB"), Ok(1_000_000_000_000));
        assert_eq!(size("1 TiB"), Ok(1 << 40));
        assert_eq!(size("1.5 KiB"), Ok(1536));
        assert_eq!(rate("100 Mbit/s").map(Rate::bytes_per_second), Ok(12_500_000));
        assert_eq!(rate("25 MB/s").map(Rate::bits_per_second), Ok(200_000_000));
        assert_eq!(rate("86.4 GB/day").map(Rate::bytes_per_second), Ok(1_000_000));
        assert_eq!(share("0.1 %"), Ok(1_000));
        assert_eq!(factor("2.5"), Ok(2_500));
    }

    #[test]
    fn beside_a_bound_it_is_seen_which_side_a_figure_is_on() {
        const MINUTE: u64 = 60_000_000_000;
        assert_eq!(measured_beside(300_020, 5 * MINUTE), "5 min 00.020 s");
        assert_eq!(measured_beside(299_999, 5 * MINUTE), "4 min 59.999 s");
        assert_eq!(measured_beside(301_000, 5 * MINUTE), "5 min 01 s");
        // Twenty seconds more would read the same.
        assert_eq!(measured_beside(5_420_000, 90 * MINUTE), "1 h 30 min 20.000 s");
        assert_eq!(measured_beside(43_500, MINUTE), "43.5 s");
        assert_eq!(measured_beside(30_000, MINUTE / 2), "30.000 s");
    }

    #[test]
    fn a_unit_of_another_kind_is_named() {
        assert!(duration("15 MB").unwrap_err().label.contains("is a size"));
        assert!(size("15 min").unwrap_err().label.contains("is a time"));
        assert!(size("15 Mbit").unwrap_err().label.contains("bits"));
        assert!(rate("100 MB").unwrap_err().label.contains("per what"));
        assert!(rate("100 Mbps").unwrap_err().label.contains("Mbit/s"));
        assert!(rate("100 Mb/s").unwrap_err().label.contains("Mbit/s"));
        assert!(size("10 G").unwrap_err().label.contains("`GiB`"));
        assert!(share("120 %").unwrap_err().label.contains("more than"));
        assert!(size("0.3 B").unwrap_err().label.contains("whole number"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = (duration(&text), size(&text), rate(&text), share(&text), factor(&text));
        }

        #[test]
        fn numbers_with_any_unit_never_panic(number in "[0-9_.]{0,40}", unit in "[a-zA-Z/% ]{0,8}") {
            let text = format!("{number} {unit}");
            let _ = (duration(&text), size(&text), rate(&text), share(&text), factor(&text));
        }

        #[test]
        fn a_shown_size_of_whole_units_reads_back(mebibytes in 1_u64..100_000) {
            let bytes = mebibytes << 20;
            let shown = show_size(bytes);
            if !shown.contains('.') {
                prop_assert_eq!(size(&shown), Ok(bytes));
            }
        }
    }
}
