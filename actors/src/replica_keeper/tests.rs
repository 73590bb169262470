//! What a keeper asks for, and what it has without asking.

use std::rc::Rc;
use std::sync::Arc;

use datapath::replica::{Consistency, Tag};
use datapath::seal::VaultKey;
use datapath::segment::{Calibration, SegmentKind};
use datapath::volume::{PageStore, Volume};
use datapath::{Blob, DiskId, Grain, VmId, WriteSeq};

use super::{KeeperEvent, Mark, ReplicaKeeper, Sealing};
use crate::nouns::{ActorId, ComponentKind, MachineId, Protection};
use crate::ports::Input;
use crate::testing::{self, Bench};

const VAULT: [u8; 16] = [7; 16];
const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };

struct Setting {
    bench: Rc<Bench>,
    owner: ActorId,
    keeper: ReplicaKeeper,
}

/// A keeper whose only copy, of nothing, has ended.
fn setting() -> Setting {
    let bench = Bench::new(Grain::Real);
    let (owner, env) = bench.actor(0, ComponentKind::Service);
    let sealing = Sealing {
        vault: VAULT,
        calibration: Arc::new(Calibration::default()),
        epochs: Vec::new(),
    };
    let protection = Protection {
        vm: VmId(0),
        protection: 1,
        disks: vec![(DISK, 1 << 20)],
        source: MachineId(5),
        process_server: MachineId(1),
        port: 9443,
        target: crate::nouns::Target::Storage(MachineId(0)),
        policy: crate::spec::default_policy("p"),
        copy: crate::nouns::CopyMode::Used,
        group: None,
    };
    let disks = vec![(DISK, Volume::new(&PageStore::new(1 << 20), Grain::Real, 1 << 20))];
    let mut keeper = ReplicaKeeper::new(env, &VaultKey::public_test_key(), sealing, protection, disks);
    keeper.copy_complete(DISK, 1, 0, WriteSeq(0));
    Setting { bench, owner, keeper }
}

/// A batch's tag, which makes a point, and its segment.
fn batch(batch: u64) -> (Tag, Blob) {
    let key = VaultKey::public_test_key().disk_key(DISK);
    let kind = SegmentKind::Changes { batch };
    let (packed, blob) = testing::packed(testing::sealed(
        (&key, VAULT),
        (DISK, kind),
        (batch, batch as u8, batch),
        (1, batch * 1000),
    ));
    let mark = Mark {
        point: batch,
        seq: WriteSeq(batch),
        consistency: Consistency::Crash,
        marked: Default::default(),
        marked_source: Default::default(),
        life: 1,
        shared: None,
    };
    let tag = Tag {
        batch,
        first: WriteSeq(batch),
        last: WriteSeq(batch),
        segments: [packed.header].into(),
        cut: Default::default(),
        mark: Some(mark),
    };
    (tag, blob)
}

impl Setting {
    /// What it wants to have fetched, as batches.
    fn wanted(&mut self) -> Vec<u64> {
        let wanted = self.keeper.take_wanted();
        wanted
            .iter()
            .map(|headers| super::opening::batch_of(&headers[0]))
            .collect()
    }

    /// The points that were made once all jobs are done.
    fn points(&mut self) -> Vec<u64> {
        self.bench.run_seconds(1);
        for (_, input) in self.bench.take_inbox(self.owner) {
            if let Input::Done(token, output) = input {
                self.keeper.done(token.key, output);
            }
        }
        let made = self.keeper.take_events().into_iter().filter_map(|event| match event {
            KeeperEvent::PointProcessed(mark) => Some(mark.point),
            _ => None,
        });
        made.collect()
    }
}

#[test]
fn what_comes_with_its_tag_is_opened_and_not_asked_for() {
    let mut s = setting();
    let (tag, blob) = batch(1);
    s.keeper.tag_stored(tag.clone(), blob.size, vec![blob.clone()]);
    assert!(s.wanted().is_empty());
    assert_eq!(s.points(), [1]);
    // Told again, it is known.
    s.keeper.tag_stored(tag, blob.size, vec![blob]);
    assert!(s.wanted().is_empty() && s.points().is_empty());
}

#[test]
fn what_comes_alone_is_asked_for() {
    let mut s = setting();
    let (tag, blob) = batch(1);
    let headers = tag.segments.clone();
    s.keeper.tag_stored(tag.clone(), blob.size, Vec::new());
    assert_eq!(s.wanted(), [1]);
    // Told once more, with its segments, while they are on their way: they are opened once.
    s.keeper.tag_stored(tag, blob.size, vec![blob.clone()]);
    assert!(s.points().is_empty());
    s.keeper.segments(&headers, vec![Some(blob)]);
    assert_eq!(s.points(), [1]);
}

#[test]
fn what_comes_before_there_is_room_is_asked_for_in_its_turn() {
    let mut s = setting();
    let most = s.keeper.at_a_time() as u64;
    for number in 1..=most {
        let (tag, blob) = batch(number);
        s.keeper.tag_stored(tag, blob.size, Vec::new());
    }
    assert_eq!(s.wanted(), (1..=most).collect::<Vec<_>>());
    let (tag, blob) = batch(most + 1);
    s.keeper.tag_stored(tag, blob.size, vec![blob]);
    assert!(
        s.wanted().is_empty() && s.points().is_empty(),
        "no more are opened at a time"
    );
    for number in 1..=most {
        let (tag, blob) = batch(number);
        s.keeper.segments(&tag.segments, vec![Some(blob)]);
    }
    assert_eq!(s.points(), (1..=most).collect::<Vec<_>>());
    assert_eq!(s.wanted(), [most + 1]);
}

#[test]
fn what_does_not_hold_all_that_its_tag_names_is_asked_for() {
    let mut s = setting();
    let (tag, blob) = batch(1);
    s.keeper.tag_stored(tag, blob.size, vec![blob.clone(), blob]);
    assert_eq!(s.wanted(), [1]);
}
