//! Synthetic runs: an honest one passes in every grain, and each way of lying to the oracle is found.

mod story;
mod untold;

use actors::facts::{Fact, FailoverKind, ItemState, StepOutcome};
use actors::messages::{Operation, PointChoice};
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
    let flow = from.0;
    let seen = |at, what| Seen { at, link, what };
    vec![
        seen(from, AtDoor::In { back, flow, bytes }),
        seen(to, AtDoor::Out { back, flow }),
    ]
}

/// Names of the invariants that failed.
fn broken(story: &Story) -> Vec<String> {
    let mut names: Vec<String> = judge(story).findings.into_iter().map(|finding| finding.name).collect();
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
        let unused: Vec<&str> = result
            .checks
            .iter()
            .filter(|check| check.checked == 0)
            .map(|check| check.invariant.as_str())
            .collect();
        // Nobody tampers with anything in the story.
        let expected: &[&str] = match grain {
            Grain::Aggregate => &["point-is-prefix", "refused-was-tampered"],
            _ => &["sizes-add-up", "refused-was-tampered"],
        };
        assert_eq!(unused, expected, "{grain:?}: each invariant was looked at");
    }
}

/// Of 4 TiB next to nothing is used, and all of it is judged: what stands where nothing should, and what lacks where something should.
#[test]
fn a_hardly_used_disk_is_judged_as_a_whole_and_costs_what_is_used() {
    let store = PageStore::new(1 << 20);
    let bytes = 4_u64 << 40;
    let run = |at: u64, byte: u8| Run {
        start: Extent(at),
        extents: 1,
        content: Content::Bytes(vec![byte; EXTENT_BYTES as usize].into()),
    };
    let mut history = History::new(Root::new(None, Grain::Real), Grain::Real, bytes);
    let mut disk = Volume::new(&store, Grain::Real, bytes);
    let all = history.extents();
    for at in [700_000_001, all - 1] {
        history.write(WriteSeq(1), &run(at, 7));
        disk.write(&run(at, 7)).unwrap();
    }
    let compared = |disk: &Volume| compare_and_hash_disk(&history, Expect::At(WriteSeq(1)), disk);
    let right = compared(&disk);
    assert!(right.is_right() && right.extents == all);
    let mut stray = disk.clone();
    stray.write(&run(31_415, 1)).unwrap();
    let found = compared(&stray);
    assert_eq!((found.wrong, found.extents), (1, all));
    assert!(found.described[0].contains("31415"), "{:?}", found.described);
    assert_ne!(found.digest, right.digest);
    let mut lacks = disk.blank();
    lacks.write(&run(all - 1, 7)).unwrap();
    let found = compared(&lacks);
    assert_eq!(found.wrong, 1);
    assert!(found.described[0].contains("700000001"), "{:?}", found.described);
}

#[test]
fn a_recovered_disks_hash_is_that_of_its_bytes_up_to_its_size() {
    let story = Story::journey(Grain::Real);
    let result = judge(&story);
    for disk in &result.disks {
        let at = story
            .told
            .iter()
            .find(|told| matches!(told.fact, Fact::Recovered { kind, .. } if kind == disk.kind));
        let Some(Told {
            shown: Shown::Disks(volumes),
            ..
        }) = at
        else {
            panic!("disks are shown")
        };
        let (_, volume) = volumes.iter().find(|(of, _)| *of == disk.disk).unwrap();
        let mut bytes = Vec::new();
        volume.read_to(Extent(0), volume.extents() as u32, &mut bytes).unwrap();
        bytes.truncate(disk.bytes as usize);
        let mut of_each = blake3::Hasher::new();
        for mib in bytes.chunks(1 << 20) {
            of_each.update(blake3::hash(mib).as_bytes());
        }
        assert_eq!(disk.blake3.as_deref(), Some(of_each.finalize().to_hex().as_str()));
    }
}

#[test]
fn the_figures_of_the_journey_are_right() {
    let result = judge(&Story::journey(Grain::Real));
    let vm = &result.vms[0];
    assert_eq!(
        vm.states.last().map(|(_, state)| *state),
        Some(ItemState::FailbackCommitPending)
    );
    let lost = vm.lost().expect("a failover lost something");
    assert_eq!(
        (lost.writes, lost.bytes),
        (story::LOST_WRITES, story::LOST_WRITES * 4096)
    );
    assert_eq!(lost.ms, story::DARK_AFTER_MARK_MS);
    let failover = vm.newest(FailoverKind::Unplanned).unwrap();
    assert_eq!(failover.rto_ms(), Some(story::RTO_MS));
    assert_eq!(failover.decision_ms, Some(story::DECISION_MS));
    let home = vm.newest(FailoverKind::Failback).unwrap();
    assert_eq!(
        home.lost.map(|lost| (lost.ms, lost.writes)),
        Some((0, 0)),
        "the guest was shut down in order"
    );
    assert!(vm.newest(FailoverKind::Test).unwrap().lost.is_none());
    let rpo = vm.rpo.unwrap();
    assert!(rpo.p50_ms > 60_000 && rpo.p50_ms <= rpo.p99_ms && rpo.p99_ms <= rpo.max_ms);
    // Points come every 5 minutes and can be used after 20 s; the last minute before the disaster has the oldest.
    assert_eq!(rpo.max_ms, 5 * 60_000 + 20_000);
    assert_eq!(vm.true_rpo.unwrap().max_ms, 5 * 60_000 + 20_000);
    let ahead = |stretch: &crate::metrics::RpoStretch| stretch.true_high_ms - stretch.high_ms;
    assert_eq!(
        vm.rpo_series.first().map(ahead),
        Some(5_000),
        "the source's clock is 5 s ahead"
    );
    assert_eq!(
        vm.rpo_series.last().map(ahead),
        Some(0),
        "the machine in Azure has the right time"
    );
    assert_eq!(vm.copies.len(), 4);
}

#[test]
fn a_wrong_extent_in_a_point_is_found() {
    for grain in [Grain::Real, Grain::Extent] {
        // One bit, or another version.
        let mut story = Story::journey(grain);
        change(&mut story, |told| {
            shown_runs(told, 3).is_some_and(|runs| {
                runs[0].content = match &runs[0].content {
                    Content::Bytes(bytes) => {
                        let mut bytes = bytes.to_vec();
                        *bytes.last_mut().unwrap() ^= 1;
                        Content::Bytes(bytes.into())
                    }
                    Content::Version { class, .. } => Content::Version {
                        version: WriteSeq(1),
                        class: *class,
                    },
                    Content::Zero => panic!("the first run was written"),
                };
                true
            })
        });
        assert_found("a changed extent", &story, "point-is-prefix");

        // Zeros where there is content.
        let mut story = Story::journey(grain);
        change(&mut story, |told| {
            shown_runs(told, 3).is_some_and(|runs| {
                runs[0].content = Content::Zero;
                true
            })
        });
        assert_found("zeros", &story, "point-is-prefix");

        // A run less than what was written.
        let mut story = Story::journey(grain);
        change(&mut story, |told| {
            shown_runs(told, 3).is_some_and(|runs| runs.pop().is_some())
        });
        assert_found("a missing run", &story, "point-is-prefix");
    }
}

#[test]
fn a_point_with_the_content_of_another_moment_is_found() {
    for grain in [Grain::Real, Grain::Extent] {
        for (from, to) in [(2, 3), (4, 3)] {
            let mut story = Story::journey(grain);
            let other = story
                .told
                .iter()
                .find(|told| is_point(&told.fact, from))
                .unwrap()
                .shown
                .clone();
            change(&mut story, |told| {
                let is = is_point(&told.fact, to);
                if is {
                    told.shown = other.clone();
                }
                is
            });
            assert_found("another point's content", &story, "point-is-prefix");
        }
    }
}

#[test]
fn a_first_point_without_the_disks_content_is_found() {
    for grain in [Grain::Real, Grain::Extent] {
        let mut story = Story::journey(grain);
        change(&mut story, |told| {
            let is = is_point(&told.fact, 1);
            if is {
                told.shown = Shown::Runs(Vec::new());
            }
            is
        });
        assert_found("nothing shown", &story, "point-is-prefix");
    }
}

#[test]
fn a_point_that_shows_nothing_is_found() {
    let mut story = Story::journey(Grain::Real);
    change(&mut story, |told| {
        let is = is_point(&told.fact, 2);
        if is {
            told.shown = Shown::Nothing;
        }
        is
    });
    assert_found("no evidence", &story, "something-was-judged");
    let points = judge(&story).recovery_points;
    assert_eq!(points.verified + 1, points.made);
}

#[test]
fn a_wrong_extent_on_a_recovered_disk_is_found_wherever_it_is() {
    for grain in [Grain::Real, Grain::Extent] {
        for kind in [FailoverKind::Test, FailoverKind::Unplanned, FailoverKind::Failback] {
            for extent in [0, 3, 9, 17, story::EXTENTS - 1] {
                let mut story = Story::journey(grain);
                change(&mut story, |told| {
                    let Shown::Disks(disks) = &mut told.shown else {
                        return false;
                    };
                    if !matches!(told.fact, Fact::Recovered { kind: of, .. } if of == kind) {
                        return false;
                    }
                    story::spoil(grain, &mut disks[0].1, extent);
                    true
                });
                assert_found(&format!("{kind:?}, extent {extent}"), &story, "recovered-is-point");
                let disks = judge(&story).disks;
                let wrong = disks
                    .iter()
                    .find(|disk| disk.kind == kind && disk.disk.index == 0)
                    .unwrap();
                assert!(!wrong.verified);
            }
        }
    }
}

#[test]
fn a_recovered_disk_of_another_size_or_that_is_not_shown_is_found() {
    let mut story = Story::journey(Grain::Real);
    let small = story::empty(Grain::Real, 4096);
    change(&mut story, |told| {
        let Shown::Disks(disks) = &mut told.shown else {
            return false;
        };
        let is = matches!(told.fact, Fact::Recovered { .. });
        if is {
            disks[1].1 = small.clone();
        }
        is
    });
    assert_found("a small disk", &story, "recovered-is-point");
    let mut story = Story::journey(Grain::Real);
    change(&mut story, |told| {
        let is = matches!(told.fact, Fact::Recovered { .. });
        if is {
            told.shown = Shown::Nothing;
        }
        is
    });
    assert_found("no disk", &story, "recovered-is-point");
    assert_found("no disk", &story, "something-was-judged");
}

#[test]
fn a_life_that_begins_with_other_disks_is_found() {
    for grain in [Grain::Real, Grain::Extent] {
        for number in 0..4 {
            let mut story = Story::journey(grain);
            let mut met = 0;
            change(&mut story, |told| {
                let Shown::Disks(disks) = &mut told.shown else {
                    return false;
                };
                if !matches!(told.fact, Fact::LifeStarted { parent: Some(_), .. }) {
                    return false;
                }
                met += 1;
                if met != number + 1 {
                    return false;
                }
                story::spoil(grain, &mut disks[1].1, 2);
                true
            });
            assert_found(&format!("life {number}"), &story, "life-begins-right");
        }
    }
    let mut story = Story::journey(Grain::Extent);
    change(&mut story, |told| match &mut told.fact {
        Fact::LifeStarted {
            parent: Some(_), seq, ..
        } => {
            seq.0 -= 1;
            true
        }
        _ => false,
    });
    assert_found("a number used before", &story, "life-begins-right");
}

#[test]
fn sizes_that_do_not_add_up_are_found() {
    for off in [-1i64, 1, 4096] {
        let mut story = Story::journey(Grain::Aggregate);
        change(&mut story, |told| match &mut told.fact {
            Fact::PointProcessed {
                mark, applied_bytes, ..
            } if mark.point == 3 => {
                *applied_bytes = applied_bytes.saturating_add_signed(off);
                true
            }
            _ => false,
        });
        assert_found("sizes", &story, "sizes-add-up");
        let result = judge(&story);
        assert_eq!(result.recovery_points.verified + 1, result.recovery_points.made);
    }
}

#[test]
fn a_protocol_out_of_order_is_found() {
    let is_batch = |number: u64| move |fact: &Fact| matches!(fact, Fact::TagStored { protection: 1, batch, .. } if *batch == number);
    // (what, how, which law)
    type Mutation = (&'static str, fn(&mut Story), &'static str);
    let mutations: [Mutation; 15] = [
        (
            "an acknowledgement comes before the cache is durable",
            |story| {
                change(story, |told| match &mut told.shown {
                    Shown::Cached(files) => {
                        files[0].2 -= 1;
                        true
                    }
                    _ => false,
                });
            },
            "acknowledged-is-durable",
        ),
        (
            "an epoch is granted before its fence",
            |story| {
                change(story, |told| match &mut told.shown {
                    Shown::Fences(at) => {
                        at[0].1 = at[0].1.map(|epoch| epoch - 1);
                        true
                    }
                    _ => false,
                });
            },
            "fenced-before-granted",
        ),
        (
            "an epoch is granted, and another target has the fence",
            |story| {
                change(story, |told| match &mut told.shown {
                    Shown::Fences(at) => {
                        at[0].0 = story::SOURCE;
                        true
                    }
                    _ => false,
                });
            },
            "fenced-before-granted",
        ),
        (
            "a tag is missing",
            |story| {
                drop_facts(story, |fact| {
                    matches!(
                        fact,
                        Fact::TagStored {
                            protection: 1,
                            batch: 3,
                            ..
                        }
                    )
                })
            },
            "tags-in-order",
        ),
        (
            "a segment is missing",
            |story| {
                let kind = SegmentKind::Changes { batch: 3 };
                drop_facts(
                    story,
                    |fact| matches!(fact, Fact::SegmentStored { disk, kind: of, .. } if *of == kind && disk.index == 0),
                );
            },
            "tags-in-order",
        ),
        (
            "an acknowledgement is missing",
            |story| drop_facts(story, |fact| matches!(fact, Fact::BatchCached { batch: 3, .. })),
            "tags-in-order",
        ),
        (
            "a batch was never cut",
            |story| drop_facts(story, |fact| matches!(fact, Fact::BatchCut { batch: 3, .. })),
            "batches-in-order",
        ),
        (
            "a batch skips a write",
            |story| {
                change(story, |told| match &mut told.fact {
                    Fact::BatchCut { batch: 3, first, .. } => {
                        first.0 += 1;
                        true
                    }
                    _ => false,
                });
            },
            "batches-in-order",
        ),
        (
            "a mark claims to be younger",
            |story| {
                change(story, |told| match &mut told.fact {
                    Fact::BatchCut {
                        batch: 4,
                        last,
                        mark: Some(mark),
                        ..
                    } => {
                        last.0 -= 1;
                        mark.seq = *last;
                        true
                    }
                    _ => false,
                });
            },
            "point-is-as-old-as-it-says",
        ),
        (
            "a mark by a wrong clock",
            |story| {
                change(story, |told| match &mut told.fact {
                    Fact::BatchCut { mark: Some(mark), .. } => {
                        mark.marked_source.0 += 1;
                        true
                    }
                    _ => false,
                });
            },
            "clocks-agree",
        ),
        (
            "a copy that does not end",
            |story| {
                drop_facts(
                    story,
                    |fact| matches!(fact, Fact::CopyEnded { protection: 1, disk, .. } if disk.index == 1),
                )
            },
            "no-point-during-copy",
        ),
        (
            "a copy with a hole",
            |story| {
                change(story, |told| match &mut told.fact {
                    Fact::CopyProgress {
                        processed_bytes,
                        skipped_bytes,
                        ..
                    } => {
                        *processed_bytes -= 4096;
                        *skipped_bytes -= 4096;
                        true
                    }
                    _ => false,
                });
            },
            "copies-add-up",
        ),
        (
            "a point processed before its tag",
            |story| {
                let tag = story.told.iter().position(|told| {
                    matches!(&told.fact, Fact::TagStored { protection: 1, mark: Some(mark), .. } if mark.point == 3)
                });
                let point = story.told.iter().position(|told| is_point(&told.fact, 3));
                story.told.swap(tag.unwrap(), point.unwrap());
            },
            "points-in-order",
        ),
        (
            "an epoch granted twice",
            |story| {
                let granted = story
                    .told
                    .iter()
                    .find(|told| matches!(told.fact, Fact::EpochGranted { .. }))
                    .unwrap()
                    .clone();
                story.told.push(granted);
            },
            "nonces-never-repeat",
        ),
        (
            "a counter used twice",
            |story| {
                change(story, |told| match &mut told.fact {
                    Fact::SegmentStored {
                        first_counter,
                        kind: SegmentKind::Changes { batch: 4 },
                        ..
                    } => {
                        *first_counter = 0;
                        true
                    }
                    _ => false,
                });
            },
            "nonces-never-repeat",
        ),
    ];
    for grain in [Grain::Real, Grain::Extent, Grain::Aggregate] {
        for (what, mutate, law) in mutations {
            let mut story = Story::journey(grain);
            mutate(&mut story);
            assert_found(what, &story, law);
        }
    }
    let mut story = Story::journey(Grain::Extent);
    let first = story.told.iter().position(|told| is_batch(2)(&told.fact)).unwrap();
    let again = story.told[first].clone();
    story.told.insert(first + 1, again);
    assert_found("a tag twice", &story, "tags-in-order");
}

#[test]
fn a_guests_write_that_is_not_what_it_says_is_found() {
    let mut story = Story::journey(Grain::Real);
    change(&mut story, |told| match &mut told.fact {
        Fact::Wrote { hash, .. } => {
            hash[0] ^= 1;
            true
        }
        _ => false,
    });
    assert_found("another hash", &story, "writes-in-order");
    let mut story = Story::journey(Grain::Extent);
    change(&mut story, |told| match &mut told.fact {
        Fact::Wrote { seq, .. } if seq.0 == 5 => {
            seq.0 = 4;
            true
        }
        _ => false,
    });
    assert_found("a number again", &story, "writes-in-order");
}

#[test]
fn a_state_or_a_link_beyond_its_rules_is_found() {
    let mut story = Story::journey(Grain::Extent);
    drop_facts(&mut story, |fact| {
        matches!(
            fact,
            Fact::State {
                state: ItemState::FailoverInProgress,
                ..
            }
        )
    });
    assert_found("a leap", &story, "states-follow-table");
    let mut story = Story::journey(Grain::Extent);
    change(&mut story, |told| match &mut told.fact {
        Fact::LinkUse { bytes, .. } => {
            *bytes *= 100;
            true
        }
        _ => false,
    });
    assert_found("too much", &story, "links-keep-their-rate");
}

#[test]
fn a_link_that_is_too_fast_or_open_while_it_is_cut_is_found() {
    let story = Story::protected(Grain::Extent, 1);
    let seen = |ms: u64, what| Seen {
        at: SimTime(ms * 1_000_000),
        link: 0,
        what,
    };
    let (back, flow) = (false, 8);
    let packet = |entered, left| {
        let bytes = 1_000_000;
        [
            seen(entered, AtDoor::In { back, flow, bytes }),
            seen(left, AtDoor::Out { back, flow }),
        ]
    };
    let found = |doors: &[Seen]| -> Vec<String> {
        let mut oracle = Oracle::new(&story.spec, story.grain, story::SEED);
        oracle.links(doors);
        // A byte a microsecond.
        let used = Fact::LinkUse {
            link: 0,
            back,
            from: SimTime(0),
            to: SimTime(60_000_000_000),
            bytes: 1_000_000,
        };
        oracle.fact(SimTime(60_000_000_000), &used, None);
        let result = oracle.finish(SimTime(60_000_000_000));
        result.findings.into_iter().map(|finding| finding.name).collect()
    };
    let fast = "links-take-their-time";
    let open = "cut-links-carry-nothing";
    assert!(found(&packet(5, 1_006)).is_empty());
    assert_eq!(found(&packet(5, 1_005)), [fast], "without latency");
    assert_eq!(
        found(&packet(5, 956)),
        [fast],
        "5 % too fast, in one second of a minute"
    );
    let (cut, restored) = (
        seen(500, AtDoor::Changed(LinkChange::Cut)),
        seen(800, AtDoor::Changed(LinkChange::Restore)),
    );
    let [entered, left] = packet(5, 1_006);
    assert_eq!(found(&[entered.clone(), cut.clone(), left.clone()]), [open]);
    assert_eq!(
        found(&[entered, cut.clone(), restored.clone(), left]),
        [open],
        "a cut loses what is in flight"
    );
    let [entered, left] = packet(600, 1_601);
    assert_eq!(
        found(&[cut, entered, restored, left])[0],
        open,
        "offered while it was cut"
    );
}

/// Ends a story after a fact, and lets so many minutes pass.
fn stop_after(story: &mut Story, minutes: u64, is_last: impl Fn(&Fact) -> bool) {
    let stuck = story.told.iter().rposition(|told| is_last(&told.fact)).unwrap();
    story.told.truncate(stuck + 1);
    let at = story.told[stuck].at.after(minutes * 60_000_000_000);
    pass_time(story, at);
}

fn pass_time(story: &mut Story, at: SimTime) {
    let fact = Fact::Alert {
        vm: Some(VM),
        severity: actors::facts::Severity::Warning,
        code: String::new(),
        text: "time passes".to_owned(),
    };
    let shown = Shown::Nothing;
    story.told.push(Told { at, fact, shown });
}

/// A machine of a story has no power from a fact's time on.
fn dark_from(story: &mut Story, from: usize, machine: actors::ports::MachineId) {
    let at = story.told[from].at;
    let fact = Fact::Power { machine, on: false };
    let shown = Shown::Nothing;
    story.told.insert(from + 1, Told { at, fact, shown });
}

#[test]
fn a_batch_that_never_gets_its_tag_is_found_at_the_end() {
    let mut story = Story::protected(Grain::Extent, 3);
    stop_after(&mut story, 7, |fact| matches!(fact, Fact::BatchCached { .. }));
    assert_found("an acknowledged batch", &story, "acknowledged-is-kept");
    assert_found("a batch that waits", &story, "cut-is-stored");
    let cached = story.told.len() - 2;
    let mut elsewhere = Story::protected(Grain::Extent, 3);
    elsewhere.told = story.told.clone();
    dark_from(&mut elsewhere, cached, story::PROCESS_SERVER);
    assert_eq!(broken(&elsewhere), Vec::<String>::new(), "the process server is dark");
    let mut elsewhere = Story::protected(Grain::Extent, 3);
    elsewhere.told = story.told.clone();
    dark_from(&mut elsewhere, cached, actors::ports::MachineId(2));
    assert_found(
        "who is not on its way excuses nothing",
        &elsewhere,
        "acknowledged-is-kept",
    );
}

#[test]
fn a_batch_that_no_process_server_takes_is_found() {
    let mut story = Story::protected(Grain::Extent, 3);
    stop_after(&mut story, 6, |fact| matches!(fact, Fact::BatchCut { .. }));
    assert_eq!(broken(&story), ["cut-is-stored"]);
    let text = &judge(&story).findings[0].text;
    assert!(text.contains("no process server has acknowledged batch 4"), "{text}");
}

#[test]
fn a_stored_point_that_is_never_processed_is_found_and_told() {
    let mut story = Story::protected(Grain::Extent, 3);
    stop_after(&mut story, 6, |fact| matches!(fact, Fact::TagStored { .. }));
    let result = judge(&story);
    assert_eq!(broken(&story), ["stored-is-processed"]);
    let text = &result.findings[0].text;
    assert!(
        text.contains("point 4 was stored") && text.contains("nothing is missing"),
        "{text}"
    );
    assert_eq!(result.unfinished.len(), 1);
    assert!(
        result.unfinished[0]
            .what
            .contains("point 4 is stored and not processed")
    );
    let mut soon = Story::protected(Grain::Extent, 3);
    stop_after(&mut soon, 4, |fact| matches!(fact, Fact::TagStored { .. }));
    let result = judge(&soon);
    assert_eq!(result.findings, Vec::new(), "within the bound");
    assert_eq!(result.unfinished.len(), 1, "and told all the same");
}

#[test]
fn a_point_that_is_processed_too_late_is_found() {
    let mut story = Story::protected(Grain::Extent, 3);
    let late = story.told.len() - 1;
    assert!(is_point(&story.told[late].fact, 4));
    story.told[late].at = story.told[late].at.after(400_000_000_000);
    assert_eq!(broken(&story), ["stored-is-processed"]);
}

#[test]
fn a_copy_whose_end_leads_to_nothing_is_found() {
    let mut story = Story::protected(Grain::Extent, 0);
    stop_after(&mut story, 16, |fact| matches!(fact, Fact::CopyEnded { .. }));
    let found = broken(&story);
    assert_eq!(found, ["copies-are-applied", "transitions-end"]);
    assert!(judge(&story).unfinished[0].what.contains("initial-replication"));
    let mut story = Story::protected(Grain::Extent, 0);
    stop_after(&mut story, 16, |fact| matches!(fact, Fact::CopyStarted { .. }));
    let result = judge(&story);
    let not_ended = |finding: &crate::metrics::Finding| {
        finding.name == "copies-are-applied" && finding.text.contains("it has not ended")
    };
    assert!(result.findings.iter().any(not_ended), "{:?}", result.findings);
}

#[test]
fn a_resynchronization_without_a_copy_is_found() {
    let mut story = Story::protected(Grain::Extent, 2);
    let at = story.told.last().unwrap().at;
    let fact = Fact::State {
        vm: VM,
        state: ItemState::Resynchronizing,
    };
    let shown = Shown::Nothing;
    story.told.push(Told { at, fact, shown });
    pass_time(&mut story, at.after(9 * 60_000_000_000));
    assert_eq!(broken(&story), Vec::<String>::new());
    pass_time(&mut story, at.after(11 * 60_000_000_000));
    assert_eq!(broken(&story), ["transitions-end"]);
    let text = &judge(&story).findings[0].text;
    assert!(text.contains("no copy of it is under way"), "{text}");
}

/// A story in which the operator ordered a failover, and what was told of it.
fn ordered(told: &[(u64, StepOutcome)]) -> Story {
    let mut story = Story::protected(Grain::Extent, 2);
    let failover = Operation::Failover {
        vm: VM,
        point: PointChoice::Latest,
        shutdown: false,
    };
    let step = StepSpec {
        after: Vec::new(),
        delay: 0,
        action: Action::Ask(failover),
        expect_refusal: false,
    };
    let operator = OperatorSpec {
        service: actors::ports::MachineId(3),
        storage: actors::ports::MachineId(3),
        steps: vec![step],
    };
    let components = &mut story.spec.machines[3].components;
    components.retain(|component| !matches!(component, ComponentSpec::Operator(_)));
    components.push(ComponentSpec::Operator(operator));
    let begin = story.told.last().unwrap().at;
    for (minutes, outcome) in told {
        let fact = Fact::Step {
            step: 0,
            outcome: outcome.clone(),
        };
        let at = begin.after(minutes * 60_000_000_000);
        let shown = Shown::Nothing;
        story.told.push(Told { at, fact, shown });
    }
    story
}

#[test]
fn an_operation_without_end_is_found() {
    let mut story = ordered(&[(0, StepOutcome::Started)]);
    let begun = story.told.last().unwrap().at;
    pass_time(&mut story, begun.after(34 * 60_000_000_000));
    assert_eq!(broken(&story), Vec::<String>::new());
    assert!(
        judge(&story)
            .unfinished
            .iter()
            .any(|one| one.what == "failover has not ended")
    );
    pass_time(&mut story, begun.after(37 * 60_000_000_000));
    assert_eq!(broken(&story), ["operations-end"]);
    let failed = StepOutcome::Failed("out of patience".to_owned());
    assert_eq!(
        broken(&ordered(&[(0, StepOutcome::Started), (5, failed)])),
        Vec::<String>::new()
    );
}

#[test]
fn a_failover_that_is_done_and_was_compared_with_nothing_is_found() {
    let story = ordered(&[(0, StepOutcome::Started), (5, StepOutcome::Done)]);
    assert_eq!(broken(&story), ["something-was-judged"]);
}

#[test]
fn after_a_cut_a_disk_may_lack_only_what_was_not_flushed() {
    for grain in [Grain::Real, Grain::Extent] {
        assert_eq!(
            broken(&Story::restart(grain, story::Torn::Nothing)),
            Vec::<String>::new()
        );
        assert_eq!(
            broken(&Story::restart(grain, story::Torn::AllUnflushed)),
            Vec::<String>::new()
        );
        assert_eq!(
            broken(&Story::restart(grain, story::Torn::SomeUnflushed)),
            Vec::<String>::new()
        );
        assert_found(
            "flushed and gone",
            &Story::restart(grain, story::Torn::Flushed),
            "life-begins-right",
        );
    }
}

#[test]
fn findings_say_what_the_extent_holds_instead() {
    let mut story = Story::journey(Grain::Real);
    change(&mut story, |told| {
        shown_runs(told, 3).is_some_and(|runs| {
            runs[0].content = Content::Zero;
            true
        })
    });
    let result = judge(&story);
    let text = &result.findings[0].text;
    assert!(text.contains("point 3") && text.contains("disk 0 of vm0"), "{text}");
    assert!(
        text.contains("should hold what write") && text.contains("it holds zeros"),
        "{text}"
    );
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

/// Changes the file behind the first stored segment of a kind.
fn change_file(story: &mut Story, of: SegmentKind, mut change: impl FnMut(&mut Vec<(String, Blob)>)) {
    let met = story
        .told
        .iter_mut()
        .find_map(|told| match (&told.fact, &mut told.shown) {
            (Fact::SegmentStored { kind, .. }, Shown::Stored(files)) if *kind == of => Some(files),
            _ => None,
        });
    change(met.expect("the story has such a segment"));
}

#[test]
fn a_stored_file_that_is_not_what_the_guest_wrote_is_found() {
    let batch = |batch| SegmentKind::Changes { batch };
    for grain in [Grain::Real, Grain::Extent, Grain::Aggregate] {
        // No file at all: a target that says that it stored something.
        let mut story = Story::journey(grain);
        change_file(&mut story, batch(3), Vec::clear);
        assert_found("no file", &story, "stored-is-written");
        assert_found("no file", &story, "something-was-judged");
        // The batch before in its place.
        let mut story = Story::journey(grain);
        let mut other = Vec::new();
        change_file(&mut story, batch(2), |files| other = files.clone());
        change_file(&mut story, batch(3), |files| files[0].1 = other[0].1.clone());
        assert_found("another batch", &story, "storage-holds-ciphertext");
        // A piece of a copy that was lost on the way.
        let mut story = Story::journey(grain);
        drop_facts(
            &mut story,
            |fact| matches!(fact, Fact::SegmentStored { kind: SegmentKind::Copy { .. }, disk, .. } if disk.index == 1),
        );
        assert_found("a piece is missing", &story, "copies-end-stored");
        // Bytes of another write: sealed as it should be, and wrong.
        let mut story = Story::journey(grain);
        let (mut nonce, mut range) = ((0, 0), (WriteSeq(0), WriteSeq(0)));
        for told in &story.told {
            match &told.fact {
                Fact::SegmentStored {
                    kind,
                    epoch,
                    first_counter,
                    ..
                } if *kind == batch(3) && nonce == (0, 0) => nonce = (*epoch, *first_counter),
                Fact::BatchCut {
                    batch: 3, first, last, ..
                } if range.1.0 == 0 => range = (*first, *last),
                _ => {}
            }
        }
        let disk = DiskId { vm: VM, index: 0 };
        let wrong = DiskChanges {
            disk,
            first: range.0,
            last: range.1,
            runs: match grain {
                Grain::Aggregate => Vec::new(),
                _ => vec![Run {
                    start: Extent(0),
                    extents: 20,
                    content: Content::Zero,
                }],
            },
            summary: (grain == Grain::Aggregate).then_some(Summary {
                disk,
                first: range.0,
                last: range.1,
                bytes: 1,
                distinct_bytes: 1,
                chunks: 1,
                class: Class(0),
                life: (0, WriteSeq(0)),
            }),
        };
        let key = VaultKey::public_test_key();
        let blob = story::sealed(grain, &key, batch(3), nonce, vec![wrong]);
        change_file(&mut story, batch(3), |files| files[0].1 = blob.clone());
        assert_found("other content", &story, "stored-is-written");
        let points = judge(&story).recovery_points;
        assert!(points.verified < points.made, "{grain:?}: the point is not verified");
    }
}

#[test]
fn a_stored_file_that_is_not_sealed_as_it_should_be_is_found() {
    let kind = SegmentKind::Changes { batch: 3 };
    let law = "storage-holds-ciphertext";
    // A byte anywhere: magic, header, rows, manifest, chunk, seal.
    for at in [3, 14, 30, 60, 100, 200, 5_000] {
        let mut story = Story::journey(Grain::Real);
        change_file(&mut story, kind, |files| {
            let mut bytes = files[0].1.bytes.to_vec();
            let at = at.min(bytes.len() - 1);
            bytes[at] ^= 4;
            files[0].1 = Blob::real(bytes);
        });
        let names = broken(&story);
        assert!(
            names.iter().any(|name| name == law || name == "stored-is-written"),
            "byte {at}: {names:?}"
        );
    }
    // Sealed with nonces that are not those that it names: the log's are what the oracle opens it with, if the header says so too.
    for (what, epoch, by) in [("another counter", 0, 1), ("another epoch", 1, 0)] {
        let mut story = Story::journey(Grain::Real);
        change(&mut story, |told| match &mut told.fact {
            Fact::SegmentStored {
                kind: of,
                epoch: named,
                first_counter,
                ..
            } if *of == kind => {
                *named += epoch;
                *first_counter += by;
                true
            }
            _ => false,
        });
        assert_found(what, &story, law);
    }
}

#[test]
fn a_point_or_a_file_that_goes_too_early_is_found() {
    // Nothing is being committed when the retention is said to be over.
    for (why, law) in [("retention", "points-are-kept"), ("grid", "points-are-kept")] {
        let mut story = Story::journey(Grain::Extent);
        change(&mut story, |told| match &mut told.fact {
            Fact::PointPruned { why: said, .. } => {
                *said = why.to_owned();
                true
            }
            _ => false,
        });
        assert_found(why, &story, law);
    }
    let story = Story::protected(Grain::Extent, 3);
    let removed = |batch: u64| {
        let mut oracle = Oracle::new(&story.spec, story.grain, story::SEED);
        for told in &story.told {
            oracle.links(&doors_of(&told.fact));
            oracle.fact(told.at, &told.fact, told.shown.evidence());
        }
        oracle.removed(&[format!("segments/0001/vm0/disk0/batch-{batch:08}")]);
        let findings = oracle.finish(story.told.last().unwrap().at).findings;
        findings
            .into_iter()
            .map(|finding| finding.name)
            .collect::<Vec<String>>()
    };
    assert_eq!(removed(1), Vec::<String>::new(), "the oldest point includes it");
    assert_eq!(removed(3), ["points-are-kept"]);
}

#[test]
fn a_merge_that_changes_what_it_holds_is_found() {
    for grain in [Grain::Real, Grain::Extent] {
        let merge = |spoilt: bool| {
            let mut story = Story::protected(grain, 3);
            let (key, disk) = (VaultKey::public_test_key(), DiskId { vm: VM, index: 0 });
            let of = |wanted: u64| {
                let found = story.told.iter().find_map(|told| match (&told.fact, &told.shown) {
                    (Fact::SegmentStored { kind, disk: of, .. }, Shown::Stored(files))
                        if *kind == (SegmentKind::Changes { batch: wanted }) && *of == disk =>
                    {
                        Some(files[0].clone())
                    }
                    _ => None,
                });
                found.unwrap()
            };
            let mut files = vec![of(2), of(3)];
            let mut vault = Vault::new(story::VAULT, key.clone());
            let mut parts = Vec::new();
            for (_, blob) in &files {
                let opened = vault.open(blob).unwrap();
                parts.push(DiskChanges {
                    disk,
                    first: opened.header.first,
                    last: opened.header.last,
                    runs: opened.runs,
                    summary: None,
                });
            }
            if spoilt {
                parts.pop();
            }
            let kind = SegmentKind::Merged { from: 2, to: 3 };
            let blob = story::sealed(grain, &key, kind, (1, 0), parts);
            files.push((reader::file_name(1, disk, kind), blob));
            let merged = Fact::BatchesMerged {
                vm: VM,
                protection: 1,
                from: 2,
                to: 3,
                first: WriteSeq(1),
                last: WriteSeq(8),
                bytes_before: 2,
                stored_bytes: 1,
            };
            let at = story.told.last().unwrap().at;
            let shown = Shown::Stored(files);
            story.told.push(Told {
                at,
                fact: merged,
                shown,
            });
            broken(&story)
        };
        assert!(
            !merge(false).contains(&"stored-is-written".to_owned()),
            "{:?}",
            merge(false)
        );
        assert!(
            merge(true).contains(&"stored-is-written".to_owned()),
            "{:?}",
            merge(true)
        );
    }
}

#[test]
fn a_failover_that_takes_less_than_was_asked_for_is_found() {
    // Another batch is complete in storage when the failover begins, and the failover takes the point before it.
    let mut story = Story::journey(Grain::Extent);
    change(&mut story, |told| match &mut told.fact {
        Fact::Recovered {
            kind: FailoverKind::Unplanned,
            point,
            seq,
            ..
        } => {
            *point -= 1;
            seq.0 -= 4;
            true
        }
        _ => false,
    });
    assert_found("an older point", &story, "latest-is-newest");
}

#[test]
fn a_refusal_that_nobody_caused_is_found() {
    let mut story = Story::protected(Grain::Extent, 1);
    let fact = Fact::SegmentRefused {
        name: "vm0/disk0/batch-00000002".to_owned(),
        why: "a chunk was changed".to_owned(),
    };
    let at = story.told.last().unwrap().at;
    story.told.push(Told {
        at,
        fact,
        shown: Shown::Nothing,
    });
    assert_found("a refusal", &story, "refused-was-tampered");
}

#[test]
fn an_app_consistent_point_without_a_flush_is_found() {
    let mut story = Story::journey(Grain::Extent);
    drop_facts(&mut story, |fact| matches!(fact, Fact::GuestFlushed { .. }));
    assert_found("no flush", &story, "app-points-are-quiesced");
}

#[test]
fn a_reported_figure_that_is_not_what_happened_is_found() {
    let story = Story::journey(Grain::Extent);
    let mut figures = Figures::default();
    for told in &story.told {
        figures.fact(told.at, &told.fact);
        match &told.fact {
            Fact::Wrote { life, seq, extents, .. } if life.machine != story::TEST => {
                figures.wrote(told.at, *life, *seq, 1, u64::from(*extents) * 4096);
            }
            Fact::Power { machine, on: false } => figures.power_lost(told.at, *machine),
            _ => {}
        }
    }
    let end = story.told.last().unwrap().at;
    let reported = judge(&story).vms[0].clone();
    assert_eq!(figures.clone().end(end, &reported), Vec::<String>::new());
    // Each figure a little too good.
    let wrong: [fn(&mut VmResult); 6] = [
        |vm| vm.rpo.as_mut().unwrap().max_ms -= 1,
        |vm| vm.rpo.as_mut().unwrap().p50_ms = vm.rpo.unwrap().p50_ms * 95 / 100,
        |vm| vm.true_rpo.as_mut().unwrap().over_ms -= 1,
        |vm| vm.failovers[1].lost.as_mut().unwrap().writes -= 1,
        |vm| vm.failovers[1].lost.as_mut().unwrap().ms -= 1,
        |vm| vm.failovers[1].workload_up = Some(vm.failovers[1].started),
    ];
    for (number, wrong) in wrong.into_iter().enumerate() {
        let mut reported = reported.clone();
        wrong(&mut reported);
        assert_eq!(figures.clone().end(end, &reported).len(), 1, "figure {number}");
    }
}

#[test]
fn a_point_that_is_stored_and_never_processed_counts_as_made_and_not_for_rpo() {
    let mut story = Story::protected(Grain::Extent, 3);
    let before = judge(&story);
    drop_facts(&mut story, |fact| is_point(fact, 3));
    let after = judge(&story);
    let points = after.recovery_points;
    assert_eq!((points.made, points.waiting), (4, 1), "{points:?}");
    assert!(points.verified < 4, "{points:?}");
    assert_eq!(before.recovery_points.verified, 4);
    assert!(after.vms[0].rpo.unwrap().max_ms > before.vms[0].rpo.unwrap().max_ms);
}
