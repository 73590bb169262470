//! What a fault is: plain data, part of the world's specification.

use actors::nouns::MachineId;
use datapath::disk::Operation;

use crate::link::LinkChange;

pub(super) const MILLION: i128 = 1_000_000;

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// Machines lose their power, and have it back at the end.
    Power {
        /// The machines.
        machines: Vec<Dark>,
    },
    /// A component's process ends, and starts again at the end. What it had written stays: its machine goes on.
    Process {
        /// Its machine.
        machine: MachineId,
        /// Its place among the machine's components.
        component: u32,
    },
    /// A link is cut, or has another rate, latency and loss.
    Link {
        /// The link.
        link: u32,
        /// What becomes of it.
        change: LinkChange,
    },
    /// What goes over a link in one direction is lost, in silence; the other direction works.
    LinkOneWay {
        /// The link.
        link: u32,
        /// The direction, as a route has it.
        back: bool,
    },
    /// A link is cut and whole by turns, cut first.
    LinkFlapping {
        /// The link.
        link: u32,
        /// How long it is cut each time, in nanoseconds.
        down: u64,
        /// How long it is whole then, in nanoseconds.
        up: u64,
    },
    /// What is sent over a link waits at its door, and goes on in its order at the end.
    LinkHeld {
        /// The link.
        link: u32,
    },
    /// What a machine sends to those that connected to it leaves later.
    AnswersLate {
        /// The machine.
        machine: MachineId,
        /// By so many nanoseconds.
        by: u64,
    },
    /// A machine refuses requests and says so: busy, to be asked again later.
    RequestsRefused {
        /// The machine.
        machine: MachineId,
        /// Each one of so many.
        every: u32,
    },
    /// A machine refuses to make or to start machines.
    BootsRefused {
        /// Azure compute, or a vCenter.
        machine: MachineId,
        /// What it says, with the code of the documentation where there is one.
        code: String,
    },
    /// Each frame that a machine sends to those that connected to it is sent twice.
    AnswersTwice {
        /// The machine.
        machine: MachineId,
    },
    /// A machine's clock is off, and set right at the end.
    Clock {
        /// The machine.
        machine: MachineId,
        /// How.
        off: Off,
    },
    /// Two machines do not reach each other: what one sends the other is lost, in silence.
    Apart {
        /// The one.
        first: MachineId,
        /// The other.
        second: MachineId,
    },
    /// Nothing that is meant for a port passes, in silence, as behind a firewall.
    PortBlocked {
        /// The port.
        port: u16,
        /// Only what this machine sends or is sent; none: everywhere.
        machine: Option<MachineId>,
    },
    /// A machine's disk is slower: each flush, and each read that takes time, takes so many times as long.
    DiskSlow {
        /// The machine.
        machine: MachineId,
        /// How many times.
        times: u32,
    },
    /// A machine's processors are slower: each job takes so many times as long.
    ComputeSlow {
        /// The machine.
        machine: MachineId,
        /// How many times.
        times: u32,
    },
    /// A machine's disk has no room for anything more.
    DiskFull {
        /// The machine.
        machine: MachineId,
    },
    /// Operations of a machine's disk fail.
    DiskError {
        /// The machine.
        machine: MachineId,
        /// Which.
        operation: Operation,
        /// Which of them, counted from the beginning of the fault.
        which: Nth,
    },
    /// A write of a machine's file is acknowledged, and is not there: an append leaves zeros in its place, a whole file stays what it was.
    /// Virtual disks are not concerned.
    WriteLost {
        /// The machine.
        machine: MachineId,
        /// Which of them, counted from the beginning of the fault.
        which: Nth,
    },
    /// A write of a machine's file lands on another one, or elsewhere on the same: its own place is as if it were lost.
    WriteMisdirected {
        /// The machine.
        machine: MachineId,
        /// Which of them, counted from the beginning of the fault.
        which: Nth,
    },
    /// When a machine's power goes, or one of its processes ends, the disk keeps less in order what was not flushed.
    DiskTorn {
        /// The machine.
        machine: MachineId,
        /// What it keeps.
        left: Left,
    },
    /// A machine's disk says that a flush is done, and has made nothing durable. Virtual disks are not concerned.
    FlushLies {
        /// The machine.
        machine: MachineId,
    },
    /// The applications of a machine cannot be quiesced.
    QuiesceFails {
        /// The machines that it runs on.
        machines: Vec<MachineId>,
    },
    /// A bit of a file flips.
    DiskRot {
        /// The first of these that has such a file.
        machines: Vec<MachineId>,
        /// Which file.
        file: Rotten,
        /// Which byte of it; past its end it is counted on from the first.
        byte: u64,
    },
}

/// A machine that loses its power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dark {
    /// The machine.
    pub machine: MachineId,
    /// The volumes that it boots from: while one of them is attached elsewhere it stays off.
    pub volumes: Vec<String>,
    /// It starts by itself once the power is back; otherwise somebody has to switch it on.
    pub starts: bool,
}

impl Dark {
    /// A machine that starts once its power is back, wherever its disks are.
    #[must_use]
    pub fn new(machine: MachineId) -> Dark {
        Dark {
            machine,
            volumes: Vec::new(),
            starts: true,
        }
    }
}

/// How a clock is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// Its time of day has jumped by so many nanoseconds; how fast it goes has not changed.
    Jump(i64),
    /// It gains, or loses, so many millionths of the time that passes.
    Drift(i32),
}

impl Off {
    /// By how much a clock's time of day is off, in nanoseconds, so long after it began.
    #[must_use]
    pub fn after(self, nanoseconds: u64) -> i64 {
        match self {
            Off::Jump(by) => by,
            Off::Drift(per_million) => {
                let gained = i128::from(nanoseconds) * i128::from(per_million) / MILLION;
                i64::try_from(gained).unwrap_or(i64::MAX)
            }
        }
    }
}

/// Which of many operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nth {
    /// The nth alone, from 1.
    Only(u32),
    /// Every nth.
    Every(u32),
}

impl Nth {
    pub(super) fn is(self, number: u64) -> bool {
        match self {
            Nth::Only(only) => number == u64::from(only.max(1)),
            Nth::Every(every) => number.is_multiple_of(u64::from(every.max(1))),
        }
    }
}

/// What is left of appends that were not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The first of them, and a part of the next: the end is torn within an append.
    Prefix,
    /// Some of them; those before the last that is left and not left themselves read as zeros.
    Subset,
}

/// Which file rots: the nth, in order of name from 0, of those that begin with `prefix` and hold `part`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotten {
    /// How its name begins.
    pub prefix: String,
    /// What its name holds.
    pub part: String,
    /// Which of them.
    pub index: u32,
    /// Where there are not so many it is none; otherwise the last.
    pub exact: bool,
}

impl Rotten {
    /// Says that so many such files are there, and none is this one.
    pub(crate) fn is_none_of(&self, there: usize) -> String {
        let index = self.index;
        match self.prefix.as_str() {
            "segments/" => format!("{there} segments of that disk are stored, none is number {index}"),
            _ => format!("{there} such files are there, none is number {index}"),
        }
    }
}

/// What the end of a fault waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// Nothing but its beginning.
    Begun,
    /// That it has begun, and all of these have held (indices into the world's list of triggers).
    All(Vec<u32>),
    /// The first of these that holds once it has begun.
    FirstOf(Vec<u32>),
}

/// A fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultSpec {
    /// Its name, for findings and reports.
    pub name: String,
    /// What it does.
    pub kind: FaultKind,
    /// All of these must have held (indices into the world's list of triggers). None: from the start.
    pub after: Vec<u32>,
    /// How long after that it begins, in nanoseconds.
    pub wait: u64,
    /// What its end waits for.
    pub until: Until,
    /// How long it lasts then, in nanoseconds. None: no longer, and where its end waits for nothing, to the end of the run.
    pub lasts: Option<u64>,
    /// Whether it is no finding that it changes nothing.
    pub may_miss: bool,
}

impl FaultSpec {
    /// A fault that begins so long after the start of the run, and lasts so long.
    #[must_use]
    pub fn timed(name: &str, kind: FaultKind, wait: u64, lasts: Option<u64>) -> FaultSpec {
        FaultSpec {
            name: name.to_owned(),
            kind,
            after: Vec::new(),
            wait,
            until: Until::Begun,
            lasts,
            may_miss: false,
        }
    }
}

impl FaultKind {
    /// Whether two machines cannot send each other anything for a port because of it.
    pub(super) fn stops(&self, from: MachineId, to: MachineId, port: u16) -> bool {
        match self {
            FaultKind::Apart { first, second } => (from, to) == (*first, *second) || (to, from) == (*first, *second),
            FaultKind::PortBlocked { port: blocked, machine } => {
                *blocked == port && machine.is_none_or(|machine| machine == from || machine == to)
            }
            _ => false,
        }
    }

    /// Machines and links that cannot be counted on while it lasts.
    #[must_use]
    pub fn concerns(&self) -> (Vec<MachineId>, Vec<u32>) {
        match self {
            FaultKind::Power { machines } => (machines.iter().map(|dark| dark.machine).collect(), Vec::new()),
            FaultKind::Process { machine, .. }
            | FaultKind::DiskSlow { machine, .. }
            | FaultKind::ComputeSlow { machine, .. }
            | FaultKind::DiskFull { machine }
            | FaultKind::DiskError { machine, .. }
            | FaultKind::WriteLost { machine, .. }
            | FaultKind::WriteMisdirected { machine, .. }
            | FaultKind::DiskTorn { machine, .. }
            | FaultKind::FlushLies { machine }
            | FaultKind::AnswersLate { machine, .. }
            | FaultKind::RequestsRefused { machine, .. }
            | FaultKind::BootsRefused { machine, .. }
            | FaultKind::AnswersTwice { machine }
            | FaultKind::Clock { machine, .. } => (vec![*machine], Vec::new()),
            FaultKind::DiskRot { machines, .. } | FaultKind::QuiesceFails { machines } => {
                (machines.clone(), Vec::new())
            }
            FaultKind::Link { link, .. }
            | FaultKind::LinkOneWay { link, .. }
            | FaultKind::LinkFlapping { link, .. }
            | FaultKind::LinkHeld { link } => (Vec::new(), vec![*link]),
            FaultKind::Apart { first, second } => (vec![*first, *second], Vec::new()),
            FaultKind::PortBlocked { machine, .. } => (machine.iter().copied().collect(), Vec::new()),
        }
    }
}
