//! Capacity planning: an estate and what its disks did come in, what it needs comes out.

pub mod churn;
pub mod cost;
pub mod demand;
pub mod estate;
pub mod gates;
pub mod initial;
pub mod options;
pub mod os;
pub mod placement;
pub mod profile;
pub mod queue;
pub mod search;
pub mod service;
pub mod sizing;
pub mod tables;
