//! To the target: segments within a window, tags in order, copies' ends, and checksums asked for and brought back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datapath::plants::{Plant, planted};
use datapath::replica::Tag;
use datapath::segment::SegmentKind;
use datapath::{Blob, DiskId, SimTime, VmId};

use super::pacing::Pacing;
use super::stream::{Batch, Outgoing, Sealing, Stream, Waiting};
use super::{BUSY, PACED, ProcessServer, RETRY, TARGET};
use crate::back_off::BackOff;
use crate::codes;
use crate::facts::{Fact, Severity};
use crate::messages::checksums::ChecksumAsk;
use crate::messages::group::PutShared;
use crate::messages::refusal::Refusal;
use crate::messages::replication::ToAgent;
use crate::messages::segments::{InTurn, PORT_MASTER_TARGET, Packed, Put, ToProcessServer, ToTarget};
use crate::messages::{Body, PORT_MANAGEMENT};
use crate::nouns::{MachineId, Target as TargetPlace};
use crate::ports::{Env, Frame, Input, Token};
use crate::session::{Session, SessionEvent};
use crate::spec::ProcessServerSpec;

/// The batch from which on a process server that hangs by plan sends nothing more.
const HANGS_AFTER: u64 = 8;

/// Where sealed data goes, and what it has not acknowledged.
pub(super) struct Target {
    session: Session,
    /// Bytes sent and not acknowledged.
    unacknowledged: u64,
    /// Checksums asked for and not answered, by disk and first chunk.
    asked: BTreeMap<(DiskId, u64), ChecksumAsk>,
    retry_set: bool,
    /// While it pauses, nothing is put.
    busy: BackOff,
    /// What was told of its refusals last, by machine.
    told: BTreeMap<VmId, (SimTime, Refusal)>,
    /// Machines with something sealed that waits for the window.
    blocked: BTreeSet<VmId>,
    /// The machine that the window opens for next.
    turn: VmId,
    pacing: Pacing,
}

pub(super) fn machine_of(target: TargetPlace) -> MachineId {
    match target {
        TargetPlace::Storage(machine) | TargetPlace::MasterTarget(machine) => machine,
    }
}

impl Target {
    /// Sends what was not sent of a batch, perhaps with its tag, or of a piece; whether it went.
    fn put_segments(
        &mut self,
        env: &Env,
        spec: &ProcessServerSpec,
        protection: u32,
        state: &mut Sealing,
        tag: Option<InTurn>,
    ) -> bool {
        let Sealing::Sealed(outgoing) = state else { return false };
        let unsent = || outgoing.waiting.iter().filter(|w| !w.sent);
        let body = ToTarget::PutSegments {
            protection,
            segments: unsent().map(Waiting::packed).collect(),
            tag,
        };
        let mut blobs: Vec<Blob> = unsent().map(|w| w.sealed.blob.clone()).collect();
        if planted(Plant::KeyInFrame) {
            blobs.push(Blob::real(spec.key.expose().to_vec()));
        }
        let sent = self.session.send_with(env, body, Blob::join(&blobs));
        for waiting in outgoing.waiting.iter_mut().filter(|w| sent && !w.sent) {
            let size = waiting.sealed.blob.size;
            self.session.owe_for(env, size);
            self.unacknowledged += size;
            waiting.sent = true;
        }
        sent
    }

    /// Segments of so many bytes are answered for.
    fn put(&mut self, env: &Env, bytes: u64) {
        self.session.settled_for(env, bytes);
        if !planted(Plant::WindowLeaks) {
            self.unacknowledged = self.unacknowledged.saturating_sub(bytes);
        }
    }
}

/// How much may be sent.
struct Room {
    /// Batches and pieces.
    left: usize,
    /// What the machine's threads are at, in bytes, and what all of them can be at.
    uploading: u64,
    threads: u64,
    /// What one of them takes at a time.
    upload: u64,
    /// Bytes that may be on their way.
    window: u64,
}

/// What something sealed waits for.
#[derive(PartialEq, Eq)]
enum WaitsFor {
    /// A turn, room in the window, or the throttle.
    Turn,
    /// An answer to what is being uploaded of its machine.
    Thread,
}

impl Room {
    /// Takes room for one more; or says what that waits for.
    fn take(&mut self, env: &Env, target: &mut Target, outgoing: &Outgoing) -> Option<WaitsFor> {
        if self.uploading >= self.threads {
            return Some(WaitsFor::Thread);
        }
        if self.left == 0 || target.unacknowledged >= self.window {
            return Some(WaitsFor::Turn);
        }
        let unsent = outgoing.waiting.iter().filter(|waiting| !waiting.sent);
        let bytes: u64 = unsent.map(|waiting| waiting.sealed.blob.size).sum();
        let token = Token {
            what: PACED,
            key: u64::from(target.session.peer().0),
        };
        if !target.pacing.lets_out(env, bytes, token) {
            return Some(WaitsFor::Turn);
        }
        self.left -= 1;
        self.uploading += bytes.min(self.upload);
        None
    }
}

impl ProcessServer {
    pub(super) fn open_target(&mut self, place: TargetPlace) {
        let (machine, port, pacing) = match place {
            TargetPlace::Storage(machine) => {
                let throttled = Pacing::new(Arc::clone(&self.spec.throttles));
                (machine, PORT_MANAGEMENT, throttled)
            }
            TargetPlace::MasterTarget(machine) => (machine, PORT_MASTER_TARGET, Pacing::default()),
        };
        let target = self.targets.entry(machine).or_insert_with(|| Target {
            session: Session::new(
                machine,
                port,
                Token {
                    what: TARGET,
                    key: u64::from(machine.0),
                },
            ),
            unacknowledged: 0,
            asked: BTreeMap::new(),
            retry_set: false,
            busy: BackOff::default(),
            told: BTreeMap::new(),
            blocked: BTreeSet::new(),
            turn: VmId(0),
            pacing,
        });
        target.session.start(&self.env);
    }

    /// Says, once for each, that there has been no connection with a target for long.
    pub(super) fn miss_targets(&mut self) {
        let after = self.env.model.configuration_server.lost_after;
        for target in self.targets.values_mut() {
            if target.session.is_newly_gone(&self.env, after) {
                self.env.fact(Fact::Alert {
                    vm: None,
                    severity: Severity::Critical,
                    code: codes::UPLOAD_FAILS.to_owned(),
                    text: "the process server cannot store: no connection with its target".to_owned(),
                });
            }
        }
    }

    /// Gives an input to the sessions with targets; what is none of theirs comes back.
    pub(super) fn target_input(&mut self, mut input: Input) -> Option<Input> {
        let machines: Vec<MachineId> = self.targets.keys().copied().collect();
        for machine in machines {
            let Some(target) = self.targets.get_mut(&machine) else {
                continue;
            };
            match target.session.input(&self.env, input) {
                SessionEvent::NotMine(back) => {
                    input = back;
                    continue;
                }
                SessionEvent::Opened => self.on_target_opened(machine),
                SessionEvent::Received(frame) => self.on_target_frame(machine, frame),
                SessionEvent::Lost => {
                    target.unacknowledged = 0;
                    self.unsend(machine);
                }
                SessionEvent::Nothing => {}
            }
            return None;
        }
        Some(input)
    }

    fn on_target_opened(&mut self, machine: MachineId) {
        self.unsend(machine);
        let Some(target) = self.targets.get_mut(&machine) else {
            return;
        };
        for ask in target.asked.values() {
            target.session.send(&self.env, ToTarget::ChecksumAsk(*ask));
            target.session.owe(&self.env);
        }
        self.deliver_all(machine);
    }

    fn vms_of(&self, machine: MachineId) -> Vec<VmId> {
        let of_it = |s: &&Stream| machine_of(s.protection.target) == machine;
        self.streams.values().filter(of_it).map(Stream::vm).collect()
    }

    fn deliver_all(&mut self, machine: MachineId) {
        for vm in self.vms_of(machine) {
            self.deliver(vm);
        }
    }

    /// The window opened: machines that wait for it take turns until it is full again.
    fn deliver_blocked(&mut self, machine: MachineId) {
        while let Some(target) = self.targets.get_mut(&machine)
            && target.unacknowledged < self.spec.window_bytes
            && !target.pacing.waits()
            && let Some(&vm) = target.blocked.range(target.turn..).next().or(target.blocked.first())
        {
            target.turn = VmId(vm.0 + 1);
            target.blocked.remove(&vm);
            self.deliver_next(vm, 1);
        }
    }

    /// A throttle lets out what waits.
    pub(super) fn on_paced(&mut self, machine: MachineId) {
        if let Some(target) = self.targets.get_mut(&machine) {
            target.pacing.over();
            self.deliver_blocked(machine);
        }
    }

    /// A machine's segments were answered for. The room goes to whose turn it is, not to whoever was just answered: a large copy must not
    /// starve the others.
    fn share_room(&mut self, machine: MachineId, vm: VmId) {
        if let Some(target) = self.targets.get_mut(&machine) {
            target.blocked.insert(vm);
        }
        self.deliver_blocked(machine);
    }

    /// What was sent is not waited for any more.
    pub(super) fn give_back_window(&mut self, place: TargetPlace, bytes: u64) {
        let machine = machine_of(place);
        if let Some(target) = self.targets.get_mut(&machine) {
            target.unacknowledged = target.unacknowledged.saturating_sub(bytes);
            self.deliver_blocked(machine);
        }
    }

    /// Nothing that was sent counts as sent any more: the stored ciphertext will be sent again.
    fn unsend(&mut self, machine: MachineId) {
        if let Some(target) = self.targets.get_mut(&machine) {
            target.unacknowledged = 0;
        }
        for stream in self
            .streams
            .values_mut()
            .filter(|s| machine_of(s.protection.target) == machine)
        {
            for state in stream.states() {
                if let Sealing::Sealed(outgoing) = state {
                    outgoing.waiting.iter_mut().for_each(|w| w.sent = false);
                }
            }
            stream.batches.values_mut().for_each(|b| b.tag_sent = false);
            stream.copies.values_mut().for_each(|c| c.end_sent = false);
        }
    }

    /// Sends what the machine has sealed, within the window; then what is complete by it.
    pub(super) fn deliver(&mut self, vm: VmId) {
        self.deliver_next(vm, usize::MAX);
    }

    /// Sends so many of the machine's batches and pieces, and tags whose turn it is; where there is more, the machine waits for its next turn.
    fn deliver_next(&mut self, vm: VmId, count: usize) {
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        let Some(target) = self.targets.get_mut(&machine_of(stream.protection.target)) else {
            return;
        };
        if !target.session.is_open()
            || target.busy.waits()
            || (planted(Plant::ProcessServerHangs) && stream.whole >= HANGS_AFTER)
        {
            return;
        }
        let protection = stream.protection.protection;
        let model = &self.env.model.process_server;
        let mut room = Room {
            left: count,
            uploading: stream.uploading(model.upload),
            threads: model.upload_threads.saturating_mul(model.upload),
            upload: model.upload,
            window: self.spec.window_bytes,
        };
        // Tags are stored in order, so they are sent in order: with its batch's segments, or alone once those are answered for.
        let (mut in_turn, mut after) = (true, None);
        let (early, mut waits) = (planted(Plant::TagBeforeSegments), None);
        for (number, batch) in &mut stream.batches {
            let Sealing::Sealed(outgoing) = &batch.state else {
                in_turn = false;
                continue;
            };
            let unsent = outgoing.waiting.iter().filter(|w| !w.sent).count();
            let whole = unsent == outgoing.waiting.len();
            let alone = outgoing.waiting.is_empty() || early;
            let tag = |batch: &Batch| batch.tag().filter(|_| in_turn).map(|tag| InTurn { tag, after });
            if alone
                && let Some(tag) = tag(batch)
                && target.session.send(&self.env, ToTarget::PutTag { vm, protection, tag })
            {
                target.session.owe(&self.env);
                batch.tag_sent = true;
            }
            if unsent > 0 {
                waits = room.take(&self.env, target, outgoing);
                if waits.is_some() {
                    break;
                }
                let tag = if whole && !alone { tag(batch) } else { None };
                let with_tag = tag.is_some();
                let sent = target.put_segments(&self.env, &self.spec, protection, &mut batch.state, tag);
                batch.tag_sent |= sent && with_tag;
            }
            in_turn &= batch.tag_sent;
            after = Some(*number);
        }
        let pieces = if waits.is_none() {
            Some(stream.next_pieces())
        } else {
            None
        };
        for state in pieces.into_iter().flatten() {
            if let Sealing::Sealed(outgoing) = state
                && outgoing.waiting.iter().any(|w| !w.sent)
            {
                waits = room.take(&self.env, target, outgoing);
                if waits.is_some() {
                    break;
                }
                target.put_segments(&self.env, &self.spec, protection, state, None);
            }
        }
        match waits {
            Some(WaitsFor::Turn) => {
                target.blocked.insert(vm);
            }
            _ if target.blocked.is_empty() => target.pacing.rest(),
            _ => {}
        }
        self.deliver_copy_ends(vm);
    }

    /// Ends of copies of which nothing waits any more.
    pub(super) fn deliver_copy_ends(&mut self, vm: VmId) {
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        let protection = stream.protection.protection;
        let Some(target) = self.targets.get_mut(&machine_of(stream.protection.target)) else {
            return;
        };
        if target.busy.waits() {
            return;
        }
        for (disk, copy) in stream
            .copies
            .iter_mut()
            .filter(|(_, c)| c.pieces.is_empty() && !c.end_sent)
        {
            let Some((parts, highest)) = copy.end else { continue };
            let body = ToTarget::PutCopyEnd {
                disk: *disk,
                protection,
                copy: copy.number,
                parts,
                highest,
            };
            if target.session.send(&self.env, body) {
                target.session.owe(&self.env);
                copy.end_sent = true;
            }
        }
    }

    /// The record of a shared recovery point goes on to the target; its coordinator sends it again until it is stored.
    pub(super) fn relay_shared(&mut self, vm: VmId, put: PutShared) {
        let stream = self.streams.get(&vm);
        let of_it = stream.filter(|stream| stream.protection.protection == put.protection);
        let target = of_it.and_then(|stream| self.targets.get(&machine_of(stream.protection.target)));
        if let Some(target) = target {
            target.session.send(&self.env, ToTarget::PutShared(put));
        }
    }

    fn on_target_frame(&mut self, machine: MachineId, Frame { body, .. }: Frame) {
        let Body::SegmentsToProcessServer(message) = body else {
            return;
        };
        let did = match &message {
            ToProcessServer::SegmentsPut { refused, .. } => refused.is_none(),
            ToProcessServer::TagPut { .. } | ToProcessServer::CopyEndPut { .. } => true,
            ToProcessServer::Checksums(_)
            | ToProcessServer::SharedPut { .. }
            | ToProcessServer::TagOutOfTurn { .. }
            | ToProcessServer::Busy(_) => false,
        };
        if let Some(target) = self.targets.get_mut(&machine).filter(|_| did) {
            target.busy.answered();
        }
        match message {
            ToProcessServer::SegmentsPut {
                protection,
                disks,
                kind,
                refused,
            } => {
                let Some(vm) = disks.first().map(|(disk, _)| disk.vm) else {
                    return;
                };
                match refused {
                    // An answer to what an earlier protection of the machine sent: nobody waits for it.
                    _ if !self.serves(vm, protection) => disks.iter().for_each(|_| self.settle(machine)),
                    None => self.on_segments_put(machine, vm, &disks, kind),
                    Some(why) => {
                        // A tag that came with them was not taken in.
                        self.untag(vm, kind);
                        for (disk, epoch) in disks {
                            self.on_segment_refused(machine, disk, epoch, kind, &why);
                        }
                    }
                }
            }
            ToProcessServer::SharedPut { point } => self.tell(point.coordinator, ToAgent::SharedPut { point }),
            ToProcessServer::TagPut {
                vm,
                protection,
                batch,
                segments,
            } => {
                if !self.serves(vm, protection) {
                    (0..segments.max(1)).for_each(|_| self.settle(machine));
                } else if segments == 0 {
                    self.settle(machine);
                    self.on_tag_put(vm, batch);
                } else {
                    self.on_batch_put(machine, (vm, batch), segments);
                }
            }
            ToProcessServer::TagOutOfTurn { vm, protection, batch } => {
                self.settle(machine);
                if self.serves(vm, protection) {
                    self.untag(vm, SegmentKind::Changes { batch });
                }
            }
            ToProcessServer::CopyEndPut { disk, protection, copy } => {
                self.settle(machine);
                if self.serves(disk.vm, protection) {
                    self.on_copy_end_put(disk, copy);
                }
            }
            ToProcessServer::Busy(put) => self.on_busy(machine, put),
            ToProcessServer::Checksums(sums) => {
                let chunks = (sums.disk, sums.first_chunk);
                if let Some(target) = self.targets.get_mut(&machine)
                    && target.asked.get(&chunks).is_some_and(|asked| asked.copy == sums.copy)
                {
                    target.asked.remove(&chunks);
                    target.session.settled(&self.env);
                }
                self.tell(sums.disk.vm, ToAgent::Checksums(sums));
            }
        }
    }

    fn settle(&mut self, machine: MachineId) {
        if let Some(target) = self.targets.get_mut(&machine) {
            target.session.settled(&self.env);
        }
    }

    /// A target that is busy did not do what it was sent: it is sent again after a pause, in which nothing else is sent either.
    fn on_busy(&mut self, machine: MachineId, put: Put) {
        match put {
            Put::Segments {
                protection,
                disks,
                kind,
            } => {
                let Some(vm) = disks.first().map(|disk| disk.vm) else {
                    return;
                };
                let serves = self.serves(vm, protection);
                for disk in disks {
                    let size = if serves { self.unsent(disk, kind) } else { None };
                    if let Some(target) = self.targets.get_mut(&machine) {
                        target.put(&self.env, size.unwrap_or(0));
                    }
                }
                if serves {
                    self.untag(vm, kind);
                }
            }
            Put::Tag { vm, protection, batch } => {
                self.settle(machine);
                if self.serves(vm, protection) {
                    self.untag(vm, SegmentKind::Changes { batch });
                }
            }
            Put::CopyEnd { disk, protection, copy } => {
                self.settle(machine);
                let stream = self.streams.get_mut(&disk.vm);
                let stream = stream.filter(|stream| stream.protection.protection == protection);
                let of_it = stream.and_then(|stream| stream.copies.get_mut(&disk));
                if let Some(of_it) = of_it.filter(|of_it| of_it.number == copy) {
                    of_it.end_sent = false;
                }
            }
        }
        let token = Token {
            what: BUSY,
            key: u64::from(machine.0),
        };
        if let Some(target) = self.targets.get_mut(&machine) {
            target.busy.refused(&self.env, "the storage account", token);
        }
    }

    /// The pause that a busy target was given is over.
    pub(super) fn on_busy_over(&mut self, machine: MachineId) {
        if let Some(target) = self.targets.get_mut(&machine) {
            target.busy.over();
        }
        self.deliver_all(machine);
    }

    /// A segment that was sent is to be sent again; returns its size.
    fn unsent(&mut self, disk: DiskId, kind: SegmentKind) -> Option<u64> {
        let Sealing::Sealed(outgoing) = self.streams.get_mut(&disk.vm)?.state_of(disk, kind)? else {
            return None;
        };
        let mut waiting = outgoing.waiting.iter_mut();
        let waiting = waiting.find(|waiting| waiting.sealed.header.disk == disk && waiting.sent)?;
        waiting.sent = false;
        Some(waiting.sealed.blob.size)
    }

    /// Takes a segment off what waits; returns its size.
    fn take_waiting(&mut self, disk: DiskId, kind: SegmentKind) -> Option<u64> {
        let stream = self.streams.get_mut(&disk.vm)?;
        let Sealing::Sealed(outgoing) = stream.state_of(disk, kind)? else {
            return None;
        };
        let at = outgoing.waiting.iter().position(|w| w.sealed.header.disk == disk)?;
        let size = outgoing.waiting.remove(at).sealed.blob.size;
        self.in_flight -= size;
        Some(size)
    }

    fn serves(&self, vm: VmId, protection: u32) -> bool {
        let stream = self.streams.get(&vm);
        stream.is_some_and(|stream| stream.protection.protection == protection)
    }

    fn on_segments_put(&mut self, machine: MachineId, vm: VmId, disks: &[(DiskId, u32)], kind: SegmentKind) {
        for (disk, _) in disks {
            self.on_segment_put(machine, *disk, kind);
        }
        // A tag that came with them was not taken in, or they would be answered for by it.
        self.untag(vm, kind);
        self.deliver_next(vm, 0);
        self.share_room(machine, vm);
        self.seal_more();
        self.handed_over(vm);
        self.give_room();
    }

    fn on_segment_put(&mut self, machine: MachineId, disk: DiskId, kind: SegmentKind) {
        let size = self.take_waiting(disk, kind);
        if let Some(target) = self.targets.get_mut(&machine) {
            target.put(&self.env, size.unwrap_or(0));
        }
        if let (Some(_), SegmentKind::Copy { copy, part }) = (size, kind)
            && let Some(stream) = self.streams.get_mut(&disk.vm)
        {
            let file = stream.piece_file(disk, copy, part);
            let piece = stream
                .copies
                .get_mut(&disk)
                .filter(|c| c.number == copy)
                .and_then(|c| c.pieces.remove(&part));
            let bytes = piece.map_or(0, |p| p.bytes);
            stream.cached_bytes -= bytes;
            self.health.stored_bytes += bytes;
            self.env.files().remove(&file);
        }
    }

    fn untag(&mut self, vm: VmId, kind: SegmentKind) {
        if let SegmentKind::Changes { batch } = kind
            && let Some(batch) = self
                .streams
                .get_mut(&vm)
                .and_then(|stream| stream.batches.get_mut(&batch))
        {
            batch.tag_sent = false;
        }
    }

    fn on_segment_refused(&mut self, machine: MachineId, disk: DiskId, epoch: u32, kind: SegmentKind, why: &Refusal) {
        if !matches!(why, Refusal::Fenced { .. }) {
            self.tell_of_refusal(machine, disk.vm, why);
            // Perhaps the target was not told of the protection yet.
            if let Some(target) = self.targets.get_mut(&machine) {
                target.session.settled(&self.env);
                if !target.retry_set {
                    target.retry_set = true;
                    self.env.timer(
                        self.env.model.process_server.retry_after,
                        Token {
                            what: RETRY,
                            key: u64::from(machine.0),
                        },
                    );
                }
            }
            return;
        }
        // Somebody was granted a later epoch. Seal anew, with a later one still.
        if let Some(target) = self.targets.get_mut(&machine) {
            target.session.settled(&self.env);
        }
        let Some(stream) = self.streams.get_mut(&disk.vm) else {
            return;
        };
        let mut freed = 0;
        if let Some(state) = stream.state_of(disk, kind) {
            freed = state.outgoing_bytes();
            *state = Sealing::Cached;
        }
        // An epoch granted since is good: to ask for another would fence what was sealed in it.
        if stream.nonces.get(&disk).is_some_and(|nonces| nonces.epoch.0 <= epoch) {
            stream.nonces.remove(&disk);
        }
        self.in_flight -= freed;
        if let Some(target) = self.targets.get_mut(&machine) {
            target.unacknowledged = target.unacknowledged.saturating_sub(freed);
        }
        self.ask_epochs(disk.vm);
        self.ready.insert(disk.vm);
        self.seal_more();
    }

    /// What a target refuses is told at once, and the same again only after a while.
    fn tell_of_refusal(&mut self, machine: MachineId, vm: VmId, why: &Refusal) {
        let now = self.env.monotonic();
        let Some(target) = self.targets.get_mut(&machine) else {
            return;
        };
        let every = self.env.model.process_server.alert_every;
        let said = target
            .told
            .get(&vm)
            .is_some_and(|(at, told)| told == why && now.since(*at) < every);
        if !said {
            target.told.insert(vm, (now, why.clone()));
            self.alert(vm, Severity::Critical, format!("the target refuses a segment: {why}"));
        }
    }

    pub(super) fn on_retry(&mut self, machine: MachineId) {
        if let Some(target) = self.targets.get_mut(&machine) {
            target.retry_set = false;
        }
        self.unsend(machine);
        self.deliver_all(machine);
    }

    /// A batch is stored with its tag, which answers for the segments that came with it.
    fn on_batch_put(&mut self, machine: MachineId, (vm, number): (VmId, u64), segments: u32) {
        let batch = self
            .streams
            .get_mut(&vm)
            .and_then(|stream| stream.batches.get_mut(&number));
        let Some(Sealing::Sealed(outgoing)) = batch.map(|batch| &mut batch.state) else {
            return (0..segments).for_each(|_| self.settle(machine));
        };
        let put = std::mem::take(&mut outgoing.waiting);
        for waiting in put {
            let size = waiting.sealed.blob.size;
            self.in_flight -= size;
            if let Some(target) = self.targets.get_mut(&machine) {
                target.put(&self.env, size);
            }
        }
        self.share_room(machine, vm);
        self.on_tag_put(vm, number);
    }

    fn on_tag_put(&mut self, vm: VmId, number: u64) {
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        let Some(batch) = stream.batches.remove(&number) else {
            return;
        };
        stream.cached_bytes -= batch.bytes;
        self.health.stored_bytes += batch.bytes;
        stream.stored = stream.stored.max(number);
        let files = self.env.files();
        for file in stream.batch_files(number, 0..batch.ending.parts) {
            files.remove(&file);
        }
        self.save_done(vm);
        self.deliver(vm);
        self.seal_more();
        self.handed_over(vm);
        self.give_room();
    }

    /// Writes down which batch was stored last.
    pub(super) fn save_done(&mut self, vm: VmId) {
        let Some(stream) = self.streams.get(&vm) else { return };
        let done = datapath::encoded::encode(&stream.stored);
        if let Err(error) = self.env.files().replace(&stream.done_file(), Blob::real(done)) {
            self.undone.done.insert(vm);
            self.disk_failed(Some(vm), &error);
        }
    }

    fn on_copy_end_put(&mut self, disk: DiskId, number: u32) {
        let Some(stream) = self.streams.get_mut(&disk.vm) else {
            return;
        };
        if stream.copies.get(&disk).is_some_and(|c| c.number == number) {
            stream.copies.remove(&disk);
        }
        self.copying.remove(&(disk, number));
        self.tell(disk.vm, ToAgent::CopyStored { disk, copy: number });
        self.grant_copies();
    }

    pub(super) fn relay_checksum_ask(&mut self, ask: ChecksumAsk) {
        let Some(stream) = self.streams.get(&ask.disk.vm) else {
            return;
        };
        let Some(target) = self.targets.get_mut(&machine_of(stream.protection.target)) else {
            return;
        };
        let repeated = target.asked.insert((ask.disk, ask.first_chunk), ask) == Some(ask);
        if !repeated && target.session.send(&self.env, ToTarget::ChecksumAsk(ask)) {
            target.session.owe(&self.env);
        }
    }
}

impl Waiting {
    fn packed(&self) -> Packed {
        Packed {
            header: self.sealed.header.clone(),
            plain_bytes: self.plain_bytes,
            bytes: self.sealed.blob.bytes.len() as u64,
            size: self.sealed.blob.size,
        }
    }
}

impl Batch {
    /// Its tag, if it is sealed and its tag was not sent.
    fn tag(&self) -> Option<Tag> {
        let Batch { ending, state, .. } = self;
        let Sealing::Sealed(outgoing) = state else { return None };
        (!self.tag_sent).then(|| Tag {
            batch: ending.batch,
            first: ending.first,
            last: ending.last,
            segments: outgoing.headers.as_slice().into(),
            cut: ending.cut,
            mark: ending.mark,
        })
    }
}

impl Stream {
    fn states(&mut self) -> impl Iterator<Item = &mut Sealing> {
        let pieces = self
            .copies
            .values_mut()
            .flat_map(|c| c.pieces.values_mut())
            .map(|p| &mut p.state);
        self.batches.values_mut().map(|b| &mut b.state).chain(pieces)
    }

    /// Of each copy the pieces that may be ready to be sent: up to the first that is not sealed. Pieces are sealed in order, and a cache
    /// can hold a great many that are not.
    pub(super) fn next_pieces(&mut self) -> impl Iterator<Item = &mut Sealing> {
        let sealed = |state: &&mut Sealing| matches!(state, Sealing::Sealed(_));
        self.copies
            .values_mut()
            .flat_map(move |c| c.pieces.values_mut().map(|p| &mut p.state).take_while(sealed))
    }

    fn state_of(&mut self, disk: DiskId, kind: SegmentKind) -> Option<&mut Sealing> {
        match kind {
            SegmentKind::Changes { batch } => self.batches.get_mut(&batch).map(|b| &mut b.state),
            SegmentKind::Copy { copy, part } => {
                let copy = self.copies.get_mut(&disk).filter(|c| c.number == copy)?;
                copy.pieces.get_mut(&part).map(|p| &mut p.state)
            }
            SegmentKind::Merged { .. } => None,
        }
    }
}
