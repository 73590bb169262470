//! The bytes of Firedrill: what happens to a changed block between a guest's disk and a recovered one.
//!
//! Everything here is synchronous and pure. A function takes its context (a compressor, a key, a disk) as an argument,
//! knows no clock, no network and no thread, and gives the same result for the same input.
//!
//! The way of a byte: [`journal`] (the `.hrl` file) -> [`batch`] (cut, folded) -> [`segment`] (compressed and sealed with
//! [`seal`]) -> stored -> opened -> [`replica`] (base and batches, recovery points) -> [`volume`] (a disk) -> [`image`] (a file).
//! All of it runs on three grains of [`content`]: real bytes, versions of extents, and aggregates.

pub mod batch;
pub mod content;
pub mod counted;
pub mod disk;
pub mod encoded;
pub mod image;
pub mod journal;
pub mod lineage;
pub mod plants;
pub mod replica;
pub mod rows;
pub mod runs;
pub mod seal;
pub mod segment;
pub mod units;
pub mod volume;

pub use content::{Blob, Class, Content, Grain, Run, Summary};
pub use units::{CHUNK_BYTES, CHUNK_EXTENTS, DiskId, EXTENT_BYTES, Extent, SECTOR_BYTES, SimTime, VmId, WriteSeq};
