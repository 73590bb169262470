//! Tests of the whole world with toy actors, each on both networks where the law holds on both.

mod conformance;
mod event;
mod faults;
mod power;
mod tcp;
