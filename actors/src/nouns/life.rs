//! Where and when a copy of a protected machine runs, and what state its protection is in.

use datapath::{DiskId, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

use super::components::MachineId;

/// Where a copy of a protected machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The source site.
    OnPremises,
    /// The virtual network in Azure.
    Azure,
    /// The isolated network of a test failover.
    Test,
}

/// One stretch of a machine's life, from a boot to the stop after it: a machine and its incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Life {
    /// The (virtual or physical) machine that ran.
    pub machine: MachineId,
    /// Which time it was switched on.
    pub incarnation: u32,
}

impl Life {
    /// One number for it.
    #[must_use]
    pub fn number(&self) -> u64 {
        u64::from(self.machine.0) << 32 | u64::from(self.incarnation)
    }

    /// The life of a number.
    #[must_use]
    pub fn of(number: u64) -> Life {
        Life {
            machine: MachineId((number >> 32) as u32),
            incarnation: number as u32,
        }
    }
}

/// States of a protected item (facts §4.1; our synthesis of the documented operations).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ItemState {
    /// Not replicated.
    Unprotected,
    /// The enable job runs: agent told, target prepared.
    EnableInProgress,
    /// The initial copy runs.
    InitialReplication,
    /// Replicating to Azure, ready to fail over.
    Protected,
    /// Replication to Azure waits for or runs a resynchronization.
    Resynchronizing,
    /// A failover to Azure runs.
    FailoverInProgress,
    /// Runs in Azure; the point can still be changed.
    FailoverCommitPending,
    /// Runs in Azure, unprotected.
    FailoverCommitted,
    /// The copy back runs.
    ReprotectInProgress,
    /// Replicating from Azure to the master target.
    ProtectedReverse,
    /// A failback runs.
    FailbackInProgress,
    /// Runs on premises again, not committed.
    FailbackCommitPending,
    /// Runs on premises again, unprotected.
    OnPremisesUnprotected,
}

impl ItemState {
    /// As facts and scenario files have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether replication goes on in it, in either direction, or is about to.
    #[must_use]
    pub fn replicates(self) -> bool {
        matches!(
            self,
            ItemState::EnableInProgress
                | ItemState::InitialReplication
                | ItemState::Protected
                | ItemState::Resynchronizing
                | ItemState::ReprotectInProgress
                | ItemState::ProtectedReverse
        )
    }
}

/// Which failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum FailoverKind {
    /// Into an isolated network; replication goes on.
    Test,
    /// Unplanned, to Azure.
    Unplanned,
    /// From Azure back to VMware.
    Failback,
}

impl FailoverKind {
    /// As facts have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            FailoverKind::Test => "test failover",
            FailoverKind::Unplanned => "failover",
            FailoverKind::Failback => "failback",
        }
    }
}

/// What a machine needs to know when it starts from recovered disks; written to its file `boot` by who creates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// The machine it is a copy of.
    pub vm: VmId,
    /// Where it runs.
    pub place: Place,
    /// The life and write that its disks hold.
    pub parent: Option<(Life, WriteSeq)>,
    /// The volumes, one per disk.
    pub volumes: Vec<(DiskId, String)>,
    /// Which failover made it, for the log.
    pub failover: Option<FailoverKind>,
}

/// A request between two tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Asked {
    /// The life that asks.
    pub by: Life,
    /// Which of its requests.
    pub request: u64,
}
