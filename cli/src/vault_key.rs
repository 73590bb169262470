//! The vault's key: from a file, or from the operating system. It is never printed.

use std::path::Path;

use crate::failure::Failure;

/// Reads a key: 32 bytes as they are, or 64 hexadecimal digits.
pub fn read(path: &Path) -> Result<[u8; 32], Failure> {
    let shown = path.display();
    let content = std::fs::read(path).map_err(|error| {
        let text = format!("cannot read the vault's key {shown}: {error}");
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::IsADirectory => Failure::Input(text),
            _ => Failure::Machine(text),
        }
    })?;
    parse(&content).ok_or_else(|| {
        Failure::Input(format!(
            "{shown} is no key: 32 bytes or 64 hexadecimal digits are expected, it has {} bytes",
            content.len()
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
