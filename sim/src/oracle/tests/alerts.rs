//! An alert that does not come, and one that has no cause.

use actors::facts::{RPO_PASSED, Severity};
use datapath::replica::{Consistency, Mark};

use super::*;
use crate::invariants::alerts_come;

const MINUTE: u64 = 60_000_000_000;
const THRESHOLD: u64 = 10 * MINUTE;

fn at(minutes: u64) -> SimTime {
    SimTime(minutes * MINUTE)
}

/// Facts at whole minutes, and the run's end; the shapes that are broken.
fn broken(facts: Vec<(u64, Fact)>, ends: u64) -> Vec<String> {
    let story = Story::journey(Grain::Extent);
    let mut oracle = Oracle::new(&story.spec, Grain::Extent, 1);
    oracle.alerts.service = Some(story::PROCESS_SERVER);
    oracle.alerts.threshold = Some(THRESHOLD);
    oracle.alerts.look_every = MINUTE;
    for (minute, fact) in facts {
        oracle.now = at(minute);
        oracle.liveness_fact(at(minute), &fact);
        oracle.alert_fact(at(minute), &fact);
    }
    oracle.now = at(ends);
    oracle.finish_alerts();
    let (_, findings, _) = oracle.ledger.finish();
    let own = findings
        .iter()
        .filter(|finding| finding.law.as_str() == alerts_come::LAW.name);
    own.map(|finding| finding.identity().to_string()).collect()
}

fn protected() -> Fact {
    Fact::State {
        vm: story::VM,
        state: ItemState::Protected,
    }
}

fn stored(point: u64, marked: u64) -> Fact {
    Fact::TagStored {
        vm: story::VM,
        protection: 1,
        batch: point,
        last: WriteSeq(point),
        mark: Some(Mark {
            point,
            seq: WriteSeq(point),
            consistency: Consistency::Crash,
            marked: at(marked),
            marked_source: at(marked),
            life: 0,
            shared: None,
        }),
    }
}

fn alert() -> Fact {
    Fact::Alert {
        vm: Some(story::VM),
        severity: Severity::Warning,
        code: String::new(),
        text: RPO_PASSED.to_owned(),
    }
}

fn power(on: bool) -> Fact {
    Fact::Power {
        machine: story::PROCESS_SERVER,
        on,
    }
}

const NOT_TOLD: &str = "alerts-come/vm/not-told";
const WITHOUT_CAUSE: &str = "alerts-come/vm/without-cause";

#[test]
fn a_threshold_that_is_passed_in_silence_is_found() {
    let start = || vec![(1, stored(1, 1)), (1, protected())];
    let none: Vec<String> = Vec::new();
    assert_eq!(broken(start(), 11), none, "not passed");
    assert_eq!(broken(start(), 16), none, "passed a moment ago");
    assert_eq!(broken(start(), 17), [NOT_TOLD]);
    assert_eq!(broken([start(), vec![(12, alert())]].concat(), 60), none, "it was told");
    assert_eq!(broken([start(), vec![(8, stored(2, 8))]].concat(), 22), none);
    assert_eq!(
        broken([start(), vec![(20, stored(2, 20))]].concat(), 25),
        [NOT_TOLD],
        "and it passed before the next came"
    );
    let again = vec![(12, alert()), (20, stored(2, 20))];
    assert_eq!(
        broken([start(), again].concat(), 40),
        [NOT_TOLD],
        "told once, passed twice"
    );
    let dark = vec![(9, power(false)), (30, power(true))];
    assert_eq!(broken([start(), dark].concat(), 34), none, "nobody was there to tell");
}

#[test]
fn an_alert_without_a_cause_is_found() {
    let start = || vec![(1, stored(1, 1)), (1, protected())];
    let none: Vec<String> = Vec::new();
    assert_eq!(broken([start(), vec![(9, alert())]].concat(), 10), [WITHOUT_CAUSE]);
    assert_eq!(broken([start(), vec![(12, alert())]].concat(), 13), none);
    let just_stored = vec![(11, stored(2, 11)), (12, alert())];
    assert_eq!(
        broken([start(), just_stored].concat(), 13),
        none,
        "it may not have heard of that"
    );
    let long_stored = vec![(11, stored(2, 11)), (17, alert())];
    assert_eq!(broken([start(), long_stored].concat(), 18), [WITHOUT_CAUSE]);
}
