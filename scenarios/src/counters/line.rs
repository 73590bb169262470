//! A line of counters: its fields, and numbers in them.

use std::borrow::Cow;

/// Columns that a file may have.
pub(super) const MOST_COLUMNS: usize = 32;

/// Where the fields of a line are. Quotes around a field belong to it.
#[derive(Debug, Default)]
pub(super) struct Fields {
    ends: [u32; MOST_COLUMNS],
    count: usize,
}

impl Fields {
    /// How many there are; those after [`MOST_COLUMNS`] are counted only.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn start(&self, at: usize) -> usize {
        match at.checked_sub(1) {
            None => 0,
            Some(before) => self.ends[before] as usize + 1,
        }
    }

    /// From where to where a field goes, in bytes; nowhere where it is past [`MOST_COLUMNS`].
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let end = self.ends.get(at).copied().unwrap_or(0) as usize;
        let start = if at < MOST_COLUMNS { self.start(at) } else { 0 };
        (start, end)
    }

    /// A field of the line that was split; empty where the line has fewer.
    pub(super) fn get<'a>(&self, line: &'a [u8], at: usize) -> &'a [u8] {
        self.span(line, at, at)
    }

    /// Fields from one to another, with what is between them.
    pub(super) fn span<'a>(&self, line: &'a [u8], from: usize, to: usize) -> &'a [u8] {
        if to >= self.count.min(MOST_COLUMNS) || from > to {
            return &[];
        }
        line.get(self.start(from)..self.ends[to] as usize).unwrap_or_default()
    }
}

/// Splits a line at its separators, but not within quotes. False where a quote is not closed.
pub(super) fn split(line: &[u8], separator: u8, fields: &mut Fields) -> bool {
    fields.count = 0;
    let mut at = 0;
    let mut begin = 0;
    let mut quoted = false;
    while at < line.len() {
        let byte = line[at];
        if quoted {
            // A doubled quote closes and opens again.
            quoted = byte != b'"';
        } else if byte == separator {
            push(fields, at);
            begin = at + 1;
        } else if byte == b'"' && (at == begin || line[at - 1] == b'"') {
            quoted = true;
        }
        at += 1;
    }
    push(fields, line.len());
    !quoted
}

fn push(fields: &mut Fields, end: usize) {
    if let Some(slot) = fields.ends.get_mut(fields.count) {
        // A block is shorter than 4 GiB.
        *slot = u32::try_from(end).unwrap_or(u32::MAX);
    }
    fields.count += 1;
}

/// The text of a field: without the quotes around it, trimmed.
pub(super) fn text(field: &[u8]) -> Cow<'_, str> {
    let trimmed = field.trim_ascii();
    let inner = trimmed.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\""));
    match inner {
        None => String::from_utf8_lossy(trimmed),
        Some(inner) => {
            let text = String::from_utf8_lossy(inner);
            match text.contains("\"\"") {
                true => Cow::Owned(text.replace("\"\"", "\"").trim().to_owned()),
                false => match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                    Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
                },
            }
        }
    }
}

/// What a field of a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// The number, times ten to the power asked for, rounded; half is rounded up.
    Is(u64),
    /// Nothing was counted: an empty field, or a word for that.
    Absent,
    /// Something else.
    Wrong,
}

/// Digits of a number that fit into 64 bits, whatever they are.
const SAFE_DIGITS: usize = 18;

/// A number that is not negative, with a point or a comma before its decimals, times ten to the power of `scale`.
#[inline]
pub(super) fn number(field: &[u8], scale: u32) -> Number {
    let mut value = 0_u64;
    let mut at = 0;
    while let Some(byte) = field.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || at == SAFE_DIGITS {
            break;
        }
        value = value * 10 + u64::from(digit);
        at += 1;
    }
    if at == field.len() && at > 0 && scale == 0 {
        return Number::Is(value);
    }
    let whole_digits = at;
    if whole_digits + scale as usize > SAFE_DIGITS {
        return rare_number(field, scale);
    }
    let mut decimals = 0;
    let mut up = false;
    if matches!(field.get(at), Some(b'.' | b',')) && whole_digits > 0 {
        at += 1;
        while let Some(byte) = field.get(at) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            if decimals < scale {
                value = value * 10 + u64::from(digit);
            } else if decimals == scale {
                up = digit >= 5;
            }
            decimals = decimals.saturating_add(1);
            at += 1;
        }
    }
    if at != field.len() || whole_digits == 0 {
        return rare_number(field, scale);
    }
    let missing = scale.saturating_sub(decimals);
    match value.checked_mul(10_u64.pow(missing)) {
        Some(value) => Number::Is(value + u64::from(up)),
        None => Number::Wrong,
    }
}

/// Numbers as few programs write them: in quotes, with spaces around, with an exponent; words for none.
#[cold]
fn rare_number(field: &[u8], scale: u32) -> Number {
    let text = text(field);
    let text = text.trim();
    if text.is_empty()
        || ["nan", "null", "none", "n/a", "na", "-"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
    {
        return Number::Absent;
    }
    if text.len() < field.len() {
        return number(text.as_bytes(), scale);
    }
    let sane = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    match text.parse::<f64>() {
        Ok(value) if sane && (0.0..1e18).contains(&value) => {
            let scaled = (value * 10_f64.powi(scale.try_into().unwrap_or(0))).round();
            if scaled < 1.8e19 {
                Number::Is(scaled as u64)
            } else {
                Number::Wrong
            }
        }
        _ => Number::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<String> {
        let mut fields = Fields::default();
        assert!(split(line.as_bytes(), b',', &mut fields));
        (0..fields.count())
            .map(|at| text(fields.get(line.as_bytes(), at)).into_owned())
            .collect()
    }

    #[test]
    fn a_separator_within_quotes_is_none() {
        assert_eq!(fields("a,b,,c"), ["a", "b", "", "c"]);
        assert_eq!(fields("\"a, b\",c"), ["a, b", "c"]);
        assert_eq!(fields("\"say \"\"a, b\"\"\",c"), ["say \"a, b\"", "c"]);
        assert_eq!(fields("12\" disk,c"), ["12\" disk", "c"]);
        assert_eq!(fields(""), [""]);
        assert!(!split(b"\"a,b", b',', &mut Fields::default()));
    }

    #[test]
    fn numbers_are_scaled_and_rounded() {
        for (field, scale, value) in [
            ("0", 0, 0),
            ("123456789012345678", 0, 123_456_789_012_345_678),
            ("12", 2, 1200),
            ("12.5", 2, 1250),
            ("12,5", 2, 1250),
            ("12.345", 2, 1235),
            ("12.344999", 2, 1234),
            ("12.3449999999999999999999", 2, 1234),
            ("7.5", 0, 8),
            ("7.0", 0, 7),
            ("7.", 0, 7),
            ("1.5e+06", 0, 1_500_000),
            ("\"12,5\"", 2, 1250),
            (" 12 ", 0, 12),
        ] {
            assert_eq!(number(field.as_bytes(), scale), Number::Is(value), "{field:?}");
        }
        for field in ["", "NaN", "null", " ", "-", "\"\""] {
            assert_eq!(number(field.as_bytes(), 2), Number::Absent, "{field:?}");
        }
        for field in [
            "-1",
            "x",
            "1.2.3",
            "1 2",
            "inf",
            ".",
            "1e99",
            "99999999999999999999999",
            "12 %",
            "+",
        ] {
            assert_eq!(number(field.as_bytes(), 2), Number::Wrong, "{field:?}");
        }
    }
}
