//! **A failover takes the point that was asked for; to the latest, it takes no less than the newest boundary that was complete in storage
//! when it was asked.**
//!
//! Why it holds: a failover to the latest point first processes all that was uploaded. A batch is complete when its tag is stored, and
//! with it all before it. A test failover and a failback take the newest of these that was marked; an unplanned one takes the end of the
//! newest batch, marked or not, unless a copy is under way, which makes a point of nothing but what was marked before. What is stored
//! while the failover is at work may be in it or not. Reference: facts §2.5; ARCHITECTURE, "Latest".

use actors::nouns::FailoverKind;
use datapath::WriteSeq;

crate::law! {
    "latest-is-newest", "a failover takes the point asked for, and to the latest no less than what was complete in storage when it began";

    OtherPoint { kind: FailoverKind, asked: u64, point: u64 } =>
        "{} was asked for point {asked}, and took point {point}", how(*kind);
    OlderPoint { kind: FailoverKind, point: u64, write: WriteSeq, least: WriteSeq } =>
        "{} took point {point}, which ends at write {write}; when it began, all up to write {least} was complete in storage", how(*kind);
}

/// What was asked for, and what there was when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A point by its number.
    Point(u64),
    /// No less than this write.
    AtLeast(WriteSeq),
}

/// Checks what a failover took: a point's number and its last write.
#[must_use]
pub fn check(kind: FailoverKind, asked: Asked, point: u64, seq: WriteSeq) -> Vec<Broken> {
    match asked {
        Asked::Point(number) if number != point => vec![Broken::OtherPoint {
            kind,
            asked: number,
            point,
        }],
        Asked::AtLeast(least) if seq < least => vec![Broken::OlderPoint {
            kind,
            point,
            write: seq,
            least,
        }],
        _ => Vec::new(),
    }
}

fn how(kind: FailoverKind) -> &'static str {
    match kind {
        FailoverKind::Test => "a test failover",
        FailoverKind::Unplanned => "a failover",
        FailoverKind::Failback => "a failback",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_point_taken_in_silence_is_found() {
        let took = |asked| check(FailoverKind::Unplanned, asked, 7, WriteSeq(70)).len();
        assert_eq!(took(Asked::Point(7)), 0);
        assert_eq!(took(Asked::AtLeast(WriteSeq(70))), 0);
        assert_eq!(took(Asked::AtLeast(WriteSeq(60))), 0);
        assert_eq!(took(Asked::Point(8)), 1);
        assert_eq!(took(Asked::AtLeast(WriteSeq(71))), 1);
    }
}
