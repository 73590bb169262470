//! vCenter and who asks it (443): a process server lists machines, a configuration server has them switched and their disks attached.

use datapath::DiskId;
use serde::{Deserialize, Serialize};

use crate::nouns::{Boot, FoundMachine, MachineId};

/// What it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToVcenter {
    /// Lists machines.
    ListMachines,
    /// Switches a VM off or on, or attaches disks; answered by [`ToAsker::Done`].
    Act {
        /// A number for the answer.
        id: u64,
        /// What.
        action: VcenterAction,
    },
}

/// What it answers: the list to a process server, the rest to a configuration server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAsker {
    /// The machines.
    Machines {
        /// Machine, VM, disks and their bytes.
        machines: Vec<FoundMachine>,
    },
    /// Done, or why not.
    Done {
        /// The number.
        id: u64,
        /// Why not, if not.
        refused: Option<String>,
    },
}

/// What vCenter is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VcenterAction {
    /// Switch off (as holding the power button, or in order where the guest can).
    PowerOff {
        /// The machine.
        machine: MachineId,
    },
    /// Detach the disks from the master target and attach them to the VM, which stays off.
    Detach {
        /// The VM's machine.
        machine: MachineId,
        /// The disks and their bytes.
        disks: Vec<(DiskId, u64)>,
    },
    /// Detach the disks from the master target, attach them to the VM, and boot it.
    AttachAndBoot {
        /// The machine.
        machine: MachineId,
        /// What it boots as.
        boot: Boot,
    },
    /// Create an empty VM with these disks and attach them to the master target (alternate location), or attach the disks of an
    /// existing one that is off (original location).
    AttachToMasterTarget {
        /// The VM's machine.
        machine: MachineId,
        /// The master target.
        master_target: MachineId,
        /// The disks and their bytes.
        disks: Vec<(DiskId, u64)>,
    },
}
