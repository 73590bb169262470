//! Copies of whole disks: pieces of at most 1 MiB, each read in one instant and sent with the position of that instant. The disk takes its
//! time before that instant; a piece that it does not give is tried again after a pause.
//!
//! Initially what is used is copied, and what is not is skipped and counted as done (facts §1.3). A resynchronization and a
//! reprotect compare checksums of the whole disk on both sides, and send what differs (facts §1.5). The journal runs on meanwhile: the
//! receiver puts every later change over the piece. In the aggregate grain a piece is a size, up to 1 GiB, and what differs between two disks
//! is what their writes since they were one touch, in the mean over all places ([`datapath::lineage`]).

use std::collections::{BTreeMap, VecDeque};

use datapath::disk::DiskError;
use datapath::journal::{Record, encode, encode_copy};
use datapath::lineage::Lineage;
use datapath::plants::{Plant, planted};
use datapath::{Blob, CHUNK_BYTES, CHUNK_EXTENTS, Class, DiskId, EXTENT_BYTES, Extent, Grain, Summary, WriteSeq};

use super::replication::{Outcome, Replication};
use super::{CHECKED, PIECE, PIECE_AGAIN};
use crate::facts::Fact;
use crate::messages::checksums::{ChecksumAsk, Checksums};
use crate::messages::replication::ToProcessServer;
use crate::model::Model;
use crate::nouns::CopyMode;
use crate::ports::{Job, Output, Token, Work};
use crate::workload::Touched;

const MILLION: u64 = 1_000_000;

/// What a copy by checksums sends in the aggregate grain, in whole chunks, and how many millionths of it hold anything: what was written
/// since, and of the rest of those chunks as much as of the disk (`used` when it began, or written `before`).
fn differing(disk: u64, used: u64, before: u64, touched: Touched) -> (u64, u64) {
    let Touched {
        chunk_bytes,
        extent_bytes,
    } = touched;
    let blank = |bytes: u64| u128::from(MILLION - per_million(bytes, disk));
    let holds = MILLION - (blank(used) * blank(before) / u128::from(MILLION)) as u64;
    let rest = u128::from(chunk_bytes - extent_bytes) * u128::from(holds) / u128::from(MILLION);
    (chunk_bytes, per_million(extent_bytes + rest as u64, chunk_bytes))
}

fn per_million(part: u64, whole: u64) -> u64 {
    let share = u128::from(part.min(whole)) * u128::from(MILLION) / u128::from(whole.max(1));
    share as u64
}

/// The copy of one disk.
#[derive(Debug, Default)]
pub(super) struct DiskCopy {
    bytes: u64,
    granted: bool,
    /// Where the search for what to send goes on: an extent.
    next: u64,
    /// What is to be sent: first extent and how many.
    ranges: VecDeque<(u64, u64)>,
    /// What is to be sent, in the aggregate grain.
    aggregate_bytes: u64,
    /// How much of that holds anything: the rest of a chunk that differs can be blank.
    content_per_million: u64,
    class: Class,
    /// Questions for checksums: first chunk and how many; answered ones are compared by the job with that key.
    asked: BTreeMap<u64, u32>,
    checking: BTreeMap<u64, (u64, Vec<[u8; 16]>)>,
    /// What the disk reads, by the key of that: a piece, or several.
    reading: Option<(u64, Piece)>,
    part: u32,
    /// Pieces sent and not acknowledged.
    unacknowledged: BTreeMap<u32, (WriteSeq, Blob)>,
    highest: WriteSeq,
    sent_bytes: u64,
    matched_bytes: u64,
    skipped_bytes: u64,
    logged_bytes: u64,
    ended: bool,
    stored: bool,
}

/// What is sent at a time.
#[derive(Debug, Clone, Copy)]
enum Piece {
    /// Extents: the first and how many.
    Extents(u64, u64),
    /// So many bytes, in the aggregate grain.
    Bytes(u64),
}

/// Extents of a piece.
fn piece_extents(model: &Model) -> u64 {
    (model.agent.piece / EXTENT_BYTES).max(1)
}

impl Replication {
    pub(super) fn begin_copies(&mut self) {
        let by_checksum = self.saved.protection.copy == CopyMode::Checksums;
        let (protection, copy) = (self.saved.protection.protection, self.saved.copy);
        for (disk, bytes) in self.saved.protection.disks.clone() {
            self.env.fact(Fact::CopyStarted {
                disk,
                protection,
                copy,
                bytes,
                by_checksum,
            });
            let copy = DiskCopy {
                bytes,
                ..DiskCopy::default()
            };
            self.copies.insert(disk, copy);
        }
    }

    pub(super) fn copies_disconnected(&mut self) {
        self.copies.values_mut().for_each(|copy| copy.granted = false);
    }

    /// After the greeting: asks for places, and says again what was not answered.
    pub(super) fn greet_copies(&mut self) {
        let number = self.saved.copy;
        for (disk, copy) in self.copies.iter().filter(|(_, copy)| !copy.stored) {
            self.session.send(
                &self.env,
                ToProcessServer::CopyAsk {
                    disk: *disk,
                    copy: number,
                },
            );
            for (part, (position, blob)) in &copy.unacknowledged {
                let (part, position) = (*part, *position);
                self.session.owe_for(&self.env, blob.size);
                self.unacknowledged += blob.size;
                let body = ToProcessServer::CopyData {
                    disk: *disk,
                    copy: number,
                    part,
                    position,
                };
                self.session.send_with(&self.env, body, blob.clone());
            }
            for (first_chunk, count) in &copy.asked {
                self.session.owe(&self.env);
                let body = ToProcessServer::ChecksumAsk(ChecksumAsk {
                    disk: *disk,
                    copy: number,
                    first_chunk: *first_chunk,
                    count: *count,
                    after: self.before_copy,
                });
                self.session.send(&self.env, body);
            }
            if copy.ended {
                self.session.send(&self.env, end_of(*disk, number, copy));
            }
        }
    }

    /// Whether the end of a copy was told and is not known to be stored.
    pub(in crate::agent) fn awaits_copies(&self) -> bool {
        self.awaited().next().is_some()
    }

    fn awaited(&self) -> impl Iterator<Item = (&DiskId, &DiskCopy)> {
        self.copies.iter().filter(|(_, copy)| copy.ended && !copy.stored)
    }

    /// Tells the ends of copies again that are not known to be stored. That takes as long as the line takes, so no answer is owed; but a process
    /// server that has started anew knows nothing of this connection, and only who sends is told so.
    pub(in crate::agent) fn ask_for_copies(&self) {
        for (disk, copy) in self.awaited() {
            self.session.send(&self.env, end_of(*disk, self.saved.copy, copy));
        }
    }

    pub(super) fn copy_granted(&mut self, disk: DiskId, number: u32) {
        if let Some(copy) = self.copy_of(disk, number) {
            copy.granted = true;
        }
    }

    pub(super) fn copy_cached(&mut self, disk: DiskId, number: u32, part: u32) {
        let copy = self.copy_of(disk, number);
        if let Some((_, blob)) = copy.and_then(|copy| copy.unacknowledged.remove(&part)) {
            self.unacknowledged = self.unacknowledged.saturating_sub(blob.size);
            self.session.settled_for(&self.env, blob.size);
        }
    }

    pub(super) fn copy_stored(&mut self, disk: DiskId, number: u32) {
        if number != self.saved.copy {
            return;
        }
        if let Some(copy) = self.copies.get_mut(&disk) {
            copy.stored = true;
        }
        if !self.saved.copied && self.copies.values().all(|copy| copy.stored) {
            self.copied();
        }
    }

    /// The copy of a disk, if it is the one that is spoken of: answers to an earlier one mean nothing.
    fn copy_of(&mut self, disk: DiskId, number: u32) -> Option<&mut DiskCopy> {
        self.copies.get_mut(&disk).filter(|_| number == self.saved.copy)
    }

    // What to send.

    /// Looks for more to send on a disk.
    fn search(&mut self, disk: DiskId) {
        let Some(name) = self.volumes.get(&disk) else { return };
        let Some(volume) = self.env.volume(name) else {
            return;
        };
        let aggregate = self.env.grain() == Grain::Aggregate;
        let by_checksum = self.saved.protection.copy == CopyMode::Checksums;
        let Some(copy) = self.copies.get_mut(&disk) else { return };
        let extents = volume.extents();
        if by_checksum {
            let chunks = extents.div_ceil(CHUNK_EXTENTS);
            let model = &self.env.model.agent;
            let at_a_time = if aggregate {
                u64::from(u32::MAX)
            } else {
                (model.check / CHUNK_BYTES).max(1)
            };
            while ((copy.asked.len() + copy.checking.len()) as u64) < model.checks
                && copy.next < extents
                && copy.ranges.is_empty()
            {
                let first_chunk = copy.next / CHUNK_EXTENTS;
                let count = (chunks - first_chunk).min(at_a_time) as u32;
                copy.next = ((first_chunk + u64::from(count)) * CHUNK_EXTENTS).min(extents);
                copy.asked.insert(first_chunk, count);
                self.session.owe(&self.env);
                self.session.send(
                    &self.env,
                    ToProcessServer::ChecksumAsk(ChecksumAsk {
                        disk,
                        copy: self.saved.copy,
                        first_chunk,
                        count,
                        after: self.before_copy,
                    }),
                );
            }
        } else if aggregate {
            if copy.next < extents {
                copy.next = extents;
                copy.class = volume.class();
                copy.aggregate_bytes = volume.used_bytes().min(copy.bytes);
                copy.content_per_million = MILLION;
                copy.skipped_bytes = copy.bytes - copy.aggregate_bytes;
            }
        } else if copy.ranges.is_empty() && copy.next < extents {
            let most = (self.env.model.agent.read / EXTENT_BYTES).max(1);
            let most = u32::try_from(most).unwrap_or(u32::MAX);
            let found = volume.next_used(Extent(copy.next), most);
            let (start, end) = found.map_or((extents, extents), |(start, len)| (start.0, start.0 + u64::from(len)));
            copy.skipped_bytes += bytes_of(copy.next, start, copy.bytes);
            copy.next = end;
            if start < end {
                copy.ranges.push_back((start, end - start));
            }
        }
    }

    /// The target's checksums are there: a job compares them with the source's.
    pub(super) fn checksums(&mut self, told: Checksums) {
        let Checksums {
            disk,
            copy,
            first_chunk,
            sums,
            lineage,
            ..
        } = told;
        if copy != self.saved.copy {
            return;
        }
        let Some(copy) = self.copies.get_mut(&disk) else { return };
        let Some(count) = copy.asked.remove(&first_chunk) else {
            return;
        };
        self.session.settled(&self.env);
        if self.env.grain() == Grain::Aggregate {
            return self.compare_whole(disk, lineage);
        }
        self.check(disk, (first_chunk, count), sums);
    }

    /// A job reads chunks of the source, and compares them with the target's checksums.
    fn check(&mut self, disk: DiskId, (first_chunk, count): (u64, u32), sums: Vec<[u8; 16]>) {
        let key = self.key();
        let Some(volume) = self.volumes.get(&disk).and_then(|name| self.env.volume(name)) else {
            return;
        };
        let Some(copy) = self.copies.get_mut(&disk) else { return };
        copy.checking.insert(key, (first_chunk, sums));
        let extents = volume.extents();
        let run = move || -> Vec<Option<[u8; 16]>> {
            let chunk = |chunk: u64| {
                let start = chunk * CHUNK_EXTENTS;
                let len = CHUNK_EXTENTS.min(extents.saturating_sub(start)) as u32;
                // What cannot be read counts as different; reading it to send it then says why.
                volume.checksum(Extent(start), len).ok()
            };
            let chunks = first_chunk..first_chunk + u64::from(count);
            chunks.map(chunk).collect()
        };
        let bytes = u64::from(count) * CHUNK_BYTES;
        let job = Job {
            work: Work::Checksum,
            input_bytes: bytes,
            reads: bytes,
            run: Box::new(move |_| Box::new(run())),
        };
        self.env.compute(job, Token { what: CHECKED, key });
    }

    /// In the aggregate grain: what the writes of both disks were is known. The target has taken its time for it, the source takes none.
    fn compare_whole(&mut self, disk: DiskId, theirs: Option<Lineage>) {
        let Some(volume) = self.volumes.get(&disk).and_then(|name| self.env.volume(name)) else {
            return;
        };
        let Some(copy) = self.copies.get_mut(&disk) else { return };
        // Disks without a life in common have nothing in common that is known of.
        let writes = theirs.and_then(|theirs| volume.lineage().differs(&theirs));
        let used = volume.used_bytes().min(copy.bytes);
        copy.class = volume.class();
        (copy.aggregate_bytes, copy.content_per_million) = match writes {
            Some(writes) => {
                let touched = |writes| self.spec.workload.touched(disk.index, copy.bytes, writes);
                let before = touched(volume.lineage().writes().saturating_sub(writes)).extent_bytes;
                differing(copy.bytes, used, before, touched(writes))
            }
            None => (used, MILLION),
        };
        copy.matched_bytes = copy.bytes - copy.aggregate_bytes;
    }

    /// A comparison is done; without an output the disk did not give what was to be compared, and all of it counts as different.
    pub(super) fn checked(&mut self, key: u64, output: Option<Output>) {
        let mine: Option<Vec<Option<[u8; 16]>>> = output.map(Output::take);
        let at_a_time = (self.env.model.agent.check / CHUNK_BYTES).max(1);
        for copy in self.copies.values_mut() {
            let Some((first_chunk, theirs)) = copy.checking.remove(&key) else {
                continue;
            };
            let chunks = mine.as_ref().map_or(at_a_time, |mine| mine.len() as u64);
            for n in 0..chunks as usize {
                let start = (first_chunk + n as u64) * CHUNK_EXTENTS;
                let end = (start + CHUNK_EXTENTS).min(copy.bytes.div_ceil(EXTENT_BYTES));
                if start >= end {
                    continue;
                }
                let sum = mine.as_ref().and_then(|mine| mine[n]);
                let trusted = planted(Plant::ChecksumTrusted) && n % 2 == 1;
                if (sum.is_some() && theirs.get(n) == sum.as_ref()) || trusted {
                    copy.matched_bytes += bytes_of(start, end, copy.bytes);
                    continue;
                }
                match copy.ranges.back_mut() {
                    Some((from, len)) if *from + *len == start => *len += end - start,
                    _ => copy.ranges.push_back((start, end - start)),
                }
            }
        }
        self.pump();
    }

    // Sending.

    /// Takes up the next piece of some disk; false where there is none. What is taken up is sent once the disk has read it.
    pub(super) fn take_up_piece(&mut self) -> bool {
        // The disk with the fewest bytes done goes first, so that all advance alike.
        let mut disks: Vec<(u64, DiskId)> = self
            .copies
            .iter()
            .filter(|(_, copy)| copy.granted && !copy.ended && copy.reading.is_none())
            .map(|(disk, copy)| (copy.processed(), *disk))
            .collect();
        disks.sort_unstable();
        disks.into_iter().any(|(_, disk)| self.take_up_piece_of(disk))
    }

    fn take_up_piece_of(&mut self, disk: DiskId) -> bool {
        self.search(disk);
        let key = self.key();
        let room = self.spec.window_bytes.saturating_sub(self.unacknowledged);
        let Some(copy) = self.copies.get_mut(&disk) else {
            return false;
        };
        let (piece, bytes) = if copy.aggregate_bytes > 0 {
            let most = self.env.model.agent.aggregate_piece.min(self.batch_room);
            let bytes = copy.aggregate_bytes.min(most);
            copy.aggregate_bytes -= bytes;
            (Piece::Bytes(bytes), bytes)
        } else if let Some((start, len)) = copy.ranges.pop_front() {
            // Several pieces at once, as many as may be sent: a disk reads one after the other, and others work on them side by side.
            let extents = self.env.model.agent.read.min(room) / EXTENT_BYTES;
            let extents = len.min(extents.max(piece_extents(&self.env.model)));
            if len > extents {
                copy.ranges.push_front((start + extents, len - extents));
            }
            (Piece::Extents(start, extents), extents * EXTENT_BYTES)
        } else {
            self.log_progress(disk);
            return self.end_if_done(disk);
        };
        copy.reading = Some((key, piece));
        self.env.read(bytes, Token { what: PIECE, key });
        true
    }

    /// The disk has read a piece, or has not: then it is asked again after a pause.
    pub(super) fn piece_read(&mut self, key: u64, read: Result<(), DiskError>) {
        let is_it = |copy: &DiskCopy| copy.reading.is_some_and(|(reading, _)| reading == key);
        let Some(disk) = self.copies.iter().find_map(|(disk, copy)| is_it(copy).then_some(*disk)) else {
            return;
        };
        let Some(copy) = self.copies.get_mut(&disk) else { return };
        let Some((_, piece)) = copy.reading.take() else { return };
        let can_be_sent = self.greeted && !self.stopped && self.refused.is_none() && copy.granted;
        if let (Ok(()), true) = (&read, can_be_sent) {
            if planted(Plant::PieceOfCopyLost)
                && copy.next >= copy.bytes.div_ceil(EXTENT_BYTES)
                && copy.ranges.is_empty()
            {
                if let Piece::Extents(start, extents) = piece {
                    copy.skipped_bytes += bytes_of(start, start + extents, copy.bytes);
                }
                return self.pump();
            }
            self.send_read(disk, piece);
            return self.pump();
        }
        match piece {
            Piece::Extents(start, extents) => copy.ranges.push_front((start, extents)),
            Piece::Bytes(bytes) => copy.aggregate_bytes += bytes,
        }
        if let Err(error) = read {
            self.outcomes.push(Outcome::DiskFailed(error));
            let (after, key) = (self.env.model.disk.retry_after, self.generation);
            self.env.timer(after, Token { what: PIECE_AGAIN, key });
        }
    }

    /// Sends what was read: extents in pieces, all of one position.
    fn send_read(&mut self, disk: DiskId, read: Piece) {
        let Piece::Extents(start, extents) = read else {
            return self.send_piece(disk, read);
        };
        let (end, most) = (start + extents, piece_extents(&self.env.model));
        let mut next = start;
        while next < end {
            let extents = most.min(end - next);
            self.send_piece(disk, Piece::Extents(next, extents));
            next += extents;
        }
    }

    fn send_piece(&mut self, disk: DiskId, piece: Piece) {
        let position = self.last;
        let Some(copy) = self.copies.get_mut(&disk) else { return };
        let (mut bytes, mut size) = (Vec::new(), 0);
        let covered = match piece {
            Piece::Bytes(covered) => {
                let content = u128::from(covered) * u128::from(copy.content_per_million) / u128::from(MILLION);
                let content = (content as u64).next_multiple_of(EXTENT_BYTES).min(covered);
                let summary = Summary {
                    disk,
                    first: position,
                    last: position,
                    bytes: covered,
                    distinct_bytes: content,
                    chunks: covered.div_ceil(CHUNK_BYTES),
                    class: copy.class,
                    life: self.life,
                };
                size += encode(&Record::CopySummary { position, summary }, &mut bytes);
                covered
            }
            Piece::Extents(first, extents) => {
                let Some(name) = self.volumes.get(&disk) else { return };
                let (start, count) = (Extent(first), extents as u32);
                if self.env.grain() == Grain::Real {
                    let read = |out: &mut Vec<u8>| self.env.volume_read_to(name, start, count, out);
                    size += encode_copy(position, disk, start, count, &mut bytes, read);
                } else {
                    for run in self.env.volume_read(name, start, count) {
                        size += encode(&Record::Copy { position, disk, run }, &mut bytes);
                    }
                }
                bytes_of(first, first + extents, copy.bytes)
            }
        };
        let blob = Blob {
            bytes: bytes.into(),
            size,
        };
        copy.sent_bytes += covered;
        copy.highest = copy.highest.max(position);
        copy.unacknowledged.insert(copy.part, (position, blob.clone()));
        let body = ToProcessServer::CopyData {
            disk,
            copy: self.saved.copy,
            part: copy.part,
            position,
        };
        copy.part += 1;
        self.session.owe_for(&self.env, size);
        self.unacknowledged += size;
        self.session.send_with(&self.env, body, blob);
        self.log_progress(disk);
    }

    /// Ends the copy of a disk where nothing is left to look for or to send.
    fn end_if_done(&mut self, disk: DiskId) -> bool {
        let (number, protection) = (self.saved.copy, self.saved.protection.protection);
        let Some(copy) = self.copies.get_mut(&disk) else {
            return false;
        };
        if copy.next < copy.bytes.div_ceil(EXTENT_BYTES) {
            // Another stretch without anything used may just have been skipped.
            return self.saved.protection.copy == CopyMode::Used;
        }
        // A piece that is not acknowledged may have been refused: it is sent again, and the copy ends after it.
        if !copy.asked.is_empty() || !copy.checking.is_empty() || !copy.unacknowledged.is_empty() {
            return false;
        }
        copy.highest = copy.highest.max(self.last);
        copy.ended = true;
        let highest = copy.highest;
        self.session.send(&self.env, end_of(disk, number, copy));
        self.env.fact(Fact::CopyEnded {
            disk,
            protection,
            highest,
        });
        true
    }

    /// Logs how far a copy is: in steps of 5 %, and at its end.
    fn log_progress(&mut self, disk: DiskId) {
        let protection = self.saved.protection.protection;
        let Some(copy) = self.copies.get_mut(&disk) else { return };
        let processed = copy.processed();
        let step = (copy.bytes / 20).max(1);
        if processed == copy.logged_bytes || (processed < copy.bytes && processed - copy.logged_bytes < step) {
            return;
        }
        copy.logged_bytes = processed;
        self.env.fact(Fact::CopyProgress {
            disk,
            protection,
            processed_bytes: processed,
            sent_bytes: copy.sent_bytes,
            matched_bytes: copy.matched_bytes,
            skipped_bytes: copy.skipped_bytes,
        });
    }
}

impl DiskCopy {
    fn processed(&self) -> u64 {
        self.sent_bytes + self.matched_bytes + self.skipped_bytes
    }
}

/// Bytes of the disk between two extents: the last extent may be cut off by the disk's end.
fn bytes_of(start: u64, end: u64, disk_bytes: u64) -> u64 {
    (end * EXTENT_BYTES)
        .min(disk_bytes)
        .saturating_sub(start * EXTENT_BYTES)
}

fn end_of(disk: DiskId, number: u32, copy: &DiskCopy) -> ToProcessServer {
    ToProcessServer::CopyEnd {
        disk,
        copy: number,
        parts: copy.part,
        highest: copy.highest,
    }
}
