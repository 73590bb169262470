//! Plans against figures that were reckoned by hand, against the vendor's examples and against drills.

mod support;

mod complaints;
mod cost;
mod counters;
mod demand;
mod drill;
mod fleet;
mod gates;
mod plan;
mod proof;
mod queue;
