//! What a finding is about.

use actors::nouns::MachineId;
use datapath::{DiskId, VmId};
use serde::{Deserialize, Serialize};

/// The thing that a finding concerns.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Component {
    /// None in particular.
    Run,
    /// A protected machine.
    Vm(VmId),
    /// A disk of one.
    Disk(DiskId),
    /// A machine of the estate.
    Machine(MachineId),
    /// A link, by its number.
    Link(u32),
    /// A replication group, by its name.
    Group(String),
    /// A database, by its machine and its name.
    Database(VmId, String),
    /// A fault, by its name.
    Fault(String),
    /// A step of the plan, by its number, and the machine that it is about.
    Step(u32, Option<VmId>),
}

impl Component {
    /// What kind of thing it is.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.into()
    }

    /// The protected machine that it is, or belongs to.
    #[must_use]
    pub fn vm(&self) -> Option<VmId> {
        match self {
            Component::Vm(vm) | Component::Database(vm, _) | Component::Step(_, Some(vm)) => Some(*vm),
            Component::Disk(disk) => Some(disk.vm),
            Component::Run
            | Component::Machine(_)
            | Component::Link(_)
            | Component::Group(_)
            | Component::Fault(_)
            | Component::Step(_, None) => None,
        }
    }
}

impl From<VmId> for Component {
    fn from(vm: VmId) -> Component {
        Component::Vm(vm)
    }
}

impl From<Option<VmId>> for Component {
    fn from(vm: Option<VmId>) -> Component {
        vm.map_or(Component::Run, Component::Vm)
    }
}

impl From<DiskId> for Component {
    fn from(disk: DiskId) -> Component {
        Component::Disk(disk)
    }
}

impl From<MachineId> for Component {
    fn from(machine: MachineId) -> Component {
        Component::Machine(machine)
    }
}
