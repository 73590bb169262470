//! Which servers a machine belongs to.

use std::collections::BTreeMap;

use crate::model::Zone;

use crate::diagnose::{At, Problem};
use crate::model::{Server, Workload};
use crate::read::Context;
use crate::read::estate::{Estate, configuration_servers};
use crate::reader::Reader;

/// How machines are spread over servers: configuration servers take turns, for each manages so many machines; of process servers
/// that with the least change so far takes the next machine, for change is what they are sized by (facts §3.1).
#[derive(Clone, Default)]
pub(crate) struct Loads {
    turns: BTreeMap<Vec<usize>, usize>,
    /// Of each process server: bytes a second that its machines change, and how many machines they are.
    change: BTreeMap<usize, (u64, usize)>,
}

impl Loads {
    fn configuration_server(&mut self, among: &[usize]) -> Option<usize> {
        let turn = self.turns.entry(among.to_vec()).or_default();
        let chosen = among.get(*turn % among.len().max(1)).copied();
        *turn += 1;
        chosen
    }

    fn process_server(&mut self, among: &[usize], change: u64) -> Option<usize> {
        let chosen = among
            .iter()
            .copied()
            .min_by_key(|server| self.change.get(server).copied().unwrap_or_default())?;
        let (bytes, machines) = self.change.entry(chosen).or_default();
        *bytes += change;
        *machines += 1;
        Some(chosen)
    }

    /// The next machine's configuration and process server; the latter is missing where its configuration server has none on premises.
    pub(crate) fn take(
        &mut self,
        servers: &[Server],
        configuration_servers: &[usize],
        process_servers: Option<&[usize]>,
        workload: &Workload,
    ) -> Option<(usize, Option<usize>)> {
        let configuration_server = self.configuration_server(configuration_servers)?;
        let own: Vec<usize> = match process_servers {
            Some(named) => named.to_vec(),
            None => (0..servers.len())
                .filter(|index| {
                    let server = &servers[*index];
                    server.roles.process_server
                        && server.configuration_server == configuration_server
                        && server.zone != Zone::AzureVnet
                })
                .collect(),
        };
        let process_server = self.process_server(&own, workload.mean_bytes_per_second());
        Some((configuration_server, process_server))
    }
}

/// Which servers a table's machines are spread over.
pub(super) struct Spread {
    configuration_servers: Vec<usize>,
    /// Those that it names.
    pub(super) named_configuration_servers: Option<Vec<usize>>,
    /// The process servers that it names.
    pub(super) process_servers: Option<Vec<usize>>,
}

impl Spread {
    pub(super) fn read(context: &Context<'_>, table: &Reader<'_>, estate: &Estate, zone: Zone) -> Spread {
        let known = estate.with(|roles| roles.process_server);
        let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
        let named: Vec<usize> = table
            .one_or_more::<String>("process_server")
            .iter()
            .filter_map(|name| context.find("process server", name, &names))
            .map(|place| known[place].0)
            .collect();
        let configuration_servers = configuration_servers(context, table, estate, zone);
        let is_named = table.node("configuration_server").is_some();
        Spread {
            named_configuration_servers: is_named.then(|| configuration_servers.clone()),
            configuration_servers,
            process_servers: table.node("process_server").is_some().then_some(named),
        }
    }

    /// The next machine's configuration and process server.
    pub(super) fn take(
        &self,
        context: &Context<'_>,
        at: At,
        estate: &Estate,
        loads: &mut Loads,
        workload: &Workload,
    ) -> Option<(usize, usize)> {
        let named = self.process_servers.as_deref();
        let (configuration_server, process_server) =
            loads.take(&estate.servers, &self.configuration_servers, named, workload)?;
        match process_server {
            Some(process_server) => Some((configuration_server, process_server)),
            None => {
                if self.process_servers.is_none() {
                    context.diagnosis.push(
                        Problem::new(
                            at,
                            format!(
                                "configuration server `{}` has no process server on premises",
                                estate.servers[configuration_server].name
                            ),
                            "this machine needs one",
                        )
                        .help("add a [[process_server]], or use a [[management_server]], which carries one"),
                    );
                }
                None
            }
        }
    }
}
