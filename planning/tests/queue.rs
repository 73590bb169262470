//! The fluid queue against a slow one that knows nothing but seconds, and the searches against their own answers.

use planning::initial::{Batch, batch_machines, left_over, simulate};
use planning::queue::{Arrivals, NEVER, catch_up, run};
use planning::search::{Goal, bandwidth_for, lasting, lasting_bandwidth_for, rpo_for};
use planning::service::{HourLimit, Link, Outage, Service, WEEK_HOURS};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a second of the slow queue knows: work in bits times step seconds, as whole numbers.
struct Slow {
    step_seconds: u64,
    arriving: Vec<u128>,
    /// Served per second, for as long as anyone looks.
    serving: Vec<u128>,
    /// Queued at the start of each second of the window, and at its end.
    queued: Vec<u128>,
}

/// The rate of a service in a second, from its definition.
fn rate(service: &Service, second: u64) -> u64 {
    let hour = ((second + u64::from(service.week_second)) / 3_600 % 168) as usize;
    let mut sum = 0;
    for (index, link) in service.links.iter().enumerate() {
        let cut = service.outages.iter().any(|outage| {
            (outage.link.is_none() || outage.link == Some(index)) && outage.from <= second && second < outage.to
        });
        if !cut {
            let limit = link.hours.get(hour).copied().unwrap_or(HourLimit::OPEN);
            let part = link.bits_per_second * u64::from(limit.per_mille) / 1_000;
            sum += limit.bits_per_second.map_or(part, |most| most.min(part));
        }
    }
    let limit = service.hours.get(hour).copied().unwrap_or(HourLimit::OPEN);
    let part = sum * u64::from(limit.per_mille) / 1_000;
    limit.bits_per_second.map_or(part, |most| most.min(part))
}

impl Slow {
    fn new(arrivals: &Arrivals, service: &Service, seconds_after: u64) -> Self {
        let step_seconds = u64::from(arrivals.step_seconds);
        let seconds = arrivals.seconds();
        let arriving: Vec<u128> = (0..seconds)
            .map(|second| u128::from(arrivals.bytes[(second / step_seconds) as usize]) * 8)
            .collect();
        let serving: Vec<u128> = (0..seconds + seconds_after)
            .map(|second| u128::from(rate(service, second)) * u128::from(step_seconds))
            .collect();
        let mut queued = vec![0_u128];
        for (come, go) in arriving.iter().zip(&serving) {
            let before = queued[queued.len() - 1];
            queued.push((before + come).saturating_sub(*go));
        }
        Self {
            step_seconds,
            arriving,
            serving,
            queued,
        }
    }

    /// Milliseconds, rounded up, from a second until so much has been served: at least that, or more than that.
    fn delay(&self, second: usize, work: u128, more: bool) -> u64 {
        let mut done = 0_u128;
        for (later, serving) in self.serving[second..].iter().enumerate() {
            if done == work && !more {
                return later as u64 * 1_000;
            }
            if done + serving > work || (done + serving == work && !more) {
                return later as u64 * 1_000 + ((work - done) * 1_000).div_ceil(*serving) as u64;
            }
            done += serving;
        }
        NEVER
    }

    fn end_delay(&self, step: usize) -> u64 {
        let second = (step + 1) * self.step_seconds as usize;
        self.delay(second, self.queued[second], false)
    }

    /// The largest delay of a step at its whole seconds, and just after each of them for what arrives then.
    fn largest(&self, step: usize) -> u64 {
        let first = step * self.step_seconds as usize;
        let mut largest = self.end_delay(step);
        for second in first..first + self.step_seconds as usize {
            let more = self.arriving[second] > 0;
            largest = largest.max(self.delay(second, self.queued[second], false));
            if more {
                let passes = self.queued[second] > 0 || self.arriving[second] > self.serving[second];
                if passes {
                    largest = largest.max(self.delay(second, self.queued[second], true));
                }
            }
        }
        largest
    }
}

fn arrivals() -> impl Strategy<Value = Arrivals> {
    let bytes = prop_oneof![3 => 0..2_000_u64, 1 => Just(0_u64), 1 => 0..40_000_u64];
    (vec(bytes, 1..40), 1..90_u32).prop_map(|(bytes, step_seconds)| Arrivals {
        start_seconds: 0,
        step_seconds,
        bytes,
    })
}

fn hours() -> impl Strategy<Value = Vec<HourLimit>> {
    let limit = (0..1_001_u32, prop::option::of(1..3_000_u64)).prop_map(|(per_mille, bits_per_second)| HourLimit {
        per_mille,
        bits_per_second,
    });
    prop_oneof![Just(Vec::new()), vec(limit, WEEK_HOURS)]
}

fn link() -> impl Strategy<Value = Link> {
    (1..6_000_u64, hours()).prop_map(|(rate, hours)| Link {
        hours,
        ..Link::new("link", rate)
    })
}

fn service() -> impl Strategy<Value = Service> {
    let outage = (prop::option::of(0..2_usize), 0..3_000_u64, 0..900_u64).prop_map(|(link, from, lasts)| Outage {
        link,
        from,
        to: from + lasts,
    });
    (vec(link(), 1..3), hours(), vec(outage, 0..3), 0..604_800_u32).prop_map(|(links, hours, outages, week_second)| {
        Service {
            links,
            hours,
            outages,
            week_second,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_does_what_the_slow_queue_does(arrivals in arrivals(), service in service()) {
        let slow = Slow::new(&arrivals, &service, 100_000);
        let outcome = run(&arrivals, &service);
        let byte = 8 * u128::from(arrivals.step_seconds);
        for step in 0..arrivals.bytes.len() {
            let queued = slow.queued[(step + 1) * arrivals.step_seconds as usize];
            prop_assert_eq!(u128::from(outcome.backlog_bytes[step]), queued.div_ceil(byte));
            let (slow_end, slow_most) = (slow.end_delay(step), slow.largest(step));
            // Beyond where the slow queue looks.
            if slow_most == NEVER {
                prop_assert!(outcome.delays_ms[step] > 90_000_000);
                continue;
            }
            prop_assert_eq!(outcome.end_delays_ms[step], slow_end, "end of step {}", step);
            let most = outcome.delays_ms[step];
            // Between two of its seconds a delay can be longer, but falls by a second in a second at the most.
            prop_assert!(most >= slow_most && most <= slow_most + 1_000, "step {}: {} by {}", step, most, slow_most);
        }
    }

    #[test]
    fn more_bandwidth_is_never_worse(arrivals in arrivals(), service in service(), rate in 1..6_000_u64, more in 0..6_000_u64) {
        let (less, more) = (run(&arrivals, &service.with_rate(rate)), run(&arrivals, &service.with_rate(rate + more)));
        for step in 0..arrivals.bytes.len() {
            prop_assert!(more.delays_ms[step] <= less.delays_ms[step]);
            prop_assert!(more.end_delays_ms[step] <= less.end_delays_ms[step]);
            prop_assert!(more.backlog_bytes[step] <= less.backlog_bytes[step]);
        }
    }

    #[test]
    fn the_bandwidth_found_holds_and_a_bit_less_does_not(
        arrivals in arrivals(),
        service in service(),
        rpo_ms in 0..600_000_u64,
        steps_per_mille in prop_oneof![Just(1_000_u32), Just(900), 0..1_001_u32],
    ) {
        let goal = Goal { rpo_ms, steps_per_mille };
        let kept = |rate: u64| {
            let outcome = run(&arrivals, &service.with_rate(rate));
            let kept = arrivals.bytes.len() - outcome.steps_over(rpo_ms);
            kept * 1_000 >= arrivals.bytes.len() * steps_per_mille as usize
        };
        match bandwidth_for(&arrivals, &service, goal) {
            Some(rate) => {
                prop_assert!(kept(rate), "{} holds", rate);
                prop_assert!(rate == 0 || !kept(rate - 1), "{} is the smallest", rate);
                prop_assert!(rpo_for(&arrivals, &service.with_rate(rate), steps_per_mille) <= rpo_ms);
            }
            None => prop_assert!(!kept(1 << 44)),
        }
    }

    #[test]
    fn the_rpo_found_is_kept_and_a_millisecond_less_is_not(arrivals in arrivals(), service in service(), share in 1..1_001_u32) {
        let rpo_ms = rpo_for(&arrivals, &service, share);
        let holds = |rpo_ms| Goal { rpo_ms, steps_per_mille: share }.holds(&arrivals, &service);
        prop_assert!(holds(rpo_ms));
        prop_assert!(rpo_ms == 0 || !holds(rpo_ms - 1));
    }

    /// A copy beside the changes is done when what the changes leave amounts to it.
    #[test]
    fn a_copy_is_done_when_the_slow_queue_has_left_as_much(arrivals in arrivals(), service in service(), bytes in 0..200_000_u64) {
        let slow = Slow::new(&arrivals, &service, 0);
        let unit = 8 * u128::from(arrivals.step_seconds);
        let (mut left, mut done) = (0_u128, None);
        for second in 0..slow.arriving.len() {
            left += slow.serving[second].saturating_sub(slow.queued[second] + slow.arriving[second]);
            if done.is_none() && left >= u128::from(bytes) * unit {
                done = Some(second as u64 + 1);
            }
        }
        prop_assert_eq!(u128::from(left_over(&arrivals, &service)), left / unit);
        let batch = Batch { bytes, changes: arrivals.bytes.clone() };
        let finish = simulate(&arrivals, &service, 0, &[batch]);
        match done {
            Some(done) => prop_assert_eq!(finish.map(|finish| finish[0].done_seconds), Some(done)),
            None => prop_assert!(finish.is_none_or(|finish| finish[0].done_seconds > arrivals.seconds())),
        }
    }
}

/// 10 minutes of 8 Mbit/s over a link of 16 Mbit/s, cut for the second and third minute.
fn cut() -> (Arrivals, Service) {
    let arrivals = Arrivals {
        start_seconds: 0,
        step_seconds: 60,
        bytes: vec![60_000_000; 10],
    };
    let mut service = Service::constant(16_000_000);
    service.outages.push(Outage {
        link: None,
        from: 60,
        to: 180,
    });
    (arrivals, service)
}

#[test]
fn an_rpo_that_no_step_has_to_keep_is_none_at_all() {
    let arrivals = Arrivals {
        start_seconds: 0,
        step_seconds: 1,
        bytes: vec![461],
    };
    let service = Service::constant(1);
    assert!(rpo_for(&arrivals, &service, 1) > 0);
    assert_eq!(rpo_for(&arrivals, &service, 0), 0);
}

#[test]
fn an_outage_costs_what_arithmetic_by_hand_says() {
    let (arrivals, service) = cut();
    let outcome = run(&arrivals, &service);
    // 120 s of 8 Mbit/s are 120 MB; the link has 8 Mbit/s to spare and takes 120 s to catch up.
    assert_eq!(
        outcome.backlog_bytes[..6],
        [0, 60_000_000, 120_000_000, 60_000_000, 0, 0]
    );
    // The byte just after the cut waits for its whole length; from there on it is 0.5 s less per second.
    assert_eq!(outcome.delays_ms[..6], [0, 120_000, 90_000, 60_000, 30_000, 0]);
    assert_eq!(outcome.end_delays_ms[..6], [0, 90_000, 60_000, 30_000, 0, 0]);
    let back = catch_up(&arrivals, &service, 180).unwrap();
    assert_eq!(
        (back.backlog_bytes, back.served_after_ms, back.empty_after_ms),
        (120_000_000, 60_000, Some(120_000))
    );
    assert_eq!(catch_up(&arrivals, &service, 600), None);
    let episodes = outcome.episodes(30_000);
    assert_eq!(episodes.len(), 1);
    assert_eq!(
        (episodes[0].step, episodes[0].steps, episodes[0].peak_ms),
        (1, 3, 120_000)
    );
    let days = outcome.days(&arrivals, 30_000);
    assert_eq!(
        (days.len(), days[0].violations, days[0].steps_over, days[0].peak_ms),
        (1, 1, 3, 120_000)
    );
}

#[test]
fn no_bandwidth_makes_up_for_a_cut_that_is_longer_than_the_rpo() {
    let (arrivals, service) = cut();
    let always = |rpo_ms| {
        bandwidth_for(
            &arrivals,
            &service,
            Goal {
                rpo_ms,
                steps_per_mille: 1_000,
            },
        )
    };
    assert_eq!(always(119_999), None);
    // With 120 s the link must only keep up: what piled up is served as fast as it came.
    assert_eq!(always(120_000), Some(8_000_000));
}

/// A steady load that ends: less than the load keeps the RPO only since the window ends, so a plan does not ask for less.
#[test]
fn a_lasting_bandwidth_carries_the_mean() {
    let arrivals = Arrivals {
        start_seconds: 0,
        step_seconds: 60,
        bytes: vec![60_000_000; 20],
    };
    let goal = Goal {
        rpo_ms: 300_000,
        steps_per_mille: 1_000,
    };
    // 20 of 25 minutes.
    assert_eq!(bandwidth_for(&arrivals, &Service::constant(0), goal), Some(6_400_000));
    assert_eq!(
        lasting_bandwidth_for(&arrivals, &Service::constant(0), goal),
        Some(8_000_000)
    );
    // Throttled to half in every second hour it must have a third more.
    let mut link = Link::new("link", 0);
    link.hours = (0..WEEK_HOURS)
        .map(|hour| HourLimit {
            per_mille: if hour % 2 == 0 { 1_000 } else { 500 },
            bits_per_second: None,
        })
        .collect();
    let throttled = Service {
        links: vec![link],
        ..Service::default()
    };
    assert!(
        lasting(&arrivals, &throttled.with_rate(10_666_667)) && !lasting(&arrivals, &throttled.with_rate(10_666_666))
    );
}

#[test]
fn episodes_belong_to_the_day_on_which_they_begin() {
    let mut bytes = vec![0; 96 * 2];
    bytes[95] = 1_000_000_000;
    // From 12:00 of one day to 12:00 of the second day after, in quarters of an hour.
    let arrivals = Arrivals {
        start_seconds: 1_512_345_600 + 43_200,
        step_seconds: 900,
        bytes,
    };
    let outcome = run(&arrivals, &Service::constant(1_000_000));
    let days = outcome.days(&arrivals, 60_000);
    let violations: Vec<usize> = days.iter().map(|day| day.violations).collect();
    assert_eq!(violations, [0, 1, 0]);
    assert_eq!(outcome.max_ms(), 8_000_000 - 900_000);
}

#[test]
fn batches_follow_one_another_with_the_changes_of_those_before() {
    let window = Arrivals {
        start_seconds: 0,
        step_seconds: 60,
        bytes: vec![0; 10],
    };
    // 8 Mbit/s; each batch changes 2 Mbit/s and copies 60 MB.
    let batch = Batch {
        bytes: 60_000_000,
        changes: vec![15_000_000; 10],
    };
    let done = simulate(
        &window,
        &Service::constant(8_000_000),
        0,
        &[batch.clone(), batch.clone(), batch.clone()],
    )
    .unwrap();
    let seconds: Vec<u64> = done.iter().map(|batch| batch.done_seconds).collect();
    // 6, 4, then 2 Mbit/s are left: 480 Mbit take 80, 120 and 240 s.
    assert_eq!(seconds, [80, 200, 440]);
    assert_eq!(done[2].began_seconds, 200);
    // A fourth has nothing left.
    assert_eq!(
        simulate(
            &window,
            &Service::constant(8_000_000),
            0,
            &[batch.clone(), batch.clone(), batch.clone(), batch.clone()]
        ),
        None
    );
    // Unless a quarter of the link is kept for it: 2 Mbit/s, while changes pile up.
    let done = simulate(
        &window,
        &Service::constant(8_000_000),
        250,
        &[batch.clone(), batch.clone(), batch.clone(), batch],
    )
    .unwrap();
    assert_eq!(done[3].done_seconds - done[2].done_seconds, 240);
    assert_eq!(done[3].backlog_bytes, 240 * 2_000_000 / 8);
}

#[test]
fn the_formula_of_a_batch_is_that_of_the_facts() {
    // 72 h of 100 Mbit/s less 28 Mbit/s are 2.3328 TB: 23 machines of 100 GB.
    assert_eq!(batch_machines(72 * 3_600, 100_000_000, 28_000_000, 100_000_000_000), 23);
    assert_eq!(batch_machines(72 * 3_600, 28_000_000, 28_000_000, 1), 0);
    assert_eq!(batch_machines(72 * 3_600, 1, 2, 1), 0);
}
