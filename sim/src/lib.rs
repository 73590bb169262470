//! The world the actors live in.

pub mod compute;
pub mod disks;
pub mod event_log;
pub mod faults;
pub mod findings;
pub mod invariants;
pub mod link;
pub mod machines;
pub mod metrics;
pub mod network;
pub mod oracle;
mod product;
pub mod queue;
pub mod random;
pub mod run;
pub mod secrets;
pub mod spec;
pub mod start;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod world;
