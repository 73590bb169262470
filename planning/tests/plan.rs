//! Whole plans.

mod support;

use std::collections::BTreeSet;

use planning::cost::{EXAMPLE, Prices};
use planning::demand::Compression;
use planning::estate::{Estate, Vm};
use planning::options::{Options, StorageChoice};
use planning::plan::Compatibility;
use planning::profile::{Profile, Series};
use planning::recommend::{PlanError, recommend};
use planning::service::{Link, Outage, Service};
use proptest::prelude::*;
use support::{GIB, MB, flat, idle, plan, profile, steady, vm};

#[test]
fn machines_of_which_nothing_is_known_are_counted_apart() {
    let mut daily = vm("daily", &[]);
    daily.disks[0].daily_change_bytes = Some(86_400 * MB);
    let vms = vec![daily, vm("silent", &[]), vm("counted", &[])];
    let series = vec![
        vec![Series::default()],
        vec![Series::default()],
        vec![steady(10, MB, 16_384, 1)],
    ];
    let plan = plan(vms, series, &flat());
    assert_eq!(plan.summary.data_not_found.value, 1);
    assert!(
        plan.answer
            .text
            .contains("Of machines of which nothing is known there are 1."),
        "{}",
        plan.answer.text
    );
    assert!(plan.machines[1].notes.iter().any(|note| note.name == "data-not-found"));
    assert_eq!((plan.machines[1].mean_churn, plan.machines[1].peak_churn), (None, None));
    assert_eq!(
        (plan.machines[0].mean_churn, plan.machines[0].peak_churn),
        (Some(MB), None)
    );
    assert_eq!(plan.summary.typical_day_bytes.value, 2 * MB * 86_400);
}

#[test]
fn an_estate_without_a_profile_is_planned_from_its_daily_changes() {
    let mut machine = vm("a", &[]);
    machine.disks[0].daily_change_bytes = Some(86_400 * MB);
    machine.disks[0].compressed_per_mille = Some(500);
    let plan = recommend(&Estate { vms: vec![machine] }, None, &flat()).unwrap();
    // 1 MB/s, half of it after compression.
    assert_eq!(plan.bandwidths[0].always.unwrap().value, 4 * MB);
    let names: Vec<&str> = plan.assumptions.iter().map(|assumption| assumption.name).collect();
    assert!(
        names.contains(&"no-profile") && names.contains(&"daily-shape") && !names.contains(&"compression"),
        "{names:?}"
    );
}

#[test]
fn a_bandwidth_that_is_given_is_judged() {
    // An hour of 16 Mbit/s in a day of 1 Mbit/s.
    let mut series = steady(1_440, 125_000, 16_384, 1);
    series.written[600..660].fill(2_000_000);
    let at = |bits: u64| {
        let options = Options {
            service: Some(Service::constant(bits)),
            ..flat()
        };
        plan(vec![vm("a", &[])], vec![vec![series.clone()]], &options)
    };
    // After the hour 3600 · (16 − B) are queued, which takes 900 s or less from 12.8 Mbit/s on.
    let enough = at(12_800_000);
    assert_eq!(enough.answer.enough, Some(true));
    assert_eq!(enough.bandwidths[0].always.unwrap().value, 12_800_000);
    assert_eq!(
        enough.given.as_ref().unwrap().what_if.rpo_always.unwrap().value,
        900_000
    );
    assert!(
        enough
            .answer
            .text
            .starts_with("Enough: with 12.8 Mbit/s the RPO is 15 min at its worst"),
        "{}",
        enough.answer.text
    );
    let not = at(8_000_000);
    let given = not.given.unwrap();
    assert_eq!(
        (not.answer.enough, given.enough_always, given.enough_share),
        (Some(false), false, true)
    );
    assert_eq!(given.missing.unwrap().value, 4_800_000);
    assert_eq!(given.what_if.rpo_always.unwrap().value, 3_600_000);
    assert_eq!(given.what_if.backlog_bytes.value, 3_600 * 1_000_000);
    assert_eq!(
        (given.what_if.violations.value, given.what_if.violations_per_day.value),
        (1, 1_000)
    );
    assert_eq!(
        (given.what_if.days.len(), given.what_if.days[0].peak_ms),
        (1, 3_600_000)
    );
    for part in [
        "Not enough",
        "8.0 Mbit/s",
        "1 h at its worst",
        "4.8 Mbit/s more",
        "over 15 min 1.0 times a day",
    ] {
        assert!(not.answer.text.contains(part), "{part}: {}", not.answer.text);
    }
    // Over 90 % of the time: 144 minutes may be late.
    let share = not.bandwidths[0].share.unwrap().value;
    assert!(share < 8_000_000, "{share}");
    assert_eq!(not.what_if.unwrap().bits_per_second.value, share);
}

#[test]
fn an_outage_longer_than_the_rpo_is_said_to_be_in_the_way() {
    let mut service = Service {
        links: vec![Link::new("mpls", 100_000_000)],
        ..Service::default()
    };
    service.outages.push(Outage {
        link: None,
        from: 3_600,
        to: 3_600 + 4 * 3_600,
    });
    let options = Options {
        service: Some(service),
        ..flat()
    };
    let plan = plan(vec![vm("a", &[])], vec![vec![steady(1_440, MB, 16_384, 1)]], &options);
    let given = plan.given.unwrap();
    assert_eq!(given.missing, None);
    assert_eq!(given.what_if.rpo_always.unwrap().value, 4 * 3_600_000);
    // 4 h of 8 Mbit/s over 92 Mbit/s that are left.
    assert_eq!(
        given.what_if.catch_up[0].empty_after_ms,
        Some((4 * 3_600_000_u64 * 8).div_ceil(92))
    );
    assert!(
        plan.answer.text.contains("no bandwidth would be enough"),
        "{}",
        plan.answer.text
    );
}

#[test]
fn the_initial_copy_goes_by_the_formula_and_through_the_queue() {
    let mut machine = vm("a", &[]);
    machine.disks[0].used_bytes = Some(90_000 * MB);
    let vms: Vec<Vm> = (0..4)
        .map(|index| Vm {
            name: format!("vm{index}"),
            ..machine.clone()
        })
        .collect();
    let series: Vec<Vec<Series>> = (0..4).map(|_| vec![steady(600, 125_000, 16_384, 1)]).collect();
    // 4 Mbit/s of changes; the goal is 10 h: 40 Mbit/s copy two machines of 90 GB (20 Mbit/s each) beside them.
    let options = Options {
        service: Some(Service::constant(44_000_000)),
        initial_copy_goal_seconds: 36_000,
        ..flat()
    };
    let copy = plan(vms, series, &options).initial_copy;
    assert_eq!(
        (copy.bytes.value, copy.machine_bytes.value),
        (360_000 * MB, 90_000 * MB)
    );
    let row = copy.curve.iter().find(|row| row.bits_per_second == 44_000_000).unwrap();
    assert_eq!((row.machines, row.batches, row.seconds), (2, Some(2), Some(72_000)));
    // At once: 2,880,000 Mbit over 40 Mbit/s.
    assert_eq!(copy.at_once.unwrap().done_seconds, 72_000);
    // In batches the first has only its own changes beside it: 1,440,000 Mbit over 42, then over 40 Mbit/s.
    let done: Vec<u64> = copy.batches.iter().map(|batch| batch.done_seconds).collect();
    assert_eq!(done, [34_286, 34_286 + 36_000]);
    assert_eq!(
        copy.curve.last().unwrap().batches,
        Some(1),
        "the curve ends where all fit within the goal"
    );
}

#[test]
fn each_account_carries_no_more_than_it_may() {
    let vms: Vec<Vm> = (0..60).map(|index| vm(&format!("vm{index}"), &[1_000])).collect();
    let series = |reads: u64| {
        (0..60)
            .map(|_| vec![steady(10, 0, 1, 0), steady(10, 1_000, 8_192, reads)])
            .collect::<Vec<_>>()
    };
    let standard = plan(vms.clone(), series(490), &flat());
    // 490.13 each: 40 machines an account.
    assert_eq!(
        standard
            .accounts
            .iter()
            .map(|account| account.vms.len())
            .collect::<Vec<_>>(),
        [40, 20]
    );
    assert!(
        standard
            .accounts
            .iter()
            .all(|account| account.iops <= 2_000_000 && account.log_account.is_none())
    );
    let premium = plan(
        vms.clone(),
        series(490),
        &Options {
            storage: StorageChoice::Premium,
            ..flat()
        },
    );
    // 1,127 GiB twice: 15 in 35 TB.
    assert_eq!(premium.accounts.len(), 4);
    assert!(
        premium
            .accounts
            .iter()
            .all(|account| account.size_bytes * 2 <= 35_840 * GIB && account.log_account.is_some())
    );
    let prefixes: BTreeSet<&str> = premium.accounts.iter().map(|account| account.prefix.as_str()).collect();
    assert!(
        prefixes.len() == 4 && prefixes.iter().all(|prefix| prefix.len() == 3),
        "{prefixes:?}"
    );
    let cache = plan(
        vms,
        series(490),
        &Options {
            managed_disks: true,
            ..flat()
        },
    );
    assert_eq!(cache.accounts.len(), 1);
}

#[test]
fn the_configuration_servers_go_by_the_source_that_is_chosen() {
    let at = |limit: u32| {
        let vms = (0..600).map(|index| vm(&format!("vm{index}"), &[])).collect();
        let options = Options {
            configuration_server_limit: limit,
            ..flat()
        };
        recommend(&Estate { vms }, None, &options).map(|plan| {
            assert!(
                plan.servers.limit_source.contains("§3.2"),
                "{}",
                plan.servers.limit_source
            );
            plan.servers.sizing.configuration_servers
        })
    };
    assert_eq!((at(200), at(550), at(650)), (Ok(3), Ok(2), Ok(1)));
    assert_eq!(at(1_000), Err(PlanError::ConfigurationServers(1_000)));
}

#[test]
fn machines_with_more_than_three_disks_count_as_more_for_the_servers() {
    let vms = (0..100).map(|index| vm(&format!("vm{index}"), &[10; 5])).collect();
    let plan = recommend(&Estate { vms }, None, &flat()).unwrap();
    assert_eq!(plan.servers.machines.value, 200);
    assert_eq!(plan.servers.sizing.size.vcpus, 16);
}

/// An estate that has a bit of everything.
fn rich() -> (Estate, Profile, Options) {
    let vms = vec![vm("a", &[100]), vm("b", &[9_000]), vm("c", &[])];
    let series = vec![
        vec![steady(300, 10_000, 8_192, 3), steady(300, 4 * MB, 16_384, 3)],
        vec![steady(300, 10_000, 8_192, 3), steady(300, 4 * MB, 16_384, 3)],
        vec![Series::default()],
    ];
    let mut service = Service::constant(20_000_000);
    service.outages.push(Outage {
        link: None,
        from: 600,
        to: 900,
    });
    let options = Options {
        service: Some(service),
        prices: Some(Prices::read(EXAMPLE).unwrap_or_else(|error| panic!("{error}"))),
        compression: Compression::Fixed { per_mille: 620 },
        ..Options::default()
    };
    (Estate { vms }, profile(300, series), options)
}

fn collect<'a>(value: &'a serde_json::Value, found: &mut BTreeSet<&'a str>) {
    match value {
        serde_json::Value::Object(map) => {
            if let Some(serde_json::Value::String(origin)) = map.get("origin") {
                assert!(map.contains_key("value") && map.contains_key("unit"));
                found.insert(origin);
            }
            map.values().for_each(|value| collect(value, found));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

#[test]
fn each_figure_says_where_it_is_from_and_nothing_is_said_for_no_figure() {
    let (estate, profile, options) = rich();
    let plan = recommend(&estate, Some(&profile), &options).unwrap();
    let json = serde_json::to_value(&plan).unwrap();
    let mut found = BTreeSet::new();
    collect(&json, &mut found);
    found.extend(plan.columns.values().map(|(_, origin)| *origin));
    let said: BTreeSet<&str> = plan.origins.keys().copied().collect();
    assert_eq!(found, said);
}

#[test]
fn a_plan_is_the_same_whatever_the_number_of_threads() {
    let count = 50;
    let estate = Estate {
        vms: (0..count).map(|index| vm(&format!("vm{index}"), &[100])).collect(),
    };
    let series: Vec<Vec<Series>> = (0..count)
        .map(|index| {
            let mut busy = steady(200, 0, 8_192, 3);
            for (step, written) in busy.written.iter_mut().enumerate() {
                *written = ((index * 7_919 + step * 104_729) % 3_000_000) as u32;
            }
            vec![busy.clone(), busy]
        })
        .collect();
    let profile = profile(200, series);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            serde_json::to_string(&recommend(&estate, Some(&profile), &Options::default()).unwrap()).unwrap()
        })
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(7));
}

#[test]
fn input_that_does_not_fit_is_an_error() {
    let (estate, mut profile, options) = rich();
    let error = |profile: &Profile, options: &Options| recommend(&estate, Some(profile), options).unwrap_err();
    let including = Options {
        include: vec!["d".into()],
        ..options.clone()
    };
    assert_eq!(error(&profile, &including), PlanError::Include("d".into()));
    let always = Options {
        always_on: vec!["Standard_X1".into()],
        ..options.clone()
    };
    assert_eq!(error(&profile, &always), PlanError::AlwaysOn("Standard_X1".into()));
    let share = Options {
        share_per_mille: 1_001,
        ..options.clone()
    };
    assert!(error(&profile, &share).to_string().contains("1 to 1000"));
    let heavy = Options {
        compression: Compression::Fixed { per_mille: 10_001 },
        ..options.clone()
    };
    assert!(error(&profile, &heavy).to_string().contains("10001"));
    profile.vms[0][1].read_iops.pop();
    assert!(error(&profile, &options).to_string().contains("299 steps"));
    profile.vms[0].pop();
    assert!(error(&profile, &options).to_string().contains("1 disks, the estate 2"));
    profile.vms.pop();
    assert!(
        error(&profile, &options)
            .to_string()
            .contains("2 machines, the estate 3")
    );
    assert_eq!(
        recommend(&Estate::default(), None, &options).unwrap_err(),
        PlanError::NoMachine
    );
    let drills = planning::options::Drills { per_year: 60, days: 7 };
    let drills = Options {
        drills,
        ..options.clone()
    };
    assert_eq!(recommend(&estate, None, &drills).unwrap_err(), PlanError::Drills(420));
    let mut huge = estate.clone();
    huge.vms[1].disks[1].size_bytes = u64::MAX;
    assert!(
        recommend(&huge, None, &options)
            .unwrap_err()
            .to_string()
            .contains("disk `data0`")
    );
    let still = Profile {
        start_seconds: 0,
        step_seconds: 0,
        steps: 1,
        vms: vec![],
    };
    assert_eq!(error(&still, &options), PlanError::StepSeconds);
}

#[test]
fn a_host_tells_machines_of_one_name_apart() {
    let mut twins = vec![vm("web", &[5_000]), vm("web", &[5_000])];
    twins[0].host = Some("esx1".into());
    twins[1].host = Some("esx2".into());
    let options = Options {
        include: vec!["esx2/web".into()],
        ..flat()
    };
    let plan = plan(twins, vec![idle(2), idle(2)], &options);
    let fits: Vec<Compatibility> = plan.machines.iter().map(|machine| machine.compatibility).collect();
    assert_eq!(fits, [Compatibility::No, Compatibility::Included]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Whatever the estate: the bandwidth of a plan keeps its RPO, and 1 % less does not.
    #[test]
    fn the_bandwidth_of_a_plan_holds_and_one_per_cent_less_does_not(
        rows in prop::collection::vec(prop::collection::vec(0..3_000_000_u32, 200), 1..5),
        rpo_seconds in 1..3_600_u32,
    ) {
        let vms: Vec<Vm> = (0..rows.len()).map(|index| vm(&format!("vm{index}"), &[])).collect();
        let include = vms.iter().map(|vm| vm.name.clone()).collect();
        let series: Vec<Vec<Series>> = rows.iter().map(|row| vec![Series { written: row.clone(), ..Series::default() }]).collect();
        let options = Options { rpo_seconds, include, ..Options::default() };
        let needed = plan(vms.clone(), series.clone(), &options).bandwidths[0].always.unwrap().value;
        let judged = |bits: u64| {
            let options = Options { service: Some(Service::constant(bits)), ..options.clone() };
            plan(vms.clone(), series.clone(), &options).answer.enough
        };
        prop_assert_eq!(judged(needed), Some(true));
        prop_assert_eq!(judged(needed * 99 / 100), Some(false));
    }
}

#[test]
fn headers_of_packets_are_in_all_that_goes_over_a_link() {
    let plan_with = |framing_per_million: u32| {
        let options = Options {
            framing_per_million,
            ..flat()
        };
        plan(vec![vm("a", &[])], vec![vec![steady(10, MB, 16_384, 1)]], &options)
    };
    let (without, with) = (plan_with(0), plan_with(planning::options::framing()));
    // 66 bytes before 1,448.
    let framed = |bytes: u64| (bytes * (1_448 + 66)).div_ceil(1_448);
    let rate = |plan: &planning::plan::Plan| plan.bandwidths[0].always.unwrap().value;
    assert!(
        rate(&with).abs_diff(framed(rate(&without))) < 100,
        "{} {}",
        rate(&with),
        rate(&without)
    );
    let copied = |plan: &planning::plan::Plan| plan.initial_copy.bytes.value;
    assert!(copied(&with).abs_diff(framed(copied(&without))) < 1 << 20);
    assert!(
        with.assumptions
            .iter()
            .any(|of| of.name == "framing" && of.text.contains("4.6 %"))
    );
    assert!(without.assumptions.iter().all(|of| of.name != "framing"));
}
