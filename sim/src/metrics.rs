//! Figures of a run, taken from its facts in one pass: RPO and RTO, backlogs, link use, states, steps, points, copies.
//!
//! RPO of a machine at a moment is the time since the mark of its newest recovery point whose tag is stored (facts §1.3), by the
//! source's clock as the product reports it and by simulated time. It runs while the protected life runs and the machine is protected
//! or resynchronizing (the product goes on counting then), and is sampled each minute and just before each tag.
//! RTO runs from the operator's start of a failover to the first request that the workload answers; from the disaster to the
//! operator's decision is kept apart.

mod collector;
mod result;
mod rpo;
mod series;

pub use collector::Collector;
pub use result::*;

/// Alerts that a result keeps; those after them are counted.
pub const ALERTS_KEPT: usize = 10_000;
