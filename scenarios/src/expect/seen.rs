//! What is to be seen of a machine: in all of the run, or while a fault lasts.

use datapath::SimTime;
use datapath::replica::Consistency;
use sim::findings::{Bytes, Finding, Nanoseconds};
use sim::metrics::{AlertResult, PointResult, RunResult, VmResult, milliseconds};

use super::{broken_of, untested_of};
use crate::keys::word_of;
use crate::laws::{alert, backlog_above, no_points, rpo_above, state};
use crate::model::{Bound, Expect, PointsOf};

/// The part of a run that an expectation is about, both ends included.
pub(super) struct Stretch {
    from: SimTime,
    to: SimTime,
    all: bool,
}

impl Stretch {
    /// None where its fault never began.
    pub(super) fn of(expect: &Expect, result: &RunResult) -> Option<Stretch> {
        let Some(name) = &expect.during else {
            return Some(Stretch {
                from: SimTime(0),
                to: result.ended,
                all: true,
            });
        };
        let fault = result.faults.iter().find(|fault| fault.name == *name)?;
        let began = fault.began?;
        let (from, to) = match expect.between {
            Some((from, to)) => (began.after(from), began.after(to)),
            None => (began, fault.ended.unwrap_or(result.ended)),
        };
        let all = false;
        Some(Stretch { from, to, all })
    }

    fn holds(&self, at: SimTime) -> bool {
        self.from <= at && at <= self.to
    }

    /// The longest RPO that the product reported, in milliseconds; none where the machine was not protected.
    pub(super) fn rpo_max_ms(&self, vm: &VmResult) -> Option<u64> {
        if self.all {
            return Some(vm.rpo?.max_ms);
        }
        let within = vm
            .rpo_series
            .iter()
            .filter(|of| of.from <= self.to && self.from <= of.to);
        // It rises with time, so it was that much shorter where the stretch ended first.
        let at_the_end = |of: &sim::metrics::RpoStretch| {
            let beyond = milliseconds(of.to.since(self.to.min(of.to)));
            of.high_ms.saturating_sub(beyond).max(of.low_ms)
        };
        within.map(at_the_end).max()
    }

    /// The most bytes that waited.
    pub(super) fn backlog_max(&self, vm: &VmResult) -> u64 {
        let samples = vm.backlog.iter().filter(|sample| self.holds(sample.at));
        samples.map(sim::metrics::BacklogSample::total).max().unwrap_or(0)
    }

    /// Recovery points that were marked in it, and judged.
    pub(super) fn points_verified(&self, vm: &VmResult) -> usize {
        let points = vm
            .points
            .iter()
            .filter(|point| point.verified && self.holds(point.marked));
        points.count()
    }

    fn made<'a>(&self, vm: &'a VmResult, of: PointsOf) -> Option<&'a PointResult> {
        let of_kind = |point: &PointResult| match of {
            PointsOf::Any => true,
            PointsOf::Crash => point.consistency == Consistency::Crash,
            PointsOf::App => point.consistency == Consistency::App,
        };
        vm.points.iter().find(|point| {
            of_kind(point) && self.holds(point.marked) && point.stored.is_some_and(|stored| self.holds(stored))
        })
    }

    /// What is to be seen of a machine and was not; none where it was.
    pub(super) fn unseen(
        &self,
        expect: &Expect,
        vm: &VmResult,
        result: &RunResult,
        machine: String,
    ) -> Option<Finding> {
        let (at, line, fault) = (result.ended, expect.line.0, expect.during.clone());
        match &expect.what {
            Bound::Alert(said) => {
                let is_it = |of: &AlertResult| {
                    self.holds(of.at)
                        && of.vm.is_none_or(|about| about == vm.vm)
                        && (of.code == *said || of.text.contains(said.as_str()))
                };
                let alert = said.clone();
                let broken = alert::Broken::NotRaised {
                    machine,
                    alert,
                    fault,
                    line,
                };
                (!result.alerts.iter().any(is_it)).then(|| broken_of(vm, at, &broken))?
            }
            Bound::RpoAbove(bound) => match self.rpo_max_ms(vm) {
                None => untested_of(vm, at, &rpo_above::Broken::NeverProtected { machine, fault, line }),
                Some(reached) if reached.saturating_mul(1_000_000) > *bound => None,
                Some(reached) => {
                    let (reached, bound) = (Nanoseconds(reached.saturating_mul(1_000_000)), Nanoseconds(*bound));
                    let broken = rpo_above::Broken::NotPassed {
                        machine,
                        reached,
                        bound,
                        fault,
                        line,
                    };
                    broken_of(vm, at, &broken)
                }
            },
            Bound::BacklogAbove(bound) => {
                let reached = self.backlog_max(vm);
                let (most, bytes) = (Bytes(reached), Bytes(*bound));
                let broken = backlog_above::Broken::NotPassed {
                    machine,
                    reached: most,
                    bound: bytes,
                    fault,
                    line,
                };
                (reached <= *bound).then(|| broken_of(vm, at, &broken))?
            }
            Bound::NoPoints(of) => {
                let PointResult { point, marked, .. } = *self.made(vm, *of)?;
                let broken = no_points::Broken::PointMade {
                    machine,
                    point,
                    marked,
                    fault,
                    line,
                };
                broken_of(vm, at, &broken)
            }
            Bound::State(wanted) => {
                let ends = vm.states.iter().skip(1).map(|(at, _)| *at).chain([at]);
                let spans = vm.states.iter().zip(ends);
                let mut was = spans.filter(|((from, _), to)| *from <= self.to && self.from <= *to);
                let state = word_of(*wanted).unwrap_or_default().to_owned();
                let broken = state::Broken::NeverInState {
                    machine,
                    state,
                    fault,
                    line,
                };
                (!was.any(|((_, state), _)| state == wanted)).then(|| broken_of(vm, at, &broken))?
            }
            _ => None,
        }
    }
}
