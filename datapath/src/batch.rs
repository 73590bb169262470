//! A batch: a range of one machine's write sequence, cut at a sequence number, folded inside itself only.

use std::collections::BTreeMap;

use crate::content::{Run, Summary};
use crate::journal::Record;
use crate::units::{DiskId, WriteSeq};

/// What a batch (or a piece of a copy) changes on one disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskChanges {
    /// The disk.
    pub disk: DiskId,
    /// The first write that the range may contain.
    pub first: WriteSeq,
    /// The last one.
    pub last: WriteSeq,
    /// Extents and their content after `last`, in order of address, none twice. Empty in the aggregate grain.
    pub runs: Vec<Run>,
    /// Sizes, in the aggregate grain.
    pub summary: Option<Summary>,
}

/// Folds records: an extent written twice stays once, with its last content. One entry per disk that changed.
#[must_use]
pub fn fold(records: &[Record]) -> BTreeMap<DiskId, DiskChanges> {
    let _ = records;
    todo!()
}
