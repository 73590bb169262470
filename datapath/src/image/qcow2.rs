//! qcow2 images, versions 2 and 3, read by `imago`.
//!
//! Checked here, before it reads: that the file holds everything its tables point at. `imago` (like QEMU) reads zeros past
//! the end of a file, so that a truncated copy would pass for a disk with holes. Source of the layout: QEMU's
//! `docs/interop/qcow2.rst`.

use std::io;
use std::sync::Arc;

use imago::file::File as ImagoFile;
use imago::qcow2::Qcow2;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatDriverBuilder, Mapping};

use super::mapped::{Decode, Place, Stretch, Stretches};
use super::raw::{self, Part};
use super::{ImageError, Input, Source, be, machine};

/// Bits 9 to 55 of a table's entry: an offset in the file.
const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;
/// The cluster is compressed.
const COMPRESSED: u64 = 1 << 62;
/// So many bytes of disk go by between two words on how far it is.
const TOLD_BYTES: u64 = 1 << 30;
/// QEMU's own limit for the first table.
const L1_BYTES_MAX: u64 = 32 << 20;

pub(super) fn open(input: Input) -> Result<Arc<dyn Source>, ImageError> {
    let header = Header::read(&input)?;
    header.check_tables(&input)?;

    let handle = input.file.try_clone().map_err(|e| machine(&input.path, e))?;
    let refused = |e: io::Error| input.unusable(format!("qcow2: {e}"));
    let storage = ImagoFile::try_from(handle).map_err(|e| machine(&input.path, e))?;
    let format = Qcow2::<ImagoFile>::builder(storage)
        .backing(None)
        .open(DenyImplicitOpenGate::default())
        .map_err(refused)?;
    let access = FormatAccess::new(format);

    let bytes = access.size();
    let (mut plain, mut stretches) = (Vec::new(), Vec::new());
    let (mut at, mut told) = (0, 0);
    while at < bytes {
        // Only the tables are read, so this goes by the disk and not by what was read of the file.
        if at - told >= TOLD_BYTES {
            input.opening(at, bytes)?;
            told = at;
        }
        let (mapping, len) = access.get_mapping(at, bytes - at).map_err(refused)?;
        match mapping {
            Mapping::Raw { offset, .. } => {
                let end = offset.saturating_add(len);
                if end > input.len {
                    return Err(input.truncated("data of its disk", end));
                }
                Part { at, offset, len }.join(&mut plain);
            }
            Mapping::Special { .. } => stretches.push((at, len, Place::Encoded { offset: at })),
            Mapping::Zero { .. } => {}
            _ => break,
        }
        if len == 0 {
            break;
        }
        at += len;
    }
    let used = raw::used(&input, &plain)?;
    stretches.extend(used.iter().map(|part| (part.at, part.len, part.place(0))));
    stretches.sort_unstable_by_key(|(at, ..)| *at);
    let mut disk = Stretches::new(bytes);
    for (at, len, place) in stretches {
        disk.push(at, len, place);
    }
    let decoder = Box::new(Clusters(access));
    Ok(Arc::new(disk.build(vec![input], Some(decoder))))
}

/// Compressed clusters.
struct Clusters(FormatAccess<ImagoFile>);

impl Decode for Clusters {
    fn read(&self, _stretch: &Stretch, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read(buffer, offset)
    }
}

/// What is needed of the header.
struct Header {
    size: u64,
    cluster_bits: u32,
    l1_offset: u64,
    l1_entries: u64,
}

impl Header {
    fn read(input: &Input) -> Result<Header, ImageError> {
        let head = input.read(0, 72, "the qcow2 header")?;
        let version = be(&head, 4, 4);
        if !(2..=3).contains(&version) {
            return Err(input.unusable(format!("qcow2 version {version}; 2 and 3 are read")));
        }
        if be(&head, 8, 8) != 0 {
            return Err(input.unusable(
                "the image has a backing file, so it is not a whole disk; `qemu-img convert` makes one of the two",
            ));
        }
        if be(&head, 32, 4) != 0 {
            return Err(input.unusable("the image is encrypted; decrypt it with `qemu-img convert`"));
        }
        if version == 3 {
            let incompatible = be(&input.read(72, 8, "the qcow2 header")?, 0, 8);
            let feature = match incompatible & !1 {
                0 => None,
                f if f & 1 << 1 != 0 => Some("is marked as corrupt"),
                f if f & 1 << 2 != 0 => Some("keeps its data in another file"),
                f if f & 1 << 3 != 0 => Some("is compressed by another method than deflate"),
                f if f & 1 << 4 != 0 => Some("has extended tables (subclusters)"),
                _ => Some("needs a feature that is not known here"),
            };
            if let Some(feature) = feature {
                return Err(input.unusable(format!(
                    "the image {feature}, which is not read; `qemu-img convert -O qcow2` makes a plain one"
                )));
            }
        }
        let header = Header {
            size: be(&head, 24, 8),
            cluster_bits: be(&head, 20, 4) as u32,
            l1_offset: be(&head, 40, 8),
            l1_entries: be(&head, 36, 4),
        };
        if !(9..=21).contains(&header.cluster_bits) {
            return Err(input.unusable(format!(
                "clusters of 2^{} bytes; 2^9 to 2^21 exist",
                header.cluster_bits
            )));
        }
        Ok(header)
    }

    /// Both levels of tables, and what compressed clusters point at, must lie within the file.
    fn check_tables(&self, input: &Input) -> Result<(), ImageError> {
        let cluster = 1u64 << self.cluster_bits;
        let per_l2 = cluster / 8;
        let clusters = self.size.div_ceil(cluster);
        let l1_used = clusters.div_ceil(per_l2);
        if self.l1_entries < l1_used || self.l1_entries * 8 > L1_BYTES_MAX {
            return Err(input.unusable(format!(
                "the first table has {} entries, a disk of {} bytes needs {l1_used}",
                self.l1_entries, self.size
            )));
        }
        let l1 = input.read(self.l1_offset, l1_used * 8, "the first table")?;
        for (index, entry) in l1.chunks_exact(8).enumerate() {
            let offset = be(entry, 0, 8) & OFFSET_MASK;
            if offset == 0 {
                continue;
            }
            let first = index as u64 * per_l2;
            let used = per_l2.min(clusters - first);
            input.opening(0, self.size)?;
            let l2 = input.read(offset, cluster, "a cluster table")?;
            for entry in l2.chunks_exact(8).take(used as usize) {
                self.check_compressed(input, be(entry, 0, 8))?;
            }
        }
        Ok(())
    }

    fn check_compressed(&self, input: &Input, entry: u64) -> Result<(), ImageError> {
        if entry & COMPRESSED == 0 {
            return Ok(());
        }
        let offset_bits = 62 - (self.cluster_bits - 8);
        let offset = entry & ((1 << offset_bits) - 1);
        let more_sectors = (entry & (COMPRESSED - 1)) >> offset_bits;
        let end = (offset & !511) + (more_sectors + 1) * 512;
        // The last sector need not be whole.
        if end - 511 > input.len || offset >= input.len {
            return Err(input.truncated("a compressed cluster", end));
        }
        Ok(())
    }
}
