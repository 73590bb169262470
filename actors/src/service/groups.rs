//! Replication groups: which recovery points all members share, and what that means for failovers (facts §2.4, §2.5).
//!
//! A point is shared once its record is stored and every member has a processed point with its mark. The service decides that, no member
//! does. Members that fail over one after the other to "latest multi-VM" take the same point; a new choice is made once a member asks
//! again. Failback is together only: where all members were shut down and everything that they wrote has arrived, their latest points go
//! together whatever they are called; else they take the newest shared one.

use std::collections::{BTreeMap, BTreeSet};

use datapath::VmId;
use datapath::replica::{Consistency, Mark, SharedPoint};
use serde::{Deserialize, Serialize};

use super::Service;
use super::stages::{Condition, Stage, until};
use crate::nouns::{FailoverKind, ItemState, MachineId, PointChoice, ReplicationGroup, SharedRecord};
use crate::spec::GroupSpec;

/// Records that are kept of a group: those of a day, and what pruning leaves beyond (a bound of memory).
const KEPT: usize = 1024;

/// A choice that members share.
#[derive(Serialize, Deserialize)]
struct Chosen {
    point: SharedPoint,
    /// Members that have taken it.
    taken: BTreeSet<VmId>,
}

/// What the service knows of a group.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Group {
    /// In the order in which they were decided.
    shared: BTreeMap<(u64, SharedPoint), SharedRecord>,
    chosen: BTreeMap<(FailoverKind, bool), Chosen>,
    /// Points of members at a master target, by member: those of the current protection.
    told: BTreeMap<VmId, BTreeMap<SharedPoint, u64>>,
    /// Members that are to fail back and whose last changes have arrived, or did not.
    arrived: BTreeMap<VmId, bool>,
}

/// All groups.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) groups: BTreeMap<u32, Group>,
}

impl Service {
    pub(super) fn group_of(&self, vm: VmId) -> Option<&GroupSpec> {
        self.spec.groups.iter().find(|group| group.members.contains(&vm))
    }

    /// A machine's group, as those who replicate it know it: where its members run, seen from where it does.
    pub(super) fn group_on(&self, vm: VmId, source: MachineId) -> Option<ReplicationGroup> {
        let group = self.group_of(vm)?;
        let own = self.vms.get(&vm)?;
        let members = group.members.iter().filter_map(|member| {
            let spec = self.vms.get(member)?;
            let machine = match source {
                _ if source == own.azure => spec.azure,
                // A physical server that came home runs on the virtual machine that stands in for it.
                _ if self.agents.contains_key(&(*member, spec.failback)) => spec.failback,
                _ => spec.source,
            };
            Some((*member, spec.name.clone(), machine))
        });
        Some(ReplicationGroup {
            group: group.group,
            name: group.name.clone(),
            members: members.collect(),
        })
    }

    /// The record of a shared point is stored.
    pub(super) fn shared_stored(&mut self, record: SharedRecord) {
        self.unsaved.groups.insert(record.group);
        let group = self.groups.groups.entry(record.group).or_default();
        group.shared.insert((record.decided.0, record.point), record);
        while group.shared.len() > KEPT {
            group.shared.pop_first();
        }
    }

    /// A point of a machine is processed at a master target.
    pub(super) fn shared_told(&mut self, vm: VmId, mark: &Mark) {
        let (Some(group), Some(shared)) = (self.group_of(vm).map(|group| group.group), mark.shared) else {
            return;
        };
        self.unsaved.groups.insert(group);
        let told = &mut self.groups.groups.entry(group).or_default().told;
        told.entry(vm).or_default().insert(shared, mark.point);
    }

    /// A protection of a machine begins: points of the one before are gone.
    pub(super) fn forget_shared(&mut self, vm: VmId) {
        let Some(group) = self.group_of(vm).map(|group| group.group) else {
            return;
        };
        self.unsaved.groups.insert(group);
        if let Some(group) = self.groups.groups.get_mut(&group) {
            group.told.remove(&vm);
            group.arrived.remove(&vm);
        }
    }

    /// A machine's point of a shared one, where it is processed and kept.
    fn own_point(&self, vm: VmId, shared: SharedPoint) -> Option<u64> {
        match self.keepers.get(&vm) {
            Some(keeper) => keeper.point_shared(shared),
            None => {
                let group = self.group_of(vm)?.group;
                self.groups.groups.get(&group)?.told.get(&vm)?.get(&shared).copied()
            }
        }
    }

    /// What a choice that concerns the machine's whole group comes to for it; other choices are as they are.
    pub(super) fn shared_choice(
        &mut self,
        vm: VmId,
        kind: FailoverKind,
        choice: PointChoice,
    ) -> Result<PointChoice, String> {
        let app = match choice {
            PointChoice::LatestMultiVm => false,
            PointChoice::LatestMultiVmAppConsistent => true,
            other => return Ok(other),
        };
        // In a recovery plan machines outside of groups take their latest processed point (facts §2.5).
        let Some(spec) = self.group_of(vm).cloned() else {
            return Ok(match app {
                true => PointChoice::LatestAppConsistent,
                false => PointChoice::LatestProcessed,
            });
        };
        let name = &spec.name;
        let none = || match app {
            true => format!("the replication group {name} shares no app-consistent recovery point"),
            false => format!("the replication group {name} shares no recovery point"),
        };
        let group = self.groups.groups.get(&spec.group).ok_or_else(none)?;
        let key = (kind, app);
        let before = group.chosen.get(&key).filter(|chosen| !chosen.taken.contains(&vm));
        let point = match before {
            Some(chosen) => chosen.point,
            None => {
                let fits = |record: &&SharedRecord| {
                    let consistent = !app || record.consistency == Consistency::App;
                    let members = &spec.members;
                    consistent && members.iter().all(|of| self.own_point(*of, record.point).is_some())
                };
                // The newest by the member's own points: which clock decided when says nothing.
                let fitting = group.shared.values().filter(fits);
                let newest = fitting.max_by_key(|record| self.own_point(vm, record.point));
                newest.ok_or_else(none)?.point
            }
        };
        let own = self.own_point(vm, point).ok_or_else(|| {
            format!("the recovery point that the replication group {name} fails over to is not kept any more")
        })?;
        self.unsaved.groups.insert(spec.group);
        let group = self.groups.groups.entry(spec.group).or_default();
        let chosen = group.chosen.entry(key).or_insert_with(|| Chosen {
            point,
            taken: BTreeSet::new(),
        });
        if chosen.point != point || chosen.taken.contains(&vm) {
            *chosen = Chosen {
                point,
                taken: BTreeSet::new(),
            };
        }
        chosen.taken.insert(vm);
        Ok(PointChoice::Custom(own))
    }

    // Failback.

    /// Why a machine cannot fail back now because of its group.
    pub(super) fn group_must_be_back(&self, vm: VmId) -> Result<(), String> {
        let Some(group) = self.group_of(vm) else { return Ok(()) };
        let ready = [ItemState::ProtectedReverse, ItemState::FailbackInProgress];
        let missing = group
            .members
            .iter()
            .find(|member| !ready.contains(&self.state(**member)));
        match missing.and_then(|member| self.vms.get(member)) {
            Some(member) => Err(format!(
                "the machines of a replication group fail back only together, and {} is not replicated back (REP)",
                member.name
            )),
            None => Ok(()),
        }
    }

    /// A member that is to fail back has been shut down, and all that it wrote has arrived, or did not.
    pub(super) fn arrive_for_failback(&mut self, job: u64, vm: VmId) {
        let Some(spec) = self.group_of(vm).cloned() else { return };
        let drained = self.has_drained(job);
        let group = self.groups.groups.entry(spec.group).or_default();
        group.arrived.insert(vm, drained);
        self.unsaved.groups.insert(spec.group);
        for member in spec.members {
            self.met(&Condition::Together(member));
        }
    }

    /// Once storage has told of a machine and of all members of its group: a choice concerns them all.
    pub(super) fn until_told(&self, vm: VmId) -> Vec<Stage> {
        let group = self.group_of(vm);
        let members = group.map_or(vec![vm], |group| group.members.clone());
        members
            .into_iter()
            .map(|member| until(Condition::Told(member)))
            .collect()
    }

    /// Whether all members of a machine's group have come so far.
    pub(super) fn group_has_arrived(&self, vm: VmId) -> bool {
        let Some(spec) = self.group_of(vm) else { return true };
        let group = self.groups.groups.get(&spec.group);
        group.is_some_and(|group| spec.members.iter().all(|member| group.arrived.contains_key(member)))
    }

    /// The point that a machine fails back to.
    pub(super) fn failback_choice(&mut self, vm: VmId, choice: PointChoice) -> Result<PointChoice, String> {
        let Some(spec) = self.group_of(vm) else {
            return Ok(choice);
        };
        let group = self.groups.groups.get(&spec.group);
        let whole = group.is_some_and(|group| spec.members.iter().all(|of| group.arrived.get(of) == Some(&true)));
        if whole && choice == PointChoice::Latest {
            return Ok(choice);
        }
        let shared = match choice {
            PointChoice::LatestAppConsistent => PointChoice::LatestMultiVmAppConsistent,
            _ => PointChoice::LatestMultiVm,
        };
        self.shared_choice(vm, FailoverKind::Failback, shared)
    }
}
