//! Figures in words, without floats: rates, sizes, times.

/// Bits per second, with one decimal: `81.3 Mbit/s`.
#[must_use]
pub fn rate(bits_per_second: u64) -> String {
    scaled(
        bits_per_second,
        1_000,
        &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"],
    )
}

/// Bytes in powers of 1000, with one decimal: `1.2 TB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    scaled(bytes, 1_000, &["bytes", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// Rounded to the nearest tenth; a half goes up.
fn scaled(value: u64, base: u64, units: &[&str]) -> String {
    let (mut unit, mut scale) = (0, 1_u64);
    while unit + 1 < units.len() && value / scale >= base {
        scale *= base;
        unit += 1;
    }
    if scale == 1 {
        return format!("{value} {}", units[0]);
    }
    let tenths = (u128::from(value) * 10 + u128::from(scale) / 2) / u128::from(scale);
    match (tenths >= u128::from(base) * 10, units.get(unit + 1)) {
        (true, Some(next)) => format!("1.0 {next}"),
        _ => format!("{}.{} {}", tenths / 10, tenths % 10, units[unit]),
    }
}

/// Milliseconds: `950 ms`, `12.3 s`, `15 min`, `2 h 5 min`, `3 d 4 h`. From a minute on rounded up to whole minutes, from two days on to
/// hours.
#[must_use]
pub fn time(milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "0 s".to_owned();
    }
    if milliseconds < 1_000 {
        return format!("{milliseconds} ms");
    }
    if milliseconds < 60_000 {
        return format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100);
    }
    let pair = |large: u64, name: &str, small: u64, less: &str| {
        if small == 0 {
            format!("{large} {name}")
        } else {
            format!("{large} {name} {small} {less}")
        }
    };
    let minutes = milliseconds.div_ceil(60_000);
    if minutes < 60 {
        return format!("{minutes} min");
    }
    if minutes < 2 * 1_440 {
        return pair(minutes / 60, "h", minutes % 60, "min");
    }
    let hours = milliseconds.div_ceil(3_600_000);
    pair(hours / 24, "d", hours % 24, "h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_a_person_writes_them() {
        assert_eq!(rate(0), "0 bit/s");
        assert_eq!(rate(81_250_000), "81.3 Mbit/s");
        assert_eq!(rate(999_960), "1.0 Mbit/s");
        assert_eq!(rate(u64::MAX), "18446744.1 Tbit/s");
        assert_eq!(size(1_234_567_890_123), "1.2 TB");
        assert_eq!(time(0), "0 s");
        assert_eq!(time(999), "999 ms");
        assert_eq!(time(12_345), "12.3 s");
        assert_eq!(time(900_000), "15 min");
        assert_eq!(time(900_001), "16 min");
        assert_eq!(time(7_500_000), "2 h 5 min");
        assert_eq!(time(273_600_000), "3 d 4 h");
        assert_eq!(time(172_800_000), "2 d");
    }
}
