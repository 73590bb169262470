//! What must hold in every run, whatever the scenario: one file per invariant, with its statement, its reason and its reference.
//!
//! A check gets what the oracle knows and gives back what does not hold: a value of the law's own enum `Broken`, which has its shape, its
//! evidence, and words that can be read without a debugger ([`crate::law!`]). The [`Ledger`] counts how often each was looked at: an
//! invariant that nothing exercised has proven nothing, and the result says so. None of this shares code with the actors, or with the parts
//! of `datapath` that they are made of.

use std::collections::BTreeMap;

use datapath::{SimTime, VmId};

use crate::findings::{Component, Finding, FindingClass, Law, Violation};
use crate::metrics::CheckCount;

pub mod acknowledged_is_durable;
pub mod acknowledged_is_kept;
pub mod alerts_come;
pub mod app_points_are_quiesced;
pub mod batches_in_order;
pub mod bound;
pub mod clocks_agree;
pub mod copies_add_up;
pub mod copies_are_applied;
pub mod copies_end_stored;
pub mod cut_is_stored;
pub mod cut_links_carry_nothing;
pub mod databases_come_back;
pub mod fenced_before_granted;
pub mod figures_agree;
pub mod groups_talk_alone;
pub mod latest_is_newest;
pub mod life_begins_right;
pub mod links_keep_their_rate;
pub mod links_start_slowly;
pub mod links_take_their_time;
pub mod no_point_during_copy;
pub mod nonces_never_repeat;
pub mod operations_end;
pub mod plans_keep_their_order;
pub mod point_is_as_old_as_it_says;
pub mod point_is_prefix;
pub mod points_are_kept;
pub mod points_can_be_restored;
pub mod points_in_order;
pub mod process_servers_say_how_they_are;
pub mod recovered_is_point;
pub mod refused_was_tampered;
pub mod secrets_stay_in_place;
pub mod shared_points_are_causal;
pub mod shared_points_are_made;
pub mod sizes_add_up;
pub mod something_was_judged;
pub mod states_follow_table;
pub mod storage_holds_ciphertext;
pub mod stored_is_processed;
pub mod stored_is_written;
pub mod tags_in_order;
pub mod throttles_hold;
pub mod transitions_end;
pub mod writes_in_order;

/// All invariants, in the order in which a write meets them; the last says that a run in which nothing was judged is no proof.
pub const LAWS: &[Law] = &[
    writes_in_order::LAW,
    batches_in_order::LAW,
    point_is_as_old_as_it_says::LAW,
    clocks_agree::LAW,
    app_points_are_quiesced::LAW,
    copies_add_up::LAW,
    no_point_during_copy::LAW,
    copies_end_stored::LAW,
    acknowledged_is_durable::LAW,
    fenced_before_granted::LAW,
    storage_holds_ciphertext::LAW,
    secrets_stay_in_place::LAW,
    stored_is_written::LAW,
    nonces_never_repeat::LAW,
    tags_in_order::LAW,
    throttles_hold::LAW,
    acknowledged_is_kept::LAW,
    points_in_order::LAW,
    point_is_prefix::LAW,
    points_are_kept::LAW,
    points_can_be_restored::LAW,
    groups_talk_alone::LAW,
    shared_points_are_causal::LAW,
    shared_points_are_made::LAW,
    sizes_add_up::LAW,
    latest_is_newest::LAW,
    recovered_is_point::LAW,
    databases_come_back::LAW,
    life_begins_right::LAW,
    plans_keep_their_order::LAW,
    states_follow_table::LAW,
    links_keep_their_rate::LAW,
    links_take_their_time::LAW,
    links_start_slowly::LAW,
    cut_links_carry_nothing::LAW,
    cut_is_stored::LAW,
    copies_are_applied::LAW,
    stored_is_processed::LAW,
    transitions_end::LAW,
    operations_end::LAW,
    alerts_come::LAW,
    process_servers_say_how_they_are::LAW,
    refused_was_tampered::LAW,
    figures_agree::LAW,
    something_was_judged::LAW,
];

/// Findings that are kept; one broken rule can fail at every point of every machine, and the first ones tell the story.
const FINDINGS_KEPT: usize = 1_000;
/// Findings kept of one law for one machine.
const FINDINGS_OF_A_LAW: u64 = 20;

/// Counts checks and keeps what they found.
#[derive(Debug)]
pub struct Ledger {
    /// How often each law was checked, and how often it did not hold, by its place in [`LAWS`].
    counts: [(u64, u64); LAWS.len()],
    by_vm: BTreeMap<(&'static str, Option<VmId>), u64>,
    findings: Vec<Finding>,
    dropped: u64,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            counts: [(0, 0); LAWS.len()],
            by_vm: BTreeMap::new(),
            findings: Vec::new(),
            dropped: 0,
        }
    }
}

/// The place of a law in the list. For one that a check names it is known when the check is compiled: there are dozens of checks for each
/// recovery point, and they nearly always hold.
const fn place(law: &Law) -> usize {
    let mut place = 0;
    while place < LAWS.len() {
        if same(LAWS[place].name.as_bytes(), law.name.as_bytes()) {
            return place;
        }
        place += 1;
    }
    panic!("each law is in the list")
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

impl Ledger {
    /// A law was checked; `violations` says what did not hold. They concern `component`, where they do not name one themselves.
    pub fn check<V: Violation>(&mut self, at: SimTime, component: impl Into<Component>, violations: Vec<V>) {
        let count = &mut self.counts[const { place(&V::LAW) }];
        count.0 += 1;
        count.1 += violations.len() as u64;
        if violations.is_empty() {
            return;
        }
        let (law, component) = (V::LAW.name, component.into());
        for violation in violations {
            let vm = violation.component().unwrap_or_else(|| component.clone()).vm();
            let of_vm = self.by_vm.entry((law, vm)).or_default();
            *of_vm += 1;
            if self.findings.len() >= FINDINGS_KEPT || *of_vm > FINDINGS_OF_A_LAW {
                self.dropped += 1;
                continue;
            }
            let finding = Finding::new(FindingClass::Invariant, at, component.clone(), &violation);
            self.findings.push(finding);
        }
    }

    /// A law was looked at so many times more, and held: for what is seen too often to be counted one by one.
    pub fn looked(&mut self, law: Law, times: u64) {
        self.counts[place(&law)].0 += times;
    }

    /// How often a law was checked, and how often it did not hold.
    #[must_use]
    pub fn count(&self, law: Law) -> (u64, u64) {
        self.counts[place(&law)]
    }

    /// The counts of all laws, the findings, and how many were not kept.
    #[must_use]
    pub fn finish(self) -> (Vec<CheckCount>, Vec<Finding>, u64) {
        let counts = LAWS
            .iter()
            .zip(self.counts)
            .map(|(law, (checked, violated))| CheckCount {
                invariant: law.name.to_owned(),
                statement: law.statement.to_owned(),
                checked,
                violated,
            })
            .collect();
        (counts, self.findings, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_have_names_of_their_own_and_say_something() {
        let mut names: Vec<&str> = LAWS.iter().map(|law| law.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), LAWS.len());
        assert!(LAWS.iter().all(|law| law.statement.len() > 20));
    }

    #[test]
    fn each_file_of_a_law_is_in_the_list() {
        let (mods, list) = include_str!("invariants.rs")
            .split_once("pub const LAWS")
            .expect("a list");
        let list = list.split_once("];").expect("its end").0;
        let laws = mods
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
        let mut files = 0;
        for law in laws.filter(|law| *law != "bound") {
            assert!(list.contains(&format!(" {law}::LAW,")), "{law}");
            files += 1;
        }
        assert_eq!(files, LAWS.len());
    }

    #[test]
    fn each_law_can_be_broken_in_shapes_that_say_nothing_of_one_run() {
        for law in LAWS {
            assert!(!law.shapes.is_empty(), "{}", law.name);
            let mut shapes = law.shapes.to_vec();
            shapes.sort_unstable();
            shapes.dedup();
            assert_eq!(shapes.len(), law.shapes.len(), "{}: a shape twice", law.name);
            for word in law.shapes.iter().chain([&law.name]) {
                let plain = |c: char| c.is_ascii_lowercase() || c == '-';
                assert!(word.chars().all(plain), "{}: {word}", law.name);
            }
        }
    }

    #[test]
    fn a_ledger_counts_all_and_keeps_the_first() {
        let mut ledger = Ledger::default();
        for batch in 0..100 {
            let broken = acknowledged_is_durable::Broken::NotCached { batch };
            ledger.check(SimTime(5), VmId(1), vec![broken]);
        }
        ledger.check(SimTime(6), None, Vec::<batches_in_order::Broken>::new());
        assert_eq!(ledger.count(acknowledged_is_durable::LAW), (100, 100));
        assert_eq!(ledger.count(batches_in_order::LAW), (1, 0));
        let (counts, findings, dropped) = ledger.finish();
        assert_eq!(counts.len(), LAWS.len());
        assert_eq!(findings.len() as u64 + dropped, 100);
        assert_eq!(
            findings[0].identity().to_string(),
            "acknowledged-is-durable/vm/not-cached"
        );
    }
}
