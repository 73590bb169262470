//! Which recovery points are kept, and what that lets go.
//!
//! For 2017 the documentation gives retention maxima only; the grid is borrowed from the later era (facts §2.3). Of the newest 2 hours all
//! points are kept, and beyond them one in each interval:
//!
//! | retention | interval |
//! |---|---|
//! | none | the latest point alone |
//! | up to 1 day | 1 hour |
//! | up to 7 days | 2 hours |
//! | longer | 2 hours for the first 7 days, then 4 hours |
//!
//! A point past its retention is kept until a newer one exists, so there is always one.

use std::collections::BTreeMap;

use super::{Replica, ReplicaError, Tag};
use crate::batch::DiskChanges;
use crate::plants::{Plant, planted};
use crate::units::SimTime;

/// Which points are kept, by their age; all in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Points up to this age are all kept.
    pub all: u64,
    /// A retention up to this is a short one.
    pub day: u64,
    /// With a short one, one point is kept in each interval of so long.
    pub day_interval: u64,
    /// Points up to this age are of the first week.
    pub week: u64,
    /// With a longer retention, one point is kept in each interval of so long in the first week.
    pub week_interval: u64,
    /// And after it in each of so long.
    pub longer_interval: u64,
}

impl Grid {
    /// Of points of this age one is kept in each interval of so many nanoseconds; none: all are kept.
    fn interval(&self, age: u64, retention: u64) -> Option<u64> {
        let interval = match () {
            () if age <= self.all => return None,
            () if retention <= self.day => self.day_interval,
            () if age <= self.week => self.week_interval,
            () => self.longer_interval,
        };
        Some(interval.max(1))
    }
}

/// What pruning would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruningPlan {
    /// Points to remove, and why: `retention` or `grid`.
    pub points: Vec<(u64, &'static str)>,
    /// Batches that must be opened and folded into the base, in order.
    pub fold: Vec<Tag>,
}

impl Replica {
    /// What pruning would do at `now` by the keeper's clock, with points kept for `retention` nanoseconds from their marks, which bear the
    /// time of their source's clock.
    #[must_use]
    pub fn plan_pruning(&self, now: SimTime, retention: u64, grid: &Grid) -> PruningPlan {
        let retention = if planted(Plant::RetentionHalved) {
            retention / 2
        } else {
            retention
        };
        let mut plan = PruningPlan::default();
        let newest = self.points.last().map(|point| point.mark.point);
        // The interval of the grid in which a point was kept last, by its length and its number.
        let mut taken = None;
        // The batch that ends at the oldest kept point: the last one seen, for the walk is from the newest.
        let mut oldest = None;
        // Of the newest, as many as there are in two hours, nothing goes.
        let young = match self.in_order && retention >= grid.all {
            true => self
                .points
                .partition_point(|point| now.since(point.mark.marked_source) > grid.all),
            false => self.points.len(),
        };
        if let Some(point) = self.points.get(young) {
            oldest = Some(point.batch);
        }
        for point in self.points[..young].iter().rev() {
            let age = now.since(point.mark.marked_source);
            let place = grid
                .interval(age, retention)
                .map(|interval| (interval, point.mark.marked_source.0 / interval));
            let pinned = point.pins > 0 && !planted(Plant::PinIgnored);
            let why = if pinned || Some(point.mark.point) == newest {
                None
            } else if age > retention {
                Some("retention")
            } else if place.is_some() && taken == place {
                Some("grid")
            } else {
                None
            };
            match why {
                Some(why) => plan.points.push((point.mark.point, why)),
                None => {
                    oldest = Some(point.batch);
                    taken = place;
                }
            }
        }
        if plan.points.is_empty() || planted(Plant::RetentionForgotten) {
            return PruningPlan::default();
        }
        plan.points.reverse();
        if let Some(oldest) = oldest {
            plan.fold = self.batches.range(..=oldest).map(|(_, tag)| tag.clone()).collect();
        }
        plan
    }

    /// The next batches that may become one ([`Replica::merged`]) at `now` by the keeper's clock, with points kept for `retention` nanoseconds: neighbours
    /// between two kept points that no later pruning brings closer to others (but for the one after 7 days, which lets merged batches
    /// become one once more). `size` tells how large a batch is, or nothing where it is to stay as it is; together they are no larger
    /// than `most`. None where there are no two such.
    #[must_use]
    pub fn plan_merging(
        &self,
        now: SimTime,
        retention: u64,
        grid: &Grid,
        most: u64,
        size: impl Fn(&Tag) -> Option<u64>,
    ) -> Option<Vec<Tag>> {
        // Of the interval that begins to fall out of the newest two hours, a later point may still take the place of the kept one.
        let interval = grid.interval(grid.all.saturating_add(1), retention)?;
        let current = now.0.checked_sub(grid.all)? / interval;
        for pair in self.points.windows(2) {
            if pair[1].mark.marked_source.0 / interval >= current {
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
        for number in numbers {
            let place = self.points.iter().position(|point| point.mark.point == *number);
            if let Some(place) = place.filter(|place| place + 1 < self.points.len()) {
                self.points.remove(place);
                if place < self.saved_points.values() {
                    self.saved_points.remove(place..place + 1);
                }
            }
        }
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
        let mut disks = BTreeMap::clone(&self.base);
        self.put_over(&mut disks, through, opened)?;
        *self.base.change() = disks;
        let folded = self.batches.range(..=through).map(|(_, tag)| tag.last).max();
        self.base_holds = self.base_holds.max(folded.unwrap_or_default());
        self.batches.remove_through(&through);
        if self.layers.range(..=through).next().is_some() {
            self.layers.change().retain(|number, _| *number > through);
        }
        Ok(())
    }

    /// One tag takes the place of several: `tag.batch` is the last of them, its segments hold what they held together. False, and nothing
    /// changes, where one of them is not there any more or a point lies between them.
    #[must_use]
    pub fn merged(&mut self, old: &[u64], tag: Tag) -> bool {
        let (Some(first), Some(last)) = (old.first(), old.last()) else {
            return false;
        };
        let all_there = old.iter().all(|number| self.batches.get(number).is_some());
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

#[cfg(test)]
impl Grid {
    /// The documented one (facts §2.3), for tests.
    pub(super) fn documented() -> Grid {
        let hour = 3_600_000_000_000;
        Grid {
            all: 2 * hour,
            day: 24 * hour,
            day_interval: hour,
            week: 7 * 24 * hour,
            week_interval: 2 * hour,
            longer_interval: 4 * hour,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::replica::{Consistency, Mark, Point};
    use crate::units::{VmId, WriteSeq};

    const HOUR: u64 = 3_600_000_000_000;
    const DAY: u64 = 24 * HOUR;
    const MINUTE: u64 = HOUR / 60;

    fn mark(point: u64, at: SimTime) -> Mark {
        Mark {
            point,
            seq: WriteSeq(0),
            consistency: Consistency::Crash,
            marked: at,
            marked_source: at,
            life: 0,
            shared: None,
        }
    }

    proptest! {
        /// That nothing of the newest two hours goes saves the walk through them, and changes no plan; nor where a clock is set back.
        #[test]
        fn the_newest_points_are_passed_over_without_a_change_of_plan(
            steps in prop::collection::vec((0u64..40, 0u64..60, prop::bool::weighted(0.1)), 1..80),
            back in prop::bool::ANY,
            later in 0u64..600,
            retention in prop::sample::select(vec![0, HOUR, 2 * HOUR, 6 * HOUR, DAY, 3 * DAY]),
        ) {
            let (mut replica, mut minute) = (Replica::new(VmId(0), 1, Vec::new()), 600u64);
            let (mut earlier, mut in_order) = (0, true);
            for (number, (on, set_back, pinned)) in (1u64..).zip(&steps) {
                minute = (minute + on).saturating_sub(if back { *set_back } else { 0 });
                in_order &= earlier <= minute;
                earlier = minute;
                replica.add_point(mark(number, SimTime(minute * MINUTE)), number);
                if *pinned {
                    replica.pin(number);
                }
            }
            prop_assert_eq!(replica.in_order, in_order);
            let plan = |replica: &Replica| replica.plan_pruning(SimTime((minute + later) * MINUTE), retention, &Grid::documented());
            let passed_over = plan(&replica);
            replica.in_order = false;
            prop_assert_eq!(passed_over, plan(&replica));
        }
    }

    /// Ages in minutes of the points that are left, newest first, where one was made every 5 minutes for `days` days (the last one just
    /// now) and pruning had its say after each.
    fn left(days: u64, retention: u64) -> Vec<u64> {
        let mut replica = Replica::new(VmId(0), 1, Vec::new());
        let last = days * 24 * 60;
        for minute in (0..=last).step_by(5) {
            let now = SimTime(minute * MINUTE);
            replica.add_point(mark(minute / 5 + 1, now), minute / 5 + 1);
            let plan = replica.plan_pruning(now, retention, &Grid::documented());
            replica.remove_points(&plan.points.iter().map(|(number, _)| *number).collect::<Vec<_>>());
        }
        let age = |point: &Point| last - point.mark.marked.0 / MINUTE;
        replica.points.iter().rev().map(age).collect()
    }

    /// What §2.3 keeps beyond the newest 2 hours: `(to hours, interval in hours)`, one after the other.
    fn the_grid_keeps(days: u64, retention: u64, rows: &[(u64, u64)]) {
        let ages = left(days, retention);
        // The newest 2 hours: 0 to 120 minutes, both of them among them.
        let (young, mut old) = ages.split_at(25);
        assert_eq!(young, (0..=120).step_by(5).collect::<Vec<u64>>());
        let mut from = 2;
        for (to, interval) in rows {
            let count = old.iter().take_while(|age| **age <= to * 60).count();
            let (here, rest) = old.split_at(count);
            // One in each interval; the one at either end may be cut.
            let wanted = (to - from) / interval;
            assert!(
                (wanted..=wanted + 1).contains(&(count as u64)),
                "{count} points between {from} h and {to} h, one in {interval} h"
            );
            for pair in here.windows(2).skip(1) {
                assert_eq!(pair[1] - pair[0], interval * 60, "between {from} h and {to} h");
            }
            (from, old) = (*to, rest);
        }
        assert!(old.is_empty(), "older than the retention: {old:?}");
    }

    #[test]
    fn without_retention_the_latest_point_alone_is_kept() {
        assert_eq!(left(1, 0), [0]);
    }

    #[test]
    fn for_a_day_one_point_an_hour_is_kept_beyond_the_newest_two() {
        the_grid_keeps(2, DAY, &[(24, 1)]);
    }

    #[test]
    fn for_two_to_seven_days_one_point_in_two_hours_is_kept() {
        the_grid_keeps(4, 2 * DAY, &[(48, 2)]);
        the_grid_keeps(4, 3 * DAY, &[(72, 2)]);
        the_grid_keeps(9, 7 * DAY, &[(168, 2)]);
        // What lies between the documented rows belongs to the longer one.
        the_grid_keeps(3, DAY + HOUR, &[(25, 2)]);
    }

    #[test]
    fn for_eight_to_fifteen_days_it_is_one_in_four_hours_after_the_seventh() {
        the_grid_keeps(10, 8 * DAY, &[(168, 2), (192, 4)]);
        the_grid_keeps(17, 15 * DAY, &[(168, 2), (360, 4)]);
    }

    #[test]
    fn one_to_three_days_adds_twelve_points() {
        // The documentation's own example (facts §2.3): 24 hourly points against 36 in two hours each.
        let beyond_two_hours = |retention| left(4, retention).len() - 25;
        let (day, three) = (beyond_two_hours(DAY), beyond_two_hours(3 * DAY));
        // It counts the newest 2 hours as well, which hold two points of the one grid and one of the other.
        assert!((22..=23).contains(&day) && (35..=36).contains(&three), "{day} {three}");
    }
}
