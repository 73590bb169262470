//! What a person or a CI reads of a run: the run directory with its record, events, disks and HTML page, and the summary on a terminal.

pub mod account;
pub mod chart;
pub mod events;
pub mod html;
pub mod json;
pub mod junit;
pub mod named;
pub mod names;
pub mod plan;
mod recovery;
pub mod run_directory;
pub mod summary;
#[cfg(test)]
mod synthetic;
pub mod tables;
pub mod words;
