//! What the end-to-end tests share: the binary, folders of their own, images made by `qemu-img`.

#![allow(dead_code)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("cli/ is in the root")
        .to_owned()
}

/// A folder that is gone after the test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// `firedrill` with arguments, in the root of the repository.
pub fn firedrill(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the binary starts")
}

/// Runs a scenario into `out`, with all of its events, and returns the exit code, the JSON object and what was said on stderr.
pub fn run(scenario: &str, out: &Path, arguments: &[&str]) -> (i32, Value, String) {
    let mut all = vec![
        "run",
        scenario,
        "--format",
        "json",
        "--events",
        "always",
        "--out",
        out.to_str().expect("UTF-8"),
    ];
    all.extend_from_slice(arguments);
    let output = firedrill(&all);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap_or(-1), json, stderr)
}

/// As [`run`], and it must pass.
pub fn pass(scenario: &str, out: &Path, arguments: &[&str]) -> Value {
    let (code, json, stderr) = run(scenario, out, arguments);
    assert_eq!(code, 0, "{scenario} {arguments:?}\n{stderr}\n{}", json["findings"]);
    assert_eq!(json["verdict"], "pass");
    json
}

/// How often a run looked at a law.
pub fn looked_at(result: &Value, law: &str) -> u64 {
    let checks = result["checks"].as_array().expect("checks");
    let of_law = checks.iter().find(|check| check["invariant"] == law);
    of_law.expect("the law")["checked"].as_u64().expect("a count")
}

/// The facts of a run; the log of a long one is compressed.
pub fn events(out: &Path) -> Vec<Value> {
    let bytes = std::fs::read(out.join("events.jsonl")).unwrap_or_else(|_| {
        let file = std::fs::File::open(out.join("events.jsonl.zst")).expect("events");
        zstd::decode_all(file).expect("whole frames")
    });
    let text = String::from_utf8(bytes).expect("UTF-8");
    let fact = |line| serde_json::from_str::<Value>(line).expect("a fact a line")["fact"].take();
    text.lines().map(fact).collect()
}

/// The names of the segments that a run refused, each once.
pub fn refused(events: &[Value]) -> BTreeSet<String> {
    let names = events.iter().filter(|fact| fact["fact"] == "segment-refused");
    names
        .map(|fact| fact["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// A tool that must succeed.
pub fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

/// A raw image of `bytes` bytes: stretches of text, of noise, of zeros, and holes. The same bytes for the same `seed`.
pub fn raw_image(path: &Path, bytes: u64, seed: u64) {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = std::fs::File::create(path).expect("the image");
    file.set_len(bytes).expect("its size");
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut at = 0;
    while at < bytes {
        let len = (next() % 300_000 + 1).min(bytes - at);
        let content: Option<Vec<u8>> = match next() % 4 {
            0 => None,
            1 => Some(vec![0; len as usize]),
            2 => Some(
                (0..len)
                    .map(|i| b"the quick brown fox jumps over the lazy dog. "[(i % 45) as usize])
                    .collect(),
            ),
            _ => Some((0..len).map(|_| next() as u8).collect()),
        };
        if let Some(content) = content {
            file.seek(SeekFrom::Start(at)).expect("seek");
            file.write_all(&content).expect("write");
        }
        at += len;
    }
}
