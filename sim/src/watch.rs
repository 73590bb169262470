//! What the scenario waits for: triggers, and the end of the run.
//!
//! The world shows it each fact as it is logged. A trigger fires once, when it first holds. Points are counted within a machine's current
//! protection: `points-stored` counts tags with a mark, `points-processed` counts processed points.

use std::collections::{BTreeMap, BTreeSet};

use actors::facts::{Fact, ItemState, Life, Place, StepOutcome};
use actors::messages::{Component, Trigger};
use actors::ports::MachineId;
use datapath::{SimTime, VmId};

use crate::spec::WorldSpec;

struct Waiting {
    number: u32,
    trigger: Trigger,
}

#[derive(Default)]
struct Points {
    stored: u64,
    processed: u64,
}

/// Watches the facts.
pub struct Watch {
    waiting: Vec<Waiting>,
    points: BTreeMap<VmId, Points>,
    places: BTreeMap<Life, Place>,
    /// The state that each machine is in.
    states: BTreeMap<VmId, ItemState>,
    /// Copies of machines whose workload answers.
    up: BTreeSet<(VmId, Life)>,
    /// All that have registered.
    registered: BTreeSet<(MachineId, String)>,
    ended: Vec<bool>,
    steps_left: u32,
    settle: u64,
    end: SimTime,
}

impl Watch {
    /// Watches for a world's triggers and steps.
    #[must_use]
    pub fn new(spec: &WorldSpec) -> Watch {
        let waiting = spec
            .triggers
            .iter()
            .enumerate()
            .filter(|(_, trigger)| !matches!(trigger, Trigger::At(_)));
        let waiting = waiting.map(|(number, trigger)| Waiting {
            number: number as u32,
            trigger: trigger.clone(),
        });
        Watch {
            waiting: waiting.collect(),
            points: BTreeMap::new(),
            places: BTreeMap::new(),
            states: BTreeMap::new(),
            up: BTreeSet::new(),
            registered: BTreeSet::new(),
            ended: vec![false; spec.steps as usize],
            steps_left: spec.steps,
            settle: spec.settle,
            end: SimTime::NEVER,
        }
    }

    /// When the run ends because all its steps are done; [`SimTime::NEVER`] while some are not, or where there are none.
    #[must_use]
    pub fn end(&self) -> SimTime {
        self.end
    }

    /// Sees a fact. Calls `fire` with the number of each trigger that holds now and did not before.
    pub fn see(&mut self, now: SimTime, fact: &Fact, mut fire: impl FnMut(u32)) {
        if !self.take(now, fact) {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|one| {
            let holds = self.holds(&one.trigger, fact);
            if holds {
                fire(one.number);
            }
            !holds
        });
        self.waiting = waiting;
    }

    /// Counts; false where the fact is of no interest to any trigger.
    fn take(&mut self, now: SimTime, fact: &Fact) -> bool {
        match fact {
            Fact::Step { step, outcome } if *outcome != StepOutcome::Started => {
                if let Some(ended) = self.ended.get_mut(*step as usize)
                    && !std::mem::replace(ended, true)
                {
                    self.steps_left -= 1;
                    if self.steps_left == 0 {
                        self.end = now.after(self.settle);
                    }
                }
                true
            }
            Fact::ProtectionStarted { vm, .. } => {
                self.points.insert(*vm, Points::default());
                false
            }
            Fact::TagStored { vm, mark: Some(_), .. } => {
                self.points.entry(*vm).or_default().stored += 1;
                true
            }
            Fact::PointProcessed { vm, .. } => {
                self.points.entry(*vm).or_default().processed += 1;
                true
            }
            Fact::LifeStarted { life, place, .. } => {
                self.places.insert(*life, *place);
                false
            }
            Fact::LifeEnded { vm, life, .. } => {
                self.up.remove(&(*vm, *life));
                false
            }
            Fact::Power { machine, on: false } => {
                self.up.retain(|(_, life)| life.machine != *machine);
                false
            }
            Fact::State { vm, state } => {
                self.states.insert(*vm, *state);
                true
            }
            Fact::WorkloadUp { vm, life } => {
                self.up.insert((*vm, *life));
                true
            }
            Fact::Registered { machine, component } => {
                self.registered.insert((*machine, component.clone()));
                true
            }
            _ => false,
        }
    }

    fn has_ended(&self, step: u32) -> bool {
        self.ended.get(step as usize).copied().unwrap_or(false)
    }

    /// Whether a trigger holds as things stand, whatever the newest fact is.
    fn stands(&self, trigger: &Trigger) -> bool {
        let points = |vm: &VmId| self.points.get(vm);
        match trigger {
            Trigger::At(_) => false,
            Trigger::Step(step) => self.has_ended(*step),
            Trigger::State(vm, state) => self.states.get(vm) == Some(state),
            Trigger::PointsStored(vm, count) => points(vm).is_some_and(|points| points.stored >= *count),
            Trigger::PointsProcessed(vm, count) => points(vm).is_some_and(|points| points.processed >= *count),
            Trigger::WorkloadUp(vm, place) => self
                .up
                .iter()
                .any(|(up, life)| up == vm && self.places.get(life) == Some(place)),
            Trigger::Registered(machine, component) => self
                .registered
                .contains(&(*machine, component_name(*component).to_owned())),
            Trigger::Since(step, trigger) => self.has_ended(*step) && self.stands(trigger),
        }
    }

    fn holds(&self, trigger: &Trigger, fact: &Fact) -> bool {
        match (trigger, fact) {
            (Trigger::Step(wanted), Fact::Step { step, outcome }) => wanted == step && *outcome != StepOutcome::Started,
            (Trigger::State(wanted, reached), Fact::State { vm, state }) => wanted == vm && reached == state,
            (Trigger::PointsStored(wanted, count), Fact::TagStored { vm, .. }) => {
                wanted == vm && self.points.get(vm).is_some_and(|points| points.stored >= *count)
            }
            (Trigger::PointsProcessed(wanted, count), Fact::PointProcessed { vm, .. }) => {
                wanted == vm && self.points.get(vm).is_some_and(|points| points.processed >= *count)
            }
            (Trigger::WorkloadUp(wanted, place), Fact::WorkloadUp { vm, life }) => {
                wanted == vm && self.places.get(life) == Some(place)
            }
            (
                Trigger::Registered(wanted, component),
                Fact::Registered {
                    machine,
                    component: name,
                },
            ) => wanted == machine && component_name(*component) == name,
            (Trigger::Since(..), _) => self.stands(trigger),
            _ => false,
        }
    }
}

/// A component's name as [`Fact::Registered`] has it.
fn component_name(component: Component) -> &'static str {
    match component {
        Component::MobilityService => "mobility-service",
        Component::ProcessServer => "process-server",
        Component::MasterTarget => "master-target",
        Component::ConfigurationServer => "configuration-server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(watch: &mut Watch, now: u64, fact: &Fact) -> Vec<u32> {
        let mut fired = Vec::new();
        watch.see(SimTime(now), fact, |number| fired.push(number));
        fired
    }

    fn done(step: u32) -> Fact {
        Fact::Step {
            step,
            outcome: StepOutcome::Done,
        }
    }

    #[test]
    fn a_trigger_fires_once_when_it_first_holds() {
        let mut spec = crate::testing::world();
        let vm = VmId(1);
        spec.triggers = vec![
            Trigger::Step(0),
            Trigger::At(SimTime(9)),
            Trigger::State(vm, ItemState::Protected),
            Trigger::WorkloadUp(vm, Place::Azure),
            Trigger::Registered(MachineId(4), Component::ProcessServer),
        ];
        spec.steps = 2;
        spec.settle = 100;
        let mut watch = Watch::new(&spec);
        let state = Fact::State {
            vm,
            state: ItemState::Protected,
        };
        assert_eq!(fired(&mut watch, 1, &state), [2]);
        assert!(fired(&mut watch, 2, &state).is_empty());
        assert_eq!(fired(&mut watch, 3, &done(0)), [0]);
        assert_eq!(watch.end(), SimTime::NEVER);
        let life = |machine| Life {
            machine: MachineId(machine),
            incarnation: 1,
        };
        for (machine, place) in [(7, Place::OnPremises), (8, Place::Azure)] {
            let started = Fact::LifeStarted {
                vm,
                life: life(machine),
                place,
                parent: None,
                seq: datapath::WriteSeq::START,
            };
            fired(&mut watch, 4, &started);
        }
        let up = |machine| Fact::WorkloadUp {
            vm,
            life: life(machine),
        };
        assert!(fired(&mut watch, 5, &up(7)).is_empty());
        assert_eq!(fired(&mut watch, 5, &up(8)), [3]);
        let registered = |machine| Fact::Registered {
            machine: MachineId(machine),
            component: "process-server".to_owned(),
        };
        assert!(fired(&mut watch, 6, &registered(3)).is_empty());
        assert_eq!(fired(&mut watch, 6, &registered(4)), [4]);
        fired(&mut watch, 7, &done(0));
        fired(&mut watch, 8, &done(1));
        assert_eq!(watch.end(), SimTime(108));
    }

    #[test]
    fn points_count_within_the_current_protection() {
        let mut spec = crate::testing::world();
        let vm = VmId(0);
        spec.triggers = vec![Trigger::PointsStored(vm, 2)];
        let mut watch = Watch::new(&spec);
        let mark = |point| {
            Some(datapath::replica::Mark {
                point,
                seq: datapath::WriteSeq(1),
                consistency: datapath::replica::Consistency::Crash,
                marked: SimTime(0),
                marked_source: SimTime(0),
            })
        };
        let stored = |mark| Fact::TagStored {
            vm,
            protection: 1,
            batch: 1,
            last: datapath::WriteSeq(1),
            mark,
        };
        let started = Fact::ProtectionStarted {
            vm,
            protection: 2,
            life: Life {
                machine: MachineId(0),
                incarnation: 1,
            },
            reverse: false,
        };
        assert!(fired(&mut watch, 1, &stored(mark(1))).is_empty());
        fired(&mut watch, 2, &started);
        assert!(fired(&mut watch, 3, &stored(mark(1))).is_empty());
        assert!(fired(&mut watch, 4, &stored(None)).is_empty());
        assert_eq!(fired(&mut watch, 5, &stored(mark(2))), [0]);
    }

    #[test]
    fn what_held_before_a_step_ended_counts_only_while_it_still_holds() {
        let mut spec = crate::testing::world();
        let vm = VmId(0);
        let since = |trigger| Trigger::Since(0, Box::new(trigger));
        spec.triggers = vec![
            since(Trigger::State(vm, ItemState::Protected)),
            since(Trigger::State(vm, ItemState::FailoverCommitted)),
        ];
        spec.steps = 1;
        let mut watch = Watch::new(&spec);
        let state = |state| Fact::State { vm, state };
        assert!(fired(&mut watch, 1, &state(ItemState::Protected)).is_empty());
        assert!(fired(&mut watch, 2, &state(ItemState::FailoverCommitted)).is_empty());
        assert_eq!(fired(&mut watch, 3, &done(0)), [1], "it is in that state");
        assert_eq!(
            fired(&mut watch, 4, &state(ItemState::Protected)),
            [0],
            "and then in this one"
        );
    }
}
