//! What a journal keeps, over cuts at any byte.

use proptest::prelude::*;

use super::*;
use crate::content::{Class, Content};
use crate::disk::MemoryFiles;
use crate::units::Extent;

const VM: VmId = VmId(4);
const OPTIONS: JournalOptions = JournalOptions {
    size_cap: 1 << 20,
    file_bytes: 30_000,
};

fn change(seq: u64, start: u64, extents: u32, fill: u8) -> Record {
    let content = match fill {
        0 => Content::Zero,
        255 => Content::Version {
            version: WriteSeq(seq),
            class: Class(1),
        },
        _ => Content::Bytes(vec![fill; extents as usize * 4096].into()),
    };
    let run = Run {
        start: Extent(start),
        extents,
        content,
    };
    Record::Change {
        seq: WriteSeq(seq),
        disk: DiskId { vm: VM, index: 1 },
        run,
    }
}

fn all(journal: &Journal, files: &MemoryFiles) -> Vec<Record> {
    let mut records = Vec::new();
    let mut after = journal.low_water();
    while let Some(piece) = journal.read(files, after, WriteSeq(u64::MAX), 20_000).expect("read") {
        records.extend(decode(&piece.blob.bytes).expect("as written"));
        after = piece.last;
    }
    records
}

#[test]
fn what_was_appended_is_read_and_what_was_acknowledged_is_gone() {
    let files = MemoryFiles::default();
    let mut journal = Journal::create(&files, "vm4", VM, OPTIONS).expect("created");
    let records: Vec<_> = (1..=30)
        .map(|n| change(n * 2, n, 1 + (n % 3) as u32, (n % 5) as u8))
        .collect();
    for record in &records {
        journal.append(&files, record).expect("room");
    }
    assert!(files.list("vm4-").len() > 3, "several files");
    assert_eq!(all(&journal, &files), records);
    journal.acknowledge(&files, WriteSeq(41)).expect("acknowledged");
    assert_eq!(all(&journal, &files), records[20..]);
    let again = Journal::open(&files, "vm4", VM, OPTIONS).expect("opened");
    assert_eq!((again.cut_bytes, again.journal.low_water()), (0, WriteSeq(41)));
    assert_eq!(all(&again.journal, &files), records[20..]);
    assert_eq!(again.journal.backlog_bytes(), journal.backlog_bytes());
    journal.acknowledge(&files, WriteSeq(60)).expect("acknowledged");
    assert_eq!(journal.backlog_bytes(), 0);
}

#[test]
fn a_full_journal_says_so_and_keeps_what_it_has() {
    let files = MemoryFiles::default();
    let options = JournalOptions {
        size_cap: 20_000,
        file_bytes: 8_000,
    };
    let mut journal = Journal::create(&files, "vm4", VM, options).expect("created");
    let mut kept = 0;
    for n in 1..10 {
        match journal.append(&files, &change(n, n, 1, 7)) {
            Ok(()) => kept = n,
            Err(JournalError::Full { cap, .. }) => assert_eq!(cap, 20_000),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(kept, 4);
    assert_eq!(all(&journal, &files).len(), 4);
}

#[test]
fn a_journal_of_another_machine_is_refused() {
    let files = MemoryFiles::default();
    Journal::create(&files, "vm4", VM, OPTIONS).expect("created");
    let error = Journal::open(&files, "vm4", VmId(5), OPTIONS).expect_err("foreign");
    assert!(error.to_string().contains("machine 4"), "{error}");
}

#[test]
fn modelled_content_counts_as_much_as_it_describes() {
    let mut out = Vec::new();
    assert_eq!(encode(&change(1, 0, 3, 255), &mut out), 36 + 3 * 4096);
    assert!(out.len() < 64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A cut at any byte of any file leaves exactly the records that were whole before it.
    #[test]
    fn a_cut_at_any_byte_leaves_exactly_the_whole_records(
        fills in prop::collection::vec((0u8..=4, 1u32..3), 1..8),
        seed in any::<u64>(),
    ) {
        let files = MemoryFiles::default();
        let options = JournalOptions { size_cap: 1 << 20, file_bytes: 12_000 };
        let mut journal = Journal::create(&files, "j", VM, options).expect("created");
        let mut ends = Vec::new(); // (file, position after the record)
        for (n, (fill, extents)) in fills.iter().enumerate() {
            let fill = if *fill == 4 { 255 } else { *fill };
            journal.append(&files, &change(n as u64 + 1, seed % 1000, *extents, fill)).expect("room");
            let file = journal.files.back().expect("a file");
            ends.push((file.name.clone(), file.len));
        }
        let names = files.list("j-");
        for (index, name) in names.iter().enumerate() {
            let whole = files.content(name).len();
            for cut in (0..whole).filter(|cut| whole - cut < 60 || *cut < 60 || cut % 97 == 0) {
                let copy = MemoryFiles::default();
                for (other, n) in names.iter().enumerate() {
                    let mut bytes = files.content(n);
                    if other == index { bytes.truncate(cut); }
                    copy.append(n, Blob::real(bytes)).expect("copied");
                }
                let expected = ends.iter().take_while(|(file, end)| {
                    let at = names.iter().position(|n| n == file).expect("named");
                    at < index || (at == index && *end <= cut as u64)
                }).count();
                let recovered = Journal::open(&copy, "j", VM, options).expect("opened");
                prop_assert_eq!(recovered.journal.last().0, expected as u64);
                prop_assert_eq!(all(&recovered.journal, &copy).len(), expected);
                // And it goes on from there.
                let mut journal = recovered.journal;
                journal.append(&copy, &change(expected as u64 + 1, 5, 1, 9)).expect("room");
                prop_assert_eq!(all(&Journal::open(&copy, "j", VM, options).expect("again").journal, &copy).len(), expected + 1);
            }
        }
    }

    /// No byte of an encoding can change unnoticed, and no bytes whatever make decoding panic.
    #[test]
    fn a_changed_byte_is_refused(at in any::<prop::sample::Index>(), flip in 1u8..=255, garbage in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut out = Vec::new();
        encode(&change(1, 3, 1, 9), &mut out);
        encode(&change(2, 4, 1, 255), &mut out);
        let at = at.index(out.len());
        out[at] ^= flip;
        prop_assert!(decode(&out.into()).is_err());
        let _ = decode(&garbage.into());
    }
}
