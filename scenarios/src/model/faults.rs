//! What happens to the world of a scenario.

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
}
