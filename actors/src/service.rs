//! The Site Recovery service: the vault, its jobs, the protected items and their recovery points.
//!
//! The portal (the operator) asks for operations on 443 and is answered when their jobs end. Configuration servers register on the
//! same port with the vault's key; through them the service commands agents, process servers and master targets, and hears of them.
//! It looks after replicas in its storage account (a [`ReplicaKeeper`] per protected machine) and has Azure compute make machines.
//!
//! A job is a list of stages (`stages`, `jobs`); which operation is which list is in `setup`, `protect`, `failover` and `failback`.
//! An operation that the product does not have, or not in a machine's state, is refused with the reason and its source.
//!
//! What it must not forget is in files of its machine (`saving`): after its process or machine was cut, jobs go on where they waited,
//! replicas are taken up from their checkpoints and from what storage tells (`returning`), and what was ordered and not answered is
//! ordered again.
//!
//! Our model: a resynchronization begins at once (the product waits until outside office hours, facts §1.5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datapath::plants::{Plant, planted};
use datapath::replica::Mark;
use datapath::segment::Headers;
use datapath::{DiskId, SimTime, VmId, WriteSeq};
use serde::{Deserialize, Serialize};

use crate::Table;
use crate::actor::actor;
use crate::back_off::BackOff;
use crate::facts::{Fact, Severity};
use crate::messages::machines::ToCompute;
use crate::messages::management::{Command, Down, Notice, Reply, Up};
use crate::messages::replica::ToStorage;
use crate::messages::{Body, PORT_MANAGEMENT, machines, portal};
use crate::nouns::{Component, ItemState, Life, MachineId, Outcome, Policy, Protection, Target};
use crate::ports::{ConnId, Env, Frame, Input, NetEvent, Token};
use crate::replica_keeper::{JOB, ReplicaKeeper, Retained};
use crate::session::{Session, SessionEvent};
use crate::spec::{ServiceSpec, VmSpec};

use stages::Condition;

mod failback;
mod failover;
mod groups;
mod jobs;
mod points;
mod protect;
mod recovery_plans;
mod resynchronize;
mod returning;
mod saving;
mod setup;
mod stages;

const STORAGE: u32 = 1;
const COMPUTE: u32 = 2;
/// A stage's wait is over; the key is the job's and the stage's ([`jobs`]).
const WAITED: u32 = 3;
/// A stage's patience is over.
const PATIENCE: u32 = 4;
/// Once a minute: backlogs and RPO alerts.
const LOOK: u32 = 5;
/// A resynchronization has waited long enough; the key is the machine.
const RESYNCHRONIZE: u32 = 6;
/// Time to write down what could not be written.
const SAVE: u32 = 7;
/// Its disk failed when it started.
const READ: u32 = 8;
/// A storage account that was busy is asked again.
const BUSY: u32 = 9;
/// A machine that Azure refused is asked for again; the key is the machine.
const BOOT: u32 = 10;
/// A check of a recovery plan is made again; the key is the stage.
const CHECK: u32 = 11;

/// A command that is not answered.
#[derive(Serialize, Deserialize)]
struct Sent {
    configuration_server: MachineId,
    to: MachineId,
    command: Command,
    job: Option<u64>,
}

/// A test failover that is not cleaned up.
#[derive(Serialize, Deserialize)]
struct Test {
    point: u64,
}

/// A machine that is, was or is to be protected.
#[derive(Serialize, Deserialize)]
struct Item {
    state: ItemState,
    /// How many protections it had.
    protections: u32,
    policy: Policy,
    current: Option<Protection>,
    /// A resynchronization was asked for and its copies are not applied.
    resynchronizing: bool,
    /// The number of the copy that was ordered last.
    copy: u32,
    /// Resynchronizations ordered since a copy last led to a recovery point.
    tries: u32,
    /// A resynchronization that waits for its time: its protection, and the copy that it is to follow.
    put_off: Option<(u32, u32)>,
    /// The last write of the newest batch that is complete at the target.
    stored: WriteSeq,
    /// When the newest stored point was marked, by the source's clock.
    newest_stored: Option<SimTime>,
    rpo_alerted: bool,
    test: Option<Test>,
    /// Its on-premises disks are at their point, for a failback whose machine did not boot yet: the point, and the configuration server.
    arrived: Option<(Mark, MachineId)>,
}

/// A grant that waits until the fence stands.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Grant {
    configuration_server: MachineId,
    sealer: MachineId,
    epoch: u32,
}

/// What is known beside the machines.
#[derive(Default, Serialize, Deserialize)]
struct Estate {
    /// There is a vault.
    vault: bool,
    policies: BTreeMap<String, Policy>,
    components: BTreeSet<(MachineId, Component)>,
    /// Process servers that said they are in critical condition.
    critical: BTreeSet<MachineId>,
    discovered: BTreeSet<VmId>,
}

/// What is done only once all is written down that it follows from.
enum After {
    Answer(ConnId, Box<portal::ToOperator>),
    Fence(DiskId, u32),
}

/// The actor.
pub struct Service {
    spec: ServiceSpec,
    env: Env,
    vms: BTreeMap<VmId, Arc<VmSpec>>,
    storage: Session,
    /// While it pauses, nothing is read.
    busy: BackOff,
    /// What it was too busy to read, with the protection.
    put_off: Vec<(u32, Headers)>,
    compute: Session,
    estate: Estate,
    configuration_servers: BTreeMap<MachineId, ConnId>,
    /// Machines of which storage was asked what it holds, and has not answered: the protection, and whether nothing more is taken in.
    asking: BTreeMap<VmId, (u32, bool)>,
    /// The life that each agent runs in.
    agents: BTreeMap<(VmId, MachineId), Life>,
    items: Table<VmId, Item>,
    keepers: Table<VmId, ReplicaKeeper>,
    /// Of each keeper, what is written down of it.
    retained: Table<VmId, Retained>,
    /// Machines whose keepers are taken up again.
    returning: Table<VmId, returning::Returning>,
    groups: groups::Groups,
    jobs: BTreeMap<u64, jobs::Running>,
    waits: stages::Waits,
    answered: BTreeMap<u64, (Outcome, Option<u64>)>,
    commands: BTreeMap<u64, Sent>,
    /// What compute was asked and did not answer, by machine.
    orders: BTreeMap<MachineId, ToCompute>,
    /// Machines that compute refuses to make, and since when.
    refused: BTreeMap<MachineId, SimTime>,
    epochs: BTreeMap<DiskId, u32>,
    /// Of the key for merged segments.
    merging_epochs: BTreeMap<DiskId, u32>,
    grants: BTreeMap<DiskId, Grant>,
    next_command: u64,
    next_stage: u64,
    looking: bool,
    /// Machines whose keepers did something since their backlogs were last looked at, some of them more than once.
    attended: Vec<VmId>,
    /// For each of the items, in their order, until when nothing can be said of its points that was not said, by the clock.
    quiet: Vec<SimTime>,
    /// Machines of which it was told that they have had no recovery point for long. After a restart it is told again.
    without_points: BTreeSet<VmId>,
    unsaved: saving::Unsaved,
    after: Vec<After>,
}

actor!(Service);

impl Service {
    /// A service.
    #[must_use]
    pub fn new(spec: ServiceSpec, env: Env) -> Service {
        let session = |machine, what| Session::new(machine, PORT_MANAGEMENT, Token { what, key: 0 });
        Service {
            vms: spec.vms.iter().map(|vm| (vm.vm, Arc::clone(vm))).collect(),
            storage: session(spec.storage, STORAGE),
            compute: session(spec.compute, COMPUTE),
            busy: BackOff::default(),
            put_off: Vec::new(),
            spec,
            estate: Estate::default(),
            configuration_servers: BTreeMap::new(),
            asking: BTreeMap::new(),
            agents: BTreeMap::new(),
            items: Table::default(),
            keepers: Table::default(),
            retained: Table::default(),
            returning: Table::default(),
            groups: groups::Groups::default(),
            jobs: BTreeMap::new(),
            waits: stages::Waits::default(),
            answered: BTreeMap::new(),
            commands: BTreeMap::new(),
            orders: BTreeMap::new(),
            refused: BTreeMap::new(),
            epochs: BTreeMap::new(),
            merging_epochs: BTreeMap::new(),
            grants: BTreeMap::new(),
            // An earlier life's numbers may still be answered.
            next_command: u64::from(env.incarnation.saturating_sub(1)) << 32,
            next_stage: 0,
            looking: false,
            attended: Vec::new(),
            quiet: Vec::new(),
            without_points: BTreeSet::new(),
            unsaved: saving::Unsaved::default(),
            after: Vec::new(),
            env,
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        self.handle(input);
        self.save();
    }

    fn handle(&mut self, input: Input) {
        let input = match self.storage.input(&self.env, input) {
            SessionEvent::NotMine(input) => input,
            SessionEvent::Opened => return self.storage_opened(),
            SessionEvent::Received(frame) => return self.storage_said(frame),
            SessionEvent::Lost | SessionEvent::Nothing => return,
        };
        let input = match self.compute.input(&self.env, input) {
            SessionEvent::NotMine(input) => input,
            SessionEvent::Opened => {
                for order in self.orders.values() {
                    self.compute.send(&self.env, order.clone());
                }
                return;
            }
            SessionEvent::Received(frame) => return self.compute_said(&frame.body),
            SessionEvent::Lost | SessionEvent::Nothing => return,
        };
        match input {
            Input::Started | Input::Timer(Token { what: READ, .. }) => self.started(),
            Input::Done(Token { what: JOB, key }, output) => self.keeper_job(key, output),
            Input::Done(Token { what: WAITED, key }, _) => self.waited(key),
            Input::Timer(Token { what: PATIENCE, key }) => self.out_of_patience(key),
            Input::Timer(Token { what: LOOK, .. }) => self.look(),
            Input::Timer(Token { what: BUSY, .. }) => self.storage_rested(),
            Input::Timer(Token { what: BOOT, key }) => self.order_again(MachineId(key as u32)),
            Input::Timer(Token { what: CHECK, key }) => self.check_due(key),
            Input::Timer(Token { what: SAVE, .. }) => self.unsaved.waits = false,
            Input::Timer(Token {
                what: RESYNCHRONIZE,
                key,
            }) => self.resynchronize_now(VmId(key as u32)),
            Input::Network(NetEvent::Received { conn, frame }) => self.received(conn, *frame),
            Input::Network(NetEvent::Closed { conn }) => {
                self.configuration_servers.retain(|_, there| *there != conn);
            }
            _ => {}
        }
    }

    fn started(&mut self) {
        if let Err(error) = self.take_up() {
            self.complain(error.to_string());
            let after = self.env.model.disk.retry_after;
            self.env.timer(after, Token { what: READ, key: 0 });
            return;
        }
        self.env.listen(PORT_MANAGEMENT);
        self.storage.start(&self.env);
        self.compute.start(&self.env);
    }

    fn received(&mut self, conn: ConnId, frame: Frame) {
        match frame.body {
            Body::PortalToService(message) => match message {
                portal::ToService::Ask { job, operation } => self.ask(conn, job, operation),
                portal::ToService::Complete { job, input } => self.completed(conn, job, input),
                portal::ToService::Heartbeat => self.env.send(conn, portal::ToOperator::HeartbeatSeen),
            },
            Body::ManagementUp(message) => self.configuration_server_said(conn, message),
            _ => {}
        }
    }

    fn configuration_server_said(&mut self, conn: ConnId, message: Up) {
        match message {
            Up::Register {
                component,
                machine,
                key,
                ..
            } => {
                if component == Component::ConfigurationServer {
                    self.admit(conn, machine, key);
                }
            }
            Up::Heartbeat { answer: true } => self.env.send(conn, Down::HeartbeatSeen),
            Up::Heartbeat { answer: false } => {}
            Up::Reply { id, result } => self.replied(id, result),
            Up::Notice(notice) => self.noticed(notice),
            Up::EpochAsk { disk, sealer } => {
                let from = self.configuration_servers.iter().find(|(_, there)| **there == conn);
                if let Some(machine) = from.map(|(machine, _)| *machine) {
                    self.grant(machine, disk, sealer);
                }
            }
        }
    }

    fn admit(&mut self, conn: ConnId, machine: MachineId, key: u64) {
        if !self.estate.vault || key != self.spec.registration_key {
            let refused = Some("the registration key is not this vault's".to_owned());
            return self.env.send(conn, Down::Registered { refused });
        }
        let new = self.estate.components.insert((machine, Component::ConfigurationServer));
        self.unsaved.estate |= new;
        self.configuration_servers.insert(machine, conn);
        self.env.send(conn, Down::Registered { refused: None });
        if new {
            let component = "configuration-server".to_owned();
            self.env.fact(Fact::Registered { machine, component });
        }
        for (id, sent) in &self.commands {
            if sent.configuration_server == machine {
                let (to, command) = (sent.to, sent.command.clone());
                self.env.send(conn, Down::Command { id: *id, to, command });
            }
        }
        self.met(&Condition::Up(machine, Component::ConfigurationServer));
    }

    /// The configuration server that a machine belongs to; its own where it is one.
    fn configuration_server_of(&self, machine: MachineId) -> MachineId {
        self.spec.managed_by.get(&machine).copied().unwrap_or(machine)
    }

    /// Sends a command, now or when its configuration server is there. Returns its number.
    fn command(&mut self, to: MachineId, command: Command, job: Option<u64>) -> u64 {
        self.next_command += 1;
        let id = self.next_command;
        let configuration_server = self.configuration_server_of(to);
        if let Some(conn) = self.configuration_servers.get(&configuration_server) {
            self.env.send(
                *conn,
                Down::Command {
                    id,
                    to,
                    command: command.clone(),
                },
            );
        }
        self.unsaved.commands.insert(id);
        self.commands.insert(
            id,
            Sent {
                configuration_server,
                to,
                command,
                job,
            },
        );
        id
    }

    fn replied(&mut self, id: u64, result: Result<Reply, String>) {
        let Some(sent) = self.forget_command(id) else { return };
        if let (Command::Fence { disk, epoch }, Ok(_)) = (&sent.command, &result) {
            self.fenced(*disk, *epoch);
        }
        if let Some(job) = sent.job {
            self.order_ended(job, id, result);
        }
    }

    fn forget_command(&mut self, id: u64) -> Option<Sent> {
        self.unsaved.commands.insert(id);
        self.commands.remove(&id)
    }

    /// The vault grants a sealer an epoch once lower ones are fenced at the target.
    fn grant(&mut self, configuration_server: MachineId, disk: DiskId, sealer: MachineId) {
        let current = self.items.get(&disk.vm).and_then(|item| item.current.as_ref());
        if current.is_none_or(|current| current.process_server != sealer) {
            return;
        }
        let epoch = self.epochs.entry(disk).or_insert(0);
        *epoch += 1;
        let epoch = *epoch;
        self.grants.insert(
            disk,
            Grant {
                configuration_server,
                sealer,
                epoch,
            },
        );
        self.unsaved.machines.insert(disk.vm);
        self.after.push(After::Fence(disk, epoch));
    }

    /// Lower epochs than one that is written down are to be refused from now on.
    fn raise_fence(&mut self, disk: DiskId, epoch: u32) {
        match self.items.get(&disk.vm).and_then(|item| item.current.as_ref()) {
            Some(current) => match current.target {
                Target::Storage(_) => {
                    self.storage.send(&self.env, ToStorage::Fence { disk, epoch });
                }
                Target::MasterTarget(machine) => {
                    self.command(machine, Command::Fence { disk, epoch }, None);
                }
            },
            None => return,
        }
        if planted(Plant::GrantBeforeFence) {
            self.fenced(disk, epoch);
        }
    }

    /// Epochs of the key for merged segments, for a keeper that begins. Storage fences lower ones with the first segment it is given.
    /// None where they could not be written down: whoever gets none merges nothing.
    fn grant_merging(&mut self, protection: &Protection, sealer: MachineId) -> Vec<(DiskId, u32)> {
        let granted = protection.disks.iter().map(|(disk, _)| {
            let epoch = self.merging_epochs.entry(*disk).or_insert(0);
            *epoch += 1;
            (*disk, *epoch)
        });
        let granted: Vec<(DiskId, u32)> = granted.collect();
        if !self.save_machine(protection.vm) {
            self.unsaved.machines.insert(protection.vm);
            return Vec::new();
        }
        for &(disk, epoch) in &granted {
            self.env.fact(Fact::MergingEpochGranted { disk, epoch, sealer });
        }
        granted
    }

    fn fenced(&mut self, disk: DiskId, fence: u32) {
        if self.grants.get(&disk).is_none_or(|grant| grant.epoch != fence) {
            return;
        }
        if let Some(Grant {
            configuration_server,
            sealer,
            epoch,
        }) = self.grants.remove(&disk)
        {
            self.unsaved.machines.insert(disk.vm);
            self.env.fact(Fact::EpochGranted { disk, epoch, sealer });
            if let Some(conn) = self.configuration_servers.get(&configuration_server) {
                self.env.send(*conn, Down::EpochGrant { disk, sealer, epoch });
            }
        }
    }

    fn compute_said(&mut self, body: &Body) {
        let Body::MachinesToService(message) = body else { return };
        match message {
            machines::ToService::HeartbeatSeen => self.compute.settled(&self.env),
            machines::ToService::MachineUp { machine } => {
                self.carried_out(*machine, |order| matches!(order, ToCompute::CreateMachine { .. }));
            }
            machines::ToService::MachinePrepared { machine } => {
                self.carried_out(*machine, |order| matches!(order, ToCompute::PrepareMachine { .. }));
            }
            machines::ToService::Checked { check, refused, .. } => self.checked(*check, refused.clone()),
            machines::ToService::MachineRefused { machine, why } => self.machine_refused(*machine, why),
            machines::ToService::MachineGone { machine } => {
                self.carried_out(*machine, |order| matches!(order, ToCompute::DeleteMachine { .. }));
            }
        }
    }

    /// An order about a machine is carried out, if it is the one that stands.
    fn carried_out(&mut self, machine: MachineId, is_it: impl Fn(&ToCompute) -> bool) {
        if self.orders.get(&machine).is_some_and(is_it) {
            self.orders.remove(&machine);
            self.refused.remove(&machine);
            self.machine_order_ended(machine);
        }
    }

    fn order(&mut self, machine: MachineId, order: ToCompute) {
        self.compute.send(&self.env, order.clone());
        self.orders.insert(machine, order);
        self.look_soon();
    }

    /// Azure refuses to make a machine: it is asked for again for a while, then its job fails with the reason.
    fn machine_refused(&mut self, machine: MachineId, why: &str) {
        let Some(ToCompute::CreateMachine { boot, .. }) = self.orders.get(&machine) else {
            return;
        };
        let (vm, now) = (boot.as_ref().map(|boot| boot.vm), self.env.monotonic());
        let since = *self.refused.entry(machine).or_insert(now);
        if since == now {
            self.boot_refused(vm, &format!("Azure refuses to make machine {}: {why}", machine.0));
        }
        if now.since(since) < self.env.model.azure.boot_patience {
            let token = Token {
                what: BOOT,
                key: u64::from(machine.0),
            };
            self.env.timer(self.env.model.azure.boot_again, token);
            return;
        }
        self.orders.remove(&machine);
        self.refused.remove(&machine);
        if let Some(job) = self.waits.for_machine(machine) {
            let why = format!("Azure refused to make machine {}: {why}", machine.0);
            self.end(job, Outcome::Failed(why));
        }
    }

    /// Time to ask once more for a machine that was refused, if it is still wanted.
    fn order_again(&mut self, machine: MachineId) {
        if let Some(order) = self
            .orders
            .get(&machine)
            .filter(|_| self.refused.contains_key(&machine))
        {
            self.compute.send(&self.env, order.clone());
        }
    }

    /// A machine is not made or switched on: somebody has to know why.
    fn boot_refused(&self, vm: Option<VmId>, text: &str) {
        self.env.fact(Fact::Alert {
            vm,
            severity: Severity::Critical,
            code: String::new(),
            text: text.to_owned(),
        });
    }

    fn noticed(&mut self, notice: Notice) {
        match notice {
            Notice::AgentUp { vm, machine, life, .. } => self.agent_up(vm, machine, life),
            Notice::ComponentUp { component, machine } => self.component_up(machine, component),
            Notice::ProcessServerHealth { machine, level } => {
                let critical = level == Some(Severity::Critical);
                self.unsaved.estate |= match critical {
                    true => self.estate.critical.insert(machine),
                    false => self.estate.critical.remove(&machine),
                };
            }
            Notice::Discovered { machines, .. } => self.found(machines.iter().map(|(_, vm, _)| *vm).collect()),
            Notice::ResynchronizationNeeded {
                vm,
                protection,
                copy,
                why,
            } => self.resynchronize(vm, protection, copy, &why),
            Notice::CopyComplete { vm, protection, copy } => self.copies_applied(vm, protection, copy),
            Notice::PointProcessed { vm, protection, mark } => {
                if self.is_current(vm, protection) {
                    if let Some(item) = self.items.get_mut(&vm) {
                        item.stored = item.stored.max(mark.seq);
                    }
                    self.shared_told(vm, &mark);
                    // Only the master target knows, and it does not tell twice.
                    self.unsaved.machines.insert(vm);
                    self.met(&Condition::Drained(vm));
                    self.point_processed(vm);
                }
            }
            Notice::SharedStored { record } => self.shared_stored(record),
            Notice::EpochsNeeded { vm, protection } => {
                let current = self.items.get(&vm).and_then(|item| item.current.clone());
                if let Some(current) = current.filter(|current| current.protection == protection)
                    && let Target::MasterTarget(machine) = current.target
                {
                    let epochs = self.grant_merging(&current, machine);
                    let receive = Command::Receive {
                        protection: current,
                        epochs,
                    };
                    self.command(machine, receive, None);
                }
            }
            Notice::HeartbeatLost { component, machine } => {
                self.unsaved.estate |= self.estate.components.remove(&(machine, component));
                if component == Component::ProcessServer {
                    self.process_server_lost(machine);
                }
            }
        }
    }

    fn component_up(&mut self, machine: MachineId, component: Component) {
        self.unsaved.estate |= self.estate.components.insert((machine, component));
        self.met(&Condition::Up(machine, component));
        if component == Component::ProcessServer {
            self.met(&Condition::AnyProcessServer(self.configuration_server_of(machine)));
        }
    }

    /// Machines that discovery found.
    fn found(&mut self, vms: Vec<VmId>) {
        for vm in vms {
            if self.estate.discovered.insert(vm) {
                self.unsaved.estate = true;
                self.met(&Condition::Discovered(vm));
            }
        }
    }

    fn is_current(&self, vm: VmId, protection: u32) -> bool {
        let current = self.items.get(&vm).and_then(|item| item.current.as_ref());
        current.is_some_and(|current| current.protection == protection)
    }

    fn enter(&mut self, vm: VmId, state: ItemState) {
        if let Some(item) = self.items.get_mut(&vm)
            && item.state != state
        {
            item.state = state;
            // Whoever comes back late is told of again.
            item.rpo_alerted = false;
            self.unsaved.machines.insert(vm);
            if planted(Plant::StateSkipped) && state == ItemState::InitialReplication {
                return self.env.fact(Fact::State {
                    vm,
                    state: ItemState::Protected,
                });
            }
            self.env.fact(Fact::State { vm, state });
        }
    }

    fn state(&self, vm: VmId) -> ItemState {
        self.items.get(&vm).map_or(ItemState::Unprotected, |item| item.state)
    }

    fn vm(&self, vm: VmId) -> Result<Arc<VmSpec>, String> {
        self.vms
            .get(&vm)
            .cloned()
            .ok_or_else(|| format!("the vault knows no machine {}", vm.0))
    }

    fn alert(&self, vm: VmId, severity: Severity, text: String) {
        self.alert_with(vm, severity, "", text);
    }

    fn alert_with(&self, vm: VmId, severity: Severity, code: &str, text: String) {
        self.env.fact(Fact::Alert {
            vm: Some(vm),
            severity,
            code: code.to_owned(),
            text,
        });
    }
}

#[cfg(test)]
mod tests;
