//! A sparse extent of a VMDK: a header, a directory of tables, and tables with the place of each grain (usually 64 KiB).
//! In a stream-optimised one grains are compressed, and the header with the directory's place may stand at the end.

use super::sectors;
use crate::image::{ImageError, Input, le};
use crate::units::SECTOR_BYTES;

/// The directory's place is told by the footer.
const AT_END: u64 = u64::MAX;
const FLAG_ZERO_GRAINS: u64 = 1 << 2;
const FLAG_COMPRESSED: u64 = 1 << 16;
const FLAG_MARKERS: u64 = 1 << 17;

/// What the header says, in bytes.
#[derive(Debug)]
pub(super) struct Sparse {
    pub bytes: u64,
    pub grain_bytes: u64,
    /// Grains are compressed, each behind a marker.
    pub compressed: bool,
    /// Place and length of the embedded descriptor; length 0 where there is none.
    pub descriptor: (u64, u64),
    zero_grains: bool,
    entries_per_table: u64,
    directory: u64,
}

impl Sparse {
    pub(super) fn read(input: &Input) -> Result<Sparse, ImageError> {
        let header = Self::read_header(input, 0)?;
        if header.directory != AT_END {
            return Ok(header);
        }
        // The footer is the last sector but one.
        let at = input.len.saturating_sub(2 * SECTOR_BYTES);
        let footer = Self::read_header(input, at)
            .map_err(|_| input.unusable("the stream-optimised VMDK has no footer: the file is truncated"))?;
        Ok(Sparse {
            directory: footer.directory,
            ..header
        })
    }

    fn read_header(input: &Input, at: u64) -> Result<Sparse, ImageError> {
        let h = input.read(at, SECTOR_BYTES, "the VMDK header")?;
        if !h.starts_with(b"KDMV") {
            return Err(input.unusable("the VMDK header is damaged"));
        }
        let (version, flags) = (le(&h, 4, 4), le(&h, 8, 4));
        if !(1..=3).contains(&version) {
            return Err(input.unusable(format!("VMDK version {version}; 1 to 3 are read")));
        }
        let compressed = flags & FLAG_COMPRESSED != 0;
        if compressed && (flags & FLAG_MARKERS == 0 || le(&h, 77, 2) != 1) {
            return Err(input.unusable("a VMDK compressed by another method than deflate"));
        }
        let directory = match le(&h, 56, 8) {
            AT_END => AT_END,
            sector => sectors(input, sector)?,
        };
        let sparse = Sparse {
            bytes: sectors(input, le(&h, 12, 8))?,
            grain_bytes: sectors(input, le(&h, 20, 8))?,
            compressed,
            descriptor: (sectors(input, le(&h, 28, 8))?, sectors(input, le(&h, 36, 8))?),
            zero_grains: flags & FLAG_ZERO_GRAINS != 0,
            entries_per_table: le(&h, 44, 4),
            directory,
        };
        if !sparse.grain_bytes.is_power_of_two() || !(4096..=64 << 20).contains(&sparse.grain_bytes) {
            return Err(input.unusable(format!("VMDK grains of {} bytes", sparse.grain_bytes)));
        }
        if !(1..=4096).contains(&sparse.entries_per_table) {
            return Err(input.unusable(format!("VMDK tables of {} grains", sparse.entries_per_table)));
        }
        Ok(sparse)
    }

    /// The grains that are there: number, and offset in the file of content or marker.
    pub(super) fn grains(&self, input: &Input) -> Result<Vec<(u64, u64)>, ImageError> {
        let grains = self.bytes.div_ceil(self.grain_bytes);
        let tables = grains.div_ceil(self.entries_per_table);
        let directory = input.read(self.directory, tables * 4, "the grain directory")?;
        let mut list = Vec::new();
        for (index, entry) in directory.chunks_exact(4).enumerate() {
            let sector = le(entry, 0, 4);
            if sector == 0 {
                continue;
            }
            input.opening(index as u64 * 4, tables * 4)?;
            let first = index as u64 * self.entries_per_table;
            let count = self.entries_per_table.min(grains - first);
            let table = input.read(sector * SECTOR_BYTES, count * 4, "a grain table")?;
            for (grain, entry) in (first..).zip(table.chunks_exact(4)) {
                match le(entry, 0, 4) {
                    0 => {}
                    1 if self.zero_grains => {}
                    sector => list.push((grain, self.check(input, grain, sector * SECTOR_BYTES)?)),
                }
            }
        }
        Ok(list)
    }

    /// The grain's content must lie within the file.
    fn check(&self, input: &Input, grain: u64, offset: u64) -> Result<u64, ImageError> {
        let len = if self.compressed {
            12 + le(&input.read(offset, 12, "a compressed grain")?, 8, 4)
        } else {
            self.grain_bytes.min(self.bytes - grain * self.grain_bytes)
        };
        if offset + len > input.len {
            return Err(input.truncated("a grain", offset + len));
        }
        Ok(offset)
    }
}
