//! A plan's figures in words: for people, exactly, for tables and for spreadsheets.
//!
//! Sizes of disks and memory are in powers of 1024 (GiB), as vCenter counts them though it writes GB; what goes over a link or changes in
//! a time is in powers of 1000, as the vendor's limits are.

use planning::gates::Unit;
use planning::queue::NEVER;
use planning::tables::Era;
use planning::words as decimal;

use crate::words;

/// What a value of a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number of things.
    Count,
    /// A number of things in thousandths.
    Thousandths,
    /// A share in thousandths, shown in per cent.
    PerMille,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Bytes per day.
    BytesPerDay,
    /// Bits per second.
    BitsPerSecond,
    /// Reads and writes per second, in hundredths.
    Iops,
    /// Milliseconds; [`NEVER`] is a time without an end.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Millionths of the currency.
    Money,
    /// An era of the product, as `Era::number`.
    Era,
}

impl From<Unit> for Kind {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Bytes => Self::Bytes,
            Unit::BytesPerSecond => Self::BytesPerSecond,
            Unit::BytesPerDay => Self::BytesPerDay,
            Unit::BitsPerSecond => Self::BitsPerSecond,
            Unit::IopsHundredths => Self::Iops,
            Unit::Count => Self::Count,
            Unit::Milliseconds => Self::Milliseconds,
            Unit::Seconds => Self::Seconds,
            Unit::PerMille => Self::PerMille,
            Unit::Thousandths => Self::Thousandths,
            Unit::MicroCurrencyPerMonth => Self::Money,
        }
    }
}

/// How a spreadsheet shows a kind: the value is divided, and has a unit and a number format.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// What the whole number is divided by.
    pub divisor: f64,
    /// The unit then; empty where there is none.
    pub unit: &'static str,
    /// The number format.
    pub format: &'static str,
}

/// A number with its point before the last `digits`, without zeros at its end.
pub(super) fn point(value: u64, digits: u32) -> String {
    let scale = 10_u64.pow(digits);
    let rest = format!("{:0width$}", value % scale, width = digits as usize);
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() {
        (value / scale).to_string()
    } else {
        format!("{}.{rest}", value / scale)
    }
}

/// The name of an era; empty where no era has the number.
fn era(number: u64) -> &'static str {
    Era::numbered(number).map_or("", Era::name)
}

impl Kind {
    /// Whether a value of it stands for a time without an end.
    #[must_use]
    pub fn never(self, value: u64) -> bool {
        self == Self::Milliseconds && value == NEVER
    }

    /// A value as a person says it.
    #[must_use]
    pub fn human(self, value: u64) -> String {
        match self {
            Self::Text | Self::Count => words::count(value),
            Self::Thousandths => point(value, 3),
            Self::PerMille => format!("{} %", point(value, 1)),
            Self::Bytes => words::bytes(value),
            Self::BytesPerSecond => format!("{}/s", decimal::size(value)),
            Self::BytesPerDay => format!("{} a day", decimal::size(value)),
            Self::BitsPerSecond => decimal::rate(value),
            // Rounded up: a peak that breaks a limit does not read like the limit.
            Self::Iops => words::count(value.div_ceil(100)),
            Self::Milliseconds if value == NEVER => "without an end".to_owned(),
            Self::Milliseconds => decimal::time(value),
            Self::Seconds => decimal::time(value.saturating_mul(1_000)),
            Self::Era => era(value).to_owned(),
            Self::Money => {
                let cents = (u128::from(value) + 5_000) / 10_000;
                let whole = u64::try_from(cents / 100).unwrap_or(u64::MAX);
                format!("{}.{:02}", words::count(whole), cents % 100)
            }
        }
    }

    /// The exact value with its unit; what begins it is a number, but where there is no end.
    #[must_use]
    pub fn exact(self, value: u64) -> String {
        let unit = match self {
            _ if self.never(value) => return "without an end".to_owned(),
            Self::Thousandths | Self::Money | Self::Era => return self.raw(value),
            Self::PerMille => return format!("{} %", point(value, 1)),
            Self::Iops => return format!("{} a second", point(value, 2)),
            Self::Text | Self::Count => return words::count(value),
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes a second",
            Self::BytesPerDay => "bytes a day",
            Self::BitsPerSecond => "bit/s",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
        };
        format!("{} {unit}", words::count(value))
    }

    /// The value as a table for programs has it: digits and a point, nothing else; `never` where there is no end.
    #[must_use]
    pub fn raw(self, value: u64) -> String {
        match self {
            _ if self.never(value) => "never".to_owned(),
            Self::Thousandths => point(value, 3),
            Self::Iops => point(value, 2),
            Self::Money => point(value, 6),
            Self::Era => era(value).to_owned(),
            _ => value.to_string(),
        }
    }

    /// The unit of [`Kind::raw`], as it ends the name of a column.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Text | Self::Count | Self::Thousandths | Self::Era => "",
            Self::PerMille => "per_mille",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes_per_second",
            Self::BytesPerDay => "bytes_per_day",
            Self::BitsPerSecond => "bits_per_second",
            Self::Iops => "per_second",
            Self::Milliseconds => "ms",
            Self::Seconds => "seconds",
            Self::Money => "currency",
        }
    }

    /// How a spreadsheet shows it.
    #[must_use]
    pub fn shown(self) -> Shown {
        let (divisor, unit, format) = match self {
            Self::Text | Self::Count => (1.0, "", "#,##0"),
            Self::Era => (1.0, "", "0"),
            Self::Thousandths => (1e3, "", "#,##0.000"),
            Self::PerMille => (1e3, "", "0.0%"),
            Self::Bytes => (1_073_741_824.0, "GiB", "#,##0.00"),
            Self::BytesPerSecond => (1e6, "MB/s", "#,##0.000"),
            Self::BytesPerDay => (1e9, "GB/day", "#,##0.000"),
            Self::BitsPerSecond => (1e6, "Mbit/s", "#,##0.000"),
            Self::Iops => (100.0, "IOPS", "#,##0.00"),
            Self::Milliseconds => (60_000.0, "min", "#,##0.00"),
            Self::Seconds => (3_600.0, "h", "#,##0.00"),
            Self::Money => (1e6, "", "#,##0.00"),
        };
        Shown { divisor, unit, format }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reads_in_four_ways() {
        for (kind, value, human, exact, raw) in [
            (Kind::Count, 12_345, "12,345", "12,345", "12345"),
            (Kind::Thousandths, 2_330, "2.33", "2.33", "2.33"),
            (Kind::PerMille, 905, "90.5 %", "90.5 %", "905"),
            (Kind::Bytes, 40 << 30, "40.0 GiB", "42,949,672,960 bytes", "42949672960"),
            (
                Kind::BytesPerSecond,
                10_000_000,
                "10.0 MB/s",
                "10,000,000 bytes a second",
                "10000000",
            ),
            (Kind::Iops, 50_001, "501", "500.01 a second", "500.01"),
            (Kind::Milliseconds, 900_000, "15 min", "900,000 ms", "900000"),
            (Kind::Milliseconds, NEVER, "without an end", "without an end", "never"),
            (Kind::Money, 1_234_565_000, "1,234.57", "1234.565", "1234.565"),
            (Kind::Money, 0, "0.00", "0", "0"),
            (Kind::Era, 201_712, "2017-12", "2017-12", "2017-12"),
        ] {
            assert_eq!(
                (kind.human(value), kind.exact(value), kind.raw(value)),
                (human.into(), exact.into(), raw.into())
            );
        }
    }
}
