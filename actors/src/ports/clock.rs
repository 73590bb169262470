//! The clock: what a machine counts as time passed, what it shows as the time of day, and timers.

use datapath::SimTime;

use super::{Env, Token};
use crate::nouns::{ActorId, MachineId};

/// A timer that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u64);

/// Clocks of machines. Simulated time itself is for the event log and for what is measured; no protocol goes by it.
pub trait Clock {
    /// Simulated time.
    fn now(&self) -> SimTime;
    /// The time of day that the machine's own clock shows: skewed where the scenario says so, and off while a fault of it lasts.
    fn clock(&self, machine: MachineId) -> SimTime;
    /// What the machine counts as time passed since the start of the run. It never goes back or jumps; it drifts as its clock does.
    fn monotonic(&self, machine: MachineId) -> SimTime;
    /// Asks for [`Input::Timer`](super::Input::Timer) after so many nanoseconds, by the machine's own clock.
    fn timer(&self, actor: ActorId, after: u64, token: Token) -> TimerId;
    /// Takes a timer back; nothing happens if it fired.
    fn cancel(&self, timer: TimerId);
}

impl Env {
    /// Simulated time. For the event log and for what happens to be measured; protocols use [`Env::monotonic`].
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.world.now()
    }

    /// The time of day by the machine's own clock: for what is told to others. It can jump; what waits goes by [`Env::monotonic`].
    #[must_use]
    pub fn clock(&self) -> SimTime {
        self.world.clock(self.machine)
    }

    /// The machine's own count of time passed, which timers go by too.
    #[must_use]
    pub fn monotonic(&self) -> SimTime {
        self.world.monotonic(self.machine)
    }

    /// See [`Clock::timer`].
    pub fn timer(&self, after: u64, token: Token) -> TimerId {
        self.world.timer(self.actor, after, token)
    }

    /// See [`Clock::cancel`].
    pub fn cancel(&self, timer: TimerId) {
        self.world.cancel(timer);
    }
}
