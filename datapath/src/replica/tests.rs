//! Every kept point is a prefix of the writes, whatever was copied, cut, reordered and pruned.

use proptest::prelude::*;

use super::*;
use crate::batch::{fold, merge};
use crate::content::{Content, Grain, Run};
use crate::journal::Record;
use crate::seal::Epoch;
use crate::segment::{SegmentHeader, SegmentKind};
use crate::units::EXTENT_BYTES;
use crate::volume::PageStore;

const EXTENTS: u64 = 24;

fn disk(index: u16) -> DiskId {
    DiskId { vm: VmId(0), index }
}

/// A machine with two disks, as it really is: each extent holds the number of the write that made it.
#[derive(Clone)]
struct Source {
    disks: [Vec<u64>; 2],
    seq: u64,
    /// Content at every write, for looking back.
    history: Vec<[Vec<u64>; 2]>,
    pending: Vec<Record>,
}

fn content(value: u64) -> Content {
    match value {
        0 => Content::Zero,
        _ => Content::Bytes(value.to_le_bytes().repeat(EXTENT_BYTES as usize / 8).into()),
    }
}

impl Source {
    fn new() -> Source {
        let disks = [(0..EXTENTS).map(|e| 1000 + e).collect(), vec![0; EXTENTS as usize]];
        Source {
            history: vec![disks.clone()],
            disks,
            seq: 0,
            pending: Vec::new(),
        }
    }

    fn write(&mut self, index: u16, start: u64, extents: u64) {
        self.seq += 1;
        let end = (start + extents).min(EXTENTS);
        self.disks[index as usize][start as usize..end as usize].fill(self.seq);
        self.history.push(self.disks.clone());
        let bytes = self
            .seq
            .to_le_bytes()
            .repeat((end - start) as usize * EXTENT_BYTES as usize / 8);
        let run = Run {
            start: Extent(start),
            extents: (end - start) as u32,
            content: Content::Bytes(bytes.into()),
        };
        self.pending.push(Record::Change {
            seq: WriteSeq(self.seq),
            disk: disk(index),
            run,
        });
    }

    fn piece(&self, index: u16, start: u64, extents: u64) -> DiskChanges {
        let position = WriteSeq(self.seq);
        let records: Vec<Record> = (start..(start + extents).min(EXTENTS))
            .map(|e| Record::Copy {
                position,
                disk: disk(index),
                run: Run {
                    start: Extent(e),
                    extents: 1,
                    content: content(self.disks[index as usize][e as usize]),
                },
            })
            .collect();
        fold(&records).remove(&disk(index)).expect("one disk")
    }

    fn cut(&mut self, number: u64, mark: Option<(u64, u64)>) -> (Tag, Vec<DiskChanges>) {
        let records = std::mem::take(&mut self.pending);
        let opened: Vec<DiskChanges> = fold(&records).into_values().collect();
        let last = WriteSeq(self.seq);
        let first = records.first().and_then(Record::seq).unwrap_or(last);
        let segments = opened
            .iter()
            .map(|c| header(c, SegmentKind::Changes { batch: number }))
            .collect();
        let mark = mark.map(|(point, hour)| Mark {
            point,
            seq: last,
            consistency: Consistency::Crash,
            marked: SimTime(hour * 600_000_000_000),
            marked_source: SimTime(hour * 600_000_000_000),
            life: 0,
            shared: None,
        });
        (
            Tag {
                batch: number,
                first,
                last,
                segments,
                cut: CutTime::default(),
                mark,
            },
            opened,
        )
    }
}

fn header(changes: &DiskChanges, kind: SegmentKind) -> SegmentHeader {
    let (disk, first, last) = (changes.disk, changes.first, changes.last);
    SegmentHeader {
        vault: [0; 16],
        disk,
        kind,
        first,
        last,
        epoch: Epoch(1),
        first_counter: 0,
    }
}

fn holds(volume: &Volume, expected: &[u64]) -> bool {
    let mut bytes = Vec::new();
    volume.read_to(Extent(0), EXTENTS as u32, &mut bytes).expect("read");
    bytes
        .chunks_exact(EXTENT_BYTES as usize)
        .zip(expected)
        .all(|(chunk, value)| chunk.chunks_exact(8).all(|word| word == value.to_le_bytes()))
}

#[derive(Debug, Clone)]
enum Step {
    Write(u16, u64, u64),
    Cut,
    Mark,
    Prune,
    Resynchronize,
    PowerCut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u16..2, 0..EXTENTS, 1u64..6).prop_map(|(d, s, n)| Step::Write(d, s, n)),
        2 => Just(Step::Cut),
        3 => Just(Step::Mark),
        1 => Just(Step::Prune),
        1 => Just(Step::Resynchronize),
        1 => Just(Step::PowerCut),
    ]
}

/// As a later life takes it up: from plain data, its volumes and the tags that are stored.
fn take_up(replica: &mut Replica) {
    let saved = postcard::to_stdvec(&replica.save()).expect("plain data");
    let saved = postcard::from_bytes(&saved).expect("as it was written");
    let volumes: BTreeMap<(DiskId, Holds), Volume> = replica
        .volumes()
        .into_iter()
        .map(|(disk, holds, volume)| ((disk, holds), volume.clone()))
        .collect();
    let volume = |disk, holds| volumes.get(&(disk, holds)).cloned();
    let tags: Vec<Tag> = replica.batches.values().cloned().collect();
    let disks = [disk(0), disk(1)];
    *replica = Replica::restore(VmId(0), 1, &disks, saved, tags.into_iter(), volume).expect("all volumes are there");
}

/// Copies both disks while the source goes on writing; pieces and batches arrive in an order drawn by `order`.
fn copy(replica: &mut Replica, source: &mut Source, writes: &[(u16, u64, u64)], order: u64, batch: &mut u64) {
    replica.begin_copy(disk(0));
    replica.begin_copy(disk(1));
    let mut pieces = Vec::new();
    let mut batches = std::collections::VecDeque::new();
    let mut highest = [WriteSeq::START; 2];
    for (n, at) in (0..EXTENTS).step_by(7).enumerate() {
        for index in 0..2u16 {
            if let Some((d, s, len)) = writes.get((n * 2 + index as usize) % writes.len().max(1)) {
                source.write(*d, *s, *len);
            }
            let piece = source.piece(index, at, 7);
            highest[index as usize] = highest[index as usize].max(piece.last);
            pieces.push(piece);
            if (order >> n) & 1 == 0 {
                batches.push_back(source.cut(*batch, None));
                *batch += 1;
            }
        }
    }
    let mut draw = order;
    while !pieces.is_empty() || !batches.is_empty() {
        draw = draw
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        if (draw >> 40) & 7 == 0 {
            take_up(replica);
        }
        if !pieces.is_empty() && (batches.is_empty() || draw >> 63 == 0) {
            let piece = pieces.remove((draw >> 33) as usize % pieces.len());
            replica.apply_copy(&piece).expect("applied");
            replica.apply_copy(&piece).expect("a retry changes nothing");
        } else if let Some((tag, opened)) = batches.pop_front() {
            assert_eq!(replica.accept(tag.clone(), &opened).expect("next"), Accepted::Folded);
            assert_eq!(replica.accept(tag, &opened).expect("a retry"), Accepted::Already);
        }
    }
    for (index, highest) in highest.into_iter().enumerate() {
        replica.end_copy(disk(index as u16), highest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_kept_point_is_the_prefix_that_its_mark_names(
        steps in prop::collection::vec(step(), 1..60),
        during in prop::collection::vec((0u16..2, 0..EXTENTS, 1u64..6), 1..20),
        order in any::<u64>(),
    ) {
        let store = PageStore::new(1 << 30);
        let disks = (0..2).map(|i| (disk(i), Volume::new(&store, Grain::Real, EXTENTS * EXTENT_BYTES))).collect();
        let mut replica = Replica::new(VmId(0), 1, disks);
        let mut source = Source::new();
        let (mut batch, mut point, mut time) = (1, 1, 1);
        let mut stored: BTreeMap<u64, Vec<DiskChanges>> = BTreeMap::new();
        copy(&mut replica, &mut source, &during, order, &mut batch);
        for step in steps.into_iter().chain([Step::Mark]) {
            match step {
                Step::Write(d, s, n) => source.write(d, s, n),
                Step::Cut | Step::Mark => {
                    let mark = matches!(step, Step::Mark).then_some((point, time));
                    point += u64::from(mark.is_some());
                    time += 1;
                    let (tag, opened) = source.cut(batch, mark);
                    if replica.accept(tag, &opened).expect("next") == Accepted::Kept {
                        stored.insert(batch, opened);
                    }
                    batch += 1;
                }
                Step::Resynchronize => copy(&mut replica, &mut source, &during, order.rotate_left(13), &mut batch),
                Step::PowerCut => take_up(&mut replica),
                Step::Prune => {
                    let plan = replica.plan_pruning(SimTime(time * 600_000_000_000), 5 * 3_600_000_000_000, &Grid::documented());
                    replica.remove_points(&plan.points.iter().map(|(n, _)| *n).collect::<Vec<_>>());
                    if let Some(last) = plan.fold.last() {
                        replica.fold(last.batch, &stored).expect("all there");
                        stored.retain(|n, _| *n > last.batch);
                    }
                    while let Some(group) = replica.plan_merging(SimTime(time * 600_000_000_000), 5 * 3_600_000_000_000, &Grid::documented(), 7, |tag| (tag.batch % 11 != 3).then_some(tag.batch % 5)) {
                        let numbers: Vec<u64> = group.iter().map(|tag| tag.batch).collect();
                        let mut by_disk: BTreeMap<DiskId, Vec<DiskChanges>> = BTreeMap::new();
                        for changes in numbers.iter().filter_map(|n| stored.remove(n)).flatten() {
                            by_disk.entry(changes.disk).or_default().push(changes);
                        }
                        let opened: Vec<DiskChanges> = by_disk.into_values().map(merge).collect();
                        let kind = SegmentKind::Merged { from: numbers[0], to: *numbers.last().expect("some") };
                        let tag = Tag {
                            first: group[0].first,
                            segments: opened.iter().map(|c| header(c, kind)).collect(),
                            ..group.last().expect("some").clone()
                        };
                        stored.insert(tag.batch, opened);
                        prop_assert!(replica.merged(&numbers, tag.clone()));
                        prop_assert!(!replica.merged(&numbers, tag));
                    }
                }
            }
            for point in replica.points() {
                let disks = replica.materialise(point.mark.point, &stored).expect("kept");
                let expected = &source.history[point.mark.seq.0 as usize];
                for (index, volume) in disks.values().enumerate() {
                    prop_assert!(holds(volume, &expected[index]), "point {} disk {index}", point.mark.point);
                }
            }
        }
        prop_assert!(!replica.points().is_empty());
    }
}

#[test]
fn a_batch_enters_whole_in_order_or_not_at_all() {
    let store = PageStore::new(1 << 30);
    let disks = (0..2)
        .map(|i| (disk(i), Volume::new(&store, Grain::Real, EXTENTS * EXTENT_BYTES)))
        .collect();
    let mut replica = Replica::new(VmId(0), 1, disks);
    let mut source = Source::new();
    source.write(0, 1, 2);
    source.write(1, 3, 2);
    let (one, opened) = source.cut(1, Some((1, 1)));
    assert!(matches!(
        replica.accept(
            Tag {
                batch: 2,
                ..one.clone()
            },
            &opened
        ),
        Err(ReplicaError::OutOfOrder { .. })
    ));
    assert!(matches!(
        replica.accept(one.clone(), &opened[..1]),
        Err(ReplicaError::NotWhole { .. })
    ));
    replica.begin_copy(disk(0));
    assert!(matches!(
        replica.accept(one.clone(), &opened),
        Err(ReplicaError::Copying { batch: 1 })
    ));
    assert!(replica.points().is_empty());
    replica.end_copy(disk(0), WriteSeq(0));
    replica.accept(one, &opened).expect("whole");
    assert_eq!(replica.points().len(), 1);
}

fn two_disks() -> Replica {
    let store = PageStore::new(1 << 30);
    let disks = (0..2)
        .map(|i| (disk(i), Volume::new(&store, Grain::Real, EXTENTS * EXTENT_BYTES)))
        .collect();
    Replica::new(VmId(0), 1, disks)
}

/// What a replica holds before its first point, and where it stands.
fn state(replica: &Replica) -> (Vec<[u8; 16]>, u64, WriteSeq, u64, usize) {
    let sums = (0..2)
        .map(|i| {
            let base = replica.base(disk(i)).expect("a disk");
            base.checksum(Extent(0), EXTENTS as u32).expect("read")
        })
        .collect();
    let points = replica.points().len();
    (
        sums,
        replica.next_batch(),
        replica.position(),
        replica.applied_bytes(),
        points,
    )
}

#[test]
fn a_batch_or_piece_that_does_not_fit_its_disks_changes_nothing() {
    let mut source = Source::new();
    source.write(0, 1, 2);
    source.write(1, 3, 2);
    let (tag, opened) = source.cut(1, Some((1, 1)));
    let past_the_end = |changes: &mut DiskChanges| changes.runs.last_mut().expect("a run").start = Extent(EXTENTS - 1);
    let too_short = |changes: &mut DiskChanges| changes.runs.last_mut().expect("a run").extents += 1;
    let modelled = |changes: &mut DiskChanges| {
        changes.runs.last_mut().expect("a run").content = Content::Version {
            version: WriteSeq(1),
            class: crate::content::Class(0),
        };
    };
    let spoils: [&dyn Fn(&mut DiskChanges); 3] = [&past_the_end, &too_short, &modelled];
    for spoil in spoils {
        let mut replica = two_disks();
        let before = state(&replica);
        let mut bad = opened.clone();
        spoil(bad.last_mut().expect("the second disk"));
        assert!(matches!(
            replica.accept(tag.clone(), &bad),
            Err(ReplicaError::Volume(_))
        ));
        replica.begin_copy(disk(1));
        assert!(matches!(replica.apply_copy(&bad[1]), Err(ReplicaError::Volume(_))));
        assert_eq!(state(&replica), before, "nothing was written");
        replica.end_copy(disk(1), WriteSeq(0));
        replica.accept(tag.clone(), &opened).expect("what fits goes in");
        // With a point there, batches are kept sealed; one that could never be put together is not kept.
        let mut next = tag.clone();
        next.batch = 2;
        assert!(replica.accept(next, &bad).is_err());
        assert_eq!(replica.next_batch(), 2);
    }
}

#[test]
fn a_mark_that_is_no_prefix_of_what_is_held_is_refused() {
    let mut source = Source::new();
    source.write(0, 1, 2);
    source.write(1, 3, 2);
    let mut replica = two_disks();
    replica.begin_copy(disk(0));
    let read_later = {
        let mut later = source.clone();
        later.write(0, 5, 1);
        later.piece(0, 0, 8)
    };
    replica.apply_copy(&read_later).expect("applied");
    replica.end_copy(disk(0), WriteSeq(3));
    let (tag, opened) = source.cut(1, Some((1, 1)));
    let before = state(&replica);
    assert!(matches!(
        replica.accept(tag.clone(), &opened),
        Err(ReplicaError::NoPrefix { mark: 2, holds: 3, .. })
    ));
    let mut within = tag;
    within.mark.as_mut().expect("a mark").seq = WriteSeq(1);
    assert!(matches!(
        replica.accept(within, &opened),
        Err(ReplicaError::NoPrefix { mark: 1, .. })
    ));
    assert_eq!(state(&replica), before);
    source.write(0, 5, 1);
    let (whole, opened) = source.cut(1, Some((1, 1)));
    replica
        .accept(whole, &opened)
        .expect("all that was copied is below the mark");
}

#[test]
fn the_newest_batch_becomes_a_point_where_it_is_none_and_no_copy_runs() {
    let mut replica = two_disks();
    let mut source = Source::new();
    source.disks[0].fill(0);
    assert_eq!(replica.mark_newest_batch(), None, "there is no point yet");
    source.write(0, 1, 2);
    let (tag, opened) = source.cut(1, Some((1, 1)));
    replica.accept(tag, &opened).expect("next");
    assert_eq!(replica.mark_newest_batch(), None, "it is a point already");
    source.write(1, 3, 2);
    let (mut tag, opened) = source.cut(2, None);
    tag.cut = CutTime {
        at: SimTime(7),
        source: SimTime(9),
        life: 4,
    };
    replica.accept(tag, &opened).expect("next");
    let mark = replica.mark_newest_batch().expect("a boundary past the newest point");
    assert_eq!((mark.point, mark.seq), (2, WriteSeq(2)));
    assert_eq!(
        (mark.marked, mark.marked_source, mark.life),
        (SimTime(7), SimTime(9), 4)
    );
    let disks = replica.materialise(2, &BTreeMap::from([(2, opened)])).expect("there");
    assert!((0..2).all(|i| holds(&disks[&disk(i)], &source.disks[usize::from(i)])));
    replica.begin_copy(disk(0));
    source.write(0, 5, 1);
    let (tag, opened) = source.cut(3, None);
    replica.accept(tag, &opened).expect("next");
    assert_eq!(replica.mark_newest_batch(), None, "a copy runs");
}

#[test]
fn a_pinned_point_and_the_newest_are_never_pruned() {
    let store = PageStore::new(1 << 30);
    let disks = vec![(disk(0), Volume::new(&store, Grain::Real, EXTENTS * EXTENT_BYTES))];
    let mut replica = Replica::new(VmId(0), 1, disks);
    let mut source = Source::new();
    for n in 1..=40 {
        let (tag, opened) = source.cut(n, Some((n, n)));
        replica.accept(tag, &opened).expect("next");
    }
    replica.pin(7);
    let hour = 3_600_000_000_000;
    let plan = replica.plan_pruning(SimTime(100 * hour), hour, &Grid::documented());
    let gone: Vec<u64> = plan.points.iter().map(|(n, _)| *n).collect();
    assert_eq!(gone.len(), 38);
    assert!(!gone.contains(&7) && !gone.contains(&40));
    replica.unpin(7);
    assert_eq!(
        replica
            .plan_pruning(SimTime(100 * hour), hour, &Grid::documented())
            .points
            .len(),
        39
    );
    // The grid: 40 points ten minutes apart; of those older than two hours one per hour stays.
    let grid = replica.plan_pruning(SimTime(40 * 600_000_000_000), 24 * hour, &Grid::documented());
    assert!(grid.points.iter().all(|(_, why)| *why == "grid"));
    assert_eq!(40 - grid.points.len(), 13 + 5);
}

#[test]
fn batches_become_one_between_kept_points_that_stay_apart_and_no_others() {
    let mut replica = two_disks();
    let mut source = Source::new();
    source.disks[0].fill(0);
    let mut stored: BTreeMap<u64, Vec<DiskChanges>> = BTreeMap::new();
    // Three batches every ten minutes, of which the last makes a point, for six hours.
    let mut last = 0;
    for time in 0..36 {
        for n in 0..3 {
            source.write(n % 2, time % EXTENTS, 1 + time);
            last += 1;
            let (tag, opened) = source.cut(last, (n == 2).then_some((time + 1, time)));
            if replica.accept(tag, &opened).expect("next") == Accepted::Kept {
                stored.insert(last, opened);
            }
        }
    }
    let now = SimTime(36 * 600_000_000_000);
    let day = 24 * 3_600_000_000_000;
    let plan = replica.plan_pruning(now, day, &Grid::documented());
    replica.remove_points(&plan.points.iter().map(|(n, _)| *n).collect::<Vec<_>>());
    let numbers = |group: Vec<Tag>| group.iter().map(|tag| tag.batch).collect::<Vec<_>>();
    let next = |replica: &Replica, most| {
        replica
            .plan_merging(now, day, &Grid::documented(), most, |_| Some(1))
            .map(numbers)
    };
    // Kept are the last point of each hour until 04:00, and all after that.
    let kept: Vec<u64> = replica.points().iter().map(|point| point.batch).collect();
    assert_eq!(kept[..5], [18, 36, 54, 72, 75]);
    assert_eq!(next(&replica, 18), Some((19..=36).collect()));
    assert_eq!(next(&replica, 5), Some((19..=23).collect()));
    assert_eq!(next(&replica, 1), None);
    let but_20 = replica.plan_merging(now, day, &Grid::documented(), 5, |tag| (tag.batch != 20).then_some(1));
    assert_eq!(but_20.map(numbers), Some((21..=25).collect()));
    assert_eq!(
        replica.plan_merging(SimTime(4 * 3_600_000_000_000 - 1), day, &Grid::documented(), 18, |_| {
            Some(1)
        }),
        None
    );

    let mut merges = Vec::new();
    while let Some(group) = replica.plan_merging(now, day, &Grid::documented(), 18, |_| Some(1)) {
        let old: Vec<u64> = group.iter().map(|tag| tag.batch).collect();
        let changes = old.iter().filter_map(|n| stored.remove(n)).flatten();
        let mut by_disk: BTreeMap<DiskId, Vec<DiskChanges>> = BTreeMap::new();
        changes.for_each(|c| by_disk.entry(c.disk).or_default().push(c));
        let opened: Vec<DiskChanges> = by_disk.into_values().map(merge).collect();
        let kind = SegmentKind::Merged {
            from: old[0],
            to: old[old.len() - 1],
        };
        let tag = Tag {
            first: group[0].first,
            segments: opened.iter().map(|c| header(c, kind)).collect(),
            ..group[group.len() - 1].clone()
        };
        stored.insert(tag.batch, opened);
        // Not over a point, and not what is no longer there.
        assert!(!replica.merged(
            &[18, 36, 54],
            Tag {
                batch: 54,
                ..tag.clone()
            }
        ));
        assert!(replica.merged(&old, tag.clone()));
        assert!(!replica.merged(&old, tag));
        merges.push((old[0], old[old.len() - 1]));
    }
    assert_eq!(merges, [(19, 36), (37, 54), (55, 72)]);
    for point in replica.points() {
        let disks = replica.materialise(point.mark.point, &stored).expect("kept");
        let expected = &source.history[point.mark.seq.0 as usize];
        for (index, volume) in disks.values().enumerate() {
            assert!(holds(volume, &expected[index]), "point {}", point.mark.point);
        }
    }
}
