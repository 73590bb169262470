//! Requests of the workload: issued, written by the disk after a time, acknowledged to whoever issued them.
//!
//! A write that is issued reaches the disk after the model's `guest.write_latency`, in order. There it takes its place in the machine's write
//! sequence, and the agent gets its copy. The acknowledgement is the agent's to give, for it may have to hold it; where no agent runs,
//! or its process ends, whatever waits is acknowledged at once (the driver in the way of a write lets it pass). A stream has so many
//! requests outstanding at most: the next one waits for an acknowledgement.
//!
//! While applications are quiesced nothing is issued; what is under way is waited for.

use std::collections::VecDeque;

use bytes::Bytes;
use datapath::disk::DiskError;
use datapath::journal::Record;
use datapath::{Blob, Class, Content, Grain, Run, SimTime, WriteSeq};
use rand::Rng;

use super::database::Part;
use super::disks::{Disk, Look};
use super::{FlushFor, Guest, Phase, RESERVE, SEQUENCE_FILE, STREAM, THINK, WRITE_BACK, WRITTEN};
use crate::facts::Fact;
use crate::messages::local::{Local, Records};
use crate::nouns::ItemState;
use crate::ports::{Evidence, Token};
use crate::workload::{Op, Stream};

/// Who waits for a request's acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A stream.
    Stream(usize),
    /// A request of an application, by its number here.
    Tier(u64),
    /// A block of a database, by its number here.
    Database(usize, Part),
}

/// What is written.
pub(super) enum What {
    /// Content that nobody has seen before.
    New(Look),
    /// These bytes, and what they compress like where content is modelled.
    Bytes(Bytes, Class),
}

/// A request that the disk has not carried out.
pub(super) struct Request {
    owner: Owner,
    disk: u16,
    op: Op,
    what: What,
}

/// A stream's requests.
#[derive(Debug, Default, Clone)]
pub(super) struct Slots {
    /// Issued and not acknowledged.
    outstanding: u32,
    /// What comes next, where that has a time.
    upcoming: Option<Op>,
    /// Since when it waits for one of the others to be acknowledged, or for applications to go on.
    waits_since: Option<SimTime>,
    /// Requests that were thought about and wait likewise.
    thought: u32,
}

/// Writes that are under way.
#[derive(Default)]
pub(super) struct Writes {
    /// At the disk.
    pub at_disk: VecDeque<Request>,
    /// On the disk, not acknowledged.
    pub unacknowledged: VecDeque<(WriteSeq, Owner)>,
    /// By stream.
    pub slots: Vec<Slots>,
    /// How long requests had to wait for others since that was told last: how many, together, the longest.
    waited: (u64, u64, u64),
}

impl Guest {
    // Streams.

    pub(super) fn start_workload(&mut self) {
        let mut random = self.env.random("workload");
        let now = self.env.now();
        let workload = std::sync::Arc::clone(&self.spec.workload);
        let all = u128::from(workload.mean_bytes_per_second());
        for (number, spec) in workload.streams.iter().enumerate() {
            let Some(bytes) = self.disk(spec.disk).map(|disk| disk.bytes) else {
                continue;
            };
            let mut own = random.clone();
            own.set_stream(number as u64 + 1);
            let rate = u128::from(spec.kind.mean_bytes_per_second());
            let share = |bytes: u64| (u128::from(bytes) * rate / all.max(1)).max(1) as u64;
            self.shares
                .push((share(self.spec.summary_bytes), share(self.spec.folded_bytes)));
            let waits = spec
                .starts_after
                .filter(|state| !self.env.has_reached(self.spec.vm.vm, *state));
            if let Some(state) = waits {
                self.waiting.push((self.streams.len(), state));
            }
            let start = if waits.is_some() { SimTime::NEVER } else { now };
            self.streams.push(Stream::new(spec, bytes, start, own));
        }
        self.writes.slots = vec![Slots::default(); self.streams.len()];
        if self.streams.is_empty() {
            return;
        }
        if self.env.grain() == Grain::Aggregate {
            // Guests that boot together do not report together.
            let every = self.env.model.guest.summary_every;
            let first = every / 10 + random.next_u64() % every;
            self.tell_within(first);
            return;
        }
        for stream in 0..self.streams.len() {
            if self.waiting.iter().all(|(waits, _)| *waits != stream) {
                self.begin_stream(stream);
            }
        }
    }

    /// The machine reached a state: what waited for it begins.
    pub(super) fn reached(&mut self, state: ItemState) {
        let (begin, wait): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|(_, awaited)| *awaited == state);
        self.waiting = wait;
        for (stream, _) in begin {
            self.streams[stream].begin(self.env.now());
            if self.env.grain() != Grain::Aggregate {
                self.begin_stream(stream);
            }
        }
        if self.phase == Phase::Running && self.env.grain() == Grain::Aggregate {
            // What is told next may be due earlier.
            self.summary_due();
        }
    }

    fn begin_stream(&mut self, stream: usize) {
        if self.streams[stream].thinks() {
            for _ in 0..self.streams[stream].outstanding.unwrap_or(1) {
                self.think(stream);
            }
        } else {
            self.schedule(stream);
        }
    }

    /// The stream's next request has a time.
    fn schedule(&mut self, stream: usize) {
        let Some((at, op)) = self.streams[stream].next_op() else {
            return;
        };
        self.writes.slots[stream].upcoming = Some(op);
        let key = stream as u64;
        self.env.timer(at.since(self.env.now()), Token { what: STREAM, key });
    }

    /// One of the stream's requests was acknowledged: the next one follows after a while.
    fn think(&mut self, stream: usize) {
        let after = self.streams[stream].thinking();
        let key = stream as u64;
        self.env.timer(after, Token { what: THINK, key });
    }

    fn must_wait(&self, stream: usize) -> bool {
        let limit = self.streams[stream].outstanding;
        let busy = limit.is_some_and(|limit| self.writes.slots[stream].outstanding >= limit);
        busy || self.freeze.is_some()
    }

    pub(super) fn stream_due(&mut self, stream: usize) {
        if self.phase != Phase::Running {
            return;
        }
        if self.must_wait(stream) {
            self.writes.slots[stream].waits_since.get_or_insert(self.env.now());
            return;
        }
        let Some(op) = self.writes.slots[stream].upcoming.take() else {
            return;
        };
        self.issue_for(stream, op);
        self.schedule(stream);
    }

    pub(super) fn thought(&mut self, stream: usize) {
        if self.phase != Phase::Running {
            return;
        }
        if self.must_wait(stream) {
            self.writes.slots[stream].waits_since.get_or_insert(self.env.now());
            self.writes.slots[stream].thought += 1;
            return;
        }
        let op = self.streams[stream].request();
        self.issue_for(stream, op);
    }

    /// What the stream had to wait for may have come.
    fn go_on(&mut self, stream: usize) {
        if self.phase != Phase::Running || self.must_wait(stream) {
            return;
        }
        let Some(since) = self.writes.slots[stream].waits_since.take() else {
            return;
        };
        let waited = self.env.now().since(since);
        let of = &mut self.writes.waited;
        *of = (of.0 + 1, of.1 + waited, of.2.max(waited));
        self.streams[stream].delayed(waited);
        if self.writes.slots[stream].thought > 0 {
            self.writes.slots[stream].thought -= 1;
            let op = self.streams[stream].request();
            self.issue_for(stream, op);
            if self.writes.slots[stream].thought > 0 {
                self.writes.slots[stream].waits_since = Some(since);
                self.go_on(stream);
            }
        } else {
            self.stream_due(stream);
        }
    }

    fn issue_for(&mut self, number: usize, op: Op) {
        let stream = &self.streams[number];
        let (disk, random_bytes, class) = (stream.disk, stream.random_bytes, stream.class);
        if op == Op::Flush {
            return self.flush(FlushFor::Workload);
        }
        let look = Look {
            seed: self.seed,
            random_bytes,
            class,
        };
        self.writes.slots[number].outstanding += 1;
        self.issue(Owner::Stream(number), disk, op, What::New(look));
    }

    // Writes.

    /// Hands a write or a discard to the disk.
    pub(super) fn issue(&mut self, owner: Owner, disk: u16, op: Op, what: What) {
        self.writes.at_disk.push_back(Request { owner, disk, op, what });
        let after = self.env.model.guest.write_latency;
        self.env.timer(after, Token { what: WRITTEN, key: 0 });
    }

    /// The disk has carried out the oldest request that it has.
    pub(super) fn disk_wrote(&mut self) {
        let Some(request) = self.writes.at_disk.pop_front() else {
            return;
        };
        let disk = self.disk(request.disk).cloned();
        let run = disk.as_ref().and_then(|disk| match request.op {
            Op::Write { offset, bytes } => match &request.what {
                What::New(look) => disk.written(&self.env, self.seq.next(), offset, bytes, *look),
                What::Bytes(content, class) => disk.put(&self.env, self.seq.next(), offset, content, *class),
            },
            Op::Discard { offset, bytes } => disk.discarded(offset, bytes),
            Op::Flush => None,
        });
        match (disk, run) {
            (Some(disk), Some(run)) => {
                if let Err(error) = self.write(&disk, run) {
                    return self.not_written(request, &error);
                }
                self.writes.unacknowledged.push_back((self.seq, request.owner));
                if !self.agent_runs {
                    self.acknowledged(self.seq);
                }
            }
            // It lies past the disk's end.
            _ => self.answered(request.owner),
        }
        if let (Owner::Stream(stream), Op::Write { .. }) = (request.owner, request.op)
            && self.streams[stream].flush_is_due()
        {
            self.flush(FlushFor::Workload);
        }
        self.look_if_idle();
    }

    /// The disk did not carry out a write: the operating system tries again after a pause, and what comes after it waits.
    fn not_written(&mut self, request: Request, error: &DiskError) {
        self.trouble.note(&self.env, Some(self.spec.vm.vm), error);
        self.writes.at_disk.push_front(request);
        let after = self.env.model.disk.retry_after;
        self.env.timer(after, Token { what: WRITTEN, key: 0 });
    }

    /// Everything up to a write is acknowledged.
    pub(super) fn acknowledged(&mut self, through: WriteSeq) {
        let writes = &mut self.writes.unacknowledged;
        let count = writes.partition_point(|(seq, _)| *seq <= through);
        let Some((last, _)) = count.checked_sub(1).and_then(|at| writes.get(at)).copied() else {
            return;
        };
        let owners: Vec<Owner> = writes.drain(..count).map(|(_, owner)| owner).collect();
        self.env.fact(Fact::Acknowledged {
            vm: self.spec.vm.vm,
            life: self.life(),
            through: last,
        });
        owners.into_iter().for_each(|owner| self.answered(owner));
        self.tell_waits();
        self.look_if_idle();
    }

    /// Acknowledges whatever waits for that: nobody holds it any more.
    pub(super) fn acknowledge_all(&mut self) {
        if let Some((last, _)) = self.writes.unacknowledged.back() {
            self.acknowledged(*last);
        }
    }

    fn answered(&mut self, owner: Owner) {
        match owner {
            Owner::Stream(stream) => {
                self.writes.slots[stream].outstanding -= 1;
                if self.streams[stream].thinks() {
                    self.think(stream);
                }
                self.go_on(stream);
            }
            Owner::Tier(request) => self.tier_wrote(request),
            Owner::Database(database, part) => self.database_wrote(database, part),
        }
    }

    /// Nothing is in the way of requests any more.
    pub(super) fn go_on_all(&mut self) {
        (0..self.streams.len()).for_each(|stream| self.go_on(stream));
        self.tiers_go_on();
        self.databases_go_on();
        self.tell_waits();
    }

    fn tell_waits(&mut self) {
        let (requests, nanoseconds, longest) = std::mem::take(&mut self.writes.waited);
        if requests > 0 {
            self.env.fact(Fact::WorkloadWaited {
                vm: self.spec.vm.vm,
                life: self.life(),
                requests,
                nanoseconds,
                longest,
            });
        }
    }

    /// Whether no request is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.writes.at_disk.is_empty() && self.writes.unacknowledged.is_empty()
    }

    /// Takes the next `count` numbers of the sequence; the first of them.
    pub(super) fn take_sequence(&mut self, count: u64) -> WriteSeq {
        let first = self.seq.next();
        self.seq = WriteSeq(self.seq.0 + count);
        if self.seq.0 > self.reserved {
            let reserved = self.seq.0 + RESERVE;
            let blob = Blob::real(reserved.to_le_bytes().to_vec());
            match self.env.files().replace(SEQUENCE_FILE, blob) {
                Ok(()) => self.reserved = reserved,
                // The next write tries again. After a power cut the numbers could be used twice, by lives that the oracle tells apart.
                Err(error) => self.trouble.note(&self.env, Some(self.spec.vm.vm), &error),
            }
        }
        first
    }

    fn write(&mut self, disk: &Disk, run: Run) -> Result<(), DiskError> {
        self.env.volume_write(&disk.volume, &run)?;
        let seq = self.take_sequence(1);
        let hash = match &run.content {
            Content::Bytes(bytes) => xxhash_rust::xxh3::xxh3_128(bytes).to_le_bytes(),
            _ => [0; 16],
        };
        let fact = Fact::Wrote {
            vm: self.spec.vm.vm,
            life: self.life(),
            disk: disk.id,
            seq,
            start: run.start,
            extents: run.extents,
            hash,
        };
        self.env.evidence(fact, Evidence::Wrote { run: run.clone() });
        self.tell_agent(vec![Record::Change {
            seq,
            disk: disk.id,
            run,
        }]);
        self.dirty = true;
        if !self.write_back {
            self.write_back = true;
            self.env.timer(
                self.env.model.guest.write_back_after,
                Token {
                    what: WRITE_BACK,
                    key: 0,
                },
            );
        }
        Ok(())
    }

    pub(super) fn tell_agent(&self, records: Vec<Record>) {
        if let Some(agent) = self.agent.filter(|_| !records.is_empty()) {
            let records = Records(records);
            self.env.local(agent, Local::Wrote { records });
        }
    }
}
