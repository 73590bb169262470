//! The scenario's faults as the world gets them.

use std::collections::BTreeSet;
use std::sync::Arc;

use actors::nouns::{ComponentKind, MachineId};
use actors::ports::volume_name;
use actors::spec::VmSpec;
use sim::faults::{Dark, FaultKind, FaultSpec, Rotten, Until};
use sim::link::LinkChange;
use sim::spec::{LinkSpec, MachineSpec};

use super::Places;
use super::steps::ByStep;
use crate::model::{Always, Direction, Fault, Happens, Host, Process, Rot, Scenario, Zone};

pub(super) struct World<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) places: &'a Places,
    pub(super) vms: &'a [Arc<VmSpec>],
    pub(super) machines: &'a [MachineSpec],
    pub(super) links: &'a [LinkSpec],
}

impl World<'_> {
    /// A fault that begins once these triggers have held, and then ends so.
    pub(super) fn fault(&self, fault: &Fault, (after, until): (Vec<u32>, Until)) -> FaultSpec {
        FaultSpec {
            name: fault.name.clone(),
            kind: self.kind(&fault.what),
            after,
            wait: fault.wait,
            until,
            lasts: fault.lasts,
            may_miss: fault.may_miss,
        }
    }

    /// What a step has the world do. That a link was out of service and nobody noticed is no finding; a segment that is not there is.
    pub(super) fn by_step(&self, of: ByStep) -> FaultSpec {
        let until = match of.what {
            Happens::LinkCut { .. } => Until::FirstOf(of.until),
            _ => Until::Begun,
        };
        FaultSpec {
            name: of.name,
            kind: self.kind(&of.what),
            after: vec![of.after],
            wait: 0,
            may_miss: until != Until::Begun,
            until,
            lasts: None,
        }
    }

    /// The machines that a power loss takes. Of a site, those that are not named start when the power is back if they are servers.
    fn dark(&self, hosts: &[Host], sites: &[usize]) -> Vec<Dark> {
        let servers = (0..).zip(&self.scenario.servers);
        let servers = servers.map(|(index, server)| (Host::Server(index), server.zone));
        let vms = (0..).zip(&self.scenario.vms);
        let vms = vms.map(|(index, vm)| (Host::Vm(index), Zone::Site(vm.site)));
        let of_sites = servers.chain(vms).filter(|(_, zone)| {
            let mut zones = sites.iter().map(|site| Zone::Site(number(*site)));
            zones.any(|site| site == *zone)
        });
        let of_sites = of_sites.map(|(host, _)| (host, matches!(host, Host::Server(_))));
        let named = hosts.iter().map(|host| (*host, true));
        let mut taken = BTreeSet::new();
        named
            .chain(of_sites)
            .map(|(host, starts)| Dark {
                machine: self.machine(host),
                volumes: self.volumes(host),
                starts,
            })
            .filter(|dark| taken.insert(dark.machine))
            .collect()
    }

    /// The volumes that a machine boots from.
    fn volumes(&self, host: Host) -> Vec<String> {
        let Host::Vm(vm) = host else { return Vec::new() };
        let disks = self.vms[vm].disks.iter();
        disks.map(|(disk, _)| volume_name(*disk, "source")).collect()
    }

    fn kind(&self, what: &Happens) -> FaultKind {
        match what {
            Happens::PowerLoss { hosts, sites } => FaultKind::Power {
                machines: self.dark(hosts, sites),
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
            Happens::LinkFlapping { link, down, up } => FaultKind::LinkFlapping {
                link: number(*link),
                down: *down,
                up: *up,
            },
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
            Happens::ComputeSlow { host, times } => FaultKind::ComputeSlow {
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
            Happens::WriteLost { host, which } => FaultKind::WriteLost {
                machine: self.machine(*host),
                which: *which,
            },
            Happens::WriteMisdirected { host, which } => FaultKind::WriteMisdirected {
                machine: self.machine(*host),
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
            Happens::BootsRefused { host, code } => FaultKind::BootsRefused {
                machine: self.machine(*host),
                code: code.clone(),
            },
            Happens::RequestsRefused(every) => FaultKind::RequestsRefused {
                machine: self.places.storage,
                every: *every,
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
            Happens::SegmentTampered {
                vm,
                disk,
                segment,
                byte,
            } => FaultKind::DiskRot {
                machines: vec![self.places.storage],
                file: Rotten {
                    exact: true,
                    ..self.segment((*vm, *disk), *segment)
                },
                byte: *byte,
            },
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
                let machines = with(&[ComponentKind::Storage, ComponentKind::MasterTarget]);
                let file = self.segment((vm, disk), index);
                return FaultKind::DiskRot { machines, file, byte };
            }
            Rot::CachedBatch => {
                let prefix = format!("{}vm-{:06}/", ComponentKind::ProcessServer.folders()[0], id.0);
                (with(&[ComponentKind::ProcessServer]), prefix, "/batch-".to_owned())
            }
            Rot::Journal => (vec![self.places.sources[vm]], "journal/".to_owned(), ".hrl".to_owned()),
        };
        let file = Rotten {
            prefix,
            part,
            index,
            exact: false,
        };
        FaultKind::DiskRot { machines, file, byte }
    }

    /// A stored segment of a disk; where there are not so many, the last.
    fn segment(&self, (vm, disk): (usize, u16), index: u32) -> Rotten {
        Rotten {
            prefix: "segments/".to_owned(),
            part: format!("/vm{}/disk{disk}/", self.vms[vm].vm.0),
            index,
            exact: false,
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

/// A place in the scenario as the world numbers it: its links are the first of the world's, in its order.
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
