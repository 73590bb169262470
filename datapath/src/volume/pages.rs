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

/// A bound on the bytes that are kept in memory, shared by all that keep some there. Clones count together.
#[derive(Clone)]
pub struct Budget(Arc<Counted>);

struct Counted {
    bound: u64,
    used: AtomicU64,
}

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Budget {
        Budget(Arc::new(Counted {
            bound: bytes,
            used: AtomicU64::new(0),
        }))
    }

    /// Takes bytes if they fit and `leave` more would.
    #[must_use]
    pub fn take(&self, bytes: u64, leave: u64) -> bool {
        let fits = self.used().saturating_add(bytes).saturating_add(leave) <= self.0.bound;
        if fits {
            self.take_anyway(bytes);
        }
        fits
    }

    /// Takes bytes that are in memory whether they fit or not.
    pub fn take_anyway(&self, bytes: u64) {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives back what was taken.
    pub fn give_back(&self, bytes: u64) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes taken.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }
}

/// Of a budget that they share with others, pages leave one part in so many: they are kept long, what else there is passes through.
const LEFT_TO_OTHERS: u64 = 8;

/// Where volumes keep their pages.
#[derive(Clone)]
pub struct PageStore(Arc<Inner>);

struct Inner {
    budget: Budget,
    leave: u64,
    folder: Option<std::path::PathBuf>,
    file: OnceLock<File>,
    end: AtomicU64,
}

/// Bytes in memory, and the count that they are part of.
pub(super) struct Held {
    bytes: Bytes,
    budget: Budget,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes.len() as u64);
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
        PageStore::made(&Budget::new(memory_bytes), 0, None)
    }

    /// A store that shares a budget with others, and leaves them some of it; its file, if it needs one, is made in `folder`.
    #[must_use]
    pub fn sharing(budget: &Budget, folder: Option<&Path>) -> PageStore {
        PageStore::made(budget, budget.0.bound / LEFT_TO_OTHERS, folder)
    }

    fn made(budget: &Budget, leave: u64, folder: Option<&Path>) -> PageStore {
        PageStore(Arc::new(Inner {
            budget: budget.clone(),
            leave,
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

    /// Keeps bytes: a copy of them, or themselves where they are `whole`. A slice would keep the whole frame or segment that it was cut from.
    pub(super) fn put(&self, bytes: &Bytes, whole: bool) -> Result<Page, VolumeError> {
        let len = bytes.len() as u32;
        if self.0.budget.take(u64::from(len), self.0.leave) {
            let held = Held {
                bytes: if whole {
                    bytes.clone()
                } else {
                    Bytes::copy_from_slice(bytes)
                },
                budget: self.0.budget.clone(),
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

    /// Puts the page's `bytes` bytes behind what `out` holds.
    pub(super) fn read_to(&self, store: &PageStore, bytes: usize, out: &mut Vec<u8>) -> Result<(), VolumeError> {
        match self {
            Page::Memory { held, at, len } => {
                debug_assert_eq!(*len as usize, bytes);
                out.extend_from_slice(&held.bytes[*at as usize..(at + len) as usize]);
                Ok(())
            }
            Page::Spilled { at } => {
                let begin = out.len();
                out.resize(begin + bytes, 0);
                store
                    .file()?
                    .read_exact_at(&mut out[begin..], *at)
                    .map_err(|e| VolumeError::Machine(format!("temporary file for disk content: {e}")))
            }
        }
    }
}
