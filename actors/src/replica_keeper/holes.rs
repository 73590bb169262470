//! What never comes: a batch that is missing though a later one is stored, or that cannot be opened; a piece that a copy ended without.
//!
//! Batches are stored in order, so what is missing below one that is stored was lost on the way: a process server's cache gave back
//! something else than it was given, or a process server died with what it had acknowledged. Nothing behind such a hole becomes usable, and
//! no latest point is made of what lies before it. A point that was marked at the end of a copy which cannot end is one too. Only a copy helps that began after the last batch of the hole was acknowledged: it
//! reads everything again that those batches held. One is asked for, with the number that it has to be above; as soon as
//! its first question for checksums is there, the hole and what was stored up to the copy's beginning are passed over.

use datapath::DiskId;

use super::{KeeperEvent, ReplicaKeeper, Why};
use crate::facts::{Fact, Severity};

impl ReplicaKeeper {
    /// The last batch of a hole that processing has come to, and why it is one.
    pub(super) fn hole(&self) -> Option<(u64, String)> {
        let (batch, pending) = self.pending.first_key_value().filter(|_| !self.ended)?;
        let next = self.replica.next_batch();
        if *batch > next {
            let last = batch - 1;
            let missing = match last == next {
                true => format!("batch {next} is"),
                false => format!("batches {next} to {last} are"),
            };
            return Some((last, format!("{missing} missing, though batch {batch} is stored")));
        }
        pending.refused.clone().map(|why| (*batch, why))
    }

    /// Passes over a hole where a copy brings what it held; else asks for one.
    pub(super) fn look_for_holes(&mut self) {
        let after = self.early_checksums.iter().map(|ask| ask.after).max();
        if let Some(after) = after.filter(|after| self.waits_in_vain().is_some_and(|batch| *after >= batch)) {
            return self.pass_over(after);
        }
        let Some((last, why)) = self.hole() else { return };
        if let Some(after) = after.filter(|after| *after >= last) {
            return self.pass_over(after);
        }
        let copy = self.newest_copy();
        if self.hole_told != (last, copy) {
            self.hole_told = (last, copy);
            self.events.push(KeeperEvent::CopyNeeded { copy, why });
        }
    }

    /// The batch of a point that waits for a copy which cannot end. The copy that follows waits for all before it in turn, so for this batch.
    fn waits_in_vain(&self) -> Option<u64> {
        let (batch, pending) = self.pending.first_key_value().filter(|_| !self.ended)?;
        let is_next = *batch == self.replica.next_batch() && pending.tag.mark.is_some();
        let broken = self.replica.copying() && self.copies.values().any(|copy| copy.refused.is_some());
        (is_next && broken).then_some(*batch)
    }

    fn newest_copy(&self) -> u32 {
        self.copies.values().map(|copy| copy.number).max().unwrap_or(0)
    }

    /// A copy under way cannot end.
    pub(super) fn copy_is_broken(&mut self, disk: DiskId, why: String) {
        let Some(copy) = self.copies.get_mut(&disk).filter(|copy| copy.refused.is_none()) else {
            return;
        };
        copy.refused = Some(why.clone());
        let copy = self.newest_copy();
        self.events.push(KeeperEvent::CopyNeeded { copy, why });
        self.look_for_holes();
    }

    /// Nothing up to this batch is taken in any more: a copy that began after it brings all of it.
    fn pass_over(&mut self, through: u64) {
        let next = self.replica.next_batch();
        let later = self.pending.split_off(&(through + 1));
        let mut headers = Vec::new();
        for pending in std::mem::replace(&mut self.pending, later).into_values() {
            self.pending_bytes = self.pending_bytes.saturating_sub(pending.stored_bytes);
            headers.extend_from_slice(&pending.tag.segments);
        }
        self.wanted
            .retain(|wanted| wanted.why != Why::Batch || !wanted.headers.iter().any(|header| headers.contains(header)));
        let text = format!(
            "the batches {next} to {through} are passed over: a copy that began after them brings what they held"
        );
        self.alert(Severity::Warning, text);
        self.replica.pass_over(through);
        // Until that copy is complete no point can be made.
        let disks: Vec<DiskId> = self.copies.keys().copied().collect();
        disks.into_iter().for_each(|disk| self.replica.begin_copy(disk));
        if !headers.is_empty() {
            self.drop_segments(headers.into(), None);
        }
        self.accept_batches();
    }

    pub(super) fn alert(&self, severity: Severity, text: String) {
        self.env.fact(Fact::Alert {
            vm: Some(self.protection.vm),
            severity,
            code: String::new(),
            text,
        });
    }
}
