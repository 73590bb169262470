//! What each component is told when the world is built: plain data, made from the scenario file.

use std::sync::Arc;

use datapath::seal::VaultKey;
use datapath::segment::Calibration;
use datapath::{Class, DiskId, VmId};

use crate::model::FailbackPolicy;
use crate::nouns::{ComponentKind, LinkKind, MachineId, Operation, Policy, Schedule};
use crate::workload::WorkloadSpec;

/// A component and what it is told.
#[derive(Clone)]
pub enum ComponentSpec {
    /// See [`GuestSpec`].
    Guest(GuestSpec),
    /// See [`AgentSpec`].
    Agent(AgentSpec),
    /// See [`ProcessServerSpec`].
    ProcessServer(ProcessServerSpec),
    /// See [`ConfigurationServerSpec`].
    ConfigurationServer(ConfigurationServerSpec),
    /// See [`MasterTargetSpec`].
    MasterTarget(MasterTargetSpec),
    /// See [`VcenterSpec`].
    Vcenter(VcenterSpec),
    /// Azure storage; it needs to know the service.
    Storage(StorageSpec),
    /// See [`ServiceSpec`].
    Service(ServiceSpec),
    /// See [`AzureComputeSpec`].
    AzureCompute(AzureComputeSpec),
    /// See [`OperatorSpec`].
    Operator(OperatorSpec),
}

impl ComponentSpec {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ComponentKind {
        match self {
            ComponentSpec::Guest(_) => ComponentKind::Guest,
            ComponentSpec::Agent(_) => ComponentKind::Agent,
            ComponentSpec::ProcessServer(_) => ComponentKind::ProcessServer,
            ComponentSpec::ConfigurationServer(_) => ComponentKind::ConfigurationServer,
            ComponentSpec::MasterTarget(_) => ComponentKind::MasterTarget,
            ComponentSpec::Vcenter(_) => ComponentKind::Vcenter,
            ComponentSpec::Storage(_) => ComponentKind::Storage,
            ComponentSpec::Service(_) => ComponentKind::Service,
            ComponentSpec::AzureCompute(_) => ComponentKind::AzureCompute,
            ComponentSpec::Operator(_) => ComponentKind::Operator,
        }
    }
}

/// The guest's operating system, as far as the product cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Os {
    /// Windows with the drivers that Azure needs.
    Windows,
    /// Linux.
    Linux,
}

/// A protected machine, known to all who deal with it.
#[derive(Debug, Clone)]
pub struct VmSpec {
    /// Its number.
    pub vm: VmId,
    /// Its name.
    pub name: String,
    /// Its operating system.
    pub os: Os,
    /// A physical server (else a VMware VM).
    pub physical: bool,
    /// Its disks and their bytes.
    pub disks: Vec<(DiskId, u64)>,
    /// Where it runs at the start.
    pub source: MachineId,
    /// The VMware VM to which it fails back (its own machine where it is one).
    pub failback: MachineId,
    /// Where it runs after a failover.
    pub azure: MachineId,
    /// Where it runs in a test failover.
    pub test: MachineId,
    /// From power to the first request that the workload answers, in nanoseconds.
    pub boot: u64,
}

/// A guest: on the source machine with its first disks, in Azure with whatever its file `boot` names.
#[derive(Clone)]
pub struct GuestSpec {
    /// The machine it is.
    pub vm: Arc<VmSpec>,
    /// What it does.
    pub workload: Arc<WorkloadSpec>,
    /// Its part in applications; not in the aggregate grain.
    pub tiers: Vec<TierSpec>,
    /// Its databases; not in the aggregate grain.
    pub databases: Vec<DatabaseSpec>,
    /// Aggregate grain: what an agent of the finer grains folds into one batch at the most, in bytes.
    pub folded_bytes: u64,
    /// Aggregate grain: it tells of its writes after so many bytes at the latest.
    pub summary_bytes: u64,
    /// The volumes that it boots from where there is no file `boot`; empty: it needs one.
    pub volumes: Vec<(DiskId, String)>,
    /// Who is told of boots and shutdowns: vCenter's machine or Azure compute's (their actors hear [`Local`](crate::messages::local::Local) messages); none for a physical server.
    pub hypervisor: Option<MachineId>,
}

/// A machine's part in an application.
#[derive(Debug, Clone)]
pub struct TierSpec {
    /// The application, by its number in the scenario.
    pub application: u32,
    /// The machine of the next tier; none for the last.
    pub next: Option<Arc<VmSpec>>,
    /// The disk that it writes to, by its index.
    pub disk: u16,
    /// What its content compresses like.
    pub class: Class,
    /// Random bytes of each extent (real grain).
    pub random_bytes: u16,
    /// Bytes that it writes before it asks the next tier.
    pub writes_before: u64,
    /// Bytes that it writes before it answers.
    pub writes_after: u64,
    /// Bytes of a request to the next tier.
    pub ask_bytes: u64,
    /// Bytes of its own answer.
    pub answer_bytes: u64,
    /// Who asks it, where it is the first.
    pub clients: Option<Clients>,
}

/// A database with a write-ahead log. Its disks hold nothing else, and nothing at all at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSpec {
    /// Its name.
    pub name: Arc<str>,
    /// The disk with its pages, by its index. They begin behind [`DatabaseSpec::SUPERBLOCKS`].
    pub disk: u16,
    /// How many pages, of an extent (4 KiB) each: two or more.
    pub pages: u64,
    /// The disk with its log, which can be the same.
    pub log_disk: u16,
    /// Where the log begins, in extents.
    pub log_at: u64,
    /// The log's extents: four or more.
    pub log_extents: u64,
    /// What pages compress like.
    pub class: Class,
    /// Random bytes of each page (real grain).
    pub random_bytes: u16,
    /// Between two transactions, in nanoseconds, in the mean.
    pub every: u64,
    /// Between two checkpoints, in nanoseconds, where the log does not ask for one before.
    pub checkpoint_every: u64,
}

impl DatabaseSpec {
    /// Extents before the first page: superblocks, which are written in turn.
    pub const SUPERBLOCKS: u64 = 2;
}

/// The clients of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clients {
    /// Between two requests, in nanoseconds, in the mean.
    pub every: u64,
    /// Requests that are not answered at the most; a client that finds so many waits.
    pub outstanding: u32,
}

/// The Mobility service.
#[derive(Clone)]
pub struct AgentSpec {
    /// The machine it is on a copy of.
    pub vm: Arc<VmSpec>,
    /// The configuration server, where it is installed from the start (a recovered machine carries the agent that was on the source).
    pub configuration_server: Option<MachineId>,
    /// The passphrase's fingerprint, with it.
    pub passphrase: u64,
    /// Cap of the change journal in bytes.
    pub journal_cap: u64,
    /// What the guest does. Aggregate grain: how much of a disk so many writes change.
    pub workload: Arc<WorkloadSpec>,
    /// A batch without mark is cut when this many bytes wait.
    pub batch_bytes: u64,
    /// Bytes that may be unacknowledged towards the process server.
    pub window_bytes: u64,
}

/// A process server.
#[derive(Clone)]
pub struct ProcessServerSpec {
    /// Its configuration server.
    pub configuration_server: MachineId,
    /// The passphrase's fingerprint.
    pub passphrase: u64,
    /// Its replication port.
    pub port: u16,
    /// Bytes that may be unacknowledged towards the target, all machines together.
    pub window_bytes: u64,
    /// Disks that are copied at a time (facts §1.3: 3).
    pub copies_at_a_time: u32,
    /// The vault's identity.
    pub vault: [u8; 16],
    /// The vault's key; how it gets here is not modelled (the product's registration carries it).
    pub key: VaultKey,
    /// What modelled content compresses to.
    pub calibration: Arc<Calibration>,
    /// What it may send to Azure by the hour of the week.
    pub throttles: Arc<Schedule>,
}

/// A configuration server.
#[derive(Clone)]
pub struct ConfigurationServerSpec {
    /// The service.
    pub service: MachineId,
    /// The passphrase's fingerprint that components must show.
    pub passphrase: u64,
}

/// A master target.
#[derive(Clone)]
pub struct MasterTargetSpec {
    /// Its configuration server.
    pub configuration_server: MachineId,
    /// The passphrase's fingerprint.
    pub passphrase: u64,
    /// Its replication port.
    pub port: u16,
    /// The vault's identity.
    pub vault: [u8; 16],
    /// The vault's key.
    pub key: VaultKey,
    /// What modelled content compresses to.
    pub calibration: Arc<Calibration>,
}

/// vCenter.
#[derive(Clone)]
pub struct VcenterSpec {
    /// The VMs it manages.
    pub vms: Vec<Arc<VmSpec>>,
}

/// Azure storage.
#[derive(Clone)]
pub struct StorageSpec {
    /// The vault whose segments it takes.
    pub vault: [u8; 16],
}

/// The Site Recovery service.
#[derive(Clone)]
pub struct ServiceSpec {
    /// Its storage account.
    pub storage: MachineId,
    /// Azure compute.
    pub compute: MachineId,
    /// The machines it may be asked to protect.
    pub vms: Vec<Arc<VmSpec>>,
    /// Which configuration server a component's machine belongs to, by machine number.
    pub managed_by: std::collections::BTreeMap<MachineId, MachineId>,
    /// Replication groups.
    pub groups: Vec<GroupSpec>,
    /// Recovery plans.
    pub recovery_plans: Vec<Arc<RecoveryPlanSpec>>,
    /// The vCenter of a VM's site, by configuration server.
    pub vcenters: std::collections::BTreeMap<MachineId, MachineId>,
    /// The vault's identity.
    pub vault: [u8; 16],
    /// The vault's key.
    pub key: VaultKey,
    /// What modelled content compresses to.
    pub calibration: Arc<Calibration>,
    /// Registration key that `CreateVault` hands out.
    pub registration_key: u64,
    /// Kinds of link that lead from the sites to Azure's public endpoints.
    pub forward_links: Vec<LinkKind>,
    /// The service's own durations.
    pub times: ServiceTimes,
    /// Hold the processing of what is stored until a failover asks for it (for benchmarks of the way in).
    pub hold_processing: bool,
}

/// Machines that share recovery points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSpec {
    /// Its number in the scenario.
    pub group: u32,
    /// Its name.
    pub name: String,
    /// Its members, in order.
    pub members: Vec<VmId>,
}

/// A recovery plan: machines in groups that start one after the other, and what is done before and after each (facts §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryPlanSpec {
    /// Its name.
    pub name: String,
    /// Its groups, in order.
    pub groups: Vec<PlanGroupSpec>,
}

impl RecoveryPlanSpec {
    /// All its machines, each with the place of its group.
    pub fn members(&self) -> impl Iterator<Item = (u32, VmId)> {
        let groups = (0..).zip(&self.groups);
        groups.flat_map(|(place, group)| group.members.iter().map(move |vm| (place, *vm)))
    }
}

/// A group of a recovery plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanGroupSpec {
    /// Its machines, which start in parallel.
    pub members: Vec<VmId>,
    /// What is done before they start, in order.
    pub before: Vec<PlanActionSpec>,
    /// What is done once they have, in order.
    pub after: Vec<PlanActionSpec>,
}

impl PlanGroupSpec {
    /// What is done before and after, in one list.
    pub fn actions(&self) -> impl Iterator<Item = &PlanActionSpec> {
        self.before.iter().chain(&self.after)
    }
}

/// What a recovery plan does beside starting machines. Times are nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanActionSpec {
    /// Its name.
    pub name: String,
    /// What it is.
    pub what: PlanActionKind,
    /// Whether it is done in a test failover.
    pub in_test: bool,
    /// Whether it is done in a failover.
    pub in_failover: bool,
}

/// Kinds of action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanActionKind {
    /// A script of so long a run time, and whether it fails.
    Script {
        /// How long it runs.
        takes: u64,
        /// Whether it fails.
        fails: bool,
    },
    /// A person is waited for, who takes so long once they know.
    Manual {
        /// How long it takes them.
        takes: u64,
    },
    /// A request to a machine that must be answered, again and again until it is.
    Check {
        /// The machine.
        vm: VmId,
        /// It fails after so long.
        within: u64,
    },
}

/// Durations of the service's jobs, in nanoseconds (facts §1.7, §2.6; where those have none, our model).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTimes {
    /// Creating or associating a policy (30 to 60 s).
    pub policy: u64,
    /// Hydration (8 to 10 min).
    pub hydration: u64,
    /// Creating a machine in Azure before it boots.
    pub create_machine: u64,
}

/// Azure compute.
#[derive(Clone)]
pub struct AzureComputeSpec {
    /// The machines it can create.
    pub vms: Vec<Arc<VmSpec>>,
    /// The service's durations.
    pub times: ServiceTimes,
}

/// What the operator does, in the order of the file.
#[derive(Clone)]
pub struct OperatorSpec {
    /// The service.
    pub service: MachineId,
    /// The steps.
    pub steps: Vec<StepSpec>,
}

/// A step: when, and what.
#[derive(Clone)]
pub struct StepSpec {
    /// All of these must have happened (indices into the world's list of triggers, each named once). None: at once.
    pub after: Vec<u32>,
    /// How long to wait after that, in nanoseconds.
    pub delay: u64,
    /// What to do.
    pub action: Action,
    /// The product is to refuse it.
    pub expect_refusal: bool,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// An operation of the product, asked for in the portal. For every machine of the list one after the other is a step each.
    Ask(Operation),
    /// Carries the vault's registration key to a configuration server.
    RegisterConfigurationServer(MachineId),
    /// Installs the Mobility service by hand on a machine.
    InstallByHand {
        /// The machine.
        machine: MachineId,
        /// Where it registers.
        configuration_server: MachineId,
        /// The passphrase's fingerprint.
        passphrase: u64,
    },
    /// Switches machines off, as a power cut does.
    PowerOff(Vec<MachineId>),
    /// Gives machines power; one whose disks are attached elsewhere stays off, and the step is refused for it.
    PowerOn(Vec<SwitchedOn>),
    /// Nothing at the console: a mark in the timeline, for which a fault of the world may wait.
    Note(String),
}

/// A machine that is given power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchedOn {
    /// The machine.
    pub machine: MachineId,
    /// Its name, for whoever is refused.
    pub name: String,
    /// The volumes that it boots from.
    pub volumes: Vec<String>,
}

/// The default cost of a policy: facts §2.1, with the 5 min between crash-consistent points and 24 h of retention.
#[must_use]
pub fn default_policy(name: &str) -> Policy {
    const MIN: u64 = 60_000_000_000;
    Policy {
        name: name.to_owned(),
        rpo_threshold: 60 * MIN,
        retention: 24 * 60 * MIN,
        crash_consistent_every: 5 * MIN,
        app_consistent_every: 60 * MIN,
    }
}

/// The failback policy of a policy, which cannot be edited.
#[must_use]
pub fn failback_policy(name: &str, model: &FailbackPolicy) -> Policy {
    Policy {
        name: format!("{name}-failback"),
        rpo_threshold: model.rpo_threshold,
        retention: model.retention,
        crash_consistent_every: model.crash_consistent_every,
        app_consistent_every: model.app_consistent_every,
    }
}
