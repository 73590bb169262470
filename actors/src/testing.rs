//! A small world for unit tests of actors: one queue, no rates, no faults but power cuts and disks that fail.
//!
//! An actor under test is a [`Component`]; an actor without one is the test's own hand: what it gets is kept in its inbox, and the
//! test speaks through its [`Env`]. Frames take [`Bench::latency`], flushes [`Bench::flush_time`], jobs a microsecond
//! (waits: their time). The engine proper is crate `sim`; this one exists so that a protocol's law can be tested without it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use datapath::batch::DiskChanges;
use datapath::disk::{DiskError, Files, Operation};
use datapath::seal::{DiskKey, Epoch, NonceRange};
use datapath::segment::{Calibration, Sealed, SegmentHeader, SegmentKind, Worker, nonces_needed, seal};
use datapath::volume::{PageStore, Volume};
use datapath::{Blob, Content, DiskId, Extent, Grain, Run, SimTime, VmId, WriteSeq};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::facts::Fact;
use crate::messages::local::Local;
use crate::messages::segments::Packed;
use crate::messages::{Body, segments};
use crate::model::Model;
use crate::nouns::{ActorId, ComponentKind, ItemState, MachineId};
use crate::ports::{
    Clock, Compute, ConnId, Env, Evidence, Fabric, Frame, Input, Job, Log, NetEvent, Network, Output, Plan, Purpose,
    Randomness, Storage, TimerId, Token, Work, World,
};

/// A segment of one extent full of one byte: where, which byte, by which write; the sealer's epoch and its first counter.
pub fn sealed(
    (key, vault): (&DiskKey, [u8; 16]),
    (disk, kind): (DiskId, SegmentKind),
    (at, byte, seq): (u64, u8, u64),
    (epoch, first): (u32, u64),
) -> Sealed {
    let run = Run {
        start: Extent(at),
        extents: 1,
        content: Content::Bytes(vec![byte; 4096].into()),
    };
    let changes = DiskChanges {
        disk,
        first: WriteSeq(seq),
        last: WriteSeq(seq),
        runs: vec![run],
        summary: None,
    };
    let nonces = NonceRange {
        epoch: Epoch(epoch),
        first,
        count: nonces_needed(&changes),
    };
    let mut worker = Worker::new(1);
    seal(&mut worker, key, nonces, vault, kind, &changes, &Calibration::default())
}

/// A sealed segment of one extent as a frame has it, and its payload.
pub fn packed(sealed: Sealed) -> (Packed, Blob) {
    let packed = Packed {
        header: sealed.header,
        plain_bytes: 4096,
        bytes: sealed.blob.bytes.len() as u64,
        size: sealed.blob.size,
    };
    (packed, sealed.blob)
}

/// What handles inputs: an actor's `input` method, without actix around it.
pub trait Component {
    /// Handles one input.
    fn input(&mut self, input: Input);
}

type Slot = Rc<RefCell<Option<Box<dyn Component>>>>;

struct Actor {
    machine: MachineId,
    kind: ComponentKind,
    component: Slot,
    inbox: Vec<(SimTime, Input)>,
}

/// One side of a connection.
struct End {
    owner: ActorId,
    other: ConnId,
    open: bool,
}

enum Event {
    Input(ActorId, u32, Input),
    Connect {
        actor: ActorId,
        conn: ConnId,
        to: MachineId,
        port: u16,
    },
    Flush {
        actor: ActorId,
        incarnation: u32,
        names: Vec<(String, Option<Saved>)>,
        token: Token,
        result: Result<(), DiskError>,
    },
}

enum Saved {
    File((usize, u64)),
    Volume(Volume),
}

#[derive(Default)]
struct Inner {
    queue: BTreeMap<(SimTime, u64), Event>,
    timers: BTreeMap<u64, SimTime>,
    actors: Vec<Actor>,
    ends: BTreeMap<ConnId, End>,
    listening: BTreeMap<(MachineId, u16), ActorId>,
    powered: BTreeMap<MachineId, u32>,
    off: BTreeSet<MachineId>,
    next: u64,
    volumes: BTreeMap<String, (Volume, Volume, Option<MachineId>)>,
    files: BTreeMap<MachineId, Rc<MemoryFiles>>,
    facts: Vec<(SimTime, Fact)>,
    frames: Vec<(SimTime, ActorId, Body, u64)>,
    segments: Vec<(SegmentHeader, Blob)>,
    power_calls: Vec<(MachineId, bool)>,
    held: BTreeMap<u32, SimTime>,
    /// How long the cores of machines have been at work.
    worked: BTreeMap<MachineId, u64>,
}

/// The small world.
pub struct Bench {
    inner: RefCell<Inner>,
    now: Cell<SimTime>,
    grain: Grain,
    /// A frame's way, in nanoseconds.
    pub latency: Cell<u64>,
    /// A flush's duration.
    pub flush_time: Cell<u64>,
    /// Frames and connects are lost while set (every link cut, silently).
    pub dark: Cell<bool>,
}

impl Bench {
    /// A world of a grain.
    pub fn new(grain: Grain) -> Rc<Bench> {
        Rc::new(Bench {
            inner: RefCell::default(),
            now: Cell::new(SimTime::ZERO),
            grain,
            latency: Cell::new(1_000_000),
            flush_time: Cell::new(1_000_000),
            dark: Cell::new(false),
        })
    }

    /// Adds an actor; without [`Bench::put`] it is the test's own hand.
    pub fn actor(self: &Rc<Self>, machine: u32, kind: ComponentKind) -> (ActorId, Env) {
        let mut inner = self.inner.borrow_mut();
        let machine = MachineId(machine);
        inner.powered.entry(machine).or_insert(1);
        let incarnation = inner.powered[&machine];
        let id = ActorId(inner.actors.len() as u32);
        inner.actors.push(Actor {
            machine,
            kind,
            component: Slot::default(),
            inbox: Vec::new(),
        });
        drop(inner);
        (id, Env::new(Rc::clone(self) as Rc<dyn World>, id, machine, incarnation))
    }

    /// An actor's place, in its machine's current incarnation.
    pub fn env(self: &Rc<Self>, actor: ActorId) -> Env {
        let machine = self.inner.borrow().actors[actor.0 as usize].machine;
        let incarnation = self.inner.borrow().powered[&machine];
        Env::new(Rc::clone(self) as Rc<dyn World>, actor, machine, incarnation)
    }

    /// Gives an actor its component and starts it.
    pub fn put(self: &Rc<Self>, actor: ActorId, component: impl Component + 'static) {
        let slot = Rc::clone(&self.inner.borrow().actors[actor.0 as usize].component);
        *slot.borrow_mut() = Some(Box::new(component));
        self.give(actor, Input::Started);
    }

    /// Delivers an input now.
    pub fn give(&self, actor: ActorId, input: Input) {
        self.post(0, actor, input);
    }

    /// Cuts a machine's power: its components are gone, what was not flushed is lost, peers hear nothing.
    pub fn cut(&self, machine: u32) {
        let machine = MachineId(machine);
        let slots: Vec<Slot> = {
            let mut inner = self.inner.borrow_mut();
            *inner.powered.entry(machine).or_insert(1) += 1;
            inner.listening.retain(|(at, _), _| *at != machine);
            let owners: BTreeSet<ActorId> = (0..inner.actors.len() as u32)
                .map(ActorId)
                .filter(|a| inner.actors[a.0 as usize].machine == machine)
                .collect();
            inner
                .ends
                .values_mut()
                .filter(|e| owners.contains(&e.owner))
                .for_each(|e| e.open = false);
            for (current, durable, at) in inner.volumes.values_mut() {
                if *at == Some(machine) {
                    *current = durable.clone();
                }
            }
            if let Some(files) = inner.files.get(&machine) {
                files.cut();
            }
            owners
                .iter()
                .map(|a| Rc::clone(&inner.actors[a.0 as usize].component))
                .collect()
        };
        for slot in slots {
            *slot.borrow_mut() = None;
        }
    }

    /// Runs until a time (inclusive).
    pub fn run_until(&self, until: SimTime) {
        loop {
            let next = {
                let mut inner = self.inner.borrow_mut();
                match inner.queue.first_key_value() {
                    Some((&(at, _), _)) if at <= until => inner.queue.pop_first(),
                    _ => None,
                }
            };
            let Some(((at, _), event)) = next else { break };
            self.now.set(at);
            self.handle(event);
        }
        self.now.set(until);
    }

    /// Runs for so many seconds.
    pub fn run_seconds(&self, seconds: u64) {
        self.run_until(self.now.get().after(seconds * 1_000_000_000));
    }

    /// Takes what a hand-driven actor got.
    pub fn take_inbox(&self, actor: ActorId) -> Vec<(SimTime, Input)> {
        std::mem::take(&mut self.inner.borrow_mut().actors[actor.0 as usize].inbox)
    }

    /// Takes the frames that a hand-driven actor received, with the connection to answer on.
    pub fn take_frames(&self, actor: ActorId) -> Vec<(ConnId, Frame)> {
        self.take_inbox(actor)
            .into_iter()
            .filter_map(|(_, input)| match input {
                Input::Network(NetEvent::Received { conn, frame }) => Some((conn, *frame)),
                _ => None,
            })
            .collect()
    }

    /// All facts so far.
    pub fn facts(&self) -> Vec<(SimTime, Fact)> {
        self.inner.borrow().facts.clone()
    }

    /// All frames sent so far: when, by whom, what, and the payload's size.
    pub fn frames(&self) -> Vec<(SimTime, ActorId, Body, u64)> {
        self.inner.borrow().frames.clone()
    }

    /// All segments sent so far, whether they arrived or not: a nonce is used up by whoever could have read it on the way.
    pub fn segments(&self) -> Vec<(SegmentHeader, Blob)> {
        self.inner.borrow().segments.clone()
    }

    /// Calls of [`World::power`] so far.
    pub fn power_calls(&self) -> Vec<(MachineId, bool)> {
        self.inner.borrow().power_calls.clone()
    }

    /// Bounds a machine's files; 0 for no bound.
    pub fn bound_files(&self, machine: MachineId, capacity: u64) {
        let mut inner = self.inner.borrow_mut();
        inner.files.entry(machine).or_default().capacity.set(capacity);
    }

    /// A machine's cores are at work for so long, all together.
    pub fn work(&self, machine: MachineId, nanoseconds: u64) {
        *self.inner.borrow_mut().worked.entry(machine).or_default() += nanoseconds;
    }

    /// A machine's disk fails at this from now on, or does not any more.
    pub fn fail_disk(&self, machine: MachineId, operation: Operation, fails: bool) {
        let mut inner = self.inner.borrow_mut();
        let mut failing = inner.files.entry(machine).or_default().failing.borrow_mut();
        if fails {
            failing.insert(operation);
        } else {
            failing.remove(&operation);
        }
    }

    /// How many alerts were raised whose text holds this.
    pub fn alerts(&self, part: &str) -> usize {
        let facts = self.facts();
        let of_it = |(_, fact): &&(SimTime, Fact)| matches!(fact, Fact::Alert { text, .. } if text.contains(part));
        facts.iter().filter(of_it).count()
    }

    /// A trigger of the plan holds; the operator is told.
    pub fn hold(&self, trigger: u32, operator: ActorId) {
        self.inner.borrow_mut().held.entry(trigger).or_insert(self.now.get());
        self.give(operator, Input::Local(Local::Triggered { trigger }));
    }

    /// Inputs waiting in the queue: what a world at rest still has to do.
    pub fn waiting(&self) -> usize {
        self.inner.borrow().queue.len()
    }

    /// What a volume holds now.
    pub fn content(&self, volume: &str) -> Option<Volume> {
        self.inner.borrow().volumes.get(volume).map(|entry| entry.0.clone())
    }

    /// Puts a volume in place.
    pub fn place(&self, volume: &str, content: Volume) {
        let entry = (content.clone(), content, None);
        self.inner.borrow_mut().volumes.insert(volume.to_owned(), entry);
    }

    /// The right to reach across machines.
    pub fn fabric(self: &Rc<Self>) -> Rc<dyn Fabric> {
        Rc::clone(self) as Rc<dyn Fabric>
    }

    fn push(&self, after: u64, event: Event) -> (SimTime, u64) {
        let mut inner = self.inner.borrow_mut();
        inner.next += 1;
        let key = (self.now.get().after(after), inner.next);
        inner.queue.insert(key, event);
        key
    }

    fn post(&self, after: u64, actor: ActorId, input: Input) {
        let incarnation = self.incarnation(actor);
        self.push(after, Event::Input(actor, incarnation, input));
    }

    fn incarnation(&self, actor: ActorId) -> u32 {
        let inner = self.inner.borrow();
        inner.powered[&inner.actors[actor.0 as usize].machine]
    }

    fn handle(&self, event: Event) {
        match event {
            Event::Input(actor, incarnation, input) => {
                if incarnation != self.incarnation(actor) {
                    return;
                }
                let slot = Rc::clone(&self.inner.borrow().actors[actor.0 as usize].component);
                let mut component = slot.borrow_mut();
                match component.as_mut() {
                    Some(component) => component.input(input),
                    None => {
                        let now = self.now.get();
                        self.inner.borrow_mut().actors[actor.0 as usize]
                            .inbox
                            .push((now, input));
                    }
                }
            }
            Event::Connect { actor, conn, to, port } => {
                let listener = self.inner.borrow().listening.get(&(to, port)).copied();
                let Some(listener) = listener else {
                    let why = "nobody listens".to_owned();
                    self.post(
                        self.latency.get(),
                        actor,
                        Input::Network(NetEvent::Refused { conn, why }),
                    );
                    return;
                };
                let other = {
                    let mut inner = self.inner.borrow_mut();
                    inner.next += 1;
                    let other = ConnId(inner.next);
                    inner.ends.insert(
                        other,
                        End {
                            owner: listener,
                            other: conn,
                            open: true,
                        },
                    );
                    inner.ends.insert(
                        conn,
                        End {
                            owner: actor,
                            other,
                            open: true,
                        },
                    );
                    other
                };
                let peer = self.inner.borrow().actors[actor.0 as usize].machine;
                self.post(
                    0,
                    listener,
                    Input::Network(NetEvent::Accepted {
                        conn: other,
                        port,
                        peer,
                    }),
                );
                self.post(self.latency.get(), actor, Input::Network(NetEvent::Opened { conn }));
            }
            Event::Flush {
                actor,
                incarnation,
                names,
                token,
                result,
            } => {
                if incarnation != self.incarnation(actor) {
                    return;
                }
                for (name, saved) in names {
                    let machine = self.inner.borrow().actors[actor.0 as usize].machine;
                    match saved {
                        Some(Saved::File(mark)) => {
                            if let Some(files) = self.inner.borrow().files.get(&machine) {
                                files.make_durable(&name, mark);
                            }
                        }
                        Some(Saved::Volume(volume)) => {
                            if let Some(entry) = self.inner.borrow_mut().volumes.get_mut(&name) {
                                entry.1 = volume;
                            }
                        }
                        None => {}
                    }
                }
                self.post(0, actor, Input::Flushed(token, result));
            }
        }
    }
}

impl Clock for Bench {
    fn now(&self) -> SimTime {
        self.now.get()
    }
    fn clock(&self, _: MachineId) -> SimTime {
        self.now.get()
    }
    fn monotonic(&self, _: MachineId) -> SimTime {
        self.now.get()
    }
    fn timer(&self, actor: ActorId, after: u64, token: Token) -> TimerId {
        let incarnation = self.incarnation(actor);
        let (at, ordinal) = self.push(after, Event::Input(actor, incarnation, Input::Timer(token)));
        self.inner.borrow_mut().timers.insert(ordinal, at);
        TimerId(ordinal)
    }
    fn cancel(&self, timer: TimerId) {
        let mut inner = self.inner.borrow_mut();
        if let Some(at) = inner.timers.remove(&timer.0) {
            inner.queue.remove(&(at, timer.0));
        }
    }
}

impl Network for Bench {
    fn listen(&self, actor: ActorId, port: u16) {
        let mut inner = self.inner.borrow_mut();
        let machine = inner.actors[actor.0 as usize].machine;
        inner.listening.insert((machine, port), actor);
    }
    fn connect(&self, actor: ActorId, to: MachineId, port: u16) -> ConnId {
        let conn = {
            let mut inner = self.inner.borrow_mut();
            inner.next += 1;
            ConnId(inner.next)
        };
        if !self.dark.get() {
            self.push(self.latency.get(), Event::Connect { actor, conn, to, port });
        }
        conn
    }
    fn send(&self, actor: ActorId, conn: ConnId, frame: Frame) {
        let now = self.now.get();
        let size = frame.payload.as_ref().map_or(0, |blob| blob.size);
        self.inner
            .borrow_mut()
            .frames
            .push((now, actor, frame.body.clone(), size));
        if let (Body::SegmentsToTarget(segments::ToTarget::PutSegments { segments, .. }), Some(payload)) =
            (&frame.body, &frame.payload)
            && let Some(blobs) = payload.split(segments.iter().map(|segment| (segment.bytes, segment.size)))
        {
            let headers = segments.iter().map(|segment| segment.header.clone());
            self.inner.borrow_mut().segments.extend(headers.zip(blobs));
        }
        let target = {
            let inner = self.inner.borrow();
            let Some(end) = inner.ends.get(&conn).filter(|end| end.open) else {
                return;
            };
            assert_eq!(end.owner, actor, "a connection's end belongs to one actor");
            inner
                .ends
                .get(&end.other)
                .filter(|other| other.open)
                .map(|other| (other.owner, end.other))
        };
        if let Some((owner, conn)) = target
            && !self.dark.get()
        {
            self.post(
                self.latency.get(),
                owner,
                Input::Network(NetEvent::Received {
                    conn,
                    frame: Box::new(frame),
                }),
            );
        }
    }
    fn close(&self, _: ActorId, conn: ConnId) {
        let other = {
            let mut inner = self.inner.borrow_mut();
            let Some(end) = inner.ends.get_mut(&conn) else { return };
            end.open = false;
            let other = end.other;
            inner
                .ends
                .get(&other)
                .filter(|end| end.open)
                .map(|end| (end.owner, other))
        };
        if let Some((owner, conn)) = other
            && !self.dark.get()
        {
            self.post(self.latency.get(), owner, Input::Network(NetEvent::Closed { conn }));
        }
    }
}

impl Storage for Bench {
    fn files(&self, machine: MachineId) -> Rc<dyn Files> {
        Rc::clone(self.inner.borrow_mut().files.entry(machine).or_default()) as Rc<dyn Files>
    }
    fn flush(&self, actor: ActorId, names: &[String], token: Token) {
        let machine = self.inner.borrow().actors[actor.0 as usize].machine;
        let files = Rc::clone(self.inner.borrow_mut().files.entry(machine).or_default());
        let result = files.ask(Operation::Flush, names.first().map_or("", String::as_str));
        let names = names
            .iter()
            .filter(|_| result.is_ok())
            .map(|name| match name.strip_prefix("volume:") {
                Some(volume) => (volume.to_owned(), self.content(volume).map(Saved::Volume)),
                None => (name.clone(), files.mark(name).map(Saved::File)),
            })
            .collect();
        let incarnation = self.incarnation(actor);
        self.push(
            self.flush_time.get(),
            Event::Flush {
                actor,
                incarnation,
                names,
                token,
                result,
            },
        );
    }
    fn volume_read(&self, _: MachineId, volume: &str, start: Extent, extents: u32) -> Vec<Run> {
        let inner = self.inner.borrow();
        inner.volumes[volume]
            .0
            .read(start, extents)
            .expect("a test reads inside its volumes")
    }
    fn volume_read_to(&self, _: MachineId, volume: &str, start: Extent, extents: u32, out: &mut Vec<u8>) {
        let inner = self.inner.borrow();
        inner.volumes[volume]
            .0
            .read_to(start, extents, out)
            .expect("a test reads inside its volumes");
    }
    fn volume_write(&self, machine: MachineId, volume: &str, run: &Run) -> Result<(), DiskError> {
        let mut inner = self.inner.borrow_mut();
        if let Some(files) = inner.files.get(&machine) {
            files.ask(Operation::Write, volume)?;
        }
        let entry = inner.volumes.get_mut(volume).expect("a test writes to its volumes");
        entry.0.write(run).expect("a test writes inside its volumes");
        Ok(())
    }
    fn volume_wrote(&self, _: MachineId, volume: &str, (life, began): (u64, WriteSeq), through: WriteSeq) {
        if let Some(entry) = self.inner.borrow_mut().volumes.get_mut(volume) {
            entry.0.lineage_mut().wrote(life, began, through);
        }
    }
    fn volume(&self, _: MachineId, volume: &str) -> Option<Volume> {
        self.content(volume)
    }
    fn volume_create(&self, volume: &str, bytes: u64) {
        if self.content(volume).is_none() {
            let store = PageStore::new(64 << 20);
            self.place(volume, Volume::new(&store, self.grain, bytes));
        }
    }
    fn volume_put(&self, _: MachineId, volume: &str, content: Volume) {
        self.place(volume, content);
    }
    fn volume_remove(&self, _: MachineId, volume: &str) {
        self.disk_remove(volume);
    }
}

impl Compute for Bench {
    fn compute(&self, actor: ActorId, job: Job, token: Token) {
        let machine = self.inner.borrow().actors[actor.0 as usize].machine;
        let files = Rc::clone(self.inner.borrow_mut().files.entry(machine).or_default());
        if job.reads > 0
            && let Err(error) = files.ask(Operation::Read, "its disks")
        {
            return self.post(0, actor, Input::Failed(token, error));
        }
        let after = if job.work == Work::Wait { job.input_bytes } else { 1000 };
        let output = match job.work {
            Work::Wait => Box::new(()),
            _ => (job.run)(&mut Worker::new(1)),
        };
        self.post(after, actor, Input::Done(token, Output(output)));
    }
    fn worked(&self, actor: ActorId) -> (u64, u32) {
        let machine = self.inner.borrow().actors[actor.0 as usize].machine;
        (self.inner.borrow().worked.get(&machine).copied().unwrap_or_default(), 1)
    }
    fn beside(&self, actor: ActorId, kind: ComponentKind) -> Option<ActorId> {
        let machine = self.inner.borrow().actors[actor.0 as usize].machine;
        self.component(machine, kind)
    }
    fn local(&self, from: ActorId, to: ActorId, message: Local) {
        let machine = |actor: ActorId| self.inner.borrow().actors[actor.0 as usize].machine;
        assert_eq!(machine(from), machine(to), "a local message stays on its machine");
        self.post(0, to, Input::Local(message));
    }
    fn show_hypervisor(&self, _: ActorId, hypervisor: MachineId, message: Local) {
        let vcenter = self.component(hypervisor, ComponentKind::Vcenter);
        let to = vcenter.or_else(|| self.component(hypervisor, ComponentKind::AzureCompute));
        to.into_iter()
            .for_each(|to| self.post(0, to, Input::Local(message.clone())));
    }
}

impl Randomness for Bench {
    fn random(&self, actor: ActorId, purpose: Purpose) -> ChaCha8Rng {
        let name = format!("{}/{}/{purpose}", actor.0, self.incarnation(actor));
        ChaCha8Rng::from_seed(*blake3::hash(name.as_bytes()).as_bytes())
    }
}

impl Log for Bench {
    fn fact(&self, _: ActorId, fact: Fact) {
        let now = self.now.get();
        self.inner.borrow_mut().facts.push((now, fact));
    }
    fn evidence(&self, actor: ActorId, fact: Fact, _: Evidence) {
        self.fact(actor, fact);
    }
}

impl Plan for Bench {
    fn held_at(&self, trigger: u32) -> Option<SimTime> {
        self.inner.borrow().held.get(&trigger).copied()
    }
    fn has_reached(&self, _: VmId, _: ItemState) -> bool {
        false
    }
}

impl World for Bench {
    fn model(&self) -> std::sync::Arc<Model> {
        std::sync::Arc::default()
    }
    fn grain(&self) -> Grain {
        self.grain
    }
}

impl Fabric for Bench {
    fn power(&self, machine: MachineId, on: bool) {
        let mut inner = self.inner.borrow_mut();
        inner.power_calls.push((machine, on));
        if on {
            inner.off.remove(&machine);
        } else {
            inner.off.insert(machine);
        }
    }
    fn powered(&self, machine: MachineId) -> bool {
        !self.inner.borrow().off.contains(&machine)
    }
    fn component(&self, machine: MachineId, kind: ComponentKind) -> Option<ActorId> {
        let inner = self.inner.borrow();
        let found = inner.actors.iter().position(|a| a.machine == machine && a.kind == kind);
        found.map(|at| ActorId(at as u32))
    }
    fn runs(&self, actor: ActorId) -> bool {
        self.powered(self.inner.borrow().actors[actor.0 as usize].machine)
    }
    fn tell(&self, _: ActorId, to: ActorId, message: Local) {
        self.post(0, to, Input::Local(message));
    }
    fn machine_files(&self, machine: MachineId) -> Rc<dyn Files> {
        self.files(machine)
    }
    fn volume_exists(&self, volume: &str) -> bool {
        self.content(volume).is_some()
    }
    fn disk_create(&self, volume: &str, bytes: u64) {
        self.volume_create(volume, bytes);
    }
    fn volume_attach(&self, volume: &str, machine: MachineId) {
        if let Some(entry) = self.inner.borrow_mut().volumes.get_mut(volume) {
            entry.2 = Some(machine);
        }
    }
    fn volume_machine(&self, volume: &str) -> Option<MachineId> {
        self.inner.borrow().volumes.get(volume).and_then(|entry| entry.2)
    }
    fn disk_remove(&self, volume: &str) {
        self.inner.borrow_mut().volumes.remove(volume);
    }
}

/// A machine's files: what is there, and what a power cut leaves.
#[derive(Default)]
pub struct MemoryFiles {
    files: RefCell<BTreeMap<String, MemoryFile>>,
    /// Bytes of capacity; 0 for no bound.
    pub capacity: Cell<u64>,
    /// What fails.
    failing: RefCell<BTreeSet<Operation>>,
}

#[derive(Default)]
struct MemoryFile {
    bytes: Vec<u8>,
    size: u64,
    /// Length and size that a power cut leaves; none where the file itself is not durable.
    durable: Option<(usize, u64)>,
}

impl MemoryFiles {
    fn ask(&self, operation: Operation, file: &str) -> Result<(), DiskError> {
        if self.failing.borrow().contains(&operation) {
            let file = file.to_owned();
            return Err(DiskError::Failed { operation, file });
        }
        Ok(())
    }
    /// What a flush that is asked for now will make durable.
    fn mark(&self, name: &str) -> Option<(usize, u64)> {
        self.files.borrow().get(name).map(|file| (file.bytes.len(), file.size))
    }
    fn make_durable(&self, name: &str, mark: (usize, u64)) {
        if let Some(file) = self.files.borrow_mut().get_mut(name) {
            file.durable = Some(file.durable.map_or(mark, |old| old.max(mark)));
        }
    }
    fn cut(&self) {
        self.files.borrow_mut().retain(|_, file| {
            let Some((len, size)) = file.durable else { return false };
            file.bytes.truncate(len);
            file.size = size;
            true
        });
    }
}

impl Files for MemoryFiles {
    fn append(&self, file: &str, blob: Blob) -> Result<u64, DiskError> {
        self.ask(Operation::Append, file)?;
        let (used, capacity) = self.usage();
        if used + blob.size > capacity {
            let free = capacity.saturating_sub(used);
            return Err(DiskError::Full {
                free,
                wanted: blob.size,
            });
        }
        let mut files = self.files.borrow_mut();
        let file = files.entry(file.to_owned()).or_default();
        let at = file.bytes.len() as u64;
        file.bytes.extend_from_slice(&blob.bytes);
        file.size += blob.size;
        Ok(at)
    }
    fn replace(&self, file: &str, blob: Blob) -> Result<(), DiskError> {
        self.ask(Operation::Write, file)?;
        let (bytes, size) = (blob.bytes.to_vec(), blob.size);
        let durable = Some((bytes.len(), size));
        self.files
            .borrow_mut()
            .insert(file.to_owned(), MemoryFile { bytes, size, durable });
        Ok(())
    }
    fn read(&self, file: &str, position: u64, len: u64) -> Result<bytes::Bytes, DiskError> {
        self.ask(Operation::Read, file)?;
        let files = self.files.borrow();
        let found = files.get(file).ok_or_else(|| DiskError::NoFile(file.to_owned()))?;
        let (end, have) = (position + len, found.bytes.len() as u64);
        if end > have {
            return Err(DiskError::PastEnd {
                file: file.to_owned(),
                len: have,
                wanted: end,
            });
        }
        Ok(bytes::Bytes::copy_from_slice(
            &found.bytes[position as usize..end as usize],
        ))
    }
    fn read_all(&self, file: &str) -> Result<Blob, DiskError> {
        self.ask(Operation::Read, file)?;
        let files = self.files.borrow();
        let found = files.get(file).ok_or_else(|| DiskError::NoFile(file.to_owned()))?;
        Ok(Blob {
            bytes: bytes::Bytes::copy_from_slice(&found.bytes),
            size: found.size,
        })
    }
    fn len(&self, file: &str) -> Option<u64> {
        self.files.borrow().get(file).map(|file| file.bytes.len() as u64)
    }
    fn truncate(&self, file: &str, len: u64) -> Result<(), DiskError> {
        let mut files = self.files.borrow_mut();
        let found = files.get_mut(file).ok_or_else(|| DiskError::NoFile(file.to_owned()))?;
        let cut = (found.bytes.len() as u64).saturating_sub(len);
        found.bytes.truncate(len as usize);
        found.size = found.size.saturating_sub(cut);
        let now = (found.bytes.len(), found.size);
        found.durable = found.durable.map(|old| old.min(now));
        Ok(())
    }
    fn remove(&self, file: &str) {
        self.files.borrow_mut().remove(file);
    }
    fn list(&self, prefix: &str) -> Vec<String> {
        let files = self.files.borrow();
        files.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }
    fn usage(&self) -> (u64, u64) {
        let capacity = if self.capacity.get() == 0 {
            u64::MAX / 2
        } else {
            self.capacity.get()
        };
        (self.files.borrow().values().map(|file| file.size).sum(), capacity)
    }
}
