use super::*;

fn goal() -> Goal {
    "max RPO under 15 min".parse().unwrap()
}

/// Searches where the measured figure is known.
fn found(range: Range, reckoned: Option<u64>, measured: impl Fn(u64) -> Option<u64>, at_once: usize) -> Found {
    let run = |values: &[u64]| {
        let one = |value: &u64| Measured {
            ms: measured(*value),
            broken: None,
        };
        Ok(values.iter().map(one).collect())
    };
    search(range, reckoned, &run, goal(), at_once).unwrap()
}

fn bandwidth() -> Range {
    range(Input::Bandwidth)
}

#[test]
fn it_ends_where_the_goal_is_kept_and_missed_two_per_cent_beyond() {
    for edge in [10_001, 54_321, 7_777_777, 987_654_321_000] {
        for reckoned in [
            None,
            Some(edge),
            Some(edge * 3),
            Some(edge / 3),
            Some(edge - edge / 100),
        ] {
            for at_once in [1, 2, 7] {
                let found = found(
                    bandwidth(),
                    reckoned,
                    |bits| Some(if bits >= edge { 1 } else { 1_000_000 }),
                    at_once,
                );
                let (value, fails) = (found.value.unwrap(), found.fails_at.unwrap());
                assert!(
                    found.at(value).unwrap().holds && !found.at(fails).unwrap().holds,
                    "{edge}: {found:?}"
                );
                assert!(
                    value >= edge && fails < edge && fails <= value * 98 / 100,
                    "{edge}: {value} {fails}"
                );
                assert!(found.not_monotone.is_empty());
                assert!(found.tried.len() < 70, "{edge} {reckoned:?}: {}", found.tried.len());
            }
        }
    }
}

#[test]
fn the_largest_value_is_found_likewise() {
    for edge in [0, 3, 299, 9_998] {
        let found = found(
            range(Input::Growth),
            Some(300),
            |of| Some(if of <= edge { 1 } else { 1_000_000 }),
            2,
        );
        let (value, fails) = (found.value.unwrap(), found.fails_at.unwrap());
        assert!(value <= edge && fails > edge, "{edge}: {value} {fails}");
        assert!(
            !found.smallest && fails <= (value * 102).div_ceil(100).max(value + 1),
            "{edge}: {value} {fails}"
        );
    }
}

#[test]
fn where_nothing_or_everything_keeps_the_goal_there_is_no_answer() {
    let never = found(bandwidth(), Some(1_000_000), |_| None, 2);
    assert_eq!((never.value, never.fails_at), (None, None));
    assert!(never.tried.iter().all(|tried| !tried.holds) && never.tried.len() > 5);
    let always = found(bandwidth(), Some(1_000_000), |_| Some(1), 2);
    assert_eq!(always.value, None);
    assert!(
        always.tried.iter().any(|tried| tried.value == 1_000),
        "down to the range's end"
    );
}

#[test]
fn what_is_not_monotone_is_told() {
    // Twice the bandwidth of the edge fails again.
    let edge = 1_000_000;
    let measured = |bits: u64| {
        Some(if bits >= edge && bits < edge * 19 / 10 {
            1
        } else {
            1_000_000
        })
    };
    let found = found(bandwidth(), Some(edge), measured, 2);
    assert!(found.value.is_some() && !found.not_monotone.is_empty(), "{found:?}");
    assert!(found.not_monotone.iter().all(|value| *value >= edge * 19 / 10));
}

/// The goal is kept below it, not at it.
#[test]
fn under_is_less_than() {
    let found = found(
        bandwidth(),
        Some(1_000_000),
        |bits| Some(if bits > 500_000 { 899_999 } else { 900_000 }),
        2,
    );
    assert!(
        found.tried.iter().all(|tried| tried.holds == (tried.value > 500_000)),
        "{found:?}"
    );
}
