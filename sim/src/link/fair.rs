//! Fair sharing of one direction of a link: pure, exact, without a clock.
//!
//! The model is a fluid. At any moment each connection that has frames waiting, and window left to send them, is served at an even share
//! of the link's rate, or at the cap of its [stage](super::window) where that is less; what capped connections leave is shared evenly by
//! the others (max-min fair). A frame is through when its last byte is. A bulk transfer therefore cannot starve a heartbeat: the
//! heartbeat's few bytes get the same rate as the bulk and are through at once. A connection whose window is spent is not served, and
//! takes no share, until its round trip is over.
//!
//! *Virtual time* makes this cheap: it is what a connection that is busy all the time has been served so far, in units of 2^-24 byte,
//! and runs for each stage by itself, in a *lane*. A frame is served in *pieces*: up to where the window or the stage ends, which is the
//! whole frame for all connections but those that have just begun. A piece's end in virtual time is known when it begins, and never
//! changes; what changes is how fast virtual time runs. Within a stretch in which the number of busy connections in each lane is
//! constant, times are computed from the start of the stretch, never step by step. Virtual time is rounded down and real times are
//! rounded up to the nanosecond, so that more than the rate never passes.
//!
//! A frame that comes to an idle direction, as most do, is served without any of that: when it will be through follows from its window, round
//! by round, and only if something else happens before is it put where it would be by then.
//!
//! Left out on purpose: queues that overflow, and a share that shrinks with a connection's own round trip.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use datapath::SimTime;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::tcp_model::BIT_NANOSECONDS;
use super::window::{Pace, Window};

const UNIT_BITS: u32 = 24;
/// Connections are looked through for those that have been silent for long when there are so many, and twice as many as were left.
const FLOWS_KEPT: usize = 256;
/// Where more have frames waiting, what comes first is not looked for.
const CONNECTIONS_LOOKED_AT: usize = 16;
/// Virtual time of all lanes after the pace has changed.
const REBASED: u128 = 1 << 96;

struct Waiting<T> {
    bytes: u64,
    cargo: T,
}

struct Flow<T> {
    window: Window,
    /// Since when it has nothing to send, if it has not.
    idle: SimTime,
    /// Its stage's lane; none while its window is spent, or it has nothing to send.
    lane: Option<usize>,
    /// The end of the piece that is served, in virtual time of the lane, and its bytes.
    piece_end: u128,
    piece: u64,
    /// Bytes of the first frame after that piece.
    left: u64,
    /// Bytes of all frames.
    backlog: u64,
    /// The end of the last frame, where it is served in one go.
    last_end: u128,
    frames: VecDeque<Waiting<T>>,
}

/// A frame that came to an idle direction, while nothing else does.
struct Only<T> {
    key: u64,
    place: usize,
    bytes: u64,
    since: SimTime,
    /// When its first piece has been served.
    first: SimTime,
    /// When it is through, and its connection's window then.
    through: SimTime,
    window: Window,
    cargo: T,
}

/// The connections of one stage.
struct Lane {
    busy: u64,
    /// Virtual time at the start of the stretch.
    since: u128,
    /// The rate of one connection, as a fraction of bits per second.
    rate: (u128, u128),
    /// Ends of the pieces that are served, in virtual time; ties by order of beginning.
    ends: BinaryHeap<Reverse<(u128, u64, u64)>>,
}

/// A frame that is through.
#[derive(Debug, PartialEq, Eq)]
pub struct Through<T> {
    /// When its last byte was.
    pub at: SimTime,
    /// Its connection.
    pub flow: u64,
    /// What it was offered with.
    pub cargo: T,
}

/// What happens next.
enum Step {
    /// The first piece of a lane ends.
    Ends(usize),
    /// A round trip of a connection with a spent window is over.
    Resumes,
}

/// One direction of a link.
pub struct Direction<T> {
    pace: Pace,
    /// Start of the stretch with these numbers of busy connections.
    since: SimTime,
    lanes: Vec<Lane>,
    /// Connections that have frames, or had some not long ago.
    flows: IndexMap<u64, Flow<T>, FxBuildHasher>,
    /// How many have frames.
    busy: usize,
    /// The one frame that there is, where it came to an idle direction; its connection knows nothing of it yet.
    only: Option<Only<T>>,
    /// How many were left when they were last looked through.
    flows_left: usize,
    /// When those with a spent window go on; ties by order.
    resumes: BinaryHeap<Reverse<(SimTime, u64, u64)>>,
    order: u64,
    /// What has passed of pieces that are through or gone, in units of virtual time.
    served: u128,
}

impl<T> Flow<T> {
    fn new(pace: &Pace, now: SimTime) -> Flow<T> {
        Flow {
            window: Window::new(pace, now),
            idle: now,
            lane: None,
            piece_end: 0,
            piece: 0,
            left: 0,
            backlog: 0,
            last_end: 0,
            frames: VecDeque::new(),
        }
    }
}

impl Lane {
    fn new() -> Lane {
        Lane {
            busy: 0,
            since: 0,
            rate: (1, 1),
            ends: BinaryHeap::new(),
        }
    }

    fn virtual_at(&self, elapsed: u64) -> u128 {
        let (rate, share) = self.rate;
        self.since + ((u128::from(elapsed) * rate) << UNIT_BITS) / (BIT_NANOSECONDS * share)
    }

    /// Nanoseconds from the start of the stretch until virtual time has reached `end`.
    fn nanoseconds_to(&self, end: u128) -> u64 {
        let (rate, share) = self.rate;
        let nanoseconds = (end.saturating_sub(self.since) * BIT_NANOSECONDS * share).div_ceil(rate << UNIT_BITS);
        u64::try_from(nanoseconds).unwrap_or(u64::MAX)
    }
}

impl<T> Direction<T> {
    /// A direction of a link.
    #[must_use]
    pub fn new(pace: Pace) -> Direction<T> {
        Direction {
            lanes: pace.caps.iter().map(|_| Lane::new()).collect(),
            pace,
            since: SimTime::ZERO,
            flows: IndexMap::default(),
            busy: 0,
            only: None,
            flows_left: 0,
            resumes: BinaryHeap::new(),
            order: 0,
            served: 0,
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.busy == 0
    }

    /// Whether no connection but this one has frames waiting.
    #[must_use]
    pub fn is_only(&self, flow: u64) -> bool {
        match &self.only {
            Some(only) => only.key == flow,
            None => {
                self.busy == 0 || (self.busy == 1 && self.flows.get(&flow).is_some_and(|flow| !flow.frames.is_empty()))
            }
        }
    }

    /// Offers a frame. [`Direction::advance`] to `now` comes first. `cargo` is told when the frame will be through if no other
    /// connection joins or leaves before; nothing, where its window or its stage may end before that.
    pub fn offer(&mut self, now: SimTime, flow: u64, bytes: u64, cargo: impl FnOnce(Option<SimTime>) -> T) {
        self.spread(now);
        let pace = &self.pace;
        let entry = self.flows.entry(flow);
        let place = entry.index();
        let of_flow = entry.or_insert_with(|| Flow::new(pace, now));
        if of_flow.frames.is_empty() {
            of_flow.window.resume(pace, of_flow.idle, now);
            if self.busy == 0
                && let Some((first, through, window)) = of_flow.window.serves_alone(pace, now, bytes)
            {
                self.busy = 1;
                self.only = Some(Only {
                    key: flow,
                    place,
                    bytes,
                    since: now,
                    first,
                    through,
                    window,
                    cargo: cargo(Some(through)),
                });
                return;
            }
        }
        of_flow.backlog += bytes;
        of_flow.last_end += u128::from(bytes) << UNIT_BITS;
        if of_flow.frames.is_empty() {
            of_flow.left = bytes;
            if self.busy == 0 {
                self.since = now;
                self.lanes.iter_mut().for_each(|lane| lane.since = 0);
            }
            self.busy += 1;
            self.join(now, place, flow);
        }
        let of_flow = &mut self.flows[place];
        // The piece that is served counts in the backlog, and its bytes are still to be counted in the window.
        let at_once = of_flow
            .lane
            .filter(|_| of_flow.backlog <= of_flow.window.room(&self.pace));
        let through = at_once.map(|lane| self.since.after(self.lanes[lane].nanoseconds_to(of_flow.last_end)));
        let cargo = cargo(through);
        of_flow.frames.push_back(Waiting { bytes, cargo });
    }

    /// The one frame that there is goes where it would be, had it been served piece by piece.
    fn spread(&mut self, now: SimTime) {
        let Some(only) = self.only.take() else { return };
        let Only {
            key,
            place,
            bytes,
            since,
            cargo,
            ..
        } = only;
        let flow = &mut self.flows[place];
        (flow.backlog, flow.left) = (bytes, bytes);
        flow.frames.push_back(Waiting { bytes, cargo });
        self.since = since;
        self.lanes.iter_mut().for_each(|lane| lane.since = 0);
        self.join(since, place, key);
        let mut through = Vec::new();
        self.serve(now, &mut through);
        assert!(through.is_empty(), "what is through by now was advanced to");
    }

    /// When something happens next, if nothing changes before: a frame is through, a piece of it, or a round trip.
    #[must_use]
    pub fn next(&self) -> Option<SimTime> {
        match &self.only {
            Some(only) => Some(only.first),
            None => self.next_step().map(|(at, _)| at),
        }
    }

    /// Before this no frame is through, if nothing changes before; nothing, where none waits. Where one connection alone has frames waiting
    /// it is the very time at which the first is. It costs a look at each connection that has frames waiting, where they are few.
    #[must_use]
    pub fn nothing_through_before(&self) -> Option<SimTime> {
        if let Some(only) = &self.only {
            return Some(only.through);
        }
        let next = self.next()?;
        if self.busy > CONNECTIONS_LOOKED_AT {
            return Some(next);
        }
        let served = self.lanes.iter().flat_map(|lane| &lane.ends);
        let keys = served
            .map(|Reverse((_, _, key))| key)
            .chain(self.resumes.iter().map(|Reverse((_, _, key))| key));
        let first = keys
            .map(|key| self.only(*key).unwrap_or_else(|| self.alone(*key)))
            .min();
        first.map(|first| first.max(next))
    }

    /// When the first frame of a connection is through, if it alone has frames waiting: piece by piece, rounded as they will be.
    fn only(&self, key: u64) -> Option<SimTime> {
        if self.busy != 1 {
            return None;
        }
        let flow = &self.flows[self.place(key)];
        let (mut window, mut left) = (flow.window, flow.left);
        let (mut at, mut lane) = (self.since, flow.lane);
        if let Some(lane) = lane {
            at = at.after(self.lanes[lane].nanoseconds_to(flow.piece_end));
            window.pass(&self.pace, flow.piece);
        }
        while left > 0 {
            let (room, stage) = (window.room(&self.pace), window.stage(&self.pace));
            if room == 0 {
                at = at.max(window.round_end(&self.pace));
                window.next_round(&self.pace, at);
                lane = None;
                continue;
            }
            if lane == Some(stage) {
                // Served on in the same stretch: its rounding is not begun anew.
                return None;
            }
            let piece = left.min(room);
            at = self.pace.has_passed(at, piece, stage);
            window.pass(&self.pace, piece);
            lane = Some(stage);
            left -= piece;
        }
        Some(at)
    }

    /// When the first frame of a connection would be through if the link were its own from now on, or sooner.
    fn alone(&self, key: u64) -> SimTime {
        let flow = &self.flows[self.place(key)];
        let mut window = flow.window;
        let Some(lane) = flow.lane else {
            return window.passes(&self.pace, self.since, flow.left);
        };
        let left = flow.piece_end.saturating_sub(self.lanes[lane].since) >> UNIT_BITS;
        let ends = self
            .pace
            .passes(self.since, u64::try_from(left).unwrap_or(u64::MAX), lane);
        window.pass(&self.pace, flow.piece);
        window.passes(&self.pace, ends, flow.left)
    }

    fn next_step(&self) -> Option<(SimTime, Step)> {
        let mut first = self
            .resumes
            .peek()
            .map(|Reverse((at, order, _))| ((*at, *order), Step::Resumes));
        for (number, lane) in self.lanes.iter().enumerate() {
            if let Some(Reverse((end, order, _))) = lane.ends.peek() {
                let key = (self.since.after(lane.nanoseconds_to(*end)), *order);
                if first.as_ref().is_none_or(|(before, _)| key < *before) {
                    first = Some((key, Step::Ends(number)));
                }
            }
        }
        first.map(|((at, _), step)| (at, step))
    }

    /// Moves to `now` and reports all frames that are through by then, in order.
    pub fn advance(&mut self, now: SimTime, through: &mut Vec<Through<T>>) {
        if let Some(only) = self.only.take_if(|only| only.through <= now) {
            self.served += u128::from(only.bytes) << UNIT_BITS;
            self.flows[only.place].window = only.window;
            self.falls_silent(only.through, only.place);
            through.push(Through {
                at: only.through,
                flow: only.key,
                cargo: only.cargo,
            });
        } else if self.only.as_ref().is_some_and(|only| only.first <= now) {
            self.spread(now);
        } else {
            self.serve(now, through);
        }
    }

    fn serve(&mut self, now: SimTime, through: &mut Vec<Through<T>>) {
        while let Some((at, step)) = self.next_step() {
            if at > now {
                return;
            }
            match step {
                Step::Ends(lane) => self.piece_ends(at, lane, through),
                Step::Resumes => {
                    if let Some(Reverse((_, _, key))) = self.resumes.pop() {
                        let place = self.place(key);
                        self.flows[place].window.next_round(&self.pace, at);
                        self.join(at, place, key);
                    }
                }
            }
        }
    }

    fn place(&self, key: u64) -> usize {
        self.flows
            .get_index_of(&key)
            .expect("what is served or resumes is a connection with frames")
    }

    /// The first piece of a lane has been served.
    fn piece_ends(&mut self, at: SimTime, lane: usize, through: &mut Vec<Through<T>>) {
        let Some(Reverse((end, _, key))) = self.lanes[lane].ends.pop() else {
            return;
        };
        let place = self.place(key);
        let flow = &mut self.flows[place];
        self.served += u128::from(flow.piece) << UNIT_BITS;
        flow.backlog -= flow.piece;
        flow.window.pass(&self.pace, flow.piece);
        flow.piece = 0;
        if flow.left == 0 {
            let frame = flow.frames.pop_front().expect("a busy connection has a first frame");
            flow.left = flow.frames.front().map_or(0, |next| next.bytes);
            through.push(Through {
                at,
                flow: key,
                cargo: frame.cargo,
            });
        }
        let room = flow.window.room(&self.pace);
        if !flow.frames.is_empty() && room > 0 && flow.window.stage(&self.pace) == lane {
            flow.piece = flow.left.min(room);
            flow.left -= flow.piece;
            flow.piece_end = end + (u128::from(flow.piece) << UNIT_BITS);
            self.order += 1;
            self.lanes[lane].ends.push(Reverse((flow.piece_end, self.order, key)));
            return;
        }
        self.leave(at, place);
        if self.flows[place].frames.is_empty() {
            self.falls_silent(at, place);
        } else {
            self.join(at, place, key);
        }
    }

    /// A connection begins to be served with its first frame, or waits for its round trip to be over.
    fn join(&mut self, now: SimTime, place: usize, key: u64) {
        let flow = &mut self.flows[place];
        self.order += 1;
        if flow.window.room(&self.pace) == 0 {
            let over = flow.window.round_end(&self.pace);
            if over > now {
                self.resumes.push(Reverse((over, self.order, key)));
                return;
            }
            flow.window.next_round(&self.pace, now);
        }
        let lane = flow.window.stage(&self.pace);
        flow.lane = Some(lane);
        flow.piece = flow.left.min(flow.window.room(&self.pace));
        flow.left -= flow.piece;
        // The numbers of busy connections change: a new stretch.
        self.restart(now);
        self.lanes[lane].busy += 1;
        self.share();
        let begins = self.lanes[lane].since;
        let flow = &mut self.flows[place];
        flow.piece_end = begins + (u128::from(flow.piece) << UNIT_BITS);
        flow.last_end = begins + (u128::from(flow.backlog) << UNIT_BITS);
        self.lanes[lane].ends.push(Reverse((flow.piece_end, self.order, key)));
    }

    /// A connection is not served any more; its end is out of its lane.
    fn leave(&mut self, now: SimTime, place: usize) {
        if let Some(lane) = self.flows[place].lane.take() {
            if self.lanes.iter().map(|lane| lane.busy).sum::<u64>() == 1 {
                // Nobody is served any more: a stretch begins with the next that is.
                self.lanes[lane].busy = 0;
                return;
            }
            self.restart(now);
            self.lanes[lane].busy -= 1;
            self.share();
        }
    }

    /// A connection has nothing to send any more.
    fn falls_silent(&mut self, now: SimTime, place: usize) {
        self.busy -= 1;
        self.flows[place].idle = now;
        if self.flows.len() > FLOWS_KEPT + 2 * self.flows_left {
            let pace = &self.pace;
            self.flows
                .retain(|_, flow| !flow.frames.is_empty() || !flow.window.is_forgotten(pace, flow.idle, now));
            self.flows_left = self.flows.len();
        }
    }

    /// Takes a connection out with all it still had waiting. [`Direction::advance`] comes first.
    pub fn remove(&mut self, now: SimTime, flow: u64) -> Vec<T> {
        self.spread(now);
        let Some(place) = self.flows.get_index_of(&flow) else {
            return Vec::new();
        };
        if self.flows[place].frames.is_empty() {
            return Vec::new();
        }
        self.served += self.part(now, &self.flows[place]);
        match self.flows[place].lane {
            Some(lane) => self.lanes[lane].ends.retain(|Reverse((_, _, key))| *key != flow),
            None => self.resumes.retain(|Reverse((_, _, key))| *key != flow),
        }
        self.leave(now, place);
        let gone = &mut self.flows[place];
        (gone.piece, gone.left, gone.backlog) = (0, 0, 0);
        let frames = std::mem::take(&mut gone.frames);
        self.falls_silent(now, place);
        frames.into_iter().map(|frame| frame.cargo).collect()
    }

    /// Takes everything out. [`Direction::advance`] comes first.
    pub fn clear(&mut self, now: SimTime) -> Vec<(u64, T)> {
        self.spread(now);
        let busy = self.flows.iter().filter(|(_, flow)| !flow.frames.is_empty());
        let mut keys: Vec<u64> = busy.map(|(key, _)| *key).collect();
        keys.sort_unstable();
        let mut gone = Vec::new();
        for key in keys {
            gone.extend(self.remove(now, key).into_iter().map(|cargo| (key, cargo)));
        }
        gone
    }

    /// Changes the pace. [`Direction::advance`] comes first.
    pub fn set_pace(&mut self, now: SimTime, pace: Pace) {
        self.spread(now);
        self.restart(now);
        let before = std::mem::replace(&mut self.lanes, pace.caps.iter().map(|_| Lane::new()).collect());
        // High enough that a piece that was served in part began after zero.
        self.lanes.iter_mut().for_each(|lane| lane.since = REBASED);
        self.since = now;
        self.pace = pace;
        self.resumes.clear();
        for (key, flow) in &mut self.flows {
            flow.window.change(&self.pace);
            self.order += 1;
            if flow.frames.is_empty() {
                continue;
            }
            if let Some(lane) = flow.lane {
                let left = flow.piece_end - before[lane].since;
                let lane = flow.window.stage(&self.pace);
                flow.lane = Some(lane);
                flow.piece_end = REBASED + left;
                flow.last_end = flow.piece_end + (u128::from(flow.backlog - flow.piece) << UNIT_BITS);
                self.lanes[lane].busy += 1;
                self.lanes[lane].ends.push(Reverse((flow.piece_end, self.order, *key)));
            } else {
                let over = flow.window.round_end(&self.pace).max(now);
                self.resumes.push(Reverse((over, self.order, *key)));
            }
        }
        self.share();
    }

    /// Shows what waits, for a change of mind about it.
    pub fn each_waiting(&mut self, mut see: impl FnMut(&mut T)) {
        if let Some(only) = &mut self.only {
            return see(&mut only.cargo);
        }
        // Every connection with frames is served or waits for its round trip; there are many more that have none.
        let served = self.lanes.iter().flat_map(|lane| &lane.ends);
        let served = served.map(|Reverse((_, _, key))| key);
        let all = served.chain(self.resumes.iter().map(|Reverse((_, _, key))| key));
        for key in all {
            if let Some(flow) = self.flows.get_mut(key) {
                flow.frames.iter_mut().for_each(|frame| see(&mut frame.cargo));
            }
        }
    }

    /// Whole bytes that have passed so far, parts of frames included. [`Direction::advance`] comes first.
    #[must_use]
    pub fn served(&mut self, now: SimTime) -> u64 {
        self.spread(now);
        // Rounded down once and not for each connection, so that no interval shows more than passed in it.
        let parts: u128 = self.flows.values().map(|flow| self.part(now, flow)).sum();
        u64::try_from((self.served + parts) >> UNIT_BITS).unwrap_or(u64::MAX)
    }

    /// What has passed of a connection's piece, in units of virtual time.
    fn part(&self, now: SimTime, flow: &Flow<T>) -> u128 {
        let Some(lane) = flow.lane else { return 0 };
        let width = u128::from(flow.piece) << UNIT_BITS;
        let served = self.lanes[lane].virtual_at(now.since(self.since));
        served.saturating_sub(flow.piece_end - width).min(width)
    }

    /// Begins a new stretch.
    fn restart(&mut self, now: SimTime) {
        let elapsed = now.since(self.since);
        if elapsed > 0 {
            for lane in &mut self.lanes {
                if lane.busy > 0 {
                    lane.since = lane.virtual_at(elapsed);
                }
            }
            self.since = now;
        }
    }

    /// Shares the rate anew: from the lowest cap on, each lane has its cap or an even share of what is left, whichever is less.
    fn share(&mut self) {
        let mut left = u128::from(self.pace.caps[0]);
        let mut busy: u128 = self.lanes.iter().map(|lane| u128::from(lane.busy)).sum();
        for (lane, cap) in self.lanes.iter_mut().zip(&self.pace.caps).rev() {
            let (here, cap) = (u128::from(lane.busy), u128::from(*cap));
            if here == 0 {
                continue;
            }
            if cap * busy <= left {
                lane.rate = (cap, 1);
                left -= cap * here;
                busy -= here;
            } else {
                lane.rate = (left, busy);
            }
        }
    }
}

#[cfg(test)]
mod tests;
