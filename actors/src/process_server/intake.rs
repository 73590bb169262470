//! The agents' side: greet, take in parts of batches and pieces of copies, and acknowledge them once they are durable in the cache.

use bytes::Bytes;
use datapath::disk::{DiskError, Files};
use datapath::plants::{Plant, planted};
use datapath::{Blob, DiskId, VmId, WriteSeq};

use super::stream::{Arriving, Batch, Copy, Piece, Refused, Sealing};
use super::{CACHED, ProcessServer};
use crate::messages::Body;
use crate::messages::replication::{BatchEnding, ToAgent, ToProcessServer};
use crate::nouns::Protection;
use crate::ports::{ConnId, Frame, Token};

/// What ends every file of a part or piece: one that a power cut tore is told by it.
const WHOLE: &[u8] = b"FDP2";
/// Bytes of that, of the length before it, and of the checksum before that.
pub(super) const TAIL_BYTES: usize = 12;

/// What a flush of the cache makes durable.
pub(super) enum Caching {
    /// A part of the batch after the last whole one.
    Part {
        vm: VmId,
        batch: u64,
        part: u32,
        bytes: u64,
    },
    /// The end of a batch, perhaps with its last part.
    End {
        vm: VmId,
        ending: BatchEnding,
        last_part: u64,
    },
    /// A piece of a copy.
    Piece { disk: DiskId, copy: u32, part: u32 },
}

/// Files whose flush is under way.
pub(super) struct Cached {
    pub(super) what: Caching,
    pub(super) names: Vec<String>,
}

/// How an agent introduces itself.
pub(super) struct Greeting {
    pub(super) protection: Protection,
    /// The number of its copy.
    pub(super) copy: u32,
    /// The last batch that a process server has acknowledged to it.
    pub(super) cached: u64,
}

impl Caching {
    pub(super) fn vm(&self) -> VmId {
        match self {
            Caching::Part { vm, .. } | Caching::End { vm, .. } => *vm,
            Caching::Piece { disk, .. } => disk.vm,
        }
    }
}

/// What is appended to a file's content to show that it is whole.
fn tail_of(content: &Blob) -> Blob {
    let length = (content.bytes.len() as u32).to_le_bytes();
    Blob::real([&sum_of(&content.bytes)[..], &length, WHOLE].concat())
}

fn sum_of(records: &[u8]) -> [u8; 4] {
    crc32fast::hash(records).to_le_bytes()
}

/// Whether a file ends as one that is whole: `tail` are its last bytes, behind its records. Where a power cut kept the tail and not what is
/// before it, that reads as zeros, which no record does.
fn is_whole(tail: &[u8], records: &[u8]) -> bool {
    planted(Plant::TornRecordAccepted)
        || (records.iter().any(|byte| *byte != 0) || records.is_empty())
            && matches!(tail[4..].split_first_chunk(), Some((len, WHOLE)) if u32::from_le_bytes(*len) as usize == records.len())
}

/// Whether the records of a file that is whole are what was written.
fn is_as_written(tail: &[u8], records: &[u8]) -> bool {
    planted(Plant::TornRecordAccepted) || tail.starts_with(&sum_of(records))
}

/// The content of a cache's file with what it counts for, and whether it is as it was written; none where the file is not whole.
pub(super) fn content_of(file: &Blob) -> Option<(Blob, bool)> {
    let len = file.bytes.len().checked_sub(TAIL_BYTES)?;
    let (content, tail) = file.bytes.split_at(len);
    is_whole(tail, content).then(|| {
        let blob = Blob {
            bytes: file.bytes.slice(..len),
            size: file.size - TAIL_BYTES as u64,
        };
        (blob, is_as_written(tail, content))
    })
}

/// Why records of the cache cannot be sealed.
pub(super) enum Unread {
    /// The disk did not read them now.
    Disk(DiskError),
    /// They are not what was written.
    Damaged(String),
}

/// The records of a part's file. They are read apart from the file's tail: together they would have to be copied.
pub(super) fn read_records(files: &dyn Files, name: &str) -> Result<Bytes, Unread> {
    let damaged = || Unread::Damaged(format!("{name} is damaged"));
    let read = |position, len| {
        let read = files.read(name, position, len);
        read.map_err(|error| match error.may_pass() {
            true => Unread::Disk(error),
            false => Unread::Damaged(error.to_string()),
        })
    };
    let len = files
        .len(name)
        .and_then(|len| len.checked_sub(TAIL_BYTES as u64))
        .ok_or_else(damaged)?;
    let (tail, records) = (read(len, TAIL_BYTES as u64)?, read(0, len)?);
    match is_whole(&tail, &records) && is_as_written(&tail, &records) {
        true => Ok(records),
        false => Err(damaged()),
    }
}

impl ProcessServer {
    pub(super) fn on_agent_closed(&mut self, conn: ConnId) {
        if let Some(Some(vm)) = self.agents.remove(&conn)
            && let Some(stream) = self.streams.get_mut(&vm)
            && stream.agent == Some(conn)
        {
            stream.agent = None;
            // What it had begun may go on no more.
            self.give_room();
        }
        self.early.retain(|(early, ..)| *early != conn);
    }

    pub(super) fn on_agent_frame(&mut self, conn: ConnId, Frame { body, payload }: Frame) {
        let Body::ReplicationToProcessServer(message) = body else {
            return;
        };
        let vm = message.vm();
        if !matches!(message, ToProcessServer::Hello { .. }) {
            // Only who has greeted for a machine speaks for it.
            if self.agents.get(&conn).copied().flatten() != Some(vm) {
                return;
            }
            if let Some(stream) = self.streams.get_mut(&vm) {
                stream.heard = self.env.monotonic();
            }
        }
        match message {
            ToProcessServer::Hello {
                protection,
                copy,
                cached,
            } => {
                let greeting = Greeting {
                    protection,
                    copy,
                    cached,
                };
                self.on_hello(conn, greeting);
            }
            ToProcessServer::Changes { batch, part, .. } => {
                if let Some(records) = payload {
                    self.on_part(vm, batch, part, records);
                }
            }
            ToProcessServer::BatchEnd { ending, .. } => self.on_end(vm, ending, payload),
            ToProcessServer::PutShared(put) => self.relay_shared(vm, put),
            ToProcessServer::CopyAsk { disk, copy } => self.on_copy_ask(disk, copy),
            ToProcessServer::CopyData { disk, copy, part, .. } => {
                if let Some(records) = payload {
                    self.on_piece(disk, copy, part, records);
                }
            }
            ToProcessServer::CopyEnd {
                disk,
                copy,
                parts,
                highest,
            } => self.on_copy_end(disk, copy, (parts, highest)),
            ToProcessServer::ChecksumAsk(ask) => self.relay_checksum_ask(ask),
        }
    }

    fn on_copy_end(&mut self, disk: DiskId, copy: u32, end: (u32, WriteSeq)) {
        let stream = self.streams.get_mut(&disk.vm);
        let known = stream
            .and_then(|s| s.copies.get_mut(&disk))
            .filter(|c| c.number == copy);
        match known {
            Some(known) => known.end = Some(end),
            // A copy without pieces, or one that was stored before the agent came back.
            None => {
                if let Some(stream) = self.streams.get_mut(&disk.vm) {
                    let ended = Copy {
                        number: copy,
                        pieces: Default::default(),
                        end: Some(end),
                        end_sent: false,
                    };
                    stream.copies.insert(disk, ended);
                }
            }
        }
        self.deliver_copy_ends(disk.vm);
    }

    pub(super) fn on_hello(&mut self, conn: ConnId, greeting: Greeting) {
        let vm = greeting.protection.vm;
        let Some(stream) = self
            .streams
            .get_mut(&vm)
            .filter(|s| s.protection.protection == greeting.protection.protection)
        else {
            if self.agents.contains_key(&conn) {
                self.early.push((conn, greeting));
            }
            return;
        };
        if stream.handing_over.is_some() {
            self.agents.remove(&conn);
            return self.env.close(conn);
        }
        stream.heard = self.env.monotonic();
        let Greeting { copy, cached, .. } = greeting;
        if let Some(old) = stream.agent.replace(conn).filter(|old| *old != conn) {
            self.agents.remove(&old);
            self.env.close(old);
        }
        self.agents.insert(conn, Some(vm));
        if copy > stream.copy {
            stream.copy = copy;
            self.drop_unfinished(vm, copy);
        }
        self.go_on_after(vm, cached);
        self.welcome(vm);
    }

    /// Says what there is of the machine, and takes in what comes after it.
    pub(super) fn welcome(&mut self, vm: VmId) {
        self.refused.remove(&vm);
        let batch_bytes = self.batch_bytes();
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        stream.refused = None;
        let (batch, parts) = (stream.whole, stream.arriving.parts.len() as u32);
        let welcome = ToAgent::Welcome {
            vm,
            batch,
            parts,
            batch_bytes,
        };
        self.tell(vm, welcome);
    }

    /// Batches up to this one were acknowledged and are not here: another process server had them, and has stored them; or they are lost.
    /// What was lost the target misses when the next one comes, and asks for a resynchronization.
    fn go_on_after(&mut self, vm: VmId, cached: u64) {
        if self.streams.get(&vm).is_none_or(|stream| stream.whole >= cached) {
            return;
        }
        self.drop_arriving(vm);
        if let Some(stream) = self.streams.get_mut(&vm) {
            stream.whole = cached;
        }
    }

    /// Drops what has come of a batch that is not whole: its agent still has it.
    pub(super) fn drop_arriving(&mut self, vm: VmId) {
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        let files = self.env.files();
        // By folder: files whose flush is under way belong to it too.
        for file in files.list(&stream.batch_folder(stream.whole + 1)) {
            files.remove(&file);
        }
        stream.cached_bytes -= stream.arriving.parts.iter().sum::<u64>();
        stream.arriving = Arriving::default();
        self.caching
            .retain(|_, c| matches!(c.what, Caching::Piece { .. }) || c.what.vm() != vm);
    }

    /// A new copy voids an unfinished batch and what is left of older copies.
    fn drop_unfinished(&mut self, vm: VmId, copy: u32) {
        self.drop_arriving(vm);
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        let files = self.env.files();
        let old: Vec<DiskId> = stream
            .copies
            .iter()
            .filter(|(_, c)| c.number < copy)
            .map(|(disk, _)| *disk)
            .collect();
        let (mut freed, mut sent) = (0, 0);
        for disk in old {
            let Some(copy) = stream.copies.remove(&disk) else {
                continue;
            };
            for (part, piece) in &copy.pieces {
                files.remove(&stream.piece_file(disk, copy.number, *part));
                stream.cached_bytes -= piece.bytes;
                freed += piece.state.outgoing_bytes();
                sent += piece.state.sent_bytes();
            }
        }
        self.in_flight -= freed;
        let target = stream.protection.target;
        self.give_back_window(target, sent);
        self.caching.retain(|_, c| match &c.what {
            Caching::Piece { disk, copy: number, .. } => disk.vm != vm || *number >= copy,
            Caching::Part { .. } | Caching::End { .. } => true,
        });
        self.jobs.retain(|_, job| {
            let void = job.is_copy_before(vm, copy);
            if void {
                self.in_flight -= job.bytes();
            }
            !void
        });
        self.copying.retain(|(disk, number)| disk.vm != vm || *number >= copy);
        self.copy_queue
            .retain(|(disk, number)| disk.vm != vm || *number >= copy);
        self.grant_copies();
        self.give_room();
    }

    fn on_part(&mut self, vm: VmId, batch: u64, part: u32, records: Blob) {
        let Some(stream) = self.streams.get(&vm) else { return };
        let next = batch == stream.whole + 1;
        if batch <= stream.whole || (next && (part as usize) < stream.arriving.parts.len()) {
            return self.tell(vm, ToAgent::ChangesCached { vm, batch, part });
        }
        // Out of turn: it comes behind something that was refused, or is on its way to the disk already.
        if stream.refused.is_some() || !next || part != stream.arriving.taken {
            return;
        }
        let (name, bytes) = (stream.part_file(batch, part), records.size);
        if self.holds_back(vm) || !self.put(vm, &name, records) {
            return self.refuse(vm, Refused::Changes(bytes));
        }
        if let Some(stream) = self.streams.get_mut(&vm) {
            stream.arriving.taken += 1;
        }
        self.flush(vec![name], Caching::Part { vm, batch, part, bytes });
    }

    fn on_end(&mut self, vm: VmId, ending: BatchEnding, last_part: Option<Blob>) {
        let Some(stream) = self.streams.get(&vm) else { return };
        let batch = ending.batch;
        if batch <= stream.whole {
            return self.tell(vm, ToAgent::BatchCached { vm, batch });
        }
        let arriving = &stream.arriving;
        let in_turn = batch == stream.whole + 1 && arriving.taken + u32::from(last_part.is_some()) == ending.parts;
        if stream.refused.is_some() || !in_turn || arriving.end_taken {
            return;
        }
        let last = ending.parts - u32::from(last_part.is_some());
        let names: Vec<String> = stream.batch_files(batch, last..ending.parts).collect();
        let end = datapath::encoded::encode(&ending);
        let bytes = last_part.as_ref().map_or(0, |records| records.size);
        let wanted = bytes + end.len() as u64;
        if self.holds_back(vm) {
            return self.refuse(vm, Refused::Changes(wanted));
        }
        let blobs = last_part.into_iter().chain([Blob::real(end)]);
        for (at, blob) in blobs.enumerate() {
            if !self.put(vm, &names[at], blob) {
                names[..at].iter().for_each(|name| self.env.files().remove(name));
                return self.refuse(vm, Refused::Changes(wanted));
            }
        }
        if let Some(stream) = self.streams.get_mut(&vm) {
            stream.arriving.end_taken = true;
        }
        let last_part = bytes;
        self.flush(names, Caching::End { vm, ending, last_part });
    }

    fn on_piece(&mut self, disk: DiskId, number: u32, part: u32, records: Blob) {
        let Some(stream) = self.streams.get_mut(&disk.vm) else {
            return;
        };
        let copy = stream.copies.entry(disk).or_insert_with(|| Copy::new(number));
        if copy.number != number {
            return;
        }
        if let Some(piece) = copy.pieces.get(&part) {
            if piece.durable {
                self.tell(
                    disk.vm,
                    ToAgent::CopyCached {
                        disk,
                        copy: number,
                        part,
                    },
                );
            }
            return;
        }
        let (name, bytes) = (stream.piece_file(disk, number, part), records.size);
        if stream.refused.is_some() {
            return;
        }
        if !self.has_room_for_copies(bytes) || !self.put(disk.vm, &name, records) {
            return self.refuse(disk.vm, Refused::Copy(bytes));
        }
        if let Some(stream) = self.streams.get_mut(&disk.vm)
            && let Some(copy) = stream.copies.get_mut(&disk)
        {
            let piece = Piece {
                bytes,
                durable: false,
                state: Sealing::Cached,
            };
            copy.pieces.insert(part, piece);
            stream.cached_bytes += bytes;
            self.flush(
                vec![name],
                Caching::Piece {
                    disk,
                    copy: number,
                    part,
                },
            );
        }
    }

    /// Writes a file of the cache; false, and nothing of it is left, where the disk refuses.
    fn put(&mut self, vm: VmId, name: &str, content: Blob) -> bool {
        let files = self.env.files();
        if files.len(name).is_some() {
            files.remove(name);
        }
        let tail = tail_of(&content);
        let Err(error) = files.append(name, content).and_then(|_| files.append(name, tail)) else {
            return true;
        };
        files.remove(name);
        if !matches!(error, DiskError::Full { .. }) {
            self.disk_failed(Some(vm), &error);
        }
        false
    }

    fn flush(&mut self, names: Vec<String>, caching: Caching) {
        let key = self.key();
        self.env.flush(&names, Token { what: CACHED, key });
        self.caching.insert(key, Cached { what: caching, names });
        if planted(Plant::AckBeforeDurable) {
            self.on_cached(key);
        }
    }

    /// Something is durable in the cache: it is acknowledged, and goes on.
    pub(super) fn on_cached(&mut self, key: u64) {
        let Some(Cached { what: caching, .. }) = self.caching.remove(&key) else {
            return;
        };
        let vm = caching.vm();
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        match caching {
            Caching::Part { batch, part, bytes, .. } => {
                if batch == stream.whole + 1 {
                    stream.arriving.early.insert(part, bytes);
                }
            }
            Caching::End { ending, last_part, .. } => {
                if ending.batch == stream.whole + 1 {
                    stream.arriving.end = Some((ending, last_part));
                }
            }
            Caching::Piece { disk, copy, part } => {
                let known = stream.copies.get_mut(&disk).filter(|c| c.number == copy);
                if let Some(piece) = known.and_then(|c| c.pieces.get_mut(&part)) {
                    piece.durable = true;
                    self.tell(vm, ToAgent::CopyCached { disk, copy, part });
                }
            }
        }
        self.arrived(vm);
        self.ready.insert(vm);
        self.seal_more();
        self.handed_over(vm);
    }

    /// Acknowledges the parts that are durable without a gap, and the batch where those and its end are.
    fn arrived(&mut self, vm: VmId) {
        let Some(stream) = self.streams.get_mut(&vm) else {
            return;
        };
        let (mut told, batch) = (Vec::new(), stream.whole + 1);
        let arriving = &mut stream.arriving;
        while let Some(bytes) = arriving.early.remove(&(arriving.parts.len() as u32)) {
            let part = arriving.parts.len() as u32;
            arriving.parts.push(bytes);
            stream.cached_bytes += bytes;
            told.push(ToAgent::ChangesCached { vm, batch, part });
        }
        let durable = arriving.parts.len() as u32 == arriving.taken;
        if let Some((ending, last_part)) = arriving.end.take_if(|_| durable) {
            let bytes = arriving.parts.iter().sum::<u64>() + last_part;
            stream.arriving = Arriving::default();
            stream.cached_bytes += last_part;
            stream.whole = batch;
            let whole = Batch {
                ending,
                bytes,
                state: Sealing::Cached,
                tag_sent: false,
            };
            stream.batches.insert(batch, whole);
            let protection = stream.protection.protection;
            self.env.fact(crate::facts::Fact::BatchCached { vm, protection, batch });
            told.push(ToAgent::BatchCached { vm, batch });
        }
        told.into_iter().for_each(|message| self.tell(vm, message));
    }

    /// Says something to the machine's agent, if it is there; what it misses it asks for when it comes back.
    pub(super) fn tell(&self, vm: VmId, message: ToAgent) {
        if let Some(conn) = self.streams.get(&vm).and_then(|s| s.agent) {
            self.env.send(conn, message);
        }
    }

    // Places for copies.

    fn on_copy_ask(&mut self, disk: DiskId, copy: u32) {
        let asked = (disk, copy);
        if self.copying.contains(&asked) {
            return self.tell(disk.vm, ToAgent::CopyGranted { disk, copy });
        }
        if !self.copy_queue.contains(&asked) {
            self.copy_queue.push_back(asked);
        }
        self.grant_copies();
    }

    pub(super) fn grant_copies(&mut self) {
        while self.copying.len() < self.spec.copies_at_a_time as usize
            && let Some((disk, copy)) = self.copy_queue.pop_front()
        {
            self.copying.insert((disk, copy));
            self.tell(disk.vm, ToAgent::CopyGranted { disk, copy });
        }
    }

    // After a power cut.
}
