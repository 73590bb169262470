//! Whatever is changed in storage is found, named and refused, at each moment at which a segment is opened.

use super::*;
use crate::ports::World;
use crate::storage::stored_segments;

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

fn stored(s: &Setting) -> Vec<String> {
    stored_segments(&*s.bench.files(MachineId(STORAGE)), DISK)
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
        let end = Body::PutCopyEnd {
            disk: DISK,
            protection: 1,
            copy: 1,
            parts: 1,
            highest: WriteSeq(1),
        };
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
