//! Each kind of fault strikes, counts how often, and is over when it ends.

use std::cell::RefCell;
use std::rc::Rc;

use actors::facts::Fact;
use actors::messages::{Body, Trigger};
use actors::ports::{Input, MachineId, NetEvent, Token};
use datapath::{Blob, SimTime};

use crate::faults::{FaultKind, FaultSpec};
use crate::link::LinkChange;
use crate::run::run_with;
use crate::spec::{NetworkKind, WorldSpec};
use crate::testing::{Facts, Notes, link, note, options, pair, toy, toys};

const SECOND: u64 = 1_000_000_000;
const PORT: u16 = 443;

/// A fault from second 10 to second 20.
fn fault(kind: FaultKind) -> FaultSpec {
    FaultSpec {
        name: "fault".to_owned(),
        kind,
        after: vec![0],
        wait: 4 * SECOND,
        lasts: Some(10 * SECOND),
    }
}

fn world(kind: Option<FaultKind>) -> WorldSpec {
    let mut spec = pair();
    spec.until = SimTime(30 * SECOND);
    spec.triggers = vec![Trigger::At(SimTime(6 * SECOND))];
    spec.faults = kind.into_iter().map(fault).collect();
    spec
}

/// `a` connects to `b` each second and says hello; `b` answers. Returns in which seconds an answer arrived, how often `b` was started,
/// and what the log says of the fault.
fn seconds_answered(spec: WorldSpec, network: NetworkKind) -> (Vec<u64>, usize, Vec<Fact>) {
    let notes: Notes = Rc::default();
    let (asks, answers) = (Rc::clone(&notes), Rc::clone(&notes));
    let caller = toy(move |env, input| match input {
        Input::Started | Input::Timer(_) => {
            let _ = env.connect(MachineId(1), PORT);
            let _ = env.timer(SECOND, Token::default());
        }
        Input::Network(NetEvent::Opened { conn }) => env.send(conn, Body::Heartbeat { answer: true }),
        Input::Network(NetEvent::Received { .. }) => note(&asks, env, "answer"),
        _ => {}
    });
    let answerer = toy(move |env, input| match input {
        Input::Started => {
            env.listen(PORT);
            note(&answers, env, "start");
        }
        Input::Network(NetEvent::Received { conn, .. }) => env.send(conn, Body::HeartbeatSeen),
        _ => {}
    });
    let mut facts = Facts::default();
    let mut options = options();
    options.network = network;
    let ended = run_with(spec, &options, &mut facts, toys(vec![caller, answerer]), &[]).expect("the machine holds");
    assert_eq!(ended.broken, None);
    let notes = notes.borrow();
    let of = |text: &str| {
        notes
            .iter()
            .filter(|(_, own)| own == text)
            .map(|(at, _)| at / SECOND)
            .collect::<Vec<u64>>()
    };
    let told = facts.0.into_iter().map(|(_, fact)| fact);
    let told = told.filter(|fact| {
        matches!(
            fact,
            Fact::FaultBegan { .. } | Fact::FaultStruck { .. } | Fact::FaultEnded { .. }
        )
    });
    (of("answer"), of("start").len(), told.collect())
}

/// The answers stop while the fault lasts, and come again after it.
fn stops(kind: &FaultKind, starts: usize) {
    for network in [NetworkKind::Event, NetworkKind::Turmoil] {
        let (answered, started, told) = seconds_answered(world(Some(kind.clone())), network);
        let during: Vec<&u64> = answered.iter().filter(|second| (11..20).contains(*second)).collect();
        assert!(during.is_empty(), "{kind:?} on {network:?}: answered in {during:?}");
        assert!(
            answered.contains(&9) && answered.contains(&22),
            "{kind:?} on {network:?}: {answered:?}"
        );
        assert_eq!(started, starts, "{kind:?} on {network:?}");
        let [
            Fact::FaultBegan { fault: 0 },
            Fact::FaultStruck { fault: 0 },
            Fact::FaultEnded { fault: 0, struck },
        ] = told[..]
        else {
            panic!("{kind:?} on {network:?}: {told:?}");
        };
        assert!(struck > 0);
    }
}

#[test]
fn two_machines_that_are_apart_do_not_reach_each_other() {
    let (first, second) = (MachineId(1), MachineId(0));
    stops(&FaultKind::Apart { first, second }, 1);
}

#[test]
fn nothing_passes_a_blocked_port() {
    stops(
        &FaultKind::PortBlocked {
            port: PORT,
            machine: None,
        },
        1,
    );
    let machine = Some(MachineId(0));
    stops(&FaultKind::PortBlocked { port: PORT, machine }, 1);
}

#[test]
fn a_machine_without_power_says_nothing_and_starts_again() {
    let volumes = Vec::new();
    stops(
        &FaultKind::Power {
            machine: MachineId(1),
            volumes,
        },
        2,
    );
}

#[test]
fn a_process_ends_and_starts_again_alone() {
    let component = 0;
    stops(
        &FaultKind::Process {
            machine: MachineId(1),
            component,
        },
        2,
    );
}

#[test]
fn a_cut_link_carries_nothing() {
    let change = LinkChange::Cut;
    stops(&FaultKind::Link { link: 0, change }, 1);
}

#[test]
fn what_does_not_concern_anybody_never_strikes() {
    for kind in [
        FaultKind::PortBlocked {
            port: 20004,
            machine: None,
        },
        FaultKind::Apart {
            first: MachineId(0),
            second: MachineId(0),
        },
        FaultKind::DiskSlow {
            machine: MachineId(0),
            times: 10,
        },
    ] {
        let (answered, _, told) = seconds_answered(world(Some(kind)), NetworkKind::Event);
        assert_eq!(answered, seconds_answered(world(None), NetworkKind::Event).0);
        assert_eq!(
            told,
            [Fact::FaultBegan { fault: 0 }, Fact::FaultEnded { fault: 0, struck: 0 }]
        );
    }
}

#[test]
fn a_fault_that_lasts_to_the_end_of_the_run_is_told() {
    let mut spec = world(Some(FaultKind::PortBlocked {
        port: PORT,
        machine: None,
    }));
    spec.faults[0].lasts = None;
    let (answered, _, told) = seconds_answered(spec, NetworkKind::Event);
    assert_eq!(answered.iter().max(), Some(&9));
    assert!(
        matches!(told.last(), Some(Fact::FaultEnded { struck: 1.., .. })),
        "{told:?}"
    );
}

#[test]
fn a_slow_link_is_slow_while_the_fault_lasts() {
    let mut spec = world(Some(FaultKind::Link {
        link: 0,
        change: LinkChange::Degrade {
            bits_per_second: 8_000_000,
            latency: 300_000_000,
            loss_per_million: 0,
        },
    }));
    spec.links = vec![link("wan", &[(spec.machines[0].zone, spec.machines[1].zone)])];
    let took = Rc::new(RefCell::new(Vec::new()));
    let own = Rc::clone(&took);
    let caller = toy(move |env, input| {
        if let Input::Started | Input::Timer(_) = input {
            let _ = env.connect(MachineId(1), PORT);
            let _ = env.timer(SECOND, Token::default());
        }
        if let Input::Network(NetEvent::Opened { .. }) = input {
            own.borrow_mut().push((env.now().0 / SECOND, env.now().0 % SECOND));
        }
    });
    let listener = toy(|env, input| {
        if let Input::Started = input {
            env.listen(PORT);
        }
    });
    run_with(
        spec,
        &options(),
        &mut Facts::default(),
        toys(vec![caller, listener]),
        &[],
    )
    .expect("the machine holds");
    for (second, after) in took.borrow().iter() {
        let expected = match second {
            10..20 => 600_000_000..700_000_000,
            // Asked for as the fault ended: one packet on the slow link, one on the other.
            20 => 300_000_000..700_000_000,
            _ => 0..10_000_000,
        };
        assert!(expected.contains(after), "in second {second} it took {after} ns");
    }
    assert!(took.borrow().len() >= 25);
}

#[test]
fn a_slow_disk_flushes_slower() {
    let mut spec = world(Some(FaultKind::DiskSlow {
        machine: MachineId(0),
        times: 8,
    }));
    spec.machines[0].disk_bytes_per_second = 1_000_000;
    let took = Rc::new(RefCell::new(Vec::new()));
    let own = Rc::clone(&took);
    let asked = RefCell::new(SimTime::ZERO);
    let writer = toy(move |env, input| match input {
        Input::Started | Input::Timer(_) => {
            env.files().append("f", Blob::real(vec![1; 50_000])).expect("room");
            env.flush(&["f".to_owned()], Token::default());
            asked.replace(env.now());
            let _ = env.timer(SECOND, Token::default());
        }
        Input::Flushed(_) => own
            .borrow_mut()
            .push((asked.borrow().0 / SECOND, env.now().since(*asked.borrow()))),
        _ => {}
    });
    run_with(
        spec,
        &options(),
        &mut Facts::default(),
        toys(vec![writer, toy(|_, _| ())]),
        &[],
    )
    .expect("the machine holds");
    let plain = 50_500_000;
    for (second, nanoseconds) in took.borrow().iter() {
        let times = if (10..20).contains(second) { 8 } else { 1 };
        assert_eq!(*nanoseconds, plain * times, "asked in second {second}");
    }
    assert!(took.borrow().len() >= 25);
}
