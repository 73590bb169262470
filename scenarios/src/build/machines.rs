//! The world's machines and the components on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::messages::replication::PORT_REPLICATION;
use actors::messages::segments::PORT_MASTER_TARGET;
use actors::model::Model;
use actors::nouns::{MachineId, Schedule};
use actors::ports::volume_name;
use actors::spec::{
    AgentSpec, AzureComputeSpec, Clients, ComponentSpec, ConfigurationServerSpec, DatabaseSpec, GuestSpec,
    MasterTargetSpec, OperatorSpec, ProcessServerSpec, ServiceSpec, StepSpec, StorageSpec, TierSpec, VcenterSpec,
    VmSpec,
};
use actors::workload::WorkloadSpec;
use datapath::Grain;
use datapath::seal::VaultKey;
use datapath::segment::Calibration;
use datapath::units::extents_of;
use sim::spec::MachineSpec;

use super::classes::Classes;
use super::{Places, fingerprint, forward_links};
use crate::model::{Always, Database, Scenario, Server, Vm, Zone};

/// An account or a service of Azure has room for whatever an estate holds.
const AZURE_DISK_BYTES: u64 = 1 << 60;
/// The speed of a core that the costs of the model are for.
const SPEED: u32 = 1_000;

pub(super) struct Machines<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) places: &'a Places,
    pub(super) classes: &'a Classes,
    pub(super) vms: &'a [Arc<VmSpec>],
    pub(super) grain: Grain,
    pub(super) key: VaultKey,
    pub(super) vault: [u8; 16],
    pub(super) calibration: Arc<Calibration>,
    pub(super) steps: Vec<StepSpec>,
}

impl Machines<'_> {
    pub(super) fn build(&self) -> Vec<MachineSpec> {
        let scenario = self.scenario;
        let mut machines = vec![
            self.azure_machine(Always::Portal, ComponentSpec::Operator(self.operator())),
            self.azure_machine(Always::SiteRecovery, ComponentSpec::Service(self.service())),
            self.azure_machine(
                Always::StorageAccount,
                ComponentSpec::Storage(StorageSpec { vault: self.vault }),
            ),
            self.azure_machine(
                Always::AzureCompute,
                ComponentSpec::AzureCompute(AzureComputeSpec {
                    vms: self.vms.to_vec(),
                    times: scenario.times.clone(),
                }),
            ),
        ];
        machines.extend(scenario.servers.iter().map(|server| self.server(server)));
        let pairs = || scenario.vms.iter().zip(self.vms);
        machines.extend(pairs().map(|(vm, spec)| self.source(vm, spec)));
        machines.extend(
            pairs()
                .filter(|(vm, _)| vm.physical)
                .map(|(vm, spec)| self.copy(vm, spec, "failback", Zone::Site(vm.site), self.vcenter_of(vm.site))),
        );
        let compute = Some(self.places.compute);
        machines.extend(pairs().map(|(vm, spec)| self.copy(vm, spec, "azure", Zone::AzureVnet, compute)));
        machines.extend(pairs().map(|(vm, spec)| self.copy(vm, spec, "test", Zone::AzureIsolated, compute)));
        machines
    }

    fn azure_machine(&self, machine: Always, component: ComponentSpec) -> MachineSpec {
        let model = &self.scenario.model;
        MachineSpec {
            name: machine.name().to_owned(),
            zone: Zone::AzurePublic.into(),
            speed_per_mille: SPEED,
            cores: count(model.azure.cores),
            disk_bytes: AZURE_DISK_BYTES,
            disk_bytes_per_second: model.azure.disk_rate,
            clock_skew: 0,
            on: true,
            components: vec![component],
        }
    }

    fn operator(&self) -> OperatorSpec {
        OperatorSpec {
            service: self.places.service,
            steps: self.steps.clone(),
        }
    }

    fn service(&self) -> ServiceSpec {
        let scenario = self.scenario;
        let mut managed_by = BTreeMap::new();
        for (server, machine) in scenario.servers.iter().zip(&self.places.servers) {
            managed_by.insert(*machine, self.places.servers[server.configuration_server]);
        }
        for (vm, spec) in scenario.vms.iter().zip(self.vms) {
            let owner = self.places.servers[vm.configuration_server];
            for machine in [spec.source, spec.failback, spec.azure, spec.test] {
                managed_by.insert(machine, owner);
            }
        }
        let mut vcenters = BTreeMap::new();
        for (server, machine) in scenario.servers.iter().zip(&self.places.servers) {
            if server.roles.configuration_server
                && let Zone::Site(site) = server.zone
                && let Some(vcenter) = self.vcenter_of(site)
            {
                vcenters.insert(*machine, vcenter);
            }
        }
        ServiceSpec {
            calibration: Arc::clone(&self.calibration),
            storage: self.places.storage,
            compute: self.places.compute,
            vms: self.vms.to_vec(),
            managed_by,
            vcenters,
            groups: super::groups(scenario),
            recovery_plans: super::recovery_plans(scenario),
            vault: self.vault,
            key: self.key.clone(),
            registration_key: fingerprint(&format!("{} registration", scenario.name)),
            forward_links: forward_links(scenario),
            times: scenario.times.clone(),
            hold_processing: false,
        }
    }

    fn vcenter_of(&self, site: u32) -> Option<MachineId> {
        self.scenario
            .servers
            .iter()
            .position(|server| server.roles.vcenter && server.zone == Zone::Site(site))
            .map(|index| self.places.servers[index])
    }

    fn server(&self, server: &Server) -> MachineSpec {
        let configuration_server = self.places.servers[server.configuration_server];
        let passphrase = passphrase(self.scenario, server.configuration_server);
        let mut components = Vec::new();
        if server.roles.configuration_server {
            components.push(ComponentSpec::ConfigurationServer(ConfigurationServerSpec {
                service: self.places.service,
                passphrase,
            }));
        }
        if server.roles.process_server {
            components.push(ComponentSpec::ProcessServer(ProcessServerSpec {
                configuration_server,
                passphrase,
                port: PORT_REPLICATION,
                window_bytes: self.scenario.model.process_server.window,
                copies_at_a_time: count(self.scenario.model.process_server.copies),
                vault: self.vault,
                key: self.key.clone(),
                calibration: Arc::clone(&self.calibration),
                throttles: Arc::new(Schedule::new(&server.throttles, self.scenario.week_second())),
            }));
        }
        if server.roles.master_target {
            components.push(ComponentSpec::MasterTarget(MasterTargetSpec {
                calibration: Arc::clone(&self.calibration),
                configuration_server,
                passphrase,
                port: PORT_MASTER_TARGET,
                vault: self.vault,
                key: self.key.clone(),
            }));
        }
        if server.roles.vcenter {
            let vms = self
                .scenario
                .vms
                .iter()
                .zip(self.vms)
                .filter(|(vm, _)| Zone::Site(vm.site) == server.zone)
                .map(|(_, spec)| Arc::clone(spec))
                .collect();
            components.push(ComponentSpec::Vcenter(VcenterSpec { vms }));
        }
        MachineSpec {
            name: server.name.clone(),
            zone: server.zone.into(),
            speed_per_mille: server.speed,
            cores: server.cores,
            disk_bytes: server.disk_bytes,
            disk_bytes_per_second: server.disk_bytes_per_second,
            clock_skew: i64::try_from(server.clock_skew).unwrap_or(i64::MAX),
            // A process server in Azure is created by a step.
            on: server.zone != Zone::AzureVnet,
            components,
        }
    }

    /// A protected machine where it runs at the start, without the Mobility service.
    fn source(&self, vm: &Vm, spec: &Arc<VmSpec>) -> MachineSpec {
        let hypervisor = if vm.physical { None } else { self.vcenter_of(vm.site) };
        let guest = GuestSpec {
            vm: Arc::clone(spec),
            workload: self.workload(spec),
            tiers: self.tiers(spec),
            databases: self.databases(spec),
            folded_bytes: batch_bytes(&self.scenario.model, vm, Grain::Real),
            summary_bytes: batch_bytes(&self.scenario.model, vm, Grain::Aggregate),
            volumes: spec
                .disks
                .iter()
                .map(|(disk, _)| (*disk, volume_name(*disk, "source")))
                .collect(),
            hypervisor,
        };
        let mut machine = self.guest_machine(vm, spec, None, guest);
        machine.name.clone_from(&vm.name);
        machine.zone = Zone::Site(vm.site).into();
        machine.on = true;
        machine
    }

    /// A copy that is created later; it carries the agent of the source.
    fn copy(
        &self,
        vm: &Vm,
        spec: &Arc<VmSpec>,
        suffix: &str,
        zone: Zone,
        hypervisor: Option<MachineId>,
    ) -> MachineSpec {
        let guest = GuestSpec {
            vm: Arc::clone(spec),
            workload: self.workload(spec),
            tiers: self.tiers(spec),
            databases: self.databases(spec),
            folded_bytes: batch_bytes(&self.scenario.model, vm, Grain::Real),
            summary_bytes: batch_bytes(&self.scenario.model, vm, Grain::Aggregate),
            volumes: Vec::new(),
            hypervisor,
        };
        let owner = self.places.servers[vm.configuration_server];
        let mut machine = self.guest_machine(vm, spec, Some(owner), guest);
        machine.name = format!("{}-{suffix}", vm.name);
        machine.zone = zone.into();
        machine
    }

    /// A machine's parts in applications.
    fn tiers(&self, spec: &VmSpec) -> Vec<TierSpec> {
        let own = spec.vm.0 as usize;
        let mut tiers = Vec::new();
        for (number, application) in (0..).zip(&self.scenario.applications) {
            let Some(place) = application.tiers.iter().position(|tier| tier.vm == own) else {
                continue;
            };
            let tier = &application.tiers[place];
            let disk = usize::from(tier.disk);
            let next = application.tiers.get(place + 1);
            tiers.push(TierSpec {
                application: number,
                next: next.map(|next| Arc::clone(&self.vms[next.vm])),
                disk: tier.disk,
                class: self.classes.disks[own][disk],
                random_bytes: self.scenario.vms[own].disks[disk].compressibility().random_bytes(),
                writes_before: tier.writes_before,
                writes_after: tier.writes_after,
                ask_bytes: tier.request,
                answer_bytes: tier.answer,
                clients: (place == 0).then_some(Clients {
                    every: application.every,
                    outstanding: application.outstanding,
                }),
            });
        }
        tiers
    }

    /// A machine's databases.
    fn databases(&self, spec: &VmSpec) -> Vec<DatabaseSpec> {
        let own = spec.vm.0 as usize;
        let of_it = self.scenario.databases.iter().filter(|database| database.vm == own);
        let one = |database: &Database| {
            let (disk, pages) = (usize::from(database.disk), extents_of(database.size));
            let log_at = if database.log_disk == database.disk {
                DatabaseSpec::SUPERBLOCKS + pages
            } else {
                0
            };
            DatabaseSpec {
                name: database.name.as_str().into(),
                disk: database.disk,
                pages,
                log_disk: database.log_disk,
                log_at,
                log_extents: extents_of(database.log_size),
                class: self.classes.disks[own][disk],
                random_bytes: self.scenario.vms[own].disks[disk].compressibility().random_bytes(),
                every: database.every,
                checkpoint_every: database.checkpoint_every,
            }
        };
        of_it.map(one).collect()
    }

    fn workload(&self, spec: &VmSpec) -> Arc<WorkloadSpec> {
        Arc::clone(&self.classes.workloads[spec.vm.0 as usize])
    }

    fn guest_machine(
        &self,
        vm: &Vm,
        spec: &Arc<VmSpec>,
        configuration_server: Option<MachineId>,
        guest: GuestSpec,
    ) -> MachineSpec {
        let model = &self.scenario.model;
        let agent = AgentSpec {
            vm: Arc::clone(spec),
            configuration_server,
            passphrase: passphrase(self.scenario, vm.configuration_server),
            journal_cap: vm.journal,
            workload: self.workload(spec),
            batch_bytes: batch_bytes(&self.scenario.model, vm, self.grain),
            window_bytes: model.agent.window,
        };
        MachineSpec {
            name: String::new(),
            zone: Zone::AzureVnet.into(),
            speed_per_mille: SPEED,
            cores: count(model.guest.cores),
            disk_bytes: vm.journal.saturating_add(model.agent.files),
            disk_bytes_per_second: model.guest.disk_rate,
            clock_skew: i64::try_from(vm.clock_skew).unwrap_or(i64::MAX),
            on: false,
            components: vec![ComponentSpec::Agent(agent), ComponentSpec::Guest(guest)],
        }
    }
}

/// A batch without a mark is cut when so many bytes wait.
fn batch_bytes(model: &Model, vm: &Vm, grain: Grain) -> u64 {
    let most = match grain {
        // Sizes only: nothing of a batch is in memory, and a fleet has fewer of them.
        Grain::Aggregate => model.agent.aggregate_batch,
        Grain::Real | Grain::Extent => model.agent.batch,
    };
    most.min(vm.journal / 4)
}

/// A number of things as a world's specification has it; the model's ranges are far below its bound.
fn count(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// The fingerprint of a configuration server's passphrase.
pub(super) fn passphrase(scenario: &Scenario, configuration_server: usize) -> u64 {
    fingerprint(&format!("{} passphrase", scenario.servers[configuration_server].name))
}
