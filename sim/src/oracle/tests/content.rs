//! Content: points, recovered disks, lives, and what a guest wrote.

use super::*;

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
