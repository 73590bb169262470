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

/// Machines that fail over together, in groups. Times are nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryPlan {
    /// Its name.
    pub name: String,
    /// Its groups, in the order in which they start.
    pub groups: Vec<PlanGroup>,
}

impl RecoveryPlan {
    /// Its machines, by place in the scenario, in that order.
    #[must_use]
    pub fn vms(&self) -> Vec<usize> {
        let mut vms: Vec<usize> = self.groups.iter().flat_map(|group| &group.vms).copied().collect();
        vms.sort_unstable();
        vms
    }
}

/// A group of a recovery plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanGroup {
    /// Its machines, by place in the scenario, in order.
    pub vms: Vec<usize>,
    /// What is done beside starting them.
    pub actions: Vec<PlanAction>,
}

/// What a recovery plan does beside starting machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanAction {
    /// What.
    pub what: PlanDoes,
    /// Before the group's machines start.
    pub before: bool,
    /// In a test failover.
    pub in_test: bool,
    /// In a failover.
    pub in_failover: bool,
}

/// Kinds of action of a recovery plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanDoes {
    /// A script.
    Script {
        /// Its name.
        name: String,
        /// Its run time.
        takes: u64,
        /// Whether it fails.
        fails: bool,
    },
    /// What a person does.
    Manual {
        /// What.
        name: String,
        /// How long they take.
        takes: u64,
    },
    /// A machine is to answer a request.
    Check {
        /// The machine, by place in the scenario.
        vm: usize,
        /// For how long that is tried.
        within: u64,
    },
}
