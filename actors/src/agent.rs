//! The Mobility service: takes a copy of every write, keeps it in the change journal, and sends it to the process server (facts §1.1).
//!
//! 1. It is installed by hand or by push, or was on the machine when it was recovered. Between 30 and 60 s after a boot it registers with
//!    its configuration server (the product: within 15 min, facts §1.7), and from then on gives it a sign of life every 3 min.
//! 2. On `Protect` it opens a journal and copies the disks (`copying`); it marks, cuts and sends batches (`replication`, `sending`).
//! 3. After an unclean stop, or with a full journal, it is in bitmap mode: it sends nothing, says that a resynchronization is
//!    needed, and waits for the order. The documentation does not say what a cut-off agent does; its sibling product does this (facts §1.5).
//! 4. After an orderly stop it goes on where it was. On a machine that boots as a recovered copy it forgets what it replicated before.
//!
//! 5. In a replication group it makes recovery points together with the other members (`group`), and holds acknowledgements meanwhile.
//! 6. A disk that fails: what it did not write of its state is written at the next sign of life, a flush is asked for again; where the
//!    journal cannot be written or read, that is bitmap mode.
//!
//! Left out: its own memory and processor use, upgrades.

mod copying;
mod group;
mod replication;
mod sending;
mod state;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::BTreeMap;

use datapath::encoded::Whole;
use datapath::journal::{JournalError, Record};
use datapath::{Grain, SimTime, VmId, WriteSeq};
use rand::Rng;

use crate::actor::actor;
use crate::codes;
use crate::disk_trouble::DiskTrouble;
use crate::facts::{BacklogPlace, Fact, Severity};
use crate::messages::local::Local;
use crate::messages::management::{Command, Notice, Reply};
use crate::nouns::{Boot, Component, ComponentKind, CopyMode, Life, MachineId, Protection, Target};
use crate::ports::{Env, Input, TimerId, Token};
use crate::registration::{Heard, Registrant, Registration};
use crate::session::SessionEvent;
use crate::spec::AgentSpec;

use group::Group;
use replication::{Outcome, Replication};
use state::{Saved, SavedReplication};

/// The session with the configuration server.
const CS: u32 = 1;
/// The session with the process server.
const PS: u32 = 2;
/// Time to register.
const REGISTER: u32 = 3;
/// Time for a heartbeat.
const BEAT: u32 = 4;
/// Time for a crash-consistent mark.
const MARK: u32 = 5;
/// Time for an app-consistent mark.
const APP_MARK: u32 = 6;
/// A record has waited long enough to become durable.
const FLUSH_DUE: u32 = 7;
/// Something may have waited long enough to be cut into a batch.
const CUT_DUE: u32 = 10;
/// A flush of the journal; the key is its number.
const FLUSH: u32 = 8;
/// Checksums are compared; the key is the job's.
const CHECKED: u32 = 9;
/// The disk has read a piece of a copy; the key is that of the reading.
const PIECE: u32 = 19;
/// Time to ask the disk again for a piece that it did not give.
const PIECE_AGAIN: u32 = 20;
/// A connection to a member of the group; the key is the member.
const GROUP_PEER: u32 = 11;
/// Time for the group's next point.
const GROUP_DUE: u32 = 12;
/// The machine has come round to marking the group's point.
const GROUP_MARK: u32 = 13;
/// Acknowledgements can be held no longer; the key is the replication's and the point's.
const GROUP_HOLD: u32 = 14;
/// The group's point has taken too long; the key likewise.
const GROUP_ATTEMPT: u32 = 15;
/// The record of a shared point is told of again.
const GROUP_RETRY: u32 = 16;
/// Time to read its state again.
const READ: u32 = 17;
/// Time for a look at what waits in its journal.
const LOOK: u32 = 18;

/// The guest's life, as the agent knows it.
struct Up {
    boot: Boot,
    life: Life,
    /// The write before its first.
    began: WriteSeq,
}

/// The actor.
pub struct Agent {
    spec: AgentSpec,
    env: Env,
    saved: Saved,
    /// Whether the file that tells of an orderly stop can be there.
    stop_told: Cell<bool>,
    /// Its state was read. Until then it does nothing of its own.
    read: bool,
    /// Its state is not written as it is.
    unsaved: Cell<bool>,
    trouble: DiskTrouble,
    /// What the guest said when it came up and the state was not read.
    came_up: Option<(Boot, Life, WriteSeq)>,
    up: Option<Up>,
    cs: Option<Registration>,
    /// Since when looks at what waits in its journal are due, on the monotonic clock.
    looks_since: Option<SimTime>,
    /// The next of them, where it would see something new.
    look: Option<TimerId>,
    logged_backlog: u64,
    /// The last write of the guest.
    last: WriteSeq,
    replication: Option<Replication>,
    /// Replications opened so far.
    generation: u64,
    /// The machine as a member of its replication group.
    group: Option<Group>,
    /// Shared points that it has begun as a coordinator since it was started.
    shared_points: u32,
    /// Why only a resynchronization helps, while that is so.
    bitmap_mode: Option<String>,
    /// Commands that wait for a drain.
    draining: Vec<u64>,
    /// Results not yet sent, by command.
    unsent: BTreeMap<u64, Result<Reply, String>>,
}

actor!(Agent);

impl Agent {
    /// An agent.
    #[must_use]
    pub fn new(spec: AgentSpec, env: Env) -> Agent {
        Agent {
            spec,
            env,
            saved: Saved::default(),
            stop_told: Cell::new(true),
            read: false,
            unsaved: Cell::new(false),
            trouble: DiskTrouble::of("disk of the Mobility service"),
            came_up: None,
            up: None,
            cs: None,
            looks_since: None,
            look: None,
            logged_backlog: 0,
            last: WriteSeq::START,
            replication: None,
            generation: 0,
            group: None,
            shared_points: 0,
            bitmap_mode: None,
            draining: Vec::new(),
            unsent: BTreeMap::new(),
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        self.handle(input);
        self.order_look();
    }

    fn handle(&mut self, input: Input) {
        let Some(input) = self.session_input(input) else { return };
        match input {
            Input::Started | Input::Timer(Token { what: READ, .. }) => self.read_state(),
            Input::Local(message) => self.local(message),
            Input::Timer(Token { what: REGISTER, .. }) => self.connect(),
            Input::Timer(Token { what: LOOK, .. }) => self.look(),
            Input::Timer(Token { what: MARK, key }) if key == self.generation => self.with(Replication::mark_due),
            Input::Timer(Token { what: APP_MARK, key }) if key == self.generation => {
                self.with(Replication::app_mark_due)
            }
            Input::Timer(Token { what: FLUSH_DUE, key }) if key == self.generation => self.with(Replication::flush_due),
            Input::Timer(Token { what: GROUP_DUE, key }) if key == self.generation => self.group_turn(),
            Input::Timer(Token { what: GROUP_MARK, key }) if key == self.generation => self.group_mark_due(),
            Input::Timer(Token { what: GROUP_HOLD, .. }) => self.hold_is_over(),
            Input::Timer(Token {
                what: GROUP_ATTEMPT,
                key,
            }) => self.attempt_is_over(key),
            Input::Timer(Token { what: GROUP_RETRY, key }) if key == self.generation => self.shared_retry(),
            Input::Timer(Token { what: CUT_DUE, key }) if key == self.generation => self.with(Replication::cut_due),
            Input::Flushed(Token { what: FLUSH, key }, result) => {
                if let Err(error) = &result {
                    self.trouble.note(&self.env, Some(self.spec.vm.vm), error);
                }
                self.with(|replication| replication.flushed(key, result.is_ok()));
            }
            Input::Done(Token { what: CHECKED, key }, output) => {
                self.with(|replication| replication.checked(key, Some(output)));
            }
            Input::Failed(Token { what: CHECKED, key }, error) => {
                self.trouble.note(&self.env, Some(self.spec.vm.vm), &error);
                self.with(|replication| replication.checked(key, None));
            }
            Input::Done(Token { what: PIECE, key }, _) => self.with(|replication| replication.piece_read(key, Ok(()))),
            Input::Failed(Token { what: PIECE, key }, error) => {
                self.with(|replication| replication.piece_read(key, Err(error)));
            }
            Input::Timer(Token { what: PIECE_AGAIN, key }) if key == self.generation => self.with(Replication::pump),
            _ => {}
        }
    }

    /// Gives an input to the sessions; what is none of theirs comes back.
    fn session_input(&mut self, mut input: Input) -> Option<Input> {
        if let Some(replication) = &mut self.replication {
            match replication.session.input(&self.env, input) {
                SessionEvent::NotMine(back) => input = back,
                event => {
                    self.with(|replication| replication.session_event(event));
                    return None;
                }
            }
        }
        let input = self.group_input(input)?;
        let Some(cs) = &mut self.cs else { return Some(input) };
        match cs.input(&self.env, input) {
            Heard::NotMine(back) => return Some(back),
            Heard::Registered => self.announce(),
            Heard::Command(id, command) => self.command(id, command),
            // It seals nothing.
            Heard::Epoch { .. } | Heard::Lost | Heard::Nothing => {}
            Heard::Beat => self.miss_process_server(),
        }
        None
    }

    /// Says, once, that there has been no connection with the process server for long.
    fn miss_process_server(&mut self) {
        let after = self.env.model.configuration_server.lost_after;
        let Some(replication) = &mut self.replication else {
            return;
        };
        if replication.session.is_newly_gone(&self.env, after) {
            self.env.fact(Fact::Alert {
                vm: Some(self.spec.vm.vm),
                severity: Severity::Critical,
                code: codes::PROCESS_SERVER_UNREACHABLE.to_owned(),
                text: "the process server cannot be reached: no recovery points can be stored".to_owned(),
            });
        }
    }

    /// Does something with the replication, then what follows from it: its state is saved, its outcomes are told.
    fn with(&mut self, act: impl FnOnce(&mut Replication)) {
        let Some(replication) = &mut self.replication else {
            return;
        };
        act(replication);
        let outcomes = std::mem::take(&mut replication.outcomes);
        if self.saved.replication.as_ref() != Some(&replication.saved) {
            self.saved.replication = Some(replication.saved.clone());
            self.save();
        }
        for outcome in outcomes {
            match outcome {
                Outcome::DiskFailed(error) => self.trouble.note(&self.env, Some(self.spec.vm.vm), &error),
                Outcome::ResynchronizationNeeded(error) => {
                    self.note_journal(&error);
                    self.enter_bitmap_mode(error.to_string());
                }
                Outcome::SharedMarked { point, made } => self.shared_marked(point, made),
                Outcome::SharedPut(point) => self.shared_put(point),
                Outcome::Welcomed => self.put_shared(),
                Outcome::Drained { last, mark } => {
                    for id in std::mem::take(&mut self.draining) {
                        self.reply(id, Ok(Reply::Drained { last, mark }));
                    }
                }
            }
        }
    }

    fn read_state(&mut self) {
        match Saved::read(&self.env) {
            Ok(saved) => {
                // It can have been installed while that could not be read.
                let installed = self.saved.installed.take();
                self.saved = saved;
                if installed.is_some() {
                    self.saved.installed = installed;
                    self.save();
                }
            }
            Err(error) => {
                let (vm, token) = (Some(self.spec.vm.vm), Token { what: READ, key: 0 });
                return self.trouble.note_and_retry(&self.env, vm, &error, token);
            }
        }
        self.read = true;
        if self.saved.installed.is_none() {
            self.saved.installed = self.spec.configuration_server.map(|cs| (cs, self.spec.passphrase));
        }
        if let Some((boot, life, seq)) = self.came_up.take() {
            return self.guest_up(boot, life, seq.max(self.last));
        }
        // Its process alone may have ended, and the guest says once that it is up.
        if let Some(guest) = self.env.beside(ComponentKind::Guest) {
            self.env.local(guest, Local::AgentStarted);
        }
    }

    /// What cannot be written now is written with the next look at the latest.
    fn save(&self) {
        let written = self.saved.write(&self.env, &self.stop_told);
        self.unsaved.set(written.is_err());
        if let Err(error) = written {
            self.trouble.note(&self.env, Some(self.spec.vm.vm), &error);
        }
    }

    // The guest beside it.

    fn local(&mut self, message: Local) {
        match message {
            Local::Wrote { records } => {
                self.wrote(&records.0);
                if !self.is_holding(records.0.len() as u64) {
                    self.acknowledge();
                }
            }
            Local::Told { records } => {
                self.wrote(&records.0);
                self.with(Replication::told);
            }
            Local::Flushed { .. } => self.with(|replication| {
                replication.flush();
            }),
            Local::Quiesced { seq, ok } => self.with(|replication| replication.quiesced(seq, ok)),
            Local::GuestUp { boot, life, seq } if self.read => self.guest_up(boot, life, seq),
            Local::GuestUp { boot, life, seq } => self.came_up = Some((boot, life, seq)),
            Local::GuestDown { last } => self.guest_down(last),
            Local::InstallByHand {
                configuration_server,
                passphrase,
            } => {
                self.saved.installed = Some((configuration_server, passphrase));
                if !self.read {
                    return;
                }
                self.save();
                if let Some(old) = self.cs.take() {
                    old.stop(&self.env);
                }
                self.connect();
            }
            _ => {}
        }
    }

    /// The guest's writes are acknowledged, unless a group's recovery point holds that up.
    fn acknowledge(&self) {
        if self.env.grain() != Grain::Aggregate {
            let guest = self.env.sibling(ComponentKind::Guest);
            self.env.local(guest, Local::Acknowledge { through: self.last });
        }
    }

    fn wrote(&mut self, records: &[Record]) {
        for record in records {
            self.last = self.last.max(record.seq().unwrap_or_default());
            if let Some(replication) = &mut self.replication {
                replication.wrote(record);
                if !replication.outcomes.is_empty() {
                    self.with(|_| ());
                }
            }
        }
    }

    fn guest_up(&mut self, boot: Boot, life: Life, seq: WriteSeq) {
        self.last = seq;
        if boot.parent.is_some() && self.saved.replication.take().is_some() {
            // The disks are a recovered copy: what was replicated from here before is another life's.
            self.save();
        }
        self.up = Some(Up { boot, life, began: seq });
        match self.saved.replication.clone() {
            Some(mut saved) if saved.clean && saved.copied => {
                saved.clean = false;
                self.open(saved, true);
            }
            Some(_) => self.enter_bitmap_mode("the machine stopped without warning".to_owned()),
            None => {}
        }
        let start = self.env.model.agent.start_time;
        let delay = start + self.env.random("register").next_u64() % start;
        self.env.timer(delay, Token { what: REGISTER, key: 0 });
    }

    fn guest_down(&mut self, last: WriteSeq) {
        self.last = self.last.max(last);
        self.with(Replication::guest_down);
    }

    // Replication.

    fn open(&mut self, saved: SavedReplication, resume: bool) {
        let Some(up) = &self.up else { return };
        self.generation += 1;
        match Replication::open(&self.env, &self.spec, self.generation, saved, up, self.last, resume) {
            Ok(replication) => {
                self.replication = Some(replication);
                self.bitmap_mode = None;
                self.join_group();
                self.with(|_| ());
            }
            Err(error) => {
                self.note_journal(&error);
                self.enter_bitmap_mode(error.to_string());
            }
        }
    }

    fn close(&mut self) {
        self.leave_group();
        if let Some(mut replication) = self.replication.take() {
            replication.stop();
        }
    }

    /// A disk that fails is told of; a journal that is full by its own bound is the service's to tell.
    fn note_journal(&self, error: &JournalError) {
        if let JournalError::Disk(error) = error {
            self.trouble.note(&self.env, Some(self.spec.vm.vm), error);
        }
    }

    /// Nothing is journalled or sent any more until a resynchronization is ordered.
    fn enter_bitmap_mode(&mut self, why: String) {
        self.close();
        for id in std::mem::take(&mut self.draining) {
            self.reply(id, Err(format!("the machine needs a resynchronization: {why}")));
        }
        self.bitmap_mode = Some(why);
        self.tell_of_bitmap_mode();
    }

    fn tell_of_bitmap_mode(&mut self) {
        let (Some(why), Some(saved)) = (&self.bitmap_mode, &self.saved.replication) else {
            return;
        };
        let notice = Notice::ResynchronizationNeeded {
            vm: self.spec.vm.vm,
            protection: saved.protection.protection,
            copy: saved.copy,
            why: why.clone(),
        };
        if let Some(cs) = &self.cs {
            cs.notify(&self.env, notice);
        }
    }

    // The configuration server.

    fn connect(&mut self) {
        let (Some((machine, key)), Some(_)) = (self.saved.installed, &self.up) else {
            return;
        };
        if self.cs.is_none() {
            let model = &self.env.model.agent;
            let who = Registrant {
                component: Component::MobilityService,
                vm: Some(self.spec.vm.vm),
                key,
                heartbeat: model.heartbeat,
                answered_every: model.answered_every,
            };
            let token = |what| Token { what, key: 0 };
            let mut cs = Registration::new(who, machine, token(CS), token(BEAT));
            cs.start(&self.env);
            self.cs = Some(cs);
            self.looks_since.get_or_insert(self.env.monotonic());
        }
    }

    fn announce(&mut self) {
        let (Some(cs), Some(up)) = (&self.cs, &self.up) else {
            return;
        };
        let notice = Notice::AgentUp {
            vm: self.spec.vm.vm,
            machine: self.env.machine,
            disks: self.spec.vm.disks.clone(),
            life: up.life,
        };
        cs.notify(&self.env, notice);
        for (id, result) in std::mem::take(&mut self.unsent) {
            self.reply(id, result);
        }
        self.tell_of_bitmap_mode();
    }

    fn reply(&mut self, id: u64, result: Result<Reply, String>) {
        let sent = |cs: &Registration| cs.reply(&self.env, id, result.clone());
        if !self.cs.as_ref().is_some_and(sent) {
            self.unsent.insert(id, result);
        }
    }

    /// Looks are due at whole intervals; one that would see nothing new is left out.
    fn order_look(&mut self) {
        let Some(since) = self.looks_since else { return };
        let awaits_copies = || self.replication.as_ref().is_some_and(Replication::awaits_copies);
        let nothing_new = self.backlog() == self.logged_backlog && !self.unsaved.get() && !awaits_copies();
        if nothing_new {
            if let Some(look) = self.look.take() {
                self.env.cancel(look);
            }
        } else if self.look.is_none() {
            let every = self.env.model.agent.look_every;
            let left = every - self.env.monotonic().since(since) % every;
            self.look = Some(self.env.timer(left, Token { what: LOOK, key: 0 }));
        }
    }

    fn look(&mut self) {
        self.look = None;
        if self.unsaved.get() {
            self.save();
        }
        if let Some(replication) = &self.replication {
            replication.ask_for_copies();
        }
        let bytes = self.backlog();
        if bytes != self.logged_backlog {
            self.logged_backlog = bytes;
            let (vm, place) = (self.spec.vm.vm, BacklogPlace::Source);
            self.env.fact(Fact::Backlog { vm, place, bytes });
        }
    }

    /// What waits in its journal, in bytes.
    fn backlog(&self) -> u64 {
        self.replication
            .as_ref()
            .map_or(0, |replication| replication.journal.backlog_bytes())
    }

    // Commands. Each may come twice.

    fn command(&mut self, id: u64, command: Command) {
        match command {
            Command::Protect { protection, copy } => {
                let result = self.protect(protection, copy);
                self.reply(id, result);
            }
            Command::Unprotect { vm, protection } => {
                self.unprotect(vm, protection);
                self.reply(id, Ok(Reply::Done));
            }
            Command::ShutdownAndDrain { protection, .. } => {
                let runs = self
                    .replication
                    .as_ref()
                    .map(|replication| replication.saved.protection.protection);
                if runs == Some(protection) {
                    if !self.draining.contains(&id) {
                        self.draining.push(id);
                    }
                    self.with(Replication::drain);
                } else {
                    self.reply(id, Err("the machine is not replicating".to_owned()));
                }
            }
            other @ (Command::Discover { .. }
            | Command::PushInstall { .. }
            | Command::Serve(_)
            | Command::HandOver { .. }
            | Command::Unserve { .. }
            | Command::Receive { .. }
            | Command::Fence { .. }
            | Command::Finish { .. }
            | Command::Release { .. }
            | Command::Vcenter { .. }) => {
                self.reply(id, Err(format!("the Mobility service cannot do this: {other:?}")));
            }
        }
    }

    fn protect(&mut self, protection: Protection, copy: u32) -> Result<Reply, String> {
        let Some(life) = self.up.as_ref().map(|up| up.life) else {
            return Err("the machine is not up".to_owned());
        };
        let number = protection.protection;
        let of_it = |saved: &&mut SavedReplication| saved.protection.protection == number && saved.copy >= copy;
        if let Some(saved) = self.saved.replication.as_mut().filter(of_it) {
            // What was ordered is under way or done already; perhaps through another process server from now on.
            if saved.protection.process_server != protection.process_server {
                if self.replication.is_some() {
                    self.with(|replication| replication.move_to(protection));
                } else {
                    saved.protection = Whole::new(protection);
                    self.save();
                }
            }
            return Ok(Reply::Done);
        }
        let old = self.saved.replication.take();
        let saved = match old {
            Some(mut old) if old.protection.protection == number => {
                if old.protection.process_server != protection.process_server {
                    // What was cut and not acknowledged may have arrived there all the same: its numbers are not used again.
                    old.cached = old.last_cut();
                    old.cuts.clear();
                }
                SavedReplication {
                    // A resynchronization: batches and points are counted on, the disks are compared anew.
                    protection: Whole::new(Protection {
                        copy: CopyMode::Checksums,
                        ..protection
                    }),
                    copy,
                    copied: false,
                    clean: false,
                    ..old
                }
            }
            Some(old) if old.protection.protection > number => {
                self.saved.replication = Some(old);
                return Err("the machine has a later protection".to_owned());
            }
            _ => {
                self.env.fact(Fact::ProtectionStarted {
                    vm: protection.vm,
                    protection: number,
                    life,
                    reverse: matches!(protection.target, Target::MasterTarget(_)),
                });
                SavedReplication::new(protection, self.last)
            }
        };
        self.close();
        self.saved.replication = Some(saved.clone());
        self.save();
        // A disk that does not take its journal now makes a resynchronization necessary, which is told of by itself: the order is taken all the same.
        self.open(saved, false);
        Ok(Reply::Done)
    }

    fn unprotect(&mut self, vm: VmId, protection: u32) {
        let is_it = |saved: &SavedReplication| saved.protection.vm == vm && saved.protection.protection == protection;
        if self.saved.replication.as_ref().is_some_and(is_it) {
            self.close();
            self.bitmap_mode = None;
            self.saved.replication = None;
            self.save();
            for file in self.env.files().list("journal/") {
                self.env.files().remove(&file);
            }
        }
    }

    /// The configuration server that it registers with, if it is installed.
    #[must_use]
    pub fn configuration_server(&self) -> Option<MachineId> {
        self.saved.installed.map(|(machine, _)| machine)
    }
}
