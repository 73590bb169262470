//! Disk images: raw, qcow2, VMDK and VHD in; fixed VHD and raw out, sparse on the disk they are written to.

use std::path::{Path, PathBuf};

/// Why an image could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file is not an image that can be used (the user's input is wrong).
    #[error("{path}: {why}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what is accepted.
        why: String,
    },
    /// Reading or writing failed (the machine failed).
    #[error("{path}: {why}")]
    Machine {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        why: String,
    },
}

/// A disk image, open for reading.
pub trait Source: Send + Sync {
    /// Size of the disk in bytes.
    fn bytes(&self) -> u64;
    /// Ranges `(offset, length)` in bytes that the format says are allocated, in order, not adjacent; the rest reads as zeros.
    fn allocated(&self) -> &[(u64, u64)];
    /// Reads `buffer.len()` bytes at `offset`; past the end of the disk it reads zeros.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ImageError>;
}

/// Opens an image; the format is told by its content, `raw` where nothing else fits. Refuses empty and truncated files.
pub fn open(path: &Path) -> Result<std::sync::Arc<dyn Source>, ImageError> {
    let _ = path;
    todo!()
}
