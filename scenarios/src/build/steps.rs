//! The scenario's steps as the operator gets them: one for each machine, with the triggers that each waits for.
//!
//! A condition that is no step and no time counts from the moment at which the steps that the same `after` names have ended; where it
//! names none, the step before it in the file. So "vm1 is protected" after a failback means protected again.

use std::collections::BTreeMap;

use actors::messages::{Component, Operation, Trigger};
use actors::ports::MachineId;
use actors::spec::{Action, StepSpec};
use datapath::{DiskId, SimTime, VmId};

use super::machines::passphrase;
use super::objects::object;
use super::{Places, PlannedStep};
use crate::model::{Condition, Do, Ending, Expected, Scenario, Step, Which};

/// More waiting than this between two steps is joined in one place.
const JOIN_ABOVE: usize = 4_096;

/// What comes out.
pub(super) struct Steps {
    pub(super) specs: Vec<StepSpec>,
    pub(super) planned: Vec<PlannedStep>,
    pub(super) triggers: Vec<Trigger>,
}

pub(super) fn build(scenario: &Scenario, places: &Places) -> Steps {
    let mut builder = Builder {
        scenario,
        places,
        specs: Vec::new(),
        planned: Vec::new(),
        triggers: Vec::new(),
        known: BTreeMap::new(),
        parts: Vec::new(),
        joins: BTreeMap::new(),
    };
    for (number, step) in scenario.steps.iter().enumerate() {
        builder.step(number, step);
    }
    Steps {
        specs: builder.specs,
        planned: builder.planned,
        triggers: builder.triggers,
    }
}

/// A part of a scenario's step: the machine, and the step of the world.
type Part = (Option<usize>, u32);

struct Builder<'a> {
    scenario: &'a Scenario,
    places: &'a Places,
    specs: Vec<StepSpec>,
    planned: Vec<PlannedStep>,
    triggers: Vec<Trigger>,
    known: BTreeMap<String, u32>,
    /// By step of the scenario.
    parts: Vec<Vec<Part>>,
    /// Joins of a step's parts, by step of the scenario.
    joins: BTreeMap<usize, u32>,
}

impl Builder<'_> {
    fn step(&mut self, number: usize, step: &Step) {
        let machines: Vec<Option<usize>> = if step.what.per_vm() {
            step.vms.iter().copied().map(Some).collect()
        } else {
            vec![None]
        };
        self.join_before(step, machines.len());
        let mut parts = Vec::new();
        for (place, vm) in (0_u64..).zip(&machines) {
            let after = self.after(number, step, *vm);
            let name = step.name.clone().unwrap_or_else(|| step.word.to_owned());
            let part = self.push(
                StepSpec {
                    after,
                    delay: step.wait.saturating_add(step.stagger.saturating_mul(place)),
                    action: self.action(step, *vm),
                    expect_refusal: step.expected.ending == Ending::Refused,
                },
                PlannedStep {
                    step: number,
                    name,
                    action: step.word,
                    object: object(self.scenario, &step.what, *vm),
                    vm: vm.map(vm_id),
                    expected: step.expected.clone(),
                    line: step.line,
                },
            );
            parts.push((*vm, part));
        }
        self.parts.push(parts);
    }

    fn push(&mut self, spec: StepSpec, planned: PlannedStep) -> u32 {
        self.specs.push(spec);
        self.planned.push(planned);
        u32::try_from(self.specs.len() - 1).unwrap_or(u32::MAX)
    }

    /// Where many parts would wait for many others, one step in between waits for all of them.
    fn join_before(&mut self, step: &Step, waiting: usize) {
        for condition in &step.begin {
            let Condition::Step(before, Which::These(_)) = condition else {
                continue;
            };
            let parts = self.parts[*before].len();
            if parts * waiting <= JOIN_ABOVE || self.joins.contains_key(before) {
                continue;
            }
            let after = self.parts[*before].clone();
            let after = after
                .into_iter()
                .map(|(_, part)| self.trigger(Trigger::Step(part)))
                .collect();
            let earlier = &self.scenario.steps[*before];
            let name = earlier.name.clone().unwrap_or_else(|| earlier.word.to_owned());
            let join = self.push(
                StepSpec {
                    after,
                    delay: 0,
                    action: Action::Note(format!("{name}: all done")),
                    expect_refusal: false,
                },
                PlannedStep {
                    step: *before,
                    name: format!("{name}: all done"),
                    action: "note",
                    object: String::new(),
                    vm: None,
                    expected: Expected::default(),
                    line: 0,
                },
            );
            self.joins.insert(*before, join);
        }
    }

    fn trigger(&mut self, trigger: Trigger) -> (u32, Trigger) {
        let key = format!("{trigger:?}");
        let next = u32::try_from(self.triggers.len()).unwrap_or(u32::MAX);
        let number = *self.known.entry(key).or_insert(next);
        if number == next {
            self.triggers.push(trigger.clone());
        }
        (number, trigger)
    }

    /// The world's steps that stand for the end of a step, for one machine or as a whole.
    fn ends(&self, step: usize, vm: Option<usize>) -> Vec<u32> {
        if let Some(vm) = vm {
            let own: Vec<u32> = self.parts[step]
                .iter()
                .filter(|(of, _)| *of == Some(vm))
                .map(|(_, part)| *part)
                .collect();
            if !own.is_empty() {
                return own;
            }
        }
        match self.joins.get(&step) {
            Some(join) => vec![*join],
            None => self.parts[step].iter().map(|(_, part)| *part).collect(),
        }
    }

    fn after(&mut self, number: usize, step: &Step, vm: Option<usize>) -> Vec<(u32, Trigger)> {
        let mut wanted = Vec::new();
        let mut anchors = Vec::new();
        let own = |which: &Which| match which {
            Which::Each => vm,
            Which::These(_) => None,
        };
        for condition in &step.begin {
            match condition {
                Condition::Step(before, which) => {
                    for part in self.step_ends(*before, which, own(which)) {
                        anchors.push(part);
                        wanted.push(Trigger::Step(part));
                    }
                }
                Condition::At(at) => wanted.push(Trigger::At(SimTime(*at))),
                _ => {}
            }
        }
        let has_condition = step
            .begin
            .iter()
            .any(|condition| !matches!(condition, Condition::Step(..) | Condition::At(_)));
        if has_condition && anchors.is_empty() && number > 0 {
            anchors = self.ends(number - 1, vm);
            wanted.extend(anchors.iter().map(|part| Trigger::Step(*part)));
        }
        // All anchors are waited for; a condition counts from the last of them in the file.
        let anchor = anchors.last().copied();
        for condition in &step.begin {
            for trigger in self.conditions(condition, vm) {
                wanted.push(match anchor {
                    Some(anchor) => Trigger::Since(anchor, Box::new(trigger)),
                    None => trigger,
                });
            }
        }
        let mut after: Vec<(u32, Trigger)> = wanted.into_iter().map(|trigger| self.trigger(trigger)).collect();
        after.sort_by_key(|(number, _)| *number);
        after.dedup_by_key(|(number, _)| *number);
        after
    }

    fn step_ends(&self, before: usize, which: &Which, vm: Option<usize>) -> Vec<u32> {
        match which {
            Which::These(vms) if !vms.is_empty() => vms.iter().flat_map(|vm| self.ends(before, Some(*vm))).collect(),
            _ => self.ends(before, vm),
        }
    }

    /// What a condition about machines or servers waits for.
    fn conditions(&self, condition: &Condition, vm: Option<usize>) -> Vec<Trigger> {
        let all = |which: &Which| -> Vec<VmId> {
            match which {
                Which::These(vms) => vms.iter().copied().map(vm_id).collect(),
                Which::Each => match vm {
                    Some(vm) => vec![vm_id(vm)],
                    None => (0..self.scenario.vms.len()).map(vm_id).collect(),
                },
            }
        };
        match condition {
            Condition::At(_) | Condition::Step(..) => Vec::new(),
            Condition::State(which, state) => all(which).into_iter().map(|vm| Trigger::State(vm, *state)).collect(),
            Condition::PointsStored(which, count) => all(which)
                .into_iter()
                .map(|vm| Trigger::PointsStored(vm, *count))
                .collect(),
            Condition::PointsProcessed(which, count) => all(which)
                .into_iter()
                .map(|vm| Trigger::PointsProcessed(vm, *count))
                .collect(),
            Condition::WorkloadUp(which, place) => all(which)
                .into_iter()
                .map(|vm| Trigger::WorkloadUp(vm, *place))
                .collect(),
            Condition::ServerRegistered(server) => {
                let roles = self.scenario.servers[*server].roles;
                let machine = self.places.servers[*server];
                [
                    (roles.configuration_server, Component::ConfigurationServer),
                    (roles.process_server, Component::ProcessServer),
                    (roles.master_target, Component::MasterTarget),
                ]
                .into_iter()
                .filter(|(is, _)| *is)
                .map(|(_, component)| Trigger::Registered(machine, component))
                .collect()
            }
            Condition::AgentRegistered(vm) => {
                vec![Trigger::Registered(
                    self.places.sources[*vm],
                    Component::MobilityService,
                )]
            }
        }
    }

    fn action(&self, step: &Step, vm: Option<usize>) -> Action {
        let server = |index: usize| self.places.servers[index];
        let of_vm = || &self.scenario.vms[vm.unwrap_or(0)];
        let own_process_server = |named: &Option<usize>| server(named.unwrap_or_else(|| of_vm().process_server));
        let id = vm_id(vm.unwrap_or(0));
        Action::Ask(match &step.what {
            Do::CreateVault => Operation::CreateVault,
            Do::RegisterConfigurationServer(index) => return Action::RegisterConfigurationServer(server(*index)),
            Do::AddVcenter {
                configuration_server,
                vcenter,
            } => Operation::AddVcenter {
                configuration_server: server(*configuration_server),
                vcenter: server(*vcenter),
            },
            Do::PushInstall { process_server } => Operation::PushInstall {
                vm: id,
                process_server: own_process_server(process_server),
            },
            Do::InstallByHand => {
                return Action::InstallByHand {
                    machine: self.places.sources[vm.unwrap_or(0)],
                    configuration_server: server(of_vm().configuration_server),
                    passphrase: passphrase(self.scenario, of_vm().configuration_server),
                };
            }
            Do::CreatePolicy => Operation::CreatePolicy(self.scenario.policy.clone()),
            Do::EnableReplication { process_server, over } => Operation::EnableReplication {
                vm: id,
                policy: self.scenario.policy.name.clone(),
                process_server: own_process_server(process_server),
                over: *over,
            },
            Do::TestFailover(point) => Operation::TestFailover { vm: id, point: *point },
            Do::CleanupTestFailover => Operation::CleanupTestFailover { vm: id },
            Do::Failover { point, shutdown } => Operation::Failover {
                vm: id,
                point: *point,
                shutdown: *shutdown,
            },
            Do::PlannedFailover => Operation::PlannedFailover { vm: id },
            Do::Commit => Operation::Commit { vm: id },
            Do::Move(index) => Operation::MoveToProcessServer {
                vm: id,
                process_server: server(*index),
            },
            Do::AddProcessServer(index) => Operation::AddProcessServer {
                machine: server(*index),
            },
            Do::RemoveProcessServer(index) => Operation::RemoveProcessServer {
                machine: server(*index),
            },
            Do::Reprotect {
                process_server,
                master_target,
            } => Operation::Reprotect {
                vm: id,
                process_server: own_process_server(process_server),
                master_target: master_target.map(server),
            },
            Do::Failback { point, to_physical } => Operation::Failback {
                vm: id,
                point: *point,
                to_physical: *to_physical,
            },
            Do::DisableReplication => Operation::DisableReplication { vm: id },
            Do::Power { on, servers, vms } => {
                let mut machines: Vec<MachineId> = servers.iter().map(|index| server(*index)).collect();
                machines.extend(vms.iter().map(|vm| self.places.sources[*vm]));
                return if *on {
                    Action::PowerOn(machines)
                } else {
                    Action::PowerOff(machines)
                };
            }
            Do::Link { link, up } => {
                return Action::Link {
                    link: u32::try_from(*link).unwrap_or(u32::MAX),
                    up: *up,
                };
            }
            Do::TamperSegment { disk, segment, byte } => {
                return Action::TamperSegment {
                    disk: DiskId { vm: id, index: *disk },
                    index: *segment,
                    byte: *byte,
                };
            }
            Do::Note(text) => return Action::Note(text.clone()),
        })
    }
}

fn vm_id(index: usize) -> VmId {
    VmId(u32::try_from(index).unwrap_or(u32::MAX))
}
