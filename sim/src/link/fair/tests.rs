use super::*;
use crate::link::tcp_model::TcpModel;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

/// Of a link without latency, on which windows do not limit.
fn direction(bits_per_second: u64) -> Direction<u32> {
    Direction::new(Pace::new(&TcpModel::default(), bits_per_second, 0, 0))
}

fn all(direction: &mut Direction<u32>, now: u64) -> Vec<(u64, u32)> {
    let mut through = Vec::new();
    direction.advance(SimTime(now), &mut through);
    through.into_iter().map(|t| (t.at.0, t.cargo)).collect()
}

#[test]
fn alone_a_frame_takes_bytes_over_rate_exactly() {
    // 8 Gbit/s: a byte a nanosecond.
    let mut direction = direction(8_000_000_000);
    let mut said = Vec::new();
    for (n, bytes) in [(1, 1000), (2, 500)] {
        direction.offer(SimTime(100), 1, bytes, |at| {
            said.push(at.unwrap().0);
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
    let mut direction = direction(8_000_000_000);
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
fn a_connection_that_begins_sends_a_window_a_round_trip_and_twice_as_much_each_time() {
    // 8 Gbit/s, 40 ms: 40 MB in flight, of which the largest window is 3 MB.
    let pace = Pace::new(&TcpModel::default(), 8_000_000_000, 20 * MS, 0);
    let mut one = Direction::new(pace.clone());
    let mut said = Vec::new();
    for (n, bytes) in [15_140, 1, 30_279, 60_560].into_iter().enumerate() {
        one.offer(SimTime(0), 1, bytes, |at| {
            said.push(at.map(|at| at.0));
            n as u32
        });
    }
    // What is within the window is known at once.
    assert_eq!(said, [Some(15_140), None, None, None]);
    let trip = 40 * MS;
    let expected = [(15_140, 0), (trip + 1, 1), (trip + 30_280, 2), (2 * trip + 60_560, 3)];
    assert_eq!(all(&mut one, u64::MAX), expected);
    // Meanwhile another has the whole rate.
    let mut two = Direction::new(pace);
    two.offer(SimTime(0), 1, 15_141, |_| 0);
    assert_eq!(two.next(), Some(SimTime(15_140)));
    assert!(all(&mut two, MS).is_empty());
    two.offer(SimTime(MS), 2, 1_000, |_| 1);
    assert_eq!(all(&mut two, u64::MAX), [(MS + 1_000, 1), (trip + 1, 0)]);
}

#[test]
fn a_lossy_link_gives_one_connection_what_tcp_keeps_and_many_the_whole_rate() {
    let tcp = TcpModel::default();
    let pace = Pace::new(&tcp, 100_000_000, 20 * MS, 1_000);
    let limit = tcp.kept_under_loss(40 * MS, 1_000).unwrap();
    let mut one = Direction::new(pace.clone());
    let descended = *pace.losses.last().unwrap();
    for bytes in [descended, 1_000_000] {
        one.offer(SimTime(0), 1, bytes, |_| 0);
    }
    let times = all(&mut one, u64::MAX);
    let took = times[1].0 - times[0].0;
    let expected = 8_000_000u64 * 1_000_000_000 / limit;
    assert!(took.abs_diff(expected) <= 2, "{took}, not {expected}");
    let mut many = Direction::new(pace);
    for n in 0..20_u32 {
        many.offer(SimTime(0), u64::from(n), 20_000_000, |_| n);
    }
    let last = all(&mut many, u64::MAX).pop().unwrap().0;
    // But for slow start and what is left where one is through earlier.
    assert!((32_000 * MS..32_500 * MS).contains(&last), "{last}");
}

#[test]
fn what_capped_connections_leave_is_shared_by_the_others() {
    // A byte a nanosecond; one connection is capped at a tenth of it, from its first byte on.
    let pace = Pace {
        caps: vec![8_000_000_000, 8_000_000_000, 800_000_000],
        losses: vec![1_000],
        round_trip: 0,
        initial: 0,
        full: 0,
        timeout: 1,
    };
    let mut direction = Direction::new(pace);
    direction.offer(SimTime(0), 1, 1_000, |_| 0);
    assert_eq!(all(&mut direction, 1_000), [(1_000, 0)]);
    direction.offer(SimTime(1_000), 1, 100, |_| 1);
    direction.offer(SimTime(1_000), 2, 900, |_| 2);
    assert_eq!(all(&mut direction, 5_000), [(2_000, 1), (2_000, 2)]);
}

#[test]
fn what_is_taken_out_counts_for_the_part_that_passed() {
    let mut direction = direction(8_000_000_000);
    direction.offer(SimTime(0), 1, 1000, |_| 1);
    direction.offer(SimTime(0), 2, 1000, |_| 2);
    assert_eq!(direction.remove(SimTime(500), 1), [1]);
    assert_eq!(direction.served(SimTime(500)), 500);
    // The other has 750 bytes left and the whole rate.
    assert_eq!(all(&mut direction, 10_000), [(1250, 2)]);
    assert_eq!(direction.served(SimTime(10_000)), 1250);
}

#[test]
fn a_link_that_changes_goes_on_where_it_was() {
    let mut direction = direction(8_000_000_000);
    direction.offer(SimTime(0), 1, 1000, |_| 1);
    direction.offer(SimTime(0), 2, 1000, |_| 2);
    assert!(all(&mut direction, 501).is_empty());
    direction.set_pace(SimTime(501), Pace::new(&TcpModel::default(), 4_000_000_000, 0, 0));
    assert_eq!(direction.served(SimTime(501)), 501);
    // Half a byte a nanosecond for 1,499 bytes.
    assert_eq!(all(&mut direction, 10_000), [(3_499, 1), (3_499, 2)]);
    assert_eq!(direction.served(SimTime(10_000)), 2_000);
}

#[test]
fn windows_of_connections_that_have_been_silent_for_long_are_not_kept() {
    let mut direction = Direction::new(Pace::new(&TcpModel::default(), 8_000_000_000, MS, 0));
    for n in 0..100_000_u32 {
        let now = u64::from(n) * MS;
        direction.advance(SimTime(now), &mut Vec::new());
        direction.offer(SimTime(now), u64::from(n), 100, |_| n);
    }
    assert!(direction.flows.len() < 1_000, "{}", direction.flows.len());
}

#[test]
fn of_a_connection_that_is_alone_it_is_known_when_its_frame_is_through() {
    for (bits, latency) in [
        (10_000_000_000, 5 * MS),
        (9_999_999_967, 7 * MS + 1),
        (100_000_000, 150 * MS),
    ] {
        for bytes in [100, 15_140, 1_000_003, 77_777_777] {
            let mut direction = Direction::new(Pace::new(&TcpModel::default(), bits, latency, 0));
            direction.offer(SimTime(12_345), 1, bytes, |_| ());
            let known = direction.nothing_through_before().unwrap();
            let mut through = Vec::new();
            while let Some(next) = direction.next() {
                direction.advance(next, &mut through);
                let later = direction.nothing_through_before();
                assert!(
                    later.is_none_or(|later| later == known),
                    "nor does it change on the way"
                );
            }
            assert_eq!(through[0].at, known, "{bits} bit/s, {latency} ns, {bytes} bytes");
        }
    }
}

proptest! {
    /// Never more than the rate passes in any interval, nothing is lost, a connection's frames keep their order, a frame whose time
    /// was told takes it, and a link with work does not idle but for round trips.
    #[test]
    fn a_link_never_carries_more_than_its_rate(
        bits in 1_000u64..20_000_000_000,
        limit in prop::option::of(500u64..20_000_000_000),
        latency in prop_oneof![Just(0u64), 0u64..5_000_000],
        loss in prop_oneof![Just(0u32), 1u32..500_000],
        frames in prop::collection::vec((0u64..3_000_000, 0u64..6, 1u64..100_000), 1..80),
    ) {
        let mut pace = Pace::new(&TcpModel::default(), bits, latency, loss);
        for cap in &mut pace.caps[1..] {
            *cap = (*cap).min(limit.unwrap_or(u64::MAX));
        }
        let slowest = u128::from(*pace.caps.last().unwrap());
        let trip = pace.round_trip;
        let mut direction = Direction::new(pace);
        let mut now = 0u64;
        let mut through = Vec::new();
        let mut offered = 0;
        let mut seen = vec![(0u64, 0u64)];
        let mut told = Vec::new();
        let mut bound = None;
        for (n, (wait, flow, bytes)) in frames.iter().enumerate() {
            now += wait;
            let before = through.len();
            direction.advance(SimTime(now), &mut through);
            prop_assert!(through[before..].iter().all(|t| bound.is_some_and(|bound| bound <= t.at)));
            seen.push((now, direction.served(SimTime(now))));
            let alone = direction.is_only(*flow);
            direction.offer(SimTime(now), *flow, *bytes, |at| {
                told.push((n, at.filter(|_| alone)));
                (n, *bytes)
            });
            if !alone {
                // Whoever is not alone changes what was told.
                told.retain(|(_, at): &(usize, Option<SimTime>)| at.is_none_or(|at| at.0 <= now));
            }
            offered += bytes;
            bound = direction.nothing_through_before();
        }
        let busy_from = now;
        let served_then = direction.served(SimTime(now));
        let connections = frames.iter().map(|f| f.1).collect::<std::collections::BTreeSet<_>>().len();
        while let Some(next) = direction.next() {
            let (bound, before) = (direction.nothing_through_before(), through.len());
            let busy = direction.flows.iter().find(|(_, flow)| !flow.frames.is_empty());
            let exact = busy.and_then(|(key, _)| direction.only(*key));
            direction.advance(next, &mut through);
            prop_assert!(through[before..].iter().all(|t| bound.is_some_and(|bound| bound <= t.at)));
            prop_assert!(through[before..].iter().all(|t| exact.is_none_or(|exact| exact == t.at)));
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
        for (n, at) in told {
            let really = through.iter().find(|t| t.cargo.0 == n).unwrap().at;
            prop_assert!(at.is_none_or(|at| at == really), "{n}: {at:?}, not {really:?}");
        }
        prop_assert!(through.iter().map(|t| t.at).is_sorted());
        // No idling: the slowest it may be is one connection's cap, and each waits for a round trip as often as its window doubles.
        let left = u128::from(offered - served_then + 6);
        let waits = u128::from(trip) * 16 * connections as u128;
        let steps = 64 * (frames.len() + connections) as u128;
        prop_assert!(u128::from(end - busy_from) <= left * BIT_NANOSECONDS / slowest + 1 + steps + waits);
    }
}
