//! Writes that are acknowledged and are not where they should be, and processors that are slow.

use super::*;
use actors::ports::{Job, Work};

/// Each second ten bytes are appended to a file of the cache and to one that is none, and a small file is written anew; what lies on
/// the disk then: the seconds whose ten bytes of the cache are zeros, those of the other file, and the second that the small file is of.
fn writes(env: &actors::ports::Env, input: Input) -> Option<String> {
    if !matches!(input, Input::Started | Input::Timer(_)) {
        return None;
    }
    let files = env.files();
    let second = (env.now().0 / SECOND) as u8;
    files.append("cache/a", Blob::real(vec![99; 10])).expect("room");
    files.append("plain", Blob::real(vec![99; 10])).expect("room");
    files.replace("cache/b", Blob::real(vec![second])).expect("room");
    let holes = |name: &str| {
        let bytes = files.read_all(name).expect("it is there").bytes;
        let tens = bytes.chunks(10).enumerate();
        let holes = tens.filter(|(_, ten)| ten.iter().all(|byte| *byte == 0));
        holes.map(|(second, _)| second).collect::<Vec<_>>()
    };
    let small = files.read_all("cache/b").expect("it is there").bytes[0];
    Some(format!("{:?} {:?} {small}", holes("cache/a"), holes("plain")))
}

#[test]
fn a_write_that_is_lost_leaves_zeros_or_what_was_there() {
    let machine = MachineId(0);
    for network in BOTH {
        // The second write of each second is the small file's.
        let every = FaultKind::WriteLost {
            machine,
            which: Nth::Every(1),
        };
        let (notes, told) = on_disk(every, network, writes, Vec::new());
        let seconds: Vec<u64> = (10..20).collect();
        let of = |second: u64| &notes.iter().find(|(at, _)| *at == second).expect("a note").1;
        assert_eq!(of(19), &format!("{seconds:?} [] 9"), "{network:?}");
        assert_eq!(of(25), &format!("{seconds:?} [] 25"), "{network:?}");
        assert_eq!(struck(&told), 20, "{network:?}");
        let once = FaultKind::WriteLost {
            machine,
            which: Nth::Only(3),
        };
        let (notes, told) = on_disk(once, network, writes, Vec::new());
        assert_eq!(
            notes.last().expect("notes").1.split(' ').next(),
            Some("[11]"),
            "{network:?}"
        );
        assert_eq!(struck(&told), 1);
        let other = FaultKind::WriteLost {
            machine: MachineId(1),
            which: Nth::Every(1),
        };
        assert_eq!(struck(&on_disk(other, network, writes, Vec::new()).1), 0);
    }
}

#[test]
fn a_write_that_goes_astray_changes_another_file_and_is_missing_where_it_should_be() {
    let machine = MachineId(0);
    // The first write in the fault's time is an append to the one, and lands on the other; the second the other way round.
    let reads = |env: &actors::ports::Env, input: Input| {
        let _ = writes(env, input)?;
        let files = env.files();
        let a = files.read_all("cache/a").expect("it is there").bytes;
        let strange = a.iter().filter(|byte| ![0, 99].contains(*byte)).count();
        Some(format!(
            "{strange} {}",
            files.read_all("cache/b").expect("it is there").bytes[0]
        ))
    };
    for network in BOTH {
        let of = |which| {
            let kind = FaultKind::WriteMisdirected { machine, which };
            let (notes, told) = on_disk(kind, network, reads, Vec::new());
            let of = |second: u64| notes.iter().find(|(at, _)| *at == second).expect("a note").1.clone();
            (of(10), of(15), struck(&told))
        };
        // The append of second 10 lands on the small file, which is written anew right after.
        assert_eq!(
            of(Nth::Only(1)),
            ("0 10".to_owned(), "0 15".to_owned(), 1),
            "{network:?}"
        );
        // The small file of second 10 lands in the other, and stays what it was.
        assert_eq!(
            of(Nth::Only(2)),
            ("1 9".to_owned(), "1 15".to_owned(), 1),
            "{network:?}"
        );
    }
}

#[test]
fn slow_processors_take_longer_for_jobs_and_not_for_waiting() {
    let kind = FaultKind::ComputeSlow {
        machine: MachineId(0),
        times: 8,
    };
    let took = Rc::new(RefCell::new(Vec::new()));
    let own = Rc::clone(&took);
    let asked = RefCell::new(SimTime::ZERO);
    let (_, told) = on_disk(
        kind,
        NetworkKind::Event,
        move |env, input| {
            match input {
                Input::Started | Input::Timer(_) => {
                    let job = |work, input_bytes| Job {
                        work,
                        input_bytes,
                        reads: 0,
                        run: Box::new(|_| Box::new(())),
                    };
                    env.compute(job(Work::Checksum, 22_000_000), Token { what: 1, key: 0 });
                    env.compute(job(Work::Wait, 5_000_000), Token { what: 2, key: 0 });
                    asked.replace(env.now());
                }
                Input::Done(token, _) => {
                    own.borrow_mut()
                        .push((asked.borrow().0 / SECOND, token.what, env.now().since(*asked.borrow())))
                }
                _ => {}
            }
            None
        },
        Vec::new(),
    );
    assert_eq!(struck(&told), 10, "{told:?}");
    let took = took.borrow();
    let plain = took.iter().find(|(second, what, _)| (*second, *what) == (1, 1));
    let plain = plain.expect("it was computed").2;
    for (second, what, nanoseconds) in took.iter() {
        let times = if (10..20).contains(second) { 8 } else { 1 };
        let expected = if *what == 1 { plain * times } else { 5_000_000 };
        assert_eq!(*nanoseconds, expected, "asked in second {second}");
    }
    assert!(plain > 0 && took.len() >= 50);
}
