//! Units and identifiers that must not be mixed.
//!
//! Addresses on the guest's side are in 512-byte sectors, changes are tracked in 4 KiB extents, sealed in chunks of up to
//! 64 KiB. The last extent of a disk whose size is no multiple of 4 KiB is padded with zeros.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bytes of a sector, the unit in which a guest addresses its disk.
pub const SECTOR_BYTES: u64 = 512;
/// Bytes of an extent, the unit in which changes are tracked.
pub const EXTENT_BYTES: u64 = 4096;
/// Extents of a full chunk, the unit that is compressed and sealed.
pub const CHUNK_EXTENTS: u64 = 16;
/// Bytes of a full chunk.
pub const CHUNK_BYTES: u64 = EXTENT_BYTES * CHUNK_EXTENTS;

/// Simulated time in nanoseconds since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct SimTime(pub u64);

impl SimTime {
    /// The start of a run.
    pub const ZERO: SimTime = SimTime(0);
    /// A time that is never reached.
    pub const NEVER: SimTime = SimTime(u64::MAX);

    /// The time `nanoseconds` later, or [`SimTime::NEVER`] past the end of time.
    #[must_use]
    pub fn after(self, nanoseconds: u64) -> SimTime {
        SimTime(self.0.saturating_add(nanoseconds))
    }

    /// Nanoseconds from `earlier` to `self`, zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: SimTime) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for SimTime {
    /// `hh:mm:ss.mmm`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0 / 1_000_000;
        let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
        if h > 99 {
            return write!(f, "{h}:{m:02}:{s:02}.{ms:03}");
        }
        // By hand: each line of an event log has one.
        let digit = |number: u64| b'0' + (number % 10) as u8;
        let text = [
            digit(h / 10),
            digit(h),
            b':',
            digit(m / 10),
            digit(m),
            b':',
            digit(s / 10),
            digit(s),
            b'.',
            digit(ms / 100),
            digit(ms / 10),
            digit(ms),
        ];
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// A protected machine (VMware VM or physical server), numbered in the order of the scenario file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VmId(pub u32);

impl fmt::Display for VmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vm{}", self.0)
    }
}

/// A disk of a protected machine; `index` counts in the order of the scenario file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DiskId {
    /// The machine that owns the disk.
    pub vm: VmId,
    /// The disk's place among the machine's disks, from 0 (the disk it boots from).
    pub index: u16,
}

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "disk {} of {}", self.index, self.vm)
    }
}

/// The number of an extent on its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Extent(pub u64);

/// A place in a machine's one sequence of writes over all its disks; the first write is 1, and 0 stands before any write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct WriteSeq(pub u64);

impl WriteSeq {
    /// Before any write.
    pub const START: WriteSeq = WriteSeq(0);

    /// The next place in the sequence.
    #[must_use]
    pub fn next(self) -> WriteSeq {
        WriteSeq(self.0 + 1)
    }
}

impl fmt::Display for WriteSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of extents that a disk of `bytes` has, the last one perhaps partly used.
#[must_use]
pub fn extents_of(bytes: u64) -> u64 {
    bytes.div_ceil(EXTENT_BYTES)
}
