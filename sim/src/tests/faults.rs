//! Each kind of fault strikes, counts how often, and is over when it ends.

use std::cell::RefCell;
use std::rc::Rc;

use actors::facts::Fact;
use actors::messages::management;
use actors::nouns::{MachineId, Trigger};
use actors::ports::{Input, NetEvent, Token};
use datapath::disk::Operation;
use datapath::{Blob, Class, DiskId, SimTime, VmId};

use crate::faults::{Dark, FaultKind, FaultSpec, Left, Nth, Rotten};
use crate::link::LinkChange;
use crate::run::run_with;
use crate::spec::{NetworkKind, VolumeSpec, VolumeStart, WorldSpec};
use crate::testing::{Facts, Notes, link, note, options, pair, toy, toys};

mod ends;
mod reading;
mod refusing;
mod time;
mod writes;

const SECOND: u64 = 1_000_000_000;
const PORT: u16 = 443;

/// A fault from second 10 to second 20.
fn fault(kind: FaultKind) -> FaultSpec {
    FaultSpec {
        after: vec![0],
        ..FaultSpec::timed("fault", kind, 4 * SECOND, Some(10 * SECOND))
    }
}

fn world(kind: Option<FaultKind>) -> WorldSpec {
    let mut spec = pair();
    spec.until = SimTime(30 * SECOND);
    spec.triggers = vec![Trigger::At(SimTime(6 * SECOND))];
    spec.faults = kind.into_iter().map(fault).collect();
    spec.volumes = vec![VolumeSpec {
        name: "d".to_owned(),
        disk: DiskId { vm: VmId(0), index: 0 },
        bytes: 1 << 20,
        machine: 0,
        start: VolumeStart::Empty,
        class: Class(0),
    }];
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
        Input::Network(NetEvent::Opened { conn }) => env.send(conn, management::Up::Heartbeat { answer: true }),
        Input::Network(NetEvent::Received { .. }) => note(&asks, env, "answer"),
        _ => {}
    });
    let answerer = toy(move |env, input| match input {
        Input::Started => {
            env.listen(PORT);
            note(&answers, env, "start");
        }
        Input::Network(NetEvent::Received { conn, .. }) => env.send(conn, management::Down::HeartbeatSeen),
        _ => {}
    });
    let mut facts = Facts::default();
    let mut options = options();
    options.network = network;
    let ended = run_with(spec, &options, &mut facts, toys(vec![caller, answerer])).expect("the machine holds");
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
            machines: vec![Dark {
                volumes,
                ..Dark::new(MachineId(1))
            }],
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
    run_with(spec, &options(), &mut Facts::default(), toys(vec![caller, listener])).expect("the machine holds");
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
        Input::Flushed(..) => own
            .borrow_mut()
            .push((asked.borrow().0 / SECOND, env.now().since(*asked.borrow()))),
        _ => {}
    });
    run_with(
        spec,
        &options(),
        &mut Facts::default(),
        toys(vec![writer, toy(|_, _| ())]),
    )
    .expect("the machine holds");
    let plain = 50_500_000;
    for (second, nanoseconds) in took.borrow().iter() {
        let times = if (10..20).contains(second) { 8 } else { 1 };
        assert_eq!(*nanoseconds, plain * times, "asked in second {second}");
    }
    assert!(took.borrow().len() >= 25);
}

/// What `a` notes each second of its own disk, while `b` does nothing; what lies on the disk at the end; and what the log says.
fn on_disk(
    kind: FaultKind,
    network: NetworkKind,
    tells: impl Fn(&actors::ports::Env, Input) -> Option<String> + 'static,
    more: Vec<FaultSpec>,
) -> (Vec<(u64, String)>, Vec<Fact>) {
    let mut spec = world(Some(kind));
    spec.faults.extend(more);
    let notes: Notes = Rc::default();
    let own = Rc::clone(&notes);
    let writer = toy(move |env, input| {
        if let Input::Started | Input::Timer(_) = input {
            let _ = env.timer(SECOND, Token::default());
        }
        if let Some(text) = tells(env, input) {
            note(&own, env, &text);
        }
    });
    let mut facts = Facts::default();
    let mut options = options();
    options.network = network;
    let ended = run_with(spec, &options, &mut facts, toys(vec![writer, toy(|_, _| ())]));
    assert_eq!(ended.expect("the machine holds").broken, None);
    let notes = notes
        .borrow()
        .iter()
        .map(|(at, text)| (at / SECOND, text.clone()))
        .collect();
    let told = facts.0.into_iter().map(|(_, fact)| fact);
    let of_first =
        told.filter(|fact| matches!(fact, Fact::FaultStruck { fault: 0 } | Fact::FaultEnded { fault: 0, .. }));
    (notes, of_first.collect())
}

fn struck(told: &[Fact]) -> u64 {
    match told.last() {
        Some(Fact::FaultEnded { struck, .. }) => *struck,
        other => panic!("{other:?}"),
    }
}

const BOTH: [NetworkKind; 2] = [NetworkKind::Event, NetworkKind::Turmoil];

/// Appends ten bytes each second and says what came of it.
fn appends(env: &actors::ports::Env, input: Input) -> Option<String> {
    if !matches!(input, Input::Started | Input::Timer(_)) {
        return None;
    }
    let appended = env.files().append("f", Blob::real(vec![7; 10]));
    Some(appended.map_or_else(|error| error.to_string(), |_| "room".to_owned()))
}

#[test]
fn a_full_disk_takes_nothing_while_the_fault_lasts() {
    for network in BOTH {
        let machine = MachineId(0);
        let (notes, told) = on_disk(FaultKind::DiskFull { machine }, network, appends, Vec::new());
        for (second, text) in &notes {
            let full = (10..20).contains(second);
            assert_eq!(text.contains("disk full"), full, "{network:?} {second}: {text}");
        }
        assert!(struck(&told) >= 9);
        // Of another machine it changes nothing.
        let machine = MachineId(1);
        let (notes, told) = on_disk(FaultKind::DiskFull { machine }, network, appends, Vec::new());
        assert!(notes.iter().all(|(_, text)| text == "room"));
        assert_eq!(struck(&told), 0);
    }
}

#[test]
fn operations_of_a_disk_fail_by_their_number() {
    let error = |operation, which| FaultKind::DiskError {
        machine: MachineId(0),
        operation,
        which,
    };
    for network in BOTH {
        let failed = |kind| {
            let (notes, told) = on_disk(kind, network, appends, Vec::new());
            let failed = notes
                .iter()
                .filter(|(_, text)| text.contains("append of f: input/output error"));
            let failed: Vec<u64> = failed.map(|(second, _)| *second).collect();
            assert_eq!(failed.len() as u64, struck(&told));
            failed
        };
        let third = failed(error(Operation::Append, Nth::Only(3)));
        assert_eq!(third.len(), 1);
        let every = failed(error(Operation::Append, Nth::Every(2)));
        assert!(
            every.len() >= 4 && every.windows(2).all(|pair| pair[1] - pair[0] == 2),
            "{every:?}"
        );
        assert_eq!(failed(error(Operation::Read, Nth::Every(1))), Vec::<u64>::new());
    }
}

#[test]
fn a_flush_that_fails_says_so_and_can_be_asked_for_again() {
    let kind = FaultKind::DiskError {
        machine: MachineId(0),
        operation: Operation::Flush,
        which: Nth::Every(1),
    };
    for network in BOTH {
        let flushes = |env: &actors::ports::Env, input: Input| match input {
            Input::Flushed(_, result) => Some(if result.is_ok() { "durable" } else { "failed" }.to_owned()),
            input => {
                let _ = appends(env, input)?;
                env.flush(&["f".to_owned()], Token::default());
                None
            }
        };
        let (notes, told) = on_disk(kind.clone(), network, flushes, Vec::new());
        for (second, text) in &notes {
            assert_eq!(
                text == "failed",
                (10..20).contains(second),
                "{network:?} {second}: {text}"
            );
        }
        assert!(struck(&told) >= 9 && notes.len() >= 25);
    }
}

/// A power cut of `a` in second 15, for a second.
fn blackout() -> FaultSpec {
    let power = FaultKind::Power {
        machines: vec![Dark::new(MachineId(0))],
    };
    FaultSpec {
        wait: 9 * SECOND + SECOND / 2,
        lasts: Some(SECOND),
        ..fault(power)
    }
}

/// Appends and flushes each second; when it starts, says how many bytes are there.
fn keeps(env: &actors::ports::Env, input: Input) -> Option<String> {
    let started = matches!(input, Input::Started);
    if started || matches!(input, Input::Timer(_)) {
        let there = env.files().len("f").unwrap_or(0);
        let _ = appends(env, Input::Timer(Token::default()));
        env.flush(&["f".to_owned()], Token::default());
        return started.then(|| there.to_string());
    }
    None
}

#[test]
fn a_power_cut_shows_that_flushes_lied() {
    for network in BOTH {
        let left = |kind| {
            let (notes, told) = on_disk(kind, network, keeps, vec![blackout()]);
            assert_eq!(notes.len(), 2, "{notes:?}");
            (notes[1].1.parse::<u64>().expect("a number"), struck(&told))
        };
        let (honest, none) = left(FaultKind::FlushLies { machine: MachineId(1) });
        assert_eq!((honest, none), (160, 0), "{network:?}");
        let mut least = honest;
        let (lied, struck) = left(FaultKind::FlushLies { machine: MachineId(0) });
        least = least.min(lied);
        assert!(struck >= 5 && (100..=160).contains(&least), "{network:?}: {least}");
    }
}

#[test]
fn a_torn_disk_leaves_a_part_of_an_append_or_holes() {
    let unflushed = |env: &actors::ports::Env, input: Input| match input {
        Input::Started if env.incarnation == 1 => {
            env.files().append("f", Blob::real(vec![7; 100])).expect("room");
            env.flush(&["f".to_owned()], Token::default());
            None
        }
        Input::Flushed(..) => {
            for _ in 0..20 {
                env.files().append("f", Blob::real(vec![7; 100])).expect("room");
            }
            None
        }
        Input::Started => {
            let bytes = env.files().read_all("f").expect("it is there").bytes;
            let holes = bytes.iter().filter(|byte| **byte == 0).count();
            Some(format!("{} {holes}", bytes.len()))
        }
        _ => None,
    };
    for network in BOTH {
        let left = |left| {
            let machine = MachineId(0);
            let (notes, told) = on_disk(
                FaultKind::DiskTorn { machine, left },
                network,
                unflushed,
                vec![blackout()],
            );
            assert_eq!(struck(&told), 1);
            let (len, holes) = notes[0].1.split_once(' ').expect("two numbers");
            (
                len.parse::<usize>().expect("a number"),
                holes.parse::<usize>().expect("a number"),
            )
        };
        let (len, holes) = left(Left::Prefix);
        assert!((100..2_100).contains(&len) && holes == 0, "{network:?}: {len} {holes}");
        let (len, holes) = left(Left::Subset);
        assert!(
            len > 100 && len % 100 == 0 && holes > 0 && holes % 100 == 0,
            "{network:?}: {len} {holes}"
        );
        // Flushed in time, nothing is left to tear.
        let machine = MachineId(0);
        let kind = FaultKind::DiskTorn {
            machine,
            left: Left::Prefix,
        };
        let (notes, told) = on_disk(kind, network, keeps, vec![blackout()]);
        assert_eq!((notes[1].1.as_str(), struck(&told)), ("160", 0));
    }
}

#[test]
fn one_bit_of_one_file_rots() {
    let reads = |env: &actors::ports::Env, input: Input| {
        if let Input::Started = input {
            for name in ["x/a", "x/b", "y"] {
                env.files().append(name, Blob::real(vec![7; 10])).expect("room");
            }
        }
        let changed = |name: &str| {
            let bytes = env.files().read_all(name).expect("it is there").bytes;
            bytes
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte != 7)
                .map(|(at, _)| at)
                .collect::<Vec<_>>()
        };
        matches!(input, Input::Timer(_))
            .then(|| format!("{:?} {:?} {:?}", changed("x/a"), changed("x/b"), changed("y")))
    };
    for network in BOTH {
        let rot = |prefix: &str| {
            let file = Rotten {
                prefix: prefix.to_owned(),
                part: String::new(),
                index: 1,
                exact: false,
            };
            let machines = vec![MachineId(1), MachineId(0)];
            let kind = FaultKind::DiskRot {
                machines,
                file,
                byte: 13,
            };
            let (notes, told) = on_disk(kind, network, reads, Vec::new());
            (notes.last().expect("notes").1.clone(), struck(&told))
        };
        assert_eq!(rot("x/"), ("[] [3] []".to_owned(), 1), "{network:?}");
        assert_eq!(rot("z/"), ("[] [] []".to_owned(), 0), "{network:?}");
    }
}
