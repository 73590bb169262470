//! What an agent keeps over a restart, in one small file that is replaced as a whole.

use std::sync::Arc;

use datapath::replica::{CutTime, Mark};
use datapath::{Blob, WriteSeq};
use serde::{Deserialize, Serialize};

use crate::messages::Protection;
use crate::ports::{Env, MachineId};

const FILE: &str = "agent/state";

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
    /// What was ordered.
    /// Shared, for the state is compared and copied at each change of it.
    pub protection: Arc<Protection>,
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
            protection: Arc::new(protection),
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
    /// Reads it; what cannot be read counts as not there.
    pub fn read(env: &Env) -> Saved {
        let blob = env.files().read_all(FILE).unwrap_or_default();
        postcard::from_bytes(&blob.bytes).unwrap_or_default()
    }

    /// Writes it; false where the disk is full.
    pub fn write(&self, env: &Env) -> bool {
        let bytes = postcard::to_stdvec(self).expect("an agent's state always encodes");
        env.files().replace(FILE, Blob::real(bytes)).is_ok()
    }
}
