//! What an earlier life left: read back from the index, told, and given to whoever asks for all that there is.

use std::collections::BTreeMap;

use datapath::DiskId;
use datapath::disk::DiskError;
use datapath::plants::{Plant, planted};
use datapath::seal::Epoch;
use datapath::segment::SegmentKind;

use super::fences::{FENCES, SavedFences};
use super::index::{Entry, INDEX, Kept, ProtectionId, decode, id_of, index_file};
use super::{SegmentStore, segment_file};
use crate::facts::Fact;

impl SegmentStore {
    /// Reads back what an earlier life left, and tells what it finds: the power can have gone between the flush that made something
    /// durable and its announcement. A torn last entry was never acknowledged and is cut off.
    ///
    /// # Errors
    /// Where the disk fails: then nothing is known for certain, and it is to be called again.
    pub fn recover(&mut self) -> Result<(), DiskError> {
        let files = self.env.files();
        self.kept.clear();
        for name in files.list(FENCES) {
            let blob = self.read_file(&name)?;
            if let Ok(saved) = postcard::from_bytes::<SavedFences>(&blob.bytes) {
                self.fences.take(saved);
            }
        }
        let mut facts = Vec::new();
        for name in files.list(INDEX) {
            let Some(id) = id_of(&name) else { continue };
            let blob = self.read_file(&name)?;
            let (entries, good) = decode(&blob.bytes);
            if good < blob.bytes.len() {
                // Where even this fails the entries above stand, and the tail is refused again next time.
                let _ = files.truncate(&name, good as u64);
            }
            // A power cut tears each file on its own: a piece whose entry is there and whose file is not was never acknowledged. One that
            // was let go has no file either, and is not needed any more.
            for entry in &entries {
                if self.is_whole(id.1, entry)? {
                    self.kept.entry(id).or_default().take(entry);
                }
            }
            let kept = self.kept.entry(id).or_default();
            kept.durable = good as u64;
            let found = standing(kept, entries);
            facts.extend(found.iter().filter_map(|entry| found_fact(id, entry)));
        }
        facts.into_iter().for_each(|fact| self.env.fact(fact));
        Ok(())
    }

    /// Whether what an entry says is complete is there; of a batch it is, for its entry comes after its segments are durable.
    fn is_whole(&self, protection: u32, entry: &Entry) -> Result<bool, DiskError> {
        let Entry::CopySegment { header, stored_bytes } = entry else {
            return Ok(true);
        };
        let file = self.read_if_there(&segment_file(protection, header))?;
        Ok(file.is_some_and(|file| file.size == *stored_bytes || planted(Plant::TornPieceTaken)))
    }

    /// All that is complete of a protection and not dropped, read back from its index.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn entries(&self, id: ProtectionId) -> Result<Vec<Entry>, DiskError> {
        let Some(kept) = self.kept.get(&id).filter(|kept| kept.durable > 0) else {
            return Ok(Vec::new());
        };
        let bytes = self.env.files().read(&index_file(id), 0, kept.durable);
        let bytes = bytes.inspect_err(|error| self.trouble.note(&self.env, Some(id.0), error))?;
        let (entries, _) = decode(&bytes);
        Ok(standing(kept, entries))
    }
}

/// Of a protection's entries those that still say something: not dropped, not replaced, and not of one that has ended.
fn standing(kept: &Kept, mut entries: Vec<Entry>) -> Vec<Entry> {
    if kept.ended {
        return Vec::new();
    }
    let in_merged = |batch: u64| {
        let next = kept.merged.range(batch..).next();
        next.is_some_and(|(_, from)| *from <= batch)
    };
    // A piece that was torn and put again has two entries; the later one is that of its file.
    let put = entries.iter().filter_map(|entry| match entry {
        Entry::CopySegment { header, .. } => Some(((header.disk, header.kind), header.epoch)),
        _ => None,
    });
    let newest: BTreeMap<(DiskId, SegmentKind), Epoch> = put.collect();
    entries.retain(|entry| match entry {
        Entry::Tag { tag, .. } => tag.batch > kept.dropped && !in_merged(tag.batch),
        Entry::Merged { from, tag } => kept.merged.get(&tag.batch) == Some(from),
        Entry::CopySegment { header, .. } => {
            let piece = match header.kind {
                SegmentKind::Copy { copy, part } => kept.pieces.contains(&(header.disk, copy, part)),
                SegmentKind::Changes { .. } | SegmentKind::Merged { .. } => false,
            };
            piece && newest.get(&(header.disk, header.kind)) == Some(&header.epoch)
        }
        Entry::CopyEnd { .. } | Entry::Shared(_) => true,
        Entry::Dropped { .. } | Entry::Closed | Entry::Ended => false,
    });
    entries
}

/// What is told of an entry that is found again.
fn found_fact((vm, protection): ProtectionId, entry: &Entry) -> Option<Fact> {
    match entry {
        Entry::CopySegment { header, stored_bytes } => Some(Fact::SegmentFound {
            disk: header.disk,
            protection,
            kind: header.kind,
            epoch: header.epoch.0,
            first_counter: header.first_counter,
            stored_bytes: *stored_bytes,
        }),
        Entry::Tag { tag, .. } => Some(Fact::TagFound {
            vm,
            protection,
            batch: tag.batch,
            last: tag.last,
            mark: tag.mark,
        }),
        Entry::Shared(record) => Some(Fact::SharedStored {
            group: record.group,
            point: record.point,
            members: record.members.clone(),
        }),
        // These are told by what is done with them.
        Entry::CopyEnd { .. } | Entry::Merged { .. } | Entry::Dropped { .. } | Entry::Closed | Entry::Ended => None,
    }
}
