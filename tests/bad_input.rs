//! Bad input ends in a clear message and the exit code of its class, and leaves nothing half-written.

use crate::common;

use common::{firedrill, folder, raw_image, run, tool};

const ONE_DISK: &str = "scenarios/one-disk.toml";

/// Runs, expects exit code `code`, every one of `words` on stderr, and no run directory.
fn refused(scenario: &str, arguments: &[&str], code: i32, words: &[&str]) {
    let out = folder();
    let target = out.path().join("run");
    let (got, _, stderr) = run(scenario, &target, arguments);
    assert_eq!(got, code, "{scenario} {arguments:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "no `{word}` in:\n{stderr}");
    }
    // One thing is wrong, so one thing is said.
    assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(!target.exists(), "nothing half-written");
}

fn scenario_with(change: impl Fn(&str) -> String) -> (tempfile::TempDir, String) {
    let out = folder();
    let text = std::fs::read_to_string(common::root().join(ONE_DISK)).expect("one-disk");
    let path = out.path().join("changed.toml");
    std::fs::write(&path, change(&text)).expect("written");
    let path = path.to_str().expect("UTF-8").to_owned();
    (out, path)
}

#[test]
fn an_empty_scenario_is_refused() {
    let (_keep, path) = scenario_with(|_| String::new());
    refused(&path, &[], 2, &["changed.toml"]);
}

#[test]
fn a_scenario_that_is_not_there_is_refused() {
    refused("scenarios/no-such.toml", &[], 2, &["no-such.toml"]);
}

#[test]
fn a_misspelt_key_is_shown_with_what_was_meant() {
    let (_keep, path) = scenario_with(|text| text.replacen("rate =", "rte =", 1));
    refused(&path, &[], 2, &["changed.toml:", "rte", "rate"]);
}

#[test]
fn a_wrong_unit_is_shown_with_what_is_accepted() {
    let (_keep, path) = scenario_with(|text| {
        let line = text
            .lines()
            .find(|l| l.starts_with("duration"))
            .expect("a duration")
            .to_owned();
        text.replacen(&line, "duration = \"15 MB\"", 1)
    });
    refused(&path, &[], 2, &["changed.toml:", "15 MB", "min"]);
}

#[test]
fn a_step_that_names_no_machine_is_shown() {
    let (_keep, path) = scenario_with(|text| {
        format!("{text}\n[[step]]\nname = \"lost\"\ndo = \"commit\"\nvm = \"vm9\"\nafter = \"commit\"\n")
    });
    refused(&path, &[], 2, &["changed.toml:", "vm9"]);
}

#[test]
fn an_empty_image_is_refused() {
    let out = folder();
    let image = out.path().join("empty.raw");
    std::fs::write(&image, b"").expect("written");
    refused(
        ONE_DISK,
        &["--disk", &format!("vm1.os={}", image.display())],
        2,
        &["empty.raw"],
    );
}

#[test]
fn a_folder_is_no_image() {
    let out = folder();
    let flag = format!("vm1.os={}", out.path().display());
    refused(ONE_DISK, &["--disk", &flag], 2, &["is no file"]);
}

#[test]
fn a_truncated_qcow2_is_refused() {
    let out = folder();
    let raw = out.path().join("disk.raw");
    raw_image(&raw, 16 << 20, 5);
    let image = out.path().join("disk.qcow2");
    let (raw, image_s) = (raw.to_str().expect("UTF-8"), image.to_str().expect("UTF-8"));
    tool("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", raw, image_s]);
    let len = std::fs::metadata(&image).expect("there").len();
    for keep in [10, 100, 70_000, len / 2, len - 70_000] {
        let cut = out.path().join(format!("cut-{keep}.qcow2"));
        std::fs::write(&cut, &std::fs::read(&image).expect("read")[..keep as usize]).expect("written");
        refused(
            ONE_DISK,
            &["--disk", &format!("vm1.os={}", cut.display())],
            2,
            &[&format!("cut-{keep}.qcow2")],
        );
    }
}

#[test]
fn a_disk_larger_than_allowed_is_refused_with_the_rule() {
    let out = folder();
    let image = out.path().join("large.raw");
    std::fs::File::create(&image)
        .expect("made")
        .set_len(2049 << 30)
        .expect("sparse");
    refused(
        ONE_DISK,
        &["--disk", &format!("vm1.os={}", image.display())],
        2,
        &["large.raw", "2048"],
    );
}

#[test]
fn an_image_that_is_not_there_is_refused() {
    refused(ONE_DISK, &["--disk", "vm1.os=/no/such/image"], 2, &["/no/such/image"]);
    refused(
        ONE_DISK,
        &["--disk", "vm1.nothing=Cargo.toml"],
        2,
        &["nothing", "vm1.os"],
    );
    refused(ONE_DISK, &["--disk", "vm1.nothing=/no/such/image"], 2, &["vm1.nothing"]);
}

#[test]
fn a_recording_with_a_broken_line_is_shown() {
    let out = folder();
    let trace = out.path().join("broken.csv");
    std::fs::write(
        &trace,
        "128166372003061629,hm,0,Write,8192,4096,100\n128166372003061700,hm,0,Write,eight,4096,1\n",
    )
    .expect("written");
    let (_keep, path) = scenario_with(|text| {
        format!(
            "{text}\n[[vm.workload]]\ndisk = \"os\"\nkind = \"recorded\"\nformat = \"msr\"\nfile = \"{}\"\n",
            trace.display()
        )
    });
    let (code, _, stderr) = run(&path, &out.path().join("run"), &[]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("broken.csv:2"), "{stderr}");
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let out = folder();
    std::fs::write(out.path().join("thesis.txt"), "mine").expect("written");
    let (code, _, stderr) = run(ONE_DISK, out.path(), &[]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("--force"), "{stderr}");
    assert_eq!(
        std::fs::read_dir(out.path()).expect("there").count(),
        1,
        "nothing was added"
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_the_machines_failure() {
    // Not by permissions: the tests may run as root. A path below a file cannot be made by anybody.
    let out = folder();
    let file = out.path().join("file");
    std::fs::write(&file, "").expect("written");
    let (code, _, stderr) = run(ONE_DISK, &file.join("run"), &[]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("file"), "{stderr}");
}

#[test]
fn output_that_nobody_takes_is_no_panic() {
    let (_keep, broken) = scenario_with(|text| text.replacen("rate =", "rte =", 1));
    // A disk that is full, and a pipe whose reader is gone.
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("there");
    let gone = || std::io::pipe().expect("a pipe").1;
    for (arguments, code) in [(&["run", broken.as_str()][..], 2), (&["rnu"], 2), (&[], 3)] {
        let command = || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_firedrill"));
            command.args(arguments).current_dir(common::root());
            command
        };
        let status = command().stdout(full()).stderr(full()).status().expect("started");
        assert_eq!(status.code(), Some(code), "{arguments:?} to a full disk");
        let status = command().stdout(gone()).stderr(gone()).status().expect("started");
        let code = if arguments.is_empty() { 0 } else { code };
        assert_eq!(status.code(), Some(code), "{arguments:?} to nobody");
    }
}

#[test]
fn a_misspelt_command_is_corrected() {
    let output = firedrill(&["rnu", "scenarios/journey.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("run"));
}
