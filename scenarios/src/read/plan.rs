//! The operator's steps.

mod applications;
mod conditions;
mod databases;
mod expects;
mod faults;
mod recovery_plans;
mod select;

use crate::model::Zone;
use actors::nouns::PointChoice;

use super::Context;
use super::estate::Estate;
use super::vms::Vms;
use crate::diagnose::{At, Located, Problem, list};
use crate::input::STEPS_MAX;
use crate::keys::{Over, PointWord, Way};
use crate::model::{Aside, Do, Ending, Expected, RecoveryPlan, Step};
use crate::reader::{Nanos, Reader};
use crate::tree::{Node, Value};

pub(crate) use applications::{applications, replication_groups};
pub(crate) use databases::databases;
pub(crate) use expects::expects;
pub(crate) use faults::{PlacedFault, faults};
pub(crate) use recovery_plans::recovery_plans;
use select::select;

/// Who a name stands for in a step: by place among the servers, or the machines to protect.
enum Named {
    Server(usize),
    Vm(usize),
}

struct Plan<'a> {
    context: &'a Context<'a>,
    estate: &'a Estate,
    vms: &'a Vms,
    recovery_plans: &'a [RecoveryPlan],
    /// Names of the steps so far, by place.
    names: Vec<Option<Located<String>>>,
    /// Names of all steps, to tell a step that comes later from one that doesn't exist.
    all_names: Vec<Located<String>>,
    /// Names of the faults, by place; they are read after the steps, which may wait for them.
    faults: Vec<Option<Located<String>>>,
}

/// A step, and where what it says is written.
pub(crate) struct Placed {
    pub(crate) step: Step,
    /// Its table.
    pub(crate) at: At,
    /// Each of its conditions, in their order.
    pub(crate) conditions: Vec<At>,
    /// What it waits for beside them.
    pub(crate) wait: At,
}

/// Tables of a kind at the most.
const TABLES_MAX: usize = 10_000;

/// Whether so many tables of the plan are read; a problem where they are not.
fn has_room(context: &Context<'_>, what: &str, tables: &[Reader<'_>]) -> bool {
    if let Some(first) = tables.get(TABLES_MAX) {
        let title = format!("{} {what} are more than are read", tables.len());
        context
            .diagnosis
            .push(Problem::new(first.at, title, format!("the first past {TABLES_MAX}")));
        return false;
    }
    true
}

/// The names of tables, by place.
fn names(tables: &[Reader<'_>]) -> Vec<Option<Located<String>>> {
    let name = |table: &Reader<'_>| match table.node("name") {
        Some(Node {
            value: Value::Text(name),
            at,
        }) => Some(Located::new(name.clone(), *at)),
        _ => None,
    };
    tables.iter().map(name).collect()
}

pub(crate) fn steps(
    context: &Context<'_>,
    file: &Reader<'_>,
    estate: &Estate,
    vms: &Vms,
    recovery_plans: &[RecoveryPlan],
) -> Vec<Placed> {
    let tables = file.tables("step");
    if !has_room(context, "steps", &tables) {
        return Vec::new();
    }
    let all_names: Vec<Located<String>> = names(&tables).into_iter().flatten().collect();
    super::unique(context.diagnosis, "steps", &all_names);
    let mut plan = Plan {
        context,
        estate,
        vms,
        recovery_plans,
        names: Vec::new(),
        all_names,
        faults: names(&file.tables("fault")),
    };
    let mut steps: Vec<Placed> = Vec::new();
    let mut parts = 0;
    for table in &tables {
        let step = plan.step(table);
        parts += step.as_ref().map_or(0, |placed| placed.step.vms.len().max(1));
        if parts > STEPS_MAX {
            let label = format!("past the {STEPS_MAX} of a scenario, counted once for each of its machines");
            context
                .diagnosis
                .push(Problem::new(table.at, "more steps than are run", label));
            break;
        }
        plan.names.push(table.node("name").and_then(|_| table.name("name")));
        steps.extend(step);
    }
    steps
}

impl Plan<'_> {
    fn step(&self, table: &Reader<'_>) -> Option<Placed> {
        let diagnosis = self.context.diagnosis;
        let action = table.need_variant();
        let recovery_plan = self.recovery_plan(table);
        let vms = match recovery_plan {
            Some(plan) => self.recovery_plans[plan].vms(),
            None => self.vms_of(table),
        };
        let begin = self.begin(table);
        let wait = table.value::<Nanos>("wait").0;
        let stagger = table.value::<Nanos>("stagger").0;
        let expected = self.expected(table);
        let word = action?.word;
        if table.takes_key("vm") && !table.takes_key("recovery_plan") {
            table.need("vm");
        }
        if recovery_plan.is_some() {
            table.forbid(
                "stagger",
                "a recovery plan is one step: its groups say what starts when",
            );
        }
        if table.is_empty_list("vm") {
            let label = "an empty list";
            diagnosis.push(Problem::new(table.key_at("vm"), "a step about no machine", label));
        }
        let what = self.what(table, word)?;
        self.check(table, &what, &vms);
        let (begin, conditions) = begin.into_iter().map(|found| (found.value, found.at)).unzip();
        let step = Step {
            name: table.get::<String>("name").map(|name| name.value),
            word,
            what,
            vms,
            recovery_plan,
            begin,
            wait,
            stagger,
            expected,
            line: Aside(self.context.line(table.at)),
        };
        Some(Placed {
            step,
            at: table.at,
            conditions,
            wait: table.key_at("wait"),
        })
    }

    /// How the step is to end.
    fn expected(&self, table: &Reader<'_>) -> Expected {
        let ending: Ending = table.word_or_default("expect");
        let reason = table.get::<String>("reason");
        if let Some(reason) = reason.as_ref().filter(|_| !ending.gives_reason()) {
            self.context.diagnosis.push(
                Problem::new(reason.at, "a step that is done gives no reason", "no meaning here")
                    .help("with `expect = \"refused\"` or `\"failed\"` it is text that the reason must hold"),
            );
        }
        Expected {
            ending,
            reason: reason.map(|reason| reason.value),
        }
    }

    /// What an action needs that another part of the file must give.
    fn check(&self, table: &Reader<'_>, what: &Do, vms: &[usize]) {
        if let Do::PushInstall { .. } = what {
            for vm in vms {
                let vm = &self.vms.vms[*vm];
                let has_vcenter = self
                    .estate
                    .servers
                    .iter()
                    .any(|server| server.roles.vcenter && server.zone == Zone::Site(vm.site));
                if !vm.physical && !has_vcenter {
                    self.context.diagnosis.push(
                        Problem::new(
                            table.at,
                            format!("`{}` is a VMware VM, and no vCenter manages it", vm.name),
                            "nothing to discover it by",
                        )
                        .help(format!(
                            "add a [[vcenter]] to site `{}`",
                            self.estate.sites[vm.site as usize].value
                        )),
                    );
                    return;
                }
            }
        }
    }

    fn what(&self, table: &Reader<'_>, word: &str) -> Option<Do> {
        Some(match word {
            "create-vault" => Do::CreateVault,
            "register-configuration-server" => Do::RegisterConfigurationServer(self.configuration_server(table)?),
            "add-vcenter" => {
                let configuration_server = self.configuration_server(table);
                let vcenter = self.one(table, "vcenter", "vCenter", |server| server.roles.vcenter);
                Do::AddVcenter {
                    configuration_server: configuration_server?,
                    vcenter: vcenter?,
                }
            }
            "push-install" => Do::PushInstall {
                process_server: self.process_server(table)?,
            },
            "install-by-hand" => Do::InstallByHand,
            "create-policy" => Do::CreatePolicy,
            "enable-replication" => Do::EnableReplication {
                process_server: self.process_server(table)?,
                over: table.word("over").map(|over: Located<Over>| over.value.0),
            },
            "test-failover" => Do::TestFailover(self.point(table)?),
            "cleanup-test-failover" => Do::CleanupTestFailover,
            "failover" => Do::Failover {
                point: self.point(table)?,
                shutdown: table.value("shutdown"),
            },
            "planned-failover" => Do::PlannedFailover,
            "commit" => Do::Commit,
            "move-to-process-server" => {
                table.need("process_server");
                Do::Move(self.process_server(table)??)
            }
            "add-process-server" => Do::AddProcessServer(self.azure_process_server(table)?),
            "remove-process-server" => Do::RemoveProcessServer(self.azure_process_server(table)?),
            "reprotect" => self.reprotect(table)?,
            "failback" => Do::Failback {
                point: self.point(table)?,
                to_physical: table.value("to_physical"),
            },
            "disable-replication" => Do::DisableReplication,
            "power-off" | "power-on" => self.power(table, word == "power-on")?,
            "cut-link" | "restore-link" => Do::Link {
                link: self.link(table)?,
                up: word == "restore-link",
            },
            "tamper-segment" => self.tamper(table)?,
            _ => Do::Note(table.required::<String>("text")?.value),
        })
    }

    fn reprotect(&self, table: &Reader<'_>) -> Option<Do> {
        let home = table.word_or_default::<Way>("to") == Way::OnPremises;
        let named = self.process_server(table)?;
        if !home {
            table.forbid("master_target", "a machine that is protected to Azure needs none");
            return Some(Do::Reprotect {
                process_servers: named.into_iter().collect(),
                master_targets: Vec::new(),
            });
        }
        let process_servers = match named {
            Some(named) => vec![named],
            None => self.all(|server| server.roles.process_server && server.zone == Zone::AzureVnet),
        };
        let mut master_targets = self.all(|server| server.roles.master_target);
        if table.node("master_target").is_some() || master_targets.is_empty() {
            master_targets = vec![self.one(table, "master_target", "master target", |server| {
                server.roles.master_target
            })?];
        }
        Some(Do::Reprotect {
            process_servers,
            master_targets,
        })
    }

    /// All servers of a kind.
    fn all(&self, is: impl Fn(&crate::model::Server) -> bool) -> Vec<usize> {
        let servers = self.estate.servers.iter().enumerate();
        servers
            .filter(|(_, server)| is(server))
            .map(|(index, _)| index)
            .collect()
    }

    /// A server or a protected machine by its name; `what` is what a problem calls them.
    fn host_named(&self, what: &str, name: &Located<String>) -> Option<Named> {
        let servers = self.estate.servers.len();
        let mut known: Vec<&str> = self.estate.servers.iter().map(|server| server.name.as_str()).collect();
        known.extend(self.vms.names());
        let index = self.context.find(what, name, &known)?;
        Some(match index.checked_sub(servers) {
            None => Named::Server(index),
            Some(vm) => Named::Vm(vm),
        })
    }

    fn power(&self, table: &Reader<'_>, on: bool) -> Option<Do> {
        let mut servers = Vec::new();
        let mut vms = Vec::new();
        for name in table.one_or_more::<String>("machine") {
            match self.host_named("machine", &name) {
                Some(Named::Server(index)) => servers.push(index),
                Some(Named::Vm(index)) => vms.push(index),
                None => {}
            }
        }
        for site in table.one_or_more::<String>("site") {
            let Some(index) = self.context.find("site", &site, &self.estate.site_names()) else {
                continue;
            };
            let zone = Zone::Site(u32::try_from(index).unwrap_or(u32::MAX));
            servers.extend(
                self.estate
                    .servers
                    .iter()
                    .enumerate()
                    .filter(|(_, server)| server.zone == zone)
                    .map(|(index, _)| index),
            );
            // Power comes back to the servers; a protected machine stays off until somebody starts it.
            if !on {
                vms.extend((0..self.vms.vms.len()).filter(|vm| Zone::Site(self.vms.vms[*vm].site) == zone));
            }
        }
        let absent = |key| !table.is_meant(key);
        if absent("machine") && absent("site") {
            self.context.diagnosis.push(Problem::new(
                table.at,
                "a power cut needs a `machine` or a `site`",
                "neither is here",
            ));
            return None;
        }
        servers.dedup();
        Some(Do::Power { on, servers, vms })
    }

    /// The link that a step names.
    fn link(&self, table: &Reader<'_>) -> Option<usize> {
        let name = table.required::<String>("link")?;
        let known: Vec<&str> = self.estate.links.iter().map(|link| link.name.as_str()).collect();
        self.context.find("link", &name, &known)
    }

    fn tamper(&self, table: &Reader<'_>) -> Option<Do> {
        let vms = self.vms_of(table);
        let mut disk = 0;
        if let Some(name) = table.get::<String>("disk") {
            for vm in &vms {
                let names: Vec<&str> = self.vms.vms[*vm].disks.iter().map(|disk| disk.name.as_str()).collect();
                disk = self.context.find("disk of this machine", &name, &names)?;
            }
        }
        Some(Do::TamperSegment {
            disk: u16::try_from(disk).unwrap_or(u16::MAX),
            segment: table.value("segment"),
            byte: table.value("byte"),
        })
    }

    /// A server of a kind: the one that is named, or the only one.
    fn one(
        &self,
        table: &Reader<'_>,
        key: &str,
        what: &str,
        is: impl Fn(&crate::model::Server) -> bool,
    ) -> Option<usize> {
        let known: Vec<(usize, &str)> = self
            .estate
            .servers
            .iter()
            .enumerate()
            .filter(|(_, server)| is(server))
            .map(|(index, server)| (index, server.name.as_str()))
            .collect();
        let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
        match (table.node(key), known.as_slice()) {
            (Some(_), _) => {
                let name = table.get::<String>(key)?;
                self.context.find(what, &name, &names).map(|place| known[place].0)
            }
            (None, [(index, _)]) => Some(*index),
            (None, _) => {
                let help = if names.is_empty() {
                    format!("the scenario has no {what}")
                } else {
                    format!("say which: `{key}` is one of {}", list(names.iter().copied()))
                };
                self.context
                    .diagnosis
                    .push(Problem::new(table.at, format!("this step needs a {what}"), "none is named").help(help));
                None
            }
        }
    }

    fn configuration_server(&self, table: &Reader<'_>) -> Option<usize> {
        self.one(table, "configuration_server", "configuration server", |server| {
            server.roles.configuration_server
        })
    }

    fn azure_process_server(&self, table: &Reader<'_>) -> Option<usize> {
        self.one(
            table,
            "process_server",
            "process server in Azure (a [[process_server]] with site = \"azure-vnet\")",
            |server| server.roles.process_server && server.zone == Zone::AzureVnet,
        )
    }

    /// `Some(None)` where none is named, `None` where what is named is wrong.
    #[allow(clippy::option_option)]
    fn process_server(&self, table: &Reader<'_>) -> Option<Option<usize>> {
        if table.node("process_server").is_none() {
            return Some(None);
        }
        self.one(table, "process_server", "process server", |server| {
            server.roles.process_server
        })
        .map(Some)
    }

    fn point(&self, table: &Reader<'_>) -> Option<PointChoice> {
        match table.node("point") {
            Some(Node {
                value: Value::Number(_),
                ..
            }) => table.get::<u64>("point").map(|point| PointChoice::Custom(point.value)),
            _ => Some(table.word_or_default::<PointWord>("point").into()),
        }
    }

    /// The recovery plan that a step names; of a step that names machines, or nothing, none.
    fn recovery_plan(&self, table: &Reader<'_>) -> Option<usize> {
        if !table.takes_key("recovery_plan") {
            return None;
        }
        let has = |key| table.is_meant(key);
        if has("vm") == has("recovery_plan") {
            let label = if has("vm") { "both are here" } else { "neither is here" };
            let title = "a failover is of machines (`vm`) or of a `recovery_plan`";
            self.context.diagnosis.push(Problem::new(table.at, title, label));
        }
        let name = table.get::<String>("recovery_plan")?;
        let known: Vec<&str> = self.recovery_plans.iter().map(|plan| plan.name.as_str()).collect();
        self.context.find("recovery plan", &name, &known)
    }

    fn vms_of(&self, table: &Reader<'_>) -> Vec<usize> {
        select(self.context, self.vms, &table.one_or_more::<String>("vm"))
    }
}
