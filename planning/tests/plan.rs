//! Whole plans.

use crate::support;

use scenarios::units::throttle;
use std::collections::BTreeSet;

use planning::cost::{EXAMPLE, Prices};
use planning::demand::Compression;
use planning::estate::{Estate, Vm};
use planning::options::{Options, StorageChoice};
use planning::plan::{Compatibility, Plan};
use planning::profile::{Profile, Series};
use planning::recommend::{PlanError, recommend};
use planning::service::{Link, Outage, Service};
use planning::tables::Era;
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

/// An inventory alone: a queue to which nothing comes keeps any RPO, and that is no answer.
#[test]
fn where_nothing_is_known_of_any_machine_no_bandwidth_is_called_enough() {
    let options = Options {
        service: Some(Service::constant(1_000_000)),
        ..flat()
    };
    let of = |vms: Vec<Vm>| {
        let series = vms.iter().map(|_| vec![Series::default()]).collect();
        plan(vms, series, &options).answer
    };
    let silent = of(vec![vm("silent", &[]), vm("too", &[])]);
    assert_eq!(silent.enough, None);
    assert!(silent.text.starts_with("Not known: of no machine"), "{}", silent.text);
    let mut daily = vm("daily", &[]);
    daily.disks[0].daily_change_bytes = Some(MB);
    let some = of(vec![vm("silent", &[]), daily]);
    assert_eq!(some.enough, Some(true));
    assert!(
        some.text.contains("Of machines of which nothing is known there are 1."),
        "{}",
        some.text
    );
}

/// By hand: 1 MB/s, half of it after compression, are 1.314 TB in 730 hours: 1,253,129 pieces of 1 MiB. A tag each 5 minutes: 8,760. On
/// standard storage pieces are written twice.
#[test]
fn writes_to_storage_are_what_arithmetic_by_hand_says() {
    let mut machine = vm("a", &[]);
    machine.disks[0].daily_change_bytes = Some(86_400 * MB);
    machine.disks[0].compressed_per_mille = Some(500);
    let estate = Estate { vms: vec![machine] };
    let writes = |storage: StorageChoice, sent_per_mille: u32| {
        let options = Options {
            prices: Some(Prices::read(EXAMPLE).unwrap_or_else(|error| panic!("{error}"))),
            storage,
            sent_per_mille,
            ..flat()
        };
        let plan = recommend(&estate, None, &options).unwrap();
        plan.cost.map(|cost| cost.transactions.value)
    };
    assert_eq!(writes(StorageChoice::Standard, 1_000), Some(2 * 1_253_129 + 8_760));
    assert_eq!(writes(StorageChoice::Premium, 1_000), Some(1_253_129 + 8_760));
    assert_eq!(writes(StorageChoice::Premium, 500), Some(626_565 + 8_760));
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
        throttles: vec![throttle("sat,sun 22-6=100Mbit/s").expect("a throttle")],
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
    let (without, with) = (
        plan_with(0),
        plan_with(planning::options::framing(&actors::model::Model::default())),
    );
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

/// By hand: 8 Mbit/s arrive all day, and from 8 to 18 the process server sends 4. What arrives five hours into that is sent as the throttle
/// ends; what comes later waits less. 4 Mbit/s for ten hours are 18 GB.
#[test]
fn a_throttle_makes_what_arrives_in_its_middle_wait_longest() {
    let throttled = |minutes: i32, words: &[&str]| {
        let options = Options {
            service: Some(Service::constant(100_000_000)),
            throttles: words.iter().map(|text| throttle(text).unwrap()).collect(),
            utc_offset_minutes: minutes,
            ..flat()
        };
        plan(vec![vm("a", &[])], vec![vec![steady(1_440, MB, 16_384, 1)]], &options)
    };
    let busiest = |plan: &Plan| {
        let hours = &plan.given.as_ref().unwrap().what_if.hours;
        let most = hours.iter().map(|hour| hour.backlog_bytes).max().unwrap();
        (hours.iter().position(|hour| hour.backlog_bytes == most).unwrap(), most)
    };
    let plan = throttled(0, &["mon 8-18=4Mbit/s"]);
    assert_eq!(
        plan.given.as_ref().unwrap().what_if.rpo_always.unwrap().value,
        5 * 3_600_000
    );
    assert_eq!(busiest(&plan), (17, 18_000_000_000));
    let row = &plan.throttles[0];
    assert_eq!((row.each.value, row.together.value), (4_000_000, 4_000_000));
    assert!(
        plan.assumptions.iter().any(|one| one.name == "throttle"),
        "{:?}",
        plan.assumptions
    );
    // The hours are of local time, and a throttle of Tuesday is none on a Monday.
    assert_eq!(busiest(&throttled(60, &["8-18=4Mbit/s"])).0, 16);
    assert_eq!(busiest(&throttled(0, &["tue 8-18=4Mbit/s"])).1, 0);
}

/// By hand: 1 MB/s of written bytes, sent as they are, need 8 Mbit/s; at the least 0.4 x 0.7 x 1.03 of that, at the most 1.1 times.
#[test]
fn a_band_moves_what_nobody_measured_and_nothing_else() {
    let series = || vec![vec![steady(1_440, MB, 16_384, 1)]];
    let options = Options {
        rpo_seconds: 60,
        ..flat()
    };
    let plan_of = |options: &Options| plan(vec![vm("a", &[])], series(), options);
    let band = plan_of(&options).band.unwrap();
    let names: Vec<&str> = band.constants.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["compressed", "sent-of-written", "framing"]);
    let needed = |figure: Option<planning::plan::Figure>| figure.unwrap().value;
    assert!(
        needed(band.needed_least).abs_diff(8_000_000 * 400 * 700 / 1_000_000 * 103 / 100) < 200,
        "{band:?}"
    );
    assert!(needed(band.needed_most).abs_diff(8_800_000) < 200, "{band:?}");
    // Around the rate that is needed: with more to send than in the plan itself the queue grows all day.
    assert_eq!(band.rpo_least.unwrap().value, 0);
    assert!(band.rpo_most.unwrap().value > 60_000);
    // Each end is that of a plan with the constant there.
    let framed = plan_of(&Options {
        framing_per_million: 100_000,
        ..options.clone()
    });
    let own = &band.constants[2];
    assert_eq!(own.high.value, Some(100_000));
    assert_eq!(
        own.high.needed_bits_per_second,
        framed.bandwidths[0].always.map(|figure| figure.value)
    );
    // What is measured is not moved.
    let text = "constant,value\ncompressed,50 %\nsent-of-written,90 %\nframing,0 %\n";
    let measured = planning::calibration::read("m.csv", text).unwrap();
    let mut certain = options;
    planning::calibration::apply(&mut certain, &measured);
    let plan = plan_of(&certain);
    assert_eq!(plan.band, None);
    assert_eq!(plan.bandwidths[0].always.unwrap().value, 3_600_000);
    let listed = plan.constants.iter().filter(|constant| constant.measured.is_some());
    assert_eq!(listed.count(), 3);
    assert!(plan.constants.iter().all(|constant| !constant.source.is_empty()));
}

/// A line of 100 Mbit/s over which 5 were measured carries 5.
#[test]
fn a_measured_upload_rate_is_what_the_links_carry() {
    let mut options = Options {
        service: Some(Service::constant(100_000_000)),
        ..flat()
    };
    let measured = planning::calibration::read("m.csv", "constant,value\nupload-rate,5 Mbit/s\n").unwrap();
    planning::calibration::apply(&mut options, &measured);
    let plan = plan(vec![vm("a", &[])], vec![vec![steady(60, MB, 16_384, 1)]], &options);
    // 3 Mbit/s too much for an hour: 1.35 GB.
    assert_eq!(plan.given.unwrap().what_if.backlog_bytes.value, 1_350_000_000);
    assert_eq!(plan.answer.enough, Some(false));
}

/// Facts §3.7, with the source that says so.
#[test]
fn a_throttle_that_the_product_does_not_take_is_refused_by_era() {
    let error = |era, rate: &str| {
        let options = Options {
            service: Some(Service::constant(1_000_000_000)),
            throttles: vec![throttle(&format!("8-18={rate}")).unwrap()],
            era,
            ..flat()
        };
        let estate = Estate {
            vms: vec![vm("a", &[])],
        };
        recommend(&estate, None, &options).err().map(|error| error.to_string())
    };
    for (era, rate, refused) in [
        (Era::December2017, "102Mbit/s", false),
        (Era::December2017, "103Mbit/s", true),
        (Era::Late2019, "1023Mbit/s", false),
        (Era::Late2019, "1024Mbit/s", true),
        (Era::June2017, "512kbit/s", false),
        (Era::June2017, "511kbit/s", true),
    ] {
        let found = error(era, rate);
        assert_eq!(found.is_some(), refused, "{} {rate}: {found:?}", era.name());
        if let Some(text) = found {
            assert!(
                text.contains("512.0 kbit/s to 1") && text.contains("site-recovery-plan-capacity-vmware.md"),
                "{text}"
            );
        }
    }
}
