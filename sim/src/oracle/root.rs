//! What a disk held before the first write of the run.

use std::sync::Arc;

use datapath::image::Source;
use datapath::{EXTENT_BYTES, Grain, WriteSeq};

use super::print::Print;

/// How much of a range is allocated in the disk's image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// Nothing: it reads as zeros.
    None,
    /// Some extents.
    Some,
    /// Each extent, at least in part.
    All,
}

/// What a disk held at the start: an image, or zeros.
#[derive(Clone)]
pub struct Root {
    source: Option<Arc<dyn Source>>,
    grain: Grain,
}

impl Root {
    /// From an image; none for zeros.
    #[must_use]
    pub fn new(source: Option<Arc<dyn Source>>, grain: Grain) -> Root {
        Root { source, grain }
    }

    /// How much of the extents from `from` to `to` (not in it) the image has.
    #[must_use]
    pub fn used(&self, from: u64, to: u64) -> Used {
        let Some(source) = &self.source else { return Used::None };
        let (start, end) = (from * EXTENT_BYTES, to * EXTENT_BYTES);
        let ranges = source.allocated();
        let first = ranges.partition_point(|(offset, length)| offset + length <= start);
        let mut covered = from;
        let mut any = false;
        for (offset, length) in &ranges[first..] {
            if *offset >= end {
                break;
            }
            any = true;
            if offset / EXTENT_BYTES > covered {
                return Used::Some;
            }
            covered = covered.max((offset + length).div_ceil(EXTENT_BYTES));
        }
        match any {
            false => Used::None,
            true if covered >= to => Used::All,
            true => Used::Some,
        }
    }

    /// The extents that the image has, at least in part: from and to (not in it), in order, from the one that holds `from` on.
    pub fn ranges(&self, from: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let ranges = self.source.as_ref().map_or(&[][..], |source| source.allocated());
        let first = ranges.partition_point(|(offset, length)| offset + length <= from * EXTENT_BYTES);
        ranges[first..]
            .iter()
            .map(|(offset, length)| (offset / EXTENT_BYTES, (offset + length).div_ceil(EXTENT_BYTES)))
    }

    /// Bytes that the image has.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        let ranges = self.source.as_ref().map(|source| source.allocated());
        ranges.map_or(0, |ranges| ranges.iter().map(|(_, length)| length).sum())
    }

    /// Puts whole extents from `start` on behind what `out` holds; zeros past the end.
    pub fn read_to(&self, start: u64, extents: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let bytes = (extents * EXTENT_BYTES) as usize;
        match &self.source {
            Some(source) if self.used(start, start + extents) != Used::None => source
                .read_to(start * EXTENT_BYTES, bytes, out)
                .map_err(|error| error.to_string()),
            _ => {
                out.resize(out.len() + bytes, 0);
                Ok(())
            }
        }
    }

    /// The print of one extent.
    pub fn print(&self, extent: u64) -> Result<Print, String> {
        let mut bytes = Vec::new();
        self.read_to(extent, 1, &mut bytes)?;
        if self.grain != Grain::Real {
            // An allocated extent of zeros is zeros in every grain.
            return Ok(match bytes.iter().all(|byte| *byte == 0) {
                true => Print::of_zero_version(),
                false => Print::of_version(WriteSeq::START),
            });
        }
        Ok(Print::of_bytes(&bytes))
    }
}
