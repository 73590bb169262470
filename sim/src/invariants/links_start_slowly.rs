//! **No connection sends faster than slow start allows: in its first n round trips no more than the sum of n windows, each twice as large
//! as the one before.**
//!
//! Why it holds: whoever has sent its window waits for acknowledgements, the first of them is back after a round trip, and each
//! acknowledged byte lets the window grow by one (RFC 5681 §3.1, RFC 6928). So by any moment a connection that began with a window w has
//! sent at most w + 2 w + 4 w + ..., a term for each round trip that has begun, and no term is larger than the largest window. A
//! connection that was silent for a retransmission timeout begins anew, with a window that is halved for each (RFC 2861). Judged by what
//! the world saw at the link's doors: a packet was sent when it came out, less the latency. Reference: `sim/LINKS.md`.

use datapath::SimTime;

use crate::findings::{Bytes, Nanoseconds};
use crate::link::tcp_model::TcpModel;
use crate::oracle::by_flow::ByFlow;

crate::law! {
    "links-start-slowly", "no connection sends more in its first round trips than windows that double from the initial one";

    FasterThanSlowStart {
        link: String, connection: u64, sent: Bytes, at: SimTime, after: Nanoseconds, window: Bytes, round_trip: Nanoseconds, allowed: Bytes,
    } =>
        "link {link}: connection {connection} had sent {sent} bytes at {} ns, {after} ns after it began with a window of {window} bytes; \
         with a round trip of {round_trip} ns it can have sent {allowed}", at.0;
}

/// A connection since it last began.
struct Start {
    began: SimTime,
    /// Its first window; none where a change of the link has made it unknown.
    window: Option<u64>,
    sent: u64,
    last: SimTime,
}

/// One direction of a link.
pub struct Starts {
    latency: u64,
    initial: u64,
    largest: u64,
    timeout: u64,
    flows: ByFlow<Start>,
    looks: u64,
}

impl Starts {
    /// A direction with so many nanoseconds one way.
    #[must_use]
    pub fn new(tcp: &TcpModel, latency: u64) -> Starts {
        let segment = tcp.segment_bytes + tcp.framing_bytes;
        Starts {
            latency,
            initial: segment * tcp.initial_window_segments,
            largest: segment * tcp.maximum_window_segments,
            timeout: latency * 2 + tcp.idle_restart,
            flows: ByFlow::default(),
            looks: 0,
        }
    }

    /// The latency changes. Whoever has begun may have any window.
    pub fn changed(&mut self, tcp: &TcpModel, latency: u64) {
        let flows = std::mem::take(&mut self.flows);
        let looks = self.looks;
        *self = Starts::new(tcp, latency);
        (self.flows, self.looks) = (flows, looks);
        self.flows.values_mut().for_each(|start| start.window = None);
    }

    /// A packet went in; `alone` where no other of its flow is in the link.
    pub fn entered(&mut self, at: SimTime, flow: u64, alone: bool) {
        let (initial, timeout, trips) = (self.initial, self.timeout, self.latency * 2);
        let start = self.flows.get_or_insert_with(flow, || Start {
            began: at,
            window: Some(initial),
            sent: 0,
            last: at,
        });
        let timeouts = at.since(start.last) / timeout;
        if !alone || timeouts == 0 {
            return;
        }
        if let Some(window) = start.window {
            let doublings = start.last.since(start.began) / trips.max(1);
            let most = u128::from(window) << doublings.min(60);
            let left = most.checked_shr(timeouts.min(127) as u32).unwrap_or(0);
            start.window = Some(u64::try_from(left).unwrap_or(u64::MAX).max(initial));
        }
        (start.began, start.last, start.sent) = (at, at, 0);
    }

    /// A packet that weighs so much came out of the link.
    #[must_use]
    pub fn left(&mut self, link: &str, at: SimTime, flow: u64, bytes: u64) -> Vec<Broken> {
        self.looks += 1;
        let through = SimTime(at.0.saturating_sub(self.latency));
        let Some(start) = self.flows.get_mut(flow) else {
            return Vec::new();
        };
        start.last = through.max(start.began);
        start.sent = start.sent.saturating_add(bytes);
        let (Some(window), false) = (start.window, self.latency == 0) else {
            return Vec::new();
        };
        let trips = through.since(start.began) / (self.latency * 2);
        if start.sent <= allowed(window, self.largest, trips) {
            return Vec::new();
        }
        vec![Broken::FasterThanSlowStart {
            link: link.to_owned(),
            connection: flow / 2,
            sent: Bytes(start.sent),
            at: through,
            after: Nanoseconds(through.since(start.began)),
            window: Bytes(window),
            round_trip: Nanoseconds(self.latency * 2),
            allowed: Bytes(allowed(window, self.largest, trips)),
        }]
    }

    /// How often it was looked at since the last call.
    pub fn take_looks(&mut self) -> u64 {
        std::mem::take(&mut self.looks)
    }
}

/// The sum of the windows of so many round trips, and of the one that has begun.
fn allowed(first: u64, largest: u64, trips: u64) -> u64 {
    let (mut sum, mut window) = (0_u64, first);
    for trip in 0..=trips {
        if window >= largest {
            return sum.saturating_add(largest.saturating_mul(trips - trip + 1));
        }
        sum += window;
        window = window.saturating_mul(2);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn ms(ms: u64) -> SimTime {
        SimTime(ms * MS)
    }

    /// 40 ms to and fro.
    fn starts() -> Starts {
        Starts::new(&TcpModel::default(), 20 * MS)
    }

    #[test]
    fn windows_add_up() {
        assert_eq!(
            [0, 1, 2, 3, 4].map(|trips| allowed(10, 50, trips)),
            [10, 30, 70, 120, 170]
        );
        assert_eq!(allowed(60, 50, 1), 100);
    }

    #[test]
    fn a_connection_that_sends_more_than_its_windows_is_found() {
        // 10 segments, 20 more after a round trip, and so on.
        for (segments, at, found) in [
            (10, 20, 0),
            (11, 20, 1),
            (11, 59, 1),
            (30, 60, 0),
            (31, 60, 1),
            (70, 100, 0),
        ] {
            let mut starts = starts();
            starts.entered(ms(0), 2, true);
            assert_eq!(
                starts.left("wan", ms(at), 2, segments * 1_514).len(),
                found,
                "{segments} at {at}"
            );
        }
    }

    #[test]
    fn who_was_silent_begins_anew_with_what_is_left_of_its_window() {
        // After 6 round trips at most 640 segments; the timeout is 240 ms, and they were silent for two of them.
        for (segments, found) in [(160, 0), (161, 1)] {
            let mut starts = starts();
            starts.entered(ms(0), 2, true);
            assert!(starts.left("wan", ms(260), 2, 630 * 1_514).is_empty());
            starts.entered(ms(720), 2, true);
            assert_eq!(
                starts.left("wan", ms(740), 2, segments * 1_514).len(),
                found,
                "{segments}"
            );
        }
        // After a minute it is the initial one again.
        for (segments, found) in [(10, 0), (11, 1)] {
            let mut starts = starts();
            starts.entered(ms(0), 2, true);
            assert!(starts.left("wan", ms(60), 2, 30 * 1_514).is_empty());
            starts.entered(ms(60_000), 2, true);
            assert_eq!(
                starts.left("wan", ms(60_020), 2, segments * 1_514).len(),
                found,
                "{segments}"
            );
        }
    }

    #[test]
    fn who_sends_all_the_time_does_not_begin_anew_and_a_changed_link_asks_nothing_of_old_connections() {
        let mut starts = starts();
        starts.entered(ms(0), 2, true);
        starts.entered(ms(900), 2, false);
        assert!(starts.left("wan", ms(950), 2, 1_950 * 1_514 * 9).is_empty());
        assert_eq!(starts.take_looks(), 1);
        starts.changed(&TcpModel::default(), 100 * MS);
        starts.entered(ms(960), 2, true);
        assert!(starts.left("wan", ms(1_060), 2, 1 << 40).is_empty());
        starts.entered(ms(960), 4, true);
        assert_eq!(starts.left("wan", ms(1_060), 4, 1 << 40).len(), 1);
    }
}
