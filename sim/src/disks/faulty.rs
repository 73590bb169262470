//! A machine's files as its components get them: what lies on the disk, and faults between.
//!
//! Whoever looks from outside (the oracle's evidence, a power cut) looks at [`MachineFiles`] itself.

use std::rc::Rc;

use actors::nouns::{ComponentKind, MachineId};
use bytes::Bytes;
use datapath::Blob;
use datapath::disk::{DiskError, Files, Operation};

use super::files::MachineFiles;
use crate::faults::Faults;
use crate::secrets::Secrets;

/// The files of one machine, whose disk can fail and be full.
pub struct Faulty {
    machine: MachineId,
    files: Rc<MachineFiles>,
    faults: Rc<Faults>,
    secrets: Rc<Secrets>,
}

impl Faulty {
    /// The files of a machine, under the faults of the run.
    pub(crate) fn new(machine: MachineId, files: Rc<MachineFiles>, faults: Rc<Faults>, secrets: Rc<Secrets>) -> Faulty {
        Faulty {
            machine,
            files,
            faults,
            secrets,
        }
    }

    fn ask(&self, operation: Operation, file: &str) -> Result<(), DiskError> {
        if self.faults.disk_fails(self.machine, operation) {
            return Err(failed(operation, file));
        }
        Ok(())
    }

    /// Whether what is written is not where it should be, and, where it lands elsewhere, lets it land there. Only of files that somebody
    /// appends to: what is replaced as a whole alone is a small database, of which nobody could tell an old state from a new one.
    fn misses(&self, file: &str, blob: &Blob, matters: impl FnOnce() -> bool) -> bool {
        if self.faults.none_lasts() {
            return false;
        }
        let kinds = [
            ComponentKind::Agent,
            ComponentKind::ProcessServer,
            ComponentKind::Storage,
        ];
        let mut folders = kinds.iter().flat_map(|kind| kind.folders());
        let Some(folder) = folders.find(|folder| file.starts_with(**folder)) else {
            return false;
        };
        let misses = self.faults.write_misses(self.machine);
        if misses.is_empty() {
            return false;
        }
        let matters = matters();
        for (fault, elsewhere, number) in misses {
            let landed = elsewhere && self.lands(folder, file, blob, number);
            if matters || landed {
                self.faults.strike(fault);
            }
        }
        true
    }

    /// A write lands on another file of its folder, which and where by its number; whether that changed something.
    fn lands(&self, folder: &str, file: &str, blob: &Blob, number: u64) -> bool {
        let mut names = self.files.list(folder);
        names.retain(|name| name != file && self.files.len(name) > Some(0));
        if names.is_empty() {
            return false;
        }
        let name = &names[(number % names.len() as u64) as usize];
        let len = self.files.len(name).unwrap_or(0).max(1);
        // Past the first record of it, wherever that is: a large prime spreads the places.
        let position = number.wrapping_mul(1_000_003) % len;
        self.files.overwrite(name, position, &blob.bytes)
    }

    fn room_for(&self, wanted: u64) -> Result<(), DiskError> {
        let Some(fault) = self.faults.disk_is_full(self.machine).filter(|_| wanted > 0) else {
            return Ok(());
        };
        self.faults.strike(fault);
        Err(DiskError::Full { free: 0, wanted })
    }
}

/// What a disk that fails answers.
#[must_use]
pub fn failed(operation: Operation, file: &str) -> DiskError {
    DiskError::Failed {
        operation,
        file: file.to_owned(),
    }
}

impl Files for Faulty {
    fn append(&self, file: &str, blob: Blob) -> Result<u64, DiskError> {
        self.room_for(blob.size)?;
        self.ask(Operation::Append, file)?;
        self.secrets.stored(self.machine, file, &blob.bytes);
        if self.misses(file, &blob, || blob.bytes.iter().any(|byte| *byte != 0)) {
            // The file's length did reach the disk.
            let zeros = vec![0; blob.bytes.len()];
            return self.files.append(file, Blob::modelled(zeros, blob.size));
        }
        self.files.append(file, blob)
    }

    /// On a full disk a file is replaced by one that takes no more.
    fn replace(&self, file: &str, blob: Blob) -> Result<(), DiskError> {
        if self.faults.disk_is_full(self.machine).is_some() {
            let before = self.files.read_all(file).map_or(0, |blob| blob.size);
            self.room_for(blob.size.saturating_sub(before))?;
        }
        self.ask(Operation::Write, file)?;
        self.secrets.stored(self.machine, file, &blob.bytes);
        if self.misses(file, &blob, || self.files.read_all(file).ok().as_ref() != Some(&blob)) {
            return Ok(());
        }
        self.files.replace(file, blob)
    }

    fn read(&self, file: &str, position: u64, len: u64) -> Result<Bytes, DiskError> {
        self.ask(Operation::Read, file)?;
        self.files.read(file, position, len)
    }

    fn read_all(&self, file: &str) -> Result<Blob, DiskError> {
        self.ask(Operation::Read, file)?;
        self.files.read_all(file)
    }

    fn len(&self, file: &str) -> Option<u64> {
        self.files.len(file)
    }

    fn truncate(&self, file: &str, len: u64) -> Result<(), DiskError> {
        self.files.truncate(file, len)
    }

    fn remove(&self, file: &str) {
        self.files.remove(file);
    }

    fn list(&self, prefix: &str) -> Vec<String> {
        self.files.list(prefix)
    }

    fn usage(&self) -> (u64, u64) {
        let (used, capacity) = self.files.usage();
        match self.faults.disk_is_full(self.machine) {
            // Who asks goes by it, as who writes does.
            Some(fault) => {
                self.faults.strike(fault);
                (capacity, capacity)
            }
            None => (used, capacity),
        }
    }
}
