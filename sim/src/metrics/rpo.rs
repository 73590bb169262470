//! RPO of one machine, sampled.

use datapath::SimTime;
use datapath::replica::Mark;
use hdrhistogram::Histogram;

use super::result::{Percentiles, RpoSample, milliseconds};
use super::series::{Series, Thin};

impl Thin for RpoSample {
    fn join(self, next: RpoSample) -> RpoSample {
        if next.true_ms >= self.true_ms { next } else { self }
    }
}

/// A distribution in milliseconds; the largest is kept exactly beside it.
#[derive(Debug)]
struct Distribution {
    histogram: Histogram<u32>,
    max_ms: u64,
}

impl Distribution {
    fn new() -> Distribution {
        let histogram = Histogram::new(3).expect("three significant digits are within the histogram's range");
        Distribution { histogram, max_ms: 0 }
    }

    fn record(&mut self, ms: u64) {
        // A histogram that resizes itself takes every value below 2^62 or so; a time beyond is capped, not lost.
        self.histogram.saturating_record(ms.min(1 << 50));
        self.max_ms = self.max_ms.max(ms);
    }

    fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.histogram.value_at_quantile(quantile).min(self.max_ms);
        Percentiles {
            samples: self.histogram.len(),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            max_ms: self.max_ms,
        }
    }
}

/// RPO of one machine.
#[derive(Debug)]
pub(crate) struct Rpo {
    newest: Option<Mark>,
    by_simulated: Option<Distribution>,
    /// Kept apart only from the first sample on that differs.
    by_source: Option<Distribution>,
    series: Series<RpoSample>,
}

impl Rpo {
    /// Nothing known yet; a series of at most `cap` samples.
    pub(crate) fn new(cap: usize) -> Rpo {
        Rpo {
            newest: None,
            by_simulated: None,
            by_source: None,
            series: Series::new(cap),
        }
    }

    /// Another protection began: its first point is yet to come.
    pub(crate) fn restart(&mut self) {
        self.newest = None;
    }

    /// A point's tag is stored.
    pub(crate) fn stored(&mut self, mark: Mark) {
        if self.newest.is_none_or(|newest| newest.marked <= mark.marked) {
            self.newest = Some(mark);
        }
    }

    /// Takes a sample.
    pub(crate) fn sample(&mut self, at: SimTime) {
        let Some(mark) = self.newest else { return };
        let true_ms = milliseconds(at.since(mark.marked));
        let reported_ms = milliseconds(at.since(mark.marked_source));
        let simulated = self.by_simulated.get_or_insert_with(Distribution::new);
        if reported_ms != true_ms && self.by_source.is_none() {
            let mut source = Distribution::new();
            // Until now the two were the same.
            source.histogram.clone_from(&simulated.histogram);
            source.max_ms = simulated.max_ms;
            self.by_source = Some(source);
        }
        simulated.record(true_ms);
        if let Some(source) = &mut self.by_source {
            source.record(reported_ms);
        }
        self.series.push(RpoSample {
            at,
            reported_ms,
            true_ms,
        });
    }

    /// Reported RPO, true RPO, and the series.
    pub(crate) fn finish(self) -> (Option<Percentiles>, Option<Percentiles>, Vec<RpoSample>) {
        let simulated = self.by_simulated.as_ref().map(Distribution::percentiles);
        let source = self.by_source.as_ref().map(Distribution::percentiles);
        (source.or(simulated), simulated, self.series.into_entries())
    }
}

#[cfg(test)]
mod tests {
    use datapath::WriteSeq;
    use datapath::replica::Consistency;

    use super::*;

    fn mark(seconds: u64, skew: u64) -> Mark {
        Mark {
            point: 1,
            seq: WriteSeq(1),
            consistency: Consistency::Crash,
            marked: SimTime(seconds * 1_000_000_000),
            marked_source: SimTime((seconds + skew) * 1_000_000_000),
        }
    }

    #[test]
    fn rpo_runs_from_the_mark_of_the_newest_stored_point_on_both_clocks() {
        let mut rpo = Rpo::new(16);
        rpo.sample(SimTime(1));
        rpo.stored(mark(10, 3));
        for second in [20, 30, 40] {
            rpo.sample(SimTime(second * 1_000_000_000));
        }
        rpo.stored(mark(40, 3));
        rpo.sample(SimTime(41_000_000_000));
        let (reported, simulated, series) = rpo.finish();
        let simulated = simulated.unwrap();
        assert_eq!((simulated.samples, simulated.max_ms), (4, 30_000));
        let reported = reported.unwrap();
        assert_eq!((reported.samples, reported.max_ms), (4, 27_000));
        assert_eq!(series.len(), 4);
        assert_eq!(series[3].true_ms, 1000);
        assert_eq!(series[3].reported_ms, 0, "a clock ahead of the mark hides the age");
    }
}
