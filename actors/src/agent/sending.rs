//! Batches on their way to the process server: parts of the journal, one batch after the other, within a window of unacknowledged bytes.
//!
//! The journal's low-water mark moves when the process server says that a whole batch is durable in its cache, and at no other time.
//! After a reconnect the process server says what it has; parts are cut from the journal the same way every time, so that what
//! follows fits on.

use std::collections::BTreeMap;

use datapath::journal::{JournalError, Piece};
use datapath::plants::{Plant, planted};
use datapath::{Grain, WriteSeq};

use super::replication::{Outcome, Replication};
use super::state::Cut;
use crate::messages::Body;
use crate::messages::replication::{BatchEnding, ToAgent, ToProcessServer};
use crate::ports::Frame;
use crate::session::SessionEvent;

/// The batch that is being sent.
pub(super) struct Sending {
    cut: Cut,
    /// The number of the next part.
    part: u32,
    /// The next part, read ahead so that the last one is known as the last.
    ahead: Option<Piece>,
    /// Sizes of parts sent and not acknowledged.
    unacknowledged: BTreeMap<u32, u64>,
    /// The end was sent; the size of the part in it.
    ended: Option<u64>,
}

impl Replication {
    /// What the session with the process server made of an input.
    pub fn session_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Opened => {
                self.disconnected();
                let hello = ToProcessServer::Hello {
                    protection: (*self.saved.protection).clone(),
                    copy: self.saved.copy,
                    cached: self.saved.cached.0,
                };
                self.session.send(&self.env, hello);
                self.session.owe(&self.env);
            }
            SessionEvent::Received(frame) => self.received(frame),
            SessionEvent::Lost => self.disconnected(),
            SessionEvent::Nothing | SessionEvent::NotMine(_) => {}
        }
    }

    fn disconnected(&mut self) {
        self.greeted = false;
        self.refused = None;
        self.sending = None;
        self.unacknowledged = 0;
        self.copies_disconnected();
    }

    fn received(&mut self, Frame { body, .. }: Frame) {
        if let Body::ReplicationToAgent(message) = body {
            self.heard(message);
        }
        if self.refused.is_some() && self.session.owed() == 0 {
            // What was taken in before is acknowledged still; the word that there is room is owed all the same.
            self.session.owe(&self.env);
        }
        self.pump();
    }

    fn heard(&mut self, message: ToAgent) {
        match message {
            ToAgent::Welcome {
                batch,
                parts,
                batch_bytes,
                ..
            } => {
                self.batch_room = batch_bytes;
                self.welcomed(batch, parts);
            }
            ToAgent::CacheFull { capacity, wanted, .. } => self.cache_is_full(capacity, wanted),
            ToAgent::ChangesCached { batch, part, .. } => {
                let sending = self.sending.as_mut().filter(|sending| sending.cut.batch == batch);
                if let Some(size) = sending.and_then(|sending| sending.unacknowledged.remove(&part)) {
                    self.unacknowledged -= size;
                    self.session.settled_for(&self.env, size);
                }
            }
            ToAgent::BatchCached { batch, .. } => self.batch_cached(batch),
            ToAgent::CopyGranted { disk, copy } => self.copy_granted(disk, copy),
            ToAgent::CopyCached { disk, copy, part } => self.copy_cached(disk, copy, part),
            ToAgent::CopyStored { disk, copy } => self.copy_stored(disk, copy),
            ToAgent::Checksums(sums) => self.checksums(sums),
            ToAgent::SharedPut { point } => self.outcomes.push(Outcome::SharedPut(point)),
        }
    }

    /// What is not acknowledged was refused, or comes behind what was: all of it is sent again once there is room. Should the word of
    /// that be lost, silence ends the session and a new greeting tries again.
    fn cache_is_full(&mut self, capacity: u64, wanted: u64) {
        self.refused = Some((capacity, wanted));
        self.sending = None;
        self.unacknowledged = 0;
        self.session.settle_all(&self.env);
    }

    fn welcomed(&mut self, batch: u64, parts: u32) {
        self.session.settled(&self.env);
        if self.greeted {
            // Welcomed anew: all that is not acknowledged is sent again from here.
            self.session.settle_all(&self.env);
            self.unacknowledged = 0;
        }
        self.greeted = true;
        self.outcomes.push(Outcome::Welcomed);
        self.refused = None;
        self.batches_cached(batch);
        if !self.agreed {
            self.begin_journal();
            self.agreed = true;
            if !self.resumed {
                // Batches of before the resynchronization that did not arrive: their journal is gone, the copy brings what they held.
                self.saved.cuts.clear();
                self.saved.cached.0 = self.saved.cached.0.max(batch);
            }
            self.before_copy = self.saved.cached.0;
        }
        if let Some(cut) = self.saved.cuts.first().copied() {
            self.begin_batch(cut, parts);
        }
        self.cut_what_is_durable();
        self.greet_copies();
        self.report_if_drained();
    }

    /// Prepares to send a batch of which the process server has the first `parts` parts.
    fn begin_batch(&mut self, cut: Cut, parts: u32) {
        let mut sending = Sending {
            cut,
            part: 0,
            ahead: None,
            unacknowledged: BTreeMap::new(),
            ended: None,
        };
        let mut after = WriteSeq(cut.first.0.saturating_sub(1));
        sending.ahead = self.read(after, cut.last);
        while sending.part < parts
            && let Some(piece) = sending.ahead.take()
        {
            after = piece.last;
            sending.part += 1;
            sending.ahead = self.read(after, cut.last);
        }
        self.sending = Some(sending);
    }

    fn read(&mut self, after: WriteSeq, through: WriteSeq) -> Option<Piece> {
        let max = match self.env.grain() {
            Grain::Aggregate => self.env.model.agent.aggregate_part,
            Grain::Real | Grain::Extent => self.env.model.agent.part,
        };
        match self.journal.read(&*self.env.files(), after, through, max) {
            Ok(piece) => piece,
            Err(error) => {
                self.outcomes.push(Outcome::ResynchronizationNeeded(error));
                None
            }
        }
    }

    fn window_is_open(&self) -> bool {
        self.unacknowledged == 0 || self.unacknowledged < self.spec.window_bytes
    }

    /// Sends what may be sent: batches first, for recovery points wait for them.
    pub fn pump(&mut self) {
        if !self.greeted || self.stopped || self.refused.is_some() {
            return;
        }
        if self.sending.is_none()
            && let Some(cut) = self.saved.cuts.first().copied()
        {
            self.begin_batch(cut, 0);
        }
        while self.window_is_open() && self.send_part() {}
        while self.window_is_open() && self.take_up_piece() {}
    }

    /// Sends the next part of the batch; false where there is none to send.
    fn send_part(&mut self) -> bool {
        let Some(mut sending) = self.sending.take() else {
            return false;
        };
        let sent = sending.ended.is_none() && !self.is_lost();
        if sent {
            let Cut {
                batch,
                first,
                last,
                time,
                mark,
            } = sending.cut;
            let vm = self.spec.vm.vm;
            let piece = sending.ahead.take();
            if let Some(piece) = &piece {
                sending.ahead = self.read(piece.last, last);
            }
            let size = piece.as_ref().map_or(0, |piece| piece.blob.size);
            self.session.owe_for(&self.env, size);
            self.unacknowledged += size;
            if planted(Plant::LowWaterEarly) {
                let _ = self.journal.acknowledge(&*self.env.files(), last);
            }
            if sending.ahead.is_some() {
                let piece = piece.expect("what is read ahead follows something");
                let body = ToProcessServer::Changes {
                    vm,
                    batch,
                    part: sending.part,
                };
                sending.unacknowledged.insert(sending.part, size);
                sending.part += 1;
                self.session.send_with(&self.env, body, piece.blob);
            } else {
                let parts = sending.part + u32::from(piece.is_some());
                let ending = BatchEnding {
                    batch,
                    parts,
                    first,
                    last,
                    cut: time,
                    mark,
                };
                let body = ToProcessServer::BatchEnd { vm, ending };
                sending.ended = Some(size);
                match piece {
                    Some(piece) => self.session.send_with(&self.env, body, piece.blob),
                    None => self.session.send(&self.env, body),
                };
            }
        }
        self.sending = Some(sending);
        sent
    }

    fn batch_cached(&mut self, batch: u64) {
        if let Some(sending) = self.sending.take_if(|sending| sending.cut.batch <= batch) {
            let parts: u64 = sending.unacknowledged.values().sum();
            let end = sending.ended.unwrap_or(0);
            self.unacknowledged -= parts + end;
            for size in sending.unacknowledged.values().chain(sending.ended.iter()) {
                self.session.settled_for(&self.env, *size);
            }
        }
        self.batches_cached(batch);
        self.report_if_drained();
    }

    /// The process server has every batch up to this one: the low-water mark moves.
    fn batches_cached(&mut self, batch: u64) {
        let mut marks = self
            .saved
            .cuts
            .iter()
            .filter(|cut| cut.batch <= batch)
            .filter_map(|cut| cut.mark);
        self.last_mark = marks.next_back().or(self.last_mark);
        self.saved.cached_up_to(batch);
        let through = self.saved.cached.1;
        match self.journal.acknowledge(&*self.env.files(), through) {
            Ok(()) => {}
            // Its files stay, and the mark is written with the next acknowledgement.
            Err(JournalError::Disk(error)) if error.may_pass() => self.outcomes.push(Outcome::DiskFailed(error)),
            Err(error) => self.outcomes.push(Outcome::ResynchronizationNeeded(error)),
        }
    }
}
