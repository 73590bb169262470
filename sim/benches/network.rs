//! What a message costs on the `event` network, in nanoseconds: `cargo bench -p firedrill-sim --bench network`.
//!
//! Two actors send each other a heartbeat to and fro, one under way at a time, so that nothing is hidden by many being handled together:
//! the queue, the mailbox, the frame's encoding, the digest. One iteration is one message; the time of an iteration is read off directly.
//!
//! - `local message`: from component to component of a machine, which is not logged: queue and mailbox alone.
//! - `frame`: over a connection between two components of a machine: the same and the log with its digest.
//! - `frame through a link`: between two machines, relayed by the link.
//! - `log alone`: the log and its digest, without any message. A frame without it is what a frame would cost without digest.
//! - `frame and a write`: a frame, and a guest's write is logged as a fact; with and without oracle, invariants and metrics watching.

#![allow(clippy::disallowed_types, reason = "a benchmark reads the real clock")]
#![allow(missing_docs, reason = "criterion's macros write functions without them")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Context, StreamHandler};
use actors::facts::Fact;
use actors::messages::local::Local;
use actors::messages::{Body, replication};
use actors::nouns::{ActorId, Life, LinkKind, MachineId, Place};
use actors::ports::{ConnId, Env, Evidence, Fabric, Input, NetEvent, volume_name};
use actors::spec::{ComponentSpec, Os, VcenterSpec, VmSpec};
use actors::start::Started;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use datapath::segment::Calibration;
use datapath::{Class, Content, DiskId, Extent, Grain, Run, SimTime, VmId, WriteSeq};
use sim::event_log::{Address, EventLog};
use sim::oracle::Oracle;
use sim::run::{Observer, run_with};
use sim::spec::{LinkSpec, MachineSpec, NetworkKind, RunOptions, VolumeSpec, VolumeStart, WorldSpec, Zone};

const SEED: u64 = 1;
const PORT: u16 = 443;
const VM: VmId = VmId(0);
const DISK: DiskId = DiskId { vm: VM, index: 0 };
const EXTENTS: u64 = 4096;
const LIFE: Life = Life {
    machine: MachineId(0),
    incarnation: 1,
};

/// What the two actors do to each other.
#[derive(Clone, Copy, PartialEq)]
enum Talk {
    Local,
    Frames,
    FramesAndWrites,
}

/// One of the two.
struct Talker {
    env: Env,
    talk: Talk,
    /// Messages that it still sends.
    left: u64,
    /// Where the other listens, for the one that begins.
    to: Option<MachineId>,
    /// The guest's last write.
    wrote: WriteSeq,
}

impl Talker {
    fn input(&mut self, input: Input) {
        match input {
            Input::Started => match (self.talk, self.to) {
                (Talk::Local, Some(_)) => self.say(None),
                (Talk::Local, None) => {}
                (_, Some(machine)) => {
                    if self.talk == Talk::FramesAndWrites {
                        self.env.fact(life_started());
                    }
                    let _ = self.env.connect(machine, PORT);
                }
                (_, None) => self.env.listen(PORT),
            },
            Input::Network(NetEvent::Opened { conn } | NetEvent::Received { conn, .. }) => self.say(Some(conn)),
            Input::Local(_) => self.say(None),
            _ => {}
        }
    }

    fn say(&mut self, conn: Option<ConnId>) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        match conn {
            None => self.env.local(ActorId(1 - self.env.actor.0), Local::Shutdown),
            Some(conn) => self.env.send(conn, numbered(self.left)),
        }
        if self.talk == Talk::FramesAndWrites && self.to.is_some() {
            // Two facts for two messages: the other has no disks.
            self.write();
            self.write();
        }
    }

    fn write(&mut self) {
        self.wrote.0 += 1;
        let seq = self.wrote;
        let run = Run {
            start: Extent(seq.0 % EXTENTS),
            extents: 1,
            content: Content::Version {
                version: seq,
                class: Class(0),
            },
        };
        let fact = Fact::Wrote {
            vm: VM,
            life: LIFE,
            disk: DISK,
            seq,
            start: run.start,
            extents: 1,
            hash: [0; 16],
        };
        self.env.evidence(fact, Evidence::Wrote { run });
    }
}

impl Actor for Talker {
    type Context = Context<Self>;
}

impl StreamHandler<Input> for Talker {
    fn handle(&mut self, input: Input, _: &mut Self::Context) {
        self.input(input);
    }
}

fn numbered(n: u64) -> Body {
    Body::ReplicationToAgent(replication::ToAgent::BatchCached { vm: VmId(0), batch: n })
}

fn life_started() -> Fact {
    Fact::LifeStarted {
        vm: VM,
        life: LIFE,
        place: Place::OnPremises,
        parent: None,
        seq: WriteSeq::START,
    }
}

/// Sees facts and does nothing with them.
struct Nobody;

impl Observer for Nobody {
    fn fact(&mut self, _: SimTime, _: u64, _: Option<ActorId>, _: &Fact, _: Option<Evidence>) {}
}

/// A world of two actors: on one machine, or on two with a link between them.
fn world(linked: bool) -> WorldSpec {
    let component = || ComponentSpec::Vcenter(VcenterSpec { vms: Vec::new() });
    let machine = |name: &str, site: u32, components: usize| MachineSpec {
        name: name.to_owned(),
        zone: Zone(site),
        speed_per_mille: 1000,
        cores: 1,
        disk_bytes: 1 << 30,
        disk_bytes_per_second: 200_000_000,
        clock_skew: 0,
        on: true,
        components: (0..components).map(|_| component()).collect(),
    };
    let machines = if linked {
        vec![machine("a", 0, 1), machine("b", 1, 1)]
    } else {
        vec![machine("a", 0, 2)]
    };
    let link = LinkSpec {
        name: "wan".to_owned(),
        kind: LinkKind::Internet,
        joins: vec![(Zone(0), Zone(1))],
        bits_per_second: 1_000_000_000,
        latency: 1_000_000,
        loss_per_million: 0,
    };
    let bytes = EXTENTS * 4096;
    let vm = VmSpec {
        vm: VM,
        name: "vm".to_owned(),
        os: Os::Linux,
        physical: false,
        disks: vec![(DISK, bytes)],
        source: MachineId(0),
        failback: MachineId(0),
        azure: MachineId(0),
        test: MachineId(0),
        boot: 0,
    };
    let volume = VolumeSpec {
        name: volume_name(DISK, "source"),
        disk: DISK,
        bytes,
        machine: 0,
        start: VolumeStart::Empty,
        class: Class(0),
    };
    WorldSpec {
        zones: Vec::new(),
        model: Arc::default(),
        faults: Vec::new(),
        machines,
        links: vec![link],
        vms: vec![Arc::new(vm)],
        groups: Vec::new(),
        recovery_plans: Vec::new(),
        volumes: vec![volume],
        triggers: Vec::new(),
        steps: 0,
        until: SimTime(u64::MAX / 2),
        settle: 0,
        calibration: Arc::new(Calibration::default()),
    }
}

/// Runs a world in which so many messages are sent, and gives the time that took.
fn talk(messages: u64, talk: Talk, linked: bool, watched: bool) -> Duration {
    let spec = world(linked);
    let options = RunOptions::in_memory(SEED, NetworkKind::Event, Grain::Extent, 1);
    let other = MachineId(u32::from(linked));
    let factory = Rc::new(move |_: &ComponentSpec, env: Env, _: Rc<dyn Fabric>| {
        let first = env.actor.0 == 0;
        let talker = Talker {
            env,
            talk,
            left: if first { messages.div_ceil(2) } else { messages / 2 },
            to: first.then_some(other),
            wrote: WriteSeq::START,
        };
        Started::new(talker)
    });
    let mut oracle = Oracle::new(&spec, Grain::Extent, SEED);
    let mut nobody = Nobody;
    let observer: &mut dyn Observer = if watched { &mut oracle } else { &mut nobody };
    let begin = Instant::now();
    let ended = run_with(spec, &options, observer, factory).expect("the world runs");
    let took = begin.elapsed();
    assert_eq!(ended.broken, None);
    assert_eq!(ended.frames, if talk == Talk::Local { 0 } else { messages });
    assert!(ended.entries >= messages);
    if watched {
        let result = oracle.finish(ended.now);
        assert!(result.findings.is_empty(), "{:?}", result.findings);
        let checks: u64 = result.checks.iter().map(|check| check.checked).sum();
        assert!(checks >= messages, "every write was looked at");
    }
    took
}

/// Logs so many frames, and nothing else.
fn log(messages: u64) -> Duration {
    let mut log = EventLog::new(false, false);
    let to = Address {
        machine: MachineId(1),
        port: PORT,
        conn: ConnId(1),
    };
    let begin = Instant::now();
    for n in 0..messages {
        log.frame(SimTime(n), ActorId(0), to, &numbered(n), None);
    }
    let took = begin.elapsed();
    assert_ne!(log.digest(), [0; 32]);
    took
}

fn messages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event network");
    group.throughput(Throughput::Elements(1));
    let cases = [
        ("local message", Talk::Local, false, false),
        ("frame", Talk::Frames, false, false),
        ("frame through a link", Talk::Frames, true, false),
        ("frame and a write", Talk::FramesAndWrites, false, false),
        ("frame and a write, oracle", Talk::FramesAndWrites, false, true),
    ];
    for (name, what, linked, watched) in cases {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|messages| talk(messages, what, linked, watched));
        });
    }
    group.bench_function("log alone", |bencher| bencher.iter_custom(log));
    group.finish();
}

criterion_group!(benches, messages);
criterion_main!(benches);
