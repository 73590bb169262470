//! Fair sharing of one direction of a link: pure, exact, without a clock.
//!
//! The model is a fluid. At any moment each connection that has frames waiting is served at the same rate, which is an even share of the
//! link's rate, or what one TCP connection reaches over the link where that is less (all connections of a link have the same limit, so
//! even shares are max-min fair). A frame is through when its last byte is. A bulk transfer therefore cannot starve a heartbeat: the
//! heartbeat's few bytes get the same rate as the bulk and are through at once.
//!
//! *Virtual time* makes this cheap: it is what a connection that is busy all the time has been served so far, in units of 2^-24 byte.
//! A frame's end in virtual time is known when it becomes its connection's first, and never changes; what changes is how fast virtual
//! time runs. Within a stretch in which the number of busy connections is constant, times are computed from the start of the stretch,
//! never step by step. Virtual time is rounded down and real times are rounded up to the nanosecond, so that more than the rate never
//! passes.
//!
//! Left out on purpose: queues that overflow, slow start, and a share that shrinks with a connection's own round trip.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use datapath::SimTime;

const UNIT_BITS: u32 = 24;
/// Bits a second times this gives bytes a nanosecond.
const BIT_NANOSECONDS: u128 = 8_000_000_000;
/// Bytes of a full TCP segment on Ethernet.
const SEGMENT_BYTES: u128 = 1460;

/// Bits per second that one TCP connection keeps at a loss, after Mathis et al. (1997): segment / round trip * sqrt(3/2) / sqrt(loss).
/// `None` where nothing is lost or the round trip takes no time.
#[must_use]
pub fn tcp_limit(round_trip: u64, loss_per_million: u32) -> Option<u64> {
    if loss_per_million == 0 || round_trip == 0 {
        return None;
    }
    // The square of the rate, so that the root is taken once: (bits * 1e9 / round trip)^2 * 1.5 * 1e6 / loss.
    let bits = SEGMENT_BYTES * BIT_NANOSECONDS;
    let squared =
        bits * bits / (u128::from(round_trip) * u128::from(round_trip)) * 1_500_000 / u128::from(loss_per_million);
    Some(u64::try_from(squared.isqrt()).unwrap_or(u64::MAX).max(1))
}

struct Waiting<T> {
    bytes: u64,
    cargo: T,
}

struct Flow<T> {
    /// The end of the first frame, in virtual time.
    first_end: u128,
    /// The end of the last.
    last_end: u128,
    frames: VecDeque<Waiting<T>>,
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

/// One direction of a link.
pub struct Direction<T> {
    bits_per_second: u64,
    flow_bits_per_second: Option<u64>,
    /// Start of the stretch with this number of busy connections.
    since: SimTime,
    /// Virtual time then.
    virtual_since: u128,
    flows: BTreeMap<u64, Flow<T>>,
    /// Ends of the first frames, in virtual time; ties by order of becoming first.
    ends: BinaryHeap<Reverse<(u128, u64, u64)>>,
    order: u64,
    /// What has passed of frames that are through or gone, in units of virtual time.
    served: u128,
}

impl<T> Direction<T> {
    /// A direction that passes so many bits per second, and to one connection at most `flow_bits_per_second`.
    #[must_use]
    pub fn new(bits_per_second: u64, flow_bits_per_second: Option<u64>) -> Direction<T> {
        Direction {
            bits_per_second: bits_per_second.max(1),
            flow_bits_per_second,
            since: SimTime::ZERO,
            virtual_since: 0,
            flows: BTreeMap::new(),
            ends: BinaryHeap::new(),
            order: 0,
            served: 0,
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.flows.is_empty()
    }

    /// Whether no connection but this one has frames waiting.
    #[must_use]
    pub fn is_only(&self, flow: u64) -> bool {
        self.flows.is_empty() || (self.flows.len() == 1 && self.flows.contains_key(&flow))
    }

    /// Offers a frame. [`Direction::advance`] to `now` comes first. `cargo` is told when the frame will be through if no other
    /// connection joins or leaves before.
    pub fn offer(&mut self, now: SimTime, flow: u64, bytes: u64, cargo: impl FnOnce(SimTime) -> T) {
        if self.flows.is_empty() {
            self.since = now;
            self.virtual_since = 0;
        }
        let width = u128::from(bytes) << UNIT_BITS;
        let known = self.flows.get(&flow).map(|busy| busy.last_end + width);
        if let Some(end) = known {
            let cargo = cargo(self.real(end));
            let busy = self.flows.get_mut(&flow).expect("it was there a moment ago");
            busy.last_end = end;
            busy.frames.push_back(Waiting { bytes, cargo });
            return;
        }
        self.restart(now);
        let end = self.virtual_since + width;
        let new = Flow {
            first_end: end,
            last_end: end,
            frames: VecDeque::new(),
        };
        self.flows.insert(flow, new);
        self.order += 1;
        self.ends.push(Reverse((end, self.order, flow)));
        let cargo = cargo(self.real(end));
        if let Some(new) = self.flows.get_mut(&flow) {
            new.frames.push_back(Waiting { bytes, cargo });
        }
    }

    /// When the next frame is through, if nothing changes before.
    #[must_use]
    pub fn next(&self) -> Option<SimTime> {
        self.ends.peek().map(|Reverse((end, ..))| self.real(*end))
    }

    /// Moves to `now` and reports all frames that are through by then, in order.
    pub fn advance(&mut self, now: SimTime, through: &mut Vec<Through<T>>) {
        while let Some(Reverse((end, _, key))) = self.ends.peek() {
            let (end, key) = (*end, *key);
            let at = self.real(end);
            if at > now {
                return;
            }
            self.ends.pop();
            let flow = self
                .flows
                .get_mut(&key)
                .expect("every end is that of a busy connection's first frame");
            let frame = flow.frames.pop_front().expect("a busy connection has a first frame");
            self.served += u128::from(frame.bytes) << UNIT_BITS;
            through.push(Through {
                at,
                flow: key,
                cargo: frame.cargo,
            });
            if let Some(next) = flow.frames.front() {
                flow.first_end = end + (u128::from(next.bytes) << UNIT_BITS);
                self.order += 1;
                self.ends.push(Reverse((flow.first_end, self.order, key)));
            } else {
                // The number of busy connections changes: a new stretch.
                self.restart(at);
                self.flows.remove(&key);
            }
        }
    }

    /// Takes a connection out with all it still had waiting. [`Direction::advance`] comes first.
    pub fn remove(&mut self, now: SimTime, flow: u64) -> Vec<T> {
        let Some(gone) = self.flows.get(&flow) else {
            return Vec::new();
        };
        self.served += self.part(now, gone);
        self.restart(now);
        let gone = self.flows.remove(&flow).expect("it was there a moment ago");
        self.ends.retain(|Reverse((_, _, key))| *key != flow);
        gone.frames.into_iter().map(|frame| frame.cargo).collect()
    }

    /// Takes everything out. [`Direction::advance`] comes first.
    pub fn clear(&mut self, now: SimTime) -> Vec<(u64, T)> {
        let keys: Vec<u64> = self.flows.keys().copied().collect();
        let mut gone = Vec::new();
        for key in keys {
            gone.extend(self.remove(now, key).into_iter().map(|cargo| (key, cargo)));
        }
        gone
    }

    /// Changes the rates. [`Direction::advance`] comes first.
    pub fn set_rates(&mut self, now: SimTime, bits_per_second: u64, flow_bits_per_second: Option<u64>) {
        self.restart(now);
        self.bits_per_second = bits_per_second.max(1);
        self.flow_bits_per_second = flow_bits_per_second;
    }

    /// What waits, connection by connection, for a change of mind about it.
    pub fn waiting_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.flows
            .values_mut()
            .flat_map(|flow| flow.frames.iter_mut().map(|frame| &mut frame.cargo))
    }

    /// Whole bytes that have passed so far, parts of frames included. [`Direction::advance`] comes first.
    #[must_use]
    pub fn served(&self, now: SimTime) -> u64 {
        // Rounded down once and not for each connection, so that no interval shows more than passed in it.
        let parts: u128 = self.flows.values().map(|flow| self.part(now, flow)).sum();
        u64::try_from((self.served + parts) >> UNIT_BITS).unwrap_or(u64::MAX)
    }

    /// What has passed of a connection's first frame, in units of virtual time.
    fn part(&self, now: SimTime, flow: &Flow<T>) -> u128 {
        let width = u128::from(flow.frames.front().map_or(0, |frame| frame.bytes)) << UNIT_BITS;
        self.virtual_at(now).saturating_sub(flow.first_end - width).min(width)
    }

    /// The rate of one busy connection as a fraction of bits per second.
    fn rate(&self) -> (u128, u128) {
        let busy = self.flows.len().max(1) as u128;
        let whole = u128::from(self.bits_per_second);
        match self.flow_bits_per_second {
            Some(limit) if u128::from(limit) * busy <= whole => (u128::from(limit), 1),
            _ => (whole, busy),
        }
    }

    fn virtual_at(&self, now: SimTime) -> u128 {
        let (rate, busy) = self.rate();
        self.virtual_since + ((u128::from(now.since(self.since)) * rate) << UNIT_BITS) / (BIT_NANOSECONDS * busy)
    }

    /// The first nanosecond at which virtual time has reached `end`.
    fn real(&self, end: u128) -> SimTime {
        let (rate, busy) = self.rate();
        let nanoseconds = (end.saturating_sub(self.virtual_since) * BIT_NANOSECONDS * busy).div_ceil(rate << UNIT_BITS);
        self.since.after(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// Begins a new stretch.
    fn restart(&mut self, now: SimTime) {
        self.virtual_since = self.virtual_at(now);
        self.since = self.since.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(direction: &mut Direction<u32>, now: u64) -> Vec<(u64, u32)> {
        let mut through = Vec::new();
        direction.advance(SimTime(now), &mut through);
        through.into_iter().map(|t| (t.at.0, t.cargo)).collect()
    }

    #[test]
    fn alone_a_frame_takes_bytes_over_rate_exactly() {
        // 8 Gbit/s: a byte a nanosecond.
        let mut direction = Direction::new(8_000_000_000, None);
        let mut said = Vec::new();
        for (n, bytes) in [(1, 1000), (2, 500)] {
            direction.offer(SimTime(100), 1, bytes, |at| {
                said.push(at.0);
                n
            });
        }
        assert_eq!(said, [1100, 1600]);
        assert_eq!(all(&mut direction, 1600), [(1100, 1), (1600, 2)]);
        assert!(direction.is_idle());
        assert_eq!(direction.served(SimTime(5000)), 1500);
    }

    #[test]
    fn a_bulk_transfer_does_not_starve_a_heartbeat() {
        let mut direction = Direction::new(8_000_000_000, None);
        for n in 0..1000 {
            direction.offer(SimTime(0), 1, 1_000_000, |_| n);
        }
        assert!(all(&mut direction, 500).is_empty());
        direction.offer(SimTime(500), 2, 100, |_| 9999);
        // 100 bytes at half the rate.
        assert_eq!(all(&mut direction, 700), [(700, 9999)]);
        assert_eq!(direction.served(SimTime(700)), 700);
    }

    #[test]
    fn a_lossy_link_gives_one_connection_what_tcp_keeps_and_many_the_whole_rate() {
        // 0.1 % at 40 ms: 1460 * 8 / 0.04 * sqrt(1500) = 11.3 Mbit/s.
        let limit = tcp_limit(40_000_000, 1000).unwrap();
        assert!((11_300_000..11_320_000).contains(&limit), "{limit}");
        assert_eq!(tcp_limit(40_000_000, 0), None);
        let mut one = Direction::new(100_000_000, Some(limit));
        one.offer(SimTime(0), 1, 1_000_000, |_| 0);
        let alone = one.next().unwrap();
        let expected = 8_000_000u64 * 1_000_000_000 / limit;
        assert!(alone.0.abs_diff(expected) <= 1, "{alone:?}");
        let mut many = Direction::new(100_000_000, Some(limit));
        for n in 0..20 {
            many.offer(SimTime(0), n, 1_000_000, |_| 0);
        }
        let last = all(&mut many, u64::MAX).pop().unwrap().0;
        assert_eq!(last, 20 * 80_000_000);
    }

    #[test]
    fn what_is_taken_out_counts_for_the_part_that_passed() {
        let mut direction = Direction::new(8_000_000_000, None);
        direction.offer(SimTime(0), 1, 1000, |_| 1);
        direction.offer(SimTime(0), 2, 1000, |_| 2);
        assert_eq!(direction.remove(SimTime(500), 1), [1]);
        assert_eq!(direction.served(SimTime(500)), 500);
        // The other has 750 bytes left and the whole rate.
        assert_eq!(all(&mut direction, 10_000), [(1250, 2)]);
        assert_eq!(direction.served(SimTime(10_000)), 1250);
    }

    proptest! {
        /// Never more than the rate passes in any interval, nothing is lost, a connection's frames keep their order, and a link with
        /// work does not idle.
        #[test]
        fn a_link_never_carries_more_than_its_rate(
            bits in 1_000u64..20_000_000_000,
            limit in prop::option::of(500u64..20_000_000_000),
            frames in prop::collection::vec((0u64..3_000_000, 0u64..6, 1u64..100_000), 1..80),
        ) {
            let mut direction = Direction::new(bits, limit);
            let mut now = 0u64;
            let mut through = Vec::new();
            let mut offered = 0;
            let mut seen = vec![(0u64, 0u64)];
            for (n, (wait, flow, bytes)) in frames.iter().enumerate() {
                now += wait;
                direction.advance(SimTime(now), &mut through);
                seen.push((now, direction.served(SimTime(now))));
                direction.offer(SimTime(now), *flow, *bytes, |_| (n, *bytes));
                offered += bytes;
            }
            let busy_from = now;
            let served_then = direction.served(SimTime(now));
            let connections = frames.iter().map(|f| f.1).collect::<std::collections::BTreeSet<_>>().len();
            while let Some(next) = direction.next() {
                direction.advance(next, &mut through);
                seen.push((next.0, direction.served(next)));
            }
            let end = seen.last().unwrap().0;
            for pair in seen.windows(2) {
                let ((from, before), (to, after)) = (pair[0], pair[1]);
                prop_assert!(after >= before);
                // Whole bytes are counted, so an interval may show up to one byte more, however many connections there are.
                let most = u128::from(to - from) * u128::from(bits) / BIT_NANOSECONDS + 1;
                prop_assert!(u128::from(after - before) <= most, "{} > {most}", after - before);
            }
            for (to, total) in &seen {
                prop_assert!(u128::from(*total) <= u128::from(*to) * u128::from(bits) / BIT_NANOSECONDS);
            }
            prop_assert_eq!(through.len(), frames.len());
            prop_assert_eq!(direction.served(SimTime(end)), offered);
            for flow in 0..6 {
                let order: Vec<usize> = through.iter().filter(|t| t.flow == flow).map(|t| t.cargo.0).collect();
                prop_assert!(order.is_sorted());
            }
            prop_assert!(through.iter().map(|t| t.at).is_sorted());
            // No idling: the slowest it may be is one connection's limit.
            let slowest = u128::from(bits.min(limit.unwrap_or(bits)));
            let left = u128::from(offered - served_then + 6);
            prop_assert!(u128::from(end - busy_from) <= left * BIT_NANOSECONDS / slowest + 1 + 2 * (frames.len() + connections) as u128);
        }
    }
}
