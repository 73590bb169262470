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

    /// Groups of batches between two points that may become one each ([`Replica::merged`]).
    #[must_use]
    pub fn plan_merging(&self) -> Vec<Vec<Tag>> {
        let mut groups = Vec::new();
        for pair in self.points.windows(2) {
            let between = pair[0].batch + 1..=pair[1].batch;
            let layered = self.layers.range(between.clone()).next().is_some();
            let tags: Vec<Tag> = self.batches.range(between).map(|(_, tag)| tag.clone()).collect();
            if tags.len() > 1 && !layered {
                groups.push(tags);
            }
        }
        groups
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

    /// One tag takes the place of several: `tag.batch` is the last of them, its segments hold what they held together.
    pub fn merged(&mut self, old: &[u64], tag: Tag) {
        for number in old {
            self.batches.remove(number);
        }
        self.batches.insert(tag.batch, tag);
    }
}
