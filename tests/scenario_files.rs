//! Tests that come from the folder of scenarios: each file is a case of its own, named by its path, and a new file is one as soon as it lies
//! there.
//!
//! - `check`: whatever is shipped is read, and nothing is wrong with it.
//! - `regressions`: what once went wrong stays right. The run passes, and every recovery point that is made is found right.
//! - `chaos-by-hand`: power and link cuts at any moment, out and home, end clean. The first twelve; the others are cases that are ignored
//!   here, and run by `.ci/full` with what their generator writes for later seeds.
//!
//! How a file is run stands in its name and in its first comment. `chaos-024` is run with seed 24, any other with seed 1, on the event network,
//! and has to pass. A comment line that begins with `test:` says otherwise, in parts between commas:
//!
//! ```toml
//! # test: seeds 5 1 2, also on turmoil
//! ```
//!
//! - `seeds N ...`: these seeds, one after the other.
//! - `also on turmoil`: then on that network, with the scenario's own seed. For what asks how long something waits, or what a power cut leaves.
//! - `exit N`: the exit code, where it is not to pass.
//! - `by tests/NAME.rs`: a test of its own asks more of it, and it is not run here.

mod common;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use common::{firedrill, folder, root, run};
use libtest_mimic::{Arguments, Failed, Trial};

/// A folder whose files are run.
struct Folder {
    name: &'static str,
    /// Recovery points that a run makes at least.
    points: u64,
    /// So many of its files are run; the others are ignored.
    first: usize,
}

const FOLDERS: [Folder; 2] = [
    Folder {
        name: "regressions",
        points: 3,
        first: usize::MAX,
    },
    Folder {
        name: "chaos-by-hand",
        points: 1,
        first: 12,
    },
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for file in scenarios(&root().join("scenarios")) {
        let name = format!("check::{}", name_of(&file));
        trials.push(Trial::test(name, move || check(&file)));
    }
    for of in FOLDERS {
        let files = scenarios(&root().join("scenarios").join(of.name));
        assert!(!files.is_empty(), "there is nothing in {}", of.name);
        for (number, file) in files.into_iter().enumerate() {
            let ignored = number >= of.first;
            let trial = Trial::test(name_of(&file), move || run_as_it_says(&file, of.points));
            trials.push(trial.with_ignored_flag(ignored));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// All scenario files of a folder and those below it, in order. What the crate's own tests read is not shipped, and what
/// lies beside its sources are parts.
fn scenarios(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() && (path.ends_with("scenarios/tests") || path.ends_with("scenarios/src")) {
            continue;
        }
        if path.is_dir() {
            files.extend(scenarios(&path));
        } else if path.extension().is_some_and(|ending| ending == "toml") && !path.ends_with("Cargo.toml") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// `regressions::chaos-024`.
fn name_of(file: &Path) -> String {
    let path = file.strip_prefix(root().join("scenarios")).expect("below it");
    let parts = path.with_extension("");
    let parts: Vec<String> = parts.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    parts.join("::")
}

fn check(file: &Path) -> Result<(), Failed> {
    let output = firedrill(&["check", file.to_str().ok_or("no UTF-8")?]);
    match output.status.code() {
        Some(0) => Ok(()),
        code => Err(format!("{code:?}\n{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// How a file is to be run.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    seeds: Vec<u64>,
    turmoil: bool,
    exit: i32,
    elsewhere: Option<String>,
}

impl Run {
    /// What a file's name and its first comment say.
    fn of(file: &Path) -> Result<Run, Failed> {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let number = stem.strip_prefix("chaos-").and_then(|number| number.parse().ok());
        let mut run = Run {
            seeds: vec![number.unwrap_or(1)],
            turmoil: false,
            exit: 0,
            elsewhere: None,
        };
        let text = std::fs::read_to_string(file)?;
        let comment = text.lines().map_while(|line| line.strip_prefix('#'));
        let said: Vec<&str> = comment.filter_map(|line| line.trim().strip_prefix("test:")).collect();
        for part in said.iter().flat_map(|line| line.split(',')) {
            let words: Vec<&str> = part.split_whitespace().collect();
            match words[..] {
                ["seeds", ref seeds @ ..] if !seeds.is_empty() => {
                    run.seeds = seeds.iter().map(|seed| seed.parse()).collect::<Result<_, _>>()?;
                }
                ["also", "on", "turmoil"] => run.turmoil = true,
                ["exit", code] => run.exit = code.parse()?,
                ["by", test] => run.elsewhere = Some(test.to_owned()),
                _ => return Err(format!("nobody knows how to test `{}`", part.trim()).into()),
            }
        }
        Ok(run)
    }
}

fn run_as_it_says(file: &Path, points: u64) -> Result<(), Failed> {
    let how = Run::of(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(test) = how.elsewhere {
        let text = std::fs::read_to_string(root().join(&test))?;
        return match text.contains(&name) {
            true => Ok(()),
            false => Err(format!("{test} does not run {name}").into()),
        };
    }
    let out = folder();
    let scenario = file.to_str().ok_or("no UTF-8")?;
    let seeds: Vec<String> = how.seeds.iter().map(u64::to_string).collect();
    let of_seeds = seeds.iter().map(|seed| ["--seed", seed.as_str()]);
    let turmoil = how.turmoil.then_some(["--network", "turmoil"]);
    for arguments in of_seeds.chain(turmoil) {
        let (code, result, stderr) = run(scenario, &out.path().join(arguments.join("-")), &arguments);
        let failed = |why: String| Failed::from(format!("{name} {}: {why}", arguments.join(" ")));
        if code != how.exit {
            return Err(failed(format!("exit code {code}\n{stderr}\n{:#}", result["findings"])));
        }
        let totals = &result["recovery_points"];
        let enough = totals["made"].as_u64().is_some_and(|made| made >= points);
        if how.exit == 0 && !(enough && totals["made"] == totals["verified"]) {
            return Err(failed(format!("recovery points {totals}")));
        }
    }
    Ok(())
}
