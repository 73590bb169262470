//! Any rows, any bytes, bytes that break off.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use planning::counters::{Source, read};
use planning::estate::Estate;
use planning::problem::{Problems, Severity};
use planning::profile::ABSENT;
use proptest::prelude::*;

use super::{HEADER, START, rows, run, vm, web};

/// What an independent, slow reading gives: the value of each disk and minute.
fn slowly(rows: &[(i64, usize, u64)]) -> Vec<std::collections::BTreeMap<i64, u32>> {
    let mut disks = vec![std::collections::BTreeMap::new(); 3];
    for (minute, disk, bytes) in rows {
        disks[*disk].insert(*minute, u32::try_from((bytes + 30) / 60).unwrap_or(ABSENT));
    }
    disks
}

proptest! {
    #[test]
    fn any_rows_are_read_as_a_slow_reader_would(rows in proptest::collection::vec((0_i64..300, 0_usize..3, 0_u64..1 << 35), 2..200)) {
        // Two rows a minute apart say what a step is; most others are gaps.
        let mut all: Vec<(i64, usize, u64)> = (0..201).map(|minute| (minute, 0, 60)).collect();
        all.extend(rows);
        let mut text = HEADER.to_owned();
        for (minute, disk, bytes) in &all {
            writeln!(text, "{},web,d{disk},,,{bytes}", START + minute * 60).unwrap();
        }
        let estate = Estate { vms: vec![vm("web", None, &[("d0", 1), ("d1", 1), ("d2", 1)])] };
        let profile = run(Some(&estate), &[&text]).0.unwrap().1;
        let last = all.iter().map(|(minute, ..)| *minute).max().unwrap();
        prop_assert_eq!(profile.steps as i64, last + 1);
        for (series, wanted) in profile.vms[0].iter().zip(slowly(&all)) {
            let values: Vec<u32> = (0..=last).map(|minute| wanted.get(&minute).copied().unwrap_or(ABSENT)).collect();
            let values = if wanted.is_empty() { Vec::new() } else { values };
            prop_assert_eq!(&series.written, &values);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), header in 0..3) {
        let mut text = [HEADER.as_bytes(), b"vm,window,t_end_us,write_bytes_est\n", b""][header as usize].to_vec();
        text.extend(bytes);
        let mut problems = Problems::default();
        let reader = Box::new(Cursor::new(text));
        let out = read(None, vec![Source { name: "x".to_owned(), reader }], &mut problems);
        prop_assert!(out.is_some() || problems.errors() > 0);
    }

    #[test]
    fn random_cells_never_panic(cells in "[0-9a-c,.;\"\\-: T\n]{0,200}") {
        let mut problems = Problems::default();
        let reader = Box::new(Cursor::new(format!("{HEADER}0,a,b,1,1,1\n60,a,b,1,1,1\n{cells}").into_bytes()));
        let out = read(None, vec![Source { name: "x".to_owned(), reader }], &mut problems);
        prop_assert!(out.is_some());
        prop_assert!(problems.kept().iter().all(|problem| problem.severity == Severity::Warning || problem.line.is_none_or(|line| line > 3)));
    }
}

#[test]
fn an_input_that_breaks_off_is_an_error() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(rows(&[(0, "os", 60), (1, "os", 60)]).as_bytes())
        .unwrap();
    let mut bytes = encoder.finish().unwrap();
    bytes.truncate(bytes.len() - 9);
    let reader = flate2::read::MultiGzDecoder::new(Cursor::new(bytes));
    let mut problems = Problems::default();
    let source = Source {
        name: "c.csv.gz".to_owned(),
        reader: Box::new(reader),
    };
    read(Some(&web()), vec![source], &mut problems);
    assert!(
        problems.errors() == 1 && problems.to_string().contains("c.csv.gz: it cannot be read"),
        "{problems}"
    );
}
