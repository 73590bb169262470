//! Input without end or measure: nothing is read past a stated limit, and one clear message ends it, without control characters.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::common::{firedrill, folder, pass, root, run, tool};

const ONE_DISK: &str = "scenarios/one-disk.toml";
const VM: &str = "[[vm]]\nname = \"vm1\"\nos = \"linux\"\n";

/// Exit code 2, one error with all of `words` in it, no control character, no endless line, and no run directory.
fn refused(scenario: &str, arguments: &[&str], words: &[&str]) {
    let out = folder();
    let target = out.path().join("run");
    let (code, _, stderr) = run(scenario, &target, arguments);
    assert_eq!(code, 2, "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "no `{word}` in:\n{stderr}");
    }
    assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
    assert!(!stderr.contains(|c: char| c.is_control() && c != '\n'), "{stderr:?}");
    assert!(stderr.len() < 5_000, "{} bytes are said", stderr.len());
    assert!(!target.exists(), "nothing half-written");
}

fn one_disk() -> String {
    std::fs::read_to_string(root().join(ONE_DISK)).expect("one-disk")
}

fn written(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    text(&path)
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn pipe(folder: &Path) -> String {
    let path: PathBuf = folder.join("pipe");
    tool("mkfifo", &[path.to_str().expect("UTF-8")]);
    text(&path)
}

/// The one-disk scenario, with a recording that its machine writes.
fn with_recording(folder: &Path, recording: &str) -> String {
    let workload = format!(
        "\n[[vm.workload]]\nkind = \"recorded\"\nformat = \"msr\"\nfile = \"{recording}\"\nfit = \"wrap\"\n\n[[step]]"
    );
    written(folder, "recorded.toml", one_disk().replacen("\n[[step]]", &workload, 1))
}

#[test]
fn a_scenario_that_is_no_regular_file_is_not_opened() {
    let keep = folder();
    refused(
        "/dev/zero",
        &[],
        &["/dev/zero", "a character device, not a regular file"],
    );
    refused(&pipe(keep.path()), &[], &["a pipe, not a regular file"]);
    refused(&text(keep.path()), &[], &["a folder, not a regular file"]);
}

#[test]
fn a_recording_that_is_no_regular_file_is_not_opened() {
    let keep = folder();
    for (recording, what) in [
        ("/dev/zero".to_owned(), "a character device"),
        (pipe(keep.path()), "a pipe"),
    ] {
        let scenario = with_recording(keep.path(), &recording);
        refused(&scenario, &[], &["recorded.toml:", "cannot read the recording", what]);
    }
}

#[test]
fn a_scenario_of_more_than_4_mib_is_not_read() {
    let keep = folder();
    let scenario = written(keep.path(), "large.toml", "#".repeat((4 << 20) + 1));
    refused(&scenario, &[], &["large.toml", "more than 4 MiB"]);
}

#[test]
fn a_hundred_thousand_machines_are_refused_before_they_take_room() {
    let keep = folder();
    let machines = |count: u32| {
        let mut tables = String::new();
        for number in 0..count {
            write!(
                tables,
                "[[vm]]\nname=\"m{number}\"\ndisk={{name=\"d\",size=\"1 MiB\"}}\n"
            )
            .expect("a string");
        }
        let one = one_disk();
        let (before, after) = one.split_once(VM).expect("vm1");
        let (_, after) = after.split_once("[[step]]").expect("steps");
        format!("{before}{tables}[[step]]{after}").replace("\"vm1\"", "\"all\"")
    };
    let scenario = written(keep.path(), "many.toml", machines(100_000));
    refused(&scenario, &[], &["many.toml", "more than 4 MiB"]);
    let group = one_disk().replacen(VM, "[[group]]\nname = \"vm-#\"\ncount = 100000\n", 1);
    let group = group
        .replace("[[vm.disk]]", "[[group.disk]]")
        .replace("\"vm1\"", "\"all\"");
    let scenario = written(keep.path(), "group.toml", group);
    refused(&scenario, &[], &["more machines than are run", "10000"]);
}

#[test]
fn a_scenario_without_a_machine_tests_nothing() {
    refused(
        ONE_DISK,
        &["--set", "vm=[]"],
        &["protects no machine", "nothing would be tested"],
    );
}

#[test]
fn a_name_of_3_000_characters_is_refused_wherever_it_stands() {
    let long = "n".repeat(3_000);
    let keep = folder();
    let scenario = written(
        keep.path(),
        "long.toml",
        one_disk().replace("\"vm1\"", &format!("\"{long}\"")),
    );
    refused(&scenario, &[], &["long.toml:", "3000 characters", "1 to 100"]);
    refused(
        ONE_DISK,
        &["--set", &format!("scenario.name={long}")],
        &["3000 characters"],
    );
    refused(&format!("{long}.toml"), &[], &["cannot read the scenario file"]);
    refused(ONE_DISK, &["--vault-key", &long], &["cannot read the vault's key"]);
    // The same of a folder to write to: another name helps, so the input is wrong.
    let output = firedrill(&["run", ONE_DISK, "--out", &long]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn control_characters_reach_no_terminal() {
    let red = "\u{1b}[31mred\u{9b}2J";
    refused(
        ONE_DISK,
        &["--set", &format!("scenario.name=\"{red}\"")],
        &["a control character"],
    );
    refused(ONE_DISK, &["--set", "scenario.name=\"two\\nlines\""], &["no name"]);
    refused(ONE_DISK, &["--set", &format!("{red}=1")], &["unknown key"]);
    refused(&format!("{red}.toml"), &[], &["\\u{1b}[31mred\\u{9b}2J.toml"]);
    refused(ONE_DISK, &["--vault-key", red], &["\\u{1b}[31mred"]);
    refused(ONE_DISK, &["--disk", &format!("vm1.os={red}")], &["there is no image"]);
    let output = firedrill(&["run", ONE_DISK, "--seed", red]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(!stderr.contains(['\u{1b}', '\u{9b}']), "{stderr:?}");
}

#[test]
fn a_workload_of_900_terabytes_a_second_is_refused() {
    let keep = folder();
    let workload = "\n[[vm.workload]]\nrate = \"900 TB/s\"\n\n[[step]]";
    let scenario = written(keep.path(), "fast.toml", one_disk().replacen("\n[[step]]", workload, 1));
    refused(&scenario, &[], &["fast.toml:", "no disk takes", "10 GB/s"]);
}

#[test]
fn a_packed_recording_is_read_as_it_is_and_no_further_than_its_limit() {
    let keep = folder();
    let mut lines = String::new();
    for number in 0..200_u64 {
        let (at, offset) = (128_166_372_003_061_629 + number * 500_000, number * 65_536);
        writeln!(lines, "{at},hm,0,Write,{offset},4096,100").expect("a string");
    }
    let plain = written(keep.path(), "week.csv", &lines);
    tool("gzip", &["--keep", &plain]);
    written(
        keep.path(),
        "week.csv.zst",
        zstd::encode_all(lines.as_bytes(), 3).expect("packed"),
    );
    let digest = |name: &str| {
        let scenario = with_recording(keep.path(), name);
        let out = keep.path().join(format!("run-{name}"));
        let result = pass(
            &scenario,
            &out,
            &["--content", "extent", "--set", "expect=[{verified=true}]"],
        );
        result["digest"].as_str().expect("a digest").to_owned()
    };
    let wanted = digest("week.csv");
    assert_eq!(digest("week.csv.gz"), wanted);
    assert_eq!(digest("week.csv.zst"), wanted);
    // 600 MiB of blanks in a few kilobytes.
    let blanks = std::io::repeat(b' ');
    let bomb = zstd::encode_all(std::io::Read::take(blanks, 600 << 20), 3).expect("packed");
    written(keep.path(), "bomb.zst", bomb);
    let scenario = with_recording(keep.path(), "bomb.zst");
    refused(&scenario, &[], &["bomb.zst unpacks to more than 512 MiB"]);
}
