//! The Site Recovery service and Azure compute (443, inside Azure): machines are made of volumes, and removed.

use serde::{Deserialize, Serialize};

use crate::nouns::{Boot, MachineId};

/// What the service says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToCompute {
    /// Gets volumes ready for a machine that is to be created later: its recovery plan says when.
    PrepareMachine {
        /// The machine.
        machine: MachineId,
        /// What it will boot as.
        boot: Boot,
        /// Whether it must be made to boot in Azure first (facts §2.6).
        hydrate: bool,
    },
    /// Has a machine that runs answer a request, through all tiers that its own part of an application needs.
    Check {
        /// The machine.
        machine: MachineId,
        /// The asker's number.
        check: u64,
    },
    /// Creates a machine from volumes and starts it.
    CreateMachine {
        /// The machine.
        machine: MachineId,
        /// What it boots as; none for a machine that carries no copy (the temporary process server).
        boot: Option<Boot>,
        /// Whether it must be made to boot in Azure first (facts §2.6).
        hydrate: bool,
    },
    /// Stops and removes a machine; `orderly` lets the guest shut down first.
    DeleteMachine {
        /// The machine.
        machine: MachineId,
        /// Let the guest shut down.
        orderly: bool,
    },
    /// Are you there? An end that only listens would never learn that the other lost its power.
    Heartbeat,
}

/// What compute answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToService {
    /// The machine runs (its workload has answered).
    MachineUp {
        /// The machine.
        machine: MachineId,
    },
    /// Its volumes are ready.
    MachinePrepared {
        /// The machine.
        machine: MachineId,
    },
    /// What a request came to.
    Checked {
        /// The machine.
        machine: MachineId,
        /// The asker's number.
        check: u64,
        /// Why it was not answered.
        refused: Option<String>,
    },
    /// It is gone.
    MachineGone {
        /// The machine.
        machine: MachineId,
    },
    /// The answer to a heartbeat.
    HeartbeatSeen,
    /// It is not made, and why.
    MachineRefused {
        /// The machine.
        machine: MachineId,
        /// Why not, with the code of the documentation where it has one.
        why: String,
    },
}
