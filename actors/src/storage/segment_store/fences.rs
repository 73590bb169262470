//! Fences: epochs of a disk below which nothing is taken in.

use datapath::disk::{DiskError, Files};
use datapath::plants::{Plant, planted};
use datapath::segment::SegmentHeader;
use datapath::{Blob, DiskId};
use serde::{Deserialize, Serialize};

use super::{Owed, SegmentStore};
use crate::Table;
use crate::messages::refusal::Refusal;

/// What the file of each disk's fences begins with: a vault of ten thousand machines raises as many, and each is written down alone.
pub(super) const FENCES: &str = "fences/";

/// Epochs below which nothing is taken in.
#[derive(Default)]
pub(super) struct Fences {
    /// Of what process servers seal.
    pub(super) changes: Table<DiskId, u32>,
    /// Of what is merged.
    pub(super) merged: Table<DiskId, u32>,
}

/// The fences of one disk as they are kept.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedFences {
    disk: DiskId,
    changes: Option<u32>,
    merged: Option<u32>,
}

impl Fences {
    fn of(&self, disk: DiskId) -> SavedFences {
        SavedFences {
            disk,
            changes: self.changes.get(&disk).copied(),
            merged: self.merged.get(&disk).copied(),
        }
    }

    pub(super) fn take(&mut self, saved: SavedFences) {
        let SavedFences { disk, changes, merged } = saved;
        self.changes.extend(changes.map(|epoch| (disk, epoch)));
        self.merged.extend(merged.map(|epoch| (disk, epoch)));
    }
}

impl SegmentStore {
    /// Refuses epochs of a disk below this from now on. The fence stands, and [`SegmentStore::take_fenced`] says
    /// so, once all that was taken in before it is durable: then the next epoch can be granted, for nothing of an earlier one is still
    /// to come.
    pub fn fence(&mut self, disk: DiskId, epoch: u32) {
        raise(&mut self.fences.changes, disk, epoch);
        self.stand(vec![(disk, epoch)]);
        self.flush();
    }

    /// Fences stand once they are written, and all that was taken in before is durable. What cannot be written is written later: until
    /// then nothing of an earlier epoch is taken in, and nobody is told.
    pub(super) fn stand(&mut self, fences: Vec<(DiskId, u32)>) {
        for fence in fences {
            if let Err(error) = self.save_fences(fence.0) {
                self.unfenced.push(fence);
                self.failed(&error);
                continue;
            }
            self.waiting.push(Owed {
                fence: Some(fence),
                ..Owed::default()
            });
        }
    }

    /// Fences that stand by now.
    pub fn take_fenced(&mut self) -> Vec<(DiskId, u32)> {
        std::mem::take(&mut self.fenced)
    }

    pub(super) fn save_fences(&self, disk: DiskId) -> Result<(), DiskError> {
        let bytes = datapath::encoded::encode(&self.fences.of(disk));
        self.env.files().replace(&fence_file(disk), Blob::real(bytes))
    }
}

/// Refuses a segment of an epoch that is fenced.
pub(super) fn below(fences: &Table<DiskId, u32>, header: &SegmentHeader) -> Result<(), Refusal> {
    let (epoch, lowest) = (header.epoch.0, fences.get(&header.disk).copied().unwrap_or(0));
    match epoch < lowest && !planted(Plant::FenceNotChecked) {
        true => Err(Refusal::Fenced { epoch, lowest }),
        false => Ok(()),
    }
}

/// Whether the fence was lower.
pub(super) fn raise(fences: &mut Table<DiskId, u32>, disk: DiskId, epoch: u32) -> bool {
    let fence = fences.entry(disk).or_insert(0);
    let lower = *fence < epoch;
    *fence = epoch.max(*fence);
    lower
}

fn fence_file(disk: DiskId) -> String {
    format!("{FENCES}vm{}-{}", disk.vm.0, disk.index)
}

/// The lowest epoch of a disk that a machine takes in, by its disk; none where it has no fence.
#[must_use]
pub fn fence_of(files: &dyn Files, disk: DiskId) -> Option<u32> {
    let saved = files.read_all(&fence_file(disk)).ok()?;
    let fences: SavedFences = postcard::from_bytes(&saved.bytes).ok()?;
    fences.changes
}
