//! A segment: what one batch (or one piece of a copy) changes on one disk, compressed in chunks of up to 64 KiB and sealed.
//!
//! Layout (integers little-endian):
//!
//! | part | bytes | sealed |
//! |---|---|---|
//! | magic `FDSEG\x00\x01\n`, length of the header (4), [`SegmentHeader`] (postcard), rows of the manifest (4) | 16 + header | in clear; associated data of the manifest, and its BLAKE3 of every chunk |
//! | manifest: a row per chunk: first extent (8), extents (4), kind (1: zero, raw, zstd), stored bytes (4) | 17 per row + 16 | yes |
//! | chunks in the manifest's order; zeros have none | stored bytes + 16 each | yes, each with its own nonce and its number |
//!
//! So a changed, missing, exchanged or added chunk, a changed header and a segment of another vault, disk or batch are all refused.
//! Zeros cost a row. A chunk that zstd makes less than about 3 % smaller is stored as it is.
//!
//! Modelled content has the same header and then a description with its XXH3 (`modelled`); it counts as what the described
//! content would take.

mod calibration;
mod modelled;
mod sealed;

use serde::{Deserialize, Serialize};

use crate::batch::DiskChanges;
use crate::content::{Blob, Content};
use crate::encoded::encode_behind;
use crate::seal::{Cipher, DiskKey, Epoch};
use crate::units::{DiskId, WriteSeq};

pub use crate::seal::NonceRange;
pub use calibration::Calibration;

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

/// Headers of segments that belong together. Tags, questions and answers share them: a fleet has millions.
pub type Headers = std::sync::Arc<[SegmentHeader]>;

/// What a segment is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SegmentKind {
    /// The batch of the machine with this number, counted from 1 since protection began.
    Changes {
        /// The batch's number.
        batch: u64,
    },
    /// What the batches from `from` to `to` together change: made by pruning, between two kept recovery points.
    Merged {
        /// The first batch.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Piece `part` of copy `copy` of the disk.
    Copy {
        /// The copy's number.
        copy: u32,
        /// The piece's number, from 0.
        part: u32,
    },
}

impl SegmentHeader {
    /// The segment's name in storage, e.g. `vm0/disk1/batch-00000012` or `vm0/disk1/copy-0001-000003`.
    #[must_use]
    pub fn name(&self) -> String {
        name(self.disk, self.kind)
    }
}

/// The name in storage of a disk's segment of a kind.
#[must_use]
pub fn name(disk: DiskId, kind: SegmentKind) -> String {
    let mut name = String::with_capacity(48);
    push_name(&mut name, disk, kind);
    name
}

/// Appends the name in storage of a disk's segment of a kind. A fleet asks for millions: no formatting machinery.
pub fn push_name(name: &mut String, disk: DiskId, kind: SegmentKind) {
    let mut push = |word: &str, number: u64, digits: usize| push_part(name, word, number, digits);
    push("vm", u64::from(disk.vm.0), 1);
    push("/disk", u64::from(disk.index), 1);
    match kind {
        SegmentKind::Changes { batch } => push("/batch-", batch, 8),
        SegmentKind::Merged { from, to } => {
            push("/merged-", from, 8);
            push("-", to, 8);
        }
        SegmentKind::Copy { copy, part } => {
            push("/copy-", u64::from(copy), 4);
            push("-", u64::from(part), 6);
        }
    }
}

/// Appends a word, and a number with at least so many digits, of at most 20.
#[inline]
pub fn push_part(out: &mut String, word: &str, number: u64, digits: usize) {
    out.push_str(word);
    push_number(out, number, digits);
}

/// Appends a number with at least so many digits, of at most 20.
pub fn push_number(out: &mut String, number: u64, digits: usize) {
    const ZEROS: &str = "00000000000000000000";
    /// A one and so many zeros; none at 0.
    const FRONTS: [u64; 19] = {
        let mut fronts = [0; 19];
        let mut digits = 1;
        while digits < fronts.len() {
            fronts[digits] = 10_u64.pow(digits as u32);
            digits += 1;
        }
        fronts
    };
    let mut text = itoa::Buffer::new();
    // Mostly a one in front of the number brings all the zeros there are to be.
    if let Some(front) = FRONTS.get(digits).filter(|front| number < **front) {
        return out.push_str(&text.format(front + number)[1..]);
    }
    let text = text.format(number);
    out.push_str(&ZEROS[..digits.min(ZEROS.len()).saturating_sub(text.len())]);
    out.push_str(text);
}

/// How many nonces [`seal`] may need for these changes: one for the manifest, one per chunk at the worst cut.
#[must_use]
pub fn nonces_needed(changes: &DiskChanges) -> u64 {
    1 + changes.runs.iter().map(|run| u64::from(run.extents)).sum::<u64>()
}

/// What one thread keeps between segments: compressor, decompressor, buffers.
pub struct Worker {
    compressor: zstd::bulk::Compressor<'static>,
    decompressor: zstd::bulk::Decompressor<'static>,
    plain: Vec<u8>,
}

impl Worker {
    /// A worker that compresses at a zstd level.
    ///
    /// # Panics
    /// If zstd cannot allocate its contexts.
    #[must_use]
    pub fn new(level: i32) -> Worker {
        Worker {
            compressor: zstd::bulk::Compressor::new(level).expect("zstd allocates its context"),
            decompressor: zstd::bulk::Decompressor::new().expect("zstd allocates its context"),
            plain: Vec::new(),
        }
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
///
/// # Panics
/// If `nonces` are fewer than [`nonces_needed`].
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
    let header = SegmentHeader {
        vault,
        disk: changes.disk,
        kind,
        first: changes.first,
        last: changes.last,
        epoch: nonces.epoch,
        first_counter: nonces.first,
    };
    let modelled = changes.summary.is_some()
        || changes
            .runs
            .iter()
            .any(|run| matches!(run.content, Content::Version { .. }));
    let blob = if modelled {
        modelled::describe(&header, changes, calibration)
    } else {
        sealed::seal(worker, cipher(key, kind), nonces, &header, changes)
    };
    Sealed { header, blob }
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

/// Opens a segment after checking that it is the one asked for: same vault, disk, kind, first and last write, same nonces.
///
/// # Errors
/// [`SegmentRefused`] where a byte is not as it was sealed, or the segment is another one.
pub fn open(
    worker: &mut Worker,
    key: &DiskKey,
    expected: &SegmentHeader,
    blob: &Blob,
) -> Result<DiskChanges, SegmentRefused> {
    let refuse = |why: &str| SegmentRefused {
        name: expected.name(),
        why: why.to_owned(),
    };
    let bytes = blob.bytes.as_ref();
    let (magic, rest) = bytes.split_at_checked(8).ok_or_else(|| refuse("it is cut off"))?;
    let is_modelled = match magic {
        m if m == sealed::MAGIC => false,
        m if m == modelled::MAGIC => true,
        _ => return Err(refuse("it does not begin as a segment does")),
    };
    let (len, rest) = rest.split_first_chunk::<4>().ok_or_else(|| refuse("it is cut off"))?;
    let len = u32::from_le_bytes(*len) as usize;
    let header = rest.get(..len).ok_or_else(|| refuse("it is cut off"))?;
    let (header, unread): (SegmentHeader, _) =
        postcard::take_from_bytes(header).map_err(|_| refuse("its header cannot be read"))?;
    if !unread.is_empty() {
        return Err(refuse("its header has bytes too many"));
    }
    if header != *expected {
        return Err(refuse(&format!(
            "it is another segment ({}) than was asked for",
            header.name()
        )));
    }
    let body = 12 + len;
    if is_modelled {
        modelled::read(&header, blob, body)
    } else if blob.size != bytes.len() as u64 {
        Err("it counts as another size than it has")
    } else {
        sealed::open(worker, cipher(key, header.kind), &header, bytes, body)
    }
    .map_err(refuse)
}

/// Which of a disk's keys seals a segment of a kind.
fn cipher(key: &DiskKey, kind: SegmentKind) -> &Cipher {
    match kind {
        SegmentKind::Changes { .. } | SegmentKind::Copy { .. } => &key.0.changes,
        SegmentKind::Merged { .. } => &key.0.merged,
    }
}

/// The clear beginning that real and modelled segments share.
fn beginning(magic: &[u8; 8], header: &SegmentHeader, mut out: Vec<u8>) -> Vec<u8> {
    out.extend_from_slice(magic);
    out.extend_from_slice(&[0; 4]);
    let begin = out.len();
    let mut out = encode_behind(header, out);
    let length = (out.len() - begin) as u32;
    out[begin - 4..begin].copy_from_slice(&length.to_le_bytes());
    out
}

#[cfg(test)]
mod tests;
