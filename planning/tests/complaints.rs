//! The complaints of the vendor's users (facts §5.4) that concern arithmetic, each by its number.

use crate::support;

use planning::cost::{EXAMPLE, Prices};
use planning::options::Options;
use planning::plan::Compatibility;
use planning::tables::{Era, Tables, VmSize, read};
use support::{MB, flat, idle, plan, steady, vm};

/// A disk of 5.6 TB was left out although managed disks allow 8 TB; it could not be included by force; bandwidth and cost came out too low.
#[test]
fn gh_71094_a_disk_of_5_6_tb_counts_with_managed_disks_or_by_force() {
    let vms = || vec![vm("small", &[]), vm("archive", &[5_735])];
    let series = || {
        vec![
            vec![steady(10, MB, 16_384, 1)],
            vec![steady(10, 0, 1, 0), steady(10, 3 * MB, 16_384, 1)],
        ]
    };
    let prices = Some(Prices::read(EXAMPLE).unwrap());
    let old = Options {
        prices: prices.clone(),
        ..flat()
    };
    let refused = plan(vms(), series(), &old);
    assert_eq!(refused.machines[1].compatibility, Compatibility::No);
    assert_eq!(refused.machines[1].findings[0].rule, "data-disk-size");
    // What it leaves out is said, and so is what all of them would need.
    assert_eq!(refused.summary.left_out_day_bytes.value, 3 * MB * 86_400);
    let all = refused.bandwidth_of_all.unwrap().value;
    assert!(all > refused.bandwidths[0].always.unwrap().value * 3);
    assert!(
        refused.answer.text.contains("1 of 2 machines cannot be protected"),
        "{}",
        refused.answer.text
    );

    let managed = Options {
        era: Era::Late2019,
        managed_disks: true,
        prices: prices.clone(),
        ..flat()
    };
    let managed = plan(vms(), series(), &managed);
    assert_eq!(managed.machines[1].compatibility, Compatibility::Yes);
    assert_eq!(managed.machines[1].disks[1].tier.as_deref(), Some("P60"));
    assert_eq!(managed.bandwidths[0].always.unwrap().value, all);
    assert_eq!(managed.bandwidth_of_all, None);
    let managed_cost = managed.cost.unwrap();

    let forced = Options {
        include: vec!["archive".into()],
        prices,
        ..flat()
    };
    let forced = plan(vms(), series(), &forced);
    assert_eq!(forced.machines[1].compatibility, Compatibility::Included);
    assert_eq!(forced.machines[1].findings.len(), 1);
    assert_eq!(forced.bandwidths[0].always.unwrap().value, all);
    let (forced, refused) = (forced.cost.unwrap(), refused.cost.unwrap());
    assert!(forced.micros_per_month > refused.micros_per_month);
    // No disk of the table is that large without managed disks: the bill says that a price is missing.
    assert_eq!(forced.missing, ["premium disk larger than any of the table"]);
    assert!(managed_cost.missing.is_empty());
}

/// A machine was refused for "10 MBps" though premium storage should carry it.
#[test]
fn gh_34819_ten_megabytes_a_second_fit_on_premium_storage() {
    let at = |era, bytes: u64| {
        let options = Options { era, ..flat() };
        plan(
            vec![vm("sql", &[1_000])],
            vec![vec![steady(10, 0, 1, 0), steady(10, bytes, 64 << 10, 0)]],
            &options,
        )
    };
    let fits = at(Era::December2017, 10 * MB);
    assert_eq!(fits.machines[0].compatibility, Compatibility::Yes);
    assert_eq!(fits.machines[0].disks[1].tier.as_deref(), Some("P30"));
    let refused = at(Era::December2017, 11 * MB);
    let finding = &refused.machines[0].findings[0];
    assert_eq!(
        (finding.rule, finding.found, finding.limit),
        ("disk-churn", 11 * MB, 10 * MB)
    );
    assert_eq!(at(Era::Late2019, 11 * MB).machines[0].compatibility, Compatibility::Yes);
}

/// CentOS 7 and 8 and Debian were flagged as unsupported.
#[test]
fn gh_51631_gh_54686_centos_and_debian_are_compatible() {
    for os in [
        "CentOS 7 (64-bit)",
        "CentOS 8 (64-bit)",
        "Debian GNU/Linux 8 (64-bit)",
        "Debian GNU/Linux 9 (64-bit)",
    ] {
        let mut machine = vm("web", &[]);
        machine.os = os.to_owned();
        let plan = plan(
            vec![machine],
            vec![idle(1)],
            &Options {
                era: Era::Late2019,
                ..flat()
            },
        );
        assert_eq!(plan.machines[0].compatibility, Compatibility::Yes, "{os}");
    }
}

/// An older series was chosen: the newest of the table is taken, also of a table that the user brings.
#[test]
fn gh_26567_the_newest_series_of_the_users_table_is_used() {
    let size = |options: &Options| {
        plan(vec![vm("app", &[])], vec![idle(1)], options).machines[0]
            .azure_size
            .clone()
            .unwrap()
    };
    assert_eq!(size(&flat()), "Standard_D2_v3");
    let own = "name,series,generation,vcpus,memory_mib,data_disks,nics,premium,source\n\
               Standard_D2_v2,Dv2,2,2,8192,8,2,no,own\n\
               Standard_D4s_v5,Dsv5,5,4,16384,8,2,yes,own\n\
               Standard_D2s_v5,Dsv5,5,2,8192,4,2,yes,own\n\
               Standard_D1s_v5,Dsv5,5,1,4096,2,2,yes,own\n";
    let vm_sizes: Vec<VmSize> = read("sizes.csv", own).unwrap();
    assert_eq!(
        size(&Options {
            tables: Tables {
                vm_sizes,
                ..Tables::default()
            },
            ..flat()
        }),
        "Standard_D2s_v5"
    );
}

/// The vendor's planner ends at 1,000 machines.
#[test]
fn more_than_a_thousand_machines_have_a_plan() {
    let count = 1_234;
    let vms = (0..count).map(|index| vm(&format!("vm{index}"), &[100, 100])).collect();
    let series = (0..count)
        .map(|_| (0..3).map(|_| steady(20, 10_000, 8_192, 1)).collect())
        .collect();
    let plan = plan(vms, series, &flat());
    assert_eq!(plan.summary.compatible.value, count);
    assert_eq!(
        plan.machines.iter().filter(|machine| machine.account.is_some()).count() as u64,
        count
    );
    // 1,234 × 3 × 10 kB/s are 296.16 Mbit/s; the mean is carried, though 15 min of the window's 20 might be late.
    assert_eq!(plan.bandwidths[0].always.unwrap().value, count * 3 * 10_000 * 8);
    // By machines: seven configuration servers of 200; by churn 3.2 TB a day are two process servers.
    assert_eq!(
        (
            plan.servers.sizing.configuration_servers,
            plan.servers.by_churn.value,
            plan.servers.by_machines.value
        ),
        (7, 2, 6)
    );
    assert_eq!(plan.azure_cores.value, count * 2);
}

/// An offer (MS-AZR-0017P) was not supported: prices come from a file, whatever the contract is called.
#[test]
fn an_offer_of_any_name_has_its_prices() {
    let offer = EXAMPLE.replace(
        "label = \"Example prices (round figures, no price list)\"",
        "label = \"MS-AZR-0017P\"",
    );
    let options = Options {
        prices: Some(Prices::read(&offer).unwrap()),
        ..flat()
    };
    let cost = plan(vec![vm("app", &[])], vec![idle(1)], &options).cost.unwrap();
    assert_eq!(cost.label, "MS-AZR-0017P");
    assert!(cost.micros_per_month > 0);
}

/// The vendor's own page for large estates tells to go by its tables rather than by its planner: these are the tables' rows (facts §3.2).
#[test]
fn servers_go_by_the_vendors_tables() {
    // 160 machines that change 2.5 TB a day: by the tables one configuration server, and two process servers of 8 processors for 1.25 TB
    // each are too few, so that they are of 12.
    let bytes = 2_500_000 * MB / 86_400 / 160;
    let vms = (0..160).map(|index| vm(&format!("vm{index}"), &[])).collect();
    let series = (0..160).map(|_| vec![steady(20, bytes, 8_192, 1)]).collect();
    let servers = plan(vms, series, &flat()).servers;
    assert_eq!(
        (
            servers.sizing.configuration_servers,
            servers.sizing.process_servers,
            servers.sizing.size.vcpus
        ),
        (1, 2, 12)
    );
    assert!(
        servers.sizing.size.source.contains("§3.2"),
        "{}",
        servers.sizing.size.source
    );
}
