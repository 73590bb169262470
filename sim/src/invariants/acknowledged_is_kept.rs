//! **What a hop acknowledged reaches the next one, or the protection ends.**
//!
//! Why it holds: the agent forgets a change only when the process server has it on its disk, and the process server only when the target has it.
//! So a batch that the process server acknowledged gets its tag. Reference: design §2, "Acknowledgement, not arrival".
//!
//! "Eventually" needs a bound. A batch that waits at the end of a run is a violation where nothing explains the wait: the protection is in
//! force, no machine of the estate is without power, no link fell silent, and still nothing of the machine was stored for [`STALL_OF_ONE`]
//! (others' data may go first), or nothing of anybody for [`STALL_OF_ALL`].

use datapath::SimTime;

use super::Law;

/// The law.
pub const LAW: Law = Law {
    name: "acknowledged-is-kept",
    statement: "a batch that the process server acknowledged was cut, and gets its tag unless the protection ends",
};

const MINUTE: u64 = 60_000_000_000;
/// So long may one machine's data wait behind that of others.
pub const STALL_OF_ONE: u64 = 120 * MINUTE;
/// So long may nothing at all be stored.
pub const STALL_OF_ALL: u64 = 30 * MINUTE;

/// Checks an acknowledgement of a batch.
#[must_use]
pub fn check_cached(batch: u64, newest_cut: u64) -> Vec<String> {
    if batch == 0 || batch > newest_cut {
        return vec![format!(
            "the process server acknowledged batch {batch}; the newest that was cut is {newest_cut}"
        )];
    }
    Vec::new()
}

/// A protection at the end of a run.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The oldest batch that is acknowledged and has no tag, and since when.
    pub oldest: (u64, SimTime),
    /// How many there are.
    pub batches: u64,
    /// When something of the machine was stored last.
    pub stored: SimTime,
    /// When something of any machine was stored last.
    pub stored_of_all: SimTime,
    /// What explains the wait, if something does.
    pub excuse: Option<String>,
}

/// Checks a protection in force at the end of a run.
#[must_use]
pub fn check_end(waiting: &Waiting, now: SimTime) -> Vec<String> {
    let (batch, since) = waiting.oldest;
    let one = now.since(since.max(waiting.stored));
    let all = now.since(since.max(waiting.stored_of_all));
    if waiting.excuse.is_some() || (one < STALL_OF_ONE && all < STALL_OF_ALL) {
        return Vec::new();
    }
    vec![format!(
        "batch {batch} was acknowledged at {since} and has no tag at the end ({now}); {} batches wait, nothing of the machine was stored \
         since {}, nothing of any since {}",
        waiting.batches, waiting.stored, waiting.stored_of_all
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting() -> Waiting {
        Waiting {
            oldest: (7, SimTime(10 * MINUTE)),
            batches: 3,
            stored: SimTime(9 * MINUTE),
            stored_of_all: SimTime(9 * MINUTE),
            excuse: None,
        }
    }

    #[test]
    fn a_batch_that_is_never_tagged_is_found() {
        assert_eq!(check_end(&waiting(), SimTime(41 * MINUTE)).len(), 1);
        let others_go_on = Waiting {
            stored_of_all: SimTime(150 * MINUTE),
            ..waiting()
        };
        assert_eq!(check_end(&others_go_on, SimTime(151 * MINUTE)).len(), 1);
        assert_eq!(check_cached(4, 3).len(), 1);
        assert_eq!(check_cached(0, 3).len(), 1);
    }

    #[test]
    fn a_wait_that_is_short_or_explained_passes() {
        assert!(check_end(&waiting(), SimTime(39 * MINUTE)).is_empty());
        let others_go_on = Waiting {
            stored_of_all: SimTime(100 * MINUTE),
            ..waiting()
        };
        assert!(check_end(&others_go_on, SimTime(101 * MINUTE)).is_empty());
        let dark = Waiting {
            excuse: Some("no power".to_owned()),
            ..waiting()
        };
        assert!(check_end(&dark, SimTime(500 * MINUTE)).is_empty());
        assert!(check_cached(3, 3).is_empty());
    }
}
