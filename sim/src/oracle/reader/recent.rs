//! What was opened last: the same bytes open to the same content.
//!
//! A segment is opened when it is stored, and again where it is looked whether recovery points could be restored from what lies at rest.
//! In small worlds nothing has changed between the two, and to decrypt it once more took a twentieth of a sweep. What is asked for are the
//! bytes as they lie there at that moment, so one that was tampered with is another.

use std::collections::{BTreeMap, VecDeque};

use datapath::{Blob, Content};

use super::Opened;
use crate::oracle::print::Print;

/// Bytes of content that are kept, of files and of what is in them.
const KEPT_BYTES: usize = 8 << 20;

/// Opened segments by the print of their files.
#[derive(Default)]
pub(super) struct Recent {
    opened: BTreeMap<Print, Kept>,
    order: VecDeque<Print>,
    bytes: usize,
}

struct Kept {
    opened: Opened,
    bytes: usize,
}

impl Recent {
    /// What this file opened to; none where that is not known any more.
    pub fn get(&self, print: Print) -> Option<Opened> {
        self.opened.get(&print).map(|kept| kept.opened.clone())
    }

    /// Keeps what a file opened to, for as long as there is room.
    pub fn keep(&mut self, print: Print, blob: &Blob, opened: &Opened) {
        let of_run = |content: &Content| match content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Zero | Content::Version { .. } => 0,
        };
        let plain: usize = opened.runs.iter().map(|run| of_run(&run.content)).sum();
        let bytes = blob.bytes.len() + plain;
        if bytes > KEPT_BYTES / 8 {
            return;
        }
        let opened = opened.clone();
        if self.opened.insert(print, Kept { opened, bytes }).is_some() {
            return;
        }
        self.order.push_back(print);
        self.bytes += bytes;
        while self.bytes > KEPT_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.opened.remove(&oldest).map_or(0, |kept| kept.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use datapath::segment::SegmentKind;
    use datapath::{DiskId, Extent, Run, VmId, WriteSeq};

    use super::*;
    use crate::oracle::reader::Header;

    fn segment(number: u64, bytes: usize) -> (Blob, Opened) {
        let mut content = vec![0; bytes];
        content[..8].copy_from_slice(&number.to_le_bytes());
        let content = Bytes::from(content);
        let header = Header {
            vault: [0; 16],
            disk: DiskId { vm: VmId(0), index: 0 },
            kind: SegmentKind::Changes { batch: number },
            first: WriteSeq(number),
            last: WriteSeq(number),
            epoch: 1,
            first_counter: 0,
        };
        let opened = Opened {
            header,
            runs: vec![Run {
                start: Extent(0),
                extents: 1,
                content: Content::Bytes(content.clone()),
            }],
            bytes: None,
            counters: Some(1),
        };
        let blob = Blob {
            size: content.len() as u64,
            bytes: content,
        };
        (blob, opened)
    }

    #[test]
    fn the_oldest_go_first_and_another_file_is_not_known() {
        let mut recent = Recent::default();
        let all: Vec<(Print, u64)> = (1..=40)
            .map(|number| {
                let (blob, opened) = segment(number, 256 << 10);
                let print = Print::of_bytes(&blob.bytes);
                recent.keep(print, &blob, &opened);
                (print, number)
            })
            .collect();
        let known: Vec<u64> = all
            .iter()
            .filter_map(|(print, _)| recent.get(*print))
            .map(|opened| opened.header.last.0)
            .collect();
        assert_eq!(
            known,
            (25..=40).collect::<Vec<u64>>(),
            "16 of half a MiB with what is in them"
        );
        assert!(recent.bytes <= KEPT_BYTES && recent.order.len() == recent.opened.len());
        let (blob, _) = segment(41, 256 << 10);
        assert!(recent.get(Print::of_bytes(&blob.bytes)).is_none());
    }

    #[test]
    fn what_takes_much_of_the_room_is_not_kept() {
        let mut recent = Recent::default();
        let (blob, opened) = segment(1, KEPT_BYTES / 8);
        let print = Print::of_bytes(&blob.bytes);
        recent.keep(print, &blob, &opened);
        assert!(recent.get(print).is_none());
    }
}
