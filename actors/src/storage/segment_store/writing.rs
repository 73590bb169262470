//! How entries become durable: what was appended waits for a flush, what the disk refused is written again, and only then is anyone told.

use datapath::Blob;
use datapath::disk::DiskError;

use super::index::{Entry, ProtectionId, encode, index_file};
use super::{Owed, SegmentStore};
use crate::facts::Fact;
use crate::messages::segments::ToProcessServer;
use crate::ports::{ConnId, Env};

impl SegmentStore {
    /// Asks of the disk once more what it failed to do.
    pub fn again(&mut self) {
        if !self.unfenced.is_empty() {
            let unfenced = std::mem::take(&mut self.unfenced);
            self.stand(unfenced);
        }
        for (id, entry) in std::mem::take(&mut self.unwritten) {
            self.write_note(id, entry);
        }
        for (answer, facts, (id, entry)) in std::mem::take(&mut self.untaken) {
            let known = self.kept.entry(id).or_default();
            if !known.ended && !known.closed {
                self.note_owed(Some(answer), facts, Some((id, entry)));
            }
        }
        self.flush();
    }

    /// A flush is complete: answers what it covered and returns what is newly complete, in the order in which it came. One that failed is
    /// asked for again, with what has come since.
    pub fn flushed(&mut self, result: Result<(), DiskError>) -> Vec<(ProtectionId, Entry)> {
        let done = self.under_way.take().unwrap_or_default();
        let names = std::mem::take(&mut self.flushing);
        if let Err(error) = result {
            self.waiting.splice(0..0, done);
            self.dirty.splice(0..0, names);
            self.failed(&error);
            return Vec::new();
        }
        let (mut news, mut tags) = (Vec::new(), Vec::new());
        for owed in done {
            if let Some((id, entry)) = owed.entry {
                let known = self.kept.entry(id).or_default();
                known.durable = known.durable.max(owed.end);
                let known_already = match &entry {
                    Entry::Tag { tag, .. } => known.tags.contains(&tag.batch),
                    // Put again before the first was complete, or the protection ended.
                    Entry::Merged { from, tag } => known.ended || known.merged.get(&tag.batch) == Some(from),
                    _ => false,
                };
                if known_already {
                    answer(&self.env, owed.answer);
                    continue;
                }
                known.take(&entry);
                news.push((id, entry));
            }
            if let Some(written) = owed.written {
                self.complete_merge(written);
            }
            owed.facts.into_iter().for_each(|fact| self.env.fact(fact));
            answer(&self.env, owed.answer);
            tags.extend(owed.tag);
            self.fenced.extend(owed.fence);
            self.told.extend(owed.told);
        }
        // After all that was told: one flush makes the tags durable whose segments this one did.
        for (conn, id, tag, segments) in tags {
            self.take_tag(conn, id, tag, segments);
        }
        self.flush();
        news
    }

    /// An entry that nobody waits for.
    pub(super) fn note(&mut self, id: ProtectionId, entry: Entry) {
        self.kept.entry(id).or_default().take(&entry);
        self.write_note(id, entry);
        self.flush();
    }

    fn write_note(&mut self, id: ProtectionId, entry: Entry) {
        if self.write(id, &entry).is_none() {
            self.unwritten.push((id, entry));
        }
    }

    /// Appends to the index; returns where the entry ends, or nothing where the disk refuses.
    pub(super) fn write(&mut self, id: ProtectionId, entry: &Entry) -> Option<u64> {
        let name = index_file(id);
        let entry = encode(entry);
        let bytes = entry.len() as u64;
        match self.env.files().append(&name, Blob::real(entry)) {
            Ok(at) => {
                self.dirty.push(name);
                Some(at + bytes)
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    /// As `note_owed`, and asks for the flush that it waits for.
    pub(super) fn owe(
        &mut self,
        answer: Option<(ConnId, ToProcessServer)>,
        facts: Vec<Fact>,
        entry: Option<(ProtectionId, Entry)>,
    ) -> bool {
        let noted = self.note_owed(answer, facts, entry);
        if noted {
            self.flush();
        }
        noted
    }

    /// What is to be done once all that was written is durable. False where the entry could not be written.
    pub(super) fn note_owed(
        &mut self,
        answer: Option<(ConnId, ToProcessServer)>,
        facts: Vec<Fact>,
        entry: Option<(ProtectionId, Entry)>,
    ) -> bool {
        let end = match &entry {
            Some((id, entry)) => self.write(*id, entry),
            None => Some(0),
        };
        let Some(end) = end else {
            // Its sender hears from this machine of other things, and waits: it is written once the disk does that again.
            if let (Some(answer), Some(entry)) = (answer, entry) {
                self.untaken.push((answer, facts, entry));
            }
            return false;
        };
        self.waiting.push(Owed {
            answer,
            facts,
            entry,
            end,
            ..Owed::default()
        });
        true
    }

    /// One flush at a time: the next covers all that came meanwhile.
    pub(super) fn flush(&mut self) {
        let nothing = self.waiting.is_empty() && self.dirty.is_empty();
        if self.under_way.is_some() || self.failing || nothing {
            return;
        }
        self.flushing = std::mem::take(&mut self.dirty);
        self.under_way = Some(std::mem::take(&mut self.waiting));
        self.env.flush(&self.flushing, self.token);
    }
}

pub(super) fn answer(env: &Env, owed: Option<(ConnId, ToProcessServer)>) {
    if let Some((conn, answer)) = owed {
        env.send(conn, answer);
    }
}
