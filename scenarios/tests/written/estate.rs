//! What there is in a drawn scenario: links, servers, machines, disks, workloads.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use actors::model::Model;
use actors::nouns::{ItemState, LinkKind, Throttle};
use actors::spec::Os;
use actors::workload::{StreamKind, Synthetic};
use scenarios::model::{Disk, Group, Link, Roles, Server, Start, Stream, Vm, Workload, Zone};
use scenarios::{Options, load_text};

use super::draw::{Draw, SECOND};

/// A machine with an image, two recordings and two profiles, and the folder that they lie in.
pub(super) struct Files {
    pub(super) path: PathBuf,
    disk: Disk,
    streams: Vec<Stream>,
}

pub(super) fn files() -> &'static Files {
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
        let row = |minute: u64| {
            let own = format!("2024-03-05 00:{minute:02},vm,,2,{}\n", 8_192 * minute);
            own + &format!("2024-03-05 00:{minute:02},sql 01,D:,,{}\n", 1 << minute)
        };
        let rows: String = (0..20).map(row).collect();
        let counters = format!("time,vm,disk,write_iops,written_bytes\n{rows}");
        std::fs::write(folder.path().join("counters.csv"), counters).expect("written");
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
            [[vm.workload]]
            kind = "profile"
            file = "counters.csv"
            vm_in_file = "sql 01"
            disk_in_file = "D:"
            [[vm.workload]]
            kind = "profile"
            file = "counters.csv"
            vm_in_file = "vm"
            disk_in_file = "all"
            from = "2024-03-05 00:02"
            until = "1709596980"
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

pub(super) fn links(draw: &mut Draw, sites: usize) -> Vec<Link> {
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
pub(super) fn servers(draw: &mut Draw, sites: usize) -> Vec<Server> {
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
                throttles: match roles.process_server {
                    true => (0..draw.below(3)).map(|_| throttle(draw)).collect(),
                    false => Vec::new(),
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
            throttles: Vec::new(),
            clock_skew: 0,
        });
    }
    servers
}

fn throttle(draw: &mut Draw) -> Throttle {
    let mut days = [(); 7].map(|()| draw.flag());
    days[draw.index(7)] = true;
    let from_hour = draw.below(24) as u8;
    let later = 1 + draw.below(23) as u8;
    Throttle {
        days,
        from_hour,
        to_hour: match (from_hour + later) % 24 {
            0 => 24,
            hour => hour,
        },
        bits_per_second: 512_000 + draw.below(101_488_000),
    }
}

pub(super) fn machines(draw: &mut Draw, sites: usize, servers: &[Server], start_of_day: u32) -> (Vec<Vm>, Vec<Group>) {
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

pub(super) fn disks(draw: &mut Draw) -> Vec<Disk> {
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

pub(super) fn streams(draw: &mut Draw, disks: &[Disk], start_of_day: u32) -> Vec<Stream> {
    let mut streams: Vec<Stream> = (0..draw.below(3))
        .map(|_| {
            let place = draw.index(disks.len());
            let outstanding = match draw.below(3) {
                0 => Some(32),
                1 => Some(1 + draw.below(65_536) as u32),
                _ => None,
            };
            Stream {
                disk: place as u16,
                compressibility: if draw.flag() {
                    disks[place].compressibility()
                } else {
                    draw.compressibility()
                },
                kind: StreamKind::Synthetic(synthetic(draw, disks[place].bytes, start_of_day, outstanding)),
                recording: None,
                counters: None,
                flush_every: if draw.flag() { 32 } else { draw.number() as u32 },
                outstanding,
                starts_after: None,
            }
        })
        .collect();
    if let Some(place) = disks.iter().position(|disk| disk.name == files().disk.name) {
        for recorded in &files().streams {
            let mut stream = Stream {
                disk: place as u16,
                starts_after: (recorded.recording.is_some() && draw.flag()).then(|| draw.word::<ItemState>()),
                flush_every: draw.below(100) as u32,
                compressibility: draw.compressibility(),
                ..recorded.clone()
            };
            if let StreamKind::Recorded(recorded) = &mut stream.kind {
                recorded.speed_per_mille = 1 + draw.below(10_000) as u32;
                recorded.repeat = draw.flag();
            }
            if let StreamKind::Profiled(profiled) = &mut stream.kind {
                profiled.begins = draw.duration();
                profiled.repeat = draw.flag();
                profiled.factor_per_mille = draw.below(10_000) as u32;
                profiled.hot_per_mille = draw.below(1_001) as u32;
                profiled.hot_part_per_mille = 1 + draw.below(1_000) as u32;
                profiled.distinct_per_mille = draw.flag().then(|| draw.below(1_001) as u32);
            }
            streams.push(stream);
        }
    }
    streams
}

pub(super) fn synthetic(draw: &mut Draw, disk_bytes: u64, start_of_day: u32, outstanding: Option<u32>) -> Synthetic {
    let drawn = rated(draw, disk_bytes, start_of_day);
    match outstanding.filter(|_| draw.flag()) {
        Some(outstanding) => {
            let think = SECOND + draw.duration();
            let latency = Model::default().guest.write_latency;
            // Few enough that no burst of them in the busiest hour passes what a disk takes.
            let bytes_per_second = Synthetic::closed_rate(&drawn.block_sizes, outstanding, think, latency);
            match bytes_per_second < 60_000_000 {
                true => Synthetic {
                    think: Some(think),
                    bytes_per_second,
                    ..drawn
                },
                false => drawn,
            }
        }
        None => drawn,
    }
}

fn rated(draw: &mut Draw, disk_bytes: u64, start_of_day: u32) -> Synthetic {
    let largest = (disk_bytes / 512).min(8_192);
    Synthetic {
        bytes_per_second: match draw.below(3) {
            0 => draw.below(1_000) * 1_000,
            1 => draw.below(1_000) * 1_000_000_000 / 86_400,
            _ => draw.below(1_000_000),
        },
        think: None,
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
