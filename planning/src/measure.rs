//! What a disk's content is like: how much of it is used, and what that compresses to, chunk by chunk as the data path does it.

use datapath::image::{ImageError, Source};
use datapath::{CHUNK_BYTES, EXTENT_BYTES};
use rayon::prelude::*;
use serde::Serialize;

/// Chunks that are read one after the other before they are compressed: 32 MiB.
const READ: usize = 512;

/// What was measured of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Content {
    /// The disk's size in bytes.
    pub disk_bytes: u64,
    /// Bytes of extents of 4 KiB that hold something else than zeros: what a copy sends, before compression.
    pub used_bytes: u64,
    /// What these come to, chunk by chunk of 64 KiB; a chunk that does not become smaller counts as it is.
    pub compressed_bytes: u64,
    /// Chunks with something in them.
    pub chunks: u64,
    /// Those of them that do not become smaller.
    pub stored_as_is: u64,
}

impl Content {
    /// To what the used part compresses, in thousandths, rounded up; none where nothing is used.
    #[must_use]
    pub fn compressed_per_mille(&self) -> Option<u32> {
        let share = (u128::from(self.compressed_bytes) * 1_000).div_ceil(u128::from(self.used_bytes.max(1)));
        u32::try_from(share).ok().filter(|_| self.used_bytes > 0)
    }
}

/// Reads all that is allocated of a disk, and compresses it with zstd's `level` as process servers do. The result does not depend on how
/// many threads there are. `read` is told of bytes of the disk that were gone through.
///
/// # Errors
/// The image cannot be read, or changed meanwhile.
pub fn measure(source: &dyn Source, level: i32, mut read: impl FnMut(u64)) -> Result<Content, ImageError> {
    let mut content = Content {
        disk_bytes: source.bytes(),
        ..Content::default()
    };
    let mut chunks: Vec<u64> = source
        .allocated()
        .iter()
        .filter(|(_, bytes)| *bytes > 0)
        .flat_map(|(offset, bytes)| offset / CHUNK_BYTES..=(offset + bytes - 1) / CHUNK_BYTES)
        .collect();
    chunks.dedup();
    let chunk_bytes = usize::try_from(CHUNK_BYTES).unwrap_or(usize::MAX);
    for part in chunks.chunks(READ) {
        let mut plain = Vec::with_capacity(part.len());
        for chunk in part {
            let mut bytes = Vec::with_capacity(chunk_bytes);
            source.read_to(chunk * CHUNK_BYTES, chunk_bytes, &mut bytes)?;
            plain.push(used(bytes));
        }
        let sizes: Vec<(u64, u64)> = plain
            .into_par_iter()
            .filter(|bytes| !bytes.is_empty())
            .map_init(
                || zstd::bulk::Compressor::new(level).ok(),
                |compressor, bytes| {
                    let packed = compressor
                        .as_mut()
                        .and_then(|compressor| compressor.compress(&bytes).ok());
                    let size = bytes.len() as u64;
                    (size, packed.map_or(size, |packed| packed.len() as u64))
                },
            )
            .collect();
        for (size, packed) in sizes {
            content.chunks += 1;
            content.used_bytes += size;
            content.compressed_bytes += packed.min(size);
            content.stored_as_is += u64::from(packed >= size);
        }
        read(part.len() as u64 * CHUNK_BYTES);
    }
    source.unchanged()?;
    Ok(content)
}

/// A chunk without its extents of zeros.
fn used(mut bytes: Vec<u8>) -> Vec<u8> {
    let extent = usize::try_from(EXTENT_BYTES).unwrap_or(usize::MAX);
    let mut kept = 0;
    for from in (0..bytes.len()).step_by(extent) {
        let to = (from + extent).min(bytes.len());
        if bytes[from..to].iter().any(|byte| *byte != 0) {
            bytes.copy_within(from..to, kept);
            kept += to - from;
        }
    }
    bytes.truncate(kept);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use datapath::image::open;

    fn disk(bytes: &[u8]) -> Content {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.raw");
        std::fs::write(&path, bytes).unwrap();
        let mut gone = 0;
        let content = measure(&*open(&path).unwrap(), 1, |bytes| gone += bytes).unwrap();
        assert!(gone <= bytes.len() as u64 + CHUNK_BYTES);
        content
    }

    /// Bytes that nothing compresses.
    fn noise(count: usize) -> Vec<u8> {
        let mut hash = blake3::Hasher::new().finalize_xof();
        let mut bytes = vec![0; count];
        hash.fill(&mut bytes);
        bytes
    }

    #[test]
    fn zeros_are_not_used_and_noise_is_stored_as_it_is() {
        let mut bytes = vec![0; 1 << 20];
        bytes[65_536..196_608].copy_from_slice(&noise(131_072));
        let content = disk(&bytes);
        assert_eq!(
            content,
            Content {
                disk_bytes: 1 << 20,
                used_bytes: 131_072,
                compressed_bytes: 131_072,
                chunks: 2,
                stored_as_is: 2,
            }
        );
        assert_eq!(content.compressed_per_mille(), Some(1_000));
        assert_eq!(disk(&vec![0; 1 << 20]).compressed_per_mille(), None);
    }

    #[test]
    fn text_becomes_smaller_and_used_extents_are_counted_one_by_one() {
        let mut bytes = vec![0; 1 << 20];
        // One extent in a chunk, and one byte in another.
        let text: Vec<u8> = b"a recovery point is a prefix of the sequence of writes; "
            .iter()
            .copied()
            .cycle()
            .take(4_096)
            .collect();
        bytes[8_192..12_288].copy_from_slice(&text);
        bytes[700_000] = 1;
        let content = disk(&bytes);
        assert_eq!(
            (content.used_bytes, content.chunks, content.stored_as_is),
            (8_192, 2, 0)
        );
        assert!(content.compressed_per_mille().unwrap() < 100, "{content:?}");
    }
}
