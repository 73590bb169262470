//! A disk that fails, at the source and at the process server: one alert, and nothing is lost.

use datapath::CHUNK_EXTENTS;
use datapath::disk::Operation;

use super::*;

const AT_SOURCE: &str = "disk of the Mobility service";
const CACHE: &str = "cache disk of the process server";

impl Estate {
    /// A machine's disk fails at an operation for so long.
    fn fail_for(&self, machine: MachineId, operation: Operation, seconds: u64) {
        self.bench.fail_disk(machine, operation, true);
        self.bench.run_seconds(seconds);
        self.bench.fail_disk(machine, operation, false);
    }
}

#[test]
fn what_a_cache_disk_does_not_do_is_asked_of_it_again_and_nothing_is_lost() {
    for operation in [Operation::Append, Operation::Read, Operation::Write, Operation::Flush] {
        let estate = estate(Grain::Real, writes(1500, SECOND / 2), 1 << 30);
        estate.protect();
        estate.bench.run_seconds(300);
        let before = estate.stored.borrow().tags.len();
        estate.fail_for(PROCESS_SERVER, operation, 400);
        assert_eq!(estate.bench.alerts(CACHE), 1, "{operation}: said once");
        estate.bench.run_seconds(1800);
        assert!(estate.stored.borrow().tags.len() > before + 3, "{operation}");
        assert_eq!(estate.resynchronizations(), 0, "{operation}");
        assert_eq!(estate.bench.alerts("lost what it had acknowledged"), 0, "{operation}");
        estate.assert_same_as_source();
    }
}

#[test]
fn a_process_server_that_cannot_read_its_cache_waits_with_its_start() {
    let estate = estate(Grain::Real, writes(1500, SECOND / 2), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(300);
    // Something is in the cache that its agent has let go.
    estate.bench.cut(STORAGE.0);
    estate.bench.run_seconds(200);
    estate.bench.cut(PROCESS_SERVER.0);
    let cached = estate.bench.files(PROCESS_SERVER).list("cache/");
    assert!(!cached.is_empty());
    estate.bench.fail_disk(PROCESS_SERVER, Operation::Read, true);
    estate.start_account();
    estate.start_process_server();
    estate.bench.run_seconds(120);
    assert_eq!(estate.bench.alerts(CACHE), 1);
    let kept = estate.bench.files(PROCESS_SERVER).list("cache/");
    assert_eq!(kept, cached, "what cannot be read is not thrown away");
    estate.bench.fail_disk(PROCESS_SERVER, Operation::Read, false);
    estate.bench.run_seconds(1800);
    estate.assert_same_as_source();
}

#[test]
fn a_journal_whose_flush_fails_is_flushed_again() {
    let estate = estate(Grain::Real, writes(1500, SECOND / 2), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(300);
    let before = estate.stored.borrow().tags.len();
    estate.fail_for(SOURCE, Operation::Flush, 120);
    assert_eq!(estate.bench.alerts(AT_SOURCE), 1);
    estate.bench.run_seconds(1800);
    assert!(estate.stored.borrow().tags.len() > before);
    assert_eq!(estate.resynchronizations(), 0);
    estate.assert_same_as_source();
}

#[test]
fn a_journal_that_cannot_be_written_or_read_asks_for_a_resynchronization_once() {
    for operation in [Operation::Append, Operation::Read] {
        let estate = estate(Grain::Real, writes(1500, SECOND / 2), 1 << 30);
        estate.protect();
        estate.bench.run_seconds(300);
        estate.fail_for(SOURCE, operation, 60);
        assert_eq!(estate.bench.alerts(AT_SOURCE), 1, "{operation}");
        assert_eq!(estate.resynchronizations(), 1, "{operation}");
    }
}

#[test]
fn a_state_that_could_not_be_written_is_written_later() {
    let estate = estate(Grain::Real, writes(1500, SECOND / 2), 1 << 30);
    estate.bench.run_seconds(60);
    estate.bench.fail_disk(SOURCE, Operation::Write, true);
    estate.bench.run_seconds(30);
    estate.protect();
    estate.bench.run_seconds(60);
    assert!(estate.bench.alerts(AT_SOURCE) >= 1);
    let env = estate.bench.env(estate.agent);
    estate.bench.fail_disk(SOURCE, Operation::Write, false);
    estate.bench.run_seconds(120);
    let saved = Saved::read(&env).expect("it can be read");
    assert!(saved.replication.is_some(), "with the next sign of life");
}

#[test]
fn an_orderly_stop_that_is_over_is_forgotten_whatever_the_disk_refuses() {
    let estate = estate(Grain::Real, Vec::new(), 1 << 30);
    let env = estate.bench.env(estate.agent);
    let mut replication = SavedReplication::new(estate.protection(), WriteSeq(1));
    replication.clean = true;
    let stop_told = std::cell::Cell::new(true);
    let mut saved = Saved {
        replication: Some(replication),
        ..Saved::default()
    };
    let is_clean = || {
        let read = Saved::read(&env).expect("it can be read");
        read.replication.expect("it was written").clean
    };
    saved.write(&env, &stop_told).expect("there is room");
    assert!(is_clean());
    saved.replication.as_mut().expect("it has one").clean = false;
    estate.bench.fail_disk(SOURCE, Operation::Write, true);
    assert!(saved.write(&env, &stop_told).is_err());
    assert!(!is_clean());
}

#[test]
fn a_batch_whose_end_rotted_in_the_cache_is_lost_and_said_and_the_target_can_see_it() {
    let estate = estate(Grain::Real, writes(3000, SECOND / 2), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(400);
    estate.bench.cut(STORAGE.0);
    estate.bench.run_seconds(400);
    estate.bench.cut(PROCESS_SERVER.0);
    let files = estate.bench.files(PROCESS_SERVER);
    let end = files.list("cache/").into_iter().find(|name| name.ends_with("/end"));
    let end = end.expect("a batch is in the cache");
    let mut bytes = files.read_all(&end).expect("it is there").bytes.to_vec();
    bytes[3] ^= 1;
    files.replace(&end, Blob::real(bytes)).expect("room");
    estate.start_account();
    estate.start_process_server();
    estate.bench.run_seconds(600);
    assert_eq!(estate.bench.alerts("lost what it had acknowledged"), 1);
    let batches: Vec<u64> = estate.stored.borrow().tags.iter().map(|(_, tag)| tag.batch).collect();
    let gaps = batches.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
    assert_eq!(gaps, 1, "{batches:?}");
}

#[test]
fn a_low_water_mark_that_is_not_written_asks_for_nothing() {
    let estate = estate(Grain::Real, writes(1500, SECOND / 2), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(300);
    estate.fail_for(SOURCE, Operation::Write, 200);
    assert_eq!(estate.bench.alerts(AT_SOURCE), 1);
    estate.bench.run_seconds(1200);
    assert_eq!(estate.resynchronizations(), 0);
    estate.assert_same_as_source();
}

#[test]
fn a_piece_that_the_disk_does_not_give_is_read_again_and_the_copy_ends() {
    let estate = estate(Grain::Real, writes(1500, SECOND / 2), 1 << 30);
    estate.protect();
    estate.bench.fail_disk(SOURCE, Operation::Read, true);
    estate.bench.run_seconds(60);
    assert_eq!(estate.stored.borrow().copy_ends, 0, "nothing was read");
    assert_eq!(estate.bench.alerts(AT_SOURCE), 1, "said once");
    estate.bench.fail_disk(SOURCE, Operation::Read, false);
    estate.bench.run_seconds(1200);
    assert_eq!(estate.stored.borrow().copy_ends, 1);
    assert_eq!(estate.resynchronizations(), 0);
    estate.assert_same_as_source();
}

#[test]
fn chunks_that_the_disk_does_not_give_count_as_different() {
    let estate = estate(Grain::Real, Vec::new(), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(300);
    let source = estate.bench.content(&volume_name(DISK, "source")).expect("it has one");
    let chunks = (0..source.extents()).step_by(CHUNK_EXTENTS as usize);
    let sums = chunks.map(|start| source.checksum(Extent(start), CHUNK_EXTENTS as u32).expect("it reads"));
    estate.stored.borrow_mut().sums = sums.collect();
    let sent = || {
        let mut progress = estate.bench.facts().into_iter().filter_map(|(_, fact)| match fact {
            Fact::CopyProgress {
                sent_bytes,
                matched_bytes,
                ..
            } => Some((sent_bytes, matched_bytes)),
            _ => None,
        });
        progress.next_back().expect("a copy goes on")
    };
    let again = |copy| {
        let protection = estate.protection();
        estate.order(10 + u64::from(copy), Command::Protect { protection, copy });
    };
    again(2);
    estate.bench.run_seconds(300);
    assert_eq!(sent(), (0, DISK_BYTES), "all is as it was");
    // The disk fails for as long as checksums are compared, and not when pieces are read.
    estate.bench.fail_disk(SOURCE, Operation::Read, true);
    again(3);
    estate.bench.run_seconds(2);
    estate.bench.fail_disk(SOURCE, Operation::Read, false);
    estate.bench.run_seconds(600);
    assert_eq!(sent(), (DISK_BYTES, 0));
    estate.assert_same_as_source();
}
