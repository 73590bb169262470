//! What happens to the world of a scenario.

use datapath::disk::Operation;
use sim::faults::{Left, Nth};

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
    /// How long it lasts; none: to the end of the run.
    pub lasts: Option<u64>,
    /// Its line in the file, from 1.
    pub line: Aside<u32>,
}

/// A server, or a protected machine where it runs on premises, by place in the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A server.
    Server(usize),
    /// A protected machine.
    Vm(usize),
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
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
pub enum Happens {
    /// power-loss
    PowerLoss(Host),
    /// process-crash
    ProcessCrash(Host, Process),
    /// link-cut, by the link's place among the scenario's links
    LinkCut(usize),
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
    /// flush-lies
    FlushLies(Host),
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
