//! The rules of facts §3.4, §3.5 and §3.8, each on both sides of its limit.

use crate::support;

use planning::estate::Boot;
use planning::gates::{Storage, Unit};
use planning::options::{Options, StorageChoice};
use planning::tables::Era;
use support::{GIB, MB, disk, flat, idle, rules, steady, verdict, vm};

fn in_era(era: Era) -> Options {
    Options { era, ..flat() }
}

#[test]
fn a_disk_may_be_as_large_as_its_era_says_and_no_larger() {
    for (era, managed, most) in [
        (Era::June2017, false, 1_024),
        (Era::August2017, false, 4_095),
        (Era::December2017, false, 4_095),
        (Era::December2017, true, 4_095),
        (Era::Late2019, false, 4_095),
        (Era::Late2019, true, 8_192),
    ] {
        let options = Options {
            managed_disks: managed,
            ..in_era(era)
        };
        assert!(
            rules(&verdict(&vm("a", &[most]), idle(2), &options).0).is_empty(),
            "{era:?} {managed}"
        );
        let (refused, _) = verdict(&vm("a", &[most + 1]), idle(2), &options);
        assert_eq!(rules(&refused), ["data-disk-size"], "{era:?} {managed}");
        let finding = &refused.findings[0];
        assert_eq!(
            (finding.found, finding.limit, finding.unit, finding.era),
            ((most + 1) * GIB, most * GIB, Unit::Bytes, era)
        );
        assert_eq!(finding.disk.as_deref(), Some("data0"));
        assert!(finding.source.contains("facts"), "{}", finding.source);
    }
    let mut large = vm("a", &[]);
    large.disks[0] = disk("os", 2_048);
    assert!(rules(&verdict(&large, idle(1), &flat()).0).is_empty());
    large.disks[0] = disk("os", 2_049);
    assert_eq!(rules(&verdict(&large, idle(1), &flat()).0), ["os-disk-size"]);
}

#[test]
fn sixty_four_data_disks_are_the_most() {
    assert!(rules(&verdict(&vm("a", &[10; 64]), idle(65), &flat()).0).is_empty());
    assert_eq!(
        rules(&verdict(&vm("a", &[10; 65]), idle(66), &flat()).0),
        ["data-disks"]
    );
}

#[test]
fn reads_and_writes_of_a_disk_and_a_machine_have_limits() {
    for (era, most) in [
        (Era::August2017, 5_000),
        (Era::December2017, 7_500),
        (Era::Late2019, 7_500),
    ] {
        let at = |reads: u64| {
            verdict(
                &vm("a", &[2_000]),
                vec![steady(4, 0, 8_192, 1), steady(4, 0, 8_192, reads)],
                &in_era(era),
            )
            .0
        };
        assert!(rules(&at(most)).is_empty(), "{era:?}");
        assert_eq!(rules(&at(most + 1)), ["disk-iops"], "{era:?}");
    }
    // 11 disks of 7,272 are 79,992; of 7,273 they are 80,003.
    let many = |reads: u64| {
        let series = std::iter::once(steady(4, 0, 8_192, 0)).chain((0..11).map(|_| steady(4, 0, 8_192, reads)));
        verdict(&vm("a", &[1_025; 11]), series.collect(), &flat()).0
    };
    assert!(rules(&many(7_272)).is_empty());
    assert_eq!(rules(&many(7_273)), ["machine-iops"]);
}

#[test]
fn effective_writes_have_a_limit() {
    // 1,200 writes less 30 % that hit the same place are 840.
    let at = |writes: u64| {
        verdict(
            &vm("a", &[600]),
            vec![steady(4, 0, 1, 0), steady(4, writes * 512, 512, 0)],
            &flat(),
        )
        .0
    };
    assert!(rules(&at(1_200)).is_empty());
    let refused = at(1_201);
    assert_eq!(rules(&refused), ["disk-write-iops"]);
    assert_eq!((refused.findings[0].found, refused.findings[0].limit), (84_070, 84_000));
}

/// Facts §3.4 through the choice of storage: what each row allows and the next byte does not.
#[test]
fn churn_has_the_limit_of_the_row() {
    for (era, gib, write_kib, most) in [
        (Era::December2017, 100, 8, 5),
        (Era::December2017, 600, 16, 10),
        (Era::Late2019, 600, 16, 20),
        (Era::Late2019, 600, 8, 5),
    ] {
        // Writes are counted less often than the rule of effective writes minds.
        let options = Options {
            overlap_per_mille: 1_000,
            ..in_era(era)
        };
        let at = |bytes: u64| {
            verdict(
                &vm("a", &[gib]),
                vec![steady(4, 0, 1, 0), steady(4, bytes, write_kib << 10, 0)],
                &options,
            )
            .0
        };
        let kept = at(most * MB);
        assert!(rules(&kept).is_empty(), "{era:?} {gib} {write_kib}");
        assert_eq!(kept.storage, Storage::Premium);
        let refused = at(most * MB + 4_000);
        assert_eq!(rules(&refused), ["disk-churn"], "{era:?} {gib} {write_kib}");
        assert_eq!(
            (refused.findings[0].limit, refused.findings[0].unit),
            (most * MB, Unit::BytesPerSecond)
        );
    }
}

/// Facts §5.3: `Yes*` is a premium workload whose disk's size maps to a smaller tier.
#[test]
fn a_load_that_needs_a_larger_disk_has_a_star() {
    let at = |gib: u64, bytes: u64, kib: u64| {
        verdict(
            &vm("a", &[gib]),
            vec![steady(4, 0, 1, 0), steady(4, bytes, kib << 10, 0)],
            &flat(),
        )
        .0
    };
    let tiers = |verdict: &planning::gates::Verdict| -> Vec<String> {
        verdict.disks.iter().filter_map(|disk| disk.tier.clone()).collect()
    };
    let standard = at(100, 2 * MB, 8);
    assert_eq!(
        (standard.storage, tiers(&standard).len(), standard.starred()),
        (Storage::Standard, 0, false)
    );
    // 4 MB/s of 16 KB is what a P10 carries.
    let small = at(100, 4 * MB, 16);
    assert_eq!(
        (small.storage, tiers(&small), small.starred()),
        (Storage::Premium, vec!["P10".into(), "P10".into()], false)
    );
    // 5 MB/s of 16 KB is not: it takes a P20, whatever the size.
    let raised = at(100, 5 * MB, 16);
    assert_eq!(
        (tiers(&raised), raised.starred()),
        (vec!["P10".into(), "P20".into()], true)
    );
    assert!(rules(&raised).is_empty());
    // On a disk of 400 GB that is the size's own.
    let large = at(400, 5 * MB, 16);
    assert_eq!(
        (tiers(&large), large.starred()),
        (vec!["P10".into(), "P20".into()], false)
    );
    // Reads and writes raise a tier too: 2,301 a second are a P30.
    let reads = verdict(
        &vm("a", &[400]),
        vec![steady(4, 0, 1, 0), steady(4, 0, 8_192, 2_301)],
        &flat(),
    )
    .0;
    assert_eq!(
        (tiers(&reads), reads.starred()),
        (vec!["P10".into(), "P30".into()], true)
    );
}

#[test]
fn a_machine_has_its_own_limits_of_churn() {
    // Three disks of 8.3 MB/s are 24.9, of 8.4 are 25.2 MB/s.
    let at = |era: Era, tenths: u64| {
        let options = Options {
            overlap_per_mille: 1_000,
            ..in_era(era)
        };
        let series =
            std::iter::once(steady(4, 0, 1, 0)).chain((0..3).map(|_| steady(4, tenths * MB / 10, 64 << 10, 0)));
        rules(&verdict(&vm("a", &[600; 3]), series.collect(), &options).0)
    };
    assert!(!at(Era::December2017, 83).contains(&"machine-mean-churn"));
    assert!(at(Era::December2017, 84).contains(&"machine-mean-churn"));
    assert!(!at(Era::August2017, 84).contains(&"machine-mean-churn"));
    assert!(!at(Era::Late2019, 84).contains(&"machine-mean-churn"));
    // A peak of 54 MB/s: 6 of 100 steps are the percentile 95, 5 are not.
    let peak = |steps: usize, bytes: u64| {
        let mut burst = steady(100, 0, 64 << 10, 0);
        burst.written[..steps].fill(u32::try_from(bytes).unwrap());
        rules(&verdict(&vm("a", &[600]), vec![steady(100, 0, 1, 0), burst], &flat()).0)
    };
    assert_eq!(peak(6, 54 * MB + 1), ["machine-peak-churn"]);
    assert!(peak(6, 54 * MB).is_empty());
    assert!(peak(5, 54 * MB + 1).is_empty());
    // 2 TB a day are 23.148 MB/s.
    let day = |bytes: u64| {
        let options = Options {
            overlap_per_mille: 1_000,
            ..flat()
        };
        let series = (0..4).map(|_| steady(1_440, bytes / 4, 64 << 10, 0));
        rules(&verdict(&vm("a", &[600; 3]), series.collect(), &options).0).contains(&"machine-daily-churn")
    };
    assert!(!day(23_148_000));
    assert!(day(23_149_000));
}

#[test]
fn growth_counts_in_every_rule() {
    let options = Options {
        growth_per_mille: 300,
        overlap_per_mille: 1_000,
        ..Options::default()
    };
    let at = |bytes: u64| {
        verdict(
            &vm("a", &[600]),
            vec![steady(4, 0, 1, 0), steady(4, bytes, 16 << 10, 0)],
            &options,
        )
        .0
    };
    assert!(rules(&at(7_692_307)).is_empty());
    let refused = at(7_700_000);
    assert_eq!(rules(&refused), ["disk-churn"]);
    assert_eq!(refused.findings[0].found, 10_010_000);
}

#[test]
fn a_premium_account_has_room_for_a_test_failover() {
    let premium = Options {
        storage: StorageChoice::Premium,
        ..flat()
    };
    // 17.5 TB twice are 35 TB; the system's disk has 127 GiB.
    let at =
        |gib: u64, options: &Options| rules(&verdict(&vm("a", &[4_000, 4_000, 4_000, 4_000, gib]), idle(6), options).0);
    assert!(at(17_920 - 16_000 - 127, &premium).is_empty());
    assert_eq!(at(17_920 - 16_000 - 126, &premium), ["premium-size"]);
    assert!(at(3_000, &flat()).is_empty(), "standard storage");
    assert!(
        at(
            3_000,
            &Options {
                managed_disks: true,
                ..premium
            }
        )
        .is_empty(),
        "managed disks"
    );
}

#[test]
fn efi_goes_by_era_and_never_on_linux() {
    let mut windows = vm("a", &[]);
    windows.boot = Boot::Efi;
    let at = |vm: &planning::estate::Vm, era| verdict(vm, idle(1), &in_era(era)).0;
    assert_eq!(rules(&at(&windows, Era::August2017)), ["efi"]);
    for era in [Era::December2017, Era::Late2019] {
        let kept = at(&windows, era);
        assert!(rules(&kept).is_empty());
        assert!(
            kept.notes
                .iter()
                .any(|note| note.name == "efi" && note.text.contains("fail back"))
        );
    }
    let mut linux = windows.clone();
    linux.os = "CentOS 7 (64-bit)".to_owned();
    assert_eq!(rules(&at(&linux, Era::Late2019)), ["efi"]);
}

#[test]
fn an_operating_system_is_never_passed_over_in_silence() {
    let at = |os: &str| {
        let mut vm = vm("a", &[]);
        vm.os = os.to_owned();
        let verdict = verdict(&vm, idle(1), &flat()).0;
        let notes: Vec<&str> = verdict.notes.iter().map(|note| note.name).collect();
        (
            rules(&verdict),
            notes.contains(&"os-missing") || notes.contains(&"os-version"),
        )
    };
    assert_eq!(at("FreeBSD (64-bit)"), (vec!["os-unsupported"], false));
    assert_eq!(at("CentOS 6 (32-bit)"), (vec!["os-32-bit"], false));
    assert_eq!(at("Plan 9"), (vec!["os-unknown"], false));
    assert_eq!(at(""), (vec![], true));
    assert_eq!(at("Ubuntu Linux (64-bit)"), (vec![], true));
}

#[test]
fn what_is_not_known_is_said() {
    let names =
        |verdict: &planning::gates::Verdict| -> Vec<&str> { verdict.notes.iter().map(|note| note.name).collect() };
    let mut machine = vm("under_score", &[100]);
    machine.disks[1].daily_change_bytes = Some(1_000_000);
    let mut gaps = steady(4, 1_000, 8_192, 1);
    gaps.written[2] = planning::profile::ABSENT;
    let (verdict, _) = verdict(&machine, vec![gaps, planning::profile::Series::default()], &flat());
    assert_eq!(names(&verdict), ["name", "daily-change", "write-size", "gaps"]);
}
