//! Which writes a disk of the aggregate grain holds, so that two disks can be held against each other without content.
//!
//! A disk's writes form a chain of lives: each went on from where the one before it had come. Two disks that have a life in common hold
//! the same up to the end of what both have of it, and differ by what either holds after that.

use serde::{Deserialize, Serialize};

use crate::units::WriteSeq;

/// One life's writes on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    life: u64,
    /// The write before its first.
    began: WriteSeq,
    through: WriteSeq,
}

/// The lives that wrote what a disk holds, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    parts: Vec<Part>,
    /// Bytes that a copy of what was used brought.
    copied_bytes: u64,
}

impl Lineage {
    /// The disk holds what this life, which began after the write `began`, wrote up to `through`, and what the life went on from.
    pub fn wrote(&mut self, life: u64, began: WriteSeq, through: WriteSeq) {
        if let Some(at) = self.parts.iter().position(|part| part.life == life) {
            // What followed it is not what this life went on to.
            self.parts.truncate(at + 1);
            self.parts[at].through = self.parts[at].through.max(through);
            return;
        }
        self.cut(began);
        self.parts.push(Part { life, began, through });
    }

    /// A copy brought so many bytes.
    pub fn copied(&mut self, bytes: u64) {
        self.copied_bytes = self.copied_bytes.max(bytes);
    }

    /// Bytes that a copy of what was used brought, of all copies the largest.
    #[must_use]
    pub fn copied_bytes(&self) -> u64 {
        self.copied_bytes
    }

    /// Forgets writes after one.
    pub fn cut(&mut self, at: WriteSeq) {
        self.parts
            .retain(|part| part.began < at || part.began == WriteSeq::START);
        for part in &mut self.parts {
            part.through = part.through.min(at);
        }
    }

    /// Writes that the disk holds, of all its lives.
    #[must_use]
    pub fn writes(&self) -> u64 {
        writes_of(&self.parts)
    }

    /// Writes that one of two disks holds and the other does not; none where they have no life in common.
    #[must_use]
    pub fn differs(&self, other: &Lineage) -> Option<u64> {
        let (mine, theirs) = self.parts.iter().enumerate().rev().find_map(|(mine, part)| {
            let theirs = other.parts.iter().position(|of| of.life == part.life)?;
            Some((mine, theirs))
        })?;
        let apart = self.parts[mine].through.0.abs_diff(other.parts[theirs].through.0);
        Some(apart + writes_of(&self.parts[mine + 1..]) + writes_of(&other.parts[theirs + 1..]))
    }
}

fn writes_of(parts: &[Part]) -> u64 {
    let writes = parts.iter().map(|part| part.through.0.saturating_sub(part.began.0));
    writes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(parts: &[(u64, u64, u64)]) -> Lineage {
        let mut lineage = Lineage::default();
        for (life, began, through) in parts {
            lineage.wrote(*life, WriteSeq(*began), WriteSeq(*through));
        }
        lineage
    }

    #[test]
    fn two_disks_differ_by_what_each_wrote_since_they_were_one() {
        let source = lineage(&[(1, 0, 1000)]);
        assert_eq!(source.differs(&lineage(&[(1, 0, 700)])), Some(300));
        // The recovered disk went on from write 700 elsewhere; the source's tail of 300 is not on it.
        let recovered = lineage(&[(1, 0, 700), (2, 700, 900)]);
        assert_eq!(recovered.differs(&source), Some(500));
        assert_eq!(source.differs(&recovered), Some(500));
        // A restart leaves numbers out; they are no writes.
        let restarted = lineage(&[(1, 0, 700), (2, 700, 900), (3, 66_436, 66_446)]);
        assert_eq!(restarted.differs(&source), Some(510));
        assert_eq!(restarted.differs(&Lineage::default()), None);
        assert_eq!(restarted.writes(), 910);
    }

    #[test]
    fn after_a_copy_the_tail_of_the_other_side_is_gone() {
        let mut target = lineage(&[(1, 0, 1000)]);
        target.wrote(2, WriteSeq(700), WriteSeq(950));
        assert_eq!(target, lineage(&[(1, 0, 700), (2, 700, 950)]));
        target.cut(WriteSeq(800));
        assert_eq!(target.differs(&lineage(&[(1, 0, 700), (2, 700, 950)])), Some(150));
    }
}
