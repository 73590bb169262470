//! What a journal keeps, over cuts at any byte.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::content::{Class, Content};
use crate::disk::MemoryFiles;
use crate::units::{EXTENT_BYTES, Extent};

const VM: VmId = VmId(4);
const OPTIONS: JournalOptions = JournalOptions {
    size_cap: 1 << 20,
    file_bytes: 30_000,
    emptied_bytes: u64::MAX,
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
fn a_file_of_which_nothing_is_needed_is_emptied_at_its_bound() {
    for (emptied_bytes, left) in [(u64::MAX, 1), (100, 2)] {
        let files = MemoryFiles::default();
        let options = JournalOptions {
            emptied_bytes,
            ..OPTIONS
        };
        let mut journal = Journal::create(&files, "vm4", VM, options).expect("created");
        for seq in 1..=3 {
            journal.append(&files, &change(seq, seq, 1, 7)).expect("room");
        }
        journal.acknowledge(&files, WriteSeq(2)).expect("acknowledged");
        assert_eq!(journal.files[0].number, 1, "the last record is needed");
        journal.acknowledge(&files, WriteSeq(3)).expect("acknowledged");
        assert_eq!(journal.files.len(), 1);
        assert_eq!(journal.files[0].number, left);
        journal.append(&files, &change(4, 4, 1, 7)).expect("room");
        assert_eq!(journal.backlog_bytes(), journal.bytes_after(WriteSeq(3)));
    }
}

#[test]
fn a_full_journal_says_so_and_keeps_what_it_has() {
    let files = MemoryFiles::default();
    let options = JournalOptions {
        size_cap: 20_000,
        file_bytes: 8_000,
        emptied_bytes: u64::MAX,
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

/// A journal at the moment of a power cut.
struct Stopped {
    files: MemoryFiles,
    options: JournalOptions,
    /// Its files in order, and how much of each a flush has covered.
    names: Vec<(String, usize)>,
    /// The records above the low-water mark, each with its file and the position after it.
    records: Vec<(Record, usize, usize)>,
    acknowledged: u64,
    flushed: u64,
}

/// Records are appended, flushed up to one of them, acknowledged up to another before it, and appended again.
fn stopped(fills: &[u8], flushed: usize, acknowledged: usize) -> Stopped {
    let files = MemoryFiles::default();
    let options = JournalOptions {
        size_cap: 1 << 20,
        file_bytes: 6_000,
        emptied_bytes: u64::MAX,
    };
    let mut journal = Journal::create(&files, "j", VM, options).expect("created");
    let (mut ends, mut covered) = (Vec::new(), Vec::new());
    for at in 0..=fills.len() {
        if at == flushed {
            // Without a first flush not even the file is there for certain.
            let names = if at == 0 { Vec::new() } else { files.list("j-") };
            covered = names
                .into_iter()
                .map(|name| (files.content(&name).len(), name))
                .collect();
            journal
                .acknowledge(&files, WriteSeq(acknowledged as u64))
                .expect("acknowledged");
        }
        let Some(fill) = fills.get(at) else { break };
        let record = change(at as u64 + 1, at as u64 * 3, 1, *fill);
        journal.append(&files, &record).expect("room");
        let file = journal.files.back().expect("a file");
        ends.push((record, file.name.clone(), file.len as usize));
    }
    let names: Vec<(String, usize)> = journal
        .files
        .iter()
        .map(|file| {
            let flushed = covered.iter().find(|(_, name)| *name == file.name);
            (file.name.clone(), flushed.map_or(0, |(len, _)| *len))
        })
        .collect();
    let records = ends.into_iter().skip(acknowledged).map(|(record, file, end)| {
        let file = names
            .iter()
            .position(|(name, _)| *name == file)
            .expect("what is needed is kept");
        (record, file, end)
    });
    Stopped {
        records: records.collect(),
        names,
        files,
        options,
        acknowledged: acknowledged as u64,
        flushed: flushed as u64,
    }
}

impl Stopped {
    /// What is on the disk where each file was left at a length.
    fn left(&self, len: impl Fn(usize) -> usize) -> MemoryFiles {
        let left = MemoryFiles::default();
        for (index, (name, flushed)) in self.names.iter().enumerate() {
            let mut bytes = self.files.content(name);
            bytes.truncate(len(index));
            // A file of which nothing was flushed may be there, empty, or not at all.
            if !bytes.is_empty() || *flushed > 0 || index % 2 == 0 {
                left.append(name, Blob::real(bytes)).expect("copied");
            }
        }
        let low = self.files.content("j-low");
        if !low.is_empty() {
            left.replace("j-low", Blob::real(low)).expect("copied");
        }
        left
    }

    /// Opening what was left gives the records up to the first that is not whole, and the journal goes on from there.
    fn opens_to_what_is_whole(&self, len: impl Fn(usize) -> usize) -> Result<usize, TestCaseError> {
        let files = self.left(&len);
        let whole = self
            .records
            .iter()
            .take_while(|(_, file, end)| *end <= len(*file))
            .count();
        let mut expected: Vec<Record> = self.records[..whole]
            .iter()
            .map(|(record, ..)| record.clone())
            .collect();
        let Recovered { mut journal, .. } = Journal::open(&files, "j", VM, self.options).expect("opened");
        let last = self.acknowledged + whole as u64;
        prop_assert!(last >= self.flushed, "{} was flushed, {} is there", self.flushed, last);
        prop_assert_eq!((journal.low_water().0, journal.last().0), (self.acknowledged, last));
        prop_assert_eq!(&all(&journal, &files), &expected);
        let next = change(last + 1, 5, 1, 0);
        journal.append(&files, &next).expect("room");
        expected.push(next);
        let again = Journal::open(&files, "j", VM, self.options).expect("again");
        prop_assert_eq!(again.cut_bytes, 0);
        prop_assert_eq!(&all(&again.journal, &files), &expected);
        Ok(whole)
    }
}

/// Mostly short records, so that every byte can be tried; some hold an extent, so that there are several files.
fn fills() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![2 => Just(0u8), 2 => Just(255u8), 1 => 1u8..=3], 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A cut at any byte that no flush had covered leaves exactly what was durable: all that was flushed, and of the rest what stands
    /// whole, in order, before the cut. What was acknowledged stays acknowledged.
    #[test]
    fn a_cut_at_any_byte_leaves_exactly_the_durable_records(
        fills in fills(),
        flushed in any::<prop::sample::Index>(),
        acknowledged in any::<prop::sample::Index>(),
    ) {
        let flushed = flushed.index(fills.len() + 1);
        let stopped = stopped(&fills, flushed, acknowledged.index(flushed + 1));
        for (index, (name, from)) in stopped.names.iter().enumerate() {
            for cut in *from..=stopped.files.content(name).len() {
                // The files after it are whole: a disk writes out what was not flushed in any order.
                stopped.opens_to_what_is_whole(|file| if file == index { cut } else { usize::MAX })?;
            }
        }
        // Where nothing but the flushed bytes is left, nothing but the flushed records is there.
        let whole = stopped.opens_to_what_is_whole(|file| stopped.names[file].1)?;
        prop_assert_eq!(stopped.acknowledged + whole as u64, stopped.flushed);
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

#[test]
fn a_piece_read_to_its_place_is_encoded_like_any_copy() {
    let disk = DiskId { vm: VmId(7), index: 2 };
    let bytes: Vec<u8> = (0..3 * EXTENT_BYTES).map(|n| (n % 251) as u8).collect();
    let run = Run {
        start: Extent(40),
        extents: 3,
        content: Content::Bytes(bytes.clone().into()),
    };
    let position = WriteSeq(9);
    let (mut expected, mut out) = (vec![1, 2], vec![1, 2]);
    let size = encode(&Record::Copy { position, disk, run }, &mut expected);
    let read = |out: &mut Vec<u8>| out.extend_from_slice(&bytes);
    assert_eq!(encode_copy(position, disk, Extent(40), 3, &mut out, read), size);
    assert_eq!(out, expected);
}
