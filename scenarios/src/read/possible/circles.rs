//! What waits for what: steps, and the beginnings and ends of faults. Nothing may wait for itself.
//!
//! A step names only steps before it in the file, so that a circle always leads through a fault.

use std::collections::BTreeMap;

use super::Whole;
use crate::diagnose::{At, Problem};
use crate::model::Condition;
use crate::read::plan::{Placed, PlacedFault};

/// Something that waits, and that others wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A step.
    Step(usize),
    /// The beginning of a fault.
    Begin(usize),
    /// The end of a fault that has one.
    End(usize),
}

/// A step or a fault that waits, the place where that is written, and what it waits for.
type Wait = (Event, At, Event);

/// Steps and faults, and what they wait for.
#[derive(Clone, Copy)]
pub(super) struct Waits<'a> {
    pub(super) steps: &'a [Placed],
    pub(super) faults: &'a [PlacedFault],
}

impl Waits<'_> {
    /// What an event waits for, and where that is written.
    pub(super) fn of(&self, event: Event) -> Vec<(At, Event)> {
        match event {
            Event::Step(number) => {
                let placed = &self.steps[number];
                let begin = &placed.step.begin;
                let mut before = self.named(begin, &placed.conditions);
                let counts = |condition: &Condition| !condition.is_named() && !matches!(condition, Condition::At(_));
                if before.is_empty() && number > 0 && begin.iter().any(counts) {
                    before.push((placed.at, Event::Step(number - 1)));
                }
                before
            }
            Event::Begin(number) => {
                let placed = &self.faults[number];
                self.named(&placed.fault.begin, &placed.conditions)
            }
            Event::End(number) => {
                let placed = &self.faults[number];
                let conditions = placed.conditions.get(placed.fault.begin.len()..);
                let mut before = self.named(&placed.fault.until, conditions.unwrap_or_default());
                before.push((placed.at, Event::Begin(number)));
                before
            }
        }
    }

    fn named(&self, conditions: &[Condition], at: &[At]) -> Vec<(At, Event)> {
        let event = |(condition, at): (&Condition, &At)| {
            let event = match condition {
                Condition::Step(step, _) => Event::Step(*step),
                Condition::FaultEnded(fault) => self.end_of(*fault),
                Condition::FaultBegan(fault) => Event::Begin(*fault),
                _ => return None,
            };
            Some((*at, event))
        };
        conditions.iter().zip(at).filter_map(event).collect()
    }

    /// The end of a fault, or its beginning where it has none.
    fn end_of(&self, fault: usize) -> Event {
        match self.faults[fault].fault.ends() {
            true => Event::End(fault),
            false => Event::Begin(fault),
        }
    }

    /// All events, each after those that it waits for; or some that wait for each other, in a circle.
    pub(super) fn order(&self) -> Result<Vec<Event>, Vec<Wait>> {
        let faults = 0..self.faults.len();
        let ends = faults.clone().map(|fault| self.end_of(fault));
        let all = faults.map(Event::Begin).chain(ends);
        let all = (0..self.steps.len()).map(Event::Step).chain(all);
        let mut ordered = Vec::new();
        // Whether an event is in order, or on the way to what it waits for.
        let mut known: BTreeMap<Event, bool> = BTreeMap::new();
        for event in all {
            if known.contains_key(&event) {
                continue;
            }
            known.insert(event, false);
            let mut way = vec![(event, self.of(event))];
            while let Some((event, left)) = way.last_mut() {
                let event = *event;
                let Some((at, next)) = left.pop() else {
                    way.pop();
                    known.insert(event, true);
                    ordered.push(event);
                    continue;
                };
                match known.get(&next) {
                    Some(true) => {}
                    Some(false) => {
                        let from = way.iter().position(|(on, _)| *on == next).unwrap_or(0);
                        let events: Vec<Event> = way[from..].iter().map(|(on, _)| *on).collect();
                        return Err(self.circle(&events, (at, next)));
                    }
                    None => {
                        known.insert(next, false);
                        way.push((next, self.of(next)));
                    }
                }
            }
        }
        Ok(ordered)
    }

    /// Where each of some events waits for the next, and the last for the first.
    fn circle(&self, events: &[Event], (at, first): (At, Event)) -> Vec<Wait> {
        let next = events.iter().skip(1);
        let mut waits: Vec<Wait> = events
            .iter()
            .zip(next)
            .map(|(event, next)| {
                let at = self.of(*event).into_iter().find(|(_, other)| other == next);
                (*event, at.map_or_else(At::default, |(at, _)| at), *next)
            })
            .collect();
        waits.extend(events.last().map(|last| (*last, at, first)));
        waits
    }

    /// What an event is called.
    fn name(&self, event: Event) -> String {
        match event {
            Event::Step(step) => {
                let step = &self.steps[step].step;
                format!("`{}`", step.name.as_deref().unwrap_or(step.word))
            }
            Event::Begin(fault) => format!("the beginning of `{}`", self.faults[fault].fault.name),
            Event::End(fault) => format!("the end of `{}`", self.faults[fault].fault.name),
        }
    }
}

/// Places shown of a circle.
const SHOWN: usize = 4;

/// Notes a circle of steps and faults that wait for each other; false where there is none.
pub(super) fn found(whole: &Whole<'_>) -> bool {
    let waits = whole.waits();
    let Err(circle) = waits.order() else { return false };
    // That a fault ends after it began is written nowhere.
    let written = circle
        .iter()
        .filter(|(event, _, next)| !matches!((event, next), (Event::End(end), Event::Begin(begin)) if end == begin));
    let mut written = written.rev().map(|(event, at, next)| {
        let text = format!("{} waits for {}", waits.name(*event), waits.name(*next));
        (*at, text)
    });
    if let Some((at, text)) = written.next() {
        let problem = Problem::new(at, "what waits for itself never happens", text);
        let problem = written
            .take(SHOWN - 1)
            .fold(problem, |problem, (at, text)| problem.also(at, text));
        whole.context.diagnosis.push(problem);
    }
    true
}
