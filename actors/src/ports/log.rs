//! The event log: facts, and the bytes behind them for whoever judges.

use datapath::volume::Volume;
use datapath::{Blob, DiskId, Run};

use super::Env;
use crate::facts::Fact;
use crate::nouns::{ActorId, MachineId};

/// What the oracle gets to see beside a fact: bytes, not claims. It is no part of the event log.
pub enum Evidence {
    /// What a guest wrote, as it was acknowledged to it.
    Wrote {
        /// The run written.
        run: Run,
    },
    /// What the target holds, read back from it, for the extents that a recovery point changed since the one before.
    PointChanged {
        /// By disk.
        runs: Vec<(DiskId, Vec<Run>)>,
    },
    /// Whole disks as recovered.
    Disks {
        /// By disk.
        volumes: Vec<(DiskId, Volume)>,
    },
    /// Whole disks as recovered, by the names of the volumes that they are in: the world shows them, wherever they are attached.
    InPlace {
        /// By disk.
        volumes: Vec<(DiskId, String)>,
    },
    /// Files of stored segments that a fact is about, as they lie on the disk of whoever stores them: the world shows them, no actor does.
    Stored {
        /// By name.
        files: Vec<(String, Blob)>,
    },
    /// Files of a batch in the cache of its process server, as the world sees them.
    Cached {
        /// Name, bytes, and how many of them would survive the loss of power.
        files: Vec<(String, u64, u64)>,
    },
    /// A machine as the world sees it: what its files take up and how much there is room for, in bytes, and how long its cores have been at
    /// work since it has power, all together, in nanoseconds.
    Machine {
        /// Bytes of its files.
        used: u64,
        /// Bytes of their disk.
        capacity: u64,
        /// Nanoseconds.
        worked: u64,
        /// Cores.
        cores: u32,
    },
    /// The lowest epoch of a disk that is taken in, by machine that stores segments, as it is on its disk.
    Fences {
        /// None where it has no fence for the disk.
        at: Vec<(MachineId, Option<u32>)>,
    },
}

/// Where facts go.
pub trait Log {
    /// Logs a fact.
    fn fact(&self, actor: ActorId, fact: Fact);
    /// Logs a fact and shows the oracle the bytes behind it.
    fn evidence(&self, actor: ActorId, fact: Fact, evidence: Evidence);
}

impl Env {
    /// See [`Log::fact`].
    pub fn fact(&self, fact: Fact) {
        self.world.fact(self.actor, fact);
    }

    /// See [`Log::evidence`].
    pub fn evidence(&self, fact: Fact, evidence: Evidence) {
        self.world.evidence(self.actor, fact, evidence);
    }
}
