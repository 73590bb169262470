//! How long something may wait: what the laws of liveness have in common.
//!
//! "Eventually" needs a bound, or no law of it can ever fail. Time counts only while all that the thing needs had power and its links
//! were up. Of that time it may take a stated [`GRACE`], what its own kind takes by the plan (the pause between two marks, a boot),
//! and what there is to do: the bytes that wait, over the slowest way that they have to go. Whatever fails on the way may make it begin
//! anew, so each outage allows the work once more, and [`AFTER_AN_OUTAGE`] to find each other again.

use datapath::SimTime;

const SECOND: u64 = 1_000_000_000;
/// What may pass though nothing stands in the way: retries, looks at what is due, rounds of a protocol (our model).
pub const GRACE: u64 = 5 * 60 * SECOND;
/// What may pass after an outage until all goes on: a window of 32 MiB that nobody acknowledges is given up after 286 s, the pause
/// between two attempts is at most a minute and a half, and so is what a configuration server needs to miss a sign of life.
pub const AFTER_AN_OUTAGE: u64 = 10 * 60 * SECOND;

/// Something that waited, and for how long it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waited {
    /// Since when.
    pub since: SimTime,
    /// Until when: the end of the wait, or of the run.
    pub until: SimTime,
    /// How long of it all that it needs was there, in nanoseconds.
    pub lived: u64,
    /// How often something that it needs failed meanwhile.
    pub outages: u64,
    /// What its kind takes by the plan, in nanoseconds.
    pub planned: u64,
    /// What there is to do takes at most so long, in nanoseconds.
    pub work: u64,
}

impl Waited {
    /// How long it may take, in nanoseconds.
    #[must_use]
    pub fn allowed(&self) -> u64 {
        let again = AFTER_AN_OUTAGE.saturating_add(self.work).saturating_mul(self.outages);
        GRACE
            .saturating_add(self.planned)
            .saturating_add(self.work)
            .saturating_add(again)
    }

    /// Whether it took longer.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.lived > self.allowed()
    }

    /// How long it took, beside how long it may.
    #[must_use]
    pub fn words(&self) -> String {
        let outages = match self.outages {
            0 => String::new(),
            1 => ", one outage on its way included".to_owned(),
            many => format!(", {many} outages on its way included"),
        };
        format!(
            "{} in which all that it needs was there, and {} is the bound{outages}",
            minutes(self.lived),
            minutes(self.allowed())
        )
    }
}

/// A duration in minutes and seconds.
fn minutes(nanoseconds: u64) -> String {
    let seconds = nanoseconds / SECOND;
    format!("{} min {} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Something that waited for so many minutes, with nothing in its way.
    pub fn waited(minutes: u64) -> Waited {
        Waited {
            since: SimTime(10 * SECOND),
            until: SimTime(10 * SECOND).after(minutes * 60 * SECOND),
            lived: minutes * 60 * SECOND,
            outages: 0,
            planned: 0,
            work: 0,
        }
    }

    #[test]
    fn an_outage_allows_the_work_once_more() {
        let work = 4 * 60 * SECOND;
        let calm = Waited { work, ..waited(9) };
        assert!(!calm.is_overdue());
        assert!(Waited { work, ..waited(10) }.is_overdue());
        let hit = Waited { outages: 1, ..calm };
        assert_eq!(hit.allowed(), GRACE + AFTER_AN_OUTAGE + 2 * work);
        assert!(hit.words().contains("one outage"), "{}", hit.words());
    }

    #[test]
    fn a_bound_past_all_time_is_no_panic() {
        let endless = Waited {
            work: u64::MAX,
            outages: 3,
            ..waited(600)
        };
        assert!(!endless.is_overdue());
    }
}
