//! What modelled content compresses to, measured on the content it stands for.

use serde::{Deserialize, Serialize};

use super::{NonceRange, SegmentKind, Worker, sealed};
use crate::batch::DiskChanges;
use crate::content::{Class, Content, Run};
use crate::seal::{Epoch, SEAL_BYTES, VaultKey};
use crate::units::{CHUNK_EXTENTS, DiskId, EXTENT_BYTES, Extent, VmId, WriteSeq};

/// What modelled content compresses to, by class and by chunk length in extents (1 to 16).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calibration {
    /// `kept[class][extents - 1]`: sealed bytes of a chunk of that many extents, its seal included, its manifest row not.
    pub kept: Vec<[u32; 16]>,
}

impl Calibration {
    /// Bytes that a chunk of `extents` extents of a class takes when sealed. A class that was never measured does not compress.
    #[must_use]
    pub fn sealed_bytes(&self, class: Class, extents: u64) -> u64 {
        debug_assert!((1..=CHUNK_EXTENTS).contains(&extents));
        match self.kept.get(usize::from(class.0)) {
            Some(kept) => u64::from(kept[extents as usize - 1]),
            None => extents * EXTENT_BYTES + SEAL_BYTES as u64,
        }
    }

    /// Adds a class measured on samples (each a whole number of extents, none of them zero) and returns it.
    pub fn measure(&mut self, worker: &mut Worker, samples: &[bytes::Bytes]) -> Class {
        let class = Class(self.kept.len() as u16);
        let mut kept = [0u32; 16];
        for (index, slot) in kept.iter_mut().enumerate() {
            let extents = index as u64 + 1;
            let len = (extents * EXTENT_BYTES) as usize;
            let (mut total, mut chunks) = (0u64, 0u64);
            for sample in samples {
                for chunk in sample.chunks_exact(len) {
                    total += stored_bytes(worker, chunk);
                    chunks += 1;
                }
            }
            *slot = match chunks {
                0 => (len + SEAL_BYTES) as u32,
                _ => ((total + chunks / 2) / chunks) as u32,
            };
        }
        self.kept.push(kept);
        class
    }
}

/// Bytes of one chunk in a sealed segment, by sealing it.
fn stored_bytes(worker: &mut Worker, chunk: &[u8]) -> u64 {
    let disk = DiskId { vm: VmId(0), index: 0 };
    let run = Run {
        start: Extent(0),
        extents: (chunk.len() as u64 / EXTENT_BYTES) as u32,
        content: Content::Bytes(bytes::Bytes::copy_from_slice(chunk)),
    };
    let at = WriteSeq(1);
    let changes = DiskChanges {
        disk,
        first: at,
        last: at,
        runs: vec![run],
        summary: None,
    };
    let nonces = NonceRange {
        epoch: Epoch(0),
        first: 0,
        count: 1 + CHUNK_EXTENTS,
    };
    let key = VaultKey::public_test_key().disk_key(disk);
    let kind = SegmentKind::Changes { batch: 0 };
    let segment = super::seal(worker, &key, nonces, [0; 16], kind, &changes, &Calibration::default());
    let clear = super::beginning(sealed::MAGIC, &segment.header, Vec::new());
    segment.blob.size - (clear.len() + 4 + sealed::ROW_BYTES + SEAL_BYTES) as u64
}
