//! The initial copy beside the changes: it takes what the changes leave of the links, or a share of them.
//!
//! Facts §5.5 give the size of a batch by a formula ([`batch_machines`]); [`simulate`] runs batches through the queue, each with the
//! changes of the machines copied so far and of those being copied.

use std::ops::ControlFlow;

use serde::Serialize;

use crate::queue::Arrivals;
use crate::service::Service;

/// The window is gone through again and again, as often as this at the most.
const ROUNDS: u64 = 400;

/// A batch of machines to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// What is copied, in bytes as they go over the link.
    pub bytes: u64,
    /// What its machines change in each step of the window, in bytes as they go over the link.
    pub changes: Vec<u64>,
}

/// When a batch was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Finish {
    /// Seconds after the start of the first batch at which it began.
    pub began_seconds: u64,
    /// Seconds after the start at which it was done, rounded up.
    pub done_seconds: u64,
    /// The largest backlog of changes meanwhile, in bytes, rounded up.
    pub backlog_bytes: u64,
}

/// Machines of a batch by the formula of facts §5.5: what is left of the bandwidth over the goal, divided by the mean size of a machine.
///
/// Rates in bits per second, goal in seconds, size in bytes as it goes over the link. 0 where nothing is left, or not enough for one
/// machine.
#[must_use]
pub fn batch_machines(goal_seconds: u64, bandwidth: u64, steady: u64, machine_bytes: u64) -> u64 {
    let bits = u128::from(goal_seconds) * u128::from(bandwidth.saturating_sub(steady));
    let machines = bits / (u128::from(machine_bytes.max(1)) * 8);
    u64::try_from(machines).unwrap_or(u64::MAX)
}

/// Copies batches one after another. `share_per_mille` of the links is kept for the copy; it takes what the changes leave of the rest too.
/// Changes of a batch's machines are sent from its start on (our journal runs on during a copy). When the window ends it begins again,
/// while the schedule of the links goes on.
///
/// None where a batch is never done, or not within 400 windows.
#[must_use]
pub fn simulate(window: &Arrivals, service: &Service, share_per_mille: u32, batches: &[Batch]) -> Option<Vec<Finish>> {
    let steps = window.bytes.len();
    let step_seconds = u64::from(window.step_seconds.max(1));
    let mut changes = vec![0_u64; steps];
    let begin = |changes: &mut [u64], batch: &Batch| {
        for (sum, more) in changes.iter_mut().zip(&batch.changes) {
            *sum = sum.saturating_add(*more);
        }
    };
    let mut finished: Vec<Finish> = Vec::with_capacity(batches.len());
    let mut todo = batches.iter();
    let Some(first) = todo.next() else {
        return Some(finished);
    };
    if steps == 0 {
        return None;
    }
    let unit = 8 * u128::from(step_seconds);
    begin(&mut changes, first);
    let (mut left, mut began, mut most) = (u128::from(first.bytes) * unit, 0_u64, 0_u128);
    let (whole, part) = (service.timeline(), service.share(share_per_mille.min(1_000)).timeline());
    let mut queued = 0_u128;
    let mut from = 0_u64;
    let end = ROUNDS * window.seconds();
    let (mut all, mut own) = (whole.piece(0), part.piece(0));
    // Batches that were done, what was queued and what was left to copy when the window began.
    let mut before: Option<(usize, u128, u128)> = None;
    while from < end {
        // With the same rates from now on, no window copies more than the last one if no less is queued than when that began.
        let lasts = all.to == u64::MAX && own.to == u64::MAX;
        if lasts && from.is_multiple_of(window.seconds()) {
            let windows = u128::from((end - from) / window.seconds());
            let never = |(done, queue, copy): (usize, u128, u128)| {
                done == finished.len() && queued >= queue && left > copy.saturating_sub(left).saturating_mul(windows)
            };
            if before.is_some_and(never) {
                return None;
            }
            before = Some((finished.len(), queued, left));
        }
        if all.to <= from {
            all = whole.piece(from);
        }
        if own.to <= from {
            own = part.piece(from);
        }
        let step = usize::try_from(from / step_seconds % steps as u64).unwrap_or(0);
        let to = (from / step_seconds + 1) * step_seconds;
        let to = to.min(all.to).min(own.to);
        let total = u128::from(all.rate) * u128::from(step_seconds);
        let kept = (u128::from(own.rate) * u128::from(step_seconds)).min(total);
        let arriving = u128::from(changes[step]) * 8;
        // A batch may be done within this stretch; then the next one begins at the following whole second, with changes of its own.
        let stretch = Stretch {
            queued,
            arriving,
            for_changes: total - kept,
            kept,
        };
        let seconds = stretch.seconds_for(left, to - from);
        let until = seconds.map_or(to, |seconds| from + seconds);
        let (after, copied) = stretch.over(until - from);
        queued = after;
        most = most.max(queued);
        left = left.saturating_sub(copied);
        from = until;
        if seconds.is_some() {
            finished.push(Finish {
                began_seconds: began,
                done_seconds: from,
                backlog_bytes: u64::try_from(most.div_ceil(unit)).unwrap_or(u64::MAX),
            });
            let Some(next) = todo.next() else {
                return Some(finished);
            };
            begin(&mut changes, next);
            (left, began, most) = (u128::from(next.bytes) * unit, from, queued);
        }
    }
    None
}

/// Even arrivals and service, with a copy that takes what is left.
struct Stretch {
    queued: u128,
    arriving: u128,
    for_changes: u128,
    kept: u128,
}

impl Stretch {
    /// What is queued after so many seconds, and what was copied.
    fn over(&self, seconds: u64) -> (u128, u128) {
        let seconds = u128::from(seconds);
        let (come, go) = (self.queued + self.arriving * seconds, self.for_changes * seconds);
        (come.saturating_sub(go), go.saturating_sub(come) + self.kept * seconds)
    }

    /// Whole seconds, at least one and at the most `most`, after which that much was copied.
    fn seconds_for(&self, work: u128, most: u64) -> Option<u64> {
        if self.over(most).1 < work {
            return None;
        }
        let (mut fails, mut does) = (0, most);
        while does - fails > 1 {
            let middle = fails + (does - fails) / 2;
            if self.over(middle).1 >= work {
                does = middle;
            } else {
                fails = middle;
            }
        }
        Some(does)
    }
}

/// The work of a window that nothing else uses, in bytes: what an initial copy can have, rounded down.
#[must_use]
pub fn left_over(arrivals: &Arrivals, service: &Service) -> u64 {
    let mut left = 0_u128;
    crate::queue::walk(arrivals, &service.timeline(), |stretch| {
        let seconds = u128::from(stretch.to - stretch.from);
        left += (stretch.serving * seconds).saturating_sub(stretch.before + stretch.arriving * seconds);
        ControlFlow::Continue(())
    });
    u64::try_from(left / (8 * u128::from(arrivals.step_seconds.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 10 bytes a second the changes leave one: 400 windows of a second copy 400 bytes, and not one more. Where they leave nothing, or the
    /// queue grows, a copy has no end; after an outage, which is longer than a window, it has one.
    #[test]
    fn a_copy_has_an_end_as_long_as_four_hundred_windows_carry_it() {
        let done = |arriving: u64, bytes: u64, service: &Service| {
            let window = Arrivals {
                start_seconds: 0,
                step_seconds: 1,
                bytes: vec![arriving],
            };
            let batch = Batch {
                bytes,
                changes: vec![arriving],
            };
            simulate(&window, service, 0, &[batch]).map(|done| done[0].done_seconds)
        };
        let service = Service::constant(80);
        assert_eq!(done(9, 400, &service), Some(400));
        assert_eq!(done(9, 401, &service), None);
        assert_eq!(done(10, 1, &service), None);
        assert_eq!(done(11, 1, &service), None);
        let mut cut = service.clone();
        cut.outages.push(crate::service::Outage {
            link: None,
            from: 0,
            to: 3,
        });
        // 15 bytes wait then; the queue falls by 5 a second, and after 3 more 5 a second are left.
        assert_eq!(done(5, 10, &cut), Some(8));
    }
}
