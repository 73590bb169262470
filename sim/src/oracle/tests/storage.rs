//! What lies in storage, and how long.

use super::*;

/// Changes the file behind the first stored segment of a kind.
fn change_file(story: &mut Story, of: SegmentKind, mut change: impl FnMut(&mut Vec<(String, Blob)>)) {
    let met = story
        .told
        .iter_mut()
        .find_map(|told| match (&told.fact, &mut told.shown) {
            (Fact::SegmentsStored { kind, .. }, Shown::Stored(files)) if *kind == of => Some(files),
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
            |fact| matches!(fact, Fact::SegmentsStored { kind: SegmentKind::Copy { .. }, segments, .. } if segments[0].disk.index == 1),
        );
        assert_found("a piece is missing", &story, "copies-end-stored");
        // Bytes of another write: sealed as it should be, and wrong.
        let mut story = Story::journey(grain);
        let (mut nonce, mut range) = ((0, 0), (WriteSeq(0), WriteSeq(0)));
        for told in &story.told {
            match &told.fact {
                Fact::SegmentsStored { kind, segments, .. } if *kind == batch(3) && nonce == (0, 0) => {
                    nonce = (segments[0].epoch, segments[0].first_counter);
                }
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
            Fact::SegmentsStored { kind: of, segments, .. } if *of == kind => {
                segments[0].epoch += epoch;
                segments[0].first_counter += by;
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
            .map(|finding| finding.law.to_string())
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
                    (Fact::SegmentsStored { kind, segments, .. }, Shown::Stored(files))
                        if *kind == (SegmentKind::Changes { batch: wanted }) && segments[0].disk == disk =>
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
