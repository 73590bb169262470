//! What an agent keeps over a restart, in one small file that is replaced as a whole.

use std::cell::Cell;

use datapath::disk::{DiskError, read_if_there};
use datapath::encoded::Whole;
use datapath::replica::{CutTime, Mark};
use datapath::{Blob, WriteSeq};
use serde::{Deserialize, Serialize};

use crate::nouns::{MachineId, Protection};
use crate::ports::Env;

const FILE: &str = "agent/state";
/// There while the machine is down after an orderly stop.
const CLEAN: &str = "agent/clean";

/// The agent's durable state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    /// The configuration server and the passphrase's fingerprint, once it is installed.
    pub installed: Option<(MachineId, u64)>,
    /// What it replicates.
    pub replication: Option<SavedReplication>,
}

/// A replication as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedReplication {
    /// What was ordered. Shared and encoded once, for the state is compared, copied and written at each change of it.
    pub protection: Whole<Protection>,
    /// The number of the current or last copy.
    pub copy: u32,
    /// That copy is stored, for all disks.
    pub copied: bool,
    /// It stopped in order: the journal holds all that the process server does not.
    pub clean: bool,
    /// The last batch that the process server has whole, and its last write.
    pub cached: (u64, WriteSeq),
    /// Batches cut after it.
    pub cuts: Vec<Cut>,
    /// Recovery points marked so far.
    pub points: u64,
}

/// A batch that is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cut {
    /// Its number.
    pub batch: u64,
    /// Its first write: the one after the last of the batch before.
    pub first: WriteSeq,
    /// Its last.
    pub last: WriteSeq,
    /// When it ends.
    pub time: CutTime,
    /// The recovery point that ends it.
    pub mark: Option<Mark>,
}

impl SavedReplication {
    /// A replication that begins: its first batch begins after `position`.
    pub fn new(protection: Protection, position: WriteSeq) -> SavedReplication {
        SavedReplication {
            protection: Whole::new(protection),
            copy: 1,
            copied: false,
            clean: false,
            cached: (0, position),
            cuts: Vec::new(),
            points: 0,
        }
    }

    /// The last batch that was cut, and its last write.
    pub fn last_cut(&self) -> (u64, WriteSeq) {
        self.cuts.last().map_or(self.cached, |cut| (cut.batch, cut.last))
    }

    /// The process server has every batch up to this one.
    pub fn cached_up_to(&mut self, batch: u64) {
        while let Some(cut) = self.cuts.first().copied().filter(|cut| cut.batch <= batch) {
            self.cached = (cut.batch, cut.last);
            self.cuts.remove(0);
        }
    }
}

impl Saved {
    /// Reads it; what is not there, or not whole, counts as none.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn read(env: &Env) -> Result<Saved, DiskError> {
        let files = env.files();
        let blob = read_if_there(&*files, FILE)?.unwrap_or_default();
        let mut saved: Saved = postcard::from_bytes(&blob.bytes).unwrap_or_default();
        if let Some(replication) = &mut saved.replication {
            replication.clean &= files.len(CLEAN).is_some();
        }
        Ok(saved)
    }

    /// Writes it. An orderly stop is told by a file of its own, which goes away whatever the disk refuses: else a state that could not be
    /// written would leave one behind that is over. `told` says whether that file can be there.
    ///
    /// # Errors
    /// Where the disk fails or is full.
    pub fn write(&self, env: &Env, told: &Cell<bool>) -> Result<(), DiskError> {
        let files = env.files();
        let clean = self.replication.as_ref().is_some_and(|replication| replication.clean);
        if !clean && told.replace(false) {
            files.remove(CLEAN);
        }
        let bytes = datapath::encoded::encode_behind(self, Vec::with_capacity(128));
        files.replace(FILE, Blob::real(bytes))?;
        if clean {
            told.set(true);
            files.replace(CLEAN, Blob::default())?;
        }
        Ok(())
    }
}
