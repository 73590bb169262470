//! Images out: raw, and fixed VHD, which Azure takes (page blobs hold fixed VHDs).
//!
//! A file is written beside its name and renamed when it is whole. Zeros are not written: the file has holes there.
//!
//! Azure takes a VHD only if its disk is whole MiB, so a VHD's disk is rounded up to that with zeros; whoever boots it has up to a MiB
//! less a sector more than the machine had. A raw image keeps the disk's size. A VHD says its size twice: in bytes, and in cylinders,
//! heads and sectors, which end up to a cylinder early. Which of the two is believed depends on who is said to have made it. By all
//! versions of QEMU the bytes are believed of Windows (`win `) alone, so that is what the footer says: before version 10 the geometry
//! decided for everybody else.

use std::fs::{File, Permissions};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use super::vhd::{self, COOKIE, FIXED, FOOTER_BYTES};
use super::{ImageError, machine};
use crate::content::Content;
use crate::units::{EXTENT_BYTES, Extent, SECTOR_BYTES};
use crate::volume::Volume;

/// Extents read, digested and written at a time: 1 MiB.
const PIECE_EXTENTS: u64 = 256;
/// A VHD's disk is a multiple of this: 1 MiB (Azure's rule for disks that are uploaded).
const VHD_STEP_BYTES: u64 = 1 << 20;
/// Zeros, to digest what is not there.
static ZEROS: [u8; (PIECE_EXTENTS * EXTENT_BYTES) as usize] = [0; (PIECE_EXTENTS * EXTENT_BYTES) as usize];

/// What a written image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageWritten {
    /// The digest of the disk's content, from its first byte to its last: BLAKE3 over the BLAKE3 of each MiB. What was rounded up does
    /// not count, nor does a footer.
    pub blake3: [u8; 32],
    /// Bytes of the disk.
    pub bytes: u64,
    /// Bytes of the disk as the image has it: the disk's, or more where the image had to be rounded up with zeros.
    pub image_bytes: u64,
    /// Bytes of the file: the image's disk, and a VHD's footer.
    pub file_bytes: u64,
}

/// Writes a volume as a raw image. `progress` hears of the bytes of disk that are done, and may stop it.
pub fn write_raw(
    volume: &Volume,
    path: &Path,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<ImageWritten, ImageError> {
    write(volume, path, volume.bytes(), None, progress)
}

/// Writes a volume as a fixed VHD, rounded up to whole MiB. `progress` hears of the bytes of disk that are done, and may stop it.
pub fn write_vhd(
    volume: &Volume,
    path: &Path,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<ImageWritten, ImageError> {
    let image_bytes = volume.bytes().next_multiple_of(VHD_STEP_BYTES);
    write(volume, path, image_bytes, Some(footer(image_bytes)), progress)
}

fn write(
    volume: &Volume,
    path: &Path,
    image_bytes: u64,
    footer: Option<[u8; FOOTER_BYTES as usize]>,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<ImageWritten, ImageError> {
    let failed = |e: std::io::Error| machine(path, e);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let beside = tempfile::Builder::new()
        .prefix(".partial-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed)?;
    let footer_bytes = footer.map_or(0, |f| f.len() as u64);
    beside.as_file().set_len(image_bytes + footer_bytes).map_err(failed)?;
    let blake3 = write_content(volume, beside.as_file(), path, progress)?;
    if let Some(footer) = footer {
        beside.as_file().write_all_at(&footer, image_bytes).map_err(failed)?;
    }
    beside.persist(path).map_err(|e| failed(e.error))?;
    Ok(ImageWritten {
        blake3,
        bytes: volume.bytes(),
        image_bytes,
        file_bytes: image_bytes + footer_bytes,
    })
}

fn write_content(
    volume: &Volume,
    file: &File,
    path: &Path,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<[u8; 32], ImageError> {
    let (bytes, extents) = (volume.bytes(), volume.extents());
    let mut digest = DiskDigest::default();
    let mut at = 0;
    while at < extents {
        let used = volume.next_used(Extent(at), 1).map_or(extents, |(start, _)| start.0);
        let blank = if used < extents {
            used - used % PIECE_EXTENTS
        } else {
            extents
        };
        if blank > at {
            digest.zeros((blank * EXTENT_BYTES).min(bytes) - at * EXTENT_BYTES);
            at = blank;
        } else {
            let piece = PIECE_EXTENTS.min(extents - at);
            write_piece(volume, (at, piece), file, path, &mut digest)?;
            at += piece;
        }
        if progress((at * EXTENT_BYTES).min(bytes)).is_break() {
            return Err(ImageError::Stopped);
        }
    }
    Ok(digest.finish())
}

/// Writes and digests a MiB of disk, or what is left of it at its end.
fn write_piece(
    volume: &Volume,
    (at, extents): (u64, u64),
    file: &File,
    path: &Path,
    digest: &mut DiskDigest,
) -> Result<(), ImageError> {
    let runs = volume
        .read(Extent(at), extents as u32)
        .map_err(|e| machine(path, format!("reading the disk: {e}")))?;
    let mut hash = blake3::Hasher::new();
    for run in runs {
        let begin = run.start.0 * EXTENT_BYTES;
        let end = (run.end().0 * EXTENT_BYTES).min(volume.bytes());
        let len = (end - begin) as usize;
        match &run.content {
            Content::Zero => {
                hash.update(&ZEROS[..len]);
            }
            Content::Bytes(content) => {
                hash.update(&content[..len]);
                write_sparse(file, begin, &content[..len]).map_err(|e| machine(path, e))?;
            }
            Content::Version { .. } => {
                return Err(machine(path, "a disk with modelled content has no bytes to write"));
            }
        }
    }
    digest.piece(&hash.finalize());
    Ok(())
}

/// The digest of a disk: BLAKE3 over the BLAKE3 of each MiB (the last may be shorter). A plain BLAKE3 would have to go through all
/// zeros of a disk that is hardly used.
struct DiskDigest {
    pieces: blake3::Hasher,
    zeros: blake3::Hash,
}

impl Default for DiskDigest {
    fn default() -> DiskDigest {
        DiskDigest {
            pieces: blake3::Hasher::new(),
            zeros: blake3::hash(&ZEROS),
        }
    }
}

impl DiskDigest {
    fn piece(&mut self, hash: &blake3::Hash) {
        self.pieces.update(hash.as_bytes());
    }

    /// Zeros from where a MiB begins.
    fn zeros(&mut self, bytes: u64) {
        let zeros = self.zeros;
        for _ in 0..bytes / ZEROS.len() as u64 {
            self.piece(&zeros);
        }
        match (bytes % ZEROS.len() as u64) as usize {
            0 => {}
            rest => self.piece(&blake3::hash(&ZEROS[..rest])),
        }
    }

    fn finish(&self) -> [u8; 32] {
        *self.pieces.finalize().as_bytes()
    }
}

/// Writes what is not zero; stretches of other extents go in one call.
fn write_sparse(file: &File, at: u64, content: &[u8]) -> std::io::Result<()> {
    const EXTENT: usize = EXTENT_BYTES as usize;
    let zero = |extent: &[u8]| extent == &ZEROS[..extent.len()];
    let mut begin = None;
    for (index, extent) in content.chunks(EXTENT).enumerate() {
        match (zero(extent), begin) {
            (false, None) => begin = Some(index * EXTENT),
            (true, Some(from)) => {
                file.write_all_at(&content[from..index * EXTENT], at + from as u64)?;
                begin = None;
            }
            _ => {}
        }
    }
    match begin {
        Some(from) => file.write_all_at(&content[from..], at + from as u64),
        None => Ok(()),
    }
}

/// The footer of a fixed VHD. Its time stamp and identity are fixed, so that the same disk gives the same file.
fn footer(bytes: u64) -> [u8; FOOTER_BYTES as usize] {
    let (cylinders, heads, sectors) = geometry(bytes / SECTOR_BYTES);
    let mut f = [0; FOOTER_BYTES as usize];
    f[0..8].copy_from_slice(COOKIE);
    f[8..12].copy_from_slice(&2u32.to_be_bytes()); // features: the reserved bit is always set
    f[12..16].copy_from_slice(&0x0001_0000u32.to_be_bytes()); // format version 1.0
    f[16..24].copy_from_slice(&u64::MAX.to_be_bytes()); // no header follows: fixed
    f[28..32].copy_from_slice(b"win "); // the creator whose size in bytes is believed by all
    f[32..36].copy_from_slice(&0x000a_0000u32.to_be_bytes()); // Windows 10
    f[36..40].copy_from_slice(b"Wi2k");
    f[40..48].copy_from_slice(&bytes.to_be_bytes());
    f[48..56].copy_from_slice(&bytes.to_be_bytes());
    f[56..58].copy_from_slice(&cylinders.to_be_bytes());
    f[58] = heads;
    f[59] = sectors;
    f[60..64].copy_from_slice(&FIXED.to_be_bytes());
    let identity = blake3::hash(&bytes.to_be_bytes());
    f[68..84].copy_from_slice(&identity.as_bytes()[..16]);
    let sum = vhd::checksum(&f, 64);
    f[64..68].copy_from_slice(&sum.to_be_bytes());
    f
}

/// Cylinders, heads and sectors of a track, by the specification's appendix.
fn geometry(total: u64) -> (u16, u8, u8) {
    let total = total.min(65_535 * 16 * 255);
    let (sectors, heads, tracks);
    if total >= 65_535 * 16 * 63 {
        (sectors, heads, tracks) = (255, 16, total / 255);
    } else {
        let by_17 = total / 17;
        let wanted = by_17.div_ceil(1024).max(4);
        if by_17 < wanted * 1024 && wanted <= 16 {
            (sectors, heads, tracks) = (17, wanted, by_17);
        } else if total / 31 < 16 * 1024 {
            (sectors, heads, tracks) = (31, 16, total / 31);
        } else {
            (sectors, heads, tracks) = (63, 16, total / 63);
        }
    }
    ((tracks / heads) as u16, heads as u8, sectors as u8)
}
