//! What is replicated, from where to where, and by which rules.

use datapath::replica::{Consistency, SharedPoint};
use datapath::{DiskId, SimTime, VmId};
use serde::{Deserialize, Serialize};

use super::components::MachineId;

/// A machine that was discovered: its machine, what it is a copy of, its disks and their bytes.
pub type FoundMachine = (MachineId, VmId, Vec<(DiskId, u64)>);

/// How an agent copies disks before changes alone suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyMode {
    /// Everything that is used; unused ranges are skipped and counted as done.
    Used,
    /// Checksums of whole disks are compared, what differs is sent.
    Checksums,
}

/// Where the sealed data of a protection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Azure storage (port 443).
    Storage(MachineId),
    /// A master target (port 9444).
    MasterTarget(MachineId),
}

/// A replication policy (facts §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name; the failback policy is called `NAME-failback`.
    pub name: String,
    /// Alert where the RPO passes it; nothing else depends on it.
    pub rpo_threshold: u64,
    /// How long points are kept, in nanoseconds.
    pub retention: u64,
    /// Between crash-consistent points, in nanoseconds.
    pub crash_consistent_every: u64,
    /// Between app-consistent points, in nanoseconds; 0 for none.
    pub app_consistent_every: u64,
}

/// All that an agent and a process server need to know to replicate one machine in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// The machine.
    pub vm: VmId,
    /// Which protection of it, from 1.
    pub protection: u32,
    /// The machine's disks and their bytes.
    pub disks: Vec<(DiskId, u64)>,
    /// The life that is protected runs here.
    pub source: MachineId,
    /// The process server.
    pub process_server: MachineId,
    /// The replication port of that process server.
    pub port: u16,
    /// Where sealed data goes.
    pub target: Target,
    /// The policy in force (for the way back, the failback policy).
    pub policy: Policy,
    /// How the disks are copied.
    pub copy: CopyMode,
    /// The replication group that it shares recovery points with.
    pub group: Option<ReplicationGroup>,
}

/// Machines that share recovery points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationGroup {
    /// Its number in the scenario.
    pub group: u32,
    /// Its name.
    pub name: String,
    /// Its members, in order, and the machines that they are protected on.
    pub members: Vec<(VmId, String, MachineId)>,
}

/// What makes a point a shared one, in storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedRecord {
    /// The point.
    pub point: SharedPoint,
    /// The group.
    pub group: u32,
    /// Its members.
    pub members: Vec<VmId>,
    /// Its consistency.
    pub consistency: Consistency,
    /// When the coordinator knew, by its clock.
    pub decided: SimTime,
}
