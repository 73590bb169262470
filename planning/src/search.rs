//! Searches over the queue: the smallest bandwidth for an RPO, and the RPO of a bandwidth (facts §5.5).
//!
//! More bandwidth never makes a delay longer, so a bandwidth that holds is bracketed and halved down to a bit per second. A property test
//! checks the monotonicity; each answer is checked on both sides.

use crate::queue::{Arrivals, Outcome, holds, run};
use crate::service::{Service, WEEK_HOURS};

/// Rates are looked for up to this: about 17 Tbit/s.
const MOST: u64 = 1 << 44;

/// An RPO, and in how many thousandths of the steps it must be kept: 1000 is always, 900 is 90 % of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goal {
    /// The RPO in milliseconds.
    pub rpo_ms: u64,
    /// Thousandths of the steps, of 1000.
    pub steps_per_mille: u32,
}

impl Goal {
    /// Steps that may be over the RPO.
    #[must_use]
    pub fn allowed(&self, steps: usize) -> usize {
        let kept = (steps as u128 * u128::from(self.steps_per_mille.min(1_000))).div_ceil(1_000);
        steps - usize::try_from(kept).unwrap_or(steps)
    }

    /// Whether a service keeps it.
    #[must_use]
    pub fn holds(&self, arrivals: &Arrivals, service: &Service) -> bool {
        holds(arrivals, service, self.rpo_ms, self.allowed(arrivals.bytes.len()))
    }
}

/// The smallest rate in bits per second of the first link of `template` that keeps the goal, exact to a bit per second. None where no
/// rate does: an outage or a throttle of the template is in the way.
#[must_use]
pub fn bandwidth_for(arrivals: &Arrivals, template: &Service, goal: Goal) -> Option<u64> {
    smallest(arrivals, |rate| goal.holds(arrivals, &template.with_rate(rate)))
}

/// The same where the service must also be [`lasting`]: what a plan asks for.
#[must_use]
pub fn lasting_bandwidth_for(arrivals: &Arrivals, template: &Service, goal: Goal) -> Option<u64> {
    smallest(arrivals, |rate| {
        let service = template.with_rate(rate);
        lasting(arrivals, &service) && goal.holds(arrivals, &service)
    })
}

/// Whether a service carries the mean of the arrivals in its mean week, outages aside. With less the backlog would grow from window to
/// window, and only the window's end could keep an RPO.
#[must_use]
pub fn lasting(arrivals: &Arrivals, service: &Service) -> bool {
    let week: u128 = (0..WEEK_HOURS).map(|hour| u128::from(service.rate_in_hour(hour))).sum();
    week >= u128::from(arrivals.mean_bits_per_second()) * WEEK_HOURS as u128
}

/// The smallest rate that is enough, where more is never worse.
fn smallest(arrivals: &Arrivals, enough: impl Fn(u64) -> bool) -> Option<u64> {
    if enough(0) {
        return Some(0);
    }
    let mut fails = 0;
    let mut keeps = arrivals.mean_bits_per_second().max(1);
    while !enough(keeps) {
        fails = keeps;
        keeps = keeps.saturating_mul(2);
        if keeps > MOST {
            return None;
        }
    }
    while keeps - fails > 1 {
        let middle = fails + (keeps - fails) / 2;
        if enough(middle) {
            keeps = middle;
        } else {
            fails = middle;
        }
    }
    Some(keeps)
}

/// The smallest RPO in milliseconds that so many thousandths of the steps keep with this service ([`crate::queue::NEVER`] without an end).
#[must_use]
pub fn rpo_for(arrivals: &Arrivals, service: &Service, steps_per_mille: u32) -> u64 {
    achievable(&run(arrivals, service), steps_per_mille)
}

/// The same of a queue that has run.
#[must_use]
pub fn achievable(outcome: &Outcome, steps_per_mille: u32) -> u64 {
    // No step has to keep it.
    if outcome.delays_ms.is_empty() || steps_per_mille == 0 {
        return 0;
    }
    outcome.percentile_ms(steps_per_mille)
}
