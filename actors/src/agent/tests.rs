//! The laws of the way in, with a guest, its agent and a process server in a small world; the configuration server and the storage
//! account are the test's own.

mod disk;
mod pressure;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use datapath::journal::{Record, decode};
use datapath::replica::Tag;
use datapath::seal::{Epoch, VaultKey};
use datapath::segment::{Calibration, SegmentHeader, SegmentKind, Worker, open};
use datapath::volume::{PageStore, Volume};
use datapath::{Blob, Class, Content, DiskId, Extent, Grain, SimTime};

use super::*;
use crate::guest::Guest;
use crate::messages::local::Records;
use crate::messages::replication::PORT_REPLICATION;
use crate::messages::{Body, PORT_MANAGEMENT};
use crate::messages::{checksums, management, replication, segments};
use crate::nouns::{ActorId, ComponentKind, Policy, Schedule};
use crate::ports::{Clock, ConnId, Fabric, NetEvent, Storage, World, volume_name};
use crate::process_server::ProcessServer;
use crate::spec::{GuestSpec, Os, ProcessServerSpec, VmSpec, default_policy};
use crate::testing::{Bench, Component as Part};
use crate::workload::{Recorded, Request, StreamKind, StreamSpec, WorkloadSpec};

const SECOND: u64 = 1_000_000_000;

const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };
const SOURCE: MachineId = MachineId(0);
const PROCESS_SERVER: MachineId = MachineId(1);
const CS_MACHINE: MachineId = MachineId(2);
const STORAGE: MachineId = MachineId(3);
const DISK_BYTES: u64 = 8 << 20;

/// The configuration server, and what lies behind it: registers everybody, grants epochs, gives commands.
struct Hub {
    env: Env,
    seen: Rc<RefCell<HubSeen>>,
}

#[derive(Default)]
struct HubSeen {
    agent: Option<ConnId>,
    process_server: Option<ConnId>,
    epoch: u32,
    notices: Vec<Notice>,
    replies: Vec<(u64, Result<Reply, String>)>,
    /// What to order as soon as the component is there.
    serve: Option<Protection>,
}

impl Part for Hub {
    fn input(&mut self, input: Input) {
        let mut seen = self.seen.borrow_mut();
        match input {
            Input::Started => self.env.listen(PORT_MANAGEMENT),
            Input::Network(NetEvent::Received { conn, frame }) => match frame.body {
                Body::ManagementUp(management::Up::Register { component, .. }) => {
                    self.env.send(conn, management::Down::Registered { refused: None });
                    if component == Component::ProcessServer {
                        seen.process_server = Some(conn);
                        if let Some(protection) = seen.serve.clone() {
                            let command = Command::Serve(protection);
                            self.env.send(
                                conn,
                                management::Down::Command {
                                    id: 1,
                                    to: PROCESS_SERVER,
                                    command,
                                },
                            );
                        }
                    } else {
                        seen.agent = Some(conn);
                    }
                }
                Body::ManagementUp(management::Up::EpochAsk { disk, sealer }) => {
                    seen.epoch += 1;
                    self.env.send(
                        conn,
                        management::Down::EpochGrant {
                            disk,
                            sealer,
                            epoch: seen.epoch,
                        },
                    );
                }
                Body::ManagementUp(management::Up::Notice(notice)) => seen.notices.push(notice),
                Body::ManagementUp(management::Up::Reply { id, result }) => seen.replies.push((id, result)),
                Body::ManagementUp(management::Up::Heartbeat { answer: true, .. }) => {
                    self.env.send(conn, management::Down::HeartbeatSeen)
                }
                _ => {}
            },
            _ => {}
        }
    }
}

/// The storage account: keeps what it is given.
struct Account {
    env: Env,
    seen: Rc<RefCell<Stored>>,
}

#[derive(Default)]
struct Stored {
    segments: Vec<(SegmentHeader, Blob)>,
    tags: Vec<(SimTime, Tag)>,
    copy_ends: u32,
    /// What it answers where checksums of the disk are asked for.
    sums: Vec<[u8; 16]>,
}

impl Stored {
    /// Keeps a tag, once; returns its batch.
    fn tag(&mut self, at: SimTime, tag: Tag) -> u64 {
        let batch = tag.batch;
        if self.tags.last().is_none_or(|(_, last)| last.batch < batch) {
            self.tags.push((at, tag));
        }
        batch
    }
}

impl Part for Account {
    fn input(&mut self, input: Input) {
        let mut seen = self.seen.borrow_mut();
        match input {
            Input::Started => self.env.listen(PORT_MANAGEMENT),
            Input::Network(NetEvent::Received { conn, frame }) => match frame.body {
                Body::SegmentsToTarget(segments::ToTarget::PutSegments {
                    protection,
                    segments,
                    tag,
                }) => {
                    let (vm, count) = (segments[0].header.disk.vm, segments.len());
                    let kind = segments[0].header.kind;
                    let blobs = frame.payload.unwrap().split(segments.iter().map(|s| (s.bytes, s.size)));
                    let headers = segments.iter().map(|segment| &segment.header);
                    let disks = headers.map(|header| (header.disk, header.epoch.0)).collect();
                    let headers = segments.into_iter().map(|segment| segment.header);
                    seen.segments.extend(headers.zip(blobs.unwrap()));
                    let answer = match tag {
                        None => Body::SegmentsToProcessServer(segments::ToProcessServer::SegmentsPut {
                            protection,
                            disks,
                            kind,
                            refused: None,
                        }),
                        Some(tag) => Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut {
                            vm,
                            protection,
                            batch: seen.tag(self.env.now(), tag.tag),
                            segments: count as u32,
                        }),
                    };
                    self.env.send(conn, answer);
                }
                Body::SegmentsToTarget(segments::ToTarget::PutTag { vm, protection, tag }) => {
                    let answer = Body::SegmentsToProcessServer(segments::ToProcessServer::TagPut {
                        vm,
                        protection,
                        batch: seen.tag(self.env.now(), tag.tag),
                        segments: 0,
                    });
                    self.env.send(conn, answer);
                }
                Body::SegmentsToTarget(segments::ToTarget::PutCopyEnd {
                    disk, protection, copy, ..
                }) => {
                    seen.copy_ends += 1;
                    self.env
                        .send(conn, segments::ToProcessServer::CopyEndPut { disk, protection, copy });
                }
                Body::SegmentsToTarget(segments::ToTarget::ChecksumAsk(ask)) => {
                    let sums = checksums::Checksums {
                        disk: ask.disk,
                        copy: ask.copy,
                        first_chunk: ask.first_chunk,
                        sums: seen.sums.clone(),
                        position: WriteSeq(0),
                        lineage: None,
                    };
                    self.env.send(conn, segments::ToProcessServer::Checksums(sums));
                }
                _ => {}
            },
            _ => {}
        }
    }
}

struct Estate {
    bench: Rc<Bench>,
    guest: ActorId,
    agent: ActorId,
    process_server: ActorId,
    account: ActorId,
    hub: Rc<RefCell<HubSeen>>,
    stored: Rc<RefCell<Stored>>,
    hub_env: Env,
    vm: Arc<VmSpec>,
    workload: Arc<WorkloadSpec>,
    journal_cap: u64,
}

fn estate(grain: Grain, requests: Vec<Request>, journal_cap: u64) -> Estate {
    let bench = Bench::new(grain);
    let name = volume_name(DISK, "source");
    let mut volume = Volume::new(&PageStore::new(64 << 20), grain, DISK_BYTES);
    let content = match grain {
        Grain::Real => Content::Bytes(vec![7; 4096 * 64].into()),
        _ => Content::Version {
            version: WriteSeq(0),
            class: Class(0),
        },
    };
    volume
        .write(&datapath::Run {
            start: Extent(512),
            extents: 64,
            content,
        })
        .unwrap();
    bench.place(&name, volume);
    bench.volume_attach(&name, SOURCE);
    let vm = Arc::new(VmSpec {
        vm: VmId(0),
        name: "vm1".to_owned(),
        os: Os::Linux,
        physical: false,
        disks: vec![(DISK, DISK_BYTES)],
        source: SOURCE,
        failback: SOURCE,
        azure: MachineId(7),
        test: MachineId(8),
        boot: 10 * SECOND,
    });
    let stream = StreamSpec {
        disk: 0,
        class: Class(0),
        random_bytes: 1024,
        kind: StreamKind::Recorded(Recorded {
            requests: Arc::new(requests),
            speed_per_mille: 1000,
            repeat: false,
        }),
        flush_every: 0,
        outstanding: None,
        starts_after: None,
    };
    let (guest, _) = bench.actor(0, ComponentKind::Guest);
    let (agent, _) = bench.actor(0, ComponentKind::Agent);
    let (process_server, _) = bench.actor(1, ComponentKind::ProcessServer);
    let (hub_id, hub_env) = bench.actor(2, ComponentKind::ConfigurationServer);
    let (account, _) = bench.actor(3, ComponentKind::Storage);
    let hub = Rc::new(RefCell::new(HubSeen::default()));
    let stored = Rc::new(RefCell::new(Stored::default()));
    bench.put(
        hub_id,
        Hub {
            env: hub_env.clone(),
            seen: Rc::clone(&hub),
        },
    );
    let workload = Arc::new(WorkloadSpec { streams: vec![stream] });
    let estate = Estate {
        bench,
        guest,
        agent,
        process_server,
        account,
        hub,
        stored,
        hub_env,
        vm,
        workload,
        journal_cap,
    };
    estate.start_account();
    estate.start_process_server();
    estate.start_source();
    estate
}

impl Estate {
    fn start_source(&self) {
        let guest = GuestSpec {
            vm: Arc::clone(&self.vm),
            workload: Arc::clone(&self.workload),
            tiers: Vec::new(),
            databases: Vec::new(),
            volumes: vec![(DISK, volume_name(DISK, "source"))],
            folded_bytes: 4 << 20,
            summary_bytes: 16 << 20,
            hypervisor: None,
        };
        let agent = AgentSpec {
            vm: Arc::clone(&self.vm),
            configuration_server: Some(CS_MACHINE),
            passphrase: 5,
            journal_cap: self.journal_cap,
            workload: Arc::clone(&self.workload),
            batch_bytes: 4 << 20,
            window_bytes: 2 << 20,
        };
        self.bench
            .put(self.agent, Agent::new(agent, self.bench.env(self.agent)));
        self.bench
            .put(self.guest, Guest::new(guest, self.bench.env(self.guest)));
    }

    fn start_account(&self) {
        let account = Account {
            env: self.bench.env(self.account),
            seen: Rc::clone(&self.stored),
        };
        self.bench.put(self.account, account);
    }

    fn resynchronizations(&self) -> usize {
        let hub = self.hub.borrow();
        let asked = |notice: &&Notice| matches!(notice, Notice::ResynchronizationNeeded { .. });
        hub.notices.iter().filter(asked).count()
    }

    fn start_process_server(&self) {
        self.start_process_server_with(Arc::default(), 4 << 20);
    }

    fn start_process_server_with(&self, throttles: Arc<Schedule>, window_bytes: u64) {
        let spec = ProcessServerSpec {
            configuration_server: CS_MACHINE,
            passphrase: 5,
            port: PORT_REPLICATION,
            window_bytes,
            copies_at_a_time: 3,
            vault: [1; 16],
            key: VaultKey::public_test_key(),
            calibration: Arc::new(Calibration {
                kept: vec![[30_000; 16]],
            }),
            throttles,
        };
        self.bench.put(
            self.process_server,
            ProcessServer::new(spec, self.bench.env(self.process_server)),
        );
    }

    fn protection(&self) -> Protection {
        Protection {
            vm: VmId(0),
            protection: 1,
            disks: self.vm.disks.clone(),
            source: SOURCE,
            process_server: PROCESS_SERVER,
            port: PORT_REPLICATION,
            target: Target::Storage(STORAGE),
            policy: Policy {
                app_consistent_every: 0,
                ..default_policy("p")
            },
            copy: CopyMode::Used,
            group: None,
        }
    }

    fn order(&self, id: u64, command: Command) {
        let conn = self.hub.borrow().agent.expect("the agent is registered");
        self.hub_env.send(
            conn,
            management::Down::Command {
                id,
                to: SOURCE,
                command,
            },
        );
    }

    /// Serves and protects the machine.
    fn protect(&self) {
        self.bench.run_seconds(90);
        let protection = self.protection();
        self.hub.borrow_mut().serve = Some(protection.clone());
        let conn = self
            .hub
            .borrow()
            .process_server
            .expect("the process server is registered");
        let command = Command::Serve(protection.clone());
        self.hub_env.send(
            conn,
            management::Down::Command {
                id: 1,
                to: PROCESS_SERVER,
                command,
            },
        );
        self.order(2, Command::Protect { protection, copy: 1 });
    }

    /// What the stored segments of the copies and batches make of an empty disk, applied as the target would.
    fn rebuilt(&self, through: u64) -> Volume {
        let stored = self.stored.borrow();
        let key = VaultKey::public_test_key().disk_key(DISK);
        let mut worker = Worker::new(1);
        let mut volume = Volume::new(&PageStore::new(64 << 20), self.bench.grain(), DISK_BYTES);
        // In these tests every piece of a copy is read before the first write that matters.
        let copies = stored
            .segments
            .iter()
            .filter(|(h, _)| matches!(h.kind, SegmentKind::Copy { .. }));
        let batches = stored
            .tags
            .iter()
            .filter(|(_, tag)| tag.batch <= through)
            .flat_map(|(_, tag)| {
                tag.segments.iter().map(|header| {
                    stored
                        .segments
                        .iter()
                        .rfind(|(h, _)| h == header)
                        .expect("tagged, so stored")
                })
            });
        for (header, blob) in copies.chain(batches) {
            for run in open(&mut worker, &key, header, blob).expect("untouched").runs {
                volume.write(&run).unwrap();
            }
        }
        volume
    }

    fn assert_same_as_source(&self) {
        let last = self.stored.borrow().tags.last().expect("a tag").1.batch;
        let (mine, theirs) = (
            self.rebuilt(last),
            self.bench.content(&volume_name(DISK, "source")).unwrap(),
        );
        for extent in 0..mine.extents() {
            let (a, b) = (
                mine.checksum(Extent(extent), 1).unwrap(),
                theirs.checksum(Extent(extent), 1).unwrap(),
            );
            assert_eq!(a, b, "extent {extent}");
        }
    }
}

fn writes(count: u64, every: u64) -> Vec<Request> {
    let write = |n| Request::Write {
        at: n * every,
        sector: n * 24 % 8000,
        sectors: 20,
    };
    (0..count).map(write).collect()
}

#[test]
fn what_the_guest_wrote_is_what_the_target_can_rebuild() {
    for grain in [Grain::Real, Grain::Extent] {
        let estate = estate(grain, writes(600, SECOND), 1 << 30);
        estate.protect();
        estate.bench.run_seconds(1800);
        estate.assert_same_as_source();
        let stored = estate.stored.borrow();
        assert_eq!(stored.copy_ends, 1);
        assert!(
            stored
                .tags
                .windows(2)
                .all(|pair| pair[1].1.batch == pair[0].1.batch + 1)
        );
        assert!(
            stored
                .tags
                .windows(2)
                .all(|pair| pair[1].1.first == pair[0].1.last.next())
        );
        let marks: Vec<u64> = stored
            .tags
            .iter()
            .filter_map(|(_, tag)| tag.mark.map(|mark| mark.point))
            .collect();
        assert!(marks.len() >= 6, "{marks:?}");
        assert!(marks.iter().zip(1..).all(|(point, n)| *point == n));
    }
}

#[test]
fn nothing_is_lost_when_the_process_server_loses_its_power_again_and_again() {
    let estate = estate(Grain::Real, writes(1500, SECOND / 2), 1 << 30);
    estate.protect();
    for seconds in [17, 101, 299, 301, 60] {
        estate.bench.run_seconds(seconds);
        estate.bench.cut(PROCESS_SERVER.0);
        estate.bench.run_seconds(40);
        estate.start_process_server();
    }
    estate.bench.run_seconds(1800);
    estate.assert_same_as_source();
    // No nonce twice: epochs rise with each start, and ranges within an epoch do not meet.
    let stored = estate.stored.borrow();
    let mut ranges: Vec<_> = stored
        .segments
        .iter()
        .map(|(h, _)| (h.epoch, h.first_counter, h.kind))
        .collect();
    ranges.sort_unstable();
    ranges.dedup();
    assert!(
        ranges
            .windows(2)
            .all(|pair| (pair[0].0, pair[0].1) != (pair[1].0, pair[1].1))
    );
}

#[test]
fn what_the_cache_gives_back_wrong_is_lost_and_said_and_what_comes_behind_it_goes_on() {
    let estate = estate(Grain::Real, writes(3000, SECOND / 2), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(400);
    // Nobody takes what the process server acknowledges; its disk damages the first of it, which only a restart reads again.
    estate.bench.cut(STORAGE.0);
    estate.bench.run_seconds(400);
    estate.bench.cut(PROCESS_SERVER.0);
    let files = estate.bench.files(PROCESS_SERVER);
    let cached = files.list("cache/").into_iter();
    let parts: Vec<String> = cached
        .filter(|name| name.contains("/batch-") && name.contains("/part-"))
        .collect();
    assert!(parts.len() > 3, "{parts:?}");
    let mut bytes = files.read_all(&parts[0]).unwrap().bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    files.replace(&parts[0], Blob::real(bytes)).unwrap();
    estate.start_account();
    estate.start_process_server();
    estate.bench.run_seconds(600);
    let said = |fact: &Fact| matches!(fact, Fact::Alert { text, .. } if text.contains("lost what it had acknowledged"));
    let alerts = estate.bench.facts().iter().filter(|(_, fact)| said(fact)).count();
    assert_eq!(alerts, 1);
    let batches: Vec<u64> = estate.stored.borrow().tags.iter().map(|(_, tag)| tag.batch).collect();
    let gaps = batches.windows(2).filter(|pair| pair[1] != pair[0] + 1);
    assert_eq!(
        gaps.count(),
        1,
        "one batch is missing, and the target can see it: {batches:?}"
    );
    assert!(!files.list("cache/").contains(&parts[0]));
}

#[test]
fn what_a_full_cache_refuses_is_sent_again_and_the_copy_ends_after_it() {
    let estate = estate(Grain::Real, writes(300, SECOND), 1 << 30);
    let files = estate.bench.files(PROCESS_SERVER);
    estate.bench.bound_files(PROCESS_SERVER, 1 << 20);
    // Other files leave no room for a piece.
    files.append("other", Blob::real(vec![0; 900 << 10])).unwrap();
    estate.protect();
    estate.bench.run_seconds(200);
    let pieces = || {
        let stored = estate.stored.borrow();
        let of_copy = |header: &SegmentHeader| matches!(header.kind, SegmentKind::Copy { .. });
        stored.segments.iter().filter(|(header, _)| of_copy(header)).count()
    };
    // Small pieces fit one at a time, the large one does not.
    let before = pieces();
    assert_eq!(estate.stored.borrow().copy_ends, 0);
    let full = |fact: &Fact| matches!(fact, Fact::Alert { text, .. } if text.contains("of 1048576 bytes are used"));
    let alerts = estate.bench.facts().iter().filter(|(_, fact)| full(fact)).count();
    assert_eq!(alerts, 1, "said once, however often it is refused");
    files.remove("other");
    estate.bench.run_seconds(900);
    assert_eq!(estate.stored.borrow().copy_ends, 1);
    assert!(pieces() > before);
    estate.assert_same_as_source();
}

#[test]
fn a_cut_link_delays_points_and_loses_none() {
    let estate = estate(Grain::Extent, writes(1500, SECOND / 2), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(400);
    estate.bench.dark.set(true);
    estate.bench.run_seconds(900);
    estate.bench.dark.set(false);
    estate.bench.run_seconds(1800);
    estate.assert_same_as_source();
    let stored = estate.stored.borrow();
    let marks: Vec<_> = stored
        .tags
        .iter()
        .filter_map(|(at, tag)| tag.mark.map(|mark| (*at, mark)))
        .collect();
    assert!(marks.iter().zip(1..).all(|((_, mark), n)| mark.point == n));
    assert!(marks.iter().any(|(at, mark)| at.since(mark.marked) > 300 * SECOND));
}

/// Batches that were cut: when, and which writes.
fn batches_of(estate: &Estate) -> Vec<(SimTime, WriteSeq, WriteSeq, bool)> {
    let facts = estate.bench.facts().into_iter();
    let cuts = facts.filter_map(|(at, fact)| match fact {
        Fact::BatchCut { first, last, mark, .. } => Some((at, first, last, mark.is_some())),
        _ => None,
    });
    cuts.collect()
}

#[test]
fn what_has_waited_for_30_s_is_cut_though_the_guest_is_quiet() {
    for grain in [Grain::Real, Grain::Extent] {
        // One write, between two marks, and nothing more.
        let estate = estate(grain, writes(1, 0), 1 << 30);
        estate.protect();
        estate.bench.run_seconds(60);
        let seq = WriteSeq(2);
        let run = estate
            .bench
            .content(&volume_name(DISK, "source"))
            .unwrap()
            .read(Extent(0), 1)
            .unwrap()
            .remove(0);
        let records = vec![Record::Change { seq, disk: DISK, run }];
        let wrote = estate.bench.now();
        estate.bench.give(
            estate.agent,
            Input::Local(Local::Wrote {
                records: Records(records),
            }),
        );
        estate.bench.run_seconds(40);
        let batches = batches_of(&estate);
        let (at, _, last, marked) = batches.last().copied().unwrap();
        assert_eq!((last, marked), (seq, false), "{batches:?}");
        assert!(at.since(wrote) <= 31 * SECOND, "cut after {} ns", at.since(wrote));
        // It is at the target, not at the source.
        assert_eq!(estate.stored.borrow().tags.last().unwrap().1.last, seq);
    }
}

#[test]
fn no_batch_is_larger_than_its_bound_by_more_than_a_write_however_slow_the_disk() {
    // Ten writes of 10 KiB a second, a disk that takes a minute for a flush, and batches of at most 4 MiB.
    let estate = estate(Grain::Extent, writes(8_000, SECOND / 10), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(60);
    estate.bench.flush_time.set(60 * SECOND);
    estate.bench.run_seconds(600);
    let record = 12_288 + datapath::journal::RECORD_HEADER_BYTES as u64;
    for (_, first, last, _) in batches_of(&estate) {
        let bytes = (last.0 + 1 - first.0) * record;
        assert!(
            bytes <= (4 << 20) + 4 * record,
            "writes {} to {}: {bytes}",
            first.0,
            last.0
        );
    }
}

#[test]
fn an_unclean_stop_asks_for_a_resynchronization_and_makes_no_point_until_it_ends() {
    let estate = estate(Grain::Extent, writes(600, SECOND), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(700);
    estate.bench.cut(SOURCE.0);
    let points = estate
        .stored
        .borrow()
        .tags
        .iter()
        .filter(|(_, tag)| tag.mark.is_some())
        .count();
    estate.start_source();
    estate.bench.run_seconds(600);
    let needed = |notice: &Notice| matches!(notice, Notice::ResynchronizationNeeded { protection: 1, .. });
    assert!(estate.hub.borrow().notices.iter().any(needed));
    let after = estate
        .stored
        .borrow()
        .tags
        .iter()
        .filter(|(_, tag)| tag.mark.is_some())
        .count();
    assert_eq!(points, after);
    let protection = estate.protection();
    estate.order(9, Command::Protect { protection, copy: 2 });
    estate.bench.run_seconds(1200);
    let stored = estate.stored.borrow();
    assert!(stored.tags.iter().filter(|(_, tag)| tag.mark.is_some()).count() > points);
    assert!(
        stored
            .segments
            .iter()
            .any(|(h, _)| matches!(h.kind, SegmentKind::Copy { copy: 2, .. }))
    );
    assert!(
        stored
            .tags
            .windows(2)
            .all(|pair| pair[1].1.batch == pair[0].1.batch + 1)
    );
}

#[test]
fn a_full_journal_leads_to_a_resynchronization() {
    let estate = estate(Grain::Extent, writes(1500, SECOND / 2), 1 << 20);
    estate.protect();
    estate.bench.run_seconds(30);
    estate.bench.dark.set(true);
    estate.bench.run_seconds(300);
    estate.bench.dark.set(false);
    estate.bench.run_seconds(120);
    let full = |notice: &Notice| matches!(notice, Notice::ResynchronizationNeeded { why, .. } if why.contains("full"));
    assert!(estate.hub.borrow().notices.iter().any(full));
}

#[test]
fn a_drain_ends_with_the_guests_last_write_durable_at_the_process_server() {
    let estate = estate(Grain::Real, writes(100_000, SECOND / 4), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(500);
    estate.order(
        7,
        Command::ShutdownAndDrain {
            vm: VmId(0),
            protection: 1,
        },
    );
    estate.bench.run_seconds(60);
    let hub = estate.hub.borrow();
    let Some((_, Ok(Reply::Drained { last, mark: Some(mark) }))) = hub.replies.iter().find(|(id, _)| *id == 7) else {
        panic!("{:?}", hub.replies)
    };
    let ended = estate.bench.facts().into_iter().find_map(|(_, fact)| match fact {
        Fact::LifeEnded { last, .. } => Some(last),
        _ => None,
    });
    assert_eq!((Some(*last), mark.seq), (ended, *last));
    estate.assert_same_as_source();
}

#[test]
fn after_an_orderly_restart_replication_goes_on_without_a_copy() {
    let estate = estate(Grain::Extent, writes(600, SECOND), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(500);
    estate.bench.give(estate.guest, Input::Local(Local::Shutdown));
    estate.bench.run_seconds(30);
    estate.bench.cut(SOURCE.0);
    estate.start_source();
    estate.bench.run_seconds(1500);
    let needed = |notice: &Notice| matches!(notice, Notice::ResynchronizationNeeded { .. });
    assert!(!estate.hub.borrow().notices.iter().any(needed));
    estate.assert_same_as_source();
}

#[test]
fn what_leaves_the_agent_was_durable_in_its_journal_and_nothing_exceeds_the_window() {
    let estate = estate(Grain::Real, writes(2000, SECOND / 20), 1 << 30);
    estate.bench.latency.set(SECOND);
    estate.protect();
    estate.bench.run_seconds(600);
    let mut unacknowledged: i64 = 0;
    let mut most = 0;
    let mut sizes = BTreeMap::new();
    for (_, actor, body, size) in estate.bench.frames() {
        let key = match body {
            Body::ReplicationToProcessServer(replication::ToProcessServer::Changes { batch, part, .. }) => {
                Some((true, batch, part))
            }
            Body::ReplicationToProcessServer(replication::ToProcessServer::CopyData { part, .. }) => {
                Some((false, 0, part))
            }
            _ => None,
        };
        if let Some(key) = key.filter(|_| actor == estate.agent) {
            sizes.insert(key, size);
            unacknowledged += size as i64;
        }
        let acknowledged = match body {
            Body::ReplicationToAgent(replication::ToAgent::ChangesCached { batch, part, .. }) => {
                sizes.remove(&(true, batch, part))
            }
            Body::ReplicationToAgent(replication::ToAgent::CopyCached { part, .. }) => sizes.remove(&(false, 0, part)),
            _ => None,
        };
        unacknowledged -= acknowledged.unwrap_or(0) as i64;
        most = most.max(unacknowledged);
    }
    assert!(most > 0 && most <= (3 << 20) + 4096, "{most} bytes unacknowledged");
}

#[test]
fn records_on_the_wire_are_those_of_the_journal() {
    let estate = estate(Grain::Real, writes(50, SECOND), 1 << 30);
    estate.protect();
    estate.bench.run_seconds(600);
    let names = estate.bench.files(PROCESS_SERVER).list("cache/");
    for name in names {
        let file = estate.bench.files(PROCESS_SERVER).read_all(&name).unwrap();
        let records = decode(&file.bytes.slice(..file.bytes.len() - 8));
        assert!(records.is_ok_and(|records| records.iter().all(|record| !matches!(record, Record::Summary(_)))));
    }
    estate.assert_same_as_source();
}

/// Segments sent, and those among them that had been sent before; fails where a nonce stands for two different things.
fn nonces_of(estate: &Estate) -> (usize, usize) {
    // Each disk has a key of its own. Everything that was ever sealed from a first counter, by epoch; and where its range ends.
    let mut sealed: BTreeMap<(DiskId, Epoch, u64), (SegmentHeader, blake3::Hash)> = BTreeMap::new();
    let sent = estate.bench.segments();
    let mut again = 0;
    for (header, blob) in &sent {
        let nonce = (header.disk, header.epoch, header.first_counter);
        let this = (header.clone(), blake3::hash(&blob.bytes));
        if let Some(before) = sealed.insert(nonce, this.clone()) {
            assert_eq!(before, this, "a retry sends the stored bytes and never seals anew");
            again += 1;
        }
    }
    // A segment takes one nonce for its manifest and at least one for its content: two that touch would share one.
    let mut firsts = sealed.keys().copied().collect::<Vec<_>>().into_iter().peekable();
    while let Some((disk, epoch, first)) = firsts.next() {
        if let Some((_, _, next)) = firsts.peek().filter(|(d, e, _)| (*d, *e) == (disk, epoch)) {
            assert!(*next > first + 1, "{epoch:?}: {first}, then {next}");
        }
    }
    (sent.len(), again)
}

#[test]
fn the_same_nonce_always_means_the_same_bytes_over_lost_answers_reconnects_and_power_cuts() {
    let estate = estate(Grain::Real, writes(2000, SECOND / 2), 1 << 30);
    // Long ways, so that segments and their answers are under way whenever something happens.
    estate.bench.latency.set(SECOND / 2);
    estate.protect();
    for (seconds, dark) in [(4, 90), (150, 200), (61, 31), (122, 400), (33, 77)] {
        estate.bench.run_seconds(seconds);
        estate.bench.dark.set(true);
        estate.bench.run_seconds(dark);
        estate.bench.dark.set(false);
        if dark < 100 {
            estate.bench.run_seconds(7);
            estate.bench.cut(PROCESS_SERVER.0);
            estate.bench.run_seconds(9);
            estate.start_process_server();
        }
    }
    estate.bench.run_seconds(1800);
    estate.assert_same_as_source();
    let (sent, again) = nonces_of(&estate);
    assert!(sent > 30 && again > 0, "{sent} sent, {again} of them again");
    let epochs: BTreeSet<Epoch> = estate.bench.segments().iter().map(|(header, _)| header.epoch).collect();
    assert!(
        epochs.len() > 2,
        "a process server that starts anew seals with an epoch of its own: {epochs:?}"
    );
}
