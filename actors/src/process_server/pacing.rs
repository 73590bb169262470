//! How fast a process server may upload: its throttle by the hour of the week, and the threads that upload for one machine (facts §3.7).
//!
//! What a throttle holds back leaves as a whole once its last byte may, one upload after the other, whosesoever it is (our model: the product
//! throttles by the byte, which an upload shorter than the interval between two recovery points cannot tell apart). So many threads upload for
//! a machine: each is at one batch or piece, or at several small ones up to a mebibyte, until it is answered for.

use std::sync::Arc;

use datapath::SimTime;
use datapath::plants::{Plant, planted};

use super::stream::Stream;
use crate::nouns::Schedule;
use crate::ports::{Env, Token};

/// What a throttle lets out to one target.
#[derive(Default)]
pub(super) struct Pacing {
    schedule: Arc<Schedule>,
    /// Since when bytes have been saved up for what waits, and how many there were then.
    saving: Option<(SimTime, u64)>,
    /// Nothing leaves before a timer ends.
    waits: bool,
}

impl Pacing {
    pub(super) fn new(schedule: Arc<Schedule>) -> Pacing {
        Pacing {
            schedule,
            ..Pacing::default()
        }
    }

    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Whether so many bytes may leave now. Where they may not, a timer with this token says when it is worth asking again.
    pub(super) fn lets_out(&mut self, env: &Env, bytes: u64, token: Token) -> bool {
        if self.schedule.least().is_none() || planted(Plant::ThrottleIgnored) {
            return true;
        }
        if self.waits {
            return false;
        }
        let (now, clock) = (env.monotonic(), env.clock());
        let (since, before) = *self.saving.get_or_insert((now, 0));
        let passed = now.since(since);
        let then = SimTime(clock.0.saturating_sub(passed));
        let saved = before.saturating_add(self.schedule.allows(then, passed));
        if saved >= bytes {
            // What an hour without a throttle allows is not saved up for the next.
            let left = if saved == u64::MAX { 0 } else { saved - bytes };
            self.saving = Some((now, left));
            return true;
        }
        self.saving = Some((now, saved));
        self.waits = true;
        env.timer(self.schedule.takes(clock, bytes - saved), token);
        false
    }

    /// The timer has ended.
    pub(super) fn over(&mut self) {
        self.waits = false;
    }

    /// Nothing waits: what could have left meanwhile is not made up for.
    pub(super) fn rest(&mut self) {
        if !self.waits {
            self.saving = None;
        }
    }
}

impl Stream {
    /// What the machine's threads are at, in bytes: of each upload as much as a thread takes at a time.
    pub(super) fn uploading(&mut self, upload: u64) -> u64 {
        let batches: u64 = self
            .batches
            .values()
            .map(|batch| batch.state.sent_bytes().min(upload))
            .sum();
        batches
            + self
                .next_pieces()
                .map(|state| state.sent_bytes().min(upload))
                .sum::<u64>()
    }
}
