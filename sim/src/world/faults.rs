//! Faults begin and end here.

use actors::facts::Fact;
use actors::nouns::{ActorId, MachineId};
use actors::ports::{ConnId, Frame, Input, NetEvent};
use datapath::SimTime;
use datapath::disk::DiskError;

use super::{Engine, Entry};
use crate::faults::{FaultKind, Until};
use crate::link::{LinkChange, LinkEvent};
use crate::network::Packet;
use crate::product;
use crate::random;

impl Engine {
    /// A fault has all that it waited for: it begins after its wait.
    pub(super) fn await_fault(&self, fault: u32) {
        let at = self.now.get().after(self.faults.spec(fault).wait);
        self.put_fault(fault, true, at);
    }

    fn put_fault(&self, fault: u32, begins: bool, at: SimTime) {
        let (machines, links) = self.faults.spec(fault).kind.concerns();
        let host = match links.first() {
            Some(link) => self.link_host(*link),
            None => machines.first().map_or(0, |machine| self.host(*machine)),
        };
        self.schedule(&mut self.core.borrow_mut(), host, at, Entry::Fault(fault, begins));
    }

    /// What a fault's end waited for has happened: it ends when it has lasted so long as it does then.
    pub(super) fn await_end(&self, fault: u32) {
        let lasts = self.faults.spec(fault).lasts.unwrap_or(0);
        self.put_fault(fault, false, self.now.get().after(lasts));
    }

    pub(super) fn begin_fault(&self, fault: u32) {
        let lasts = self.faults.begin(fault, self.now.get());
        self.log_fact(None, Fact::FaultBegan { fault }, None);
        let spec = self.faults.spec(fault);
        match &spec.kind {
            FaultKind::Power { machines } => {
                for dark in machines {
                    if self.core.borrow().machines[dark.machine.0 as usize].on {
                        self.faults.strike(fault);
                        self.faults.darken(dark.machine);
                        self.set_power(dark.machine, false);
                    }
                }
                if !self.faults.has_struck(fault) {
                    self.miss(fault, "there was no power on any machine of it".to_owned());
                }
            }
            FaultKind::Process { machine, component } => {
                if self.end_process(*machine, *component) {
                    self.faults.strike(fault);
                    self.tear_files_of(*machine, *component);
                } else {
                    self.miss(fault, "that component did not run".to_owned());
                }
            }
            FaultKind::Link { link, change } => self.tell_link(*link, LinkEvent::Change(*change)),
            FaultKind::LinkFlapping { .. } => self.turn_link(fault),
            FaultKind::DiskRot { machines, file, byte } => {
                let rots = |machine: &MachineId| {
                    let files = self.files_of(*machine);
                    files.rot(file, *byte)
                };
                if machines.iter().any(rots) {
                    self.faults.strike(fault);
                } else {
                    let of = |machine: &MachineId| self.files_of(*machine).rotting(file).len();
                    let there: usize = machines.iter().map(of).sum();
                    self.miss(fault, file.is_none_of(there));
                }
            }
            // The engine asks for these where they can change something.
            FaultKind::LinkOneWay { .. }
            | FaultKind::LinkHeld { .. }
            | FaultKind::AnswersLate { .. }
            | FaultKind::RequestsRefused { .. }
            | FaultKind::BootsRefused { .. }
            | FaultKind::AnswersTwice { .. }
            | FaultKind::Clock { .. }
            | FaultKind::Apart { .. }
            | FaultKind::PortBlocked { .. }
            | FaultKind::DiskSlow { .. }
            | FaultKind::ComputeSlow { .. }
            | FaultKind::DiskFull { .. }
            | FaultKind::DiskError { .. }
            | FaultKind::WriteLost { .. }
            | FaultKind::WriteMisdirected { .. }
            | FaultKind::DiskTorn { .. }
            | FaultKind::FlushLies { .. }
            | FaultKind::QuiesceFails { .. } => {}
        }
        // Rot is an instant, unless it says otherwise.
        let instant = matches!(spec.kind, FaultKind::DiskRot { .. }).then_some(0);
        if let Some(lasts) = lasts.or(instant.filter(|_| spec.until == Until::Begun)) {
            self.put_fault(fault, false, self.now.get().after(lasts));
        }
    }

    /// The turn of a link that flaps: it is cut, or whole again unless another fault has it cut.
    pub(super) fn turn_link(&self, fault: u32) {
        let FaultKind::LinkFlapping { link, down, up } = self.faults.spec(fault).kind else {
            return;
        };
        let Some(is_cut) = self.faults.turn(fault) else { return };
        if is_cut {
            self.tell_link(link, LinkEvent::Change(LinkChange::Cut));
        } else if !self.faults.stays_cut(fault, link) {
            self.tell_link(link, LinkEvent::Change(LinkChange::Restore));
        }
        let next = self.now.get().after(if is_cut { down } else { up });
        self.schedule_link(link, next, Entry::Turn(fault));
    }

    fn miss(&self, fault: u32, why: String) {
        self.log_fact(None, Fact::FaultMissed { fault, why }, None);
    }

    pub(super) fn end_fault(&self, fault: u32) {
        match &self.faults.spec(fault).kind {
            FaultKind::Power { machines } => {
                for dark in machines {
                    let elsewhere = |volume: &String| self.volumes.machine(volume).is_some_and(|at| at != dark.machine);
                    let back = self.faults.lighten(fault, dark.machine);
                    if back && dark.starts && !dark.volumes.iter().any(elsewhere) {
                        self.set_power(dark.machine, true);
                    }
                }
            }
            FaultKind::Process { machine, component } => self.start_process(*machine, *component),
            FaultKind::Link {
                link,
                change: LinkChange::Cut,
            }
            | FaultKind::LinkFlapping { link, .. }
                if self.faults.stays_cut(fault, *link) => {}
            FaultKind::LinkFlapping { link, .. } => self.tell_link(*link, LinkEvent::Change(LinkChange::Restore)),
            FaultKind::Link { link, change } => {
                let own = &self.spec.links[*link as usize];
                let back = match change {
                    LinkChange::Cut | LinkChange::Restore => LinkChange::Restore,
                    LinkChange::Degrade { .. } => LinkChange::Degrade {
                        bits_per_second: own.bits_per_second,
                        latency: own.latency,
                        loss_per_million: own.loss_per_million,
                    },
                };
                self.tell_link(*link, LinkEvent::Change(back));
            }
            FaultKind::LinkHeld { link } => self.release_held(*link),
            _ => {}
        }
        self.log_end(fault);
    }

    /// What a machine answers to a request that a fault has it refuse, and on which connection.
    pub(super) fn refused(&self, machine: MachineId, input: &Input) -> Option<(ConnId, Frame)> {
        let Input::Network(NetEvent::Received { conn, frame }) = input else {
            return None;
        };
        let answer = |kind: &FaultKind| product::refusal(kind, &frame.body);
        let body = self.faults.refuses(machine, answer)?;
        Some((*conn, Frame { body, payload: None }))
    }

    pub(super) fn log_end(&self, fault: u32) {
        if let Some(struck) = self.faults.end(fault, self.now.get()) {
            self.log_fact(None, Fact::FaultEnded { fault, struck }, None);
        }
    }

    fn actor_of(&self, machine: MachineId, component: u32) -> u32 {
        self.core.borrow().machines[machine.0 as usize].actors.0 + component
    }

    /// A component's process ends: whatever still comes for it is of a life that is over, and who is connected to it hears that it closed.
    /// False where it did not run.
    fn end_process(&self, machine: MachineId, component: u32) -> bool {
        let actor = self.actor_of(machine, component);
        let mut core = self.core.borrow_mut();
        let holder = Engine::holder(&core, ActorId(actor));
        if core.actors[actor as usize].started.take().is_none() {
            return false;
        }
        let held: Vec<_> = core.connections.held_by(holder).collect();
        for (connection, side) in held {
            core.connections
                .close(crate::network::connections::end_id(connection, side), holder);
            self.transmit(&mut core, connection, 1 - side, 0, Packet::Fin);
        }
        core.actors[actor as usize].incarnation += 1;
        let state = &mut core.machines[machine.0 as usize];
        state.listening.retain(|(_, listens)| *listens != actor);
        // Who shares the machine sees a process end.
        let (first, end) = state.actors;
        for other in (first..end).filter(|other| *other != actor) {
            let holder = Engine::holder(&core, ActorId(other));
            self.soon(&mut core, holder, Input::Ended(ActorId(actor)));
        }
        true
    }

    /// A process has ended on a machine whose disk then tears what it had not flushed.
    fn tear_files_of(&self, machine: MachineId, component: u32) {
        let Some((fault, left)) = self.faults.torn(machine) else {
            return;
        };
        let actor = self.actor_of(machine, component);
        let core = self.core.borrow();
        let (slot, files) = (&core.actors[actor as usize], &core.machines[machine.0 as usize].files);
        let mut random = random::stream(
            self.options.seed,
            &slot.name,
            slot.incarnation,
            "what a torn disk leaves",
        );
        let cut = files.tear(slot.kind.folders(), left, &mut random);
        self.note_torn(fault, cut);
    }

    /// What a cut left, where a fault had a say in it: it strikes where something was torn.
    pub(super) fn note_torn(&self, fault: u32, cut: Result<bool, DiskError>) {
        match cut {
            Ok(true) => self.faults.strike(fault),
            Ok(false) => {}
            Err(error) => self.note_failed(error.to_string()),
        }
    }

    fn start_process(&self, machine: MachineId, component: u32) {
        let actor = self.actor_of(machine, component);
        let starts = {
            let core = self.core.borrow();
            core.machines[machine.0 as usize].on && core.actors[actor as usize].started.is_none()
        };
        let spec = self.spec.machines[machine.0 as usize]
            .components
            .get(component as usize);
        if let Some(spec) = spec.filter(|_| starts) {
            self.start_component(actor, machine, spec);
        }
    }
}
