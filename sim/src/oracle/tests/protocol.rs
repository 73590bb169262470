//! The order of the protocol, states, and links.

use super::*;

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
                    |fact| matches!(fact, Fact::SegmentsStored { segments, kind: of, .. } if *of == kind && segments[0].disk.index == 0),
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
                    Fact::SegmentsStored {
                        segments,
                        kind: SegmentKind::Changes { batch: 4 },
                        ..
                    } => {
                        segments[0].first_counter = 0;
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
        result
            .findings
            .into_iter()
            .map(|finding| finding.law.to_string())
            .collect()
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
