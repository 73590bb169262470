//! From a [`Scenario`] to the world that runs it ([`WorldSpec`]), and what the reports need beside it ([`Plan`]).
//!
//! Machines come in this order: the portal's, Azure's own, the product's servers, the protected machines where they run at the
//! start, the VMware VMs to which physical servers fail back, then the copies in Azure and those of test failovers. Those that do
//! not run at the start are there without power until something creates them.

mod calibrate;
mod classes;
mod faults;
pub(crate) mod machines;
mod objects;
mod spread;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::model::{Differs, Era};
use actors::nouns::{LinkKind, MachineId, Trigger};
use actors::ports::volume_name;
use actors::spec::{GroupSpec, PlanActionKind, PlanActionSpec, PlanGroupSpec, RecoveryPlanSpec, VmSpec};
use datapath::seal::VaultKey;
use datapath::{DiskId, Grain, SimTime, VmId};
use sim::spec::{LinkSpec, VolumeSpec, VolumeStart, WorldSpec};

use crate::diagnose::{Blame, ScenarioError};
use crate::model::{
    Expect, Expected, Goal, Output, PlanAction, PlanDoes, PlanGroup, RecoveryPlan, Scenario, Start, Zone,
};
use crate::read::Options;

use classes::Classes;

/// What a run is told beside its world: names, what is expected, what is to be written.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// Its description.
    pub description: String,
    /// The grain that the scenario or the command line asks for.
    pub grain: Grain,
    /// The world's steps, in the order of [`actors::facts::Fact::Step`].
    pub steps: Vec<PlannedStep>,
    /// What each of them waits for: numbers of `triggers`.
    pub waits: Vec<Vec<u32>>,
    /// The world's triggers.
    pub triggers: Vec<Trigger>,
    /// The policy's name.
    pub policy: String,
    /// The RPO at which the policy alerts, in nanoseconds.
    pub rpo_threshold: u64,
    /// What has to hold.
    pub expects: Vec<Expect>,
    /// Situations that are to be met.
    pub goals: Vec<Goal>,
    /// The kinds of the world's faults, by number.
    pub fault_kinds: Vec<&'static str>,
    /// Recovered disks to write.
    pub output: Output,
    /// zstd's level in the process servers.
    pub compression_level: i32,
    /// The era whose constants the run has.
    pub era: Era,
    /// And what it has otherwise.
    pub differs: Vec<Differs>,
    /// Names of the protected machines.
    pub vms: Vec<String>,
    /// Names of their disks.
    pub disks: Vec<Vec<String>>,
    /// Names of all machines.
    pub machines: Vec<String>,
}

impl Plan {
    /// `vm1.os`, as `--disk` and the reports have it.
    #[must_use]
    pub fn disk_name(&self, disk: DiskId) -> String {
        let vm = self.vms.get(disk.vm.0 as usize).map_or("?", String::as_str);
        let name = self
            .disks
            .get(disk.vm.0 as usize)
            .and_then(|disks| disks.get(usize::from(disk.index)))
            .map_or("?", String::as_str);
        format!("{vm}.{name}")
    }
}

/// A step of the world: a step of the scenario, for one machine where it is about machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStep {
    /// The step of the scenario, from 0.
    pub step: usize,
    /// What the scenario calls it, or what it does.
    pub name: String,
    /// The action's word.
    pub action: &'static str,
    /// What it acts upon beside its machine, or empty.
    pub object: String,
    /// The machine.
    pub vm: Option<VmId>,
    /// How it is to end.
    pub expected: Expected,
    /// Its line in the scenario file, from 1.
    pub line: u32,
}

/// A world and its plan.
pub struct Built {
    /// The world.
    pub world: WorldSpec,
    /// The plan.
    pub plan: Plan,
}

/// Where everything is, by number.
pub(crate) struct Places {
    pub(crate) portal: MachineId,
    pub(crate) service: MachineId,
    pub(crate) storage: MachineId,
    pub(crate) compute: MachineId,
    pub(crate) servers: Vec<MachineId>,
    pub(crate) sources: Vec<MachineId>,
    pub(crate) failbacks: Vec<MachineId>,
    pub(crate) azure: Vec<MachineId>,
    pub(crate) tests: Vec<MachineId>,
}

impl Places {
    fn of(scenario: &Scenario) -> Places {
        let mut next = 0_u32;
        let mut take = || {
            next += 1;
            MachineId(next - 1)
        };
        let (portal, service, storage, compute) = (take(), take(), take(), take());
        let servers = scenario.servers.iter().map(|_| take()).collect();
        let sources: Vec<MachineId> = scenario.vms.iter().map(|_| take()).collect();
        let failbacks = scenario
            .vms
            .iter()
            .zip(&sources)
            .map(|(vm, source)| if vm.physical { take() } else { *source })
            .collect();
        Places {
            portal,
            service,
            storage,
            compute,
            servers,
            sources,
            failbacks,
            azure: scenario.vms.iter().map(|_| take()).collect(),
            tests: scenario.vms.iter().map(|_| take()).collect(),
        }
    }
}

/// Builds the world of a scenario.
///
/// # Errors
/// Where an image cannot be read while its compressibility is measured (the machine's fault).
pub fn build(scenario: &Scenario, options: &Options) -> Result<Built, ScenarioError> {
    let places = Places::of(scenario);
    let grain = options.grain.unwrap_or(scenario.content);
    let classes = Classes::of(scenario);
    let calibration = if grain == Grain::Real {
        // Real content compresses to what it compresses to.
        Arc::default()
    } else {
        Arc::new(
            calibrate::measure(&classes.sources, scenario.compression_level)
                .map_err(|error| ScenarioError::plain(Blame::Machine, error.to_string()))?,
        )
    };
    let key = options.vault_key.map_or_else(VaultKey::public_test_key, VaultKey::new);
    let vms = vm_specs(scenario, &places);
    let plan_of_steps = steps::build(scenario, &places);
    let waits = plan_of_steps.specs.iter().map(|step| step.after.clone()).collect();
    let machines = machines::Machines {
        scenario,
        places: &places,
        classes: &classes,
        vms: &vms,
        grain,
        key,
        vault: identity(&scenario.name),
        calibration: Arc::clone(&calibration),
        steps: plan_of_steps.specs,
    }
    .build();
    let plan = Plan {
        scenario: scenario.name.clone(),
        description: scenario.description.clone(),
        grain,
        steps: plan_of_steps.planned,
        waits,
        triggers: plan_of_steps.triggers.clone(),
        policy: scenario.policy.name.clone(),
        rpo_threshold: scenario.policy.rpo_threshold,
        expects: scenario.expects.clone(),
        goals: scenario.goals.clone(),
        fault_kinds: scenario.faults.iter().map(|fault| fault.word).collect(),
        output: scenario.output.clone(),
        compression_level: scenario.compression_level,
        era: scenario.era,
        differs: scenario.model.differs(scenario.era),
        vms: scenario.vms.iter().map(|vm| vm.name.clone()).collect(),
        disks: scenario
            .vms
            .iter()
            .map(|vm| vm.disks.iter().map(|disk| disk.name.clone()).collect())
            .collect(),
        machines: machines.iter().map(|machine| machine.name.clone()).collect(),
    };
    let links = links(scenario);
    let groups = groups(scenario);
    let faulty = faults::World {
        scenario,
        places: &places,
        vms: &vms,
        machines: &machines,
        links: &links,
    };
    let faults = scenario.faults.iter().zip(plan_of_steps.faults);
    let faults = faults.map(|(fault, waits)| faulty.fault(fault, waits));
    let by_step = plan_of_steps.by_step.into_iter().map(|of| faulty.by_step(of));
    let faults = faults.chain(by_step).collect();
    let world = WorldSpec {
        zones: Zone::names(&scenario.sites),
        machines,
        links,
        volumes: volumes(scenario, &places, &classes),
        vms,
        groups,
        recovery_plans: recovery_plans(scenario),
        triggers: plan_of_steps.triggers,
        steps: u32::try_from(plan.steps.len()).unwrap_or(u32::MAX),
        until: SimTime(scenario.duration),
        settle: scenario.settle,
        calibration,
        model: Arc::new(scenario.model.clone()),
        faults,
    };
    Ok(Built { world, plan })
}

/// A number that stands for a name (FNV-1a): fingerprints of passphrases, the vault's identity. Nothing depends on its secrecy.
pub(crate) fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn identity(name: &str) -> [u8; 16] {
    let mut vault = [0; 16];
    vault[..8].copy_from_slice(&fingerprint(name).to_le_bytes());
    vault[8..].copy_from_slice(&fingerprint(&format!("{name} vault")).to_le_bytes());
    vault
}

fn vm_specs(scenario: &Scenario, places: &Places) -> Vec<Arc<VmSpec>> {
    (0_u32..)
        .zip(&scenario.vms)
        .map(|(number, vm)| {
            let index = number as usize;
            Arc::new(VmSpec {
                vm: VmId(number),
                name: vm.name.clone(),
                os: vm.os,
                physical: vm.physical,
                disks: (0_u16..)
                    .zip(vm.disks.iter())
                    .map(|(index, disk)| {
                        let id = DiskId {
                            vm: VmId(number),
                            index,
                        };
                        (id, disk.bytes)
                    })
                    .collect(),
                source: places.sources[index],
                failback: places.failbacks[index],
                azure: places.azure[index],
                test: places.tests[index],
                boot: vm.boot,
            })
        })
        .collect()
}

/// The machine at a place of the scenario.
fn vm_id(place: usize) -> VmId {
    VmId(u32::try_from(place).unwrap_or(u32::MAX))
}

/// The replication groups.
pub(crate) fn groups(scenario: &Scenario) -> Vec<GroupSpec> {
    (0..)
        .zip(&scenario.replication_groups)
        .map(|(number, group)| GroupSpec {
            group: number,
            name: group.name.clone(),
            members: group.vms.iter().copied().map(vm_id).collect(),
        })
        .collect()
}

/// The recovery plans.
pub(crate) fn recovery_plans(scenario: &Scenario) -> Vec<Arc<RecoveryPlanSpec>> {
    let action = |action: &PlanAction| {
        let (name, what) = match &action.what {
            PlanDoes::Script { name, takes, fails } => {
                let (takes, fails) = (*takes, *fails);
                (name.clone(), PlanActionKind::Script { takes, fails })
            }
            PlanDoes::Manual { name, takes } => (name.clone(), PlanActionKind::Manual { takes: *takes }),
            PlanDoes::Check { vm: of, within } => {
                let name = scenario.vms.get(*of).map_or("?", |vm| vm.name.as_str());
                let (vm, within) = (vm_id(*of), *within);
                (format!("check of {name}"), PlanActionKind::Check { vm, within })
            }
        };
        PlanActionSpec {
            name,
            what,
            in_test: action.in_test,
            in_failover: action.in_failover,
        }
    };
    let actions = |group: &PlanGroup, before: bool| {
        let own = group.actions.iter().filter(|action| action.before == before);
        own.map(action).collect()
    };
    let group = |group: &PlanGroup| PlanGroupSpec {
        members: group.vms.iter().copied().map(vm_id).collect(),
        before: actions(group, true),
        after: actions(group, false),
    };
    let plan = |plan: &RecoveryPlan| {
        Arc::new(RecoveryPlanSpec {
            name: plan.name.clone(),
            groups: plan.groups.iter().map(group).collect(),
        })
    };
    scenario.recovery_plans.iter().map(plan).collect()
}

fn volumes(scenario: &Scenario, places: &Places, classes: &Classes) -> Vec<VolumeSpec> {
    let mut volumes = Vec::new();
    for (number, vm) in (0_u32..).zip(&scenario.vms) {
        for (index, disk) in (0_u16..).zip(vm.disks.iter()) {
            let id = DiskId {
                vm: VmId(number),
                index,
            };
            volumes.push(VolumeSpec {
                name: volume_name(id, "source"),
                disk: id,
                bytes: disk.bytes,
                machine: places.sources[number as usize].0,
                start: match &disk.start {
                    Start::Image(image) => VolumeStart::Image(Arc::clone(&image.source)),
                    Start::Generated { used: 0, .. } => VolumeStart::Empty,
                    Start::Generated { used, compressibility } => VolumeStart::Generated {
                        used_bytes: *used,
                        random_bytes: compressibility.random_bytes(),
                    },
                },
                class: classes.disks[number as usize][usize::from(index)],
            });
        }
    }
    volumes
}

fn links(scenario: &Scenario) -> Vec<LinkSpec> {
    let mut links: Vec<LinkSpec> = scenario
        .links
        .iter()
        .map(|link| LinkSpec {
            name: link.name.clone(),
            kind: link.kind,
            joins: joins_of(&link.joins),
            bits_per_second: link.bits_per_second,
            latency: link.latency,
            loss_per_million: link.loss_per_million,
        })
        .collect();
    let model = &scenario.model;
    let own_lan = (model.lan.rate, model.lan.latency);
    let fabric = (model.azure.fabric_rate, model.azure.fabric_latency);
    let mut lan = |name: String, joins: Vec<(Zone, Zone)>, (bits_per_second, latency): (u64, u64)| {
        links.push(LinkSpec {
            name,
            kind: LinkKind::Lan,
            joins: joins_of(&joins),
            bits_per_second,
            latency,
            loss_per_million: 0,
        });
    };
    for (number, site) in (0_u32..).zip(&scenario.sites) {
        let zone = Zone::Site(number);
        let own = scenario.links.iter().any(|link| link.joins.contains(&(zone, zone)));
        if !own {
            lan(format!("{site}-lan"), vec![(zone, zone)], own_lan);
        }
    }
    lan(
        "azure-fabric".to_owned(),
        vec![
            (Zone::AzurePublic, Zone::AzurePublic),
            (Zone::AzureVnet, Zone::AzurePublic),
            (Zone::AzureVnet, Zone::AzureVnet),
            // Machines of a test failover reach each other, and nobody else.
            (Zone::AzureIsolated, Zone::AzureIsolated),
        ],
        fabric,
    );
    links
}

/// Pairs of zones, as the world numbers them.
fn joins_of(joins: &[(Zone, Zone)]) -> Vec<(sim::spec::Zone, sim::spec::Zone)> {
    joins.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect()
}

/// Kinds of link from the sites to Azure's public endpoints; only where there is none other, the VPN that cannot be used.
pub(crate) fn forward_links(scenario: &Scenario) -> Vec<LinkKind> {
    let mut kinds: BTreeMap<LinkKind, ()> = BTreeMap::new();
    for link in &scenario.links {
        if link.joins.iter().any(|(_, to)| *to == Zone::AzurePublic) {
            kinds.insert(link.kind, ());
        }
    }
    if kinds.is_empty() && scenario.links.iter().any(|link| link.kind == LinkKind::Vpn) {
        kinds.insert(LinkKind::Vpn, ());
    }
    kinds.into_keys().collect()
}
