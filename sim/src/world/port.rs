//! The world as actors see it.

use std::rc::Rc;
use std::sync::Arc;

use actors::facts::Fact;
use actors::messages::local::Local;
use actors::model::Model;
use actors::nouns::{ActorId, ComponentKind, ItemState, MachineId};
use actors::ports::{
    Clock, Compute, ConnId, Evidence, Fabric, Frame, Input, Job, Log, NetEvent, Network, Plan, Purpose, Randomness,
    Storage, TimerId, Token, Work as Kind, World,
};
use datapath::disk::{DiskError, Files, Operation};
use datapath::volume::{Volume, VolumeError};
use datapath::{EXTENT_BYTES, Extent, Grain, Run, SimTime, VmId, WriteSeq};
use rand_chacha::ChaCha8Rng;

use super::{Engine, Entry, Flush, Work};
use crate::compute;
use crate::disks::{self, faulty::failed};
use crate::event_log::Address;
use crate::network::Packet;
use crate::network::connections::{end_id, of_end};
use crate::product;
use crate::queue::Handle;
use crate::random;

impl Engine {
    /// The result of reading or writing a volume; what an actor did wrong is its panic, what the real machine did ends the run.
    fn checked<T: Default>(&self, volume: &str, result: Option<Result<T, VolumeError>>) -> T {
        match result {
            Some(Ok(value)) => value,
            Some(Err(VolumeError::Machine(why))) => {
                self.note_failed(format!("volume {volume}: {why}"));
                T::default()
            }
            Some(Err(error)) => panic!("volume {volume}: {error}"),
            None => panic!("there is no volume {volume}"),
        }
    }

    /// Evidence with the volumes themselves where they are only named.
    fn in_place(&self, evidence: Evidence) -> Evidence {
        let Evidence::InPlace { volumes } = evidence else {
            return evidence;
        };
        let named = volumes.into_iter();
        let volumes = named.filter_map(|(disk, name)| Some((disk, self.volumes.snapshot(&name)?)));
        Evidence::Disks {
            volumes: volumes.collect(),
        }
    }

    fn reached(&self, machine: MachineId, volume: &str) {
        let reached = self.volumes.is_reached_by(machine, volume);
        assert!(reached, "{}", unreached(machine, volume));
    }
}

fn unreached(machine: MachineId, volume: &str) -> String {
    format!("volume {volume} is attached to another machine than {}", machine.0)
}

impl Clock for Engine {
    fn now(&self) -> SimTime {
        self.now.get()
    }

    fn clock(&self, machine: MachineId) -> SimTime {
        let skew = self.spec.machines[machine.0 as usize].clock_skew;
        let now = self.now.get();
        let off = skew.saturating_add(self.faults.off(machine, now));
        SimTime(now.0.saturating_add_signed(off))
    }

    fn monotonic(&self, machine: MachineId) -> SimTime {
        let now = self.now.get();
        SimTime(now.0.saturating_add_signed(self.faults.gained(machine, now)))
    }

    fn timer(&self, actor: ActorId, after: u64, token: Token) -> TimerId {
        let mut core = self.core.borrow_mut();
        let holder = Engine::holder(&core, actor);
        let machine = core.actors[actor.0 as usize].machine;
        let at = self.now.get().after(self.faults.really(machine, after));
        let handle = self.schedule(
            &mut core,
            self.host(machine),
            at,
            Entry::Input(holder, Input::Timer(token)),
        );
        TimerId(handle.to_bits())
    }

    fn cancel(&self, timer: TimerId) {
        // An actor takes back its own timers only, so they are in the queue of the host whose turn it is.
        let mut core = self.core.borrow_mut();
        let host = core.host;
        core.queues[host].take_back(Handle::from_bits(timer.0));
    }
}

impl Network for Engine {
    fn listen(&self, actor: ActorId, port: u16) {
        let mut core = self.core.borrow_mut();
        let machine = core.actors[actor.0 as usize].machine;
        let listening = &mut core.machines[machine.0 as usize].listening;
        listening.retain(|(taken, _)| *taken != port);
        listening.push((port, actor.0));
    }

    fn connect(&self, actor: ActorId, to: MachineId, port: u16) -> ConnId {
        let mut core = self.core.borrow_mut();
        let holder = Engine::holder(&core, actor);
        let machine = core.actors[actor.0 as usize].machine;
        if let Some(fact) = product::of_connecting(machine, to, port) {
            self.log.borrow_mut().fact(self.now.get(), None, fact, None);
        }
        match self.topology.route(machine, to) {
            Ok(route) => {
                let number = core.connections.open(holder, [machine, to], port, route);
                self.transmit(&mut core, number, 1, 0, Packet::Syn);
                end_id(number, 0)
            }
            Err(why) => {
                let number = core.connections.refuse(holder, machine, to, port);
                let conn = end_id(number, 0);
                let input = Input::Network(NetEvent::Refused { conn, why });
                self.soon(&mut core, holder, input);
                conn
            }
        }
    }

    fn send(&self, actor: ActorId, conn: ConnId, frame: Frame) {
        let mut core = self.core.borrow_mut();
        let holder = Engine::holder(&core, actor);
        let Some((machine, port)) = core.connections.sendable(conn, holder) else {
            return;
        };
        let address = Address { machine, port, conn };
        let payload = frame.payload.as_ref().map(|payload| payload.size);
        let mut log = self.log.borrow_mut();
        let body = log.frame(self.now.get(), actor, address, &frame.body, payload);
        drop(log);
        let bytes = body + payload.unwrap_or(0);
        let (number, side) = of_end(conn);
        if let Some(payload) = &frame.payload {
            let from = core.connections.machine(number, side);
            self.secrets.sent((from, machine), port, side == 0, &payload.bytes);
        }
        self.transmit(&mut core, number, 1 - side, bytes, Packet::Data(Box::new(frame)));
    }

    fn close(&self, actor: ActorId, conn: ConnId) {
        let mut core = self.core.borrow_mut();
        let holder = Engine::holder(&core, actor);
        if core.connections.close(conn, holder) {
            let (number, side) = of_end(conn);
            self.transmit(&mut core, number, 1 - side, 0, Packet::Fin);
        }
    }
}

impl Storage for Engine {
    fn files(&self, machine: MachineId) -> Rc<dyn Files> {
        Rc::clone(&self.core.borrow().machines[machine.0 as usize].disk) as Rc<dyn Files>
    }

    fn flush(&self, actor: ActorId, names: &[String], token: Token) {
        let mut core = self.core.borrow_mut();
        let holder = Engine::holder(&core, actor);
        let machine = core.actors[actor.0 as usize].machine;
        let state = &mut core.machines[machine.0 as usize];
        let (mut files, mut volumes, mut bytes) = (Vec::with_capacity(names.len()), Vec::new(), 0);
        let mut result = Ok(());
        if self.faults.disk_fails(machine, Operation::Flush) {
            result = Err(failed(
                Operation::Flush,
                names.first().map_or("nothing", String::as_str),
            ));
        }
        let lies = self.faults.lies(machine).filter(|_| result.is_ok());
        for name in names.iter().filter(|_| result.is_ok()) {
            if let Some(volume) = name.strip_prefix("volume:") {
                if let Some((point, unflushed)) = self.volumes.begin_flush(volume) {
                    volumes.push(point);
                    bytes += unflushed;
                }
            } else if let Some(fault) = lies {
                if state.files.durable(name) < state.files.len(name) {
                    self.faults.strike(fault);
                }
            } else if let Some((point, unflushed)) = state.files.begin_flush(name) {
                files.push(point);
                bytes += unflushed;
            }
        }
        let rate = self.spec.machines[machine.0 as usize].disk_bytes_per_second;
        let takes = disks::flush_time(bytes, rate, self.spec.model.disk.flush);
        let takes = takes.saturating_mul(self.faults.slower(machine));
        let end = self.now.get().max(state.disk_free).after(takes);
        let incarnation = state.incarnation;
        state.disk_free = end;
        let flush = Flush {
            holder,
            token,
            machine,
            incarnation,
            files,
            volumes,
            result,
        };
        self.schedule(&mut core, self.host(machine), end, Entry::Flushed(Box::new(flush)));
    }

    fn volume_read(&self, machine: MachineId, volume: &str, start: Extent, extents: u32) -> Vec<Run> {
        self.reached(machine, volume);
        self.checked(volume, self.volumes.read(volume, start, extents))
    }

    fn volume_read_to(&self, machine: MachineId, volume: &str, start: Extent, extents: u32, out: &mut Vec<u8>) {
        self.reached(machine, volume);
        let end = out.len() + (u64::from(extents) * EXTENT_BYTES) as usize;
        self.checked(volume, self.volumes.read_to(volume, start, extents, out));
        // Where the real machine failed, which ends the run, the caller still gets as many as it asked for.
        out.resize(end, 0);
    }

    fn volume_write(&self, machine: MachineId, volume: &str, run: &Run) -> Result<(), DiskError> {
        self.reached(machine, volume);
        if self.faults.disk_fails(machine, Operation::Write) {
            return Err(failed(Operation::Write, volume));
        }
        self.checked(volume, self.volumes.write(volume, run));
        Ok(())
    }

    fn volume_wrote(&self, machine: MachineId, volume: &str, (life, began): (u64, WriteSeq), through: WriteSeq) {
        let reached = self.volumes.wrote(volume, machine, life, began, through);
        assert!(reached, "{}", unreached(machine, volume));
    }

    fn volume(&self, machine: MachineId, volume: &str) -> Option<Volume> {
        self.volumes
            .is_reached_by(machine, volume)
            .then(|| self.volumes.snapshot(volume))?
    }

    fn volume_create(&self, volume: &str, bytes: u64) {
        if !self.volumes.exists(volume) {
            self.volumes
                .put(volume, Volume::new(&self.store, self.options.grain, bytes));
        }
    }

    fn volume_put(&self, machine: MachineId, volume: &str, content: Volume) {
        self.reached(machine, volume);
        self.volumes.put(volume, content);
    }

    fn volume_remove(&self, machine: MachineId, volume: &str) {
        self.reached(machine, volume);
        self.volumes.remove(volume);
    }
}

impl Compute for Engine {
    fn compute(&self, actor: ActorId, job: Job, token: Token) {
        let mut core = self.core.borrow_mut();
        let holder = Engine::holder(&core, actor);
        let machine = core.actors[actor.0 as usize].machine;
        let spec = &self.spec.machines[machine.0 as usize];
        let mut begins = self.now.get();
        if job.reads > 0 {
            if self.faults.disk_fails(machine, Operation::Read) {
                let error = failed(Operation::Read, "its disks");
                return self.soon(&mut core, holder, Input::Failed(token, error));
            }
            let takes = disks::read_time(job.reads, spec.disk_bytes_per_second, self.spec.model.disk.read);
            let takes = takes.saturating_mul(self.faults.slower(machine));
            let state = &mut core.machines[machine.0 as usize];
            begins = begins.max(state.disk_free).after(takes);
            state.disk_free = begins;
        }
        let cost = compute::cost(
            &self.spec.model.compute,
            job.work,
            job.input_bytes,
            spec.speed_per_mille,
        );
        let (end, work) = if job.work == Kind::Wait {
            (begins.after(cost), Work::None(job.run))
        } else {
            let times = if cost > 0 {
                self.faults.computes_slower(machine)
            } else {
                1
            };
            let cost = cost.saturating_mul(times);
            let cores = &mut core.machines[machine.0 as usize].cores;
            let end = cores.take(spec.cores, begins, cost);
            (end, Work::Pool(self.pool.borrow_mut().begin(job.run)))
        };
        self.schedule(&mut core, self.host(machine), end, Entry::Done(holder, token, work));
    }

    fn worked(&self, actor: ActorId) -> (u64, u32) {
        let core = self.core.borrow();
        let machine = core.actors[actor.0 as usize].machine.0 as usize;
        let worked = core.machines[machine].cores.worked(self.now.get());
        (worked, self.spec.machines[machine].cores)
    }

    fn beside(&self, actor: ActorId, kind: ComponentKind) -> Option<ActorId> {
        let core = self.core.borrow();
        let machine = core.actors[actor.0 as usize].machine;
        Engine::of_kind(&core, machine, kind).map(|holder| ActorId(holder.actor))
    }

    fn local(&self, from: ActorId, to: ActorId, message: Local) {
        {
            let core = self.core.borrow();
            let machine = |actor: ActorId| core.actors[actor.0 as usize].machine;
            assert_eq!(machine(from), machine(to), "a local message stays on its machine");
        }
        self.tell(from, to, message);
    }

    fn show_hypervisor(&self, actor: ActorId, hypervisor: MachineId, message: Local) {
        let vcenter = self.component(hypervisor, ComponentKind::Vcenter);
        if let Some(to) = vcenter.or_else(|| self.component(hypervisor, ComponentKind::AzureCompute)) {
            self.tell(actor, to, message);
        }
    }
}

impl Randomness for Engine {
    fn random(&self, actor: ActorId, purpose: Purpose) -> ChaCha8Rng {
        let core = self.core.borrow();
        let incarnation = Engine::holder(&core, actor).incarnation;
        random::stream(
            self.options.seed,
            &core.actors[actor.0 as usize].name,
            incarnation,
            purpose,
        )
    }
}

impl Log for Engine {
    fn fact(&self, actor: ActorId, fact: Fact) {
        self.log_fact(Some(actor), fact, None);
    }

    fn evidence(&self, actor: ActorId, fact: Fact, evidence: Evidence) {
        self.log_fact(Some(actor), fact, Some(self.in_place(evidence)));
    }
}

impl Plan for Engine {
    fn held_at(&self, trigger: u32) -> Option<SimTime> {
        self.product.held_at(trigger)
    }

    fn has_reached(&self, vm: VmId, state: ItemState) -> bool {
        self.product.has_reached(vm, state)
    }
}

impl World for Engine {
    fn model(&self) -> Arc<Model> {
        Arc::clone(&self.spec.model)
    }

    fn grain(&self) -> Grain {
        self.options.grain
    }
}

impl Fabric for Engine {
    fn power(&self, machine: MachineId, on: bool) {
        self.set_power(machine, on);
    }

    fn powered(&self, machine: MachineId) -> bool {
        self.core.borrow().machines[machine.0 as usize].on
    }

    fn component(&self, machine: MachineId, kind: ComponentKind) -> Option<ActorId> {
        let core = self.core.borrow();
        core.machines.get(machine.0 as usize)?;
        Engine::of_kind(&core, machine, kind).map(|holder| ActorId(holder.actor))
    }

    fn runs(&self, actor: ActorId) -> bool {
        self.core.borrow().actors[actor.0 as usize].started.is_some()
    }

    fn tell(&self, from: ActorId, to: ActorId, message: Local) {
        let mut core = self.core.borrow_mut();
        let machine = core.actors[to.0 as usize].machine;
        let (to, message) = match (product::failed(&message), self.faults.quiesce_fails(machine)) {
            (Some(answer), Some(fault)) => {
                self.faults.strike(fault);
                (from, answer)
            }
            _ => (to, message),
        };
        let holder = Engine::holder(&core, to);
        self.soon(&mut core, holder, Input::Local(message));
    }

    fn machine_files(&self, machine: MachineId) -> Rc<dyn Files> {
        self.files(machine)
    }

    fn volume_exists(&self, volume: &str) -> bool {
        self.volumes.exists(volume)
    }

    fn disk_create(&self, volume: &str, bytes: u64) {
        self.volume_create(volume, bytes);
    }

    fn volume_attach(&self, volume: &str, machine: MachineId) {
        self.volumes.attach(volume, machine);
    }

    fn volume_machine(&self, volume: &str) -> Option<MachineId> {
        self.volumes.machine(volume)
    }

    fn disk_remove(&self, volume: &str) {
        self.volumes.remove(volume);
    }
}
