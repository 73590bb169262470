//! A process server: the gateway between agents and their target. It receives, caches on its disk, compresses, seals and sends on
//! (facts §1.1); it discovers vCenter's machines and pushes the Mobility service.
//!
//! The way through it: `intake` (agents, port 9443: into the cache where `room` has some, then acknowledged) -> `sealing` (jobs of the compute port)
//! -> `delivery` (to storage on 443 or to a master target on 9444; tags in order). `errands` are discovery and push installation.
//! It serves both directions alike: what lies at the end of a protection is its target's business.
//!
//! What survives a power cut is the cache: what was acknowledged is read back and sealed anew, with nonces of a fresh epoch. A retry
//! to the target sends the stored ciphertext again and never seals anew, unless the target fenced its epoch.
//! A cache's disk that fails (`disk`) is asked again after a pause; what it did not take in is refused as by a full cache.
//!
//! Our model, where the documentation is silent: three disks are copied at a time per process server (the documentation does not say
//! per what); batches of one machine are sealed side by side but tagged in order. `health` is what it says of itself, `pacing` how fast it
//! may upload. Left out: TLS, and how much memory it needs.

mod delivery;
mod disk;
mod errands;
mod health;
mod intake;
mod pacing;
mod recovering;
mod room;
mod sealing;
mod stream;

pub use stream::cached_files;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use datapath::disk::{DiskError, size_of};
use datapath::plants::{Plant, planted};
use datapath::seal::{Epoch, Nonces};
use datapath::{Blob, DiskId, SimTime, VmId};

use crate::actor::actor;
use crate::disk_trouble::DiskTrouble;
use crate::facts::{BacklogPlace, Fact};
use crate::messages::management::{Command, Reply, Up};
use crate::nouns::{Component, MachineId, Protection};
use crate::ports::{ConnId, Env, Input, NetEvent, Token};
use crate::registration::{Heard, Registrant, Registration};
use crate::spec::ProcessServerSpec;

use delivery::Target;
use disk::Undone;
use errands::Errands;
use health::Health;
use intake::{Cached, Greeting};
use stream::Stream;

/// The session with the configuration server.
const CS: u32 = 1;
/// A session with a target; the key is its machine.
const TARGET: u32 = 2;
/// Time for a heartbeat.
const BEAT: u32 = 3;
/// A flush of the cache; the key is that of [`Caching`].
const CACHED: u32 = 4;
/// A job has sealed something; the key is that of [`sealing::Job`].
const SEALED: u32 = 5;
/// The session with a vCenter; the key is its machine.
const VCENTER: u32 = 6;
/// Time for the next discovery; the key is the vCenter's machine.
const DISCOVER: u32 = 7;
/// Time to give up a push installation; the key is the command.
const PUSH: u32 = 8;
/// Time to try again what a target refused for now; the key is its machine.
const RETRY: u32 = 9;
/// Time to ask again of the cache's disk what it failed to do.
const DISK: u32 = 10;
/// What the cache holds was read.
const RECOVERED: u32 = 11;
/// A target that was busy is asked again; the key is its machine.
const BUSY: u32 = 12;
/// Time to look at its own health.
const LOOK: u32 = 13;
/// A throttle lets out what waits for it; the key is the target's machine.
const PACED: u32 = 14;
/// How the names of its files begin.
const CACHE: &str = "cache/";

/// The actor.
pub struct ProcessServer {
    spec: ProcessServerSpec,
    env: Env,
    cs: Registration,
    streams: BTreeMap<VmId, Stream>,
    /// Connections of agents, and the machine each has greeted for.
    agents: BTreeMap<ConnId, Option<VmId>>,
    /// Greetings for protections that were not announced yet.
    early: Vec<(ConnId, Greeting)>,
    caching: BTreeMap<u64, Cached>,
    trouble: DiskTrouble,
    /// What the cache's disk failed to do and is to do yet.
    undone: Undone,
    jobs: BTreeMap<u64, sealing::Job>,
    /// Machines of which a full cache refused something.
    refused: BTreeSet<VmId>,
    /// When it was last said that the cache is full.
    said_full: Option<SimTime>,
    /// Machines of which something may be ready to be sealed.
    ready: BTreeSet<VmId>,
    next_key: u64,
    targets: BTreeMap<MachineId, Target>,
    /// Disks whose copy has a place, and those that wait for one.
    copying: BTreeSet<(DiskId, u32)>,
    copy_queue: VecDeque<(DiskId, u32)>,
    /// Plain bytes in jobs and sealed bytes not yet acknowledged: what bounds how far sealing runs ahead of the target.
    in_flight: u64,
    /// The machine whose turn it is to be sealed.
    turn: VmId,
    errands: Errands,
    health: Health,
}

actor!(ProcessServer);

impl ProcessServer {
    /// A process server.
    #[must_use]
    pub fn new(spec: ProcessServerSpec, env: Env) -> ProcessServer {
        let model = &env.model.process_server;
        let who = Registrant {
            component: Component::ProcessServer,
            vm: None,
            key: spec.passphrase,
            heartbeat: model.heartbeat,
            answered_every: model.answered_every,
        };
        let token = |what| Token { what, key: 0 };
        let cs = Registration::new(who, spec.configuration_server, token(CS), token(BEAT));
        ProcessServer {
            spec,
            env,
            cs,
            streams: BTreeMap::new(),
            agents: BTreeMap::new(),
            early: Vec::new(),
            caching: BTreeMap::new(),
            trouble: DiskTrouble::of("cache disk of the process server"),
            undone: Undone::default(),
            jobs: BTreeMap::new(),
            refused: BTreeSet::new(),
            said_full: None,
            ready: BTreeSet::new(),
            next_key: 0,
            targets: BTreeMap::new(),
            copying: BTreeSet::new(),
            copy_queue: VecDeque::new(),
            in_flight: 0,
            turn: VmId(0),
            errands: Errands::default(),
            health: Health::default(),
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        let input = match self.cs.input(&self.env, input) {
            Heard::NotMine(input) => input,
            Heard::Nothing | Heard::Lost => return,
            Heard::Registered => return self.on_registered(),
            Heard::Beat => return self.on_beat(),
            Heard::Command(id, command) => return self.on_command(id, command),
            Heard::Epoch { disk, sealer, epoch } => return self.on_epoch(disk, sealer, epoch),
        };
        let Some(input) = self.target_input(input) else { return };
        let Some(input) = self.errand_input(input) else { return };
        match input {
            Input::Started => self.on_started(),
            Input::Timer(Token { what: RETRY, key }) => self.on_retry(MachineId(key as u32)),
            Input::Timer(Token { what: BUSY, key }) => self.on_busy_over(MachineId(key as u32)),
            Input::Timer(Token { what: DISK, .. }) => self.on_disk_again(),
            Input::Timer(Token { what: LOOK, .. }) => self.on_look(),
            Input::Timer(Token { what: PACED, key }) => self.on_paced(MachineId(key as u32)),
            Input::Flushed(Token { what: CACHED, key }, Ok(())) => self.on_cached(key),
            Input::Flushed(Token { what: CACHED, key }, Err(error)) => self.on_not_cached(key, &error),
            Input::Done(Token { what: SEALED, key }, output) => self.on_sealed(key, output),
            Input::Done(Token { what: RECOVERED, .. }, _) => self.on_recovered(),
            Input::Failed(_, error) => self.on_not_recovered(&error),
            Input::Network(event) => self.on_network(event),
            Input::Timer(_) | Input::Flushed(..) | Input::Done(..) | Input::Ended(_) | Input::Local(_) => {}
        }
    }

    fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }

    /// Reads its cache; nobody is welcomed before it is known what there is.
    fn on_started(&mut self) {
        let bytes = size_of(&*self.env.files(), CACHE);
        self.env.read(
            bytes,
            Token {
                what: RECOVERED,
                key: 0,
            },
        );
    }

    fn on_not_recovered(&mut self, error: &DiskError) {
        self.streams.clear();
        self.undone.start = true;
        self.disk_failed(None, error);
    }

    fn on_recovered(&mut self) {
        if let Err(error) = self.recover() {
            return self.on_not_recovered(&error);
        }
        self.env.listen(self.spec.port);
        self.cs.start(&self.env);
        self.look_later();
    }

    fn on_network(&mut self, event: NetEvent) {
        match event {
            NetEvent::Accepted { conn, .. } => {
                self.agents.insert(conn, None);
            }
            NetEvent::Received { conn, frame } => self.on_agent_frame(conn, *frame),
            NetEvent::Closed { conn } => self.on_agent_closed(conn),
            NetEvent::Opened { .. } | NetEvent::Refused { .. } => {}
        }
    }

    // The configuration server.

    fn on_registered(&mut self) {
        self.ask_epochs_again();
        self.repeat_errands();
    }

    fn on_command(&mut self, id: u64, command: Command) {
        match command {
            Command::Serve(protection) => {
                self.serve(protection);
                self.reply(id, Ok(Reply::Done));
            }
            Command::HandOver { vm, protection } => self.hand_over(id, vm, protection),
            Command::Unserve { vm, protection } => {
                self.unserve(vm, protection);
                self.reply(id, Ok(Reply::Done));
            }
            Command::Discover { vcenter } => self.discover(id, vcenter),
            Command::PushInstall { machine, linux } => self.push(id, machine, linux),
            other @ (Command::Protect { .. }
            | Command::Unprotect { .. }
            | Command::ShutdownAndDrain { .. }
            | Command::Receive { .. }
            | Command::Fence { .. }
            | Command::Finish { .. }
            | Command::Release { .. }
            | Command::Vcenter { .. }) => {
                self.reply(id, Err(format!("a process server cannot do this: {other:?}")));
            }
        }
    }

    fn reply(&mut self, id: u64, result: Result<Reply, String>) {
        self.cs.reply(&self.env, id, result);
    }

    fn on_beat(&mut self) {
        for stream in self.streams.values_mut().filter(|s| s.cached_bytes != s.logged_bytes) {
            stream.logged_bytes = stream.cached_bytes;
            let (vm, bytes) = (stream.vm(), stream.cached_bytes);
            self.env.fact(Fact::Backlog {
                vm,
                place: BacklogPlace::ProcessServer,
                bytes,
            });
        }
        self.release_places();
        self.ask_epochs_again();
        self.miss_targets();
        // Who sent part of a batch and fell silent is waited for no longer.
        self.give_room();
    }

    /// A machine that lost its power during its copy says nothing: its places go to others. A copy that only has to be stored needs no
    /// agent any more.
    fn release_places(&mut self) {
        let (now, streams) = (self.env.monotonic(), &self.streams);
        let kept = self.env.model.process_server.place_kept;
        let before = self.copying.len();
        self.copying.retain(|(disk, copy)| {
            streams.get(&disk.vm).is_some_and(|stream| {
                let sent = stream
                    .copies
                    .get(disk)
                    .is_some_and(|c| c.number == *copy && c.end.is_some());
                sent || now.since(stream.heard) < kept
            })
        });
        if self.copying.len() < before {
            self.grant_copies();
        }
    }

    // Protections.

    fn serve(&mut self, protection: Protection) {
        let vm = protection.vm;
        if let Some(stream) = self.streams.get_mut(&vm).filter(|s| s.protection == protection) {
            // One that was to be handed over, and stays.
            stream.handing_over = None;
            return;
        }
        let same = self
            .streams
            .get(&vm)
            .is_some_and(|s| s.protection.protection == protection.protection);
        if !same {
            self.forget(vm);
            let stream = Stream::new(protection.clone(), &self.spec.key, self.env.monotonic());
            self.streams.insert(vm, stream);
        } else if let Some(stream) = self.streams.get_mut(&vm) {
            stream.protection = protection.clone();
            stream.handing_over = None;
        }
        self.save_served(vm);
        self.open_target(protection.target);
        self.ask_epochs(vm);
        let early = std::mem::take(&mut self.early);
        for (conn, greeting) in early {
            self.on_hello(conn, greeting);
        }
    }

    /// Writes down that a machine is served: the served protections are a small database, durable at once.
    fn save_served(&mut self, vm: VmId) {
        let Some(stream) = self.streams.get(&vm) else { return };
        let mut saved = datapath::encoded::encode(&stream.protection);
        if planted(Plant::KeyInFile) {
            saved.extend_from_slice(self.spec.key.expose());
        }
        if let Err(error) = self.env.files().replace(&served_file(vm), Blob::real(saved)) {
            self.undone.served.insert(vm);
            self.disk_failed(Some(vm), &error);
        }
    }

    fn unserve(&mut self, vm: VmId, protection: u32) {
        if self
            .streams
            .get(&vm)
            .is_some_and(|s| s.protection.protection == protection)
        {
            self.forget(vm);
            self.env.files().remove(&served_file(vm));
            self.seal_more();
        }
    }

    /// The machine moves to another process server. What was acknowledged to its agent must reach the target from here.
    fn hand_over(&mut self, id: u64, vm: VmId, protection: u32) {
        let Some(stream) = self
            .streams
            .get_mut(&vm)
            .filter(|s| s.protection.protection == protection)
        else {
            return self.reply(id, Ok(Reply::Done));
        };
        stream.handing_over = Some(id);
        stream.refused = None;
        self.refused.remove(&vm);
        if let Some(conn) = stream.agent.take() {
            self.agents.remove(&conn);
            self.env.close(conn);
        }
        self.handed_over(vm);
    }

    /// Says so once nothing of a machine that moves away is left here. A batch that is not whole is still its agent's.
    fn handed_over(&mut self, vm: VmId) {
        let Some(stream) = self.streams.get(&vm) else { return };
        let Some(id) = stream.handing_over else { return };
        let empty = stream.batches.is_empty() && stream.copies.values().all(|copy| copy.pieces.is_empty());
        let caching = self.caching.values().any(|cached| cached.what.vm() == vm);
        if empty && !caching {
            self.reply(id, Ok(Reply::Done));
        }
    }

    /// Drops all that is held of a machine.
    fn forget(&mut self, vm: VmId) {
        let Some(stream) = self.streams.remove(&vm) else { return };
        for file in self.env.files().list(&stream.folder()) {
            self.env.files().remove(&file);
        }
        let (in_flight, sent) = stream.in_flight();
        self.in_flight -= in_flight;
        self.give_back_window(stream.protection.target, sent);
        self.jobs.retain(|_, job| {
            let of_it = job.vm() == vm;
            if of_it {
                self.in_flight -= job.bytes();
            }
            !of_it
        });
        self.caching.retain(|_, cached| cached.what.vm() != vm);
        self.copying.retain(|(disk, _)| disk.vm != vm);
        self.copy_queue.retain(|(disk, _)| disk.vm != vm);
        self.refused.remove(&vm);
        if let Some(conn) = stream.agent {
            self.agents.remove(&conn);
            self.env.close(conn);
        }
        self.grant_copies();
        self.give_room();
    }

    /// Asks for epochs that a machine's disks lack. One that was asked for is not asked for again: each that is granted fences those before it.
    fn ask_epochs(&mut self, vm: VmId) {
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        if !self.cs.is_registered() {
            return;
        }
        let lacking: Vec<DiskId> = stream.without_epoch().collect();
        for disk in lacking {
            if stream.asked.insert(disk) {
                let sealer = self.env.machine;
                self.cs.send(&self.env, Up::EpochAsk { disk, sealer });
            }
        }
    }

    /// What was asked for may not have arrived: it is asked for again.
    fn ask_epochs_again(&mut self) {
        let mut lacking = Vec::new();
        for (vm, stream) in &mut self.streams {
            // Nearly always there is none, and this is done at each beat.
            if stream.lacks_epoch() {
                stream.asked.clear();
                lacking.push(*vm);
            }
        }
        lacking.into_iter().for_each(|vm| self.ask_epochs(vm));
    }

    fn on_epoch(&mut self, disk: DiskId, sealer: MachineId, epoch: u32) {
        if sealer != self.env.machine {
            return;
        }
        let Some(stream) = self.streams.get_mut(&disk.vm) else {
            return;
        };
        let newer = stream
            .nonces
            .get(&disk)
            .is_none_or(|nonces| nonces.epoch < Epoch(epoch));
        stream.asked.remove(&disk);
        if newer && stream.keys.contains_key(&disk) {
            stream.nonces.insert(disk, Nonces::new(Epoch(epoch)));
        }
        self.ready.insert(disk.vm);
        self.seal_more();
    }
}

fn served_file(vm: VmId) -> String {
    format!("served/vm-{:06}", vm.0)
}
