//! The components of Site Recovery as actix actors: one file each, the messages they exchange, and the ports they need.
//!
//! An actor knows ports, never adapters. Everything that happens to it is an [`Input`](ports::Input), an item of the stream that actix
//! gives it; everything it does goes through its [`Env`](ports::Env). It keeps no clock, no socket and no file of its own, so the same
//! actor runs on every network and, later, on real machines.

mod actor;
pub mod agent;
pub mod azure_compute;
pub mod back_off;
pub mod codes;
pub mod configuration_server;
pub mod disk_trouble;
pub mod facts;
pub mod guest;
pub mod master_target;
pub mod messages;
pub mod model;
pub mod nouns;
pub mod operator;
pub mod ports;
pub mod process_server;
pub mod registration;
pub mod replica_keeper;
pub mod service;
pub mod session;
pub mod spec;
pub mod start;
pub mod storage;
#[cfg(test)]
pub mod testing;
pub mod vcenter;
pub mod workload;

/// Found by hash and walked in the order of insertion: for what a fleet has thousands of. The hash is a fixed one, so runs repeat.
pub type Table<K, V> = indexmap::IndexMap<K, V, rustc_hash::FxBuildHasher>;
