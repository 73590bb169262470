//! Room in the cache: who may fill it, who waits, and what gives way.
//!
//! Below 20 % free the product throttles replication of all its machines (facts §1.6); how is not documented. Here (our model) no batch is
//! begun then and no piece of a copy is taken in: what is written waits in the journals at the sources. A batch that has begun goes on, as
//! far as it fits, so that it becomes whole and drains. Who was refused is told so, sends nothing more, and is welcomed anew once there is
//! room: batches first, for recovery points wait for them, then copies.
//!
//! What is whole drains by itself. What is not does not: where parts of unfinished batches are all that the cache holds, and none of them
//! goes on, those of others give way to one machine's. So that this is rare, agents are told to cut their batches to a quarter of the cache.

use datapath::VmId;
use datapath::plants::{Plant, planted};

use super::ProcessServer;
use super::stream::Refused;
use crate::facts::{Fact, Severity};
use crate::messages::replication::ToAgent;

/// So many parts per million of bytes.
fn share(bytes: u64, per_million: u64) -> u64 {
    (u128::from(bytes) * u128::from(per_million) / 1_000_000) as u64
}

impl ProcessServer {
    /// How large a batch may become.
    pub(super) fn batch_bytes(&self) -> u64 {
        share(self.env.files().usage().1, self.env.model.process_server.batch_share)
    }

    fn free(&self) -> u64 {
        let (used, capacity) = self.env.files().usage();
        capacity.saturating_sub(used)
    }

    /// Whether a batch waits for room that it can ever have.
    fn changes_wait(&self) -> bool {
        let capacity = self.env.files().usage().1;
        let waits = |vm: &VmId| match self.streams.get(vm).and_then(|stream| stream.refused) {
            Some(Refused::Changes(bytes)) => bytes <= capacity,
            _ => false,
        };
        self.refused.iter().any(waits)
    }

    /// What of the cache has to be free, in bytes, for a machine not to be throttled.
    fn kept_free(&self) -> u64 {
        share(
            self.env.files().usage().1,
            self.env.model.process_server.throttled_below,
        )
    }

    /// Less of the cache is free than that.
    pub(super) fn is_throttled(&self) -> bool {
        self.free() < self.kept_free() && !planted(Plant::NeverThrottled)
    }

    /// Whether a piece of a copy may be taken in.
    pub(super) fn has_room_for_copies(&self, bytes: u64) -> bool {
        let left = self.free().checked_sub(bytes);
        let throttled = || left.is_none_or(|left| left < self.kept_free());
        !self.changes_wait() && (!throttled() || (left.is_some() && self.is_empty()))
    }

    /// Whether something of a batch has to wait although it fits: its machine is throttled, and it would begin with it.
    pub(super) fn holds_back(&self, vm: VmId) -> bool {
        self.is_throttled() && !self.has_begun(vm)
    }

    /// Part of a batch of the machine is in the cache.
    fn has_begun(&self, vm: VmId) -> bool {
        self.streams.get(&vm).is_some_and(|stream| stream.arriving.taken > 0)
    }

    /// Nothing of any machine is in the cache.
    fn is_empty(&self) -> bool {
        self.caching.is_empty() && self.streams.values().all(|stream| stream.cached_bytes == 0)
    }

    /// Whether something in the cache is on its way to a target, or will be: a batch that has begun goes on while its agent is heard of and
    /// was not refused.
    fn drains(&self) -> bool {
        let (now, patience) = (self.env.monotonic(), self.env.model.process_server.place_kept);
        let drains = |stream: &super::stream::Stream| {
            let goes_on = stream.arriving.taken > 0
                && stream.refused.is_none()
                && stream.agent.is_some()
                && now.since(stream.heard) < patience;
            goes_on || !stream.batches.is_empty() || stream.copies.values().any(|copy| !copy.pieces.is_empty())
        };
        !self.caching.is_empty() || self.streams.values().any(drains)
    }

    /// The cache has no room for something of a machine.
    pub(super) fn refuse(&mut self, vm: VmId, refused: Refused) {
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        stream.refused = Some(refused);
        self.refused.insert(vm);
        let (used, capacity) = self.env.files().usage();
        let wanted = refused.bytes();
        self.tell(vm, ToAgent::CacheFull { vm, capacity, wanted });
        let now = self.env.monotonic();
        if self
            .said_full
            .is_none_or(|said| now.since(said) >= self.env.model.process_server.alert_every)
        {
            self.said_full = Some(now);
            let (severity, what) = match refused {
                Refused::Changes(_) => (Severity::Critical, "part of a batch"),
                Refused::Copy(_) => (Severity::Warning, "a piece of a copy"),
            };
            let state = match capacity.saturating_sub(used) < wanted {
                true => "the cache of the process server is full",
                false => "the cache of the process server is short, and replication of all its machines is throttled",
            };
            let text =
                format!("{state}: {used} of {capacity} bytes are used, and {what} of {wanted} bytes has to wait");
            // All its machines have to wait, not only the one that met it.
            self.env.fact(Fact::Alert {
                vm: None,
                severity,
                code: String::new(),
                text,
            });
        }
        self.give_room();
    }

    /// Whether it is not the cache that leaves no room for so many bytes: then there can be room without a word.
    fn is_filled_by_others(&self, bytes: u64) -> bool {
        let own: u64 = self.streams.values().map(|stream| stream.cached_bytes).sum();
        let (wanted, capacity) = (bytes.max(self.kept_free()), self.env.files().usage().1);
        self.free() < wanted && own.saturating_add(wanted) <= capacity && self.caching.is_empty()
    }

    pub(super) fn alert(&self, vm: VmId, severity: Severity, text: String) {
        self.env.fact(Fact::Alert {
            vm: Some(vm),
            severity,
            code: String::new(),
            text,
        });
    }

    /// Welcomes those that wait for room, as far as there is some.
    pub(super) fn give_room(&mut self) {
        if self.refused.is_empty() || self.undone.timer {
            return;
        }
        let mut given = self.give_room_to_changes();
        let waiting = |vm: &VmId| self.streams.get(vm).and_then(|stream| stream.refused);
        let least = self.refused.iter().filter_map(waiting).map(Refused::bytes).min();
        if !given && least.is_some_and(|bytes| self.is_filled_by_others(bytes)) {
            return self.ask_disk_again();
        }
        if !given && !self.drains() {
            self.make_room();
            given = self.give_room_to_changes();
        }
        if given || self.changes_wait() {
            return;
        }
        let mut promised = 0;
        for vm in self.refused.clone() {
            let Some(Refused::Copy(bytes)) = self.streams.get(&vm).and_then(|stream| stream.refused) else {
                continue;
            };
            if self.has_room_for_copies(promised + bytes) {
                promised += bytes;
                self.welcome(vm);
            }
        }
    }

    fn give_room_to_changes(&mut self) -> bool {
        let (mut free, kept) = (self.free(), self.kept_free());
        let before = self.refused.len();
        for vm in self.refused.clone() {
            if let Some(Refused::Changes(bytes)) = self.streams.get(&vm).and_then(|stream| stream.refused)
                && bytes <= free
                && (free >= kept || self.has_begun(vm))
            {
                free -= bytes;
                self.welcome(vm);
            }
        }
        self.refused.len() < before
    }

    /// Nothing drains, and nobody who waits gets in: what is there of unfinished batches gives way to the first that waits with one.
    fn make_room(&mut self) {
        let of_batch = |vm: &&VmId| {
            let refused = self.streams.get(vm).and_then(|stream| stream.refused);
            matches!(refused, Some(Refused::Changes(_)))
        };
        let Some(first) = self.refused.iter().find(of_batch).copied() else {
            return;
        };
        let arrives = |vm: &VmId| self.streams[vm].arriving.taken > 0;
        let others: Vec<VmId> = self
            .streams
            .keys()
            .copied()
            .filter(|vm| *vm != first && arrives(vm))
            .collect();
        for vm in &others {
            self.drop_arriving(*vm);
            let unsent = self.streams.get(vm).is_some_and(|stream| stream.refused.is_none());
            if unsent {
                // It would go on behind what was dropped.
                self.welcome(*vm);
            }
        }
        if !others.is_empty() {
            return;
        }
        let Some(stream) = self.streams.get_mut(&first) else {
            return;
        };
        let wanted = stream.arriving.parts.iter().sum::<u64>() + stream.refused.map_or(0, Refused::bytes);
        stream.refused = Some(Refused::Changes(u64::MAX));
        let capacity = self.env.files().usage().1;
        self.drop_arriving(first);
        let text = format!(
            "the cache of the process server is too small: it has {capacity} bytes, and a batch of the machine needs at least {wanted}"
        );
        self.alert(first, Severity::Critical, text);
    }
}
