//! What has not ended: what it waits for, in words, and what of it is told at the end of the run.

use datapath::{DiskId, VmId};

use super::operations::{about, operation_name};
use super::{From, copies_in};
use crate::invariants::bound::Waited;
use crate::invariants::transitions_end;
use crate::metrics::Unfinished;
use crate::oracle::Oracle;

impl Oracle {
    /// What is not met, where it matters.
    pub(super) fn unmet_where(&self, waited: &Waited, vm: VmId) -> String {
        match waited.until.since(waited.since) > waited.bounds.grace {
            true => self.unmet(vm),
            false => String::new(),
        }
    }

    /// The first condition that is not met for a machine's points to be processed.
    pub(super) fn unmet(&self, vm: VmId) -> String {
        let live = &self.liveness;
        let Some(waits) = live.vms.get(&vm) else {
            return String::new();
        };
        if let Some(down) = live.down(live.paths.needs_from(vm, From::Source)) {
            return down;
        }
        if let Some(refused) = &waits.refused {
            return refused.clone();
        }
        if let Some(gap) = waits.gap {
            return format!("batch {gap} has no tag, and later ones have");
        }
        for (index, copy) in &waits.copies {
            let name = DiskId { vm, index: *index };
            let began = copy.began.since;
            if copy.ended.is_none() {
                return format!(
                    "the copy of {name} that began at {began} has not ended, {} of {} bytes are done",
                    copy.processed, copy.bytes
                );
            }
            if copy.stored < copy.sent {
                return format!(
                    "of the copy of {name} that began at {began}, {} bytes were sent and {} are stored",
                    copy.sent, copy.stored
                );
            }
        }
        if let Some((state, wait)) = waits.state.filter(|(state, _)| copies_in(*state))
            && waits.copies.is_empty()
        {
            return format!(
                "no copy of it is under way, though it is {} since {}",
                state.name(),
                wait.since
            );
        }
        let of = self
            .vms
            .get(&vm)
            .and_then(|track| track.protections.values().next_back());
        if let Some(batch) = of.and_then(|of| of.batches.front()) {
            let missing = batch.changed.keys().find(|disk| !batch.segments.contains_key(disk));
            return match (batch.cached, missing) {
                (None, _) => format!("no process server has acknowledged batch {}", batch.batch),
                (Some(_), Some(index)) => {
                    let name = DiskId { vm, index: *index };
                    format!("batch {} has no segment of {name}", batch.batch)
                }
                (Some(_), None) => format!("batch {} has no tag", batch.batch),
            };
        }
        "nothing is missing that was seen: all batches are at the target, and no copy is under way".to_owned()
    }

    /// The end of the run: what still waits is held to its bound, and told.
    pub(in crate::oracle) fn finish_waits(&mut self) -> Vec<Unfinished> {
        let at = self.now;
        let vms: Vec<VmId> = self.liveness.vms.keys().copied().collect();
        vms.into_iter().for_each(|vm| self.check_waits(at, vm));
        for (step, since) in self.liveness.running.clone() {
            self.check_operation(at, step, since, false);
        }
        self.unfinished()
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        let mut all = Vec::new();
        for (step, since) in &self.liveness.running {
            let Some(operation) = self.liveness.operation(*step) else {
                continue;
            };
            all.push(Unfinished {
                vm: about(operation).0,
                since: *since,
                what: format!("{} has not ended", operation_name(operation)),
            });
        }
        for (vm, waits) in &self.liveness.vms {
            let mut push = |since, what| {
                all.push(Unfinished {
                    vm: Some(*vm),
                    since,
                    what,
                })
            };
            if let Some((state, wait)) = waits.state.filter(|(state, _)| transitions_end::is_transition(*state)) {
                push(wait.since, format!("it is {} still", state.name()));
            }
            for (index, copy) in &waits.copies {
                if copy.ended.is_none() {
                    let name = DiskId { vm: *vm, index: *index };
                    let what = format!(
                        "the copy of {name} has not ended ({} of {} bytes done)",
                        copy.processed, copy.bytes
                    );
                    push(copy.began.since, what);
                }
            }
            if let Some((point, wait)) = waits.points.front() {
                let what = match waits.points.len() {
                    1 => format!("point {point} is stored and not processed"),
                    all => format!(
                        "point {point} is stored and not processed, nor are {} after it",
                        all - 1
                    ),
                };
                push(wait.since, what);
            }
        }
        all
    }
}
