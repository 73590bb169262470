//! Named workloads, and which machine of a group has which.

use std::sync::Arc;

use crate::diagnose::{Located, Problem};
use crate::model::{Disk, Workload};
use crate::read::workload::workloads;
use crate::read::{Context, unique};
use crate::reader::Reader;

/// Named workloads.
pub(super) struct Profiles<'a> {
    tables: Vec<(Located<String>, Reader<'a>)>,
}

impl<'a> Profiles<'a> {
    pub(super) fn read(context: &Context<'_>, file: &Reader<'a>) -> Profiles<'a> {
        let tables: Vec<(Located<String>, Reader<'a>)> = file
            .tables("profile")
            .into_iter()
            .filter_map(|table| Some((table.name("name")?, table)))
            .collect();
        let names: Vec<Located<String>> = tables.iter().map(|(name, _)| name.clone()).collect();
        unique(context.diagnosis, "profiles", &names);
        Profiles { tables }
    }

    /// The profiles that a group names, with their weights, and their writes on its disks.
    pub(super) fn chosen(&self, context: &Context<'_>, table: &Reader<'_>, disks: &[Disk]) -> Shares {
        let known: Vec<&str> = self.tables.iter().map(|(name, _)| name.value.as_str()).collect();
        let mut shares = Shares(Vec::new());
        for (name, weight) in table.weights("profiles") {
            let Some(index) = context.find("profile", &name, &known) else {
                continue;
            };
            let streams = workloads(context, &self.tables[index].1, None, disks, true);
            shares
                .0
                .push((name.value, weight.value, Arc::new(Workload { streams })));
        }
        if table.node("profiles").is_some()
            && shares.0.iter().all(|(_, weight, _)| *weight == 0)
            && !context.diagnosis.failed()
        {
            context.diagnosis.push(Problem::new(
                table.key_at("profiles"),
                "no profile has any weight",
                "at least one above 0",
            ));
        }
        shares
    }
}

/// Profiles with their names and weights.
pub(crate) struct Shares(pub(crate) Vec<(String, u32, Arc<Workload>)>);

impl Shares {
    /// The profile of the machine with this number: at every number, each profile has had its share, to within one machine.
    pub(crate) fn of(&self, number: u32) -> Option<Arc<Workload>> {
        let total: u64 = self.0.iter().map(|(_, weight, _)| u64::from(*weight)).sum();
        if total == 0 {
            return None;
        }
        // A step through the weights that meets every place once: the golden section spreads neighbours apart.
        let mut stride = (total * 618 / 1000).max(1);
        while gcd(stride, total) != 1 {
            stride += 1;
        }
        let mut place = u64::from(number) % total * stride % total;
        for (_, weight, workload) in &self.0 {
            if place < u64::from(*weight) {
                return Some(Arc::clone(workload));
            }
            place -= u64::from(*weight);
        }
        None
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
