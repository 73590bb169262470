//! Recovery points: chosen, put together, pruned; and checksums of what the replica holds.

use std::collections::{BTreeMap, BTreeSet};

use datapath::batch::DiskChanges;
use datapath::plants::{Plant, planted};
use datapath::replica::{Consistency, Grid, Replica, SharedPoint, Tag};
use datapath::segment::{Headers, SegmentHeader, Worker};
use datapath::{CHUNK_EXTENTS, Extent, Grain};

use super::opening::batch_of;
use super::{ChecksumAsk, Fold, JOB, KeeperEvent, Pending, ReplicaKeeper, Running, Summing, Ticket, Why, want};
use crate::facts::{Fact, Severity};
use crate::nouns::PointChoice;
use crate::ports::{Job, Token, Work};

impl ReplicaKeeper {
    /// Asks for the disks of a point. The answer is a [`KeeperEvent::Materialised`] with the ticket returned here. The point is pinned
    /// until [`ReplicaKeeper::unpin`]. Where the protection ends with it (`last`), the latest point is the highest boundary of batches to
    /// which all disks are complete, marked or not.
    pub fn materialise(&mut self, choice: PointChoice, last: bool) -> u64 {
        self.next_ticket += 1;
        let number = self.next_ticket;
        self.tickets.push(Ticket {
            number,
            choice,
            last,
            chosen: None,
            opened: BTreeMap::new(),
        });
        if self.held && choice == PointChoice::Latest {
            self.held = false;
            self.want_batches();
        }
        self.accept_batches();
        number
    }

    /// A failover needs a point: it is not pruned until it is unpinned.
    pub fn pin(&mut self, point: u64) {
        self.replica.pin(point);
    }

    /// The number of the point with the mark of a shared one, where there is one.
    #[must_use]
    pub fn point_shared(&self, shared: SharedPoint) -> Option<u64> {
        let points = self.replica.points().iter().rev();
        let mut marks = points.map(|point| point.mark);
        marks.find(|mark| mark.shared == Some(shared)).map(|mark| mark.point)
    }

    /// The failover that needed a point is over.
    pub fn unpin(&mut self, point: u64) {
        self.replica.unpin(point);
    }

    /// Whether all that is stored, as far as it is whole, is processed.
    fn caught_up(&self) -> bool {
        match self.pending.first_key_value() {
            Some((batch, pending)) if !self.ended => {
                *batch != self.replica.next_batch() || self.waits_for_copy(pending)
            }
            _ => true,
        }
    }

    /// Whether a batch waits for a copy of which nothing is on the way: it may take hours, or never end.
    fn waits_for_copy(&self, pending: &Pending) -> bool {
        let mut under_way = self.wanted.iter().chain(&self.asked).map(|wanted| wanted.why);
        let opens = |running: &Running| matches!(running, Running::Open(wanted) if wanted.why == Why::Copy);
        pending.tag.mark.is_some()
            && self.replica.copying()
            && !under_way.any(|why| why == Why::Copy)
            && !self.running.values().any(opens)
    }

    /// What stands in the way of processing what is stored: a segment that was refused, a batch that never comes, or one that the index
    /// did not take.
    fn stuck(&self) -> Option<String> {
        let piece = self.copies.values().find_map(|copy| copy.refused.clone());
        let batch = || self.pending.values().find_map(|pending| pending.refused.clone());
        let hole = || self.hole().map(|(_, why)| why);
        piece.or_else(batch).or_else(hole).or(self.broken.clone())
    }

    /// Chooses points for tickets that wait for it.
    pub(super) fn serve_tickets(&mut self) {
        if self.tickets.is_empty() {
            return;
        }
        let (caught_up, stuck) = (self.caught_up(), self.stuck());
        let waits = |ticket: &Ticket| ticket.chosen.is_none() && ticket.last && ticket.choice == PointChoice::Latest;
        if caught_up && stuck.is_none() && self.tickets.iter().any(waits) {
            self.ended = true;
            if let Some(mark) = self.replica.mark_newest_batch() {
                self.settle_head(self.replica.next_batch() - 1);
                self.point_made(mark);
            }
        }
        let mut failed = Vec::new();
        let mut ready = Vec::new();
        let mut older = Vec::new();
        for ticket in self.tickets.iter_mut().filter(|ticket| ticket.chosen.is_none()) {
            // Whoever asks for the latest is not to get an older one in silence: they can ask for that.
            if let (PointChoice::Latest, Some(why)) = (ticket.choice, &stuck) {
                failed.push((ticket.number, why.clone()));
                continue;
            }
            let point = match ticket.choice {
                PointChoice::Latest if !caught_up => continue,
                PointChoice::Latest if planted(Plant::OlderPointTaken) => self.replica.points().iter().rev().nth(1),
                PointChoice::Latest | PointChoice::LatestProcessed => self.replica.latest(None),
                PointChoice::LatestAppConsistent => self.replica.latest(Some(Consistency::App)),
                PointChoice::Custom(number) => self.replica.point(number),
                // The service, which knows all members, makes a number of it.
                PointChoice::LatestMultiVm | PointChoice::LatestMultiVmAppConsistent => None,
            };
            let Some(point) = point.map(|point| point.mark.point) else {
                failed.push((ticket.number, no_point(ticket.choice, &self.replica)));
                continue;
            };
            let tags: Vec<Tag> = self
                .replica
                .batches_up_to(point)
                .map(|tags| tags.into_iter().cloned().collect())
                .unwrap_or_default();
            if ticket.choice == PointChoice::Latest {
                older.extend(self.replica.point(point).map(|point| (point.mark.point, point.batch)));
            }
            ticket.chosen = Some((point, tags.iter().map(|tag| tag.batch).collect()));
            for tag in tags {
                ticket.opened.insert(tag.batch, Vec::new());
                want(&mut self.wanted, &tag, Why::Ticket(ticket.number));
            }
            ready.push((ticket.number, point));
        }
        for (ticket, why) in failed {
            self.ticket_failed(ticket, why);
        }
        for (point, batch) in older {
            self.say_if_not_newest(point, batch);
        }
        for (ticket, point) in ready {
            self.replica.pin(point);
            self.finish_ticket(ticket);
        }
    }

    /// Whoever asks for the latest hears of it where batches past that point are stored, which no point can be made of before a copy is
    /// complete.
    fn say_if_not_newest(&self, point: u64, batch: u64) {
        let applied = self.replica.next_batch() - 1;
        let stored = self
            .pending
            .last_key_value()
            .map_or(applied, |(last, _)| applied.max(*last));
        if self.replica.copying() && stored > batch {
            let text = format!(
                "point {point} is the latest that can be used: a copy is not complete, and the batches {} to {stored} came during it or \
                 before it",
                batch + 1
            );
            self.alert(Severity::Warning, text);
        }
    }

    pub(super) fn ticket_opened(&mut self, number: u64, header: &SegmentHeader, changes: DiskChanges) {
        if let Some(ticket) = self.tickets.iter_mut().find(|ticket| ticket.number == number) {
            ticket.opened.entry(batch_of(header)).or_default().push(changes);
        }
        self.finish_ticket(number);
    }

    pub(super) fn ticket_failed(&mut self, number: u64, why: String) {
        let Some(at) = self.tickets.iter().position(|ticket| ticket.number == number) else {
            return;
        };
        let ticket = self.tickets.remove(at);
        if let Some((point, _)) = ticket.chosen {
            self.replica.unpin(point);
        }
        self.finish_fold();
        self.wanted.retain(|wanted| wanted.why != Why::Ticket(number));
        self.events.push(KeeperEvent::Materialised {
            ticket: number,
            result: Err(why),
        });
    }

    /// Puts the disks together once all batches are opened.
    fn finish_ticket(&mut self, number: u64) {
        let Some(at) = self.tickets.iter().position(|ticket| ticket.number == number) else {
            return;
        };
        let ticket = &self.tickets[at];
        let Some((point, batches)) = &ticket.chosen else { return };
        let Ok(tags) = self.replica.batches_up_to(*point) else {
            return;
        };
        let listed: BTreeMap<u64, usize> = tags.iter().map(|tag| (tag.batch, tag.segments.len())).collect();
        let whole =
            |batch: &u64| ticket.opened.get(batch).map_or(0, Vec::len) == listed.get(batch).copied().unwrap_or(0);
        if !batches.iter().all(whole) {
            return;
        }
        let mark = self.replica.point(*point).map(|point| point.mark);
        let result = self
            .replica
            .materialise(*point, &ticket.opened)
            .map_err(|error| error.to_string());
        self.tickets.remove(at);
        self.finish_fold();
        let result = result.and_then(|disks| {
            mark.map(|mark| (mark, disks))
                .ok_or_else(|| "the point is gone".to_owned())
        });
        self.events.push(KeeperEvent::Materialised { ticket: number, result });
    }

    /// Which points are kept.
    pub(super) fn grid(&self) -> Grid {
        let kept = &self.env.model.retention;
        Grid {
            all: kept.all,
            day: kept.day,
            day_interval: kept.day_interval,
            week: kept.week,
            week_interval: kept.week_interval,
            longer_interval: kept.longer_interval,
        }
    }

    /// Removes points that retention and grid let go, and begins to fold what lies below the oldest kept one.
    pub(super) fn prune(&mut self) {
        let plan = self
            .replica
            .plan_pruning(self.env.clock(), self.protection.policy.retention, &self.grid());
        if plan.points.is_empty() {
            return self.merge_more();
        }
        let (vm, protection) = (self.protection.vm, self.protection.protection);
        self.replica
            .remove_points(&plan.points.iter().map(|(point, _)| *point).collect::<Vec<_>>());
        for (point, why) in plan.points {
            self.env.fact(Fact::PointPruned {
                vm,
                protection,
                point,
                why: why.to_owned(),
            });
        }
        if let Some(last) = plan.fold.last()
            && self.fold.is_none()
            && self.tickets.is_empty()
        {
            let headers: Headers = plan.fold.iter().flat_map(|tag| tag.segments.iter().cloned()).collect();
            plan.fold.iter().for_each(|tag| want(&mut self.wanted, tag, Why::Fold));
            let opened = plan.fold.iter().map(|tag| (tag.batch, Vec::new())).collect();
            let missing: BTreeSet<SegmentHeader> = headers.iter().cloned().collect();
            self.fold = Some(Fold {
                through: last.batch,
                missing,
                headers,
                opened,
            });
            self.finish_fold();
        }
        self.merge_more();
    }

    pub(super) fn fold_opened(&mut self, header: &SegmentHeader, changes: DiskChanges) {
        if let Some(fold) = &mut self.fold
            && fold.missing.remove(header)
        {
            fold.opened.entry(batch_of(header)).or_default().push(changes);
        }
        self.finish_fold();
    }

    /// Folds what is opened, and ends a merge, where no ticket still needs the batches as they are.
    fn finish_fold(&mut self) {
        if !self.tickets.is_empty() {
            return;
        }
        if let Some(fold) = self.fold.take_if(|fold| fold.missing.is_empty()) {
            match self.replica.fold(fold.through, &fold.opened) {
                Ok(()) => {
                    self.sizes.remove_through(fold.through);
                    self.drop_segments(fold.headers, Some(fold.through));
                }
                Err(error) => self.failed(&error.to_string()),
            }
        }
        self.finish_merge();
    }

    /// All points go: the failover was committed.
    pub fn commit(&self) {
        let (vm, protection) = (self.protection.vm, self.protection.protection);
        for point in self.replica.points() {
            let why = "commit".to_owned();
            self.env.fact(Fact::PointPruned {
                vm,
                protection,
                point: point.mark.point,
                why,
            });
        }
    }

    /// Takes checksums of chunks of a disk; they come as [`KeeperEvent::Checksums`]. A chunk past the end of the disk has none.
    pub fn checksums(&mut self, ask: ChecksumAsk) {
        let ChecksumAsk {
            disk,
            copy,
            first_chunk,
            count,
            after,
        } = ask;
        if self.copies.get(&disk).is_none_or(|known| known.number > copy) {
            return; // of a copy that another one has followed
        }
        if self.replica.next_batch() <= after {
            // What was acknowledged before the copy began is still under way; what it overwrites must not be found equal.
            if !self.early_checksums.contains(&ask) {
                self.early_checksums.push(ask);
                self.look_for_holes();
            }
            return;
        }
        // From here on what is left of an older copy means nothing: it must not come over what is found equal now.
        let _ = self.copy(disk, copy);
        let head = if self.replica.points().is_empty() {
            self.replica.base(disk)
        } else {
            self.head.get(&disk)
        };
        let Some(mut volume) = head.cloned() else { return };
        let (start, end) = (
            first_chunk * CHUNK_EXTENTS,
            (first_chunk + u64::from(count)) * CHUNK_EXTENTS,
        );
        if let Err(error) = self.replica.put_open_layer_over(disk, start..end, &mut volume) {
            return self.failed(&error.to_string());
        }
        let extents = volume.extents();
        let last = (first_chunk + u64::from(count)).min(extents.div_ceil(CHUNK_EXTENTS));
        let key = self.job_key();
        let position = self.replica.position();
        let input_bytes = last.saturating_sub(first_chunk) * datapath::CHUNK_BYTES;
        // In the aggregate grain it takes its time, and there is nothing to be summed.
        let last = if self.env.grain() == Grain::Aggregate {
            first_chunk
        } else {
            last
        };
        let run = Box::new(move |_: &mut Worker| {
            let sums: Vec<[u8; 16]> = (first_chunk..last)
                .map_while(|chunk| {
                    let from = chunk * CHUNK_EXTENTS;
                    let len = CHUNK_EXTENTS.min(extents - from) as u32;
                    volume.checksum(Extent(from), len).ok()
                })
                .collect();
            Box::new(sums) as Box<dyn std::any::Any + Send>
        });
        self.running.insert(
            key,
            Running::Checksum(Summing {
                disk,
                copy,
                first_chunk,
                position,
            }),
        );
        self.env.compute(
            Job {
                work: Work::Checksum,
                input_bytes,
                // The target's disks are many, and are read in step with the source's one.
                reads: 0,
                run,
            },
            Token { what: JOB, key },
        );
    }
}

/// Why a choice cannot be met, and what there is instead.
fn no_point(choice: PointChoice, replica: &Replica) -> String {
    let mut kept = replica.points().iter().map(|point| point.mark.point);
    match choice {
        PointChoice::Custom(number) => {
            let below = kept.clone().rfind(|kept| *kept < number);
            let nearest = below.into_iter().chain(kept.find(|kept| *kept > number));
            let nearest: Vec<String> = nearest.map(|point| point.to_string()).collect();
            let instead = match nearest.is_empty() {
                true => "none is kept".to_owned(),
                false => format!("kept next to it: {}", nearest.join(" and ")),
            };
            format!("there is no recovery point {number}; {instead}")
        }
        PointChoice::LatestAppConsistent => "there is no app-consistent recovery point yet".to_owned(),
        PointChoice::Latest | PointChoice::LatestProcessed => "there is no recovery point yet".to_owned(),
        PointChoice::LatestMultiVm | PointChoice::LatestMultiVmAppConsistent => {
            "which recovery point a replication group shares is the service's to say".to_owned()
        }
    }
}
