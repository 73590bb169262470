//! Looks whether a run meets the situations that its scenario is there for ([`Goal`]).
//!
//! What happened and what went on is kept with its times, of what the goals name alone, and put together at the end: that members held their
//! acknowledgements is known only once they hold them no more.

use std::collections::BTreeMap;

use actors::facts::{Fact, FailoverPhase};
use actors::nouns::ItemState;
use actors::spec::GroupSpec;
use datapath::replica::SharedPoint;
use datapath::{SimTime, VmId};
use sim::metrics::GoalResult;

use crate::build::Plan;
use crate::model::{Goal, Moment, Phase};

/// Something that went on, of a machine or of none.
struct Span {
    phase: Phase,
    vm: Option<VmId>,
    /// Of a fault: its number.
    fault: Option<u32>,
    from: SimTime,
    to: SimTime,
}

/// Something that happened, to a machine or by a fault, or neither.
struct Happened {
    at: SimTime,
    moment: Moment,
    vm: Option<VmId>,
    fault: Option<u32>,
}

/// What is seen of a run.
#[derive(Default)]
pub(crate) struct Goals {
    goals: Vec<Goal>,
    /// The kinds of the world's faults, by number.
    faults: Vec<&'static str>,
    moments: Vec<Happened>,
    spans: Vec<Span>,
    states: BTreeMap<VmId, (ItemState, SimTime)>,
    lasting: BTreeMap<u32, SimTime>,
    /// Attempts at shared points: since when somebody holds, when it was decided and how, and until when somebody held.
    attempts: BTreeMap<(u32, SharedPoint), Attempt>,
    groups: BTreeMap<VmId, u32>,
}

#[derive(Default)]
struct Attempt {
    from: Option<SimTime>,
    decided: Option<(SimTime, bool)>,
    to: Option<SimTime>,
}

impl Goals {
    /// What a plan is there for, and the world's replication groups.
    pub(crate) fn new(plan: &Plan, groups: &[GroupSpec]) -> Goals {
        let group_of = |group: &GroupSpec| {
            let number = group.group;
            group.members.iter().map(move |vm| (*vm, number)).collect::<Vec<_>>()
        };
        Goals {
            goals: plan.goals.clone(),
            faults: plan.fault_kinds.clone(),
            groups: groups.iter().flat_map(group_of).collect(),
            ..Goals::default()
        }
    }

    pub(crate) fn fact(&mut self, at: SimTime, fact: &Fact) {
        if self.goals.is_empty() {
            return;
        }
        match fact {
            Fact::Failover {
                vm,
                kind,
                phase: FailoverPhase::Started,
            } => self.moment(at, (Some(*vm), None), Moment::Begins(*kind)),
            Fact::State { vm, state } => {
                self.moment(at, (Some(*vm), None), Moment::Enters(*state));
                let before = self.states.insert(*vm, (*state, at));
                let (before, from) = before.unwrap_or((ItemState::Unprotected, SimTime::ZERO));
                self.span(Phase::State(before), (Some(*vm), None), from, at);
            }
            Fact::FaultBegan { fault } => {
                self.lasting.insert(*fault, at);
            }
            Fact::FaultStruck { fault } => {
                if let Some(kind) = self.faults.get(*fault as usize) {
                    self.moment(at, (None, Some(*fault)), Moment::Strikes(kind));
                }
            }
            Fact::FaultEnded { fault, .. } => {
                if let Some(from) = self.lasting.remove(fault) {
                    self.fault_lasted(*fault, from, at);
                }
            }
            Fact::Held {
                vm, point, nanoseconds, ..
            } => {
                let Some(group) = self.groups.get(vm) else { return };
                let attempt = self.attempts.entry((*group, *point)).or_default();
                let from = SimTime(at.0.saturating_sub(*nanoseconds));
                attempt.from = Some(attempt.from.map_or(from, |earlier| earlier.min(from)));
                attempt.to = Some(attempt.to.map_or(at, |later| later.max(at)));
            }
            Fact::SharedPointTried {
                group, point, failed, ..
            } => {
                let made = failed.is_none();
                self.moment(at, (None, None), Moment::Shared { made });
                self.attempts.entry((*group, *point)).or_default().decided = Some((at, made));
            }
            _ => {}
        }
    }

    /// How often each situation was met.
    pub(crate) fn finish(mut self, ended: SimTime) -> Vec<GoalResult> {
        for (vm, (state, from)) in std::mem::take(&mut self.states) {
            self.span(Phase::State(state), (Some(vm), None), from, ended);
        }
        for (fault, from) in std::mem::take(&mut self.lasting) {
            self.fault_lasted(fault, from, ended);
        }
        for attempt in std::mem::take(&mut self.attempts).into_values() {
            let (Some(from), Some(to)) = (attempt.from, attempt.to) else {
                continue;
            };
            match attempt.decided {
                Some((at, true)) => {
                    self.span(Phase::Marking, (None, None), from, at);
                    self.span(Phase::Releasing, (None, None), at, to.max(at));
                }
                Some((at, false)) => self.span(Phase::Marking, (None, None), from, at.min(to).max(from)),
                None => self.span(Phase::Marking, (None, None), from, to),
            }
        }
        let during = |phase: Phase, happened: &Happened| {
            self.spans.iter().any(|span| {
                let same = span.vm.is_none() || happened.vm.is_none() || span.vm == happened.vm;
                // A fault does not strike during itself.
                let own = span.fault.is_some() && span.fault == happened.fault;
                span.phase == phase && same && !own && (span.from..=span.to).contains(&happened.at)
            })
        };
        let met = |goal: &Goal| {
            let of_it = self.moments.iter().filter(|happened| happened.moment == goal.event);
            let met = of_it.filter(|happened| goal.during.is_none_or(|phase| during(phase, happened)));
            met.count() as u64
        };
        let result = |goal: &Goal| GoalResult {
            name: goal.name.clone(),
            met: met(goal),
        };
        self.goals.iter().map(result).collect()
    }

    fn moment(&mut self, at: SimTime, (vm, fault): (Option<VmId>, Option<u32>), moment: Moment) {
        if self.goals.iter().any(|goal| goal.event == moment) {
            self.moments.push(Happened { at, moment, vm, fault });
        }
    }

    fn span(&mut self, phase: Phase, (vm, fault): (Option<VmId>, Option<u32>), from: SimTime, to: SimTime) {
        if self.goals.iter().any(|goal| goal.during == Some(phase)) {
            self.spans.push(Span {
                phase,
                vm,
                fault,
                from,
                to,
            });
        }
    }

    fn fault_lasted(&mut self, fault: u32, from: SimTime, to: SimTime) {
        if let Some(kind) = self.faults.get(fault as usize) {
            self.span(Phase::Fault(kind), (None, Some(fault)), from, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use actors::nouns::FailoverKind;

    use super::*;
    use crate::model::Aside;

    const VM: VmId = VmId(0);

    fn met(event: Moment, during: Option<Phase>, facts: &[(u64, Fact)]) -> u64 {
        let goal = Goal {
            name: "a goal".to_owned(),
            event,
            during,
            line: Aside(1),
        };
        let mut goals = Goals {
            goals: vec![goal],
            faults: vec!["power-loss", "link-cut"],
            groups: BTreeMap::from([(VM, 0)]),
            ..Goals::default()
        };
        facts.iter().for_each(|(at, fact)| goals.fact(SimTime(*at), fact));
        goals.finish(SimTime(1_000))[0].met
    }

    fn state(vm: u32, state: ItemState) -> Fact {
        Fact::State { vm: VmId(vm), state }
    }

    #[test]
    fn a_failover_is_met_during_a_state_of_its_own_machine() {
        let failover = |vm| Fact::Failover {
            vm: VmId(vm),
            kind: FailoverKind::Unplanned,
            phase: FailoverPhase::Started,
        };
        let facts = [
            (10, state(0, ItemState::Resynchronizing)),
            (20, failover(1)),
            (30, failover(0)),
            (30, state(0, ItemState::FailoverInProgress)),
            (40, failover(0)),
        ];
        let event = Moment::Begins(FailoverKind::Unplanned);
        let during = Some(Phase::State(ItemState::Resynchronizing));
        assert_eq!(met(event, during, &facts), 1);
        assert_eq!(met(event, None, &facts), 3);
        assert_eq!(met(event, Some(Phase::State(ItemState::Protected)), &facts), 0);
    }

    #[test]
    fn a_fault_is_met_while_another_lasts() {
        let facts = [
            (10, Fact::FaultBegan { fault: 1 }),
            (20, Fact::FaultStruck { fault: 0 }),
            (30, Fact::FaultEnded { fault: 1, struck: 3 }),
            (40, Fact::FaultStruck { fault: 0 }),
        ];
        let cut = Some(Phase::Fault("link-cut"));
        assert_eq!(met(Moment::Strikes("power-loss"), cut, &facts), 1);
        assert_eq!(met(Moment::Strikes("power-loss"), cut, &facts[1..]), 0);
        assert_eq!(
            met(Moment::Strikes("power-loss"), cut, &facts[..2]),
            1,
            "it lasts to the end"
        );
        let alone = [
            (10, Fact::FaultBegan { fault: 0 }),
            (10, Fact::FaultStruck { fault: 0 }),
        ];
        let power = Some(Phase::Fault("power-loss"));
        assert_eq!(
            met(Moment::Strikes("power-loss"), power, &alone),
            0,
            "not during itself"
        );
    }

    #[test]
    fn marking_ends_where_it_is_decided_and_releasing_where_nobody_holds_any_more() {
        let point = SharedPoint {
            coordinator: VM,
            protection: 0,
            incarnation: 1,
            number: 1,
        };
        let tried = |failed: Option<&str>| Fact::SharedPointTried {
            group: 0,
            point,
            consistency: datapath::replica::Consistency::Crash,
            failed: failed.map(str::to_owned),
        };
        let held = |nanoseconds| Fact::Held {
            vm: VM,
            life: actors::nouns::Life {
                machine: actors::nouns::MachineId(0),
                incarnation: 1,
            },
            point,
            nanoseconds,
            writes: 1,
            released: true,
        };
        let strikes = |at| (at, Fact::FaultStruck { fault: 0 });
        let event = Moment::Strikes("power-loss");
        for (at, marking, releasing) in [(5, 0, 0), (15, 1, 0), (25, 0, 1), (35, 0, 0)] {
            let facts = [strikes(at), (20, tried(None)), (30, held(20))];
            assert_eq!(met(event, Some(Phase::Marking), &facts), marking, "at {at}");
            assert_eq!(met(event, Some(Phase::Releasing), &facts), releasing, "at {at}");
        }
        let facts = [strikes(25), (20, tried(Some("no"))), (30, held(20))];
        assert_eq!(
            met(event, Some(Phase::Releasing), &facts),
            0,
            "there is nothing to release"
        );
    }
}
