//! What a job is made of, as data: it is written down with the job and read again after the service's process or machine was cut.
//!
//! A stage is done at once or waits: for time, for a condition, for the answer to a command or from Azure compute, for disks to be put
//! together. Waiting ends with the stage's patience (but for a job that waits for other jobs, which have their own): then the job fails with the reason, or, where the stage is soft (trying to shut
//! down a source that may be dead must not stop a failover, facts §4.1), goes on.

use std::collections::{BTreeMap, BTreeSet};

use datapath::VmId;
use serde::{Deserialize, Serialize};

use crate::facts::{FailoverPhase, PlanPhase};
use crate::messages::management::Command;
use crate::nouns::{Boot, Component, CopyMode, FailoverKind, ItemState, MachineId, Place, PointChoice, Policy};

/// What a stage waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Condition {
    /// A component is registered.
    Up(MachineId, Component),
    /// A process server of this configuration server is registered.
    AnyProcessServer(MachineId),
    /// A machine was found by discovery.
    Discovered(VmId),
    /// The Mobility service runs in the copy on this machine.
    Agent(VmId, MachineId),
    /// All that was drained is complete at the target.
    Drained(VmId),
    /// Storage has told what it holds.
    Told(VmId),
    /// All members of the machine's replication group are shut down for their failback.
    Together(VmId),
    /// In this run of a recovery plan it is a group's turn.
    Turn(u64, u32),
    /// All machines of this run wait for their turn, or are over.
    Prepared(u64),
    /// All machines of one of its groups are over.
    GroupOver(u64, u32),
}

impl Condition {
    /// Whether other jobs bring it about.
    pub(super) fn is_about_jobs(&self) -> bool {
        matches!(
            self,
            Condition::Turn(..) | Condition::Prepared(_) | Condition::GroupOver(..)
        )
    }
}

/// Which way, and how, a protection is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Way {
    pub(super) source: MachineId,
    pub(super) process_server: MachineId,
    /// None: Azure storage.
    pub(super) master_target: Option<MachineId>,
    pub(super) copy: CopyMode,
}

/// What is done at once, for the job's machine where it has one. It may put stages in front of those that follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Action {
    /// The vault is there.
    KeepVault,
    /// A process server of the configuration server is to discover a vCenter's machines.
    Discover {
        configuration_server: MachineId,
        vcenter: MachineId,
    },
    /// A policy, and its failback policy.
    KeepPolicy(Policy),
    /// A protection begins.
    Begin(Way),
    /// Replication stops, and what is stored of it goes.
    Disable,
    /// The agent and the process server are told to stop.
    StopReplication,
    /// Storage is asked what it holds, for the last time or not.
    AskStored { last: bool },
    /// A machine is made of the disks that were put together.
    StartFromPoint(Place),
    /// What a test failover pinned is let go.
    EndTest,
    /// The failover is final.
    CommitFailover,
    /// The failback is final.
    CommitFailback,
    /// The source is shut down for its failback, and its last changes have arrived, or did not.
    Arrive,
    /// The master target is to leave the on-premises disks at a point.
    Finish {
        master_target: MachineId,
        protection: u32,
        point: PointChoice,
    },
    /// The on-premises disks are at their point: vCenter boots the machine from them.
    BootOnPremises {
        configuration_server: MachineId,
        vcenter: MachineId,
    },
    /// The process server before has handed over, or is gone: the machine goes on with another one.
    Move {
        before: MachineId,
        process_server: MachineId,
        protection: u32,
    },
    /// What the process server before had acknowledged and not stored is copied again.
    CopyAgain { before: MachineId },
    /// A process server was removed.
    ForgetProcessServer(MachineId),
    /// A run of a recovery plan has reached a phase.
    PlanPhase(PlanPhase),
    /// The failovers of a run's machines begin.
    StartMembers { point: PointChoice, shutdown: bool },
    /// It is a group's turn.
    BeginGroup(u32),
    /// An action of a group is over.
    PlanActionOver { group: u32, action: u32 },
    /// All of a run is over.
    EndRun,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Time passes.
    Wait(u64),
    /// Waits for a condition.
    Until {
        condition: Condition,
        patience: Option<u64>,
        soft: bool,
    },
    /// A command, and its answer.
    Order {
        to: MachineId,
        command: Command,
        patience: Option<u64>,
        soft: bool,
    },
    /// A state of the job's machine.
    Enter(ItemState),
    /// A phase of a failover of the job's machine.
    Phase(FailoverKind, FailoverPhase),
    /// Disks of a point, put together at a place.
    Materialise { point: PointChoice, place: Place },
    /// The disks of a machine in Azure, before it is its group's turn.
    Prepare {
        machine: MachineId,
        boot: Boot,
        hydrate: bool,
    },
    /// An action of a recovery plan's group.
    Run { group: u32, action: u32 },
    /// A machine in Azure.
    Create {
        machine: MachineId,
        boot: Option<Boot>,
        hydrate: bool,
    },
    /// An Azure machine removed.
    Delete { machine: MachineId, orderly: bool },
    /// Anything that is done at once.
    Do(Action),
}

/// What a job waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Waiting {
    Nothing,
    Time,
    Until(Condition),
    Command(u64),
    Machine(MachineId),
    Ticket(u64),
    /// For a person.
    Input(u32),
    /// For the answer to a request.
    Check,
}

/// Until a condition holds, or the job fails.
pub(super) fn until(condition: Condition) -> Stage {
    Stage::Until {
        condition,
        patience: None,
        soft: false,
    }
}

/// A command that must be carried out.
pub(super) fn order(to: MachineId, command: Command) -> Stage {
    Stage::Order {
        to,
        command,
        patience: None,
        soft: false,
    }
}

/// Which job waits for what: looked up when it happens, so that nobody goes through all jobs.
#[derive(Default)]
pub(super) struct Waits {
    /// By the number of the stage that waits, for its timers.
    stages: BTreeMap<u64, u64>,
    conditions: BTreeMap<Condition, BTreeSet<u64>>,
    /// Each machine in Azure is made or removed by one job at a time.
    machines: BTreeMap<MachineId, u64>,
    /// The job that runs for a machine: there is one at a time.
    of: BTreeMap<VmId, u64>,
}

impl Waits {
    /// A job runs for a machine.
    pub(super) fn runs(&mut self, job: u64, vm: Option<VmId>) {
        self.of.extend(vm.map(|vm| (vm, job)));
    }

    /// It is over.
    pub(super) fn is_over(&mut self, vm: Option<VmId>) {
        if let Some(vm) = vm {
            self.of.remove(&vm);
        }
    }

    /// A job waits.
    pub(super) fn begin(&mut self, job: u64, stage: u64, waiting: &Waiting) {
        self.stages.insert(stage, job);
        match waiting {
            Waiting::Until(condition) => {
                self.conditions.entry(condition.clone()).or_default().insert(job);
            }
            Waiting::Machine(machine) => {
                self.machines.insert(*machine, job);
            }
            Waiting::Nothing
            | Waiting::Time
            | Waiting::Command(_)
            | Waiting::Ticket(_)
            | Waiting::Input(_)
            | Waiting::Check => {}
        }
    }

    /// It waits no more.
    pub(super) fn end(&mut self, job: u64, stage: u64, waiting: &Waiting) {
        self.stages.remove(&stage);
        match waiting {
            Waiting::Until(condition) => {
                if let Some(jobs) = self.conditions.get_mut(condition) {
                    jobs.remove(&job);
                    if jobs.is_empty() {
                        self.conditions.remove(condition);
                    }
                }
            }
            Waiting::Machine(machine) => {
                self.machines.remove(machine);
            }
            Waiting::Nothing
            | Waiting::Time
            | Waiting::Command(_)
            | Waiting::Ticket(_)
            | Waiting::Input(_)
            | Waiting::Check => {}
        }
    }

    /// The job whose stage has this number.
    pub(super) fn at(&self, stage: u64) -> Option<u64> {
        self.stages.get(&stage).copied()
    }

    /// Jobs that wait for a condition.
    pub(super) fn until(&self, condition: &Condition) -> Vec<u64> {
        self.conditions.get(condition).into_iter().flatten().copied().collect()
    }

    /// The job that waits for a machine in Azure.
    pub(super) fn for_machine(&self, machine: MachineId) -> Option<u64> {
        self.machines.get(&machine).copied()
    }

    /// The job that runs for a machine.
    pub(super) fn of(&self, vm: VmId) -> Option<u64> {
        self.of.get(&vm).copied()
    }
}
