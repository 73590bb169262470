//! Capacity planning. Today: the vendor's sizing and churn tables as data, and what an estate needs by them.

pub mod churn;
pub mod sizing;
