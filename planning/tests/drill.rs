//! The drill of an estate: a scenario that is taken, and that has in it what the plan says.

use crate::support;

use actors::workload::StreamKind;
use planning::drill::drill;
use planning::estate::Estate;
use planning::of_scenario::of_scenario;
use planning::options::Options;
use planning::profile::Profile;
use planning::read::{Input, read_inputs};
use planning::recommend::recommend;
use planning::service::Service;
use scenarios::{Options as Reading, Scenario, load_text};
use support::{flat, vm};

fn template() -> Estate {
    let text = planning::estate::template();
    let input = Input {
        name: "template".to_owned(),
        reader: Box::new(std::io::Cursor::new(text.into_bytes())),
    };
    read_inputs(vec![input]).expect("the template").estate
}

fn drilled(estate: &Estate, profile: Option<&Profile>, options: &Options) -> Scenario {
    let plan = recommend(estate, profile, options).expect("a plan");
    let folder = tempfile::tempdir().expect("a folder");
    let drill = drill("drill", "drill.csv", estate, profile, options, &plan).expect("a drill");
    if let Some(counters) = drill.counters {
        std::fs::write(folder.path().join("drill.csv"), counters).expect("written");
    }
    let text = drill.scenario;
    load_text(&text, &folder.path().join("drill.toml"), &Reading::default())
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Bytes per second that a machine writes in the mean.
fn written(scenario: &Scenario) -> u64 {
    let streams = scenario.vms.iter().flat_map(|vm| &vm.workload.streams);
    let rate = streams.map(|stream| match &stream.kind {
        StreamKind::Synthetic(synthetic) => synthetic.bytes_per_second,
        other => panic!("synthetic: {other:?}"),
    });
    rate.sum()
}

#[test]
fn the_template_is_a_drill_with_all_its_disks_and_what_they_write() {
    let estate = template();
    let options = Options::default();
    let scenario = drilled(&estate, None, &options);
    let names: Vec<&str> = scenario.vms.iter().map(|vm| vm.name.as_str()).collect();
    assert_eq!(names, ["dc01", "web01", "sql01"]);
    for (vm, of) in scenario.vms.iter().zip(&estate.vms) {
        assert_eq!(vm.disks.len(), of.disks.len(), "{}", vm.name);
        for (disk, of) in vm.disks.iter().zip(&of.disks) {
            assert_eq!(disk.name, of.name);
        }
    }
    let daily: u64 = estate.disks().map(|(_, disk)| disk.daily_change_bytes.unwrap()).sum();
    let expected = daily / 86_400 * 13 / 10;
    let off = written(&scenario).abs_diff(expected);
    assert!(off * 1_000 < expected, "{} for {expected}", written(&scenario));
    // One server that does all, as the tables say of so few machines.
    let servers = scenario.servers.iter().filter(|server| server.roles.process_server);
    assert_eq!(servers.count(), 1);
    assert!(
        scenario
            .servers
            .iter()
            .all(|server| server.roles.configuration_server == server.roles.process_server)
    );
}

#[test]
fn its_link_is_the_one_given_or_the_one_needed() {
    let estate = template();
    let rate = |options: &Options| {
        let scenario = drilled(&estate, None, options);
        scenario.links.iter().map(|link| link.bits_per_second).min().unwrap()
    };
    let given = Options {
        service: Some(Service::constant(50_000_000)),
        ..Options::default()
    };
    assert_eq!(rate(&given), 50_000_000);
    let needed = recommend(&estate, None, &Options::default()).unwrap().bandwidths[0]
        .always
        .unwrap();
    assert_eq!(rate(&Options::default()), needed.value);
}

#[test]
fn a_large_estate_has_the_servers_that_the_tables_demand() {
    let machine = |number: u32| {
        let mut machine = vm(&format!("vm-{number}"), &[]);
        machine.disks[0].daily_change_bytes = Some(20_000_000_000);
        machine
    };
    let estate = Estate {
        vms: (0..450).map(machine).collect(),
    };
    let plan = recommend(&estate, None, &flat()).unwrap();
    let sizing = &plan.servers.sizing;
    let scenario = drilled(&estate, None, &flat());
    let count = |role: fn(&scenarios::model::Roles) -> bool| {
        scenario.servers.iter().filter(|server| role(&server.roles)).count()
    };
    assert_eq!(
        count(|roles| roles.configuration_server),
        sizing.configuration_servers as usize
    );
    assert_eq!(count(|roles| roles.process_server), sizing.process_servers as usize);
    assert!(sizing.process_servers > 1, "{sizing:?}");
}

#[test]
fn hostile_names_make_a_scenario_all_the_same() {
    let names = [
        "web,01",
        "\"quoted\"\n[[vm]]",
        "all",
        "ALL",
        "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}",
        "web 01",
    ];
    let machine = |name: &&str| {
        let mut machine = vm(name, &[]);
        machine.host = Some("esx\n1".to_owned());
        machine.disks[0].daily_change_bytes = Some(1_000_000_000);
        machine.disks[0].name = "Hard disk 1".to_owned();
        machine
    };
    let estate = Estate {
        vms: names.iter().map(machine).collect(),
    };
    assert_eq!(drilled(&estate, None, &flat()).vms.len(), names.len());
}

#[test]
fn a_drill_that_is_planned_again_gives_the_same_answer() {
    let estate = template();
    let first = recommend(&estate, None, &Options::default()).unwrap();
    let scenario = drilled(&estate, None, &Options::default());
    let (again, profile) = of_scenario(&scenario);
    // What it writes has grown already.
    let options = Options {
        growth_per_mille: 0,
        ..Options::default()
    };
    let second = recommend(&again, Some(&profile), &options).unwrap();
    for (first, second) in first.bandwidths.iter().zip(&second.bandwidths) {
        let (first, second) = (first.always.unwrap().value, second.always.unwrap().value);
        assert!(first.abs_diff(second) * 200 < first, "{first} and {second} bit/s");
    }
    assert_eq!(first.servers.sizing, second.servers.sizing);
    assert_eq!(
        first.initial_copy.bytes.value.div_ceil(1 << 30),
        second.initial_copy.bytes.value.div_ceil(1 << 30)
    );
}

/// Two days of quarters of an hour, from 22:00 on. By night ten times as much, on the second day twice; a quarter is missing.
fn two_days() -> Profile {
    let rate = |quarter: u32| {
        let hour = (22 + quarter / 4) % 24;
        let day = quarter / 96 + 1;
        match quarter {
            100 => planning::profile::ABSENT,
            _ if hour < 6 => 1_000_000 * day,
            _ => 100_000 * day,
        }
    };
    let counted = planning::profile::Series {
        written: (0..192).map(rate).collect(),
        write_iops: (0..192)
            .map(|quarter| if quarter == 7 { planning::profile::ABSENT } else { 1_250 })
            .collect(),
        ..Default::default()
    };
    Profile {
        start_seconds: 1_709_589_600,
        step_seconds: 900,
        steps: 192,
        vms: vec![vec![counted]],
    }
}

#[test]
fn a_disk_with_counters_writes_its_busiest_day_step_by_step() {
    let profile = two_days();
    let estate = Estate {
        vms: vec![vm("web,01", &[])],
    };
    let grown = Options {
        growth_per_mille: 250,
        ..Options::default()
    };
    let scenario = drilled(&estate, Some(&profile), &grown);
    assert_eq!(scenario.start_of_day, 22 * 3_600);
    let StreamKind::Profiled(profiled) = &scenario.vms[0].workload.streams[0].kind else {
        panic!("a profile")
    };
    assert_eq!((profiled.step, profiled.factor_per_mille), (900_000_000_000, 1_250));
    assert!(profiled.repeat && profiled.steps.len() == 96);
    let there: Vec<u64> = (0..192)
        .filter(|at| *at != 100)
        .map(|at| u64::from(profile.vms[0][0].written[at]))
        .collect();
    let mean = there.iter().sum::<u64>().div_ceil(191);
    for (at, step) in profiled.steps.iter().enumerate() {
        let recorded = if at == 4 {
            mean
        } else {
            u64::from(profile.vms[0][0].written[96 + at])
        };
        assert_eq!(u64::from(step.bytes_per_second), recorded, "step {at}");
        assert_eq!(step.writes_per_second, 1_250);
    }
    // And planned again it is that day.
    let (_, again) = of_scenario(&scenario);
    for at in 0..96_usize {
        let minute = u64::from(again.vms[0][0].written[at * 15]);
        let grown = u64::from(profiled.steps[at].bytes_per_second) * 5 / 4;
        assert!(minute.abs_diff(grown) <= 1, "step {at}: {minute} for {grown}");
        assert_eq!(
            minute,
            u64::from(again.vms[0][0].written[1_440 + at * 15]),
            "the next day"
        );
    }
}

#[test]
fn a_disk_without_counters_writes_its_mean_beside_one_that_has_them() {
    let mut profile = two_days();
    profile.vms[0].push(planning::profile::Series::default());
    let mut machine = vm("web", &[]);
    let mut other = machine.disks[0].clone();
    other.name = "other".to_owned();
    other.daily_change_bytes = Some(86_400_000_000);
    machine.disks.push(other);
    let scenario = drilled(&Estate { vms: vec![machine] }, Some(&profile), &flat());
    let streams = &scenario.vms[0].workload.streams;
    assert!(matches!(&streams[0].kind, StreamKind::Profiled(_)));
    assert!(matches!(&streams[1].kind, StreamKind::Synthetic(synthetic) if synthetic.bytes_per_second == 1_000_000));
}
