//! The fluid queue between an estate and Azure (facts §5.5): arrivals per step, service by [`Service`], first in, first out.
//!
//! Within a step its bytes arrive evenly. So backlog and delay are exact at every moment, in integers: work is counted in bits times the
//! seconds of a step, which makes both the arrivals and the service of a whole second whole numbers.
//!
//! **The delay of a moment** is the time until what is queued then has been served by the service to come: what the byte that arrives then
//! will have waited. The largest delay of a step is that of any moment in it, also where it lies within the step: a byte that arrives just
//! as a link is cut waits longer than the last one of its step. Delays are rounded up to a millisecond, so `delay <= RPO` is exact.

use std::ops::ControlFlow;

use serde::Serialize;

use crate::service::{Piece, Service, Timeline};

/// A delay without an end: there is no service any more.
pub const NEVER: u64 = u64::MAX;
const DAY_SECONDS: i64 = 86_400;

/// What arrives, step by step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrivals {
    /// When the first step begins, in seconds since 1970 (UTC), 0 where that is not known.
    pub start_seconds: i64,
    /// Seconds of a step, at least 1.
    pub step_seconds: u32,
    /// Bytes of each step, as they go over the link.
    pub bytes: Vec<u64>,
}

impl Arrivals {
    /// Seconds of the window.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.bytes.len() as u64 * u64::from(self.step_seconds)
    }

    /// So many in the window as a number per day, in thousandths, rounded up.
    #[must_use]
    pub fn per_day_per_mille(&self, count: u64) -> u64 {
        (count * 1_000 * DAY_SECONDS as u64).div_ceil(self.seconds().max(1))
    }

    /// The mean in bits per second, rounded up; 0 without a step.
    #[must_use]
    pub fn mean_bits_per_second(&self) -> u64 {
        let bits: u128 = self.bytes.iter().map(|bytes| u128::from(*bytes) * 8).sum();
        let seconds = u128::from(self.seconds()).max(1);
        u64::try_from(bits.div_ceil(seconds)).unwrap_or(u64::MAX)
    }

    /// The rate of the busiest step in bits per second, rounded up.
    #[must_use]
    pub fn peak_bits_per_second(&self) -> u64 {
        let most = u128::from(self.bytes.iter().copied().max().unwrap_or(0)) * 8;
        u64::try_from(most.div_ceil(u128::from(self.step_seconds.max(1)))).unwrap_or(u64::MAX)
    }

    /// The day of a step, counted from the first: days of the calendar (UTC) where the window has a date, else of 24 h from its start.
    #[must_use]
    pub fn day_of(&self, step: usize) -> usize {
        let start = self.start_seconds.rem_euclid(DAY_SECONDS) as u64;
        usize::try_from((start + step as u64 * u64::from(self.step_seconds)) / DAY_SECONDS as u64).unwrap_or(0)
    }
}

/// A time in which arrivals and service have one rate each. Work is in bits times step seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub from: u64,
    pub to: u64,
    /// Work that arrives in a second.
    pub arriving: u128,
    /// Work that is served in a second at the most.
    pub serving: u128,
    /// Work queued at its start and at its end.
    pub before: u128,
    pub after: u128,
    /// Whether it ends its step.
    pub ends_step: bool,
}

/// Goes through a window stretch by stretch, until `visit` breaks.
pub(crate) fn walk(arrivals: &Arrivals, timeline: &Timeline, mut visit: impl FnMut(&Stretch) -> ControlFlow<()>) {
    let step_seconds = u64::from(arrivals.step_seconds.max(1));
    let mut queued = 0_u128;
    let mut piece = timeline.piece(0);
    for (step, bytes) in arrivals.bytes.iter().enumerate() {
        let arriving = u128::from(*bytes) * 8;
        let mut from = step as u64 * step_seconds;
        let end = from + step_seconds;
        while from < end {
            if piece.to <= from {
                piece = timeline.piece(from);
            }
            let to = piece.to.min(end);
            let seconds = u128::from(to - from);
            let serving = u128::from(piece.rate) * u128::from(step_seconds);
            let after = (queued + arriving * seconds).saturating_sub(serving * seconds);
            let stretch = Stretch {
                from,
                to,
                arriving,
                serving,
                before: queued,
                after,
                ends_step: to == end,
            };
            if visit(&stretch).is_break() {
                return;
            }
            queued = after;
            from = to;
        }
    }
}

/// Follows the service to come: when a level of served work is reached.
struct Ahead<'a> {
    timeline: &'a Timeline,
    step_seconds: u64,
    piece: Piece,
    /// Work that could have been served from 0 until the piece's start, and until its end.
    level: u128,
    level_at_end: u128,
}

impl<'a> Ahead<'a> {
    fn new(timeline: &'a Timeline, step_seconds: u64) -> Self {
        let mut ahead = Self {
            timeline,
            step_seconds,
            piece: timeline.piece(0),
            level: 0,
            level_at_end: 0,
        };
        ahead.level_at_end = ahead.end_level();
        ahead
    }

    fn serving(&self) -> u128 {
        u128::from(self.piece.rate) * u128::from(self.step_seconds)
    }

    fn end_level(&self) -> u128 {
        if self.piece.to == u64::MAX {
            let endless = if self.piece.rate == 0 { self.level } else { u128::MAX };
            return endless;
        }
        self.level + self.serving() * u128::from(self.piece.to - self.piece.from)
    }

    fn advance(&mut self) {
        self.level = self.level_at_end;
        self.piece = self.timeline.piece(self.piece.to);
        self.level_at_end = self.end_level();
    }

    fn endless(&self) -> bool {
        self.piece.to == u64::MAX
    }

    /// The first moment in milliseconds, rounded up, at which a level is reached. Levels never fall from call to call.
    fn reach(&mut self, level: u128) -> u64 {
        while self.level_at_end < level {
            if self.endless() {
                return NEVER;
            }
            self.advance();
        }
        self.moment(level)
    }

    /// The first moment at which a level is passed: where a level is kept for a while (an outage), the end of that.
    fn pass(&mut self, level: u128) -> u64 {
        while self.level_at_end <= level {
            if self.endless() {
                return NEVER;
            }
            self.advance();
        }
        self.moment(level)
    }

    fn moment(&self, level: u128) -> u64 {
        let start = u128::from(self.piece.from) * 1_000;
        let more = level.saturating_sub(self.level);
        let moment = if more == 0 {
            start
        } else {
            start + (more * 1_000).div_ceil(self.serving())
        };
        u64::try_from(moment).unwrap_or(NEVER - 1)
    }
}

fn since(moment: u64, from_ms: u64) -> u64 {
    if moment == NEVER {
        NEVER
    } else {
        moment.saturating_sub(from_ms)
    }
}

/// Goes through a window and tells each step's largest delay and the delay and backlog (in work) at its end.
fn delays(arrivals: &Arrivals, timeline: &Timeline, mut visit: impl FnMut(u64, u64, u128) -> ControlFlow<()>) {
    let mut ahead = Ahead::new(timeline, u64::from(arrivals.step_seconds.max(1)));
    // Work that could have been served until the stretch's start: with what is queued, the level at which the last byte is served.
    let mut served = 0_u128;
    let mut largest = 0_u64;
    let mut last = 0_u64;
    walk(arrivals, timeline, |stretch| {
        let from_ms = stretch.from * 1_000;
        let first = served + stretch.before;
        served += stretch.serving * u128::from(stretch.to - stretch.from);
        let level = served + stretch.after;
        if stretch.arriving == 0 {
            largest = largest.max(last);
        } else if stretch.before == 0 && stretch.arriving <= stretch.serving {
            // Nothing waits.
        } else {
            // The byte just after the start, then those that arrive as the service to come changes its rate.
            largest = largest.max(since(ahead.pass(first), from_ms));
            while ahead.level_at_end < level && !ahead.endless() {
                let change = ahead.level_at_end;
                let moment = ahead.pass(change);
                let later = (change - first) * 1_000 / stretch.arriving;
                let later = u64::try_from(later).unwrap_or(0);
                largest = largest.max(since(moment, from_ms + later));
            }
        }
        last = if stretch.after == 0 {
            0
        } else {
            since(ahead.reach(level), stretch.to * 1_000)
        };
        largest = largest.max(last);
        if stretch.ends_step {
            let flow = visit(largest, last, stretch.after);
            largest = 0;
            return flow;
        }
        ControlFlow::Continue(())
    });
}

/// What the queue did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The largest delay of each step, in milliseconds.
    pub delays_ms: Vec<u64>,
    /// The delay of the byte that arrives at each step's end, in milliseconds.
    pub end_delays_ms: Vec<u64>,
    /// What is queued at each step's end, in bytes, rounded up.
    pub backlog_bytes: Vec<u64>,
}

/// Runs the queue over the whole window; it is empty at the start.
#[must_use]
pub fn run(arrivals: &Arrivals, service: &Service) -> Outcome {
    let steps = arrivals.bytes.len();
    let mut outcome = Outcome {
        delays_ms: Vec::with_capacity(steps),
        end_delays_ms: Vec::with_capacity(steps),
        backlog_bytes: Vec::with_capacity(steps),
    };
    let byte = 8 * u128::from(arrivals.step_seconds.max(1));
    delays(arrivals, &service.timeline(), |largest, last, queued| {
        outcome.delays_ms.push(largest);
        outcome.end_delays_ms.push(last);
        let bytes = u64::try_from(queued.div_ceil(byte)).unwrap_or(u64::MAX);
        outcome.backlog_bytes.push(bytes);
        ControlFlow::Continue(())
    });
    outcome
}

/// Whether no more than `allowed` steps have a moment with a delay over the RPO.
#[must_use]
pub fn holds(arrivals: &Arrivals, service: &Service, rpo_ms: u64, allowed: usize) -> bool {
    let mut over = 0_usize;
    delays(arrivals, &service.timeline(), |largest, _, _| {
        over += usize::from(largest > rpo_ms);
        if over > allowed {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    over <= allowed
}

/// Steps one after another in each of which the delay is over the RPO at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Episode {
    /// The first step.
    pub step: usize,
    /// How many.
    pub steps: usize,
    /// The largest delay, in milliseconds.
    pub peak_ms: u64,
}

/// A day of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Day {
    /// Episodes that begin on it.
    pub violations: usize,
    /// Its steps over the RPO.
    pub steps_over: usize,
    /// Its largest delay, in milliseconds.
    pub peak_ms: u64,
}

impl Outcome {
    /// The largest delay, in milliseconds.
    #[must_use]
    pub fn max_ms(&self) -> u64 {
        self.delays_ms.iter().copied().max().unwrap_or(0)
    }

    /// The smallest RPO in milliseconds that so many thousandths of the steps keep: the delay at the nearest rank.
    #[must_use]
    pub fn percentile_ms(&self, per_mille: u32) -> u64 {
        crate::demand::nearest_rank(&mut self.delays_ms.clone(), per_mille)
    }

    /// Steps over an RPO.
    #[must_use]
    pub fn steps_over(&self, rpo_ms: u64) -> usize {
        self.delays_ms.iter().filter(|delay| **delay > rpo_ms).count()
    }

    /// Steps over an RPO in thousandths of all, rounded up.
    #[must_use]
    pub fn steps_over_per_mille(&self, rpo_ms: u64) -> u64 {
        (self.steps_over(rpo_ms) as u64 * 1_000).div_ceil((self.delays_ms.len() as u64).max(1))
    }

    /// The largest backlog at the end of a step, in bytes.
    #[must_use]
    pub fn most_backlog_bytes(&self) -> u64 {
        self.backlog_bytes.iter().copied().max().unwrap_or(0)
    }

    /// Times over an RPO.
    #[must_use]
    pub fn episodes(&self, rpo_ms: u64) -> Vec<Episode> {
        let mut episodes: Vec<Episode> = Vec::new();
        for (step, delay) in self.delays_ms.iter().enumerate().filter(|(_, delay)| **delay > rpo_ms) {
            match episodes.last_mut() {
                Some(episode) if episode.step + episode.steps == step => {
                    episode.steps += 1;
                    episode.peak_ms = episode.peak_ms.max(*delay);
                }
                _ => episodes.push(Episode {
                    step,
                    steps: 1,
                    peak_ms: *delay,
                }),
            }
        }
        episodes
    }

    /// The days of the window: an episode belongs to the day on which it begins.
    #[must_use]
    pub fn days(&self, arrivals: &Arrivals, rpo_ms: u64) -> Vec<Day> {
        let mut days: Vec<Day> = Vec::new();
        for (step, delay) in self.delays_ms.iter().enumerate() {
            let day = arrivals.day_of(step);
            if days.len() <= day {
                days.resize(day + 1, Day::default());
            }
            days[day].peak_ms = days[day].peak_ms.max(*delay);
            days[day].steps_over += usize::from(*delay > rpo_ms);
        }
        for episode in self.episodes(rpo_ms) {
            days[arrivals.day_of(episode.step)].violations += 1;
        }
        days
    }
}

/// How the queue comes back after an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CatchUp {
    /// What is queued when it ends, in bytes, rounded up.
    pub backlog_bytes: u64,
    /// After so many milliseconds that has been served ([`NEVER`] without service).
    pub served_after_ms: u64,
    /// After so many milliseconds the queue is empty for the first time; none where it is not within the window.
    pub empty_after_ms: Option<u64>,
}

/// How the queue comes back from second `end` of the window on; none where the window ends before.
#[must_use]
pub fn catch_up(arrivals: &Arrivals, service: &Service, end: u64) -> Option<CatchUp> {
    if end >= arrivals.seconds() {
        return None;
    }
    let timeline = service.timeline();
    let step_seconds = u64::from(arrivals.step_seconds.max(1));
    let (mut queued, mut empty) = (0_u128, None);
    walk(arrivals, &timeline, |stretch| {
        if stretch.to <= end {
            queued = stretch.after;
            return ControlFlow::Continue(());
        }
        // Within a stretch the queue moves evenly.
        let (mut from, mut before) = (stretch.from, stretch.before);
        if from < end {
            let seconds = u128::from(end - from);
            before = (before + stretch.arriving * seconds).saturating_sub(stretch.serving * seconds);
            from = end;
        }
        if from == end {
            queued = before;
        }
        let left = stretch.serving.saturating_sub(stretch.arriving);
        let gone = if before == 0 {
            0
        } else if left == 0 {
            u128::MAX
        } else {
            (before * 1_000).div_ceil(left)
        };
        if gone <= u128::from(stretch.to - from) * 1_000 {
            empty = u64::try_from(gone).ok().map(|gone| (from - end) * 1_000 + gone);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let mut ahead = Ahead::new(&timeline, step_seconds);
    let mut served = 0_u128;
    let mut piece = timeline.piece(0);
    loop {
        let to = piece.to.min(end);
        served += u128::from(piece.rate) * u128::from(step_seconds) * u128::from(to - piece.from);
        if to == end {
            break;
        }
        piece = timeline.piece(to);
    }
    let served_after_ms = if queued == 0 {
        0
    } else {
        since(ahead.reach(served + queued), end * 1_000)
    };
    Some(CatchUp {
        backlog_bytes: u64::try_from(queued.div_ceil(8 * u128::from(step_seconds))).unwrap_or(u64::MAX),
        served_after_ms,
        empty_after_ms: empty,
    })
}
