//! Whatever is changed in storage is found, named and refused, at each moment at which a segment is opened.

use datapath::seal::DiskKey;

use super::*;
use crate::messages::segments;
use crate::ports::Storage;

/// Flips a bit of the byte at a share of a stored segment's length: 0 the first, 2 the last.
fn tamper(s: &Setting, name: &str, place: usize) {
    let files = s.bench.files(MachineId(STORAGE));
    let old = files.read_all(name).unwrap();
    let mut bytes = old.bytes.to_vec();
    let at = (bytes.len() - 1) * place / 2;
    bytes[at] ^= 1;
    let changed = Blob {
        bytes: bytes.into(),
        size: old.size,
    };
    files.replace(name, changed).unwrap();
}

/// The files of the disk's stored segments, in order of name.
fn stored(s: &Setting) -> Vec<String> {
    let part = format!("/vm{}/disk{}/", DISK.vm.0, DISK.index);
    let files = s.bench.files(MachineId(STORAGE)).list("segments/").into_iter();
    files.filter(|name| name.contains(&part)).collect()
}

fn refused(s: &Setting) -> Vec<String> {
    let facts = s.bench.facts();
    let names = facts.iter().filter_map(|(_, fact)| match fact {
        Fact::SegmentRefused { name, .. } => Some(name.clone()),
        _ => None,
    });
    names.collect()
}

fn take(s: &mut Setting, point: PointChoice) -> Outcome {
    let job = s.ask(Operation::TestFailover { vm: VM, point });
    s.run(70);
    s.up(TEST);
    s.answers[&job].clone()
}

#[test]
fn a_segment_changed_after_it_was_processed_fails_the_failover_with_its_name() {
    for (segment, name) in ["batch-00000002", "batch-00000003"].into_iter().enumerate() {
        for place in 0..3 {
            let mut s = Setting::protected();
            let files = stored(&s);
            assert_eq!(files.len(), 2, "what the first point holds is in the base: {files:?}");
            tamper(&s, &files[segment], place);
            let job = s.failover(false);
            assert!(
                matches!(&s.answers[&job], Outcome::Failed(why) if why.contains(name)),
                "{name} {place}: {:?}",
                s.answers[&job]
            );
            assert_eq!(s.content("vm0/disk0@azure", 0), None, "nothing of it reached a disk");
        }
    }
}

#[test]
fn a_segment_changed_before_it_is_processed_fails_the_latest_point_and_spares_the_points_before_it() {
    let mut s = Setting::protected();
    let header = s.put_changed(SegmentKind::Changes { batch: 4 }, 4, 4, 5, |bytes| {
        *bytes.last_mut().unwrap() ^= 0x80;
    });
    s.tag(4, &header);
    s.batch(5);
    assert_eq!(refused(&s), ["vm0/disk0/batch-00000004"]);
    let latest = take(&mut s, PointChoice::Latest);
    assert!(
        matches!(&latest, Outcome::Failed(why) if why.contains("batch-00000004")),
        "{latest:?}"
    );
    assert_eq!(s.content("vm0/disk0@test", 0), None);
    assert_eq!(take(&mut s, PointChoice::LatestProcessed), Outcome::Done);
    assert_eq!(s.content("vm0/disk0@test", 3), Some(3));
    assert_eq!(
        s.content("vm0/disk0@test", 4),
        Some(0),
        "nothing of it, nor of what follows it"
    );
    assert_eq!(s.content("vm0/disk0@test", 5), Some(0));
}

#[test]
fn a_changed_piece_of_a_copy_is_named_and_its_machine_never_protected() {
    for place in 0..3 {
        let mut s = setting();
        s.vault();
        s.machine_is_known();
        s.enable();
        s.put_changed(SegmentKind::Copy { copy: 1, part: 0 }, 0, 0xaa, 1, |bytes| {
            let at = (bytes.len() - 1) * place / 2;
            bytes[at] ^= 1;
        });
        let end = Body::SegmentsToTarget(segments::ToTarget::PutCopyEnd {
            disk: DISK,
            protection: 1,
            copy: 1,
            parts: 1,
            highest: WriteSeq(1),
        });
        s.sealer.1.send(s.sealer.2, end);
        s.batch(1);
        assert_eq!(refused(&s), ["vm0/disk0/copy-0001-000000"]);
        assert_eq!(s.states().last(), Some(&ItemState::InitialReplication));
        let failover = Operation::Failover {
            vm: VM,
            point: PointChoice::Latest,
            shutdown: false,
        };
        assert!(s.refused(failover).contains("initial-replication"));
    }
}

#[test]
fn a_segment_changed_before_it_is_folded_never_reaches_the_base() {
    let mut s = Setting::protected();
    let before = stored(&s);
    tamper(&s, &before[0], 1);
    // Past the policy's retention: points 1 and 2 go, and what lies below point 3 is to be folded.
    s.bench.run_seconds(25 * 3600);
    s.batch(4);
    assert!(
        s.bench
            .facts()
            .iter()
            .any(|(_, fact)| matches!(fact, Fact::PointPruned { point: 2, .. }))
    );
    assert_eq!(refused(&s), ["vm0/disk0/batch-00000002"]);
    assert!(stored(&s).contains(&before[0]), "it stays where it is");
    let latest = take(&mut s, PointChoice::Latest);
    assert!(
        matches!(&latest, Outcome::Failed(why) if why.contains("batch-00000002")),
        "{latest:?}"
    );
}

/// What somebody with access to the account, but without its key, can do with whole segments.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// The first is deleted.
    Removed,
    /// The first is emptied.
    Emptied,
    /// The two change places.
    Exchanged,
    /// In the first's place stands one sealed under another vault's key, with the first's own header.
    OtherKey,
    /// One of another vault, as that vault sealed it.
    OtherVault,
    /// One sealed under the key of another disk of this vault, with the first's own header.
    OtherDisksKey,
    /// One of another disk of this vault, as it was sealed.
    OtherDisk,
}

const DEEDS: [Deed; 7] = [
    Deed::Removed,
    Deed::Emptied,
    Deed::Exchanged,
    Deed::OtherKey,
    Deed::OtherVault,
    Deed::OtherDisksKey,
    Deed::OtherDisk,
];

/// Does it to the segments of two batches that follow each other.
fn commit(s: &Setting, deed: Deed, batch: u64) {
    let files = s.bench.files(MachineId(STORAGE));
    let stored = stored(s);
    let file = |batch: u64| {
        let ending = format!("/batch-{batch:08}");
        stored.iter().find(|name| name.ends_with(&ending)).unwrap()
    };
    let (one, other) = (file(batch), file(batch + 1));
    let (ours, foreign) = (VaultKey::public_test_key(), VaultKey::new([9; 32]));
    let second = DiskId { index: 1, ..DISK };
    // The content differs from the true one: if it were taken for it, that would show.
    let put = |key: &DiskKey, vault: [u8; 16], disk: DiskId| {
        let kind = SegmentKind::Changes { batch };
        let seq = batch + 1;
        let sealed = sealed((key, vault), (disk, kind), (batch, 0xee, seq), (1, seq * 1000));
        files.replace(one, sealed.blob).unwrap();
    };
    match deed {
        Deed::Removed => files.remove(one),
        Deed::Emptied => files.replace(one, Blob::default()).unwrap(),
        Deed::Exchanged => {
            let (first, second) = (files.read_all(one).unwrap(), files.read_all(other).unwrap());
            files.replace(one, second).unwrap();
            files.replace(other, first).unwrap();
        }
        Deed::OtherKey => put(&foreign.disk_key(DISK), VAULT, DISK),
        Deed::OtherVault => put(&foreign.disk_key(DISK), [8; 16], DISK),
        Deed::OtherDisksKey => put(&ours.disk_key(second), VAULT, DISK),
        Deed::OtherDisk => put(&ours.disk_key(second), VAULT, second),
    }
}

/// The names that a deed to this batch and the next must bring up.
fn named(deed: Deed, batch: u64) -> Vec<String> {
    let name = |batch| format!("vm0/disk0/batch-{batch:08}");
    match deed {
        Deed::Exchanged => vec![name(batch), name(batch + 1)],
        _ => vec![name(batch)],
    }
}

#[test]
fn a_segment_missing_exchanged_or_foreign_at_a_failover_fails_it_with_its_name() {
    for deed in DEEDS {
        let mut s = Setting::protected();
        commit(&s, deed, 2);
        let job = s.failover(false);
        let named = named(deed, 2);
        assert!(
            matches!(&s.answers[&job], Outcome::Failed(why) if named.iter().any(|name| why.contains(name))),
            "{deed:?}: {:?}",
            s.answers[&job]
        );
        assert_eq!(refused(&s), named, "{deed:?}");
        for extent in 0..4 {
            assert_eq!(
                s.content("vm0/disk0@azure", extent),
                None,
                "{deed:?}: nothing reached a disk"
            );
        }
    }
}

#[test]
fn a_segment_missing_exchanged_or_foreign_at_processing_fails_the_latest_point_and_spares_the_points_before_it() {
    for deed in DEEDS {
        let mut s = Setting::protected();
        let headers = [4, 5].map(|batch| s.put(SegmentKind::Changes { batch }, batch, batch as u8, batch + 1));
        commit(&s, deed, 4);
        s.tag(4, &headers[0]);
        s.tag(5, &headers[1]);
        assert_eq!(refused(&s), named(deed, 4), "{deed:?}");
        let latest = take(&mut s, PointChoice::Latest);
        assert!(
            matches!(&latest, Outcome::Failed(why) if why.contains("batch-00000004")),
            "{deed:?}: {latest:?}"
        );
        assert_eq!(s.content("vm0/disk0@test", 0), None, "{deed:?}");
        assert_eq!(take(&mut s, PointChoice::LatestProcessed), Outcome::Done, "{deed:?}");
        let extents = [0, 1, 2, 3, 4, 5].map(|extent| s.content("vm0/disk0@test", extent));
        let expected = [0xaa, 1, 2, 3, 0, 0].map(Some);
        assert_eq!(extents, expected, "{deed:?}: nothing of it, nor of what follows it");
    }
}
