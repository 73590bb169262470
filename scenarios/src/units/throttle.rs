//! A throttle of a process server as a person writes it: `mon-fri 8-18=20Mbit/s`.

use actors::nouns::Throttle;

use super::{WrongUnit, rate, write_bits_per_second};

/// What is accepted.
const ACCEPTED: &str = "accepted: [DAYS ]FROM-TO=RATE, as 8-18=20Mbit/s, \"mon-fri 8-18=20Mbit/s\" or \"sat,sun 0-24=50Mbit/s\"; whole hours from 0 to 24, days mon to sun";

/// What the text of a throttle looks like; whether its rate is one is for [`throttle`] to say.
#[must_use]
pub fn throttle_pattern() -> String {
    let day = "([mM][oO][nN]|[tT][uU][eE]|[wW][eE][dD]|[tT][hH][uU]|[fF][rR][iI]|[sS][aA][tT]|[sS][uU][nN])";
    let days = format!(r"{day}(-{day})?(\s*,\s*{day}(-{day})?)*\s+");
    let hour = "[0-9]{1,2}(:00)?";
    format!(r"^\s*({days})?{hour}-{hour}\s*=.+$")
}

/// Reads `[DAYS ]FROM-TO=RATE`. Whether the product takes the rate depends on the era, and is not looked at here.
///
/// # Errors
/// What is wrong and what is accepted.
pub fn throttle(text: &str) -> Result<Throttle, WrongUnit> {
    let wrong = |label: String| WrongUnit {
        label,
        help: ACCEPTED.to_owned(),
    };
    let (when, rate_text) = text
        .split_once('=')
        .ok_or_else(|| wrong(format!("{text:?} has no rate")))?;
    let when = when.trim();
    let (named, hours) = when.rsplit_once(' ').unwrap_or(("", when));
    let days = days(named.trim()).map_err(wrong)?;
    let (from, to) = hours
        .split_once('-')
        .ok_or_else(|| wrong(format!("{hours:?} are no hours")))?;
    let hour = |text: &str, most: u8| {
        let digits = text.strip_suffix(":00").unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = is_number.then(|| digits.parse::<u8>().ok()).flatten();
        value
            .filter(|value| *value <= most)
            .ok_or_else(|| wrong(format!("{text:?} is no hour from 0 to {most}")))
    };
    let (from_hour, to_hour) = (hour(from, 23)?, hour(to, 24)?);
    if from_hour == to_hour {
        return Err(wrong(format!("{hours:?} begins and ends at the same hour")));
    }
    Ok(Throttle {
        days,
        from_hour,
        // Up to midnight and from midnight on are one moment.
        to_hour: if to_hour == 0 { 24 } else { to_hour },
        bits_per_second: rate(rate_text)?.bits_per_second(),
    })
}

/// The inverse of [`throttle`].
#[must_use]
pub fn write_throttle(throttle: &Throttle) -> String {
    format!(
        "{}={}",
        throttle.when(),
        write_bits_per_second(throttle.bits_per_second)
    )
}

/// `mon-fri`, `sat,sun`, `fri-mon`; nothing for all of them.
fn days(text: &str) -> Result<[bool; 7], String> {
    if text.is_empty() {
        return Ok([true; 7]);
    }
    let day = |text: &str| {
        let text = text.trim().to_lowercase();
        let found = Throttle::DAYS.iter().position(|name| *name == text);
        found.ok_or_else(|| format!("{text:?} is no day"))
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let long = (last + 7 - first) % 7;
        (0..=long).for_each(|more| days[(first + more) % 7] = true);
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Throttle {
        throttle(text).unwrap()
    }

    #[test]
    fn a_throttle_is_read_with_its_days_and_hours() {
        let throttle = of("8-18=20Mbit/s");
        assert_eq!(throttle.days, [true; 7]);
        assert_eq!(
            (throttle.from_hour, throttle.to_hour, throttle.bits_per_second),
            (8, 18, 20_000_000)
        );
        assert_eq!(
            of("mon-fri 08:00-18:00 = 20 Mbit/s").days,
            [true, true, true, true, true, false, false]
        );
        assert_eq!(of("sat,sun 0-24=1Mbit/s").day_names(), ["sat", "sun"]);
        assert_eq!(of("Fri-Mon 22-6=1Mbit/s").day_names(), ["mon", "fri", "sat", "sun"]);
        assert_eq!(of("22-0=1Mbit/s").to_hour, 24);
        assert_eq!(of("mon,wed 8-18=1Mbit/s").when(), "mon,wed 8-18");
    }

    #[test]
    fn a_wrong_throttle_says_what_is_accepted() {
        for (text, words) in [
            ("8-18", "has no rate"),
            ("8=1Mbit/s", "no hours"),
            ("8-25=1Mbit/s", "\"25\" is no hour from 0 to 24"),
            ("24-8=1Mbit/s", "\"24\" is no hour from 0 to 23"),
            ("8:30-9=1Mbit/s", "\"8:30\" is no hour"),
            ("-1-9=1Mbit/s", "is no hour"),
            ("8-8=1Mbit/s", "same hour"),
            ("someday 8-9=1Mbit/s", "\"someday\" is no day"),
            ("8-18=20", "unit"),
            ("8-18=", "rate"),
        ] {
            let error = throttle(text).unwrap_err();
            let said = format!("{}; {}", error.label, error.help);
            assert!(said.contains(words), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in [
            "8-18=20 Mbit/s",
            "mon,tue,wed,thu,fri 8-18=512 kbit/s",
            "sun 22-6=1 Mbit/s",
            "0-24=102 Mbit/s",
        ] {
            assert_eq!(write_throttle(&of(text)), text);
            let read_again = of(&write_throttle(&of(text)));
            assert_eq!(read_again, of(text));
        }
    }
}
