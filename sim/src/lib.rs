//! The world the actors live in.

pub mod compute;
pub mod disks;
pub mod event_log;
pub mod link;
pub mod metrics;
pub mod queue;
pub mod random;
pub mod run;
pub mod spec;
