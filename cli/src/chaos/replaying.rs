//! `firedrill replay`: failures that a sweep left, from their own files.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use scenarios::chaos::{Drawn, run_one};
use sim::findings::{FindingClass, Identity};

use super::failed;
use crate::arguments::{Network, ReplayArguments};
use crate::failure::{EXPECTATION, Failure, INPUT, INVARIANT, PASS};
use crate::output;

/// Runs failures from their own files, and says whether they are found again.
pub fn replay(arguments: &ReplayArguments) -> Result<u8, Failure> {
    #[cfg(feature = "planted-bugs")]
    if let Some(name) = &arguments.plant {
        datapath::plants::plant(name).map_err(Failure::Input)?;
    }
    let mut files = Vec::new();
    for path in &arguments.failures {
        match path.is_dir() {
            true => files.extend(failures_in(path)?),
            false => files.push(path.clone()),
        }
    }
    let many = files.len() > 1;
    let mut worst = PASS;
    for file in files {
        if many {
            output::print(&format!("{}: ", file.display()))?;
        }
        worst = worst.max(replay_one(&file, arguments.network)?);
    }
    Ok(worst)
}

/// The scenario files of a folder, in the order of their names.
fn failures_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |error| Failure::Input(format!("cannot read {}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Failure::Input(format!(
            "{} holds no failure: no file of it ends in .toml",
            folder.display()
        )));
    }
    files.sort();
    Ok(files)
}

fn replay_one(failure: &Path, network: Option<Network>) -> Result<u8, Failure> {
    let shown = failure.display();
    let options = scenarios::Options::default();
    let scenario = scenarios::load(failure, &options)?;
    let replay = scenario.replay.clone().ok_or_else(|| {
        Failure::Input(format!(
            "{shown} says nothing of what is to be found again: a failure that `firedrill chaos` left has a table [replay]"
        ))
    })?;
    let identity: Identity = replay
        .finding
        .parse()
        .map_err(|error| Failure::Input(format!("{shown}: {error}")))?;
    let drawn = Drawn {
        seed: replay.seed,
        scenario,
        otherwise: Vec::new(),
    };
    let network = network.map_or(replay.network.0, |network| network.kind());
    let outcome = run_one(&drawn, &options, network, &AtomicBool::new(false)).map_err(failed)?;
    let found = outcome.map(|outcome| outcome.found).unwrap_or_default();
    let others: Vec<String> = found
        .iter()
        .filter(|found| found.identity != identity)
        .map(|found| format!("beside it: {} at {}: {}\n", found.identity, found.at, found.text))
        .collect();
    let Some(found) = found.into_iter().find(|found| found.identity == identity) else {
        output::print(&format!("{identity} is not found any more\n{}", others.concat()))?;
        return Ok(if others.is_empty() { PASS } else { EXPECTATION });
    };
    output::print(&format!(
        "found again: {} {identity} at {}\n  {}\n{}",
        found.class.words(),
        found.at,
        found.text,
        others.concat()
    ))?;
    Ok(match found.class {
        FindingClass::Invariant => INVARIANT,
        FindingClass::Expectation => EXPECTATION,
        FindingClass::Untested => INPUT,
    })
}
