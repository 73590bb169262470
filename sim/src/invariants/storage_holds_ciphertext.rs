//! **What is stored can be read by whoever has the vault's key, and by nobody else: each segment opens with its disk's key, the nonces and
//! the header that it names, and with nothing different; no stretch of plain text stands in its file.**
//!
//! Why it holds: a process server seals before it sends, with nonces reserved for this one segment, and binds what stands in clear.
//! Judged at every stored segment by the bytes that lie in the file, taken from the world's disk and opened with the oracle's own reader
//! ([`crate::oracle::reader`]): a nonce that is not the one it names, a header that is not bound, and content that is not sealed do not
//! open. Modelled content has no ciphertext; its header and hash are judged. Reference: design §2, "Seal".

use datapath::DiskId;
use datapath::WriteSeq;
use datapath::segment::SegmentKind;

use crate::oracle::reader::Header;

crate::law! {
    "storage-holds-ciphertext", "each stored segment opens with the vault's key, its nonces and its header, with nothing else, and shows no plain text";

    HeaderDiffers of disk { disk: DiskId, file: String, says: String } => "the header of {file} says {says}";
    DoesNotOpen of disk { disk: DiskId, file: String, reason: String } => "{file}: {reason}";
}

/// What is known of a segment before its file is read.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// The vault.
    pub vault: [u8; 16],
    /// The disk.
    pub disk: DiskId,
    /// What it is part of.
    pub kind: SegmentKind,
    /// The epoch and the first counter that the log names.
    pub nonce: (u32, u64),
    /// First and last write of the batch that it is part of, where that is known.
    pub range: Option<(WriteSeq, WriteSeq)>,
}

/// Checks what a header says.
#[must_use]
pub fn check(file: &str, header: &Header, known: &Known) -> Vec<Broken> {
    let mut wrong = Vec::new();
    if header.vault != known.vault {
        wrong.push("another vault".to_owned());
    }
    if (header.disk, header.kind) != (known.disk, known.kind) {
        wrong.push(format!("{:?} of {:?}", header.kind, header.disk));
    }
    if (header.epoch, header.first_counter) != known.nonce {
        wrong.push(format!(
            "nonces from {} of epoch {} on, where the log has {} of epoch {}",
            header.first_counter, header.epoch, known.nonce.1, known.nonce.0
        ));
    }
    // The first and the last of the batch's writes that went to this disk.
    if let Some((first, last)) = known.range
        && (header.first < first || header.last > last || header.last < header.first)
    {
        wrong.push(format!(
            "writes {} to {}, where its batch was cut at {} to {}",
            header.first.0, header.last.0, first.0, last.0
        ));
    }
    match wrong.is_empty() {
        true => Vec::new(),
        false => vec![Broken::HeaderDiffers {
            disk: known.disk,
            file: file.to_owned(),
            says: wrong.join("; "),
        }],
    }
}

#[cfg(test)]
mod tests {
    use datapath::VmId;

    use super::*;

    const DISK: DiskId = DiskId { vm: VmId(2), index: 1 };

    #[test]
    fn a_header_that_says_something_else_is_found() {
        let kind = SegmentKind::Changes { batch: 4 };
        let header = Header {
            vault: [1; 16],
            disk: DISK,
            kind,
            first: WriteSeq(10),
            last: WriteSeq(20),
            epoch: 3,
            first_counter: 70,
        };
        let known = Known {
            vault: [1; 16],
            disk: DISK,
            kind,
            nonce: (3, 70),
            range: Some((WriteSeq(10), WriteSeq(20))),
        };
        assert!(check("f", &header, &known).is_empty());
        let other = [
            Known {
                vault: [2; 16],
                ..known
            },
            Known {
                kind: SegmentKind::Changes { batch: 5 },
                ..known
            },
            Known {
                disk: DiskId { index: 0, ..DISK },
                ..known
            },
            Known { nonce: (3, 0), ..known },
            Known {
                nonce: (2, 70),
                ..known
            },
            Known {
                range: Some((WriteSeq(10), WriteSeq(19))),
                ..known
            },
            Known {
                range: Some((WriteSeq(11), WriteSeq(20))),
                ..known
            },
        ];
        for known in other {
            assert_eq!(check("f", &header, &known).len(), 1, "{known:?}");
        }
    }
}
