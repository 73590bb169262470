//! One case, every network: the same toys, the same order of what each hears. Times may differ by a few ticks.

use std::rc::Rc;

use actors::messages::{Body, replication};
use actors::nouns::MachineId;
use actors::ports::{Input, NetEvent, Token};
use datapath::{Blob, SimTime, VmId};

use crate::faults::{Dark, FaultKind, FaultSpec};
use crate::link::LinkChange;
use crate::run::{Ended, run_with};
use crate::spec::{NetworkKind, WorldSpec, Zone};
use crate::testing::{Facts, Maker, Notes, link, machine, note, options, pair, texts, toy, toys};

const SECOND: u64 = 1_000_000_000;

/// Runs a case on each network and checks what was noted.
fn on_each(spec: &WorldSpec, makers: impl Fn(&Notes) -> Vec<Maker>, check: impl Fn(&Notes)) {
    for network in NETWORKS {
        let mut digests = Vec::new();
        for _ in 0..2 {
            let notes = Notes::default();
            let mut options = options();
            options.network = *network;
            let mut spec = spec.clone();
            spec.until = SimTime(60 * SECOND);
            let run = run_with(spec, &options, &mut Facts::default(), toys(makers(&notes)));
            let ended: Ended = run.unwrap();
            assert_eq!(ended.broken, None, "{network:?}");
            check(&notes);
            digests.push(ended.digest);
        }
        assert_eq!(digests[0], digests[1], "{network:?}: same seed, same digest");
    }
}

const NETWORKS: &[NetworkKind] = &[NetworkKind::Event, NetworkKind::Turmoil];

fn body(n: u64) -> Body {
    Body::ReplicationToAgent(replication::ToAgent::BatchCached { vm: VmId(0), batch: n })
}

/// Notes all that happens on connections, with payloads by their bytes and size.
fn hears(notes: &Notes, listens: bool) -> Maker {
    let notes = Rc::clone(notes);
    toy(move |env, input| match input {
        Input::Started if listens => env.listen(7),
        Input::Network(NetEvent::Accepted { peer, port, .. }) => {
            note(&notes, env, format!("accepted {} {port}", peer.0))
        }
        Input::Network(NetEvent::Received { frame, .. }) => {
            let payload = frame
                .payload
                .map(|p| (p.bytes.iter().map(|b| u64::from(*b)).sum::<u64>(), p.size));
            let Body::ReplicationToAgent(replication::ToAgent::BatchCached { batch, .. }) = frame.body else {
                panic!("{:?}", frame.body)
            };
            note(&notes, env, format!("received {batch} {payload:?}"));
        }
        Input::Network(NetEvent::Closed { .. }) => note(&notes, env, "closed"),
        Input::Network(NetEvent::Refused { why, .. }) => note(&notes, env, format!("refused: {why}")),
        _ => {}
    })
}

#[test]
fn frames_arrive_in_order_with_their_content_and_a_close_comes_last() {
    on_each(
        &pair(),
        |notes| {
            let sender = toy(|env, input| match input {
                Input::Started => {
                    let conn = env.connect(MachineId(1), 7);
                    // Before it is open: a sender need not wait.
                    env.send_with(conn, body(1), Blob::real(vec![1; 300_000]));
                }
                Input::Network(NetEvent::Opened { conn }) => {
                    env.send(conn, body(2));
                    env.send_with(conn, body(3), Blob::modelled(vec![9], 1_000_000));
                    env.send_with(conn, body(4), Blob::real(vec![]));
                    env.close(conn);
                    env.send(conn, body(5));
                }
                _ => {}
            });
            vec![sender, hears(notes, true)]
        },
        |notes| {
            let expected = [
                "accepted 0 7",
                "received 1 Some((300000, 300000))",
                "received 2 None",
                "received 3 Some((9, 1000000))",
                "received 4 Some((0, 0))",
                "closed",
            ];
            assert_eq!(texts(notes), expected);
            // A byte a microsecond: the modelled million takes its second.
            let at = notes.borrow()[3].0;
            assert!((1_300_000_000..1_500_000_000).contains(&at), "{at}");
        },
    );
}

/// Tries to connect to machine 1 at the start and notes what comes of it.
fn tries(notes: &Notes, to: u32) -> Maker {
    let notes = Rc::clone(notes);
    toy(move |env, input| match input {
        Input::Started => {
            let _ = env.connect(MachineId(to), 7);
        }
        Input::Network(NetEvent::Opened { .. }) => note(&notes, env, "opened"),
        Input::Network(NetEvent::Refused { why, .. }) => note(&notes, env, why),
        Input::Network(NetEvent::Closed { .. }) => note(&notes, env, "closed"),
        _ => {}
    })
}

#[test]
fn nobody_listening_refuses_and_no_link_refuses_but_no_power_is_silent() {
    on_each(
        &pair(),
        |notes| vec![tries(notes, 1), toy(|_, _| ())],
        |notes| {
            assert_eq!(texts(notes), ["connection refused: nobody listens on port 7"]);
        },
    );
    let mut cut_off = pair();
    cut_off.links.clear();
    on_each(
        &cut_off,
        |notes| vec![tries(notes, 1), toy(|_, _| ())],
        |notes| {
            assert_eq!(texts(notes), ["no route to host: no link joins zone 0 with zone 1"]);
        },
    );
    let mut off = pair();
    off.machines[1].on = false;
    on_each(
        &off,
        |notes| vec![tries(notes, 1), hears(notes, true)],
        |notes| {
            assert_eq!(texts(notes), Vec::<String>::new());
        },
    );
}

/// Connects, then sends a numbered frame every second.
fn ticks(to: u32) -> Maker {
    Rc::new(move |_| {
        let (mut conn, mut number) = (None, 0);
        Box::new(move |env, input| match input {
            Input::Started => {
                conn = Some(env.connect(MachineId(to), 7));
                env.timer(SECOND, Token::default());
            }
            Input::Timer(_) => {
                number += 1;
                if let (Some(conn), true) = (conn, number <= 10) {
                    env.send(conn, body(number));
                    env.timer(SECOND, Token::default());
                }
            }
            _ => {}
        })
    })
}

/// A fault from second 3.5 to second 5.5.
fn from_35_to_55(kind: FaultKind) -> FaultSpec {
    FaultSpec::timed("fault", kind, 35 * SECOND / 10, Some(2 * SECOND))
}

#[test]
fn a_power_cut_is_silent_and_the_next_life_of_the_machine_resets_old_connections() {
    // The listener loses its power at 3.5 s and has it again at 5.5 s: frames 4 and 5 are lost, frame 6 finds a stranger.
    let machines = vec![Dark::new(MachineId(1))];
    let mut spec = pair();
    spec.faults = vec![from_35_to_55(FaultKind::Power { machines })];
    on_each(
        &spec,
        |notes| {
            let own = Rc::clone(notes);
            let inner = ticks(1);
            let sender: Maker = Rc::new(move |env| {
                let mut inner = inner(env);
                let own = Rc::clone(&own);
                Box::new(move |env, input| {
                    if let Input::Network(NetEvent::Closed { .. }) = input {
                        note(&own, env, format!("sender: closed in second {}", env.now().0 / SECOND));
                    } else {
                        inner(env, input);
                    }
                })
            });
            vec![sender, hears(notes, true)]
        },
        |notes| {
            let expected = [
                "accepted 0 7",
                "received 1 None",
                "received 2 None",
                "received 3 None",
                "sender: closed in second 6",
            ];
            assert_eq!(texts(notes), expected);
        },
    );
}

#[test]
fn a_cut_link_is_silent_for_what_it_loses_and_carries_new_connections_once_it_is_back() {
    let mut spec = pair();
    let (link, change) = (0, LinkChange::Cut);
    spec.faults = vec![from_35_to_55(FaultKind::Link { link, change })];
    spec.machines.push(machine("c", Zone(0)));
    on_each(
        &spec,
        |notes| {
            // The third machine connects at 6 s.
            let late: Maker = Rc::new(|_| {
                Box::new(|env, input| match input {
                    Input::Started => {
                        env.timer(6 * SECOND, Token::default());
                    }
                    Input::Timer(_) => {
                        let conn = env.connect(MachineId(1), 7);
                        env.send(conn, body(99));
                    }
                    _ => {}
                })
            });
            vec![ticks(1), hears(notes, true), late]
        },
        |notes| {
            let expected = [
                "accepted 0 7",
                "received 1 None",
                "received 2 None",
                "received 3 None",
                "accepted 2 7",
                "received 99 None",
            ];
            assert_eq!(texts(notes), expected);
        },
    );
}

#[test]
fn machines_of_one_site_talk_over_its_own_network_and_one_machine_with_itself() {
    let mut spec = pair();
    spec.machines[1].zone = Zone(0);
    spec.links = vec![link("lan", &[(Zone(0), Zone(0))])];
    on_each(
        &spec,
        |notes| vec![ticks(1), hears(notes, true)],
        |notes| {
            assert_eq!(texts(notes).len(), 11);
        },
    );
    let own = |notes: &Notes| -> Vec<Maker> {
        let (notes, inner) = (Rc::clone(notes), ticks(0));
        let maker: Maker = Rc::new(move |env| {
            let (notes, mut inner) = (Rc::clone(&notes), inner(env));
            Box::new(move |env, input| match input {
                Input::Network(NetEvent::Received { .. }) => note(&notes, env, "received"),
                Input::Started => {
                    env.listen(7);
                    inner(env, Input::Started);
                }
                other => inner(env, other),
            })
        });
        vec![maker, toy(|_, _| ())]
    };
    on_each(&spec, own, |notes| assert_eq!(texts(notes).len(), 10));
}
