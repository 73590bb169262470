//! Which server each machine of a step gets.

use std::collections::BTreeMap;

use crate::model::{Scenario, Vm};

/// How a step's machines are spread over the servers that it may use: how many disks each of those got so far.
#[derive(Default)]
pub(super) struct Spread {
    disks: BTreeMap<usize, usize>,
}

impl Spread {
    /// Of these servers, the one with the fewest disks so far; of another configuration server's only where the machine's own has none.
    pub(super) fn take(&mut self, scenario: &Scenario, vm: &Vm, among: &[usize]) -> Option<usize> {
        let own = |server: &&usize| scenario.servers[**server].configuration_server == vm.configuration_server;
        let any_own = among.iter().any(|server| own(&server));
        let chosen = among
            .iter()
            .filter(|server| !any_own || own(server))
            .min_by_key(|server| self.disks.get(server).copied().unwrap_or(0))?;
        *self.disks.entry(*chosen).or_default() += vm.disks.len();
        Some(*chosen)
    }
}
