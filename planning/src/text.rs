//! Text of a table as programs write it: encodings, line ends, separators, names of columns.

use crate::cell::Locale;

/// The text of a file: UTF-8, UTF-16 with a byte order mark, or what is neither, which is read as Windows-1252 (true). Line ends
/// become `\n`.
pub(crate) fn decode(bytes: &[u8]) -> (String, bool) {
    let (text, guessed) = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => {
            let (text, broken) = encoding.decode_with_bom_removal(bytes);
            (text.into_owned(), broken)
        }
        None => match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => {
                let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
                (text.into_owned(), true)
            }
        },
    };
    if text.contains('\r') {
        return (text.replace("\r\n", "\n").replace('\r', "\n"), guessed);
    }
    (text, guessed)
}

/// The separator of a header line: the one of `,` `;` and tab that stands there most often outside of quotes.
pub(crate) fn separator(header: &str) -> u8 {
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

/// What a comma in a number means where columns are separated so.
pub(crate) fn locale(separator: u8) -> Locale {
    if separator == b',' {
        Locale::Comma
    } else {
        Locale::DecimalComma
    }
}

/// Whether a line says nothing: blank, or a comment.
pub(crate) fn is_silent(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim();
    line.is_empty() || line.starts_with('#')
}

/// A name of a column as it is compared: lower case, with underscores.
pub(crate) fn column_name(text: &str) -> String {
    let text = text.trim_matches(|char: char| char.is_whitespace() || matches!(char, '"' | '\u{feff}'));
    text.to_lowercase().replace([' ', '-', '.'], "_")
}

/// Names of a list as a message shows them: the first few, and how many more.
pub(crate) fn some_of<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let count = names.len();
    let mut shown: Vec<String> = names.take(SHOWN).map(crate::problem::quoted).collect();
    if count > SHOWN {
        shown.push(format!("and {} more", count - SHOWN));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_the_encoding_that_it_has() {
        assert_eq!(decode("\u{feff}ä\r\nb\rc".as_bytes()), ("ä\nb\nc".to_owned(), false));
        assert_eq!(decode(b"\xff\xfea\0\xe4\0"), ("aä".to_owned(), false));
        assert_eq!(decode(b"B\xfcro \x80"), ("Büro €".to_owned(), true));
    }

    #[test]
    fn the_separator_is_the_most_frequent_one() {
        assert_eq!(separator("vm;os;\"a,b,c,d\""), b';');
        assert_eq!(separator("vm,os"), b',');
        assert_eq!(separator("vm\tos"), b'\t');
        assert_eq!(separator("vm"), b',');
    }
}
