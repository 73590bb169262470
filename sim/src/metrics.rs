//! Figures of a run, taken from its facts in one pass: RPO and RTO, backlogs, link use, states, steps, points, copies.
//!
//! RPO of a machine at a moment is the time since the mark of its newest recovery point whose tag is stored (facts §1.3), by the
//! source's clock as the product reports it and by simulated time. It runs while the protected life runs and the machine is protected
//! or resynchronizing (no point is made then, but older ones stay valid); a loss of power ends it, and what was lost is a figure of
//! its own. It is a sawtooth, and its percentiles are over time: "in 99 % of the time no more than this could have been lost".
//! RTO runs from the operator's start of a failover to the first request that the workload answers; from the disaster to the
//! operator's decision is kept apart.

mod collector;
mod over_time;
mod recovery_plans;
mod result;
mod rpo;
mod series;
mod vm;

pub use collector::Collector;
pub use recovery_plans::{PlanActionResult, PlanGroupResult, PlanRunResult};
pub use result::*;

/// Alerts that a result keeps; those after them are counted.
pub const ALERTS_KEPT: usize = 10_000;
