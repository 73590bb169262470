//! What a process server finds in its cache when it starts: whole parts, whole batches, whole pieces; what a power cut tore goes.

use datapath::disk::{DiskError, Files, read_if_there};
use datapath::plants::{Plant, planted};
use datapath::{Blob, DiskId};

use super::intake::{TAIL_BYTES, content_of};
use super::stream::{Batch, Copy, Piece, Sealing, Stream};
use super::{ProcessServer, served_file};
use crate::messages::replication::BatchEnding;
use crate::nouns::Protection;

impl ProcessServer {
    /// Takes up what the cache holds: whole parts, whole batches, whole pieces.
    ///
    /// # Errors
    /// Where the disk fails: then nothing is known for certain.
    pub(super) fn recover(&mut self) -> Result<(), DiskError> {
        let files = self.env.files();
        let (mut streams, mut rotten) = (Vec::new(), Vec::new());
        for name in files.list("served/") {
            let saved = files.read_all(&name)?;
            let Ok(protection) = postcard::from_bytes::<Protection>(&saved.bytes) else {
                continue;
            };
            let mut stream = Stream::new(protection, &self.spec.key, self.env.monotonic());
            debug_assert_eq!(name, served_file(stream.vm()));
            for file in files.list(&format!("{}/", stream.folder())) {
                match content_of(&files.read_all(&file)?) {
                    None => files.remove(&file),
                    // What is to be sealed is read once more for that, and found wrong then.
                    Some((_, false)) if file.ends_with("/end") => rotten.push((stream.vm(), file)),
                    Some((content, _)) => take_up(&mut stream, &file, &content),
                }
            }
            stream.settle_recovered(&*files)?;
            if planted(Plant::EpochKept) {
                let disks: Vec<DiskId> = stream.keys.keys().copied().collect();
                let first = |disk| (disk, datapath::seal::Nonces::new(datapath::seal::Epoch(1)));
                stream.nonces.extend(disks.into_iter().map(first));
            }
            streams.push(stream);
        }
        for (vm, end) in rotten {
            for file in files.list(end.trim_end_matches("end")) {
                files.remove(&file);
            }
            let text = format!("the process server's cache lost what it had acknowledged: {end} is damaged");
            self.alert(vm, crate::facts::Severity::Critical, text);
        }
        for stream in streams {
            self.open_target(stream.protection.target);
            let (vm, protection) = (stream.vm(), stream.protection.protection);
            for batch in stream.batches.keys().copied() {
                self.env.fact(crate::facts::Fact::BatchCached { vm, protection, batch });
            }
            self.ready.insert(stream.vm());
            self.streams.insert(stream.vm(), stream);
        }
        Ok(())
    }
}

/// Takes up one file of the cache, by its name.
fn take_up(stream: &mut Stream, file: &str, content: &Blob) {
    let rest = file.strip_prefix(&stream.folder()).unwrap_or_default();
    let pieces: Vec<&str> = rest.split('/').filter(|p| !p.is_empty()).collect();
    let number = |text: &str, prefix: &str| text.strip_prefix(prefix).and_then(|n| n.parse::<u64>().ok());
    match pieces.as_slice() {
        [batch, "end"] => {
            if let (Some(batch), Ok(ending)) = (
                number(batch, "batch-"),
                postcard::from_bytes::<BatchEnding>(&content.bytes),
            ) {
                stream.batches.insert(
                    batch,
                    Batch {
                        ending,
                        bytes: 0,
                        state: Sealing::Cached,
                        tag_sent: false,
                    },
                );
            }
        }
        [copy, disk, part] => {
            if let (Some(copy), Some(index), Some(part)) =
                (number(copy, "copy-"), number(disk, "disk-"), number(part, "part-"))
            {
                let disk = DiskId {
                    vm: stream.vm(),
                    index: index as u16,
                };
                let number = copy as u32;
                let copy = stream.copies.entry(disk).or_insert_with(|| Copy::new(number));
                if copy.number < number {
                    *copy = Copy::new(number);
                }
                if copy.number == number {
                    let piece = Piece {
                        bytes: content.size,
                        durable: true,
                        state: Sealing::Cached,
                    };
                    copy.pieces.insert(part as u32, piece);
                    stream.copy = stream.copy.max(number);
                    stream.cached_bytes += content.size;
                }
            }
        }
        _ => {}
    }
}

impl Stream {
    /// After all files were taken up: the last whole batch, and the parts after it.
    fn settle_recovered(&mut self, files: &dyn Files) -> Result<(), DiskError> {
        let size = |name: &str| {
            let blob = files.read_all(name)?;
            Ok::<u64, DiskError>(blob.size.saturating_sub(TAIL_BYTES as u64))
        };
        let numbers: Vec<u64> = self.batches.keys().copied().collect();
        for batch in numbers {
            let parts = self.batches[&batch].ending.parts;
            // A power cut tears each file on its own: an end without all its parts was never acknowledged.
            if (0..parts).any(|part| files.len(&self.part_file(batch, part)).is_none()) {
                files.remove(&self.end_file(batch));
                self.batches.remove(&batch);
                continue;
            }
            let bytes = (0..parts)
                .map(|part| size(&self.part_file(batch, part)))
                .sum::<Result<u64, _>>()?;
            if let Some(known) = self.batches.get_mut(&batch) {
                known.bytes = bytes;
            }
            self.cached_bytes += bytes;
        }
        let done = read_if_there(files, &self.done_file())?;
        let done = done.and_then(|blob| postcard::from_bytes::<u64>(&blob.bytes).ok());
        self.whole = self.batches.keys().next_back().copied().max(done).unwrap_or(0);
        let batch = self.whole + 1;
        while files.len(&self.part_file(batch, self.arriving.taken)).is_some() {
            let bytes = size(&self.part_file(batch, self.arriving.taken))?;
            self.arriving.taken += 1;
            self.arriving.parts.push(bytes);
            self.cached_bytes += bytes;
        }
        Ok(())
    }
}
