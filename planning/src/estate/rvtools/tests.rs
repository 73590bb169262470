use rust_xlsxwriter::Workbook;

use super::*;

/// A cell: a number where it looks like one, else text.
type Sheets<'a> = &'a [(&'a str, &'a [&'a [&'a str]])];

/// A workbook as RVTools would write it: file by way of a folder that is gone afterwards.
fn workbook(sheets: Sheets<'_>) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("RVTools_export_all.xlsx");
    let mut book = Workbook::new();
    for (name, rows) in sheets {
        let sheet = book.add_worksheet();
        sheet.set_name(*name).unwrap();
        for (row, cells) in (0..).zip(*rows) {
            for (column, cell) in (0..).zip(*cells) {
                match cell.parse::<f64>() {
                    Ok(number) => sheet.write_number(row, column, number).unwrap(),
                    Err(_) => sheet.write_string(row, column, *cell).unwrap(),
                };
            }
        }
    }
    book.save(&path).unwrap();
    std::fs::read(&path).unwrap()
}

fn parse(sheets: Sheets<'_>) -> (Estate, Vec<String>, u64) {
    let mut problems = Problems::default();
    let estate = read("all.xlsx", &workbook(sheets), &mut problems);
    let told = problems.kept().iter().map(ToString::to_string).collect();
    (estate, told, problems.errors())
}

const TOOLS: &str = "OS according to the VMware Tools";
const CONFIGURED: &str = "OS according to the configuration file";

#[test]
fn an_export_becomes_an_estate() {
    let (estate, told, errors) = parse(&[
        (
            "vInfo",
            &[
                &[
                    "VM",
                    "Powerstate",
                    "Template",
                    "CPUs",
                    "Memory",
                    "NICs",
                    "Disks",
                    "Firmware",
                    "Host",
                    CONFIGURED,
                    TOOLS,
                ],
                &[
                    "web",
                    "poweredOn",
                    "False",
                    "4",
                    "8192",
                    "2",
                    "2",
                    "efi",
                    "esx1",
                    "CentOS 4/5 or later (64-bit)",
                    "CentOS 7 (64-bit)",
                ],
                &[
                    "golden",
                    "poweredOff",
                    "True",
                    "1",
                    "1024",
                    "1",
                    "1",
                    "bios",
                    "esx1",
                    "Debian GNU/Linux 10 (64-bit)",
                    "",
                ],
                &[
                    "old, web",
                    "poweredOff",
                    "False",
                    "1",
                    "1,024",
                    "1",
                    "1",
                    "bios",
                    "esx2",
                    "Debian GNU/Linux 10 (64-bit)",
                    "",
                ],
                &[
                    "web",
                    "poweredOn",
                    "False",
                    "2",
                    "4096",
                    "1",
                    "1",
                    "bios",
                    "esx2",
                    "Other (64-bit)",
                    "",
                ],
            ],
        ),
        (
            "vDisk",
            &[
                &["VM", "Disk", "Disk Key", "Capacity MiB", "Raw", "Host"],
                &["web", "Hard disk 1", "2000", "40960", "False", "esx1"],
                &["golden", "Hard disk 1", "2000", "40960", "False", "esx1"],
                &["web", "Hard disk 2", "2001", "102400", "False", "esx1"],
                &["old, web", "Hard disk 1", "2000", "1,024", "False", "esx2"],
                &["web", "Hard disk 1", "2000", "20480", "False", "esx2"],
            ],
        ),
        (
            "vPartition",
            &[
                &["VM", "Disk Key", "Disk", "Capacity MiB", "Consumed MiB", "Host"],
                &["web", "2000", "/", "30000", "10240", "esx1"],
                &["web", "2000", "/boot", "500", "1024", "esx1"],
                &["web", "2001", "/srv", "100000", "51200", "esx1"],
                &["web", "", "/", "20000", "2048", "esx2"],
            ],
        ),
    ]);
    assert_eq!(errors, 0, "{told:?}");
    let vms: Vec<_> = estate
        .vms
        .iter()
        .map(|vm| (&*vm.name, vm.host.as_deref(), vm.cores, vm.memory_bytes >> 20))
        .collect();
    assert_eq!(
        vms,
        [
            ("web", Some("esx1"), 4, 8192),
            ("old, web", Some("esx2"), 1, 1024),
            ("web", Some("esx2"), 2, 4096)
        ]
    );
    let web = &estate.vms[0];
    assert_eq!((&*web.os, web.nics, web.boot), ("CentOS 7 (64-bit)", 2, Boot::Efi));
    let disks: Vec<_> = web
        .disks
        .iter()
        .map(|disk| (&*disk.name, disk.size_bytes >> 30, disk.used_bytes))
        .collect();
    assert_eq!(
        disks,
        [
            ("Hard disk 1", 40, Some(11 << 30)),
            ("Hard disk 2", 100, Some(50 << 30))
        ]
    );
    // Of its only disk; and of none.
    assert_eq!(estate.vms[2].disks[0].used_bytes, Some(2 << 30));
    assert_eq!(
        (estate.vms[1].disks[0].size_bytes, estate.vms[1].disks[0].used_bytes),
        (1 << 30, None)
    );
    assert_eq!(estate.vms[1].os, "Debian GNU/Linux 10 (64-bit)");
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[0], "all.xlsx:vInfo: warning: 1 templates are left out: \"golden\"");
    assert_eq!(
        told[1],
        "all.xlsx:vInfo: warning: 1 machines are switched off, and taken: \"old, web\""
    );
    assert!(
        told[2].starts_with("all.xlsx:vInfo:5: warning: \"Other (64-bit)\" is no operating system"),
        "{told:?}"
    );
}

const INFO_ROWS: &[&[&str]] = &[&["VM", "CPUs", "Memory", "OS"], &["a", "1", "1024", "Debian 9"]];

#[test]
fn older_names_of_columns_are_known() {
    let (estate, told, _) = parse(&[
        ("vInfo", INFO_ROWS),
        (
            "vDisk",
            &[
                &["VM", "Disk", "Capacity MB"],
                &["a", "Hard disk 1", "2048"],
                &["a", "Hard disk 2", "6144"],
            ],
        ),
        (
            "vPartition",
            &[
                &["VM", "Disk", "Consumed MB"],
                &["a", "C:\\", "1024"],
                &["a", "D:\\", "3072"],
            ],
        ),
    ]);
    let disks: Vec<_> = estate.vms[0]
        .disks
        .iter()
        .map(|disk| (disk.size_bytes >> 20, disk.used_bytes))
        .collect();
    assert_eq!(disks, [(2048, Some(1 << 30)), (6144, Some(3 << 30))]);
    assert!(
        told.len() == 1 && told[0].contains("1 machines have partitions that name no disk"),
        "{told:?}"
    );
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let disks: &[&[&str]] = &[&["VM", "Disk", "Capacity MiB"], &["a", "Hard disk 1", "2048"]];
    let (_, told, errors) = parse(&[("vInfo", INFO_ROWS)]);
    assert!(
        errors == 1
            && told[0].starts_with("all.xlsx: there is no sheet \"vDisk\"; there are \"vInfo\"; accepted: an RVTools")
    );
    let (_, told, _) = parse(&[
        ("vInfo", &[&["VM", "CPU", "Memory"], &["a", "1", "1"]]),
        ("vDisk", disks),
    ]);
    assert!(
        told[0].starts_with("all.xlsx:vInfo: the column \"CPUs\" is missing; is it \"CPU\"?"),
        "{told:?}"
    );
    let (estate, told, errors) = parse(&[
        ("vInfo", &[INFO_ROWS[0], &["a", "1", "much", "Debian 9"]]),
        ("vDisk", disks),
    ]);
    assert!(
        told.iter()
            .any(|told| told.starts_with("all.xlsx:vInfo:2: column \"Memory\": \"much\" is no number; accepted: MiB"))
    );
    assert!(errors > 0 && estate.vms.is_empty());
    let (estate, told, errors) = parse(&[("vInfo", INFO_ROWS), ("vDisk", &[disks[0], &["b", "Hard disk 1", "1"]])]);
    assert_eq!((estate.vms.len(), errors), (0, 0));
    assert!(
        told.iter()
            .any(|told| told.contains("1 rows are of machines that vInfo does not have, or of one of several: \"b\"")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|told| told.contains("1 machines have no disk in vDisk")),
        "{told:?}"
    );
    let (_, told, errors) = parse(&[("vInfo", &[INFO_ROWS[0], INFO_ROWS[1], INFO_ROWS[1]]), ("vDisk", disks)]);
    assert!(
        errors == 1
            && told
                .iter()
                .any(|told| told.contains("\"a\" on \"\" stands in row 2 already")),
        "{told:?}"
    );
}

#[test]
fn machines_of_one_name_on_one_host_are_kept() {
    let (estate, told, errors) = parse(&[
        (
            "vInfo",
            &[
                &["VM", "CPUs", "Memory", "OS", "Host", "VM ID"],
                &["a", "1", "1", "Debian 9", "h", "vm-1"],
                &["a", "2", "1", "Debian 9", "h", "vm-2"],
            ],
        ),
        (
            "vDisk",
            &[
                &["VM", "Capacity MiB", "Host", "VM ID"],
                &["a", "10", "h", "vm-1"],
                &["a", "20", "h", "vm-2"],
            ],
        ),
    ]);
    let vms: Vec<_> = estate
        .vms
        .iter()
        .map(|vm| (&*vm.name, vm.cores, vm.size_bytes() >> 20))
        .collect();
    assert_eq!((vms, errors), (vec![("a", 1, 10), ("a (vm-2)", 2, 20)], 0));
    assert!(
        told.iter().any(|told| told.contains("this one is called \"a (vm-2)\"")),
        "{told:?}"
    );
}

/// Tools that write such workbooks from vCenter leave out of vDisk and vPartition what RVTools writes there; and a machine moves between hosts
/// while one is written.
#[test]
fn rows_that_say_less_are_of_the_only_machine_that_they_can_be_of() {
    let (estate, told, errors) = parse(&[
        (
            "vInfo",
            &[
                &["VM", "CPUs", "Memory", "OS", "Host", "VM ID", "Template"],
                &["bare", "1", "1", "Debian 9", "h1", "vm-1", "False"],
                &["moved", "1", "1", "Debian 9", "h1", "vm-2", "False"],
                &["twice", "1", "1", "Debian 9", "h1", "vm-3", "False"],
                &["twice", "1", "1", "Debian 9", "h2", "vm-4", "False"],
                &["golden", "1", "1", "Debian 9", "h2", "vm-5", "True"],
            ],
        ),
        (
            "vDisk",
            &[
                &["VM", "Capacity MiB", "Host", "VM ID"],
                &["bare", "10", "", ""],
                &["moved", "20", "h2", "vm-2"],
                &["twice", "30", "h1", ""],
                &["twice", "40", "", "vm-4"],
                &["twice", "50", "", ""],
                &["golden", "60", "", ""],
                &["bare", "70", "h1", "vm-9"],
            ],
        ),
        (
            "vPartition",
            &[
                &["VM", "Consumed MiB", "Host"],
                &["bare", "3", "h1"],
                &["twice", "4", "h2"],
                &["twice", "5", ""],
            ],
        ),
    ]);
    let disk = |disk: &Disk| (disk.size_bytes >> 20, disk.used_bytes.map(|used| used >> 20));
    let vms: Vec<_> = estate
        .vms
        .iter()
        .map(|vm| (&*vm.name, vm.disks.iter().map(disk).collect::<Vec<_>>()))
        .collect();
    let expected = vec![
        ("bare", vec![(10, Some(3))]),
        ("moved", vec![(20, None)]),
        ("twice", vec![(30, None)]),
        ("twice", vec![(40, Some(4))]),
    ];
    assert_eq!((vms, errors), (expected, 0));
    let strangers = "2 rows are of machines that vInfo does not have, or of one of several: \"twice\", \"bare\"";
    assert!(told.iter().any(|told| told.contains(strangers)), "{told:?}");
}

#[test]
fn what_is_no_workbook_is_an_error() {
    let whole = workbook(&[("vInfo", INFO_ROWS)]);
    for bytes in [&b"PK\x03\x04 and so on"[..], &whole[..whole.len() / 2], b""] {
        let mut problems = Problems::default();
        assert_eq!(read("x.xlsx", bytes, &mut problems), Estate::default());
        assert_eq!(problems.errors(), 1, "{problems}");
    }
}
