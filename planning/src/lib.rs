//! Capacity planning: an estate and what its disks did come in, what it needs comes out.

mod answer;
mod bill;
mod cell;
mod check;
pub mod churn;
pub mod cost;
pub mod counters;
pub mod demand;
pub mod drill;
pub mod estate;
pub mod gates;
pub mod initial;
pub mod measure;
pub mod of_scenario;
pub mod options;
mod origins;
pub mod os;
pub mod placement;
pub mod plan;
pub mod proof;
pub mod queue;
pub mod read;
pub mod recommend;
pub mod search;
pub mod service;
pub mod sizing;
pub mod sweep;
pub mod tables;
mod text;
mod what_if;
pub mod words;

pub use scenarios::counters::{problem, profile};
