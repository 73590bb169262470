//! Plans for tests.

use planning::cost::{EXAMPLE, Prices};
use planning::estate::{Boot, Disk, Estate, Vm};
use planning::find::{Because, Found, Tried};
use planning::options::Options;
use planning::plan::Plan;
use planning::profile::{Profile, Series};
use planning::proof::{Cut, Pair, Part, Proof, Row, Why};
use planning::recommend::recommend;
use planning::service::{HourLimit, Outage, Service, WEEK_HOURS};
use planning::sweep::{Axis, Input, sweep};

const GIB: u64 = 1 << 30;
const DAY_STEPS: usize = 96;

fn disk(name: &str, gib: u64) -> Disk {
    Disk {
        name: name.to_owned(),
        size_bytes: gib * GIB,
        used_bytes: Some(gib * GIB / 2),
        compressed_per_mille: Some(500),
        daily_change_bytes: None,
    }
}

fn vm(name: &str, data_gib: &[u64]) -> Vm {
    let data = data_gib.iter().enumerate();
    let data = data.map(|(index, gib)| disk(&format!("data{}", index + 1), *gib));
    Vm {
        name: name.to_owned(),
        host: Some("esx-01.example".to_owned()),
        os: "Microsoft Windows Server 2016 (64-bit)".to_owned(),
        cores: 4,
        memory_bytes: 16 * GIB,
        nics: 1,
        boot: Boot::Bios,
        group: 1,
        disks: std::iter::once(disk("os", 127)).chain(data).collect(),
    }
}

/// Quarters of an hour of a disk: quiet by night, busy by day, with a peak in the afternoon.
fn series(days: usize, day_bytes: u32) -> Series {
    let step = |step: usize| match step % DAY_STEPS {
        56..60 => day_bytes * 4,
        32..72 => day_bytes,
        _ => day_bytes / 8,
    };
    let written: Vec<u32> = (0..days * DAY_STEPS).map(step).collect();
    Series {
        write_iops: written.iter().map(|bytes| bytes / 160).collect(),
        read_iops: written.iter().map(|bytes| bytes / 320).collect(),
        written,
    }
}

fn profile(days: usize, vms: &[Vm], bytes: impl Fn(usize) -> u32) -> Profile {
    Profile {
        start_seconds: 1_509_926_400,
        step_seconds: 900,
        steps: days * DAY_STEPS,
        vms: (0..)
            .zip(vms)
            .map(|(index, vm)| vm.disks.iter().map(|_| series(days, bytes(index))).collect())
            .collect(),
    }
}

fn made(vms: Vec<Vm>, profile: Option<Profile>, options: &Options) -> Plan {
    recommend(&Estate { vms }, profile.as_ref(), options).unwrap()
}

fn with(bits: u64, outage_hours: u64) -> Options {
    let mut service = Service::constant(bits);
    if outage_hours > 0 {
        service.outages = vec![Outage {
            from: 38 * 3_600,
            to: (38 + outage_hours) * 3_600,
            link: None,
        }];
    }
    Options {
        service: Some(service),
        prices: Some(Prices::read(EXAMPLE).unwrap()),
        ..Options::default()
    }
}

/// Three machines for a week, one of them too large a disk; a bandwidth that is not enough, cut for two hours; prices.
pub(super) fn three() -> Plan {
    let vms = vec![
        vm("web-01", &[64]),
        vm("sql-01", &[512, 1_024]),
        vm("archive", &[8_192]),
    ];
    let profile = profile(7, &vms, |index| [120_000, 900_000, 50_000][index]);
    made(vms, Some(profile), &with(20_000_000, 2))
}

/// Two machines, one of them with Linux and started after the other.
pub(super) fn grouped() -> Plan {
    let mut vms = vec![vm("sql-01", &[512]), vm("web-01", &[64])];
    vms[1].os = "CentOS 7 (64-bit)".to_owned();
    vms[1].group = 3;
    let profile = profile(1, &vms, |_| 120_000);
    made(vms, Some(profile), &with(20_000_000, 0))
}

/// The three machines with inputs moved: one, or two.
pub(super) fn asked(axes: &[(Input, &[u64])]) -> Plan {
    let mut plan = three();
    let vms = vec![
        vm("web-01", &[64]),
        vm("sql-01", &[512, 1_024]),
        vm("archive", &[8_192]),
    ];
    let profile = profile(7, &vms, |index| [120_000, 900_000, 50_000][index]);
    let axes: Vec<Axis> = axes
        .iter()
        .map(|(input, values)| Axis {
            input: *input,
            values: values.to_vec(),
        })
        .collect();
    plan.sweep = Some(sweep(&Estate { vms }, Some(&profile), &with(20_000_000, 2), &axes).unwrap());
    plan
}

/// The three machines with a value that was found, and one at which it is not so.
pub(super) fn found() -> Plan {
    let tried = |value: u64, measured_ms: Option<u64>, because| Tried {
        value,
        measured_ms,
        holds: measured_ms.is_some_and(|measured| measured < 900_000),
        broken: value == 20_000_000,
        because,
    };
    let mut plan = three();
    plan.find = Some(Found {
        input: Input::Bandwidth,
        goal: "p99 RPO under 15 min".parse().unwrap(),
        smallest: true,
        value: Some(21_000_000),
        fails_at: Some(20_580_000),
        reckoned: Some(20_000_000),
        not_monotone: vec![42_000_000],
        simulated_seconds: 86_400,
        tried: vec![
            tried(20_000_000, None, Because::Reckoned),
            tried(20_580_000, Some(901_000), Because::Beyond),
            tried(21_000_000, Some(870_000), Because::Bracket),
            tried(42_000_000, Some(1_200_000), Because::Again),
        ],
    });
    plan
}

/// A thousand machines, each with three disks, for three days; no bandwidth is given.
pub(super) fn fleet(machines: usize) -> Plan {
    let vms: Vec<Vm> = (0..machines)
        .map(|number| {
            vm(
                &format!("vm-{number:04}"),
                &[64 + number as u64 % 7 * 32, if number % 50 == 0 { 6_000 } else { 256 }],
            )
        })
        .collect();
    let profile = profile(3, &vms, |index| 20_000 + index as u32 % 13 * 5_000);
    let options = Options {
        prices: Some(Prices::read(EXAMPLE).unwrap()),
        ..Options::default()
    };
    made(vms, Some(profile), &options)
}

/// What tries to break out of its cell.
pub(super) const HOSTILE: [&str; 6] = [
    "<script>alert(\"1\")</script> & 'more'",
    "=HYPERLINK(\"http://example.com\";\"x\")",
    "+1",
    "-2+3",
    "@SUM(A1),\"b\"\nnew line",
    "\u{1b}[31mred",
];

/// Machines with hostile names, with and without something against them; a bandwidth with which the queue never ends.
pub(super) fn hostile() -> Plan {
    let vms: Vec<Vm> = HOSTILE
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let mut vm = vm(name, &[if index % 2 == 0 { 64 } else { 9_000 }]);
            vm.host = Some((*name).to_owned());
            vm.os = if index == 2 { (*name).to_owned() } else { vm.os };
            vm.disks[1].name = (*name).to_owned();
            vm
        })
        .collect();
    let profile = profile(1, &vms, |_| 100_000);
    let mut options = with(1_000, 0);
    // Throttled to nothing, for ever.
    if let Some(service) = &mut options.service {
        let closed = HourLimit {
            per_mille: 0,
            bits_per_second: None,
        };
        service.links[0].hours = vec![closed; WEEK_HOURS];
    }
    options.throttles = ["mon-fri 8-18=2Mbit/s", "22-6=4Mbit/s"]
        .map(|text| scenarios::units::throttle(text).unwrap())
        .to_vec();
    options.include = HOSTILE.iter().take(2).map(|name| (*name).to_owned()).collect();
    let mut plan = made(vms, Some(profile), &options);
    plan.proof = Some(proof());
    plan
}

/// A proof that found something, of the same machines: figures that agree, that do not, and that have no end.
fn proof() -> Proof {
    let pair = |arithmetic, simulated, why| Pair {
        arithmetic,
        simulated,
        why,
    };
    let row = |name: &&str| Row {
        name: (*name).to_owned(),
        rpo_p50_ms: pair(Some(150_000), Some(153_000), None),
        rpo_p99_ms: pair(Some(7_500_000), Some(9_000_000), Some(Why::Sharing)),
        rpo_max_ms: pair(None, Some(9_100_000), Some(Why::Sharing)),
        backlog_bytes: pair(Some(5 * GIB), Some(4 * GIB), Some(Why::Folding)),
        catch_up_ms: (name.len() > 4).then_some(pair(Some(1_800_000), None, Some(Why::Unsent))),
        sent_bytes: pair(Some(GIB), Some(GIB), None),
    };
    Proof {
        held: false,
        part: Part::BusiestDay,
        start_seconds: None,
        seconds: 86_400,
        bits_per_second: 1_000,
        cuts: vec![Cut {
            from_seconds: 36_000,
            to_seconds: 43_200,
        }],
        points: 300,
        points_verified: 299,
        findings: HOSTILE
            .iter()
            .map(|name| format!("invariant: {name} is wrong"))
            .collect(),
        machines: HOSTILE.iter().take(3).map(row).collect(),
    }
}

/// One machine that cannot be protected; no profile, no bandwidth, no prices.
pub(super) fn bare() -> Plan {
    let mut vm = vm("only", &[9_000]);
    vm.host = None;
    made(vec![vm], None, &Options::default())
}
