//! What a process server does beside replication: it lists vCenter's machines, now and every 15 minutes (facts §1.7), and pushes the
//! Mobility service to machines (port 135 on Windows, 22 on Linux).

use std::collections::BTreeMap;

use super::{DISCOVER, PUSH, ProcessServer, VCENTER};
use crate::codes;
use crate::facts::Fact;
use crate::messages::installation::{PORT_PUSH_LINUX, PORT_PUSH_WINDOWS};
use crate::messages::management::{Notice, Reply};
use crate::messages::vcenter::{ToAsker, ToVcenter};
use crate::messages::{Body, PORT_MANAGEMENT, installation};
use crate::nouns::{FoundMachine, MachineId};
use crate::ports::{ConnId, Frame, Input, NetEvent, TimerId, Token};
use crate::session::{Session, SessionEvent};

/// What is under way.
#[derive(Default)]
pub(super) struct Errands {
    vcenters: BTreeMap<MachineId, Vcenter>,
    pushes: BTreeMap<u64, Push>,
}

struct Vcenter {
    session: Session,
    /// The command that waits for the first list.
    command: Option<u64>,
    asked: bool,
}

struct Push {
    conn: ConnId,
    timer: TimerId,
    linux: bool,
}

impl ProcessServer {
    pub(super) fn discover(&mut self, command: u64, machine: MachineId) {
        let token = Token {
            what: VCENTER,
            key: u64::from(machine.0),
        };
        let vcenter = self.errands.vcenters.entry(machine).or_insert_with(|| Vcenter {
            session: Session::new(machine, PORT_MANAGEMENT, token),
            command: None,
            asked: false,
        });
        vcenter.command = Some(command);
        if vcenter.session.is_started() {
            self.list(machine);
        } else {
            vcenter.session.start(&self.env);
        }
    }

    fn list(&mut self, machine: MachineId) {
        let Some(vcenter) = self.errands.vcenters.get_mut(&machine) else {
            return;
        };
        if !vcenter.asked && vcenter.session.send(&self.env, ToVcenter::ListMachines) {
            vcenter.session.owe(&self.env);
            vcenter.asked = true;
        }
    }

    /// After the configuration server came back it repeats its commands by itself; nothing of ours must be repeated.
    pub(super) fn repeat_errands(&mut self) {
        let machines: Vec<MachineId> = self.errands.vcenters.keys().copied().collect();
        machines.into_iter().for_each(|machine| self.list(machine));
    }

    pub(super) fn push(&mut self, command: u64, machine: MachineId, linux: bool) {
        if self.errands.pushes.contains_key(&command) {
            return;
        }
        let conn = self
            .env
            .connect(machine, if linux { PORT_PUSH_LINUX } else { PORT_PUSH_WINDOWS });
        let timer = self.env.timer(
            self.env.model.process_server.push_patience,
            Token {
                what: PUSH,
                key: command,
            },
        );
        self.errands.pushes.insert(command, Push { conn, timer, linux });
    }

    fn push_ended(&mut self, command: u64, result: Result<Reply, String>) {
        if let Some(push) = self.errands.pushes.remove(&command) {
            self.env.cancel(push.timer);
            self.env.close(push.conn);
            self.reply(command, result);
        }
    }

    /// Handles what concerns errands; what does not comes back.
    pub(super) fn errand_input(&mut self, input: Input) -> Option<Input> {
        match &input {
            Input::Timer(Token { what: DISCOVER, key }) => {
                self.list(MachineId(*key as u32));
                return None;
            }
            Input::Timer(Token { what: PUSH, key }) => {
                let why = format!("{}: the machine did not answer", codes::PUSH_UNREACHABLE);
                self.push_ended(*key, Err(why));
                return None;
            }
            Input::Network(
                NetEvent::Opened { conn }
                | NetEvent::Refused { conn, .. }
                | NetEvent::Received { conn, .. }
                | NetEvent::Closed { conn },
            ) => {
                let of_it = self.errands.pushes.iter().find(|(_, push)| push.conn == *conn);
                if let Some((&command, push)) = of_it {
                    let linux = push.linux;
                    self.push_input(command, linux, input);
                    return None;
                }
            }
            _ => {}
        }
        let mut input = input;
        let machines: Vec<MachineId> = self.errands.vcenters.keys().copied().collect();
        for machine in machines {
            let Some(vcenter) = self.errands.vcenters.get_mut(&machine) else {
                continue;
            };
            match vcenter.session.input(&self.env, input) {
                SessionEvent::NotMine(back) => {
                    input = back;
                    continue;
                }
                SessionEvent::Opened => {
                    vcenter.asked = false;
                    self.list(machine);
                }
                SessionEvent::Received(Frame { body, .. }) => {
                    let Body::FromVcenter(message) = body else { return None };
                    match message {
                        ToAsker::Machines { machines } => self.listed(machine, machines),
                        // A configuration server asks for what this answers.
                        ToAsker::Done { .. } => {}
                    }
                }
                SessionEvent::Lost => vcenter.asked = false,
                SessionEvent::Nothing => {}
            }
            return None;
        }
        Some(input)
    }

    fn listed(&mut self, vcenter: MachineId, machines: Vec<FoundMachine>) {
        let Some(asked) = self.errands.vcenters.get_mut(&vcenter) else {
            return;
        };
        asked.session.settled(&self.env);
        asked.asked = false;
        let command = asked.command.take();
        let vms = machines.iter().map(|(_, vm, _)| *vm).collect();
        self.env.fact(Fact::Discovered {
            by: self.env.machine,
            vms,
        });
        let notice = Notice::Discovered {
            by: self.env.machine,
            machines: machines.clone(),
        };
        self.cs.notify(&self.env, notice);
        if let Some(command) = command {
            self.reply(command, Ok(Reply::Machines(machines)));
        }
        self.env.timer(
            self.env.model.process_server.discovery_every,
            Token {
                what: DISCOVER,
                key: u64::from(vcenter.0),
            },
        );
    }

    fn push_input(&mut self, command: u64, linux: bool, input: Input) {
        match input {
            Input::Network(NetEvent::Opened { conn }) => {
                let body = installation::ToMachine::Install {
                    configuration_server: self.spec.configuration_server,
                    passphrase: self.spec.passphrase,
                };
                self.env.send(conn, body);
            }
            Input::Network(NetEvent::Received { frame, .. }) => {
                let Body::InstallationToProcessServer(message) = frame.body else {
                    return;
                };
                match message {
                    installation::ToProcessServer::Installed { refused } => {
                        self.push_ended(command, refused.map_or(Ok(Reply::Done), Err));
                    }
                }
            }
            Input::Network(NetEvent::Refused { why, .. }) => {
                let code = if linux {
                    codes::PUSH_UNREACHABLE
                } else {
                    codes::PUSH_SHARING_OFF
                };
                self.push_ended(command, Err(format!("{code}: {why}")));
            }
            Input::Network(NetEvent::Closed { .. }) => {
                self.push_ended(
                    command,
                    Err(format!("{}: the connection was lost", codes::PUSH_UNREACHABLE)),
                );
            }
            _ => {}
        }
    }
}
