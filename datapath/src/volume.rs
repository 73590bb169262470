//! A disk's content: a base (an image, or nothing) and what was written over it. Cloning a volume is a snapshot: cheap, and
//! independent from then on. Pages live in memory up to a bound and in a spill file past it.

use std::sync::Arc;

use crate::content::{Class, Grain, Run};
use crate::image::Source;
use crate::units::{Extent, WriteSeq};

/// Where volumes keep their pages: memory up to a bound, then a temporary file that is gone when the program ends.
#[derive(Clone)]
pub struct PageStore(Arc<()>);

/// Why a volume could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// The run lies outside the disk.
    #[error("extents {start} to {end} are not on a disk of {extents} extents")]
    Outside {
        /// First extent.
        start: u64,
        /// The one after the last.
        end: u64,
        /// The disk's extents.
        extents: u64,
    },
    /// Reading the base image or the spill file failed.
    #[error("{0}")]
    Machine(String),
}

/// A disk's content.
#[derive(Clone)]
pub struct Volume(());

#[allow(unused_variables)]
impl PageStore {
    /// A store that keeps up to `memory_bytes` in memory.
    #[must_use]
    pub fn new(memory_bytes: u64) -> PageStore {
        todo!()
    }
}

#[allow(unused_variables)]
impl Volume {
    /// An empty disk (all zeros) of `bytes` bytes.
    #[must_use]
    pub fn new(store: &PageStore, grain: Grain, bytes: u64) -> Volume {
        todo!()
    }
    /// A disk that starts as an image. In the extent grain used extents hold version 0 of `class`; aggregate keeps none.
    #[must_use]
    pub fn from_image(store: &PageStore, grain: Grain, image: Arc<dyn Source>, class: Class) -> Volume {
        todo!()
    }
    /// Size in bytes, as the guest sees it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        todo!()
    }
    /// Size in extents.
    #[must_use]
    pub fn extents(&self) -> u64 {
        todo!()
    }
    /// Content of a range, in order, without gaps; adjacent runs may be merged. Real bytes come as one run per stretch.
    pub fn read(&self, start: Extent, extents: u32) -> Result<Vec<Run>, VolumeError> {
        todo!()
    }
    /// Writes a run.
    pub fn write(&mut self, run: &Run) -> Result<(), VolumeError> {
        todo!()
    }
    /// The next range at or after `from` that may hold something other than zeros (allocated in the image or written), at most `max` extents long.
    #[must_use]
    pub fn next_used(&self, from: Extent, max: u32) -> Option<(Extent, u32)> {
        todo!()
    }
    /// Extents that may hold something other than zeros.
    #[must_use]
    pub fn used_extents(&self) -> u64 {
        todo!()
    }
    /// A checksum of a range's content (BLAKE3 of its bytes; in the extent grain of its versions).
    pub fn checksum(&self, start: Extent, extents: u32) -> Result<[u8; 16], VolumeError> {
        todo!()
    }
    /// For tests and tools: the version an extent holds in the extent grain.
    #[must_use]
    pub fn version(&self, extent: Extent) -> Option<WriteSeq> {
        todo!()
    }
}
