//! Machines, actors and components: what stands where.

use serde::{Deserialize, Serialize};

/// A machine: what one power cut takes down. Numbered in the order of the world's specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MachineId(pub u32);

impl std::fmt::Display for MachineId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "machine {}", self.0)
    }
}

/// An actor: one component on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActorId(pub u32);

/// Kinds of component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum ComponentKind {
    /// The guest: operating system, workload, disks.
    Guest,
    /// The Mobility service.
    Agent,
    /// A process server.
    ProcessServer,
    /// A configuration server.
    ConfigurationServer,
    /// A master target.
    MasterTarget,
    /// vCenter with its ESXi hosts.
    Vcenter,
    /// Azure storage.
    Storage,
    /// The Site Recovery service: vault, jobs, recovery points.
    Service,
    /// Azure compute and its virtual networks.
    AzureCompute,
    /// The operator who runs the plan.
    Operator,
}

impl ComponentKind {
    /// As names of actors have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// How the names of its files begin that it appends to.
    #[must_use]
    pub fn folders(self) -> &'static [&'static str] {
        match self {
            ComponentKind::Agent => &["journal/"],
            ComponentKind::ProcessServer => &["cache/"],
            ComponentKind::MasterTarget | ComponentKind::Storage => &["segments/", "index/"],
            // They replace whole files, which are durable at once.
            ComponentKind::Guest
            | ComponentKind::ConfigurationServer
            | ComponentKind::Vcenter
            | ComponentKind::Service
            | ComponentKind::AzureCompute
            | ComponentKind::Operator => &[],
        }
    }
}

/// What a component is, where it registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Component {
    /// The Mobility service on a protected machine.
    MobilityService,
    /// A process server.
    ProcessServer,
    /// A master target.
    MasterTarget,
    /// A configuration server, with its vault.
    ConfigurationServer,
}

impl Component {
    /// As scenario files, facts and reports have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// As a sentence has it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Component::MobilityService => "Mobility service",
            Component::ProcessServer => "process server",
            Component::MasterTarget => "master target",
            Component::ConfigurationServer => "configuration server",
        }
    }
}

/// How bad something is that an operator is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Look at it.
    Warning,
    /// Protection is at risk.
    Critical,
}
