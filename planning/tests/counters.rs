//! Counters as they come: forms, gaps, clocks, machines that the estate does not have; the same for any number of threads.

mod any;

use std::fmt::Write as _;
use std::io::Cursor;

use planning::counters::{Source, read};
use planning::estate::{Boot, Disk, Estate, Vm};
use planning::problem::Problems;
use planning::profile::{ABSENT, Profile};

const HEADER: &str = "time,vm,disk,read_iops,write_iops,written_bytes\n";
const START: i64 = 1_700_000_040;

fn source(text: &str) -> Source<'static> {
    Source {
        name: "counters.csv".to_owned(),
        reader: Box::new(Cursor::new(text.as_bytes().to_vec())),
    }
}

fn run(estate: Option<&Estate>, texts: &[&str]) -> (Option<(Estate, Profile)>, Vec<String>, u64) {
    let mut problems = Problems::default();
    let out = read(estate, texts.iter().map(|text| source(text)).collect(), &mut problems);
    let told = problems.kept().iter().map(ToString::to_string).collect();
    (out, told, problems.errors())
}

fn vm(name: &str, host: Option<&str>, disks: &[(&str, u64)]) -> Vm {
    let disk = |(name, gib): &(&str, u64)| Disk {
        name: (*name).to_owned(),
        size_bytes: gib << 30,
        used_bytes: None,
        compressed_per_mille: None,
        daily_change_bytes: None,
    };
    Vm {
        name: name.to_owned(),
        host: host.map(str::to_owned),
        os: "CentOS 7".to_owned(),
        cores: 2,
        memory_bytes: 4 << 30,
        nics: 1,
        boot: Boot::Bios,
        group: 1,
        disks: disks.iter().map(disk).collect(),
    }
}

fn web() -> Estate {
    Estate {
        vms: vec![vm("web", None, &[("os", 40), ("data", 120)])],
    }
}

/// Rows of disks at steps of a minute: (minute, disk, bytes).
fn rows(rows: &[(i64, &str, u64)]) -> String {
    let mut text = HEADER.to_owned();
    for (minute, disk, bytes) in rows {
        let time = START + minute * 60;
        text += &format!("{time},web,{disk},1.5,2,{bytes}\n");
    }
    text
}

#[test]
fn a_row_is_a_step_of_a_disk() {
    let text = rows(&[(0, "os", 600), (0, "data", 60), (1, "os", 0), (1, "data", 90)]);
    let (out, told, _) = run(Some(&web()), &[&text]);
    let (estate, profile) = out.unwrap();
    assert_eq!(told, [""; 0]);
    assert_eq!(estate, web());
    assert_eq!(
        (profile.start_seconds, profile.step_seconds, profile.steps),
        (START, 60, 2)
    );
    let [os, data] = &profile.vms[0][..] else {
        panic!("two disks")
    };
    assert_eq!((&os.written[..], &data.written[..]), (&[10, 0][..], &[1, 2][..]));
    assert_eq!(
        (&os.write_iops[..], &os.read_iops[..]),
        (&[200, 200][..], &[150, 150][..])
    );
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let mut all = Vec::new();
    for minute in 0..50_i64 {
        for disk in ["os", "data"] {
            all.push((minute, disk, 60 * (minute.unsigned_abs() + 1)));
        }
    }
    let by_time = run(Some(&web()), &[&rows(&all)]).0.unwrap().1;
    all.sort_by_key(|(_, disk, _)| *disk);
    let by_disk = run(Some(&web()), &[&rows(&all)]).0.unwrap().1;
    all.reverse();
    // What is last in time comes first: the times of steps are the same.
    let reversed = run(Some(&web()), &[&rows(&all)]).0.unwrap().1;
    assert_eq!(by_time, by_disk);
    assert_eq!(by_time, reversed);
    assert_eq!(by_time.vms[0][1].written[49], 50);
}

#[test]
fn times_have_several_forms() {
    for (first, second) in [
        ("2024-03-30T23:59:00Z", "2024-03-31T00:00:00Z"),
        ("2024-03-31T00:59:00+01:00", "2024-03-31T01:00:00+01:00"),
        ("2024-03-30 23:59", "2024-03-31 00:00"),
        ("2024-03-30 23:59:00", "2024-03-31 00:00:00"),
        ("1711843140", "1711843200"),
        ("\"2024-03-30 23:59\"", " 2024-03-31 00:00 "),
    ] {
        let text = format!("{HEADER}{first},web,os,1,1,60\n{second},web,os,1,1,120\n");
        let profile = run(Some(&web()), &[&text]).0.unwrap().1;
        assert_eq!(
            (profile.start_seconds, profile.step_seconds),
            (1_711_843_140, 60),
            "{first}"
        );
        assert_eq!(profile.vms[0][0].written, [1, 2]);
    }
}

#[test]
fn a_quarter_of_an_hour_is_found_as_the_step() {
    let mut text = HEADER.to_owned();
    for step in 0..8 {
        writeln!(text, "{},web,os,1,1,900000", START + step * 900).unwrap();
    }
    let profile = run(Some(&web()), &[&text]).0.unwrap().1;
    assert_eq!((profile.step_seconds, profile.steps), (900, 8));
    assert_eq!(profile.vms[0][0].written, [1_000; 8]);
}

#[test]
fn time_gaps() {
    let text = rows(&[
        (0, "os", 60),
        (1, "os", 60),
        (2, "os", 60),
        (5, "os", 60),
        (6, "os", 60),
    ]);
    let (out, told, errors) = run(Some(&web()), &[&text]);
    assert_eq!(out.unwrap().1.vms[0][0].written, [1, 1, 1, ABSENT, ABSENT, 1, 1]);
    assert_eq!(errors, 0);
    let gaps = told.iter().find(|told| told.contains("missing")).unwrap();
    assert!(gaps.contains("2 steps of 1 disks are missing"), "{gaps}");
    assert!(
        gaps.contains("\"web: os\": 2, the first at 2023-11-14 22:17:00"),
        "{gaps}"
    );
}

#[test]
fn missing_counters() {
    let (out, told, errors) = run(Some(&web()), &[&rows(&[(0, "os", 60), (1, "os", 60)])]);
    let profile = out.unwrap().1;
    assert_eq!(errors, 0);
    assert!(
        told[0].contains("no data found of 1 disks of the estate: \"web: data\""),
        "{told:?}"
    );
    assert_eq!(profile.vms[0][1], planning::profile::Series::default());
    // A cell that is empty, a column that is not there.
    let text = "time,vm,disk,written_bytes\n1700000040,web,os,60\n1700000100,web,os,\n1700000160,web,os,120\n";
    let profile = run(Some(&web()), &[text]).0.unwrap().1;
    assert_eq!(profile.vms[0][0].written, [1, ABSENT, 2]);
    assert!(profile.vms[0][0].write_iops.is_empty() && profile.vms[0][0].read_iops.is_empty());
}

#[test]
fn a_step_that_comes_twice_counts_as_its_last_row() {
    let text = rows(&[(0, "os", 60), (1, "os", 60), (1, "os", 180), (2, "os", 60)]);
    let (out, told, errors) = run(Some(&web()), &[&text]);
    assert_eq!((out.unwrap().1.vms[0][0].written.clone(), errors), (vec![1, 3, 1], 0));
    assert!(
        told.iter()
            .any(|told| told.contains("1 rows of 1 disks are for a step that had one already")),
        "{told:?}"
    );
}

#[test]
fn an_hour_that_clocks_repeat_is_told() {
    let mut text = HEADER.to_owned();
    for hour in [1, 2, 2, 3] {
        for minute in 0..60 {
            writeln!(text, "2024-10-27 {hour:02}:{minute:02},web,os,1,1,60").unwrap();
        }
    }
    let (out, told, _) = run(Some(&web()), &[&text]);
    assert_eq!(out.unwrap().1.steps, 180);
    let twice = told.iter().find(|told| told.contains("60 rows of 1 disks")).unwrap();
    assert!(
        twice.contains("the first of \"web: os\" at 2024-10-27 02:00:00") && twice.contains("put back"),
        "{twice}"
    );
}

#[test]
fn uneven_times_belong_to_the_nearest_step() {
    let mut text = HEADER.to_owned();
    for (step, off) in [(0, 0), (1, 3), (2, -2), (3, 8), (4, 0)] {
        writeln!(text, "{},web,os,1,1,60", START + step * 60 + off).unwrap();
    }
    let (out, told, _) = run(Some(&web()), &[&text]);
    let profile = out.unwrap().1;
    assert_eq!(
        (profile.step_seconds, &profile.vms[0][0].written[..]),
        (60, &[1; 5][..])
    );
    assert!(
        told.iter().any(|told| told.contains("1 of 5 rows have a time")),
        "{told:?}"
    );
}

#[test]
fn machines_that_the_estate_does_not_have_are_counted() {
    let mut text = rows(&[(0, "os", 60), (1, "os", 60), (1, "swap", 60)]);
    for time in [START, START + 60] {
        writeln!(text, "{time},mail,os,1,1,60").unwrap();
    }
    let (out, told, errors) = run(Some(&web()), &[&text]);
    assert_eq!((out.unwrap().1.vms.len(), errors), (1, 0));
    assert!(
        told.iter()
            .any(|told| told.contains("2 rows are of 1 machines that are not in the estate, and not taken: \"mail\""))
    );
    assert!(
        told.iter()
            .any(|told| told.contains("1 rows are of 1 disks") && told.contains("\"web: swap\"")),
        "{told:?}"
    );
}

#[test]
fn complaint_config_changes_are_seen() {
    // A disk is added in the third minute, another one removed after the second.
    let estate = Estate {
        vms: vec![vm("web", None, &[("os", 40), ("old", 120), ("new", 120)])],
    };
    let mut all = Vec::new();
    for minute in 0..5 {
        all.push((minute, "os", 60));
        all.push((minute, if minute < 2 { "old" } else { "new" }, 60));
    }
    let (out, told, errors) = run(Some(&estate), &[&rows(&all)]);
    let profile = out.unwrap().1;
    assert_eq!(errors, 0);
    assert_eq!(profile.vms[0][1].written, [1, 1, ABSENT, ABSENT, ABSENT]);
    assert_eq!(profile.vms[0][2].written, [ABSENT, ABSENT, 1, 1, 1]);
    assert!(told.iter().any(|told| told.contains("1 disks begin after") && told.contains("\"web: new\", from 2023-11-14 22:16:00")));
    assert!(told.iter().any(|told| told.contains("1 disks end before") && told.contains("\"web: old\", until 2023-11-14 22:15:00")));
    assert!(!told.iter().any(|told| told.contains("missing")), "{told:?}");
}

#[test]
fn complaint_duplicate_names_across_hosts() {
    let estate = Estate {
        vms: vec![
            vm("web", Some("esx1"), &[("os", 40)]),
            vm("web", Some("esx2"), &[("os", 40)]),
        ],
    };
    let text =
        "time,vm,host,disk,written_bytes\n0,web,esx1,os,60\n0,web,ESX2,os,120\n60,web,esx1,os,60\n60,web,ESX2,os,120\n";
    let profile = run(Some(&estate), &[text]).0.unwrap().1;
    assert_eq!(
        (&profile.vms[0][0].written[..], &profile.vms[1][0].written[..]),
        (&[1, 1][..], &[2, 2][..])
    );
    // Without its host a row could be of either.
    let (_, told, errors) = run(Some(&estate), &[&rows(&[(0, "os", 60), (1, "os", 60)])]);
    assert_eq!(errors, 1, "{told:?}");
    assert!(
        told[0].contains("2 rows are of names that several machines of the estate have: \"web\""),
        "{told:?}"
    );
}

#[test]
fn complaint_names_with_comma() {
    let estate = Estate {
        vms: vec![vm("web, old", None, &[("disk \"1\"", 40), ("2", 1)])],
    };
    let text = "time,vm,disk,written_bytes\n0,\"web, old\",\"disk \"\"1\"\"\",60\n60,\"web, old\",\"disk \"\"1\"\"\",120\n0,\"web, old\",2,60\n";
    let (out, told, _) = run(Some(&estate), &[text]);
    let profile = out.unwrap().1;
    assert_eq!(
        (&profile.vms[0][0].written[..], &profile.vms[0][1].written[..]),
        (&[1, 2][..], &[1, ABSENT][..])
    );
    assert!(!told.iter().any(|told| told.contains("not in the estate")), "{told:?}");
}

#[test]
fn complaint_decimal_comma() {
    let text =
        "time;vm;disk;read_iops;write_iops;written_bytes\r\n0;web;os;1,25;2,5;60\r\n60;web;os;\"0,5\";2.5;120,0\r\n";
    let profile = run(Some(&web()), &[text]).0.unwrap().1;
    let os = &profile.vms[0][0];
    assert_eq!(
        (&os.read_iops[..], &os.write_iops[..], &os.written[..]),
        (&[125, 50][..], &[250, 250][..], &[1, 2][..])
    );
}

#[test]
fn wrong_cells_are_named_by_row_and_column() {
    let text = format!(
        "# ours\n{HEADER}0,web,os,1,1,60\n60,web,os,1,1,60\n\nnoon,web,os,1,1,60\n120,web,os,1,-2,60\n180,web,os,1,1\n240,,os,1,1,60\n\
         300,\"web,os,1,1,60\n99999999,web,os,1,1,60\n360,web,os,1,1,1e15\n"
    );
    let (_, told, errors) = run(Some(&web()), &[&text]);
    assert_eq!(errors, 7, "{told:?}");
    for start in [
        "counters.csv:6: column \"time\": \"noon\" is no time; accepted: 2024-",
        "counters.csv:7: column \"write_iops\": \"-2\" is no counter; accepted: ",
        "counters.csv:8: there are 5 cells, the header has 6 columns",
        "counters.csv:9: column \"vm\": the cell is empty",
        "counters.csv:10: a quote is not closed",
        "counters.csv:11: column \"time\": \"99999999\" is more than 400 days from the first row",
        "counters.csv:12: column \"written_bytes\": \"1e15\" is more than any disk does",
    ] {
        assert!(told.iter().any(|told| told.starts_with(start)), "{start} in {told:#?}");
    }
}

#[test]
fn headers_and_files_that_say_nothing_are_errors() {
    for (text, found) in [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        (HEADER, "there is no row after the header"),
        (
            "time,vm,disk,written_byte\n0,a,b,1\n",
            "the column \"written_bytes\" is missing; is it \"written_byte\"?",
        ),
        (
            "time,vm,disk,written_bytes\n0,web,os,1\n0,web,data,1\n",
            "no disk has rows at two times",
        ),
        (
            "time,vm,disk,written_bytes\nx,web,os,1\n",
            "no row has a time that can be read",
        ),
        (
            "time,vm,disk,written_bytes\n0,x,os,1\n60,x,os,1\n",
            "no row is of a disk of the estate",
        ),
    ] {
        let (out, told, errors) = run(Some(&web()), &[text]);
        assert!(out.is_none(), "{text:?}");
        if found == "no row is of a disk of the estate" {
            assert!(
                told.iter().any(|told| told.contains("2 rows are of 1 machines")),
                "{told:?}"
            );
        }
        assert!(
            errors > 0 && told.iter().any(|told| told.contains(found)),
            "{text:?}: {told:?}"
        );
    }
    let (_, told, _) = run(
        Some(&web()),
        &["time,vm,disk,written_bytes,write_iop\n0,web,os,1,1\n60,web,os,1,1\n"],
    );
    assert!(
        told.iter()
            .any(|told| told.contains("warning: column \"write_iop\": this column is not known")),
        "{told:?}"
    );
}

#[test]
fn without_an_estate_one_is_made() {
    let text =
        "time,vm,disk,written_bytes\n0,b,os,60\n0,a,os,60\n60,b,os,60\n60,a,os,60\n60,b,data,60\n120,b,data,60\n";
    let (out, told, errors) = run(None, &[text]);
    let (estate, profile) = out.unwrap();
    let names: Vec<(&str, usize)> = estate.vms.iter().map(|vm| (&*vm.name, vm.disks.len())).collect();
    assert_eq!((names, errors), (vec![("b", 2), ("a", 1)], 0));
    assert_eq!(estate.vms[0].disks[1].size_bytes, 0);
    assert_eq!(profile.vms[0][1].written, [ABSENT, 1, 1]);
    assert!(
        told.iter()
            .any(|told| told.contains("there is no estate: one is made of the 2 machines")),
        "{told:?}"
    );
}

const WINDOWS: &str = "vm,window,t_end_us,read_pages,write_pages,write_bytes_est,write_unique_bytes\n\
                       w1,0,1786750765,12,13,3600000,2\nw1,1,3599753568,9,1,1800000,2\nw2,0,1700000000,1,1,900,1\nw1,3,7199000000,1,1,0,1\n";

#[test]
fn windows_are_read_as_they_are() {
    let (out, told, errors) = run(None, &[WINDOWS]);
    let (estate, profile) = out.unwrap();
    assert_eq!(
        (profile.start_seconds, profile.step_seconds, profile.steps, errors),
        (0, 1_800, 4, 0)
    );
    assert_eq!((&*estate.vms[0].name, &*estate.vms[0].disks[0].name), ("w1", "all"));
    assert_eq!(profile.vms[0][0].written, [2_000, 1_000, ABSENT, 0]);
    // 900 bytes in half an hour: half a byte a second, rounded up.
    assert_eq!(profile.vms[1][0].written, [1, ABSENT, ABSENT, ABSENT]);
    assert!(profile.vms[0][0].write_iops.is_empty() && profile.vms[0][0].read_iops.is_empty());
    assert!(
        told.iter().any(|told| told.contains("the first at window 2")),
        "{told:?}"
    );
}

#[test]
fn counters_of_a_machine_as_a_whole_are_of_its_disks_by_size() {
    let mut estate = web();
    estate.vms[0].name = "w1".to_owned();
    estate.vms.push(vm("w2", None, &[("os", 10)]));
    let (out, told, _) = run(Some(&estate), &[WINDOWS]);
    let profile = out.unwrap().1;
    assert_eq!(profile.vms[0][0].written, [500, 250, ABSENT, 0]);
    assert_eq!(profile.vms[0][1].written, [1_500, 750, ABSENT, 0]);
    assert_eq!(profile.vms[1][0].written[0], 1);
    assert!(
        told.iter()
            .any(|told| told.contains("1 machines have counters of all their disks together")),
        "{told:?}"
    );
    assert!(!told.iter().any(|told| told.contains("no data found")), "{told:?}");
}

#[test]
fn files_follow_each_other() {
    let (first, second) = (
        rows(&[(0, "os", 60), (1, "os", 120)]),
        rows(&[(2, "os", 180), (3, "os", 240)]),
    );
    let both = run(Some(&web()), &[&first, &second]).0.unwrap().1;
    assert_eq!(both.vms[0][0].written, [1, 2, 3, 4]);
    assert_eq!(run(Some(&web()), &[&second, &first]).0.unwrap().1, both);
    let (_, told, errors) = run(
        Some(&web()),
        &[&first, "time,vm,disk,written_bytes\n0,web,os,1\n900,web,os,1\n"],
    );
    assert!(
        errors > 0
            && told
                .iter()
                .any(|told| told.contains("its steps take 900 s, those of the file before it 60 s"))
    );
}

#[test]
fn threads_do_not_matter() {
    // Several blocks, with all that there is: gaps, rows twice, strangers, wrong cells, quotes.
    let mut text = HEADER.to_owned();
    for minute in 0..5_000_i64 {
        for disk in 0..70_u64 {
            let time = START + minute * 60;
            match (minute as u64 * 31 + disk * 17) % 97 {
                0 => {}
                1 => writeln!(text, "{time},stranger{disk},os,1,1,1").unwrap(),
                2 => writeln!(text, "{},v{disk},os,1,1,7000", time - 60).unwrap(),
                3 => writeln!(text, "{time},\"v{disk}\",\"os\",1,1,6000").unwrap(),
                _ => writeln!(text, "{time},v{disk},os,{disk}.5,{minute},{}", minute * 60).unwrap(),
            }
        }
    }
    assert!(text.len() > 8 << 20, "more than two blocks");
    let estate = Estate {
        vms: (0..70).map(|at| vm(&format!("v{at}"), None, &[("os", 1)])).collect(),
    };
    let with = |threads: usize, estate: Option<&Estate>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(estate, &[&text]))
    };
    for estate in [None, Some(&estate)] {
        let one = with(1, estate);
        assert!(one.0.is_some() && one.2 == 0, "{:?}", one.1);
        assert_eq!(one, with(2, estate));
        assert_eq!(one, with(7, estate));
    }
}
