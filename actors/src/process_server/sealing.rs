//! From the cache to sealed segments: jobs of the compute port, several at a time, fairly between machines.

use std::collections::BTreeMap;

use bytes::Bytes;
use datapath::batch::fold;
use datapath::journal::decode;
use datapath::plants::{Plant, planted};
use datapath::segment::{self, NonceRange, Sealed, SegmentKind, Worker};
use datapath::{DiskId, VmId};

use super::intake::{Unread, read_records};
use super::stream::{Outgoing, Sealing, Stream, Waiting};
use super::{ProcessServer, SEALED};
use crate::facts::Severity;
use crate::ports::{Job as Work, Output, Token, Work as Kind};

/// What a job seals.
pub(super) enum Job {
    Batch {
        vm: VmId,
        batch: u64,
        bytes: u64,
    },
    Piece {
        disk: DiskId,
        copy: u32,
        part: u32,
        bytes: u64,
    },
}

impl Job {
    pub(super) fn vm(&self) -> VmId {
        match self {
            Job::Batch { vm, .. } => *vm,
            Job::Piece { disk, .. } => disk.vm,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Job::Batch { bytes, .. } | Job::Piece { bytes, .. } => *bytes,
        }
    }

    pub(super) fn is_copy_before(&self, vm: VmId, number: u32) -> bool {
        matches!(self, Job::Piece { disk, copy, .. } if disk.vm == vm && *copy < number)
    }
}

/// What a job gives back: sealed segments with the bytes of disk that each describes, or why the cache could not be read.
type Result = std::result::Result<Vec<(Sealed, u64)>, String>;

impl Sealing {
    /// Bytes that count as in flight because of it.
    pub(super) fn outgoing_bytes(&self) -> u64 {
        match self {
            Sealing::Sealed(outgoing) => outgoing.waiting.iter().map(|w| w.sealed.blob.size).sum(),
            Sealing::Cached | Sealing::Running => 0,
        }
    }

    /// Of them, bytes that were sent to the target.
    pub(super) fn sent_bytes(&self) -> u64 {
        match self {
            Sealing::Sealed(outgoing) => {
                let sent = outgoing.waiting.iter().filter(|w| w.sent);
                sent.map(|w| w.sealed.blob.size).sum()
            }
            Sealing::Cached | Sealing::Running => 0,
        }
    }
}

impl Stream {
    /// Bytes that are in flight because of it: all of them, and those that were sent to the target.
    pub(super) fn in_flight(&self) -> (u64, u64) {
        let pieces = self.copies.values().flat_map(|c| c.pieces.values()).map(|p| &p.state);
        let states = self.batches.values().map(|b| &b.state).chain(pieces);
        states.fold((0, 0), |(all, sent), state| {
            (all + state.outgoing_bytes(), sent + state.sent_bytes())
        })
    }

    /// The next thing of this machine to seal: batches before pieces, for recovery points wait for them. Nothing while an epoch is
    /// missing, or its files cannot be read.
    fn next_job(&self) -> Option<Job> {
        if self.unreadable || self.without_epoch().next().is_some() {
            return None;
        }
        let batch = self.batches.iter().find(|(_, b)| matches!(b.state, Sealing::Cached));
        if let Some((&batch, b)) = batch {
            return Some(Job::Batch {
                vm: self.vm(),
                batch,
                bytes: b.bytes,
            });
        }
        self.copies.iter().find_map(|(disk, copy)| {
            let ready = |p: &super::stream::Piece| p.durable && matches!(p.state, Sealing::Cached);
            let (part, piece) = copy.pieces.iter().find(|(_, p)| ready(p))?;
            Some(Job::Piece {
                disk: *disk,
                copy: copy.number,
                part: *part,
                bytes: piece.bytes,
            })
        })
    }

    fn state(&mut self, job: &Job) -> Option<&mut Sealing> {
        match job {
            Job::Batch { batch, .. } => self.batches.get_mut(batch).map(|b| &mut b.state),
            Job::Piece { disk, copy, part, .. } => {
                let copy = self.copies.get_mut(disk).filter(|c| c.number == *copy)?;
                copy.pieces.get_mut(part).map(|p| &mut p.state)
            }
        }
    }
}

impl ProcessServer {
    /// Starts jobs while there is something to seal and what is sealed does not run too far ahead of the target.
    pub(super) fn seal_more(&mut self) {
        while (self.jobs.len() as u64) < self.env.model.process_server.jobs
            && self.in_flight < 2 * self.spec.window_bytes
        {
            let next = self.ready.range(self.turn..).next().or_else(|| self.ready.first());
            let Some(&vm) = next else { return };
            self.turn = VmId(vm.0 + 1);
            match self.streams.get(&vm).and_then(Stream::next_job) {
                Some(job) => self.start_job(job),
                None => {
                    self.ready.remove(&vm);
                }
            }
        }
    }

    fn start_job(&mut self, job: Job) {
        let Some(stream) = self.streams.get_mut(&job.vm()) else {
            return;
        };
        let (names, kind, only): (Vec<String>, SegmentKind, Option<DiskId>) = match &job {
            Job::Batch { batch, .. } => {
                let parts = stream.batches.get(batch).map_or(0, |b| b.ending.parts);
                let names = (0..parts).map(|part| stream.part_file(*batch, part)).collect();
                (names, SegmentKind::Changes { batch: *batch }, None)
            }
            Job::Piece { disk, copy, part, .. } => {
                let kind = SegmentKind::Copy {
                    copy: *copy,
                    part: *part,
                };
                (vec![stream.piece_file(*disk, *copy, *part)], kind, Some(*disk))
            }
        };
        let files = self.env.files();
        let parts: std::result::Result<Vec<Bytes>, Unread> =
            names.iter().map(|name| read_records(&*files, name)).collect();
        let parts = match parts {
            Ok(parts) => Ok(parts),
            Err(Unread::Damaged(why)) => Err(why),
            Err(Unread::Disk(error)) => {
                stream.unreadable = true;
                self.undone.sealing.insert(job.vm());
                return self.disk_failed(Some(job.vm()), &error);
            }
        };
        // What the job needs is known only once it has folded its records (a discard is small and covers much), so each job gets more
        // than any disk has extents. What is not used is never used; 2^28 such ranges fit into an epoch.
        let count = 1 << 36;
        let mut seals = BTreeMap::new();
        for (disk, nonces) in stream
            .nonces
            .iter_mut()
            .filter(|(disk, _)| only.is_none_or(|only| only == **disk))
        {
            if let Some(key) = stream.keys.get(disk) {
                seals.insert(*disk, (key.clone(), nonces.take(count)));
            }
        }
        if let Some(state) = stream.state(&job) {
            *state = Sealing::Running;
        }
        let (vault, calibration) = (self.spec.vault, self.spec.calibration.clone());
        let run = move |worker: &mut Worker| -> Result {
            let mut records = Vec::new();
            for part in parts? {
                match decode(&part) {
                    Err(_) if planted(Plant::TornRecordAccepted) => {}
                    decoded => records.extend(decoded.map_err(|e| e.to_string())?),
                }
            }
            let mut out = Vec::new();
            for (disk, changes) in fold(&records) {
                let (key, nonces): &(_, NonceRange) = seals
                    .get(&disk)
                    .ok_or_else(|| format!("disk {disk:?} is none of the machine's"))?;
                let plain = changes.plain_bytes();
                out.push((
                    segment::seal(worker, key, *nonces, vault, kind, &changes, &calibration),
                    plain,
                ));
            }
            Ok(out)
        };
        self.in_flight += job.bytes();
        let input_bytes = job.bytes();
        let key = self.key();
        let run = Box::new(move |worker: &mut Worker| Box::new(run(worker)) as Box<dyn std::any::Any + Send>);
        self.jobs.insert(key, job);
        self.env.compute(
            Work {
                work: Kind::CompressAndSeal,
                input_bytes,
                reads: 0,
                run,
            },
            Token { what: SEALED, key },
        );
    }

    pub(super) fn on_sealed(&mut self, key: u64, output: Output) {
        let Some(job) = self.jobs.remove(&key) else { return };
        self.in_flight -= job.bytes();
        let vm = job.vm();
        let sealed = match output.take::<Result>() {
            Ok(sealed) => sealed,
            Err(why) => return self.lost(&job, &why),
        };
        let headers = sealed.iter().map(|(sealed, _)| sealed.header.clone()).collect();
        let waiting: Vec<Waiting> = sealed
            .into_iter()
            .map(|(sealed, plain_bytes)| Waiting {
                sealed,
                plain_bytes,
                sent: false,
            })
            .collect();
        let bytes: u64 = waiting.iter().map(|w| w.sealed.blob.size).sum();
        if let Some(state) = self.streams.get_mut(&vm).and_then(|stream| stream.state(&job)) {
            *state = Sealing::Sealed(Outgoing { headers, waiting });
            self.in_flight += bytes;
        }
        if let (true, Job::Batch { batch, .. }, Some(stream)) =
            (planted(Plant::CacheForgottenEarly), &job, self.streams.get(&vm))
        {
            let parts = stream.batches.get(batch).map_or(0, |of| of.ending.parts);
            let files = stream.batch_files(*batch, 0..parts);
            files.for_each(|file| self.env.files().remove(&file));
        }
        self.deliver(vm);
        self.seal_more();
    }

    /// The cache's disk gave back something else than was written: nothing of it goes on. What comes behind does, and the target misses
    /// what is lost: then a resynchronization is asked for.
    fn lost(&mut self, job: &Job, why: &str) {
        let vm = job.vm();
        let text = format!("the process server's cache lost what it had acknowledged: {why}");
        self.alert(vm, Severity::Critical, text);
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        let (files, bytes) = (self.env.files(), job.bytes());
        match job {
            Job::Batch { batch, .. } => {
                for file in files.list(&stream.batch_folder(*batch)) {
                    files.remove(&file);
                }
                stream.cached_bytes -= stream.batches.remove(batch).map_or(0, |_| bytes);
            }
            Job::Piece { disk, copy, part, .. } => {
                files.remove(&stream.piece_file(*disk, *copy, *part));
                let known = stream.copies.get_mut(disk).filter(|known| known.number == *copy);
                let piece = known.and_then(|known| known.pieces.remove(part));
                stream.cached_bytes -= piece.map_or(0, |_| bytes);
            }
        }
        self.deliver(vm);
        self.seal_more();
        self.handed_over(vm);
        self.give_room();
    }
}
