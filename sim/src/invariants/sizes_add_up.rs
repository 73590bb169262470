//! **In the aggregate grain, a point at write s has taken in exactly the bytes of the batches up to s, and those of the copies.**
//!
//! Why it holds: there are no extents to compare, but each range of writes names its bytes, and a batch is made of whole ranges. What is compared:
//! `applied_bytes` of the processed point, against the sum of `bytes` over all ranges that lie in the batches of the protection up to and
//! with the point's, plus the bytes that its copies sent. A batch that was dropped, doubled or cut short shows. Reference: design §3,
//! "Content is real or modelled".

use std::cmp::Ordering;

use crate::findings::Bytes;

crate::law! {
    "sizes-add-up", "in the aggregate grain a point has taken in exactly the bytes of its batches and copies";

    TooMuch { point: u64, applied: Bytes, written: Bytes, copied: Bytes } =>
        "point {point} has taken in {applied} bytes; the guest wrote {written} up to it and the copies sent {copied}: {} bytes too many",
        applied.0 - written.0 - copied.0;
    Missing { point: u64, applied: Bytes, written: Bytes, copied: Bytes } =>
        "point {point} has taken in {applied} bytes; the guest wrote {written} up to it and the copies sent {copied}: {} bytes are missing",
        written.0 + copied.0 - applied.0;
}

/// What a point should have taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Bytes of the ranges in its batches.
    pub written: u64,
    /// Bytes that copies sent.
    pub copied: u64,
}

/// Checks a point.
#[must_use]
pub fn check(point: u64, applied: u64, expected: Expected) -> Vec<Broken> {
    let all = expected.written + expected.copied;
    let (written, copied) = (Bytes(expected.written), Bytes(expected.copied));
    let broken = match applied.cmp(&all) {
        Ordering::Equal => return Vec::new(),
        Ordering::Greater => Broken::TooMuch {
            point,
            applied: Bytes(applied),
            written,
            copied,
        },
        Ordering::Less => Broken::Missing {
            point,
            applied: Bytes(applied),
            written,
            copied,
        },
    };
    vec![broken]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_with_a_byte_too_few_or_too_many_is_found() {
        let expected = Expected {
            written: 70,
            copied: 30,
        };
        assert!(check(1, 100, expected).is_empty());
        assert_eq!(check(1, 99, expected).len(), 1);
        assert_eq!(check(1, 101, expected).len(), 1);
    }
}
