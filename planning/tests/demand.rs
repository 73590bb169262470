//! Sums and peaks of an estate's counters.

use planning::demand::{Compression, DailyShape, Known, Settings, Window, demands, nearest_rank, totals};
use planning::estate::{Disk, Estate, Vm};
use planning::profile::{ABSENT, Profile, Series};
use proptest::prelude::*;

const SETTINGS: Settings = Settings {
    percentile_per_mille: 950,
    compression: Compression::Measured {
        otherwise_per_mille: 1_000,
    },
    shape: DailyShape::Constant,
    framing_per_million: 0,
    sent_per_mille: 1_000,
};

fn disk(daily_change_bytes: Option<u64>, compressed_per_mille: Option<u32>) -> Disk {
    Disk {
        name: "disk0".into(),
        size_bytes: 100 << 30,
        used_bytes: None,
        compressed_per_mille,
        daily_change_bytes,
    }
}

fn vm(disks: Vec<Disk>) -> Vm {
    Vm {
        name: "vm".into(),
        host: None,
        os: "Windows Server 2016".into(),
        cores: 2,
        memory_bytes: 4 << 30,
        nics: 1,
        boot: planning::estate::Boot::Bios,
        group: 1,
        disks,
    }
}

fn estate(disks: Vec<Vec<Disk>>) -> Estate {
    Estate {
        vms: disks.into_iter().map(vm).collect(),
    }
}

fn profile(steps: usize, vms: Vec<Vec<Series>>) -> Profile {
    Profile {
        start_seconds: 0,
        step_seconds: 60,
        steps,
        vms,
    }
}

fn written(values: &[u32]) -> Series {
    Series {
        written: values.to_vec(),
        ..Series::default()
    }
}

#[test]
fn a_gap_is_counted_and_taken_for_the_mean_of_the_other_steps() {
    let estate = estate(vec![vec![disk(None, Some(500))]]);
    let profile = profile(4, vec![vec![written(&[100, ABSENT, 300, ABSENT])]]);
    let demands = demands(&estate, Some(&profile), &SETTINGS);
    assert_eq!((demands[0].gaps(), demands[0].mean_written), (2, 200));
    let totals = totals(&estate, Some(&profile), &demands, &SETTINGS, &[true]);
    assert_eq!(totals.written, [100, 200, 300, 200]);
    // 60 s, half of it after compression, 30 % growth.
    assert_eq!(totals.arrivals(300).bytes, [3_900, 7_800, 11_700, 7_800]);
}

#[test]
fn a_disk_without_counters_has_its_daily_change_or_nothing() {
    let estate = estate(vec![
        vec![disk(Some(86_400_000), None)],
        vec![disk(None, None)],
        vec![disk(Some(864_000), None)],
        vec![disk(None, None)],
    ]);
    let gaps = written(&[ABSENT; 2]);
    let profile = profile(2, vec![vec![gaps.clone()], vec![gaps], vec![Series::default()], vec![]]);
    let demands = demands(&estate, Some(&profile), &SETTINGS);
    let known: Vec<Known> = demands.iter().map(|vm| vm.disks[0].known).collect();
    assert_eq!(
        known,
        [Known::DailyChange, Known::Nothing, Known::DailyChange, Known::Nothing]
    );
    let totals = totals(&estate, Some(&profile), &demands, &SETTINGS, &[true; 4]);
    assert_eq!(totals.written, [1_010, 1_010]);
    assert_eq!(totals.mean_day_bytes(), 1_010 * 86_400);
}

#[test]
fn an_office_day_has_the_bytes_of_its_day() {
    let estate = estate(vec![vec![disk(Some(86_400_000_000), None)]]);
    let settings = Settings {
        shape: DailyShape::OfficeHours,
        ..SETTINGS
    };
    let demands = demands(&estate, None, &settings);
    let totals = totals(&estate, None, &demands, &settings, &[true]);
    assert_eq!(totals.written.len(), 7 * 1_440);
    assert_eq!(totals.mean_day_bytes(), 86_400_000_000);
    assert_eq!(totals.written[3 * 60], 300_000);
    assert_eq!(totals.written[9 * 60], 1_800_000);
}

/// Facts §5.1: the peak of a machine is the percentile of the sum over its disks, step by step, not the sum of its disks' percentiles.
#[test]
fn a_peak_is_of_the_sum_not_a_sum_of_peaks() {
    let (mut first, mut second) = (vec![10_u32; 100], vec![10_u32; 100]);
    first[..10].fill(1_000);
    second[10..20].fill(1_000);
    let series = |values: &[u32]| Series {
        write_iops: values.to_vec(),
        read_iops: values.to_vec(),
        ..written(values)
    };
    let estate = estate(vec![vec![disk(None, None), disk(None, None)]]);
    let profile = profile(100, vec![vec![series(&first), series(&second)]]);
    let demand = &demands(&estate, Some(&profile), &SETTINGS)[0];
    assert_eq!(demand.peak_written, 1_010);
    assert_eq!(demand.peak_write_iops, Some(1_010));
    assert_eq!(demand.peak_iops, Some(2_020));
    assert_eq!(demand.disks[0].peak_iops, Some(2_000));
    // At 80 % neither disk's burst is left on its own, but the sum still has both.
    let lower = Settings {
        percentile_per_mille: 850,
        ..SETTINGS
    };
    let demand = &demands(&estate, Some(&profile), &lower)[0];
    assert_eq!((demand.peak_written, demand.disks[0].peak_iops), (1_010, Some(20)));
}

#[test]
fn the_size_of_writes_is_bytes_by_writes() {
    let estate = estate(vec![vec![disk(None, None)]]);
    let series = Series {
        write_iops: vec![1_000, ABSENT, 500],
        ..written(&[163_840, 1, 81_920])
    };
    let demand = &demands(&estate, Some(&profile(3, vec![vec![series]])), &SETTINGS)[0];
    assert_eq!(demand.disks[0].write_bytes, Some(16_384));
}

#[test]
fn the_busiest_day_is_the_most_of_the_whole_days() {
    let estate = estate(vec![vec![disk(None, None)]]);
    let mut values = vec![1_u32; 1_440 * 2 + 10];
    values[1_440..2_880].fill(3);
    values[2_880..].fill(1_000_000);
    let profile = profile(values.len(), vec![vec![written(&values)]]);
    let demand = &demands(&estate, Some(&profile), &SETTINGS)[0];
    assert_eq!(demand.busiest_day_bytes, 3 * 86_400);
    assert_eq!(
        planning::demand::busiest_day(
            &[5, 7],
            &Window {
                start_seconds: 0,
                step_seconds: 60,
                steps: 2
            }
        ),
        6 * 86_400
    );
}

proptest! {
    #[test]
    fn a_rank_is_that_of_the_sorted_values(mut values in prop::collection::vec(0..1_000_u64, 1..200), per_mille in 1..1_001_u32) {
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let value = nearest_rank(&mut values, per_mille);
        let below = sorted.iter().filter(|other| **other <= value).count();
        prop_assert!(below * 1_000 >= sorted.len() * per_mille as usize);
        let smaller = sorted.iter().filter(|other| **other < value).count();
        prop_assert!(smaller * 1_000 < sorted.len() * per_mille as usize);
    }

    #[test]
    fn sums_are_those_of_each_disk(rows in prop::collection::vec(prop::collection::vec(prop_oneof![0..5_000_u32, Just(ABSENT)], 7), 1..60)) {
        let disks = vec![vec![disk(Some(0), Some(730))]; rows.len()];
        let estate = estate(disks);
        let profile = profile(7, rows.iter().map(|row| vec![written(row)]).collect());
        let demands = demands(&estate, Some(&profile), &SETTINGS);
        let chosen: Vec<bool> = (0..rows.len()).map(|vm| vm % 3 != 1).collect();
        let totals = totals(&estate, Some(&profile), &demands, &SETTINGS, &chosen);
        for step in 0..7 {
            let mut sum = 0;
            for (row, demand) in rows.iter().zip(&demands).zip(&chosen).filter(|(_, chosen)| **chosen).map(|(pair, _)| pair) {
                sum += if row[step] == ABSENT { demand.mean_written } else { u64::from(row[step]) };
            }
            prop_assert_eq!(totals.written[step], sum);
            prop_assert_eq!(totals.arrivals(0).bytes[step], (sum * 730 * 60).div_ceil(1_000));
        }
    }
}
