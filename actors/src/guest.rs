//! A guest: boots from its volumes, runs its workload, and tells the agent beside it of every write.
//!
//! 1. At the start it reads what it boots as: the file `boot`, which its creator wrote, or the volumes of its specification. Without
//!    either it stays down. The boot takes [`VmSpec::boot`](crate::spec::VmSpec::boot); then the workload answers its first request.
//! 2. Writes go to the volume and, in the same instant, to the agent: the guest is never made to wait (facts §1.3). A machine has one
//!    write sequence over all its disks. It goes on over reboots: the file `sequence` holds a number above any that was used.
//! 3. The guest flushes as its streams say, and 5 s after a write at the latest. A power cut drops what was not flushed.
//! 4. It stops in order when it is told to: workload, flush, agent, hypervisor.
//!
//! Left out: reads, the operating system's own traffic, file systems. In the aggregate grain a guest reports what each stream wrote as
//! one range of its sequence, and does not flush: whenever its agent asks (which it does at each mark), when much was written, and before
//! its power goes.

mod disks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use datapath::disk::{DiskError, read_if_there};
use datapath::journal::Record;
use datapath::{Blob, Content, Grain, Run, SimTime, Summary, WriteSeq};
use rand::Rng;

use crate::disk_trouble::DiskTrouble;
use crate::facts::{Fact, FailoverPhase, ItemState, Life, Place};
use crate::messages::{Body, Boot, Local, PORT_PUSH_LINUX, PORT_PUSH_WINDOWS, Records};
use crate::ports::{ActorId, Env, Evidence, Input, NetEvent, TimerId, Token};
use crate::spec::{ComponentKind, GuestSpec, Os};
use crate::start::actor;
use crate::workload::{Folded, Op, Stream};

use disks::{Disk, Look};

/// The machine is up.
const BOOTED: u32 = 1;
/// A stream's next operation is due; the key is the stream.
const STREAM: u32 = 2;
/// The operating system writes back what is dirty.
const WRITE_BACK: u32 = 3;
/// A flush; the key is its number.
const FLUSH: u32 = 4;
/// The next summaries are due (aggregate grain).
const SUMMARY: u32 = 5;
/// Services have stopped: the machine may go off.
const OFF: u32 = 6;
/// Time to read once more what it boots as.
const READ: u32 = 7;
/// Time to flush once more; the key is the number of the flush that failed.
const FLUSH_AGAIN: u32 = 8;

/// Sequence numbers reserved at a time.
const RESERVE: u64 = 1 << 16;

/// What the machine starts as.
const BOOT_FILE: &str = "boot";
/// A sequence number above any that was used.
const SEQUENCE_FILE: &str = "sequence";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing to boot from.
    Off,
    Booting,
    Running,
    /// The workload has stopped; `power` says whether the machine is to go off.
    Stopping {
        power: bool,
    },
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlushFor {
    /// The workload, or the operating system's write-back.
    Workload,
    /// An app-consistent point.
    Quiesce,
    /// The end.
    Stop,
}

/// The actor.
pub struct Guest {
    spec: GuestSpec,
    env: Env,
    phase: Phase,
    boot: Option<Boot>,
    disks: Vec<Disk>,
    streams: Vec<Stream>,
    /// Streams that have not begun, and the state that each begins after.
    waiting: Vec<(usize, ItemState)>,
    /// Aggregate grain: each stream's share of what is told at once and of what is folded, in bytes.
    shares: Vec<(u64, u64)>,
    /// What each stream does next.
    upcoming: Vec<Option<Op>>,
    seed: u64,
    seq: WriteSeq,
    /// The write before its first.
    began: WriteSeq,
    reserved: u64,
    /// Something was written since the last flush was asked for.
    dirty: bool,
    write_back: bool,
    flushes: BTreeMap<u64, (WriteSeq, FlushFor)>,
    next_flush: u64,
    agent: Option<ActorId>,
    /// When it tells of its writes unasked.
    summary: Option<TimerId>,
    trouble: DiskTrouble,
}

actor!(Guest);

impl Guest {
    /// A guest.
    #[must_use]
    pub fn new(spec: GuestSpec, env: Env) -> Guest {
        Guest {
            spec,
            env,
            phase: Phase::Off,
            boot: None,
            disks: Vec::new(),
            streams: Vec::new(),
            waiting: Vec::new(),
            shares: Vec::new(),
            upcoming: Vec::new(),
            seed: 0,
            seq: WriteSeq::START,
            began: WriteSeq::START,
            reserved: 0,
            dirty: false,
            write_back: false,
            flushes: BTreeMap::new(),
            next_flush: 0,
            agent: None,
            summary: None,
            trouble: DiskTrouble::of("disk of the machine"),
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        match input {
            Input::Started | Input::Timer(Token { what: READ, .. }) => self.started(),
            Input::Done(Token { what: BOOTED, .. }, _) => self.booted(),
            Input::Timer(Token { what: STREAM, key }) => self.stream_due(key as usize),
            Input::Timer(Token { what: SUMMARY, .. }) => self.summary_due(),
            Input::Timer(Token { what: WRITE_BACK, .. }) => {
                self.write_back = false;
                if self.dirty && self.phase == Phase::Running {
                    self.flush(FlushFor::Workload);
                }
            }
            Input::Timer(Token { what: OFF, .. }) => self.tell_hypervisor(Local::ShutDown {
                machine: self.env.machine,
            }),
            Input::Flushed(Token { what: FLUSH, key }, Ok(())) => self.flushed(key),
            Input::Flushed(Token { what: FLUSH, key }, Err(error)) => self.not_flushed(key, &error),
            Input::Timer(Token { what: FLUSH_AGAIN, key }) => {
                if let Some((_, why)) = self.flushes.remove(&key) {
                    self.flush(why);
                }
            }
            Input::Local(Local::Shutdown) => self.stop(true),
            Input::Local(Local::StopWorkload) => self.stop(false),
            Input::Local(Local::Quiesce) => self.quiesce(),
            Input::Local(Local::AgentStarted) if self.phase == Phase::Running => self.introduce(),
            Input::Local(Local::Tell) => self.asked(),
            Input::Local(Local::Reached { state }) => self.reached(state),
            Input::Local(Local::PowerGoes) if self.phase == Phase::Running => self.summarise(),
            Input::Network(NetEvent::Received { conn, frame }) => {
                if let Body::Install {
                    configuration_server,
                    passphrase,
                } = frame.body
                {
                    let refused = match self.agent {
                        Some(agent) => {
                            self.env.local(
                                agent,
                                Local::InstallByHand {
                                    configuration_server,
                                    passphrase,
                                },
                            );
                            None
                        }
                        None => Some("the machine does not take the Mobility service".to_owned()),
                    };
                    self.env.send(conn, Body::Installed { refused });
                }
            }
            _ => {}
        }
    }

    fn life(&self) -> Life {
        Life {
            machine: self.env.machine,
            incarnation: self.env.incarnation,
        }
    }

    /// The life as it is known to disks: its number, and the write before its first.
    fn number(&self) -> (u64, WriteSeq) {
        (self.life().number(), self.began)
    }

    // Boot.

    fn started(&mut self) {
        let read = self.read_boot().and_then(|boot| Ok((boot, self.read_sequence()?)));
        let (boot, used) = match read {
            Ok((Some(boot), used)) => (boot, used),
            Ok((None, _)) => return,
            Err(error) => {
                self.trouble.note(&self.env, Some(self.spec.vm.vm), &error);
                let after = self.env.model.disk.retry_after;
                self.env.timer(after, Token { what: READ, key: 0 });
                return;
            }
        };
        let vm = &self.spec.vm;
        self.disks = boot
            .volumes
            .iter()
            .map(|(id, volume)| Disk {
                id: *id,
                volume: volume.clone(),
                bytes: vm
                    .disks
                    .iter()
                    .find(|(disk, _)| disk == id)
                    .map_or(0, |(_, bytes)| *bytes),
            })
            .collect();
        self.agent = self.env.world().find(self.env.machine, ComponentKind::Agent);
        self.seed = self.env.random("content").next_u64();
        self.seq = WriteSeq(used.max(boot.parent.map_or(0, |(_, seq)| seq.0)));
        self.reserved = self.seq.0;
        self.began = self.seq;
        if self.env.grain() == Grain::Aggregate {
            for disk in &self.disks {
                self.env.world().volume_wrote(&disk.volume, self.number(), self.seq);
            }
        }
        self.phase = Phase::Booting;
        let fact = Fact::LifeStarted {
            vm: vm.vm,
            life: self.life(),
            place: boot.place,
            parent: boot.parent,
            seq: self.seq,
        };
        let world = self.env.world();
        let volumes = self
            .disks
            .iter()
            .filter_map(|disk| world.volume(&disk.volume).map(|volume| (disk.id, volume)))
            .collect();
        self.env.evidence(fact, Evidence::Disks { volumes });
        // What has power when the run begins is running already.
        let running = self.env.incarnation == 1 && boot.parent.is_none();
        self.boot = Some(boot);
        self.env
            .wait(if running { 0 } else { vm.boot }, Token { what: BOOTED, key: 0 });
    }

    fn read_boot(&self) -> Result<Option<Boot>, DiskError> {
        if let Some(blob) = read_if_there(&*self.env.files(), BOOT_FILE)? {
            return Ok(postcard::from_bytes(&blob.bytes).ok());
        }
        Ok((!self.spec.volumes.is_empty()).then(|| Boot {
            vm: self.spec.vm.vm,
            place: Place::OnPremises,
            parent: None,
            volumes: self.spec.volumes.clone(),
            failover: None,
        }))
    }

    fn read_sequence(&self) -> Result<u64, DiskError> {
        let blob = read_if_there(&*self.env.files(), SEQUENCE_FILE)?;
        let number = blob.and_then(|blob| Some(u64::from_le_bytes(blob.bytes.as_ref().try_into().ok()?)));
        Ok(number.unwrap_or(0))
    }

    fn booted(&mut self) {
        if self.phase != Phase::Booting {
            return;
        }
        self.phase = Phase::Running;
        self.env.listen(match self.spec.vm.os {
            Os::Windows => PORT_PUSH_WINDOWS,
            Os::Linux => PORT_PUSH_LINUX,
        });
        let vm = self.spec.vm.vm;
        self.env.fact(Fact::WorkloadUp { vm, life: self.life() });
        let boot = self.boot.clone().expect("a guest that boots knows what it boots as");
        if let Some(kind) = boot.failover {
            self.env.fact(Fact::Failover {
                vm,
                kind,
                phase: FailoverPhase::WorkloadUp,
            });
            // The next boot of these disks is no failover, and they hold more than the recovered point.
            let plain = Boot {
                failover: None,
                parent: None,
                ..boot.clone()
            };
            let bytes = postcard::to_stdvec(&plain).expect("a boot always encodes");
            if let Err(error) = self.env.files().replace(BOOT_FILE, Blob::real(bytes)) {
                // The old file stays; the next boot then tells of the failover again, which is no harm.
                self.trouble.note(&self.env, Some(vm), &error);
            }
        }
        self.tell_hypervisor(Local::WorkloadUp {
            machine: self.env.machine,
        });
        if let Some(agent) = self.agent {
            self.env.local(
                agent,
                Local::GuestUp {
                    boot,
                    life: self.life(),
                    seq: self.seq,
                },
            );
        }
        self.start_workload();
    }

    /// The Mobility service was started again while the guest runs; what it boots as is an old story.
    fn introduce(&self) {
        if let (Some(agent), Some(boot)) = (self.agent, self.boot.clone()) {
            let boot = Boot {
                failover: None,
                parent: None,
                ..boot
            };
            let (life, seq) = (self.life(), self.seq);
            self.env.local(agent, Local::GuestUp { boot, life, seq });
        }
    }

    fn tell_hypervisor(&self, message: Local) {
        let Some(machine) = self.spec.hypervisor else { return };
        let world = self.env.world();
        let actor = world
            .find(machine, ComponentKind::Vcenter)
            .or_else(|| world.find(machine, ComponentKind::AzureCompute));
        if let Some(actor) = actor {
            self.env.local(actor, message);
        }
    }

    // The workload.

    fn start_workload(&mut self) {
        let mut random = self.env.random("workload");
        let now = self.env.now();
        let workload = std::sync::Arc::clone(&self.spec.workload);
        let all = u128::from(workload.mean_bytes_per_second());
        for (number, spec) in workload.streams.iter().enumerate() {
            let Some(disk) = self.disks.iter().find(|disk| disk.id.index == spec.disk) else {
                continue;
            };
            let mut own = random.clone();
            own.set_stream(number as u64 + 1);
            let rate = u128::from(spec.kind.mean_bytes_per_second());
            let share = |bytes: u64| (u128::from(bytes) * rate / all.max(1)).max(1) as u64;
            self.shares
                .push((share(self.spec.summary_bytes), share(self.spec.folded_bytes)));
            let waits = spec
                .starts_after
                .filter(|state| !self.env.world().has_reached(self.spec.vm.vm, *state));
            if let Some(state) = waits {
                self.waiting.push((self.streams.len(), state));
            }
            let start = if waits.is_some() { SimTime::NEVER } else { now };
            self.streams.push(Stream::new(spec, disk.bytes, start, own));
        }
        self.upcoming = vec![None; self.streams.len()];
        if self.streams.is_empty() {
            return;
        }
        if self.env.grain() == Grain::Aggregate {
            // Guests that boot together do not report together.
            let every = self.env.model.guest.summary_every;
            let first = every / 10 + random.next_u64() % every;
            self.tell_within(first);
            return;
        }
        for stream in 0..self.streams.len() {
            if self.waiting.iter().all(|(waits, _)| *waits != stream) {
                self.schedule(stream);
            }
        }
    }

    /// The machine reached a state: what waited for it begins.
    fn reached(&mut self, state: ItemState) {
        let (begin, wait): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|(_, awaited)| *awaited == state);
        self.waiting = wait;
        for (stream, _) in begin {
            self.streams[stream].begin(self.env.now());
            if self.env.grain() != Grain::Aggregate {
                self.schedule(stream);
            }
        }
        if self.phase == Phase::Running && self.env.grain() == Grain::Aggregate {
            // What is told next may be due earlier.
            self.summary_due();
        }
    }

    fn schedule(&mut self, stream: usize) {
        let Some((at, op)) = self.streams[stream].next_op() else {
            return;
        };
        self.upcoming[stream] = Some(op);
        self.env.timer(
            at.since(self.env.now()),
            Token {
                what: STREAM,
                key: stream as u64,
            },
        );
    }

    fn stream_due(&mut self, number: usize) {
        if self.phase != Phase::Running {
            return;
        }
        let Some(op) = self.upcoming[number].take() else { return };
        let stream = &self.streams[number];
        let (index, look) = (
            stream.disk,
            Look {
                seed: self.seed,
                random_bytes: stream.random_bytes,
                class: stream.class,
            },
        );
        match op {
            Op::Write { offset, bytes } => {
                let seq = self.seq.next();
                let disk = self.disks.iter().find(|disk| disk.id.index == index);
                if let Some(disk) = disk.cloned()
                    && let Some(run) = disk.written(&self.env, seq, offset, bytes, look)
                {
                    self.write(&disk, run);
                }
                if self.streams[number].flush_is_due() {
                    self.flush(FlushFor::Workload);
                }
            }
            Op::Discard { offset, bytes } => {
                let disk = self.disks.iter().find(|disk| disk.id.index == index);
                if let Some(disk) = disk.cloned()
                    && let Some(run) = disk.discarded(offset, bytes)
                {
                    self.write(&disk, run);
                }
            }
            Op::Flush => self.flush(FlushFor::Workload),
        }
        self.schedule(number);
    }

    /// Takes the next `count` numbers of the sequence; the first of them.
    fn take_sequence(&mut self, count: u64) -> WriteSeq {
        let first = self.seq.next();
        self.seq = WriteSeq(self.seq.0 + count);
        if self.seq.0 > self.reserved {
            let reserved = self.seq.0 + RESERVE;
            let blob = Blob::real(reserved.to_le_bytes().to_vec());
            match self.env.files().replace(SEQUENCE_FILE, blob) {
                Ok(()) => self.reserved = reserved,
                // The next write tries again. After a power cut the numbers could be used twice, by lives that the oracle tells apart.
                Err(error) => self.trouble.note(&self.env, Some(self.spec.vm.vm), &error),
            }
        }
        first
    }

    fn write(&mut self, disk: &Disk, run: Run) {
        let seq = self.take_sequence(1);
        self.env.world().volume_write(&disk.volume, &run);
        let mut hash = [0; 16];
        if let Content::Bytes(bytes) = &run.content {
            hash.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
        }
        let fact = Fact::Wrote {
            vm: self.spec.vm.vm,
            life: self.life(),
            disk: disk.id,
            seq,
            start: run.start,
            extents: run.extents,
            hash,
        };
        self.env.evidence(fact, Evidence::Wrote { run: run.clone() });
        self.tell_agent(vec![Record::Change {
            seq,
            disk: disk.id,
            run,
        }]);
        self.dirty = true;
        if !self.write_back {
            self.write_back = true;
            self.env.timer(
                self.env.model.guest.write_back_after,
                Token {
                    what: WRITE_BACK,
                    key: 0,
                },
            );
        }
    }

    fn tell_agent(&self, records: Vec<Record>) {
        if let Some(agent) = self.agent.filter(|_| !records.is_empty()) {
            let records = Records(records);
            self.env.local(agent, Local::Wrote { records });
        }
    }

    fn summary_due(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        self.summarise();
        self.tell_within(self.env.model.guest.summary_every);
    }

    /// Tells of its writes after so long at the latest, and earlier where much is written by then.
    fn tell_within(&mut self, longest: u64) {
        let now = self.env.now();
        let mut due = now.after(longest);
        for (stream, (bytes, _)) in self.streams.iter().zip(&self.shares) {
            due = stream.written_by(*bytes, due);
        }
        if let Some(timer) = self.summary.take() {
            self.env.cancel(timer);
        }
        // Not before anything can have been written.
        let after = due.since(now).max(self.env.model.guest.summary_least);
        self.summary = Some(self.env.timer(after, Token { what: SUMMARY, key: 0 }));
    }

    /// The agent asks for what was written up to now.
    fn asked(&mut self) {
        let mut records = Vec::new();
        if self.phase == Phase::Running && !self.streams.is_empty() {
            records = self.written();
            self.tell_within(self.env.model.guest.summary_every);
        }
        if let Some(agent) = self.agent {
            let records = Records(records);
            self.env.local(agent, Local::Told { records });
        }
    }

    /// Reports what the streams wrote until now (aggregate grain).
    fn summarise(&mut self) {
        let records = self.written();
        self.tell_agent(records);
    }

    /// What the streams wrote since the last time, as ranges of the sequence.
    fn written(&mut self) -> Vec<Record> {
        let now = self.env.now();
        let mut records = Vec::with_capacity(self.streams.len());
        for number in 0..self.streams.len() {
            let folded = Folded {
                within: self.env.model.agent.cut_after,
                bytes: self.shares[number].1,
            };
            let amount = self.streams[number].amount(now, folded);
            let (index, class) = (self.streams[number].disk, self.streams[number].class);
            let Some(disk) = self.disks.iter().find(|disk| disk.id.index == index).cloned() else {
                continue;
            };
            if amount.writes == 0 {
                continue;
            }
            let first = self.take_sequence(amount.writes);
            self.env.world().volume_wrote(&disk.volume, self.number(), self.seq);
            let summary = Summary {
                disk: disk.id,
                first,
                last: self.seq,
                bytes: amount.bytes,
                distinct_bytes: amount.distinct_bytes,
                chunks: amount.chunks,
                class,
                life: self.number(),
            };
            self.env.fact(Fact::WroteSummary {
                vm: self.spec.vm.vm,
                life: self.life(),
                summary,
            });
            records.push(Record::Summary(summary));
        }
        records
    }

    // Flush, quiesce, stop.

    fn flush(&mut self, why: FlushFor) {
        self.dirty = false;
        self.next_flush += 1;
        self.flushes.insert(self.next_flush, (self.seq, why));
        let names: Vec<String> = self
            .disks
            .iter()
            .map(|disk| format!("volume:{}", disk.volume))
            .collect();
        self.env.flush(
            &names,
            Token {
                what: FLUSH,
                key: self.next_flush,
            },
        );
    }

    fn flushed(&mut self, key: u64) {
        let Some((seq, why)) = self.flushes.remove(&key) else {
            return;
        };
        self.env.fact(Fact::GuestFlushed {
            vm: self.spec.vm.vm,
            life: self.life(),
            seq,
        });
        if let Some(agent) = self.agent {
            self.env.local(agent, Local::Flushed { seq });
            if why == FlushFor::Quiesce {
                self.env.local(agent, Local::Quiesced { seq, ok: true });
            }
        }
        if why == FlushFor::Stop {
            self.down();
        }
    }

    /// A flush failed: an app-consistent point is given up, and after a pause all is flushed again.
    fn not_flushed(&mut self, key: u64, error: &DiskError) {
        self.trouble.note(&self.env, Some(self.spec.vm.vm), error);
        let Some((_, why)) = self.flushes.get_mut(&key) else {
            return;
        };
        if *why == FlushFor::Quiesce {
            *why = FlushFor::Workload;
            if let Some(agent) = self.agent {
                let seq = self.seq;
                self.env.local(agent, Local::Quiesced { seq, ok: false });
            }
        }
        let after = self.env.model.disk.retry_after;
        self.env.timer(after, Token { what: FLUSH_AGAIN, key });
    }

    fn quiesce(&mut self) {
        if self.phase == Phase::Running {
            if self.env.grain() == Grain::Aggregate {
                self.summarise();
            }
            self.flush(FlushFor::Quiesce);
        } else if let Some(agent) = self.agent {
            self.env.local(
                agent,
                Local::Quiesced {
                    seq: self.seq,
                    ok: false,
                },
            );
        }
    }

    fn stop(&mut self, power: bool) {
        match &mut self.phase {
            Phase::Off | Phase::Booting => {
                let was_booting = self.phase == Phase::Booting;
                self.phase = Phase::Stopping { power };
                if was_booting {
                    self.flush(FlushFor::Stop);
                } else {
                    self.phase = Phase::Stopped;
                    self.tell_hypervisor(Local::ShutDown {
                        machine: self.env.machine,
                    });
                }
            }
            Phase::Running => {
                if self.env.grain() == Grain::Aggregate {
                    self.summarise();
                }
                self.phase = Phase::Stopping { power };
                self.flush(FlushFor::Stop);
            }
            Phase::Stopping { power: was } => *was |= power,
            Phase::Stopped if power => {
                self.env
                    .timer(self.env.model.guest.services_stop, Token { what: OFF, key: 0 });
            }
            Phase::Stopped => {
                if let Some(agent) = self.agent {
                    self.env.local(agent, Local::GuestDown { last: self.seq });
                }
            }
        }
    }

    fn down(&mut self) {
        let Phase::Stopping { power } = self.phase else { return };
        self.phase = Phase::Stopped;
        self.env.fact(Fact::LifeEnded {
            vm: self.spec.vm.vm,
            life: self.life(),
            last: self.seq,
        });
        if let Some(agent) = self.agent {
            self.env.local(agent, Local::GuestDown { last: self.seq });
        }
        if power {
            self.env
                .timer(self.env.model.guest.services_stop, Token { what: OFF, key: 0 });
        }
    }
}
