//! VHD images ("vpc" in QEMU), fixed and dynamic. Source of the layout: Microsoft's "Virtual Hard Disk Image Format
//! Specification", 1.0.
//!
//! A fixed VHD is the disk and a footer of 512 bytes. A dynamic one has a table with the place of each block of (usually)
//! 2 MiB, before each block a bitmap of its sectors, and the footer at both ends. Differencing disks are refused.

use std::sync::Arc;

use super::mapped::Stretches;
use super::raw::{self, Part};
use super::{ImageError, Input, Source, be};
use crate::units::SECTOR_BYTES;

/// Bytes of a footer.
pub(super) const FOOTER_BYTES: u64 = 512;
/// What a footer begins with.
pub(super) const COOKIE: &[u8; 8] = b"conectix";
/// Kind of disk in a footer: the disk stands there as it is.
pub(super) const FIXED: u32 = 2;
const DYNAMIC: u32 = 3;
/// A block that is not there.
const NO_BLOCK: u64 = 0xffff_ffff;
/// Geometry at its limit says nothing about the size.
const GEOMETRY_SECTORS_MAX: u64 = 65_535 * 16 * 255;
/// Creators that mean the geometry; all others mean the size field (as QEMU decides it).
const CREATORS_WITH_GEOMETRY: [&[u8; 4]; 2] = [b"vpc ", b"qemu"];

pub(super) fn is_footer(bytes: &[u8]) -> bool {
    bytes.len() == FOOTER_BYTES as usize && bytes.starts_with(COOKIE)
}

/// The checksum of a footer or header: the complement of the sum of its bytes, its own four left out.
pub(super) fn checksum(bytes: &[u8], own_at: usize) -> u32 {
    let sum = |part: &[u8]| part.iter().map(|b| u32::from(*b)).sum::<u32>();
    !(sum(&bytes[..own_at]) + sum(&bytes[own_at + 4..]))
}

pub(super) fn open(input: Input) -> Result<Arc<dyn Source>, ImageError> {
    let tail_at = input.len.saturating_sub(FOOTER_BYTES);
    let tail = input.read(tail_at, FOOTER_BYTES, "the VHD footer")?;
    if !is_footer(&tail) {
        return Err(input.unusable("the VHD has no footer at its end: the file is truncated"));
    }
    if checksum(&tail, 64) != be(&tail, 64, 4) as u32 {
        return Err(input.unusable("the VHD footer's checksum is wrong: the file is damaged"));
    }
    let bytes = size(&tail);
    match be(&tail, 60, 4) as u32 {
        FIXED => {
            if bytes > tail_at {
                return Err(input.truncated("the disk of the fixed VHD", bytes));
            }
            let mut stretches = Stretches::new(bytes);
            let whole = Part {
                at: 0,
                offset: 0,
                len: bytes,
            };
            for part in raw::used(&input, &[whole])? {
                stretches.push(part.at, part.len, part.place(0));
            }
            Ok(Arc::new(stretches.build(vec![input], None)))
        }
        DYNAMIC => open_dynamic(input, &tail, bytes),
        4 => Err(input
            .unusable("a differencing VHD is not a whole disk; merge it with its parent, or `qemu-img convert` it")),
        other => Err(input.unusable(format!("VHD of kind {other}; fixed (2) and dynamic (3) are read"))),
    }
}

/// The disk's size as QEMU takes it: the size field, unless the creator is one that means the geometry.
fn size(footer: &[u8]) -> u64 {
    let by_geometry = be(footer, 56, 2) * be(footer, 58, 1) * be(footer, 59, 1);
    let means_geometry = CREATORS_WITH_GEOMETRY.iter().any(|c| footer[28..32] == c[..]);
    if !means_geometry || by_geometry >= GEOMETRY_SECTORS_MAX {
        be(footer, 48, 8) / SECTOR_BYTES * SECTOR_BYTES
    } else {
        by_geometry * SECTOR_BYTES
    }
}

fn open_dynamic(input: Input, footer: &[u8], bytes: u64) -> Result<Arc<dyn Source>, ImageError> {
    let header = input.read(be(footer, 16, 8), 1024, "the VHD header")?;
    if !header.starts_with(b"cxsparse") || checksum(&header, 36) != be(&header, 36, 4) as u32 {
        return Err(input.unusable("the dynamic VHD's header is damaged"));
    }
    let (table_at, entries, block) = (be(&header, 16, 8), be(&header, 28, 4), be(&header, 32, 4));
    if !block.is_power_of_two() || block < SECTOR_BYTES {
        return Err(input.unusable(format!("blocks of {block} bytes; a power of two from 512 on is read")));
    }
    let blocks = bytes.div_ceil(block);
    if entries < blocks {
        return Err(input.unusable(format!(
            "the block table has {entries} entries, the disk {blocks} blocks"
        )));
    }
    let table = input.read(table_at, blocks * 4, "the block table")?;
    // One bit a sector, whole sectors of bitmap. The bits tell which sectors were written; the others hold zeros.
    let bitmap = (block / SECTOR_BYTES).div_ceil(8).next_multiple_of(SECTOR_BYTES);
    let mut parts = Vec::new();
    for (index, entry) in table.chunks_exact(4).enumerate() {
        let sector = be(entry, 0, 4);
        if sector == NO_BLOCK {
            continue;
        }
        let at = index as u64 * block;
        let offset = sector * SECTOR_BYTES + bitmap;
        let len = block.min(bytes - at);
        if offset + len > input.len {
            return Err(input.truncated("a block of the disk", offset + len));
        }
        Part { at, offset, len }.join(&mut parts);
    }
    let mut stretches = Stretches::new(bytes);
    for part in raw::used(&input, &parts)? {
        stretches.push(part.at, part.len, part.place(0));
    }
    Ok(Arc::new(stretches.build(vec![input], None)))
}
