//! Capacity planning: an estate and what its disks did come in, what it needs comes out.

pub mod churn;
pub mod demand;
pub mod estate;
pub mod initial;
pub mod profile;
pub mod queue;
pub mod search;
pub mod service;
pub mod sizing;
pub mod tables;
