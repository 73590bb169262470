//! What becomes of an entry when its time has come.

use std::rc::Rc;
use std::task::{Context, Waker};

use actors::facts::Fact;
use actors::nouns::{ActorId, MachineId};
use actors::ports::{Env, Input, Network, Output, Token, World};
use actors::spec::ComponentSpec;
use actors::start::Started;
use datapath::SimTime;

use super::{Carrier, Core, Engine, Entry, Given, Work};
use crate::compute::caught;
use crate::event_log::EventLog;
use crate::link::door::AtDoor;
use crate::link::{LinkEvent, flow};
use crate::network::Packet;
use crate::network::connections::{Holder, Side};
use crate::network::topology::Route;
use crate::run::{Ended, Observer, RunError, Why};

/// Facts that may wait for the observer.
const UNSEEN: usize = 64;
/// How many entries pass before the observer is asked whether to go on: of a real disk's copy one can take milliseconds.
const ASKED: u64 = 256;
/// How many entries pass before the observer is told how far the run is.
const ENTRIES: u64 = 4096;

impl Engine {
    /// The next entry of a host that is due by `limit`; it becomes that host's turn.
    pub(crate) fn next_due(&self, host: usize, limit: SimTime) -> Option<(SimTime, Entry)> {
        let mut core = self.core.borrow_mut();
        core.host = host;
        core.queues[host].pop_due(limit)
    }

    /// The time of a host's next entry.
    pub(crate) fn next_time(&self, host: usize) -> Option<SimTime> {
        self.core.borrow_mut().queues[host].next_time()
    }

    /// Moves the present; it never goes back.
    pub(crate) fn advance(&self, to: SimTime) {
        if to > self.now.get() {
            self.now.set(to);
        }
    }

    /// Whether the observer should look before the next entry, or the run cannot go on.
    pub(crate) fn wants_observer(&self) -> bool {
        self.log.borrow().unseen() >= UNSEEN || self.entries.get().is_multiple_of(ASKED) || self.is_stopped()
    }

    /// Whether the run cannot go on.
    pub(crate) fn is_stopped(&self) -> bool {
        self.broken.borrow().is_some() || self.failed.borrow().is_some()
    }

    /// Shows the observer what has happened; true where it wants the run to end.
    pub(crate) fn show(&self, observer: &mut dyn Observer) -> bool {
        let mut seen = std::mem::take(&mut *self.doors.borrow_mut());
        if !seen.is_empty() {
            observer.links(&seen);
            seen.clear();
            *self.doors.borrow_mut() = seen;
        }
        EventLog::show(&self.log, observer);
        let removed = std::mem::take(&mut *self.removed.borrow_mut());
        if !removed.is_empty() {
            observer.removed(&removed);
        }
        observer.at_rest(self, false);
        let (leaks, looked) = self.secrets.take();
        if looked > 0 {
            observer.leaked(leaks, looked);
        }
        if self.entries.get() >= self.shown.get() {
            self.shown.set(self.entries.get() + ENTRIES);
            observer.progress(self.now.get(), self.entries.get());
        }
        observer.interrupted()
    }

    /// When the run ends, and why, if nothing else ends it.
    pub(crate) fn end(&self) -> (SimTime, Why) {
        let settled = self.product.end();
        if settled <= self.spec.until {
            (settled, Why::Finished)
        } else if self.spec.steps == 0 {
            (self.spec.until, Why::Finished)
        } else {
            (self.spec.until, Why::TimeUp)
        }
    }

    /// Why a run has ended whose queue is empty.
    pub(crate) fn end_of_queue(&self) -> Why {
        if self.spec.steps == 0 || self.product.end() != SimTime::NEVER {
            Why::Finished
        } else {
            Why::TimeUp
        }
    }

    /// Number of links.
    pub(crate) fn links(&self) -> u32 {
        self.spec.links.len() as u32
    }

    /// Sums up.
    pub(crate) fn ended(&self, why: Why) -> Result<Ended, RunError> {
        // Actors hold the world, and the world holds their addresses.
        for slot in &mut self.core.borrow_mut().actors {
            slot.started = None;
        }
        if let Some(failed) = self.failed.borrow_mut().take() {
            return Err(RunError::Machine(failed));
        }
        let log = self.log.borrow();
        Ok(Ended {
            why,
            now: self.now.get(),
            entries: self.entries.get(),
            frames: log.frames(),
            digest: log.digest(),
            broken: self.broken.borrow_mut().take(),
        })
    }

    /// Handles an entry whose time is the present, and all that follows from it at once.
    pub(crate) fn handle(&self, entry: Entry) {
        self.entries.set(self.entries.get() + 1);
        self.handles.set(true);
        match entry {
            Entry::Input(holder, input) => self.deliver(holder, input),
            Entry::Link(link, event) => self.tell_link(link, event),
            Entry::Leave(connection, toward, packet) => self.leave((connection, toward), packet),
            Entry::Pass(kept) => self.pass_on(*kept),
            Entry::Land(connection, toward, packet) => self.land(connection, toward, packet),
            Entry::Flushed(flush) => {
                // A disk writes on when the process that asked has ended, but not without power.
                if self.has_lived(flush.machine, flush.incarnation) {
                    let files = Rc::clone(&self.core.borrow().machines[flush.machine.0 as usize].files);
                    flush.files.iter().for_each(|point| files.flushed(point));
                    flush.volumes.iter().for_each(|point| self.volumes.flushed(point));
                    self.deliver(flush.holder, Input::Flushed(flush.token, flush.result));
                }
            }
            Entry::Done(holder, token, work) => self.done(holder, token, work),
            Entry::Start(machine, incarnation) => self.start_components(machine, incarnation),
            Entry::Trigger(number) => self.fire(number),
            Entry::Cut(machine) => self.switch_off(machine),
            Entry::Fault(fault, true) => self.begin_fault(fault),
            Entry::Fault(fault, false) => self.end_fault(fault),
            Entry::Turn(fault) => self.turn_link(fault),
        }
        self.settle();
        self.handles.set(false);
        if self.spill.has_failed() {
            self.note_failed(self.spill.failure());
        }
    }

    /// The run is at its end: faults that last to it end.
    pub(crate) fn end_faults(&self) {
        for fault in self.faults.lasting() {
            self.log_end(fault);
        }
    }

    /// The links log what they carried since they last did.
    pub(crate) fn last_samples(&self) {
        for link in 0..self.links() {
            self.tell_link(link, LinkEvent::Sample);
            self.settle();
        }
    }

    /// The run is at its end: shows the observer the last of what has happened, and what lies on disks.
    pub(crate) fn show_last(&self, observer: &mut dyn Observer) {
        self.log.borrow().look();
        self.show(observer);
        observer.at_rest(self, true);
    }

    fn lives(&self, holder: Holder) -> bool {
        let core = self.core.borrow();
        let slot = &core.actors[holder.actor as usize];
        let machine = &core.machines[slot.machine.0 as usize];
        machine.on && slot.incarnation == holder.incarnation
    }

    /// Whether a machine has had power since it was switched on for this time.
    pub(super) fn has_lived(&self, machine: MachineId, incarnation: u32) -> bool {
        let machine = &self.core.borrow().machines[machine.0 as usize];
        machine.on && machine.incarnation == incarnation
    }

    /// Gives an actor an input, if the life that it is for goes on.
    fn deliver(&self, holder: Holder, input: Input) {
        self.give(&self.core.borrow(), holder, input);
    }

    pub(super) fn give(&self, core: &Core, holder: Holder, input: Input) {
        let slot = &core.actors[holder.actor as usize];
        let machine = &core.machines[slot.machine.0 as usize];
        if !machine.on || slot.incarnation != holder.incarnation {
            return;
        }
        let Some(Started { inputs, .. }) = &slot.started else {
            return;
        };
        self.given.set(Given::of(&input));
        inputs.put(input);
        self.ready.borrow_mut().push_back(holder.actor);
    }

    /// A packet comes out of a link.
    pub(crate) fn leave(&self, (connection, toward): (u32, Side), packet: Packet) {
        let way = self.core.borrow().connections.way(connection, toward);
        let Some((Route::Link { link, back }, machine)) = way else {
            return;
        };
        let flow = flow(connection, toward);
        self.see(link, AtDoor::Out { back, flow });
        match &self.carrier {
            Carrier::Event => self.land(connection, toward, packet),
            Carrier::Turmoil(wires) => {
                let host = self.core.borrow().host;
                wires.forward(host, machine.0 as usize, connection, toward, packet);
            }
        }
    }

    pub(super) fn tell_link(&self, link: u32, event: LinkEvent) {
        match &event {
            LinkEvent::Offer {
                back,
                connection,
                toward,
                bytes,
                ..
            } => {
                let (back, flow, bytes) = (*back, flow(*connection, *toward), *bytes);
                self.see(link, AtDoor::In { back, flow, bytes });
                self.faults.at_link(link, false);
            }
            LinkEvent::Gone { ends } => {
                let flows = ends.iter().map(|(connection, toward)| flow(*connection, *toward));
                self.see(link, AtDoor::Gone { flows: flows.collect() });
            }
            LinkEvent::Change(change) => self.see(link, AtDoor::Changed(*change)),
            LinkEvent::Work { .. } | LinkEvent::Sample => {}
        }
        self.offers.borrow_mut().push_back((link, event));
    }

    /// Lets the links take in what happens to them, in the order in which it did.
    fn run_links(&self) {
        loop {
            // Not held while a link is told: what comes out of it can have an answer that goes into another.
            let next = self.offers.borrow_mut().pop_front();
            let Some((link, event)) = next else { return };
            let taken_in = caught(|| {
                if let Some(link) = self.links.borrow_mut().get_mut(link as usize) {
                    link.handle(self, event);
                }
            });
            if let Err(why) = taken_in {
                let name = &self.spec.links[link as usize].name;
                self.note_broken(format!("link {name} panicked at {}: {why}", self.now.get()));
            }
        }
    }

    /// Lets actors and links handle all that there is for them.
    fn settle(&self) {
        let mut turned = false;
        loop {
            self.run_links();
            // What a turn had strike is told before the next turn.
            if turned || self.ready.borrow().is_empty() {
                self.tell_strikes();
            }
            let Some(actor) = self.ready.borrow_mut().pop_front() else {
                return;
            };
            self.turn(actor);
            turned = true;
        }
    }

    /// Faults have changed something for the first time.
    fn tell_strikes(&self) {
        for fault in self.faults.take_news() {
            self.log_fact(None, Fact::FaultStruck { fault }, None);
        }
    }

    /// An actor handles what has happened to it.
    fn turn(&self, actor: u32) {
        let (inputs, turns) = match &self.core.borrow().actors[actor as usize].started {
            Some(Started { inputs, actor }) => (inputs.clone(), Rc::clone(actor)),
            None => return,
        };
        let turn = caught(|| {
            let mut context = Context::from_waker(Waker::noop());
            while !inputs.is_empty() && turns.borrow_mut().as_mut().poll(&mut context).is_pending() {}
        });
        if turn.is_err() {
            let mut core = self.core.borrow_mut();
            let slot = &mut core.actors[actor as usize];
            slot.started = None;
            let (name, given) = (slot.name.clone(), self.given.get());
            self.note_broken(format!(
                "{name} panicked at {} over {} {}",
                self.now.get(),
                given.what,
                given.number
            ));
        }
    }

    /// A packet reaches the machine it goes to.
    pub(crate) fn land(&self, connection: u32, toward: Side, packet: Packet) {
        let mut core = self.core.borrow_mut();
        let Some((_, machine)) = core.connections.way(connection, toward) else {
            return;
        };
        let state = &core.machines[machine.0 as usize];
        if !state.on {
            return;
        }
        let listener = state.listener(core.connections.port(connection));
        let listener = listener.map(|actor| Engine::holder(&core, ActorId(actor)));
        let Core {
            connections, actors, ..
        } = &mut *core;
        let lives = |holder: Holder| actors[holder.actor as usize].incarnation == holder.incarnation;
        let landed = connections.land(connection, toward, packet, lives, listener);
        if let Some(answer) = landed.answer {
            self.transmit(&mut core, connection, 1 - toward, 0, answer);
        }
        drop(core);
        if let Some((holder, input)) = landed.input {
            match self.refused(machine, &input) {
                Some((conn, answer)) => self.send(ActorId(holder.actor), conn, answer),
                None => self.deliver(holder, input),
            }
        }
    }

    fn done(&self, holder: Holder, token: Token, work: Work) {
        let mut pool = self.pool.borrow_mut();
        if !self.lives(holder) {
            if let Work::Pool(number) = work {
                pool.forget(number);
            }
            return;
        }
        let output = match work {
            Work::Pool(number) => pool.finish(number),
            Work::None(run) => Ok(Output(pool.here(run))),
        };
        drop(pool);
        match output {
            Ok(output) => self.deliver(holder, Input::Done(token, output)),
            Err(why) => self.note_broken(why),
        }
    }

    fn start_components(&self, machine: MachineId, incarnation: u32) {
        let (first, end) = {
            let core = self.core.borrow();
            let state = &core.machines[machine.0 as usize];
            if !state.on || state.incarnation != incarnation {
                return;
            }
            state.actors
        };
        for (actor, spec) in (first..end).zip(&self.spec.machines[machine.0 as usize].components) {
            self.start_component(actor, machine, spec);
        }
    }

    /// Starts the actor of a component where it is to live.
    pub(super) fn start_component(&self, actor: u32, machine: MachineId, spec: &ComponentSpec) {
        let incarnation = self.core.borrow().actors[actor as usize].incarnation;
        let env = Env::new(self.this() as Rc<dyn World>, ActorId(actor), machine, incarnation);
        let started = (self.factory)(spec, env, self.this());
        let mut core = self.core.borrow_mut();
        core.actors[actor as usize].started = Some(started);
        let holder = Holder { actor, incarnation };
        self.soon(&mut core, holder, Input::Started);
    }
}
