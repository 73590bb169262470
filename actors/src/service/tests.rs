//! The service's laws, with real storage and compute, and the test's hands for everything on premises.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use datapath::replica::{Consistency, Mark, Tag};
use datapath::seal::VaultKey;
use datapath::segment::{SegmentHeader, SegmentKind};
use datapath::{Blob, Content, DiskId, Extent, Grain, SimTime, VmId, WriteSeq};

use super::Service;
use crate::azure_compute::AzureCompute;
use crate::facts::{Fact, Severity};
use crate::messages::local::Local;
use crate::messages::management::{Command, Notice, Reply};
use crate::messages::segments::{InTurn, Packed};
use crate::messages::vcenter::VcenterAction;
use crate::messages::{Body, PORT_MANAGEMENT, checksums, management, portal, segments};
use crate::nouns::{
    ActorId, Component, ComponentKind, ItemState, Life, LinkKind, MachineId, Operation, Outcome, PointChoice,
};
use crate::ports::{ConnId, Env, Input, NetEvent};
use crate::spec::{AzureComputeSpec, Os, ServiceSpec, ServiceTimes, StorageSpec, VmSpec, default_policy};
use crate::storage::Storage;
use crate::testing::{Bench, sealed};

mod returning;
mod tampering;

const VAULT: [u8; 16] = [7; 16];
const VM: VmId = VmId(0);
const DISK: DiskId = DiskId { vm: VM, index: 0 };
const DISK_BYTES: u64 = 1 << 20;
const SECOND: u64 = 1_000_000_000;
const SERVICE: u32 = 0;
const STORAGE: u32 = 1;
const COMPUTE: u32 = 2;
const PORTAL: u32 = 3;
const MANAGEMENT: u32 = 4;
const SOURCE: u32 = 5;
const AZURE: u32 = 6;
const TEST: u32 = 7;
const VCENTER: u32 = 8;

struct Setting {
    bench: Rc<Bench>,
    service: ActorId,
    spec: ServiceSpec,
    compute: ActorId,
    portal: (ActorId, Env, ConnId),
    management: (ActorId, Env, ConnId),
    sealer: (ActorId, Env, ConnId),
    commands: Vec<(u64, MachineId, Command)>,
    answers: BTreeMap<u64, Outcome>,
    jobs: u64,
    asked: BTreeMap<u64, Operation>,
    /// The configuration server answers every command at once with success.
    answering: bool,
}

fn vm_spec() -> Arc<VmSpec> {
    Arc::new(VmSpec {
        vm: VM,
        name: "vm1".into(),
        os: Os::Windows,
        physical: false,
        disks: vec![(DISK, DISK_BYTES)],
        source: MachineId(SOURCE),
        failback: MachineId(SOURCE),
        azure: MachineId(AZURE),
        test: MachineId(TEST),
        boot: SECOND,
    })
}

fn setting() -> Setting {
    let bench = Bench::new(Grain::Real);
    let times = ServiceTimes {
        policy: 30 * SECOND,
        hydration: 480 * SECOND,
        create_machine: 60 * SECOND,
    };
    let managed: BTreeMap<MachineId, MachineId> = [SOURCE, AZURE]
        .into_iter()
        .map(|m| (MachineId(m), MachineId(MANAGEMENT)))
        .collect();
    let (service, env) = bench.actor(SERVICE, ComponentKind::Service);
    let spec = ServiceSpec {
        storage: MachineId(STORAGE),
        compute: MachineId(COMPUTE),
        vms: vec![vm_spec()],
        managed_by: managed,
        groups: Vec::new(),
        recovery_plans: Vec::new(),
        vcenters: [(MachineId(MANAGEMENT), MachineId(VCENTER))].into(),
        vault: VAULT,
        key: VaultKey::public_test_key(),
        calibration: Arc::new(datapath::segment::Calibration::default()),
        registration_key: 99,
        forward_links: vec![LinkKind::Internet],
        times: times.clone(),
        hold_processing: false,
    };
    let (storage, storage_env) = bench.actor(STORAGE, ComponentKind::Storage);
    bench.put(storage, Storage::new(StorageSpec { vault: VAULT }, storage_env));
    let (compute, compute_env) = bench.actor(COMPUTE, ComponentKind::AzureCompute);
    bench.put(
        compute,
        AzureCompute::new(
            AzureComputeSpec {
                vms: vec![vm_spec()],
                times,
            },
            compute_env,
            bench.fabric(),
        ),
    );
    bench.put(service, Service::new(spec.clone(), env));
    let portal = bench.actor(PORTAL, ComponentKind::Operator);
    let management = bench.actor(MANAGEMENT, ComponentKind::ConfigurationServer);
    let sealer = bench.actor(MANAGEMENT, ComponentKind::ProcessServer);
    bench.run_seconds(1);
    let call = |(actor, env): (ActorId, Env), to: u32| {
        let conn = env.connect(MachineId(to), PORT_MANAGEMENT);
        (actor, env, conn)
    };
    let setting = Setting {
        portal: call(portal, SERVICE),
        management: call(management, SERVICE),
        sealer: call(sealer, STORAGE),
        bench,
        service,
        spec,
        compute,
        commands: Vec::new(),
        answers: BTreeMap::new(),
        jobs: 0,
        asked: BTreeMap::new(),
        answering: true,
    };
    setting.bench.run_seconds(1);
    setting
}

/// The first life of a machine.
fn life_on(machine: MachineId) -> Life {
    Life {
        machine,
        incarnation: 1,
    }
}

impl Setting {
    /// Runs, and plays the configuration server meanwhile.
    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.bench.run_seconds(1);
            for (_, input) in self.bench.take_inbox(self.management.0) {
                let Input::Network(NetEvent::Received { frame, .. }) = input else {
                    continue;
                };
                if let Body::ManagementDown(management::Down::Command { id, to, command }) = frame.body {
                    if self.answering {
                        self.management.1.send(
                            self.management.2,
                            management::Up::Reply {
                                id,
                                result: Ok(Reply::Done),
                            },
                        );
                    }
                    self.commands.push((id, to, command));
                }
            }
            for (_, frame) in self.bench.take_frames(self.portal.0) {
                if let Body::PortalToOperator(portal::ToOperator::Answer { job, outcome, .. }) = frame.body {
                    self.answers.insert(job, outcome);
                }
            }
        }
    }

    fn ask(&mut self, operation: Operation) -> u64 {
        self.jobs += 1;
        let job = self.jobs;
        self.asked.insert(job, operation.clone());
        self.portal
            .1
            .send(self.portal.2, portal::ToService::Ask { job, operation });
        self.run(2);
        self.jobs
    }

    fn refused(&mut self, operation: Operation) -> String {
        let job = self.ask(operation);
        match self.answers.get(&job) {
            Some(Outcome::Refused(why)) => why.clone(),
            other => panic!("was to be refused: {other:?}"),
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.management
            .1
            .send(self.management.2, management::Up::Notice(notice));
        self.run(1);
    }

    fn states(&self) -> Vec<ItemState> {
        let facts = self.bench.facts();
        facts
            .iter()
            .filter_map(|(_, fact)| {
                if let Fact::State { state, .. } = fact {
                    Some(*state)
                } else {
                    None
                }
            })
            .collect()
    }

    fn vault(&mut self) {
        self.ask(Operation::CreateVault);
        self.register();
        let machine = MachineId(MANAGEMENT);
        self.notice(Notice::ComponentUp {
            component: Component::ProcessServer,
            machine,
        });
        self.ask(Operation::CreatePolicy(default_policy("daily")));
        self.run(40);
    }

    /// The configuration server registers.
    fn register(&mut self) {
        let body = Body::ManagementUp(management::Up::Register {
            component: Component::ConfigurationServer,
            machine: MachineId(MANAGEMENT),
            vm: None,
            key: 99,
        });
        self.management.1.send(self.management.2, body);
        self.run(1);
    }

    fn enable(&mut self) -> u64 {
        let (vm, policy, process_server) = (VM, "daily".to_owned(), MachineId(MANAGEMENT));
        self.ask(Operation::EnableReplication {
            vm,
            policy,
            process_server,
            over: None,
        })
    }

    fn machine_is_known(&mut self) {
        let disks = vec![(DISK, DISK_BYTES)];
        let machines = vec![(MachineId(SOURCE), VM, disks.clone())];
        self.notice(Notice::Discovered {
            by: MachineId(MANAGEMENT),
            machines,
        });
        self.agent_up(SOURCE);
    }

    fn agent_up(&mut self, machine: u32) {
        let machine = MachineId(machine);
        let life = life_on(machine);
        self.notice(Notice::AgentUp {
            vm: VM,
            machine,
            disks: vec![(DISK, DISK_BYTES)],
            life,
        });
    }

    fn put(&mut self, kind: SegmentKind, at: u64, byte: u8, seq: u64) -> SegmentHeader {
        self.put_changed(kind, at, byte, seq, |_| ())
    }

    /// Stores a segment that somebody changes on its way.
    fn put_changed(
        &mut self,
        kind: SegmentKind,
        at: u64,
        byte: u8,
        seq: u64,
        change: impl Fn(&mut Vec<u8>),
    ) -> SegmentHeader {
        let key = VaultKey::public_test_key().disk_key(DISK);
        let sealed = sealed((&key, VAULT), (DISK, kind), (at, byte, seq), (1, seq * 1000));
        let header = sealed.header.clone();
        let mut bytes = sealed.blob.bytes.to_vec();
        change(&mut bytes);
        let packed = Packed {
            header: sealed.header,
            plain_bytes: 4096,
            bytes: bytes.len() as u64,
            size: bytes.len() as u64,
        };
        let body = Body::SegmentsToTarget(segments::ToTarget::PutSegments {
            protection: 1,
            segments: vec![packed],
            tag: None,
        });
        self.sealer.1.send_with(self.sealer.2, body, Blob::real(bytes));
        self.run(1);
        header
    }

    fn batch(&mut self, batch: u64) -> SegmentHeader {
        let header = self.put(SegmentKind::Changes { batch }, batch, batch as u8, batch + 1);
        self.tag(batch, &header);
        header
    }

    fn tag(&mut self, batch: u64, header: &SegmentHeader) {
        let marked = self.sealer.1.now();
        let seq = WriteSeq(batch + 1);
        let mark = Mark {
            point: batch,
            seq,
            consistency: Consistency::Crash,
            marked,
            marked_source: marked,
            life: life_on(MachineId(SOURCE)).number(),
            shared: None,
        };
        let tag = Tag {
            batch,
            first: seq,
            last: seq,
            segments: [header.clone()].into(),
            cut: Default::default(),
            mark: Some(mark),
        };
        self.sealer.1.send(
            self.sealer.2,
            segments::ToTarget::PutTag {
                vm: VM,
                protection: 1,
                tag: InTurn { tag, after: None },
            },
        );
        self.run(2);
    }

    /// A copy of one piece, then three points.
    fn replicate(&mut self) -> Vec<SegmentHeader> {
        self.put(SegmentKind::Copy { copy: 1, part: 0 }, 0, 0xaa, 1);
        let end = Body::SegmentsToTarget(segments::ToTarget::PutCopyEnd {
            disk: DISK,
            protection: 1,
            copy: 1,
            parts: 1,
            highest: WriteSeq(1),
        });
        self.sealer.1.send(self.sealer.2, end);
        self.run(1);
        (1..=3).map(|batch| self.batch(batch)).collect()
    }

    fn protected() -> Setting {
        let mut s = setting();
        s.vault();
        s.machine_is_known();
        s.enable();
        s.replicate();
        assert_eq!(s.states().last(), Some(&ItemState::Protected));
        s
    }

    fn content(&self, name: &str, extent: u64) -> Option<u8> {
        let volume = self.bench.content(name)?;
        match &volume.read(Extent(extent), 1).unwrap()[0].content {
            Content::Bytes(bytes) => Some(bytes[0]),
            _ => Some(0),
        }
    }

    fn up(&mut self, machine: u32) {
        self.bench.give(
            self.compute,
            Input::Local(Local::WorkloadUp {
                machine: MachineId(machine),
            }),
        );
        self.run(2);
    }

    /// Failed over, committed, and on its way back to a master target on the management server.
    fn reprotected() -> Setting {
        let mut s = Setting::protected();
        s.failover(false);
        s.up(AZURE);
        s.ask(Operation::Commit { vm: VM });
        s.agent_up(AZURE);
        for component in [Component::ProcessServer, Component::MasterTarget] {
            let machine = MachineId(MANAGEMENT);
            s.notice(Notice::ComponentUp { component, machine });
        }
        let job = s.ask(Operation::Reprotect {
            vm: VM,
            process_server: MachineId(MANAGEMENT),
            master_target: Some(MachineId(MANAGEMENT)),
        });
        s.run(10);
        assert_eq!(s.answers.get(&job), Some(&Outcome::Done));
        assert_eq!(s.states().last(), Some(&ItemState::ReprotectInProgress));
        s
    }

    fn failover(&mut self, shutdown: bool) -> u64 {
        let job = self.ask(Operation::Failover {
            vm: VM,
            point: PointChoice::Latest,
            shutdown,
        });
        self.run(70);
        job
    }
}

#[test]
fn nothing_is_done_without_a_vault() {
    let mut s = setting();
    assert!(
        s.refused(Operation::CreatePolicy(default_policy("daily")))
            .contains("no vault")
    );
}

#[test]
fn a_policy_brings_its_failback_policy_and_takes_its_time() {
    let mut s = setting();
    s.vault();
    let facts = s.bench.facts();
    let made: Vec<(SimTime, &str)> = facts
        .iter()
        .filter_map(|(at, fact)| {
            if let Fact::PolicyCreated { policy } = fact {
                Some((*at, &policy[..]))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(
        made.iter().map(|(_, name)| *name).collect::<Vec<_>>(),
        ["daily", "daily-failback"]
    );
    assert!(made[0].0 >= SimTime(30 * SECOND));
}

#[test]
fn what_the_product_does_not_have_is_refused_with_its_source() {
    let mut s = setting();
    s.vault();
    assert!(s.refused(Operation::PlannedFailover { vm: VM }).contains("FO17"));
    let over_vpn = Operation::EnableReplication {
        vm: VM,
        policy: "daily".into(),
        process_server: MachineId(MANAGEMENT),
        over: Some(LinkKind::Vpn),
    };
    assert!(s.refused(over_vpn).contains("ARCH24"));
    let to_physical = Operation::Failback {
        vm: VM,
        point: PointChoice::Latest,
        to_physical: true,
    };
    assert!(s.refused(to_physical).contains("FBT"));
    let refusals = s
        .bench
        .facts()
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::Refused { .. }))
        .count();
    assert_eq!(refusals, 3, "every refusal is a fact");
}

#[test]
fn an_operation_in_the_wrong_state_is_refused_and_names_the_state() {
    let mut s = setting();
    s.vault();
    let why = s.refused(Operation::Failover {
        vm: VM,
        point: PointChoice::Latest,
        shutdown: false,
    });
    assert!(why.contains("unprotected"), "{why}");
}

#[test]
fn enabling_fails_with_the_reason_where_the_agent_never_registers() {
    let mut s = setting();
    s.vault();
    let disks = vec![(DISK, DISK_BYTES)];
    s.notice(Notice::Discovered {
        by: MachineId(MANAGEMENT),
        machines: vec![(MachineId(SOURCE), VM, disks)],
    });
    let job = s.enable();
    s.run(31 * 60);
    assert!(matches!(&s.answers[&job], Outcome::Failed(why) if why.contains("Mobility service")));
}

#[test]
fn enabling_that_nobody_answers_is_taken_back_and_can_be_asked_for_again() {
    let mut s = setting();
    s.vault();
    s.machine_is_known();
    s.answering = false;
    let job = s.enable();
    s.run(31 * 60);
    assert!(matches!(&s.answers[&job], Outcome::Failed(why) if why.contains("did not answer")));
    assert_eq!(s.states(), [ItemState::EnableInProgress, ItemState::Unprotected]);
    assert!(
        matches!(s.commands.last(), Some((_, _, Command::Unserve { .. }))),
        "whoever took a part in it is told: {:?}",
        s.commands.last()
    );
    s.answering = true;
    let job = s.enable();
    s.run(2);
    assert_eq!(s.answers[&job], Outcome::Done);
}

#[test]
fn a_machine_is_protected_once_its_copies_are_applied_and_a_point_is_processed() {
    let mut s = setting();
    s.vault();
    let job = s.enable();
    assert!(!s.answers.contains_key(&job), "the machine is not discovered yet");
    s.machine_is_known();
    s.run(2);
    assert_eq!(s.answers[&job], Outcome::Done);
    assert_eq!(s.states(), [ItemState::EnableInProgress, ItemState::InitialReplication]);
    let names: Vec<_> = s
        .commands
        .iter()
        .map(|(_, to, command)| (to.0, std::mem::discriminant(command)))
        .collect();
    assert_eq!(
        names.len(),
        2,
        "the process server is told first, then the agent: {:?}",
        s.commands
    );
    assert!(matches!(s.commands[0].2, Command::Serve(_)) && matches!(s.commands[1].2, Command::Protect { .. }));
    s.replicate();
    assert_eq!(s.states().last(), Some(&ItemState::Protected));
}

/// The copies that the source's agent was ordered to make.
fn copies_ordered(s: &Setting) -> Vec<u32> {
    let ordered = s.commands.iter().filter_map(|(_, _, command)| match command {
        Command::Protect { copy, .. } => Some(*copy),
        _ => None,
    });
    ordered.collect()
}

fn needed(s: &mut Setting, copy: u32) {
    s.notice(Notice::ResynchronizationNeeded {
        vm: VM,
        protection: 1,
        copy,
        why: "the journal is full".to_owned(),
    });
    s.run(2);
}

/// A resynchronization that asks for checksums, sends one piece, and ends.
fn resynchronize(s: &mut Setting, copy: u32, after: u64, seq: u64) {
    let ask = Body::SegmentsToTarget(segments::ToTarget::ChecksumAsk(checksums::ChecksumAsk {
        disk: DISK,
        copy,
        first_chunk: 0,
        count: 1,
        after,
    }));
    s.sealer.1.send(s.sealer.2, ask);
    s.run(2);
    s.put(SegmentKind::Copy { copy, part: 0 }, 0, 0xbb, seq);
    let end = Body::SegmentsToTarget(segments::ToTarget::PutCopyEnd {
        disk: DISK,
        protection: 1,
        copy,
        parts: 1,
        highest: WriteSeq(seq),
    });
    s.sealer.1.send(s.sealer.2, end);
    s.run(2);
}

#[test]
fn a_need_of_a_copy_that_is_told_again_after_the_copy_means_nothing() {
    let mut s = Setting::protected();
    needed(&mut s, 1);
    assert_eq!(
        (s.states().last(), copies_ordered(&s)),
        (Some(&ItemState::Resynchronizing), vec![1, 2])
    );
    resynchronize(&mut s, 2, 3, 5);
    s.batch(4);
    assert_eq!(s.states().last(), Some(&ItemState::Protected));
    needed(&mut s, 1);
    assert_eq!(
        (s.states().last(), copies_ordered(&s)),
        (Some(&ItemState::Protected), vec![1, 2])
    );
}

#[test]
fn a_resynchronization_that_is_needed_again_and_again_waits_longer_each_time_and_says_why() {
    let mut s = Setting::protected();
    for copy in 1..=5 {
        needed(&mut s, copy);
        needed(&mut s, copy);
        s.run(300);
        assert_eq!(copies_ordered(&s).last(), Some(&(copy + 1)));
    }
    let facts = s.bench.facts();
    let said = |fact: &Fact| matches!(fact, Fact::Alert { severity: Severity::Critical, text, .. } if text.contains("the journal is full"));
    assert!(facts.iter().any(|(_, fact)| said(fact)));
    let ordered = facts
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::Alert { text, .. } if text.contains("resynchronization is required")));
    let times: Vec<u64> = ordered.map(|(at, _)| at.0 / SECOND).collect();
    assert_eq!(times.len(), 5, "what was told twice is one need");
}

#[test]
fn a_batch_that_is_missing_refuses_the_latest_point_until_a_copy_that_began_later_is_complete() {
    let mut s = Setting::protected();
    s.batch(5);
    assert_eq!(
        (s.states().last(), copies_ordered(&s)),
        (Some(&ItemState::Resynchronizing), vec![1, 2])
    );
    let job = s.ask(Operation::TestFailover {
        vm: VM,
        point: PointChoice::Latest,
    });
    s.run(2);
    assert!(
        matches!(&s.answers[&job], Outcome::Failed(why) if why.contains("batch 4 is missing")),
        "{:?}",
        s.answers[&job]
    );
    // The copy begins after batch 5, which is passed over with the hole.
    resynchronize(&mut s, 2, 5, 7);
    assert_eq!(s.states().last(), Some(&ItemState::Resynchronizing));
    s.batch(6);
    assert_eq!(
        (s.states().last(), copies_ordered(&s)),
        (Some(&ItemState::Protected), vec![1, 2])
    );
    let job = s.failover(false);
    s.up(AZURE);
    assert_eq!(s.answers[&job], Outcome::Done);
    let shown = [0, 3, 5, 6].map(|extent| s.content("vm0/disk0@azure", extent));
    assert_eq!(shown, [Some(0xbb), Some(3), Some(0), Some(6)]);
}

#[test]
fn a_piece_that_is_missing_at_the_end_of_a_copy_asks_for_another_copy() {
    let mut s = Setting::protected();
    needed(&mut s, 1);
    let end = Body::SegmentsToTarget(segments::ToTarget::PutCopyEnd {
        disk: DISK,
        protection: 1,
        copy: 2,
        parts: 3,
        highest: WriteSeq(5),
    });
    s.sealer.1.send(s.sealer.2, end);
    s.run(60);
    assert_eq!(copies_ordered(&s), [1, 2, 3]);
    resynchronize(&mut s, 3, 3, 5);
    s.batch(4);
    assert_eq!(s.states().last(), Some(&ItemState::Protected));
}

#[test]
fn a_failover_to_the_latest_point_does_not_wait_for_a_copy_and_says_that_it_takes_an_older_one() {
    let mut s = Setting::protected();
    needed(&mut s, 1);
    s.put(SegmentKind::Copy { copy: 2, part: 0 }, 0, 0xbb, 5);
    s.batch(4);
    let job = s.failover(false);
    s.up(AZURE);
    assert_eq!(s.answers[&job], Outcome::Done);
    assert_eq!(s.content("vm0/disk0@azure", 0), Some(0xaa));
    let said = |fact: &Fact| matches!(fact, Fact::Alert { text, .. } if text.contains("point 3 is the latest that can be used"));
    assert!(s.bench.facts().iter().any(|(_, fact)| said(fact)));
}

#[test]
fn a_machine_moves_away_from_a_process_server_that_is_gone_and_is_copied_again() {
    let mut s = Setting::protected();
    let other = MachineId(AZURE);
    s.notice(Notice::ComponentUp {
        component: Component::ProcessServer,
        machine: other,
    });
    s.answering = false;
    let job = s.ask(Operation::MoveToProcessServer {
        vm: VM,
        process_server: other,
    });
    s.run(60);
    assert!(matches!(s.commands.last(), Some((_, _, Command::HandOver { .. }))));
    s.answering = true;
    s.notice(Notice::HeartbeatLost {
        component: Component::ProcessServer,
        machine: MachineId(MANAGEMENT),
    });
    s.run(5);
    assert_eq!(s.answers.get(&job), Some(&Outcome::Done));
    assert_eq!(
        (s.states().last(), copies_ordered(&s)),
        (Some(&ItemState::Resynchronizing), vec![1, 2])
    );
    let last = s.commands.iter().rev().find_map(|(_, _, command)| match command {
        Command::Protect { protection, .. } => Some(protection.process_server),
        _ => None,
    });
    assert_eq!(last, Some(other));
}

#[test]
fn a_process_server_that_is_alive_and_does_not_hand_over_keeps_its_machine() {
    let mut s = Setting::protected();
    let other = MachineId(AZURE);
    s.notice(Notice::ComponentUp {
        component: Component::ProcessServer,
        machine: other,
    });
    s.answering = false;
    let job = s.ask(Operation::MoveToProcessServer {
        vm: VM,
        process_server: other,
    });
    s.run(31 * 60);
    assert!(
        matches!(&s.answers[&job], Outcome::Failed(why) if why.contains("in time")),
        "{:?}",
        s.answers[&job]
    );
    assert!(
        matches!(s.commands.last(), Some((_, _, Command::Serve(protection))) if protection.process_server == MachineId(MANAGEMENT))
    );
}

#[test]
fn a_failover_boots_the_latest_point_and_a_commit_takes_the_points() {
    let mut s = Setting::protected();
    let job = s.failover(false);
    assert!(s.bench.power_calls().contains(&(MachineId(AZURE), true)));
    assert!(!s.answers.contains_key(&job), "the workload has not answered");
    s.up(AZURE);
    assert_eq!(s.answers[&job], Outcome::Done);
    assert_eq!(
        (s.content("vm0/disk0@azure", 0), s.content("vm0/disk0@azure", 3)),
        (Some(0xaa), Some(3))
    );
    s.ask(Operation::Commit { vm: VM });
    assert_eq!(s.states().last(), Some(&ItemState::FailoverCommitted));
    let facts = s.bench.facts();
    let pruned = facts
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::PointPruned { why, .. } if why == "commit"));
    assert_eq!(pruned.count(), 3);
}

#[test]
fn a_failover_does_not_wait_for_a_dead_source() {
    let mut s = Setting::protected();
    s.answering = false;
    let job = s.failover(true);
    s.run(25 * 60);
    s.up(AZURE);
    assert_eq!(s.answers.get(&job), Some(&Outcome::Done));
}

#[test]
fn a_test_failover_leaves_replication_alone_and_blocks_the_failover_until_it_is_cleaned_up() {
    let mut s = Setting::protected();
    let job = s.ask(Operation::TestFailover {
        vm: VM,
        point: PointChoice::Custom(2),
    });
    s.run(70);
    s.up(TEST);
    assert_eq!(s.answers[&job], Outcome::Done);
    assert_eq!(s.states().last(), Some(&ItemState::Protected));
    assert_eq!(
        (s.content("vm0/disk0@test", 2), s.content("vm0/disk0@test", 3)),
        (Some(2), Some(0)),
        "point 2, not 3"
    );
    let why = s.refused(Operation::Failover {
        vm: VM,
        point: PointChoice::Latest,
        shutdown: false,
    });
    assert!(why.contains("FOERR"));
    s.ask(Operation::CleanupTestFailover { vm: VM });
    s.run(5);
    assert!(
        s.bench
            .facts()
            .iter()
            .any(|(_, fact)| matches!(fact, Fact::TestCleaned { .. }))
    );
    assert_eq!(s.content("vm0/disk0@test", 0), None, "its disks are gone");
}

#[test]
fn an_epoch_is_granted_once_and_only_to_the_process_server_in_charge() {
    let mut s = Setting::protected();
    for sealer in [MANAGEMENT, MANAGEMENT, AZURE] {
        s.management.1.send(
            s.management.2,
            management::Up::EpochAsk {
                disk: DISK,
                sealer: MachineId(sealer),
            },
        );
        s.run(1);
    }
    let facts = s.bench.facts();
    let epochs: Vec<u32> = facts
        .iter()
        .filter_map(|(_, fact)| {
            if let Fact::EpochGranted { epoch, .. } = fact {
                Some(*epoch)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(epochs, [1, 2]);
}

#[test]
fn on_the_way_back_an_epoch_is_granted_once_the_master_target_has_fenced_those_before_it() {
    let mut s = Setting::reprotected();
    let granted = |s: &Setting| {
        let facts = s.bench.facts();
        facts
            .iter()
            .filter(|(_, fact)| matches!(fact, Fact::EpochGranted { .. }))
            .count()
    };
    let before = granted(&s);
    s.answering = false;
    let ask = Body::ManagementUp(management::Up::EpochAsk {
        disk: DISK,
        sealer: MachineId(MANAGEMENT),
    });
    s.management.1.send(s.management.2, ask);
    s.run(2);
    let Some(&(id, MachineId(MANAGEMENT), Command::Fence { disk: DISK, epoch })) = s.commands.last() else {
        panic!("the master target is to fence: {:?}", s.commands.last());
    };
    assert_eq!((epoch as usize, granted(&s)), (before + 1, before), "no grant yet");
    let result = Ok(Reply::Done);
    s.management
        .1
        .send(s.management.2, management::Up::Reply { id, result });
    s.run(1);
    assert_eq!(granted(&s), before + 1);
}

#[test]
fn disks_go_back_to_their_machine_where_the_way_home_is_given_up() {
    let mut s = Setting::reprotected();
    s.ask(Operation::DisableReplication { vm: VM });
    s.run(2);
    let goes_back = |command: &Command| {
        matches!(
            command,
            Command::Vcenter {
                action: VcenterAction::Detach {
                    machine: MachineId(SOURCE),
                    ..
                },
                ..
            }
        )
    };
    assert!(
        s.commands.iter().any(|(_, _, command)| goes_back(command)),
        "{:?}",
        s.commands
    );
    assert_eq!(s.states().last(), Some(&ItemState::Unprotected));
}

#[test]
fn a_command_waits_for_its_configuration_server() {
    let mut s = setting();
    s.vault();
    s.machine_is_known();
    s.management.1.close(s.management.2);
    s.run(1);
    let job = s.enable();
    assert!(s.commands.is_empty());
    s.management.2 = s.management.1.connect(MachineId(SERVICE), PORT_MANAGEMENT);
    s.run(1);
    let (component, machine) = (Component::ConfigurationServer, MachineId(MANAGEMENT));
    s.management.1.send(
        s.management.2,
        management::Up::Register {
            component,
            machine,
            vm: None,
            key: 99,
        },
    );
    s.run(3);
    assert_eq!(s.answers[&job], Outcome::Done);
}
