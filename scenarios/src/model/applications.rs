//! What machines of a scenario have to do with each other.

/// Machines that share recovery points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationGroup {
    /// Its name.
    pub name: String,
    /// Its members, by place in the scenario, in order.
    pub vms: Vec<usize>,
}

/// An application: clients ask the first tier, which asks the next, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// Between two requests of its clients, in nanoseconds, in the mean.
    pub every: u64,
    /// Requests that are not answered at the most.
    pub outstanding: u32,
    /// Its tiers.
    pub tiers: Vec<Tier>,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// The machine, by place in the scenario.
    pub vm: usize,
    /// The place of the disk with its pages.
    pub disk: u16,
    /// The place of the disk with its log.
    pub log_disk: u16,
    /// Bytes of its pages.
    pub size: u64,
    /// Bytes of its log.
    pub log_size: u64,
    /// Between two transactions, in nanoseconds, in the mean.
    pub every: u64,
    /// Between two checkpoints, in nanoseconds.
    pub checkpoint_every: u64,
}

/// A tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// The machine, by place in the scenario.
    pub vm: usize,
    /// The place of the disk that it writes to.
    pub disk: u16,
    /// Bytes that it writes before it asks the next tier.
    pub writes_before: u64,
    /// Bytes that it writes before it answers.
    pub writes_after: u64,
    /// Bytes of what it asks the next tier.
    pub request: u64,
    /// Bytes of its answer.
    pub answer: u64,
}
