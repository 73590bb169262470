//! What holds to the nanosecond on the event network.

use std::cell::RefCell;
use std::rc::Rc;

use actors::facts::Fact;
use actors::messages::{Body, management};
use actors::nouns::MachineId;
use actors::ports::{Input, Job, NetEvent, Token, Work};
use datapath::{Blob, SimTime};
use rand::RngExt;

use crate::faults::{FaultKind, FaultSpec};
use crate::link::LinkChange;
use crate::link::tcp_model::TcpModel;
use crate::run::{Ended, Why, run_with};
use crate::spec::WorldSpec;
use crate::testing::{Facts, Maker, Notes, note, options, pair, texts, toy, toys};

/// Bytes of a heartbeat's encoding.
fn heartbeat() -> (Body, u64) {
    let body = Body::ManagementDown(management::Down::HeartbeatSeen);
    let bytes = datapath::encoded::encode(&body).len() as u64;
    (body, bytes)
}

/// What a packet of so many bytes weighs.
fn wire(bytes: u64) -> u64 {
    TcpModel::default().wire_bytes(bytes)
}

fn run(spec: WorldSpec, seed: u64, workers: usize, makers: Vec<Maker>) -> (Ended, Facts) {
    let mut facts = Facts::default();
    let mut options = options();
    options.seed = seed;
    options.workers = workers;
    let ended = run_with(spec, &options, &mut facts, toys(makers)).unwrap();
    (ended, facts)
}

/// Accepts and notes what comes.
fn listener(notes: &Notes) -> Maker {
    let notes = Rc::clone(notes);
    toy(move |env, input| match input {
        Input::Started => env.listen(7),
        Input::Network(NetEvent::Received { frame, .. }) => {
            note(&notes, env, format!("received {}", frame.payload.map_or(0, |p| p.size)));
        }
        Input::Network(NetEvent::Accepted { peer, port, .. }) => {
            note(&notes, env, format!("accepted {} {port}", peer.0))
        }
        Input::Network(NetEvent::Closed { .. }) => note(&notes, env, "closed"),
        other => panic!("unexpected: {other:?}"),
    })
}

#[test]
fn a_frame_takes_its_bytes_over_the_rate_and_the_latency() {
    let notes = Notes::default();
    let sender = {
        let notes = Rc::clone(&notes);
        toy(move |env, input| match input {
            Input::Started => {
                let _ = env.connect(MachineId(1), 7);
            }
            Input::Network(NetEvent::Opened { conn }) => {
                note(&notes, env, "opened");
                env.send_with(conn, heartbeat().0, Blob::modelled(vec![1], 1_000_000));
                env.send(conn, heartbeat().0);
                env.close(conn);
            }
            other => panic!("unexpected: {other:?}"),
        })
    };
    let (ended, facts) = run(pair(), 1, 0, vec![sender, listener(&notes)]);
    assert_eq!(ended.broken, None);
    assert_eq!(ended.why, Why::Finished);
    // A byte a microsecond, 1 ms.
    let us = 1_000;
    let way = (wire(0) + 1_000) * us;
    let first = 2 * way + wire(heartbeat().1 + 1_000_000) * us;
    let second = first + wire(heartbeat().1) * us;
    let expected = [
        (way, "accepted 0 7".to_owned()),
        (2 * way, "opened".to_owned()),
        (first + 1_000 * us, "received 1000000".to_owned()),
        (second + 1_000 * us, "received 0".to_owned()),
        (second + way, "closed".to_owned()),
    ];
    assert_eq!(*notes.borrow(), expected);
    // All bytes that passed are in the log.
    let forward = 2 * wire(0) + wire(heartbeat().1 + 1_000_000) + wire(heartbeat().1);
    let mut used = [0, 0];
    for (_, fact) in &facts.0 {
        if let Fact::LinkUse { back, bytes, .. } = fact {
            used[usize::from(*back)] += bytes;
        }
    }
    assert_eq!(used, [forward, wire(0)]);
}

#[test]
fn a_cut_loses_what_is_on_its_way_in_the_link() {
    let notes = Notes::default();
    let sender = toy(move |env, input| match input {
        Input::Started => {
            let _ = env.connect(MachineId(1), 7);
        }
        Input::Network(NetEvent::Opened { conn }) => {
            env.send_with(conn, heartbeat().0, Blob::modelled(vec![1], 1_000_000));
        }
        other => panic!("unexpected: {other:?}"),
    });
    // A byte a microsecond, 1 ms: the frame's last byte is in the link, and half of the way is behind it.
    let us = 1_000;
    let through = 2 * (wire(0) + 1_000) * us + wire(heartbeat().1 + 1_000_000) * us;
    let (link, change) = (0, LinkChange::Cut);
    let cut = FaultSpec::timed(
        "cut",
        FaultKind::Link { link, change },
        through + 500 * us,
        Some(100 * us),
    );
    let mut spec = pair();
    spec.faults = vec![cut];
    let (ended, _) = run(spec, 1, 0, vec![sender, listener(&notes)]);
    assert_eq!(ended.broken, None);
    assert_eq!(texts(&notes), ["accepted 0 7"]);
}

#[test]
fn a_bulk_transfer_does_not_hold_up_a_heartbeat_on_another_connection() {
    let notes = Notes::default();
    let sender = toy(move |env, input| match input {
        Input::Started => {
            let bulk = env.connect(MachineId(1), 7);
            for _ in 0..100 {
                env.send_with(bulk, heartbeat().0, Blob::modelled(vec![], 100_000));
            }
            env.timer(1_000_000_000, Token { what: 1, key: 0 });
        }
        Input::Timer(_) => {
            let conn = env.connect(MachineId(1), 7);
            env.send(conn, heartbeat().0);
        }
        _ => {}
    });
    let (ended, facts) = run(pair(), 1, 0, vec![sender, listener(&notes)]);
    assert_eq!(ended.broken, None);
    let at = notes
        .borrow()
        .iter()
        .find(|(_, text)| text == "received 0")
        .map(|(at, _)| *at);
    // The request to connect and a byte, with a frame each, at half the rate, and the latency.
    let expected = 1_000_000_000 + (wire(0) + wire(heartbeat().1)) * 2_000 + 1_000_000;
    assert!(at.unwrap().abs_diff(expected) <= 2, "{at:?}, not {expected}");
    assert_eq!(
        texts(&notes).iter().filter(|text| *text == "received 100000").count(),
        100
    );
    let carried: u64 = facts
        .0
        .iter()
        .map(|(_, fact)| {
            if let Fact::LinkUse { bytes, back: false, .. } = fact {
                *bytes
            } else {
                0
            }
        })
        .sum();
    assert_eq!(
        carried,
        2 * wire(0) + 100 * wire(heartbeat().1 + 100_000) + wire(heartbeat().1)
    );
}

/// A busy little world: random traffic both ways, jobs, flushes.
fn busy() -> Vec<Maker> {
    let side = |other: u32| -> Maker {
        Rc::new(move |env| {
            let mut random = env.random("traffic");
            let mut conns = Vec::new();
            Box::new(move |env, input| match input {
                Input::Started => {
                    env.listen(7);
                    conns.push(env.connect(MachineId(other), 7));
                    env.timer(random.random_range(0..1_000_000), Token::default());
                }
                Input::Timer(_) => {
                    let size = random.random_range(0..20_000);
                    env.send_with(conns[0], heartbeat().0, Blob::modelled(vec![], size));
                    let number: u64 = random.random();
                    let job = Job {
                        work: Work::CompressAndSeal,
                        input_bytes: size,
                        reads: 0,
                        run: Box::new(move |_| Box::new(number)),
                    };
                    env.compute(job, Token { what: 2, key: number });
                    env.timer(random.random_range(0..20_000_000), Token::default());
                }
                Input::Done(token, output) => {
                    assert_eq!(output.take::<u64>(), token.key);
                    env.files()
                        .append("log", Blob::real(token.key.to_le_bytes().to_vec()))
                        .unwrap();
                    env.flush(&["log".to_owned()], Token { what: 3, key: 0 });
                }
                Input::Flushed(..) => {
                    let fact = Fact::Discovered {
                        by: env.machine,
                        vms: vec![datapath::VmId(env.files().len("log").unwrap() as u32)],
                    };
                    env.fact(fact);
                }
                _ => {}
            })
        })
    };
    vec![side(1), side(0)]
}

#[test]
fn the_same_seed_gives_the_same_digest_with_any_number_of_workers_and_another_seed_another() {
    let mut spec = pair();
    spec.until = SimTime(20_000_000_000);
    let digest = |seed, workers| run(spec.clone(), seed, workers, busy()).0;
    let first = digest(1, 0);
    assert_eq!(first.broken, None);
    assert!(first.frames > 1_000, "{}", first.frames);
    for workers in [0, 1, 4] {
        assert_eq!(digest(1, workers).digest, first.digest);
    }
    assert_ne!(digest(2, 0).digest, first.digest);
}

#[test]
fn jobs_wait_for_a_core_and_waiting_needs_none() {
    let ends = Rc::new(RefCell::new(Vec::new()));
    let worker = {
        let ends = Rc::clone(&ends);
        toy(move |env, input| match input {
            Input::Started => {
                for key in 0..3 {
                    let job = Job {
                        work: Work::Checksum,
                        input_bytes: 2_200,
                        reads: 0,
                        run: Box::new(move |_| Box::new(())),
                    };
                    env.compute(job, Token { what: 1, key });
                }
                env.wait(500, Token { what: 1, key: 9 });
            }
            Input::Done(token, _) => ends.borrow_mut().push((env.now().0, token.key)),
            _ => {}
        })
    };
    run(pair(), 1, 2, vec![worker, toy(|_, _| ())]);
    assert_eq!(*ends.borrow(), [(500, 9), (1_000, 0), (1_000, 1), (2_000, 2)]);
}

#[test]
fn an_actor_that_panics_ends_the_run_as_broken_with_its_name_and_the_last_events() {
    let bad = toy(|env, input| {
        if let Input::Timer(token) = input {
            env.fact(Fact::TestCleaned { vm: datapath::VmId(77) });
            assert_eq!(token.key, 1, "on purpose");
        } else {
            env.timer(5_000_000_000, Token { what: 12, key: 0 });
        }
    });
    let (ended, _) = run(pair(), 1, 0, vec![bad, toy(|_, _| ())]);
    let broken = ended.broken.unwrap();
    assert!(
        broken.starts_with("a/vcenter-0 panicked at 00:00:05.000 over timer 12"),
        "{broken}"
    );
    assert!(broken.contains("TestCleaned { vm: VmId(77) }"), "{broken}");
    assert_eq!(ended.now, SimTime(5_000_000_000));
}

#[test]
fn a_timer_taken_back_does_not_fire_and_the_clock_is_the_machines_own() {
    let notes = Notes::default();
    let actor = {
        let notes = Rc::clone(&notes);
        toy(move |env, input| match input {
            Input::Started => {
                let gone = env.timer(10, Token { what: 1, key: 1 });
                env.timer(20, Token { what: 1, key: 2 });
                env.cancel(gone);
            }
            Input::Timer(token) => note(&notes, env, format!("{} {}", token.key, env.clock().0)),
            _ => {}
        })
    };
    let mut spec = pair();
    spec.machines[0].clock_skew = 1_000;
    run(spec, 1, 0, vec![actor, toy(|_, _| ())]);
    assert_eq!(*notes.borrow(), [(20, "2 1020".to_owned())]);
}

/// Each is moved several times for every message: a variant that grows would slow down all of them.
#[test]
fn what_every_message_is_moved_as_stays_small() {
    let sizes = [
        ("entry", size_of::<crate::world::Entry>()),
        ("input", size_of::<Input>()),
        ("packet", size_of::<crate::network::Packet>()),
        ("body", size_of::<Body>()),
    ];
    assert!(sizes[..3].iter().all(|(_, bytes)| *bytes <= 128), "{sizes:?}");
}
