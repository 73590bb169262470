//! What is stored of protections: sealed segments, and an index of what is complete. Azure storage and a master target both keep one.
//!
//! A segment is a file, `segments/PROTECTION/NAME` (for the first protection's first batch `segments/0001/vm0/disk0/batch-00000001`).
//! What completes something (a tag, the end of a copy, a piece of a copy) is an entry of the machine's index file. Nothing is
//! acknowledged before it is durable; one flush is under way at a time, and the next covers all that came meanwhile.
//!
//! Laws kept here: a segment of a foreign vault or of a fenced epoch is refused; a tag is stored only after all its segments; the
//! same thing put twice is stored once; a batch's segment may be replaced (by a newer sealer) until its tag is stored, never after.
//! Batches that became one stay, with that one beside them, until they are dropped.

mod fences;
mod index;
mod merged;
mod recovering;
mod writing;

use datapath::disk::{DiskError, read_if_there};
use datapath::plants::{Plant, planted};
use datapath::segment::{self, Headers, SegmentHeader, SegmentKind};
use datapath::{Blob, DiskId, WriteSeq};

use crate::Table;
use crate::disk_trouble::DiskTrouble;
use crate::facts::{Fact, StoredSegment};
use crate::messages::group::PutShared;
use crate::messages::refusal::Refusal;
use crate::messages::segments::{InTurn, Packed, ToProcessServer};
use crate::ports::{ConnId, Env, Token};

pub use fences::fence_of;
use fences::{Fences, below};
pub use index::{Entry, INDEX, ProtectionId};
use index::{Kept, decode, index_file};
use merged::Written;

/// Who is to be answered once an entry is durable, and what is to be told then.
type Untaken = ((ConnId, ToProcessServer), Vec<Fact>, (ProtectionId, Entry));

/// Who is to be answered, and how, once what was written is durable.
#[derive(Default)]
struct Owed {
    answer: Option<(ConnId, ToProcessServer)>,
    facts: Vec<Fact>,
    entry: Option<(ProtectionId, Entry)>,
    /// Where the entry ends in its file.
    end: u64,
    /// What is to be completed.
    written: Option<Written>,
    /// A tag that is to be taken in then: who sent it, and how many segments came with it.
    tag: Option<(ConnId, ProtectionId, InTurn, u32)>,
    /// A fence that stands once all that was taken in before it is durable.
    fence: Option<(DiskId, u32)>,
    /// All that was taken in before this is durable, and told.
    told: Option<ProtectionId>,
}

/// The store.
pub struct SegmentStore {
    env: Env,
    vault: [u8; 16],
    token: Token,
    kept: Table<ProtectionId, Kept>,
    fences: Fences,
    /// Files to flush, perhaps some of them twice.
    dirty: Vec<String>,
    waiting: Vec<Owed>,
    under_way: Option<Vec<Owed>>,
    /// Files of the flush that is under way.
    flushing: Vec<String>,
    trouble: DiskTrouble,
    /// What the disk failed to write and is to write yet: entries that nobody waits for.
    unwritten: Vec<(ProtectionId, Entry)>,
    /// Entries that could not be written and whose senders wait for an answer.
    untaken: Vec<Untaken>,
    /// Fences that do not stand, for they could not be written.
    unfenced: Vec<(DiskId, u32)>,
    /// The disk failed, and is to be asked again after a pause.
    failing: bool,
    /// Merges whose entry could not be written: protection, first and last batch, why.
    refused: Vec<(ProtectionId, u64, u64, Refusal)>,
    /// Fences that stand, and of which nobody was told.
    fenced: Vec<(DiskId, u32)>,
    /// Protections of which all was told that was asked for.
    told: Vec<ProtectionId>,
}

impl SegmentStore {
    /// A store on the actor's machine; its flushes come back with `token`.
    #[must_use]
    pub fn new(env: Env, vault: [u8; 16], token: Token) -> SegmentStore {
        SegmentStore {
            env,
            vault,
            token,
            kept: Table::default(),
            fences: Fences::default(),
            dirty: Vec::new(),
            waiting: Vec::new(),
            under_way: None,
            flushing: Vec::new(),
            trouble: DiskTrouble::of("disk of the segment store"),
            unwritten: Vec::new(),
            untaken: Vec::new(),
            unfenced: Vec::new(),
            failing: false,
            refused: Vec::new(),
            fenced: Vec::new(),
            told: Vec::new(),
        }
    }

    fn read_file(&self, name: &str) -> Result<Blob, DiskError> {
        let read = self.env.files().read_all(name);
        read.inspect_err(|error| self.trouble.note(&self.env, None, error))
    }

    fn read_if_there(&self, name: &str) -> Result<Option<Blob>, DiskError> {
        let read = read_if_there(&*self.env.files(), name);
        read.inspect_err(|error| self.trouble.note(&self.env, None, error))
    }

    /// The disk did not write something: it is told of, and asked again once whoever holds this store says so.
    fn failed(&mut self, error: &DiskError) {
        self.trouble.note(&self.env, None, error);
        self.failing = true;
    }

    /// Whether the disk failed since this was asked last: [`SegmentStore::again`] is to be called after a pause.
    pub fn take_failing(&mut self) -> bool {
        std::mem::take(&mut self.failing)
    }

    /// Takes in the segments of a batch, perhaps with its tag, or a piece of a copy.
    pub fn put_segments(
        &mut self,
        conn: ConnId,
        protection: u32,
        (segments, payload): (Vec<Packed>, Blob),
        tag: Option<InTurn>,
    ) {
        let Some((vm, kind)) = segments.first().map(|first| (first.header.disk.vm, first.header.kind)) else {
            return;
        };
        let count = u32::try_from(segments.len()).unwrap_or(u32::MAX);
        let refuse = |disk, epoch, why| ToProcessServer::SegmentsPut {
            protection,
            disks: vec![(disk, epoch)],
            kind,
            refused: Some(why),
        };
        let Some(blobs) = payload.split(segments.iter().map(|segment| (segment.bytes, segment.size))) else {
            for segment in segments {
                let SegmentHeader { disk, epoch, .. } = segment.header;
                self.env.send(conn, refuse(disk, epoch.0, Refusal::BadFrame));
            }
            return;
        };
        let room = segments.len();
        let (mut disks, mut stored, mut entry) = (Vec::with_capacity(room), Vec::with_capacity(room), None);
        for (
            Packed {
                header, plain_bytes, ..
            },
            blob,
        ) in segments.into_iter().zip(blobs)
        {
            let (disk, epoch) = (header.disk, header.epoch.0);
            match self.store_segment(protection, &header, &blob) {
                Ok(is_new) => {
                    disks.push((disk, epoch));
                    if !is_new {
                        continue;
                    }
                    stored.push(StoredSegment {
                        disk,
                        epoch,
                        first_counter: header.first_counter,
                        plain_bytes,
                        stored_bytes: blob.size,
                    });
                    if matches!(kind, SegmentKind::Copy { .. }) {
                        let stored_bytes = blob.size;
                        entry = Some(((disk.vm, protection), Entry::CopySegment { header, stored_bytes }));
                    }
                }
                Err(why) => self.env.send(conn, refuse(disk, epoch, why)),
            }
        }
        let facts = are_stored(protection, kind, stored);
        if let Some(tag) = tag.filter(|_| disks.len() == count as usize) {
            self.waiting.push(Owed {
                facts,
                tag: Some((conn, (vm, protection), tag, count)),
                ..Owed::default()
            });
            self.flush();
        } else if !disks.is_empty() {
            let answer = ToProcessServer::SegmentsPut {
                protection,
                disks,
                kind,
                refused: None,
            };
            self.owe(Some((conn, answer)), facts, entry);
        }
    }

    /// Whether it is new.
    fn store_segment(&mut self, protection: u32, header: &SegmentHeader, blob: &Blob) -> Result<bool, Refusal> {
        if header.vault != self.vault {
            return Err(Refusal::ForeignVault);
        }
        below(&self.fences.changes, header)?;
        let known = self.kept.entry((header.disk.vm, protection)).or_default();
        if known.ended {
            return Err(Refusal::ProtectionEnded);
        }
        if known.closed {
            // Too late for the failover that the protection ends with, and nobody needs it any more: answered, and not stored.
            return Ok(false);
        }
        let complete = match header.kind {
            SegmentKind::Changes { batch } => batch <= known.dropped || known.tags.contains(&batch),
            SegmentKind::Copy { copy, part } => known.pieces.contains(&(header.disk, copy, part)),
            SegmentKind::Merged { .. } => return Err(Refusal::Merged),
        };
        if complete {
            return Ok(false);
        }
        self.write_segment(protection, header, blob)
    }

    /// Writes a segment's file; whether it is new.
    fn write_segment(&mut self, protection: u32, header: &SegmentHeader, blob: &Blob) -> Result<bool, Refusal> {
        let (files, name) = (self.env.files(), segment_file(protection, header));
        let text = |error: DiskError| Refusal::Disk(error.to_string());
        let old = self.read_if_there(&name).map_err(text)?;
        let note = |error: &DiskError| self.trouble.note(&self.env, Some(header.disk.vm), error);
        match &old {
            Some(old) if old.bytes == blob.bytes => {
                // Its flush may still be under way; the answer waits for the next one.
                self.dirty.push(name);
            }
            Some(_) => files.replace(&name, blob.clone()).inspect_err(note).map_err(text)?,
            None => {
                files.append(&name, blob.clone()).inspect_err(note).map_err(text)?;
                self.dirty.push(name);
            }
        }
        let known = self.kept.entry((header.disk.vm, protection)).or_default();
        let loose = (header.clone(), blob.size);
        let before = known.loose.insert((header.disk, header.kind), loose);
        let again = before.is_some() && old.is_some_and(|old| old.bytes == blob.bytes);
        Ok(!again)
    }

    /// Takes in a tag, if all its segments are there and its turn has come; where the one before it may still be under way, after that.
    pub fn put_tag(&mut self, conn: ConnId, id: ProtectionId, tag: InTurn) {
        if self.is_in_turn(id, &tag) {
            self.take_tag(conn, id, tag, 0);
        } else {
            self.waiting.push(Owed {
                tag: Some((conn, id, tag, 0)),
                ..Owed::default()
            });
        }
        self.flush();
    }

    /// Whether the tag that is to be stored before it was taken in.
    fn is_in_turn(&mut self, id: ProtectionId, tag: &InTurn) -> bool {
        let known = self.kept.entry(id).or_default();
        planted(Plant::TagBeforeSegments) || tag.after.is_none_or(|after| after <= known.tagged)
    }

    /// Takes in a tag with which so many segments came. One whose turn has not come is not: its segments are answered for alone.
    fn take_tag(&mut self, conn: ConnId, id: ProtectionId, tag: InTurn, segments: u32) {
        let (vm, protection) = id;
        let in_turn = self.is_in_turn(id, &tag);
        let tag = tag.tag;
        let known = self.kept.entry(id).or_default();
        let answer = ToProcessServer::TagPut {
            vm,
            protection,
            batch: tag.batch,
            segments,
        };
        if known.closed || tag.batch <= known.dropped || known.tags.contains(&tag.batch) {
            self.note_owed(Some((conn, answer)), Vec::new(), None);
            return;
        }
        if !in_turn {
            let answer = match segments {
                0 => ToProcessServer::TagOutOfTurn {
                    vm,
                    protection,
                    batch: tag.batch,
                },
                _ => ToProcessServer::SegmentsPut {
                    protection,
                    disks: tag
                        .segments
                        .iter()
                        .map(|header| (header.disk, header.epoch.0))
                        .collect(),
                    kind: SegmentKind::Changes { batch: tag.batch },
                    refused: None,
                },
            };
            return self.env.send(conn, answer);
        }
        let files = self.env.files();
        let size = |header: &SegmentHeader| match known.loose.get(&(header.disk, header.kind)) {
            // A sealer that was fenced since has a tag under way; what it lists was replaced.
            Some((stored, _)) if stored != header && !planted(Plant::TagBeforeSegments) => None,
            Some((_, size)) => Some(*size),
            // Put before a power cut.
            None => match files.read_all(&segment_file(protection, header)) {
                Ok(file) => Some(file.size),
                Err(error) => {
                    if error.may_pass() {
                        self.trouble.note(&self.env, Some(vm), &error);
                    }
                    planted(Plant::TagBeforeSegments).then_some(0)
                }
            },
        };
        let sizes: Option<Vec<u64>> = tag.segments.iter().map(size).collect();
        let Some(sizes) = sizes else {
            return; // a tag before its segments is no tag; its sender owes them first
        };
        let stored_bytes = sizes.iter().sum();
        for header in tag.segments.iter() {
            known.loose.remove(&(header.disk, header.kind));
        }
        let fact = Fact::TagStored {
            vm,
            protection,
            batch: tag.batch,
            last: tag.last,
            mark: tag.mark,
        };
        let batch = tag.batch;
        let entry = Some((id, Entry::Tag { tag, stored_bytes }));
        if self.note_owed(Some((conn, answer)), vec![fact], entry) {
            let known = self.kept.entry(id).or_default();
            known.tagged = known.tagged.max(batch);
        }
    }

    /// Takes in the record of a shared recovery point, with what is stored of its coordinator.
    pub fn put_shared(&mut self, conn: ConnId, PutShared { protection, record }: PutShared) {
        let id = (record.point.coordinator, protection);
        let known = self.kept.entry(id).or_default();
        let answer = Some((conn, ToProcessServer::SharedPut { point: record.point }));
        if known.closed || known.shared.contains(&record.point) {
            self.owe(answer, Vec::new(), None);
            return;
        }
        let fact = Fact::SharedStored {
            group: record.group,
            point: record.point,
            members: record.members.clone(),
        };
        self.owe(answer, vec![fact], Some((id, Entry::Shared(record))));
    }

    /// Takes in the end of a copy.
    pub fn put_copy_end(
        &mut self,
        conn: ConnId,
        protection: u32,
        disk: DiskId,
        copy: u32,
        parts: u32,
        highest: WriteSeq,
    ) {
        let id = (disk.vm, protection);
        let entry = Entry::CopyEnd {
            disk,
            copy,
            parts,
            highest,
        };
        let known = self.kept.entry(id).or_default();
        let again = known.closed || known.copies.contains(&(disk, copy));
        let answer = ToProcessServer::CopyEndPut { disk, protection, copy };
        self.owe(Some((conn, answer)), Vec::new(), (!again).then_some((id, entry)));
    }

    /// Asks for all that was taken in of a protection by now: [`SegmentStore::take_told`] says when it is durable, and so was told. Where
    /// it is the `last` that is asked of it, nothing more is taken in.
    pub fn ask_stored(&mut self, id: ProtectionId, last: bool) {
        let known = self.kept.entry(id).or_default();
        if last && !known.closed {
            if self.write(id, &Entry::Closed).is_none() {
                return; // whoever asked will ask again
            }
            self.kept.entry(id).or_default().take(&Entry::Closed);
        }
        self.waiting.push(Owed {
            told: Some(id),
            ..Owed::default()
        });
        self.flush();
    }

    /// Protections of which all was told that was asked for.
    pub fn take_told(&mut self) -> Vec<ProtectionId> {
        std::mem::take(&mut self.told)
    }

    /// A stored segment; none where there is no such file.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn read(&self, protection: u32, header: &SegmentHeader) -> Result<Option<Blob>, DiskError> {
        self.read_if_there(&segment_file(protection, header))
    }

    /// Segments are no longer needed, and no batch up to `through`.
    pub fn drop_segments(&mut self, id: ProtectionId, headers: &[SegmentHeader], through: Option<u64>) {
        let files = self.env.files();
        for header in headers {
            files.remove(&segment_file(id.1, header));
            if let Some(known) = self.kept.get_mut(&id) {
                known.loose.remove(&(header.disk, header.kind));
            }
        }
        if let Some(through) = through {
            self.note(id, Entry::Dropped { through });
        }
    }

    /// A protection has ended: nothing of it stays, nothing of it is taken in any more.
    ///
    /// # Errors
    /// Where the disk fails: then all is as it was.
    pub fn end(&mut self, id: ProtectionId) -> Result<(), DiskError> {
        let (files, (_, protection)) = (self.env.files(), id);
        // By what was ever complete of it: an account has too many files to look through, and batches that became one may still be there.
        let index = self.read_if_there(&index_file(id))?.unwrap_or_default();
        for entry in decode(&index.bytes).0 {
            let headers = match entry {
                Entry::Tag { tag, .. } | Entry::Merged { tag, .. } => tag.segments,
                Entry::CopySegment { header, .. } => Headers::from([header]),
                Entry::CopyEnd { .. } | Entry::Shared(_) | Entry::Dropped { .. } | Entry::Closed | Entry::Ended => {
                    continue;
                }
            };
            headers
                .iter()
                .for_each(|header| files.remove(&segment_file(protection, header)));
        }
        for (disk, kind) in self.kept.get(&id).into_iter().flat_map(|kept| kept.loose.keys()) {
            files.remove(&file_of(protection, *disk, *kind));
        }
        self.note(id, Entry::Ended);
        Ok(())
    }
}

/// Says that segments are durable, where there are any.
fn are_stored(protection: u32, kind: SegmentKind, segments: Vec<StoredSegment>) -> Vec<Fact> {
    let fact = (!segments.is_empty()).then_some(Fact::SegmentsStored {
        protection,
        kind,
        segments,
    });
    fact.into_iter().collect()
}

/// The file of a segment.
#[must_use]
pub fn segment_file(protection: u32, header: &SegmentHeader) -> String {
    file_of(protection, header.disk, header.kind)
}

fn file_of(protection: u32, disk: DiskId, kind: SegmentKind) -> String {
    let mut file = String::with_capacity(64);
    segment::push_part(&mut file, "segments/", u64::from(protection), 4);
    file.push('/');
    segment::push_name(&mut file, disk, kind);
    file
}
