//! **A recovery point holds every write before its mark's time and none after it.**
//!
//! Why it holds: the guest's writes reach the agent at the instant they are acknowledged, and a mark stands at the agent's last write.
//! RPO is counted from the mark's time: a point whose content is older than its time would make RPO look better than it is.
//! Reference: facts §1.3 (RPO), design §2 (points).

use datapath::replica::Mark;
use datapath::{SimTime, WriteSeq};

crate::law! {
    "point-is-as-old-as-it-says", "a recovery point holds all writes acknowledged before the time of its mark, and none acknowledged after it";

    MarkedAhead { point: u64, marked: SimTime } => "point {point} was marked at {marked}, which is still to come";
    NewerThanItsTime { point: u64, marked: SimTime, write: WriteSeq, at: SimTime } =>
        "point {point} marked at {marked} holds write {write}, acknowledged at {at}: its content is newer than its time";
    OlderThanItsTime { point: u64, marked: SimTime, ends: WriteSeq, write: WriteSeq, at: SimTime } =>
        "point {point} marked at {marked} ends at write {ends} and lacks write {write}, acknowledged at {at}: its content is older than its \
         time";
}

/// Checks a mark against the writes around it: the last that it holds and the first that it does not, with their times.
#[must_use]
pub fn check(
    mark: &Mark,
    now: SimTime,
    last_in: Option<(WriteSeq, SimTime)>,
    first_out: Option<(WriteSeq, SimTime)>,
) -> Vec<Broken> {
    let (point, marked) = (mark.point, mark.marked);
    let mut violations = Vec::new();
    if marked > now {
        violations.push(Broken::MarkedAhead { point, marked });
    }
    if let Some((write, at)) = last_in
        && at > marked
    {
        violations.push(Broken::NewerThanItsTime {
            point,
            marked,
            write,
            at,
        });
    }
    if let Some((write, at)) = first_out
        && at < marked
    {
        violations.push(Broken::OlderThanItsTime {
            point,
            marked,
            ends: mark.seq,
            write,
            at,
        });
    }
    violations
}

#[cfg(test)]
mod tests {
    use datapath::replica::Consistency;

    use super::*;

    const MARK: Mark = Mark {
        point: 4,
        seq: WriteSeq(10),
        consistency: Consistency::Crash,
        marked: SimTime(100),
        marked_source: SimTime(100),
        life: 0,
        shared: None,
    };

    #[test]
    fn a_mark_between_its_last_write_and_the_next_passes() {
        let none = Vec::<Broken>::new();
        assert_eq!(check(&MARK, SimTime(100), None, None), none);
        let at = |seq, time| Some((WriteSeq(seq), SimTime(time)));
        assert_eq!(check(&MARK, SimTime(120), at(10, 100), at(11, 100)), none);
    }

    #[test]
    fn a_point_that_lies_about_its_age_is_found() {
        let at = |seq, time| Some((WriteSeq(seq), SimTime(time)));
        assert_eq!(check(&MARK, SimTime(99), None, None).len(), 1);
        assert_eq!(check(&MARK, SimTime(120), at(10, 101), None).len(), 1);
        assert_eq!(check(&MARK, SimTime(120), at(10, 90), at(11, 99)).len(), 1);
    }
}
