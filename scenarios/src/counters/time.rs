//! Times as programs write them.

/// What a time may look like.
pub const TIMES: &str =
    "2024-03-31T02:30:00Z, 2024-03-31T02:30:00+02:00, 2024-03-31 02:30[:00] (taken as UTC), or seconds since 1970";

const DAY: i64 = 86_400;
/// The year 2200: what is later is no time of a counter, but perhaps milliseconds.
const LATEST: i64 = 84_006 * DAY;

/// Seconds since 1970 (UTC). A fraction of a second is cut off.
#[inline]
#[must_use]
pub fn parse(field: &[u8]) -> Option<i64> {
    if field.len() < 16 || field.get(4) != Some(&b'-') {
        return seconds(field);
    }
    let year = digits(field, 0, 4)?;
    let (month, day) = (digits(field, 5, 2)?, digits(field, 8, 2)?);
    let (hour, minute) = (digits(field, 11, 2)?, digits(field, 14, 2)?);
    let marks = field[7] == b'-' && matches!(field[10], b' ' | b'T' | b't') && field[13] == b':';
    let sane = hour < 24 && minute < 60 && (1970..2200).contains(&year);
    if !marks || !sane {
        return None;
    }
    let mut rest = &field[16..];
    let mut second = 0;
    if rest.first() == Some(&b':') {
        second = digits(rest, 1, 2)?;
        // A leap second is the next minute's first.
        if second > 60 {
            return None;
        }
        rest = &rest[3..];
        if matches!(rest.first(), Some(b'.' | b',')) {
            let end = rest[1..].iter().position(|byte| !byte.is_ascii_digit());
            rest = &rest[end.map_or(rest.len(), |end| end + 1)..];
        }
    }
    let days = days(year, month, day)?;
    let local = days * DAY + hour * 3_600 + minute * 60 + second;
    Some(local - offset(rest)?)
}

/// Seconds that a zone is ahead of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    let sign = match zone.first() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (zone.len() == 1).then_some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let minutes = match zone.len() {
        3 => 0,
        5 => digits(zone, 3, 2)?,
        6 if zone[3] == b':' => digits(zone, 4, 2)?,
        _ => return None,
    };
    let hours = digits(zone, 1, 2)?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

#[inline]
fn digits(field: &[u8], at: usize, count: usize) -> Option<i64> {
    let mut value = 0;
    for byte in field.get(at..at + count)? {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

/// Days from 1970 to a day of the Gregorian calendar; none where there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let before = *[0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334].get(usize::try_from(month - 1).ok()?)?;
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let past = year - 1;
    let leaps = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    Some((year - 1970) * 365 + leaps + before + i64::from(leap && month > 2) + day - 1)
}

/// A plain number of seconds.
fn seconds(field: &[u8]) -> Option<i64> {
    let whole = field.split(|byte| *byte == b'.').next()?;
    if whole.is_empty() || whole.len() > 10 || !field[whole.len()..].iter().skip(1).all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits(whole, 0, whole.len())?;
    (value <= LATEST).then_some(value)
}

/// A time as messages write it: `2024-03-31 02:30:00` (UTC).
#[must_use]
pub fn write(time: i64) -> String {
    let (day, second) = (time.div_euclid(DAY), time.rem_euclid(DAY));
    // The year by estimate, then by what is known of its begin.
    let mut year = 1970 + day / 366;
    while days(year + 1, 1, 1).is_some_and(|next| next <= day) {
        year += 1;
    }
    let month = (1..=12)
        .rev()
        .find(|month| days(year, *month, 1).is_some_and(|first| first <= day));
    let month = month.unwrap_or(1);
    let first = days(year, month, 1).unwrap_or(0);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{:02} {hour:02}:{minute:02}:{:02}",
        day - first + 1,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_each_form() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29 12:00", 951_825_600),
            ("2024-03-31T02:30:00+02:00", 1_711_845_000),
            ("2024-03-31T00:30:00.999Z", 1_711_845_000),
            ("2024-03-31 00:30:00", 1_711_845_000),
            ("2024-03-30t22:00:00-0230", 1_711_845_000),
            ("1711845000", 1_711_845_000),
            ("1711845000.25", 1_711_845_000),
            ("2100-03-01 00:00", 4_107_542_400),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(seconds), "{text}");
        }
        for text in [
            "",
            "x",
            "1711845000000",
            "2023-02-29 00:00",
            "2024-13-01 00:00",
            "2024-04-31 00:00",
            "2024-01-01 24:00",
            "2024-01-01 12:60",
            "2024-01-01",
            "31.03.2024 02:30",
            "2024-01-01 12:00 CET",
            "2024-01-01T12:00:00+1:00",
            "-5",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_written_time_reads_back() {
        let mut time = 7;
        while time < LATEST {
            assert_eq!(parse(write(time).as_bytes()), Some(time), "{}", write(time));
            time += 12_345_679;
        }
        assert_eq!(write(1_711_845_000), "2024-03-31 00:30:00");
    }
}
