//! What happens to the world.

use datapath::disk::Operation;
use sim::faults::{Left, Nth, Off};

use super::super::estate::Estate;
use super::super::vms::Vms;
use super::{Plan, has_room};
use crate::diagnose::{At, Located, Problem};
use crate::keys::{Choice, Variant};
use crate::model::{Always, Aside, Condition, Direction, Fault, Happens, Host, Process, Rot};
use crate::read::Context;
use crate::reader::{Nanos, Reader, Share};
use crate::tree::Node;
use crate::units::Rate;

/// A fault, and where what it says is written.
pub(crate) struct PlacedFault {
    pub(crate) fault: Fault,
    /// Its table.
    pub(crate) at: At,
    /// What it waits for beside its conditions.
    pub(crate) wait: At,
    /// Each of the conditions of its beginning, then of its end, in their order.
    pub(crate) conditions: Vec<At>,
}

/// Reads the faults; `steps` are the names of the plan's steps, which a fault may wait for.
pub(crate) fn faults(
    context: &Context<'_>,
    file: &Reader<'_>,
    estate: &Estate,
    vms: &Vms,
    steps: Vec<Option<Located<String>>>,
) -> Vec<PlacedFault> {
    let tables = file.tables("fault");
    if !has_room(context, "faults", &tables) {
        return Vec::new();
    }
    let plan = Plan {
        context,
        estate,
        vms,
        recovery_plans: &[],
        all_names: steps.iter().flatten().cloned().collect(),
        names: steps,
        faults: super::names(&tables),
    };
    let names: Vec<Located<String>> = tables.iter().filter_map(|table| table.name("name")).collect();
    super::super::unique(context.diagnosis, "faults", &names);
    tables.iter().filter_map(|table| plan.fault(table)).collect()
}

/// Which of many operations.
fn nth(table: &Reader<'_>) -> Option<Nth> {
    let nth = table.get::<u32>("nth").map(|nth| Nth::Only(nth.value));
    let every = table.get::<u32>("every").map(|every| Nth::Every(every.value));
    nth.or(every)
}

impl Plan<'_> {
    fn fault(&self, table: &Reader<'_>) -> Option<PlacedFault> {
        let variant = table.need_variant();
        let begin = match (table.node("at"), table.node("after")) {
            (None, None) => Vec::new(),
            _ => self.begin(table),
        };
        let until = self.conditions(table, "until");
        let may_miss = table.value("may_miss");
        let (wait, lasts) = (table.value::<Nanos>("wait").0, table.get::<Nanos>("lasts"));
        let name = table.get::<String>("name");
        let variant = variant?;
        let word = variant.word;
        self.chosen(table, variant);
        let what = self.happens(table, word)?;
        let conditions = begin.iter().chain(&until).map(|condition| condition.at).collect();
        let values = |conditions: Vec<Located<Condition>>| conditions.into_iter().map(|found| found.value).collect();
        let fault = Fault {
            name: name?.value,
            word,
            what,
            begin: values(begin),
            wait,
            until: values(until),
            lasts: lasts.map(|lasts| lasts.value.0),
            may_miss,
            line: Aside(self.context.line(table.at)),
        };
        Some(PlacedFault {
            fault,
            at: table.at,
            wait: table.key_at("wait"),
            conditions,
        })
    }

    /// Of the keys between which a kind of fault has a choice, as many are there as it takes.
    fn chosen(&self, table: &Reader<'_>, variant: &Variant) {
        let (keys, exactly) = match variant.choice {
            Some(Choice::Exactly(keys)) => (keys, true),
            // Told in other words where it is read.
            Some(Choice::AtLeast(keys)) if variant.word != "power-loss" => (keys, false),
            _ => return,
        };
        let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        let there: Vec<&str> = keys.iter().copied().filter(|key| table.node(key).is_some()).collect();
        let problem = match there[..] {
            [] if !keys.iter().any(|key| table.misspelt(key)) => {
                let title = format!("a fault of this kind needs {}", names.join(" or "));
                Problem::new(table.at, title, "none of them is here")
            }
            [_, second, ..] if exactly => {
                let title = format!("a fault of this kind takes one of {}", names.join(" and "));
                Problem::new(table.key_at(second), title, "one too many")
            }
            _ => return,
        };
        self.context.diagnosis.push(problem);
    }

    fn happens(&self, table: &Reader<'_>, word: &str) -> Option<Happens> {
        Some(match word {
            "power-loss" => self.power_loss(table)?,
            "segment-tampered" => self.tampered(table)?,
            "process-crash" => {
                let host = self.host(table);
                table.need("component");
                let process: Located<Process> = table.word("component")?;
                let host = host?;
                if !self.has(host, process.value) {
                    let title = "this machine has no such component".to_owned();
                    self.context
                        .diagnosis
                        .push(Problem::new(process.at, title, "nothing to crash"));
                    return None;
                }
                Happens::ProcessCrash(host, process.value)
            }
            "link-cut" => {
                let direction = table.word_or_default::<Direction>("direction");
                let link = self.link(table)?;
                Happens::LinkCut { link, direction }
            }
            "link-flapping" => {
                let (down, up) = (table.required::<Nanos>("down"), table.required::<Nanos>("up"));
                let link = self.link(table);
                Happens::LinkFlapping {
                    link: link?,
                    down: down?.value.0,
                    up: up?.value.0,
                }
            }
            "link-held" => Happens::LinkHeld(self.link(table)?),
            "link-degraded" => {
                let link = self.link(table);
                let rate = table.get::<Rate>("rate");
                let latency = table.get::<Nanos>("latency");
                let loss = table.get::<Share>("loss");
                Happens::LinkDegraded {
                    link: link?,
                    bits_per_second: rate.map(|rate| rate.value.bits_per_second()),
                    latency: latency.map(|latency| latency.value.0),
                    loss_per_million: loss.map(|loss| loss.value.0),
                }
            }
            "apart" => {
                table.need("between");
                let named = table.one_or_more::<String>("between");
                let hosts: Vec<Host> = named.iter().filter_map(|name| self.any_host(name)).collect();
                let [first, second] = hosts[..] else {
                    if hosts.len() == named.len()
                        && let Some(Node { at, .. }) = table.node("between")
                    {
                        let problem = Problem::new(*at, "two machines are apart", "not two");
                        self.context.diagnosis.push(problem);
                    }
                    return None;
                };
                if first == second {
                    let problem = Problem::new(
                        table.key_at("between"),
                        "a machine is never apart from itself",
                        "twice the same",
                    );
                    self.context.diagnosis.push(problem);
                }
                Happens::Apart(first, second)
            }
            "port-blocked" => {
                let port = table.required::<u32>("port");
                let named = table.get::<String>("machine");
                let host = named.as_ref().map(|name| self.any_host(name));
                Happens::PortBlocked {
                    port: u16::try_from(port?.value).ok()?,
                    host: match host {
                        Some(host) => Some(host?),
                        None => None,
                    },
                }
            }
            "compute-slow" => {
                let (host, times) = (self.host(table), table.required::<u32>("times"));
                Happens::ComputeSlow {
                    host: host?,
                    times: times?.value,
                }
            }
            "disk-full" => Happens::DiskFull(self.host(table)?),
            "answers-late" => {
                let (host, by) = (self.host(table), table.required::<Nanos>("by"));
                Happens::AnswersLate {
                    host: host?,
                    by: by?.value.0,
                }
            }
            "requests-refused" => Happens::RequestsRefused(table.value("every")),
            "boots-refused" => {
                let (host, code) = (self.host(table), table.name("code"));
                let host = host?;
                let makes = match host {
                    Host::Always(machine) => machine == Always::AzureCompute,
                    Host::Server(server) => self.estate.servers[server].roles.vcenter,
                    Host::Vm(_) => false,
                };
                if !makes {
                    let title = "this machine makes and starts no others".to_owned();
                    let label = "neither `azure-compute` nor a vCenter";
                    let problem = Problem::new(table.key_at("machine"), title, label);
                    self.context.diagnosis.push(problem);
                    return None;
                }
                Happens::BootsRefused {
                    host,
                    code: code?.value,
                }
            }
            "answers-twice" => Happens::AnswersTwice(self.host(table)?),
            "clock-jump" => {
                let (forward, backward) = (table.get::<Nanos>("forward"), table.get::<Nanos>("backward"));
                let host = self.host(table)?;
                let forward = forward.and_then(|by| i64::try_from(by.value.0).ok());
                let backward = backward.and_then(|by| i64::try_from(by.value.0).ok());
                let by = forward.or(backward.map(|by| -by))?;
                Happens::Clock {
                    host,
                    off: Off::Jump(by),
                }
            }
            "clock-drift" => {
                let (fast, slow) = (table.get::<Share>("fast"), table.get::<Share>("slow"));
                let host = self.host(table)?;
                let fast = fast.and_then(|by| i32::try_from(by.value.0).ok());
                let slow = slow.and_then(|by| i32::try_from(by.value.0).ok());
                let by = fast.or(slow.map(|by| -by))?;
                Happens::Clock {
                    host,
                    off: Off::Drift(by),
                }
            }
            "quiesce-fails" => {
                let vm = table.required::<String>("vm")?;
                Happens::QuiesceFails(self.context.find("machine", &vm, &self.vms.names())?)
            }
            "flush-lies" => Happens::FlushLies(self.host(table)?),
            "disk-error" => {
                let host = self.host(table);
                table.need("operation");
                let operation: Option<Located<Operation>> = table.word("operation");
                let which = nth(table);
                Happens::DiskError {
                    host: host?,
                    operation: operation?.value,
                    which: which?,
                }
            }
            "write-lost" => {
                let (host, which) = (self.host(table), nth(table));
                Happens::WriteLost {
                    host: host?,
                    which: which?,
                }
            }
            "write-misdirected" => {
                let (host, which) = (self.host(table), nth(table));
                Happens::WriteMisdirected {
                    host: host?,
                    which: which?,
                }
            }
            "disk-torn" => {
                let left = table.word_or_default::<Left>("left");
                let host = self.host(table)?;
                Happens::DiskTorn { host, left }
            }
            "disk-rot" => self.rot(table)?,
            _ => {
                let (host, times) = (self.host(table), table.required::<u32>("times"));
                Happens::DiskSlow {
                    host: host?,
                    times: times?.value,
                }
            }
        })
    }

    fn power_loss(&self, table: &Reader<'_>) -> Option<Happens> {
        let (machines, sites) = (
            table.one_or_more::<String>("machine"),
            table.one_or_more::<String>("site"),
        );
        let hosts: Vec<Host> = machines.iter().filter_map(|name| self.any_host(name)).collect();
        let known = self.estate.site_names();
        let places = sites.iter().filter_map(|site| self.context.find("site", site, &known));
        let places: Vec<usize> = places.collect();
        if (hosts.len(), places.len()) != (machines.len(), sites.len()) {
            return None;
        }
        if hosts.is_empty() && places.is_empty() {
            let absent = |key| !table.is_meant(key);
            if absent("machine") && absent("site") {
                let title = "a power cut needs a `machine` or a `site`";
                let problem = Problem::new(table.at, title, "neither is here");
                self.context.diagnosis.push(problem);
            }
            for key in ["machine", "site"].into_iter().filter(|key| table.is_empty_list(key)) {
                let problem = Problem::new(table.key_at(key), "a power cut of nothing", "an empty list");
                self.context.diagnosis.push(problem);
            }
            return None;
        }
        Some(Happens::PowerLoss { hosts, sites: places })
    }

    fn tampered(&self, table: &Reader<'_>) -> Option<Happens> {
        let vm = table.required::<String>("vm");
        let vm = vm.and_then(|name| self.context.find("machine", &name, &self.vms.names()));
        let (segment, byte) = (table.value("segment"), table.value("byte"));
        let (disk, vm) = (table.get::<String>("disk"), vm?);
        Some(Happens::SegmentTampered {
            vm,
            disk: self.disk(vm, disk)?,
            segment,
            byte,
        })
    }

    /// The place of a machine's disk; of the first where none is named.
    fn disk(&self, vm: usize, name: Option<Located<String>>) -> Option<u16> {
        let Some(name) = name else { return Some(0) };
        let names: Vec<&str> = self.vms.vms[vm].disks.iter().map(|disk| disk.name.as_str()).collect();
        let place = self.context.find("disk of this machine", &name, &names)?;
        u16::try_from(place).ok()
    }

    fn rot(&self, table: &Reader<'_>) -> Option<Happens> {
        let vm = table.required::<String>("vm");
        let vm = vm.and_then(|name| self.context.find("machine", &name, &self.vms.names()));
        table.need("of");
        let of: Option<Located<Rot>> = table.word("of");
        let disk = table.get::<String>("disk");
        let (file, byte) = (table.value("file"), table.value("byte"));
        let (vm, of) = (vm?, of?);
        if let Some(name) = disk.as_ref().filter(|_| of.value != Rot::StoredSegment) {
            let title = "only stored segments are of one disk".to_owned();
            self.context.diagnosis.push(Problem::new(name.at, title, "of no disk"));
        }
        Some(Happens::DiskRot {
            vm,
            of: of.value,
            disk: self.disk(vm, disk)?,
            file,
            byte,
        })
    }

    fn host(&self, table: &Reader<'_>) -> Option<Host> {
        self.any_host(&table.required::<String>("machine")?)
    }

    /// A machine that something can happen to, by its name.
    fn any_host(&self, name: &Located<String>) -> Option<Host> {
        let mut known: Vec<&str> = self.estate.servers.iter().map(|server| server.name.as_str()).collect();
        known.extend(self.vms.names());
        known.extend(Always::ALL.map(Always::name));
        let index = self.context.find("server or machine", name, &known)?;
        let (servers, own) = (self.estate.servers.len(), known.len() - Always::ALL.len());
        Some(match index {
            _ if index < servers => Host::Server(index),
            _ if index < own => Host::Vm(index - servers),
            _ => Host::Always(Always::ALL[index - own]),
        })
    }

    fn has(&self, host: Host, process: Process) -> bool {
        match host {
            Host::Vm(_) => process == Process::MobilityService,
            Host::Always(machine) => process == machine.process(),
            Host::Server(index) => {
                let roles = self.estate.servers[index].roles;
                match process {
                    Process::MobilityService
                    | Process::Operator
                    | Process::SiteRecovery
                    | Process::Storage
                    | Process::AzureCompute => false,
                    Process::ProcessServer => roles.process_server,
                    Process::ConfigurationServer => roles.configuration_server,
                    Process::MasterTarget => roles.master_target,
                    Process::Vcenter => roles.vcenter,
                }
            }
        }
    }
}
