//! Capacity planning: an estate and what its disks did come in, what it needs comes out.

mod answer;
mod bill;
mod check;
pub mod churn;
pub mod cost;
pub mod demand;
pub mod estate;
pub mod gates;
pub mod initial;
pub mod options;
mod origins;
pub mod os;
pub mod placement;
pub mod plan;
pub mod profile;
pub mod queue;
pub mod recommend;
pub mod search;
pub mod service;
pub mod sizing;
pub mod sweep;
pub mod tables;
mod what_if;
pub mod words;
