//! A list as it is written down, for lists that are written again and again and grow at their end: what was encoded stays encoded.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Plain values, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Encoded {
    bytes: Vec<u8>,
    values: usize,
}

impl Encoded {
    /// How many values it has.
    #[must_use]
    pub fn values(&self) -> usize {
        self.values
    }

    /// Adds a value.
    pub fn push(&mut self, value: &impl Serialize) {
        let before = std::mem::take(&mut self.bytes);
        self.bytes = postcard::to_extend(value, before).expect("plain data encodes");
        self.values += 1;
    }

    /// Starts again with nothing.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.values = 0;
    }

    /// What [`Encoded::decode`] reads.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.bytes)
    }

    /// The values; none where they are not what was encoded.
    #[must_use]
    pub fn decode<T: DeserializeOwned>(encoded: &[u8]) -> Option<Vec<T>> {
        let mut values = Vec::new();
        let mut left = encoded;
        while !left.is_empty() {
            let (value, rest) = postcard::take_from_bytes(left).ok()?;
            values.push(value);
            left = rest;
        }
        Some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_added_since_the_last_start() {
        let mut encoded = Encoded::default();
        encoded.push(&(7u64, 8u32));
        encoded.clear();
        for value in 0..300u64 {
            encoded.push(&(value, 1u32));
        }
        let expected: Vec<(u64, u32)> = (0..300).map(|value| (value, 1)).collect();
        assert_eq!(encoded.values(), 300);
        assert_eq!(Encoded::decode(&encoded.bytes()), Some(expected));
    }

    #[test]
    fn what_is_torn_is_not_read() {
        let mut encoded = Encoded::default();
        encoded.push(&300u64);
        let bytes = encoded.bytes();
        assert_eq!(Encoded::decode::<u64>(&bytes[..bytes.len() - 1]), None);
    }
}
