//! How values with units look, as regular expressions for the schema. They accept what [`super`] reads, up to what a value may be: that
//! a number is too large, or no whole number of the smallest unit, no pattern can say.

/// Digits with `_` between them and one point.
const NUMBER: &str = r"(?:_*[0-9][0-9_]*(?:\.[0-9_]*)?|_*\._*[0-9][0-9_]*)";
const DURATION_UNITS: &str = "(?:ns|us|µs|ms|s|seconds?|min|minutes?|h|hours?|d|days?)";
const SIZE_UNITS: &str = "(?:B|bytes?|[kK]B|MB|GB|TB|KiB|MiB|GiB|TiB)";

/// A duration.
#[must_use]
pub fn duration_pattern() -> String {
    // A number that follows a unit without a space begins with a digit.
    let next = format!(r"(?:\s*[0-9][0-9_]*(?:\.[0-9_]*)?|\s+{NUMBER})");
    format!(r"^\s*{NUMBER}\s*{DURATION_UNITS}(?:{next}\s*{DURATION_UNITS})*\s*$")
}

/// A size.
#[must_use]
pub fn size_pattern() -> String {
    format!(r"^\s*{NUMBER}\s*{SIZE_UNITS}\s*$")
}

/// A rate.
#[must_use]
pub fn rate_pattern() -> String {
    format!(r"^\s*{NUMBER}\s*(?:[kMGT]?bit|{SIZE_UNITS})\s*/\s*(?:s|day|d)\s*$")
}

/// A share.
#[must_use]
pub fn share_pattern() -> String {
    format!(r"^\s*{NUMBER}\s*%\s*$")
}

/// A ratio to one.
#[must_use]
pub fn ratio_pattern() -> String {
    format!(r"^\s*{NUMBER}\s*: ?1$")
}

#[cfg(test)]
mod tests {
    use super::super::{WrongUnit, duration, rate, share, size};
    use super::*;
    use proptest::prelude::*;

    /// What no pattern can say.
    fn of_the_value(wrong: &WrongUnit) -> bool {
        ["too many digits", "too large", "more than", "not a whole number"]
            .iter()
            .any(|label| wrong.label.contains(label))
    }

    fn fits(pattern: &str, text: &str) -> bool {
        jsonschema::is_valid(&serde_json::json!({ "pattern": pattern }), &serde_json::json!(text))
    }

    fn agree<T>(pattern: &str, text: &str, read: Result<T, WrongUnit>) -> bool {
        match read {
            Ok(_) => fits(pattern, text),
            Err(wrong) => of_the_value(&wrong) || !fits(pattern, text),
        }
    }

    proptest! {
        #[test]
        fn a_pattern_accepts_what_is_read(text in r"( )?([0-9_.]{0,4} ?(ns|us|µs|ms|s|second|min|minutes|h|d|days|m|B|byte|kB|KB|MB|GiB|TB|TiB|Mb|k|bit|kbit|Mbit|%|) ?(/ ?(s|day|d|h))?( )?){1,3}") {
            prop_assert!(agree(&duration_pattern(), &text, duration(&text)), "duration {text:?}");
            prop_assert!(agree(&size_pattern(), &text, size(&text)), "size {text:?}");
            prop_assert!(agree(&rate_pattern(), &text, rate(&text)), "rate {text:?}");
            prop_assert!(agree(&share_pattern(), &text, share(&text)), "share {text:?}");
        }
    }

    #[test]
    fn a_pattern_tells_units_apart() {
        for (pattern, good, bad) in [
            (duration_pattern(), "1 h 30min", "15 MB"),
            (size_pattern(), "64 MiB", "64 M"),
            (rate_pattern(), "12 GB/day", "12 Mbps"),
            (share_pattern(), "0.5 %", "0.5"),
            (ratio_pattern(), "2.5:1", "2.5"),
        ] {
            assert!(fits(&pattern, good) && !fits(&pattern, bad), "{pattern}");
        }
    }
}
