//! A peer that is busy: what it refuses for now is asked again after a pause that doubles each time. That this goes on is told, once.

use datapath::SimTime;

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
    /// The peer refused a request for now. Unless there is a pause already, one begins, whose end the token tells.
    pub fn refused(&mut self, env: &Env, peer: &str, token: Token) {
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
                vm: None,
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use datapath::Grain;

    use super::*;
    use crate::nouns::ComponentKind;
    use crate::ports::Input;
    use crate::testing::{Bench, Component};

    const SECOND: u64 = 1_000_000_000;

    /// Asks a peer that is busy until a time, and notes when it does.
    struct Asker {
        env: Env,
        busy: BackOff,
        until: SimTime,
        asked: Rc<RefCell<Vec<u64>>>,
    }

    impl Component for Asker {
        fn input(&mut self, _: Input) {
            self.busy.over();
            self.asked.borrow_mut().push(self.env.now().0 / SECOND);
            if self.env.now() < self.until {
                let token = Token { what: 1, key: 0 };
                self.busy.refused(&self.env, "the peer", token);
                // More that is refused in the same pause adds nothing to it.
                self.busy.refused(&self.env, "the peer", token);
                assert!(self.busy.waits());
            } else {
                self.busy.answered();
                assert!(!self.busy.waits());
            }
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_that_it_goes_on_is_told_once() {
        let bench = Bench::new(Grain::Extent);
        let (id, env) = bench.actor(0, ComponentKind::ProcessServer);
        let asked = Rc::default();
        let asker = Asker {
            env,
            busy: BackOff::default(),
            until: SimTime(1_000 * SECOND),
            asked: Rc::clone(&asked),
        };
        bench.put(id, asker);
        bench.run_seconds(250);
        assert_eq!(*asked.borrow(), [0, 4, 12, 28, 60, 124, 244]);
        assert_eq!(bench.alerts("the peer is busy"), 0, "not for a short time");
        bench.run_seconds(1_000);
        assert_eq!(asked.borrow().last(), Some(&1_084));
        assert_eq!(bench.alerts("the peer is busy"), 1);
    }
}
