//! Scenario files: read, refused, written, and run where what they are about needs it.

mod shipped;

mod bad_files;
mod library;
mod plans;
mod process_servers;
mod recovery_plans;
mod schema;
mod written;
mod wrong_values;
