//! The five ports (clock, network, disk, compute, randomness) and the event log, as an actor sees them.
//!
//! The world (crate `sim`) implements [`World`]; an actor holds an [`Env`], which is the world seen from its own place. Nothing here
//! blocks: what takes time is asked for and arrives later as an [`Input`].

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::Message;
use datapath::disk::{DiskError, Files};
use datapath::segment::Worker;
use datapath::volume::Volume;
use datapath::{Blob, DiskId, Grain, Run, SimTime, VmId, WriteSeq};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::facts::Fact;
use crate::messages::Body;
use crate::messages::local::Local;
use crate::model::Model;
use crate::nouns::{ActorId, ComponentKind, ItemState, MachineId};

/// One end of a connection; unique in a run, known to its owner only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnId(pub u64);

/// What an actor gave along with a request, to know the answer by. `what` is a constant of the actor's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Token {
    /// The kind of request.
    pub what: u32,
    /// Which one of that kind.
    pub key: u64,
}

/// A timer that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u64);

/// A frame: a small typed body, and a payload that never passes through serde.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it says.
    pub body: Body,
    /// What it carries.
    pub payload: Option<Blob>,
}

/// What a connection's owner hears of it.
#[derive(Debug, Clone)]
pub enum NetEvent {
    /// `connect` succeeded.
    Opened {
        /// The owner's end.
        conn: ConnId,
    },
    /// `connect` failed: nobody listens there, or no link leads there. Silence is the other way to fail.
    Refused {
        /// The owner's end.
        conn: ConnId,
        /// Why.
        why: String,
    },
    /// Somebody connected to a port that this actor listens on.
    Accepted {
        /// The owner's end.
        conn: ConnId,
        /// The port.
        port: u16,
        /// The machine at the other end.
        peer: MachineId,
    },
    /// A frame arrived.
    Received {
        /// The owner's end.
        conn: ConnId,
        /// The frame; boxed, for an event is moved a dozen times on its way to the actor.
        frame: Box<Frame>,
    },
    /// The other end closed, or its process ended. A power cut and a cut link are silent.
    Closed {
        /// The owner's end.
        conn: ConnId,
    },
}

/// What happens to an actor.
#[derive(Debug)]
pub enum Input {
    /// The machine has power and the component starts; its durable state, if any, is on its disk.
    Started,
    /// A timer that it asked for.
    Timer(Token),
    /// Something happened on the network.
    Network(NetEvent),
    /// A flush that it asked for is complete, or failed: then nothing of what it covered is durable for certain, and it may be asked for again.
    Flushed(Token, Result<(), DiskError>),
    /// A job that it asked for is complete.
    Done(Token, Output),
    /// The process of another component on the same machine ended, alone.
    Ended(ActorId),
    /// A message from a component on the same machine, from the operator's own hands, or from the world.
    Local(Local),
}

/// The message that actix carries: an input, and the receipt by which the world counts that it was handled.
#[derive(Debug)]
pub struct Deliver {
    /// What happened.
    pub input: Input,
    /// Counts when dropped.
    pub receipt: Receipt,
}

impl Message for Deliver {
    type Result = ();
}

/// Counts deliveries that were handled: mailboxes are known to be empty because they were counted, not because one waited.
///
/// actix wants messages that could cross threads, so the counter is atomic; it never does cross one.
#[derive(Debug)]
pub struct Receipt(Arc<AtomicU64>);

impl Receipt {
    /// Added to the count by a receipt that was dropped while its actor panicked.
    pub const PANICKED: u64 = 1 << 63;

    /// A receipt that adds one to `handled` when it is dropped.
    #[must_use]
    pub fn new(handled: &Arc<AtomicU64>) -> Receipt {
        Receipt(Arc::clone(handled))
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        if std::thread::panicking() {
            self.0.fetch_or(Receipt::PANICKED, Ordering::Relaxed);
        }
    }
}

/// What a job gave back; the actor that asked knows its type ([`Output::take`]).
pub struct Output(pub Box<dyn Any + Send>);

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Output")
    }
}

impl Output {
    /// The job's result.
    ///
    /// # Panics
    /// If the job gave another type: the actor confused two of its own tokens.
    #[must_use]
    pub fn take<T: 'static>(self) -> T {
        *self
            .0
            .downcast::<T>()
            .expect("a job's token names the type of its output")
    }
}

/// What a job is, for its cost: the table of costs (bytes per second by class of machine) is the world's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Work {
    /// Fold, compress and seal so many input bytes.
    CompressAndSeal,
    /// Open and decompress what came from so many bytes.
    OpenAndDecompress,
    /// Checksum so many bytes.
    Checksum,
    /// So many nanoseconds, whatever the machine (a boot, a script, a portal's job); `input_bytes` is the time.
    Wait,
}

/// What a job really does.
pub type Task = Box<dyn FnOnce(&mut Worker) -> Box<dyn Any + Send> + Send>;

/// A job for the compute port.
pub struct Job {
    /// What it costs.
    pub work: Work,
    /// Bytes in (for [`Work::Wait`]: nanoseconds). The cost depends on nothing else.
    pub input_bytes: u64,
    /// What is really done, perhaps on another thread; it sees a worker's own buffers and what it captured.
    pub run: Task,
}

/// What a random draw is for; streams of different purposes never shift each other.
pub type Purpose = &'static str;

/// What the oracle gets to see beside a fact: bytes, not claims. It is no part of the event log.
pub enum Evidence {
    /// What a guest wrote, as it was acknowledged to it.
    Wrote {
        /// The run written.
        run: Run,
    },
    /// What the target holds, read back from it, for the extents that a recovery point changed since the one before.
    PointChanged {
        /// By disk.
        runs: Vec<(DiskId, Vec<Run>)>,
    },
    /// Whole disks as recovered.
    Disks {
        /// By disk.
        volumes: Vec<(DiskId, Volume)>,
    },
    /// Files of stored segments that a fact is about, as they lie on the disk of whoever stores them: the world shows them, no actor does.
    Stored {
        /// By name.
        files: Vec<(String, Blob)>,
    },
    /// Files of a batch in the cache of its process server, as the world sees them.
    Cached {
        /// Name, bytes, and how many of them would survive the loss of power.
        files: Vec<(String, u64, u64)>,
    },
    /// The lowest epoch of a disk that is taken in, by machine that stores segments, as it is on its disk.
    Fences {
        /// None where it has no fence for the disk.
        at: Vec<(MachineId, Option<u32>)>,
    },
}

/// The world as an adapter implements it. Every call names who makes it.
pub trait World {
    // Clock.
    /// Simulated time.
    fn now(&self) -> SimTime;
    /// The time of day that the machine's own clock shows: skewed where the scenario says so, and off while a fault of it lasts.
    fn clock(&self, machine: MachineId) -> SimTime;
    /// What the machine counts as time passed since the start of the run. It never goes back or jumps; it drifts as its clock does.
    fn monotonic(&self, machine: MachineId) -> SimTime;
    /// Asks for [`Input::Timer`] after so many nanoseconds, by the machine's own clock.
    fn timer(&self, actor: ActorId, after: u64, token: Token) -> TimerId;
    /// Takes a timer back; nothing happens if it fired.
    fn cancel(&self, timer: TimerId);

    // Network.
    /// Listens on a port of the actor's machine.
    fn listen(&self, actor: ActorId, port: u16);
    /// Connects; what becomes of it arrives as a [`NetEvent`].
    fn connect(&self, actor: ActorId, to: MachineId, port: u16) -> ConnId;
    /// Sends a frame; after the connection broke it is dropped.
    fn send(&self, actor: ActorId, conn: ConnId, frame: Frame);
    /// Closes a connection: the peer hears [`NetEvent::Closed`], the caller hears nothing more.
    fn close(&self, actor: ActorId, conn: ConnId);
    /// A message to a component on the same machine (delay 0, in order), or from the operator's hands to any.
    fn local(&self, from: ActorId, to: ActorId, message: Local);

    // Disk.
    /// The machine's files.
    fn files(&self, machine: MachineId) -> Rc<dyn Files>;
    /// Asks for [`Input::Flushed`] once all that these files (or, for names that begin with `volume:`, volumes) hold now is durable.
    fn flush(&self, actor: ActorId, names: &[String], token: Token);
    /// Reads a range of a volume (a virtual disk) that is attached to the machine, or stored in the actor's account.
    fn volume_read(&self, volume: &str, start: datapath::Extent, extents: u32) -> Vec<Run>;
    /// The same for real bytes, which are put behind what `out` holds.
    fn volume_read_to(&self, volume: &str, start: datapath::Extent, extents: u32, out: &mut Vec<u8>);
    /// Writes to a volume; volatile until flushed.
    fn volume_write(&self, volume: &str, run: &Run);
    /// When a trigger of the plan held, if it has: for the operator, who looks when they come back.
    fn held_at(&self, trigger: u32) -> Option<SimTime>;
    /// Whether a machine has ever been in a state.
    fn has_reached(&self, vm: VmId, state: ItemState) -> bool;
    /// Aggregate grain, where a write has no content: the life of this number, which began after the write `began`, wrote to a volume up to
    /// the write `through`.
    fn volume_wrote(&self, volume: &str, life: (u64, WriteSeq), through: WriteSeq);
    /// A snapshot of a volume, as it reads now; `None` where there is none of that name.
    fn volume(&self, volume: &str) -> Option<Volume>;
    /// An empty disk of so many bytes, durably; does nothing where there is a volume of that name.
    fn volume_create(&self, volume: &str, bytes: u64);
    /// Puts a whole volume in place, durably (a disk is created, a blob becomes a disk).
    fn volume_put(&self, volume: &str, content: Volume);
    /// Attaches a volume to a machine: the power cut that takes the machine drops what was not flushed.
    fn volume_attach(&self, volume: &str, machine: MachineId);
    /// The machine that a volume is attached to, if there is such a volume and it is attached.
    fn volume_machine(&self, volume: &str) -> Option<MachineId>;
    /// Removes a volume.
    fn volume_remove(&self, volume: &str);

    // Compute.
    /// Takes a job; [`Input::Done`] arrives when it is complete.
    fn compute(&self, actor: ActorId, job: Job, token: Token);
    /// Switches a machine on (its components start) or off (as a power cut does). For hypervisors, Azure compute and the operator.
    fn power(&self, machine: MachineId, on: bool);
    /// Whether a machine has power.
    fn powered(&self, machine: MachineId) -> bool;

    // Randomness.
    /// The actor's own stream for a purpose, keyed by (seed, actor's name, incarnation, purpose).
    fn random(&self, actor: ActorId, purpose: Purpose) -> ChaCha8Rng;

    // Event log.
    /// Logs a fact.
    fn fact(&self, actor: ActorId, fact: Fact);
    /// Logs a fact and shows the oracle the bytes behind it.
    fn evidence(&self, actor: ActorId, fact: Fact, evidence: Evidence);

    // The run.
    /// How exactly content is modelled.
    fn grain(&self) -> Grain;
    /// The constants of the run.
    fn model(&self) -> Arc<Model>;
    /// Whether a component's process runs.
    fn runs(&self, actor: ActorId) -> bool;
    /// The component of a kind on a machine.
    fn find(&self, machine: MachineId, kind: ComponentKind) -> Option<ActorId>;
}

/// The world from one actor's place.
#[derive(Clone)]
pub struct Env {
    world: Rc<dyn World>,
    /// The actor.
    pub actor: ActorId,
    /// Its machine.
    pub machine: MachineId,
    /// How many times this component has been started, from 1: with its machine, or alone.
    pub incarnation: u32,
    /// The constants of the run.
    pub model: Arc<Model>,
}

impl Env {
    /// The world from this place.
    #[must_use]
    pub fn new(world: Rc<dyn World>, actor: ActorId, machine: MachineId, incarnation: u32) -> Env {
        Env {
            model: world.model(),
            world,
            actor,
            machine,
            incarnation,
        }
    }
    /// The world itself, for what is not asked in the actor's own name.
    #[must_use]
    pub fn world(&self) -> &Rc<dyn World> {
        &self.world
    }
    /// Simulated time. For the event log and for what happens to be measured; protocols use [`Env::monotonic`].
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.world.now()
    }
    /// The time of day by the machine's own clock: for what is told to others. It can jump; what waits goes by [`Env::monotonic`].
    #[must_use]
    pub fn clock(&self) -> SimTime {
        self.world.clock(self.machine)
    }
    /// The machine's own count of time passed, which timers go by too.
    #[must_use]
    pub fn monotonic(&self) -> SimTime {
        self.world.monotonic(self.machine)
    }
    /// See [`World::timer`].
    pub fn timer(&self, after: u64, token: Token) -> TimerId {
        self.world.timer(self.actor, after, token)
    }
    /// See [`World::cancel`].
    pub fn cancel(&self, timer: TimerId) {
        self.world.cancel(timer);
    }
    /// See [`World::listen`].
    pub fn listen(&self, port: u16) {
        self.world.listen(self.actor, port);
    }
    /// See [`World::connect`].
    #[must_use]
    pub fn connect(&self, to: MachineId, port: u16) -> ConnId {
        self.world.connect(self.actor, to, port)
    }
    /// Sends a frame without payload.
    pub fn send(&self, conn: ConnId, message: impl Into<Body>) {
        let (body, payload) = (message.into(), None);
        self.world.send(self.actor, conn, Frame { body, payload });
    }
    /// Sends a frame with payload.
    pub fn send_with(&self, conn: ConnId, message: impl Into<Body>, payload: Blob) {
        let (body, payload) = (message.into(), Some(payload));
        self.world.send(self.actor, conn, Frame { body, payload });
    }
    /// See [`World::close`].
    pub fn close(&self, conn: ConnId) {
        self.world.close(self.actor, conn);
    }
    /// See [`World::local`].
    pub fn local(&self, to: ActorId, message: Local) {
        self.world.local(self.actor, to, message);
    }
    /// The machine's files.
    #[must_use]
    pub fn files(&self) -> Rc<dyn Files> {
        self.world.files(self.machine)
    }
    /// See [`World::flush`].
    pub fn flush(&self, names: &[String], token: Token) {
        self.world.flush(self.actor, names, token);
    }
    /// See [`World::compute`].
    pub fn compute(&self, job: Job, token: Token) {
        self.world.compute(self.actor, job, token);
    }
    /// Time passes for a reason ([`Work::Wait`]); [`Input::Done`] arrives with `()`.
    pub fn wait(&self, nanoseconds: u64, token: Token) {
        self.compute(
            Job {
                work: Work::Wait,
                input_bytes: nanoseconds,
                run: Box::new(|_| Box::new(())),
            },
            token,
        );
    }
    /// See [`World::random`].
    #[must_use]
    pub fn random(&self, purpose: Purpose) -> ChaCha8Rng {
        self.world.random(self.actor, purpose)
    }
    /// See [`World::fact`].
    pub fn fact(&self, fact: Fact) {
        self.world.fact(self.actor, fact);
    }
    /// See [`World::evidence`].
    pub fn evidence(&self, fact: Fact, evidence: Evidence) {
        self.world.evidence(self.actor, fact, evidence);
    }
    /// The component of a kind on the actor's own machine.
    ///
    /// # Panics
    /// If there is none: the specification put this actor where it cannot work.
    #[must_use]
    pub fn sibling(&self, kind: ComponentKind) -> ActorId {
        self.world
            .find(self.machine, kind)
            .expect("the specification puts components together that need each other")
    }
    /// See [`World::grain`].
    #[must_use]
    pub fn grain(&self) -> Grain {
        self.world.grain()
    }
}

/// The name of the volume behind a machine's disk at a place, e.g. `vm0/disk1@source`.
#[must_use]
pub fn volume_name(disk: DiskId, place: &str) -> String {
    format!("vm{}/disk{}@{place}", disk.vm.0, disk.index)
}

/// The machine's number, for names of files and volumes.
#[must_use]
pub fn vm_prefix(vm: VmId) -> String {
    format!("vm{}", vm.0)
}
