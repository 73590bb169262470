//! The world: machines, links and what lies between, around one queue.
//!
//! The loop is: take the next entry; move the present to its time; give it to whom it concerns, whose actix actor then has its turn; when
//! nobody has anything left to handle, the next. Whatever an actor asks for while it handles its message (a timer, a
//! frame, a flush, a job) becomes an entry of its own and never happens inside the asking.
//!
//! A power cut is the exception: it takes effect at once. The machine's actors are dropped, what its disks had not flushed is torn, and
//! whatever still waits in the queue for a life that is over is ignored when it comes up.

mod faults;
mod handle;
mod late;
mod port;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use actors::facts::Fact;
use actors::nouns::{ActorId, ComponentKind, MachineId};
use actors::ports::{Env, Evidence, Fabric, Input, NetEvent, Token};
use actors::spec::ComponentSpec;
use actors::start::Started;
use datapath::SimTime;
use datapath::disk::{DiskError, Files as _};
use datapath::volume::{Budget, PageStore};

use crate::compute::Pool;
use crate::disks::files::Removed;
use crate::disks::spill::Spill;
use crate::disks::volumes::Volumes;
use crate::disks::{files, volumes};
use crate::event_log::EventLog;
use crate::faults::Faults;
use crate::link::door::{AtDoor, Seen};
use crate::link::{Link, LinkEvent};
use crate::machines::{ActorSlot, Machine};
use crate::network::Packet;
use crate::network::connections::{Connections, Holder, Side};
use crate::network::topology::{Route, Topology};
use crate::network::turmoil::Wires;
use crate::network::wire::Written;
use crate::product::{News, Product, timed};
use crate::queue::{Handle, Queue};
use crate::random;
use crate::run::RunError;
use crate::secrets::Secrets;
use crate::spec::{RunOptions, WorldSpec};

/// Makes the actor of a component.
pub type ActorFactory = Rc<dyn Fn(&ComponentSpec, Env, Rc<dyn Fabric>) -> Started>;

/// What waits in the queue.
pub(crate) enum Entry {
    /// For an actor.
    Input(Holder, Input),
    /// For a link.
    Link(u32, LinkEvent),
    /// A packet leaves a link.
    Leave(u32, Side, Packet),
    /// A packet that was kept back goes on its way.
    Pass(Box<late::Kept>),
    /// A packet reaches the machine it goes to.
    Land(u32, Side, Packet),
    /// A flush is complete.
    Flushed(Box<Flush>),
    /// A job is complete.
    Done(Holder, Token, Work),
    /// A machine's components start.
    Start(MachineId, u32),
    /// A trigger's time has come.
    Trigger(u32),
    /// A machine loses its power, now that its guest has told what it wrote.
    Cut(MachineId),
    /// A fault begins, or ends.
    Fault(u32, bool),
    /// The next turn of a link that flaps.
    Turn(u32),
}

pub(crate) struct Flush {
    holder: Holder,
    token: Token,
    machine: MachineId,
    /// Of the machine: what its power cut takes is not written.
    incarnation: u32,
    files: Vec<files::FlushPoint>,
    volumes: Vec<volumes::FlushPoint>,
    result: Result<(), DiskError>,
}

pub(crate) enum Work {
    /// Nothing but time.
    None(actors::ports::Task),
    /// On the pool.
    Pool(u64),
}

/// What an actor was given last, for a finding.
#[derive(Debug, Clone, Copy)]
struct Given {
    what: &'static str,
    number: u64,
}

impl Given {
    const NOTHING: Given = Given {
        what: "nothing",
        number: 0,
    };

    fn of(input: &Input) -> Given {
        let (what, number) = match input {
            Input::Started => ("its start", 0),
            Input::Timer(token) => ("timer", u64::from(token.what)),
            Input::Network(NetEvent::Opened { conn }) => ("the opening of connection", conn.0),
            Input::Network(NetEvent::Refused { conn, .. }) => ("the refusal of connection", conn.0),
            Input::Network(NetEvent::Accepted { conn, .. }) => ("accepting connection", conn.0),
            Input::Network(NetEvent::Received { conn, .. }) => ("a frame on connection", conn.0),
            Input::Network(NetEvent::Closed { conn }) => ("the end of connection", conn.0),
            Input::Flushed(token, _) => ("flush", u64::from(token.what)),
            Input::Done(token, _) => ("job", u64::from(token.what)),
            Input::Failed(token, _) => ("the failure of job", u64::from(token.what)),
            Input::Ended(actor) => ("the end of the process", u64::from(actor.0)),
            Input::Local(_) => ("a local message", 0),
        };
        Given { what, number }
    }
}

/// How packets get from machine to machine.
pub(crate) enum Carrier {
    /// As they are, through the link.
    Event,
    /// As bytes, through streams.
    Turmoil(Wires),
}

pub(crate) struct Core {
    /// One queue; on turmoil one for each host: the machines, then the links.
    queues: Vec<Queue<Entry>>,
    /// The host whose turn it is.
    host: usize,
    machines: Vec<Machine>,
    actors: Vec<ActorSlot>,
    connections: Connections,
    kept: late::KeptBack,
}

/// The world.
pub struct Engine {
    me: Weak<Engine>,
    spec: WorldSpec,
    options: RunOptions,
    factory: ActorFactory,
    topology: Topology,
    faults: Rc<Faults>,
    pub(crate) carrier: Carrier,
    now: Cell<SimTime>,
    entries: Cell<u64>,
    core: RefCell<Core>,
    links: RefCell<Vec<Link>>,
    /// What happens to links, and they have still to take in.
    offers: RefCell<VecDeque<(u32, LinkEvent)>>,
    log: RefCell<EventLog>,
    /// What was seen at the links' doors and the observer has still to see.
    doors: RefCell<Vec<Seen>>,
    /// Files that were removed and that the observer has still to hear of.
    removed: Removed,
    secrets: Rc<Secrets>,
    product: Product,
    pool: RefCell<Pool>,
    volumes: Volumes,
    store: PageStore,
    spill: Rc<Spill>,
    /// From how many entries on the observer is asked again whether to go on.
    shown: Cell<u64>,
    /// An entry is being handled.
    handles: Cell<bool>,
    /// What an actor was given last.
    given: Cell<Given>,
    /// Actors with something to handle, in the order in which it came.
    ready: RefCell<VecDeque<u32>>,
    broken: RefCell<Option<String>>,
    failed: RefCell<Option<String>>,
}

impl Engine {
    /// Builds a world in which nothing has happened.
    pub(crate) fn new(
        spec: WorldSpec,
        options: &RunOptions,
        factory: ActorFactory,
        carrier: Carrier,
    ) -> Result<Rc<Engine>, RunError> {
        let budget = Budget::new(options.memory_bytes);
        let spill = Spill::new(budget.clone(), options.spill.clone());
        let store = PageStore::sharing(&budget, options.spill.as_deref());
        let volumes = volumes::at_start(&spec, options, &store);
        let volumes = volumes.map_err(|error| RunError::Machine(error.to_string()))?;
        let removed = Removed::default();
        let faults = Rc::new(Faults::new(&spec));
        let secrets = Rc::new(Secrets::new(&spec, options.grain, options.seed));
        let (machines, actors) = crate::machines::build(&spec, &spill, &removed, &faults, &secrets);
        let product = Product::new(&spec, &actors, options.grain);
        let queues = match carrier {
            Carrier::Event => 1,
            Carrier::Turmoil(_) => spec.machines.len() + spec.links.len(),
        };
        let pool = Pool::new(options.workers, options.compression_level)?;
        let tcp = spec.tcp();
        let links = (0..)
            .zip(&spec.links)
            .map(|(number, link)| Link::new(number, link, &tcp))
            .collect();
        let engine = Rc::new_cyclic(|me| Engine {
            me: me.clone(),
            options: options.clone(),
            factory,
            topology: Topology::new(&spec),
            faults,
            carrier,
            now: Cell::new(SimTime::ZERO),
            entries: Cell::new(0),
            core: RefCell::new(Core {
                queues: (0..queues).map(|_| Queue::default()).collect(),
                host: 0,
                machines,
                actors,
                connections: Connections::default(),
                kept: late::KeptBack::default(),
            }),
            links: RefCell::new(links),
            offers: RefCell::default(),
            log: RefCell::new(EventLog::new(options.trace, options.encoded).watched(&secrets)),
            doors: RefCell::default(),
            removed,
            secrets,
            product,
            pool: RefCell::new(pool),
            volumes,
            store,
            spill,
            shown: Cell::new(0),
            handles: Cell::new(false),
            given: Cell::new(Given::NOTHING),
            ready: RefCell::default(),
            broken: RefCell::new(None),
            failed: RefCell::new(None),
            spec,
        });
        Ok(engine)
    }

    /// Puts in what happens by itself: machines that have power, triggers with a time, faults that wait for nothing else.
    pub(crate) fn begin(&self) {
        for (trigger, at) in timed(&self.spec) {
            let host = self.product.told().map_or(0, |(machine, _)| self.host(machine));
            self.schedule(&mut self.core.borrow_mut(), host, at, Entry::Trigger(trigger));
        }
        for fault in self.faults.at_start() {
            self.await_fault(fault);
        }
        for (number, machine) in self.spec.machines.iter().enumerate() {
            if machine.on {
                self.set_power(MachineId(number as u32), true);
            }
        }
    }

    /// Whether each entry comes at the time that it is due.
    pub(crate) fn keeps_time(&self) -> bool {
        matches!(self.carrier, Carrier::Event)
    }

    /// Simulated time.
    #[must_use]
    pub fn time(&self) -> SimTime {
        self.now.get()
    }

    fn this(&self) -> Rc<Engine> {
        self.me.upgrade().expect("the world outlives its actors")
    }

    fn host(&self, machine: MachineId) -> usize {
        match self.carrier {
            Carrier::Event => 0,
            Carrier::Turmoil(_) => machine.0 as usize,
        }
    }

    pub(crate) fn link_host(&self, link: u32) -> usize {
        match self.carrier {
            Carrier::Event => 0,
            Carrier::Turmoil(_) => self.spec.machines.len() + link as usize,
        }
    }

    fn schedule(&self, core: &mut Core, host: usize, at: SimTime, entry: Entry) -> Handle {
        if let Carrier::Turmoil(wires) = &self.carrier
            && host != core.host
        {
            wires.wake(host);
        }
        core.queues[host].push(at, entry)
    }

    /// An actor is given an input at the present, after all else that is due by then: in its own turn, where nothing is.
    fn soon(&self, core: &mut Core, holder: Holder, input: Input) {
        if self.handles.get() && self.keeps_time() && core.queues[0].nothing_is_due() {
            return self.give(core, holder, input);
        }
        let machine = core.actors[holder.actor as usize].machine;
        self.schedule(core, self.host(machine), self.now.get(), Entry::Input(holder, input));
    }

    /// An actor as it lives now.
    fn holder(core: &Core, actor: ActorId) -> Holder {
        Holder {
            actor: actor.0,
            incarnation: core.actors[actor.0 as usize].incarnation,
        }
    }

    // For links.

    /// A packet leaves a link at a time.
    pub(crate) fn depart(&self, link: u32, at: SimTime, end: (u32, Side), packet: Packet) -> Handle {
        let mut core = self.core.borrow_mut();
        self.schedule(&mut core, self.link_host(link), at, Entry::Leave(end.0, end.1, packet))
    }

    /// It does not, after all.
    pub(crate) fn stay(&self, link: u32, handle: Handle) -> Option<Packet> {
        match self.core.borrow_mut().queues[self.link_host(link)].take_back(handle) {
            Some(Entry::Leave(_, _, packet)) => Some(packet),
            _ => None,
        }
    }

    pub(crate) fn schedule_link(&self, link: u32, at: SimTime, entry: Entry) -> Handle {
        self.schedule(&mut self.core.borrow_mut(), self.link_host(link), at, entry)
    }

    pub(crate) fn cancel_link(&self, link: u32, handle: Handle) {
        self.core.borrow_mut().queues[self.link_host(link)].take_back(handle);
    }

    /// A connection lost a packet on a link.
    pub(crate) fn lose(&self, link: u32, connection: u32) {
        self.faults.at_link(link, true);
        self.core.borrow_mut().connections.lose(connection);
        if let Carrier::Turmoil(wires) = &self.carrier {
            wires.forget(self.link_host(link), connection);
        }
    }

    /// Puts an entry into a host's queue for now.
    pub(crate) fn put_in(&self, host: usize, entry: Entry) {
        self.core.borrow_mut().queues[host].push(self.now.get(), entry);
    }

    /// Something was seen at a link.
    fn see(&self, link: u32, what: AtDoor) {
        let at = self.now.get();
        self.doors.borrow_mut().push(Seen { at, link, what });
    }

    /// Puts an entry into a host's queue that is still handled when the run is at its end.
    pub(crate) fn put_last(&self, host: usize, entry: Entry) {
        let at = self.now.get().min(self.end().0);
        self.core.borrow_mut().queues[host].push(at, entry);
    }

    pub(crate) fn log_use(&self, fact: Fact) {
        self.log_fact(None, fact, None);
    }

    // Packets.

    /// Sends a packet on its way. `bytes` are those of its body and payload.
    fn transmit(&self, core: &mut Core, connection: u32, toward: Side, bytes: u64, packet: Packet) {
        let Some((route, machine)) = core.connections.way(connection, toward) else {
            return;
        };
        if route != Route::Local {
            let from = core.connections.machine(connection, 1 - toward);
            if self.faults.stop(from, machine, core.connections.port(connection)) {
                core.connections.lose(connection);
                return;
            }
            if let Route::Link { link, back } = route
                && self.faults.loses(link, back)
            {
                core.connections.lose(connection);
                return;
            }
            let Some(packet) = self.keep_back(core, (route, from), (connection, toward), bytes, packet) else {
                return;
            };
            return self.pass(core, (connection, toward), bytes, packet);
        }
        self.pass(core, (connection, toward), bytes, packet);
    }

    /// A packet that nothing keeps back goes on its way.
    fn pass(&self, core: &mut Core, (connection, toward): (u32, Side), bytes: u64, packet: Packet) {
        let Some((route, machine)) = core.connections.way(connection, toward) else {
            return;
        };
        match (route, &self.carrier) {
            (Route::Local, _) => {
                let entry = Entry::Land(connection, toward, packet);
                self.schedule(core, self.host(machine), self.now.get(), entry);
            }
            (Route::Link { link, back }, Carrier::Event) => {
                let offer = LinkEvent::Offer {
                    back,
                    connection,
                    toward,
                    bytes,
                    packet,
                };
                self.tell_link(link, offer);
            }
            (Route::Link { link, back }, Carrier::Turmoil(wires)) => {
                let written = Written {
                    toward,
                    back,
                    connection,
                    bytes,
                    packet,
                };
                // A frame's body was encoded when it was logged, a moment ago.
                wires.send(core.host, link, &written, self.log.borrow().last_body());
            }
        }
    }

    // The log.

    fn log_fact(&self, actor: Option<ActorId>, fact: Fact, evidence: Option<Evidence>) {
        let now = self.now.get();
        let evidence = evidence.or_else(|| self.product.evidence(self, actor, &fact));
        self.secrets.fact(&fact, evidence.as_ref());
        let News { held, words } = self.product.saw(now, &fact);
        self.log.borrow_mut().fact(now, actor, fact, evidence);
        for trigger in held {
            self.fire(trigger);
        }
        for (machine, kind, input) in words {
            let mut core = self.core.borrow_mut();
            if let Some(holder) = Engine::of_kind(&core, machine, kind) {
                self.soon(&mut core, holder, input);
            }
        }
    }

    pub(crate) fn machine_of(&self, actor: ActorId) -> MachineId {
        self.core.borrow().actors[actor.0 as usize].machine
    }

    pub(crate) fn files_of(&self, machine: MachineId) -> Rc<files::MachineFiles> {
        Rc::clone(&self.core.borrow().machines[machine.0 as usize].files)
    }

    /// What a machine's files take up and their disk's bytes, for who looks from outside; a fault that fills it is no file of anybody's.
    pub(crate) fn usage_of(&self, machine: MachineId) -> (u64, u64) {
        let (used, capacity) = self.files_of(machine).usage();
        let full = self.faults.disk_is_full(machine).is_some();
        (if full { capacity } else { used }, capacity)
    }

    /// The volumes, for who looks from outside.
    pub(crate) fn all_volumes(&self) -> &Volumes {
        &self.volumes
    }

    /// Whether a machine's disk has told of a flush that never was.
    pub(crate) fn has_lied(&self, machine: MachineId) -> bool {
        self.faults.has_lied(machine)
    }

    /// A trigger holds: faults that waited for it may begin, and whoever is told of triggers is.
    fn fire(&self, number: u32) {
        let words = self.product.held(number, self.now.get());
        let (begin, end) = self.faults.held(number);
        begin.into_iter().for_each(|fault| self.await_fault(fault));
        end.into_iter().for_each(|fault| self.await_end(fault));
        if let Some((_, actor)) = self.product.told() {
            let mut core = self.core.borrow_mut();
            let holder = Engine::holder(&core, actor);
            self.soon(&mut core, holder, words);
        }
    }

    /// The world broke one of its own rules, or an actor did.
    pub(crate) fn note_broken(&self, why: String) {
        let mut broken = self.broken.borrow_mut();
        if broken.is_none() {
            let last = self.log.borrow().last_events().join("\n");
            *broken = Some(format!("{why}\nlast events:\n{last}"));
        }
    }

    /// The real machine failed.
    fn note_failed(&self, why: String) {
        self.failed.borrow_mut().get_or_insert(why);
    }

    // Power.

    fn set_power(&self, machine: MachineId, on: bool) {
        let mut core = self.core.borrow_mut();
        let Some(state) = core.machines.get_mut(machine.0 as usize) else {
            return;
        };
        if state.on == on {
            return;
        }
        if !on {
            if let Some((kind, words)) = self.product.before_dark()
                && let Some(heard) = Engine::of_kind(&core, machine, kind)
            {
                self.soon(&mut core, heard, words);
                self.schedule(&mut core, self.host(machine), self.now.get(), Entry::Cut(machine));
                return;
            }
            drop(core);
            return self.switch_off(machine);
        }
        state.on = true;
        state.incarnation += 1;
        let (entry, actors) = (Entry::Start(machine, state.incarnation), state.actors);
        for slot in &mut core.actors[actors.0 as usize..actors.1 as usize] {
            slot.incarnation += 1;
        }
        self.schedule(&mut core, self.host(machine), self.now.get(), entry);
        drop(core);
        self.log_fact(None, Fact::Power { machine, on }, None);
    }

    /// The actor of a kind on a machine.
    fn of_kind(core: &Core, machine: MachineId, kind: ComponentKind) -> Option<Holder> {
        let (first, end) = core.machines[machine.0 as usize].actors;
        let actor = (first..end).find(|actor| core.actors[*actor as usize].kind == kind)?;
        Some(Engine::holder(core, ActorId(actor)))
    }

    /// The power is gone, at once.
    pub(super) fn switch_off(&self, machine: MachineId) {
        let mut core = self.core.borrow_mut();
        let state = &mut core.machines[machine.0 as usize];
        if !state.on {
            return;
        }
        state.on = false;
        self.cut_power(&mut core, machine);
        drop(core);
        self.log_fact(None, Fact::Power { machine, on: false }, None);
    }

    fn cut_power(&self, core: &mut Core, machine: MachineId) {
        let state = &mut core.machines[machine.0 as usize];
        state.listening.clear();
        state.cores.power_cut();
        state.disk_free = SimTime::ZERO;
        let (incarnation, files) = (state.incarnation, Rc::clone(&state.files));
        for slot in &mut core.actors[state.actors.0 as usize..state.actors.1 as usize] {
            slot.started = None;
        }
        let name = &self.spec.machines[machine.0 as usize].name;
        let mut random = random::stream(self.options.seed, name, incarnation, "what a power cut leaves on disks");
        match self.faults.torn(machine) {
            Some((fault, left)) => self.note_torn(fault, files.tear(&[""], left, &mut random)),
            None => {
                if let Err(error) = files.power_cut(&mut random) {
                    self.note_failed(error.to_string());
                }
            }
        }
        self.volumes.power_cut(machine, &mut random);
        // What the machine had still to send is gone with it.
        let mut gone: Vec<Vec<(u32, Side)>> = self.spec.links.iter().map(|_| Vec::new()).collect();
        for (connection, side) in core.connections.of_machine(machine) {
            if let Some((Route::Link { link, .. }, _)) = core.connections.way(connection, 1 - side) {
                gone[link as usize].push((connection, 1 - side));
            }
        }
        for (link, ends) in gone.into_iter().enumerate() {
            if !ends.is_empty() {
                let entry = Entry::Link(link as u32, LinkEvent::Gone { ends });
                self.schedule(core, self.link_host(link as u32), self.now.get(), entry);
            }
        }
    }
}
