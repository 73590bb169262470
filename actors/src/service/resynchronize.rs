//! Resynchronizing: an agent lost track of changes, or something that it sent was lost on the way. Its disks are compared with the
//! replica by checksums, and what differs is copied (facts §1.5).
//!
//! Copies are numbered, from the initial one. Whoever needs another says after which: once a later one was ordered, the need is old news,
//! however late it is told, or how often.
//!
//! The first begins at once (our model: the product waits until outside office hours). One that is needed before the one before has led to
//! a recovery point waits, twice as long each time: it would most likely fail for the same reason, and costs the network each time.

use datapath::VmId;

use super::{RESYNCHRONIZE, Service};
use crate::facts::Severity;
use crate::messages::management::Command;
use crate::model::Azure;
use crate::nouns::{CopyMode, ItemState};
use crate::ports::Token;

/// How long attempt number `tries` (from 0) waits.
fn pause(tries: u32, model: &Azure) -> u64 {
    match tries.checked_sub(1) {
        None => 0,
        Some(doublings) => model
            .resynchronize_longest
            .min(model.resynchronize_first.saturating_mul(1 << doublings.min(10))),
    }
}

impl Service {
    /// A copy after number `copy` is needed.
    pub(super) fn resynchronize(&mut self, vm: VmId, protection: u32, copy: u32, why: &str) {
        if !self.is_current(vm, protection) {
            return;
        }
        let state = self.state(vm);
        let next = match state {
            ItemState::Protected | ItemState::Resynchronizing => ItemState::Resynchronizing,
            ItemState::ProtectedReverse => ItemState::ReprotectInProgress,
            ItemState::EnableInProgress | ItemState::InitialReplication | ItemState::ReprotectInProgress => state,
            _ => return,
        };
        let Some(item) = self.items.get_mut(&vm) else { return };
        if copy < item.copy || item.put_off.is_some() {
            return;
        }
        self.unsaved.machines.insert(vm);
        item.copy = copy;
        item.resynchronizing = true;
        let (tries, wait) = (item.tries, pause(item.tries, &self.env.model.azure));
        item.tries += 1;
        self.alert(vm, Severity::Warning, format!("resynchronization is required: {why}"));
        if u64::from(tries) >= self.env.model.azure.resynchronize_alert {
            let text = format!(
                "{tries} resynchronizations in a row have led to no recovery point: {why}; the next begins in {} s",
                wait / 1_000_000_000
            );
            self.alert(vm, Severity::Critical, text);
        }
        self.enter(vm, next);
        if wait == 0 {
            return self.order_copy(vm);
        }
        if let Some(item) = self.items.get_mut(&vm) {
            item.put_off = Some((protection, copy));
        }
        self.put_off(vm, wait);
    }

    fn put_off(&self, vm: VmId, wait: u64) {
        let key = u64::from(vm.0);
        let _ = self.env.timer(
            wait,
            Token {
                what: RESYNCHRONIZE,
                key,
            },
        );
    }

    /// After a restart: a resynchronization that waited waits as long once more.
    pub(super) fn put_off_again(&self) {
        for (vm, item) in self.items.iter().filter(|(_, item)| item.put_off.is_some()) {
            self.put_off(*vm, pause(item.tries.saturating_sub(1), &self.env.model.azure));
        }
    }

    /// A copy is needed whatever was ordered before: where to, or from where, has changed.
    pub(super) fn resynchronize_at_once(&mut self, vm: VmId, why: &str) {
        let Some(item) = self.items.get_mut(&vm) else { return };
        let Some(protection) = item.current.as_ref().map(|current| current.protection) else {
            return;
        };
        (item.tries, item.put_off) = (0, None);
        let copy = item.copy;
        self.resynchronize(vm, protection, copy, why);
    }

    /// A resynchronization has waited long enough.
    pub(super) fn resynchronize_now(&mut self, vm: VmId) {
        let put_off = self.items.get_mut(&vm).and_then(|item| item.put_off.take());
        let Some((protection, copy)) = put_off else { return };
        self.unsaved.machines.insert(vm);
        let ordered = self.items.get(&vm).is_some_and(|item| item.copy > copy);
        let replicates = matches!(
            self.state(vm),
            ItemState::Resynchronizing
                | ItemState::EnableInProgress
                | ItemState::InitialReplication
                | ItemState::ReprotectInProgress
        );
        if replicates && !ordered && self.is_current(vm, protection) {
            self.order_copy(vm);
        }
    }

    /// Orders the next copy.
    fn order_copy(&mut self, vm: VmId) {
        let Some(item) = self.items.get_mut(&vm) else { return };
        let Some(current) = &mut item.current else { return };
        current.copy = CopyMode::Checksums;
        item.copy += 1;
        self.unsaved.machines.insert(vm);
        let (protection, copy) = (current.clone(), item.copy);
        self.command(protection.source, Command::Protect { protection, copy }, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_in_a_row_wait_twice_as_long_each_time_within_a_bound() {
        let model = Azure::default();
        let seconds: Vec<u64> = (0..9).map(|tries| pause(tries, &model) / 1_000_000_000).collect();
        assert_eq!(seconds, [0, 30, 60, 120, 240, 480, 960, 960, 960]);
        assert_eq!(pause(u32::MAX, &model), model.resynchronize_longest);
    }
}
