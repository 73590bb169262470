//! Which recovery points are kept, and what that lets go.
//!
//! For 2017 the documentation gives retention maxima only; the grid (all points of the newest 2 hours, then one per hour) is borrowed
//! from the later era (facts §2.3). A point past its retention is kept until a newer one exists, so there is always one.

use std::collections::BTreeMap;

use super::{Replica, ReplicaError, Tag};
use crate::batch::DiskChanges;
use crate::units::SimTime;

const HOUR: u64 = 3_600_000_000_000;

/// What pruning would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruningPlan {
    /// Points to remove, and why: `retention` or `grid`.
    pub points: Vec<(u64, &'static str)>,
    /// Batches that must be opened and folded into the base, in order.
    pub fold: Vec<Tag>,
}

impl Replica {
    /// What pruning would do at `now`, with points kept for `retention` nanoseconds.
    #[must_use]
    pub fn plan_pruning(&self, now: SimTime, retention: u64) -> PruningPlan {
        let mut plan = PruningPlan::default();
        let newest = self.points.last().map(|point| point.mark.point);
        let mut hour_kept = None;
        // The batch that ends at the oldest kept point: the last one seen, for the walk is from the newest.
        let mut oldest = None;
        for point in self.points.iter().rev() {
            let age = now.since(point.mark.marked);
            let hour = point.mark.marked.0 / HOUR;
            let why = if point.pins > 0 || Some(point.mark.point) == newest {
                None
            } else if age > retention {
                Some("retention")
            } else if age > 2 * HOUR && hour_kept == Some(hour) {
                Some("grid")
            } else {
                None
            };
            match why {
                Some(why) => plan.points.push((point.mark.point, why)),
                None => {
                    oldest = Some(point.batch);
                    if age > 2 * HOUR {
                        hour_kept = Some(hour);
                    }
                }
            }
        }
        if plan.points.is_empty() {
            return plan;
        }
        plan.points.reverse();
        if let Some(oldest) = oldest {
            plan.fold = self.batches.range(..=oldest).map(|(_, tag)| tag.clone()).collect();
        }
        plan
    }

    /// The next batches that may become one ([`Replica::merged`]) at `now`: neighbours between two kept points that no later pruning
    /// brings closer to others. `size` tells how large a batch is, or nothing where it is to stay as it is; together they are no
    /// larger than `most`. None where there are no two such.
    #[must_use]
    pub fn plan_merging(&self, now: SimTime, most: u64, size: impl Fn(&Tag) -> Option<u64>) -> Option<Vec<Tag>> {
        // Of the hour that begins to fall out of the newest two, a later point may still take the place of the kept one.
        let hour = now.0.checked_sub(2 * HOUR)? / HOUR;
        for pair in self.points.windows(2) {
            if pair[1].mark.marked.0 / HOUR >= hour {
                return None;
            }
            let between = pair[0].batch + 1..=pair[1].batch;
            if self.layers.range(between.clone()).next().is_some() {
                continue;
            }
            let (mut group, mut bytes) = (Vec::new(), 0);
            for (_, tag) in self.batches.range(between) {
                let tag_bytes = size(tag).unwrap_or(u64::MAX);
                if bytes + tag_bytes.min(most + 1) > most {
                    if group.len() > 1 {
                        break;
                    }
                    group.clear();
                    bytes = 0;
                }
                if tag_bytes <= most {
                    group.push(tag.clone());
                    bytes += tag_bytes;
                }
            }
            if group.len() > 1 {
                return Some(group);
            }
        }
        None
    }

    /// Removes points; the newest stays whatever the list says.
    pub fn remove_points(&mut self, numbers: &[u64]) {
        let newest = self.points.last().map(|point| point.mark.point);
        self.points
            .retain(|point| Some(point.mark.point) == newest || !numbers.contains(&point.mark.point));
    }

    /// Folds opened batches (those of [`PruningPlan::fold`]) and the layers among them into the base. Their segments are then no
    /// longer needed.
    ///
    /// # Errors
    /// Where a batch is missing or a point still needs what is to be folded; nothing has changed then.
    pub fn fold(&mut self, through: u64, opened: &BTreeMap<u64, Vec<DiskChanges>>) -> Result<(), ReplicaError> {
        if let Some(point) = self.points.iter().find(|point| point.batch < through) {
            return Err(ReplicaError::NoPoint(point.mark.point));
        }
        let mut disks = self.base.clone();
        self.put_over(&mut disks, through, opened)?;
        self.base = disks;
        self.batches.retain(|number, _| *number > through);
        self.layers.retain(|number, _| *number > through);
        Ok(())
    }

    /// One tag takes the place of several: `tag.batch` is the last of them, its segments hold what they held together. False, and nothing
    /// changes, where one of them is not there any more or a point lies between them.
    #[must_use]
    pub fn merged(&mut self, old: &[u64], tag: Tag) -> bool {
        let (Some(first), Some(last)) = (old.first(), old.last()) else {
            return false;
        };
        let all_there = old.iter().all(|number| self.batches.contains_key(number));
        let apart = self.points.iter().any(|p| (*first..*last).contains(&p.batch));
        if !all_there || apart || tag.batch != *last || self.layers.range(*first..=*last).next().is_some() {
            return false;
        }
        for number in old {
            self.batches.remove(number);
        }
        self.batches.insert(tag.batch, tag);
        true
    }
}
