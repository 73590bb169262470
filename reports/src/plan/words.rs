//! Words for what a plan names in its own terms.

use planning::cost::{Component, State};
use planning::gates::Storage;
use planning::placement::AccountKind;
use planning::plan::{Compatibility, Plan};
use planning::tables::gate;

/// What is paid for.
#[must_use]
pub fn component(component: Component) -> &'static str {
    match component {
        Component::Compute => "compute",
        Component::Storage => "storage",
        Component::Network => "network",
        Component::Licence => "licences and protection",
    }
}

/// When it is paid for.
#[must_use]
pub fn state(state: State) -> &'static str {
    match state {
        State::Replication => "replication",
        State::Drill => "drill",
    }
}

/// A kind of storage.
#[must_use]
pub fn storage(storage: Storage) -> &'static str {
    match storage {
        Storage::Standard => "standard",
        Storage::Premium => "premium",
    }
}

/// A kind of account.
#[must_use]
pub fn account(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Standard => "standard",
        AccountKind::Premium => "premium",
        AccountKind::Cache => "cache (for managed disks)",
    }
}

/// How a machine fits, as the vendor's report writes it.
#[must_use]
pub fn compatibility(compatibility: Compatibility) -> &'static str {
    match compatibility {
        Compatibility::Yes => "Yes",
        Compatibility::YesWithLargerDisk => "Yes*",
        Compatibility::Included => "Included by you",
        Compatibility::No => "No",
    }
}

/// A rule that a machine breaks.
#[must_use]
pub fn rule(rule: &str) -> String {
    rule.replace('-', " ")
}

/// Whose figures say what an account carries.
#[must_use]
pub fn account_source(plan: &Plan) -> String {
    let rows = ["standard-account-iops", "premium-account-size"];
    let sources = rows.iter().filter_map(|rule| gate(rule, plan.era));
    sources.map(|gate| gate.source.clone()).collect::<Vec<_>>().join("; ")
}

/// A text without characters that steer a terminal: each is shown as `\u{fffd}`.
#[must_use]
pub fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}
