//! **A copy is over only when its last piece is stored: the first point after it is marked when all that the copy sent lies at the
//! target.**
//!
//! Why it holds: a process server says that a copy is stored once the target has all of its pieces, and the agent marks no point before.
//! A piece that was refused on the way and forgotten leaves a hole that no later batch fills. Judged by the bytes of the pieces' files,
//! as the oracle's own reader finds them, against what the agent says it sent. Reference: design §2, "One copy protocol"; facts §1.3.
//!
//! Not judged where a master target loses its power during a copy: it takes up what was durable without a word, and what it holds then is
//! judged when a point or a disk of it is.

use datapath::DiskId;

use crate::findings::Bytes;

crate::law! {
    "copies-end-stored", "a recovery point is marked only when all that the copies before it sent is stored at the target";

    PiecesMissing of disk { disk: DiskId, point: u64, sent: Bytes, stored: Bytes, pieces: usize } =>
        "point {point} was marked after a copy of {disk} that sent {sent} bytes; {stored} bytes of it are stored, in {pieces} pieces";
}

/// Checks one disk's newest copy when a point is marked: bytes that it sent, and bytes of its pieces that are stored.
#[must_use]
pub fn check(disk: DiskId, point: u64, sent: u64, stored: u64, pieces: usize) -> Vec<Broken> {
    if sent == stored {
        return Vec::new();
    }
    vec![Broken::PiecesMissing {
        disk,
        point,
        sent: Bytes(sent),
        stored: Bytes(stored),
        pieces,
    }]
}

#[cfg(test)]
mod tests {
    use datapath::VmId;

    use super::*;

    const DISK: DiskId = DiskId { vm: VmId(0), index: 0 };

    #[test]
    fn a_piece_that_is_missing_is_found() {
        assert!(check(DISK, 1, 0, 0, 0).is_empty());
        assert!(check(DISK, 1, 8192, 8192, 2).is_empty());
        assert_eq!(check(DISK, 1, 8192, 4096, 1).len(), 1);
    }
}
