//! What an extent holds, in three grains, and the [`Blob`] in which any of it travels.
//!
//! - `real`: every extent has bytes, from an image or generated.
//! - `extent`: every write and version is exact, there are no bytes.
//! - `aggregate`: a change is a range of sequence numbers with its sizes; for fleets.
//!
//! One set of actors runs on all of them: what differs is decided in this crate by matching on [`Content`].

mod generated;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::units::{DiskId, EXTENT_BYTES, Extent, WriteSeq};

pub use generated::generated;

/// How exactly a run models the content of disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grain {
    /// Real bytes.
    Real,
    /// Versions of extents, no bytes.
    Extent,
    /// Sizes of sequence ranges, no extents.
    Aggregate,
}

/// A class of compressibility: an index into the calibration table of the run (`segment::Calibration`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Class(pub u16);

/// What a run of extents holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Zeros, in every grain.
    Zero,
    /// Real bytes: exactly 4096 per extent.
    Bytes(Bytes),
    /// Modelled: the version that the write with this sequence number gave to all extents of the run
    /// (0: what the disk held at the start of the run).
    Version {
        /// The write that made it.
        version: WriteSeq,
        /// What it compresses like.
        class: Class,
    },
}

/// Consecutive extents of one disk and what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The first extent.
    pub start: Extent,
    /// How many extents, at least 1.
    pub extents: u32,
    /// What they hold.
    pub content: Content,
}

impl Run {
    /// The extent after the last.
    #[must_use]
    pub fn end(&self) -> Extent {
        Extent(self.start.0 + u64::from(self.extents))
    }

    /// Bytes of disk that the run covers.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.extents) * EXTENT_BYTES
    }

    /// The part of the run between two extents; `None` where they do not meet.
    #[must_use]
    pub fn slice(&self, from: Extent, to: Extent) -> Option<Run> {
        let start = self.start.max(from);
        let end = self.end().min(to);
        if start >= end {
            return None;
        }
        let content = match &self.content {
            Content::Bytes(bytes) => {
                let at = ((start.0 - self.start.0) * EXTENT_BYTES) as usize;
                let len = ((end.0 - start.0) * EXTENT_BYTES) as usize;
                Content::Bytes(bytes.slice(at..at + len))
            }
            other => other.clone(),
        };
        Some(Run {
            start,
            extents: (end.0 - start.0) as u32,
            content,
        })
    }
}

/// Changes of one disk in the aggregate grain: a range of the machine's write sequence, with sizes in place of extents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The disk.
    pub disk: DiskId,
    /// The first write of the range.
    pub first: WriteSeq,
    /// The last write of the range.
    pub last: WriteSeq,
    /// Bytes written by the range, in whole extents.
    pub bytes: u64,
    /// Bytes that remain when a block that is written twice within a batch counts once.
    pub distinct_bytes: u64,
    /// Chunks (of up to 64 KiB) that those are sealed in.
    pub chunks: u64,
    /// What it compresses like.
    pub class: Class,
    /// The life that wrote them (see [`crate::lineage`]), and the write before its first.
    pub life: (u64, WriteSeq),
}

impl Summary {
    /// Writes that it stands for; a piece of a copy is one.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.last.0.saturating_sub(self.first.0) + 1
    }
}

/// Something that is stored or sent: bytes, and the size at which the modelled world counts it.
///
/// With real content the two agree. With modelled content `bytes` is a short description (which extents, which versions)
/// and `size` is what the described content would take.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Blob {
    /// The bytes that are really there.
    pub bytes: Bytes,
    /// Bytes that the world counts for it: on a wire, on a disk, in a cache.
    pub size: u64,
}

impl Blob {
    /// Bytes that count as what they are.
    #[must_use]
    pub fn real(bytes: impl Into<Bytes>) -> Blob {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        Blob { bytes, size }
    }

    /// A description that counts as `size` bytes.
    #[must_use]
    pub fn modelled(description: impl Into<Bytes>, size: u64) -> Blob {
        Blob {
            bytes: description.into(),
            size,
        }
    }

    /// Several, one after the other. Of one, its bytes are not copied.
    #[must_use]
    pub fn join(blobs: &[Blob]) -> Blob {
        if let [only] = blobs {
            return only.clone();
        }
        let mut bytes = BytesMut::with_capacity(blobs.iter().map(|blob| blob.bytes.len()).sum());
        blobs.iter().for_each(|blob| bytes.extend_from_slice(&blob.bytes));
        Blob {
            bytes: bytes.freeze(),
            size: blobs.iter().map(|blob| blob.size).sum(),
        }
    }

    /// The inverse of [`Blob::join`], by the real bytes and the size of each; `None` where they do not make up the whole.
    #[must_use]
    pub fn split(&self, parts: impl IntoIterator<Item = (u64, u64)>) -> Option<Vec<Blob>> {
        let (mut at, mut sizes, mut blobs) = (0usize, 0u64, Vec::new());
        for (bytes, size) in parts {
            let end = at.checked_add(usize::try_from(bytes).ok()?)?;
            if end > self.bytes.len() {
                return None;
            }
            sizes = sizes.checked_add(size)?;
            blobs.push(Blob {
                bytes: self.bytes.slice(at..end),
                size,
            });
            at = end;
        }
        (at == self.bytes.len() && sizes == self.size).then_some(blobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_comes_apart_and_nothing_else_does() {
        let blobs = [Blob::real(vec![1, 2]), Blob::modelled(vec![3], 700), Blob::default()];
        let whole = Blob::join(&blobs);
        assert_eq!((whole.bytes.len(), whole.size), (3, 702));
        assert_eq!(whole.split([(2, 2), (1, 700), (0, 0)]).unwrap(), blobs);
        for lie in [
            vec![(2, 2), (1, 701)],
            vec![(2, 2)],
            vec![(4, 702)],
            vec![(u64::MAX, 2), (4, 700)],
            vec![(2, u64::MAX), (1, 703)],
            vec![],
        ] {
            assert_eq!(whole.split(lie.clone()), None, "{lie:?}");
        }
        assert_eq!(Blob::join(&[]).split([]), Some(vec![]));
    }
}
