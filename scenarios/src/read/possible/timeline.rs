//! Which step comes after which, and when each can begin at the earliest.

use std::collections::BTreeMap;

use super::causes::Cause;
use super::circles::{Event, Waits};
use crate::model::{Condition, Ending, Which};

/// Steps that something waits for, and for which machines.
type Before<'a> = Vec<(usize, &'a Which)>;

/// The steps in their order in time.
pub(super) struct Timeline<'a> {
    waits: Waits<'a>,
    /// Of each step, those that it waits for, by itself or through faults.
    before: Vec<Before<'a>>,
    earliest: Vec<u64>,
    /// Of each fault, when it can begin at the earliest.
    faults: Vec<u64>,
    /// Of each machine, the steps that are about it.
    of_vm: BTreeMap<usize, Vec<usize>>,
    /// The steps that are about none.
    of_none: Vec<usize>,
}

/// A step waits for all of the one before it, where it says nothing else. A condition counts from a step's end.
static WHOLE: Which = Which::These(Vec::new());

impl<'a> Timeline<'a> {
    /// The steps of a plan in which nothing waits for itself.
    pub(super) fn new(waits: Waits<'a>) -> Timeline<'a> {
        let Waits { steps, faults } = waits;
        let mut timeline = Timeline {
            waits,
            before: vec![Vec::new(); steps.len()],
            earliest: vec![0; steps.len()],
            faults: vec![0; faults.len()],
            of_vm: BTreeMap::new(),
            of_none: Vec::new(),
        };
        timeline.place();
        for (number, placed) in steps.iter().enumerate() {
            if placed.step.what.per_vm() {
                for vm in &placed.step.vms {
                    timeline.of_vm.entry(*vm).or_default().push(number);
                }
            } else {
                timeline.of_none.push(number);
            }
        }
        timeline
    }

    /// Finds for each step what it waits for, and when it can begin; what it waits for comes first.
    fn place(&mut self) {
        let waits = self.waits;
        // By beginning and end of a fault: the steps before it, and the earliest time.
        let mut known: BTreeMap<Event, (Before<'a>, u64)> = BTreeMap::new();
        for event in waits.order().unwrap_or_default() {
            let (conditions, wait) = match event {
                Event::Step(step) => (&waits.steps[step].step.begin, waits.steps[step].step.wait),
                Event::Begin(fault) => (&waits.faults[fault].fault.begin, waits.faults[fault].fault.wait),
                Event::End(fault) => {
                    let fault = &waits.faults[fault].fault;
                    (&fault.until, fault.lasts.unwrap_or(0))
                }
            };
            let (mut before, mut earliest): (Before<'a>, u64) = (Vec::new(), 0);
            for condition in conditions {
                match condition {
                    Condition::Step(step, which) => before.push((*step, which)),
                    Condition::At(at) => earliest = earliest.max(*at),
                    _ => {}
                }
            }
            for (_, other) in waits.of(event) {
                match other {
                    Event::Step(step) => {
                        earliest = earliest.max(self.earliest[step]);
                        if !before.iter().any(|(known, _)| *known == step) {
                            before.push((step, &WHOLE));
                        }
                    }
                    fault => {
                        let (steps, at) = known.get(&fault).cloned().unwrap_or_default();
                        earliest = earliest.max(at);
                        before.extend(steps);
                    }
                }
            }
            let earliest = earliest.saturating_add(wait);
            match event {
                Event::Step(step) => (self.before[step], self.earliest[step]) = (before, earliest),
                fault => {
                    if let Event::Begin(number) = fault {
                        self.faults[number] = earliest;
                    }
                    known.insert(fault, (before, earliest));
                }
            }
        }
    }

    /// When a fault can begin at the earliest, in nanoseconds of the run.
    pub(super) fn fault(&self, fault: usize) -> u64 {
        self.faults[fault]
    }

    /// Whether what an event waits for, or the beginning of the fault whose end it waits for, comes after this time: that is told of by
    /// itself.
    pub(super) fn waits_past(&self, event: Event, end: u64) -> bool {
        self.waits.of(event).into_iter().any(|(_, before)| match before {
            Event::Step(step) => self.earliest[step] > end,
            Event::Begin(fault) | Event::End(fault) => self.faults[fault] > end,
        })
    }

    /// When a step can begin at the earliest, in nanoseconds of the run: jobs are taken to need no time.
    pub(super) fn earliest(&self, step: usize) -> u64 {
        self.earliest[step]
    }

    /// The steps that this one waits for.
    pub(super) fn before(&self, step: usize) -> impl Iterator<Item = usize> {
        self.before[step].iter().map(|(before, _)| *before)
    }

    /// The steps that bring one of these about for a machine, or for whatever is no machine's; those that are to be refused bring nothing
    /// about.
    pub(super) fn causes(&self, group: &[Cause], vm: Option<usize>) -> Vec<usize> {
        let own = vm.and_then(|vm| self.of_vm.get(&vm)).map_or(&[][..], Vec::as_slice);
        let is = |step: &&usize| {
            let step = &self.waits.steps[**step].step;
            step.expected.ending != Ending::Refused && group.iter().any(|cause| cause.is(&step.what))
        };
        let mut causes: Vec<usize> = own.iter().chain(&self.of_none).filter(is).copied().collect();
        causes.sort_unstable();
        causes
    }

    /// Whether `step` begins only after `other` has ended, or is that step. With `vm`, `other` waits for each machine by itself: then only
    /// what that machine's own part is waited for counts.
    pub(super) fn comes_after(&self, step: usize, other: usize, vm: Option<usize>) -> bool {
        let mut seen = vec![false; self.waits.steps.len()];
        let mut next = vec![step];
        while let Some(step) = next.pop() {
            if step == other {
                return true;
            }
            if std::mem::replace(&mut seen[step], true) {
                continue;
            }
            for (before, which) in &self.before[step] {
                let before_step = &self.waits.steps[*before].step;
                let counts = vm.is_none_or(|vm| {
                    let named = match which {
                        Which::These(vms) => vms.is_empty() || vms.contains(&vm),
                        Which::Each => true,
                    };
                    named && (!before_step.what.per_vm() || before_step.vms.contains(&vm))
                });
                if counts {
                    next.push(*before);
                }
            }
        }
        false
    }
}
