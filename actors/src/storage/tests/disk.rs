//! A disk that fails under the account: no answer is a lie, no question is lost, and one alert is raised.

use datapath::disk::Operation;

use super::*;
use crate::messages::replica;

const MACHINE: MachineId = MachineId(0);
const DISK_OF_STORE: &str = "disk of the segment store";

fn later(s: &Setting) -> Vec<Body> {
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.extend(s.answers());
    }
    answers
}

#[test]
fn what_is_not_flushed_is_answered_once_a_later_flush_succeeds() {
    let s = setting();
    s.bench.fail_disk(MACHINE, Operation::Flush, true);
    let (body, blob, _) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    assert!(later(&s).is_empty());
    assert_eq!(s.bench.alerts(DISK_OF_STORE), 1);
    s.bench.fail_disk(MACHINE, Operation::Flush, false);
    assert_eq!(refused(&later(&s)), None);
    assert_eq!(s.stored(), 1);
}

#[test]
fn a_segment_that_cannot_be_written_is_refused_and_can_come_again() {
    let s = setting();
    s.bench.fail_disk(MACHINE, Operation::Append, true);
    let (body, blob, _) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    assert!(
        refused(&s.answers())
            .is_some_and(|why| matches!(why, Refusal::Disk(error) if error.contains("input/output error")))
    );
    s.bench.fail_disk(MACHINE, Operation::Append, false);
    let (body, blob, _) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    assert_eq!(refused(&s.answers()), None);
    assert_eq!(s.bench.alerts(DISK_OF_STORE), 1);
}

#[test]
fn a_fence_that_cannot_be_written_stands_later_and_nothing_below_it_is_taken_in_meanwhile() {
    let mut s = setting();
    s.bench.fail_disk(MACHINE, Operation::Write, true);
    s.env.send(s.conn, replica::ToStorage::Fence { disk: DISK, epoch: 2 });
    assert!(
        later(&s).is_empty(),
        "nobody is told of a fence that a power cut would take"
    );
    let (body, blob, _) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    assert!(refused(&s.answers()).is_some_and(|why| matches!(why, Refusal::Fenced { .. })));
    s.bench.fail_disk(MACHINE, Operation::Write, false);
    assert!(matches!(
        later(&s)[..],
        [Body::ReplicaToService(replica::ToService::Fenced { epoch: 2, .. })]
    ));
    s.restart();
    let (body, blob, _) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    assert!(refused(&s.answers()).is_some_and(|why| matches!(why, Refusal::Fenced { .. })));
}

#[test]
fn what_cannot_be_read_is_given_once_it_can_and_is_never_said_to_be_missing() {
    let s = setting();
    let (body, blob, header) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    s.answers();
    s.bench.fail_disk(MACHINE, Operation::Read, true);
    let headers = vec![header];
    s.env.send(
        s.conn,
        replica::ToStorage::GetSegments {
            protection: 1,
            headers: headers.into(),
        },
    );
    assert!(later(&s).is_empty());
    assert_eq!(s.bench.alerts(DISK_OF_STORE), 1);
    s.bench.fail_disk(MACHINE, Operation::Read, false);
    let answers = later(&s);
    assert!(
        matches!(&answers[..], [Body::ReplicaToService(replica::ToService::Segments { found, .. })] if found.iter().all(Option::is_some)),
        "{answers:?}"
    );
}

#[test]
fn a_tag_is_told_alone_where_its_segments_cannot_be_read() {
    let s = setting();
    assert!(s.told().is_empty());
    s.bench.flush_time.set(10_000_000);
    let (body, blob) = batch(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    // The frame has arrived, and the first of two flushes is under way.
    s.bench.run_until(s.env.now().after(5_000_000));
    s.bench.fail_disk(MACHINE, Operation::Read, true);
    let answers = later(&s);
    let told = answers.iter().filter_map(|body| match body {
        Body::ReplicaToService(replica::ToService::TagStored { brought, .. }) => Some(brought.len()),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [0], "{answers:?}");
    assert_eq!(s.bench.alerts(DISK_OF_STORE), 1);
}

#[test]
fn an_account_that_cannot_read_its_index_waits_with_its_start() {
    let mut s = setting();
    let (body, blob, header) = segment(VAULT, 1, 1);
    s.env.send_with(s.conn, body, blob);
    s.env.send(s.conn, tag(1, header));
    s.answers();
    s.bench.fail_disk(MACHINE, Operation::Read, true);
    s.restart();
    later(&s);
    s.bench.fail_disk(MACHINE, Operation::Read, false);
    later(&s);
    s.conn = s.env.connect(MACHINE, PORT_MANAGEMENT);
    s.answers();
    let protection = protection();
    s.env.send(s.conn, replica::ToStorage::Watch { protection });
    assert!(matches!(
        s.answers()[..],
        [Body::ReplicaToService(replica::ToService::TagStored { .. })]
    ));
}
