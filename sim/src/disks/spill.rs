//! Bytes that do not fit into memory go to a temporary file, which is gone when the program ends.
//!
//! One spill serves all machines of a run. Small pieces stay in memory always; a large one is written to the file where the bound on
//! memory is reached. Room that is given back is used again for pieces that fit.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use datapath::disk::DiskError;
use datapath::volume::Budget;

/// Smaller pieces are not worth a read.
const SMALLEST: usize = 4096;

/// Memory up to a bound, then a file.
pub struct Spill {
    budget: Budget,
    folder: Option<PathBuf>,
    file: RefCell<Option<Rc<File>>>,
    end: Cell<u64>,
    failure: RefCell<Option<String>>,
    /// Room in the file, by length and place.
    room: RefCell<BTreeMap<(u64, u64), ()>>,
}

enum Place {
    Memory(Bytes),
    File { offset: u64, len: u64 },
}

/// A piece of content, wherever it is.
pub struct Piece {
    place: Place,
    spill: Rc<Spill>,
}

impl Spill {
    /// A spill that keeps in memory what the budget allows and the rest in a file in `folder` (or the system's place for such).
    #[must_use]
    pub fn new(budget: Budget, folder: Option<PathBuf>) -> Rc<Spill> {
        Rc::new(Spill {
            budget,
            folder,
            file: RefCell::new(None),
            end: Cell::new(0),
            failure: RefCell::new(None),
            room: RefCell::new(BTreeMap::new()),
        })
    }

    /// Whether the file failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Why it did.
    #[must_use]
    pub fn failure(&self) -> String {
        self.failure.borrow().clone().unwrap_or_default()
    }

    fn fail(&self, error: &std::io::Error) -> DiskError {
        let text = format!("temporary file for disks: {error}");
        *self.failure.borrow_mut() = Some(text.clone());
        DiskError::Machine(text)
    }

    /// Stores bytes.
    ///
    /// # Errors
    /// [`DiskError::Machine`] where the file cannot be written.
    pub fn put(self: &Rc<Spill>, bytes: Bytes) -> Result<Piece, DiskError> {
        let len = bytes.len() as u64;
        let place = if bytes.len() < SMALLEST {
            self.budget.take_anyway(len);
            Place::Memory(bytes)
        } else if self.budget.take(len, 0) {
            Place::Memory(bytes)
        } else {
            let offset = self.allocate(len);
            let file = self.file()?;
            file.write_all_at(&bytes, offset).map_err(|error| self.fail(&error))?;
            Place::File { offset, len }
        };
        Ok(Piece {
            place,
            spill: Rc::clone(self),
        })
    }

    fn allocate(&self, len: u64) -> u64 {
        let mut room = self.room.borrow_mut();
        let fits = room.range((len, 0)..).next().map(|(key, ())| *key);
        match fits {
            // A piece much smaller than the room would waste it.
            Some((found, offset)) if found <= len * 2 => {
                room.remove(&(found, offset));
                if found > len {
                    room.insert((found - len, offset + len), ());
                }
                offset
            }
            _ => {
                let offset = self.end.get();
                self.end.set(offset + len);
                offset
            }
        }
    }

    fn file(&self) -> Result<Rc<File>, DiskError> {
        let mut file = self.file.borrow_mut();
        if let Some(file) = &*file {
            return Ok(Rc::clone(file));
        }
        let made = match &self.folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        let made = Rc::new(made.map_err(|error| self.fail(&error))?);
        *file = Some(Rc::clone(&made));
        Ok(made)
    }
}

impl Piece {
    /// Bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.place {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::File { len, .. } => *len,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads a range, which must lie inside.
    ///
    /// # Errors
    /// [`DiskError::Machine`] where the file cannot be read.
    pub fn read(&self, from: u64, len: u64) -> Result<Bytes, DiskError> {
        match &self.place {
            Place::Memory(bytes) => Ok(bytes.slice(from as usize..(from + len) as usize)),
            Place::File { offset, .. } => {
                let mut buffer = vec![0; len as usize];
                self.spill
                    .file()?
                    .read_exact_at(&mut buffer, offset + from)
                    .map_err(|error| self.spill.fail(&error))?;
                Ok(Bytes::from(buffer))
            }
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        match &self.place {
            Place::Memory(bytes) => self.spill.budget.give_back(bytes.len() as u64),
            Place::File { offset, len } => {
                self.spill.room.borrow_mut().insert((*len, *offset), ());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_the_bound_is_read_back_from_the_file_and_its_room_is_used_again() {
        let budget = Budget::new(10_000);
        let spill = Spill::new(budget.clone(), None);
        let bytes = |n: u8| Bytes::from(vec![n; 8_000]);
        let first = spill.put(bytes(1)).unwrap();
        let second = spill.put(bytes(2)).unwrap();
        let third = spill.put(bytes(3)).unwrap();
        assert_eq!(budget.used(), 8_000);
        assert_eq!(spill.end.get(), 16_000);
        assert_eq!(second.read(10, 20).unwrap(), vec![2; 20]);
        drop(second);
        let fourth = spill.put(bytes(4)).unwrap();
        assert_eq!(spill.end.get(), 16_000);
        assert_eq!(fourth.read(0, 8_000).unwrap(), bytes(4));
        assert_eq!(third.read(0, 8_000).unwrap(), bytes(3));
        drop(first);
        assert_eq!(budget.used(), 0);
    }
}
