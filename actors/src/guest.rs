//! A guest: boots from its volumes, runs its workload, and tells the agent beside it of every write.
//!
//! 1. At the start it reads what it boots as: the file `boot`, which its creator wrote, or the volumes of its specification. Without
//!    either it stays down. The boot takes [`VmSpec::boot`](crate::spec::VmSpec::boot); then the workload answers its first request.
//! 2. It issues writes (`writing`), the disk carries them out after a time, and the agent gets its copy in that instant; then they are
//!    acknowledged, unless the agent holds that for a group's recovery point. A machine has one write sequence over all its disks. It goes
//!    on over reboots: the file `sequence` holds a number above any that was used.
//! 3. The guest flushes as its streams say, and 5 s after a write at the latest. A power cut drops what was not flushed.
//! 4. Quiesced for an app-consistent point, it issues nothing until the agent has marked, waits for what is under way, and flushes.
//! 5. It stops in order when it is told to: workload, flush, agent, hypervisor.
//! 6. It can be a tier of applications (`tiers`), and have databases (`database`).
//!
//! Left out: reads, the operating system's own traffic, file systems. In the aggregate grain a guest reports what each stream wrote as
//! one range of its sequence, and does not flush: whenever its agent asks (which it does at each mark), when much was written, and before
//! its power goes.

mod database;
mod disks;
mod summaries;
#[cfg(test)]
mod tests;
mod tiers;
mod writing;

use std::collections::BTreeMap;

use datapath::disk::{DiskError, read_if_there};
use datapath::{Blob, Grain, WriteSeq};
use rand::Rng;

use crate::actor::actor;
use crate::disk_trouble::DiskTrouble;
use crate::facts::{Fact, FailoverPhase};
use crate::messages::Body;
use crate::messages::application::TierMessage;
use crate::messages::installation::{PORT_PUSH_LINUX, PORT_PUSH_WINDOWS, ToMachine, ToProcessServer};
use crate::messages::local::Local;
use crate::nouns::{ActorId, Boot, ComponentKind, ItemState, Life, MachineId, Place};
use crate::ports::{ConnId, Env, Evidence, Input, NetEvent, TimerId, Token};
use crate::spec::{GuestSpec, Os};
use crate::workload::Stream;

use database::Databases;
use disks::Disk;
use tiers::Tiers;
use writing::Writes;

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
/// The disk has carried out a request.
const WRITTEN: u32 = 7;
/// A stream has thought about its next request; the key is the stream.
const THINK: u32 = 8;
/// A client asks; the key is the tier.
const CLIENT: u32 = 9;
/// The session with the next tier; the key is the tier.
const NEXT_TIER: u32 = 10;
/// Applications have been quiesced for as long as they can be; the key is which time.
const FROZEN: u32 = 11;
/// Time to read once more what it boots as.
const READ: u32 = 12;
/// Time to flush once more; the key is the number of the flush that failed.
const FLUSH_AGAIN: u32 = 13;

/// A database's next transaction; the key is the database.
const TRANSACTION: u32 = 14;
/// Time for its next checkpoint; the key likewise.
const CHECKPOINT: u32 = 15;
/// What databases have on their disks was read, or is to be read again.
const DATABASES: u32 = 16;

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
    /// The log of a database, by its number.
    Log(usize),
    /// A checkpoint of a database.
    Checkpoint(usize),
    /// An app-consistent point.
    Quiesce,
    /// The end.
    Stop,
}

/// How far the quiescing of applications is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freeze {
    /// Requests are under way.
    Draining,
    /// They are being made durable.
    Flushing,
    /// The agent knows, and is to say when they go on.
    Quiet,
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
    writes: Writes,
    tiers: Tiers,
    databases: Databases,
    /// Applications are quiesced, or on the way to that.
    freeze: Option<Freeze>,
    /// How often they were.
    freezes: u64,
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
    /// Its process runs: it takes copies, and acknowledges.
    agent_runs: bool,
    /// Whether its workload has answered a request.
    answered: bool,
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
            writes: Writes::default(),
            tiers: Tiers::default(),
            databases: Databases::default(),
            freeze: None,
            freezes: 0,
            seed: 0,
            seq: WriteSeq::START,
            began: WriteSeq::START,
            reserved: 0,
            dirty: false,
            write_back: false,
            flushes: BTreeMap::new(),
            next_flush: 0,
            agent: None,
            agent_runs: false,
            answered: false,
            summary: None,
            trouble: DiskTrouble::of("disk of the machine"),
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        let Some(input) = self.tier_input(input) else { return };
        match input {
            Input::Started => self.started(),
            Input::Done(Token { what: BOOTED, .. }, _) => self.booted(),
            Input::Done(Token { what: DATABASES, .. }, _) => self.open_databases(),
            Input::Failed(Token { what: DATABASES, .. }, error) => self.databases_not_read(&error),
            Input::Timer(token) => self.timer(token),
            Input::Flushed(Token { what: FLUSH, key }, Ok(())) => self.flushed(key),
            Input::Flushed(Token { what: FLUSH, key }, Err(error)) => self.not_flushed(key, &error),
            Input::Ended(actor) if Some(actor) == self.agent => {
                self.agent_runs = false;
                self.acknowledge_all();
                self.thaw();
            }
            Input::Local(message) => self.local(message),
            Input::Network(NetEvent::Received { conn, frame }) => self.received(conn, &frame.body),
            _ => {}
        }
    }

    fn timer(&mut self, Token { what, key }: Token) {
        match what {
            STREAM => self.stream_due(key as usize),
            THINK => self.thought(key as usize),
            WRITTEN => self.disk_wrote(),
            CLIENT => self.client_due(key as usize),
            TRANSACTION => self.transaction_due(key as usize),
            CHECKPOINT => self.checkpoint_due(key as usize),
            DATABASES => self.start_databases(),
            SUMMARY => self.summary_due(),
            WRITE_BACK => {
                self.write_back = false;
                if self.dirty && self.phase == Phase::Running {
                    self.flush(FlushFor::Workload);
                }
            }
            READ => self.started(),
            FLUSH_AGAIN => {
                if let Some((_, why)) = self.flushes.remove(&key) {
                    self.flush(why);
                }
            }
            FROZEN if key == self.freezes => self.thaw(),
            OFF => self.tell_hypervisor(Local::ShutDown {
                machine: self.env.machine,
            }),
            _ => {}
        }
    }

    fn local(&mut self, message: Local) {
        match message {
            Local::HypervisorStarted if self.answered => self.tell_hypervisor(Local::WorkloadUp {
                machine: self.env.machine,
            }),
            Local::Shutdown => self.stop(true),
            Local::StopWorkload => self.stop(false),
            Local::Quiesce => self.quiesce(),
            Local::Thaw => self.thaw(),
            Local::Acknowledge { through } => self.acknowledged(through),
            Local::AgentStarted => {
                self.agent_runs = true;
                if self.phase == Phase::Running {
                    self.introduce();
                }
            }
            Local::Tell => self.asked(),
            Local::Check { check } => self.check(check),
            Local::Reached { state } => self.reached(state),
            Local::PowerGoes if self.phase == Phase::Running => self.summarise(),
            _ => {}
        }
    }

    fn received(&mut self, conn: ConnId, body: &Body) {
        match body {
            Body::InstallationToMachine(message) => match message {
                ToMachine::Install {
                    configuration_server,
                    passphrase,
                } => self.install(conn, *configuration_server, *passphrase),
            },
            Body::Tier(message) => match message {
                TierMessage::Ask { application, asked } => self.tier_asked(conn, *application, *asked),
                // Comes on the session with the next tier.
                TierMessage::Answer { .. } => {}
            },
            _ => {}
        }
    }

    fn install(&mut self, conn: ConnId, configuration_server: MachineId, passphrase: u64) {
        let refused = match self.agent {
            Some(agent) => {
                let message = Local::InstallByHand {
                    configuration_server,
                    passphrase,
                };
                self.env.local(agent, message);
                None
            }
            None => Some("the machine does not take the Mobility service".to_owned()),
        };
        self.env.send(conn, ToProcessServer::Installed { refused });
    }

    fn disk(&self, index: u16) -> Option<&Disk> {
        self.disks.iter().find(|disk| disk.id.index == index)
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
                let (vm, token) = (Some(self.spec.vm.vm), Token { what: READ, key: 0 });
                return self.trouble.note_and_retry(&self.env, vm, &error, token);
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
        self.agent = self.env.beside(ComponentKind::Agent);
        self.seed = self.env.random("content").next_u64();
        self.seq = WriteSeq(used.max(boot.parent.map_or(0, |(_, seq)| seq.0)));
        self.reserved = self.seq.0;
        self.began = self.seq;
        if self.env.grain() == Grain::Aggregate {
            for disk in &self.disks {
                self.env.volume_wrote(&disk.volume, self.number(), self.seq);
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
        let volumes = self
            .disks
            .iter()
            .filter_map(|disk| self.env.volume(&disk.volume).map(|volume| (disk.id, volume)))
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
        let databases = self.has_databases();
        if !databases {
            self.answers();
        }
        if let Some(agent) = self.agent {
            let boot = self.boot.clone().expect("a guest that boots knows what it boots as");
            let (life, seq) = (self.life(), self.seq);
            self.env.local(agent, Local::GuestUp { boot, life, seq });
        }
        self.start_workload();
        if self.env.grain() != Grain::Aggregate {
            self.start_tiers();
        }
        if databases {
            self.start_databases();
        }
    }

    /// The first request is answered: at once, or once databases are open.
    fn answers(&mut self) {
        self.answered = true;
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
                ..boot
            };
            let bytes = datapath::encoded::encode(&plain);
            if let Err(error) = self.env.files().replace(BOOT_FILE, Blob::real(bytes)) {
                // The old file stays; the next boot then tells of the failover again, which is no harm.
                self.trouble.note(&self.env, Some(vm), &error);
            }
        }
        self.tell_hypervisor(Local::WorkloadUp {
            machine: self.env.machine,
        });
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
        if let Some(hypervisor) = self.spec.hypervisor {
            self.env.show_hypervisor(hypervisor, message);
        }
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
        }
        match why {
            FlushFor::Workload => {}
            FlushFor::Log(database) => self.log_flushed(database, seq),
            FlushFor::Checkpoint(database) => self.checkpoint_flushed(database),
            FlushFor::Quiesce if self.env.grain() == Grain::Aggregate => self.tell_quiesced(seq, true),
            FlushFor::Quiesce => {
                if self.freeze == Some(Freeze::Flushing) {
                    self.freeze = Some(Freeze::Quiet);
                    self.tell_quiesced(seq, true);
                }
            }
            FlushFor::Stop => self.down(),
        }
    }

    /// A flush failed: applications that wait for it go on without an app-consistent point, and after a pause all is flushed again.
    fn not_flushed(&mut self, key: u64, error: &DiskError) {
        self.trouble.note(&self.env, Some(self.spec.vm.vm), error);
        let Some((seq, why)) = self.flushes.get_mut(&key) else {
            return;
        };
        if *why == FlushFor::Quiesce {
            let seq = *seq;
            *why = FlushFor::Workload;
            match self.env.grain() {
                Grain::Aggregate => self.tell_quiesced(seq, false),
                Grain::Real | Grain::Extent => self.thaw(),
            }
        }
        let after = self.env.model.disk.retry_after;
        let what = FLUSH_AGAIN;
        self.env.timer(after, Token { what, key });
    }

    fn tell_quiesced(&self, seq: WriteSeq, ok: bool) {
        if let Some(agent) = self.agent {
            self.env.local(agent, Local::Quiesced { seq, ok });
        }
    }

    /// Applications are to be quiet on their disks, until the agent says that they may go on, or they can wait no longer.
    fn quiesce(&mut self) {
        match (self.phase, self.env.grain()) {
            (Phase::Running, Grain::Aggregate) => {
                self.summarise();
                self.flush(FlushFor::Quiesce);
            }
            (Phase::Running, _) => {
                self.freeze = Some(Freeze::Draining);
                self.freezes += 1;
                let token = Token {
                    what: FROZEN,
                    key: self.freezes,
                };
                self.env.timer(self.env.model.guest.freeze_longest, token);
                self.look_if_idle();
            }
            _ => self.tell_quiesced(self.seq, false),
        }
    }

    /// Applications go on.
    fn thaw(&mut self) {
        match self.freeze.take() {
            None => return,
            Some(Freeze::Draining | Freeze::Flushing) => self.tell_quiesced(self.seq, false),
            Some(Freeze::Quiet) => {}
        }
        self.go_on_all();
    }

    /// No request is under way any more: what waited for that goes on.
    fn look_if_idle(&mut self) {
        if !self.is_idle() {
            return;
        }
        let ends = self.freeze == Some(Freeze::Draining) || matches!(self.phase, Phase::Stopping { .. });
        if ends && !self.databases_are_quiet() {
            return self.databases_go_on();
        }
        if self.freeze == Some(Freeze::Draining) {
            self.freeze = Some(Freeze::Flushing);
            self.flush(FlushFor::Quiesce);
        }
        if matches!(self.phase, Phase::Stopping { .. }) && !self.flushes.values().any(|(_, why)| *why == FlushFor::Stop)
        {
            self.flush(FlushFor::Stop);
        }
    }

    fn stop(&mut self, power: bool) {
        match &mut self.phase {
            Phase::Off | Phase::Booting => {
                let was_booting = self.phase == Phase::Booting;
                self.phase = Phase::Stopping { power };
                if was_booting {
                    self.look_if_idle();
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
                // Nobody waits for applications to be quiet that are stopped for good.
                self.thaw();
                self.look_if_idle();
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
