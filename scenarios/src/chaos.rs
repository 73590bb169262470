//! Chaos: seeded schedules of faults against one scenario, each drawn, run and judged; what they found, by identity.
//!
//! A seed draws a schedule in one place ([`draw()`]) and gives a scenario of its own: faults are values, so what was drawn can be looked at,
//! written into a file and run again when the code that drew it has changed. What may be drawn is known before ([`atlas`]): faults that
//! destroy the last copy of what must come back are not. [`sweep`] runs seeds side by side; no result depends on how many at a time.
//! [`shrink`] makes of a failure a small scenario that fails in the same way.

pub mod atlas;
pub mod catalogue;
pub mod draw;
pub mod list;
mod rounding;
pub mod shrink;
mod smaller;
pub mod story;
pub mod sweep;

pub use draw::{Drawn, draw};
pub use sweep::{Outcome, Sweep, Swept, run_one};
