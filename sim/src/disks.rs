//! Disks: what survives a power cut.
//!
//! A machine has one disk for [`files`], which takes one flush at a time: a flush takes the time of the model and the time to write what is
//! unflushed at the disk's rate, and a read of what is not in memory waits its turn among them likewise. That is our model of a small array of
//! disks behind a controller with a cache. What was written a moment ago (a journal, a cache, a segment that is processed) is read from
//! memory; whole disks, and what there is after a restart, are read from the disk. [`volumes`] are virtual disks of protected machines and
//! of replicas.

pub mod faulty;
pub mod files;
mod names;
pub mod spill;
pub mod volumes;

/// Nanoseconds that reading so many bytes takes on a disk of a rate; `latency` is what it takes beside that.
#[must_use]
pub fn read_time(bytes: u64, bytes_per_second: u64, latency: u64) -> u64 {
    flush_time(bytes, bytes_per_second, latency)
}

/// Nanoseconds that a flush of so many bytes takes on a disk that is written at a rate; `flush` is what it takes beside the writing.
#[must_use]
pub fn flush_time(bytes: u64, bytes_per_second: u64, flush: u64) -> u64 {
    let writing = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
    flush.saturating_add(u64::try_from(writing).unwrap_or(u64::MAX))
}
