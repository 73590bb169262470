//! Disks: what survives a power cut.
//!
//! A machine has one disk for [`files`], which takes one flush at a time: a flush takes [`FLUSH_NANOSECONDS`] and the time to write what is
//! unflushed at [`WRITE_BYTES_PER_SECOND`]. That is our model of a small array of 10,000 rpm disks behind a controller with a cache, as
//! the product's sizing tables assume for a process server's cache disk; reads cost nothing, since what is read was written a
//! moment ago in all flows that matter. [`volumes`] are virtual disks of protected machines and of replicas.

pub mod files;
pub mod spill;
pub mod volumes;

use datapath::SimTime;

/// A flush takes this long at least.
pub const FLUSH_NANOSECONDS: u64 = 500_000;
/// And this fast is what it writes.
pub const WRITE_BYTES_PER_SECOND: u64 = 200_000_000;

/// When a disk that is busy until `free` has flushed so many bytes.
#[must_use]
pub fn flush_end(now: SimTime, free: SimTime, bytes: u64) -> SimTime {
    let writing = u128::from(bytes) * 1_000_000_000 / u128::from(WRITE_BYTES_PER_SECOND);
    let writing = u64::try_from(writing).unwrap_or(u64::MAX);
    now.max(free).after(FLUSH_NANOSECONDS).after(writing)
}
