//! A disk that no file stands behind: its content is made from a seed, extent by extent.

use super::{ImageError, Source};
use crate::content::generated;
use crate::units::{DiskId, EXTENT_BYTES, Extent, WriteSeq, extents_of};

/// A generated disk: used from its start on, zeros behind.
#[derive(Debug, Clone)]
pub struct Generated {
    bytes: u64,
    allocated: Vec<(u64, u64)>,
    random_bytes: u16,
    seed: u64,
    disk: DiskId,
}

impl Generated {
    /// A disk of `bytes` bytes whose first `used_bytes` have content; `random_bytes` of each extent are random (0 to 4096).
    #[must_use]
    pub fn new(bytes: u64, used_bytes: u64, random_bytes: u16, seed: u64, disk: DiskId) -> Generated {
        let used = used_bytes.min(bytes);
        Generated {
            bytes,
            allocated: if used == 0 { Vec::new() } else { vec![(0, used)] },
            random_bytes,
            seed,
            disk,
        }
    }
}

impl Source for Generated {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn allocated(&self) -> &[(u64, u64)] {
        &self.allocated
    }

    fn read_to(&self, offset: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), ImageError> {
        let used = self.allocated.first().map_or(0, |(_, len)| *len);
        let end = offset.saturating_add(bytes as u64);
        let content_end = end.min(used).max(offset);
        let begin = out.len();
        out.resize(begin + bytes, 0);
        let content = &mut out[begin..];
        let mut page = [0; EXTENT_BYTES as usize];
        let mut at = offset;
        for extent in offset / EXTENT_BYTES..extents_of(content_end) {
            let extent_at = extent * EXTENT_BYTES;
            let (from, to) = (extent_at.max(offset), (extent_at + EXTENT_BYTES).min(content_end));
            let part = &mut content[(from - offset) as usize..(to - offset) as usize];
            if part.len() == page.len() {
                generated(
                    self.seed,
                    self.disk,
                    Extent(extent),
                    WriteSeq::START,
                    self.random_bytes,
                    part,
                );
            } else if !part.is_empty() {
                generated(
                    self.seed,
                    self.disk,
                    Extent(extent),
                    WriteSeq::START,
                    self.random_bytes,
                    &mut page,
                );
                part.copy_from_slice(&page[(from - extent_at) as usize..(to - extent_at) as usize]);
            }
            at = to;
        }
        debug_assert!(at == content_end || content_end == offset, "every extent was filled");
        Ok(())
    }
}
