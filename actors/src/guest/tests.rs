//! The laws of a guest, each in a small world.

use std::rc::Rc;
use std::sync::Arc;

use datapath::disk::Operation;
use datapath::journal::Record;
use datapath::volume::{PageStore, Volume};
use datapath::{Class, Content, DiskId, EXTENT_BYTES, Extent, Run, SimTime, VmId};

use super::*;
use crate::nouns::MachineId;
use crate::ports::{Fabric, volume_name};
use crate::spec::VmSpec;
use crate::testing::Bench;
use crate::workload::{Recorded, Request, StreamKind, StreamSpec, WorkloadSpec};

const SECOND: u64 = 1_000_000_000;

const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };

fn vm(bytes: u64) -> Arc<VmSpec> {
    Arc::new(VmSpec {
        vm: VmId(0),
        name: "vm1".to_owned(),
        os: Os::Linux,
        physical: false,
        disks: vec![(DISK, bytes)],
        source: MachineId(0),
        failback: MachineId(0),
        azure: MachineId(7),
        test: MachineId(8),
        boot: 30 * SECOND,
    })
}

fn guest_spec(bytes: u64, requests: Vec<Request>) -> GuestSpec {
    let stream = StreamSpec {
        disk: 0,
        class: Class(0),
        random_bytes: 2048,
        kind: StreamKind::Recorded(Recorded {
            requests: Arc::new(requests),
            speed_per_mille: 1000,
            repeat: false,
        }),
        flush_every: 0,
        outstanding: None,
        starts_after: None,
    };
    GuestSpec {
        vm: vm(bytes),
        workload: Arc::new(WorkloadSpec { streams: vec![stream] }),
        tiers: Vec::new(),
        databases: Vec::new(),
        volumes: vec![(DISK, volume_name(DISK, "source"))],
        folded_bytes: 64 << 20,
        summary_bytes: 256 << 20,
        hypervisor: None,
    }
}

fn world(grain: Grain, bytes: u64) -> Rc<Bench> {
    let bench = Bench::new(grain);
    let name = volume_name(DISK, "source");
    bench.place(&name, Volume::new(&PageStore::new(1 << 20), grain, bytes));
    bench.volume_attach(&name, MachineId(0));
    bench
}

fn write(at: u64, sector: u64, sectors: u32) -> Request {
    Request::Write { at, sector, sectors }
}

fn records(inputs: Vec<(SimTime, Input)>) -> Vec<Record> {
    inputs
        .into_iter()
        .flat_map(|(_, input)| match input {
            Input::Local(Local::Wrote { records } | Local::Told { records }) => records.0,
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn a_write_that_covers_part_of_an_extent_keeps_the_rest_of_it() {
    let bench = world(Grain::Real, 1 << 20);
    let (agent, _) = bench.actor(0, ComponentKind::Agent);
    let (id, env) = bench.actor(0, ComponentKind::Guest);
    bench.put(
        id,
        Guest::new(guest_spec(1 << 20, vec![write(0, 8, 8), write(SECOND, 9, 2)]), env),
    );
    bench.run_seconds(60);
    let records = records(bench.take_inbox(agent));
    let pages: Vec<_> = records
        .iter()
        .map(|record| match record {
            Record::Change {
                run:
                    Run {
                        start: Extent(1),
                        extents: 1,
                        content: Content::Bytes(bytes),
                    },
                ..
            } => bytes.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(pages.len(), 2);
    assert_eq!(pages[0][..512], pages[1][..512]);
    assert_ne!(pages[0][512..1536], pages[1][512..1536]);
    assert_eq!(pages[0][1536..], pages[1][1536..]);
}

#[test]
fn the_padding_after_a_disks_last_sector_stays_zero() {
    let bytes = EXTENT_BYTES * 2 + 512;
    let bench = world(Grain::Real, bytes);
    let (agent, _) = bench.actor(0, ComponentKind::Agent);
    let (id, env) = bench.actor(0, ComponentKind::Guest);
    bench.put(id, Guest::new(guest_spec(bytes, vec![write(0, 0, 17)]), env));
    bench.run_seconds(60);
    let records = records(bench.take_inbox(agent));
    let Record::Change {
        run: Run {
            extents: 3,
            content: Content::Bytes(page),
            ..
        },
        ..
    } = &records[0]
    else {
        panic!("{records:?}")
    };
    let end = bytes as usize;
    assert!(page[end..].iter().all(|byte| *byte == 0));
    assert!(page[..end].iter().any(|byte| *byte != 0));
}

#[test]
fn a_sequence_number_is_never_used_twice_over_a_power_cut() {
    let bench = world(Grain::Extent, 1 << 20);
    let (agent, _) = bench.actor(0, ComponentKind::Agent);
    let (id, env) = bench.actor(0, ComponentKind::Guest);
    let spec = guest_spec(1 << 20, vec![write(0, 8, 8), write(SECOND, 9, 2)]);
    bench.put(id, Guest::new(spec.clone(), env));
    bench.run_seconds(60);
    let before = records(bench.take_inbox(agent)).last().and_then(Record::seq).unwrap();
    bench.cut(0);
    bench.put(id, Guest::new(spec, bench.env(id)));
    bench.run_seconds(60);
    let after = records(bench.take_inbox(agent)).first().and_then(Record::seq).unwrap();
    assert!(after > before);
}

#[test]
fn what_was_not_flushed_is_gone_after_a_power_cut() {
    let bench = world(Grain::Extent, 1 << 20);
    let (id, env) = bench.actor(0, ComponentKind::Guest);
    // Written back 5 s after the first write; the second one comes a second before the cut.
    bench.put(
        id,
        Guest::new(guest_spec(1 << 20, vec![write(0, 0, 8), write(20 * SECOND, 8, 8)]), env),
    );
    bench.run_seconds(21);
    bench.cut(0);
    let volume = bench.content(&volume_name(DISK, "source")).unwrap();
    assert_ne!(volume.read(Extent(0), 1).unwrap()[0].content, Content::Zero);
    assert_eq!(volume.read(Extent(1), 1).unwrap()[0].content, Content::Zero);
}

#[test]
fn a_guest_that_is_told_to_stop_flushes_then_tells_the_agent_then_the_hypervisor() {
    let bench = world(Grain::Extent, 1 << 20);
    let (agent, _) = bench.actor(0, ComponentKind::Agent);
    let (hypervisor, _) = bench.actor(3, ComponentKind::Vcenter);
    let (id, env) = bench.actor(0, ComponentKind::Guest);
    let spec = GuestSpec {
        hypervisor: Some(MachineId(3)),
        ..guest_spec(1 << 20, vec![write(0, 0, 8)])
    };
    bench.put(id, Guest::new(spec, env));
    bench.run_seconds(31);
    bench.give(id, Input::Local(Local::Shutdown));
    bench.run_seconds(60);
    let told = bench.take_inbox(agent);
    let down = told
        .iter()
        .position(|(_, input)| matches!(input, Input::Local(Local::GuestDown { .. })));
    let flushed = told
        .iter()
        .position(|(_, input)| matches!(input, Input::Local(Local::Flushed { .. })));
    assert!(flushed.unwrap() < down.unwrap());
    let off = bench.take_inbox(hypervisor);
    assert!(matches!(off[0].1, Input::Local(Local::WorkloadUp { .. })));
    assert!(matches!(off[1].1, Input::Local(Local::ShutDown { .. })));
    assert!(
        off[1].0
            >= told[down.unwrap()]
                .0
                .after(crate::model::Model::default().guest.services_stop)
    );
}

#[test]
fn a_guest_without_anything_to_boot_from_stays_down() {
    let bench = world(Grain::Extent, 1 << 20);
    let (id, env) = bench.actor(0, ComponentKind::Guest);
    let spec = GuestSpec {
        volumes: Vec::new(),
        ..guest_spec(1 << 20, vec![write(0, 0, 8)])
    };
    bench.put(id, Guest::new(spec, env));
    bench.run_seconds(60);
    assert!(bench.facts().is_empty());
}

#[test]
fn a_failover_is_told_of_at_the_first_boot_only() {
    let bench = world(Grain::Extent, 1 << 20);
    let (id, env) = bench.actor(0, ComponentKind::Guest);
    let boot = Boot {
        vm: VmId(0),
        place: Place::Azure,
        parent: Some((
            Life {
                machine: MachineId(5),
                incarnation: 1,
            },
            WriteSeq(1000),
        )),
        volumes: vec![(DISK, volume_name(DISK, "source"))],
        failover: Some(crate::nouns::FailoverKind::Unplanned),
    };
    let bytes = postcard::to_stdvec(&boot).unwrap();
    env.files().replace(BOOT_FILE, Blob::real(bytes)).unwrap();
    let spec = GuestSpec {
        volumes: Vec::new(),
        ..guest_spec(1 << 20, vec![write(0, 0, 8)])
    };
    bench.put(id, Guest::new(spec.clone(), env));
    bench.run_seconds(60);
    bench.cut(0);
    bench.put(id, Guest::new(spec, bench.env(id)));
    bench.run_seconds(60);
    let facts = bench.facts();
    let failovers = facts
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::Failover { .. }))
        .count();
    assert_eq!(failovers, 1);
    let first = facts.iter().find_map(|(_, fact)| match fact {
        Fact::Wrote { seq, .. } => Some(seq.0),
        _ => None,
    });
    assert_eq!(first, Some(1001));
}

#[test]
fn a_recording_that_starts_after_a_state_begins_when_it_is_reached() {
    for grain in [Grain::Extent, Grain::Aggregate] {
        let bench = world(grain, 1 << 20);
        let (agent, _) = bench.actor(0, ComponentKind::Agent);
        let (id, env) = bench.actor(0, ComponentKind::Guest);
        let mut spec = guest_spec(1 << 20, vec![write(0, 0, 8), write(10 * SECOND, 8, 8)]);
        let mut stream = spec.workload.streams[0].clone();
        stream.starts_after = Some(ItemState::Protected);
        spec.workload = Arc::new(WorkloadSpec { streams: vec![stream] });
        bench.put(id, Guest::new(spec, env));
        bench.run_seconds(600);
        assert!(records(bench.take_inbox(agent)).is_empty());
        for state in [ItemState::InitialReplication, ItemState::Protected] {
            let state = Local::Reached { state };
            bench.give(id, Input::Local(state));
        }
        bench.run_seconds(5);
        bench.give(id, Input::Local(Local::Tell));
        bench.run_seconds(1);
        let writes = |inputs| records(inputs).last().and_then(Record::seq);
        assert_eq!(writes(bench.take_inbox(agent)), Some(WriteSeq(1)));
        bench.run_seconds(600);
        assert_eq!(writes(bench.take_inbox(agent)), Some(WriteSeq(2)));
    }
}

#[test]
fn summaries_follow_each_other_without_gap_or_overlap() {
    let bench = world(Grain::Aggregate, 1 << 30);
    let (agent, _) = bench.actor(0, ComponentKind::Agent);
    let (id, env) = bench.actor(0, ComponentKind::Guest);
    let requests = (0..10_000).map(|n| write(n * SECOND / 4, n * 8, 8)).collect();
    bench.put(id, Guest::new(guest_spec(1 << 30, requests), env));
    bench.run_seconds(3600);
    let mut last = 0;
    for record in records(bench.take_inbox(agent)) {
        let Record::Summary(summary) = record else {
            panic!("{record:?}")
        };
        assert_eq!(summary.first.0, last + 1);
        last = summary.last.0;
    }
    assert_eq!(last, 10_000);
}

#[test]
fn a_write_that_the_disk_refuses_is_tried_again_and_those_behind_it_wait() {
    let bench = world(Grain::Real, 1 << 20);
    let (agent, _) = bench.actor(0, ComponentKind::Agent);
    let (id, env) = bench.actor(0, ComponentKind::Guest);
    let writes = vec![write(0, 8, 8), write(SECOND, 16, 8)];
    bench.put(id, Guest::new(guest_spec(1 << 20, writes), env));
    bench.fail_disk(MachineId(0), Operation::Write, true);
    bench.run_seconds(60);
    assert!(records(bench.take_inbox(agent)).is_empty(), "nothing is written");
    assert_eq!(bench.alerts("disk of the machine"), 1);
    bench.fail_disk(MachineId(0), Operation::Write, false);
    bench.run_seconds(60);
    let written: Vec<Extent> = records(bench.take_inbox(agent))
        .iter()
        .map(|record| match record {
            Record::Change { run, .. } => run.start,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(written, [Extent(1), Extent(2)], "in their order");
}
