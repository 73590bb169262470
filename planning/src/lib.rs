//! Capacity planning: an estate and what its disks did come in, what it needs comes out.

pub mod churn;
pub mod estate;
pub mod profile;
pub mod sizing;
pub mod tables;
