//! The world the actors live in.

pub mod metrics;
pub mod run;
pub mod spec;
