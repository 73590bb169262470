//! Which step comes after which, and when each can begin at the earliest.

use std::collections::BTreeMap;

use super::causes::Cause;
use crate::model::{Condition, Ending, Which};
use crate::read::plan::Placed;

/// The steps in their order in time.
pub(super) struct Timeline<'a> {
    steps: &'a [Placed],
    /// Of each step, those that it waits for.
    before: Vec<Vec<(usize, &'a Which)>>,
    earliest: Vec<u64>,
    /// Of each machine, the steps that are about it.
    of_vm: BTreeMap<usize, Vec<usize>>,
    /// The steps that are about none.
    of_none: Vec<usize>,
}

/// A step waits for all of the one before it, where it says nothing else.
static WHOLE: Which = Which::These(Vec::new());

impl<'a> Timeline<'a> {
    pub(super) fn new(steps: &'a [Placed]) -> Timeline<'a> {
        let mut timeline = Timeline {
            steps,
            before: Vec::new(),
            earliest: Vec::new(),
            of_vm: BTreeMap::new(),
            of_none: Vec::new(),
        };
        for (number, placed) in steps.iter().enumerate() {
            let before = timeline.waits_for(number);
            let begin = placed.step.begin.iter().map(|condition| match condition {
                Condition::At(at) => *at,
                _ => 0,
            });
            let ends = before.iter().map(|(step, _)| timeline.earliest[*step]);
            let begin = begin.chain(ends).max().unwrap_or(0);
            timeline.earliest.push(begin.saturating_add(placed.step.wait));
            timeline.before.push(before);
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

    /// The steps that a step waits for. A condition counts from a step's end: where it names none, from that of the step before.
    fn waits_for(&self, number: usize) -> Vec<(usize, &'a Which)> {
        let begin = &self.steps[number].step.begin;
        let mut before: Vec<(usize, &Which)> = begin
            .iter()
            .filter_map(|condition| match condition {
                Condition::Step(step, which) => Some((*step, which)),
                _ => None,
            })
            .collect();
        let counts = |condition: &Condition| !matches!(condition, Condition::At(_) | Condition::Step(..));
        if before.is_empty() && number > 0 && begin.iter().any(counts) {
            before.push((number - 1, &WHOLE));
        }
        before
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
            let step = &self.steps[**step].step;
            step.expected.ending != Ending::Refused && group.iter().any(|cause| cause.is(&step.what))
        };
        let mut causes: Vec<usize> = own.iter().chain(&self.of_none).filter(is).copied().collect();
        causes.sort_unstable();
        causes
    }

    /// Whether `step` begins only after `other` has ended, or is that step. With `vm`, `other` waits for each machine by itself: then only
    /// what that machine's own part is waited for counts.
    pub(super) fn comes_after(&self, step: usize, other: usize, vm: Option<usize>) -> bool {
        let mut seen = vec![false; self.steps.len()];
        let mut next = vec![step];
        while let Some(step) = next.pop() {
            if step == other {
                return true;
            }
            if std::mem::replace(&mut seen[step], true) {
                continue;
            }
            for (before, which) in &self.before[step] {
                let before_step = &self.steps[*before].step;
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
