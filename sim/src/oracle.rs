//! The prover: it saw every guest write, keeps its own idea of what each disk holds, and judges what the target holds at every recovery
//! point and what every failover puts together.
//!
//! It is no actor, and shares no code with the actors nor with the parts of `datapath` that they are made of (journal, batches, segments,
//! replica, writing to volumes). It knows the run through facts and the evidence shown with them, in one pass; what it keeps is bounded
//! by the disks' written extents, the points that are kept and what has not yet reached the target.
//!
//! - Real grain: expected content is the disk's start (the image itself) and, per extent that was written, a short list of (write, hash).
//! - Extent grain: the same with versions in place of hashes.
//! - Aggregate grain: per machine, bytes by range of the sequence; a point is judged by [`crate::invariants::sizes_add_up`].

mod alerts;
pub mod by_flow;
pub mod clocks;
pub(crate) mod compare;
mod databases;
mod failovers;
mod figures;
mod groups;
mod guest;
pub mod history;
mod links;
mod liveness;
mod outages;
mod paths;
pub mod print;
mod process_servers;
mod protection;
pub mod ranges;
pub mod reader;
mod recovery;
mod recovery_plans;
mod replication;
pub mod restoring;
mod retention;
pub mod root;
mod storage;
mod writes;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::Table;
use actors::facts::{Fact, StoredSegment};
use actors::model::Model;
use actors::nouns::{ActorId, ItemState, MachineId};
use actors::ports::Evidence;
use actors::spec::VmSpec;
use datapath::segment::SegmentKind;
use datapath::{DiskId, Grain, SimTime, VmId};

use crate::invariants::nonces_never_repeat::Nonces;
use crate::invariants::something_was_judged::Judged;
use crate::invariants::{
    Ledger, fenced_before_granted, secrets_stay_in_place, something_was_judged, states_follow_table,
};
use crate::link::door::Seen;
use crate::metrics::{Collector, RunResult};
use crate::run::Observer;
use crate::secrets::Leak;
use crate::spec::WorldSpec;
use crate::start::start_source;
use failovers::Plan;
use figures::Figures;
use guest::Guests;
use links::LinkTrack;
use liveness::Liveness;
use protection::Protection;
use reader::Vault;
use recovery::Loss;
use restoring::AtRest;
use retention::Retentions;
use root::Root;
pub use storage::vault_and_key;
use storage::{Said, files_of};

/// What is kept of one protected machine.
struct VmTrack {
    spec: Arc<VmSpec>,
    /// What its disks held at the start of the run.
    roots: Vec<Root>,
    guests: Guests,
    /// The newest protection; older ones are over.
    protections: BTreeMap<u32, Protection>,
    state: Option<ItemState>,
    losses: Vec<Loss>,
    figures: Figures,
}

/// The prover.
pub struct Oracle {
    model: Arc<Model>,
    grain: Grain,
    now: SimTime,
    ledger: Ledger,
    collector: Collector,
    vms: Table<VmId, VmTrack>,
    nonces: Nonces,
    /// Of the keys for merged segments.
    merging_nonces: Nonces,
    links: Vec<LinkTrack>,
    vault: Option<Vault>,
    retentions: Retentions,
    plan: Plan,
    clocks: clocks::Clocks,
    alerts: alerts::Alerts,
    process_servers: process_servers::ProcessServers,
    liveness: Liveness,
    groups: groups::Groups,
    restore_due: restoring::Due,
    databases: databases::Databases,
    recovery_plans: recovery_plans::RecoveryPlans,
    /// Points processed, and points judged.
    points: (u64, u64),
    /// Disks recovered, and disks judged.
    recovered_disks: (u64, u64),
    /// Segments stored, and segments read from storage.
    segments: (u64, u64),
}

impl Oracle {
    /// A prover of a world's run: with the content's grain and the seed of the run, from which generated disks are made.
    #[must_use]
    pub fn new(spec: &WorldSpec, grain: Grain, seed: u64) -> Oracle {
        let starts: BTreeMap<DiskId, Root> = spec
            .volumes
            .iter()
            .filter(|volume| volume.name == actors::ports::volume_name(volume.disk, "source"))
            .map(|volume| (volume.disk, Root::new(start_source(volume, seed), grain)))
            .collect();
        let vms: Table<VmId, VmTrack> = spec
            .vms
            .iter()
            .map(|vm| {
                let roots = vm.disks.iter().map(|(disk, _)| {
                    let root = starts.get(disk).cloned();
                    root.unwrap_or_else(|| Root::new(None, grain))
                });
                let track = VmTrack {
                    spec: Arc::clone(vm),
                    roots: roots.collect(),
                    guests: Guests::default(),
                    protections: BTreeMap::new(),
                    state: None,
                    losses: Vec::new(),
                    figures: Figures::default(),
                };
                (vm.vm, track)
            })
            .collect();
        let used = |track: &VmTrack| track.roots.iter().map(Root::used_bytes).sum();
        let used = vms.iter().map(|(vm, track)| (*vm, used(track))).collect();
        Oracle {
            model: Arc::clone(&spec.model),
            grain,
            now: SimTime::ZERO,
            ledger: Ledger::default(),
            collector: Collector::new(spec),
            vms,
            nonces: Nonces::default(),
            merging_nonces: Nonces::default(),
            links: spec
                .links
                .iter()
                .map(|link| LinkTrack::new(link, &spec.tcp()))
                .collect(),
            vault: vault_and_key(spec).map(|(id, key)| Vault::new(id, key)),
            retentions: Retentions::new(spec),
            plan: Plan::new(spec),
            clocks: clocks::Clocks::new(spec),
            alerts: alerts::Alerts::new(spec),
            process_servers: process_servers::ProcessServers::new(spec),
            liveness: Liveness::new(spec, used),
            groups: groups::Groups::new(spec),
            restore_due: restoring::Due::new(),
            databases: databases::Databases::new(spec),
            recovery_plans: recovery_plans::RecoveryPlans::new(spec),
            points: (0, 0),
            recovered_disks: (0, 0),
            segments: (0, 0),
        }
    }

    /// Takes in a fact and the evidence shown with it.
    pub fn fact(&mut self, at: SimTime, fact: &Fact, evidence: Option<Evidence>) {
        self.now = at;
        let stored;
        let fact = match fact {
            Fact::TagFound {
                vm,
                protection,
                batch,
                last,
                mark,
            } => {
                // Most of what is found again was told, or is of a protection that is over; what was not is stored from here on.
                let newest = self.protection(*vm, *protection).map(|(_, of)| of.newest_tagged);
                if newest.is_none_or(|newest| *batch <= newest) {
                    return;
                }
                stored = Fact::TagStored {
                    vm: *vm,
                    protection: *protection,
                    batch: *batch,
                    last: *last,
                    mark: *mark,
                };
                &stored
            }
            _ => fact,
        };
        self.collector.fact(at, fact);
        self.plan_fact(fact);
        if let Some(track) = figures::vm_of(fact).and_then(|vm| self.vms.get_mut(&vm)) {
            track.figures.fact(at, fact);
        }
        self.process_server_fact(at, fact, evidence.as_ref());
        match fact {
            Fact::Wrote { .. }
            | Fact::Acknowledged { .. }
            | Fact::WroteSummaries { .. }
            | Fact::GuestFlushed { .. }
            | Fact::LifeStarted { .. }
            | Fact::LifeEnded { .. } => self.guest_fact(at, fact, evidence),
            Fact::ProtectionStarted { .. }
            | Fact::CopyStarted { .. }
            | Fact::CopyProgress { .. }
            | Fact::CopyEnded { .. }
            | Fact::BatchCut { .. }
            | Fact::BatchCached { .. }
            | Fact::TagStored { .. }
            | Fact::PointProcessed { .. }
            | Fact::PointPruned { .. }
            | Fact::BatchesMerged { .. } => self.replication_fact(at, fact, evidence),
            Fact::Recovered { .. } => self.recovered(at, fact, evidence),
            Fact::Power { machine, on } => self.power(at, *machine, *on),
            Fact::TestCleaned { vm } => {
                let protections = self.vms.get_mut(vm).map(|track| &mut track.protections);
                let all = protections.into_iter().flat_map(|all| all.values_mut());
                all.for_each(|of| of.tested = None);
            }
            Fact::SegmentRefused { name, why } => self.refused(at, name, why),
            Fact::State { vm, state } => {
                if let Some(track) = self.vms.get_mut(vm) {
                    let violations = states_follow_table::check(track.state, *state);
                    track.state = Some(*state);
                    self.ledger.check(at, *vm, violations);
                }
            }
            Fact::EpochGranted { disk, epoch, sealer } => {
                if let Some(Evidence::Fences { at: fences }) = evidence {
                    let fence = self.target_of(disk.vm).and_then(|target| {
                        let of_target = fences.iter().find(|(machine, _)| *machine == target);
                        of_target.and_then(|(_, fence)| *fence)
                    });
                    let violations = fenced_before_granted::check(*disk, *epoch, fence);
                    self.ledger.check(at, *disk, violations);
                }
                let violations = self.nonces.granted(*disk, *epoch, *sealer);
                self.ledger.check(at, *disk, violations);
            }
            Fact::MergingEpochGranted { disk, epoch, sealer } => {
                let violations = self.merging_nonces.granted(*disk, *epoch, *sealer);
                self.ledger.check(at, *disk, violations);
            }
            Fact::SegmentsStored {
                protection,
                kind,
                segments,
            } => {
                let files = files_of(evidence);
                for segment in segments {
                    let StoredSegment { disk, epoch, .. } = *segment;
                    if !matches!(kind, SegmentKind::Merged { .. }) {
                        self.uploaded(at, disk, epoch, segment.stored_bytes);
                    }
                    let said = Said {
                        at,
                        disk,
                        protection: *protection,
                        kind: *kind,
                        nonce: (epoch, segment.first_counter),
                    };
                    self.segment_stored(said, segment.stored_bytes, &files);
                }
            }
            Fact::SegmentFound {
                disk,
                protection,
                kind,
                epoch,
                first_counter,
                stored_bytes,
            } if self.is_new_piece(*disk, *protection, *kind) => {
                let said = Said {
                    at,
                    disk: *disk,
                    protection: *protection,
                    kind: *kind,
                    nonce: (*epoch, *first_counter),
                };
                self.segment_stored(said, *stored_bytes, &files_of(evidence));
            }
            Fact::LinkUse {
                link,
                back,
                from,
                to,
                bytes,
            } => self.link_use(at, *link, *back, (*from, *to), *bytes),
            _ => {}
        }
        self.liveness_fact(at, fact);
        self.group_fact(at, fact);
        self.alert_fact(at, fact);
        self.database_fact(fact);
        self.recovery_plan_fact(at, fact);
    }

    fn power(&mut self, at: SimTime, machine: MachineId, on: bool) {
        if !on {
            for track in self.vms.values_mut() {
                let vm = &track.spec;
                if [vm.source, vm.failback, vm.azure, vm.test].contains(&machine) {
                    track.guests.power_lost(machine, at);
                    track.figures.power_lost(at, machine);
                }
            }
        }
    }

    /// It was looked so often for secrets, and these stood where they have no business.
    pub fn leaked(&mut self, leaks: Vec<Leak>, looked: u64) {
        self.ledger.looked(secrets_stay_in_place::LAW, looked);
        if !leaks.is_empty() {
            self.ledger.check(self.now, None, secrets_stay_in_place::check(leaks));
        }
    }

    /// The end of the run: what can only be judged then, and the result.
    #[must_use]
    pub fn finish(mut self, now: SimTime) -> RunResult {
        self.now = self.now.max(now);
        let vms: Vec<VmId> = self.vms.keys().copied().collect();
        for vm in vms {
            self.settle_losses(vm, None);
        }
        self.finish_links();
        let unfinished = self.finish_waits();
        self.finish_groups();
        self.finish_alerts();
        let violations = something_was_judged::check(&Judged {
            points: self.points,
            disks: self.recovered_disks,
            segments: self.segments,
        });
        self.ledger.check(self.now, None, violations);
        let mut result = self.collector.finish(self.grain, self.now);
        for reported in &result.vms {
            if let Some(track) = self.vms.get_mut(&reported.vm) {
                let violations = std::mem::take(&mut track.figures).end(self.now, reported);
                self.ledger.check(self.now, reported.vm, violations);
            }
        }
        result.groups = self.groups.finish();
        result.databases = self.databases.finish();
        (result.checks, result.findings, result.findings_dropped) = self.ledger.finish();
        RunResult { unfinished, ..result }
    }
}

impl Observer for Oracle {
    fn fact(&mut self, at: SimTime, _ordinal: u64, _actor: Option<ActorId>, fact: &Fact, evidence: Option<Evidence>) {
        Oracle::fact(self, at, fact, evidence);
    }

    fn links(&mut self, seen: &[Seen]) {
        Oracle::links(self, seen);
    }

    fn removed(&mut self, files: &[String]) {
        Oracle::removed(self, files);
    }

    fn at_rest(&mut self, at_rest: &dyn AtRest, over: bool) {
        Oracle::at_rest(self, at_rest, over);
    }

    fn leaked(&mut self, leaks: Vec<Leak>, looked: u64) {
        Oracle::leaked(self, leaks, looked);
    }
}
