//! The window of one direction of a connection: how much of it may pass before acknowledgements are back.
//!
//! Time is cut into rounds. In a round a connection may pass its window; a round lasts a round trip at least, because the
//! acknowledgement of its first byte is back only then. A window that was spent is doubled for the next round (each acknowledged segment
//! adds one); one of which half was used or more grows by what was used; one that was hardly used stays. Once it holds what the link
//! carries in a round trip it no longer limits, and no round is counted any more. After a retransmission timeout without sending it is
//! halved, again for each further one, down to the initial window.
//!
//! So a connection is limited by its window for a dozen round trips at most, and for all packets after that a comparison is all it costs.
//!
//! Where segments are lost, a connection is not limited until it has sent as many as one is lost of. Then its rate comes down by
//! CUBIC's factor, after so many segments again, until it is what TCP keeps in the end. These are *stages*, the same for all
//! connections of a link, told by the bytes that have passed: what happens to one connection is what happens to the average one.
//!
//! Left out on purpose: how a window shrinks when a queue overflows (the link's fair share stands for what comes of that), and HyStart's
//! early end of slow start on links whose latency varies.

use datapath::SimTime;
use datapath::plants::{Plant, planted};

use super::tcp_model::{BIT_NANOSECONDS, TcpModel};

/// What a link allows one connection: derived from the link and the model once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Bits per second of a connection, stage by stage, never rising: at first the whole link's; then, if that is less, what the largest
    /// window there is makes; then from loss to loss.
    pub caps: Vec<u64>,
    /// Bytes on the wire after which the stages begin that follow losses: of the third of `caps` and so on.
    pub losses: Vec<u64>,
    /// Nanoseconds from a byte to its acknowledgement.
    pub round_trip: u64,
    /// The initial window, in bytes on the wire.
    pub initial: u64,
    /// From so many bytes on a window does not limit.
    pub full: u64,
    /// Nanoseconds without sending after which a window is halved.
    pub timeout: u64,
}

impl Pace {
    /// Of a link.
    #[must_use]
    pub fn new(tcp: &TcpModel, bits_per_second: u64, latency: u64, loss_per_million: u32) -> Pace {
        let round_trip = latency.saturating_mul(2);
        let bits_per_second = bits_per_second.max(1);
        let widest = tcp.window_bytes(tcp.maximum_window_segments);
        let a_trip = u128::from(round_trip.max(1));
        let widest_rate = u64::try_from(u128::from(widest) * BIT_NANOSECONDS / a_trip).unwrap_or(u64::MAX);
        let widest_rate = bits_per_second.min(widest_rate).max(1);
        let in_flight = (u128::from(bits_per_second) * u128::from(round_trip)).div_ceil(BIT_NANOSECONDS);
        let in_flight = u64::try_from(in_flight).unwrap_or(u64::MAX);
        let full = in_flight.min(widest);
        let initial = tcp.window_bytes(tcp.initial_window_segments).max(1).min(full);
        let loss_per_million = if planted(Plant::LinkWithoutLoss) {
            0
        } else {
            loss_per_million
        };
        let (mut caps, mut losses) = (vec![bits_per_second, widest_rate], Vec::new());
        if let (Some(kept), Some(first)) = (
            tcp.kept_under_loss(round_trip, loss_per_million),
            tcp.before_first_loss(loss_per_million),
        ) {
            let kept = kept.min(widest_rate);
            let queue = per_mille(in_flight, tcp.queue_per_mille);
            let largest = in_flight.saturating_add(queue).min(widest);
            let mut window = initial.saturating_add(first).min(largest);
            let mut begins = first;
            loop {
                window = per_mille(window, tcp.cubic_kept_per_mille.min(999));
                let rate = u64::try_from(u128::from(window) * BIT_NANOSECONDS / a_trip).unwrap_or(u64::MAX);
                losses.push(begins);
                if rate <= kept {
                    caps.push(kept);
                    break;
                }
                caps.push(rate.min(widest_rate));
                begins = begins.saturating_add(first);
            }
        }
        Pace {
            caps,
            losses,
            round_trip,
            initial,
            full,
            timeout: round_trip.saturating_add(tcp.idle_restart).max(1),
        }
    }

    /// No sooner than this have so many bytes of one connection, in a stage, passed from `from` on.
    #[must_use]
    pub fn passes(&self, from: SimTime, bytes: u64, stage: usize) -> SimTime {
        let time = u128::from(bytes) * BIT_NANOSECONDS / u128::from(self.caps[stage]);
        from.after(u64::try_from(time).unwrap_or(u64::MAX))
    }

    /// By then so many bytes of one connection, in a stage, have passed, where it has the link to itself from `from` on.
    #[must_use]
    pub fn has_passed(&self, from: SimTime, bytes: u64, stage: usize) -> SimTime {
        let time = (u128::from(bytes) * BIT_NANOSECONDS).div_ceil(u128::from(self.caps[stage]));
        from.after(u64::try_from(time).unwrap_or(u64::MAX))
    }
}

fn per_mille(of: u64, share: u64) -> u64 {
    u64::try_from(u128::from(of) * u128::from(share) / 1_000).unwrap_or(u64::MAX)
}

/// A window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    bytes: u64,
    /// What has passed in this round.
    used: u64,
    /// When the round began.
    since: SimTime,
    /// What has passed in all, and how often something was lost of it.
    passed: u64,
    losses: usize,
}

impl Window {
    /// Of a connection that begins to send.
    #[must_use]
    pub fn new(pace: &Pace, now: SimTime) -> Window {
        Window {
            bytes: pace.initial,
            used: 0,
            since: now,
            passed: 0,
            losses: 0,
        }
    }

    /// Its connection sends again after it had nothing to send since `idle`.
    pub fn resume(&mut self, pace: &Pace, idle: SimTime, now: SimTime) {
        let halvings = now.since(idle) / pace.timeout;
        if halvings > 0 {
            let shift = u32::try_from(halvings).unwrap_or(u32::MAX);
            self.bytes = self.bytes.checked_shr(shift).unwrap_or(0).max(pace.initial);
            (self.used, self.since) = (0, now);
        } else if now >= self.round_end(pace) {
            if self.used >= self.bytes - self.used.min(self.bytes) {
                self.bytes = self.bytes.saturating_add(self.used).min(pace.full);
            }
            (self.used, self.since) = (0, now);
        }
    }

    /// Bytes that may pass before anything changes; 0 where the rest of the round has to be waited for.
    #[must_use]
    pub fn room(&self, pace: &Pace) -> u64 {
        let of_window = if self.bytes >= pace.full {
            u64::MAX
        } else {
            self.bytes.saturating_sub(self.used)
        };
        match pace.losses.get(self.losses) {
            Some(next) => of_window.min(next - self.passed),
            None => of_window,
        }
    }

    /// So much has passed.
    pub fn pass(&mut self, pace: &Pace, bytes: u64) {
        if self.losses < pace.losses.len() {
            self.passed += bytes;
            while pace.losses.get(self.losses).is_some_and(|loss| *loss <= self.passed) {
                self.losses += 1;
            }
        }
        if self.bytes < pace.full {
            self.used += bytes;
        }
    }

    /// When the acknowledgement of the round's first byte is back.
    #[must_use]
    pub fn round_end(&self, pace: &Pace) -> SimTime {
        self.since.after(pace.round_trip)
    }

    /// The window was spent, and the next round begins.
    pub fn next_round(&mut self, pace: &Pace, now: SimTime) {
        self.bytes = self.bytes.saturating_mul(2).min(pace.full);
        (self.used, self.since) = (0, now);
    }

    /// Whether its connection, with nothing to send since `idle`, is as a new one now.
    #[must_use]
    pub fn is_forgotten(&self, pace: &Pace, idle: SimTime, now: SimTime) -> bool {
        let mut later = *self;
        later.resume(pace, idle, now);
        pace.losses.is_empty() && now.since(idle) >= pace.timeout && later.bytes == pace.initial
    }

    /// Whether it no longer limits.
    #[must_use]
    pub fn is_full(&self, pace: &Pace) -> bool {
        self.bytes >= pace.full
    }

    /// The stage that it is in: which of the link's caps holds for it.
    #[must_use]
    pub fn stage(&self, pace: &Pace) -> usize {
        match self.losses {
            0 => usize::from(self.is_full(pace) && pace.caps[1] < pace.caps[0]),
            losses => 1 + losses,
        }
    }

    /// No sooner than this has so much passed, if its connection has the link to itself from `from` on.
    #[must_use]
    pub fn passes(mut self, pace: &Pace, from: SimTime, bytes: u64) -> SimTime {
        let (mut at, mut left) = (from, bytes);
        while left > 0 {
            let piece = left.min(self.room(pace));
            if piece == 0 {
                at = at.max(self.round_end(pace));
                self.next_round(pace, at);
                continue;
            }
            at = pace.passes(at, piece, self.stage(pace));
            self.pass(pace, piece);
            left -= piece;
        }
        at
    }

    /// Where its connection begins to be served and has the link to itself: when the first piece of so many bytes has passed, when all of
    /// them have, and the window then; rounded piece by piece, as they are served. Not known where a piece goes on in the stretch of the
    /// one before, whose rounding is not begun anew.
    #[must_use]
    pub fn serves_alone(mut self, pace: &Pace, from: SimTime, bytes: u64) -> Option<(SimTime, SimTime, Window)> {
        let (mut at, mut left, mut first, mut stretch) = (from, bytes, None, None);
        while left > 0 {
            let (room, stage) = (self.room(pace), self.stage(pace));
            if room == 0 {
                at = at.max(self.round_end(pace));
                self.next_round(pace, at);
                stretch = None;
                // Waiting for its round trip is something that ends, too.
                first = first.or(Some(at));
                continue;
            }
            if stretch == Some(stage) {
                return None;
            }
            let piece = left.min(room);
            at = pace.has_passed(at, piece, stage);
            self.pass(pace, piece);
            first = first.or(Some(at));
            stretch = Some(stage);
            left -= piece;
        }
        Some((first?, at, self))
    }

    /// Its link's pace changes.
    pub fn change(&mut self, pace: &Pace) {
        self.bytes = self.bytes.min(pace.full).max(pace.initial);
        self.used = self.used.min(self.bytes);
        self.losses = pace.losses.partition_point(|loss| *loss <= self.passed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// 100 Mbit/s, 40 ms: 500,000 bytes in flight.
    fn pace() -> Pace {
        Pace::new(&TcpModel::default(), 100_000_000, 20 * MS, 0)
    }

    #[test]
    fn a_window_that_is_spent_doubles_until_it_holds_what_the_link_carries_in_a_round_trip() {
        let pace = pace();
        assert_eq!((pace.initial, pace.full), (15_140, 500_000));
        let mut window = Window::new(&pace, SimTime(0));
        let mut rooms = Vec::new();
        while !window.is_full(&pace) {
            let room = window.room(&pace);
            rooms.push(room / 15_140);
            window.pass(&pace, room);
            assert_eq!(window.room(&pace), 0);
            let next = window.round_end(&pace);
            window.next_round(&pace, next);
        }
        assert_eq!(rooms, [1, 2, 4, 8, 16, 32]);
        assert_eq!(window.room(&pace), u64::MAX);
    }

    #[test]
    fn a_window_grows_by_what_was_used_of_it_and_not_where_hardly_anything_was() {
        let pace = pace();
        for (used, bytes) in [(1_000, 15_140), (7_569, 15_140), (7_570, 22_710), (15_140, 30_280)] {
            let mut window = Window::new(&pace, SimTime(0));
            window.pass(&pace, used);
            let idle = SimTime(MS);
            window.resume(&pace, idle, SimTime(39 * MS));
            assert_eq!(window.room(&pace), 15_140 - used);
            window.resume(&pace, idle, SimTime(40 * MS));
            assert_eq!(window.room(&pace), bytes, "{used}");
        }
    }

    #[test]
    fn a_window_is_halved_for_each_timeout_without_sending() {
        let pace = pace();
        let mut full = Window::new(&pace, SimTime(0));
        for round in 1..7 {
            full.next_round(&pace, SimTime(round * 40 * MS));
        }
        assert!(full.is_full(&pace));
        // The timeout is 240 ms.
        for (idle, bytes) in [
            (239, u64::MAX),
            (240, 250_000),
            (480, 125_000),
            (60_000, 15_140),
            (30_000_000, 15_140),
        ] {
            let mut window = full;
            window.resume(&pace, SimTime(0), SimTime(idle * MS));
            assert_eq!(window.room(&pace), bytes, "{idle} ms");
            let forgotten = window.is_forgotten(&pace, SimTime(0), SimTime(idle * MS));
            assert_eq!(forgotten, bytes == 15_140, "{idle} ms");
        }
    }

    #[test]
    fn a_link_without_latency_has_no_windows() {
        let pace = Pace::new(&TcpModel::default(), 100_000_000, 0, 1_000);
        let window = Window::new(&pace, SimTime(0));
        assert!(window.is_full(&pace));
        assert!(pace.losses.is_empty());
    }

    #[test]
    fn under_loss_a_connection_comes_down_to_what_tcp_keeps_by_stages() {
        // 0.1 % at 40 ms.
        let pace = Pace::new(&TcpModel::default(), 100_000_000, 20 * MS, 1_000);
        let kept = TcpModel::default().kept_under_loss(40 * MS, 1_000).unwrap();
        assert_eq!(pace.caps[..2], [100_000_000, 100_000_000]);
        // From twice what is in flight, which is 1.53 MB after the first 1,000 segments, or a megabyte: 0.7, 0.49, ...
        assert_eq!(pace.caps[2..5], [100_000_000, 98_000_000, 68_600_000]);
        assert_eq!(pace.caps.last(), Some(&kept));
        assert!(pace.caps.is_sorted_by(|a, b| a >= b));
        assert_eq!(pace.losses[..2], [1_514_000, 3_028_000]);
        assert_eq!(pace.caps.len(), 2 + pace.losses.len());
        let mut window = Window::new(&pace, SimTime(0));
        let mut stages = Vec::new();
        let mut passed = 0;
        while window.room(&pace) < u64::MAX {
            let room = window.room(&pace);
            if room == 0 {
                let next = window.round_end(&pace);
                window.next_round(&pace, next);
                continue;
            }
            window.pass(&pace, room);
            passed += room;
            stages.push(window.stage(&pace));
        }
        assert_eq!(passed, *pace.losses.last().unwrap());
        assert_eq!(stages.last(), Some(&(pace.caps.len() - 1)));
    }
}
