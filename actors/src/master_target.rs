//! A master target: the other end of the way back. It stores what process servers seal in Azure, opens it, writes the on-premises
//! disks, and leaves them at a recovery point when a failback asks for it (facts §4.3, §3.3).
//!
//! It is Azure storage and the Site Recovery service in one machine: [`SegmentStore`] keeps segments durably (the retention drive),
//! [`ReplicaKeeper`] makes points of them. Commands come through its configuration server. The disks are those that vCenter attached
//! to it: the machine's own (original location), or new ones of a VM that stands in for a physical server.
//!
//! Port 9444 towards process servers is our model: the documentation has the number in a picture only. A master target that lost its
//! power goes on from its retention drive (`retention`); what it was asked and did not answer is asked again. Left out: vSphere
//! snapshots, the restrictions of controllers and datastores.

mod retention;

use std::collections::{BTreeMap, BTreeSet};

use datapath::disk::{DiskError, size_of};
use datapath::segment::SegmentHeader;
use datapath::{DiskId, VmId};

use crate::actor::actor;
use crate::disk_trouble::DiskTrouble;
use crate::facts::{Fact, Severity};
use crate::messages::Body;
use crate::messages::management::{Command, Notice, Reply};
use crate::messages::refusal::Refusal;
use crate::messages::segments::{Packed, ToProcessServer, ToTarget};
use crate::nouns::{Component, PointChoice, Protection};
use crate::ports::{ConnId, Env, Frame, Input, NetEvent, Output, Token, volume_name};
use crate::registration::{Heard, Registrant, Registration};
use crate::replica_keeper::{JOB, KeeperEvent, ReplicaKeeper, Retained, job_owner};
use crate::spec::MasterTargetSpec;
use crate::storage::{Entry, INDEX, ProtectionId, SegmentStore};

use retention::PLACE;

const CS: u32 = 1;
const BEAT: u32 = 2;
const FLUSH: u32 = 3;
/// Volumes are durable; the key is the command.
const LEFT: u32 = 4;
/// Time to ask again of the disk what it failed to do.
const AGAIN: u32 = 5;
/// What there is was read.
const TAKEN_UP: u32 = 6;

/// A failback that waits for its point.
struct Finishing {
    command: u64,
    vm: VmId,
    mark: Option<datapath::replica::Mark>,
    /// The volumes that are to be durable as the point has them.
    volumes: Vec<String>,
}

/// What is to be asked of the retention drive again.
#[derive(Default)]
struct Undone {
    timer: bool,
    /// To read what there is, at the start.
    start: bool,
    /// Segments that a machine's keeper wants.
    reads: Vec<(VmId, Vec<SegmentHeader>)>,
    /// Flushes of disks that were left at a point, by command.
    flushes: Vec<u64>,
    /// Protections that have ended.
    ends: Vec<ProtectionId>,
    /// Machines whose checkpoint is not written.
    checkpoints: BTreeSet<VmId>,
    /// Machines of which the service was not told again.
    untold: BTreeSet<VmId>,
}

/// The actor.
pub struct MasterTarget {
    spec: MasterTargetSpec,
    env: Env,
    cs: Registration,
    store: SegmentStore,
    keepers: BTreeMap<VmId, ReplicaKeeper>,
    /// Who asked for checksums of a disk.
    askers: BTreeMap<DiskId, ConnId>,
    /// By ticket of the machine's keeper.
    finishing: BTreeMap<(VmId, u64), Finishing>,
    leaving: BTreeMap<u64, Finishing>,
    /// Commands to fence an epoch that wait until the fence stands.
    fencing: BTreeMap<(DiskId, u32), BTreeSet<u64>>,
    retained: BTreeMap<VmId, Retained>,
    /// Machines of which something was not told to the service, or perhaps not.
    untold: BTreeSet<VmId>,
    /// Machines that were taken up again and wait for epochs.
    renewing: BTreeSet<VmId>,
    trouble: DiskTrouble,
    undone: Undone,
}

actor!(MasterTarget);

impl MasterTarget {
    /// A master target.
    #[must_use]
    pub fn new(spec: MasterTargetSpec, env: Env) -> MasterTarget {
        let model = &env.model.master_target;
        let who = Registrant {
            component: Component::MasterTarget,
            vm: None,
            key: spec.passphrase,
            heartbeat: model.heartbeat,
            answered_every: model.answered_every,
        };
        let token = |what| Token { what, key: 0 };
        let cs = Registration::new(who, spec.configuration_server, token(CS), token(BEAT));
        let store = SegmentStore::new(env.clone(), spec.vault, Token { what: FLUSH, key: 0 });
        MasterTarget {
            spec,
            env,
            cs,
            store,
            keepers: BTreeMap::new(),
            askers: BTreeMap::new(),
            finishing: BTreeMap::new(),
            leaving: BTreeMap::new(),
            fencing: BTreeMap::new(),
            retained: BTreeMap::new(),
            untold: BTreeSet::new(),
            renewing: BTreeSet::new(),
            trouble: DiskTrouble::of("retention drive of the master target"),
            undone: Undone::default(),
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        self.handle(input);
        if self.store.take_failing() {
            self.ask_disk_again();
        }
    }

    fn handle(&mut self, input: Input) {
        let input = match self.cs.input(&self.env, input) {
            Heard::NotMine(input) => input,
            Heard::Nothing => return,
            Heard::Registered => return self.tell_again(),
            // What was told last may not have arrived.
            Heard::Lost => return self.untold.extend(self.keepers.keys()),
            Heard::Beat => return self.keepers.values_mut().for_each(ReplicaKeeper::log_backlog),
            Heard::Command(id, command) => return self.on_command(id, command),
            // It seals in epochs that come with its commands.
            Heard::Epoch { .. } => return,
        };
        match input {
            Input::Started => self.start(),
            Input::Timer(Token { what: AGAIN, .. }) => self.on_disk_again(),
            Input::Flushed(Token { what: FLUSH, .. }, result) => {
                for (id, entry) in self.store.flushed(result) {
                    self.on_stored(id, entry);
                }
                for (id, from, to, why) in self.store.take_refused() {
                    self.merged_put(id, from, to, Some(why));
                    self.attend(id.0);
                }
                for fence in self.store.take_fenced() {
                    for command in self.fencing.remove(&fence).unwrap_or_default() {
                        self.reply(command, Ok(Reply::Done));
                    }
                }
            }
            Input::Flushed(Token { what: LEFT, key }, Ok(())) => self.on_left(key),
            Input::Flushed(Token { what: LEFT, key }, Err(error)) => {
                let vm = self.leaving.get(&key).map(|finishing| finishing.vm);
                self.undone.flushes.push(key);
                self.disk_failed(vm, &error);
            }
            Input::Done(Token { what: JOB, key }, output) => self.on_job(key, output),
            Input::Done(Token { what: TAKEN_UP, .. }, _) => self.take_up_all(),
            Input::Failed(Token { what: TAKEN_UP, .. }, error) => self.on_not_taken_up(&error),
            Input::Network(NetEvent::Received { conn, frame }) => self.on_frame(conn, *frame),
            Input::Network(NetEvent::Closed { conn }) => self.askers.retain(|_, asker| *asker != conn),
            _ => {}
        }
    }

    /// Reads from its retention drive what there is; nobody is listened to before that is known.
    fn start(&mut self) {
        let files = self.env.files();
        let bytes = size_of(&*files, INDEX) + size_of(&*files, &format!("{PLACE}/"));
        self.env.read(bytes, Token { what: TAKEN_UP, key: 0 });
    }

    fn on_not_taken_up(&mut self, error: &DiskError) {
        self.undone.start = true;
        self.disk_failed(None, error);
    }

    fn take_up_all(&mut self) {
        let taken_up = self.store.recover().and_then(|()| self.take_up());
        if let Err(error) = taken_up {
            return self.on_not_taken_up(&error);
        }
        self.env.listen(self.spec.port);
        self.cs.start(&self.env);
    }

    /// The disk failed: it is told of, and asked again after a pause.
    fn disk_failed(&mut self, vm: Option<VmId>, error: &DiskError) {
        self.trouble.note(&self.env, vm, error);
        self.ask_disk_again();
    }

    fn ask_disk_again(&mut self) {
        if !self.undone.timer {
            self.undone.timer = true;
            let after = self.env.model.disk.retry_after;
            self.env.timer(after, Token { what: AGAIN, key: 0 });
        }
    }

    fn on_disk_again(&mut self) {
        let undone = std::mem::take(&mut self.undone);
        if undone.start {
            return self.start();
        }
        self.store.again();
        undone.ends.into_iter().for_each(|id| self.end_stored(id));
        for (vm, headers) in undone.reads {
            self.give_segments(vm, &headers);
            self.attend(vm);
        }
        for key in undone.flushes {
            if let Some(finishing) = self.leaving.get(&key) {
                self.env.flush(&finishing.volumes, Token { what: LEFT, key });
            }
        }
        undone.checkpoints.into_iter().for_each(|vm| self.checkpoint(vm));
        if !undone.untold.is_empty() {
            self.untold.extend(undone.untold);
            self.tell_again();
        }
    }

    // Commands.

    fn reply(&mut self, id: u64, result: Result<Reply, String>) {
        self.cs.reply(&self.env, id, result);
    }

    fn on_command(&mut self, id: u64, command: Command) {
        match command {
            Command::Receive { protection, epochs } => {
                let result = self.receive(protection, epochs).map(|()| Reply::Done);
                self.reply(id, result);
            }
            Command::Fence { disk, epoch } => {
                self.fencing.entry((disk, epoch)).or_default().insert(id);
                self.store.fence(disk, epoch);
            }
            Command::Finish { vm, protection, point } => self.finish(id, vm, protection, point),
            Command::Release { vm, protection } => {
                if self
                    .keepers
                    .get(&vm)
                    .is_some_and(|k| k.protection().protection == protection)
                {
                    self.let_go(vm);
                }
                self.reply(id, Ok(Reply::Done));
            }
            other @ (Command::Protect { .. }
            | Command::Unprotect { .. }
            | Command::ShutdownAndDrain { .. }
            | Command::Discover { .. }
            | Command::PushInstall { .. }
            | Command::Serve(_)
            | Command::HandOver { .. }
            | Command::Unserve { .. }
            | Command::Vcenter { .. }) => {
                self.reply(id, Err(format!("a master target cannot do this: {other:?}")));
            }
        }
    }

    fn receive(&mut self, protection: Protection, epochs: Vec<(DiskId, u32)>) -> Result<(), String> {
        let vm = protection.vm;
        if self.keepers.get(&vm).is_some_and(|k| k.protection() == &protection) {
            self.renew(vm, epochs);
            return Ok(());
        }
        // One that it follows is over.
        self.let_go(vm);
        let attached: usize = self.keepers.values().map(|k| k.protection().disks.len()).sum();
        let most = self.env.model.limits.master_target_disks;
        if (attached + protection.disks.len()) as u64 >= most {
            return Err(format!(
                "a master target carries {most} disks at the most, its own included; {attached} are attached (facts §3.3, REP)"
            ));
        }
        let mut disks = Vec::new();
        for (disk, _) in &protection.disks {
            let name = self.volume_of(*disk);
            let volume = self
                .env
                .volume(&name)
                .ok_or_else(|| format!("disk {name} is not attached"))?;
            disks.push((*disk, volume));
        }
        self.retained.insert(vm, Retained::new(PLACE, epochs.clone()));
        let sealing = self.sealing(epochs);
        let keeper = ReplicaKeeper::new(self.env.clone(), &self.spec.key, sealing, protection, disks);
        self.keepers.insert(vm, keeper);
        self.checkpoint(vm);
        Ok(())
    }

    /// The disk that is attached for a machine's disk: that of a stand-in where there is one.
    fn volume_of(&self, disk: DiskId) -> String {
        let stand_in = volume_name(disk, "failback");
        match self.env.volume(&stand_in) {
            Some(_) => stand_in,
            None => volume_name(disk, "source"),
        }
    }

    fn finish(&mut self, command: u64, vm: VmId, protection: u32, point: PointChoice) {
        let known = self
            .keepers
            .get_mut(&vm)
            .filter(|k| k.protection().protection == protection);
        let Some(keeper) = known else {
            return self.reply(
                command,
                Err("the master target does not receive this machine".to_owned()),
            );
        };
        if self
            .finishing
            .values()
            .chain(self.leaving.values())
            .any(|f| f.command == command)
        {
            return;
        }
        let ticket = keeper.materialise(point, false);
        self.finishing.insert(
            (vm, ticket),
            Finishing {
                command,
                vm,
                mark: None,
                volumes: Vec::new(),
            },
        );
        self.attend(vm);
    }

    // Process servers.

    fn on_frame(&mut self, conn: ConnId, Frame { body, payload }: Frame) {
        let Body::SegmentsToTarget(message) = body else { return };
        match message {
            ToTarget::PutSegments {
                protection,
                segments,
                tag,
            } => {
                let known = |segment: &Packed| {
                    let keeper = self.keepers.get(&segment.header.disk.vm);
                    keeper.is_some_and(|k| k.protection().protection == protection)
                };
                if let Some(first) = segments.first().filter(|_| !segments.iter().all(known)) {
                    let disks = segments.iter().map(|segment| &segment.header);
                    let answer = ToProcessServer::SegmentsPut {
                        protection,
                        disks: disks.map(|header| (header.disk, header.epoch.0)).collect(),
                        kind: first.header.kind,
                        refused: Some(Refusal::UnknownProtection),
                    };
                    return self.env.send(conn, answer);
                }
                self.store
                    .put_segments(conn, protection, (segments, payload.unwrap_or_default()), tag);
            }
            ToTarget::PutShared(put) => self.store.put_shared(conn, put),
            ToTarget::PutTag { vm, protection, tag } => self.store.put_tag(conn, (vm, protection), tag),
            ToTarget::PutCopyEnd {
                disk,
                protection,
                copy,
                parts,
                highest,
            } => {
                self.store.put_copy_end(conn, protection, disk, copy, parts, highest);
            }
            ToTarget::ChecksumAsk(ask) => {
                let disk = ask.disk;
                self.askers.insert(disk, conn);
                if let Some(keeper) = self.keepers.get_mut(&disk.vm) {
                    keeper.checksums(ask);
                    self.attend(disk.vm);
                }
            }
        }
    }

    fn on_stored(&mut self, (vm, protection): ProtectionId, entry: Entry) {
        let Some(keeper) = self
            .keepers
            .get_mut(&vm)
            .filter(|k| k.protection().protection == protection)
        else {
            return;
        };
        match entry {
            Entry::CopySegment { header, stored_bytes } => keeper.copy_segment_stored(header, stored_bytes),
            Entry::CopyEnd {
                disk,
                copy,
                parts,
                highest,
            } => keeper.copy_complete(disk, copy, parts, highest),
            Entry::Tag { tag, stored_bytes } => keeper.tag_stored(tag, stored_bytes, Vec::new()),
            Entry::Merged { from, tag } => keeper.merged_put(from, tag.batch, None),
            Entry::Shared(record) => return self.notify(Notice::SharedStored { record }),
            Entry::Dropped { .. } | Entry::Closed | Entry::Ended => {}
        }
        self.attend(vm);
    }

    /// What was merged is stored, or was refused for a reason.
    fn merged_put(&mut self, (vm, protection): ProtectionId, from: u64, to: u64, refused: Option<Refusal>) {
        let keeper = self.keepers.get_mut(&vm);
        if let Some(keeper) = keeper.filter(|keeper| keeper.protection().protection == protection) {
            keeper.merged_put(from, to, refused);
        }
    }

    fn on_job(&mut self, key: u64, output: Output) {
        let vm = job_owner(key);
        if let Some(keeper) = self.keepers.get_mut(&vm) {
            keeper.done(key, output);
            self.attend(vm);
        }
    }

    /// Gives a keeper the segments that it wants and carries out what came of it, until neither is left.
    fn attend(&mut self, vm: VmId) {
        loop {
            let Some(keeper) = self.keepers.get_mut(&vm) else {
                return;
            };
            let protection = keeper.protection().protection;
            let wanted = keeper.take_wanted();
            for headers in &wanted {
                self.give_segments(vm, headers);
            }
            let events = self.keepers.get_mut(&vm).map(ReplicaKeeper::take_events);
            let events = events.unwrap_or_default();
            if wanted.is_empty() && events.is_empty() {
                return;
            }
            self.retain(vm, &events);
            for event in events {
                self.on_keeper_event(vm, protection, event);
            }
        }
    }

    /// Gives a keeper segments that it wants, now or once the disk reads them.
    fn give_segments(&mut self, vm: VmId, headers: &[SegmentHeader]) {
        let Some(keeper) = self.keepers.get_mut(&vm) else {
            return;
        };
        let protection = keeper.protection().protection;
        let blobs = headers.iter().map(|header| self.store.read(protection, header));
        match blobs.collect() {
            Ok(blobs) => keeper.segments(headers, blobs),
            Err(error) => {
                self.undone.reads.push((vm, headers.to_vec()));
                self.disk_failed(Some(vm), &error);
            }
        }
    }

    /// Nothing of a protection is stored any more.
    fn end_stored(&mut self, id: ProtectionId) {
        if let Err(error) = self.store.end(id) {
            self.undone.ends.push(id);
            self.disk_failed(Some(id.0), &error);
        }
    }

    fn on_keeper_event(&mut self, vm: VmId, protection: u32, event: KeeperEvent) {
        match event {
            KeeperEvent::CopiesApplied { copy } => self.notify(Notice::CopyComplete { vm, protection, copy }),
            KeeperEvent::PointProcessed(mark) => self.notify(Notice::PointProcessed { vm, protection, mark }),
            KeeperEvent::Refused(_) => {}
            KeeperEvent::CopyNeeded { copy, why } => self.notify(Notice::ResynchronizationNeeded {
                vm,
                protection,
                copy,
                why,
            }),
            // Once a checkpoint does without them.
            KeeperEvent::Drop { .. } => {}
            KeeperEvent::Merged { merged, payload } => {
                let (id, from, to) = ((vm, protection), merged.from, merged.tag.batch);
                let put = self.store.put_merged(id, merged, &payload);
                // What is new is told once it is durable.
                if put != Ok(true) {
                    self.merged_put(id, from, to, put.err());
                }
            }
            KeeperEvent::Checksums(sums) => {
                if let Some(asker) = self.askers.get(&sums.disk) {
                    self.env.send(*asker, ToProcessServer::Checksums(sums));
                }
            }
            KeeperEvent::Materialised { ticket, result } => {
                let Some(mut finishing) = self.finishing.remove(&(vm, ticket)) else {
                    return;
                };
                match result {
                    Ok((mark, disks)) => {
                        let mut names = Vec::new();
                        for (disk, volume) in disks {
                            let name = self.volume_of(disk);
                            self.env.volume_put(&name, volume);
                            names.push(format!("volume:{name}"));
                        }
                        finishing.mark = Some(mark);
                        let key = finishing.command;
                        self.env.flush(&names, Token { what: LEFT, key });
                        finishing.volumes = names;
                        self.leaving.insert(key, finishing);
                    }
                    Err(why) => self.reply(finishing.command, Err(why)),
                }
            }
        }
    }

    /// The disks are durable as the point has them: vCenter can take them.
    fn on_left(&mut self, key: u64) {
        if let Some(Finishing {
            command,
            mark: Some(mark),
            vm,
            ..
        }) = self.leaving.remove(&key)
        {
            if let Some(keeper) = self.keepers.get_mut(&vm) {
                keeper.unpin(mark.point);
            }
            self.reply(command, Ok(Reply::Finished { mark }));
        }
    }

    /// What cannot be told now is told when the configuration server is back.
    fn notify(&mut self, notice: Notice) {
        let about = match &notice {
            Notice::CopyComplete { vm, .. } | Notice::PointProcessed { vm, .. } => Some(*vm),
            Notice::SharedStored { record } => Some(record.point.coordinator),
            _ => None,
        };
        if !self.cs.notify(&self.env, notice) && about.is_some_and(|vm| self.untold.insert(vm)) {
            self.env.fact(Fact::Alert {
                vm: None,
                severity: Severity::Warning,
                code: crate::codes::MASTER_TARGET_LOST.to_owned(),
                text: "the master target has no connection with its configuration server".to_owned(),
            });
        }
    }

    fn complain(&self, vm: VmId, text: &str) {
        self.env.fact(Fact::Alert {
            vm: Some(vm),
            severity: Severity::Critical,
            code: String::new(),
            text: text.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests;
