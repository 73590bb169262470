//! The disk port, as far as files go: what survives a power cut.
//!
//! A component's durable state is reached only through it. A file is a sequence of blobs' bytes; what was appended or
//! written is volatile until a flush of that file completes. A power cut drops or tears what was not flushed.

use crate::content::Blob;

/// Why a disk did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// The disk has no room for the bytes.
    #[error("disk full: {free} bytes free, {wanted} wanted")]
    Full {
        /// Bytes that are free.
        free: u64,
        /// Bytes that were to be written.
        wanted: u64,
    },
    /// There is no file of that name.
    #[error("no file named {0}")]
    NoFile(String),
    /// The read passed the end of the file.
    #[error("{file}: read past the end, {len} bytes there, {wanted} wanted")]
    PastEnd {
        /// The file.
        file: String,
        /// Its length in real bytes.
        len: u64,
        /// The end of the range that was to be read.
        wanted: u64,
    },
    /// The real disk below the simulated one failed.
    #[error("{0}")]
    Machine(String),
}

/// Files of one machine. Positions and lengths count real bytes (`Blob::bytes`); capacity counts `Blob::size`.
pub trait Files {
    /// Appends to a file, making it where there is none. Returns the position at which the bytes begin.
    fn append(&self, file: &str, blob: Blob) -> Result<u64, DiskError>;
    /// Replaces a whole file at once; after a power cut it holds either the old or the new content.
    fn replace(&self, file: &str, blob: Blob) -> Result<(), DiskError>;
    /// Reads bytes.
    fn read(&self, file: &str, position: u64, len: u64) -> Result<bytes::Bytes, DiskError>;
    /// Reads a whole file: its bytes and the size it counts for.
    fn read_all(&self, file: &str) -> Result<Blob, DiskError>;
    /// Real bytes in a file; `None` where there is none.
    fn len(&self, file: &str) -> Option<u64>;
    /// Cuts a file to a length in real bytes.
    fn truncate(&self, file: &str, len: u64) -> Result<(), DiskError>;
    /// Removes a file, durably.
    fn remove(&self, file: &str);
    /// Names that begin with `prefix`, in order.
    fn list(&self, prefix: &str) -> Vec<String>;
    /// Bytes used and bytes of capacity, as the world counts them.
    fn usage(&self) -> (u64, u64);
}
