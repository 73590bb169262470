//! The disk port, as far as files go: what survives a power cut.
//!
//! A component's durable state is reached only through it. A file is a sequence of blobs' bytes; what was appended or
//! written is volatile until a flush of that file completes. A power cut drops or tears what was not flushed.

use crate::content::Blob;

/// What a disk is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Append to a file.
    Append,
    /// Read a file, or a part of one.
    Read,
    /// Replace a whole file.
    Write,
    /// Make durable what was appended or written.
    Flush,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Operation::Append => "append",
            Operation::Read => "read",
            Operation::Write => "write",
            Operation::Flush => "flush",
        })
    }
}

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
    /// The disk failed. What was asked may succeed another time; after a failed flush nothing of what it covered can be counted on.
    #[error("{operation} of {file}: input/output error")]
    Failed {
        /// What was asked.
        operation: Operation,
        /// Of which file, or the first of several.
        file: String,
    },
    /// The real disk below the simulated one failed.
    #[error("{0}")]
    Machine(String),
}

impl DiskError {
    /// Whether the disk failed at what it can do another time, or has no room now. What is not there, or too short, stays so.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, DiskError::Full { .. } | DiskError::Failed { .. })
    }
}

/// A file that may not be there: its bytes, or none.
///
/// # Errors
/// Where it is there and cannot be read.
pub fn read_if_there(files: &dyn Files, file: &str) -> Result<Option<Blob>, DiskError> {
    match files.read_all(file) {
        Ok(blob) => Ok(Some(blob)),
        Err(DiskError::NoFile(_)) => Ok(None),
        Err(error) => Err(error),
    }
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

/// Real bytes in all files whose names begin with `prefix`.
#[must_use]
pub fn size_of(files: &dyn Files, prefix: &str) -> u64 {
    let names = files.list(prefix);
    names.iter().filter_map(|name| files.len(name)).sum()
}

/// Files in memory, all durable at once: for tests of what is built on the disk port.
#[derive(Debug, Default)]
pub struct MemoryFiles(std::cell::RefCell<std::collections::BTreeMap<String, (Vec<u8>, u64)>>);

impl MemoryFiles {
    /// A file's bytes; empty where there is none.
    #[must_use]
    pub fn content(&self, file: &str) -> Vec<u8> {
        self.0.borrow().get(file).map(|f| f.0.clone()).unwrap_or_default()
    }
}

impl Files for MemoryFiles {
    fn append(&self, file: &str, blob: Blob) -> Result<u64, DiskError> {
        let mut files = self.0.borrow_mut();
        let (bytes, size) = files.entry(file.to_owned()).or_default();
        let at = bytes.len() as u64;
        bytes.extend_from_slice(&blob.bytes);
        *size += blob.size;
        Ok(at)
    }

    fn replace(&self, file: &str, blob: Blob) -> Result<(), DiskError> {
        self.0
            .borrow_mut()
            .insert(file.to_owned(), (blob.bytes.to_vec(), blob.size));
        Ok(())
    }

    fn read(&self, file: &str, position: u64, len: u64) -> Result<bytes::Bytes, DiskError> {
        let files = self.0.borrow();
        let (bytes, _) = files.get(file).ok_or_else(|| DiskError::NoFile(file.to_owned()))?;
        let there = bytes.len() as u64;
        match position.checked_add(len) {
            Some(end) if end <= there => Ok(bytes::Bytes::copy_from_slice(&bytes[position as usize..end as usize])),
            end => Err(DiskError::PastEnd {
                file: file.to_owned(),
                len: there,
                wanted: end.unwrap_or(u64::MAX),
            }),
        }
    }

    fn read_all(&self, file: &str) -> Result<Blob, DiskError> {
        let files = self.0.borrow();
        let (bytes, size) = files.get(file).ok_or_else(|| DiskError::NoFile(file.to_owned()))?;
        Ok(Blob {
            bytes: bytes.clone().into(),
            size: *size,
        })
    }

    fn len(&self, file: &str) -> Option<u64> {
        self.0.borrow().get(file).map(|f| f.0.len() as u64)
    }

    fn truncate(&self, file: &str, len: u64) -> Result<(), DiskError> {
        let mut files = self.0.borrow_mut();
        let (bytes, size) = files.get_mut(file).ok_or_else(|| DiskError::NoFile(file.to_owned()))?;
        let cut = (bytes.len() as u64).saturating_sub(len);
        bytes.truncate(len as usize);
        *size = size.saturating_sub(cut);
        Ok(())
    }

    fn remove(&self, file: &str) {
        self.0.borrow_mut().remove(file);
    }

    fn list(&self, prefix: &str) -> Vec<String> {
        self.0
            .borrow()
            .keys()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect()
    }

    fn usage(&self) -> (u64, u64) {
        (self.0.borrow().values().map(|f| f.1).sum(), u64::MAX)
    }
}
