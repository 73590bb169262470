//! One outgoing connection, kept up: the only place where actors wait for a peer, give it up and come back.
//!
//! A peer that loses its power, and a link that is cut, say nothing (design §3). So whoever wants an answer says so with
//! [`Session::owe`]; if then nothing at all arrives for the model's `silence`, the connection is given up and a new one is tried, after a
//! pause that doubles from `pause_first` to `pause_longest` ([`crate::model::Session`]) and is jittered, so that a site does not come back
//! as one. Bytes that are under way prolong it, at the model's `slowest`; each connection that was given up with such bytes halves that, until
//! answers show that the line carries more: on a line slower than was thought nothing would ever arrive. A session that is owed nothing
//! costs nothing: it has no timer of its own. The times are our model; the product does not document its own.
//!
//! What a session does not do: repeat what was sent. After [`SessionEvent::Opened`] its owner says anew what still matters.
//!
//! ```text
//! fn input(&mut self, input: Input) {
//!     let input = match self.session.input(&self.env, input) {
//!         SessionEvent::NotMine(input) => input,           // some other session's, or the actor's own
//!         SessionEvent::Opened => return self.on_opened(), // register, repeat what is unanswered
//!         SessionEvent::Received(frame) => return self.on_frame(frame), // call `settled` for each answer that was owed
//!         SessionEvent::Lost => return self.on_lost(),     // nothing is owed any more; it reconnects by itself
//!         SessionEvent::Nothing => return,
//!     };
//!     // ...
//! }
//! ```

use datapath::plants::{Plant, planted};
use datapath::{Blob, SimTime};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::messages::Body;
use crate::nouns::MachineId;
use crate::ports::{ConnId, Env, Frame, Input, NetEvent, TimerId, Token};

/// In nanoseconds.
const SECOND: u128 = 1_000_000_000;

/// What an input meant to a session.
#[derive(Debug)]
pub enum SessionEvent {
    /// It was not for this session; here it is back.
    NotMine(Input),
    /// The connection is up (again).
    Opened,
    /// A frame arrived on it.
    Received(Frame),
    /// The connection is gone: closed, or silent for too long. What was owed is forgotten; a new attempt is under way.
    Lost,
    /// It was the session's own business.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not wanted.
    Stopped,
    /// Pausing before the next attempt.
    Waiting { until: SimTime },
    /// Neither opened nor refused yet.
    Connecting { conn: ConnId, since: SimTime },
    /// Up.
    Open { conn: ConnId },
}

/// An outgoing connection that is kept up.
#[derive(Debug)]
pub struct Session {
    peer: MachineId,
    port: u16,
    token: Token,
    state: State,
    /// The pause after the next failure.
    pause: u64,
    owed: u32,
    /// Bytes sent whose answers are owed.
    owed_bytes: u64,
    /// Since when answers have been owed without a break, and the bytes that were answered in that time.
    busy: (SimTime, u64),
    /// Bytes a second that must be expected of the line, where it has shown itself slower than the model's `slowest`.
    line: Option<u64>,
    /// When something arrived last, or when an answer began to be owed: what silence is measured from.
    heard: SimTime,
    /// Since when there is no connection, and whether that was told.
    gone: Option<(SimTime, bool)>,
    /// The one timer, and when it fires. It may fire earlier than needed; then the state is looked at and it is set again.
    timer: Option<(TimerId, SimTime)>,
    /// When it was last set, and whether not long after the time before: then it stays when nothing is expected any more, for something
    /// will be soon.
    set: SimTime,
    often: bool,
    jitter: Option<Box<ChaCha8Rng>>,
}

impl Session {
    /// A session with a port of a machine, not started. `token` comes back with the session's own timer and must be no other's
    /// in the same actor.
    #[must_use]
    pub fn new(peer: MachineId, port: u16, token: Token) -> Session {
        Session {
            peer,
            port,
            token,
            state: State::Stopped,
            pause: 0,
            owed: 0,
            owed_bytes: 0,
            busy: (SimTime::ZERO, 0),
            line: None,
            heard: SimTime::ZERO,
            gone: None,
            timer: None,
            set: SimTime::ZERO,
            often: false,
            jitter: None,
        }
    }

    /// The machine at the other end.
    #[must_use]
    pub fn peer(&self) -> MachineId {
        self.peer
    }

    /// Connects, and keeps the connection up from now on. Does nothing if that was asked for before.
    pub fn start(&mut self, env: &Env) {
        if self.state == State::Stopped {
            self.pause = env.model.session.pause_first;
            self.gone = Some((env.monotonic(), false));
            self.connect(env);
        }
    }

    /// Closes, and stays closed. Nothing is heard of it any more.
    pub fn stop(&mut self, env: &Env) {
        if let State::Open { conn } | State::Connecting { conn, .. } = self.state {
            env.close(conn);
        }
        if let Some((timer, _)) = self.timer.take() {
            env.cancel(timer);
        }
        self.state = State::Stopped;
        self.gone = None;
        self.settle_all(env);
    }

    /// Whether frames can be sent now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Whether it is to be kept up.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.state != State::Stopped
    }

    /// Sends; false if the connection is not up (the frame is then gone: send it after [`SessionEvent::Opened`]).
    pub fn send(&self, env: &Env, message: impl Into<Body>) -> bool {
        let State::Open { conn } = self.state else { return false };
        env.send(conn, message);
        true
    }

    /// Sends with a payload; false as for [`Session::send`].
    pub fn send_with(&self, env: &Env, message: impl Into<Body>, payload: Blob) -> bool {
        let State::Open { conn } = self.state else { return false };
        env.send_with(conn, message, payload);
        true
    }

    /// An answer is expected, one more than before. Ignored while the connection is not up.
    pub fn owe(&mut self, env: &Env) {
        self.owe_for(env, 0);
    }

    /// As [`Session::owe`], for a frame with so many bytes: on a slow link the answer may take the time that they need.
    pub fn owe_for(&mut self, env: &Env, bytes: u64) {
        if !self.is_open() {
            return;
        }
        if self.owed == 0 {
            self.heard = env.monotonic();
            self.busy = (self.heard, 0);
        }
        self.owed += 1;
        self.owed_bytes += bytes;
        self.arm(env);
    }

    /// An answer that was expected is there.
    pub fn settled(&mut self, env: &Env) {
        self.settled_for(env, 0);
    }

    /// The answer to a frame with so many bytes is there.
    pub fn settled_for(&mut self, env: &Env, bytes: u64) {
        self.owed = self.owed.saturating_sub(1);
        self.owed_bytes = self.owed_bytes.saturating_sub(bytes);
        self.learn_rate(env, bytes);
        if self.owed == 0 {
            self.settle_all(env);
        }
    }

    /// Nothing is expected any more.
    pub fn settle_all(&mut self, env: &Env) {
        self.owed = 0;
        self.owed_bytes = 0;
        if self.is_open()
            && !self.often
            && let Some((timer, _)) = self.timer.take()
        {
            env.cancel(timer);
        }
    }

    /// Whether there has been no connection for so long, in nanoseconds; true once, until there was one again.
    pub fn is_newly_gone(&mut self, env: &Env, after: u64) -> bool {
        match &mut self.gone {
            Some((since, told)) if env.monotonic().since(*since) >= after => !std::mem::replace(told, true),
            _ => false,
        }
    }

    /// How many answers are expected.
    #[must_use]
    pub fn owed(&self) -> u32 {
        self.owed
    }

    /// Handles an input if it concerns this session.
    pub fn input(&mut self, env: &Env, input: Input) -> SessionEvent {
        match input {
            Input::Timer(token) if token == self.token => {
                self.timer = None;
                self.look(env)
            }
            Input::Network(event) => self.network(env, event),
            other => SessionEvent::NotMine(other),
        }
    }

    fn network(&mut self, env: &Env, event: NetEvent) -> SessionEvent {
        let (State::Open { conn: mine } | State::Connecting { conn: mine, .. }) = self.state else {
            return SessionEvent::NotMine(Input::Network(event));
        };
        match event {
            NetEvent::Opened { conn } if conn == mine => {
                self.state = State::Open { conn };
                self.gone = None;
                self.settle_all(env);
                self.heard = env.monotonic();
                SessionEvent::Opened
            }
            NetEvent::Refused { conn, .. } if conn == mine => {
                self.fail(env);
                SessionEvent::Nothing
            }
            NetEvent::Received { conn, frame } if conn == mine => {
                self.heard = env.monotonic();
                self.pause = env.model.session.pause_first;
                SessionEvent::Received(*frame)
            }
            NetEvent::Closed { conn } if conn == mine => {
                let was_open = self.is_open();
                self.fail(env);
                if was_open {
                    SessionEvent::Lost
                } else {
                    SessionEvent::Nothing
                }
            }
            other => SessionEvent::NotMine(Input::Network(other)),
        }
    }

    /// When the state has to be looked at next, if ever.
    fn due(&self, env: &Env) -> Option<SimTime> {
        match self.state {
            State::Stopped => None,
            State::Waiting { until } => Some(until),
            State::Connecting { since, .. } => Some(since.after(env.model.session.connect_patience)),
            State::Open { .. } => (self.owed > 0).then(|| self.heard.after(self.patience(env))),
        }
    }

    fn patience(&self, env: &Env) -> u64 {
        let arriving = u128::from(self.owed_bytes) * SECOND / u128::from(self.rate(env).max(1));
        let silence = env.model.session.silence;
        silence.saturating_add(u64::try_from(arriving).unwrap_or(u64::MAX))
    }

    /// What the line is expected to carry at the least, in bytes a second.
    fn rate(&self, env: &Env) -> u64 {
        self.line.unwrap_or(env.model.session.slowest)
    }

    /// The peer may be there, and the line slower than was thought: what is sent anew is given twice the time, or it would never arrive.
    fn expect_less(&mut self, env: &Env) {
        if self.owed_bytes > 0 {
            self.line = Some(self.rate(env) / 2);
        }
    }

    /// An answer shows what the line carries at the least.
    fn learn_rate(&mut self, env: &Env, bytes: u64) {
        let Some(line) = self.line else { return };
        let (since, carried) = &mut self.busy;
        *carried += bytes;
        let shown = u128::from(*carried) * SECOND / u128::from(env.monotonic().since(*since).max(1));
        let line = line.max(u64::try_from(shown).unwrap_or(u64::MAX));
        self.line = Some(line).filter(|line| *line < env.model.session.slowest);
    }

    fn look(&mut self, env: &Env) -> SessionEvent {
        if self.due(env).is_none_or(|due| env.monotonic() < due) {
            self.arm(env);
            return SessionEvent::Nothing;
        }
        match self.state {
            State::Stopped => SessionEvent::Nothing,
            State::Waiting { .. } => {
                self.connect(env);
                SessionEvent::Nothing
            }
            State::Connecting { conn, .. } => {
                env.close(conn);
                self.fail(env);
                SessionEvent::Nothing
            }
            State::Open { conn } => {
                env.close(conn);
                self.expect_less(env);
                self.fail(env);
                SessionEvent::Lost
            }
        }
    }

    fn connect(&mut self, env: &Env) {
        let conn = env.connect(self.peer, self.port);
        self.state = State::Connecting {
            conn,
            since: env.monotonic(),
        };
        self.settle_all(env);
        self.arm(env);
    }

    /// The connection is gone: the next attempt comes after a pause between half and all of the current one.
    fn fail(&mut self, env: &Env) {
        self.gone.get_or_insert((env.monotonic(), false));
        let half = self.pause / 2;
        let (peer, port) = (self.peer, self.port);
        let jitter = self.jitter.get_or_insert_with(|| {
            let mut stream = env.random("session");
            // An actor's sessions share a purpose; each draws from a part of the stream of its own.
            stream.set_stream(u64::from(peer.0) << 16 | u64::from(port));
            Box::new(stream)
        });
        let until = env.monotonic().after(half + jitter.next_u64() % (half + 1));
        self.pause = (self.pause * 2).min(env.model.session.pause_longest);
        self.settle_all(env);
        if planted(Plant::SessionStaysLost) && self.is_open() {
            self.state = State::Stopped;
            return;
        }
        let late = planted(Plant::SessionMadeLate) && self.is_open();
        let until = if late {
            until.after(env.model.oracle.after_outage)
        } else {
            until
        };
        self.state = State::Waiting { until };
        self.arm(env);
    }

    /// Makes sure that a timer fires at or before the time at which the state has to be looked at.
    fn arm(&mut self, env: &Env) {
        let Some(due) = self.due(env) else { return };
        if let Some((timer, fires)) = self.timer {
            if fires <= due {
                return;
            }
            env.cancel(timer);
        }
        let now = env.monotonic();
        self.often = now.since(self.set) < due.since(now) / 4;
        self.set = now;
        self.timer = Some((env.timer(due.since(now), self.token), due));
    }
}

#[cfg(test)]
mod tests;
