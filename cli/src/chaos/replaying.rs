//! `firedrill replay`: failures that a sweep left, from their own files.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use scenarios::chaos::{Drawn, run_one};
use sim::findings::{FindingClass, Identity};

use super::failed;
use super::keeping::FAILURES;
use crate::arguments::{Network, ReplayArguments};
use crate::failure::{EXPECTATION, Failure, INPUT, INVARIANT, PASS};
use crate::repeat::quoted;
use crate::run::coloured;
use crate::{output, seeds};

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
    if let [file] = &files[..] {
        return replay_one(file, arguments.network);
    }
    let mut worst = PASS;
    for file in files {
        output::print(&format!("{}: ", file.display()))?;
        // What is wrong with one says nothing of the others.
        let code = replay_one(&file, arguments.network).unwrap_or_else(|failure| {
            let _ = output::print("it cannot be repeated\n");
            output::say_drawn(failure.text(coloured()).trim_end());
            failure.code()
        });
        worst = worst.max(code);
    }
    Ok(worst)
}

/// The scenario files of a folder, in the order of their names; of a sweep's, those of its failures.
fn failures_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let of_sweep = folder.join(FAILURES);
    let folder = match seeds::is_begun(folder) {
        true if of_sweep.is_dir() => &of_sweep,
        true => {
            return Err(Failure::Input(format!(
                "{} is a sweep that has left no failure",
                folder.display()
            )));
        }
        false => folder,
    };
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
    let kind = network.map_or(replay.network.0, Network::kind);
    let outcome = run_one(&drawn, &options, kind, &AtomicBool::new(false)).map_err(failed)?;
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
    let more = network.map_or_else(String::new, |network| format!(" --network {}", network.word()));
    output::print(&format!(
        "Look at it: firedrill run {}{more} --out FOLDER (FOLDER/report.html shows the run)\n",
        quoted(&failure.to_string_lossy())
    ))?;
    Ok(match found.class {
        FindingClass::Invariant => INVARIANT,
        FindingClass::Expectation => EXPECTATION,
        FindingClass::Untested => INPUT,
    })
}
