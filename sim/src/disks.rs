//! Disks: what survives a power cut.
//!
//! A machine has one disk for [`files`], which takes one flush at a time: a flush takes the time of the model and the time to write what is
//! unflushed at the disk's rate. That is our model of a small array of disks behind a controller with a cache; reads cost nothing, since
//! what is read was written a moment ago in all flows that matter. [`volumes`] are virtual disks of protected machines and of replicas.

pub mod files;
pub mod spill;
pub mod volumes;

use datapath::SimTime;

/// When a disk that is busy until `free` and written at a rate has flushed so many bytes.
#[must_use]
pub fn flush_end(now: SimTime, free: SimTime, bytes: u64, bytes_per_second: u64, flush: u64) -> SimTime {
    let writing = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
    let writing = u64::try_from(writing).unwrap_or(u64::MAX);
    now.max(free).after(flush).after(writing)
}
