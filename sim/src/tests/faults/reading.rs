//! Reading takes a disk's time, can fail, and ends at the machine's own disks.

use datapath::{Content, Extent, Run};

use super::*;

#[test]
fn what_is_read_waits_its_turn_and_a_slow_disk_reads_slower() {
    let mut spec = world(Some(FaultKind::DiskSlow {
        machine: MachineId(0),
        times: 8,
    }));
    spec.machines[0].disk_bytes_per_second = 1_000_000;
    let took = Rc::new(RefCell::new(Vec::new()));
    let own = Rc::clone(&took);
    let asked = RefCell::new(SimTime::ZERO);
    let reader = toy(move |env, input| match input {
        Input::Started | Input::Timer(_) => {
            env.files().append("f", Blob::real(vec![1; 20_000])).expect("room");
            env.flush(&["f".to_owned()], Token::default());
            env.read(30_000, Token::default());
            asked.replace(env.now());
            let _ = env.timer(SECOND, Token::default());
        }
        Input::Done(..) => own
            .borrow_mut()
            .push((asked.borrow().0 / SECOND, env.now().since(*asked.borrow()))),
        _ => {}
    });
    let makers = toys(vec![reader, toy(|_, _| ())]);
    run_with(spec, &options(), &mut Facts::default(), makers).expect("the machine holds");
    // The flush first: 20 ms and 0.5 ms; then 30 ms and 0.5 ms.
    let plain = 51_000_000;
    for (second, nanoseconds) in took.borrow().iter() {
        let times = if (10..20).contains(second) { 8 } else { 1 };
        assert_eq!(*nanoseconds, plain * times, "asked in second {second}");
    }
    assert!(took.borrow().len() >= 25);
}

#[test]
fn a_disk_that_errs_gives_nothing_to_a_job_that_reads_and_takes_no_write() {
    for (operation, expected) in [(Operation::Read, "its disks"), (Operation::Write, "d")] {
        let kind = FaultKind::DiskError {
            machine: MachineId(0),
            operation,
            which: Nth::Every(1),
        };
        let (notes, told) = on_disk(
            kind,
            NetworkKind::Event,
            move |env, input| match (operation, input) {
                (Operation::Read, Input::Started | Input::Timer(_)) => {
                    env.read(4096, Token::default());
                    None
                }
                (Operation::Read, Input::Done(..)) => Some("read".to_owned()),
                (Operation::Read, Input::Failed(_, error)) => Some(error.to_string()),
                (Operation::Write, Input::Started | Input::Timer(_)) => {
                    let run = Run {
                        start: Extent(0),
                        extents: 1,
                        content: Content::Bytes(vec![7; 4096].into()),
                    };
                    let written = env.volume_write("d", &run);
                    Some(written.map_or_else(|error| error.to_string(), |()| "read".to_owned()))
                }
                _ => None,
            },
            Vec::new(),
        );
        assert!(struck(&told) >= 9, "{told:?}");
        for (second, text) in notes {
            let fails = (10..20).contains(&second);
            assert_eq!(text != "read", fails, "in second {second}: {text}");
            assert!(!fails || text.contains(expected), "{text}");
        }
    }
}

#[test]
fn a_volume_that_is_attached_to_another_machine_is_not_there() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (own, other) = (Rc::clone(&seen), Rc::clone(&seen));
    let look = |seen: Rc<RefCell<Vec<bool>>>| {
        toy(move |env, input| {
            if let Input::Started = input {
                seen.borrow_mut().push(env.volume("d").is_some());
            }
        })
    };
    let ended = run_with(
        world(None),
        &options(),
        &mut Facts::default(),
        toys(vec![look(own), look(other)]),
    );
    assert_eq!(ended.expect("the machine holds").broken, None);
    assert_eq!(*seen.borrow(), [true, false]);
    // Who reads it all the same is wrong, and that is found.
    let reads = toy(|env, input| {
        if let Input::Started = input {
            let _ = env.volume_read("d", Extent(0), 1);
        }
    });
    let makers = toys(vec![toy(|_, _| ()), reads]);
    let ended = run_with(world(None), &options(), &mut Facts::default(), makers);
    let broken = ended.expect("the machine holds").broken.expect("it is found");
    assert!(broken.contains("panicked"), "{broken}");
}
