//! Images of the user's: what is taken for one and what is refused, that none is ever written to, and what a hardly used one costs.

use crate::common;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{folder, pass, raw_image, run, tool};

const ONE_DISK: &str = "scenarios/one-disk.toml";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Exit code 2, one error with all of `words` in it, and no run directory.
fn refused(arguments: &[&str], words: &[&str]) {
    let out = folder();
    let target = out.path().join("run");
    let (code, _, stderr) = run(ONE_DISK, &target, arguments);
    assert_eq!(code, 2, "{arguments:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "no `{word}` in:\n{stderr}");
    }
    assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
    assert!(!target.exists(), "nothing half-written");
}

#[test]
fn what_is_not_what_its_name_or_its_size_says_is_refused_unless_it_is_said_to_be_raw() {
    let out = folder();
    for name in ["disk.vmdk", "disk.qcow2", "disk.vhd", "disk.img"] {
        let image = out.path().join(name);
        raw_image(&image, (1 << 20) + 4096, 3);
        if name == "disk.img" {
            File::options()
                .append(true)
                .open(&image)
                .expect("there")
                .set_len(1_000_001)
                .expect("cut");
        }
        refused(&["--disk", &format!("vm1.os={}", text(&image))], &[name, "raw:"]);
    }
    let image = out.path().join("disk.img");
    let target = out.path().join("run");
    let flag = format!("vm1.os=raw:{}", text(&image));
    let (code, json, stderr) = run(ONE_DISK, &target, &["--disk", &flag]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("1000001 bytes") && stderr.contains("1000448"),
        "{stderr}"
    );
    assert_eq!(json["disks"][0]["bytes"], 1_000_448);
    let recovered = target.join("disks/vm1-os.vhd");
    tool(
        "qemu-img",
        &["compare", "-f", "raw", "-F", "vpc", text(&image), text(&recovered)],
    );
}

#[test]
fn two_images_for_one_disk_are_refused() {
    let out = folder();
    let image = out.path().join("disk.img");
    raw_image(&image, 1 << 20, 3);
    let flag = format!("vm1.os={}", text(&image));
    refused(&["--disk", &flag, "--disk", &flag], &["two images", "vm1.os"]);
}

#[test]
fn what_has_no_end_is_not_read() {
    let out = folder();
    let pipe = out.path().join("pipe");
    tool("mkfifo", &[text(&pipe)]);
    let large = out.path().join("large");
    File::create(&large).expect("made").set_len(1 << 40).expect("sparse");
    for (path, what) in [
        ("/dev/zero", "device"),
        (text(&pipe), "pipe"),
        (text(out.path()), "folder"),
    ] {
        refused(&["--disk", &format!("vm1.os={path}")], &[path, what]);
        refused(&["--vault-key", path], &[path, what]);
    }
    refused(&["--vault-key", text(&large)], &["large", "more than"]);
}

#[test]
fn what_a_run_reads_is_neither_moved_nor_replaced_by_what_it_writes() {
    let out = folder();
    let target = out.path().join("run");
    pass(ONE_DISK, &target, &[]);
    let image = target.join("disks/vm1-os.vhd");
    let content = fs::read(&image).expect("written");
    let scenario = target.join("mine.toml");
    fs::copy(common::root().join(ONE_DISK), &scenario).expect("copied");
    let key = target.join("key");
    fs::write(&key, [7; 32]).expect("written");
    let record = fs::read(target.join("record.json")).expect("written");
    let flag = format!("vm1.os={}", text(&image));
    for (scenario, arguments) in [
        (ONE_DISK, &["--force", "--disk", &flag][..]),
        (ONE_DISK, &["--force", "--vault-key", text(&key)]),
        (text(&scenario), &["--force"]),
    ] {
        let (code, _, stderr) = run(scenario, &target, arguments);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        assert!(stderr.contains("reads") && stderr.contains("--out"), "{stderr}");
        assert_eq!(fs::read(&image).expect("there"), content, "{arguments:?}");
        assert_eq!(fs::read(target.join("record.json")).expect("there"), record);
    }
    // Nor is a run that did not end moved aside with what is read of it.
    fs::remove_file(target.join("record.json")).expect("there");
    let (code, _, stderr) = run(ONE_DISK, &target, &["--disk", &flag]);
    assert_eq!(code, 2, "{stderr}");
    assert_eq!(fs::read(&image).expect("there"), content);
}

#[test]
fn an_image_that_changes_while_it_is_read_is_named_as_that() {
    let out = folder();
    let image = out.path().join("disk.img");
    raw_image(&image, 96 << 20, 11);
    let target = out.path().join("run");
    let child = Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(["run", ONE_DISK, "--out", text(&target), "--disk"])
        .arg(format!("vm1.os={}", text(&image)))
        .current_dir(common::root())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    // The folder is taken once the image is open.
    while !target.join(".firedrill").exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let file = File::options().write(true).open(&image).expect("there");
    file.write_all_at(b"changed", 95 << 20).expect("written");
    let output = child.wait_with_output().expect("ended");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("disk.img changed while it was read"), "{stderr}");
    assert!(!target.join("record.json").exists(), "a run without a result");
}

#[test]
fn a_disk_of_two_terabytes_costs_what_is_used_of_it() {
    let out = folder();
    let image = out.path().join("thin.img");
    // The most that QEMU takes for a VHD.
    let bytes = (2040_u64 << 30) - 512;
    let file = File::create(&image).expect("made");
    file.set_len(bytes).expect("sparse");
    for at in [0, 700 << 30, bytes - 512] {
        file.write_all_at(&[7; 512], at).expect("written");
    }
    let target = out.path().join("run");
    let run = pass(ONE_DISK, &target, &["--disk", &format!("vm1.os={}", text(&image))]);
    assert_eq!(run["disks"][0]["bytes"].as_u64(), Some(bytes));
    assert_eq!(run["disks"][0]["image_bytes"].as_u64(), Some(2040 << 30));
    let recovered = target.join("disks/vm1-os.vhd");
    tool(
        "qemu-img",
        &["compare", "-f", "raw", "-F", "vpc", text(&image), text(&recovered)],
    );
}
