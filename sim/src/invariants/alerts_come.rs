//! **That a machine's RPO passed the policy's threshold is told, and only where it did.**
//!
//! Why it holds: the service looks once a minute at the newest stored recovery point of each protected machine, by its own clock. The
//! threshold alerts and does nothing else, so the alert is all that an operator has of it. Reference: facts §2.1.

use datapath::SimTime;

use crate::findings::Nanoseconds;

crate::law! {
    "alerts-come", "that a machine's RPO passed the policy's threshold is told within minutes, and is not told where it did not";

    NotTold { marked: SimTime, threshold: Nanoseconds, late: Nanoseconds } =>
        "the newest stored point was marked at {marked} by its source's clock; {} s after its age had passed the threshold of {} s nobody had \
         been told", late.0 / 1_000_000_000, threshold.0 / 1_000_000_000;
    WithoutCause { marked: SimTime, threshold: Nanoseconds, age: Nanoseconds } =>
        "it was told that the RPO passed the threshold of {} s; the newest point that the service has to know of was marked at {marked} by its \
         source's clock, {} s ago", threshold.0 / 1_000_000_000, age.0 / 1_000_000_000;
}

/// The newest stored point's mark, and for how long its age had passed the threshold without a word; `patience` is what the service may take.
#[must_use]
pub fn check_told(marked: SimTime, threshold: u64, late: u64, patience: u64) -> Vec<Broken> {
    if late <= patience {
        return Vec::new();
    }
    vec![Broken::NotTold {
        marked,
        threshold: Nanoseconds(threshold),
        late: Nanoseconds(late),
    }]
}

/// An alert, and how old the newest point is at the most that the service has to know of.
#[must_use]
pub fn check_cause(marked: SimTime, threshold: u64, age: u64) -> Vec<Broken> {
    if age > threshold {
        return Vec::new();
    }
    vec![Broken::WithoutCause {
        marked,
        threshold: Nanoseconds(threshold),
        age: Nanoseconds(age),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_past_patience_is_found_and_so_is_an_alert_without_a_cause() {
        assert!(check_told(SimTime(5), 100, 7, 7).is_empty());
        assert_eq!(check_told(SimTime(5), 100, 8, 7).len(), 1);
        assert!(check_cause(SimTime(5), 100, 101).is_empty());
        assert_eq!(check_cause(SimTime(5), 100, 100).len(), 1);
    }
}
