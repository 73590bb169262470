//! The configuration server: where components register, and through which the Site Recovery service reaches them.
//!
//! Agents, process servers and master targets call it on 443 and show the passphrase; it calls the service on 443 once it was given the
//! vault's registration key. Commands come down that connection and are passed on to the component's own; replies and notices go up.
//! A command for a component that is not connected waits, and one that was not answered is repeated when the component comes back:
//! both survive a power cut. Every component is built to be given a command twice. Requests for epochs pass through in both directions.
//! Orders for vCenter it carries out itself, over a session of its own.
//!
//! Nothing heard of a component for 15 minutes is an alert (facts §1.6, §6: 806, 78174, 78022). While the configuration server is down,
//! data flows on (our model; facts F10).

use std::collections::BTreeMap;

use datapath::disk::read_if_there;
use datapath::{Blob, DiskId, SimTime, VmId};
use serde::{Deserialize, Serialize};

use crate::Table;
use crate::actor::actor;
use crate::codes;
use crate::disk_trouble::DiskTrouble;
use crate::facts::{Fact, Severity};
use crate::messages::local::Local;
use crate::messages::management::{Command, Down, Notice, Reply, Up};
use crate::messages::vcenter::{ToAsker, ToVcenter};
use crate::messages::{Body, PORT_MANAGEMENT};
use crate::nouns::{Component, MachineId};
use crate::ports::{ConnId, Env, Frame, Input, NetEvent, Token};
use crate::session::{Session, SessionEvent};
use crate::spec::ConfigurationServerSpec;

const STATE: &str = "configuration-server";

/// The session with the service.
const SERVICE: u32 = 1;
/// A session with a vCenter; the key is its machine.
const VCENTER: u32 = 2;
/// Time to look who was heard of.
const LOOK: u32 = 3;
/// Time to ask the service for a sign of life.
const BEAT: u32 = 4;
/// Its disk failed when it started.
const READ: u32 = 5;

/// What survives a power cut.
#[derive(Default, Serialize, Deserialize)]
struct Saved {
    registration_key: Option<u64>,
    /// Commands that are not answered, by number: whose they are, and what.
    commands: BTreeMap<u64, (MachineId, Command)>,
}

struct Known {
    component: Component,
    vm: Option<VmId>,
    conn: Option<ConnId>,
    heard: SimTime,
    lost: bool,
}

/// The actor.
pub struct ConfigurationServer {
    spec: ConfigurationServerSpec,
    env: Env,
    saved: Saved,
    /// It was read. Until then nothing is written over it.
    read: bool,
    trouble: DiskTrouble,
    service: Session,
    accepted: bool,
    /// By machine and component: a management server carries several.
    known: Table<(MachineId, Component), Known>,
    conns: Table<ConnId, (MachineId, Component)>,
    vcenters: BTreeMap<MachineId, Session>,
    /// Who waits for an epoch.
    epochs: BTreeMap<(DiskId, MachineId), ConnId>,
    /// Notices that the service has not been told yet.
    notices: Vec<Notice>,
    /// Notices that were sent before the heartbeat that waits for its answer, and after it: told again if the connection is lost.
    told: Vec<Notice>,
    told_since: Vec<Notice>,
    beating: bool,
}

actor!(ConfigurationServer);

impl ConfigurationServer {
    /// A configuration server.
    #[must_use]
    pub fn new(spec: ConfigurationServerSpec, env: Env) -> ConfigurationServer {
        let service = Session::new(spec.service, PORT_MANAGEMENT, Token { what: SERVICE, key: 0 });
        ConfigurationServer {
            spec,
            env,
            saved: Saved::default(),
            read: false,
            trouble: DiskTrouble::of("database of the configuration server"),
            service,
            accepted: false,
            known: Table::default(),
            conns: Table::default(),
            vcenters: BTreeMap::new(),
            epochs: BTreeMap::new(),
            notices: Vec::new(),
            told: Vec::new(),
            told_since: Vec::new(),
            beating: false,
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        let input = match self.service.input(&self.env, input) {
            SessionEvent::NotMine(input) => input,
            SessionEvent::Opened => return self.register(),
            SessionEvent::Received(frame) => return self.on_service_frame(frame.body),
            SessionEvent::Lost => return self.on_service_lost(),
            SessionEvent::Nothing => return,
        };
        let Some(input) = self.vcenter_input(input) else { return };
        match input {
            Input::Started | Input::Timer(Token { what: READ, .. }) => self.on_started(),
            Input::Timer(Token { what: LOOK, .. }) => self.on_look(),
            Input::Timer(Token { what: BEAT, .. }) => self.on_beat(),
            Input::Local(Local::RegisterWithVault { key }) => {
                self.saved.registration_key = Some(key);
                if self.read {
                    self.save();
                    self.service.start(&self.env);
                }
            }
            Input::Network(NetEvent::Received { conn, frame }) => self.on_frame(conn, *frame),
            Input::Network(NetEvent::Closed { conn }) => {
                if let Some(id) = self.conns.swap_remove(&conn)
                    && let Some(known) = self.known.get_mut(&id)
                    && known.conn == Some(conn)
                {
                    known.conn = None;
                }
                self.epochs.retain(|_, asker| *asker != conn);
            }
            _ => {}
        }
    }

    fn on_started(&mut self) {
        // It can have been told to register while that could not be read.
        let told = self.saved.registration_key.take();
        match read_if_there(&*self.env.files(), STATE) {
            Ok(Some(blob)) => self.saved = postcard::from_bytes(&blob.bytes).unwrap_or_default(),
            Ok(None) => {}
            Err(error) => {
                self.saved.registration_key = told;
                let token = Token { what: READ, key: 0 };
                return self.trouble.note_and_retry(&self.env, None, &error, token);
            }
        }
        self.read = true;
        if told.is_some() {
            self.saved.registration_key = told;
            self.save();
        }
        self.env.listen(PORT_MANAGEMENT);
        self.env.timer(
            self.env.model.configuration_server.look_every,
            Token { what: LOOK, key: 0 },
        );
        self.env.timer(
            self.env.model.configuration_server.heartbeat,
            Token { what: BEAT, key: 0 },
        );
        if self.saved.registration_key.is_some() {
            self.service.start(&self.env);
        }
        let own: Vec<u64> = self
            .saved
            .commands
            .iter()
            .filter(|(_, (to, _))| *to == self.env.machine)
            .map(|(id, _)| *id)
            .collect();
        own.into_iter().for_each(|id| self.pass_on(id));
    }

    fn save(&self) {
        let bytes = datapath::encoded::encode(&self.saved);
        if let Err(error) = self.env.files().replace(STATE, Blob::real(bytes)) {
            self.trouble.note(&self.env, None, &error);
        }
    }

    fn alert(&self, vm: Option<VmId>, severity: Severity, code: &str, text: &str) {
        self.env.fact(Fact::Alert {
            vm,
            severity,
            code: code.to_owned(),
            text: text.to_owned(),
        });
    }

    // The service.

    fn register(&mut self) {
        let Some(key) = self.saved.registration_key else { return };
        let (component, machine) = (Component::ConfigurationServer, self.env.machine);
        self.service.send(
            &self.env,
            Up::Register {
                component,
                machine,
                vm: None,
                key,
            },
        );
        self.service.owe(&self.env);
    }

    fn on_service_frame(&mut self, body: Body) {
        let Body::ManagementDown(message) = body else { return };
        match message {
            Down::Registered { refused } => {
                self.service.settled(&self.env);
                match refused {
                    None => {
                        self.accepted = true;
                        for notice in std::mem::take(&mut self.notices) {
                            self.notify(notice);
                        }
                        // Asked while the service could not be reached, or not answered since.
                        for (disk, sealer) in self.epochs.keys().copied() {
                            self.service.send(&self.env, Up::EpochAsk { disk, sealer });
                        }
                    }
                    Some(why) => self.alert(
                        None,
                        Severity::Critical,
                        "",
                        &format!("the vault refuses to register: {why}"),
                    ),
                }
            }
            Down::HeartbeatSeen => {
                self.service.settled(&self.env);
                self.beating = false;
                self.told.clear();
            }
            Down::Command { id, to, command } => {
                self.saved.commands.insert(id, (to, command));
                self.save();
                self.pass_on(id);
            }
            Down::EpochGrant { disk, sealer, epoch } => {
                if let Some(conn) = self.epochs.remove(&(disk, sealer)) {
                    self.env.send(conn, Down::EpochGrant { disk, sealer, epoch });
                }
            }
        }
    }

    fn notify(&mut self, notice: Notice) {
        if self.accepted && self.service.send(&self.env, Up::Notice(notice.clone())) {
            self.told_since.push(notice);
        } else {
            self.notices.push(notice);
        }
    }

    /// Whatever the service has not confirmed by answering a later heartbeat may not have reached it.
    fn on_service_lost(&mut self) {
        self.accepted = false;
        self.beating = false;
        let mut notices = std::mem::take(&mut self.told);
        notices.append(&mut self.told_since);
        notices.append(&mut self.notices);
        self.notices = notices;
    }

    fn on_beat(&mut self) {
        self.env.timer(
            self.env.model.configuration_server.heartbeat,
            Token { what: BEAT, key: 0 },
        );
        if !self.accepted || self.beating {
            return;
        }
        let beat = Up::Heartbeat { answer: true };
        if self.service.send(&self.env, beat) {
            self.service.owe(&self.env);
            self.beating = true;
            self.told = std::mem::take(&mut self.told_since);
        }
    }

    fn answer(&mut self, id: u64, result: Result<Reply, String>) {
        if self.saved.commands.remove(&id).is_some() {
            self.save();
        }
        self.service.send(&self.env, Up::Reply { id, result });
    }

    /// Gives a command to whom it is for, if that is there.
    fn pass_on(&mut self, id: u64) {
        let Some((to, command)) = self.saved.commands.get(&id).cloned() else {
            return;
        };
        if let Command::Vcenter { vcenter, action } = command {
            let env = self.env.clone();
            let token = Token {
                what: VCENTER,
                key: u64::from(vcenter.0),
            };
            let session = self
                .vcenters
                .entry(vcenter)
                .or_insert_with(|| Session::new(vcenter, PORT_MANAGEMENT, token));
            session.start(&env);
            if session.send(&env, ToVcenter::Act { id, action }) {
                session.owe(&env);
            }
            return;
        }
        let component = component_of(&command);
        if let Some(conn) = self.known.get(&(to, component)).and_then(|known| known.conn) {
            self.env.send(conn, Down::Command { id, to, command });
        }
    }

    fn vcenter_input(&mut self, mut input: Input) -> Option<Input> {
        let machines: Vec<MachineId> = self.vcenters.keys().copied().collect();
        for machine in machines {
            let Some(session) = self.vcenters.get_mut(&machine) else {
                continue;
            };
            match session.input(&self.env, input) {
                SessionEvent::NotMine(back) => {
                    input = back;
                    continue;
                }
                SessionEvent::Opened => {
                    let of_it =
                        |command: &Command| matches!(command, Command::Vcenter { vcenter, .. } if *vcenter == machine);
                    let ids: Vec<u64> = self
                        .saved
                        .commands
                        .iter()
                        .filter(|(_, (_, c))| of_it(c))
                        .map(|(id, _)| *id)
                        .collect();
                    ids.into_iter().for_each(|id| self.pass_on(id));
                }
                SessionEvent::Received(Frame { body, .. }) => {
                    let Body::FromVcenter(message) = body else { return None };
                    match message {
                        ToAsker::Done { id, refused } => {
                            session.settled(&self.env);
                            self.answer(id, refused.map_or(Ok(Reply::Done), Err));
                        }
                        // Its process server asks for these.
                        ToAsker::Machines { .. } => {}
                    }
                }
                SessionEvent::Lost | SessionEvent::Nothing => {}
            }
            return None;
        }
        Some(input)
    }

    // Components.

    fn on_frame(&mut self, conn: ConnId, Frame { body, .. }: Frame) {
        let Body::ManagementUp(message) = body else { return };
        if !matches!(message, Up::Register { .. }) {
            // Only who has registered is listened to.
            let Some(id) = self.conns.get(&conn).copied() else {
                return;
            };
            if let Some(known) = self.known.get_mut(&id) {
                known.heard = self.env.monotonic();
                known.lost = false;
            }
        }
        match message {
            Up::Register {
                component,
                machine,
                vm,
                key,
            } => self.on_register(conn, component, machine, vm, key),
            Up::Heartbeat { answer: true } => self.env.send(conn, Down::HeartbeatSeen),
            Up::Heartbeat { answer: false } => {}
            Up::Reply { id, result } => self.answer(id, result),
            Up::Notice(notice) => self.notify(notice),
            Up::EpochAsk { disk, sealer } => {
                self.epochs.insert((disk, sealer), conn);
                self.service.send(&self.env, Up::EpochAsk { disk, sealer });
            }
        }
    }

    fn on_register(&mut self, conn: ConnId, component: Component, machine: MachineId, vm: Option<VmId>, key: u64) {
        if key != self.spec.passphrase {
            let refused = Some("the passphrase is wrong".to_owned());
            return self.env.send(conn, Down::Registered { refused });
        }
        let id = (machine, component);
        let heard = self.env.monotonic();
        let old = self.known.insert(
            id,
            Known {
                component,
                vm,
                conn: Some(conn),
                heard,
                lost: false,
            },
        );
        if let Some(old) = old.and_then(|known| known.conn).filter(|old| *old != conn) {
            self.conns.swap_remove(&old);
        }
        self.conns.insert(conn, id);
        self.env.send(conn, Down::Registered { refused: None });
        self.env.fact(Fact::Registered {
            machine,
            component: component.name().to_owned(),
        });
        if component != Component::MobilityService {
            // An agent tells of itself: only it knows its disks and its life.
            self.notify(Notice::ComponentUp { component, machine });
        }
        let waiting: Vec<u64> = self
            .saved
            .commands
            .iter()
            .filter(|(_, (to, _))| *to == machine)
            .map(|(id, _)| *id)
            .collect();
        waiting.into_iter().for_each(|id| self.pass_on(id));
    }

    /// Who was not heard of for too long. One look for all: a heartbeat costs nothing but its frame.
    fn on_look(&mut self) {
        let now = self.env.monotonic();
        let lost_after = self.env.model.configuration_server.lost_after;
        let mut lost = Vec::new();
        for ((machine, _), known) in &mut self.known {
            if !known.lost && now.since(known.heard) > lost_after {
                known.lost = true;
                lost.push((*machine, known.component, known.vm));
            }
        }
        for (machine, component, vm) in lost {
            let (severity, code) = match component {
                Component::ProcessServer => (Severity::Critical, codes::PROCESS_SERVER_LOST),
                Component::MobilityService => (Severity::Critical, codes::MOBILITY_SERVICE_LOST),
                Component::MasterTarget => (Severity::Critical, codes::MASTER_TARGET_LOST),
                Component::ConfigurationServer => (Severity::Critical, ""),
            };
            let text = format!(
                "nothing heard of the {} for {} min",
                component.name(),
                lost_after / 60_000_000_000
            );
            self.alert(vm, severity, code, &text);
            self.notify(Notice::HeartbeatLost { component, machine });
        }
        self.env.timer(
            self.env.model.configuration_server.look_every,
            Token { what: LOOK, key: 0 },
        );
    }
}

/// Which component of a machine a command is for.
fn component_of(command: &Command) -> Component {
    match command {
        Command::Protect { .. } | Command::Unprotect { .. } | Command::ShutdownAndDrain { .. } => {
            Component::MobilityService
        }
        Command::Receive { .. } | Command::Fence { .. } | Command::Finish { .. } | Command::Release { .. } => {
            Component::MasterTarget
        }
        Command::Discover { .. }
        | Command::PushInstall { .. }
        | Command::Serve(_)
        | Command::HandOver { .. }
        | Command::Unserve { .. } => Component::ProcessServer,
        Command::Vcenter { .. } => Component::ConfigurationServer,
    }
}

#[cfg(test)]
mod tests;
