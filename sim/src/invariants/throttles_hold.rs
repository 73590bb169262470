//! **A process server uploads no more than its throttle allows.**
//!
//! Why it holds: what is to be stored leaves only once the hours since have allowed its bytes. What was stored is counted by storage and
//! judged by the schedule: over a bucket that fills with each segment and empties as the throttle allows, so that no hour borrows from one
//! before it. Reference: facts §3.7.

use crate::findings::Bytes;

crate::law! {
    "throttles-hold", "a process server uploads no more than its throttle of the hour allows";

    TooFast { ahead: Bytes, allowed: Bytes } =>
        "what it stored is {} bytes ahead of what its throttle has allowed; what was on its way explains {}", ahead.0, allowed.0;
}

/// So many bytes are stored ahead of what the throttle allowed; `allowed` may be, for what was sent in time can arrive together.
#[must_use]
pub fn check(ahead: u64, allowed: u64) -> Vec<Broken> {
    if ahead <= allowed {
        return Vec::new();
    }
    vec![Broken::TooFast {
        ahead: Bytes(ahead),
        allowed: Bytes(allowed),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_ahead_is_found() {
        assert!(check(7, 7).is_empty());
        assert_eq!(check(8, 7).len(), 1);
    }
}
