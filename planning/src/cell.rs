//! What people write into cells: numbers with decimal points or commas, sizes with units, shares. Exact: no floating point.

/// What a comma in a number means in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locale {
    /// Columns are separated by commas: a comma within a number can be either.
    Comma,
    /// Columns are separated by something else, as where the comma is the decimal sign: a point can be either.
    DecimalComma,
}

/// A number that is not negative, exact: digits and how many of them are decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    digits: u128,
    decimals: u32,
}

/// Digits that a number may have; with the largest unit it still fits into 128 bits.
const MOST_DIGITS: u32 = 24;

impl Decimal {
    /// The number times a factor, rounded to a whole one; half is rounded up. None where it does not fit.
    pub(crate) fn times(self, factor: u64) -> Option<u64> {
        let divisor = 10_u128.checked_pow(self.decimals)?;
        let product = self.digits.checked_mul(u128::from(factor))?;
        u64::try_from((product + divisor / 2) / divisor).ok()
    }

    fn is_whole(self) -> bool {
        10_u128
            .checked_pow(self.decimals)
            .is_some_and(|divisor| self.digits.is_multiple_of(divisor))
    }
}

/// A space that people and programs put between groups of digits.
fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}')
}

/// The number at the start of a text and what follows it. `1,5` and `1.5` are one and a half, `1.234.567` and `1 234 567` are whole; a
/// sign before exactly three last digits that could mean either is refused.
pub(crate) fn number(text: &str, locale: Locale) -> Result<(Decimal, &str), String> {
    let text = text.trim();
    let part = |char: char| char.is_ascii_digit() || matches!(char, '.' | ',' | '\'') || is_space(char);
    let end = text.find(|char| !part(char)).unwrap_or(text.len());
    let (written, rest) = text.split_at(end);
    let written = written.trim_matches(is_space);
    let no_number = || "no number".to_owned();
    if !written.starts_with(|char: char| char.is_ascii_digit() || matches!(char, '.' | ',')) {
        return Err(no_number());
    }
    let points = written.matches('.').count();
    let commas = written.matches(',').count();
    let last = written.rfind(['.', ',']);
    let decimal_at = match (points, commas, last) {
        (0, 0, _) | (_, _, None) => None,
        // Both: the last one is the decimal sign, the other one groups.
        (1.., 1.., Some(at)) => Some(at),
        // One sign, many times: it groups.
        (2.., 0, _) | (0, 2.., _) => None,
        (_, _, Some(at)) => {
            let (before, after) = (&written[..at], &written[at + 1..]);
            let usual = matches!((locale, points), (Locale::Comma, 1) | (Locale::DecimalComma, 0));
            let grouping = after.len() == 3 && (1..=3).contains(&before.len()) && !before.starts_with('0');
            if grouping && !usual {
                return Err(format!("{written} could be {before}{after} or {before} and a fraction"));
            }
            Some(at)
        }
    };
    let (whole, fraction) = match decimal_at {
        Some(at) => (&written[..at], &written[at + 1..]),
        None => (written, ""),
    };
    grouped(whole).ok_or_else(no_number)?;
    let digits: String = whole
        .chars()
        .chain(fraction.chars())
        .filter(char::is_ascii_digit)
        .collect();
    if digits.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(no_number());
    }
    let decimals = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
    if digits.len() > MOST_DIGITS as usize || decimals > MOST_DIGITS {
        return Err("too many digits".to_owned());
    }
    let digits = digits.parse().map_err(|_| "too many digits".to_owned())?;
    Ok((Decimal { digits, decimals }, rest.trim_start_matches(is_space)))
}

/// Whether the groups of a whole number, if it has groups, are of three digits after the first.
fn grouped(whole: &str) -> Option<()> {
    let mut groups = whole.split(|char: char| !char.is_ascii_digit());
    let first = groups.next()?;
    let mut several = false;
    for group in groups {
        several = true;
        if group.len() != 3 {
            return None;
        }
    }
    (!several || (1..=3).contains(&first.len())).then_some(())
}

/// A whole number without a unit.
pub(crate) fn whole(text: &str, locale: Locale) -> Option<u64> {
    let (number, rest) = number(text, locale).ok()?;
    (rest.is_empty() && number.is_whole())
        .then(|| number.times(1))
        .flatten()
}

/// What a size may look like.
pub(crate) const SIZES: &str = "16 GiB, 16384 MiB, 1.5 TB (powers of 1000), or GiB as a plain number";

/// A size in bytes, rounded to a whole one. A plain number counts `plain` bytes each.
pub(crate) fn size(text: &str, plain: u64, locale: Locale) -> Result<u64, String> {
    let (number, unit) = number(text, locale)?;
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" => plain,
        "b" | "byte" | "bytes" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "pb" => 1_000_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "p" | "pib" => 1 << 50,
        _ => return Err("no size".to_owned()),
    };
    number.times(unit).ok_or_else(|| "too large a size".to_owned())
}

/// The same bytes as text that [`size`] reads back exactly.
pub(crate) fn write_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (unit, name) in UNITS {
        if bytes.is_multiple_of(unit) && bytes > 0 {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} B")
}

/// What a share may look like.
pub(crate) const SHARES: &str = "45 %, 0.45 or 2.2:1";

/// A share of a whole in thousandths: `45 %`, `0.45`, `2.2:1`. More than 110 % is none: what compresses so badly is stored as it is.
pub(crate) fn per_mille(text: &str, locale: Locale) -> Result<u32, String> {
    let (first, rest) = number(text, locale)?;
    let share = match rest.trim() {
        "" => first.times(1_000),
        "%" => first.times(10),
        "‰" => first.times(1),
        ratio => {
            let one = ratio.strip_prefix(':').map(str::trim);
            if one != Some("1") {
                return Err("no share".to_owned());
            }
            match first.times(1_000_000) {
                Some(ratio) if ratio > 0 => Some((1_000_000_000 + ratio / 2) / ratio),
                _ => return Err("no ratio".to_owned()),
            }
        }
    };
    match share {
        Some(share @ ..=1_100) => u32::try_from(share).map_err(|_| "no share".to_owned()),
        _ => Err("more than all of it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn sizes_have_units_or_count_in_gibibytes() {
        for (text, bytes) in [
            ("16 GiB", 16 * GIB),
            ("16384 MiB", 16 * GIB),
            ("16", 16 * GIB),
            ("1.5 TB", 1_500_000_000_000),
            ("1.5TiB", 3 << 39),
            (" 0.5 g ", GIB / 2),
            ("512 B", 512),
            ("1,234,567 B", 1_234_567),
            ("1 234 567 B", 1_234_567),
            ("1\u{a0}234 B", 1_234),
            ("1'234 B", 1_234),
            ("1.234,5 kB", 1_234_500),
            ("1,234.5 kB", 1_234_500),
            (".5", GIB / 2),
        ] {
            assert_eq!(size(text, GIB, Locale::Comma), Ok(bytes), "{text:?}");
        }
        for text in [
            "8 bananas",
            "",
            "GiB",
            "-3 GiB",
            "1,23,4",
            "1..2",
            "1e3",
            "99999999 PiB",
            "1 2 3",
        ] {
            assert!(size(text, GIB, Locale::Comma).is_err(), "{text:?}");
        }
    }

    #[test]
    fn complaint_decimal_comma() {
        assert_eq!(size("1,5 GiB", GIB, Locale::DecimalComma), Ok(3 * GIB / 2));
        assert_eq!(size("1,5 GiB", GIB, Locale::Comma), Ok(3 * GIB / 2));
        assert_eq!(size("1,024 GiB", GIB, Locale::DecimalComma), Ok(1_099_511_628));
        assert_eq!(size("1.024 GiB", GIB, Locale::Comma), Ok(1_099_511_628));
        // Either could be meant.
        assert!(size("1.024 GiB", GIB, Locale::DecimalComma).is_err());
        assert!(size("1,024 GiB", GIB, Locale::Comma).is_err());
        assert_eq!(size("0.125", GIB, Locale::DecimalComma), Ok(GIB / 8));
        assert_eq!(size("1.048.576 MiB", GIB, Locale::DecimalComma), Ok(1 << 40));
        assert_eq!(per_mille("45,5 %", Locale::Comma), Ok(455));
    }

    #[test]
    fn a_written_size_reads_back() {
        for bytes in [0, 1, 1023, 1024, 1 << 20, 3 << 29, 1 << 40, u64::MAX, 1_000_000_007] {
            assert_eq!(size(&write_size(bytes), GIB, Locale::Comma), Ok(bytes));
        }
    }

    #[test]
    fn a_share_is_a_percentage_a_fraction_or_a_ratio() {
        for (text, share) in [
            ("45 %", 450),
            ("0.45", 450),
            ("45.04%", 450),
            ("2:1", 500),
            ("2.20:1", 455),
            ("1", 1000),
        ] {
            assert_eq!(per_mille(text, Locale::Comma), Ok(share), "{text}");
        }
        for text in ["45", "200 %", "2:2", "0:1", "x", "1:"] {
            assert!(per_mille(text, Locale::Comma).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_numbers_are_whole() {
        assert_eq!(whole("8", Locale::Comma), Some(8));
        assert_eq!(whole("8.0", Locale::Comma), Some(8));
        assert_eq!(whole("8.5", Locale::Comma), None);
        assert_eq!(whole("8 cores", Locale::Comma), None);
    }
}
