//! Killed at any moment, a run leaves no broken record, and the same command runs again.

mod common;

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
