//! The queue's side: when what was written has been served, and what of a machine waits meanwhile.
//!
//! Work is counted in bytes times the milliseconds of a step, in which arrivals and service of any whole millisecond are whole numbers.

use std::ops::ControlFlow;

use actors::workload::Counted;

use crate::queue::{Arrivals, Stretch, walk};
use crate::service::Service;

/// Seconds that are run after the part, and after the queue is empty.
const AFTER: u64 = 3_600;
/// What still waits after so many seconds more is not waited for.
const TAIL_MAX: u64 = 14 * 86_400;

/// Adds steps without arrivals until the queue is empty, and an hour; gives their seconds.
pub(super) fn tail(arrivals: &mut Arrivals, service: &Service) -> u64 {
    let step = u64::from(arrivals.step_seconds.max(1));
    let part = arrivals.bytes.len();
    let hour = usize::try_from(AFTER.div_ceil(step)).unwrap_or(1);
    let most = usize::try_from(TAIL_MAX / step).unwrap_or(usize::MAX / 2);
    let mut wait = arrivals.clone();
    wait.bytes.resize(part + most, 0);
    let (mut at, mut empty) = (0, None);
    walk(&wait, &service.timeline(), |stretch| {
        at += usize::from(stretch.ends_step);
        if at >= part && stretch.ends_step && stretch.after == 0 {
            empty = Some(at);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let steps = empty.map_or(most, |at| at - part) + hour;
    arrivals.bytes.resize(part + steps, 0);
    steps as u64 * step
}

/// What a machine writes, in bytes of disk.
#[derive(Debug)]
pub(super) struct Written {
    /// Milliseconds of a step.
    step: u64,
    /// By step: all that was written before it; at the end, all.
    before: Vec<u64>,
    sent: u64,
}

impl Written {
    /// Of disks, each with its steps and the thousandths to which it compresses.
    pub(super) fn of<'a>(
        disks: impl Iterator<Item = (&'a [Counted], u32)>,
        step_seconds: u64,
        growth_per_mille: u32,
    ) -> Self {
        let factor = u128::from(step_seconds) * (1_000 + u128::from(growth_per_mille));
        let mut steps: Vec<u128> = Vec::new();
        let mut sent = 0_u128;
        for (counted, compressed) in disks {
            if steps.len() < counted.len() {
                steps.resize(counted.len(), 0);
            }
            for (sum, step) in steps.iter_mut().zip(counted) {
                let bytes = u128::from(step.bytes_per_second) * factor;
                *sum += bytes;
                sent += bytes * u128::from(compressed);
            }
        }
        let mut all = 0_u128;
        let mut before = vec![0];
        for step in steps {
            all += step;
            before.push(u64::try_from(all / 1_000).unwrap_or(u64::MAX));
        }
        Self {
            step: step_seconds * 1_000,
            before,
            sent: u64::try_from(sent / 1_000_000).unwrap_or(u64::MAX),
        }
    }

    /// All that it sends, compressed.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// What is written until a moment.
    fn upto(&self, at: u64) -> u64 {
        let last = self.before.last().copied().unwrap_or(0);
        let Ok(step) = usize::try_from(at / self.step) else {
            return last;
        };
        match (self.before.get(step), self.before.get(step + 1)) {
            (Some(from), Some(to)) => {
                let part = u128::from(to - from) * u128::from(at % self.step) / u128::from(self.step);
                from + part as u64
            }
            _ => last,
        }
    }

    /// The most that is written within so many milliseconds.
    pub(super) fn most_within(&self, long: u64) -> u64 {
        // The most begins or ends where a step does.
        let edges = (0..self.before.len() as u64).map(|step| step * self.step);
        let of = |from: u64, to: u64| self.upto(to) - self.upto(from);
        edges
            .map(|edge| of(edge, edge + long).max(of(edge.saturating_sub(long), edge)))
            .max()
            .unwrap_or(0)
    }
}

/// The queue over time.
#[derive(Debug)]
pub(super) struct Curve {
    /// Milliseconds of a step.
    step: u64,
    /// By step: work that arrived before it; at the end, all.
    arrived: Vec<u128>,
    stretches: Vec<Stretch>,
}

impl Curve {
    pub(super) fn new(arrivals: &Arrivals, service: &Service) -> Self {
        let step = u64::from(arrivals.step_seconds.max(1)) * 1_000;
        let mut all = 0;
        let mut arrived = vec![0];
        for bytes in &arrivals.bytes {
            all += u128::from(*bytes) * u128::from(step);
            arrived.push(all);
        }
        let mut stretches = Vec::new();
        walk(arrivals, &service.timeline(), |stretch| {
            stretches.push(*stretch);
            ControlFlow::Continue(())
        });
        Self {
            step,
            arrived,
            stretches,
        }
    }

    fn ends(&self) -> u64 {
        self.stretches.last().map_or(0, |stretch| stretch.to * 1_000)
    }

    /// Work that arrived until a moment.
    fn work(&self, at: u64) -> u128 {
        let step = usize::try_from(at / self.step).unwrap_or(usize::MAX);
        let last = self.arrived.last().copied().unwrap_or(0);
        match (self.arrived.get(step), self.arrived.get(step.saturating_add(1))) {
            (Some(from), Some(to)) => from + (to - from) / u128::from(self.step) * u128::from(at % self.step),
            _ => last,
        }
    }

    /// Work that waits at a moment. The queue counts it in bits times the seconds of a step.
    fn waits(&self, at: u64) -> u128 {
        let place = self.stretches.partition_point(|stretch| stretch.to * 1_000 <= at);
        let Some(stretch) = self.stretches.get(place) else {
            return self.stretches.last().map_or(0, |last| last.after * 125);
        };
        let after = u128::from(at - stretch.from * 1_000);
        let more = stretch.before * 1_000 + stretch.arriving * after;
        more.saturating_sub(stretch.serving * after) / 8
    }

    /// The moment up to which all that arrived has been served at a moment.
    fn served(&self, at: u64) -> u64 {
        let waits = self.waits(at);
        if waits == 0 {
            return at;
        }
        let level = self.work(at).saturating_sub(waits);
        let step = self
            .arrived
            .partition_point(|before| *before <= level)
            .saturating_sub(1);
        let Some(to) = self.arrived.get(step + 1) else {
            return at;
        };
        let a_millisecond = ((to - self.arrived[step]) / u128::from(self.step)).max(1);
        let part = ((level - self.arrived[step]) / a_millisecond) as u64;
        (step as u64 * self.step + part.min(self.step)).min(at)
    }

    /// When all that was written until a moment has been served; none where it is not by the end.
    pub(super) fn served_by(&self, moment: u64) -> Option<u64> {
        if moment > self.ends() || self.served(self.ends()) < moment {
            return None;
        }
        let (mut below, mut enough) = (moment, self.ends());
        while below < enough {
            let middle = below + (enough - below) / 2;
            match self.served(middle) >= moment {
                true => enough = middle,
                false => below = middle + 1,
            }
        }
        Some(enough)
    }

    fn edges(&self) -> impl Iterator<Item = u64> {
        self.stretches.iter().map(|stretch| stretch.to * 1_000)
    }

    /// The longest time that anything waits, of those at the ends of stretches.
    pub(super) fn longest(&self) -> u64 {
        self.edges().map(|at| at - self.served(at)).max().unwrap_or(0)
    }

    /// The longest time in which something waits at every moment: in whatever order it is served, nothing waits longer.
    pub(super) fn busy(&self) -> u64 {
        let (mut busy, mut longest) = (0, 0);
        for stretch in &self.stretches {
            let waits = stretch.before > 0 || stretch.after > 0;
            busy = if waits {
                busy + (stretch.to - stretch.from) * 1_000
            } else {
                0
            };
            longest = busy.max(longest);
        }
        longest
    }

    /// The most that waits of what a machine writes, of those at the ends of stretches.
    pub(super) fn backlog_of(&self, written: &Written) -> u64 {
        let waits = |at: u64| written.upto(at) - written.upto(self.served(at));
        self.edges().map(waits).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Outage;

    /// A megabyte a second for an hour by the minute, over a link of twice that, which is cut from the 10th to the 20th minute.
    fn cut() -> (Arrivals, Service) {
        let arrivals = Arrivals {
            start_seconds: 0,
            step_seconds: 60,
            bytes: vec![60_000_000; 60],
        };
        let mut service = Service::constant(16_000_000);
        service.outages = vec![Outage {
            link: None,
            from: 600,
            to: 1_200,
        }];
        (arrivals, service)
    }

    #[test]
    fn what_came_first_is_served_first() {
        let (arrivals, service) = cut();
        let curve = Curve::new(&arrivals, &service);
        assert_eq!(curve.served(600_000), 600_000);
        assert_eq!(curve.served(900_000), 600_000);
        // Five minutes later 600 MB of 900 that came since are served.
        assert_eq!(curve.served(1_500_000), 1_200_000);
        assert_eq!(curve.served_by(1_200_000), Some(1_500_000));
        assert_eq!(curve.served_by(600_000), Some(600_000));
        assert_eq!(curve.served_by(601_000), Some(1_200_500));
        assert_eq!((curve.served(1_800_000), curve.longest()), (1_800_000, 600_000));
        assert_eq!(curve.busy(), 1_200_000);
        assert_eq!(curve.served_by(4_000_000), None);
    }

    #[test]
    fn a_machine_has_its_part_of_what_waits() {
        let (arrivals, service) = cut();
        let steady = |rate| {
            vec![
                Counted {
                    bytes_per_second: rate,
                    writes_per_second: 100
                };
                60
            ]
        };
        let (one, two) = (steady(100_000), steady(60_000));
        let written = Written::of([(&one[..], 500), (&two[..], 1_000)].into_iter(), 60, 250);
        assert_eq!(written.before[60], 160_000 * 3_600 * 5 / 4);
        assert_eq!(written.sent(), 110_000 * 3_600 * 5 / 4);
        assert_eq!(Curve::new(&arrivals, &service).backlog_of(&written), 200_000 * 600);
        assert_eq!(written.most_within(300_000), 200_000 * 300);
        assert_eq!(written.upto(90_500), 200_000 * 181 / 2);
    }

    #[test]
    fn it_is_waited_until_the_queue_is_empty() {
        let (mut arrivals, service) = cut();
        assert_eq!(tail(&mut arrivals, &service), 3_600);
        // Half of what comes is served: another hour.
        let mut slow = cut().0;
        assert_eq!(tail(&mut slow, &Service::constant(4_000_000)), 7_200);
        assert_eq!(slow.bytes.len(), 180);
        // Nothing is ever served.
        let mut never = cut().0;
        assert_eq!(tail(&mut never, &Service::constant(0)), TAIL_MAX + 3_600);
    }
}
