//! What a connection is taken to do: the constants of TCP, and what follows from them for a link.
//!
//! All of them describe a Linux host with its defaults, as measured in `sim/LINKS.md`. Bytes *on the wire* are those of whole Ethernet
//! frames: an Ethernet header (14), an IPv4 header (20) and a TCP header with time stamps (32) before each segment. That is how `tc`
//! counts when it holds a rate, and how providers measure one. Preamble, check sum and the gap between frames (24 bytes more) are part
//! of the line and not of its rate.
//!
//! Left out on purpose: acknowledgements (66 bytes for two segments, against the stream), retransmitted bytes, and segments that are
//! filled from two frames of the product.

use actors::model::Tcp;

/// Bits a second times this gives bytes a nanosecond.
pub const BIT_NANOSECONDS: u128 = 8_000_000_000;
/// Fractions of a segment that windows are computed in.
const WINDOW_BITS: u32 = 12;

/// The constants of TCP, as the run's model has them ([`Tcp`]: there are values and sources).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpModel {
    /// Bytes of the stream in a full segment.
    pub segment_bytes: u64,
    /// Bytes on the wire before each segment.
    pub framing_bytes: u64,
    /// Segments that a connection may send before the first acknowledgement.
    pub initial_window_segments: u64,
    /// Segments that a connection has in flight at most.
    pub maximum_window_segments: u64,
    /// Nanoseconds that, with a round trip, are a retransmission timeout.
    pub idle_restart: u64,
    /// The square of the segments in flight under loss, times the loss, in thousandths.
    pub reno_per_mille: u64,
    /// CUBIC's constant C in thousandths.
    pub cubic_scale_per_mille: u64,
    /// What CUBIC leaves of its window after a loss, in thousandths.
    pub cubic_kept_per_mille: u64,
    /// Nanoseconds that a loss costs beside the smaller window.
    pub loss_stall: u64,
    /// The queue before a link, in thousandths of what is in flight on it.
    pub queue_per_mille: u64,
}

impl From<&Tcp> for TcpModel {
    fn from(tcp: &Tcp) -> TcpModel {
        TcpModel {
            segment_bytes: tcp.segment,
            framing_bytes: tcp.framing,
            initial_window_segments: tcp.initial_window,
            maximum_window_segments: tcp.maximum_window,
            idle_restart: tcp.idle_restart,
            reno_per_mille: tcp.reno_per_mille,
            cubic_scale_per_mille: tcp.cubic_scale_per_mille,
            cubic_kept_per_mille: tcp.cubic_kept_per_mille,
            loss_stall: tcp.loss_stall,
            queue_per_mille: tcp.queue_per_mille,
        }
    }
}

impl Default for TcpModel {
    fn default() -> TcpModel {
        TcpModel::from(&Tcp::default())
    }
}

impl TcpModel {
    /// What so many bytes of a stream, sent at once, weigh on the wire. A packet without any is one segment.
    #[must_use]
    pub fn wire_bytes(&self, bytes: u64) -> u64 {
        let segments = bytes.div_ceil(self.segment_bytes.max(1)).max(1);
        bytes.saturating_add(segments.saturating_mul(self.framing_bytes))
    }

    /// What so many full segments weigh on the wire.
    #[must_use]
    pub fn window_bytes(&self, segments: u64) -> u64 {
        segments.saturating_mul(self.segment_bytes + self.framing_bytes)
    }

    /// Of a rate on the wire, what is left for the stream.
    #[must_use]
    pub fn stream_rate(&self, bits_per_second: u64) -> u64 {
        let whole = u128::from((self.segment_bytes + self.framing_bytes).max(1));
        u64::try_from(u128::from(bits_per_second) * u128::from(self.segment_bytes) / whole).unwrap_or(u64::MAX)
    }

    /// Bits per second on the wire that one connection keeps in the end: a window a round trip, less [`TcpModel::loss_stall`] for each
    /// loss. The window is the larger of Reno's, sqrt(3/2 / loss), and CUBIC's, (C (3 + b) / (4 (1 - b)))^(1/4) (round trip /
    /// loss)^(3/4) (RFC 9438 §5.2). `None` where nothing is lost or the round trip takes no time.
    #[must_use]
    pub fn kept_under_loss(&self, round_trip: u64, loss_per_million: u32) -> Option<u64> {
        if loss_per_million == 0 || round_trip == 0 {
            return None;
        }
        let loss = u128::from(loss_per_million);
        let reno = ((u128::from(self.reno_per_mille) * 1_000) << (2 * WINDOW_BITS)) / loss;
        // Seconds a loss in units of 2^-16; the bound is far beyond any window, and keeps the cube in its type.
        let seconds = ((u128::from(round_trip) << 16) / (1_000 * loss)).min(1 << 35);
        let kept = u128::from(self.cubic_kept_per_mille.min(999));
        let factor = u128::from(self.cubic_scale_per_mille) * (3_000 + kept);
        let fourth = seconds.pow(3).saturating_mul(factor) / (4_000 * (1_000 - kept));
        let window = reno.isqrt().max(fourth.isqrt().isqrt()).max(1);
        // From loss to loss: a million segments, in millionths of the loss.
        let trips = ((u128::from(round_trip) * 1_000_000) << WINDOW_BITS) / window;
        let time = trips + u128::from(self.loss_stall) * loss;
        let bits = u128::from(self.segment_bytes + self.framing_bytes) * 1_000_000 * BIT_NANOSECONDS;
        Some(u64::try_from(bits / time.max(1)).unwrap_or(u64::MAX).max(1))
    }

    /// Bytes on the wire that a connection sends on average before it loses its first segment: one segment in `1 / loss` (the expected
    /// number of Cardwell, Savage, Anderson 2000, "Modeling TCP latency", for transfers longer than that). `None` where nothing is lost.
    #[must_use]
    pub fn before_first_loss(&self, loss_per_million: u32) -> Option<u64> {
        (loss_per_million > 0).then(|| self.window_bytes(1_000_000) / u64::from(loss_per_million))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: fn() -> TcpModel = TcpModel::default;

    #[test]
    fn each_segment_has_its_frame_and_an_empty_packet_has_one() {
        for (stream, wire) in [(0, 66), (1, 67), (1_448, 1_514), (1_449, 1_581), (14_480, 15_140)] {
            assert_eq!(TCP().wire_bytes(stream), wire, "{stream}");
        }
        // 4.56 % in bulk.
        assert_eq!(TCP().wire_bytes(1_448_000_000), 1_514_000_000);
        assert_eq!(TCP().stream_rate(1_514_000), 1_448_000);
    }

    #[test]
    fn what_is_kept_under_loss_is_renos_window_on_short_ways_and_cubics_on_long_ones() {
        // 0.1 %: sqrt(1500) = 38.7 segments, and 12 ms of 1,045 from loss to loss: 1000 * 1514 * 8 / 1.045.
        let kept = TCP().kept_under_loss(40_000_000, 1_000).unwrap();
        assert!((11_585_000..11_595_000).contains(&kept), "{kept}");
        // At 300 ms CUBIC has 1.0538 * 300^(3/4) = 75.96 segments: 1000 * 1514 * 8 / (300 / 75.96 + 0.012).
        let kept = TCP().kept_under_loss(300_000_000, 1_000).unwrap();
        assert!((3_055_000..3_060_000).contains(&kept), "{kept}");
        assert_eq!(TCP().kept_under_loss(40_000_000, 0), None);
        assert_eq!(TCP().kept_under_loss(0, 1_000), None);
        assert!(TCP().kept_under_loss(u64::MAX, 1).is_some());
        assert_eq!(TCP().before_first_loss(1_000), Some(1_514_000));
        assert_eq!(TCP().before_first_loss(0), None);
    }
}
