//! One machine's replication, as the agent runs it: the journal, marks and cuts, and what becomes of both.
//!
//! Only what is durable in the journal is cut into a batch, so nothing that has left the agent is lost by its own power cut. Records
//! become durable at the guest's flush, and a second after a write at the latest (our model). [`super::sending`] carries batches to
//! the process server, [`super::copying`] copies disks.

mod marking;

use std::collections::{BTreeMap, VecDeque};

use datapath::disk::DiskError;
use datapath::encoded::Whole;
use datapath::journal::{Journal, JournalError, JournalOptions, Record};
use datapath::replica::{CutTime, Mark, SharedPoint};
use datapath::{DiskId, Grain, SimTime, WriteSeq};

use super::copying::DiskCopy;
use super::sending::Sending;
use super::state::{Cut, SavedReplication};
use super::{APP_MARK, CUT_DUE, FLUSH, FLUSH_DUE, PS, Up};
use crate::facts::Fact;
use crate::messages::group::PutShared;
use crate::messages::local::Local;
use crate::messages::replication::ToProcessServer;
use crate::nouns::{ComponentKind, Protection, SharedRecord};
use crate::ports::{Env, TimerId, Token};
use crate::session::{Session, SessionEvent};
use crate::spec::AgentSpec;

/// What the agent has to tell the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The disk did not do something that can be done later.
    DiskFailed(DiskError),
    /// Only a resynchronization brings it back; why.
    ResynchronizationNeeded(JournalError),
    /// All that there was is durable at the process server.
    Drained { last: WriteSeq, mark: Option<Mark> },
    /// The mark of a shared point is made, or cannot be.
    SharedMarked { point: SharedPoint, made: bool },
    /// The record of a shared point is stored.
    SharedPut(SharedPoint),
    /// The process server takes in what is sent.
    Welcomed,
}

/// Applications are being quiesced.
#[derive(Debug, Clone, Copy)]
struct Quiescing {
    since: SimTime,
    /// The shared point that it is for.
    shared: Option<SharedPoint>,
}

/// A flush of the journal that is under way.
struct Flush {
    /// The last write that it makes durable.
    seq: WriteSeq,
    /// When it was asked for.
    at: CutTime,
    names: Vec<String>,
}

/// What the guest was asked for (aggregate grain).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// For the mark of a point, perhaps of one that is shared.
    Mark(Option<SharedPoint>),
    Cut,
}

/// How far an orderly end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draining {
    No,
    /// The guest was told to stop.
    GuestStops,
    /// The last mark is made.
    LastBatch,
    Done,
}

pub(super) struct Replication {
    pub env: Env,
    pub spec: AgentSpec,
    /// Which replication of this agent's it is: answers to an earlier one's requests are not its own.
    pub generation: u64,
    pub saved: SavedReplication,
    pub journal: Journal,
    pub session: Session,
    /// The volume of each disk.
    pub volumes: BTreeMap<DiskId, String>,
    /// The process server has greeted back on this connection.
    pub greeted: bool,
    /// It has greeted since this copy began: batch numbers are agreed.
    pub agreed: bool,
    /// The last batch that a process server had when the copy began: the target's checksums have to show it.
    pub before_copy: u64,
    /// It goes on where an orderly stop left it.
    pub resumed: bool,
    /// The guest's life as disks know it: its number, and the write before its first.
    pub life: (u64, WriteSeq),
    /// The last write of the guest.
    pub last: WriteSeq,
    /// The last write that is durable in the journal.
    pub durable: WriteSeq,
    /// When the guest had written up to there, and nothing more.
    durable_at: CutTime,
    flushes: BTreeMap<u64, Flush>,
    next_key: u64,
    flush_timer: bool,
    /// Marks whose writes are not all durable.
    marks: VecDeque<Mark>,
    /// Since when an app-consistent point is being made.
    quiescing: Option<Quiescing>,
    /// When the group began its newest app-consistent point.
    shared_app_at: Option<SimTime>,
    mark_timer: Option<TimerId>,
    /// The guest was asked for what it wrote up to now, for this.
    asked: Option<Asked>,
    /// Nothing that waits to be cut was written before, by the machine's own count of time; none where nothing waits.
    uncut_since: Option<SimTime>,
    cut_timer: bool,
    /// Writes at which a batch was full and not yet durable.
    full_at: VecDeque<WriteSeq>,
    pub sending: Option<Sending>,
    pub copies: BTreeMap<DiskId, DiskCopy>,
    /// Bytes sent and not acknowledged.
    pub unacknowledged: u64,
    /// How large a batch may become for the process server's cache.
    pub batch_room: u64,
    /// The process server's cache had no room: its size, and the bytes that did not fit. Nothing is sent until it welcomes anew.
    pub refused: Option<(u64, u64)>,
    pub draining: Draining,
    /// The mark of the last batch that the process server has whole.
    pub last_mark: Option<Mark>,
    pub stopped: bool,
    /// The guest is down: once its last write is durable, this is an orderly stop.
    guest_is_down: bool,
    pub outcomes: Vec<Outcome>,
}

fn now_of(env: &Env, life: u64) -> CutTime {
    CutTime {
        at: env.now(),
        source: env.clock(),
        life,
    }
}

fn journal_prefix(saved: &SavedReplication) -> String {
    format!(
        "journal/protection-{:03}-copy-{:04}",
        saved.protection.protection, saved.copy
    )
}

impl Replication {
    /// Takes up a replication: with a fresh journal and a copy to be made, or with the journal of an orderly stop.
    pub fn open(
        env: &Env,
        spec: &AgentSpec,
        generation: u64,
        saved: SavedReplication,
        up: &Up,
        last: WriteSeq,
        resume: bool,
    ) -> Result<Replication, JournalError> {
        let files = env.files();
        let options = JournalOptions {
            size_cap: spec.journal_cap,
            file_bytes: match env.grain() {
                // A record stands for minutes of writes: files of the usual size would hold one each.
                Grain::Aggregate => env.model.agent.journal_file.max(spec.journal_cap / 4),
                // Room is given back file by file: a small journal has several all the same.
                Grain::Real | Grain::Extent => env.model.agent.journal_file.min(spec.journal_cap / 4),
            },
            emptied_bytes: match env.grain() {
                // It counts megabytes and takes a hundred bytes.
                Grain::Aggregate => 4096,
                Grain::Real | Grain::Extent => u64::MAX,
            },
        };
        let prefix = journal_prefix(&saved);
        let journal = if resume {
            Journal::open(&*files, &prefix, spec.vm.vm, options)?.journal
        } else {
            for old in files.list("journal/") {
                files.remove(&old);
            }
            Journal::create(&*files, &prefix, spec.vm.vm, options)?
        };
        let life = (up.life.number(), up.began);
        let protection = &saved.protection;
        let session = Session::new(
            protection.process_server,
            protection.port,
            Token {
                what: PS,
                key: generation,
            },
        );
        let mut replication = Replication {
            env: env.clone(),
            spec: spec.clone(),
            generation,
            journal,
            session,
            volumes: up.boot.volumes.iter().cloned().collect(),
            greeted: false,
            agreed: false,
            before_copy: 0,
            resumed: resume,
            life,
            last,
            durable: last,
            durable_at: now_of(env, life.0),
            flushes: BTreeMap::new(),
            next_key: generation << 32,
            flush_timer: false,
            marks: VecDeque::new(),
            quiescing: None,
            shared_app_at: None,
            mark_timer: None,
            asked: None,
            uncut_since: None,
            cut_timer: false,
            full_at: VecDeque::new(),
            sending: None,
            copies: BTreeMap::new(),
            unacknowledged: 0,
            batch_room: u64::MAX,
            refused: None,
            draining: Draining::No,
            last_mark: None,
            stopped: false,
            guest_is_down: false,
            outcomes: Vec::new(),
            saved,
        };
        if !replication.saved.copied {
            replication.begin_copies();
        }
        if replication.last > replication.saved.last_cut().1 {
            replication.wait_to_be_cut(env.monotonic());
        }
        replication.session.start(env);
        replication.set_mark_timer();
        let app = replication.saved.protection.policy.app_consistent_every;
        if app > 0 {
            let first = app + replication.group_grace();
            env.timer(
                first,
                Token {
                    what: APP_MARK,
                    key: generation,
                },
            );
        }
        Ok(replication)
    }

    /// Something happened that only a resynchronization mends: nothing more is sent.
    pub fn is_lost(&self) -> bool {
        let lost = |outcome: &Outcome| matches!(outcome, Outcome::ResynchronizationNeeded(_));
        self.outcomes.iter().any(lost)
    }

    /// Ends it: nothing is sent any more, timers are ignored.
    pub fn stop(&mut self) {
        self.session.stop(&self.env);
        if let Some(timer) = self.mark_timer.take() {
            self.env.cancel(timer);
        }
        self.stopped = true;
    }

    /// Goes on with another process server. The one before has handed over: what it acknowledged is stored.
    pub fn move_to(&mut self, protection: Protection) {
        self.session_event(SessionEvent::Lost);
        self.session.stop(&self.env);
        let token = Token {
            what: PS,
            key: self.generation,
        };
        self.session = Session::new(protection.process_server, protection.port, token);
        self.saved.protection = Whole::new(Protection {
            copy: self.saved.protection.copy,
            ..protection
        });
        self.session.start(&self.env);
    }

    pub fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }

    // Writes.

    /// The guest wrote: its record goes into the journal.
    pub fn wrote(&mut self, record: &Record) {
        let Some(seq) = record.seq() else { return };
        self.last = self.last.max(seq);
        if self.is_before_copy() {
            return;
        }
        if let Err(error) = self.journal.append(&*self.env.files(), record) {
            self.outcomes.push(Outcome::ResynchronizationNeeded(error));
            return;
        }
        self.wait_to_be_cut(self.env.monotonic());
        let ends = self.full_at.back().copied().unwrap_or_default();
        if self.journal.bytes_after(ends.max(self.saved.last_cut().1)) >= self.batch_bytes() {
            // What is made durable here is a full batch, however long the disk takes for it.
            self.full_at.push_back(seq);
            self.flush();
        } else if self.asked.is_none() {
            self.flush_after(self.env.model.agent.flush_after);
        }
    }

    /// Flushes after so long, unless that is to come already.
    fn flush_after(&mut self, after: u64) {
        if !self.flush_timer {
            self.flush_timer = true;
            let token = Token {
                what: FLUSH_DUE,
                key: self.generation,
            };
            self.env.timer(after, token);
        }
    }

    /// A copy that has not begun reads what is written until then: without a process server nothing has to be journalled for it. In the
    /// aggregate grain a copy does not know what it reads.
    fn is_before_copy(&self) -> bool {
        !self.agreed && !self.saved.copied && self.env.grain() != Grain::Aggregate
    }

    /// The process server is there: what is written from here on is journalled.
    pub fn begin_journal(&mut self) {
        if self.is_before_copy() {
            (self.durable, self.durable_at) = (self.last, now_of(&self.env, self.life.0));
        }
    }

    pub fn flush_due(&mut self) {
        self.flush_timer = false;
        self.flush();
    }

    /// Makes the journal durable up to here; false where nothing waits for that.
    pub fn flush(&mut self) -> bool {
        let names = self.journal.take_unflushed();
        if names.is_empty() {
            return false;
        }
        let key = self.key();
        self.env.flush(&names, Token { what: FLUSH, key });
        let (seq, at) = (self.last, now_of(&self.env, self.life.0));
        self.flushes.insert(key, Flush { seq, at, names });
        true
    }

    /// A flush is complete, or failed: then its files are flushed again with what has come since.
    pub fn flushed(&mut self, key: u64, done: bool) {
        let Some(Flush { seq, at, names }) = self.flushes.remove(&key) else {
            return;
        };
        if !done {
            // What a later one makes durable of other files does not count while these are not.
            let later = std::mem::take(&mut self.flushes).into_values();
            let names = names.into_iter().chain(later.flat_map(|flush| flush.names));
            self.journal.flush_again(names);
            return self.flush_after(self.env.model.disk.retry_after);
        }
        if seq >= self.durable {
            (self.durable, self.durable_at) = (seq, at);
        }
        self.cut_what_is_durable();
        self.note_clean_stop();
        self.report_if_drained();
    }

    // Marks and cuts.

    pub fn cut_what_is_durable(&mut self) {
        while let Some(mark) = self.marks.front().copied().filter(|mark| mark.seq <= self.durable) {
            self.marks.pop_front();
            self.saved.points += 1;
            let time = CutTime {
                at: mark.marked,
                source: mark.marked_source,
                life: mark.life,
            };
            self.cut(
                mark.seq,
                time,
                Some(Mark {
                    point: self.saved.points,
                    ..mark
                }),
            );
        }
        let mut full = false;
        while self.full_at.front().is_some_and(|seq| *seq <= self.durable) {
            self.full_at.pop_front();
            full = true;
        }
        // A mark that waits lies past what is durable. One that is being made could lie before it.
        let free = self.quiescing.is_none() && self.agreed;
        let late = self.marks.is_empty() && self.is_late();
        let (_, before) = self.saved.last_cut();
        if free && self.durable > before && (full || self.is_full(before) || late) {
            self.cut(self.durable, self.durable_at, None);
        }
    }

    fn batch_bytes(&self) -> u64 {
        self.spec.batch_bytes.min(self.batch_room).max(1)
    }

    /// Whether what is durable and not cut fills a batch.
    fn is_full(&self, before: WriteSeq) -> bool {
        let bytes = self.journal.bytes_after(before) - self.journal.bytes_after(self.durable);
        bytes >= self.batch_bytes()
    }

    /// Whether something waits to be cut for so long that the network should have it. Fleets are not cut by time.
    fn is_late(&self) -> bool {
        let waits = self.uncut_since.map_or(0, |since| self.env.monotonic().since(since));
        self.saved.copied && waits >= self.env.model.agent.cut_after && self.env.grain() != Grain::Aggregate
    }

    /// Something waits to be cut, and nothing of it was written before `since`.
    fn wait_to_be_cut(&mut self, since: SimTime) {
        let since = *self.uncut_since.get_or_insert(since);
        if !self.cut_timer && self.env.grain() != Grain::Aggregate {
            self.cut_timer = true;
            let token = Token {
                what: CUT_DUE,
                key: self.generation,
            };
            let due = since.after(self.env.model.agent.cut_after);
            self.env.timer(due.since(self.env.monotonic()), token);
        }
    }

    /// Something may have waited long enough to be cut, whether the guest flushes or not.
    pub fn cut_due(&mut self) {
        self.cut_timer = false;
        let Some(since) = self.uncut_since else { return };
        if self.env.monotonic().since(since) < self.env.model.agent.cut_after {
            self.wait_to_be_cut(since);
            return;
        }
        if self.durable < self.last {
            self.flush();
        }
        self.cut_what_is_durable();
    }

    fn cut(&mut self, last: WriteSeq, time: CutTime, mark: Option<Mark>) {
        let (batch, before) = self.saved.last_cut();
        let (batch, last) = (batch + 1, last.max(before));
        let cut = Cut {
            batch,
            first: before.next(),
            last,
            time,
            mark,
        };
        self.saved.cuts.push(cut);
        self.uncut_since = None;
        if self.last > last {
            let ago = self.env.now().since(time.at);
            self.wait_to_be_cut(SimTime(self.env.monotonic().0.saturating_sub(ago)));
        }
        self.env.fact(Fact::BatchCut {
            vm: self.spec.vm.vm,
            protection: self.saved.protection.protection,
            batch,
            first: cut.first,
            last,
            cut: time,
            mark,
        });
        self.pump();
    }

    /// All copies are stored: the first recovery point is made at once, and from then on by the clock.
    pub fn copied(&mut self) {
        self.saved.copied = true;
        self.copies.clear();
        self.set_mark_timer();
        self.mark_now();
    }

    // The end.

    /// What it replicates, and where to.
    pub fn protection(&self) -> &Whole<Protection> {
        &self.saved.protection
    }

    /// Tells the process server of a shared point's record.
    pub fn put_shared(&mut self, record: SharedRecord) {
        let protection = self.saved.protection.protection;
        if self.greeted {
            self.session
                .send(&self.env, ToProcessServer::PutShared(PutShared { protection, record }));
        }
    }

    /// The guest is to stop, and all that is left to be sent.
    pub fn drain(&mut self) {
        match self.draining {
            Draining::No => {
                self.draining = Draining::GuestStops;
                self.env
                    .local(self.env.sibling(ComponentKind::Guest), Local::StopWorkload);
            }
            Draining::Done => self.report_drained(),
            Draining::GuestStops | Draining::LastBatch => {}
        }
    }

    /// The guest has stopped. A last mark where it was asked to drain; else only durability.
    pub fn guest_down(&mut self) {
        self.guest_is_down = true;
        if self.draining == Draining::GuestStops {
            self.draining = Draining::LastBatch;
            if let Some(timer) = self.mark_timer.take() {
                self.env.cancel(timer);
            }
            if self.saved.copied {
                // It told all that it wrote before it stopped.
                self.mark_at_last(None);
            }
            self.report_if_drained();
        } else {
            self.flush();
        }
        self.note_clean_stop();
    }

    /// The journal holds all that the process server does not: an orderly stop may be followed by a start that goes on from it.
    fn note_clean_stop(&mut self) {
        self.saved.clean = self.guest_is_down && self.durable >= self.last;
    }

    pub fn report_if_drained(&mut self) {
        if self.draining == Draining::LastBatch && self.saved.cuts.is_empty() && self.marks.is_empty() {
            self.draining = Draining::Done;
            self.report_drained();
        }
    }

    fn report_drained(&mut self) {
        let last = self.saved.cached.1;
        let mark = self.last_mark;
        self.outcomes.push(Outcome::Drained { last, mark });
    }
}
