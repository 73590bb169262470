//! What a guest writes reaches its volumes: whole extents, read back where a write covers only a part of one.

use bytes::Bytes;
use datapath::content::generated;
use datapath::{Class, Content, DiskId, EXTENT_BYTES, Extent, Grain, Run, WriteSeq};

use crate::ports::Env;

/// One disk of a guest.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    /// Which.
    pub id: DiskId,
    /// Its volume.
    pub volume: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What new content looks like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The seed of generated content.
    pub seed: u64,
    /// Random bytes of each extent.
    pub random_bytes: u16,
    /// The class, where content is modelled.
    pub class: Class,
}

impl Disk {
    /// The run of whole extents that a write of `bytes` at `offset` makes, or `None` where it lies past the disk's end. An extent that is
    /// only partly covered keeps the rest of what it holds (the padding after a disk's last sector stays zero).
    pub fn written(&self, env: &Env, seq: WriteSeq, offset: u64, bytes: u64, look: Look) -> Option<Run> {
        let end = offset.saturating_add(bytes).min(self.bytes);
        if offset >= end {
            return None;
        }
        let (first, last) = (offset / EXTENT_BYTES, end.div_ceil(EXTENT_BYTES));
        let extents = u32::try_from(last - first).ok()?;
        let content = match env.grain() {
            Grain::Real => Content::Bytes(self.bytes_of(env, seq, offset, end, look).into()),
            Grain::Extent | Grain::Aggregate => Content::Version {
                version: seq,
                class: look.class,
            },
        };
        Some(Run {
            start: Extent(first),
            extents,
            content,
        })
    }

    /// The run of whole extents that a write of these bytes at an extent's beginning makes, or `None` where it lies past the disk's end.
    pub fn put(&self, env: &Env, seq: WriteSeq, offset: u64, bytes: &Bytes, class: Class) -> Option<Run> {
        let len = bytes.len() as u64;
        if !offset.is_multiple_of(EXTENT_BYTES) || !len.is_multiple_of(EXTENT_BYTES) || offset + len > self.bytes {
            return None;
        }
        Some(Run {
            start: Extent(offset / EXTENT_BYTES),
            extents: u32::try_from(len / EXTENT_BYTES).ok()?,
            content: match env.grain() {
                Grain::Real => Content::Bytes(bytes.clone()),
                Grain::Extent | Grain::Aggregate => Content::Version { version: seq, class },
            },
        })
    }

    fn bytes_of(&self, env: &Env, seq: WriteSeq, offset: u64, end: u64, look: Look) -> Vec<u8> {
        let (first, last) = (offset / EXTENT_BYTES, end.div_ceil(EXTENT_BYTES));
        let mut out = vec![0; ((last - first) * EXTENT_BYTES) as usize];
        for (extent, page) in (first..last).zip(out.chunks_exact_mut(EXTENT_BYTES as usize)) {
            generated(look.seed, self.id, Extent(extent), seq, look.random_bytes, page);
            let (from, to) = (extent * EXTENT_BYTES, (extent + 1) * EXTENT_BYTES);
            if from < offset || to > end {
                let old = self.extent(env, Extent(extent));
                let kept_front = (offset.max(from) - from) as usize;
                let kept_back = (end.min(to) - from) as usize;
                page[..kept_front].copy_from_slice(&old[..kept_front]);
                page[kept_back..].copy_from_slice(&old[kept_back..]);
            }
        }
        out
    }

    fn extent(&self, env: &Env, extent: Extent) -> Vec<u8> {
        let mut page = vec![0; EXTENT_BYTES as usize];
        for run in env.volume_read(&self.volume, extent, 1) {
            if let Content::Bytes(bytes) = &run.content {
                page.copy_from_slice(bytes);
            }
        }
        page
    }

    /// The run of zeros that a discard makes: the whole extents inside it. Its edges are left as they are, as devices do.
    pub fn discarded(&self, offset: u64, bytes: u64) -> Option<Run> {
        let end = offset.saturating_add(bytes).min(self.bytes);
        let first = offset.div_ceil(EXTENT_BYTES);
        // The last extent is whole where the disk ends with it.
        let last = if end == self.bytes {
            end.div_ceil(EXTENT_BYTES)
        } else {
            end / EXTENT_BYTES
        };
        let extents = u32::try_from(last.saturating_sub(first)).ok().filter(|n| *n > 0)?;
        Some(Run {
            start: Extent(first),
            extents,
            content: Content::Zero,
        })
    }
}
