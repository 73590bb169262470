//! Plain data as it is written down, and lists that are written again and again and change little in between: what was encoded stays
//! encoded.

mod encoder;

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::encoder::Encoder;

/// A value as postcard encodes it, behind what there is already.
///
/// # Panics
/// Where the value is no plain data: a sequence of unknown length.
#[must_use]
pub fn encode_behind(value: &(impl Serialize + ?Sized), before: Vec<u8>) -> Vec<u8> {
    let mut encoder = Encoder(before);
    value.serialize(&mut encoder).expect("plain data encodes");
    encoder.0
}

/// A value as postcard encodes it.
///
/// # Panics
/// As [`encode_behind`].
#[must_use]
pub fn encode(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    encode_behind(value, Vec::with_capacity(64))
}

/// Bytes that are encoded as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw<'a>(pub Cow<'a, [u8]>);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Raw<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer
            .deserialize_bytes(Bytes)
            .map(|bytes| Raw(Cow::Owned(bytes)))
    }
}

/// A value that stays as it is and is written down again and again with others that do not: it is encoded once. Copies share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole<T>(Arc<(T, Vec<u8>)>);

impl<T: Serialize> Whole<T> {
    /// Encodes a value.
    #[must_use]
    pub fn new(value: T) -> Whole<T> {
        let encoded = encode(&value);
        Whole(Arc::new((value, encoded)))
    }
}

impl<T> Deref for Whole<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0
    }
}

impl<T> Serialize for Whole<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0.1)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Raw(bytes) = Raw::deserialize(deserializer)?;
        let value = postcard::from_bytes(&bytes).map_err(serde::de::Error::custom)?;
        Ok(Whole(Arc::new((value, bytes.into_owned()))))
    }
}

/// Plain values, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Encoded {
    bytes: Vec<u8>,
    /// Where each value ends.
    ends: Vec<u32>,
}

impl Encoded {
    /// How many values it has.
    #[must_use]
    pub fn values(&self) -> usize {
        self.ends.len()
    }

    fn begin(&self, value: usize) -> usize {
        value.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// Adds a value at the end.
    pub fn push(&mut self, value: &impl Serialize) {
        self.bytes = encode_behind(value, std::mem::take(&mut self.bytes));
        self.ends.push(self.bytes.len() as u32);
    }

    /// Puts a value before the one of that number.
    pub fn insert(&mut self, at: usize, value: &impl Serialize) {
        if at == self.values() {
            return self.push(value);
        }
        let (begin, encoded) = (self.begin(at), encode(value));
        let more = encoded.len() as u32;
        self.bytes.splice(begin..begin, encoded);
        self.ends.insert(at, begin as u32);
        self.ends[at..].iter_mut().for_each(|end| *end += more);
    }

    /// Takes values out.
    pub fn remove(&mut self, values: Range<usize>) {
        let (begin, end) = (self.begin(values.start), self.begin(values.end));
        self.bytes.drain(begin..end);
        let less = (end - begin) as u32;
        self.ends.drain(values.clone());
        self.ends[values.start..].iter_mut().for_each(|end| *end -= less);
    }

    /// What [`Encoded::decode`] reads.
    #[must_use]
    pub fn raw(&self) -> Raw<'_> {
        Raw(Cow::Borrowed(&self.bytes))
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_is_the_list_as_it_was_changed(
            steps in prop::collection::vec((0u8..4, any::<prop::sample::Index>(), any::<u64>()), 0..60),
        ) {
            let (mut encoded, mut list) = (Encoded::default(), Vec::new());
            for (step, place, value) in steps {
                // Of one byte to ten.
                let value = value >> (value % 64);
                let at = place.index(list.len() + 1);
                match step {
                    0..2 => {
                        encoded.push(&value);
                        list.push(value);
                    }
                    2 => {
                        encoded.insert(at, &value);
                        list.insert(at, value);
                    }
                    _ => {
                        let end = (at + 3).min(list.len());
                        encoded.remove(at..end);
                        list.drain(at..end);
                    }
                }
                prop_assert_eq!(encoded.values(), list.len());
                prop_assert_eq!(Encoded::decode::<u64>(&encoded.raw().0), Some(list.clone()));
            }
        }
    }

    #[test]
    fn what_is_encoded_once_is_read_as_it_was_and_what_is_no_value_is_refused() {
        let value = (7u64, "disk".to_owned());
        let both = (Whole::new(value.clone()), 300u16);
        let bytes = encode(&both);
        let read: (Whole<(u64, String)>, u16) = postcard::from_bytes(&bytes).unwrap();
        assert_eq!((&*read.0, read.1), (&value, 300));
        assert_eq!(encode(&read), bytes);
        let other: Result<(Whole<(String, String)>, u16), _> = postcard::from_bytes(&bytes);
        assert!(other.is_err());
    }

    #[test]
    fn what_is_torn_is_not_read() {
        let mut encoded = Encoded::default();
        encoded.push(&300u64);
        let bytes = encoded.raw().0;
        assert_eq!(Encoded::decode::<u64>(&bytes[..bytes.len() - 1]), None);
    }
}
