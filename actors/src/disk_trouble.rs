//! A component's disk that fails: said once, and again only after a while.
//!
//! What a component does about it is its own business: it waits and tries again, refuses what comes, or asks for a resynchronization.

use std::cell::Cell;

use datapath::disk::DiskError;
use datapath::{SimTime, VmId};

use crate::facts::{Fact, Severity};
use crate::ports::{Env, Token};

/// What was said of a disk.
#[derive(Debug)]
pub struct DiskTrouble {
    whose: &'static str,
    said: Cell<Option<SimTime>>,
}

impl DiskTrouble {
    /// Nothing was said yet of this disk, e.g. `cache disk of the process server`.
    #[must_use]
    pub fn of(whose: &'static str) -> DiskTrouble {
        DiskTrouble {
            whose,
            said: Cell::new(None),
        }
    }

    /// Tells of it, and asks for a timer to try again after a pause.
    pub fn note_and_retry(&self, env: &Env, vm: Option<VmId>, error: &DiskError, token: Token) {
        self.note(env, vm, error);
        env.timer(env.model.disk.retry_after, token);
    }

    /// Raises an alert, unless one was raised of this disk a short while ago.
    pub fn note(&self, env: &Env, vm: Option<VmId>, error: &DiskError) {
        let now = env.monotonic();
        let again = |said: SimTime| now.since(said) >= env.model.disk.alert_every;
        if self.said.get().is_none_or(again) {
            self.said.set(Some(now));
            env.fact(Fact::Alert {
                vm,
                severity: Severity::Critical,
                code: String::new(),
                text: format!("{}: {error}", self.whose),
            });
        }
    }
}
