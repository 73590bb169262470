//! A peer that is busy: what it refuses for now is asked again after a pause that doubles each time. That this goes on is told, once.

use datapath::{SimTime, VmId};

use crate::facts::{Fact, Severity};
use crate::ports::{Env, Token};

/// How a peer that is busy is treated.
#[derive(Debug, Default)]
pub struct BackOff {
    /// Since when it has refused all that it was asked.
    since: Option<SimTime>,
    /// The next pause, once there was one.
    pause: u64,
    waits: bool,
    told: bool,
}

impl BackOff {
    /// The peer refused a request for now, one for this machine. Unless there is a pause already, one begins, whose end the token tells.
    pub fn refused(&mut self, env: &Env, peer: &str, vm: VmId, token: Token) {
        let (now, model) = (env.monotonic(), &env.model.session);
        let since = *self.since.get_or_insert(now);
        if !self.waits {
            self.waits = true;
            let pause = self
                .pause
                .clamp(model.busy_first, model.busy_longest.max(model.busy_first));
            self.pause = pause * 2;
            env.timer(pause, token);
        }
        if !self.told && now.since(since) >= model.busy_alert {
            self.told = true;
            env.fact(Fact::Alert {
                vm: Some(vm),
                severity: Severity::Warning,
                code: String::new(),
                text: format!(
                    "{peer} is busy and refuses requests; they are sent again after longer and longer pauses"
                ),
            });
        }
    }

    /// It did what it was asked: the next refusal is the first again.
    pub fn answered(&mut self) {
        (self.since, self.pause, self.told) = (None, 0, false);
    }

    /// The pause is over.
    pub fn over(&mut self) {
        self.waits = false;
    }

    /// Whether nothing is to be sent to it now.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.waits
    }
}
