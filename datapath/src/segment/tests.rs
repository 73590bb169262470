//! Round trips, and what is refused.

use proptest::prelude::*;

use super::*;
use crate::content::{Class, Run, Summary};
use crate::seal::VaultKey;
use crate::units::{Extent, VmId};

const DISK: DiskId = DiskId { vm: VmId(2), index: 1 };

fn extent(seed: u64) -> Vec<u8> {
    match seed % 3 {
        0 => vec![0; 4096],
        1 => format!("{seed} all work and no play ")
            .into_bytes()
            .into_iter()
            .cycle()
            .take(4096)
            .collect(),
        _ => blake3::Hasher::new()
            .update(&seed.to_le_bytes())
            .finalize_xof_into(4096),
    }
}

trait Xof {
    fn finalize_xof_into(&self, len: usize) -> Vec<u8>;
}

impl Xof for blake3::Hasher {
    fn finalize_xof_into(&self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        self.finalize_xof().fill(&mut out);
        out
    }
}

fn changes(starts: &[(u64, u32)], seed: u64) -> DiskChanges {
    let mut records = Vec::new();
    for (n, (start, extents)) in starts.iter().enumerate() {
        let bytes: Vec<u8> = (0..u64::from(*extents))
            .flat_map(|e| extent(seed + n as u64 * 100 + e))
            .collect();
        records.push(crate::journal::Record::Change {
            seq: WriteSeq(n as u64 + 1),
            disk: DISK,
            run: Run {
                start: Extent(*start),
                extents: *extents,
                content: Content::Bytes(bytes.into()),
            },
        });
    }
    crate::batch::fold(&records).remove(&DISK).expect("one disk")
}

fn sealed(changes: &DiskChanges, batch: u64) -> Sealed {
    let key = VaultKey::public_test_key().disk_key(DISK);
    let nonces = NonceRange {
        epoch: Epoch(1),
        first: batch * 1000,
        count: nonces_needed(changes),
    };
    let mut calibration = Calibration::default();
    calibration.kept.push([100; 16]);
    let kind = SegmentKind::Changes { batch };
    seal(&mut Worker::new(1), &key, nonces, [7; 16], kind, changes, &calibration)
}

fn opened(expected: &SegmentHeader, blob: &Blob) -> Result<DiskChanges, SegmentRefused> {
    open(
        &mut Worker::new(1),
        &VaultKey::public_test_key().disk_key(DISK),
        expected,
        blob,
    )
}

/// Every extent and its bytes.
fn by_extent(changes: &DiskChanges) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    for run in &changes.runs {
        for e in run.start.0..run.end().0 {
            let bytes = match run.slice(Extent(e), Extent(e + 1)).expect("inside").content {
                Content::Zero => vec![0; 4096],
                Content::Bytes(bytes) => bytes.to_vec(),
                Content::Version { version, .. } => version.0.to_le_bytes().to_vec(),
            };
            all.push((e, bytes));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_was_sealed_comes_back(starts in prop::collection::vec((0u64..200, 1u32..40), 1..12), seed in 0u64..1000) {
        let changes = changes(&starts, seed);
        let segment = sealed(&changes, 3);
        let back = opened(&segment.header, &segment.blob).expect("untouched");
        prop_assert_eq!(by_extent(&back), by_extent(&changes));
        prop_assert_eq!((back.first, back.last), (changes.first, changes.last));
    }

    #[test]
    fn a_changed_byte_anywhere_is_refused_by_name(at in any::<prop::sample::Index>(), flip in 1u8..=255) {
        let segment = sealed(&changes(&[(0, 3), (9, 20)], 1), 12);
        let mut bytes = segment.blob.bytes.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let refused = opened(&segment.header, &Blob::real(bytes)).expect_err("changed");
        prop_assert_eq!(refused.name, "vm2/disk1/batch-00000012");
    }

    #[test]
    fn no_bytes_make_opening_panic(garbage in prop::collection::vec(any::<u8>(), 0..300)) {
        let segment = sealed(&changes(&[(0, 3)], 1), 12);
        prop_assert!(opened(&segment.header, &Blob::real(garbage.clone())).is_err());
        let mut bytes = segment.blob.bytes[..20].to_vec();
        bytes.extend(garbage);
        prop_assert!(opened(&segment.header, &Blob::real(bytes)).is_err());
    }
}

#[test]
fn truncated_extended_and_foreign_segments_are_refused() {
    let (a, b) = (sealed(&changes(&[(0, 33)], 1), 1), sealed(&changes(&[(0, 33)], 1), 2));
    for cut in 0..a.blob.bytes.len() {
        assert!(
            opened(&a.header, &Blob::real(a.blob.bytes.slice(..cut))).is_err(),
            "cut at {cut}"
        );
    }
    let mut longer = a.blob.bytes.to_vec();
    longer.push(0);
    assert!(opened(&a.header, &Blob::real(longer)).is_err());
    let why = opened(&a.header, &b.blob).expect_err("another batch").why;
    assert!(why.contains("batch-00000002"), "{why}");
    let other_vault = SegmentHeader {
        vault: [8; 16],
        ..a.header.clone()
    };
    assert!(opened(&other_vault, &a.blob).is_err());
    let other_key = VaultKey::new([9; 32]).disk_key(DISK);
    assert!(open(&mut Worker::new(1), &other_key, &a.header, &a.blob).is_err());
}

#[test]
fn exchanged_chunks_are_refused() {
    // Two incompressible extents far apart: two chunks of equal stored length.
    let noise = |start, seed| Run {
        start: Extent(start),
        extents: 1,
        content: Content::Bytes(extent(seed).into()),
    };
    let at = WriteSeq(1);
    let two = DiskChanges {
        disk: DISK,
        first: at,
        last: at,
        runs: vec![noise(0, 2), noise(50, 5)],
        summary: None,
    };
    let segment = sealed(&two, 4);
    let bytes = &segment.blob.bytes;
    let chunk = 4096 + 16;
    let (head, chunks) = bytes.split_at(bytes.len() - 2 * chunk);
    let exchanged = [head, &chunks[chunk..], &chunks[..chunk]].concat();
    assert!(opened(&segment.header, &Blob::real(exchanged)).is_err());
}

#[test]
fn zeros_cost_a_row() {
    let run = Run {
        start: Extent(5),
        extents: 1_000_000,
        content: Content::Zero,
    };
    let zeros = DiskChanges {
        disk: DISK,
        first: WriteSeq(1),
        last: WriteSeq(1),
        runs: vec![run.clone()],
        summary: None,
    };
    let segment = sealed(&zeros, 1);
    assert!(segment.blob.size < 150, "{}", segment.blob.size);
    assert_eq!(opened(&segment.header, &segment.blob).expect("untouched").runs, [run]);
}

#[test]
fn modelled_content_takes_what_the_real_content_takes() {
    let mut worker = Worker::new(1);
    let mut calibration = Calibration::default();
    let text: Vec<u8> = (0..400u64).flat_map(|n| extent(n * 3 + 1)).collect();
    let class = calibration.measure(&mut worker, &[text.clone().into()]);
    let real = Run {
        start: Extent(3),
        extents: 400,
        content: Content::Bytes(text.into()),
    };
    let version = Content::Version {
        version: WriteSeq(9),
        class,
    };
    let modelled = Run {
        content: version,
        ..real.clone()
    };
    let key = VaultKey::public_test_key().disk_key(DISK);
    let mut size = |run: Run| {
        let (first, last) = (WriteSeq(1), WriteSeq(9));
        let changes = DiskChanges {
            disk: DISK,
            first,
            last,
            runs: vec![run],
            summary: None,
        };
        let nonces = NonceRange {
            epoch: Epoch(1),
            first: 0,
            count: nonces_needed(&changes),
        };
        let kind = SegmentKind::Changes { batch: 1 };
        let segment = seal(&mut worker, &key, nonces, [7; 16], kind, &changes, &calibration);
        assert_eq!(
            opened(&segment.header, &segment.blob).expect("untouched").plain_bytes(),
            400 * 4096
        );
        segment.blob.size as i64
    };
    let (real, modelled) = (size(real), size(modelled));
    assert!(
        (real - modelled).abs() * 100 <= real,
        "{real} real, {modelled} modelled"
    );
}

#[test]
fn modelled_segments_are_refused_when_changed() {
    let summary = Summary {
        disk: DISK,
        first: WriteSeq(1),
        last: WriteSeq(4),
        bytes: 1 << 20,
        distinct_bytes: 1 << 19,
        chunks: 60,
        class: Class(0),
        life: (1, WriteSeq(0)),
    };
    let changes = DiskChanges {
        disk: DISK,
        first: WriteSeq(1),
        last: WriteSeq(4),
        runs: Vec::new(),
        summary: Some(summary),
    };
    let segment = sealed(&changes, 7);
    assert_eq!(opened(&segment.header, &segment.blob).expect("untouched"), changes);
    for at in 0..segment.blob.bytes.len() {
        let mut bytes = segment.blob.bytes.to_vec();
        bytes[at] ^= 1;
        assert!(
            opened(
                &segment.header,
                &Blob {
                    bytes: bytes.into(),
                    ..segment.blob.clone()
                }
            )
            .is_err(),
            "byte {at}"
        );
    }
    for size in [0, segment.blob.size - 1, segment.blob.size + 1, u64::MAX] {
        let blob = Blob {
            size,
            ..segment.blob.clone()
        };
        assert!(opened(&segment.header, &blob).is_err(), "size {size}");
    }
}

#[test]
fn a_real_segment_that_counts_as_another_size_is_refused() {
    let segment = sealed(&changes(&[(3, 20)], 5), 2);
    let blob = Blob {
        size: segment.blob.size / 2,
        ..segment.blob
    };
    assert!(opened(&segment.header, &blob).is_err());
}

#[test]
fn a_name_has_its_numbers_in_full() {
    let disk = DiskId { vm: VmId(0), index: 10 };
    let names = [
        (SegmentKind::Changes { batch: 0 }, "vm0/disk10/batch-00000000"),
        (
            SegmentKind::Changes { batch: 123_456_789 },
            "vm0/disk10/batch-123456789",
        ),
        (
            SegmentKind::Merged { from: 9, to: 10 },
            "vm0/disk10/merged-00000009-00000010",
        ),
        (SegmentKind::Copy { copy: 1, part: 70 }, "vm0/disk10/copy-0001-000070"),
    ];
    for (kind, expected) in names {
        assert_eq!(name(disk, kind), expected);
    }
    let mut all = String::new();
    push_number(&mut all, u64::MAX, 1);
    assert_eq!(all, u64::MAX.to_string());
    for digits in 0..=20 {
        let ten = 10_u64.saturating_pow(digits as u32);
        for number in [0, 7, 1234, ten / 10, ten - 1, ten, u64::MAX] {
            let mut text = String::new();
            push_number(&mut text, number, digits);
            assert_eq!(text, format!("{number:0digits$}"));
        }
    }
}
