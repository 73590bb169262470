//! Tells synthetic runs: what a world would log, without a world.

use actors::facts::{Fact, FailoverPhase, StepOutcome, StoredSegment};
use actors::nouns::{FailoverKind, ItemState, Life, MachineId, Operation, Place, PointChoice};
use actors::ports::{Evidence, volume_name};
use actors::spec::{
    Action, ComponentSpec, OperatorSpec, Os, ProcessServerSpec, StepSpec, StorageSpec, VmSpec, default_policy,
};
use datapath::batch::{self, DiskChanges};
use datapath::image::Generated;
use datapath::replica::{Consistency, CutTime, Mark};
use datapath::seal::{Epoch, VaultKey};
use datapath::segment::{self, Calibration, NonceRange, SegmentKind, Worker, nonces_needed};
use datapath::volume::{PageStore, Volume};
use datapath::{Blob, Class, Content, DiskId, Extent, Grain, Run, SimTime, Summary, VmId, WriteSeq};
use std::sync::Arc;

use crate::oracle::print::run_hash;
use crate::oracle::reader::file_name;
use crate::spec::{VolumeSpec, VolumeStart, WorldSpec, Zone};
use crate::testing;

pub const SEED: u64 = 77;
/// Extents of disk 0; its last one is used in part.
pub const EXTENTS: u64 = 20;
pub const LOST_WRITES: u64 = 3;
pub const DARK_AFTER_MARK_MS: u64 = 70_000;
pub const DECISION_MS: u64 = 120_000;
pub const RTO_MS: u64 = 600_000;
pub const PROCESS_SERVER: MachineId = MachineId(3);
pub const VAULT: [u8; 16] = [7; 16];

pub const SOURCE: MachineId = MachineId(0);
const AZURE: MachineId = MachineId(1);
pub const TEST: MachineId = MachineId(2);
pub const VM: VmId = VmId(0);
const USED_EXTENTS: u64 = 8;
const SECOND: u64 = 1_000_000_000;
/// How far the source's clock is ahead.
pub const SKEW: i64 = 5_000_000_000;
pub const DISKS: [(DiskId, u64); 2] = [
    (DiskId { vm: VM, index: 0 }, (EXTENTS - 1) * 4096 + 1000),
    (DiskId { vm: VM, index: 1 }, 12 * 4096),
];

/// Evidence that can be told more than once.
#[derive(Clone)]
pub enum Shown {
    Nothing,
    Wrote(Run),
    Runs(Vec<(DiskId, Vec<Run>)>),
    Disks(Vec<(DiskId, Volume)>),
    Stored(Vec<(String, Blob)>),
    Cached(Vec<(String, u64, u64)>),
    Fences(Vec<(MachineId, Option<u32>)>),
}

impl Shown {
    pub fn evidence(&self) -> Option<Evidence> {
        match self.clone() {
            Shown::Nothing => None,
            Shown::Wrote(run) => Some(Evidence::Wrote { run }),
            Shown::Runs(runs) => Some(Evidence::PointChanged { runs }),
            Shown::Disks(volumes) => Some(Evidence::Disks { volumes }),
            Shown::Stored(files) => Some(Evidence::Stored { files }),
            Shown::Cached(files) => Some(Evidence::Cached { files }),
            Shown::Fences(at) => Some(Evidence::Fences { at }),
        }
    }
}

/// A fact as it is told.
#[derive(Clone)]
pub struct Told {
    pub at: SimTime,
    pub fact: Fact,
    pub shown: Shown,
}

/// What a power cut does to what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Torn {
    /// All of it was on the disk.
    Nothing,
    /// None of it was.
    AllUnflushed,
    /// One extent of a write was.
    SomeUnflushed,
    /// Even what was flushed is gone.
    Flushed,
}

/// A run, told.
pub struct Story {
    pub spec: WorldSpec,
    pub grain: Grain,
    pub told: Vec<Told>,
    now: SimTime,
    life: Life,
    seq: u64,
    disks: Vec<Volume>,
    protection: u32,
    /// What the target holds.
    target: Vec<Volume>,
    /// Writes since the last batch.
    waiting: Vec<(usize, Run)>,
    first: u64,
    batch: u64,
    point: u64,
    counters: u64,
    applied: u64,
    last_mark: Option<Mark>,
    /// What the last point holds.
    at_mark: Vec<Volume>,
}

/// An empty disk.
pub fn empty(grain: Grain, bytes: u64) -> Volume {
    Volume::new(&PageStore::new(1 << 20), grain, bytes)
}

/// Changes an extent.
pub fn spoil(grain: Grain, disk: &mut Volume, extent: u64) {
    let content = match grain {
        Grain::Real => {
            let mut bytes = Vec::new();
            disk.read_to(Extent(extent), 1, &mut bytes).unwrap();
            bytes[17] ^= 0x20;
            Content::Bytes(bytes.into())
        }
        _ => Content::Version {
            version: WriteSeq(9_999),
            class: Class(0),
        },
    };
    let start = Extent(extent);
    disk.write(&Run {
        start,
        extents: 1,
        content,
    })
    .unwrap();
}

/// What the operator asks for, as far as figures are judged by it.
fn plan() -> Vec<StepSpec> {
    let ask = |operation| StepSpec {
        after: Vec::new(),
        delay: 0,
        action: Action::Ask(operation),
        expect_refusal: false,
    };
    let enable = Operation::EnableReplication {
        vm: VM,
        policy: "policy".to_owned(),
        process_server: PROCESS_SERVER,
        over: None,
    };
    let latest = PointChoice::Latest;
    vec![
        ask(Operation::CreatePolicy(default_policy("policy"))),
        ask(enable),
        ask(Operation::TestFailover { vm: VM, point: latest }),
        ask(Operation::Failover {
            vm: VM,
            point: latest,
            shutdown: false,
        }),
        ask(Operation::Failback {
            vm: VM,
            point: latest,
            to_physical: false,
        }),
    ]
}

/// A segment as a process server seals it.
pub fn sealed(
    grain: Grain,
    key: &VaultKey,
    kind: SegmentKind,
    (epoch, first): (u32, u64),
    parts: Vec<DiskChanges>,
) -> Blob {
    let changes = match grain {
        Grain::Aggregate => parts.into_iter().next().expect("a segment has changes"),
        _ => batch::merge(parts),
    };
    let nonces = NonceRange {
        epoch: Epoch(epoch),
        first,
        count: nonces_needed(&changes),
    };
    let key = key.disk_key(changes.disk);
    let calibration = Calibration::default();
    segment::seal(&mut Worker::new(1), &key, nonces, VAULT, kind, &changes, &calibration).blob
}

fn spec() -> WorldSpec {
    let mut spec = testing::world();
    // Packets weigh what the story says.
    Arc::make_mut(&mut spec.model).tcp.framing = 0;
    spec.machines = ["vm", "vm-azure", "vm-test", "process-server"]
        .map(|name| testing::machine(name, Zone(0)))
        .to_vec();
    spec.machines[0].clock_skew = SKEW;
    for copy in &mut spec.machines[1..3] {
        copy.on = false;
    }
    spec.machines[3].components = vec![
        ComponentSpec::ProcessServer(ProcessServerSpec {
            configuration_server: PROCESS_SERVER,
            passphrase: 0,
            port: 9443,
            window_bytes: 0,
            copies_at_a_time: 3,
            vault: VAULT,
            key: VaultKey::public_test_key(),
            calibration: Arc::new(Calibration::default()),
            throttles: Arc::default(),
        }),
        ComponentSpec::Storage(StorageSpec { vault: VAULT }),
        ComponentSpec::Operator(OperatorSpec {
            service: PROCESS_SERVER,
            steps: plan(),
        }),
    ];
    spec.links = vec![testing::link("internet", &[(Zone(0), Zone(10))])];
    spec.vms = vec![Arc::new(VmSpec {
        vm: VM,
        name: "vm".to_owned(),
        os: Os::Linux,
        physical: false,
        disks: DISKS.to_vec(),
        source: SOURCE,
        failback: SOURCE,
        azure: AZURE,
        test: TEST,
        boot: 0,
    })];
    spec.volumes = DISKS
        .iter()
        .map(|(disk, bytes)| VolumeSpec {
            name: volume_name(*disk, "source"),
            disk: *disk,
            bytes: *bytes,
            machine: SOURCE.0,
            start: match disk.index {
                0 => VolumeStart::Generated {
                    used_bytes: USED_EXTENTS * 4096,
                    random_bytes: 1000,
                },
                _ => VolumeStart::Empty,
            },
            class: Class(0),
        })
        .collect();
    spec
}

impl Story {
    fn new(grain: Grain) -> Story {
        let store = PageStore::new(1 << 20);
        let image = Generated::new(DISKS[0].1, USED_EXTENTS * 4096, 1000, SEED, DISKS[0].0);
        let disks = vec![
            Volume::from_image(&store, grain, Arc::new(image), Class(0)).unwrap(),
            Volume::new(&store, grain, DISKS[1].1),
        ];
        let mut story = Story {
            spec: spec(),
            grain,
            told: Vec::new(),
            now: SimTime::ZERO,
            life: Life {
                machine: SOURCE,
                incarnation: 1,
            },
            seq: 0,
            target: disks.clone(),
            at_mark: disks.clone(),
            disks,
            protection: 0,
            waiting: Vec::new(),
            first: 1,
            batch: 0,
            point: 0,
            counters: 0,
            applied: 0,
            last_mark: None,
        };
        story.tell(Fact::LifeStarted {
            vm: VM,
            life: story.life,
            place: Place::OnPremises,
            parent: None,
            seq: WriteSeq(0),
        });
        story
    }

    /// A machine that goes to Azure and comes home.
    pub fn journey(grain: Grain) -> Story {
        let mut story = Story::new(grain);
        story.round(0);
        story.protect(false);
        for round in 1..=3 {
            story.round(round);
            story.wait(300 - 20 - 4);
            story.make_point();
        }
        story.test_failover();
        story.wait(300 - 20 - 10 - 4 - 6);
        story.round(4);
        story.wait(6);
        story.make_point();
        let parent = story.fail_over();
        story.round(5);
        story.restart_in_azure(parent);
        story.round(4);
        story.protect(true);
        for round in 6..=8 {
            story.round(round);
            story.wait(300 - 20 - 4);
            story.make_point();
        }
        story.fail_back();
        story.ordered()
    }

    /// A machine under replication with so many more points than its first.
    pub fn protected(grain: Grain, points: u64) -> Story {
        let mut story = Story::new(grain);
        story.protect(false);
        for round in 1..=points {
            story.round(round);
            story.wait(250);
            story.make_point();
        }
        story.ordered()
    }

    /// A machine whose power is cut, that boots again and is then replicated.
    pub fn restart(grain: Grain, torn: Torn) -> Story {
        let mut story = Story::new(grain);
        let start = story.disks.clone();
        story.round(0);
        story.tell(Fact::GuestFlushed {
            vm: VM,
            life: story.life,
            seq: WriteSeq(story.seq),
        });
        let flushed = story.disks.clone();
        story.waiting.clear();
        story.round(0);
        story.round(2);
        let unflushed = std::mem::take(&mut story.waiting);
        story.disks = match torn {
            Torn::Nothing => story.disks.clone(),
            Torn::AllUnflushed => flushed,
            Torn::SomeUnflushed => {
                let mut disks = flushed;
                let (disk, run) = &unflushed[0];
                disks[*disk]
                    .write(&run.slice(run.start, Extent(run.start.0 + 1)).unwrap())
                    .unwrap();
                disks
            }
            Torn::Flushed => start,
        };
        story.tell(Fact::Power {
            machine: SOURCE,
            on: false,
        });
        story.wait(60);
        story.tell(Fact::Power {
            machine: SOURCE,
            on: true,
        });
        story.life.incarnation = 2;
        story.seq += 100;
        story.first = story.seq + 1;
        story.show(
            Fact::LifeStarted {
                vm: VM,
                life: story.life,
                place: Place::OnPremises,
                parent: None,
                seq: WriteSeq(story.seq),
            },
            Shown::Disks(story.named(&story.disks)),
        );
        story.protect(false);
        story.round(3);
        story.make_point();
        story.ordered()
    }

    fn ordered(mut self) -> Story {
        self.told.sort_by_key(|told| told.at);
        self
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.after(seconds * SECOND);
    }

    fn tell(&mut self, fact: Fact) {
        self.show(fact, Shown::Nothing);
    }

    fn show(&mut self, fact: Fact, shown: Shown) {
        let at = self.now;
        self.told.push(Told { at, fact, shown });
    }

    fn later(&mut self, seconds: u64, fact: Fact, shown: Shown) {
        let at = self.now.after(seconds * SECOND);
        self.told.push(Told { at, fact, shown });
    }

    fn state(&mut self, state: ItemState) {
        self.tell(Fact::State { vm: VM, state });
    }

    fn named(&self, disks: &[Volume]) -> Vec<(DiskId, Volume)> {
        DISKS
            .iter()
            .zip(disks)
            .map(|((disk, _), volume)| (*disk, volume.clone()))
            .collect()
    }

    /// Four writes over both disks, one of them over another, one a second; the last covers an extent that no other of them does.
    fn round(&mut self, round: u64) {
        let hot = round * 2 % 8;
        for (disk, start, extents) in [(0, hot, 2), (1, round % 10, 2), (0, hot + 1, 1), (0, 10 + round % 9, 1)] {
            self.wait(1);
            self.write(disk, start, extents);
        }
    }

    fn write(&mut self, disk: usize, start: u64, extents: u32) {
        self.seq += 1;
        let seq = WriteSeq(self.seq);
        let bytes = u64::from(extents) * 4096;
        let content = match self.grain {
            Grain::Real => {
                let bytes = (0..bytes).map(|at| (at * 31 + self.seq * 7 + u64::from(self.life.machine.0)) as u8);
                Content::Bytes(bytes.collect::<Vec<u8>>().into())
            }
            _ => Content::Version {
                version: seq,
                class: Class(0),
            },
        };
        let run = Run {
            start: Extent(start),
            extents,
            content,
        };
        let (vm, life, disk_id) = (VM, self.life, DISKS[disk].0);
        if self.grain == Grain::Aggregate {
            let summary = Summary {
                disk: disk_id,
                first: seq,
                last: seq,
                bytes,
                distinct_bytes: bytes,
                chunks: bytes.div_ceil(datapath::CHUNK_BYTES),
                life: (1, WriteSeq(0)),
                class: Class(0),
            };
            let summaries = vec![summary];
            self.tell(Fact::WroteSummaries { vm, life, summaries });
        } else {
            self.disks[disk].write(&run).unwrap();
            let fact = Fact::Wrote {
                vm,
                life,
                disk: disk_id,
                seq,
                start: run.start,
                extents,
                hash: run_hash(&run.content),
            };
            self.show(fact, Shown::Wrote(run.clone()));
            self.tell(Fact::Acknowledged { vm, life, through: seq });
        }
        self.waiting.push((disk, run));
    }

    fn protect(&mut self, reverse: bool) {
        self.protection += 1;
        (self.batch, self.point, self.applied) = (0, 0, 0);
        self.waiting.clear();
        self.first = self.seq + 1;
        if reverse {
            self.state(ItemState::ReprotectInProgress);
        } else {
            self.state(ItemState::EnableInProgress);
            self.state(ItemState::InitialReplication);
        }
        self.tell(Fact::ProtectionStarted {
            vm: VM,
            protection: self.protection,
            life: self.life,
            reverse,
        });
        for (disk, bytes) in DISKS {
            let epoch = self.protection;
            let granted = Fact::EpochGranted {
                disk,
                epoch,
                sealer: PROCESS_SERVER,
            };
            self.show(granted, Shown::Fences(vec![(PROCESS_SERVER, Some(epoch))]));
            self.tell(Fact::CopyStarted {
                disk,
                protection: self.protection,
                copy: 1,
                bytes,
                by_checksum: reverse,
            });
            self.wait(1);
            let sent = 2 * 4096;
            self.applied += sent;
            let read = match self.grain {
                Grain::Aggregate => Vec::new(),
                _ => self.disks[usize::from(disk.index)].read(Extent(0), 2).unwrap(),
            };
            let position = WriteSeq(self.seq);
            let piece = self.changes(disk, (position, position), sent, read);
            self.stored(disk, SegmentKind::Copy { copy: 1, part: 0 }, 0, vec![piece]);
            let rest = bytes - sent;
            self.tell(Fact::CopyProgress {
                disk,
                protection: self.protection,
                processed_bytes: bytes,
                sent_bytes: sent,
                matched_bytes: if reverse { rest } else { 0 },
                skipped_bytes: if reverse { 0 } else { rest },
            });
            self.tell(Fact::CopyEnded {
                disk,
                protection: self.protection,
                highest: WriteSeq(self.seq),
            });
        }
        self.target = self.disks.clone();
        self.make_point();
        self.state(if reverse {
            ItemState::ProtectedReverse
        } else {
            ItemState::Protected
        });
    }

    fn changes(&self, disk: DiskId, (first, last): (WriteSeq, WriteSeq), bytes: u64, runs: Vec<Run>) -> DiskChanges {
        let summary = Summary {
            disk,
            first,
            last,
            bytes,
            distinct_bytes: bytes,
            chunks: bytes.div_ceil(64 << 10),
            class: Class(0),
            life: (0, WriteSeq(0)),
        };
        DiskChanges {
            disk,
            first,
            last,
            runs,
            summary: (self.grain == Grain::Aggregate).then_some(summary),
        }
    }

    fn stored(&mut self, disk: DiskId, kind: SegmentKind, after: u64, parts: Vec<DiskChanges>) {
        let nonce = (self.protection, self.counters);
        let blob = sealed(self.grain, &VaultKey::public_test_key(), kind, nonce, parts);
        let file = (file_name(self.protection, disk, kind), blob);
        let segment = StoredSegment {
            disk,
            epoch: self.protection,
            first_counter: self.counters,
            plain_bytes: 4096,
            stored_bytes: 100,
        };
        let fact = Fact::SegmentsStored {
            protection: self.protection,
            kind,
            segments: vec![segment],
        };
        self.counters += 100;
        self.later(after, fact, Shown::Stored(vec![file]));
    }

    /// Cuts a batch with a mark and carries it all the way; 20 s later the point is processed.
    fn make_point(&mut self) {
        self.batch += 1;
        self.point += 1;
        let (vm, protection, batch) = (VM, self.protection, self.batch);
        let last = WriteSeq(self.seq);
        let skew = if self.life.machine == SOURCE { SKEW } else { 0 };
        let consistency = match self.point {
            3 => Consistency::App,
            _ => Consistency::Crash,
        };
        if consistency == Consistency::App {
            let life = self.life;
            self.tell(Fact::GuestFlushed { vm, life, seq: last });
        }
        let mark = Mark {
            point: self.point,
            seq: last,
            consistency,
            marked: self.now,
            marked_source: SimTime(self.now.0.saturating_add_signed(skew)),
            life: self.life.number(),
            shared: None,
        };
        self.tell(Fact::BatchCut {
            vm,
            protection,
            batch,
            first: WriteSeq(self.first),
            last,
            cut: CutTime {
                at: mark.marked,
                source: mark.marked_source,
                life: mark.life,
            },
            mark: Some(mark),
        });
        let before = std::mem::replace(&mut self.first, self.seq + 1);
        let cached = Shown::Cached(vec![("part-00000".to_owned(), 9, 9), ("end".to_owned(), 4, 4)]);
        self.later(1, Fact::BatchCached { vm, protection, batch }, cached);
        let waiting = std::mem::take(&mut self.waiting);
        let mut runs = Vec::new();
        for (index, (disk, _)) in DISKS.iter().enumerate() {
            let of_disk: Vec<&Run> = waiting
                .iter()
                .filter(|(of, _)| *of == index)
                .map(|(_, run)| run)
                .collect();
            if !of_disk.is_empty() {
                let range = (WriteSeq(before), last);
                let bytes = of_disk.iter().map(|run| run.bytes()).sum();
                let parts = match self.grain {
                    Grain::Aggregate => vec![self.changes(*disk, range, bytes, Vec::new())],
                    _ => of_disk
                        .iter()
                        .map(|run| self.changes(*disk, range, 0, vec![(*run).clone()]))
                        .collect(),
                };
                self.stored(*disk, SegmentKind::Changes { batch }, 2, parts);
            }
            for run in &of_disk {
                self.applied += run.bytes();
                if self.grain != Grain::Aggregate {
                    self.target[index].write(run).unwrap();
                }
            }
            let read = of_disk.iter().flat_map(|run| {
                let runs = self.target[index].read(run.start, run.extents);
                runs.unwrap()
            });
            runs.push((*disk, read.collect()));
        }
        self.later(
            10,
            Fact::TagStored {
                vm,
                protection,
                batch,
                last,
                mark: Some(mark),
            },
            Shown::Nothing,
        );
        let shown = match (self.grain, self.point) {
            (Grain::Aggregate, _) => Shown::Nothing,
            (_, 1) => Shown::Disks(self.named(&self.target)),
            _ => Shown::Runs(runs),
        };
        let processed = Fact::PointProcessed {
            vm,
            protection,
            mark,
            applied_bytes: self.applied,
        };
        self.later(20, processed, shown);
        let used = Fact::LinkUse {
            link: 0,
            back: self.protection == 2,
            from: self.now,
            to: self.now.after(10 * SECOND),
            bytes: 9_000_000,
        };
        self.later(10, used, Shown::Nothing);
        self.last_mark = Some(mark);
        self.at_mark = self.target.clone();
        self.wait(20);
    }

    fn phase(&mut self, kind: FailoverKind, phase: FailoverPhase) {
        let step = match kind {
            FailoverKind::Test => 2,
            FailoverKind::Unplanned => 3,
            FailoverKind::Failback => 4,
        };
        let told = |outcome| Fact::Step { step, outcome };
        if phase == FailoverPhase::Started {
            self.tell(told(StepOutcome::Started));
        }
        self.tell(Fact::Failover { vm: VM, kind, phase });
        if phase == FailoverPhase::WorkloadUp {
            self.tell(told(StepOutcome::Done));
        }
    }

    fn recover(&mut self, kind: FailoverKind) -> (Life, WriteSeq) {
        let mark = self.last_mark.unwrap();
        self.phase(kind, FailoverPhase::PointChosen);
        let fact = Fact::Recovered {
            vm: VM,
            protection: self.protection,
            kind,
            point: mark.point,
            life: self.life,
            seq: mark.seq,
            consistency: mark.consistency,
            marked: mark.marked,
            disks: DISKS.to_vec(),
        };
        self.show(fact, Shown::Disks(self.named(&self.at_mark)));
        self.phase(kind, FailoverPhase::DisksReady);
        self.phase(kind, FailoverPhase::PoweredOn);
        (self.life, mark.seq)
    }

    fn boot(&mut self, life: Life, place: Place, parent: (Life, WriteSeq)) {
        let fact = Fact::LifeStarted {
            vm: VM,
            life,
            place,
            parent: Some(parent),
            seq: parent.1,
        };
        self.show(fact, Shown::Disks(self.named(&self.at_mark)));
    }

    fn test_failover(&mut self) {
        self.phase(FailoverKind::Test, FailoverPhase::Started);
        let parent = self.recover(FailoverKind::Test);
        let life = Life {
            machine: TEST,
            incarnation: 1,
        };
        self.boot(life, Place::Test, parent);
        self.wait(5);
        self.phase(FailoverKind::Test, FailoverPhase::WorkloadUp);
        // The test machine writes too; that goes nowhere.
        let real = (
            self.life,
            self.seq,
            self.disks.clone(),
            std::mem::take(&mut self.waiting),
        );
        (self.life, self.seq) = (life, parent.1.0);
        self.write(0, 3, 2);
        self.wait(5);
        let last = WriteSeq(self.seq);
        self.tell(Fact::LifeEnded { vm: VM, life, last });
        (self.life, self.seq, self.disks, self.waiting) = real;
        self.tell(Fact::TestCleaned { vm: VM });
    }

    fn fail_over(&mut self) -> (Life, WriteSeq) {
        // make_point waited 20 s after the mark.
        self.wait(30);
        for write in 0..LOST_WRITES {
            self.write(0, write * 4, 1);
        }
        self.wait(20);
        self.tell(Fact::Power {
            machine: SOURCE,
            on: false,
        });
        self.wait(DECISION_MS / 1000);
        self.phase(FailoverKind::Unplanned, FailoverPhase::Started);
        self.state(ItemState::FailoverInProgress);
        self.wait(60);
        let parent = self.recover(FailoverKind::Unplanned);
        self.life = Life {
            machine: AZURE,
            incarnation: 1,
        };
        self.boot(self.life, Place::Azure, parent);
        self.disks = self.at_mark.clone();
        self.seq = parent.1.0;
        self.wait(RTO_MS / 1000 - 60);
        self.phase(FailoverKind::Unplanned, FailoverPhase::WorkloadUp);
        self.state(ItemState::FailoverCommitPending);
        self.wait(60);
        for point in 1..=self.point {
            self.tell(Fact::PointPruned {
                vm: VM,
                protection: self.protection,
                point,
                why: "commit".to_owned(),
            });
        }
        self.tell(Fact::Committed {
            vm: VM,
            kind: FailoverKind::Unplanned,
        });
        self.state(ItemState::FailoverCommitted);
        parent
    }

    /// The machine in Azure restarts in order, and still says where it came from.
    fn restart_in_azure(&mut self, parent: (Life, WriteSeq)) {
        let (life, last) = (self.life, WriteSeq(self.seq));
        self.tell(Fact::LifeEnded { vm: VM, life, last });
        self.life.incarnation += 1;
        self.seq += 50;
        let fact = Fact::LifeStarted {
            vm: VM,
            life: self.life,
            place: Place::Azure,
            parent: Some(parent),
            seq: WriteSeq(self.seq),
        };
        self.show(fact, Shown::Disks(self.named(&self.disks)));
    }

    fn fail_back(&mut self) {
        self.phase(FailoverKind::Failback, FailoverPhase::Started);
        self.state(ItemState::FailbackInProgress);
        self.round(9);
        self.tell(Fact::LifeEnded {
            vm: VM,
            life: self.life,
            last: WriteSeq(self.seq),
        });
        self.make_point();
        self.wait(1);
        let parent = self.recover(FailoverKind::Failback);
        self.life = Life {
            machine: SOURCE,
            incarnation: 2,
        };
        self.boot(self.life, Place::OnPremises, parent);
        self.phase(FailoverKind::Failback, FailoverPhase::WorkloadUp);
        self.state(ItemState::FailbackCommitPending);
        self.disks = self.at_mark.clone();
        self.round(10);
    }
}
