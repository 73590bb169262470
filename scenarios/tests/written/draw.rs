//! Scenarios made in memory from numbers: all tables, all steps, all conditions, all workloads, all bounds.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use actors::facts::{FailoverKind, ItemState, Place};
use actors::messages::{LinkKind, PointChoice};
use actors::spec::Os;
use actors::workload::{StreamKind, Synthetic};
use datapath::Grain;
use scenarios::keys::{STEP, Words};
use scenarios::model::{
    Aside, Bound, Compressibility, Condition, Disk, Do, Ending, Expect, Expected, Group, ImageFormat, Link, Roles,
    Server, Start, Step, Stream, Vm, Which, Workload,
};
use scenarios::{Options, Scenario, load_text};
use sim::spec::Zone;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;
const STEPS: u64 = 40;

/// Numbers that decide.
struct Draw {
    numbers: Vec<u64>,
    next: usize,
}

impl Draw {
    fn number(&mut self) -> u64 {
        let number = self.numbers[self.next % self.numbers.len()];
        self.next += 1;
        number
    }

    fn below(&mut self, count: u64) -> u64 {
        self.number() % count
    }

    fn index(&mut self, count: usize) -> usize {
        self.below(count as u64) as usize
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.index(values.len())]
    }

    fn word<T: Words>(&mut self) -> T {
        self.of(T::WORDS).1
    }

    /// Round durations and odd ones, below a day.
    fn duration(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(1_440) * 60 * SECOND,
            1 => self.below(86_400) * SECOND,
            2 => self.below(86_400_000) * 1_000_000,
            _ => self.below(DAY),
        }
    }

    /// Round sizes and odd ones.
    fn bytes(&mut self) -> u64 {
        match self.below(3) {
            0 => self.below(1_000) << 30,
            1 => self.below(1_000) * 1_000_000_000,
            _ => self.below(1 << 45),
        }
    }

    fn rate(&mut self) -> u64 {
        match self.below(3) {
            0 => (1 + self.below(1_000)) * 1_000_000,
            1 => (1 + self.below(1_000)) * 12_500,
            _ => 1_000 + self.below(1 << 40),
        }
    }

    /// Some of so many, in order, not none.
    fn some(&mut self, count: usize) -> Vec<usize> {
        let all = self.flag();
        let chosen: Vec<usize> = (0..count).filter(|_| all || self.flag()).collect();
        if chosen.is_empty() {
            vec![self.index(count)]
        } else {
            chosen
        }
    }

    fn text(&mut self) -> String {
        let parts = [
            "a word",
            "\"quoted\"",
            "line\nline",
            "tab\t",
            "ü µ",
            "back\\slash",
            "'single'",
            "#",
            "'''",
            "",
        ];
        (0..1 + self.below(3)).map(|_| self.of(&parts)).collect()
    }

    fn compressibility(&mut self) -> Compressibility {
        let hundredths = match self.flag() {
            true => self.of(&[220, 231, 228, 1050, 100]),
            false => 100 + self.below(9_901) as u32,
        };
        Compressibility::new(hundredths).expect("a ratio")
    }
}

/// A machine with an image and two recordings, and the folder that they lie in.
struct Files {
    path: PathBuf,
    disk: Disk,
    streams: Vec<Stream>,
}

fn files() -> &'static Files {
    static FILES: OnceLock<(tempfile::TempDir, Files)> = OnceLock::new();
    let (_, files) = FILES.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("disk.img"), vec![7; 1 << 20]).expect("written");
        let line = |time: u64| {
            format!(
                "{},host,1,Write,{},4096,100\n",
                128_166_372_003_061_629 + time,
                time * 8
            )
        };
        let lines: String = (0..40).map(|number| line(number * 512)).collect();
        std::fs::write(folder.path().join("writes.csv"), lines).expect("written");
        let path = folder.path().join("drawn.toml");
        let text = r#"
            scenario = { name = "files", duration = "1 h" }
            site = [{ name = "office" }]
            management_server = [{ name = "management" }]
            vcenter = [{ name = "vcenter" }]
            [[vm]]
            name = "vm"
            disk = [{ name = "image", image = "raw:disk.img" }]
            [[vm.workload]]
            kind = "recorded"
            file = "writes.csv"
            format = "msr"
            [[vm.workload]]
            kind = "recorded"
            file = "writes.csv"
            format = "msr"
            device = "host.1"
            fit = "scale"
            [[step]]
            do = "enable-replication"
            vm = "vm"
        "#;
        let scenario = load_text(text, &path, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        let vm = &scenario.vms[0];
        let files = Files {
            path,
            disk: vm.disks[0].clone(),
            streams: vm.workload.streams.clone(),
        };
        (folder, files)
    });
    files
}

/// A scenario, and the path of the file that it could be.
pub fn scenario(numbers: Vec<u64>) -> (Scenario, PathBuf) {
    let path = files().path.clone();
    let mut draw = Draw { numbers, next: 0 };
    let draw = &mut draw;
    let start_of_day = draw.below(1_440) as u32 * 60;
    let sites: Vec<String> = (0..1 + draw.below(3)).map(|number| format!("site {number}")).collect();
    let servers = servers(draw, sites.len());
    let (vms, groups) = machines(draw, sites.len(), &servers, start_of_day);
    let links = links(draw, sites.len());
    let mut scenario = Scenario {
        path: Aside(path.clone()),
        inputs: Aside::default(),
        name: draw.of(&["drawn", "with space", "ünusual", "quote\"d"]).to_owned(),
        description: draw.text(),
        // Whatever is waited for has time.
        duration: 1_000 * DAY + draw.duration(),
        settle: draw.duration(),
        start_of_day,
        content: draw.word::<Grain>(),
        compression_level: 1 + draw.below(19) as i32,
        output: scenarios::model::Output {
            disks: (0..draw.below(3)).map(|_| draw.word::<FailoverKind>()).collect(),
            format: draw.word::<ImageFormat>(),
        },
        policy: actors::messages::Policy {
            name: draw.of(&["policy", "gold", "a b"]).to_owned(),
            rpo_threshold: draw.duration(),
            retention: draw.below(3 * DAY),
            crash_consistent_every: SECOND + draw.duration(),
            app_consistent_every: draw.duration(),
        },
        times: actors::spec::ServiceTimes {
            policy: draw.duration(),
            hydration: draw.duration(),
            create_machine: draw.duration(),
        },
        sites,
        links,
        servers,
        vms,
        groups: Aside(groups),
        steps: Vec::new(),
        expects: Vec::new(),
        own_disks: Aside(false),
    };
    journey(&mut scenario);
    for _ in 0..STEPS {
        let step = step(draw, &scenario);
        scenario.steps.push(step);
    }
    scenario.expects = (0..draw.below(6)).map(|_| expect(draw, scenario.vms.len())).collect();
    (scenario, path)
}

fn links(draw: &mut Draw, sites: usize) -> Vec<Link> {
    let link = |number: u64| {
        let site = Zone::Site(draw.index(sites) as u32);
        let kind = draw.word::<LinkKind>();
        let joins = match kind {
            LinkKind::Internet => vec![(site, Zone::AzurePublic)],
            LinkKind::Expressroute if draw.flag() => vec![(site, Zone::AzurePublic), (site, Zone::AzureVnet)],
            LinkKind::Expressroute | LinkKind::Vpn => vec![(site, Zone::AzureVnet)],
            LinkKind::Lan => vec![(site, site)],
        };
        Link {
            name: format!("link {number}"),
            kind,
            joins,
            bits_per_second: draw.rate(),
            latency: draw.duration(),
            loss_per_million: draw.below(1_000_000) as u32,
        }
    };
    (0..5).map(link).collect()
}

/// At least one of each kind, in the order of the tables, and a vCenter for each site.
fn servers(draw: &mut Draw, sites: usize) -> Vec<Server> {
    const CONFIGURATION: Roles = Roles {
        configuration_server: true,
        process_server: false,
        master_target: false,
        vcenter: false,
    };
    const PROCESS: Roles = Roles {
        configuration_server: false,
        process_server: true,
        ..CONFIGURATION
    };
    const TARGET: Roles = Roles {
        process_server: false,
        master_target: true,
        ..PROCESS
    };
    const MANAGEMENT: Roles = Roles {
        configuration_server: true,
        process_server: true,
        ..TARGET
    };
    let mut servers: Vec<Server> = Vec::new();
    for (word, roles, azure) in [
        ("management", MANAGEMENT, false),
        ("configuration", CONFIGURATION, false),
        ("process", PROCESS, false),
        ("temporary", PROCESS, true),
        ("target", TARGET, false),
    ] {
        let alike = draw.flag();
        let mut last: Option<Server> = None;
        for number in 1..=1 + draw.below(4) {
            let owners: Vec<usize> = (0..servers.len())
                .filter(|of| servers[*of].roles.configuration_server)
                .collect();
            let configuration_server = match roles.configuration_server {
                true => servers.len(),
                false => owners[draw.index(owners.len())],
            };
            let name = match draw.flag() || alike {
                true => format!("{word}-{number:02}"),
                false => format!("{word} #{number}"),
            };
            let mut server = Server {
                name,
                zone: if azure {
                    Zone::AzureVnet
                } else {
                    Zone::Site(draw.index(sites) as u32)
                },
                roles,
                configuration_server,
                cores: 1 + draw.below(64) as u32,
                speed: 1 + draw.below(5_000) as u32,
                disk_bytes: if roles == CONFIGURATION {
                    100_000_000_000
                } else {
                    draw.bytes()
                },
                disk_bytes_per_second: if roles == CONFIGURATION {
                    200_000_000
                } else {
                    draw.rate()
                },
                clock_skew: draw.duration(),
            };
            if let Some(last) = last.as_ref().filter(|_| alike) {
                server = Server {
                    name: server.name,
                    configuration_server,
                    ..last.clone()
                };
            }
            last = Some(server.clone());
            servers.push(server);
        }
    }
    for site in 0..sites {
        servers.push(Server {
            name: format!("vcenter-{site}"),
            zone: Zone::Site(site as u32),
            roles: Roles {
                vcenter: true,
                master_target: false,
                ..TARGET
            },
            configuration_server: servers.len(),
            cores: 8,
            speed: 1_000,
            disk_bytes: 100_000_000_000,
            disk_bytes_per_second: 200_000_000,
            clock_skew: 0,
        });
    }
    servers
}

fn machines(draw: &mut Draw, sites: usize, servers: &[Server], start_of_day: u32) -> (Vec<Vm>, Vec<Group>) {
    let with = |is: &dyn Fn(&Server) -> bool| -> Vec<usize> {
        (0..servers.len()).filter(|server| is(&servers[*server])).collect()
    };
    let owners = with(&|server| server.roles.configuration_server);
    let process_servers = with(&|server| server.roles.process_server);
    let mut vms = Vec::new();
    for number in 0..1 + draw.below(4) {
        let disks = disks(draw);
        let streams = streams(draw, &disks, start_of_day);
        vms.push(Vm {
            name: format!("vm{number}"),
            site: draw.index(sites) as u32,
            os: draw.word::<Os>(),
            physical: draw.flag(),
            configuration_server: owners[draw.index(owners.len())],
            process_server: process_servers[draw.index(process_servers.len())],
            boot: draw.duration(),
            journal: (1 << 20) + draw.bytes(),
            clock_skew: draw.duration(),
            disks: Arc::new(disks),
            workload: Arc::new(Workload { streams }),
        });
    }
    let mut groups = Vec::new();
    for number in 0..draw.below(3) {
        let disks = Arc::new(disks(draw));
        let workload = Arc::new(Workload {
            streams: streams(draw, &disks, start_of_day),
        });
        let group = Group {
            name: format!("group{number}-###"),
            first: vms.len(),
            count: 1 + draw.below(12) as u32,
            configuration_servers: Some(vec![owners[draw.index(owners.len())]]),
            process_servers: Some(vec![process_servers[draw.index(process_servers.len())]]),
            profiles: vec![("busy one".to_owned(), 1 + draw.below(3) as u32, Arc::clone(&workload))],
        };
        let pattern = Vm {
            site: draw.index(sites) as u32,
            os: draw.word::<Os>(),
            physical: false,
            configuration_server: group.configuration_servers.as_ref().expect("named")[0],
            process_server: group.process_servers.as_ref().expect("named")[0],
            boot: draw.duration(),
            journal: (1 << 20) + draw.bytes(),
            clock_skew: 0,
            disks,
            workload,
            name: String::new(),
        };
        for machine in 1..=group.count {
            let mut vm = Vm {
                name: format!("group{number}-{machine:03}"),
                ..pattern.clone()
            };
            // Some groups are no longer what they say.
            if draw.below(40) == 0 {
                vm.boot += 1;
            }
            if draw.below(40) == 0 {
                vm.process_server = process_servers[draw.index(process_servers.len())];
            }
            vms.push(vm);
        }
        groups.push(group);
    }
    (vms, groups)
}

fn disks(draw: &mut Draw) -> Vec<Disk> {
    let mut disks: Vec<Disk> = (0..1 + draw.below(3))
        .map(|number| {
            let bytes = 512 * (1 + draw.below(1 << 30));
            Disk {
                name: format!("disk{number}"),
                bytes,
                start: Start::Generated {
                    used: if draw.flag() { 0 } else { draw.below(bytes + 1) },
                    compressibility: draw.compressibility(),
                },
            }
        })
        .collect();
    if draw.below(3) == 0 {
        disks.push(files().disk.clone());
    }
    disks
}

fn streams(draw: &mut Draw, disks: &[Disk], start_of_day: u32) -> Vec<Stream> {
    let mut streams: Vec<Stream> = (0..draw.below(3))
        .map(|_| {
            let place = draw.index(disks.len());
            Stream {
                disk: place as u16,
                compressibility: if draw.flag() {
                    disks[place].compressibility()
                } else {
                    draw.compressibility()
                },
                kind: StreamKind::Synthetic(synthetic(draw, disks[place].bytes, start_of_day)),
                recording: None,
                flush_every: if draw.flag() { 32 } else { draw.number() as u32 },
                starts_after: None,
            }
        })
        .collect();
    if let Some(place) = disks.iter().position(|disk| disk.name == files().disk.name) {
        for recorded in &files().streams {
            let mut stream = Stream {
                disk: place as u16,
                starts_after: draw.flag().then(|| draw.word::<ItemState>()),
                flush_every: draw.below(100) as u32,
                compressibility: draw.compressibility(),
                ..recorded.clone()
            };
            if let StreamKind::Recorded(recorded) = &mut stream.kind {
                recorded.speed_per_mille = 1 + draw.below(10_000) as u32;
                recorded.repeat = draw.flag();
            }
            streams.push(stream);
        }
    }
    streams
}

fn synthetic(draw: &mut Draw, disk_bytes: u64, start_of_day: u32) -> Synthetic {
    let largest = (disk_bytes / 512).min(8_192);
    Synthetic {
        bytes_per_second: match draw.below(3) {
            0 => draw.below(1_000) * 1_000,
            1 => draw.below(1_000) * 1_000_000_000 / 86_400,
            _ => draw.below(1_000_000),
        },
        block_sizes: match draw.flag() && disk_bytes >= 8_192 {
            true => vec![(8_192, 1)],
            false => (0..1 + draw.below(4))
                .map(|_| (512 * (1 + draw.below(largest)) as u32, 1 + draw.below(9) as u32))
                .collect(),
        },
        hot_per_mille: draw.below(1_001) as u32,
        hot_part_per_mille: 1 + draw.below(1_000) as u32,
        hours_per_mille: match draw.flag() {
            true => Vec::new(),
            false => (0..24).map(|_| draw.below(3_000) as u32).collect(),
        },
        burst: draw.flag().then(|| {
            (
                1 + draw.below(100_000) as u32,
                1 + draw.below(10_000) as u32,
                draw.below(50_000) as u32,
            )
        }),
        start_of_day,
        distinct_per_mille: draw.flag().then(|| draw.below(1_001) as u32),
    }
}

fn plain(name: &str, word: &'static str, what: Do, vms: Vec<usize>, scenario: &Scenario) -> Step {
    let begin = match scenario.steps.len() {
        0 => Vec::new(),
        count => vec![Condition::Step(count - 1, Which::These(Vec::new()))],
    };
    Step {
        name: Some(name.to_owned()),
        word,
        what,
        vms,
        begin,
        wait: 0,
        stagger: 0,
        expected: Expected::default(),
        line: Aside(0),
    }
}

/// Out and home, so that every condition has a cause before it.
fn journey(scenario: &mut Scenario) {
    let all: Vec<usize> = (0..scenario.vms.len()).collect();
    for server in 0..scenario.servers.len() {
        let known = &scenario.servers[server];
        let (word, what) = match known.roles {
            roles if roles.configuration_server => {
                ("register-configuration-server", Do::RegisterConfigurationServer(server))
            }
            _ if known.zone == Zone::AzureVnet => ("add-process-server", Do::AddProcessServer(server)),
            _ => continue,
        };
        let step = plain(&format!("server {server}"), word, what, Vec::new(), scenario);
        scenario.steps.push(step);
    }
    let azure: Vec<usize> = (0..scenario.servers.len())
        .filter(|server| scenario.servers[*server].zone == Zone::AzureVnet)
        .collect();
    let targets: Vec<usize> = (0..scenario.servers.len())
        .filter(|server| scenario.servers[*server].roles.master_target)
        .collect();
    let point = PointChoice::Latest;
    for (word, what) in [
        ("install-by-hand", Do::InstallByHand),
        (
            "enable-replication",
            Do::EnableReplication {
                process_server: None,
                over: None,
            },
        ),
        ("test-failover", Do::TestFailover(point)),
        ("failover", Do::Failover { point, shutdown: false }),
        ("commit", Do::Commit),
        (
            "reprotect",
            Do::Reprotect {
                process_servers: azure,
                master_targets: targets,
            },
        ),
        (
            "failback",
            Do::Failback {
                point,
                to_physical: false,
            },
        ),
    ] {
        let step = plain(word, word, what, all.clone(), scenario);
        scenario.steps.push(step);
    }
}

fn step(draw: &mut Draw, scenario: &Scenario) -> Step {
    let servers = &scenario.servers;
    let with = |is: &dyn Fn(&Server) -> bool| -> Vec<usize> {
        (0..servers.len()).filter(|server| is(&servers[*server])).collect()
    };
    let owners = with(&|server| server.roles.configuration_server);
    let process_servers = with(&|server| server.roles.process_server);
    let azure = with(&|server| server.zone == Zone::AzureVnet);
    let targets = with(&|server| server.roles.master_target);
    let vcenters = with(&|server| server.roles.vcenter);
    let mut vms = draw.some(scenario.vms.len());
    let words: Vec<&'static str> = STEP
        .variants
        .as_ref()
        .expect("actions")
        .of
        .iter()
        .map(|of| of.word)
        .collect();
    let word = draw.of(&words);
    let what = match word {
        "create-vault" => Do::CreateVault,
        "register-configuration-server" => Do::RegisterConfigurationServer(draw.of(&owners)),
        "add-vcenter" => Do::AddVcenter {
            configuration_server: draw.of(&owners),
            vcenter: draw.of(&vcenters),
        },
        "push-install" => Do::PushInstall {
            process_server: draw.flag().then(|| draw.of(&process_servers)),
        },
        "install-by-hand" => Do::InstallByHand,
        "create-policy" => Do::CreatePolicy,
        "enable-replication" => Do::EnableReplication {
            process_server: draw.flag().then(|| draw.of(&process_servers)),
            over: draw.flag().then(|| draw.word::<scenarios::keys::Over>().0),
        },
        "test-failover" => Do::TestFailover(point(draw)),
        "cleanup-test-failover" => Do::CleanupTestFailover,
        "failover" => Do::Failover {
            point: point(draw),
            shutdown: draw.flag(),
        },
        "planned-failover" => Do::PlannedFailover,
        "commit" => Do::Commit,
        "move-to-process-server" => Do::Move(draw.of(&process_servers)),
        "add-process-server" => Do::AddProcessServer(draw.of(&azure)),
        "remove-process-server" => Do::RemoveProcessServer(draw.of(&azure)),
        "reprotect" if draw.flag() => Do::Reprotect {
            process_servers: if draw.flag() {
                Vec::new()
            } else {
                vec![draw.of(&process_servers)]
            },
            master_targets: Vec::new(),
        },
        "reprotect" => Do::Reprotect {
            process_servers: if draw.flag() {
                azure
            } else {
                vec![draw.of(&process_servers)]
            },
            master_targets: if draw.flag() { targets } else { vec![draw.of(&targets)] },
        },
        "failback" => Do::Failback {
            point: point(draw),
            to_physical: draw.flag(),
        },
        "disable-replication" => Do::DisableReplication,
        "power-off" | "power-on" => power(draw, scenario, word == "power-on"),
        "cut-link" | "restore-link" => Do::Link {
            link: draw.index(scenario.links.len()),
            up: word == "restore-link",
        },
        "tamper-segment" => {
            vms = vec![vms[0]];
            Do::TamperSegment {
                disk: draw.index(scenario.vms[vms[0]].disks.len()) as u16,
                segment: draw.number() as u32,
                byte: draw.number(),
            }
        }
        "note" => Do::Note(draw.text()),
        other => panic!("the writer is not tried on `{other}`"),
    };
    let per_vm = what.per_vm();
    let number = scenario.steps.len();
    let expected = Expected {
        ending: draw.word::<Ending>(),
        reason: None,
    };
    Step {
        name: draw.flag().then(|| format!("step \"{number}\"")),
        word,
        what,
        vms: if per_vm { vms } else { Vec::new() },
        begin: begin(draw, scenario, per_vm),
        wait: if draw.flag() { 0 } else { draw.duration() },
        stagger: if draw.flag() { 0 } else { draw.duration() },
        expected: Expected {
            reason: (expected.ending != Ending::Done && draw.flag()).then(|| draw.text()),
            ..expected
        },
        line: Aside(0),
    }
}

fn point(draw: &mut Draw) -> PointChoice {
    match draw.below(4) {
        0 => PointChoice::Latest,
        1 => PointChoice::LatestProcessed,
        2 => PointChoice::LatestAppConsistent,
        _ => PointChoice::Custom(draw.number()),
    }
}

fn power(draw: &mut Draw, scenario: &Scenario, on: bool) -> Do {
    let site = draw.index(scenario.sites.len()) as u32;
    let own = |server: &usize| scenario.servers[*server].zone == Zone::Site(site);
    match draw.flag() {
        true => Do::Power {
            on,
            servers: (0..scenario.servers.len()).filter(own).collect(),
            vms: (0..scenario.vms.len())
                .filter(|vm| !on && scenario.vms[*vm].site == site)
                .collect(),
        },
        false => Do::Power {
            on,
            servers: draw.some(scenario.servers.len()),
            vms: draw.some(scenario.vms.len()),
        },
    }
}

fn begin(draw: &mut Draw, scenario: &Scenario, per_vm: bool) -> Vec<Condition> {
    let before = scenario.steps.len() - 1;
    let usual = vec![Condition::Step(before, Which::These(Vec::new()))];
    match draw.below(4) {
        0 => usual,
        1 => vec![Condition::At(draw.duration())],
        2 if draw.below(8) == 0 => Vec::new(),
        _ => {
            let at = draw.flag().then(|| Condition::At(draw.duration()));
            let count = 1 + draw.below(3);
            let others = (0..count).map(|_| condition(draw, scenario, per_vm));
            at.into_iter().chain(others).collect()
        }
    }
}

fn condition(draw: &mut Draw, scenario: &Scenario, per_vm: bool) -> Condition {
    let which = match per_vm && draw.flag() {
        true => Which::Each,
        false => Which::These(draw.some(scenario.vms.len())),
    };
    let named: Vec<usize> = (0..scenario.steps.len())
        .filter(|step| scenario.steps[*step].name.is_some())
        .collect();
    match draw.below(8) {
        0 => Condition::Step(draw.of(&named), Which::These(Vec::new())),
        1 => Condition::Step(draw.of(&named), which),
        2 => Condition::State(which, draw.word::<ItemState>()),
        3 => Condition::PointsStored(which, draw.below(3)),
        4 => Condition::PointsProcessed(which, draw.below(3)),
        5 => Condition::WorkloadUp(which, draw.word::<Place>()),
        6 => Condition::ServerRegistered(draw.index(scenario.servers.len())),
        _ => Condition::AgentRegistered(draw.index(scenario.vms.len())),
    }
}

fn expect(draw: &mut Draw, vms: usize) -> Expect {
    Expect {
        vms: draw.some(vms),
        what: match draw.below(7) {
            0 => Bound::RpoBelow(draw.duration()),
            1 => Bound::RtoBelow(draw.duration()),
            2 => Bound::FailoverWithin(draw.duration()),
            3 => Bound::LostBelow(draw.duration()),
            4 => Bound::LostBytesBelow(draw.bytes()),
            5 => Bound::PointsAtLeast(draw.below(3)),
            _ => Bound::Verified,
        },
        line: Aside(0),
    }
}
