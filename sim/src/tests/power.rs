//! What a power cut leaves.

use std::cell::RefCell;
use std::rc::Rc;

use actors::facts::Fact;
use actors::nouns::MachineId;
use actors::ports::{Input, Job, Token, Work};
use bytes::Bytes;
use datapath::{Blob, Content, DiskId, Extent, Run, VmId};

use crate::faults::{Dark, FaultKind, FaultSpec};
use crate::run::run_with;
use crate::spec::{VolumeSpec, VolumeStart, WorldSpec};
use crate::testing::{Facts, Maker, options, pair, toy, toys};

/// Two machines, of which the first has no power for a second.
fn cut(at: u64) -> WorldSpec {
    let mut spec = pair();
    let machines = vec![Dark::new(MachineId(0))];
    let kind = FaultKind::Power { machines };
    spec.faults = vec![FaultSpec::timed("cut", kind, at, Some(1_000_000_000))];
    spec
}

#[test]
fn what_was_flushed_survives_a_power_cut_and_what_was_not_may_be_gone() {
    let mut kept = Vec::new();
    for seed in 0..40 {
        let found = Rc::new(RefCell::new(None));
        let own = Rc::clone(&found);
        let actor = toy(move |env, input| match input {
            Input::Started if env.incarnation == 1 => {
                env.files().append("f", Blob::real(vec![1; 100])).unwrap();
                env.flush(&["f".to_owned()], Token::default());
            }
            Input::Flushed(..) => {
                for n in 2..=4 {
                    env.files().append("f", Blob::real(vec![n; 100])).unwrap();
                }
            }
            Input::Started => *own.borrow_mut() = Some(env.files().read_all("f").unwrap().bytes),
            _ => {}
        });
        let mut options = options();
        options.seed = seed;
        let makers = vec![actor, toy(|_, _| ())];
        let ended = run_with(cut(1_000_000_000), &options, &mut Facts::default(), toys(makers)).unwrap();
        assert_eq!(ended.broken, None);
        let found: Bytes = found.take().unwrap();
        let whole: Vec<u8> = (1..=4u8).flat_map(|n| [n; 100]).collect();
        assert_eq!(found, whole[..found.len()]);
        kept.push(found.len());
    }
    assert!(kept.iter().all(|len| (100..=400).contains(len)));
    // Lost, kept and torn: all of it happens.
    assert!(
        kept.contains(&100) && kept.contains(&400) && kept.iter().any(|len| len % 100 != 0),
        "{kept:?}"
    );
}

fn page(n: u8, extents: usize) -> Content {
    Content::Bytes(Bytes::from(vec![n; 4096 * extents]))
}

#[test]
fn a_volume_keeps_what_was_flushed_and_a_prefix_of_the_writes_after_it() {
    let mut lost = 0;
    for seed in 0..40 {
        let found = Rc::new(RefCell::new(Vec::new()));
        let own = Rc::clone(&found);
        let write = |start: u64, extents: u32, n: u8| Run {
            start: Extent(start),
            extents,
            content: page(n, extents as usize),
        };
        let actor = toy(move |env, input| match input {
            Input::Started if env.incarnation == 1 => {
                env.volume_write("d", &write(0, 4, 1)).unwrap();
                env.flush(&["volume:d".to_owned()], Token::default());
            }
            Input::Flushed(..) => {
                env.volume_write("d", &write(1, 2, 2)).unwrap();
                env.volume_write("d", &write(2, 2, 3)).unwrap();
            }
            Input::Started => {
                for n in 0..4 {
                    let runs = env.volume_read("d", Extent(n), 1);
                    let Content::Bytes(bytes) = &runs[0].content else {
                        panic!("{runs:?}")
                    };
                    own.borrow_mut().push(bytes[0]);
                }
            }
            _ => {}
        });
        let mut spec = cut(1_000_000_000);
        spec.volumes = vec![VolumeSpec {
            name: "d".to_owned(),
            disk: DiskId { vm: VmId(0), index: 0 },
            bytes: 1 << 20,
            machine: 0,
            start: VolumeStart::Empty,
            class: datapath::Class(0),
        }];
        let mut options = options();
        options.seed = seed;
        let makers = vec![actor, toy(|_, _| ())];
        let ended = run_with(spec, &options, &mut Facts::default(), toys(makers)).unwrap();
        assert_eq!(ended.broken, None);
        let possible: [[u8; 4]; 5] = [[1, 1, 1, 1], [1, 2, 1, 1], [1, 2, 2, 1], [1, 2, 3, 1], [1, 2, 3, 3]];
        let found = found.take();
        assert!(possible.iter().any(|state| *state == found[..]), "{found:?}");
        lost += u32::from(found != [1, 2, 3, 3]);
    }
    assert!((5..40).contains(&lost), "{lost}");
}

#[test]
fn nothing_that_was_asked_for_in_one_life_arrives_in_the_next() {
    let actor: Maker = toy(|env, input| match input {
        Input::Started if env.incarnation == 1 => {
            env.timer(1_500_000_000, Token::default());
            env.timer(5_000_000_000, Token::default());
            env.files().append("f", Blob::modelled(vec![], 400_000_000)).unwrap();
            env.flush(&["f".to_owned()], Token::default());
            let job = Job {
                work: Work::Wait,
                input_bytes: 5_000_000_000,
                reads: 0,
                run: Box::new(|_| Box::new(())),
            };
            env.compute(job, Token::default());
            let _ = env.connect(MachineId(1), 7);
        }
        Input::Started => assert_eq!(env.incarnation, 2),
        other => panic!("a message from a former life: {other:?}"),
    });
    let mut facts = Facts::default();
    let makers = vec![
        actor,
        toy(|env, input| {
            if let Input::Started = input {
                env.listen(7)
            }
        }),
    ];
    let ended = run_with(cut(1_000), &options(), &mut facts, toys(makers)).unwrap();
    assert_eq!(ended.broken, None);
    let power: Vec<(u64, bool)> = facts
        .0
        .iter()
        .filter_map(|(at, fact)| match fact {
            Fact::Power {
                machine: MachineId(0),
                on,
            } => Some((at.0, *on)),
            _ => None,
        })
        .collect();
    assert_eq!(power, [(0, true), (1_000, false), (1_000_001_000, true)]);
}
