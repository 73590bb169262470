//! What ends a fault, and what several that are about the same thing leave.

use actors::facts::Fact;
use actors::nouns::{MachineId, Trigger};
use datapath::SimTime;

use super::{PORT, SECOND, fault, seconds_answered, world};
use crate::faults::{Dark, FaultKind, FaultSpec, Until};
use crate::link::LinkChange;
use crate::spec::NetworkKind;

/// A fault from second 10, until what is said.
fn until(kind: FaultKind, until: Until, lasts: Option<u64>) -> FaultSpec {
    FaultSpec {
        until,
        lasts,
        ..fault(kind)
    }
}

fn blocked() -> FaultKind {
    FaultKind::PortBlocked {
        port: PORT,
        machine: None,
    }
}

/// The seconds from the first without an answer to the first with one again; `times` are those of more triggers, in tenths of a second.
fn silence(faults: Vec<FaultSpec>, times: &[u64]) -> (u64, u64) {
    let mut spec = world(None);
    let times = times.iter().map(|tenths| Trigger::At(SimTime(tenths * SECOND / 10)));
    spec.triggers.extend(times);
    spec.faults = faults;
    let (answered, _, _) = seconds_answered(spec.clone(), NetworkKind::Event);
    let (on_turmoil, _, _) = seconds_answered(spec, NetworkKind::Turmoil);
    let ends = |answered: &[u64]| {
        let first = (5..30).find(|second| !answered.contains(second)).unwrap();
        let last = (first..30).find(|second| answered.contains(second)).unwrap_or(30);
        (first, last)
    };
    assert_eq!(ends(&answered), ends(&on_turmoil));
    ends(&answered)
}

#[test]
fn a_fault_ends_once_all_that_its_end_waits_for_has_held_and_lasts_from_then_on() {
    let all = |lasts| until(blocked(), Until::All(vec![1, 2]), lasts);
    let (_, plain) = silence(vec![until(blocked(), Until::Begun, Some(11 * SECOND / 2))], &[]);
    assert_eq!(silence(vec![all(None)], &[120, 155]).1, plain);
    assert_eq!(silence(vec![all(Some(2 * SECOND))], &[135, 120]).1, plain);
    // Both have held before it begins.
    assert_eq!(silence(vec![all(Some(11 * SECOND / 2))], &[30, 40]).1, plain);
    assert_eq!(silence(vec![all(None)], &[120, 400]).1, 30, "the second never comes");
}

#[test]
fn the_first_that_comes_after_its_beginning_ends_a_fault() {
    let first = |lasts| until(blocked(), Until::FirstOf(vec![1, 2, 3]), lasts);
    let (_, plain) = silence(vec![until(blocked(), Until::Begun, Some(11 * SECOND / 2))], &[]);
    assert_eq!(silence(vec![first(None)], &[30, 155, 200]).1, plain);
    assert_eq!(silence(vec![first(None)], &[30, 40, 50]).1, 30, "all came before it");
}

#[test]
fn a_link_is_back_when_the_last_fault_that_cut_it_ends() {
    let (link, change) = (0, LinkChange::Cut);
    let kind = FaultKind::Link { link, change };
    let short = until(kind.clone(), Until::Begun, Some(3 * SECOND));
    let long = until(kind, Until::Begun, Some(8 * SECOND));
    let one = silence(vec![long.clone()], &[]);
    assert_eq!(silence(vec![short, long], &[]), one);
}

#[test]
fn machines_have_their_power_back_when_the_last_fault_ends_and_those_that_wait_for_a_hand_have_not() {
    let power = |starts, lasts: u64| {
        let dark = Dark {
            starts,
            ..Dark::new(MachineId(1))
        };
        let machines = vec![dark, Dark::new(MachineId(0))];
        until(FaultKind::Power { machines }, Until::Begun, Some(lasts * SECOND))
    };
    let one = silence(vec![power(true, 8)], &[]);
    assert_eq!(silence(vec![power(true, 3), power(true, 8)], &[]), one);
    assert_eq!(silence(vec![power(false, 3)], &[]).1, 30);
    let mut spec = world(None);
    spec.faults = vec![power(true, 3), power(true, 8)];
    let (_, starts, told) = seconds_answered(spec, NetworkKind::Event);
    assert_eq!(starts, 2);
    let struck = told.iter().filter_map(|fact| match fact {
        Fact::FaultEnded { fault, struck } => Some((*fault, *struck)),
        _ => None,
    });
    assert_eq!(
        struck.collect::<Vec<_>>(),
        [(0, 2), (1, 0)],
        "each machine counts, once"
    );
}
