//! The plan of a scenario: the operator's steps, what they wait for, what has to hold.

use actors::nouns::{ItemState, LinkKind, Place, PointChoice};

use super::Aside;

/// A step of the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The action's word.
    pub word: &'static str,
    /// What it does.
    pub what: Do,
    /// The machines it is about; a step of the world for each, unless it runs a recovery plan.
    pub vms: Vec<usize>,
    /// The recovery plan that it runs, by place in the scenario: a failover, or a test failover, of all its machines.
    pub recovery_plan: Option<usize>,
    /// When it begins.
    pub begin: Vec<Condition>,
    /// How long to wait then.
    pub wait: u64,
    /// Each machine begins so much later than the one before.
    pub stagger: u64,
    /// How it is to end.
    pub expected: Expected,
    /// Its line in the file, from 1.
    pub line: Aside<u32>,
}

impl Step {
    /// Whether it is asked for each machine of its list.
    #[must_use]
    pub fn per_vm(&self) -> bool {
        self.recovery_plan.is_none() && self.what.per_vm()
    }
}

/// How a step is to end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// How.
    pub ending: Ending,
    /// Text that the reason must hold, where it is not to be done.
    pub reason: Option<String>,
}

/// The ways in which a step ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ending {
    /// It is complete.
    #[default]
    Done,
    /// The product refuses it.
    Refused,
    /// It is tried and fails.
    Failed,
    /// Whatever comes of it: what happens before is drawn by chance.
    Any,
}

impl Ending {
    /// Whether a reason is given with it.
    #[must_use]
    pub fn gives_reason(self) -> bool {
        matches!(self, Ending::Refused | Ending::Failed)
    }
}

/// What a step does. Servers are places among the scenario's servers.
#[derive(Debug, Clone, PartialEq)]
pub enum Do {
    /// create-vault
    CreateVault,
    /// register-configuration-server
    RegisterConfigurationServer(usize),
    /// add-vcenter
    AddVcenter {
        /// Where to.
        configuration_server: usize,
        /// Which.
        vcenter: usize,
    },
    /// push-install
    PushInstall {
        /// From; none: the machine's own.
        process_server: Option<usize>,
    },
    /// install-by-hand
    InstallByHand,
    /// create-policy
    CreatePolicy,
    /// enable-replication
    EnableReplication {
        /// Over which process server; none: the machine's own.
        process_server: Option<usize>,
        /// The kind of link that it is to use.
        over: Option<LinkKind>,
    },
    /// test-failover
    TestFailover(PointChoice),
    /// cleanup-test-failover
    CleanupTestFailover,
    /// failover
    Failover {
        /// The point.
        point: PointChoice,
        /// Try to shut the source down.
        shutdown: bool,
    },
    /// planned-failover
    PlannedFailover,
    /// commit
    Commit,
    /// move-to-process-server
    Move(usize),
    /// add-process-server
    AddProcessServer(usize),
    /// remove-process-server
    RemoveProcessServer(usize),
    /// reprotect
    Reprotect {
        /// Over one of which process servers; none: the machine's own.
        process_servers: Vec<usize>,
        /// To one of which master targets; none: to Azure.
        master_targets: Vec<usize>,
    },
    /// failback
    Failback {
        /// The point.
        point: PointChoice,
        /// To the physical machine.
        to_physical: bool,
    },
    /// disable-replication
    DisableReplication,
    /// power-off and power-on
    Power {
        /// On or off.
        on: bool,
        /// Servers.
        servers: Vec<usize>,
        /// Machines to protect, where they run on premises.
        vms: Vec<usize>,
    },
    /// cut-link, restore-link
    Link {
        /// The link's place among the scenario's links.
        link: usize,
        /// restore-link
        up: bool,
    },
    /// tamper-segment
    TamperSegment {
        /// The disk's place on its machine.
        disk: u16,
        /// Which segment.
        segment: u32,
        /// Which byte.
        byte: u64,
    },
    /// note
    Note(String),
}

impl Do {
    /// Whether it is about machines one by one.
    #[must_use]
    pub fn per_vm(&self) -> bool {
        !matches!(
            self,
            Do::CreateVault
                | Do::RegisterConfigurationServer(_)
                | Do::AddVcenter { .. }
                | Do::CreatePolicy
                | Do::AddProcessServer(_)
                | Do::RemoveProcessServer(_)
                | Do::Power { .. }
                | Do::Link { .. }
                | Do::Note(_)
        )
    }
}

/// Which machines a condition is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The step's own.
    Each,
    /// These.
    These(Vec<usize>),
}

/// What a step or a fault waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A time of the run.
    At(u64),
    /// The end of a step; with [`Which::Each`], of its part for the same machine.
    Step(usize, Which),
    /// A state.
    State(Which, ItemState),
    /// Stored points.
    PointsStored(Which, u64),
    /// Processed points.
    PointsProcessed(Which, u64),
    /// The workload is up at a place.
    WorkloadUp(Which, Place),
    /// A server has registered.
    ServerRegistered(usize),
    /// The Mobility service of a machine has registered.
    AgentRegistered(usize),
    /// The end of a fault, by its place in the scenario; the beginning of one that has none.
    FaultEnded(usize),
    /// The beginning of a fault.
    FaultBegan(usize),
}

impl Condition {
    /// Whether it names a step or a fault, from which conditions about machines count that stand beside it.
    #[must_use]
    pub fn is_named(&self) -> bool {
        matches!(
            self,
            Condition::Step(..) | Condition::FaultEnded(_) | Condition::FaultBegan(_)
        )
    }
}

/// What has to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// For which machines.
    pub vms: Vec<usize>,
    /// While this fault lasts, by its name; none: in all of the run.
    pub during: Option<String>,
    /// Only from the first time to the second, both counted from its beginning, in nanoseconds.
    pub between: Option<(u64, u64)>,
    /// What.
    pub what: Bound,
    /// It holds under the faults of a sweep too.
    pub under_faults: bool,
    /// Its line in the file, from 1.
    pub line: Aside<u32>,
}

/// A bound, or what is to be seen. Durations are nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// RPO as reported.
    RpoBelow(u64),
    /// RTO.
    RtoBelow(u64),
    /// Failover from start to end.
    FailoverWithin(u64),
    /// Time lost.
    LostBelow(u64),
    /// Bytes lost.
    LostBytesBelow(u64),
    /// Points made.
    PointsAtLeast(u64),
    /// From the end of the last fault, or of the one that it is about, to a point that was marked after it.
    CaughtUpWithin(u64),
    /// All disks verified.
    Verified,
    /// An alert with this code, or with this text in it.
    Alert(String),
    /// RPO as reported.
    RpoAbove(u64),
    /// Bytes that wait.
    BacklogAbove(u64),
    /// Points that are not made.
    NoPoints(PointsOf),
    /// A state that it is in.
    State(ItemState),
}

/// Which recovery points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointsOf {
    /// All.
    Any,
    /// Crash-consistent ones.
    Crash,
    /// App-consistent ones.
    App,
}

impl Bound {
    /// The key of the scenario file.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Bound::RpoBelow(_) => "rpo_below",
            Bound::RtoBelow(_) => "rto_below",
            Bound::FailoverWithin(_) => "failover_within",
            Bound::LostBelow(_) => "lost_below",
            Bound::LostBytesBelow(_) => "lost_bytes_below",
            Bound::PointsAtLeast(_) => "points_at_least",
            Bound::CaughtUpWithin(_) => "caught_up_within",
            Bound::Verified => "verified",
            Bound::Alert(_) => "alert",
            Bound::RpoAbove(_) => "rpo_above",
            Bound::BacklogAbove(_) => "backlog_above",
            Bound::NoPoints(_) => "no_points",
            Bound::State(_) => "state",
        }
    }

    /// Whether it can be about a part of that time, or about a time after it.
    #[must_use]
    pub fn can_be_between(&self) -> bool {
        self.can_be_during() && !matches!(self, Bound::CaughtUpWithin(_))
    }

    /// Whether it can be about the time of a fault alone.
    #[must_use]
    pub fn can_be_during(&self) -> bool {
        match self {
            Bound::RpoBelow(_)
            | Bound::PointsAtLeast(_)
            | Bound::Alert(_)
            | Bound::RpoAbove(_)
            | Bound::BacklogAbove(_)
            | Bound::NoPoints(_)
            | Bound::State(_)
            | Bound::CaughtUpWithin(_) => true,
            Bound::RtoBelow(_)
            | Bound::FailoverWithin(_)
            | Bound::LostBelow(_)
            | Bound::LostBytesBelow(_)
            | Bound::Verified => false,
        }
    }
}
