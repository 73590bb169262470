//! The scenario's steps as the operator gets them: one for each machine, with the triggers that each waits for.
//!
//! A condition that is no step, no fault and no time counts from the moment at which the steps and the faults that the same `after` names
//! have ended; where it names none, the step before it in the file. So "vm1 is protected" after a failback means protected again.
//!
//! What a step waits for is of two kinds: the same for all its machines, or each machine's own (`vm = "each"`). The first is one trigger
//! that they share, so that a step of a thousand machines which waits for a thousand others costs two thousand, not a million.

use std::collections::BTreeMap;

use actors::nouns::{Component, Operation, PointChoice, Trigger};
use actors::ports::volume_name;
use actors::spec::{Action, StepSpec, SwitchedOn};
use datapath::{DiskId, SimTime, VmId};
use sim::faults::Until;

use super::machines::passphrase;
use super::objects::object;
use super::spread::Spread;
use super::{Places, PlannedStep, vm_id};
use crate::model::{Aside, Condition, Direction, Do, Ending, Expected, Fault, Happens, Scenario, Step, Which};

/// What comes out.
pub(super) struct Steps {
    pub(super) specs: Vec<StepSpec>,
    pub(super) planned: Vec<PlannedStep>,
    pub(super) triggers: Vec<Trigger>,
    /// What each fault waits for, to begin and to end.
    pub(super) faults: Vec<(Vec<u32>, Until)>,
    /// What steps have the world do, in their order.
    pub(super) by_step: Vec<ByStep>,
}

/// Something that happens to the world because of a step.
pub(super) struct ByStep {
    /// What the step is called.
    pub(super) name: String,
    /// What happens.
    pub(super) what: Happens,
    /// The end of the step.
    pub(super) after: u32,
    /// Ends of steps of which the first that comes then puts it right.
    pub(super) until: Vec<u32>,
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
        by_step: Vec::new(),
        restored: BTreeMap::new(),
    };
    for (number, step) in scenario.steps.iter().enumerate() {
        builder.step(number, step);
    }
    let faults = (0..).zip(&scenario.faults);
    let faults = faults.map(|(number, fault)| (builder.awaited(&fault.begin), builder.until(number, fault)));
    let faults = faults.collect();
    let Builder { by_step, restored, .. } = &mut builder;
    for cut in by_step {
        if let Happens::LinkCut { link, .. } = cut.what {
            cut.until = restored.get(&link).cloned().unwrap_or_default();
        }
    }
    Steps {
        faults,
        by_step: builder.by_step,
        specs: builder.specs,
        planned: builder.planned,
        triggers: builder.triggers,
    }
}

/// The world's steps that a step of the scenario became.
#[derive(Default)]
struct Parts {
    all: Vec<u32>,
    /// By machine of the scenario, where it is about machines.
    of: BTreeMap<usize, u32>,
    /// The trigger that stands for the end of all of them, once somebody waits for it.
    whole: Option<u32>,
}

/// What all machines of a step wait for, as one trigger each: steps that ended, and conditions.
struct Shared {
    ended: Option<u32>,
    conditions: Option<u32>,
}

struct Builder<'a> {
    scenario: &'a Scenario,
    places: &'a Places,
    specs: Vec<StepSpec>,
    planned: Vec<PlannedStep>,
    triggers: Vec<Trigger>,
    known: BTreeMap<Trigger, u32>,
    /// By step of the scenario.
    parts: Vec<Parts>,
    by_step: Vec<ByStep>,
    /// By link: the ends of the steps that restore it.
    restored: BTreeMap<usize, Vec<u32>>,
}

impl Builder<'_> {
    fn step(&mut self, number: usize, step: &Step) {
        let machines: Vec<Option<usize>> = if step.per_vm() {
            step.vms.iter().copied().map(Some).collect()
        } else {
            vec![None]
        };
        let shared = self.shared(number, step);
        let mut spread = Spread::default();
        let mut parts = Parts::default();
        for (place, vm) in (0_u64..).zip(&machines) {
            let after = self.after(number, step, &shared, *vm);
            let name = step.name.clone().unwrap_or_else(|| step.word.to_owned());
            let part = self.push(
                StepSpec {
                    after,
                    delay: step.wait.saturating_add(step.stagger.saturating_mul(place)),
                    action: self.action(step, *vm, &mut spread),
                    expect_refusal: step.expected.ending == Ending::Refused,
                },
                PlannedStep {
                    step: number,
                    name,
                    action: step.word,
                    object: object(self.scenario, step, *vm),
                    vm: vm.map(vm_id),
                    expected: step.expected.clone(),
                    line: step.line.0,
                },
            );
            self.by_step(part, step, *vm, machines.len() > 1);
            parts.all.push(part);
            parts.of.extend(vm.map(|vm| (vm, part)));
        }
        self.parts.push(parts);
    }

    /// What a step of the world has it do.
    fn by_step(&mut self, part: u32, step: &Step, vm: Option<usize>, several: bool) {
        let what = match step.what {
            Do::Link { link, up: true } => {
                let after = self.trigger(Trigger::Step(part));
                return self.restored.entry(link).or_default().push(after);
            }
            Do::Link { link, up: false } => Happens::LinkCut {
                link,
                direction: Direction::Both,
            },
            Do::TamperSegment { disk, segment, byte } => Happens::SegmentTampered {
                vm: vm.unwrap_or(0),
                disk,
                segment,
                byte,
            },
            _ => return,
        };
        let name = step.name.clone().unwrap_or_else(|| step.word.to_owned());
        let name = match vm.filter(|_| several) {
            Some(vm) => format!("{name} of {}", self.scenario.vms[vm].name),
            None => name,
        };
        let after = self.trigger(Trigger::Step(part));
        self.by_step.push(ByStep {
            name,
            what,
            after,
            until: Vec::new(),
        });
    }

    /// What a fault waits for, as a step without machines of its own would that has none before it.
    fn awaited(&mut self, conditions: &[Condition]) -> Vec<u32> {
        let step = Step {
            name: None,
            word: "fault",
            what: Do::Note(String::new()),
            vms: Vec::new(),
            recovery_plan: None,
            begin: conditions.to_vec(),
            wait: 0,
            stagger: 0,
            expected: Expected::default(),
            line: Aside(0),
        };
        let shared = self.shared(0, &step);
        self.after(0, &step, &shared, None)
    }

    /// What the end of a fault waits for: conditions about machines count from its beginning, unless they are told where from.
    fn until(&mut self, number: usize, fault: &Fault) -> Until {
        if fault.until.is_empty() {
            return Until::Begun;
        }
        let mut conditions = fault.until.clone();
        if !conditions.iter().any(Condition::is_named) {
            conditions.push(Condition::FaultBegan(number));
        }
        Until::All(self.awaited(&conditions))
    }

    /// The end of a fault, or its beginning where it has none.
    fn fault(&mut self, number: usize) -> u32 {
        let fault = u32::try_from(number).unwrap_or(u32::MAX);
        let ends = self.scenario.faults.get(number).is_some_and(Fault::ends);
        self.trigger(match ends {
            true => Trigger::FaultEnded(fault),
            false => Trigger::FaultBegan(fault),
        })
    }

    fn push(&mut self, spec: StepSpec, planned: PlannedStep) -> u32 {
        self.specs.push(spec);
        self.planned.push(planned);
        u32::try_from(self.specs.len() - 1).unwrap_or(u32::MAX)
    }

    fn trigger(&mut self, trigger: Trigger) -> u32 {
        if let Some(number) = self.known.get(&trigger) {
            return *number;
        }
        let number = u32::try_from(self.triggers.len()).unwrap_or(u32::MAX);
        self.triggers.push(trigger.clone());
        self.known.insert(trigger, number);
        number
    }

    /// One trigger for all of these; none for none.
    fn all(&mut self, mut triggers: Vec<u32>) -> Option<u32> {
        triggers.sort_unstable();
        triggers.dedup();
        match triggers.as_slice() {
            [] => None,
            [only] => Some(*only),
            _ => Some(self.trigger(Trigger::All(triggers))),
        }
    }

    /// The ends of these steps of the world.
    fn ended(&mut self, steps: impl IntoIterator<Item = u32>) -> Option<u32> {
        let ended = steps
            .into_iter()
            .map(|step| self.trigger(Trigger::Step(step)))
            .collect();
        self.all(ended)
    }

    /// The end of a step as a whole, or of its part for one machine where it has one.
    fn end(&mut self, step: usize, vm: Option<usize>) -> Option<u32> {
        if let Some(own) = vm.and_then(|vm| self.parts[step].of.get(&vm).copied()) {
            return Some(self.trigger(Trigger::Step(own)));
        }
        if self.parts[step].whole.is_none() {
            let all = self.parts[step].all.clone();
            self.parts[step].whole = self.ended(all);
        }
        self.parts[step].whole
    }

    /// The end of a step for all of these machines.
    fn end_for(&mut self, step: usize, vms: &[usize]) -> Option<u32> {
        let own = vms.iter().map_while(|vm| self.parts[step].of.get(vm).copied());
        let own: Vec<u32> = own.collect();
        if own.is_empty() || own.len() < vms.len() {
            return self.end(step, None);
        }
        self.ended(own)
    }

    /// What all machines of a step wait for.
    fn shared(&mut self, number: usize, step: &Step) -> Shared {
        let (mut ends, mut own) = (Vec::new(), Vec::new());
        for condition in &step.begin {
            match condition {
                Condition::Step(before, _) if is_own(step, condition) => own.push(*before),
                Condition::Step(before, Which::These(vms)) => ends.extend(self.end_for(*before, vms)),
                Condition::FaultEnded(fault) => ends.push(self.fault(*fault)),
                Condition::FaultBegan(fault) => {
                    let fault = u32::try_from(*fault).unwrap_or(u32::MAX);
                    ends.push(self.trigger(Trigger::FaultBegan(fault)));
                }
                _ => {}
            }
        }
        let ended = self.all(ends);
        let mut conditions = Vec::new();
        for condition in step.begin.iter().filter(|condition| !is_own(step, condition)) {
            for (about, trigger) in self.conditions(condition, None) {
                let mut ends: Vec<u32> = ended.into_iter().collect();
                for before in &own {
                    ends.extend(self.end(*before, about));
                }
                conditions.push(self.since(ends, number, about, trigger));
            }
        }
        Shared {
            ended,
            conditions: self.all(conditions),
        }
    }

    /// A condition about a machine, once those ends have come; where there are none, the end of the step before.
    fn since(&mut self, ends: Vec<u32>, number: usize, about: Option<usize>, trigger: Trigger) -> u32 {
        // A registration counts whenever it was.
        let since = match about {
            None => None,
            Some(_) => match self.all(ends) {
                None if number > 0 => self.end(number - 1, about),
                ends => ends,
            },
        };
        self.trigger(match since {
            Some(since) => Trigger::Since(since, Box::new(trigger)),
            None => trigger,
        })
    }

    /// What a step waits for, for one machine or as a whole.
    fn after(&mut self, number: usize, step: &Step, shared: &Shared, vm: Option<usize>) -> Vec<u32> {
        let mut after: Vec<u32> = shared.conditions.into_iter().collect();
        let mut ends: Vec<u32> = shared.ended.into_iter().collect();
        let mut counts = shared.conditions.is_some();
        for condition in &step.begin {
            match condition {
                Condition::At(at) => after.push(self.trigger(Trigger::At(SimTime(*at)))),
                Condition::Step(before, _) if is_own(step, condition) => ends.extend(self.end(*before, vm)),
                _ => {}
            }
        }
        for condition in step.begin.iter().filter(|condition| is_own(step, condition)) {
            for (about, trigger) in self.conditions(condition, vm) {
                counts = true;
                after.push(self.since(ends.clone(), number, about, trigger));
            }
        }
        if counts && ends.is_empty() && number > 0 {
            ends.extend(self.end(number - 1, vm));
        }
        after.extend(ends);
        after.sort_unstable();
        after.dedup();
        after
    }

    /// What a condition about machines or servers waits for, and the machine whose doings it counts, if there is one.
    fn conditions(&self, condition: &Condition, vm: Option<usize>) -> Vec<(Option<usize>, Trigger)> {
        let all = |which: &Which, trigger: &dyn Fn(VmId) -> Trigger| -> Vec<(Option<usize>, Trigger)> {
            let vms = match (which, vm) {
                (Which::These(vms), _) => vms.clone(),
                (Which::Each, Some(vm)) => vec![vm],
                (Which::Each, None) => (0..self.scenario.vms.len()).collect(),
            };
            vms.into_iter().map(|vm| (Some(vm), trigger(vm_id(vm)))).collect()
        };
        match condition {
            Condition::At(_) | Condition::Step(..) | Condition::FaultEnded(_) | Condition::FaultBegan(_) => Vec::new(),
            Condition::State(which, state) => all(which, &|vm| Trigger::State(vm, *state)),
            Condition::PointsStored(which, count) => all(which, &|vm| Trigger::PointsStored(vm, *count)),
            Condition::PointsProcessed(which, count) => all(which, &|vm| Trigger::PointsProcessed(vm, *count)),
            Condition::WorkloadUp(which, place) => all(which, &|vm| Trigger::WorkloadUp(vm, *place)),
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
                .map(|(_, component)| (None, Trigger::Registered(machine, component)))
                .collect()
            }
            Condition::AgentRegistered(vm) => {
                let registered = Trigger::Registered(self.places.sources[*vm], Component::MobilityService);
                vec![(None, registered)]
            }
        }
    }

    fn action(&self, step: &Step, vm: Option<usize>, spread: &mut Spread) -> Action {
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
            Do::TestFailover(point) if step.recovery_plan.is_some() => run_plan(step, true, *point, false),
            Do::Failover { point, shutdown } if step.recovery_plan.is_some() => {
                run_plan(step, false, *point, *shutdown)
            }
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
                process_servers,
                master_targets,
            } => Operation::Reprotect {
                vm: id,
                process_server: own_process_server(&spread.take(self.scenario, of_vm(), process_servers)),
                master_target: spread.take(self.scenario, of_vm(), master_targets).map(server),
            },
            Do::Failback { point, to_physical } => Operation::Failback {
                vm: id,
                point: *point,
                to_physical: *to_physical,
            },
            Do::DisableReplication => Operation::DisableReplication { vm: id },
            Do::Power { on, servers, vms } => {
                let servers = servers.iter().map(|index| {
                    let name = self.scenario.servers[*index].name.clone();
                    (server(*index), name, Vec::new())
                });
                let vms = vms.iter().map(|vm| {
                    let (id, spec) = (vm_id(*vm), &self.scenario.vms[*vm]);
                    let disks = (0..).zip(spec.disks.iter());
                    let volumes = disks.map(|(index, _)| volume_name(DiskId { vm: id, index }, "source"));
                    (self.places.sources[*vm], spec.name.clone(), volumes.collect())
                });
                let machines = servers.chain(vms);
                return if *on {
                    let switched = machines.map(|(machine, name, volumes)| SwitchedOn { machine, name, volumes });
                    Action::PowerOn(switched.collect())
                } else {
                    Action::PowerOff(machines.map(|(machine, ..)| machine).collect())
                };
            }
            // The world does it when the step has ended.
            Do::Link { .. } | Do::TamperSegment { .. } => return Action::Note(step.word.to_owned()),
            Do::Note(text) => return Action::Note(text.clone()),
        })
    }
}

fn run_plan(step: &Step, test: bool, point: PointChoice, shutdown: bool) -> Operation {
    let plan = step.recovery_plan.and_then(|plan| u32::try_from(plan).ok());
    Operation::RunRecoveryPlan {
        plan: plan.unwrap_or(u32::MAX),
        test,
        point,
        shutdown,
    }
}

/// Whether a condition of a step is about each of its machines for itself. What waits for a step and is about no machine of its own waits
/// for all of it, and its conditions about a machine count from the end of that machine's part.
fn is_own(step: &Step, condition: &Condition) -> bool {
    if let Condition::Step(_, Which::Each) = condition {
        return true;
    }
    step.per_vm()
        && matches!(
            condition,
            Condition::State(Which::Each, _)
                | Condition::PointsStored(Which::Each, _)
                | Condition::PointsProcessed(Which::Each, _)
                | Condition::WorkloadUp(Which::Each, _)
        )
}
