//! A component and its configuration server: it registers, says now and then that it is there, and is given commands.
//!
//! Mobility services, process servers and master targets do this alike (facts §1.2, §1.7). Only who has registered is listened to, so
//! nothing is sent before; what was sent into a connection that is lost may not have arrived, and after [`Heard::Registered`] the owner
//! says anew what still matters. A configuration server registers with the vault in its own way: what it passes on must not be lost.

use datapath::{DiskId, VmId};

use crate::codes;
use crate::facts::{Fact, Severity};
use crate::messages::management::{Command, Down, Notice, Reply, Up};
use crate::messages::{Body, PORT_MANAGEMENT};
use crate::nouns::{Component, MachineId};
use crate::ports::{Env, Frame, Input, TimerId, Token};
use crate::session::{Session, SessionEvent};

/// Who registers, and how often it says that it is there.
#[derive(Debug, Clone, Copy)]
pub struct Registrant {
    /// What it is.
    pub component: Component,
    /// The protected machine, for a Mobility service.
    pub vm: Option<VmId>,
    /// The passphrase's fingerprint.
    pub key: u64,
    /// Between two signs of life, in nanoseconds.
    pub heartbeat: u64,
    /// Every so many signs of life one is to be answered: an end that only sends would never learn that the other is gone.
    pub answered_every: u64,
}

/// What an input meant.
#[derive(Debug)]
pub enum Heard {
    /// It was not for this; here it is back.
    NotMine(Input),
    /// Nothing for the owner to do.
    Nothing,
    /// It is registered, for the first time or again.
    Registered,
    /// The connection is gone, and what was sent last perhaps with it. A new one is under way.
    Lost,
    /// A sign of life is due, and was given if it is registered.
    Beat,
    /// A command, with its number.
    Command(u64, Command),
    /// An epoch was granted.
    Epoch {
        /// Of which disk.
        disk: DiskId,
        /// To the sealer on which machine.
        sealer: MachineId,
        /// Which.
        epoch: u32,
    },
}

/// A component's place at its configuration server.
#[derive(Debug)]
pub struct Registration {
    who: Registrant,
    session: Session,
    beat: Token,
    timer: Option<TimerId>,
    registered: bool,
    /// It was registered since it started.
    was_registered: bool,
    beats: u64,
}

impl Registration {
    /// With the configuration server on a machine, not begun. The two tokens (of the session, of the signs of life) must be no other's in
    /// the same actor.
    #[must_use]
    pub fn new(who: Registrant, configuration_server: MachineId, session: Token, beat: Token) -> Registration {
        Registration {
            who,
            session: Session::new(configuration_server, PORT_MANAGEMENT, session),
            beat,
            timer: None,
            registered: false,
            was_registered: false,
            beats: 0,
        }
    }

    /// Connects and registers, and stays registered from now on.
    pub fn start(&mut self, env: &Env) {
        self.session.start(env);
        if self.timer.is_none() {
            self.timer = Some(env.timer(self.who.heartbeat, self.beat));
        }
    }

    /// Ends it: nothing is heard of it any more.
    pub fn stop(mut self, env: &Env) {
        self.session.stop(env);
        if let Some(timer) = self.timer.take() {
            env.cancel(timer);
        }
    }

    /// Whether it is registered now.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.registered
    }

    /// Sends; false while it is not registered (it is then gone: say it after [`Heard::Registered`]).
    pub fn send(&self, env: &Env, message: Up) -> bool {
        self.registered && self.session.send(env, message)
    }

    /// Tells the service something unasked; false as for [`Registration::send`].
    pub fn notify(&self, env: &Env, notice: Notice) -> bool {
        self.send(env, Up::Notice(notice))
    }

    /// Says what became of a command; false as for [`Registration::send`].
    pub fn reply(&self, env: &Env, id: u64, result: Result<Reply, String>) -> bool {
        self.send(env, Up::Reply { id, result })
    }

    /// Handles an input if it concerns this.
    pub fn input(&mut self, env: &Env, input: Input) -> Heard {
        if matches!(&input, Input::Timer(token) if *token == self.beat) {
            self.give_sign(env);
            return Heard::Beat;
        }
        match self.session.input(env, input) {
            SessionEvent::NotMine(input) => Heard::NotMine(input),
            SessionEvent::Nothing => Heard::Nothing,
            SessionEvent::Opened => {
                self.register(env);
                Heard::Nothing
            }
            SessionEvent::Lost => {
                self.registered = false;
                Heard::Lost
            }
            SessionEvent::Received(frame) => self.frame(env, frame),
        }
    }

    fn register(&mut self, env: &Env) {
        let Registrant { component, vm, key, .. } = self.who;
        let machine = env.machine;
        let register = Up::Register {
            component,
            machine,
            vm,
            key,
        };
        self.session.send(env, register);
        self.session.owe(env);
    }

    fn give_sign(&mut self, env: &Env) {
        self.timer = Some(env.timer(self.who.heartbeat, self.beat));
        self.beats += 1;
        if !self.was_registered && self.session.is_newly_gone(env, env.model.session.connect_patience) {
            env.fact(Fact::Alert {
                vm: self.who.vm,
                severity: Severity::Critical,
                code: codes::NO_CONNECTION.to_owned(),
                text: format!(
                    "the {} cannot register: no connection with its configuration server",
                    self.who.component.title()
                ),
            });
        }
        let answer = self.beats.is_multiple_of(self.who.answered_every);
        if self.send(env, Up::Heartbeat { answer }) && answer {
            self.session.owe(env);
        }
    }

    fn frame(&mut self, env: &Env, Frame { body, .. }: Frame) -> Heard {
        let Body::ManagementDown(message) = body else {
            return Heard::Nothing;
        };
        match message {
            Down::Registered { refused } => {
                self.session.settled(env);
                self.registered = refused.is_none();
                self.was_registered |= self.registered;
                let Some(why) = refused else { return Heard::Registered };
                let name = self.who.component.title();
                env.fact(Fact::Alert {
                    vm: self.who.vm,
                    severity: Severity::Critical,
                    code: String::new(),
                    text: format!("the configuration server refuses the {name}: {why}"),
                });
                Heard::Nothing
            }
            Down::HeartbeatSeen => {
                self.session.settled(env);
                Heard::Nothing
            }
            Down::Command { id, command, .. } => Heard::Command(id, command),
            Down::EpochGrant { disk, sealer, epoch } => Heard::Epoch { disk, sealer, epoch },
        }
    }
}
