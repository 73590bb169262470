//! What an operator asks for, when, and how it ends.

use datapath::{SimTime, VmId};
use serde::{Deserialize, Serialize};

use super::components::{Component, MachineId};
use super::life::{ItemState, Place};
use super::protection::Policy;

/// Which recovery point a failover takes (facts §2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointChoice {
    /// First processes everything uploaded, then takes the highest boundary of batches to which all disks are complete. A test failover,
    /// which the protection outlives, and a failback take the newest point that was marked.
    Latest,
    /// The newest that is processed already.
    LatestProcessed,
    /// The newest processed that is app-consistent.
    LatestAppConsistent,
    /// The newest that all members of the machine's replication group have processed ("latest multi-VM processed").
    LatestMultiVm,
    /// The newest of those that is app-consistent ("latest multi-VM app-consistent").
    LatestMultiVmAppConsistent,
    /// A point by its number.
    Custom(u64),
}

/// What the operator asks of the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Creates the vault and its registration key (which the operator then carries to the configuration server).
    CreateVault,
    /// Adds a vCenter to a configuration server; its process server discovers the machines.
    AddVcenter {
        /// The configuration server's machine.
        configuration_server: MachineId,
        /// The vCenter's machine.
        vcenter: MachineId,
    },
    /// A process server pushes the Mobility service to a machine.
    PushInstall {
        /// The machine.
        vm: VmId,
        /// The process server.
        process_server: MachineId,
    },
    /// Creates a policy, and its failback policy.
    CreatePolicy(Policy),
    /// Enables replication of a machine to Azure.
    EnableReplication {
        /// The machine.
        vm: VmId,
        /// The policy's name.
        policy: String,
        /// The process server.
        process_server: MachineId,
        /// The link that the scenario names for it, if it names one: a site-to-site VPN is refused.
        over: Option<LinkKind>,
    },
    /// Fails over into an isolated network.
    TestFailover {
        /// The machine.
        vm: VmId,
        /// The point.
        point: PointChoice,
    },
    /// Removes what a test failover made.
    CleanupTestFailover {
        /// The machine.
        vm: VmId,
    },
    /// Unplanned failover to Azure.
    Failover {
        /// The machine.
        vm: VmId,
        /// The point.
        point: PointChoice,
        /// Whether to try to shut the source down first.
        shutdown: bool,
    },
    /// Fails over the machines of a recovery plan, group by group (facts §4.2).
    RunRecoveryPlan {
        /// The plan, by its number in the scenario.
        plan: u32,
        /// A test failover, or an unplanned one.
        test: bool,
        /// The point that each of its machines takes.
        point: PointChoice,
        /// Whether to try to shut the sources down first.
        shutdown: bool,
    },
    /// Planned failover: always refused.
    PlannedFailover {
        /// The machine.
        vm: VmId,
    },
    /// Commits a failover or failback.
    Commit {
        /// The machine.
        vm: VmId,
    },
    /// Moves a machine's replication to another process server ("Load balance", "Switch": facts §1.6).
    MoveToProcessServer {
        /// The machine.
        vm: VmId,
        /// The process server that it is to use.
        process_server: MachineId,
    },
    /// Creates the temporary process server in Azure.
    AddProcessServer {
        /// Its machine.
        machine: MachineId,
    },
    /// Removes the temporary process server.
    RemoveProcessServer {
        /// Its machine.
        machine: MachineId,
    },
    /// Replicates a machine that runs in Azure back to a master target; after a failback, to Azure again (`master_target` is then none).
    Reprotect {
        /// The machine.
        vm: VmId,
        /// The process server.
        process_server: MachineId,
        /// The master target, for the way back.
        master_target: Option<MachineId>,
    },
    /// Fails back to a VMware VM.
    Failback {
        /// The machine.
        vm: VmId,
        /// The point: latest or latest app-consistent.
        point: PointChoice,
        /// The scenario names a physical machine as the place to go: refused.
        to_physical: bool,
    },
    /// Removes a machine's replication.
    DisableReplication {
        /// The machine.
        vm: VmId,
    },
}

/// Kinds of link between sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// The internet.
    Internet,
    /// ExpressRoute.
    Expressroute,
    /// A site-to-site VPN.
    Vpn,
    /// A site's own network.
    Lan,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is complete.
    Done,
    /// The product does not do this, or not now; with the reason and its source.
    Refused(String),
    /// It was tried and failed.
    Failed(String),
}

/// What a step of the operator waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// A simulated time.
    At(SimTime),
    /// The end of another step (done, or refused where it was to be).
    Step(u32),
    /// A machine reached a state.
    State(VmId, ItemState),
    /// The machine's tag with this many marks (counted in its current protection) is stored.
    PointsStored(VmId, u64),
    /// That many points are processed in its current protection.
    PointsProcessed(VmId, u64),
    /// The workload of the machine answered at a place.
    WorkloadUp(VmId, Place),
    /// A component registered (machine, kind as in [`Component`]).
    Registered(MachineId, Component),
    /// A fault, by its number in the world's list, has begun.
    FaultBegan(u32),
    /// A fault has ended.
    FaultEnded(u32),
    /// Once another trigger (by its number in the world's list) has held: the trigger as things stand then, or later. A state counts
    /// while the machine is in it, points count in its protection of that moment, a workload counts while that copy runs; a
    /// registration counts whenever it was.
    Since(u32, Box<Trigger>),
    /// All of these, by their numbers in the world's list, have held; each at its own time.
    All(Vec<u32>),
}
