//! What happens to the world of a scenario.

use datapath::disk::Operation;
use sim::faults::{Left, Nth, Off};

use super::{Aside, Condition};

/// A fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Its name.
    pub name: String,
    /// The word of its kind.
    pub word: &'static str,
    /// What it does.
    pub what: Happens,
    /// When it begins; none: at the start of the run.
    pub begin: Vec<Condition>,
    /// How long to wait then.
    pub wait: u64,
    /// What has to happen before it ends, beside its beginning.
    pub until: Vec<Condition>,
    /// How long it lasts then; none: no longer, and where its end waits for nothing, to the end of the run.
    pub lasts: Option<u64>,
    /// It may change nothing.
    pub may_miss: bool,
    /// Its line in the file, from 1.
    pub line: Aside<u32>,
}

impl Fault {
    /// Whether it ends before the run does: it lasts so long, waits for something, or is an instant.
    #[must_use]
    pub fn ends(&self) -> bool {
        let instant = matches!(self.what, Happens::DiskRot { .. } | Happens::SegmentTampered { .. });
        instant || self.lasts.is_some() || !self.until.is_empty()
    }
}

/// A server, or a protected machine where it runs on premises, by place in the scenario; or a machine that is in every estate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A server.
    Server(usize),
    /// A protected machine.
    Vm(usize),
    /// One that Azure runs, or the operator's.
    Always(Always),
}

/// Machines that are in every estate; a scenario names them and says nothing more of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Always {
    /// The operator's console.
    Portal,
    /// The machine of the Site Recovery service.
    SiteRecovery,
    /// The storage account.
    StorageAccount,
    /// Azure's fabric, which makes and switches machines.
    AzureCompute,
}

impl Always {
    /// All of them.
    pub const ALL: [Always; 4] = [
        Always::Portal,
        Always::SiteRecovery,
        Always::StorageAccount,
        Always::AzureCompute,
    ];

    /// Its name, in scenario files and in what a run says.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Always::Portal => "portal",
            Always::SiteRecovery => "site-recovery",
            Always::StorageAccount => "storage-account",
            Always::AzureCompute => "azure-compute",
        }
    }

    /// The component on it.
    #[must_use]
    pub fn process(self) -> Process {
        match self {
            Always::Portal => Process::Operator,
            Always::SiteRecovery => Process::SiteRecovery,
            Always::StorageAccount => Process::Storage,
            Always::AzureCompute => Process::AzureCompute,
        }
    }
}

/// Components whose process can crash alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// The Mobility service of a protected machine.
    MobilityService,
    /// A process server.
    ProcessServer,
    /// A configuration server.
    ConfigurationServer,
    /// A master target.
    MasterTarget,
    /// A vCenter.
    Vcenter,
    /// The operator at their console.
    Operator,
    /// The Site Recovery service.
    SiteRecovery,
    /// The storage account.
    Storage,
    /// Azure's fabric.
    AzureCompute,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
pub enum Happens {
    /// power-loss
    PowerLoss {
        /// Machines.
        hosts: Vec<Host>,
        /// All machines of these sites, by place in the scenario.
        sites: Vec<usize>,
    },
    /// process-crash
    ProcessCrash(Host, Process),
    /// link-cut
    LinkCut {
        /// The link's place among the scenario's links.
        link: usize,
        /// What is lost.
        direction: Direction,
    },
    /// link-flapping
    LinkFlapping {
        /// The link's place among the scenario's links.
        link: usize,
        /// How long it is cut each time.
        down: u64,
        /// How long it is whole between.
        up: u64,
    },
    /// link-held, by the link's place among the scenario's links
    LinkHeld(usize),
    /// link-degraded
    LinkDegraded {
        /// The link's place among the scenario's links.
        link: usize,
        /// Another rate.
        bits_per_second: Option<u64>,
        /// Another latency.
        latency: Option<u64>,
        /// Another loss.
        loss_per_million: Option<u32>,
    },
    /// apart
    Apart(Host, Host),
    /// port-blocked
    PortBlocked {
        /// The port.
        port: u16,
        /// Only of this machine.
        host: Option<Host>,
    },
    /// disk-slow
    DiskSlow {
        /// Of which machine.
        host: Host,
        /// How many times as long.
        times: u32,
    },
    /// compute-slow
    ComputeSlow {
        /// Of which machine.
        host: Host,
        /// How many times as long.
        times: u32,
    },
    /// disk-full
    DiskFull(Host),
    /// disk-error
    DiskError {
        /// Of which machine.
        host: Host,
        /// What fails.
        operation: Operation,
        /// Which of them.
        which: Nth,
    },
    /// write-lost
    WriteLost {
        /// Of which machine.
        host: Host,
        /// Which of them.
        which: Nth,
    },
    /// write-misdirected
    WriteMisdirected {
        /// Of which machine.
        host: Host,
        /// Which of them.
        which: Nth,
    },
    /// disk-torn
    DiskTorn {
        /// Of which machine.
        host: Host,
        /// What is left.
        left: Left,
    },
    /// disk-rot
    DiskRot {
        /// A protected machine.
        vm: usize,
        /// Which of its data.
        of: Rot,
        /// Of which of its disks; only of stored segments.
        disk: u16,
        /// Which file, in order of name.
        file: u32,
        /// Which byte.
        byte: u64,
    },
    /// segment-tampered
    SegmentTampered {
        /// A protected machine.
        vm: usize,
        /// The disk's place on it.
        disk: u16,
        /// Which of its stored segments, in order of name.
        segment: u32,
        /// Which byte.
        byte: u64,
    },
    /// flush-lies
    FlushLies(Host),
    /// quiesce-fails, by the place of a protected machine
    QuiesceFails(usize),
    /// answers-late
    AnswersLate {
        /// Of which machine.
        host: Host,
        /// How much later.
        by: u64,
    },
    /// requests-refused, each one of so many
    RequestsRefused(u32),
    /// boots-refused
    BootsRefused {
        /// Azure compute, or a vCenter.
        host: Host,
        /// What the reason says.
        code: String,
    },
    /// answers-twice
    AnswersTwice(Host),
    /// clock-jump and clock-drift
    Clock {
        /// Of which machine.
        host: Host,
        /// How.
        off: Off,
    },
}

/// What a cut link loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// All.
    Both,
    /// What goes from the first end of the link to the second.
    There,
    /// What goes from the second to the first.
    Back,
}

/// Data of a protected machine that can rot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rot {
    /// What Azure storage or a master target keeps of it.
    StoredSegment,
    /// What is on its way in the cache of a process server.
    CachedBatch,
    /// The change journal on its own disk.
    Journal,
}
