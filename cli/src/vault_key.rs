//! The vault's key: from a file, or from the operating system. It is never printed.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use datapath::image::not_a_file;

use crate::failure::Failure;

/// Nothing past this is read of a file: a key in digits, and blanks around it.
const BYTES_MAX: u64 = 1024;

/// Reads a key: 32 bytes as they are, or 64 hexadecimal digits.
pub fn read(path: &Path) -> Result<[u8; 32], Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        let text = format!("cannot read the vault's key {shown}: {error}");
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => Failure::Input(text),
            _ => Failure::Machine(text),
        }
    };
    // Before it is opened: opening a pipe waits for somebody who writes to it.
    if let Some(what) = not_a_file(&fs::metadata(path).map_err(failed)?) {
        return Err(Failure::Input(format!("{shown} is {what}, and no file with a key")));
    }
    let mut content = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(BYTES_MAX + 1).read_to_end(&mut content).map_err(failed)?;
    parse(&content).ok_or_else(|| {
        let has = match content.len() as u64 {
            len if len > BYTES_MAX => format!("more than {BYTES_MAX}"),
            len => len.to_string(),
        };
        Failure::Input(format!(
            "{shown} is no key: 32 bytes or 64 hexadecimal digits are expected, it has {has} bytes"
        ))
    })
}

/// A fresh key from the operating system.
pub fn fresh() -> Result<[u8; 32], Failure> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)
        .map_err(|error| Failure::Machine(format!("the operating system gives no random bytes: {error}")))?;
    Ok(key)
}

fn parse(content: &[u8]) -> Option<[u8; 32]> {
    if let Ok(key) = content.try_into() {
        return Some(key);
    }
    let digits = content.trim_ascii();
    if digits.len() != 64 {
        return None;
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(value(pair[0])? << 4 | value(pair[1])?).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_bytes_or_hexadecimal() {
        assert_eq!(parse(&[7; 32]), Some([7; 32]));
        assert_eq!(parse(format!("{}\n", "0a".repeat(32)).as_bytes()), Some([10; 32]));
        assert_eq!(parse(&[7; 31]), None);
        assert_eq!(parse("xy".repeat(32).as_bytes()), None);
        assert_eq!(parse(b""), None);
    }
}
