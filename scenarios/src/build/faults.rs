//! The scenario's faults as the world gets them.

use std::sync::Arc;

use actors::ports::{MachineId, volume_name};
use actors::spec::{ComponentKind, VmSpec};
use sim::faults::{FaultKind, FaultSpec};
use sim::link::LinkChange;
use sim::spec::{LinkSpec, MachineSpec};

use super::Places;
use crate::model::{Always, Fault, Happens, Host, Process};

pub(super) struct World<'a> {
    pub(super) places: &'a Places,
    pub(super) vms: &'a [Arc<VmSpec>],
    pub(super) machines: &'a [MachineSpec],
    pub(super) links: &'a [LinkSpec],
}

impl World<'_> {
    /// A fault that begins once these triggers have held.
    pub(super) fn fault(&self, fault: &Fault, after: Vec<u32>) -> FaultSpec {
        FaultSpec {
            name: fault.name.clone(),
            kind: self.kind(&fault.what),
            after,
            wait: fault.wait,
            lasts: fault.lasts,
        }
    }

    fn kind(&self, what: &Happens) -> FaultKind {
        match what {
            Happens::PowerLoss(host) => FaultKind::Power {
                machine: self.machine(*host),
                volumes: match host {
                    Host::Server(_) | Host::Always(_) => Vec::new(),
                    Host::Vm(vm) => {
                        let disks = self.vms[*vm].disks.iter();
                        disks.map(|(disk, _)| volume_name(*disk, "source")).collect()
                    }
                },
            },
            Happens::ProcessCrash(host, process) => {
                let machine = self.machine(*host);
                let components = &self.machines[machine.0 as usize].components;
                let place = components
                    .iter()
                    .position(|component| component.kind() == kind_of(*process));
                FaultKind::Process {
                    machine,
                    component: u32::try_from(place.unwrap_or_default()).unwrap_or(u32::MAX),
                }
            }
            Happens::LinkCut(link) => FaultKind::Link {
                link: number(*link),
                change: LinkChange::Cut,
            },
            Happens::LinkDegraded {
                link,
                bits_per_second,
                latency,
                loss_per_million,
            } => {
                let own = &self.links[*link];
                FaultKind::Link {
                    link: number(*link),
                    change: LinkChange::Degrade {
                        bits_per_second: bits_per_second.unwrap_or(own.bits_per_second),
                        latency: latency.unwrap_or(own.latency),
                        loss_per_million: loss_per_million.unwrap_or(own.loss_per_million),
                    },
                }
            }
            Happens::Apart(first, second) => FaultKind::Apart {
                first: self.machine(*first),
                second: self.machine(*second),
            },
            Happens::PortBlocked { port, host } => FaultKind::PortBlocked {
                port: *port,
                machine: host.map(|host| self.machine(host)),
            },
            Happens::DiskSlow { host, times } => FaultKind::DiskSlow {
                machine: self.machine(*host),
                times: *times,
            },
        }
    }

    fn machine(&self, host: Host) -> MachineId {
        match host {
            Host::Server(server) => self.places.servers[server],
            Host::Vm(vm) => self.places.sources[vm],
            Host::Always(Always::Portal) => self.places.portal,
            Host::Always(Always::SiteRecovery) => self.places.service,
            Host::Always(Always::StorageAccount) => self.places.storage,
            Host::Always(Always::AzureCompute) => self.places.compute,
        }
    }
}

/// The scenario's links are the first of the world's, in its order.
fn number(link: usize) -> u32 {
    u32::try_from(link).unwrap_or(u32::MAX)
}

fn kind_of(process: Process) -> ComponentKind {
    match process {
        Process::MobilityService => ComponentKind::Agent,
        Process::ProcessServer => ComponentKind::ProcessServer,
        Process::ConfigurationServer => ComponentKind::ConfigurationServer,
        Process::MasterTarget => ComponentKind::MasterTarget,
        Process::Vcenter => ComponentKind::Vcenter,
        Process::Operator => ComponentKind::Operator,
        Process::SiteRecovery => ComponentKind::Service,
        Process::Storage => ComponentKind::Storage,
        Process::AzureCompute => ComponentKind::AzureCompute,
    }
}
