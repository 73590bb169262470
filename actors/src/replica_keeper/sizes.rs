//! What the batches of a replica come to, and the same as a checkpoint has it.
//!
//! A checkpoint is written with every point, and holds hundreds of batches of which one is new: what was encoded is kept, and only what
//! is new is added to it.

use std::collections::BTreeMap;

use bytes::Bytes;
use datapath::encoded::Encoded;
use serde::{Deserialize, Serialize};

/// What a batch comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Size {
    /// The first batch that it stands for.
    pub(super) from: u64,
    /// Bytes that it takes in storage.
    pub(super) stored_bytes: u64,
    /// Bytes of disk that it describes.
    pub(super) plain_bytes: u64,
}

/// By batch, those of the index.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    batches: BTreeMap<u64, Size>,
    /// All of them up to `encoded_through`, in order.
    encoded: Encoded,
    encoded_through: Option<u64>,
}

impl Sizes {
    pub(super) fn get(&self, batch: u64) -> Option<Size> {
        self.batches.get(&batch).copied()
    }

    pub(super) fn contains(&self, batch: u64) -> bool {
        self.batches.contains_key(&batch)
    }

    pub(super) fn insert(&mut self, batch: u64, size: Size) {
        if self.encoded_through.is_some_and(|through| batch <= through) {
            self.forget_encoded();
        }
        self.batches.insert(batch, size);
    }

    pub(super) fn remove(&mut self, batch: u64) -> Option<Size> {
        self.forget_encoded();
        self.batches.remove(&batch)
    }

    /// Those up to a batch are not in the index any more.
    pub(super) fn remove_through(&mut self, batch: u64) {
        self.forget_encoded();
        self.batches = self.batches.split_off(&(batch + 1));
    }

    fn forget_encoded(&mut self) {
        self.encoded.clear();
        self.encoded_through = None;
    }

    /// As a checkpoint has them: what [`Sizes::decode`] reads.
    pub(super) fn encode(&mut self) -> Bytes {
        let new = self.encoded_through.map_or(0, |through| through + 1);
        for entry in self.batches.range(new..) {
            self.encoded.push(&entry);
            self.encoded_through = Some(*entry.0);
        }
        self.encoded.bytes()
    }

    /// None where it is not what was encoded.
    pub(super) fn decode(encoded: &[u8]) -> Option<Sizes> {
        let batches = Encoded::decode::<(u64, Size)>(encoded)?.into_iter().collect();
        Some(Sizes {
            batches,
            ..Sizes::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(bytes: u64) -> Size {
        Size {
            from: bytes / 2,
            stored_bytes: bytes,
            plain_bytes: 3 * bytes,
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_there_was_whenever_it_was_encoded(
            steps in proptest::collection::vec((0u8..6, 1u64..40), 0..60),
        ) {
            let mut sizes = Sizes::default();
            for (step, batch) in steps {
                match step {
                    0..3 => sizes.insert(batch, size(batch + u64::from(step))),
                    3 => drop(sizes.remove(batch)),
                    4 => sizes.remove_through(batch),
                    _ => {
                        let read = Sizes::decode(&sizes.encode()).expect("as it was written");
                        prop_assert_eq!(&read.batches, &sizes.batches);
                    }
                }
            }
            let read = Sizes::decode(&sizes.encode()).expect("as it was written");
            prop_assert_eq!(read.batches, sizes.batches);
        }
    }
}
