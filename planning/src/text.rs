//! Text of a table as programs write it: encodings, line ends, what a comma means.

pub(crate) use scenarios::counters::text::{column_name, is_silent, separator, some_of};

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

/// What a comma in a number means where columns are separated so.
pub(crate) fn locale(separator: u8) -> Locale {
    if separator == b',' {
        Locale::Comma
    } else {
        Locale::DecimalComma
    }
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
}
