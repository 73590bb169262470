//! The plan: what of it has come true, for those whom it tells when to begin.

use datapath::{SimTime, VmId};

use super::Env;
use crate::nouns::ItemState;

/// What the scenario makes steps and workloads wait for.
pub trait Plan {
    /// When a trigger of the plan held, if it has: for the operator, who looks when they come back.
    fn held_at(&self, trigger: u32) -> Option<SimTime>;
    /// Whether a machine has ever been in a state: for its workload, which may begin then.
    fn has_reached(&self, vm: VmId, state: ItemState) -> bool;
}

impl Env {
    /// See [`Plan::held_at`].
    #[must_use]
    pub fn held_at(&self, trigger: u32) -> Option<SimTime> {
        self.world.held_at(trigger)
    }

    /// See [`Plan::has_reached`].
    #[must_use]
    pub fn has_reached(&self, vm: VmId, state: ItemState) -> bool {
        self.world.has_reached(vm, state)
    }
}
