//! Where volumes keep what was written: memory up to a bound, then a temporary file that is gone when the program ends.
//!
//! Pages are never overwritten, so a snapshot needs no copy of them. Pages in memory are freed with their last owner; the spill file
//! only grows, which bounds a run by the bytes it writes, not by memory.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::VolumeError;

/// Where volumes keep their pages.
#[derive(Clone)]
pub struct PageStore(Arc<Inner>);

struct Inner {
    memory_bytes: u64,
    used: Arc<AtomicU64>,
    folder: Option<std::path::PathBuf>,
    file: OnceLock<File>,
    end: AtomicU64,
}

/// Bytes in memory, and the count that they are part of.
pub(super) struct Held {
    bytes: Bytes,
    used: Arc<AtomicU64>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

/// Part of what was put.
#[derive(Clone)]
pub(super) enum Page {
    Memory { held: Arc<Held>, at: u32, len: u32 },
    Spilled { at: u64 },
}

impl PageStore {
    /// A store that keeps up to `memory_bytes` in memory; its file, if it needs one, is made in the system's temporary folder.
    #[must_use]
    pub fn new(memory_bytes: u64) -> PageStore {
        PageStore::in_folder(memory_bytes, None)
    }

    /// A store whose file, if it needs one, is made in `folder`.
    #[must_use]
    pub fn in_folder(memory_bytes: u64, folder: Option<&Path>) -> PageStore {
        PageStore(Arc::new(Inner {
            memory_bytes,
            used: Arc::default(),
            folder: folder.map(Path::to_owned),
            file: OnceLock::new(),
            end: AtomicU64::new(0),
        }))
    }

    fn file(&self) -> Result<&File, VolumeError> {
        if let Some(file) = self.0.file.get() {
            return Ok(file);
        }
        let file = match &self.0.folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        let file = file.map_err(|e| VolumeError::Machine(format!("temporary file for disk content: {e}")))?;
        Ok(self.0.file.get_or_init(|| file))
    }

    pub(super) fn put(&self, bytes: &Bytes) -> Result<Page, VolumeError> {
        let len = bytes.len() as u32;
        if self.0.used.load(Ordering::Relaxed) + u64::from(len) <= self.0.memory_bytes {
            self.0.used.fetch_add(u64::from(len), Ordering::Relaxed);
            // A copy: a slice would keep the whole frame or segment that it was cut from.
            let held = Held {
                bytes: Bytes::copy_from_slice(bytes),
                used: Arc::clone(&self.0.used),
            };
            return Ok(Page::Memory {
                held: Arc::new(held),
                at: 0,
                len,
            });
        }
        let at = self.0.end.fetch_add(u64::from(len), Ordering::Relaxed);
        self.file()?
            .write_all_at(bytes, at)
            .map_err(|e| VolumeError::Machine(format!("temporary file for disk content: {e}")))?;
        Ok(Page::Spilled { at })
    }
}

impl Page {
    pub(super) fn part(&self, offset: u64, part_len: u64) -> Page {
        match self {
            Page::Memory { held, at, .. } => Page::Memory {
                held: Arc::clone(held),
                at: at + offset as u32,
                len: part_len as u32,
            },
            Page::Spilled { at } => Page::Spilled { at: at + offset },
        }
    }

    /// The bytes without a copy, where they are in memory.
    pub(super) fn shared(&self) -> Option<Bytes> {
        match self {
            Page::Memory { held, at, len } => Some(held.bytes.slice(*at as usize..(at + len) as usize)),
            Page::Spilled { .. } => None,
        }
    }

    pub(super) fn read(&self, store: &PageStore, buffer: &mut [u8]) -> Result<(), VolumeError> {
        match self {
            Page::Memory { held, at, len } => {
                buffer.copy_from_slice(&held.bytes[*at as usize..(at + len) as usize]);
                Ok(())
            }
            Page::Spilled { at } => store
                .file()?
                .read_exact_at(buffer, *at)
                .map_err(|e| VolumeError::Machine(format!("temporary file for disk content: {e}"))),
        }
    }
}
