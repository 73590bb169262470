//! Text of a table as programs write it: separators, names of columns.

/// The separator of a header line: the one of `,` `;` and tab that stands there most often outside of quotes.
#[must_use]
pub fn separator(header: &str) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    for byte in header.bytes() {
        quoted ^= byte == b'"';
        for (separator, count) in &mut counts {
            *count += usize::from(byte == *separator && !quoted);
        }
    }
    // The first of equals: a comma.
    counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or(b',', |(separator, _)| separator)
}

/// Whether a line says nothing: blank, or a comment.
#[must_use]
pub fn is_silent(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim();
    line.is_empty() || line.starts_with('#')
}

/// A name of a column as it is compared: lower case, with underscores.
#[must_use]
pub fn column_name(text: &str) -> String {
    let text = text.trim_matches(|char: char| char.is_whitespace() || matches!(char, '"' | '\u{feff}'));
    text.to_lowercase().replace([' ', '-', '.'], "_")
}

/// Names of a list as a message shows them: the first few, and how many more.
#[must_use]
pub fn some_of<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let count = names.len();
    let mut shown: Vec<String> = names.take(SHOWN).map(super::problem::quoted).collect();
    if count > SHOWN {
        shown.push(format!("and {} more", count - SHOWN));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_the_most_frequent_one() {
        assert_eq!(separator("vm;os;\"a,b,c,d\""), b';');
        assert_eq!(separator("vm,os"), b',');
        assert_eq!(separator("vm\tos"), b'\t');
        assert_eq!(separator("vm"), b',');
    }
}
