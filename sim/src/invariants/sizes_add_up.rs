//! **In the aggregate grain, a point at write s has taken in exactly the bytes of the batches up to s, and those of the copies.**
//!
//! Why it holds: there are no extents to compare, but each range of writes names its bytes, and a batch is made of whole ranges. What is compared:
//! `applied_bytes` of the processed point, against the sum of `bytes` over all ranges that lie in the batches of the protection up to and
//! with the point's, plus the bytes that its copies sent. A batch that was dropped, doubled or cut short shows. Reference: design §3,
//! "Content is real or modelled".

use super::Law;

/// The law.
pub const LAW: Law = Law {
    name: "sizes-add-up",
    statement: "in the aggregate grain a point has taken in exactly the bytes of its batches and copies",
};

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
pub fn check(point: u64, applied: u64, expected: Expected) -> Vec<String> {
    let Expected { written, copied } = expected;
    if applied == written + copied {
        return Vec::new();
    }
    vec![format!(
        "point {point} has taken in {applied} bytes; the guest wrote {written} up to it and the copies sent {copied}: {} bytes {}",
        applied.abs_diff(written + copied),
        if applied > written + copied {
            "too many"
        } else {
            "are missing"
        }
    )]
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
