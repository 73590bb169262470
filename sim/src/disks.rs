//! Disks: what survives a power cut.
//!
//! A machine has one disk for [`files`], which takes one flush at a time: a flush takes the time of the model and the time to write what is
//! unflushed at the disk's rate. That is our model of a small array of disks behind a controller with a cache; reads cost nothing, since
//! what is read was written a moment ago in all flows that matter. [`volumes`] are virtual disks of protected machines and of replicas.

pub mod faulty;
pub mod files;
pub mod spill;
pub mod volumes;

/// Nanoseconds that a flush of so many bytes takes on a disk that is written at a rate; `flush` is what it takes beside the writing.
#[must_use]
pub fn flush_time(bytes: u64, bytes_per_second: u64, flush: u64) -> u64 {
    let writing = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
    flush.saturating_add(u64::try_from(writing).unwrap_or(u64::MAX))
}
