//! Batches that became one: taken in beside them, and complete once its segments are durable.

use datapath::Blob;
use datapath::replica::Tag;
use datapath::segment::SegmentKind;

use super::fences::{below, raise};
use super::index::{Entry, ProtectionId};
use super::{Owed, SegmentStore, are_stored};
use crate::facts::{Fact, StoredSegment};
use crate::messages::refusal::Refusal;
use crate::messages::replica::MergedBatches;

/// Batches that became one, whose segments are written: once those are durable, the entry that says so is.
pub(super) struct Written {
    id: ProtectionId,
    from: u64,
    tag: Tag,
    facts: Vec<Fact>,
}

impl SegmentStore {
    /// Takes in what neighbouring batches came to as one: a segment per header of the tag. It is told once it is complete, segments first
    /// and then the entry that names them; false where it is already.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn put_merged(
        &mut self,
        (vm, protection): ProtectionId,
        merged: MergedBatches,
        payload: &Blob,
    ) -> Result<bool, Refusal> {
        let MergedBatches { from, tag, segments } = merged;
        let id = (vm, protection);
        let known = self.kept.entry(id).or_default();
        if known.ended {
            return Err(Refusal::ProtectionEnded);
        }
        if tag.batch <= known.dropped {
            return Err(Refusal::BatchesDropped);
        }
        if known.merged.get(&tag.batch) == Some(&from) {
            return Ok(false);
        }
        let kind = SegmentKind::Merged { from, to: tag.batch };
        let listed = segments.iter().map(|segment| &segment.header);
        if !listed.eq(tag.segments.iter()) || tag.segments.iter().any(|header| header.kind != kind) {
            return Err(Refusal::OtherSegments);
        }
        let blobs = payload
            .split(segments.iter().map(|segment| (segment.bytes, segment.size)))
            .ok_or(Refusal::BadFrame)?;
        for header in tag.segments.iter() {
            if header.vault != self.vault {
                return Err(Refusal::ForeignVault);
            }
            below(&self.fences.merged, header)?;
        }
        // The vault granted the epoch; from its first segment on, earlier ones are fenced.
        for header in tag.segments.iter() {
            if raise(&mut self.fences.merged, header.disk, header.epoch.0) {
                let saved = self.save_fences(header.disk);
                saved.map_err(|error| Refusal::Fence(error.to_string()))?;
            }
        }
        let mut stored = Vec::new();
        for (segment, blob) in segments.iter().zip(blobs) {
            let header = &segment.header;
            if let Err(why) = self.write_segment(protection, header, &blob) {
                self.drop_segments(id, &tag.segments, None);
                return Err(why);
            }
            stored.push(StoredSegment {
                disk: header.disk,
                epoch: header.epoch.0,
                first_counter: header.first_counter,
                plain_bytes: segment.plain_bytes,
                stored_bytes: blob.size,
            });
        }
        let facts = are_stored(protection, kind, stored);
        self.waiting.push(Owed {
            written: Some(Written { id, from, tag, facts }),
            ..Owed::default()
        });
        self.flush();
        Ok(true)
    }

    /// The segments of a merge are durable: writes the entry that completes it. What was completed or let go meanwhile is left alone.
    pub(super) fn complete_merge(&mut self, written: Written) {
        let Written { id, from, tag, facts } = written;
        let known = self.kept.entry(id).or_default();
        let to = tag.batch;
        if known.ended || known.merged.get(&to) == Some(&from) {
            return;
        }
        if to <= known.dropped {
            self.drop_segments(id, &tag.segments, None);
            return self.refused.push((id, from, to, Refusal::BatchesDropped));
        }
        for header in tag.segments.iter() {
            known.loose.remove(&(header.disk, header.kind));
        }
        let headers = tag.segments.clone();
        if !self.owe(None, facts, Some((id, Entry::Merged { from, tag }))) {
            self.drop_segments(id, &headers, None);
            self.refused.push((id, from, to, Refusal::Index));
        }
    }

    /// Merges that were taken in and then could not be completed: protection, first and last batch, why.
    pub fn take_refused(&mut self) -> Vec<(ProtectionId, u64, u64, Refusal)> {
        std::mem::take(&mut self.refused)
    }
}
