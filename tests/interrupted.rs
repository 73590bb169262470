//! Ctrl-C and its kin end a run without a result, wherever it is.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{folder, root, tool};

/// A run that would go on for long.
fn long_run(out: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args([
            "run",
            "scenarios/journey.toml",
            "--set",
            "scenario.settle=\"1000 h\"",
            "--set",
        ])
        .args(["scenario.duration=\"2000 h\"", "--out", out.to_str().expect("UTF-8")])
        .current_dir(root())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started")
}

#[test]
fn a_signal_ends_a_run_and_says_what_a_second_one_does() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let keep = folder();
        let out = keep.path().join("run");
        let mut child = long_run(&out);
        // It listens before it takes its folder.
        while !out.join("events.jsonl").exists() {
            assert_eq!(child.try_wait().expect("asked"), None, "it ended by itself");
            std::thread::sleep(Duration::from_millis(5));
        }
        tool("kill", &[signal, &child.id().to_string()]);
        let output = child.wait_with_output().expect("ended");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{signal}: {stderr}");
        assert!(stderr.contains("a second Ctrl-C ends it at once"), "{stderr}");
        assert!(stderr.contains("the run has no result"), "{stderr}");
        assert!(!out.join("record.json").exists());
    }
}
