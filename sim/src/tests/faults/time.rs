//! Faults of links in one direction, of answers, and of clocks: nothing is lost that they only keep back.

use super::*;
use crate::faults::Off;
use actors::messages::management;

/// `a` connects to `b` each second and says hello; `b` answers. Returns in which seconds `b` accepted, and when answers arrived, in
/// nanoseconds, and how often the fault struck.
fn talk(kind: Option<FaultKind>, network: NetworkKind) -> (Vec<u64>, Vec<u64>, u64) {
    let notes: Notes = Rc::default();
    let (asks, answers) = (Rc::clone(&notes), Rc::clone(&notes));
    let caller = toy(move |env, input| match input {
        Input::Started | Input::Timer(_) => {
            let _ = env.connect(MachineId(1), PORT);
            let _ = env.timer(SECOND, Token::default());
        }
        Input::Network(NetEvent::Opened { conn }) => env.send(conn, management::Up::Heartbeat { answer: true }),
        Input::Network(NetEvent::Received { .. }) => note(&asks, env, "answer"),
        _ => {}
    });
    let answerer = toy(move |env, input| match input {
        Input::Started => env.listen(PORT),
        Input::Network(NetEvent::Accepted { .. }) => note(&answers, env, "accepted"),
        Input::Network(NetEvent::Received { conn, .. }) => env.send(conn, management::Down::HeartbeatSeen),
        _ => {}
    });
    let mut facts = Facts::default();
    let mut options = options();
    options.network = network;
    let spec = world(kind);
    let ended = run_with(spec, &options, &mut facts, toys(vec![caller, answerer])).expect("the machine holds");
    assert_eq!(ended.broken, None);
    let notes = notes.borrow();
    let of = |text: &str| {
        notes
            .iter()
            .filter(|(_, own)| own == text)
            .map(|(at, _)| *at)
            .collect::<Vec<u64>>()
    };
    let struck = facts.0.iter().find_map(|(_, fact)| match fact {
        Fact::FaultEnded { struck, .. } => Some(*struck),
        _ => None,
    });
    (of("accepted"), of("answer"), struck.unwrap_or_default())
}

fn during(times: &[u64], from: u64, to: u64) -> usize {
    times
        .iter()
        .filter(|at| (from * SECOND..to * SECOND).contains(at))
        .count()
}

#[test]
fn a_link_that_flaps_carries_something_between_and_nothing_while_it_is_cut() {
    let (down, up) = (3 * SECOND, 2 * SECOND);
    for network in BOTH {
        let (accepted, answered, struck) = talk(Some(FaultKind::LinkFlapping { link: 0, down, up }), network);
        // Cut from second 10, whole from 13, cut from 15, whole from 18.
        for (cut, whole) in [(10, 13), (15, 18)] {
            assert_eq!(during(&answered, cut, whole), 0, "{network:?}: {answered:?}");
            assert!(during(&accepted, whole, whole + 2) > 0, "{network:?}: {accepted:?}");
        }
        assert!(during(&answered, 21, 30) > 5 && struck >= 4, "{network:?}: {struck}");
    }
}

#[test]
fn a_link_stays_cut_where_another_fault_has_it_cut_while_it_flaps() {
    let (down, up) = (SECOND, SECOND);
    let cut = FaultKind::Link {
        link: 0,
        change: LinkChange::Cut,
    };
    for network in BOTH {
        let mut spec = world(Some(FaultKind::LinkFlapping { link: 0, down, up }));
        // From second 12 to 17, so that it ends while the other has the link cut, until second 17.
        spec.faults
            .push(FaultSpec::timed("cut", cut.clone(), 12 * SECOND, Some(4_500_000_000)));
        let (answered, _, _) = seconds_answered(spec, network);
        let heard: Vec<u64> = answered
            .into_iter()
            .filter(|second| (10..20).contains(second))
            .collect();
        assert_eq!(heard, [11, 17, 19], "{network:?}");
    }
}

#[test]
fn what_is_cut_in_one_direction_works_in_the_other() {
    for network in BOTH {
        let (accepted, answered, struck) = talk(Some(FaultKind::LinkOneWay { link: 0, back: false }), network);
        assert_eq!(
            (during(&accepted, 11, 20), during(&answered, 11, 20)),
            (0, 0),
            "{network:?}"
        );
        assert!(struck >= 9);
        let (accepted, answered, struck) = talk(Some(FaultKind::LinkOneWay { link: 0, back: true }), network);
        assert_eq!(
            (during(&accepted, 11, 20), during(&answered, 11, 20)),
            (9, 0),
            "{network:?}"
        );
        assert!(struck >= 9 && during(&answered, 21, 30) >= 8);
    }
}

#[test]
fn what_is_held_goes_on_at_the_end_and_nothing_is_lost() {
    for network in BOTH {
        let (_, all, _) = talk(None, network);
        let (accepted, answered, struck) = talk(Some(FaultKind::LinkHeld { link: 0 }), network);
        assert_eq!(
            (during(&accepted, 11, 20), during(&answered, 11, 20)),
            (0, 0),
            "{network:?}"
        );
        assert!(during(&answered, 20, 21) >= 10, "{network:?}: {answered:?}");
        assert_eq!((answered.len(), struck >= 9), (all.len(), true), "{network:?}");
    }
}

#[test]
fn a_late_answer_is_late_by_so_much_and_is_not_lost() {
    let machine = MachineId(1);
    for network in BOTH {
        let by = 2 * SECOND + SECOND / 2;
        let (accepted, answered, struck) = talk(Some(FaultKind::AnswersLate { machine, by }), network);
        // Each is asked for at a whole second.
        let late = answered.iter().filter(|at| **at % SECOND >= SECOND / 2).count();
        assert_eq!(answered.len(), accepted.len(), "{network:?}");
        assert!(
            (9..=11).contains(&late) && struck == late as u64,
            "{network:?}: {late} {struck}"
        );
        assert_eq!(during(&answered, 11, 12), 0, "{network:?}");
        // Those who ask are not late.
        let (_, plain, _) = talk(None, network);
        let (_, answered, struck) = talk(
            Some(FaultKind::AnswersLate {
                machine: MachineId(0),
                by,
            }),
            network,
        );
        assert_eq!((answered.len(), struck), (plain.len(), 0), "{network:?}");
    }
}

#[test]
fn an_answer_comes_twice_while_the_fault_lasts() {
    let machine = MachineId(1);
    for network in BOTH {
        let (accepted, answered, struck) = talk(Some(FaultKind::AnswersTwice { machine }), network);
        assert_eq!(during(&answered, 11, 20), 2 * during(&accepted, 11, 20), "{network:?}");
        assert_eq!(during(&answered, 21, 29), during(&accepted, 21, 29), "{network:?}");
        assert!((9..=11).contains(&struck), "{network:?}: {struck}");
    }
}

/// Each second, by how many milliseconds the time of day and the count of time are off.
fn clocks(kind: FaultKind, network: NetworkKind) -> (Vec<(u64, i64, i64)>, u64) {
    let tells = |env: &actors::ports::Env, input: Input| {
        let off = |time: SimTime| (time.0 as i64 - env.now().0 as i64) / 1_000_000;
        matches!(input, Input::Timer(_)).then(|| format!("{} {}", off(env.clock()), off(env.monotonic())))
    };
    let (notes, told) = on_disk(kind, network, tells, Vec::new());
    let both = |text: &str| {
        let (clock, count) = text.split_once(' ').expect("two numbers");
        (clock.parse().expect("a number"), count.parse().expect("a number"))
    };
    let notes = notes.iter().map(|(second, text)| {
        let (clock, count) = both(text);
        (*second, clock, count)
    });
    (notes.collect(), struck(&told))
}

#[test]
fn a_clock_jumps_and_is_set_right_and_what_waits_does_not_notice() {
    for network in BOTH {
        for by in [-5, 5] {
            let kind = FaultKind::Clock {
                machine: MachineId(0),
                off: Off::Jump(by * 1_000_000_000),
            };
            let (told, struck) = clocks(kind, network);
            for (second, clock, count) in &told {
                let off = if (10..20).contains(second) { by * 1_000 } else { 0 };
                assert_eq!((*clock, *count), (off, 0), "{network:?} in second {second}");
            }
            assert!(told.len() >= 28 && struck >= 9);
        }
    }
}

#[test]
fn a_clock_that_drifts_takes_its_timers_along() {
    for network in BOTH {
        for (per_million, fires) in [(500_000, 14..=16), (-500_000, 4..=6)] {
            let kind = FaultKind::Clock {
                machine: MachineId(0),
                off: Off::Drift(per_million),
            };
            let (told, struck) = clocks(kind, network);
            let lasting: Vec<_> = told.iter().filter(|(second, ..)| (10..20).contains(second)).collect();
            assert!(fires.contains(&lasting.len()), "{network:?}: {lasting:?}");
            let (_, last, _) = lasting.last().expect("it fires");
            assert!(last.signum() == i64::from(per_million.signum()) && (3_000..=5_000).contains(&last.abs()));
            let (_, clock, count) = told.last().expect("it fires");
            // The time of day is set right; what was counted stays counted.
            assert_eq!((*clock, *count), (0, i64::from(per_million) / 100), "{network:?}");
            assert!(struck >= 5);
        }
    }
}
