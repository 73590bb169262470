//! The operator who runs the plan: steps, each begun when all that it waits for has happened and its delay has passed.
//!
//! What the product does is asked for in its portal (a connection to the service, port 443). What the product leaves to a person is
//! done by hand: carrying the vault's registration key to a configuration server, installing the Mobility service at a console,
//! the power switch.
//!
//! Each step that is begun is written down at the console (`operator/`), with how far it is, before anything is done about it. Whoever
//! comes back to a console that was cut reads there what was asked and what is done, looks which of the other steps' conditions have held
//! meanwhile, and goes on: what was asked is asked again under its number, and a step whose time has passed begins at once. A step by hand
//! that was begun is done: it is one movement, which no cut divides.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use datapath::disk::{DiskError, read_if_there};
use datapath::{Blob, SimTime};
use serde::{Deserialize, Serialize};

use crate::actor::actor;
use crate::facts::{Fact, Severity, StepOutcome};
use crate::messages::local::Local;
use crate::messages::portal::{ToOperator, ToService};
use crate::messages::{Body, PORT_MANAGEMENT};
use crate::nouns::{ComponentKind, MachineId, Outcome};
use crate::ports::{Env, Fabric, Frame, Input, Token};
use crate::session::{Session, SessionEvent};
use crate::spec::{Action, OperatorSpec, StepSpec, SwitchedOn};

const SESSION: u32 = 1;
/// A step's delay is over; the key is the step.
const DELAY: u32 = 2;
/// Time to see whether the portal still answers.
const LOOK: u32 = 3;
/// Its disk failed when it started.
const READ: u32 = 4;
/// A manual action of a recovery plan is done; the key is the step and the action.
const INPUT: u32 = 5;

/// Where the console's notes are: a file a step, and one for the key.
const STEPS: &str = "operator/step/";
const KEY: &str = "operator/key";

/// How far a step is that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Progress {
    /// The service works on it.
    Asked,
    /// It is over.
    Ended,
}

/// The actor.
pub struct Operator {
    spec: OperatorSpec,
    env: Env,
    fabric: Rc<dyn Fabric>,
    portal: Session,
    /// Steps that wait for a trigger, by trigger; it leaves when it has held.
    waiting: BTreeMap<u32, Vec<u32>>,
    /// How many triggers each step still waits for.
    left: Vec<usize>,
    /// When the last trigger of each held.
    ready: Vec<SimTime>,
    /// Steps whose operations the service works on.
    asked: BTreeSet<u32>,
    /// The vault's registration key, once `CreateVault` gave it out.
    key: Option<u64>,
    looking: bool,
    /// Manual actions of recovery plans that it is at. A console that was cut begins them again, once it is told of them again.
    doing: BTreeSet<u64>,
}

actor!(Operator);

impl Operator {
    /// An operator with a plan, and with hands.
    #[must_use]
    pub fn new(spec: OperatorSpec, env: Env, fabric: Rc<dyn Fabric>) -> Operator {
        let portal = Session::new(spec.service, PORT_MANAGEMENT, Token { what: SESSION, key: 0 });
        Operator {
            spec,
            env,
            fabric,
            portal,
            waiting: BTreeMap::new(),
            left: Vec::new(),
            ready: Vec::new(),
            asked: BTreeSet::new(),
            key: None,
            looking: false,
            doing: BTreeSet::new(),
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        match self.portal.input(&self.env, input) {
            SessionEvent::NotMine(input) => self.own(input),
            SessionEvent::Opened => {
                // What was asked and not answered is asked again; the service knows a job by its number.
                self.asked.iter().for_each(|step| self.ask(*step));
                self.look();
            }
            SessionEvent::Received(frame) => self.received(frame),
            SessionEvent::Lost | SessionEvent::Nothing => {}
        }
    }

    fn own(&mut self, input: Input) {
        match input {
            Input::Started | Input::Timer(Token { what: READ, .. }) => self.started(),
            Input::Local(Local::Triggered { trigger }) => self.triggered(trigger),
            Input::Timer(Token { what: DELAY, key }) => self.begin(key as u32),
            Input::Timer(Token { what: INPUT, key }) => self.did(key),
            Input::Timer(Token { what: LOOK, .. }) => {
                self.looking = false;
                self.look();
            }
            _ => {}
        }
    }

    fn started(&mut self) {
        let steps = 0..self.spec.steps.len() as u32;
        let notes: Result<Vec<_>, _> = steps.map(|number| self.read(&note_of(number))).collect();
        let (key, notes) = match (self.read(KEY), notes) {
            (Ok(key), Ok(notes)) => (key, notes),
            (Err(error), _) | (_, Err(error)) => {
                self.disk_failed("read", &error);
                let after = self.env.model.disk.retry_after;
                let _ = self.env.timer(after, Token { what: READ, key: 0 });
                return;
            }
        };
        self.portal.start(&self.env);
        self.key = key;
        self.left = self.spec.steps.iter().map(|step| step.after.len()).collect();
        self.ready = vec![SimTime::ZERO; self.left.len()];
        let mut due = Vec::new();
        for (number, note) in (0..).zip(notes) {
            match note {
                Some(Progress::Ended) => {}
                Some(Progress::Asked) => {
                    self.asked.insert(number);
                }
                None => {
                    for trigger in self.step(number).after.clone() {
                        match self.env.held_at(trigger) {
                            Some(at) => self.held(number, at),
                            None => self.waiting.entry(trigger).or_default().push(number),
                        }
                    }
                    due.push(number);
                }
            }
        }
        due.into_iter().for_each(|number| self.start_if_due(number));
    }

    fn held(&mut self, number: u32, at: SimTime) {
        let number = number as usize;
        self.left[number] -= 1;
        self.ready[number] = self.ready[number].max(at);
    }

    fn triggered(&mut self, trigger: u32) {
        let now = self.env.now();
        for number in self.waiting.remove(&trigger).unwrap_or_default() {
            self.held(number, now);
            self.start_if_due(number);
        }
    }

    fn start_if_due(&self, number: u32) {
        let at = number as usize;
        if self.left[at] == 0 {
            let begins = self.ready[at].after(self.step(number).delay);
            let (left, key) = (begins.since(self.env.now()), u64::from(number));
            let _ = self.env.timer(left, Token { what: DELAY, key });
        }
    }

    /// Notes how far a step is; false where the console's disk refuses.
    fn note(&self, number: u32, progress: Progress) -> bool {
        self.write(&note_of(number), &progress)
    }

    fn write(&self, name: &str, what: &impl Serialize) -> bool {
        let bytes = datapath::encoded::encode(what);
        match self.env.files().replace(name, Blob::real(bytes)) {
            Ok(()) => true,
            Err(error) => {
                self.disk_failed("keep", &error);
                false
            }
        }
    }

    /// What was written of a name; none where there is nothing, or nothing that makes sense.
    fn read<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, DiskError> {
        let blob = read_if_there(&*self.env.files(), name)?;
        Ok(blob.and_then(|blob| postcard::from_bytes(&blob.bytes).ok()))
    }

    fn disk_failed(&self, what: &str, error: &DiskError) {
        self.env.fact(Fact::Alert {
            vm: None,
            severity: Severity::Warning,
            code: String::new(),
            text: format!("the operator's console cannot {what} its notes: {error}"),
        });
    }

    fn step(&self, number: u32) -> &StepSpec {
        &self.spec.steps[number as usize]
    }

    fn begin(&mut self, number: u32) {
        let asks = matches!(self.step(number).action, Action::Ask(_));
        let noted = self.note(number, if asks { Progress::Asked } else { Progress::Ended });
        if !noted {
            // Who would not know of it later does not begin it; the disk may have room then.
            let (wait, key) = (self.env.model.operator.look_every, u64::from(number));
            let _ = self.env.timer(wait, Token { what: DELAY, key });
            return;
        }
        self.log(number, StepOutcome::Started);
        let done = match self.step(number).action.clone() {
            Action::Ask(_) => {
                self.asked.insert(number);
                self.ask(number);
                self.look();
                return;
            }
            Action::RegisterConfigurationServer(machine) => self.register(machine),
            Action::InstallByHand {
                machine,
                configuration_server,
                passphrase,
            } => self.say(
                machine,
                ComponentKind::Agent,
                Local::InstallByHand {
                    configuration_server,
                    passphrase,
                },
            ),
            Action::PowerOff(machines) => {
                machines.iter().for_each(|machine| self.fabric.power(*machine, false));
                Ok(())
            }
            Action::PowerOn(machines) => {
                // Each has a switch of its own: who must stay off keeps no other from starting.
                let mut refused = None;
                for switched in &machines {
                    match self.must_stay_off(switched) {
                        Some(why) => refused = refused.or(Some(why)),
                        None => self.fabric.power(switched.machine, true),
                    }
                }
                if let Some(why) = refused {
                    return self.end(number, Outcome::Refused(why));
                }
                Ok(())
            }
            Action::Note(_) => Ok(()),
        };
        self.end(number, done.map_or_else(Outcome::Failed, |()| Outcome::Done));
    }

    /// Why a machine cannot be given power: its disks are attached to another one.
    fn must_stay_off(&self, SwitchedOn { machine, name, volumes }: &SwitchedOn) -> Option<String> {
        let fabric = &self.fabric;
        let elsewhere = |volume: &String| fabric.volume_machine(volume).is_some_and(|there| there != *machine);
        volumes.iter().any(elsewhere).then(|| {
            format!(
                "the disks of {name} are attached to a master target: the on-premises machine stays off from its reprotection until it \
                 is failed back (facts §4.3, REP)"
            )
        })
    }

    fn ask(&self, number: u32) {
        if let Action::Ask(operation) = &self.step(number).action {
            let operation = operation.clone();
            self.portal.send(
                &self.env,
                ToService::Ask {
                    job: u64::from(number),
                    operation,
                },
            );
        }
    }

    /// An operation may take hours and the service may lose its power meanwhile, silently: so it is asked now and then.
    fn look(&mut self) {
        if self.asked.is_empty() || self.looking {
            return;
        }
        if self.portal.send(&self.env, ToService::Heartbeat) {
            self.portal.owe(&self.env);
        }
        self.looking = true;
        let _ = self
            .env
            .timer(self.env.model.operator.look_every, Token { what: LOOK, key: 0 });
    }

    fn received(&mut self, frame: Frame) {
        let Body::PortalToOperator(message) = frame.body else {
            return;
        };
        match message {
            ToOperator::HeartbeatSeen => self.portal.settled(&self.env),
            ToOperator::InputNeeded { job, input, takes } => {
                // Told again, it is the same work under way.
                let key = job << 32 | u64::from(input);
                if self.doing.insert(key) {
                    let _ = self.env.timer(takes, Token { what: INPUT, key });
                }
            }
            ToOperator::Answer { job, outcome, key } => {
                if let Some(key) = key.filter(|key| self.key != Some(*key)) {
                    self.key = Some(key);
                    self.write(KEY, &key);
                }
                let number = job as u32;
                // What cannot be noted is asked again, and answered the same.
                if self.asked.contains(&number) && self.note(number, Progress::Ended) {
                    self.asked.remove(&number);
                    self.end(number, outcome);
                }
            }
        }
    }

    /// A manual action is done, and the portal is told. Where that cannot be, its job asks again.
    fn did(&mut self, key: u64) {
        self.doing.remove(&key);
        let (job, input) = (key >> 32, key as u32);
        self.portal.send(&self.env, ToService::Complete { job, input });
    }

    fn end(&self, number: u32, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Done if self.step(number).expect_refusal => StepOutcome::Failed("was to be refused".into()),
            Outcome::Done => StepOutcome::Done,
            Outcome::Refused(why) => StepOutcome::Refused(why),
            Outcome::Failed(why) => StepOutcome::Failed(why),
        };
        self.log(number, outcome);
    }

    fn log(&self, step: u32, outcome: StepOutcome) {
        self.env.fact(Fact::Step { step, outcome });
    }

    fn register(&self, machine: MachineId) -> Result<(), String> {
        let key = self
            .key
            .ok_or("there is no registration key yet: the vault is created first")?;
        self.say(
            machine,
            ComponentKind::ConfigurationServer,
            Local::RegisterWithVault { key },
        )
    }

    fn say(&self, machine: MachineId, kind: ComponentKind, message: Local) -> Result<(), String> {
        let fabric = &self.fabric;
        let actor = fabric
            .component(machine, kind)
            .ok_or("there is no such component on that machine")?;
        if !fabric.powered(machine) {
            return Err("that machine has no power".into());
        }
        if !fabric.runs(actor) {
            return Err("that component does not run".into());
        }
        fabric.tell(self.env.actor, actor, message);
        Ok(())
    }
}

fn note_of(number: u32) -> String {
    format!("{STEPS}{number:06}")
}

#[cfg(test)]
mod tests;
