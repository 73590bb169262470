//! **What comes out of a link went in, and took its time: its bytes at the link's rate, and the latency. In no window does more come
//! out than the rate allows.**
//!
//! Why it holds: a link puts one bit after the other, and the last of a packet's bits still has the latency before it. Both are judged
//! by what the world saw at the link's doors, with sums of this file's own: of an ideal link that is never idle while something waits
//! (no link of that rate can have passed more bytes by any moment), and of each connection alone, at the rate until its window can have
//! come down from slow start, and then at what TCP keeps of it under the link's loss (RFC 9438). So a single packet is judged, and any
//! window, however short. What a packet weighs is worked out here from the bytes that went in: each segment has its frame. What the link
//! reports to have carried ([`actors::facts::Fact::LinkUse`]) is held against the same sums. Reference: `sim/LINKS.md`.
//!
//! Times of the whole link are kept in nanoseconds times the rate, in which a byte takes 8,000,000,000: nothing is rounded. Times of a
//! connection, which has two rates, are kept in 2^-32 ns and rounded down, so that nothing is found that is not there.

use std::collections::VecDeque;

use datapath::SimTime;

use crate::findings::{Bytes, Nanoseconds};
use crate::link::tcp_model::TcpModel;
use crate::oracle::by_flow::ByFlow;

crate::law! {
    "links-take-their-time", "no packet leaves a link before its bytes have had their time at the rate and the latency, in any window";

    NeverWentIn { link: String, connection: u64 } =>
        "link {link}: a packet of connection {connection} came out that never went in, or was lost with the link or its sender's power";
    PacketTooEarly {
        link: String, bytes: Bytes, entered: SimTime, left: SimTime, bits_per_second: u64, kept: Option<u64>, latency: Nanoseconds,
        earliest: SimTime,
    } =>
        "link {link}: a packet of {bytes} bytes with its frames went in at {} ns and came out at {} ns; at {bits_per_second} bit/s, {}with a \
         latency of {latency} ns, it cannot before {} ns",
        entered.0, left.0, kept.map_or_else(String::new, |kept| format!("of which TCP keeps {kept}, and ")), earliest.0;
    TooManyTooEarly { link: String, bytes: Bytes, left: SimTime, bits_per_second: u64, latency: Nanoseconds, earliest: SimTime } =>
        "link {link}: {bytes} bytes had come out at {} ns; at {bits_per_second} bit/s, with a latency of {latency} ns, and with what had gone \
         in, so many cannot before {} ns", left.0, earliest.0;
    ReportsMore { link: String, reported: Bytes, entered: Bytes } =>
        "link {link}: the link says that it carried {reported} bytes so far, {entered} had gone in";
    ReportsLess { link: String, reported: Bytes, left: Bytes } =>
        "link {link}: the link says that it carried {reported} bytes in all, {left} came out";
}

/// A byte, in nanoseconds times bits per second.
const BYTE: u128 = 8_000_000_000;
/// Fractions of a nanosecond that times of a connection are kept in.
const FRACTION_BITS: u32 = 32;

/// A packet that is in the link.
struct Packet {
    bytes: u64,
    entered: SimTime,
    /// When it can be through at the earliest, by its connection alone, in 2^-32 ns; none where rates changed meanwhile.
    through: Option<u128>,
    /// The account of the whole link that it belongs to.
    account: u32,
}

#[derive(Default)]
struct Flow {
    /// In 2^-32 ns.
    busy_until: u128,
    /// What went in, as far as it matters for loss.
    sent: u128,
    packets: VecDeque<Packet>,
    /// Its sender lost its power: how many of its oldest packets were in the link then, and until when those of them still come out that
    /// had the last of their bits in it.
    gone: Option<(usize, SimTime)>,
}

impl Flow {
    /// Once the latency has passed since its sender lost its power, what it had in the link is out or lost.
    fn forget_gone(&mut self, at: SimTime) {
        if let Some((gone, _)) = self.gone.take_if(|(_, until)| *until < at) {
            self.packets.drain(..gone);
        }
    }

    /// Its oldest packet comes out.
    fn left(&mut self, at: SimTime) -> Option<Packet> {
        self.forget_gone(at);
        let packet = self.packets.pop_front()?;
        if let Some((gone, _)) = &mut self.gone {
            *gone = gone.saturating_sub(1);
        }
        Some(packet)
    }
}

/// One direction of a link, as it may be at best.
pub struct Way {
    tcp: TcpModel,
    rate: u128,
    /// What a connection keeps of it under loss, and the bytes from which on it does not have more.
    kept: Option<(u128, u128)>,
    latency: u64,
    flows: ByFlow<Flow>,
    /// The ideal link: when it is done, what went in, what has come out, and for what it has still to pass: the bytes before and when it
    /// begins.
    busy_until: u128,
    entered: u128,
    left: u128,
    to_pass: VecDeque<(u128, u128)>,
    account: u32,
    /// Bytes of all packets that were taken in, that came out, and that the link reports to have carried.
    all_in: u64,
    all_out: u64,
    reported: u64,
    /// How often it was looked at since the last call of [`Way::take_looks`].
    looks: u64,
}

impl Way {
    /// A direction that passes so many bits per second after so many nanoseconds, and loses packets.
    #[must_use]
    pub fn new(tcp: &TcpModel, bits_per_second: u64, latency: u64, loss_per_million: u32) -> Way {
        let mut way = Way {
            tcp: *tcp,
            rate: 1,
            kept: None,
            latency,
            flows: ByFlow::default(),
            busy_until: 0,
            entered: 0,
            left: 0,
            to_pass: VecDeque::new(),
            account: 0,
            all_in: 0,
            all_out: 0,
            reported: 0,
            looks: 0,
        };
        way.set(bits_per_second, latency, loss_per_million);
        way
    }

    fn set(&mut self, bits_per_second: u64, latency: u64, loss_per_million: u32) {
        self.rate = u128::from(bits_per_second.max(1));
        self.latency = latency;
        self.kept = one_connection_keeps(
            &self.tcp,
            self.rate,
            u128::from(latency) * 2,
            u128::from(loss_per_million),
        );
    }

    /// The rate, latency and loss change. What is in the link is judged by neither the old nor the new: it had some of both.
    pub fn changed(&mut self, bits_per_second: u64, latency: u64, loss_per_million: u32) {
        self.set(bits_per_second, latency, loss_per_million);
        self.new_account();
        for flow in self.flows.values_mut() {
            (flow.busy_until, flow.sent) = (0, 0);
            flow.packets.iter_mut().for_each(|packet| packet.through = None);
        }
    }

    /// Flows that have packets in the link.
    pub fn flows(&self) -> impl Iterator<Item = u64> + '_ {
        let with_packets = self.flows.iter().filter(|(_, flow)| !flow.packets.is_empty());
        with_packets.map(|(number, _)| number)
    }

    /// Whether a flow has packets in the link.
    #[must_use]
    pub fn has(&self, flow: u64) -> bool {
        self.oldest(flow).is_some()
    }

    /// What the oldest packet of a flow weighs that is in the link.
    #[must_use]
    pub fn oldest(&self, flow: u64) -> Option<u64> {
        self.flows.get(flow)?.packets.front().map(|packet| packet.bytes)
    }

    /// All that is in the link is lost.
    pub fn cleared(&mut self) {
        for flow in self.flows.values_mut() {
            flow.packets.clear();
            (flow.busy_until, flow.gone) = (0, None);
        }
        self.new_account();
    }

    /// The senders of these flows lost their power: what had not all its bits in the link by then never comes out.
    pub fn gone(&mut self, at: SimTime, flows: &[u64]) {
        self.new_account();
        for flow in flows {
            if let Some(of_flow) = self.flows.get_mut(*flow) {
                of_flow.forget_gone(at);
                of_flow.busy_until = 0;
                of_flow.gone = Some((of_flow.packets.len(), at.after(self.latency)));
            }
        }
    }

    /// Some of what is in the link may never come out: the sum of the whole begins anew without it.
    fn new_account(&mut self) {
        self.account += 1;
        (self.busy_until, self.entered, self.left) = (0, 0, 0);
        self.to_pass.clear();
    }

    /// A packet of so many bytes, without frames, went in. Gives what it weighs, and whether no other of its flow is in the link.
    pub fn entered(&mut self, at: SimTime, flow: u64, bytes: u64) -> (u64, bool) {
        let bytes = framed(&self.tcp, bytes);
        let bits = u128::from(bytes) * BYTE;
        let begins = self.busy_until.max(u128::from(at.0) * self.rate);
        self.to_pass.push_back((self.entered, begins));
        self.busy_until = begins + bits;
        self.entered += u128::from(bytes);
        self.all_in += bytes;
        let of_flow = self.flows.get_or_insert_with(flow, Flow::default);
        let begins = of_flow.busy_until.max(u128::from(at.0) << FRACTION_BITS);
        let takes = |bytes: u128, rate: u128| ((bytes * BYTE) << FRACTION_BITS) / rate;
        of_flow.busy_until = match self.kept {
            None => begins + takes(u128::from(bytes), self.rate),
            Some((kept, from)) => {
                let before = from.saturating_sub(of_flow.sent).min(u128::from(bytes));
                of_flow.sent += u128::from(bytes);
                begins + takes(before, self.rate) + takes(u128::from(bytes) - before, kept)
            }
        };
        let packet = Packet {
            bytes,
            entered: at,
            through: Some(of_flow.busy_until),
            account: self.account,
        };
        let alone = of_flow.packets.is_empty();
        of_flow.packets.push_back(packet);
        (bytes, alone)
    }

    /// The oldest packet of a flow came out.
    #[must_use]
    pub fn left(&mut self, link: &str, at: SimTime, flow: u64) -> Vec<Broken> {
        self.looks += 1;
        let Some(packet) = self.flows.get_mut(flow).and_then(|flow| flow.left(at)) else {
            return vec![Broken::NeverWentIn {
                link: link.to_owned(),
                connection: flow / 2,
            }];
        };
        self.all_out += packet.bytes;
        let mut violations = Vec::new();
        let through = u128::from(at.since(SimTime(self.latency)));
        let too_early = at.0 < self.latency;
        if let Some(earliest) = packet.through
            && (too_early || through << FRACTION_BITS < earliest)
        {
            violations.push(Broken::PacketTooEarly {
                link: link.to_owned(),
                bytes: Bytes(packet.bytes),
                entered: packet.entered,
                left: at,
                bits_per_second: shown(self.rate),
                kept: self.kept.map(|(kept, _)| shown(kept)),
                latency: Nanoseconds(self.latency),
                earliest: SimTime(shown(earliest.div_ceil(1 << FRACTION_BITS) + u128::from(self.latency))),
            });
        }
        if packet.account != self.account {
            return violations;
        }
        self.left += u128::from(packet.bytes);
        while self.to_pass.get(1).is_some_and(|(before, _)| *before < self.left) {
            self.to_pass.pop_front();
        }
        if let Some((before, begins)) = self.to_pass.front().copied()
            && violations.is_empty()
        {
            let earliest = begins + (self.left - before) * BYTE;
            if through * self.rate < earliest {
                violations.push(Broken::TooManyTooEarly {
                    link: link.to_owned(),
                    bytes: Bytes(shown(self.left)),
                    left: at,
                    bits_per_second: shown(self.rate),
                    latency: Nanoseconds(self.latency),
                    earliest: SimTime(shown(earliest.div_ceil(self.rate) + u128::from(self.latency))),
                });
            }
        }
        violations
    }

    /// The link reports what it carried in an interval.
    #[must_use]
    pub fn reported(&mut self, link: &str, bytes: u64) -> Vec<Broken> {
        self.looks += 1;
        self.reported += bytes;
        if self.reported <= self.all_in {
            return Vec::new();
        }
        vec![Broken::ReportsMore {
            link: link.to_owned(),
            reported: Bytes(self.reported),
            entered: Bytes(self.all_in),
        }]
    }

    /// The end of the run, after the link's last word.
    #[must_use]
    pub fn end(&mut self, link: &str) -> Vec<Broken> {
        self.looks += 1;
        if self.all_out <= self.reported {
            return Vec::new();
        }
        vec![Broken::ReportsLess {
            link: link.to_owned(),
            reported: Bytes(self.reported),
            left: Bytes(self.all_out),
        }]
    }

    /// How often it was looked at since the last call.
    pub fn take_looks(&mut self) -> u64 {
        std::mem::take(&mut self.looks)
    }
}

/// A sum as evidence has it.
fn shown(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}

/// What so many bytes weigh with the frames of their segments; a packet without any is one segment.
fn framed(tcp: &TcpModel, bytes: u64) -> u64 {
    let full = bytes / tcp.segment_bytes;
    let segments = if bytes == 0 || !bytes.is_multiple_of(tcp.segment_bytes) {
        full + 1
    } else {
        full
    };
    bytes + segments * tcp.framing_bytes
}

/// Bits per second that one connection keeps under loss, never too few, and the bytes from which on its window cannot be above that any
/// more, never too few. None where nothing is lost, or the way takes no time.
fn one_connection_keeps(tcp: &TcpModel, rate: u128, round_trip: u128, loss: u128) -> Option<(u128, u128)> {
    if loss == 0 || round_trip == 0 {
        return None;
    }
    let (scale, left) = (
        u128::from(tcp.cubic_scale_per_mille),
        u128::from(tcp.cubic_kept_per_mille),
    );
    // The largest windows w, in 1/256 of a segment, with w^2 loss <= 3/2, and w^4 <= C (3 + b) / (4 (1 - b)) (round trip / loss)^3.
    let reno = |window: u128| {
        let least = window.pow(2).checked_mul(loss * 1_000);
        least.is_some_and(|least| least <= (u128::from(tcp.reno_per_mille) * 1_000_000) << 16)
    };
    let microseconds = round_trip.div_ceil(1_000);
    let most = microseconds
        .saturating_pow(3)
        .saturating_mul((scale * (3_000 + left)) << 32);
    let cubic = |window: u128| {
        let least = window.pow(4).checked_mul(4_000 * (1_000 - left) * loss.pow(3));
        least.is_some_and(|least| least <= most)
    };
    let window = largest(reno).max(largest(cubic)) + 1;
    let segment = u128::from(tcp.segment_bytes + tcp.framing_bytes);
    let time = round_trip * 1_000_000 * 256 / window + u128::from(tcp.loss_stall) * loss;
    let kept = (segment * 1_000_000 * BYTE).div_ceil(time.max(1)).min(rate);
    // From the largest window that there can be, by one factor for each loss; and once more, for what rounding may do.
    let first = (segment * 1_000_000).div_ceil(loss);
    let in_flight = (rate * round_trip).div_ceil(BYTE);
    let with_queue = in_flight * (1_000 + u128::from(tcp.queue_per_mille)) / 1_000 + 1;
    let bound = with_queue
        .min(segment * u128::from(tcp.maximum_window_segments))
        .min(first + segment * u128::from(tcp.initial_window_segments));
    let (mut window, mut from) = (bound, first);
    while window > 0 && window * BYTE / round_trip > kept {
        window = window * left / 1_000;
        from += first;
    }
    Some((kept, from))
}

/// The largest window, in 1/256 of a segment, that is allowed where all smaller ones are.
fn largest(allowed: impl Fn(u128) -> bool) -> u128 {
    let (mut low, mut high) = (0, 1 << 30);
    while low + 1 < high {
        let middle = (low + high) / 2;
        if allowed(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte a microsecond, after a millisecond; frames are part of the bytes that the tests count.
    fn way() -> Way {
        Way::new(&without_frames(), 8_000_000, 1_000_000, 0)
    }

    fn without_frames() -> TcpModel {
        TcpModel {
            framing_bytes: 0,
            ..TcpModel::default()
        }
    }

    fn us(us: u64) -> SimTime {
        SimTime(us * 1_000)
    }

    #[test]
    fn packets_in_their_time_pass() {
        let mut way = way();
        way.entered(us(0), 2, 100);
        way.entered(us(10), 2, 100);
        assert_eq!(way.left("wan", us(1_100), 2), Vec::<Broken>::new());
        assert_eq!(way.left("wan", us(1_200), 2), Vec::<Broken>::new());
        // Shared fairly: both are through when both are.
        way.entered(us(5_000), 2, 1_000);
        way.entered(us(5_000), 4, 1_000);
        assert!(way.left("wan", us(8_000), 4).is_empty());
        assert!(way.left("wan", us(8_000), 2).is_empty());
        assert!(way.reported("wan", 2_200).is_empty());
        assert!(way.end("wan").is_empty());
        assert_eq!(way.take_looks(), 6);
    }

    #[test]
    fn a_packet_without_latency_or_faster_than_the_rate_is_found() {
        for (left, found) in [(1_100_000, 0), (1_099_999, 1), (100_000, 1), (1_000_000, 1)] {
            let mut way = way();
            way.entered(us(0), 2, 100);
            assert_eq!(way.left("wan", SimTime(left), 2).len(), found, "{left}");
        }
    }

    #[test]
    fn a_saturated_second_a_twentieth_too_fast_is_found_though_a_minute_is_not_full() {
        // 50 connections at once, each no faster than the link: only their sum is.
        let mut way = way();
        for flow in 0..50 {
            way.entered(us(0), flow, 20_000);
        }
        let mut found = 0;
        for flow in 0..50 {
            // Shared fairly by all, they end together, after 0.95 s in place of 1 s.
            found += way.left("wan", us(951_000), flow).len();
        }
        assert!(found > 0);
    }

    #[test]
    fn a_packet_that_had_no_time_for_its_frames_is_found() {
        // 1,000 full segments and a byte at a byte a microsecond.
        let took = 1_448_001 + 1_001 * 66;
        for (left, found) in [(took, 0), (took - 1, 1), (1_448_001 + 40, 1)] {
            let mut way = Way::new(&TcpModel::default(), 8_000_000, 1_000_000, 0);
            assert_eq!(way.entered(us(0), 2, 1_448_001), (took, true));
            assert_eq!(way.left("wan", us(1_000 + left), 2).len(), found, "{left}");
        }
        assert_eq!(framed(&TcpModel::default(), 0), 66);
        assert_eq!(framed(&TcpModel::default(), 1_448), 1_514);
    }

    #[test]
    fn a_connection_faster_than_tcp_keeps_under_loss_is_found() {
        // 0.1 % at 40 ms round trip: once its window is down, 11.6 Mbit/s, whatever the link has.
        let lossy = || Way::new(&without_frames(), 100_000_000, 20_000_000, 1_000);
        let (kept, from) = lossy().kept.unwrap();
        assert!((11_070_000..11_120_000).contains(&kept), "{kept}");
        let from = u64::try_from(from).unwrap();
        let began = us(from * 8 / 100);
        for (took, found) in [(712_000, 1), (723_500, 0)] {
            let mut way = lossy();
            way.entered(us(0), 2, from);
            assert!(way.left("wan", began.after(20_000_000), 2).is_empty());
            way.entered(began, 2, 1_000_000);
            assert_eq!(
                way.left("wan", began.after((20_000 + took) * 1_000), 2).len(),
                found,
                "{took}"
            );
        }
    }

    #[test]
    fn the_same_is_kept_under_loss_as_the_model_says_or_a_trifle_more() {
        let tcp = TcpModel::default();
        for loss in [1, 100, 1_000, 10_000, 300_000] {
            for trip in [1, 10, 40, 300] {
                let (trip, rate) = (trip * 1_000_000, 1 << 50);
                let here = one_connection_keeps(&tcp, rate, trip, loss).unwrap().0;
                let there = tcp.kept_under_loss(trip as u64, loss as u32).unwrap();
                assert!(here >= u128::from(there), "{loss} {trip}");
                assert!(
                    here <= u128::from(there) * 101 / 100 + 1,
                    "{loss} {trip}: {here}, not {there}"
                );
            }
        }
    }

    #[test]
    fn what_never_went_in_or_was_lost_is_found() {
        let mut way = way();
        assert_eq!(way.left("wan", us(9), 2).len(), 1);
        way.entered(us(10), 2, 100);
        way.cleared();
        assert_eq!(way.left("wan", us(1_110), 2).len(), 1);
        way.entered(us(2_000), 4, 100);
        assert!(way.left("wan", us(3_100), 4).is_empty());
    }

    #[test]
    fn what_a_sender_without_power_had_still_to_send_is_not_taken_for_what_is_sent_later() {
        // One packet is through when the power goes, the other is not; the first comes out, and then what answers in their connection.
        let mut way = way();
        way.entered(us(0), 2, 100);
        way.entered(us(0), 2, 5_000);
        way.gone(us(200), &[2]);
        assert!(way.left("wan", us(1_100), 2).is_empty());
        way.entered(us(4_000), 2, 10);
        assert!(way.left("wan", us(5_010), 2).is_empty());
        assert!(way.reported("wan", 300).is_empty());
        assert!(way.end("wan").is_empty());
        // What was lost does not come out.
        way.entered(us(6_000), 2, 5_000);
        way.gone(us(6_100), &[2]);
        assert_eq!(way.left("wan", us(12_000), 2).len(), 1);
    }

    #[test]
    fn a_change_is_judged_by_what_went_in_after_it() {
        let mut way = way();
        way.entered(us(0), 2, 100);
        way.changed(16_000_000, 500_000, 0);
        way.entered(us(50), 2, 100);
        assert!(way.left("wan", us(600), 2).is_empty());
        assert_eq!(way.left("wan", us(599), 2).len(), 1);
    }

    #[test]
    fn a_report_of_more_or_less_than_passed_is_found() {
        let mut one = way();
        one.entered(us(0), 2, 100);
        assert_eq!(one.reported("wan", 101).len(), 1);
        let mut less = way();
        less.entered(us(0), 2, 100);
        assert!(less.left("wan", us(1_100), 2).is_empty());
        assert!(less.reported("wan", 99).is_empty());
        assert_eq!(less.end("wan").len(), 1);
    }
}
