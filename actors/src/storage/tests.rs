//! The laws of storage, in a small world.

mod disk;

use std::rc::Rc;

use datapath::replica::Tag;
use datapath::seal::VaultKey;
use datapath::segment::{SegmentHeader, SegmentKind};
use datapath::{Blob, DiskId, Grain, VmId, WriteSeq};

use super::Storage;
use crate::facts::Fact;
use crate::messages::refusal::Refusal;
use crate::messages::replica::MergedBatches;
use crate::messages::segments::{InTurn, Packed};
use crate::messages::{Body, PORT_MANAGEMENT, replica, segments};
use crate::nouns::{ActorId, ComponentKind, MachineId};
use crate::ports::{ConnId, Env};
use crate::spec::StorageSpec;
use crate::testing::{self, Bench};

const VAULT: [u8; 16] = [7; 16];
const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };

struct Setting {
    bench: Rc<Bench>,
    storage: ActorId,
    sealer: ActorId,
    env: Env,
    conn: ConnId,
}

fn setting() -> Setting {
    let bench = Bench::new(Grain::Real);
    let (storage, env) = bench.actor(0, ComponentKind::Storage);
    bench.put(storage, Storage::new(StorageSpec { vault: VAULT }, env));
    let (sealer, env) = bench.actor(1, ComponentKind::ProcessServer);
    bench.run_seconds(1);
    let conn = env.connect(MachineId(0), PORT_MANAGEMENT);
    bench.run_seconds(1);
    Setting {
        bench,
        storage,
        sealer,
        env,
        conn,
    }
}

/// A sealed segment, by a sealer of that epoch; `number` is its last write.
fn sealed(vault: [u8; 16], kind: SegmentKind, number: u64, epoch: u32) -> (Packed, Blob) {
    let key = VaultKey::public_test_key().disk_key(DISK);
    testing::packed(testing::sealed(
        (&key, vault),
        (DISK, kind),
        (3, number as u8, number),
        (epoch, 0),
    ))
}

/// A batch's segment as a frame.
fn segment(vault: [u8; 16], batch: u64, epoch: u32) -> (Body, Blob, SegmentHeader) {
    let (packed, blob) = sealed(vault, SegmentKind::Changes { batch }, batch, epoch);
    let header = packed.header.clone();
    let body = Body::SegmentsToTarget(segments::ToTarget::PutSegments {
        protection: 1,
        segments: vec![packed],
        tag: None,
    });
    (body, blob, header)
}

/// What batches came to, as a frame.
fn merged(vault: [u8; 16], from: u64, to: u64, epoch: u32) -> (Body, Blob, Tag) {
    let (packed, blob) = sealed(vault, SegmentKind::Merged { from, to }, to, epoch);
    let Body::SegmentsToTarget(segments::ToTarget::PutTag {
        tag: InTurn { tag, .. },
        ..
    }) = tag(to, packed.header.clone())
    else {
        unreachable!("a tag")
    };
    let body = Body::ReplicaToStorage(replica::ToStorage::PutMerged {
        vm: VmId(0),
        protection: 1,
        merged: MergedBatches {
            from,
            tag: tag.clone(),
            segments: vec![packed],
        },
    });
    (body, blob, tag)
}

fn tag(batch: u64, header: SegmentHeader) -> Body {
    let (first, last) = (WriteSeq(batch), WriteSeq(batch));
    let tag = Tag {
        batch,
        first,
        last,
        segments: [header].into(),
        cut: Default::default(),
        mark: None,
    };
    Body::SegmentsToTarget(segments::ToTarget::PutTag {
        vm: VmId(0),
        protection: 1,
        tag: InTurn { tag, after: None },
    })
}

impl Setting {
    fn answers(&self) -> Vec<Body> {
        self.bench.run_seconds(1);
        self.bench
            .take_frames(self.sealer)
            .into_iter()
            .map(|(_, frame)| frame.body)
            .collect()
    }

    fn stored(&self) -> usize {
        let facts = self.bench.facts();
        let stored = facts.iter().map(|(_, fact)| match fact {
            Fact::SegmentsStored { segments, .. } => segments.len(),
            _ => 0,
        });
        stored.sum()
    }
}

fn refused(answers: &[Body]) -> Option<Refusal> {
    match answers {
        [Body::SegmentsToProcessServer(segments::ToProcessServer::SegmentsPut { refused, .. })] => refused.clone(),
        other => panic!("one answer to one segment: {other:?}"),
    }
}

#[test]
fn a_tag_is_stored_only_after_all_its_segments() {
    let s = setting();
    let (body, blob, header) = segment(VAULT, 1, 1);
    s.env.send(s.conn, tag(1, header.clone()));
    assert!(s.answers().is_empty(), "a tag without its segments is not acknowledged");
    s.env.send_with(s.conn, body, blob);
    assert_eq!(refused(&s.answers()), None);
    s.env.send(s.conn, tag(1, header));
    assert!(matches!(
        s.answers()[..],
        [Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut {
            batch: 1,
            ..
        })]
    ));
}

/// A batch's segment with its tag, as a frame.
fn batch(vault: [u8; 16], number: u64, epoch: u32) -> (Body, Blob) {
    let (body, blob, header) = segment(vault, number, epoch);
    let (
        Body::SegmentsToTarget(segments::ToTarget::PutSegments { segments, .. }),
        Body::SegmentsToTarget(segments::ToTarget::PutTag { tag, protection, .. }),
    ) = (body, tag(number, header))
    else {
        unreachable!("a segment and its tag")
    };
    let body = Body::SegmentsToTarget(segments::ToTarget::PutSegments {
        protection,
        segments,
        tag: Some(tag),
    });
    (body, blob)
}

#[test]
fn a_tag_that_comes_with_its_segments_is_stored_after_them_and_answers_for_them() {
    let s = setting();
    for _ in 0..2 {
        let (body, blob) = batch(VAULT, 1, 1);
        s.env.send_with(s.conn, body, blob);
        let answers = s.answers();
        let both = matches!(
            answers[..],
            [Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut {
                batch: 1,
                segments: 1,
                ..
            })]
        );
        assert!(both, "also the second time: {answers:?}");
    }
    let facts = s.bench.facts();
    let stored: Vec<_> = facts
        .iter()
        .filter_map(|(at, fact)| match fact {
            Fact::SegmentsStored { .. } => Some((*at, "segment")),
            Fact::TagStored { batch: 1, .. } => Some((*at, "tag")),
            _ => None,
        })
        .collect();
    let [(segment, "segment"), (tag, "tag")] = stored[..] else {
        panic!("each once, the segment first: {stored:?}");
    };
    assert!(segment <= tag);
}

/// A batch's segment with its tag, which comes after another batch's.
fn batch_after(number: u64, before: u64) -> (Body, Blob) {
    let (mut body, blob) = batch(VAULT, number, 1);
    if let Body::SegmentsToTarget(segments::ToTarget::PutSegments { tag: Some(tag), .. }) = &mut body {
        tag.after = Some(before);
    }
    (body, blob)
}

#[test]
fn tags_that_are_on_their_way_together_are_stored_in_their_order() {
    let s = setting();
    let (body, blob) = batch(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    for number in 2..5 {
        let (body, blob) = batch_after(number, number - 1);
        s.env.send_with(s.conn, body, blob);
    }
    let put = |body: &Body| match body {
        Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut { batch, .. }) => *batch,
        other => panic!("a tag: {other:?}"),
    };
    assert_eq!(s.answers().iter().map(put).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn a_tag_before_its_turn_is_not_taken_in_and_its_segments_are() {
    let s = setting();
    // The first batch was not taken in.
    let (body, blob) = batch_after(2, 1);
    s.env.send_with(s.conn, body, blob);
    let answers = s.answers();
    assert!(
        matches!(
            &answers[..],
            [Body::SegmentsToProcessServer(segments::ToProcessServer::SegmentsPut {
                kind: SegmentKind::Changes { batch: 2 },
                refused: None,
                ..
            })]
        ),
        "{answers:?}"
    );
    // Nor is one that comes alone.
    let (_, _, header) = segment(VAULT, 2, 1);
    let mut alone = tag(2, header);
    if let Body::SegmentsToTarget(segments::ToTarget::PutTag { tag, .. }) = &mut alone {
        tag.after = Some(1);
    }
    s.env.send(s.conn, alone.clone());
    let answers = s.answers();
    assert!(
        matches!(
            &answers[..],
            [Body::SegmentsToProcessServer(segments::ToProcessServer::TagOutOfTurn {
                batch: 2,
                ..
            })]
        ),
        "{answers:?}"
    );
    assert!(
        !s.bench
            .facts()
            .iter()
            .any(|(_, fact)| matches!(fact, Fact::TagStored { .. }))
    );
    // After the first it is.
    let (body, blob) = batch(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    s.env.send(s.conn, alone);
    let stored = s.answers();
    let stored = stored.iter().filter(|body| {
        matches!(
            body,
            Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut { .. })
        )
    });
    assert_eq!(stored.count(), 2);
}

#[test]
fn a_tag_that_comes_with_a_segment_that_is_refused_is_not_taken_in() {
    let s = setting();
    s.env.send(s.conn, replica::ToStorage::Fence { disk: DISK, epoch: 2 });
    s.answers();
    let (body, blob) = batch(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    assert!(refused(&s.answers()).is_some_and(|why| matches!(why, Refusal::Fenced { .. })));
    let (body, blob) = batch(VAULT, 1, 2);
    s.env.send_with(s.conn, body, blob);
    assert!(matches!(
        s.answers()[..],
        [Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut {
            batch: 1,
            ..
        })]
    ));
}

#[test]
fn what_is_new_of_a_batch_is_told_with_its_segments_and_what_was_stored_before_without() {
    let s = setting();
    assert!(s.told().is_empty());
    let (body, blob) = batch(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob.clone());
    s.bench.run_seconds(1);
    let told = s.bench.take_frames(s.sealer).into_iter().map(|(_, frame)| frame);
    let told: Vec<_> = told
        .filter_map(|frame| match frame.body {
            Body::ReplicaToService(replica::ToService::TagStored { brought, .. }) => Some((brought, frame.payload)),
            _ => None,
        })
        .collect();
    let lengths = vec![(blob.bytes.len() as u64, blob.size)];
    assert_eq!(told, [(lengths, Some(blob))]);
    assert!(
        matches!(&s.told()[..], [Body::ReplicaToService(replica::ToService::TagStored { brought, .. })] if brought.is_empty()),
        "whoever asks for all there is asks for what it needs"
    );
}

#[test]
fn no_more_goes_with_tags_than_the_fabric_takes() {
    let s = setting();
    assert!(s.told().is_empty());
    let size = 200 << 20;
    let mut put = |number| {
        let (mut body, mut blob) = batch(VAULT, number, 1);
        if let Body::SegmentsToTarget(segments::ToTarget::PutSegments { segments, .. }) = &mut body {
            segments[0].size = size;
        }
        blob.size = size;
        s.env.send_with(s.conn, body, blob);
    };
    let mut brought = Vec::new();
    // Two at once; and one when they are long through.
    for numbers in [1..3, 3..4] {
        numbers.for_each(&mut put);
        brought.extend(s.answers().into_iter().filter_map(|body| match body {
            Body::ReplicaToService(replica::ToService::TagStored { brought, .. }) => Some(brought.len()),
            _ => None,
        }));
    }
    assert_eq!(brought, [1, 0, 1]);
}

#[test]
fn a_power_cut_between_segments_and_tag_leaves_no_tag() {
    for flushes in 0..3 {
        let mut s = setting();
        s.bench.flush_time.set(10_000_000);
        let (body, blob) = batch(VAULT, 1, 1);
        s.env.send_with(s.conn, body, blob);
        // The frame arrives within a flush's time; then the segment's flush, then the tag's.
        s.bench.run_until(s.env.now().after(5_000_000 + flushes * 10_000_000));
        let acknowledged = s.bench.take_frames(s.sealer);
        let acknowledged = acknowledged.iter().any(|(_, frame)| {
            matches!(
                frame.body,
                Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut { .. })
            )
        });
        s.restart();
        s.env.send(
            s.conn,
            replica::ToStorage::Watch {
                protection: protection(),
            },
        );
        let told = s
            .answers()
            .iter()
            .any(|body| matches!(body, Body::ReplicaToService(replica::ToService::TagStored { .. })));
        assert!(
            told || !acknowledged,
            "what was acknowledged is there after {flushes} flushes"
        );
        let (body, blob) = batch(VAULT, 1, 1);
        s.env.send_with(s.conn, body, blob);
        let answers = s.answers();
        assert!(
            answers.iter().any(|body| matches!(
                body,
                Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut { batch: 1, .. })
            )),
            "{answers:?}"
        );
    }
}

#[test]
fn a_segment_put_twice_is_stored_once_and_acknowledged_twice() {
    let s = setting();
    for _ in 0..2 {
        let (body, blob, _) = segment(VAULT, 1, 1);
        s.env.send_with(s.conn, body, blob);
        assert_eq!(refused(&s.answers()), None);
    }
    assert_eq!(s.stored(), 1);
}

#[test]
fn what_is_asked_for_is_told_before_the_answer_and_after_the_last_of_it_nothing_is_taken_in() {
    for last in [false, true] {
        let mut s = setting();
        s.env.send(
            s.conn,
            replica::ToStorage::Watch {
                protection: protection(),
            },
        );
        let (body, blob, header) = segment(VAULT, 1, 1);
        s.env.send_with(s.conn, body, blob);
        s.answers();
        // The tag is under way when it is asked for.
        s.bench.flush_time.set(100_000_000);
        s.env.send(s.conn, tag(1, header));
        let (vm, protection) = (VmId(0), 1);
        s.env
            .send(s.conn, replica::ToStorage::StoredAsk { vm, protection, last });
        let answers = s.answers();
        let told = |answers: &[Body]| {
            let tag = answers
                .iter()
                .position(|body| matches!(body, Body::ReplicaToService(replica::ToService::TagStored { .. })));
            let end = answers
                .iter()
                .position(|body| matches!(body, Body::ReplicaToService(replica::ToService::StoredTold { .. })));
            tag < end && tag.is_some()
        };
        assert!(told(&answers), "{answers:?}");
        if last {
            s.restart();
        }
        let before = s.stored();
        let (body, blob, _) = segment(VAULT, 2, 1);
        s.env.send_with(s.conn, body, blob);
        assert_eq!(refused(&s.answers()), None, "nobody is to worry about it");
        assert_eq!(s.stored() == before, last, "also after a power cut");
    }
}

#[test]
fn an_epoch_below_the_fence_is_refused_for_that_reason() {
    let s = setting();
    s.env.send(s.conn, replica::ToStorage::Fence { disk: DISK, epoch: 2 });
    assert!(matches!(
        s.answers()[..],
        [Body::ReplicaToService(replica::ToService::Fenced { epoch: 2, .. })]
    ));
    let (body, blob, _) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    assert!(refused(&s.answers()).is_some_and(|why| matches!(why, Refusal::Fenced { .. })));
}

#[test]
fn a_fence_stands_only_once_what_was_taken_in_before_it_is_durable() {
    let s = setting();
    s.bench.flush_time.set(100_000_000);
    let (body, blob, _) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    s.env.send(s.conn, replica::ToStorage::Fence { disk: DISK, epoch: 2 });
    let answers = s.answers();
    let in_order = matches!(
        answers[..],
        [
            Body::SegmentsToProcessServer(segments::ToProcessServer::SegmentsPut { refused: None, .. }),
            Body::ReplicaToService(replica::ToService::Fenced { epoch: 2, .. })
        ]
    );
    assert!(in_order, "{answers:?}");
}

#[test]
fn a_tag_that_lists_what_a_newer_sealer_replaced_is_not_taken_in() {
    let s = setting();
    let (body, blob, old) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    let (body, blob, new) = segment(VAULT, 1, 2);
    s.env.send_with(s.conn, body, blob);
    s.answers();
    s.env.send(s.conn, tag(1, old));
    assert!(s.answers().is_empty(), "its segment is gone");
    s.env.send(s.conn, tag(1, new));
    assert!(matches!(
        s.answers()[..],
        [Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut {
            batch: 1,
            ..
        })]
    ));
}

#[test]
fn a_fence_stands_after_a_power_cut() {
    let mut s = setting();
    s.env.send(s.conn, replica::ToStorage::Fence { disk: DISK, epoch: 2 });
    s.answers();
    s.restart();
    let (body, blob, _) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    assert!(refused(&s.answers()).is_some());
}

#[test]
fn a_segment_of_another_vault_is_refused() {
    let s = setting();
    let (body, blob, _) = segment([8; 16], 1, 1);
    s.env.send_with(s.conn, body, blob);
    assert!(refused(&s.answers()).is_some_and(|why| why == Refusal::ForeignVault));
}

#[test]
fn a_newer_sealer_replaces_a_batch_until_its_tag_is_stored_and_never_after() {
    let s = setting();
    let (body, blob, _) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    s.answers();
    let (body, second, header) = segment(VAULT, 1, 2);
    s.env.send_with(s.conn, body, second.clone());
    s.env.send(s.conn, tag(1, header.clone()));
    s.answers();
    let (body, third, _) = segment(VAULT, 1, 3);
    s.env.send_with(s.conn, body, third);
    assert_eq!(refused(&s.answers()), None, "what is complete is acknowledged");
    s.env.send(
        s.conn,
        replica::ToStorage::GetSegments {
            protection: 1,
            headers: [header].into(),
        },
    );
    s.bench.run_seconds(1);
    let got = s.bench.take_frames(s.sealer).pop().and_then(|(_, frame)| frame.payload);
    assert_eq!(got.map(|blob| blob.bytes), Some(second.bytes));
}

impl Setting {
    fn restart(&mut self) {
        self.bench.cut(0);
        let env = self.bench.env(self.storage);
        let spec = StorageSpec { vault: VAULT };
        self.bench.put(self.storage, Storage::new(spec, env));
        self.bench.run_seconds(1);
        self.conn = self.env.connect(MachineId(0), PORT_MANAGEMENT);
        self.bench.run_seconds(1);
        self.bench.take_inbox(self.sealer);
    }
}

impl Setting {
    fn put_merged(&self, body: Body, blob: Blob) -> Option<Refusal> {
        self.env.send_with(self.conn, body, blob);
        match &self.answers()[..] {
            [Body::ReplicaToService(replica::ToService::MergedPut { refused, .. })] => refused.clone(),
            other => panic!("one answer: {other:?}"),
        }
    }

    /// What is told of the protection to whoever looks after it.
    fn told(&self) -> Vec<Body> {
        let protection = protection();
        self.env.send(self.conn, replica::ToStorage::Watch { protection });
        self.answers()
    }

    fn files(&self) -> Vec<String> {
        self.bench.fabric().machine_files(MachineId(0)).list("segments/")
    }
}

#[test]
fn what_batches_came_to_stands_beside_them_until_they_are_dropped() {
    let mut s = setting();
    let mut headers = Vec::new();
    for batch in 1..=3 {
        let (body, blob, header) = segment(VAULT, batch, 1);
        s.env.send_with(s.conn, body, blob);
        s.env.send(s.conn, tag(batch, header.clone()));
        headers.push(header);
    }
    s.answers();
    assert_eq!(s.told().len(), 3);

    let (body, blob, _) = merged([8; 16], 1, 2, 1);
    let refused = s.put_merged(body, blob);
    assert!(refused.is_some_and(|why| why == Refusal::ForeignVault));
    let (mut body, blob, _) = merged(VAULT, 1, 2, 1);
    if let Body::ReplicaToStorage(replica::ToStorage::PutMerged { merged, .. }) = &mut body {
        merged.from = 2;
    }
    assert!(
        s.put_merged(body, blob)
            .is_some_and(|why| why == Refusal::OtherSegments)
    );
    let (body, blob, _) = merged(VAULT, 1, 2, 1);
    let short = Blob::real(blob.bytes.slice(1..));
    assert!(s.put_merged(body, short).is_some_and(|why| why == Refusal::BadFrame));
    assert_eq!(s.files().len(), 3, "nothing of what was refused is stored");

    // The first, and another that takes its place with the epoch after it; the one before is fenced then.
    let (first, first_blob, _) = merged(VAULT, 1, 2, 3);
    assert_eq!(s.put_merged(first.clone(), first_blob.clone()), None);
    assert_eq!(s.put_merged(first, first_blob), None, "a retry is answered");
    assert_eq!(s.stored(), 4, "and stored once");
    let (body, blob, _) = merged(VAULT, 1, 3, 4);
    assert_eq!(s.put_merged(body, blob), None);
    let (body, blob, _) = merged(VAULT, 4, 5, 3);
    assert!(
        s.put_merged(body, blob)
            .is_some_and(|why| matches!(why, Refusal::Fenced { .. }))
    );
    assert_eq!(s.files().len(), 5);

    for restart in [false, true] {
        if restart {
            s.restart();
        }
        let told = s.told();
        let shown = matches!(
            told[..],
            [
                Body::ReplicaToService(replica::ToService::TagStored { ref brought, .. }),
                Body::ReplicaToService(replica::ToService::MergedPut { from: 1, to: 3, .. })
            ] if brought.is_empty()
        );
        assert!(shown, "{told:?}");
    }
    let drop = |headers, through| {
        Body::ReplicaToStorage(replica::ToStorage::DropSegments {
            vm: VmId(0),
            protection: 1,
            headers,
            through,
        })
    };
    s.env.send(s.conn, drop(headers.into(), None));
    s.bench.run_seconds(1);
    assert_eq!(s.files().len(), 2, "what stands for the batches stays");
    assert_eq!(s.told().len(), 2);

    // The end takes all, also what nobody dropped.
    s.env.send(
        s.conn,
        replica::ToStorage::Unwatch {
            vm: VmId(0),
            protection: 1,
        },
    );
    s.bench.run_seconds(1);
    assert_eq!(s.files(), Vec::<String>::new());
    let (body, blob, _) = merged(VAULT, 1, 3, 9);
    assert!(
        s.put_merged(body, blob)
            .is_some_and(|why| why == Refusal::ProtectionEnded)
    );
}

#[test]
fn a_process_server_merges_nothing() {
    let s = setting();
    let (packed, blob) = sealed(VAULT, SegmentKind::Merged { from: 1, to: 2 }, 2, 1);
    let body = Body::SegmentsToTarget(segments::ToTarget::PutSegments {
        protection: 1,
        segments: vec![packed],
        tag: None,
    });
    s.env.send_with(s.conn, body, blob);
    assert!(refused(&s.answers()).is_some_and(|why| why == Refusal::Merged));
}

#[test]
fn nothing_is_acknowledged_that_a_power_cut_can_take() {
    for flushes in 0..4 {
        let mut s = setting();
        s.bench.flush_time.set(10_000_000);
        let (body, blob, header) = segment(VAULT, 1, 1);
        s.env.send_with(s.conn, body, blob);
        s.env.send(s.conn, tag(1, header.clone()));
        // Cut the power at several moments of the two flushes.
        let now = s.env.now();
        s.bench.run_until(now.after(5_000_000 * flushes + 1_500_000));
        let acknowledged: Vec<Body> = s
            .bench
            .take_frames(s.sealer)
            .into_iter()
            .map(|(_, frame)| frame.body)
            .collect();
        s.restart();
        if acknowledged.iter().any(|body| {
            matches!(
                body,
                Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut { .. })
            )
        }) {
            s.env.send(
                s.conn,
                replica::ToStorage::Watch {
                    protection: protection(),
                },
            );
            let told = s.answers();
            assert!(
                told.iter()
                    .any(|body| matches!(body, Body::ReplicaToService(replica::ToService::TagStored { .. }))),
                "{told:?}"
            );
        }
        if acknowledged.iter().any(|body| {
            matches!(
                body,
                Body::SegmentsToProcessServer(segments::ToProcessServer::SegmentsPut { .. })
            )
        }) {
            s.env.send(
                s.conn,
                replica::ToStorage::GetSegments {
                    protection: 1,
                    headers: [header].into(),
                },
            );
            s.bench.run_seconds(1);
            assert!(
                s.bench
                    .take_frames(s.sealer)
                    .pop()
                    .is_some_and(|(_, frame)| matches!(frame.body, Body::ReplicaToService(replica::ToService::Segments { found, .. }) if found[0].is_some()))
            );
        }
    }
}

fn protection() -> crate::nouns::Protection {
    crate::nouns::Protection {
        vm: VmId(0),
        protection: 1,
        disks: vec![(DISK, 1 << 20)],
        source: MachineId(5),
        process_server: MachineId(1),
        port: 9443,
        target: crate::nouns::Target::Storage(MachineId(0)),
        policy: crate::spec::default_policy("p"),
        copy: crate::nouns::CopyMode::Used,
        group: None,
    }
}
