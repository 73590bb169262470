//! The scenario's faults as the world gets them.

use std::sync::Arc;

use actors::ports::{MachineId, volume_name};
use actors::spec::{ComponentKind, VmSpec};
use sim::faults::{FaultKind, FaultSpec, Rotten};
use sim::link::LinkChange;
use sim::spec::{LinkSpec, MachineSpec};

use super::Places;
use crate::model::{Always, Direction, Fault, Happens, Host, Process, Rot};

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
            Happens::LinkCut { link, direction } => {
                let link = number(*link);
                match direction {
                    Direction::Both => FaultKind::Link {
                        link,
                        change: LinkChange::Cut,
                    },
                    Direction::There => FaultKind::LinkOneWay { link, back: false },
                    Direction::Back => FaultKind::LinkOneWay { link, back: true },
                }
            }
            Happens::LinkHeld(link) => FaultKind::LinkHeld { link: number(*link) },
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
            Happens::DiskFull(host) => FaultKind::DiskFull {
                machine: self.machine(*host),
            },
            Happens::DiskError { host, operation, which } => FaultKind::DiskError {
                machine: self.machine(*host),
                operation: *operation,
                which: *which,
            },
            Happens::DiskTorn { host, left } => FaultKind::DiskTorn {
                machine: self.machine(*host),
                left: *left,
            },
            Happens::AnswersLate { host, by } => FaultKind::AnswersLate {
                machine: self.machine(*host),
                by: *by,
            },
            Happens::AnswersTwice(host) => FaultKind::AnswersTwice {
                machine: self.machine(*host),
            },
            Happens::Clock { host, off } => FaultKind::Clock {
                machine: self.machine(*host),
                off: *off,
            },
            Happens::FlushLies(host) => FaultKind::FlushLies {
                machine: self.machine(*host),
            },
            Happens::QuiesceFails(vm) => {
                let vm = &self.vms[*vm];
                let machines = vec![vm.source, vm.azure, vm.test, vm.failback];
                FaultKind::QuiesceFails { machines }
            }
            Happens::DiskRot {
                vm,
                of,
                disk,
                file,
                byte,
            } => self.rot((*vm, *disk), *of, *file, *byte),
        }
    }

    fn rot(&self, (vm, disk): (usize, u16), of: Rot, index: u32, byte: u64) -> FaultKind {
        let id = self.vms[vm].vm;
        let with = |kinds: &[ComponentKind]| -> Vec<MachineId> {
            let machines = (0..).map(MachineId).zip(self.machines);
            let has = |machine: &MachineSpec| machine.components.iter().any(|own| kinds.contains(&own.kind()));
            machines.filter(|(_, machine)| has(machine)).map(|(id, _)| id).collect()
        };
        let (machines, prefix, part) = match of {
            Rot::StoredSegment => {
                let keepers = with(&[ComponentKind::Storage, ComponentKind::MasterTarget]);
                (keepers, "segments/".to_owned(), format!("/vm{}/disk{disk}/", id.0))
            }
            Rot::CachedBatch => {
                let prefix = format!("{}vm-{:06}/", ComponentKind::ProcessServer.folders()[0], id.0);
                (with(&[ComponentKind::ProcessServer]), prefix, "/batch-".to_owned())
            }
            Rot::Journal => (vec![self.places.sources[vm]], "journal/".to_owned(), ".hrl".to_owned()),
        };
        let file = Rotten { prefix, part, index };
        FaultKind::DiskRot { machines, file, byte }
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
