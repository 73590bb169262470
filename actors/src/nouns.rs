//! What everything else speaks of: machines and components, lives, protections, operations.
//!
//! Facts, messages, specifications and ports all need these and need nothing of each other for them, so they have a home below all four.

mod components;
mod life;
mod operation;
mod protection;
mod throttle;

pub use components::{ActorId, Component, ComponentKind, MachineId, Severity};
pub use life::{Asked, Boot, FailoverKind, ItemState, Life, Place};
pub use operation::{LinkKind, Operation, Outcome, PointChoice, Trigger};
pub use protection::{CopyMode, FoundMachine, Policy, Protection, ReplicationGroup, SharedRecord, Target};
pub use throttle::{Schedule, Throttle};
