//! Figures that are counted a second time.

use super::*;

#[test]
fn the_figures_of_the_journey_are_right() {
    let result = judge(&Story::journey(Grain::Real));
    let vm = &result.vms[0];
    assert_eq!(
        vm.states.last().map(|(_, state)| *state),
        Some(ItemState::FailbackCommitPending)
    );
    let lost = vm.lost().expect("a failover lost something");
    assert_eq!(
        (lost.writes, lost.bytes),
        (story::LOST_WRITES, story::LOST_WRITES * 4096)
    );
    assert_eq!(lost.ms, story::DARK_AFTER_MARK_MS);
    let failover = vm.newest(FailoverKind::Unplanned).unwrap();
    assert_eq!(failover.rto_ms(), Some(story::RTO_MS));
    assert_eq!(failover.decision_ms, Some(story::DECISION_MS));
    let home = vm.newest(FailoverKind::Failback).unwrap();
    assert_eq!(
        home.lost.map(|lost| (lost.ms, lost.writes)),
        Some((0, 0)),
        "the guest was shut down in order"
    );
    assert!(vm.newest(FailoverKind::Test).unwrap().lost.is_none());
    let rpo = vm.rpo.unwrap();
    assert!(rpo.p50_ms > 60_000 && rpo.p50_ms <= rpo.p99_ms && rpo.p99_ms <= rpo.max_ms);
    // Points come every 5 minutes and can be used after 20 s; the last minute before the disaster has the oldest.
    assert_eq!(rpo.max_ms, 5 * 60_000 + 20_000);
    assert_eq!(vm.true_rpo.unwrap().max_ms, 5 * 60_000 + 20_000);
    let ahead = |stretch: &crate::metrics::RpoStretch| stretch.true_high_ms - stretch.high_ms;
    assert_eq!(
        vm.rpo_series.first().map(ahead),
        Some(5_000),
        "the source's clock is 5 s ahead"
    );
    assert_eq!(
        vm.rpo_series.last().map(ahead),
        Some(0),
        "the machine in Azure has the right time"
    );
    assert_eq!(vm.copies.len(), 4);
}

#[test]
fn a_reported_figure_that_is_not_what_happened_is_found() {
    let story = Story::journey(Grain::Extent);
    let mut figures = Figures::default();
    for told in &story.told {
        figures.fact(told.at, &told.fact);
        match &told.fact {
            Fact::Wrote { life, seq, extents, .. } if life.machine != story::TEST => {
                figures.wrote(told.at, *life, *seq, 1, u64::from(*extents) * 4096);
            }
            Fact::Acknowledged { life, through, .. } => figures.acknowledged(*life, *through),
            Fact::Power { machine, on: false } => figures.power_lost(told.at, *machine),
            _ => {}
        }
    }
    let end = story.told.last().unwrap().at;
    let reported = judge(&story).vms[0].clone();
    assert_eq!(
        figures.clone().end(end, &reported),
        Vec::<crate::invariants::figures_agree::Broken>::new()
    );
    // Each figure a little too good.
    let wrong: [fn(&mut VmResult); 6] = [
        |vm| vm.rpo.as_mut().unwrap().max_ms -= 1,
        |vm| vm.rpo.as_mut().unwrap().p50_ms = vm.rpo.unwrap().p50_ms * 95 / 100,
        |vm| vm.true_rpo.as_mut().unwrap().over_ms -= 1,
        |vm| vm.failovers[1].lost.as_mut().unwrap().writes -= 1,
        |vm| vm.failovers[1].lost.as_mut().unwrap().ms -= 1,
        |vm| vm.failovers[1].workload_up = Some(vm.failovers[1].started),
    ];
    for (number, wrong) in wrong.into_iter().enumerate() {
        let mut reported = reported.clone();
        wrong(&mut reported);
        assert_eq!(figures.clone().end(end, &reported).len(), 1, "figure {number}");
    }
}

#[test]
fn a_point_that_is_stored_and_never_processed_counts_as_made_and_not_for_rpo() {
    let mut story = Story::protected(Grain::Extent, 3);
    let before = judge(&story);
    drop_facts(&mut story, |fact| is_point(fact, 3));
    let after = judge(&story);
    let points = after.recovery_points;
    assert_eq!((points.made, points.waiting), (4, 1), "{points:?}");
    assert!(points.verified < 4, "{points:?}");
    assert_eq!(before.recovery_points.verified, 4);
    assert!(after.vms[0].rpo.unwrap().max_ms > before.vms[0].rpo.unwrap().max_ms);
}
