//! Killed or interrupted at any moment, a run leaves no broken record, and the same command runs again.

use crate::common;

use common::{folder, pass, raw_image};
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn a_killed_run_leaves_no_broken_record_and_runs_again() {
    let out = folder();
    let image = out.path().join("disk.raw");
    raw_image(&image, 96 << 20, 9);
    let disk = format!("vm1.os={}", image.display());
    let target = out.path().join("run");
    for moment in 0..10u64 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_firedrill"))
            .args(["run", "scenarios/one-disk.toml", "--disk", &disk, "--out"])
            .arg(&target)
            .current_dir(common::root())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(Duration::from_millis(5 + moment * moment * 12));
        let finished = child.try_wait().expect("state").is_some();
        child.kill().expect("killed");
        child.wait().expect("gone");
        let record = target.join("record.json");
        if record.exists() {
            let text = std::fs::read_to_string(&record).expect("record");
            let _: serde_json::Value = serde_json::from_str(&text).expect("a record that exists is whole");
            std::fs::remove_dir_all(&target).expect("removed");
        } else {
            assert!(!finished, "a finished run has a record");
        }
    }
    pass("scenarios/one-disk.toml", &target, &["--disk", &disk]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_exits_with_130_leaves_no_record_and_runs_again() {
    let out = folder();
    let image = out.path().join("disk.raw");
    raw_image(&image, 256 << 20, 10);
    let disk = format!("vm1.os={}", image.display());
    let target = out.path().join("run");
    let record = target.join("record.json");
    let begun = std::time::Instant::now();
    pass("scenarios/one-disk.toml", &out.path().join("whole"), &["--disk", &disk]);
    let whole = begun.elapsed();
    let mut interrupted = 0;
    // Also in the middle of a copy, where single entries of the queue take long.
    for per_cent in [0, 5, 15, 30, 45, 60] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_firedrill"))
            .args(["run", "scenarios/one-disk.toml", "--disk", &disk, "--out"])
            .arg(&target)
            .current_dir(common::root())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        // It listens for Ctrl-C before it makes the folder or moves an earlier one aside. Before that a signal ends it as any program.
        let begun = std::time::Instant::now();
        while partials(out.path()) < interrupted || !target.join(".firedrill").exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the run does not begin");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(whole * per_cent / 100);
        common::tool("sh", &["-c", &format!("kill -INT {}", child.id())]);
        match child.wait().expect("gone").code() {
            Some(130) => {
                assert!(!record.exists(), "an interrupted run has no result");
                interrupted += 1;
            }
            // The signal came when all was done.
            Some(0) => {
                let text = std::fs::read_to_string(&record).expect("record");
                let _: serde_json::Value = serde_json::from_str(&text).expect("a record that exists is whole");
                std::fs::remove_dir_all(&target).expect("removed");
            }
            other => panic!("exit code {other:?} at {per_cent} %"),
        }
    }
    // Where the machine is busy with other things a run's length varies, so the last moments may come too late.
    assert!(interrupted >= 4, "{interrupted} interrupted");
    pass("scenarios/one-disk.toml", &target, &["--disk", &disk]);
    assert_eq!(
        partials(out.path()),
        interrupted,
        "every interrupted run is moved aside"
    );
}

/// Folders of runs that did not end, moved aside.
#[cfg(unix)]
fn partials(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("the folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with("run.partial-"))
        .count()
}
