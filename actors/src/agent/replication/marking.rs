//! Marks: when one is due, what is heard of before it, and the quiescing that an app-consistent one waits for.

use datapath::plants::{Plant, planted};
use datapath::replica::{Consistency, Mark, SharedPoint};
use datapath::{Grain, SimTime, WriteSeq};

use super::{Asked, Draining, Outcome, Quiescing, Replication};
use crate::agent::{APP_MARK, MARK};
use crate::facts::{Fact, Severity};
use crate::messages::local::Local;
use crate::nouns::ComponentKind;
use crate::ports::Token;

impl Replication {
    pub(super) fn set_mark_timer(&mut self) {
        if let Some(timer) = self.mark_timer.take() {
            self.env.cancel(timer);
        }
        let every = self.saved.protection.policy.crash_consistent_every.max(1_000_000_000);
        // Where a group marks together, that comes first.
        let every = every + self.group_grace();
        self.mark_timer = Some(self.env.timer(
            every,
            Token {
                what: MARK,
                key: self.generation,
            },
        ));
    }

    pub(super) fn group_grace(&self) -> u64 {
        let group = self.saved.protection.group.as_ref();
        group.map_or(0, |_| self.env.model.group.grace)
    }

    /// The interval of crash-consistent points is over.
    pub fn mark_due(&mut self) {
        self.mark_timer = None;
        self.set_mark_timer();
        if self.quiescing.is_some() {
            // The app-consistent point that is being made ends the interval as well.
            return;
        }
        if self.saved.copied {
            self.mark_now();
        } else if self.agreed {
            self.hear(Asked::Cut);
        }
    }

    /// Marks a crash-consistent point at the last write.
    pub(super) fn mark_now(&mut self) {
        self.hear(Asked::Mark(None));
    }

    /// Does what has to know all that was written. In the aggregate grain the guest is asked for it first, and answers in the same instant.
    fn hear(&mut self, what: Asked) {
        let before = self.asked.replace(what);
        if self.env.grain() != Grain::Aggregate {
            self.told();
        } else if before.is_none() {
            self.env.local(self.env.sibling(ComponentKind::Guest), Local::Tell);
        } else if matches!(before, Some(Asked::Mark(_))) {
            self.asked = before;
        }
    }

    /// All that was written up to now is known.
    pub fn told(&mut self) {
        match self.asked.take() {
            Some(Asked::Mark(shared)) => {
                self.mark_at_last(shared);
                if let Some(point) = shared {
                    self.outcomes.push(Outcome::SharedMarked { point, made: true });
                }
            }
            Some(Asked::Cut) => {
                self.flush();
                self.cut(self.durable, self.durable_at, None);
            }
            None => {}
        }
    }

    pub(super) fn mark_at_last(&mut self, shared: Option<SharedPoint>) {
        let (mut seq, now) = (self.last, self.env.now());
        if planted(Plant::MarkAWriteEarly) {
            seq = WriteSeq(seq.0.saturating_sub(1)).max(self.saved.last_cut().1);
        } else if planted(Plant::MarkAWriteLate) {
            seq = seq.next();
        }
        self.mark(seq, (Consistency::Crash, shared), now);
    }

    fn mark(&mut self, seq: WriteSeq, (consistency, shared): (Consistency, Option<SharedPoint>), marked: SimTime) {
        let behind = self.env.now().since(marked);
        let clock = if planted(Plant::MarkByOtherClock) {
            self.env.now()
        } else {
            self.env.clock()
        };
        let marked_source = SimTime(clock.0.saturating_sub(behind));
        // Its number comes with the cut.
        self.marks.push_back(Mark {
            point: 0,
            seq,
            consistency,
            marked,
            marked_source,
            life: self.life.0,
            shared,
        });
        if seq > self.durable {
            self.flush();
        }
        self.cut_what_is_durable();
    }

    pub fn app_mark_due(&mut self) {
        let every = self.saved.protection.policy.app_consistent_every;
        self.env.timer(
            every,
            Token {
                what: APP_MARK,
                key: self.generation,
            },
        );
        // The group's point was made a moment ago, or is being made.
        let shared = self
            .shared_app_at
            .is_some_and(|at| self.env.monotonic().since(at) < every);
        if self.saved.copied && self.draining == Draining::No && self.quiescing.is_none() && !shared {
            self.quiesce(None);
        }
    }

    fn quiesce(&mut self, shared: Option<SharedPoint>) {
        let since = self.env.now();
        self.quiescing = Some(Quiescing { since, shared });
        if planted(Plant::NoQuiesce) {
            return self.quiesced(self.durable, true);
        }
        self.env.local(self.env.sibling(ComponentKind::Guest), Local::Quiesce);
    }

    /// Applications are quiet on their disks up to a write, or could not be quiesced: then there is a crash-consistent point, and an alert.
    pub fn quiesced(&mut self, seq: WriteSeq, ok: bool) {
        let Some(Quiescing { since, shared }) = self.quiescing.take() else {
            return;
        };
        let aggregate = self.env.grain() == Grain::Aggregate;
        if !aggregate {
            self.env.local(self.env.sibling(ComponentKind::Guest), Local::Thaw);
        }
        if !self.saved.copied || self.draining != Draining::No {
            // Of applications that are being stopped the last mark is made when they are.
            if let Some(point) = shared {
                self.outcomes.push(Outcome::SharedMarked { point, made: false });
            }
            return self.cut_what_is_durable();
        }
        let made = ok && seq >= self.saved.last_cut().1;
        if made {
            // In the aggregate grain applications write on while their buffers are flushed.
            let marked = if aggregate { since } else { self.env.now() };
            self.mark(seq, (Consistency::App, shared), marked);
        } else {
            self.env.fact(Fact::Alert {
                vm: Some(self.spec.vm.vm),
                severity: Severity::Warning,
                code: crate::codes::NO_APP_CONSISTENT_POINT.to_owned(),
                text: "the applications could not be quiesced: the recovery point is crash-consistent".to_owned(),
            });
            self.mark_at_last(None);
        }
        if let Some(point) = shared {
            self.outcomes.push(Outcome::SharedMarked { point, made });
        }
    }

    /// Whether a recovery point can be marked.
    pub fn can_mark(&self) -> bool {
        self.saved.copied && self.draining == Draining::No && self.quiescing.is_none() && self.asked.is_none()
    }

    /// Marks a crash-consistent point that is to be a shared one.
    pub fn mark_shared(&mut self, point: SharedPoint) {
        if !self.can_mark() {
            self.outcomes.push(Outcome::SharedMarked { point, made: false });
            return;
        }
        self.set_mark_timer();
        self.hear(Asked::Mark(Some(point)));
    }

    /// Quiesces applications for an app-consistent point that is to be a shared one.
    pub fn quiesce_shared(&mut self, point: SharedPoint) {
        if !self.can_mark() {
            self.outcomes.push(Outcome::SharedMarked { point, made: false });
            return;
        }
        self.set_mark_timer();
        self.shared_app_at = Some(self.env.monotonic());
        self.quiesce(Some(point));
    }
}
