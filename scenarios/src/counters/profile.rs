//! What the disks of an estate did, step by step: counters of a hypervisor, as they were recorded.

/// Stands for a step of which there is no counter.
pub const ABSENT: u32 = u32::MAX;

/// Counters of an estate's disks at even steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// When the first step begins, in seconds since 1970 (UTC); 0 where the file tells only how much later a step is.
    pub start_seconds: i64,
    /// Seconds of a step.
    pub step_seconds: u32,
    /// Steps.
    pub steps: usize,
    /// Series by machine and disk: the same order, and as many, as in the [`Roster`](super::roster::Roster).
    pub vms: Vec<Vec<Series>>,
}

/// Counters of a disk, one value a step. Where a file does not have a counter at all its list is empty; where a step is missing its value
/// is [`ABSENT`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Series {
    /// Written bytes per second, the mean of the step.
    pub written: Vec<u32>,
    /// Writes per second in hundredths, the mean of the step.
    pub write_iops: Vec<u32>,
    /// Reads per second in hundredths, the mean of the step.
    pub read_iops: Vec<u32>,
}
