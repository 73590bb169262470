//! The fabric: what reaches across machines. It is a right of its own, handed to hypervisors, Azure compute and the operator when they start;
//! no other component can switch, attach or touch what is not on its own machine.

use std::rc::Rc;

use datapath::disk::Files;

use crate::messages::local::Local;
use crate::nouns::{ActorId, ComponentKind, MachineId};

/// Power, disks and components of any machine.
pub trait Fabric {
    /// Switches a machine on (its components start) or off (as a power cut does).
    fn power(&self, machine: MachineId, on: bool);
    /// Whether a machine has power.
    fn powered(&self, machine: MachineId) -> bool;
    /// The component of a kind on a machine, if there is one.
    fn component(&self, machine: MachineId, kind: ComponentKind) -> Option<ActorId>;
    /// Whether a component's process runs.
    fn runs(&self, actor: ActorId) -> bool;
    /// A message to a component wherever it is: a virtual power button, a hand on the keyboard.
    fn tell(&self, from: ActorId, to: ActorId, message: Local);
    /// Files of a machine, for what it is to find when it starts.
    fn machine_files(&self, machine: MachineId) -> Rc<dyn Files>;
    /// Whether there is a volume of that name.
    fn volume_exists(&self, volume: &str) -> bool;
    /// An empty disk of so many bytes, durably; does nothing where there is a volume of that name.
    fn disk_create(&self, volume: &str, bytes: u64);
    /// Attaches a volume to a machine: the power cut that takes the machine drops what was not flushed.
    fn volume_attach(&self, volume: &str, machine: MachineId);
    /// The machine that a volume is attached to, if there is such a volume and it is attached.
    fn volume_machine(&self, volume: &str) -> Option<MachineId>;
    /// Removes a disk, wherever it is attached.
    fn disk_remove(&self, volume: &str);
}
