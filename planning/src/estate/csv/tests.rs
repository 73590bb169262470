use proptest::prelude::*;

use super::*;
use crate::estate::template;

fn parse(text: &str) -> (Estate, Vec<String>) {
    let mut problems = Problems::default();
    let estate = read("estate.csv", text.as_bytes(), &mut problems);
    (estate, problems.kept().iter().map(ToString::to_string).collect())
}

fn good(text: &str) -> Estate {
    let (estate, problems) = parse(text);
    assert_eq!(problems, [""; 0]);
    estate
}

/// The one problem of a text that has one, and the estate.
fn one(text: &str) -> (Estate, String) {
    let (estate, problems) = parse(text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    (estate, problems[0].clone())
}

const HEADER: &str = "vm,host,os,cores,memory,disk,size\n";

#[test]
fn the_template_plans_as_it_is() {
    let estate = good(&template());
    let disks: Vec<usize> = estate.vms.iter().map(|vm| vm.disks.len()).collect();
    assert_eq!(disks, [1, 2, 3]);
    for column in COLUMNS {
        let line = format!("# {:<13}{}", column.name(), column.meaning());
        assert!(template().contains(&line), "{line}");
    }
    let sql = &estate.vms[2];
    assert_eq!(
        (sql.cores, sql.memory_bytes, sql.nics, sql.boot),
        (8, 64 << 30, 2, Boot::Bios)
    );
    assert_eq!(estate.vms[0].boot, Boot::Efi);
    let data = &sql.disks[1];
    assert_eq!((data.size_bytes, data.used_bytes), (512 << 30, Some(300 << 30)));
    assert_eq!(
        (data.compressed_per_mille, data.daily_change_bytes),
        (Some(430), Some(60 << 30))
    );
}

#[test]
fn a_wrong_cell_is_named_with_row_column_and_what_is_accepted() {
    let text = format!("{HEADER}a,,Debian 9,2,4 GiB,os,10\n# a comment\n\nb,,Debian 9,2,8 bananas,os,10\n");
    let (estate, problem) = one(&text);
    let accepted = "16 GiB, 16384 MiB, 1.5 TB (powers of 1000), or GiB as a plain number";
    assert_eq!(
        problem,
        format!("estate.csv:5: column \"memory\": \"8 bananas\" is no size; accepted: {accepted}")
    );
    assert_eq!(estate.vms.len(), 1);
}

#[test]
fn all_wrong_cells_are_told_not_only_the_first() {
    let (_, problems) = parse(&format!(
        "{HEADER}a,,Debian 9,two,x,os,-1\nb,,Debian 9,,4,os,1 parsec\n"
    ));
    let columns: Vec<&str> = problems
        .iter()
        .filter_map(|problem| problem.split('"').nth(1))
        .collect();
    assert_eq!(columns, ["cores", "memory", "size", "cores", "size"], "{problems:?}");
}

#[test]
fn complaint_duplicate_names_across_hosts() {
    let text = format!("{HEADER}web,esx1,CentOS 7,2,4,os,40\nweb,esx2,CentOS 7,4,8,os,50\nweb,,,,,data,60\n");
    let estate = good(&text);
    let told: Vec<_> = estate
        .vms
        .iter()
        .map(|vm| (vm.host.as_deref(), vm.disks.len()))
        .collect();
    // A row without a host continues the machine before it.
    assert_eq!(told, [(Some("esx1"), 1), (Some("esx2"), 2)]);
}

#[test]
fn a_disk_that_stands_twice_is_an_error_with_both_rows() {
    let (_, problem) = one(&format!(
        "{HEADER}web,esx1,CentOS 7,2,4,os,40\n\nweb,esx1,CentOS 7,2,4,os,50\n"
    ));
    assert!(problem.starts_with("estate.csv:4: "), "{problem}");
    assert!(problem.contains("stands in row 2 already"), "{problem}");
}

#[test]
fn two_machines_of_one_name_on_one_host_are_an_error_with_both_rows() {
    let (_, problem) = one(&format!("{HEADER}web,,CentOS 7,2,4,os,40\nweb,,CentOS 7,8,4,data,50\n"));
    assert!(
        problem.starts_with("estate.csv:3: column \"cores\": \"web\" has \"8\" here"),
        "{problem}"
    );
    assert!(problem.contains("in row 2"), "{problem}");
}

#[test]
fn complaint_decimal_comma() {
    let estate = good("vm;os;cores;memory;disk;size;compressed\na;Debian 9;2;1,5 GiB;os;0,5 TB;45,5 %\n");
    let vm = &estate.vms[0];
    assert_eq!(vm.memory_bytes, 3 << 29);
    assert_eq!(
        (vm.disks[0].size_bytes, vm.disks[0].compressed_per_mille),
        (500_000_000_000, Some(455))
    );
    let estate = good(&format!("{HEADER}a,,Debian 9,2,\"1,5 GiB\",os,10\n"));
    assert_eq!(estate.vms[0].memory_bytes, 3 << 29);
    let (_, problem) = one(&format!("{HEADER}a,,Debian 9,2,\"1,024 GiB\",os,10\n"));
    assert!(problem.contains("ambiguous: 1,024 could be 1024 or"), "{problem}");
}

#[test]
fn complaint_names_with_comma() {
    let estate = good(&format!(
        "{HEADER}\"web, old\",,CentOS 7,2,4,\"disk \"\"1\"\", os\",40\n"
    ));
    assert_eq!(
        (&*estate.vms[0].name, &*estate.vms[0].disks[0].name),
        ("web, old", "disk \"1\", os")
    );
    let (_, problem) = one(&format!("{HEADER}web, old,,CentOS 7,2,4,os,40\n"));
    assert!(
        problem.starts_with("estate.csv:2: there are 8 cells, the header has 7 columns"),
        "{problem}"
    );
}

#[test]
fn complaint_gh_51631_centos_and_debian_are_known() {
    let estate = good(&format!(
        "{HEADER}a,,CentOS 7,1,1,os,1\nb,,CentOS 8,1,1,os,1\nc,,Debian 10,1,1,os,1\n"
    ));
    assert_eq!(estate.vms.len(), 3);
}

#[test]
fn unknown_operating_systems_are_taken_with_a_warning() {
    let (estate, problem) = one(&format!("{HEADER}a,,Plan 9,1,1,os,1\n"));
    assert!(
        problem.starts_with("estate.csv:2: warning: column \"os\": \"Plan 9\" is no operating system"),
        "{problem}"
    );
    assert_eq!(estate.vms[0].os, "Plan 9");
}

#[test]
fn complaint_more_than_1000_vms() {
    let mut text = HEADER.to_owned();
    for vm in 0..5_000 {
        for disk in ["os", "data", "log"] {
            text.push_str(&format!("vm{vm},esx{},CentOS 7,2,4,{disk},100\n", vm % 50));
        }
    }
    let estate = good(&text);
    assert_eq!((estate.vms.len(), estate.disks().count()), (5_000, 15_000));
}

#[test]
fn programs_write_marks_line_ends_and_encodings_of_their_own() {
    let text = "\u{feff}VM;OS;Cores;Memory;Disk;Size\r\nBüro;Windows 10;2;4;C:;60\r\n";
    assert_eq!(good(text).vms[0].name, "Büro");
    let mut problems = Problems::default();
    let estate = read(
        "e.csv",
        b"vm;os;cores;memory;disk;size\nB\xfcro;Windows 10;2;4;C:;60",
        &mut problems,
    );
    assert_eq!(
        (&*estate.vms[0].name, problems.warnings(), problems.errors()),
        ("Büro", 1, 0)
    );
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read("e.csv", &utf16, &mut Problems::default()).vms[0].name, "Büro");
}

#[test]
fn missing_and_unknown_columns_are_named() {
    let (_, problems) = parse("vm,os,cores,memroy,disk,size\na,Debian 9,1,1,os,1\n");
    assert!(
        problems[0].starts_with("estate.csv:1: the column \"memory\" is missing; is it \"memroy\"?"),
        "{problems:?}"
    );
    assert!(
        problems[0].contains("accepted: the columns vm, os, cores, memory, size; optional: host"),
        "{problems:?}"
    );
    let (estate, problem) = one("vm,os,cores,memory,disk,size,usde\na,Debian 9,1,1,os,1,1\n");
    assert_eq!(
        problem,
        "estate.csv:1: warning: column \"usde\": this column is not known and not read; is it \"used\"?"
    );
    assert_eq!(estate.vms.len(), 1);
    let (_, problem) = one("vm,vm,os,cores,memory,disk,size\na,a,Debian 9,1,1,os,1\n");
    assert!(problem.contains("\"vm\" stands in the header twice"), "{problem}");
}

#[test]
fn an_empty_file_is_an_error() {
    for text in ["", "\n\n", "# nothing\n", "\u{feff}"] {
        assert!(
            one(text)
                .1
                .starts_with("estate.csv: the file is empty; accepted: a header"),
            "{text:?}"
        );
    }
    assert!(one(HEADER).1.contains("there is no row after the header"));
}

#[test]
fn empty_cells_mean_what_the_columns_say() {
    let estate = good("vm,os,cores,memory,size\na,Debian 9,1,1,1\na,,,,2\n");
    let disks: Vec<&str> = estate.vms[0].disks.iter().map(|disk| &*disk.name).collect();
    assert_eq!((disks, estate.vms[0].nics), (vec!["disk1", "disk2"], 1));
    let (_, problem) = one(&format!("{HEADER}a,,Debian 9,1,1,os,\n"));
    assert!(problem.contains("column \"size\": the cell is empty"), "{problem}");
    let (estate, problem) = one(&format!("{HEADER}a,,Debian 9,1,1,os,0\n"));
    assert!(
        problem.contains("warning: column \"size\": 0 is taken as not known"),
        "{problem}"
    );
    assert_eq!(estate.vms[0].disks[0].size_bytes, 0);
}

#[test]
fn more_used_than_there_is_is_an_error() {
    let (_, problem) = one("vm,os,cores,memory,size,used\na,Debian 9,1,1,10,11\n");
    assert!(
        problem.contains("column \"used\": more is used than the disk holds"),
        "{problem}"
    );
}

#[test]
fn a_daily_change_may_be_a_share_of_the_disk() {
    let estate = good("vm,os,cores,memory,size,daily_change\na,Debian 9,1,1,100 GB,2.5 %\na,,,,1,1 GB/day\n");
    let changes: Vec<_> = estate.vms[0].disks.iter().map(|disk| disk.daily_change_bytes).collect();
    assert_eq!(changes, [Some(2_500_000_000), Some(1_000_000_000)]);
}

#[test]
fn measured_values_are_written_into_the_file_that_is_there() {
    let text = "# ours\nvm;owner;os;cores;memory;disk;size;compressed\r\n\
                web;\"Ann; Bob\";CentOS 7;2;4;os;40;\r\n# between\nweb;;;;;data;60;90 %\n\nsql;x;Debian 9;2;4;os;10";
    let measured = |vm: &str, disk: &str| Measured {
        vm: vm.to_owned(),
        host: None,
        disk: disk.to_owned(),
        used_bytes: Some(3 << 30),
        compressed_per_mille: Some(455),
    };
    let values = [measured("web", "data"), measured("sql", "os"), measured("none", "os")];
    let (written, left) = update(text.as_bytes(), &values);
    assert_eq!(left, [&values[2]]);
    assert_eq!(
        written,
        "# ours\nvm;owner;os;cores;memory;disk;size;compressed;used\n\
         web;\"Ann; Bob\";CentOS 7;2;4;os;40;\n# between\nweb;;;;;data;60;45.5 %;3 GiB\n\nsql;x;Debian 9;2;4;os;10;45.5 %;3 GiB\n"
    );
    let (estate, _) = parse(&written);
    assert_eq!(estate.vms[0].disks[1].used_bytes, Some(3 << 30));
    assert_eq!(update(b"no estate", &values).1.len(), 3);
}

fn name() -> impl Strategy<Value = String> {
    // What could be taken for something else: separators, quotes, comments, spaces, line ends.
    "[a-zA-Z0-9#\"',;|äß/:._\\-\n ]{0,10}[a-z0-9#\",]".prop_map(|name| name.trim().to_owned())
}

fn disk() -> impl Strategy<Value = Disk> {
    let size = prop_oneof![(1_u64..4_000).prop_map(|gib| gib << 30), 1_u64..1 << 50];
    let share = proptest::option::of(0_u32..=1_100);
    (
        name(),
        size,
        proptest::option::of(0_u64..=1_000),
        share,
        proptest::option::of(any::<u64>()),
    )
        .prop_map(
            |(name, size_bytes, used, compressed_per_mille, daily_change_bytes)| Disk {
                name,
                size_bytes,
                used_bytes: used.map(|part| size_bytes / 1_000 * part),
                compressed_per_mille,
                daily_change_bytes,
            },
        )
}

prop_compose! {
    fn vm()(
        name in name(),
        host in name(),
        os in "[A-Za-z0-9 ,.()]{0,20}",
        cores in 1_u32..=256,
        memory_bytes in 1_u64..1 << 44,
        nics in 0_u32..9,
        efi in any::<bool>(),
        group in 1_u8..=7,
        disks in proptest::collection::vec(disk(), 1..4),
    ) -> Vm {
        let mut vm = Vm {
            name,
            host: Some(host),
            os: os.trim().to_owned(),
            cores,
            memory_bytes,
            nics,
            boot: if efi { Boot::Efi } else { Boot::Bios },
            group,
            disks,
        };
        let mut seen = Vec::new();
        vm.disks.retain(|disk| {
            let new = !seen.contains(&disk.name);
            seen.push(disk.name.clone());
            new
        });
        vm
    }
}

fn estate() -> impl Strategy<Value = Estate> {
    proptest::collection::vec(vm(), 1..12).prop_map(|vms| {
        let mut estate = Estate::default();
        for mut vm in vms {
            // A name that stands alone needs no host.
            if !estate.vms.iter().any(|known| known.name == vm.name) && vm.cores % 2 == 0 {
                vm.host = None;
            }
            let told = |known: &Vm| known.name == vm.name && (known.host == vm.host || known.host.is_none());
            if !estate.vms.iter().any(told) {
                estate.vms.push(vm);
            }
        }
        estate
    })
}

proptest! {
    #[test]
    fn a_written_estate_reads_back(estate in estate()) {
        let text = write(&estate);
        let mut problems = Problems::default();
        let back = read("estate.csv", text.as_bytes(), &mut problems);
        prop_assert_eq!(problems.errors(), 0, "{}\n{}", problems, text);
        prop_assert_eq!(back, estate);
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let mut text = if header { HEADER.as_bytes().to_vec() } else { Vec::new() };
        text.extend(bytes);
        let mut problems = Problems::default();
        let estate = read("x", &text, &mut problems);
        prop_assert!(problems.errors() > 0 || !estate.vms.is_empty());
        let _ = update(&text, &[]);
    }

    #[test]
    fn random_cells_never_panic(cells in "[0-9a-zGiB,.;\"%: \n]{0,120}") {
        let mut problems = Problems::default();
        let _ = read("x", format!("{HEADER}{cells}").as_bytes(), &mut problems);
    }
}

#[test]
fn a_machine_has_a_group_in_its_recovery_plan_and_the_same_in_all_rows() {
    let estate = good("vm,os,cores,memory,group,size\na,Debian 9,2,4,7,10\na,,,,,20\na,,,,7,30\nb,Debian 9,2,4,,10\n");
    let groups: Vec<u8> = estate.vms.iter().map(|vm| vm.group).collect();
    assert_eq!(groups, [7, 1]);
    for (rows, words) in [
        ("a,Debian 9,2,4,8,10\n", "\"8\" is no group of a recovery plan"),
        ("a,Debian 9,2,4,0,10\n", "\"0\" is no group of a recovery plan"),
        ("a,Debian 9,2,4,first,10\n", "\"first\" is no group"),
        (
            "a,Debian 9,2,4,2,10\na,,,,3,10\n",
            "\"a\" has \"3\" here and something else in row 2",
        ),
    ] {
        let (_, told) = parse(&format!("vm,os,cores,memory,group,size\n{rows}"));
        assert!(told.iter().any(|told| told.contains(words)), "{told:?}");
    }
}
