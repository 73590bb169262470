//! Synthetic runs: an honest one passes in every grain, and each way of lying to the oracle is found.

mod alerts;
mod content;
mod figures;
mod process_servers;
mod protocol;
mod storage;
mod story;
mod untold;
mod waits;

use actors::facts::{Fact, StepOutcome};
use actors::nouns::{FailoverKind, ItemState, Operation, PointChoice};
use actors::spec::{Action, ComponentSpec, OperatorSpec, StepSpec};
use datapath::batch::DiskChanges;
use datapath::replica::Mark;
use datapath::seal::VaultKey;
use datapath::segment::SegmentKind;
use datapath::volume::{PageStore, Volume};
use datapath::{Blob, Class, Content, DiskId, EXTENT_BYTES, Extent, Grain, Run, SimTime, Summary, VmId, WriteSeq};
use story::{Shown, Story, Told};

use super::Oracle;
use super::compare::{Expect, compare_and_hash_disk};
use super::figures::Figures;
use super::history::History;
use super::reader::{self, Vault};
use super::root::Root;
use crate::link::LinkChange;
use crate::link::door::{AtDoor, Seen};
use crate::metrics::{RunResult, VmResult};
const VM: VmId = VmId(0);

fn judge(story: &Story) -> RunResult {
    let mut oracle = Oracle::new(&story.spec, story.grain, story::SEED);
    let mut end = SimTime::ZERO;
    for told in &story.told {
        oracle.links(&doors_of(&told.fact));
        oracle.fact(told.at, &told.fact, told.shown.evidence());
        end = told.at;
    }
    oracle.finish(end)
}

/// What was seen at a link's doors of what it reports: one packet.
fn doors_of(fact: &Fact) -> Vec<Seen> {
    let Fact::LinkUse {
        link,
        back,
        from,
        to,
        bytes,
    } = *fact
    else {
        return Vec::new();
    };
    // One flow for each second: they are numbered without large gaps.
    let flow = from.0 / 1_000_000_000;
    let seen = |at, what| Seen { at, link, what };
    vec![
        seen(from, AtDoor::In { back, flow, bytes }),
        seen(to, AtDoor::Out { back, flow }),
    ]
}

/// Names of the invariants that failed.
fn broken(story: &Story) -> Vec<String> {
    let mut names: Vec<String> = judge(story)
        .findings
        .into_iter()
        .map(|finding| finding.law.to_string())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn assert_found(what: &str, story: &Story, law: &str) {
    let names = broken(story);
    assert!(
        names.iter().any(|name| name == law),
        "{what}: {law} should fail, found {names:?}"
    );
}

/// Identities of what was found, each once.
fn identities(story: &Story) -> Vec<String> {
    let findings = judge(story).findings;
    let mut identities: Vec<String> = findings.iter().map(|finding| finding.identity().to_string()).collect();
    identities.sort_unstable();
    identities.dedup();
    identities
}

/// Changes the first fact for which `change` says true.
fn change(story: &mut Story, mut change: impl FnMut(&mut Told) -> bool) {
    assert!(story.told.iter_mut().any(&mut change), "the story has no such fact");
}

/// Takes out all facts for which `out` says true.
fn drop_facts(story: &mut Story, out: impl Fn(&Fact) -> bool) {
    let before = story.told.len();
    story.told.retain(|told| !out(&told.fact));
    assert!(story.told.len() < before, "the story has no such fact");
}

fn is_point(fact: &Fact, number: u64) -> bool {
    matches!(fact, Fact::PointProcessed { protection: 1, mark, .. } if mark.point == number)
}

/// The runs that the target shows for a point's disk 0.
fn shown_runs(told: &mut Told, number: u64) -> Option<&mut Vec<Run>> {
    if !is_point(&told.fact, number) {
        return None;
    }
    match &mut told.shown {
        Shown::Runs(runs) => Some(&mut runs[0].1),
        _ => None,
    }
}

#[test]
fn the_same_thing_found_elsewhere_has_the_same_identity_and_another_thing_another() {
    let unstored = |number: u64| {
        let mut story = Story::protected(Grain::Extent, 4);
        let is_tag = |fact: &Fact| matches!(fact, Fact::TagStored { mark: Some(mark), .. } if mark.point == number);
        drop_facts(&mut story, is_tag);
        identities(&story)
    };
    let twice = |number: u64| {
        let mut story = Story::protected(Grain::Extent, 4);
        let told = &story.told;
        let place = told.iter().position(|told| is_point(&told.fact, number)).unwrap();
        let again = told[place].clone();
        story.told.insert(place + 1, again);
        identities(&story)
    };
    assert!(unstored(2).contains(&"points-in-order/vm/processed-unstored".to_owned()));
    assert_eq!(unstored(2), unstored(3));
    assert!(twice(2).contains(&"points-in-order/vm/processed-twice".to_owned()));
    assert_eq!(twice(2), twice(3));
    assert_ne!(twice(2), unstored(2));
}

#[test]
fn an_honest_journey_passes_in_every_grain() {
    for grain in [Grain::Real, Grain::Extent, Grain::Aggregate] {
        let story = Story::journey(grain);
        let result = judge(&story);
        assert_eq!(result.findings, Vec::new(), "{grain:?}");
        let points = result.recovery_points;
        assert!(points.made >= 8, "{points:?}");
        assert_eq!(points.made, points.verified);
        assert_eq!(
            result.disks.len(),
            3 * 2,
            "test failover, failover, failback of two disks"
        );
        assert!(result.disks.iter().all(|disk| disk.verified));
        assert_eq!(
            result.disks.iter().all(|disk| disk.blake3.is_some()),
            grain == Grain::Real
        );
        // The story has no replication group, no database, and no service whose alerts could be waited for.
        let not_there = [
            "alerts-come",
            "databases-come-back",
            "groups-talk-alone",
            "shared-points-are-causal",
            "shared-points-are-made",
            // Nor is there a recovery plan, a process server that looks at itself, or a throttle.
            "plans-keep-their-order",
            "process-servers-say-how-they-are",
            "throttles-hold",
            // Of what passes and of what lies on disks the world shows, and a story has none.
            "secrets-stay-in-place",
            "points-can-be-restored",
        ];
        let unused: Vec<&str> = result
            .checks
            .iter()
            .filter(|check| check.checked == 0)
            .map(|check| check.invariant.as_str())
            .filter(|name| !not_there.contains(name))
            .collect();
        // Nobody tampers with anything in the story.
        let expected: &[&str] = match grain {
            Grain::Aggregate => &["point-is-prefix", "refused-was-tampered"],
            _ => &["sizes-add-up", "refused-was-tampered"],
        };
        assert_eq!(unused, expected, "{grain:?}: each invariant was looked at");
    }
}

#[test]
fn a_result_survives_serialisation_but_for_what_are_tables() {
    let mut result = judge(&Story::journey(Grain::Extent));
    let bytes = postcard::to_allocvec(&result).unwrap();
    for vm in &mut result.vms {
        (vm.points, vm.rpo_series, vm.backlog) = (Vec::new(), Vec::new(), Vec::new());
    }
    assert_eq!(postcard::from_bytes::<RunResult>(&bytes).unwrap(), result);
}

#[test]
fn a_story_marks_its_points_at_the_end_of_batches() {
    let story = Story::journey(Grain::Extent);
    let marks: Vec<Mark> = story
        .told
        .iter()
        .filter_map(|told| match told.fact {
            Fact::BatchCut { mark, last, .. } => mark.filter(|mark| mark.seq == last),
            _ => None,
        })
        .collect();
    assert!(marks.len() >= 8);
    assert_eq!(story.spec.vms[0].disks[1].0, DiskId { vm: VM, index: 1 });
}
