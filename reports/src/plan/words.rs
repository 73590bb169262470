//! Words for what a plan names in its own terms.

use planning::cost::{Component, State};
use planning::gates::Storage;
use planning::placement::AccountKind;
use planning::plan::{Compatibility, Plan};
use planning::proof::{Part, Proof, Row, Why};
use planning::tables::gate;

use super::units::Kind;
use crate::words::count;

/// What came of a proof.
#[must_use]
pub fn proof(proof: &Proof) -> String {
    let part = match proof.part {
        Part::BusiestDay => "the busiest day",
        Part::Profile => "the whole profile",
    };
    let long = Kind::Seconds.human(proof.seconds);
    let cut: u64 = proof.cuts.iter().map(|cut| cut.to_seconds - cut.from_seconds).sum();
    let cut = match cut {
        0 => String::new(),
        cut => format!(", cut for {} of it", Kind::Seconds.human(cut)),
    };
    let (all, agree) = proof.agreeing();
    let mut text = format!(
        "{part} ({long}) of {} machines went through the actors over {}{cut}: {} of {} recovery points were judged and found right; {agree} of {all} \
         figures agree with the arithmetic",
        count(proof.machines.len() as u64),
        Kind::BitsPerSecond.human(proof.bits_per_second),
        count(proof.points_verified),
        count(proof.points)
    );
    let whys: Vec<Why> = proof
        .machines
        .iter()
        .flat_map(Row::pairs)
        .filter_map(|(_, pair)| pair.why)
        .collect();
    for why in Why::ALL {
        let figures = whys.iter().filter(|known| **known == why).count() as u64;
        if figures > 0 {
            text.push_str(&format!("; {} do not, for {}", count(figures), why.text()));
        }
    }
    text
}

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
