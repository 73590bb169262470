//! RPO of one machine over time: a sawtooth that falls when a newer recovery point can be used, and rises in between.
//!
//! A point that is stored and not processed does not count: what it needs may be missing, and a failover cannot take it.

use datapath::SimTime;
use datapath::plants::{Plant, planted};
use datapath::replica::Mark;

use super::over_time::OverTime;
use super::result::{Percentiles, RpoStretch, milliseconds};
use super::series::{Series, Thin};

impl Thin for RpoStretch {
    fn join(self, next: RpoStretch) -> RpoStretch {
        RpoStretch {
            from: self.from,
            to: next.to,
            low_ms: self.low_ms.min(next.low_ms),
            high_ms: self.high_ms.max(next.high_ms),
            true_high_ms: self.true_high_ms.max(next.true_high_ms),
        }
    }
}

fn percentiles(over: &OverTime) -> Percentiles {
    Percentiles {
        over_ms: milliseconds(over.total()),
        p50_ms: milliseconds(over.percentile(50)),
        p99_ms: milliseconds(over.percentile(99)),
        max_ms: milliseconds(over.max()),
    }
}

/// RPO of one machine.
#[derive(Debug)]
pub(crate) struct Rpo {
    newest: Option<Mark>,
    /// Since when it runs and has not changed its mark.
    since: Option<SimTime>,
    by_simulated: OverTime,
    /// Kept apart only from the first stretch on that differs.
    by_source: Option<OverTime>,
    series: Series<RpoStretch>,
}

impl Rpo {
    /// Nothing known yet; a series of at most `cap` stretches.
    pub(crate) fn new(cap: usize) -> Rpo {
        Rpo {
            newest: None,
            since: None,
            by_simulated: OverTime::default(),
            by_source: None,
            series: Series::new(cap),
        }
    }

    /// Whether RPO runs from now on: the machine is protected, and the life that is protected goes on.
    pub(crate) fn runs(&mut self, at: SimTime, runs: bool) {
        if runs != self.since.is_some() {
            self.close(at);
            self.since = runs.then_some(at);
        }
    }

    /// Another protection began: its first point is yet to come.
    pub(crate) fn restart(&mut self, at: SimTime) {
        self.turn(at, None);
    }

    /// A point is processed: a failover can take it.
    pub(crate) fn usable(&mut self, at: SimTime, mark: Mark) {
        if self.newest.is_none_or(|newest| newest.marked <= mark.marked) {
            self.turn(at, Some(mark));
        }
    }

    fn turn(&mut self, at: SimTime, newest: Option<Mark>) {
        self.close(at);
        self.since = self.since.map(|_| at);
        self.newest = newest;
    }

    /// Takes in the stretch that ends now.
    fn close(&mut self, at: SimTime) {
        let (Some(since), Some(mark)) = (self.since, self.newest) else {
            return;
        };
        if at <= since {
            return;
        }
        if mark.marked != mark.marked_source && self.by_source.is_none() {
            // Until now the two were the same.
            self.by_source = Some(self.by_simulated.clone());
        }
        take(&mut self.by_simulated, since, at, mark.marked);
        if let Some(by_source) = &mut self.by_source {
            take(by_source, since, at, mark.marked_source);
        }
        self.series.push(RpoStretch {
            from: since,
            to: at,
            low_ms: milliseconds(since.since(mark.marked_source)),
            high_ms: milliseconds(at.since(mark.marked_source)),
            true_high_ms: milliseconds(at.since(mark.marked)),
        });
    }

    /// Reported RPO, true RPO, and the series, up to the end.
    pub(crate) fn finish(mut self, ended: SimTime) -> (Option<Percentiles>, Option<Percentiles>, Vec<RpoStretch>) {
        self.close(ended);
        let series = self.series.into_entries();
        if series.is_empty() {
            return (None, None, series);
        }
        let simulated = percentiles(&self.by_simulated);
        let source = self.by_source.as_ref().map_or(simulated, percentiles);
        (Some(source), Some(simulated), series)
    }
}

/// A stretch against a mark. Where the clock that set the mark is ahead, the age is zero until the other has caught up.
fn take(over: &mut OverTime, from: SimTime, to: SimTime, marked: SimTime) {
    let marked = if planted(Plant::RpoTooSmall) {
        marked.after(to.since(marked) / 10)
    } else {
        marked
    };
    let start = from.max(marked.min(to));
    over.zero(start.since(from));
    over.rise(start.since(marked), to.since(marked));
}

#[cfg(test)]
mod tests {
    use datapath::WriteSeq;
    use datapath::replica::Consistency;

    use super::*;

    fn at(seconds: u64) -> SimTime {
        SimTime(seconds * 1_000_000_000)
    }

    fn mark(seconds: u64, skew: u64) -> Mark {
        Mark {
            point: 1,
            seq: WriteSeq(1),
            consistency: Consistency::Crash,
            marked: at(seconds),
            marked_source: at(seconds + skew),
            life: 0,
            shared: None,
        }
    }

    #[test]
    fn rpo_is_a_sawtooth_and_its_percentiles_are_over_time() {
        let mut rpo = Rpo::new(16);
        rpo.usable(at(10), mark(0, 0));
        rpo.runs(at(10), true);
        // A point each 300 s whose tag takes 10 s: eleven teeth from 10 s to 310 s, and the last is cut short at 110 s.
        for tooth in 1..=11 {
            rpo.usable(at(tooth * 300 + 10), mark(tooth * 300, 0));
        }
        rpo.runs(at(3410), false);
        // Without power it does not grow.
        let (reported, simulated, series) = rpo.finish(at(9000));
        let reported = reported.unwrap();
        assert_eq!(Some(reported), simulated);
        assert_eq!(reported.over_ms, 3_400_000);
        // Twelve times at each value below 110 s, eleven times above: half of 3400 s is 12 * 100 s + 11 * 45.454 s.
        assert_eq!(reported.p50_ms, 155_455);
        // 99 % is 3366 s: 11 * 3.0909 s short of the top.
        assert!(reported.p99_ms.abs_diff(306_910) < 1200, "{reported:?}");
        assert_eq!(reported.max_ms, 310_000);
        assert_eq!(series.len(), 12);
        let ends: Vec<_> = series[10..]
            .iter()
            .map(|s| (s.from, s.to, s.low_ms, s.high_ms))
            .collect();
        assert_eq!(
            ends,
            [
                (at(3010), at(3310), 10_000, 310_000),
                (at(3310), at(3410), 10_000, 110_000)
            ]
        );
    }

    #[test]
    fn a_clock_that_is_ahead_hides_the_age() {
        let mut rpo = Rpo::new(16);
        rpo.runs(at(10), true);
        rpo.usable(at(12), mark(10, 4));
        let (reported, simulated, series) = rpo.finish(at(22));
        let simulated = simulated.unwrap();
        assert_eq!(
            (simulated.over_ms, simulated.p50_ms, simulated.max_ms),
            (10_000, 7_000, 12_000)
        );
        let reported = reported.unwrap();
        // Two seconds at zero, then eight from zero to 8 s.
        assert_eq!(
            (reported.over_ms, reported.p50_ms, reported.max_ms),
            (10_000, 3_000, 8_000)
        );
        assert_eq!(series.len(), 1, "before the first point there is no RPO");
    }

    #[test]
    fn another_protection_begins_without_a_point() {
        let mut rpo = Rpo::new(16);
        rpo.runs(at(0), true);
        rpo.usable(at(0), mark(0, 0));
        rpo.restart(at(100));
        rpo.usable(at(150), mark(140, 0));
        let (reported, _, series) = rpo.finish(at(160));
        let reported = reported.unwrap();
        assert_eq!((reported.over_ms, reported.max_ms, series.len()), (110_000, 100_000, 2));
    }
}
