//! The change journal (`.hrl`): one file sequence per protected machine, over all its disks.

use crate::{
    content::{Run, Summary},
    units::{DiskId, WriteSeq},
};
use serde::{Deserialize, Serialize};

/// One record of the journal, and of the data that travels from the agent to the process server: the same encoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// One write of the guest, whole extents.
    Change {
        /// Its place in the machine's write sequence.
        seq: WriteSeq,
        /// The disk it went to.
        disk: DiskId,
        /// Where, and what.
        run: Run,
    },
    /// A range of writes in the aggregate grain.
    Summary(Summary),
    /// A piece of a copy (initial copy, resynchronization, reprotect): read atomically when the sequence stood at `position`.
    Copy {
        /// The sequence number after the last write that the piece contains.
        position: WriteSeq,
        /// The disk it was read from.
        disk: DiskId,
        /// Where, and what.
        run: Run,
    },
    /// A piece of a copy in the aggregate grain.
    CopySummary {
        /// As for [`Record::Copy`].
        position: WriteSeq,
        /// Sizes; `first` and `last` are both `position`.
        summary: Summary,
    },
}

use crate::content::Blob;
use crate::disk::{DiskError, Files};
use crate::units::VmId;

/// Sizes of a journal.
#[derive(Debug, Clone, Copy)]
pub struct JournalOptions {
    /// Bytes that all its files together may count; past it [`Journal::append`] says [`JournalError::Full`].
    pub size_cap: u64,
    /// Bytes after which the next file is begun, so that acknowledged files can be removed.
    pub file_bytes: u64,
}

/// Why a journal did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The size cap is reached: the agent goes into bitmap mode.
    #[error("the journal is full: {used} of {cap} bytes")]
    Full {
        /// Bytes used.
        used: u64,
        /// The cap.
        cap: u64,
    },
    /// A file is not a journal of this machine, or of a version that this program does not know.
    #[error("{file}: {why}")]
    Foreign {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The disk below.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A journal, open for appending.
#[derive(Debug)]
pub struct Journal(());

/// What [`Journal::open`] found.
#[derive(Debug)]
pub struct Recovered {
    /// The journal.
    pub journal: Journal,
    /// Bytes of a torn tail that were cut off.
    pub cut_bytes: u64,
}

/// Encoded records, ready to be sent; they decode with [`decode`].
#[derive(Debug, Clone)]
pub struct Piece {
    /// The records, back to back.
    pub blob: Blob,
    /// The first write in it.
    pub first: WriteSeq,
    /// The last write in it.
    pub last: WriteSeq,
}

#[allow(unused_variables)]
impl Journal {
    /// A new journal whose files begin with `prefix`.
    pub fn create(files: &dyn Files, prefix: &str, vm: VmId, options: JournalOptions) -> Result<Journal, JournalError> {
        todo!()
    }
    /// Opens what a stop left behind; exactly the durable records are there.
    pub fn open(files: &dyn Files, prefix: &str, vm: VmId, options: JournalOptions) -> Result<Recovered, JournalError> {
        todo!()
    }
    /// Appends a [`Record::Change`] or [`Record::Summary`]. It is durable once a flush of [`Journal::unflushed`] that was asked for later completes.
    pub fn append(&mut self, files: &dyn Files, record: &Record) -> Result<(), JournalError> {
        todo!()
    }
    /// Files with bytes not flushed since the last call of [`Journal::take_unflushed`].
    pub fn take_unflushed(&mut self) -> Vec<String> {
        todo!()
    }
    /// The last write appended.
    #[must_use]
    pub fn last(&self) -> WriteSeq {
        todo!()
    }
    /// Every write up to here is durable at the next hop.
    #[must_use]
    pub fn low_water(&self) -> WriteSeq {
        todo!()
    }
    /// Bytes (as the world counts them) of records above the low-water mark.
    #[must_use]
    pub fn backlog_bytes(&self) -> u64 {
        todo!()
    }
    /// Records after `after` and up to `through`, as many as fit `max_size` (at least one if there is one).
    pub fn read(
        &self,
        files: &dyn Files,
        after: WriteSeq,
        through: WriteSeq,
        max_size: u64,
    ) -> Result<Option<Piece>, JournalError> {
        todo!()
    }
    /// The next hop has made everything up to `through` durable; files wholly below it are removed.
    pub fn acknowledge(&mut self, files: &dyn Files, through: WriteSeq) -> Result<(), JournalError> {
        todo!()
    }
}

/// Appends a record's encoding to `out`; returns the size that the world counts for it.
pub fn encode(record: &Record, out: &mut Vec<u8>) -> u64 {
    let _ = (record, out);
    todo!()
}

/// Decodes records that stand back to back; real bytes are slices of `bytes`, not copies. Refuses a changed byte.
pub fn decode(bytes: &bytes::Bytes) -> Result<Vec<Record>, JournalError> {
    let _ = bytes;
    todo!()
}
