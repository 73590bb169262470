//! Replicas and recovery points: what storage tells, what keepers want, what a failover takes.

use std::collections::BTreeMap;

use datapath::plants::{Plant, planted};
use datapath::replica::Mark;
use datapath::volume::Volume;
use datapath::{Blob, DiskId, SimTime, VmId};

use super::stages::Condition;
use super::{BUSY, LOOK, Service};
use crate::codes;
use crate::facts::{Fact, FailoverPhase, RPO_PASSED, Severity};
use crate::messages::Body;
use crate::messages::machines::ToCompute;
use crate::messages::replica::{ToService, ToStorage};
use crate::nouns::{FailoverKind, ItemState, Life, Outcome, Place, Target};
use crate::ports::{Evidence, Frame, Output, Token, volume_name};
use crate::replica_keeper::{KeeperEvent, ReplicaKeeper, job_owner};

/// The failover that puts a machine at a place, and the name of its volumes there.
pub(super) fn failover_to(place: Place) -> (&'static str, FailoverKind) {
    match place {
        Place::Test => ("test", FailoverKind::Test),
        Place::Azure | Place::OnPremises => ("azure", FailoverKind::Unplanned),
    }
}

impl Service {
    /// What was asked and not answered on the connection before is asked again.
    pub(super) fn storage_opened(&mut self) {
        for (disk, grant) in &self.grants {
            let current = self.items.get(&disk.vm).and_then(|item| item.current.as_ref());
            if current.is_some_and(|current| matches!(current.target, Target::Storage(_))) {
                let (disk, epoch) = (*disk, grant.epoch);
                self.storage.send(&self.env, ToStorage::Fence { disk, epoch });
            }
        }
        for returning in self.returning.values_mut() {
            let protection = returning.begin();
            self.storage.send(&self.env, ToStorage::Watch { protection });
        }
        let mut vms = Vec::new();
        self.put_off.clear();
        for (vm, keeper) in &mut self.keepers {
            keeper.ask_again();
            self.storage.send(
                &self.env,
                ToStorage::Watch {
                    protection: keeper.protection().clone(),
                },
            );
            vms.push(*vm);
        }
        let asking: Vec<VmId> = self.asking.keys().copied().collect();
        asking.into_iter().for_each(|vm| self.ask_stored(vm));
        vms.into_iter().for_each(|vm| self.attend(vm));
    }

    /// Sends the question what is stored of a machine, which waits for its answer.
    pub(super) fn ask_stored(&mut self, vm: VmId) {
        if let Some(&(protection, last)) = self.asking.get(&vm) {
            self.storage.owe(&self.env);
            self.storage
                .send(&self.env, ToStorage::StoredAsk { vm, protection, last });
        }
    }

    pub(super) fn storage_said(&mut self, frame: Frame) {
        let Body::ReplicaToService(message) = frame.body else {
            return;
        };
        if let Some(message) = self.keep_for_returning(message) {
            self.told(message, frame.payload);
        }
    }

    /// Acts on what storage tells.
    pub(super) fn told(&mut self, message: ToService, payload: Option<Blob>) {
        match message {
            ToService::SharedStored { record } => self.shared_stored(record),
            ToService::CopySegmentStored {
                protection,
                header,
                stored_bytes,
            } => {
                let vm = header.disk.vm;
                if let Some(keeper) = self.keeper(vm, protection) {
                    keeper.copy_segment_stored(header, stored_bytes);
                    self.attend(vm);
                }
            }
            ToService::CopyComplete {
                disk,
                protection,
                copy,
                parts,
                highest,
            } => {
                if let Some(keeper) = self.keeper(disk.vm, protection) {
                    keeper.copy_complete(disk, copy, parts, highest);
                    self.attend(disk.vm);
                }
            }
            ToService::TagStored {
                vm,
                protection,
                tag,
                stored_bytes,
                brought,
            } => {
                if self.keeper(vm, protection).is_none() {
                    return;
                }
                if let Some(item) = self.items.get_mut(&vm) {
                    item.stored = item.stored.max(tag.last);
                    item.newest_stored = item.newest_stored.max(tag.mark.map(|mark| mark.marked_source));
                }
                if let Some(keeper) = self.keepers.get_mut(&vm) {
                    // A payload that does not hold what the frame names holds nothing.
                    let brought = payload.unwrap_or_default().split(brought);
                    keeper.tag_stored(tag, stored_bytes, brought.unwrap_or_default());
                }
                self.attend(vm);
                self.met(&Condition::Drained(vm));
            }
            ToService::Segments {
                protection,
                headers,
                found,
            } => {
                self.storage.settled(&self.env);
                self.busy.answered();
                let Some(vm) = headers.first().map(|header| header.disk.vm) else {
                    return;
                };
                let lengths = found.iter().copied().flatten();
                // A payload that does not hold what the frame names holds nothing.
                let blobs = payload.unwrap_or_default().split(lengths).unwrap_or_default();
                let mut blobs = blobs.into_iter();
                let segments = found.iter().map(|lengths| lengths.and_then(|_| blobs.next()));
                let segments = segments.collect();
                if let Some(keeper) = self.keeper(vm, protection) {
                    keeper.segments(&headers, segments);
                    self.attend(vm);
                }
            }
            ToService::Busy { protection, headers } => {
                self.storage.settled(&self.env);
                self.busy
                    .refused(&self.env, "the storage account", Token { what: BUSY, key: 0 });
                self.put_off.push((protection, headers));
            }
            ToService::MergedPut {
                vm,
                protection,
                from,
                to,
                refused,
            } => {
                self.storage.settled(&self.env);
                if let Some(keeper) = self.keeper(vm, protection) {
                    keeper.merged_put(from, to, refused);
                    self.attend(vm);
                }
            }
            ToService::StoredTold { vm, protection } => {
                self.storage.settled(&self.env);
                if self.asking.get(&vm).is_some_and(|(of, _)| *of == protection) {
                    self.asking.remove(&vm);
                    self.unsaved.machines.insert(vm);
                    self.has_returned(vm);
                    self.met(&Condition::Told(vm));
                }
            }
            ToService::HeartbeatSeen => self.storage.settled(&self.env),
            ToService::Fenced { disk, epoch } => self.fenced(disk, epoch),
            ToService::ChecksumAsk(ask) => {
                let vm = ask.disk.vm;
                if let Some(keeper) = self.keepers.get_mut(&vm) {
                    keeper.checksums(ask);
                    self.attend(vm);
                }
            }
        }
    }

    fn keeper(&mut self, vm: VmId, protection: u32) -> Option<&mut ReplicaKeeper> {
        self.keepers
            .get_mut(&vm)
            .filter(|keeper| keeper.protection().protection == protection)
    }

    pub(super) fn keeper_job(&mut self, key: u64, output: Output) {
        let vm = job_owner(key);
        if let Some(keeper) = self.keepers.get_mut(&vm) {
            keeper.done(key, output);
            self.attend(vm);
        }
    }

    /// The pause that a busy storage account was given is over: what it did not read is asked for again, and what is wanted since.
    pub(super) fn storage_rested(&mut self) {
        self.busy.over();
        let mut asked_again = false;
        for (protection, headers) in std::mem::take(&mut self.put_off) {
            let vm = headers.first().map(|header| header.disk.vm);
            let wanted = vm.is_some_and(|vm| self.keeper(vm, protection).is_some());
            if wanted && self.storage.is_open() {
                asked_again = true;
                self.storage.owe(&self.env);
                let body = ToStorage::GetSegments { protection, headers };
                self.storage.send(&self.env, body);
            }
        }
        if !asked_again {
            // Nobody waits for what was refused, and there may be nothing to ask for hours: what is refused then is the first.
            self.busy.answered();
        }
        let vms: Vec<VmId> = self.keepers.keys().copied().collect();
        vms.into_iter().for_each(|vm| self.attend(vm));
    }

    /// Fetches what a keeper wants and carries out what came of it.
    pub(super) fn attend(&mut self, vm: VmId) {
        if self.attended.last() != Some(&vm) {
            self.attended.push(vm);
        }
        loop {
            let Some(keeper) = self.keepers.get_mut(&vm) else {
                return;
            };
            let protection = keeper.protection().protection;
            if self.storage.is_open() && !self.busy.waits() {
                for headers in keeper.take_wanted() {
                    self.storage.owe(&self.env);
                    self.storage
                        .send(&self.env, ToStorage::GetSegments { protection, headers });
                }
            }
            let events = keeper.take_events();
            if events.is_empty() {
                return;
            }
            self.retain(vm, &events);
            for event in events {
                self.happened(vm, protection, event);
            }
        }
    }

    fn happened(&mut self, vm: VmId, protection: u32, event: KeeperEvent) {
        match event {
            KeeperEvent::CopiesApplied { copy } => self.copies_applied(vm, protection, copy),
            KeeperEvent::PointProcessed(_) => self.point_processed(vm),
            KeeperEvent::Refused(_) => {}
            KeeperEvent::CopyNeeded { copy, why } => self.resynchronize(vm, protection, copy, &why),
            // Once a checkpoint does without them.
            KeeperEvent::Drop { .. } => {}
            KeeperEvent::Merged { merged, payload } => {
                let body = ToStorage::PutMerged { vm, protection, merged };
                self.storage.owe(&self.env);
                self.storage.send_with(&self.env, body, payload);
            }
            KeeperEvent::Checksums(sums) => {
                self.storage.send(&self.env, ToStorage::Checksums(sums));
            }
            KeeperEvent::Materialised { ticket, result } => {
                let Some((job, place)) = self.job_with_ticket(vm, ticket) else {
                    return;
                };
                match result {
                    Ok((mark, disks)) => self.put_disks(job, vm, place, mark, disks),
                    Err(why) => self.end(job, Outcome::Failed(why)),
                }
            }
        }
    }

    /// The copies of that number are applied.
    pub(super) fn copies_applied(&mut self, vm: VmId, protection: u32, copy: u32) {
        if self.is_current(vm, protection)
            && let Some(item) = self
                .items
                .get_mut(&vm)
                .filter(|item| item.copy <= copy && item.put_off.is_none())
        {
            item.resynchronizing = false;
            self.unsaved.machines.insert(vm);
        }
    }

    /// A recovery point is usable: where all copies are applied, that is what protection waited for ("Finalize protection").
    pub(super) fn point_processed(&mut self, vm: VmId) {
        let Some(item) = self.items.get_mut(&vm) else { return };
        if item.resynchronizing {
            return;
        }
        if std::mem::take(&mut item.tries) > 0 {
            self.unsaved.machines.insert(vm);
        }
        let state = match item.state {
            ItemState::EnableInProgress | ItemState::InitialReplication | ItemState::Resynchronizing => {
                ItemState::Protected
            }
            ItemState::ReprotectInProgress => ItemState::ProtectedReverse,
            _ => return,
        };
        self.enter(vm, state);
    }

    /// The disks of a point become volumes to boot from.
    fn put_disks(&mut self, job: u64, vm: VmId, place: Place, mark: Mark, disks: BTreeMap<DiskId, Volume>) {
        let (name, kind) = failover_to(place);
        if let Some(running) = self.jobs.get_mut(&job) {
            running.mark = Some(mark);
        }
        self.env.fact(Fact::Failover {
            vm,
            kind,
            phase: FailoverPhase::PointChosen,
        });
        let mut volumes = Vec::new();
        for (disk, mut volume) in disks {
            if planted(Plant::NewerDiskRecovered)
                && disk.index == 0
                && let Some(newer) = self.keepers.get(&vm).and_then(|keeper| keeper.head(disk))
            {
                volume = newer;
            }
            self.env.volume_put(&volume_name(disk, name), volume.clone());
            volumes.push((disk, volume));
        }
        self.log_recovered(vm, kind, mark, Evidence::Disks { volumes });
        if planted(Plant::JobHangs) {
            return;
        }
        self.advance(job);
    }

    pub(super) fn log_recovered(&self, vm: VmId, kind: FailoverKind, mark: Mark, disks: Evidence) {
        let current = self.items.get(&vm).and_then(|item| item.current.as_ref());
        let Some(current) = current else { return };
        let fact = Fact::Recovered {
            vm,
            protection: current.protection,
            kind,
            point: mark.point,
            life: Life::of(mark.life),
            seq: mark.seq,
            consistency: mark.consistency,
            marked: mark.marked,
            disks: current.disks.clone(),
        };
        self.env.evidence(fact, disks);
    }

    /// Once a minute, while there is a replica: backlogs, and machines whose RPO passed the policy's threshold (an alert, and
    /// nothing else: facts §2.1).
    pub(super) fn look(&mut self) {
        self.looking = false;
        let mut attended = std::mem::take(&mut self.attended);
        attended.sort_unstable();
        attended.dedup();
        for vm in attended {
            if let Some(keeper) = self.keepers.get_mut(&vm) {
                keeper.log_backlog();
            }
        }
        let (late, without) = self.without_new_points();
        for vm in late {
            self.alert(vm, Severity::Warning, RPO_PASSED.to_owned());
        }
        for vm in without {
            let minutes = self.env.model.azure.no_point_after / 60_000_000_000;
            let text = format!("no crash-consistent recovery point in {minutes} min");
            self.alert_with(vm, Severity::Critical, codes::NO_CRASH_CONSISTENT_POINT, text);
        }
        // A machine that loses its power says nothing, and who only listens never learns of it.
        let replicates = !self.keepers.is_empty() || !self.returning.is_empty();
        if (replicates || !self.grants.is_empty()) && self.storage.send(&self.env, ToStorage::Heartbeat) {
            self.storage.owe(&self.env);
        }
        if !self.orders.is_empty() && self.compute.send(&self.env, ToCompute::Heartbeat) {
            self.compute.owe(&self.env);
        }
        if replicates || !self.orders.is_empty() {
            self.look_soon();
        }
    }

    /// Machines whose RPO has passed the policy's threshold, and those that have had no recovery point for long, since this was last asked.
    fn without_new_points(&mut self) -> (Vec<VmId>, Vec<VmId>) {
        let now = self.env.clock();
        let no_point_after = self.env.model.azure.no_point_after;
        let (mut late, mut without) = (Vec::new(), Vec::new());
        self.quiet.resize(self.items.len(), SimTime::ZERO);
        for (place, quiet) in self.quiet.iter_mut().enumerate() {
            if now <= *quiet {
                continue;
            }
            let Some((vm, item)) = self.items.get_index_mut(place) else {
                continue;
            };
            let Some(marked) = item.newest_stored.filter(|_| item.state == ItemState::Protected) else {
                continue;
            };
            let threshold = match () {
                () if planted(Plant::AlertNeverComes) => u64::MAX,
                () if planted(Plant::AlertWithoutCause) => item.policy.rpo_threshold / 100,
                () => item.policy.rpo_threshold,
            };
            let is_late = now.since(marked) > threshold;
            if is_late && !item.rpo_alerted {
                late.push(*vm);
            }
            item.rpo_alerted = is_late;
            let is_without = now.since(marked) > no_point_after;
            match is_without {
                true if self.without_points.insert(*vm) => without.push(*vm),
                true => {}
                false => drop(self.without_points.remove(vm)),
            }
            // A point that is stored meanwhile makes it longer.
            if !is_late && !is_without {
                *quiet = marked.after(threshold.min(no_point_after));
            }
        }
        (late, without)
    }

    pub(super) fn look_soon(&mut self) {
        if !self.looking {
            self.looking = true;
            let _ = self
                .env
                .timer(self.env.model.azure.look_every, Token { what: LOOK, key: 0 });
        }
    }
}
