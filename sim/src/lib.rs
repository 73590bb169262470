//! The world the actors live in.

pub mod run;
pub mod spec;
