//! The scenario file: read it, say what is wrong with it, build a world from it, run its steps, judge what was expected.
//!
//! [`keys`] is the catalogue of its keys, from which reading, writing, reference and schema follow. [`read::load`] gives a
//! [`model::Scenario`] or a [`diagnose::ScenarioError`] with pictures; the library of scenarios lies beside this crate as `scenarios/*.toml`,
//! and `scenarios/README.md` is the reference of their keys.

pub mod build;
pub mod chaos;
pub mod counters;
pub mod diagnose;
pub mod drill;
pub mod expect;
mod goals;
pub mod input;
pub mod keys;
pub mod laws;
pub mod model;
mod named;
pub mod read;
mod reader;
pub mod traces;
mod tree;
pub mod units;
mod unmet;
mod write;

pub use build::{Built, Plan, PlannedStep, build};
pub use diagnose::{Blame, ScenarioError};
pub use model::Scenario;
pub use read::{Options, default_boot, default_times, load, load_text};
pub use write::{Unwritable, write};
