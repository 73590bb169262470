//! What the batches of a replica come to, and the same as a checkpoint has it.
//!
//! A checkpoint is written with every point, and holds hundreds of batches of which one is new: what was encoded is kept, and only what
//! has changed is encoded again.

use datapath::encoded::{Encoded, Raw};
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
    /// In order of batches.
    batches: Vec<(u64, Size)>,
    /// The same, as a checkpoint has it.
    encoded: Encoded,
}

impl Sizes {
    fn place(&self, batch: u64) -> Result<usize, usize> {
        // Nearly always it is the one after the last.
        match self.batches.last() {
            Some((last, _)) if *last >= batch => self.batches.binary_search_by_key(&batch, |(batch, _)| *batch),
            _ => Err(self.batches.len()),
        }
    }

    pub(super) fn get(&self, batch: u64) -> Option<Size> {
        self.place(batch).ok().map(|place| self.batches[place].1)
    }

    pub(super) fn contains(&self, batch: u64) -> bool {
        self.place(batch).is_ok()
    }

    pub(super) fn insert(&mut self, batch: u64, size: Size) {
        self.remove(batch);
        let (Ok(place) | Err(place)) = self.place(batch);
        self.batches.insert(place, (batch, size));
        self.encoded.insert(place, &(batch, size));
    }

    pub(super) fn remove(&mut self, batch: u64) -> Option<Size> {
        let place = self.place(batch).ok()?;
        self.encoded.remove(place..place + 1);
        Some(self.batches.remove(place).1)
    }

    /// Those up to a batch are not in the index any more.
    pub(super) fn remove_through(&mut self, batch: u64) {
        let gone = self.batches.partition_point(|(of, _)| *of <= batch);
        self.batches.drain(..gone);
        self.encoded.remove(0..gone);
    }

    /// As a checkpoint has them: what [`Sizes::decode`] reads.
    pub(super) fn encode(&self) -> Raw<'_> {
        self.encoded.raw()
    }

    /// None where it is not what was encoded.
    pub(super) fn decode(encoded: &[u8]) -> Option<Sizes> {
        let mut sizes = Sizes::default();
        for (batch, size) in Encoded::decode::<(u64, Size)>(encoded)? {
            sizes.insert(batch, size);
        }
        Some(sizes)
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
                        let read = Sizes::decode(&sizes.encode().0).expect("as it was written");
                        prop_assert_eq!(&read.batches, &sizes.batches);
                    }
                }
            }
            let read = Sizes::decode(&sizes.encode().0).expect("as it was written");
            prop_assert_eq!(read.batches, sizes.batches);
        }
    }
}
