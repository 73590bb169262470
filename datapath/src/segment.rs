//! A segment: what one batch (or one piece of a copy) changes on one disk, compressed in chunks of up to 64 KiB and sealed.

use serde::{Deserialize, Serialize};

use crate::batch::DiskChanges;
use crate::content::{Blob, Class};
use crate::seal::{DiskKey, Epoch};
use crate::units::{DiskId, WriteSeq};

/// What a segment is, in clear; associated data of every seal in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SegmentHeader {
    /// The vault that it belongs to.
    pub vault: [u8; 16],
    /// The disk.
    pub disk: DiskId,
    /// A batch's part, or a copy's.
    pub kind: SegmentKind,
    /// The first write.
    pub first: WriteSeq,
    /// The last write; for a copy both are its position.
    pub last: WriteSeq,
    /// The sealer's epoch.
    pub epoch: Epoch,
    /// The first counter of the nonces used.
    pub first_counter: u64,
}

/// What a segment is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SegmentKind {
    /// The batch of the machine with this number, counted from 1 since protection began.
    Changes {
        /// The batch's number.
        batch: u64,
    },
    /// Piece `part` of copy `copy` of the disk.
    Copy {
        /// The copy's number.
        copy: u32,
        /// The piece's number, from 0.
        part: u32,
    },
}

/// A counter range that belongs to one call of [`seal`] alone.
#[derive(Debug, Clone, Copy)]
pub struct NonceRange {
    /// The epoch.
    pub epoch: Epoch,
    /// The first counter.
    pub first: u64,
    /// How many counters.
    pub count: u64,
}

/// How many nonces [`seal`] may need for these changes.
#[must_use]
pub fn nonces_needed(changes: &DiskChanges) -> u64 {
    let _ = changes;
    todo!()
}

/// What one thread keeps between segments: compressor, decompressor, buffers.
pub struct Worker(());

impl Worker {
    /// A worker that compresses at a zstd level.
    #[must_use]
    pub fn new(level: i32) -> Worker {
        let _ = level;
        todo!()
    }
}

/// What modelled content compresses to: bytes kept of 65,536, by class and by chunk length in extents (1 to 16).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calibration {
    /// `kept[class][extents - 1]`: sealed bytes of a chunk of that many extents.
    pub kept: Vec<[u32; 16]>,
}

impl Calibration {
    /// Bytes that a chunk of `extents` extents of a class takes when sealed.
    #[must_use]
    pub fn sealed_bytes(&self, class: Class, extents: u64) -> u64 {
        let _ = (class, extents);
        todo!()
    }
}

/// A sealed segment.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Its header.
    pub header: SegmentHeader,
    /// The segment as it is stored and sent, header included.
    pub blob: Blob,
}

/// Compresses and seals. `nonces` must never have been used; `vault`, `kind` and the changes go into the header.
#[must_use]
pub fn seal(
    worker: &mut Worker,
    key: &DiskKey,
    nonces: NonceRange,
    vault: [u8; 16],
    kind: SegmentKind,
    changes: &DiskChanges,
    calibration: &Calibration,
) -> Sealed {
    let _ = (worker, key, nonces, vault, kind, changes, calibration);
    todo!()
}

/// Why a segment was refused; its name is in the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("segment {name} refused: {why}")]
pub struct SegmentRefused {
    /// The segment's name as it was asked for.
    pub name: String,
    /// What is wrong: changed, truncated, foreign, out of order, …
    pub why: String,
}

/// Opens a segment after checking that it is the one asked for: same vault, disk, kind, first and last write.
pub fn open(
    worker: &mut Worker,
    key: &DiskKey,
    expected: &SegmentHeader,
    blob: &Blob,
) -> Result<DiskChanges, SegmentRefused> {
    let _ = (worker, key, expected, blob);
    todo!()
}

impl SegmentHeader {
    /// The segment's name in storage, e.g. `vm0/disk1/batch-00000012` or `vm0/disk1/copy-0001-000003`.
    #[must_use]
    pub fn name(&self) -> String {
        todo!()
    }
}
