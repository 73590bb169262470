//! What a master target does for its configuration server and for a process server, both of which the test plays.

use std::rc::Rc;
use std::sync::Arc;

use datapath::seal::VaultKey;
use datapath::segment::{Calibration, SegmentKind};
use datapath::{Blob, Grain};

use super::*;
use crate::messages::PORT_MANAGEMENT;
use crate::messages::refusal::Refusal;
use crate::messages::segments::PORT_MASTER_TARGET;
use crate::messages::{management, segments};
use crate::nouns::{ActorId, ComponentKind, CopyMode, MachineId, Policy, Target};
use crate::ports::Storage;
use crate::testing::{self, Bench};

const OWN: u32 = 0;
const SERVER: u32 = 1;
const SEALER: u32 = 2;
const VAULT: [u8; 16] = [7; 16];
const BYTES: u64 = 1 << 20;

struct Setting {
    bench: Rc<Bench>,
    own: ActorId,
    server: ActorId,
    sealer: ActorId,
    command: u64,
}

fn spec() -> MasterTargetSpec {
    MasterTargetSpec {
        configuration_server: MachineId(SERVER),
        passphrase: 7,
        port: PORT_MASTER_TARGET,
        vault: VAULT,
        key: VaultKey::public_test_key(),
        calibration: Arc::new(Calibration::default()),
    }
}

fn disk(vm: u32) -> DiskId {
    DiskId { vm: VmId(vm), index: 0 }
}

fn protection(vm: u32, number: u32, disks: u16) -> Protection {
    let disk = |index| DiskId { vm: VmId(vm), index };
    Protection {
        vm: VmId(vm),
        protection: number,
        disks: (0..disks).map(|index| (disk(index), BYTES)).collect(),
        source: MachineId(vm + 100),
        process_server: MachineId(SEALER),
        port: 9443,
        target: Target::MasterTarget(MachineId(OWN)),
        policy: Policy {
            name: "daily-failback".to_owned(),
            rpo_threshold: 900_000_000_000,
            retention: 86_400_000_000_000,
            crash_consistent_every: 300_000_000_000,
            app_consistent_every: 0,
        },
        copy: CopyMode::Used,
        group: None,
    }
}

fn receive(vm: u32, number: u32, disks: u16) -> Command {
    let protection = protection(vm, number, disks);
    let epochs = protection.disks.iter().map(|(disk, _)| (*disk, 1)).collect();
    Command::Receive { protection, epochs }
}

fn setting() -> Setting {
    let bench = Bench::new(Grain::Real);
    let (own, env) = bench.actor(OWN, ComponentKind::MasterTarget);
    let (server, server_env) = bench.actor(SERVER, ComponentKind::ConfigurationServer);
    let (sealer, _) = bench.actor(SEALER, ComponentKind::ProcessServer);
    server_env.listen(PORT_MANAGEMENT);
    bench.put(own, MasterTarget::new(spec(), env));
    let mut setting = Setting {
        bench,
        own,
        server,
        sealer,
        command: 0,
    };
    setting.let_in();
    setting
}

impl Setting {
    /// It has registered and was let in.
    fn let_in(&mut self) -> ConnId {
        self.bench.run_seconds(1);
        let frames = self.bench.take_frames(self.server);
        let asks = |(_, frame): &&(ConnId, Frame)| {
            matches!(frame.body, Body::ManagementUp(management::Up::Register { key: 7, .. }))
        };
        let (conn, _) = frames.iter().rfind(asks).expect("it registers");
        self.bench
            .env(self.server)
            .send(*conn, management::Down::Registered { refused: None });
        self.bench.run_seconds(1);
        *conn
    }

    fn power_cycle(&mut self) -> ConnId {
        self.bench.cut(OWN);
        let env = self.bench.env(self.own);
        self.bench.put(self.own, MasterTarget::new(spec(), env));
        self.let_in()
    }

    /// What it answers to a command.
    fn order(&mut self, conn: ConnId, command: Command) -> Option<Result<Reply, String>> {
        self.command += 1;
        let (id, to) = (self.command, MachineId(OWN));
        self.bench
            .env(self.server)
            .send(conn, management::Down::Command { id, to, command });
        self.bench.run_seconds(1);
        let frames = self.bench.take_frames(self.server).into_iter();
        let mut replies = frames.filter_map(|(_, frame)| match frame.body {
            Body::ManagementUp(management::Up::Reply { id: of, result }) if of == id => Some(result),
            _ => None,
        });
        replies.next()
    }

    /// What it answers to a segment of a machine's first disk.
    fn put(&self, vm: u32, protection: u32, epoch: u32) -> Vec<Option<Refusal>> {
        let env = self.bench.env(self.sealer);
        let conn = env.connect(MachineId(OWN), PORT_MASTER_TARGET);
        self.bench.run_seconds(1);
        let (packed, blob) = sealed(vm, epoch);
        let segments = vec![packed];
        let body = Body::SegmentsToTarget(segments::ToTarget::PutSegments {
            protection,
            segments,
            tag: None,
        });
        env.send_with(conn, body, blob);
        self.bench.run_seconds(1);
        let frames = self.bench.take_frames(self.sealer).into_iter();
        let answers = frames.filter_map(|(_, frame)| match frame.body {
            Body::SegmentsToProcessServer(segments::ToProcessServer::SegmentsPut { refused, .. }) => Some(refused),
            _ => None,
        });
        answers.collect()
    }

    fn attach(&self, vm: u32, disks: u16) {
        for (disk, bytes) in protection(vm, 1, disks).disks {
            self.bench.volume_create(&volume_name(disk, "source"), bytes);
        }
    }
}

fn sealed(vm: u32, epoch: u32) -> (Packed, Blob) {
    let key = VaultKey::public_test_key().disk_key(disk(vm));
    let kind = SegmentKind::Changes { batch: 1 };
    testing::packed(testing::sealed((&key, VAULT), (disk(vm), kind), (3, 1, 1), (epoch, 0)))
}

#[test]
fn it_receives_machines_whose_disks_are_attached_and_no_more_than_it_carries() {
    let mut s = setting();
    let conn = s.power_cycle();
    let refused = s
        .order(conn, receive(1, 1, 1))
        .expect("an answer")
        .expect_err("no disk");
    assert!(refused.contains("is not attached"), "{refused}");
    s.attach(1, 58);
    s.attach(2, 2);
    assert_eq!(s.order(conn, receive(1, 1, 58)), Some(Ok(Reply::Done)));
    // Given twice it is done once.
    assert_eq!(s.order(conn, receive(1, 1, 58)), Some(Ok(Reply::Done)));
    let refused = s
        .order(conn, receive(2, 1, 2))
        .expect("an answer")
        .expect_err("its own disk counts");
    assert!(refused.contains("carries 60 disks at the most"), "{refused}");
    assert_eq!(s.order(conn, receive(2, 1, 1)), Some(Ok(Reply::Done)));
}

#[test]
fn what_it_receives_it_knows_after_a_power_cut_until_it_is_released() {
    let mut s = setting();
    let conn = s.power_cycle();
    s.attach(1, 1);
    let not_told = |answers: Vec<Option<Refusal>>| {
        let refused = answers[0].clone().expect("refused");
        assert_eq!(refused, Refusal::UnknownProtection);
    };
    not_told(s.put(1, 1, 1));
    assert_eq!(s.order(conn, receive(1, 1, 1)), Some(Ok(Reply::Done)));
    assert_eq!(s.put(1, 1, 1), [None]);
    let conn = s.power_cycle();
    assert_eq!(s.put(1, 1, 1), [None], "the same segment again");
    not_told(s.put(1, 2, 1));
    let released = Command::Release {
        vm: VmId(1),
        protection: 1,
    };
    assert_eq!(s.order(conn, released), Some(Ok(Reply::Done)));
    not_told(s.put(1, 1, 1));
    s.power_cycle();
    not_told(s.put(1, 1, 1));
}

#[test]
fn a_fence_stands_before_it_is_told_and_after_a_power_cut() {
    let mut s = setting();
    let conn = s.power_cycle();
    s.attach(1, 1);
    assert_eq!(s.order(conn, receive(1, 1, 1)), Some(Ok(Reply::Done)));
    let fence = Command::Fence {
        disk: disk(1),
        epoch: 3,
    };
    assert_eq!(s.order(conn, fence), Some(Ok(Reply::Done)));
    let fenced = |answers: Vec<Option<Refusal>>| {
        let refused = answers[0].clone().expect("refused");
        assert!(matches!(refused, Refusal::Fenced { .. }), "{refused}");
    };
    fenced(s.put(1, 1, 2));
    s.power_cycle();
    fenced(s.put(1, 1, 2));
    assert_eq!(s.put(1, 1, 3), [None]);
}

#[test]
fn a_failback_of_a_machine_that_it_does_not_receive_is_refused() {
    let mut s = setting();
    let conn = s.power_cycle();
    let finish = Command::Finish {
        vm: VmId(1),
        protection: 1,
        point: PointChoice::Latest,
    };
    let refused = s
        .order(conn, finish)
        .expect("an answer")
        .expect_err("it knows nothing of it");
    assert!(refused.contains("does not receive this machine"), "{refused}");
    let refused = s
        .order(
            conn,
            Command::Unserve {
                vm: VmId(1),
                protection: 1,
            },
        )
        .expect("an answer")
        .expect_err("that is for a process server");
    assert!(refused.contains("a master target cannot do this"), "{refused}");
}
