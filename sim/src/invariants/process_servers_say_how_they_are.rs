//! **A process server says of its health what is so, tells in time of a cache that is short, and throttles its machines exactly while it is.**
//!
//! Why it holds: it looks at its cache and its processors every five minutes, and a level that has held at each look for a quarter of an
//! hour is told. What is free and what its cores did is counted by the world. Reference: facts §1.6.

use actors::nouns::Severity;
use datapath::SimTime;

use crate::findings::Nanoseconds;

/// How far what it says of its processors may be off, in millionths: it counts by its own clock, which may drift, and the world by its.
const PROCESSORS_OFF: u32 = 200_000;

crate::law! {
    "process-servers-say-how-they-are",
    "a process server says of its cache and its processors what is so, tells in time where its cache is short, and throttles all its machines exactly then";

    CacheOtherwise { said: u64, free: u64 } =>
        "it says that {said} millionths of its cache are free; {free} are";
    ProcessorsOtherwise { said: u64, worked: u64 } =>
        "it says that its processors were at work for {said} millionths of the time since its last look; they were for {worked}";
    ThrottlesOtherwise { throttles: bool, free: u64, least: u64 } =>
        "{} while {free} millionths of its cache are free, and the line is {least}",
        if *throttles { "it throttles its machines" } else { "it throttles nobody" };
    NotTold { since: SimTime, late: Nanoseconds } =>
        "at each look for {} s its cache has been so short that it had to be told; it was not", late.0 / 1_000_000_000;
    ToldWithoutCause { free: u64 } =>
        "it says that it is not well, while {free} millionths of its cache are free and neither processors nor uploads are past a level";
}

/// What a process server said, beside what is so.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Free of its cache, in millionths: said, and as the world has it.
    pub free: (u32, u32),
    /// How much its cores were at work since the look before, in millionths; none where that look is not known.
    pub processors: Option<(u32, u32)>,
    /// Whether it throttles.
    pub throttles: bool,
    /// Below which it has to, in millionths.
    pub throttled_below: u64,
    /// Its level.
    pub level: Option<Severity>,
    /// Whether processors or uploads are past a level by its own figures: then there is a cause that is none of the cache's.
    pub other_cause: bool,
    /// Free of its cache below which a warning has to be told, in millionths.
    pub warned_below: u64,
}

/// Checks what it says at a look.
#[must_use]
pub fn check(look: &Look) -> Vec<Broken> {
    let mut broken = Vec::new();
    let (said, free) = look.free;
    if said != free {
        broken.push(Broken::CacheOtherwise {
            said: u64::from(said),
            free: u64::from(free),
        });
    }
    if let Some((said, worked)) = look
        .processors
        .filter(|(said, worked)| said.abs_diff(*worked) > PROCESSORS_OFF)
    {
        broken.push(Broken::ProcessorsOtherwise {
            said: u64::from(said),
            worked: u64::from(worked),
        });
    }
    if look.throttles != (u64::from(free) < look.throttled_below) {
        broken.push(Broken::ThrottlesOtherwise {
            throttles: look.throttles,
            free: u64::from(free),
            least: look.throttled_below,
        });
    }
    if look.level.is_some() && !look.other_cause && u64::from(free) >= look.warned_below {
        broken.push(Broken::ToldWithoutCause { free: u64::from(free) });
    }
    broken
}

/// The cache was past a level at each look since then, and what was told by now is less.
#[must_use]
pub fn check_told(since: SimTime, now: SimTime, patience: u64) -> Vec<Broken> {
    let late = now.since(since);
    match late > patience {
        true => vec![Broken::NotTold {
            since,
            late: Nanoseconds(late),
        }],
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Look {
        Look {
            free: (500_000, 500_000),
            processors: Some((100_000, 120_000)),
            throttles: false,
            throttled_below: 200_000,
            level: None,
            other_cause: false,
            warned_below: 300_000,
        }
    }

    #[test]
    fn what_it_says_is_what_is_so() {
        assert!(check(&well()).is_empty());
        let short = Look {
            free: (190_000, 190_000),
            throttles: true,
            level: Some(Severity::Warning),
            ..well()
        };
        assert!(check(&short).is_empty());
        let wrong = [
            Look {
                free: (500_001, 500_000),
                ..well()
            },
            Look {
                processors: Some((100_000, 400_000)),
                ..well()
            },
            Look {
                throttles: true,
                ..well()
            },
            Look {
                throttles: false,
                ..short
            },
            Look {
                level: Some(Severity::Critical),
                ..well()
            },
        ];
        for look in wrong {
            assert_eq!(check(&look).len(), 1, "{look:?}");
        }
        let busy = Look {
            level: Some(Severity::Warning),
            other_cause: true,
            ..well()
        };
        assert!(check(&busy).is_empty());
    }

    #[test]
    fn silence_past_patience_is_found() {
        assert!(check_told(SimTime(5), SimTime(15), 10).is_empty());
        assert_eq!(check_told(SimTime(5), SimTime(16), 10).len(), 1);
    }
}
