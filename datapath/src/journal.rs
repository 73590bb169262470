//! The change journal (`.hrl`): one sequence of files per protected machine, over all its disks, in the order in which the guest
//! saw its writes acknowledged.
//!
//! The seed article keeps a machine's tracked changes in a `.hrl` file; no public page gives its format, so this one is our own.
//! Files are called `PREFIX-00000001.hrl` and so on. Each begins with a header of 40 bytes (little-endian): magic `FDHRL\r\n\x1a`,
//! version (4 bytes, 1), machine (4), the file's number (8), the last write before it (8), CRC-32 of these 32 bytes (4), four zeros.
//! Records follow back to back ([`encode`]), with rising sequence numbers. The low-water mark stands in `PREFIX-low` (8 bytes and their CRC-32), replaced at once.
//!
//! After an unclean stop the files end anywhere. [`Journal::open`] reads up to the first record that is not whole, cuts the rest off,
//! and so has a prefix of what was appended that holds all that was flushed.

mod encoding;

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::content::{Blob, Run, Summary};
use crate::disk::{DiskError, Files};
use crate::units::{DiskId, VmId, WriteSeq};

pub use encoding::{RECORD_HEADER_BYTES, decode, encode, encode_copy};
use encoding::{decode_one, summary_size, u32_at, u64_at};

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

/// Sizes of a journal.
#[derive(Debug, Clone, Copy)]
pub struct JournalOptions {
    /// Bytes that all its files together may count; past it [`Journal::append`] says [`JournalError::Full`].
    pub size_cap: u64,
    /// Bytes after which the next file is begun, so that acknowledged files can be removed.
    pub file_bytes: u64,
    /// Real bytes after which a file is emptied once nothing in it is needed, whatever its records count.
    pub emptied_bytes: u64,
}

/// Why a journal did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
pub struct Journal {
    prefix: String,
    vm: VmId,
    options: JournalOptions,
    files: VecDeque<JournalFile>,
    /// Records above the low-water mark, in order.
    records: VecDeque<Entry>,
    unflushed: Vec<String>,
    last: WriteSeq,
    low_water: WriteSeq,
    backlog_bytes: u64,
    /// Bytes of all records ever.
    appended_bytes: u64,
    /// A record while it is encoded.
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct JournalFile {
    name: String,
    number: u64,
    len: u64,
    size: u64,
    last: WriteSeq,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    seq: WriteSeq,
    file: u64,
    position: u64,
    len: u64,
    size: u64,
    /// Bytes of all records ever, up to this one.
    appended_bytes: u64,
}

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

const MAGIC: &[u8; 8] = b"FDHRL\r\n\x1a";
const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 40;

impl Journal {
    /// A new journal whose files begin with `prefix`; what an older one of that name left is removed.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn create(files: &dyn Files, prefix: &str, vm: VmId, options: JournalOptions) -> Result<Journal, JournalError> {
        for old in files.list(&format!("{prefix}-")) {
            files.remove(&old);
        }
        let mut journal = Journal::empty(prefix, vm, options);
        journal.begin_file(files, 1)?;
        Ok(journal)
    }

    fn empty(prefix: &str, vm: VmId, options: JournalOptions) -> Journal {
        Journal {
            prefix: prefix.to_owned(),
            vm,
            options,
            files: VecDeque::new(),
            records: VecDeque::new(),
            unflushed: Vec::new(),
            last: WriteSeq::START,
            low_water: WriteSeq::START,
            backlog_bytes: 0,
            appended_bytes: 0,
            scratch: Vec::new(),
        }
    }

    /// Opens what a stop left behind; exactly the durable records are there.
    ///
    /// # Errors
    /// [`JournalError::Foreign`] where a file belongs to another machine or version, and where the disk fails.
    pub fn open(files: &dyn Files, prefix: &str, vm: VmId, options: JournalOptions) -> Result<Recovered, JournalError> {
        let mut journal = Journal::empty(prefix, vm, options);
        journal.low_water = read_low_water(files, prefix)?;
        journal.last = journal.low_water;
        let mut cut_bytes = 0;
        let mut torn = false;
        for name in files
            .list(&format!("{prefix}-"))
            .into_iter()
            .filter(|name| name.ends_with(".hrl"))
        {
            let bytes = files.read_all(&name)?.bytes;
            if torn {
                // Whatever stands in a later file was appended after what is missing.
                cut_bytes += bytes.len() as u64;
                files.remove(&name);
                continue;
            }
            let header = check_header(&bytes, vm).map_err(|why| JournalError::Foreign {
                file: name.clone(),
                why,
            })?;
            // A file cut exactly between two records looks whole: the next one's header tells.
            // What lies below the low-water mark is durable elsewhere, so a tail torn there leaves no gap.
            let reached = journal
                .files
                .back()
                .map_or(WriteSeq::START, |f| f.last)
                .max(journal.low_water);
            let Some((number, before)) = header.filter(|(_, before)| *before <= reached) else {
                torn = true;
                cut_bytes += bytes.len() as u64;
                files.remove(&name);
                continue;
            };
            let whole = journal.read_file(&name, number, before, &bytes);
            if whole < bytes.len() as u64 {
                torn = true;
                cut_bytes += bytes.len() as u64 - whole;
                files.truncate(&name, whole)?;
            }
        }
        if journal.files.is_empty() {
            journal.begin_file(files, 1)?;
        }
        Ok(Recovered { journal, cut_bytes })
    }

    /// Takes in the whole records of a file; returns the position after the last.
    fn read_file(&mut self, name: &str, number: u64, before: WriteSeq, bytes: &Bytes) -> u64 {
        let mut file = JournalFile {
            name: name.to_owned(),
            number,
            len: HEADER_BYTES,
            size: HEADER_BYTES,
            last: before,
        };
        let mut last = before;
        while file.len < bytes.len() as u64 {
            let Ok((record, len)) = decode_one(bytes, file.len as usize) else {
                break;
            };
            let Some(seq) = record.seq().filter(|seq| *seq > last) else {
                break;
            };
            let size = record.size(len as u64);
            if seq > self.low_water {
                self.backlog_bytes += size;
                self.appended_bytes += size;
                self.records.push_back(Entry {
                    seq,
                    file: number,
                    position: file.len,
                    len: len as u64,
                    size,
                    appended_bytes: self.appended_bytes,
                });
            }
            file.len += len as u64;
            file.size += size;
            file.last = seq;
            last = seq;
            self.last = self.last.max(seq);
        }
        let end = file.len;
        self.files.push_back(file);
        end
    }

    fn begin_file(&mut self, files: &dyn Files, number: u64) -> Result<(), JournalError> {
        let name = format!("{}-{number:08}.hrl", self.prefix);
        let mut header = Vec::with_capacity(HEADER_BYTES as usize);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&self.vm.0.to_le_bytes());
        header.extend_from_slice(&number.to_le_bytes());
        header.extend_from_slice(&self.last.0.to_le_bytes());
        header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        header.extend_from_slice(&[0; 4]);
        files.append(&name, Blob::real(header))?;
        self.unflushed.push(name.clone());
        self.files.push_back(JournalFile {
            name,
            number,
            len: HEADER_BYTES,
            size: HEADER_BYTES,
            last: self.last,
        });
        Ok(())
    }

    /// Appends a [`Record::Change`] or [`Record::Summary`]. It is durable once a flush of [`Journal::take_unflushed`] that was asked
    /// for later completes.
    ///
    /// # Errors
    /// [`JournalError::Full`] at the size cap; nothing was appended then.
    ///
    /// # Panics
    /// If the record is a piece of a copy or does not come after the last one: the caller broke the order of writes.
    pub fn append(&mut self, files: &dyn Files, record: &Record) -> Result<(), JournalError> {
        let seq = record.seq().expect("the journal holds changes, not copies");
        assert!(seq > self.last, "write {} after write {}", seq.0, self.last.0);
        self.scratch.clear();
        let size = encode(record, &mut self.scratch);
        let used: u64 = self.files.iter().map(|f| f.size).sum();
        if used + size > self.options.size_cap {
            return Err(JournalError::Full {
                used,
                cap: self.options.size_cap,
            });
        }
        let current = self.files.back().expect("a journal has a file");
        if current.len > HEADER_BYTES && current.size + size > self.options.file_bytes {
            let number = current.number + 1;
            self.begin_file(files, number)?;
        }
        let file = self.files.back_mut().expect("a journal has a file");
        let len = self.scratch.len() as u64;
        // A fleet holds millions of records: each takes what it is long.
        let bytes = Bytes::copy_from_slice(&self.scratch);
        let position = files.append(&file.name, Blob { bytes, size })?;
        debug_assert_eq!(position, file.len, "nobody else writes to the journal");
        self.backlog_bytes += size;
        self.appended_bytes += size;
        self.records.push_back(Entry {
            seq,
            file: file.number,
            position,
            len,
            size,
            appended_bytes: self.appended_bytes,
        });
        file.len += len;
        file.size += size;
        file.last = seq;
        if self.unflushed.last() != Some(&file.name) {
            self.unflushed.push(file.name.clone());
        }
        self.last = seq;
        Ok(())
    }

    /// Files with bytes not flushed since the last call.
    pub fn take_unflushed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unflushed)
    }

    /// A flush of these files failed: they are to be flushed again.
    pub fn flush_again(&mut self, names: impl IntoIterator<Item = String>) {
        for name in names {
            let kept = self.files.iter().any(|file| file.name == name);
            if kept && !self.unflushed.contains(&name) {
                self.unflushed.push(name);
            }
        }
    }

    /// The last write appended.
    #[must_use]
    pub fn last(&self) -> WriteSeq {
        self.last
    }

    /// Every write up to here is durable at the next hop.
    #[must_use]
    pub fn low_water(&self) -> WriteSeq {
        self.low_water
    }

    /// Bytes (as the world counts them) of records above the low-water mark.
    #[must_use]
    pub fn backlog_bytes(&self) -> u64 {
        self.backlog_bytes
    }

    /// Bytes (as the world counts them) of records after `seq`, of those above the low-water mark.
    #[must_use]
    pub fn bytes_after(&self, seq: WriteSeq) -> u64 {
        let upto = self.records.partition_point(|entry| entry.seq <= seq);
        match upto.checked_sub(1).and_then(|last| self.records.get(last)) {
            Some(last) => self.appended_bytes - last.appended_bytes,
            None => self.backlog_bytes,
        }
    }

    /// Records after `after` and up to `through`, as many as fit `max_size` (at least one if there is one); those of one file at most.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn read(
        &self,
        files: &dyn Files,
        after: WriteSeq,
        through: WriteSeq,
        max_size: u64,
    ) -> Result<Option<Piece>, JournalError> {
        let from = self.records.partition_point(|entry| entry.seq <= after);
        let Some(first) = self.records.get(from).filter(|entry| entry.seq <= through).copied() else {
            return Ok(None);
        };
        let (mut last, mut size, mut end) = (first, first.size, first.position + first.len);
        for entry in self.records.range(from + 1..) {
            if entry.seq > through || entry.file != first.file || size + entry.size > max_size {
                break;
            }
            size += entry.size;
            end = entry.position + entry.len;
            last = *entry;
        }
        let file = self
            .files
            .iter()
            .find(|f| f.number == first.file)
            .expect("a record's file is kept while it is needed");
        let bytes = files.read(&file.name, first.position, end - first.position)?;
        Ok(Some(Piece {
            blob: Blob { bytes, size },
            first: first.seq,
            last: last.seq,
        }))
    }

    /// The next hop has made everything up to `through` durable; files wholly below it are removed.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn acknowledge(&mut self, files: &dyn Files, through: WriteSeq) -> Result<(), JournalError> {
        if through <= self.low_water {
            return Ok(());
        }
        self.low_water = through;
        while let Some(entry) = self.records.front().filter(|entry| entry.seq <= through) {
            self.backlog_bytes -= entry.size;
            self.records.pop_front();
        }
        let low = through.0.to_le_bytes();
        let low = [&low[..], &crc32fast::hash(&low).to_le_bytes()].concat();
        files.replace(&low_water_file(&self.prefix), Blob::real(low))?;
        while self.files.len() > 1 && self.files[0].last <= through {
            let file = self.files.pop_front().expect("more than one");
            files.remove(&file.name);
            self.unflushed.retain(|name| *name != file.name);
        }
        // The last file is emptied too when nothing in it is needed, by beginning the next.
        let first = &self.files[0];
        if first.last <= through && (first.size > self.options.file_bytes || first.len > self.options.emptied_bytes) {
            let number = self.files[0].number + 1;
            self.begin_file(files, number)?;
            let file = self.files.pop_front().expect("two");
            files.remove(&file.name);
            self.unflushed.retain(|name| *name != file.name);
        }
        Ok(())
    }
}

impl Record {
    /// The write that the record ends with; none for a piece of a copy.
    #[must_use]
    pub fn seq(&self) -> Option<WriteSeq> {
        match self {
            Record::Change { seq, .. } => Some(*seq),
            Record::Summary(summary) => Some(summary.last),
            Record::Copy { .. } | Record::CopySummary { .. } => None,
        }
    }

    /// The size that the world counts, given the length of the encoding.
    fn size(&self, len: u64) -> u64 {
        use crate::content::Content::Version;
        match self {
            Record::Change { run, .. } | Record::Copy { run, .. } if matches!(run.content, Version { .. }) => {
                RECORD_HEADER_BYTES as u64 + run.bytes()
            }
            Record::Summary(summary) | Record::CopySummary { summary, .. } => summary_size(summary),
            _ => len,
        }
    }
}

fn low_water_file(prefix: &str) -> String {
    [prefix, "-low"].concat()
}

fn read_low_water(files: &dyn Files, prefix: &str) -> Result<WriteSeq, JournalError> {
    let name = low_water_file(prefix);
    if files.len(&name).is_none() {
        return Ok(WriteSeq::START);
    }
    let bytes = files.read_all(&name)?.bytes;
    if bytes.len() != 12 || crc32fast::hash(&bytes[..8]) != u32_at(&bytes, 8) {
        return Err(JournalError::Foreign {
            file: name,
            why: "the low-water mark is damaged".to_owned(),
        });
    }
    Ok(WriteSeq(u64_at(&bytes, 0)))
}

/// The file's number and the last write before it; none where the header itself is cut off or torn.
fn check_header(bytes: &[u8], vm: VmId) -> Result<Option<(u64, WriteSeq)>, String> {
    if bytes.len() < HEADER_BYTES as usize {
        return Ok(None);
    }
    if bytes[..8] != MAGIC[..] {
        return Err("this is no change journal".to_owned());
    }
    if crc32fast::hash(&bytes[..32]) != u32_at(bytes, 32) {
        return Err("the header is damaged".to_owned());
    }
    let (version, owner) = (u32_at(bytes, 8), u32_at(bytes, 12));
    if version != VERSION {
        return Err(format!(
            "version {version} of the format is not known; this program writes {VERSION}"
        ));
    }
    if owner != vm.0 {
        return Err(format!("it belongs to machine {owner}, not {}", vm.0));
    }
    Ok(Some((u64_at(bytes, 16), WriteSeq(u64_at(bytes, 24)))))
}

#[cfg(test)]
mod tests;
