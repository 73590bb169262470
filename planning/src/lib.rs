//! Capacity planning: an estate and what its disks did come in, what it needs comes out.

mod cell;
pub mod churn;
pub mod counters;
pub mod estate;
pub mod problem;
pub mod profile;
pub mod read;
pub mod sizing;
mod text;
