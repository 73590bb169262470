//! From a sealed segment to the replica: opened as a job, applied in order, or refused by name.

use datapath::batch::DiskChanges;
use datapath::plants::{Plant, planted};
use datapath::replica::Accepted;
use datapath::segment::{self, Headers, SegmentHeader, SegmentKind, SegmentRefused, Worker};
use datapath::volume::VolumeError;
use datapath::{Blob, Content, DiskId, Grain};

use super::sizes::Size;
use super::{JOB, KeeperEvent, Opened, ReplicaKeeper, Running, Wanted, Why};
use crate::facts::{Fact, Severity};
use crate::ports::{Evidence, Job, Token, Work};

impl ReplicaKeeper {
    pub(super) fn open(&mut self, wanted: Wanted, blobs: Vec<Blob>) {
        let keys: Option<Vec<_>> = wanted.headers.iter().map(|h| self.keys.get(&h.disk).cloned()).collect();
        let Some(keys) = keys else { return };
        let key = self.job_key();
        let expected = wanted.headers.clone();
        let run = Box::new(move |worker: &mut Worker| {
            let segments = expected.iter().zip(&keys).zip(&blobs);
            let opened: Opened = segments
                .map(|((header, key), blob)| segment::open(worker, key, header, blob))
                .collect();
            Box::new(opened) as Box<dyn std::any::Any + Send>
        });
        // What comes out is what takes the time; it is not known before, so it is bounded by what went in.
        let input_bytes = wanted.headers.iter().map(|header| self.open_cost(header)).sum();
        self.running.insert(key, Running::Open(wanted));
        self.env.compute(
            Job {
                work: Work::OpenAndDecompress,
                input_bytes,
                reads: 0,
                run,
            },
            Token { what: JOB, key },
        );
    }

    /// Bytes that an opened segment counts for: the share of its batch, or a piece's bound.
    fn open_cost(&self, header: &SegmentHeader) -> u64 {
        let share = |bytes: u64, segments: usize| bytes / segments.max(1) as u64;
        let known = match header.kind {
            SegmentKind::Copy { .. } => None,
            SegmentKind::Changes { batch } => {
                let pending = self.pending.get(&batch);
                pending.map(|pending| share(pending.stored_bytes, pending.tag.segments.len()))
            }
            // Larger than any piece: it counts for what was put into it.
            SegmentKind::Merged { to, .. } => self.sizes.get(to).map(|size| share(size.plain_bytes, self.keys.len())),
        };
        known.unwrap_or(1 << 20)
    }

    pub(super) fn opened(&mut self, header: &SegmentHeader, why: Why, changes: DiskChanges) {
        match why {
            Why::Copy => self.apply_piece(header, &changes),
            Why::Batch => {
                if let Some(pending) = self.pending.get_mut(&batch_of(header)) {
                    pending.opened.insert(header.disk, changes);
                }
                self.accept_batches();
            }
            Why::Ticket(ticket) => self.ticket_opened(ticket, header, changes),
            Why::Fold => self.fold_opened(header, changes),
            Why::Merge => self.merge_opened(header, changes),
        }
    }

    pub(super) fn refused(&mut self, header: &SegmentHeader, why: Why, refused: SegmentRefused) {
        self.env.fact(Fact::SegmentRefused {
            name: refused.name.clone(),
            why: refused.why.clone(),
        });
        self.env.fact(Fact::Alert {
            vm: Some(self.protection.vm),
            severity: Severity::Critical,
            code: String::new(),
            text: refused.to_string(),
        });
        match why {
            Why::Batch => {
                // Nothing behind the hole becomes usable.
                if let Some(pending) = self.pending.get_mut(&batch_of(header)) {
                    pending.refused = Some(refused.to_string());
                }
                self.look_for_holes();
                self.serve_tickets();
            }
            Why::Ticket(ticket) => self.ticket_failed(ticket, refused.to_string()),
            Why::Fold => {
                self.fold = None;
                self.finish_merge();
            }
            Why::Merge => self.merge_refused(header),
            Why::Copy => {
                let number = self.copies.get(&header.disk).map(|copy| copy.number);
                // One of an older copy is not waited for.
                if matches!(header.kind, SegmentKind::Copy { copy, .. } if Some(copy) == number) {
                    self.copy_is_broken(header.disk, refused.to_string());
                }
                self.serve_tickets();
            }
        }
        self.events.push(KeeperEvent::Refused(refused));
    }

    fn apply_piece(&mut self, header: &SegmentHeader, changes: &DiskChanges) {
        let SegmentKind::Copy { copy: number, part } = header.kind else {
            return;
        };
        let Some(copy) = self.copies.get_mut(&header.disk).filter(|copy| copy.number == number) else {
            return;
        };
        if !copy.applied.insert(part) {
            return;
        }
        let stored_bytes = copy.known.get(&part).copied().unwrap_or(0);
        let applied = self.replica.apply_copy(changes);
        self.note(changes);
        if let Err(error) = applied {
            self.failed(&error.to_string());
        }
        self.pending_bytes = self.pending_bytes.saturating_sub(stored_bytes);
        self.drop_segments(Headers::from([header.clone()]), None);
        self.end_copies();
        if !self.tickets.is_empty() {
            self.serve_tickets();
        }
    }

    /// Takes in the batches that are opened, in order.
    pub(super) fn accept_batches(&mut self) {
        while let Some(mut entry) = self.pending.first_entry() {
            let pending = entry.get_mut();
            let ready = !self.ended
                && pending.tag.batch == self.replica.next_batch()
                && pending.wanted
                && pending.refused.is_none()
                && pending.opened.len() == pending.tag.segments.len()
                && (pending.tag.mark.is_none() || !self.replica.copying());
            if !ready {
                break;
            }
            let pending = entry.remove();
            let tag = pending.tag;
            let mut opened = pending.opened;
            let in_order: Vec<DiskChanges> = tag
                .segments
                .iter()
                .filter_map(|header| opened.remove(&header.disk))
                .collect();
            let (mark, headers, batch) = (tag.mark, tag.segments.clone(), tag.batch);
            self.pending_bytes = self.pending_bytes.saturating_sub(pending.stored_bytes);
            // Before the first point all goes into the base; later only a fold takes in what came before.
            let through = self.replica.points().is_empty().then_some(batch);
            let plain_bytes = in_order.iter().map(DiskChanges::plain_bytes).sum();
            let over_points = !self.replica.points().is_empty() && self.in_copy();
            match self.replica.accept(tag, &in_order) {
                Ok(Accepted::Folded) if !headers.is_empty() => self.drop_segments(headers, through),
                Ok(Accepted::Kept) => {
                    let size = Size {
                        from: batch,
                        stored_bytes: pending.stored_bytes,
                        plain_bytes,
                    };
                    self.sizes.insert(batch, size);
                }
                Ok(_) => {}
                Err(error) => return self.failed(&error.to_string()),
            }
            for changes in &in_order {
                if planted(Plant::PlaintextStored) {
                    let mut bytes = changes.runs.iter().filter_map(|run| match &run.content {
                        Content::Bytes(bytes) => Some(bytes.clone()),
                        _ => None,
                    });
                    let opened = bytes.next().map(Blob::real);
                    let _ = opened.map(|opened| self.env.files().replace("service/opened", opened));
                }
                self.note(changes);
                if !over_points {
                    self.advance_head(changes);
                }
            }
            if let Some(mark) = mark {
                self.settle_head(batch);
                self.point_made(mark);
            }
        }
        self.look_for_holes();
        self.want_batches();
        self.serve_tickets();
        // What is still too early goes back to where it was.
        for ask in std::mem::take(&mut self.early_checksums) {
            self.checksums(ask);
        }
    }

    fn in_copy(&self) -> bool {
        self.replica.copying()
    }

    /// Remembers which extents changed since the last point.
    fn note(&mut self, changes: &DiskChanges) {
        if changes.runs.is_empty() {
            return;
        }
        let list = self.changed.entry(changes.disk).or_default();
        list.extend(changes.runs.iter().map(|run| (run.start.0, run.end().0)));
    }

    fn advance_head(&mut self, changes: &DiskChanges) {
        // Before there is a point the base is the head; in the aggregate grain nothing is written.
        if self.replica.points().is_empty() || changes.runs.is_empty() {
            return;
        }
        if let Some(volume) = self.head.change().get_mut(&changes.disk) {
            let written: Result<(), VolumeError> = changes.runs.iter().try_for_each(|run| volume.write(run));
            if let Err(error) = written {
                self.failed(&error.to_string());
            }
        }
    }

    /// After a point: the head is the base where this is the first one, and takes in the layer of a resynchronization.
    pub(super) fn settle_head(&mut self, batch: u64) {
        if self.replica.points().len() == 1 && self.replica.next_batch() == batch + 1 {
            let disks: Vec<DiskId> = self.head.keys().copied().collect();
            if self
                .replica
                .batches_up_to(self.replica.points()[0].mark.point)
                .is_ok_and(|batches| batches.is_empty())
            {
                for disk in disks {
                    if let Some(base) = self.replica.base(disk) {
                        self.head.change().insert(disk, base.clone());
                    }
                }
            }
        }
        if self.replica.has_layer(batch)
            && let Err(error) = self.replica.put_layer_over(batch, self.head.change())
        {
            self.failed(&error.to_string());
        }
    }

    pub(super) fn point_made(&mut self, mark: datapath::replica::Mark) {
        let fact = Fact::PointProcessed {
            vm: self.protection.vm,
            protection: self.protection.protection,
            mark,
            applied_bytes: self.replica.applied_bytes(),
        };
        let changed = std::mem::take(&mut self.changed);
        if self.env.grain() == Grain::Aggregate {
            self.env.fact(fact);
        } else if self.replica.points().len() == 1 {
            let volumes = self.head.iter().map(|(disk, volume)| (*disk, volume.clone())).collect();
            self.env.evidence(fact, Evidence::Disks { volumes });
        } else {
            let runs = changed
                .into_iter()
                .map(|(disk, ranges)| (disk, self.read_back(disk, ranges)))
                .collect();
            self.env.evidence(fact, Evidence::PointChanged { runs });
        }
        if planted(Plant::PointProcessedTwice) && mark.point == 2 {
            let fact = Fact::PointProcessed {
                vm: self.protection.vm,
                protection: self.protection.protection,
                mark,
                applied_bytes: self.replica.applied_bytes(),
            };
            self.env.evidence(fact, Evidence::PointChanged { runs: Vec::new() });
        }
        self.events.push(KeeperEvent::PointProcessed(mark));
        self.prune();
    }

    /// What the head holds of ranges, each extent once.
    fn read_back(&self, disk: DiskId, mut ranges: Vec<(u64, u64)>) -> Vec<datapath::Run> {
        ranges.sort_unstable();
        let mut runs = Vec::new();
        let mut reached = 0;
        for (start, end) in ranges {
            let mut at = start.max(reached);
            while at < end {
                let extents = (end - at).min(256) as u32;
                if let Some(volume) = self.head.get(&disk)
                    && let Ok(read) = volume.read(datapath::Extent(at), extents)
                {
                    runs.extend(read);
                }
                at += u64::from(extents);
            }
            reached = reached.max(end);
        }
        runs
    }

    /// The replica could not be written: the real machine below failed, or a law of the index was broken.
    pub(super) fn failed(&mut self, why: &str) {
        self.env.fact(Fact::Alert {
            vm: Some(self.protection.vm),
            severity: Severity::Critical,
            code: String::new(),
            text: format!("replica: {why}"),
        });
        self.broken.get_or_insert_with(|| why.to_owned());
    }
}

pub(super) fn batch_of(header: &SegmentHeader) -> u64 {
    match header.kind {
        SegmentKind::Changes { batch } | SegmentKind::Merged { to: batch, .. } => batch,
        SegmentKind::Copy { .. } => 0,
    }
}
