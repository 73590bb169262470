//! What the scenario waits for: triggers, and the end of the run.
//!
//! The world shows it each fact as it is logged. A trigger fires once, when it first holds; one with a time is the world's to fire. Each
//! waits under what it looks at (a machine's state, its points, a step, a fault), so that a fact costs only what is about the same thing, and
//! what many wait for in common is counted in one place ([`Trigger::All`]). Points are counted within a machine's current protection:
//! `points-stored` counts tags with a mark, `points-processed` counts processed points.

use std::collections::{BTreeMap, BTreeSet};

use actors::Table;
use actors::facts::{Fact, StepOutcome};
use actors::nouns::{ItemState, Life, MachineId, Place, Trigger};
use datapath::{SimTime, VmId};

use crate::spec::WorldSpec;

/// What a trigger looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    Step(u32),
    State(VmId),
    PointsStored(VmId),
    PointsProcessed(VmId),
    WorkloadUp(VmId),
    Registered(MachineId),
    FaultBegan(u32),
    FaultEnded(u32),
}

#[derive(Default)]
struct Points {
    protection: u32,
    stored: u64,
    /// The newest that is stored.
    newest: u64,
    processed: u64,
}

/// Watches the facts.
pub struct Watch {
    triggers: Vec<Trigger>,
    /// Those that may hold by a fact about it, in the order in which they began to wait.
    waiting: Table<Subject, Vec<u32>>,
    /// By trigger: those that wait for it to hold.
    followers: Vec<Vec<u32>>,
    /// By trigger: how many others it still waits for.
    left: Vec<usize>,
    points: Table<VmId, Points>,
    /// The newest life on each machine.
    lives: BTreeMap<MachineId, (VmId, Life, Place)>,
    /// The state that each machine is in.
    states: Table<VmId, ItemState>,
    /// Copies of machines whose workload answers.
    up: Table<VmId, Vec<(Life, Place)>>,
    /// All that have registered.
    registered: BTreeSet<(MachineId, String)>,
    /// Faults that have begun, and those that have ended.
    faults: (BTreeSet<u32>, BTreeSet<u32>),
    ended: Vec<bool>,
    steps_left: u32,
    settle: u64,
    end: SimTime,
}

impl Watch {
    /// Watches for a world's triggers and steps.
    #[must_use]
    pub fn new(spec: &WorldSpec) -> Watch {
        let mut waiting: Table<Subject, Vec<u32>> = Table::default();
        let mut followers = vec![Vec::new(); spec.triggers.len()];
        let mut left = vec![0; spec.triggers.len()];
        for (number, trigger) in (0_u32..).zip(&spec.triggers) {
            match trigger {
                Trigger::At(_) => {}
                Trigger::Since(first, _) => followers[*first as usize].push(number),
                Trigger::All(all) => {
                    left[number as usize] = all.len();
                    all.iter().for_each(|one| followers[*one as usize].push(number));
                }
                plain => waiting.entry(subject(plain)).or_default().push(number),
            }
        }
        Watch {
            triggers: spec.triggers.clone(),
            waiting,
            followers,
            left,
            points: Table::default(),
            lives: BTreeMap::new(),
            states: Table::default(),
            up: Table::default(),
            registered: BTreeSet::new(),
            faults: (BTreeSet::new(), BTreeSet::new()),
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
        let Some(subject) = self.take(now, fact) else {
            return;
        };
        let Some(waiting) = self.waiting.get_mut(&subject).filter(|waiting| !waiting.is_empty()) else {
            return;
        };
        let waiting = std::mem::take(waiting);
        let (holding, waiting): (Vec<u32>, Vec<u32>) = waiting
            .into_iter()
            .partition(|number| self.stands(&self.triggers[*number as usize]));
        self.waiting.insert(subject, waiting);
        for number in holding {
            self.held(number, &mut fire);
        }
    }

    /// A trigger holds, and with it perhaps those that wait for it.
    fn held(&mut self, number: u32, fire: &mut impl FnMut(u32)) {
        fire(number);
        for follower in std::mem::take(&mut self.followers[number as usize]) {
            match &self.triggers[follower as usize] {
                Trigger::All(_) => {
                    self.left[follower as usize] -= 1;
                    if self.left[follower as usize] == 0 {
                        self.held(follower, fire);
                    }
                }
                Trigger::Since(_, trigger) if !self.stands(trigger) => {
                    let subject = subject(trigger);
                    self.waiting.entry(subject).or_default().push(follower);
                }
                _ => self.held(follower, fire),
            }
        }
    }

    /// Counts, and says what the fact is about; none where it is of no interest to any trigger.
    fn take(&mut self, now: SimTime, fact: &Fact) -> Option<Subject> {
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
                Some(Subject::Step(*step))
            }
            Fact::ProtectionStarted { vm, protection, .. } => {
                let protection = *protection;
                let none = Points {
                    protection,
                    ..Points::default()
                };
                self.points.insert(*vm, none);
                None
            }
            Fact::TagStored {
                vm,
                protection,
                mark: Some(mark),
                ..
            }
            | Fact::TagFound {
                vm,
                protection,
                mark: Some(mark),
                ..
            } => {
                let points = self.points.entry(*vm).or_default();
                // One that is found again is mostly known, or of a protection that is over.
                if matches!(fact, Fact::TagFound { .. }) && points.protection != *protection {
                    return None;
                }
                points.stored += u64::from(points.newest < mark.point);
                points.newest = points.newest.max(mark.point);
                Some(Subject::PointsStored(*vm))
            }
            Fact::PointProcessed { vm, .. } => {
                self.points.entry(*vm).or_default().processed += 1;
                Some(Subject::PointsProcessed(*vm))
            }
            Fact::LifeStarted { vm, life, place, .. } => {
                self.lives.insert(life.machine, (*vm, *life, *place));
                None
            }
            Fact::LifeEnded { vm, life, .. } => {
                self.down(*vm, *life);
                None
            }
            Fact::Power { machine, on: false } => {
                if let Some((vm, life, _)) = self.lives.get(machine).copied() {
                    self.down(vm, life);
                }
                None
            }
            Fact::State { vm, state } => {
                self.states.insert(*vm, *state);
                Some(Subject::State(*vm))
            }
            Fact::WorkloadUp { vm, life } => {
                let place = self.lives.get(&life.machine).filter(|(_, newest, _)| newest == life);
                if let Some((_, _, place)) = place {
                    self.up.entry(*vm).or_default().push((*life, *place));
                }
                Some(Subject::WorkloadUp(*vm))
            }
            Fact::Registered { machine, component } => {
                self.registered.insert((*machine, component.clone()));
                Some(Subject::Registered(*machine))
            }
            Fact::FaultBegan { fault } => {
                self.faults.0.insert(*fault);
                Some(Subject::FaultBegan(*fault))
            }
            Fact::FaultEnded { fault, .. } => {
                self.faults.1.insert(*fault);
                Some(Subject::FaultEnded(*fault))
            }
            _ => None,
        }
    }

    fn down(&mut self, vm: VmId, life: Life) {
        if let Some(up) = self.up.get_mut(&vm) {
            up.retain(|(other, _)| *other != life);
        }
    }

    /// Whether a trigger that is no other's holds as things stand.
    fn stands(&self, trigger: &Trigger) -> bool {
        let points = |vm: &VmId| self.points.get(vm);
        match trigger {
            Trigger::Step(step) => self.ended.get(*step as usize).copied().unwrap_or(false),
            Trigger::State(vm, state) => self.states.get(vm) == Some(state),
            Trigger::PointsStored(vm, count) => points(vm).is_some_and(|points| points.stored >= *count),
            Trigger::PointsProcessed(vm, count) => points(vm).is_some_and(|points| points.processed >= *count),
            Trigger::WorkloadUp(vm, place) => {
                let mut up = self.up.get(vm).into_iter().flatten();
                up.any(|(_, at)| at == place)
            }
            Trigger::Registered(machine, component) => {
                self.registered.contains(&(*machine, component.name().to_owned()))
            }
            Trigger::FaultBegan(fault) => self.faults.0.contains(fault),
            Trigger::FaultEnded(fault) => self.faults.1.contains(fault),
            // What it waited for has held, or it would not be asked.
            Trigger::Since(_, trigger) => self.stands(trigger),
            Trigger::At(_) | Trigger::All(_) => false,
        }
    }
}

/// What a trigger looks at that waits for no other, or waits no more.
fn subject(trigger: &Trigger) -> Subject {
    match trigger {
        Trigger::Step(step) => Subject::Step(*step),
        Trigger::State(vm, _) => Subject::State(*vm),
        Trigger::PointsStored(vm, _) => Subject::PointsStored(*vm),
        Trigger::PointsProcessed(vm, _) => Subject::PointsProcessed(*vm),
        Trigger::WorkloadUp(vm, _) => Subject::WorkloadUp(*vm),
        Trigger::Registered(machine, _) => Subject::Registered(*machine),
        Trigger::FaultBegan(fault) => Subject::FaultBegan(*fault),
        Trigger::FaultEnded(fault) => Subject::FaultEnded(*fault),
        Trigger::Since(_, trigger) => subject(trigger),
        Trigger::At(_) | Trigger::All(_) => unreachable!("a time and a group look at nothing"),
    }
}

#[cfg(test)]
mod tests {
    use actors::nouns::Component;

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
                life: 0,
                shared: None,
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
        let since = |trigger| Trigger::Since(2, Box::new(trigger));
        spec.triggers = vec![
            since(Trigger::State(vm, ItemState::Protected)),
            since(Trigger::State(vm, ItemState::FailoverCommitted)),
            Trigger::Step(0),
        ];
        spec.steps = 1;
        let mut watch = Watch::new(&spec);
        let state = |state| Fact::State { vm, state };
        assert!(fired(&mut watch, 1, &state(ItemState::Protected)).is_empty());
        assert!(fired(&mut watch, 2, &state(ItemState::FailoverCommitted)).is_empty());
        assert_eq!(fired(&mut watch, 3, &done(0)), [2, 1], "it is in that state");
        assert_eq!(
            fired(&mut watch, 4, &state(ItemState::Protected)),
            [0],
            "and then in this one"
        );
    }

    #[test]
    fn a_fault_holds_when_it_begins_and_when_it_ends_and_conditions_count_from_its_end() {
        let mut spec = crate::testing::world();
        let vm = VmId(0);
        spec.triggers = vec![
            Trigger::FaultBegan(3),
            Trigger::FaultEnded(3),
            Trigger::Since(1, Box::new(Trigger::State(vm, ItemState::Protected))),
        ];
        let mut watch = Watch::new(&spec);
        let state = |state| Fact::State { vm, state };
        assert!(fired(&mut watch, 1, &Fact::FaultBegan { fault: 2 }).is_empty());
        assert_eq!(fired(&mut watch, 2, &Fact::FaultBegan { fault: 3 }), [0]);
        fired(&mut watch, 3, &state(ItemState::Protected));
        fired(&mut watch, 4, &state(ItemState::Resynchronizing));
        assert_eq!(fired(&mut watch, 5, &Fact::FaultEnded { fault: 3, struck: 1 }), [1]);
        assert_eq!(fired(&mut watch, 6, &state(ItemState::Protected)), [2]);
    }

    #[test]
    fn a_group_holds_once_the_last_of_it_has_held_and_what_counts_from_it_counts_then() {
        let mut spec = crate::testing::world();
        let state = |vm, state| Fact::State { vm: VmId(vm), state };
        let protected = |vm| Trigger::State(VmId(vm), ItemState::Protected);
        spec.triggers = vec![
            Trigger::All(vec![1, 2]),
            protected(0),
            protected(1),
            Trigger::Since(0, Box::new(protected(0))),
            Trigger::All(vec![0, 3]),
        ];
        let mut watch = Watch::new(&spec);
        assert_eq!(fired(&mut watch, 1, &state(0, ItemState::Protected)), [1]);
        assert!(fired(&mut watch, 2, &state(0, ItemState::Resynchronizing)).is_empty());
        assert_eq!(fired(&mut watch, 3, &state(1, ItemState::Protected)), [2, 0]);
        assert!(fired(&mut watch, 4, &state(1, ItemState::Protected)).is_empty());
        assert_eq!(fired(&mut watch, 5, &state(0, ItemState::Protected)), [3, 4]);
    }
}
